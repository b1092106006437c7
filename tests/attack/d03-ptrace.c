/* SPDX-License-Identifier: MIT */
/*
 * A child traces its parent and reads its memory by PTRACE_PEEKDATA.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/ptrace.h>

static void trace(void *arg)
{
	long word = 0, parent = getppid();

	(void)arg;
	if (raw(SYS_ptrace, PTRACE_SEIZE, parent, 0, 0) < 0 &&
	    raw(SYS_ptrace, PTRACE_ATTACH, parent, 0, 0) < 0)
		_exit(0);
	(void)raw(SYS_ptrace, PTRACE_INTERRUPT, parent, 0, 0);
	waitpid((pid_t)parent, NULL, __WALL);
	if (raw(SYS_ptrace, PTRACE_PEEKDATA, parent, env.secret, &word) >= 0)
		succeeded("PTRACE_PEEKDATA read the secret");
}

static void traceme(void *arg)
{
	(void)arg;
	if (!env.control && raw(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) >= 0)
		succeeded("PTRACE_TRACEME was accepted");
}

void attack(void)
{
	(void)prctl(PR_SET_PTRACER, -1L, 0, 0, 0);
	expect_blocked(in_child(traceme, NULL), "PTRACE_TRACEME");
	expect_blocked(in_child(trace, NULL), "tracing the parent");
}
