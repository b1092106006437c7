/* SPDX-License-Identifier: MIT */
/*
 * Zone B: threads and child processes.
 *
 * A new thread must own its slot, GS, signal stack and dispatch before its
 * first instruction in the program, and no signal may reach it before that
 * (c15, c16): all signals are blocked in the parent across the call.
 */
#include <linux/sched.h>

#include "fd.h"
#include "handlers.h"
#include "sigframe.h"
#include "verify.h"

#define SIG_SETMASK 2
#define ROBUST_HEAD_SIZE 24 /* struct robust_list_head, linux/futex.h */
/* For threads: what must be there, and what may be. */
#define THREAD_NEEDS (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)
#define THREAD_MAY                                                                                 \
	(THREAD_NEEDS | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SETTLS |                    \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED |        \
	 CLONE_IO | CLONE_UNTRACED)
/* The parent's copy comes from the kernel: it is there before the child runs. */
#define IDS_BY_CHILD (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID)
#define IDS_BY_MONITOR (CLONE_PARENT_SETTID | IDS_BY_CHILD)

static void block_signals(uint64_t mask)
{
	(void)MON4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, KERNEL_SIGSET_SIZE);
}

/* Children live in another pid namespace: their ids say nothing here. */
static _Atomic bool pids_are_foreign;

void clone_pids_are_foreign(void)
{
	pids_are_foreign = true;
}

/* What the caller asked for, from any of the four calls. */
struct clone_want {
	uint64_t flags;
	uint64_t exit_signal;
	uint64_t sp; /* 0: the caller's */
	uint64_t tls, ptid, ctid, pidfd;
	uint64_t cgroup;
};

static int bad_pointer(uint64_t addr)
{
	return in_reserved(addr, sizeof(int32_t));
}

/* The kernel would write there with PKRU open. */
static bool bad_id_pointers(const struct clone_want *w)
{
	return ((w->flags & CLONE_CHILD_CLEARTID) && bad_pointer(w->ctid)) ||
	       ((w->flags & CLONE_PARENT_SETTID) && bad_pointer(w->ptid));
}

/* The new task's own id, where the program wants it. */
static void write_id(struct priv *p)
{
	int32_t tid = p->tid;

	if (p->clone_flags & CLONE_CHILD_SETTID)
		(void)!copy_out(UADDR(p->clone_ctid), &tid, sizeof(tid));
}

/* Under somebody else's filter every thread must show that it is armed. */
static void check_armed(struct priv *p)
{
	block_signals(~SYNC_MASK);
	verify_dispatch(p);
	block_signals(~0ull);
}

/*
 * First C code of a new thread: on its own monitor stack, PKRU open, all
 * signals blocked, no dispatch yet, GS its own.
 */
void child_start(struct priv *p)
{
	p->tid = (int32_t)MON0(__NR_gettid);
	if (p->is_vfork)
		p->tgid = p->tid;
	if (slot_arm(p))
		die(DIE_SETUP, (uint64_t)p->tid);
	p->control->selector = SEL_ALLOW;
	if (boot.flags & BOOT_FOREIGN)
		check_armed(p);
	if (p->clone_flags & CLONE_CHILD_CLEARTID)
		(void)MON1(__NR_set_tid_address, p->clone_ctid);
	p->starting = 0;
	block_signals(~SYNC_MASK);
	write_id(p);
	set_app_mask(p, p->app_mask);
	set_exit_values(p);
}

/*
 * The call itself, for a task in this memory with slot c. All signals are
 * blocked until the new task is armed; the parent's come back here.
 */
static long clone_into(struct priv *p, struct priv *c, const struct clone_want *w)
{
	long (*go)(uint64_t, uint64_t, uint64_t, struct control *, uint64_t);
	uint64_t flags = (w->flags & ~(uint64_t)IDS_BY_CHILD) | w->exit_signal;
	long ret;

	c->regs = p->regs;
	c->regs.rax = 0;
	if (w->sp)
		c->regs.rsp = w->sp;
	c->inside = 1;
	c->app_mask = p->app_mask;
	c->clone_flags = w->flags;
	c->clone_ctid = w->ctid;
	block_signals(~0ull);
	go = (__typeof__(go))GATE(gate_clone);
	ret = go(flags, c->stack_top, w->tls, c->control, w->ptid);
	block_signals(~SYNC_MASK);
	p->mask_dirty = 1;
	p->kmask = kernel_mask(p->app_mask);
	return ret;
}

