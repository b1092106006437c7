/* SPDX-License-Identifier: MIT */
/*
 * h01, h02, h04: threads and processes made by raw clone calls of every kind.
 * Whatever comes to life has dispatch and filter: it must not make forbidden
 * calls, nor have PKRU open.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <linux/sched.h>

static volatile int born;
static volatile long result;

static void child_body(void)
{
	struct jump_regs r = {
		.rax = SYS_exit_group, .rdi = ATTACK_SUCCESS, .rsp = (uint64_t)pages(4) + 2 * PAGE};
	const uint8_t *code = (const uint8_t *)env.gate;

	result = raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
	if (result == 0)
		succeeded("a new task switched dispatch off");
	if (env.keys && rdpkru() != env.pkru)
		succeeded("a new task has PKRU %#x", rdpkru());
	born = 1;
	for (size_t off = 0; off + 2 < env.gate_len; off++)
		if (!memcmp(code + off, "\x0f\x05", 2)) {
			r.rip = env.gate + off;
			jump_all(&r);
		}
}

static void by_clone(void *arg)
{
	unsigned long flags = (unsigned long)arg;
	uint64_t *top = (uint64_t *)((uint8_t *)pages(16) + 15 * PAGE);
	long ret;

	/* The child comes back on its own stack: straight to its body. */
	*--top = (uint64_t)child_body;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "and $-16, %%rsp\n\t"
			 "call *%%rax\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "0"((long)SYS_clone), "D"(flags), "S"(top), "d"(0l)
			 : "rcx", "r11", "memory", "r10", "r8");
	if (ret > 0 && !(flags & CLONE_THREAD)) {
		int status;

		if (waitpid((pid_t)ret, &status, __WALL) == ret && WIFEXITED(status) &&
		    WEXITSTATUS(status) == ATTACK_SUCCESS)
			_exit(ATTACK_SUCCESS);
	}
	if (ret > 0 && (flags & CLONE_THREAD))
		for (int i = 0; i < 100 && !born; i++)
			usleep(10000);
	usleep(20000);
}

static void by_clone3(void *arg)
{
	struct clone_args a = {.flags = (unsigned long)arg, .exit_signal = SIGCHLD};
	long ret;

	if (a.flags & CLONE_VM) {
		by_clone((void *)(a.flags | SIGCHLD));
		return;
	}
	ret = raw(SYS_clone3, &a, sizeof(a));
	if (ret == 0) {
		child_body();
		_exit(0);
	}
	if (ret > 0) {
		int status;

		if (waitpid((pid_t)ret, &status, __WALL) == ret && WIFEXITED(status) &&
		    WEXITSTATUS(status) == ATTACK_SUCCESS)
			_exit(ATTACK_SUCCESS);
	}
}

static void by_vfork(void *arg)
{
	(void)arg;
	if (raw(SYS_fork) == 0) {
		child_body();
		_exit(0);
	}
	if (vfork() == 0)
		child_body();
}

void attack(void)
{
	static const unsigned long flags[] = {
		SIGCHLD,
		CLONE_VM | SIGCHLD,
		CLONE_VM | CLONE_VFORK | SIGCHLD,
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
		CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
		CLONE_VM | CLONE_SIGHAND | SIGCHLD,
		CLONE_FILES | SIGCHLD,
		CLONE_FS | SIGCHLD,
		CLONE_PARENT | SIGCHLD,
		CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD,
		CLONE_UNTRACED | SIGCHLD,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		expect_blocked(in_child(by_clone, (void *)flags[i]), "clone");
		expect_blocked(in_child(by_clone, (void *)(flags[i] | 1ul << 40)),
			       "clone with junk");
	}
	expect_blocked(in_child(by_clone3, (void *)0), "clone3");
	expect_blocked(in_child(by_clone3, (void *)CLONE_CLEAR_SIGHAND), "clone3");
	expect_blocked(in_child(by_clone3, (void *)CLONE_FILES), "clone3");
	expect_blocked(in_child(by_vfork, NULL), "fork and vfork");
}
