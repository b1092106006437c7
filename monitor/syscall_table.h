/* SPDX-License-Identifier: MIT */
/*
 * Zone shared (loader, monitor, tests): how to read monitor/syscalls.def.
 *
 *   SYS(nr, name, class, when, what, "args", "note")
 *
 * class    when        what      meaning
 * NATIVE   none        none      runs in the kernel, straight from the program
 * MEDIATED always      handler   goes to the monitor's handler
 * COND     condition   handler   to the handler if the condition holds, else native
 * DENY     always      errno     refused with this errno
 * DENYIF   condition   errno     refused with this errno if the condition holds, else native
 *
 * A number without a row is refused with ENOSYS. Conditions are defined in
 * policy/conditions.def. "args" has a letter for each argument of the call:
 *
 *   i  32 bits; the kernel ignores the upper half of the register
 *   h  16 bits (umode_t); the kernel ignores the rest of the register
 *   l  64 bits: long, size_t, off_t, an address that is not followed at once,
 *      or an argument that is a number in some operations and a pointer in others
 *   p  pointer that the kernel reads through
 *   o  pointer that the kernel writes through
 *   b  pointer that the kernel reads and writes through
 *   s  pointer to a string that the kernel reads
 *
 * The letters say how wide an argument is, so that nobody compares 64 bits of
 * an int (attack g06). Where a structure holds further pointers (iovec, msghdr),
 * the letter speaks of the structure only.
 *
 * Use # and ## on the columns directly: C libraries define macros with the
 * names of some calls. For example, a dispatch table of the monitor:
 *
 *   #define SYS(nr, name, class, when, what, args, note) ROW_##class(nr, what)
 *   #define ROW_NATIVE(nr, what)
 *   #define ROW_MEDIATED(nr, what) [nr] = what,
 *   #define ROW_COND(nr, what) [nr] = what,
 *   #define ROW_DENY(nr, what)
 *   #define ROW_DENYIF(nr, what)
 */
#ifndef ENDORUN_SYSCALL_TABLE_H
#define ENDORUN_SYSCALL_TABLE_H

enum syscall_class {
	SYSCALL_ABSENT, /* no row: zero, so that a designated array starts so */
	SYSCALL_NATIVE,
	SYSCALL_MEDIATED,
	SYSCALL_COND,
	SYSCALL_DENY,
	SYSCALL_DENYIF,
};

/* Numbers in the table are below this; everything above is unknown. */
#define SYSCALL_END 470

#define SYSCALL_MAX_ARGS 6

#endif
