/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the parts of an ELF dynamic section that decide what is loaded.
 */
#ifndef ENDORUN_DYNAMIC_H
#define ENDORUN_DYNAMIC_H

#include <stdbool.h>

#include "rtld/elf_file.h"

#define DYNAMIC_ENTRIES_MAX 4096
#define DYNAMIC_STRING_MAX 65536 /* of one string, with its NUL */

struct dynamic {
	char *soname, *rpath, *runpath; /* or NULL */
	char **needed;			/* ends with NULL; or NULL */
	bool no_default;		/* DF_1_NODEFLIB: only its own paths */
};

/*
 * dynamic_read - read the dynamic section of a file with a checked plan
 * Returns NULL, or what is wrong. Free with dynamic_free in both cases.
 */
const char *dynamic_read(struct dynamic *dyn, int fd, const struct elf_plan *plan);

/* dynamic_free - free the strings */
void dynamic_free(struct dynamic *dyn);

#endif
