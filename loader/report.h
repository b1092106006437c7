/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): what the user reads when endorun itself has something to say.
 *
 * One line, one write(2), on standard error: `endorun: what: why; what to do`.
 */
#ifndef ENDORUN_REPORT_H
#define ENDORUN_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of endorun itself, as env(1) and timeout(1) use them. */
enum {
	EXIT_ENDORUN = 125,	 /* endorun failed: options, machine, limits */
	EXIT_NOT_RUNNABLE = 126, /* the program was found but cannot be run */
	EXIT_NOT_FOUND = 127,	 /* the program was not found */
};

/* Longest line; the rest is cut off and "..." put in its place. */
#define REPORT_LINE_MAX 12288

/* report_set_quiet - report_note prints nothing from now on */
void report_set_quiet(bool quiet);

/* report_fail - print one line and end the process with `status` */
__attribute__((noreturn, format(printf, 2, 3))) void report_fail(int status, const char *fmt, ...);

/* report_note - print one line, unless quiet */
__attribute__((format(printf, 1, 2))) void report_note(const char *fmt, ...);

/*
 * report_escape - copy `text` so that no terminal acts on it
 * Control characters (C0, DEL, C1) and bytes that are not UTF-8 become \xNN.
 * Writes a string of less than `size` bytes, cut off with "..." where needed.
 * Pre: size >= 4. Returns its length.
 */
size_t report_escape(char *dst, size_t size, const char *text);

#endif
