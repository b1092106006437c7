/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted), pure: reads a #! line with the kernel's rules.
 */
#ifndef ENDORUN_SHEBANG_H
#define ENDORUN_SHEBANG_H

/* BINPRM_BUF_SIZE: the kernel looks at this much of a file. */
#define SHEBANG_MAX 256

struct shebang {
	char *interp; /* path of the interpreter */
	char *arg;    /* the rest of the line as one argument, or NULL */
};

/*
 * shebang_parse - split the line into interpreter and optional argument
 * Writes NULs into head; the strings point into it.
 * Pre: head starts with "#!" and is padded with NULs.
 * Returns NULL, or what is wrong with the line.
 */
const char *shebang_parse(struct shebang *line, char head[SHEBANG_MAX]);

#endif
