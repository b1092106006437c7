/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the end of a process that attacked the monitor, or whose monitor
 * found a bug in itself. One line, then the whole thread group is gone.
 */
#include "monitor.h"

/* Documented in endorun(1): endorun itself failed. */
#define EXIT_ENDORUN 125

static const char *const reasons[DIE_REASONS] = {
	[DIE_GATE_JUMP] = "jump into the gate page",
	[DIE_SUD] = "jump at the gate's system call",
	[DIE_FORGED_SIGNAL] = "forged or misplaced signal frame",
	[DIE_FAULT_INSIDE] = "fault inside the monitor",
	[DIE_DEFER] = "too many signals noted inside the monitor",
	[DIE_SETUP] = "the kernel refused a step that protection needs",
	[DIE_INVARIANT] = "broken invariant",
};

void die(enum die_reason why, uint64_t value)
{
	struct line l = {.len = 0};

	line_str(&l, "endorun: process ended: ");
	line_str(&l, why < DIE_REASONS && reasons[why] ? reasons[why] : "unknown");
	line_str(&l, " (");
	line_hex(&l, value);
	line_str(&l, ")");
	line_flush(&l);
	for (;;) {
		(void)MON1(__NR_exit_group, EXIT_ENDORUN);
		__asm__ volatile("ud2");
	}
}
