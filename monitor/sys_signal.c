/* SPDX-License-Identifier: MIT */
/*
 * Zone B: mediated calls about signal masks, stacks and returns.
 */
#include "handlers.h"
#include "sigframe.h"

enum { HOW_BLOCK, HOW_UNBLOCK, HOW_SETMASK };

long sys_rt_sigprocmask(struct priv *p)
{
	uint64_t set = 0, old = p->app_mask;

	if (arg(p, 3) != KERNEL_SIGSET_SIZE)
		return -EINVAL;
	if (arg(p, 1)) {
		if (copy_in(&set, UADDR(arg(p, 1)), sizeof(set)))
			return -EFAULT;
		switch (arg_int(p, 0)) {
		case HOW_BLOCK:
			set_app_mask(p, old | set);
			break;
		case HOW_UNBLOCK:
			set_app_mask(p, old & ~set);
			break;
		case HOW_SETMASK:
			set_app_mask(p, set);
			break;
		default:
			return -EINVAL;
		}
	}
	if (arg(p, 2) && copy_out(UADDR(arg(p, 2)), &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* What the kernel has, and fault signals that are held back here. */
long sys_rt_sigpending(struct priv *p)
{
	uint64_t set = 0;
	long ret;

	if (arg(p, 1) > KERNEL_SIGSET_SIZE)
		return -EINVAL;
	ret = MON2(__NR_rt_sigpending, &set, sizeof(set));
	for (int i = 0; i < 6; i++)
		if (p->sync_pending & (1u << i))
			set |= SIGBIT(p->sync_info[i].signo);
	if (!ret && copy_out(UADDR(arg(p, 0)), &set, arg(p, 1)))
		ret = -EFAULT;
	return ret;
}

/* Smallest alternate stack: AT_MINSIGSTKSZ is the frame, MINSIGSTKSZ 2048. */
#define MIN_ALT_STACK 2048
#define COPY_PAIR 64 /* in the copy page: what pselect6's last argument names */

long sys_sigaltstack(struct priv *p)
{
	struct kstack new = {0}, old = p->alt;
	bool on = alt_in_use(p, p->regs.rsp);

	if (!old.size)
		old.flags = (old.flags & SS_AUTODISARM) | SS_DISABLE;
	else if (on)
		old.flags |= SS_ONSTACK;
	if (arg(p, 0)) {
		int mode;

		if (copy_in(&new, UADDR(arg(p, 0)), sizeof(new)))
			return -EFAULT;
		if (on)
			return -EPERM;
		mode = new.flags & ~SS_AUTODISARM;
		if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
			return -EINVAL;
		if (mode == SS_DISABLE) {
			new.sp = new.size = 0;
		} else if (new.size < MIN_ALT_STACK) {
			return -ENOMEM;
		}
		new.flags &= SS_AUTODISARM | SS_DISABLE;
		new.pad = 0;
		p->alt = new;
	}
	if (arg(p, 1) && copy_out(UADDR(arg(p, 1)), &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* Copies the xstate that a program's frame names into the working frame. */
static int take_xstate(struct rt_sigframe *f, uint64_t fp)
{
	uint8_t *xs = frame_xstate(f);
	struct fpx_sw_bytes sw;
	uint32_t magic2 = 0, mxcsr = MXCSR_DEFAULT;
	bool full;

	memset(xs, 0, boot.xstate_size);
	if (!fp) {
		memcpy(xs + FX_MXCSR, &mxcsr, sizeof(mxcsr));
		xstate_sanitize(xs, true);
		return 0;
	}
	if (copy_in(xs, UADDR(fp), XSTATE_HEADER))
		return -EFAULT;
	memcpy(&sw, xs + FX_SW_BYTES, sizeof(sw));
	full = sw.magic1 == FP_XSTATE_MAGIC1 && sw.extended_size == boot.xstate_size &&
	       copy_in(&magic2, UADDR(fp + boot.xstate_size - 4), sizeof(magic2)) == 0 &&
	       magic2 == FP_XSTATE_MAGIC2;
	if (full && copy_in(xs + XSTATE_HEADER, UADDR(fp + XSTATE_HEADER),
			    boot.xstate_size - XSTATE_HEADER))
		return -EFAULT;
	xstate_sanitize(xs, full);
	return 0;
}

long sys_rt_sigreturn(struct priv *p)
{
	struct rt_sigframe *f = frame_copy(p), h;
	uint64_t frame = p->regs.rsp - 8;

	if (copy_in(&h, UADDR(frame), sizeof(h)) || take_xstate(f, h.mc.fpstate)) {
		post_signal(p, SIG_SEGV, SI_KERNEL, 0);
		return 0;
	}
	regs_from_frame(&p->regs, &h.mc);
	p->regs.eflags = (h.mc.eflags & EFLAGS_USER) | 0x202;
	set_app_mask(p, h.uc_sigmask);
	if (!alt_in_use(p, p->regs.rsp) || (p->alt.flags & SS_DISABLE)) {
		int mode = h.uc_stack.flags & ~SS_AUTODISARM;

		if (mode == SS_DISABLE)
			p->alt = (struct kstack){.flags = SS_DISABLE};
		else if ((mode == 0 || mode == SS_ONSTACK) && h.uc_stack.size >= MIN_ALT_STACK)
			p->alt = (struct kstack){.sp = h.uc_stack.sp,
						 .flags = h.uc_stack.flags & SS_AUTODISARM,
						 .size = h.uc_stack.size};
	}
	resume_program(p);
}

/*
 * Calls that wait with a mask of their own: the kernel gets a copy without the
 * fault signals. If a signal came, it is delivered with that mask in force and
 * returns to the program's own (set_restore_sigmask, kernel/signal.c).
 */
static long wait_with_mask(struct priv *p, const struct app_call *call, struct uaddr umask)
{
	uint64_t mask, safe;
	long ret;

	if (copy_in(&mask, umask, sizeof(mask)))
		return -EFAULT;
	mask &= ~UNBLOCKABLE;
	safe = kernel_mask(mask);
	memcpy(p->copy, &safe, sizeof(safe));
	p->temp_mask = mask;
	p->temp_valid = 1;
	ret = app_call(p, call);
	if (!p->ndefer || ret == -ERESTARTSYS)
		p->temp_valid = 0;
	return ret;
}

static struct app_call as_made(const struct priv *p)
{
	struct app_call c = {.nr = (long)p->regs.orig_rax};

	for (int i = 0; i < 6; i++)
		c.a[i] = arg(p, i);
	return c;
}

long sys_rt_sigsuspend(struct priv *p)
{
	struct app_call c = as_made(p);

	if (arg(p, 1) != KERNEL_SIGSET_SIZE)
		return -EINVAL;
	c.a[0] = (uint64_t)p->copy;
	return wait_with_mask(p, &c, UADDR(arg(p, 0)));
}

long sys_ppoll(struct priv *p)
{
	struct app_call c = as_made(p);

	if (!arg(p, 3))
		return app_call_same(p);
	if (arg(p, 4) != KERNEL_SIGSET_SIZE)
		return -EINVAL;
	c.a[3] = (uint64_t)p->copy;
	return wait_with_mask(p, &c, UADDR(arg(p, 3)));
}

long sys_epoll_pwait(struct priv *p)
{
	struct app_call c = as_made(p);

	if (!arg(p, 4))
		return app_call_same(p);
	if (arg(p, 5) != KERNEL_SIGSET_SIZE)
		return -EINVAL;
	c.a[4] = (uint64_t)p->copy;
	return wait_with_mask(p, &c, UADDR(arg(p, 4)));
}

long sys_epoll_pwait2(struct priv *p)
{
	return sys_epoll_pwait(p);
}

long sys_pselect6(struct priv *p)
{
	struct app_call c = as_made(p);
	struct {
		uint64_t set, size;
	} in, out;

	if (!arg(p, 5))
		return app_call_same(p);
	if (copy_in(&in, UADDR(arg(p, 5)), sizeof(in)))
		return -EFAULT;
	if (in.set && in.size != KERNEL_SIGSET_SIZE)
		return -EINVAL;
	/* The mask goes to the start of the copy page, the pair that names it behind. */
	out.set = in.set ? (uint64_t)p->copy : 0;
	out.size = in.size;
	memcpy(p->copy + COPY_PAIR, &out, sizeof(out));
	c.a[5] = (uint64_t)(p->copy + COPY_PAIR);
	return in.set ? wait_with_mask(p, &c, UADDR(in.set)) : app_call(p, &c);
}

/* siginfo to oneself may claim to be from the kernel: not the fault signals'. */
static long queue_info(struct priv *p, int info_arg, int sig)
{
	struct app_call c = as_made(p);
	struct ksiginfo si;

	if (copy_in(&si, UADDR(arg(p, info_arg)), sizeof(si)))
		return -EFAULT;
	if (sig >= 1 && sig <= NSIG_MAX && (SYNC_MASK & SIGBIT(sig)) && si.code >= 0)
		return -EPERM;
	memcpy(p->copy, &si, sizeof(si));
	c.a[info_arg] = (uint64_t)p->copy;
	return app_call(p, &c);
}

long sys_rt_sigqueueinfo(struct priv *p)
{
	return queue_info(p, 2, arg_int(p, 1));
}

long sys_rt_tgsigqueueinfo(struct priv *p)
{
	return queue_info(p, 3, arg_int(p, 2));
}

long sys_pidfd_send_signal(struct priv *p)
{
	return arg(p, 2) ? queue_info(p, 2, arg_int(p, 1)) : app_call_same(p);
}
