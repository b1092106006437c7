/* SPDX-License-Identifier: MIT */
/*
 * The message that a monitor leaves for the next endorun is written to a memfd
 * on a reserved number before it is sealed: a second thread, and a second
 * process through /proc/PID/fd, write to it in between.
 */
/* Isolation: any */
/* Blocked: 0 | 125 */
/* Control: none: the attack is on endorun's own execve */
#include "attack.h"

#include <sys/auxv.h>

#include "monitor/handover.h"

#define FORGED "/forged/by/an/attacker"

static void forge(int fd)
{
	static const uint64_t flags; /* no keys */

	(void)raw(SYS_pwrite64, fd, FORGED, sizeof(FORGED), offsetof(struct handover, path));
	if (env.keys)
		(void)raw(SYS_pwrite64, fd, &flags, sizeof(flags),
			  offsetof(struct handover, flags));
}

static void *by_thread(void *arg)
{
	(void)arg;
	for (;;)
		forge(RFD_HANDOVER);
	return NULL;
}

static void by_process(pid_t victim)
{
	double until = seconds() + 20;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", victim, RFD_HANDOVER);
	while (seconds() < until && kill(victim, 0) == 0) {
		int fd = (int)raw(SYS_open, path, O_RDWR, 0);

		if (fd < 0)
			continue;
		forge(fd);
		(void)raw(SYS_close, fd);
	}
	_exit(0);
}

static void one(void *arg)
{
	char number[16];
	char *argv[] = {(char *)env.self, "again", number, NULL};
	pid_t victim = getpid();
	int left = (int)(intptr_t)arg;

	snprintf(number, sizeof(number), "%d", left);
	if (left % 2 == 0) {
		thread(by_thread, NULL);
	} else if (fork() == 0) {
		by_process(victim);
	}
	usleep(20000);
	/* A write under way makes the seal fail: again. */
	for (int i = 0; i < 100; i++)
		execve(env.self, argv, environ);
}

void attack_again(int argc, char **argv)
{
	const char *name = (const char *)getauxval(AT_EXECFN);

	check_secret("after execve");
	if (name && strcmp(name, FORGED) == 0)
		succeeded("the next endorun believed our message");
	if (argc > 2 && atoi(argv[2]) > 1)
		one((void *)(intptr_t)(atoi(argv[2]) - 2));
	_exit(0);
}

void attack(void)
{
	int n = env.keys && !env.full ? 4 : 100;

	for (int way = 0; way < 2; way++)
		expect_blocked(in_child(one, (void *)(intptr_t)(n + way)), "forging the message");
}
