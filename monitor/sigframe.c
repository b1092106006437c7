/* SPDX-License-Identifier: MIT */
/*
 * Zone B: reading, forcing and building signal frames.
 *
 * Relies on the kernel restoring exactly what the frame says, PKRU included:
 * so every frame that a real rt_sigreturn sees is of the monitor's making, and
 * its PKRU component, XSTATE_BV, magic numbers, sizes, segments and stack
 * record are forced (c01).
 */
#include "sigframe.h"

struct rt_sigframe *frame_copy(struct priv *p)
{
	/* The xstate must be 64-byte aligned, as it was in the original. */
	uint64_t skew = (64 - boot.fp_off % 64) % 64;

	return (struct rt_sigframe *)((uint64_t)p + PRIV_FRAME + skew);
}

uint8_t *frame_xstate(struct rt_sigframe *f)
{
	return (uint8_t *)f + boot.fp_off;
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

void frame_set_pkru(struct rt_sigframe *f, uint32_t pkru)
{
	uint8_t *xs = frame_xstate(f);

	if (!(boot.flags & BOOT_KEYS))
		return;
	put64(xs + XSTATE_HEADER, get64(xs + XSTATE_HEADER) | XFEATURE_PKRU);
	memcpy(xs + boot.pkru_off, &pkru, sizeof(pkru));
}

void xstate_sanitize(uint8_t *xs, bool have_xstate)
{
	struct fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = boot.xstate_size,
		.xfeatures = boot.xfeatures,
		.xstate_size = boot.xstate_size - 4,
	};
	uint32_t mxcsr, magic2 = FP_XSTATE_MAGIC2;
	uint64_t bv;

	memcpy(&mxcsr, xs + FX_MXCSR, sizeof(mxcsr));
	mxcsr &= boot.mxcsr_mask;
	memcpy(xs + FX_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(xs + FX_SW_BYTES, &sw, sizeof(sw));
	bv = have_xstate ? get64(xs + XSTATE_HEADER) : XFEATURE_FP_SSE;
	memset(xs + XSTATE_HEADER, 0, 64);
	put64(xs + XSTATE_HEADER, bv & boot.xfeatures);
	memcpy(xs + boot.xstate_size - 4, &magic2, sizeof(magic2));
}

void regs_from_frame(struct regs *r, const struct ksigcontext *mc)
{
	r->r15 = mc->r15;
	r->r14 = mc->r14;
	r->r13 = mc->r13;
	r->r12 = mc->r12;
	r->r11 = mc->r11;
	r->r10 = mc->r10;
	r->r9 = mc->r9;
	r->r8 = mc->r8;
	r->rdi = mc->rdi;
	r->rsi = mc->rsi;
	r->rbp = mc->rbp;
	r->rbx = mc->rbx;
	r->rdx = mc->rdx;
	r->rcx = mc->rcx;
	r->rax = mc->rax;
	r->rsp = mc->rsp;
	r->rip = mc->rip;
	r->eflags = mc->eflags;
}

void regs_to_frame(struct ksigcontext *mc, const struct regs *r)
{
	mc->r15 = r->r15;
	mc->r14 = r->r14;
	mc->r13 = r->r13;
	mc->r12 = r->r12;
	mc->r11 = r->r11;
	mc->r10 = r->r10;
	mc->r9 = r->r9;
	mc->r8 = r->r8;
	mc->rdi = r->rdi;
	mc->rsi = r->rsi;
	mc->rbp = r->rbp;
	mc->rbx = r->rbx;
	mc->rdx = r->rdx;
	mc->rcx = r->rcx;
	mc->rax = r->rax;
	mc->rsp = r->rsp;
	mc->rip = r->rip;
	mc->eflags = r->eflags;
}

uint64_t kernel_mask(uint64_t app_mask)
{
	return app_mask & ~SYNC_MASK;
}

bool alt_in_use(const struct priv *p, uint64_t rsp)
{
	if (p->alt.flags & SS_AUTODISARM)
		return false;
	return rsp > p->alt.sp && rsp - p->alt.sp <= p->alt.size;
}

void post_signal(struct priv *p, int sig, int code, uint64_t addr)
{
	struct ksiginfo *si;

	if (p->ndefer >= DEFER_MAX)
		die(DIE_DEFER, (uint64_t)sig);
	si = &p->defer[p->ndefer];
	memset(si, 0, sizeof(*si));
	si->signo = sig;
	si->code = code;
	si->fields[0] = addr;
	p->ndefer++;
}

void resume_program(struct priv *p)
{
	struct rt_sigframe *f = frame_copy(p);
	void (*go)(void *frame) __attribute__((noreturn));

	set_exit_values(p);
	memset(&f->mc, 0, sizeof(f->mc));
	f->uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	f->uc_link = 0;
	f->uc_stack.sp = (uint64_t)p + PRIV_SIGSTACK;
	f->uc_stack.flags = 0;
	f->uc_stack.size = PRIV_SIGSTACK_SIZE;
	f->mc.rip = GATE(gate_leave);
	f->mc.rsp = p->stack_top;
	f->mc.eflags = 0x202;
	f->mc.cs = USER_CS;
	f->mc.ss = USER_SS;
	f->mc.fpstate = (uint64_t)frame_xstate(f);
	f->uc_sigmask = p->kmask = kernel_mask(p->app_mask);
	p->mask_dirty = 0;
	f->info.signo = 0;
	frame_set_pkru(f, 0);
	go = (__typeof__(go))GATE(gate_sigreturn);
	go(f);
}
