/* SPDX-License-Identifier: MIT */
/*
 * Zone B: gives a signal to the program: the second half of the signal entry,
 * on the monitor stack, with faults fixed up again.
 */
#include "sigframe.h"
#include "wx.h"

/* The two instructions that a trampoline begins with (rewrite.c). */
static const uint8_t park_rdx[8] = {0x48, 0x89, 0x94, 0x24, 0x78, 0xff, 0xff, 0xff};
static const uint8_t lea_rcx[3] = {0x48, 0x8d, 0x0d};

static void unmask_sync(void)
{
	uint64_t mask = ~SYNC_MASK;

	(void)MON4(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &mask, 0, KERNEL_SIGSET_SIZE);
}

/*
 * The trampoline could not park rdx below the program's stack pointer, where a
 * real system call would not have touched memory: take the site's own syscall
 * instruction instead, which traps. The bytes may be anything: what follows
 * only changes the program's own registers.
 */
static bool fell_in_trampoline(struct priv *p, const struct ksiginfo *si)
{
	uint8_t code[8 + 7 + 10 + 4 + 5];
	int32_t rel, nr;

	if (si->signo != SIG_SEGV || copy_in(code, UADDR(p->regs.rip), sizeof(code)) ||
	    memcmp(code, park_rdx, sizeof(park_rdx)) || memcmp(code + 8, lea_rcx, sizeof(lea_rcx)))
		return false;
	memcpy(&rel, code + 11, sizeof(rel));
	memcpy(&nr, code + 30, sizeof(nr));
	p->regs.rip = p->regs.rip + 15 + (uint64_t)(int64_t)rel - 2;
	p->regs.rax = (uint64_t)(int64_t)nr;
	return true;
}

static void place_frame(struct priv *p, const struct action *act, uint64_t *frame, uint64_t *fp)
{
	uint64_t sp = p->regs.rsp - 128;

	if ((act->flags & SA_ONSTACK) && p->alt.size && !(p->alt.flags & SS_DISABLE) &&
	    !alt_in_use(p, p->regs.rsp))
		sp = p->alt.sp + p->alt.size;
	*fp = (sp - boot.xstate_size) & ~63ull;
	*frame = ((*fp - sizeof(struct rt_sigframe)) & ~15ull) - 8;
}

