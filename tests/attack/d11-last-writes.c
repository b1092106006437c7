/* SPDX-License-Identifier: MIT */
/*
 * d11: the kernel's last writes for a task, with the PKRU it died with: the
 * word of set_tid_address, the robust list, d13: the area of rseq. A vfork child
 * is killed while the monitor works for it; its parent looks at what is left.
 */
/* Isolation: keys */
/* Blocked: 0 | 125 */
/* Control: 42 */
#include "attack.h"

#include <linux/futex.h>
#include <linux/rseq.h>

#include "monitor/slot.h"

static struct robust_list_head head;
static char *child_stack;

static int body(void *arg)
{
	pid_t killer;

	(void)arg;
	(void)raw(SYS_set_tid_address, env.secret);
	if (env.control) /* the monitor of the control has PKRU open */
		__asm__ volatile(".byte 0x0f, 0x01, 0xef" ::"a"(0), "c"(0), "d"(0));
	head.list.next = &head.list;
	head.futex_offset = 0;
	head.list_op_pending = (struct robust_list *)(env.secret + P_TID);
	if (env.control)
		*(volatile int *)(env.secret + P_TID) = (int)raw(SYS_gettid);
	(void)raw(SYS_set_robust_list, &head, sizeof(head));
	if (env.control)
		(void)raw(SYS_tgkill, raw(SYS_getpid), raw(SYS_gettid), SIGKILL);
	killer = (pid_t)raw(SYS_getpid);
	for (int i = 0; i < 100000; i++)
		(void)raw(SYS_sigaltstack, NULL, NULL);
	(void)raw(SYS_tgkill, killer, killer, SIGKILL);
	return 0;
}

/* Somebody else, in a process of its own, kills the vfork child of `parent`. */
static void killer(pid_t parent)
{
	char path[64], line[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	for (int i = 0; i < 300; i++) {
		FILE *f = fopen(path, "r");
		int pid;

		while (f && fscanf(f, "%d", &pid) == 1)
			if (pid != getpid())
				kill(pid, SIGKILL);
		if (f)
			fclose(f);
		usleep(1000 + i * 37 % 3000);
	}
	(void)line;
	_exit(0);
}

static void rounds(void *arg)
{
	pid_t helper, me = getpid();
	int n = quick(8, 500);

	(void)arg;
	helper = fork();
	if (helper == 0)
		killer(me);
	child_stack = pages(16);
	for (int i = 0; i < n; i++) {
		int status;
		pid_t pid = clone(body, child_stack + 15 * PAGE, CLONE_VM | CLONE_VFORK | SIGCHLD,
				  NULL);

		if (pid > 0)
			waitpid(pid, &status, 0);
		if (env.control) {
			__asm__ volatile(".byte 0x0f, 0x01, 0xef" ::"a"(0), "c"(0), "d"(0));
			if (*(volatile uint8_t *)env.secret != 0x5e ||
			    *(volatile uint32_t *)(env.secret + P_TID) & 0x40000000)
				succeeded("the kernel wrote to the secret");
		}
		/* The monitor must still work: no lock is held by a dead task. */
		if (signal(SIGUSR1, SIG_IGN) == SIG_ERR)
			broken("nothing works any more");
		if (make_executable(pages(1), PAGE))
			broken("no code can be made any more");
	}
	kill(helper, SIGKILL);
}

static void rseq(void)
{
	static uint8_t area[64] __attribute__((aligned(32)));

	if (raw(SYS_rseq, env.secret & ~31ul, 32, 0, 0x53053053) == 0)
		succeeded("rseq's area is the secret");
	if (!env.control && raw(SYS_rseq, area, 32, 0, 0x53053053) == 0)
		succeeded("rseq was registered");
}

void attack(void)
{
	int status;

	rseq();
	if (!env.control) {
		if (raw(SYS_set_tid_address, env.secret) >= 0 ||
		    raw(SYS_set_tid_address, env.readable) >= 0 ||
		    raw(SYS_set_tid_address, env.secret - 3 + PAGE) >= 0)
			succeeded("set_tid_address took the arena");
		if (raw(SYS_set_robust_list, env.secret, 24) >= 0)
			succeeded("set_robust_list took the arena");
	}
	status = in_child(rounds, NULL);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		broken("a hang: a lock was left by a dead task");
	expect_blocked(status, "vfork children");
}
