/* SPDX-License-Identifier: MIT */
/*
 * Switches Syscall User Dispatch off or points it elsewhere, by every form of
 * prctl(59), with junk in the upper halves, in 32-bit calls, and after a fork.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static char selector;

static void forms(void *arg)
{
	const long junk[] = {0, 1l << 32, 0xdeadl << 48};

	(void)arg;
	for (size_t i = 0; i < 3; i++) {
		long option = PR_SET_SYSCALL_USER_DISPATCH | junk[i];

		for (long mode = 0; mode <= 2; mode++) {
			if (raw(SYS_prctl, option, mode, 0, 0, 0) == 0 ||
			    raw(SYS_prctl | junk[i], option, mode, 0, ~0ul, 0) == 0 ||
			    raw(SYS_prctl, option, mode, 0, 1ul << 62, &selector) == 0 ||
			    raw(SYS_prctl, option, mode, env.gate, PAGE, &selector) == 0)
				succeeded("prctl(%#lx, %ld)", option, mode);
		}
	}
}

void attack(void)
{
	forms(NULL);
	expect_blocked(in_child(forms, NULL), "in a child");
}
