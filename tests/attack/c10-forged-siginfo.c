/* SPDX-License-Identifier: MIT */
/*
 * c10, c11: SIGSYS, SIGSEGV and SIGTRAP with a siginfo that claims to be the
 * kernel's, sent to oneself by every call that takes one; by the kernel itself
 * through F_SETSIG; and floods of them. The monitor must go on working.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static volatile int got, got_code;

static void note(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got = sig;
	got_code = si->si_code;
}

static void send(int sig, int code, int err, long nr)
{
	siginfo_t si;
	int pidfd = (int)raw(434, getpid(), 0);

	memset(&si, 0, sizeof(si));
	si.si_signo = sig;
	si.si_code = code;
	si.si_errno = err;
	si.si_call_addr = (void *)env.gate;
	si.si_syscall = (int)nr;
	got = 0;
	(void)raw(SYS_rt_sigqueueinfo, getpid(), sig, &si);
	(void)raw(SYS_rt_tgsigqueueinfo, getpid(), raw(SYS_gettid), sig, &si);
	(void)raw(424, pidfd, sig, &si, 0);
	(void)raw(424, pidfd, sig | 1l << 32, &si, 0);
	close(pidfd);
	if (got && got_code > 0 && code > 0)
		succeeded("signal %d with code %d arrived as the kernel's", sig, code);
}

static void by_fcntl(void)
{
	int fds[2];

	if (pipe(fds))
		broken("pipe");
	signal(SIGIO, SIG_IGN); /* what the kernel sends when it cannot queue */
	(void)fcntl(fds[0], F_SETOWN, getpid());
	(void)fcntl(fds[0], F_SETSIG, SIGSYS);
	(void)fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	(void)!write(fds[1], "x", 1);
	if (got && got_code > 0 && !env.control)
		succeeded("F_SETSIG: code %d", got_code);
}

void attack(void)
{
	static const int sigs[] = {SIGSYS, SIGSEGV, SIGTRAP, SIGBUS, SIGILL, SIGFPE};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		on_signal(sigs[i], note, 0);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		for (int code = 0; code <= 3; code++)
			for (long nr = 0; nr < 400; nr += 157)
				send(sigs[i], code, 0x7d, nr);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		send(sigs[i], -6, 0x7d, 157);
	by_fcntl();
	if (raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0)
		succeeded("a forged signal opened the gate");
}
