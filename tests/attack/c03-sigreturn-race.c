/* SPDX-License-Identifier: MIT */
/*
 * c03, e05: a second thread changes a signal frame while the monitor takes it
 * back: PKRU, the pointer to the vector state, its magic number. And the
 * structures of clone3, rt_sigaction and sigaltstack while they are read.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <linux/sched.h>

static ucontext_t *volatile frame;
static struct clone_args args;
static stack_t alt;

static void *writer(void *arg)
{
	uint32_t i = 0;

	(void)arg;
	for (;; i++) {
		ucontext_t *uc = frame;

		args.flags = i & 1 ? CLONE_VM | CLONE_THREAD | CLONE_SIGHAND : 0;
		args.child_tid = i & 2 ? env.secret : 0;
		alt.ss_sp = (void *)(i & 1 ? env.secret : (uint64_t)&alt);
		if (!uc)
			continue;
		uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;

		if (!fp)
			continue;
		*(volatile uint32_t *)(fp + pkru_offset()) = i & 1 ? 0 : env.pkru;
		*(volatile uint32_t *)(fp + 464) = i & 2 ? 0 : 0x46505853;
		*(volatile uint64_t *)(fp + 512) = i & 4 ? 3 : 0x203;
	}
	return NULL;
}

static void handler(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	frame = uc;
	for (volatile int i = 0; i < 200; i++)
		;
}

void attack(void)
{
	double until = seconds() + quick(4, 60);
	int n = 0;

	on_signal(SIGUSR1, handler, 0);
	alt.ss_size = 65536;
	thread(writer, NULL);
	while (seconds() < until) {
		raise(SIGUSR1);
		frame = NULL;
		if (rdpkru() != env.pkru)
			succeeded("PKRU is %#x", rdpkru());
		check_secret("a race");
		if (env.control)
			continue;
		(void)raw(SYS_sigaltstack, &alt, NULL);
		if (n++ % 16 == 0) {
			struct clone_args *a = &args;
			long ret;

			a->exit_signal = SIGCHLD;
			ret = raw(SYS_clone3, a, sizeof(*a));
			if (ret == 0)
				raw(SYS_exit, 0);
			while (ret > 0 && waitpid(-1, NULL, WNOHANG) > 0)
				;
		}
	}
}