static long make_thread(struct priv *p, const struct clone_want *w)
{
	struct priv *c;
	long ret;

	if (p->is_vfork)
		return -EAGAIN; /* docs/compatibility.md */
	if ((w->flags & THREAD_NEEDS) != THREAD_NEEDS || (w->flags & ~(uint64_t)THREAD_MAY))
		return -EINVAL;
	if (bad_id_pointers(w))
		return -EFAULT;
	c = slot_alloc(p);
	if (!c)
		return -EAGAIN;
	c->tgid = p->tgid;
	c->process = p->process;
	ret = clone_into(p, c, w);
	if (ret < 0)
		slot_free(c);
	return ret;
}

/* In the child of a fork: alone, with no dispatch until armed. */
static void fork_child(struct priv *p, const struct clone_want *w)
{
	p->tid = p->tgid = (int32_t)MON0(__NR_gettid);
	slots_after_fork(p);
	p->is_vfork = 0;
	lock_reset(&exec_lock);
	fd_after_fork();
	if (slot_arm(p))
		die(DIE_SETUP, (uint64_t)p->tid);
	if (boot.flags & BOOT_FOREIGN)
		check_armed(p);
	if (w->flags & CLONE_CHILD_CLEARTID)
		(void)MON1(__NR_set_tid_address, w->ctid);
	block_signals(~SYNC_MASK);
	if (w->flags & CLONE_CLEAR_SIGHAND)
		sigaction_clear_handlers(p);
	p->clone_flags = w->flags & CLONE_CHILD_SETTID;
	p->clone_ctid = w->ctid;
	write_id(p);
	if (w->sp)
		p->regs.rsp = w->sp;
	p->ndefer = 0; /* noted before the fork: the parent's */
	p->sync_pending = 0;
}

/* Another thread may be half way through a change: the child would copy that. */
static void lock_tables(struct priv *p)
{
	lock_take(&wx_lock, p);
	lock_take(&vet_lock, p);
	lock_take(&actions_lock, p);
	lock_take(&slots_lock, p);
}

/* In the parent and in the child, where nobody else can hold one. */
static void unlock_tables(void)
{
	lock_drop(&slots_lock);
	lock_drop(&actions_lock);
	lock_drop(&vet_lock);
	lock_drop(&wx_lock);
}

static long make_process(struct priv *p, struct clone_want *w)
{
	int32_t pidfd = -1;
	struct clone_args a = {
		.flags = w->flags & ~(uint64_t)(IDS_BY_MONITOR | CLONE_VM | CLONE_SETTLS |
						CLONE_CLEAR_SIGHAND | CLONE_SIGHAND),
		.exit_signal = w->exit_signal,
		.cgroup = w->cgroup,
		.tls = w->tls,
	};
	long ret;

	/* A descriptor table or a root directory shared by two monitors. */
	if (w->flags & (CLONE_THREAD | CLONE_FILES | CLONE_FS))
		return -EINVAL;
	if ((w->flags & CLONE_CHILD_CLEARTID) && bad_pointer(w->ctid))
		return -EFAULT;
	if (w->flags & CLONE_SETTLS)
		a.flags |= CLONE_SETTLS;
	/* The tables are locked across the call: nobody may wait for a child. */
	if (!single_threaded(p))
		a.flags &= ~(uint64_t)CLONE_VFORK;
	if (w->flags & CLONE_PIDFD)
		a.pidfd = (uint64_t)&pidfd;
	block_signals(~0ull);
	lock_tables(p);
	ret = MON2(__NR_clone3, &a, sizeof(a));
	unlock_tables();
	if (ret == 0)
		fork_child(p, w);
	else
		block_signals(~SYNC_MASK);
	set_app_mask(p, p->app_mask);
	if (ret > 0) {
		int32_t pid = (int32_t)ret;

		if (w->flags & CLONE_PARENT_SETTID)
			(void)!copy_out(UADDR(w->ptid), &pid, sizeof(pid));
		if (w->flags & CLONE_PIDFD)
			(void)!copy_out(UADDR(w->pidfd), &pidfd, sizeof(pidfd));
	}
	return ret;
}

static void must(long ret)
{
	if (ret)
		die(DIE_SETUP, (uint64_t)-ret);
}

/*
 * A child that runs in this memory while the caller, its only other thread,
 * sleeps. When the call returns, the child has left the memory: by execve,
 * with the exec lock taken, or dead. A table that it was changing when it died
 * cannot be trusted.
 */
