/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): one-line reports on standard error.
 *
 * Paths in a report are chosen by whoever started us, so the finished line is
 * escaped as a whole. No allocation, no stdio: works in any state.
 */
#include "loader/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_quiet;

void report_set_quiet(bool quiet)
{
	is_quiet = quiet;
}

/* Length of the harmless character at p, or 0 if its first byte must be escaped. */
static size_t plain_len(const unsigned char *p)
{
	size_t n, i;

	if (*p >= 0x20 && *p < 0x7f)
		return 1;
	if (*p >= 0xc2 && *p <= 0xdf)
		n = 2;
	else if (*p >= 0xe0 && *p <= 0xef)
		n = 3;
	else if (*p >= 0xf0 && *p <= 0xf4)
		n = 4;
	else
		return 0;
	for (i = 1; i < n; i++) /* stops at the terminating NUL */
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0; /* C1: U+009B is a control sequence introducer */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90))
		return 0; /* overlong */
	return n;
}

size_t report_escape(char *dst, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0, fits = 0; /* fits: longest prefix that leaves room for "..." */

	while (*p) {
		size_t n = plain_len(p), need = n ? n : 4;

		if (at + need >= size) {
			memcpy(dst + fits, "...", 4);
			return fits + 3;
		}
		if (n) {
			memcpy(dst + at, p, n);
		} else {
			dst[at] = '\\';
			dst[at + 1] = 'x';
			dst[at + 2] = hex[*p >> 4];
			dst[at + 3] = hex[*p & 15];
		}
		at += need;
		p += n ? n : 1;
		if (at + 4 <= size)
			fits = at;
	}
	dst[at] = '\0';
	return at;
}

__attribute__((format(printf, 1, 0))) static void print_line(const char *fmt, va_list ap)
{
	static const char prefix[] = "endorun: ";
	char raw[REPORT_LINE_MAX], line[REPORT_LINE_MAX + sizeof(prefix) + 1];
	size_t len = sizeof(prefix) - 1;
	ssize_t done;

	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		strcpy(raw, "report too long");
	memcpy(line, prefix, len);
	len += report_escape(line + len, REPORT_LINE_MAX, raw);
	line[len++] = '\n';
	done = write(STDERR_FILENO, line, len);
	(void)done; /* nowhere left to complain */
}

void report_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
	_exit(status);
}

void report_note(const char *fmt, ...)
{
	va_list ap;

	if (is_quiet)
		return;
	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
}
