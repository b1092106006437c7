/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): every library that a program's ld.so will load at its start.
 *
 * Only to vet early and to report early; what ld.so really maps is judged when
 * it does. Libraries that dlopen brings (NSS, plugins) are not in it.
 */
#ifndef ENDORUN_CLOSURE_H
#define ENDORUN_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rtld/dynamic.h"
#include "rtld/elf_file.h"
#include "rtld/search.h"

#define CLOSURE_LIBS_MAX 4096

struct closure_lib {
	struct closure_lib *next;
	char *path;	/* what the dynamic linker would open */
	char *name;	/* by which it was needed first */
	char *error;	/* NULL, or why it cannot be loaded: "path: why; what to do" */
	int fd;		/* open for reading, or -1 once the caller has closed it */
	bool is_interp; /* the dynamic linker itself */
	dev_t dev;
	ino_t ino;
	struct dynamic dyn;
	struct search_object search;
};

struct closure_missing {
	struct closure_missing *next;
	char *name;
	char *needed_by; /* path of an object, or "LD_PRELOAD" */
};

struct closure {
	struct closure_lib program; /* path and dyn only; fd is the caller's */
	struct closure_lib *libs;   /* in load order, the dynamic linker first */
	struct closure_missing *missing;
	size_t lib_count, missing_count;
	struct search search;
	struct elf_plan plan; /* scratch */
};

/*
 * closure_resolve - find all libraries of a program, breadth first
 * plan: of the program fd; path: its path; envp: the environment that it gets.
 * A static program has none. Descriptors stay open: close each when done.
 * Returns NULL, or what failed (out of memory, limits, a damaged program). A
 * library that is missing or damaged is no failure: see missing and error.
 */
const char *closure_resolve(struct closure *c, int fd, const struct elf_plan *plan,
			    const char *path, char *const *envp, bool is_secure);

/* closure_free - close the descriptors that are still open, free the lists */
void closure_free(struct closure *c);

#endif