static long make_vfork(struct priv *p, const struct clone_want *w)
{
	const struct lock *const tables[] = {&wx_lock, &vet_lock, &actions_lock, &slots_lock};
	uint64_t head = 0, len = 0;
	struct priv *c;
	long ret;

	if (bad_id_pointers(w))
		return -EFAULT;
	c = slot_alloc(p);
	if (!c)
		return -EAGAIN;
	c->alt = p->alt;
	c->is_vfork = 1;
	c->tgid = 0;
	/*
	 * Killed in its sleep, this thread would have its robust list walked with
	 * PKRU open, while the child goes on in the same memory (d11).
	 */
	must(MON3(__NR_get_robust_list, 0, &head, &len));
	must(MON2(__NR_set_robust_list, 0, ROBUST_HEAD_SIZE));
	ret = sigaction_vfork(p, c) ? -EAGAIN : clone_into(p, c, w);
	if (head)
		must(MON2(__NR_set_robust_list, head, len));
	if (ret >= 0) {
		for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
			if (lock_held_by(tables[i], c->tid))
				die(DIE_INVARIANT, (uint64_t)ret);
		if (lock_held_by(&exec_lock, c->tid))
			lock_reset(&exec_lock);
		fd_after_vfork(c->tid);
	}
	if (c->process != p->process)
		sigaction_vfork_done(c);
	slot_free(c);
	return ret;
}

static long do_clone(struct priv *p, struct clone_want *w)
{
	const uint64_t vfork = CLONE_VM | CLONE_VFORK;
	const uint64_t not_vfork = CLONE_THREAD | CLONE_SIGHAND | CLONE_FILES | CLONE_FS |
				   CLONE_PIDFD | CLONE_CLEAR_SIGHAND;

	/*
	 * Other threads would go on while the child uses their memory: then it
	 * gets a copy (docs/compatibility.md).
	 */
	if ((w->flags & CLONE_SIGHAND) && !(w->flags & CLONE_VM))
		return -EINVAL;
	/* Its death would look like a fault: CLD_* codes are positive (c10). */
	if (w->exit_signal >= 1 && w->exit_signal <= NSIG_MAX &&
	    (SYNC_MASK & SIGBIT(w->exit_signal)))
		return -EINVAL;
	if ((w->flags & CLONE_THREAD) && !(w->flags & CLONE_FS))
		judge_forget_root();
	if ((w->flags & vfork) == vfork && !(w->flags & CLONE_THREAD)) {
		if (!(w->flags & not_vfork) && !pids_are_foreign && single_threaded(p))
			return make_vfork(p, w);
		w->flags &= ~(uint64_t)(CLONE_VM | CLONE_SIGHAND);
	}
	return w->flags & CLONE_VM ? make_thread(p, w) : make_process(p, w);
}

long sys_clone(struct priv *p)
{
	struct clone_want w = {
		.flags = arg_u32(p, 0) & ~(uint64_t)CSIGNAL,
		.exit_signal = arg(p, 0) & CSIGNAL,
		.sp = arg(p, 1),
		.ptid = arg(p, 2),
		.pidfd = arg(p, 2),
		.ctid = arg(p, 3),
		.tls = arg(p, 4),
	};

	return do_clone(p, &w);
}

long sys_clone3(struct priv *p)
{
	uint64_t size = arg(p, 1);
	struct clone_args a = {0};
	struct clone_want w;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	/* A newer, larger structure is fine if what we do not know is zero. */
	for (uint64_t at = sizeof(a); at < size; at++) {
		uint8_t byte;

		if (copy_in(&byte, UADDR(arg(p, 0) + at), 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	if (copy_in(&a, UADDR(arg(p, 0)), size < sizeof(a) ? size : sizeof(a)))
		return -EFAULT;
	if (a.set_tid_size || a.set_tid || (a.flags & CSIGNAL) || a.exit_signal > NSIG_MAX ||
	    (!a.stack != !a.stack_size))
		return -EINVAL;
	w = (struct clone_want){
		.flags = a.flags,
		.exit_signal = a.exit_signal,
		.sp = a.stack ? a.stack + a.stack_size : 0,
		.tls = a.tls,
		.ptid = a.parent_tid,
		.ctid = a.child_tid,
		.pidfd = a.pidfd,
		.cgroup = a.cgroup,
	};
	return do_clone(p, &w);
}

long sys_fork(struct priv *p)
{
	struct clone_want w = {.exit_signal = 17 /* SIGCHLD */};

	return do_clone(p, &w);
}

long sys_vfork(struct priv *p)
{
	struct clone_want w = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = 17};

	return do_clone(p, &w);
}

long sys_set_tid_address(struct priv *p)
{
	if (bad_pointer(arg(p, 0)))
		return -EFAULT;
	return MON1(__NR_set_tid_address, arg(p, 0));
}

long sys_set_robust_list(struct priv *p)
{
	if (arg(p, 1) != ROBUST_HEAD_SIZE)
		return -EINVAL;
	if (in_reserved(arg(p, 0), ROBUST_HEAD_SIZE))
		return -EFAULT;
	/* At its death the entries would be written to in the parent's memory. */
	if (p->is_vfork)
		return 0;
	return MON2(__NR_set_robust_list, arg(p, 0), arg(p, 1));
}
