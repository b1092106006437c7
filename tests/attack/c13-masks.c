/* SPDX-License-Identifier: MIT */
/*
 * c13: blocks SIGSYS and SIGSEGV by every call that takes a mask, ignores them,
 * waits for them by other means; then makes mediated calls from a site that
 * traps. Calls must neither be lost nor run unmediated. execve must not carry
 * the mask to a point where it hurts.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: without a monitor nothing depends on these signals */
#include "attack.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

static void still_mediated(const char *how)
{
	static uint8_t code[] = {0x48, 0x89, 0xf8, 0x0f, 0x05, 0xc3}; /* mov %rdi,%rax; syscall */
	static uint8_t *p;
	sigset_t set;

	if (!p) {
		p = pages(1);
		memcpy(p, code, sizeof(code));
		if (make_executable(p, PAGE))
			broken("no code");
	}
	if (raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0 ||
	    raw(SYS_userfaultfd, 1) >= 0 || raw(SYS_pkey_free, 1) == 0)
		succeeded("%s: a forbidden call was made", how);
	if (((long (*)(long))p)(SYS_pkey_free) == 0)
		succeeded("%s: pkey_free", how);
	if (raw(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &set, 8))
		broken("%s: calls do not work any more", how);
}

static void all(void *arg)
{
	sigset_t full, empty;
	struct timespec soon = {0, 1000000};
	struct epoll_event ev;
	struct sigaction ign = {.sa_handler = SIG_IGN};
	siginfo_t si;
	int ep = epoll_create1(0), fd;

	(void)arg;
	sigfillset(&full);
	sigemptyset(&empty);
	(void)raw(SYS_rt_sigprocmask, SIG_SETMASK, &full, NULL, 8);
	still_mediated("rt_sigprocmask");
	(void)raw(SYS_ppoll, NULL, 0, &soon, &full, 8);
	still_mediated("ppoll");
	(void)raw(SYS_pselect6, 0, NULL, NULL, NULL, &soon, (&(struct {
			  void *p;
			  long n;
		  }){&full, 8}));
	still_mediated("pselect6");
	(void)raw(SYS_epoll_pwait, ep, &ev, 1, 1, &full, 8);
	still_mediated("epoll_pwait");
	(void)raw(441, ep, &ev, 1, &soon, &full, 8);
	still_mediated("epoll_pwait2");
	fd = (int)raw(SYS_signalfd4, -1, &full, 8, SFD_NONBLOCK);
	still_mediated("signalfd");
	(void)!read(fd, &si, sizeof(si));
	(void)raw(SYS_rt_sigtimedwait, &full, &si, &soon, 8);
	still_mediated("rt_sigtimedwait");
	for (int sig = 1; sig < 65; sig++)
		(void)raw(SYS_rt_sigaction, sig, &ign, NULL, 8);
	still_mediated("ignored");
	sigaction(SIGSYS, &ign, NULL);
	(void)kill(getpid(), SIGSYS);
	still_mediated("ignored and sent");
	if (ep >= 0 && fork() == 0) {
		execl(env.self, env.self, "again", NULL);
		_exit(3);
	}
	signal(SIGCHLD, SIG_DFL);
	if (wait(&fd) > 0 && fd == ATTACK_SUCCESS << 8)
		succeeded("after execve");
}

void attack_again(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	still_mediated("masked and ignored across execve");
	_exit(0);
}

void attack(void)
{
	expect_blocked(in_child(all, NULL), "masks");
}