/* Returns -EFAULT when the program's stack cannot take the frame. */
static int build_frame(struct priv *p, const struct ksiginfo *si, const struct action *act)
{
	struct rt_sigframe *f = frame_copy(p), h;
	uint64_t frame, fp;

	if (!(act->flags & SA_RESTORER))
		return -EFAULT;
	place_frame(p, act, &frame, &fp);
	if (alt_in_use(p, p->regs.rsp) && alt_in_use(p, frame) != alt_in_use(p, p->regs.rsp))
		return -EFAULT; /* the alternate stack is full */
	memset(&h, 0, sizeof(h));
	h.pretcode = act->restorer;
	h.uc_flags = f->uc_flags;
	h.uc_stack = p->alt;
	h.uc_stack.pad = 0;
	if (!p->alt.size)
		h.uc_stack.flags = SS_DISABLE;
	regs_to_frame(&h.mc, &p->regs);
	h.mc.cs = USER_CS;
	h.mc.ss = USER_SS;
	h.mc.err = f->mc.err;
	h.mc.trapno = f->mc.trapno;
	h.mc.cr2 = f->mc.cr2;
	h.mc.oldmask = p->app_mask;
	h.mc.fpstate = fp;
	h.uc_sigmask = p->app_mask;
	h.info = *si;
	frame_set_pkru(f, p->control->pkru);
	if (copy_out(UADDR(fp), frame_xstate(f), boot.xstate_size) ||
	    copy_out(UADDR(frame), &h, sizeof(h)))
		return -EFAULT;
	if (p->alt.flags & SS_AUTODISARM)
		p->alt = (struct kstack){.flags = SS_DISABLE};
	p->regs.rip = act->handler;
	p->regs.rsp = frame;
	p->regs.rdi = (uint64_t)si->signo;
	p->regs.rsi = frame + __builtin_offsetof(struct rt_sigframe, info);
	p->regs.rdx = frame + __builtin_offsetof(struct rt_sigframe, uc_flags);
	p->regs.rax = 0;
	p->regs.eflags &= ~(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	return 0;
}

/*
 * The default action, by the kernel itself, for a signal that it thought was
 * handled. A fault happens again; anything else is queued again.
 */
static void default_action(struct priv *p, const struct ksiginfo *si)
{
	bool refault = si->code > 0 && si->code != SI_KERNEL &&
		       (si->signo == SIG_SEGV || si->signo == SIG_BUS || si->signo == SIG_ILL ||
			si->signo == SIG_FPE);

	sigaction_kernel_default(si->signo);
	if (!refault)
		(void)MON4(__NR_rt_tgsigqueueinfo, p->tgid, p->tid, si->signo, si);
	resume_program(p);
}

static void run_handler(struct priv *p, struct ksiginfo *si, struct action *act)
{
	uint64_t mask;

	if (build_frame(p, si, act)) {
		bool again = si->signo == SIG_SEGV;

		/* As force_sigsegv(), kernel/signal.c: once more, or the end. */
		*si = (struct ksiginfo){.signo = SIG_SEGV, .code = SI_KERNEL};
		*act = sigaction_take(p, SIG_SEGV);
		if (again || act->handler <= 1 || (p->app_mask & SIGBIT(SIG_SEGV)) ||
		    build_frame(p, si, act))
			default_action(p, si);
	}
	mask = (p->temp_valid ? p->temp_mask : p->app_mask) | act->mask;
	if (!(act->flags & SA_NODEFER))
		mask |= SIGBIT(si->signo);
	p->temp_valid = 0;
	set_app_mask(p, mask);
	set_exit_values(p);
}

/* A sync signal that somebody sent while the program blocks it. */
static bool hold_back(struct priv *p, const struct ksiginfo *si)
{
	static const uint8_t index[NSIG_MAX + 1] = {[SIG_ILL] = 1, [SIG_TRAP] = 2, [SIG_BUS] = 3,
						    [SIG_FPE] = 4, [SIG_SEGV] = 5, [SIG_SYS] = 6};
	uint64_t mask = p->temp_valid ? p->temp_mask : p->app_mask;
	int i = index[si->signo] - 1;

	if (i < 0 || !(mask & SIGBIT(si->signo)))
		return false;
	if (!(p->sync_pending & (1u << i))) {
		p->sync_info[i] = *si;
		p->sync_pending |= (uint8_t)(1u << i);
	}
	return true;
}

void set_app_mask(struct priv *p, uint64_t mask)
{
	p->app_mask = mask & ~UNBLOCKABLE;
	p->kmask = kernel_mask(p->app_mask);
	p->mask_dirty = 1;
	for (int i = 0; i < 6 && p->sync_pending; i++) {
		if (!(p->sync_pending & (1u << i)) ||
		    (p->app_mask & SIGBIT(p->sync_info[i].signo)) || p->ndefer >= DEFER_MAX)
			continue;
		p->sync_pending &= (uint8_t) ~(1u << i);
		p->defer[p->ndefer++] = p->sync_info[i];
	}
}

/* Takes the signal that this frame stands for. */
static void take_info(struct priv *p, struct ksiginfo *si)
{
	*si = frame_copy(p)->info;
	if (!p->carrier)
		return;
	p->carrier = 0;
	*si = p->defer[0];
	p->ndefer--;
	memmove(&p->defer[0], &p->defer[1], p->ndefer * sizeof(p->defer[0]));
}

void deliver(struct priv *p)
{
	struct ksiginfo si;
	struct action act;
	bool forced;

	unmask_sync();
	p->mask_dirty = 1;
	if (p->parked) {
		p->parked = 0;
		if (copy_in(&p->regs.rdx, UADDR(p->regs.rsp - 0x88), 8))
			p->regs.rdx = 0;
	}
	take_info(p, &si);
	if (si.signo < 1 || si.signo > NSIG_MAX)
		die(DIE_FORGED_SIGNAL, (uint64_t)(uint32_t)si.signo);
	forced = si.code > 0 && (SYNC_MASK & SIGBIT(si.signo));
	if (forced && (fell_in_trampoline(p, &si) || wx_fault(p, frame_copy(p), &si)))
		resume_program(p);
	if (!forced && hold_back(p, &si))
		resume_program(p);
	act = sigaction_take(p, si.signo);
	if (act.handler <= 1 || (forced && (p->app_mask & SIGBIT(si.signo)))) {
		if (act.handler == 1 && !forced)
			resume_program(p);
		default_action(p, &si);
	}
	/* Natively nothing is mapped in the first MiB: not "no permission". */
	if (si.signo == SIG_SEGV && si.code == SEGV_ACCERR && si.fields[0] < LOW_END)
		si.code = SEGV_MAPERR;
	run_handler(p, &si, &act);
}
