/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted), pure: load_script of fs/binfmt_script.c, step by step.
 *
 * A cut-off argument is fine, the interpreter can read the line itself; a
 * cut-off interpreter path would be another program, so it is refused.
 */
#include "loader/shebang.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

const char *shebang_parse(struct shebang *line, char head[SHEBANG_MAX])
{
	char *p = head + 2, *end = memchr(head, '\n', SHEBANG_MAX), *sep;
	bool is_cut = !end;

	line->arg = NULL;
	if (is_cut)
		end = head + SHEBANG_MAX - 1;
	while (p < end && is_blank(*p))
		p++;
	sep = p;
	while (sep < end && *sep && !is_blank(*sep))
		sep++;
	if (is_cut && sep == end && *end && !is_blank(*end))
		return "the interpreter's path is longer than the 255 bytes the kernel reads";
	while (end > p && is_blank(end[-1]))
		end--;
	if (p >= end || !*p)
		return "no interpreter";
	*end = '\0';
	line->interp = p;
	if (sep < end && *sep) {
		*sep++ = '\0';
		while (is_blank(*sep))
			sep++;
		line->arg = sep; /* empty after blanks that no newline follows */
	}
	return NULL;
}
