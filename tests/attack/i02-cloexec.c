/* SPDX-License-Identifier: MIT */
/*
 * execve hands the monitor's descriptors to the next endorun. A second thread
 * marks them close-on-exec (fcntl, FIOCLEX) while that happens: an endorun
 * without its handover would take the program's argv for its own options, one
 * without its own binary would leave the number to the program.
 */
/* Isolation: any */
/* Blocked: 0 | 125 */
/* Control: none: the attack is on endorun's own execve */
#include "attack.h"

#include <sys/ioctl.h>

#define ROUNDS 6

static int first, last;

static void *mark(void *arg)
{
	for (;;) {
		for (int fd = first; fd <= last; fd++) {
			if (arg)
				(void)raw(SYS_ioctl, fd, FIOCLEX, 0);
			else
				(void)raw(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
		}
	}
	return NULL;
}

static void round_of(int n)
{
	char number[8];
	/* What endorun would make of it: run this program with one argument. */
	char *argv[] = {"attack", "--isolation=none", (char *)env.self, "free", number, NULL};
	static const int fds[ROUNDS] = {RFD_HANDOVER, RFD_SELF, RFD_TARGET, RFD_PROC, RFD_HANDOVER,
					RFD_BASE};

	if (n == ROUNDS)
		blocked("every execve kept its descriptors");
	snprintf(number, sizeof(number), "%d", n + 1);
	first = last = fds[n];
	if (n == ROUNDS - 1)
		last = RFD_BASE + RFD_COUNT - 1;
	thread(mark, n >= 4 ? &first : NULL);
	usleep(20000);
	execve(env.self, argv, environ);
	for (int i = 0; i < 20 && errno == EAGAIN; i++)
		execve(env.self, argv, environ);
	round_of(n + 1);
}

void attack_again(int argc, char **argv)
{
	if (argc != 5)
		succeeded("endorun took our options for its own");
	check_secret("after execve");
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++)
		if (raw(SYS_fcntl, fd, F_GETFD) == -EBADF)
			succeeded("reserved descriptor %d is free", fd);
	round_of(atoi(argv[4]));
}

static void from_start(void *arg)
{
	round_of((int)(intptr_t)arg);
}

void attack(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int status = in_child(from_start, (void *)(intptr_t)i);

		if (!WIFEXITED(status) ||
		    (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != ENDORUN_DIED))
			broken("round %d: status %#x", i, status);
		if (WEXITSTATUS(status) == 0)
			break; /* it has done the rounds behind it as well */
	}
}
