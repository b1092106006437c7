/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the program's signal actions, and what the kernel is told of them.
 *
 * A handler is never known to the kernel: it gets the gate's signal entry.
 * SIG_DFL and SIG_IGN stay the kernel's, except for the fault signals, which
 * the monitor itself needs.
 */
#include "handlers.h"
#include "sigframe.h"

#define SIG_DFL 0
#define SIG_IGN 1
#define FLAGS_KNOWN                                                                                \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | \
	 SA_RESTART | SA_NODEFER | SA_RESETHAND)

/* A process of its own in this memory: the program, and its vfork children. */
struct process {
	struct action actions[NSIG_MAX + 1];
	uint8_t used;
};

#define PROCESSES 8 /* vfork children of vfork children: more than anybody nests */

static struct process processes[PROCESSES] = {[0] = {.used = 1}};
struct lock actions_lock;

static struct action *actions_of(const struct priv *p)
{
	return processes[p->process].actions;
}

int sigaction_vfork(struct priv *parent, struct priv *child)
{
	int ret = -1;

	lock_take(&actions_lock, parent);
	for (uint8_t i = 0; i < PROCESSES && ret < 0; i++) {
		if (processes[i].used)
			continue;
		processes[i] = processes[parent->process];
		child->process = i;
		ret = 0;
	}
	lock_drop(&actions_lock);
	return ret;
}

void sigaction_vfork_done(const struct priv *child)
{
	processes[child->process].used = 0;
}

/* Returns 0 or -errno. Pre: actions_lock held, or a single thread. */
static long tell_kernel(int sig, const struct action *act)
{
	struct action k = {
		.handler = act->handler,
		.flags = act->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESTORER),
		.restorer = act->restorer,
	};

	if ((SYNC_MASK & SIGBIT(sig)) || act->handler > SIG_IGN) {
		k.handler = GATE(gate_signal);
		k.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER |
			  (act->flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT));
		k.restorer = GATE(gate_signal); /* never used: no handler returns */
		k.mask = ~0ull;
	}
	return MON4(__NR_rt_sigaction, sig, &k, 0, KERNEL_SIGSET_SIZE);
}

void sigaction_init(uint64_t ignored)
{
	struct action *actions = processes[0].actions;

	for (int sig = 1; sig <= NSIG_MAX; sig++) {
		struct action old = {0};

		if (UNBLOCKABLE & SIGBIT(sig))
			continue;
		if (MON4(__NR_rt_sigaction, sig, 0, &old, KERNEL_SIGSET_SIZE) == 0 &&
		    (old.handler == SIG_IGN || (ignored & SYNC_MASK & SIGBIT(sig))))
			actions[sig].handler = SIG_IGN;
		if ((SYNC_MASK & SIGBIT(sig)) && tell_kernel(sig, &actions[sig]))
			die(DIE_SETUP, (uint64_t)sig);
	}
}

uint64_t sigaction_ignored_sync(const struct priv *p)
{
	const struct action *actions = actions_of(p);
	uint64_t set = 0;

	for (int sig = 1; sig <= NSIG_MAX; sig++)
		if ((SYNC_MASK & SIGBIT(sig)) && actions[sig].handler == SIG_IGN)
			set |= SIGBIT(sig);
	return set;
}

void sigaction_clear_handlers(struct priv *p)
{
	struct action *actions = actions_of(p);

	lock_take(&actions_lock, p);
	for (int sig = 1; sig <= NSIG_MAX; sig++) {
		if (actions[sig].handler <= SIG_IGN)
			continue;
		actions[sig] = (struct action){0};
		(void)tell_kernel(sig, &actions[sig]);
	}
	lock_drop(&actions_lock);
}

struct action sigaction_take(struct priv *p, int sig)
{
	struct action *actions = actions_of(p);
	struct action act;

	lock_take(&actions_lock, p);
	act = actions[sig];
	if (act.handler > SIG_IGN && (act.flags & SA_RESETHAND)) {
		actions[sig].handler = SIG_DFL;
		(void)tell_kernel(sig, &actions[sig]);
	}
	lock_drop(&actions_lock);
	return act;
}

void sigaction_kernel_default(int sig)
{
	struct action k = {.handler = SIG_DFL};

	(void)MON4(__NR_rt_sigaction, sig, &k, 0, KERNEL_SIGSET_SIZE);
}

/* To ignore a signal drops one that is pending (flush_sigqueue_mask, kernel/signal.c). */
static void forget_held(struct priv *p, int sig)
{
	for (int i = 0; i < 6; i++)
		if ((p->sync_pending & (1u << i)) && p->sync_info[i].signo == sig)
			p->sync_pending &= (uint8_t) ~(1u << i);
}

long sys_rt_sigaction(struct priv *p)
{
	struct action *actions = actions_of(p);
	int sig = arg_int(p, 0);
	struct action new, old;
	bool set = arg(p, 1) != 0;
	long ret = 0;

	if (arg(p, 3) != KERNEL_SIGSET_SIZE)
		return -EINVAL;
	if (set && copy_in(&new, UADDR(arg(p, 1)), sizeof(new)))
		return -EFAULT;
	if (sig < 1 || sig > NSIG_MAX || (set && (UNBLOCKABLE & SIGBIT(sig))))
		return -EINVAL;
	lock_take(&actions_lock, p);
	old = actions[sig];
	if (set) {
		new.flags &= FLAGS_KNOWN;
		new.mask &= ~UNBLOCKABLE;
		ret = tell_kernel(sig, &new);
		if (!ret) {
			actions[sig] = new;
			if (new.handler == SIG_IGN)
				forget_held(p, sig);
		}
	}
	lock_drop(&actions_lock);
	if (!ret && arg(p, 2) && copy_out(UADDR(arg(p, 2)), &old, sizeof(old)))
		return -EFAULT;
	return ret;
}
