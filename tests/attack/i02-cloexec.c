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

#define ROUNDS 12

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

/* The kernel copies it while the descriptors are still those of all threads. */
static char **long_environment(void)
{
	static char *env_of_child[16], name[] = "ATTACK_SELF=";
	static char text[100000];

	memset(text, 'x', sizeof(text) - 1);
	text[1] = '=';
	for (int i = 0; i < 13; i++)
		env_of_child[i] = text;
	if (asprintf(&env_of_child[13], "%s%s", name, env.self) < 0)
		broken("no memory");
	env_of_child[14] = env.keys ? "ATTACK_ISOLATION=keys" : "ATTACK_ISOLATION=none";
	return env_of_child;
}

static void round_of(int n)
{
	static const int fds[] = {0, 0, RFD_HANDOVER, RFD_SELF, RFD_TARGET, RFD_PROC};
	char number[16], **envp = long_environment();
	/* What endorun would make of it: run this program with one argument. */
	char *argv[] = {"attack", "--isolation=none", (char *)env.self, "free", number, NULL};
	int which = fds[n % 6];

	if (n == ROUNDS)
		_exit(0);
	snprintf(number, sizeof(number), "%d", n + 1);
	first = which ? which : RFD_BASE;
	last = which ? which : RFD_BASE + RFD_COUNT - 1;
	thread(mark, n % 2 ? &first : NULL);
	usleep(20000);
	for (int i = 0; i < 50; i++)
		execve(env.self, argv, envp);
	_exit(0); /* refused: nothing was gained */
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
	int n = env.keys && !env.full ? 6 : ROUNDS;

	for (int i = 0; i < n; i++)
		expect_blocked(in_child(from_start, (void *)(intptr_t)(ROUNDS - 1 - i)), "execve");
}
