/* SPDX-License-Identifier: MIT */
/*
 * Zone B: what the kernel's signal entry does first, all signals masked, on
 * the signal stack. Touches no program memory. Decides by private state and
 * by where in the gate page the thread was, never by the frame alone (c04).
 */
#include "sigframe.h"
#include "verify.h"

extern const char um_begin[], um_end[], um_fault[];

static bool is_sync(int sig)
{
	return sig >= 1 && sig <= NSIG_MAX && (SYNC_MASK & SIGBIT(sig));
}

static bool within(uint64_t rip, const char *lo, const char *hi)
{
	return rip >= GATE(lo) && rip < GATE(hi);
}

/* A standard signal that is noted already stays one, as in the kernel's queue. */
static void note_signal(struct priv *p, const struct ksiginfo *si)
{
	/* Our own carrier, overtaken by another signal: a new one will be sent. */
	if (si->signo == SIG_SYS && si->code == SI_TKILL && p->ndefer &&
	    (int32_t)si->fields[0] == p->tgid)
		return;
	for (int i = 0; si->signo < 32 && i < p->ndefer; i++)
		if (p->defer[i].signo == si->signo)
			return;
	if (p->ndefer >= DEFER_MAX)
		die(DIE_DEFER, (uint64_t)si->signo);
	p->defer[p->ndefer++] = *si;
}

/*
 * A signal found the monitor at work. Asynchronous ones are noted and all
 * further ones blocked until the way out; a fault is either in usermem's
 * window or the end.
 */
static int signal_inside(struct rt_sigframe *f, struct priv *p)
{
	uint64_t rip = f->mc.rip;
	uint32_t pkru = 0;
	int sig = f->info.signo;

	if (verify_signal(p, f)) {
		pkru = 0;
	} else if (is_sync(sig) && f->info.code > 0) {
		if (sig == SIG_TRAP && f->info.code == TRAP_TRACE) {
			f->mc.eflags &= ~EFLAGS_TF; /* ends: docs/compatibility.md */
		} else if ((sig == SIG_SEGV || sig == SIG_BUS) && rip >= (uint64_t)um_begin &&
			   rip < (uint64_t)um_end) {
			f->mc.rip = (uint64_t)um_fault;
		} else {
			die(DIE_FAULT_INSIDE, rip);
		}
	} else {
		note_signal(p, &f->info);
		f->uc_sigmask = ~SYNC_MASK;
		p->mask_dirty = 1;
		/* The call has not begun, or was rewound to begin again: it must not
		   sleep over a signal that is now blocked. */
		if (rip >= GATE(gate_app_window) && rip <= GATE(sc_app))
			f->mc.rip = GATE(gate_app_abort);
	}
	if (within(f->mc.rip, gate_app_closed, pk_reopen) || f->mc.rip == GATE(pk_reopen))
		pkru = p->control->pkru;
	frame_set_pkru(f, pkru);
	return 0;
}

/* Our own seccomp trap: a mediated call from a site that is not bound. */
static bool is_our_trap(const struct rt_sigframe *f)
{
	return f->info.signo == SIG_SYS && f->info.code == SYS_SECCOMP &&
	       f->info.err == TRAP_DATA && f->info.fields[0] == f->mc.rip &&
	       (int32_t)f->info.fields[1] == (int32_t)f->mc.rax && f->mc.rip < GATE_PAGE;
}

/* Registers only, then the normal way in: vector state comes back first. */
static int enter_by_trap(struct rt_sigframe *f, struct priv *p)
{
	regs_from_frame(&p->regs, &f->mc);
	p->regs.orig_rax = (uint64_t)(int64_t)(int32_t)f->mc.rax;
	p->inside = 1;
	p->entry = ENTRY_TRAP;
	memset(&f->mc, 0, __builtin_offsetof(struct ksigcontext, fpstate));
	f->mc.rip = GATE(gate_trap_resume);
	f->mc.rsp = p->stack_top;
	f->mc.eflags = 0x202;
	f->mc.cs = USER_CS;
	f->mc.ss = USER_SS;
	frame_set_pkru(f, 0);
	return 0;
}

/*
 * The program's registers, if the thread was in one of the gate's windows.
 * Returns false for any other place in the page: nobody gets there honestly.
 */
static bool fix_gate_window(const struct rt_sigframe *f, struct priv *p)
{
	uint64_t rip = f->mc.rip;
	bool fault = is_sync(f->info.signo) && f->info.code > 0 &&
		     !(f->info.signo == SIG_TRAP && f->info.code == TRAP_TRACE);

	if (fault)
		return false;
	if (within(rip, gate_call, gate_call_inside)) {
		regs_from_frame(&p->regs, &f->mc);
		p->regs.rip = ((f->mc.r11 << 16) >> 16) - 2;
		p->regs.rax = f->mc.r11 >> 48;
		p->parked = 1;
		return true;
	}
	if (within(rip, gate_exit_window, gate_exit_end))
		return true; /* p->regs are the program's already */
	if (within(rip, gate_xrstor, gate_end)) {
		regs_from_frame(&p->regs, &f->mc);
		return true;
	}
	return false;
}

int on_signal(void *frame, struct priv *p)
{
	struct rt_sigframe *f = frame;

	if (p->inside)
		return signal_inside(f, p);
	if (f->info.signo == SIG_SYS && f->info.code == SYS_USER_DISPATCH)
		die(DIE_SUD, f->mc.rip);
	if (is_our_trap(f))
		return enter_by_trap(f, p);
	if (f->mc.rip >= GATE_PAGE && f->mc.rip < GATE_PAGE + PAGE_SIZE) {
		p->carrier = f->mc.rip == GATE(gate_carrier_ret) && p->ndefer > 0 &&
			     f->info.signo == SIG_SYS && f->info.code == SI_TKILL;
		if (!fix_gate_window(f, p))
			die(DIE_GATE_JUMP, f->mc.rip);
	} else {
		p->carrier = 0;
		regs_from_frame(&p->regs, &f->mc);
	}
	p->inside = 1;
	memcpy(frame_copy(p), f, boot.frame_size);
	/* Nothing of it may serve as a forged frame later. */
	memset(f, 0, boot.frame_size);
	return 1;
}
