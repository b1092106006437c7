/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): where a dynamic linker looks for a library.
 */
#ifndef ENDORUN_SEARCH_H
#define ENDORUN_SEARCH_H

#include <stdbool.h>

#include "rtld/elf_file.h"
#include "rtld/ldcache.h"

/* What is the same for all look-ups of a program. */
struct search {
	bool is_musl;		  /* musl's rules, else glibc's */
	bool is_secure;		  /* AT_SECURE: LD_LIBRARY_PATH and $ORIGIN do not count */
	int level;		  /* from cpu_level */
	const char *library_path; /* LD_LIBRARY_PATH, or NULL */
	char *musl_path;	  /* contents of /etc/ld-musl-x86_64.path, or NULL */
	struct ldcache cache;	  /* glibc only */
};

/* An object that needs libraries. */
struct search_object {
	const struct search_object *loader; /* what needed it first, or NULL: the program */
	char *origin;			    /* its folder, absolute */
	const char *rpath, *runpath;	    /* DT_RPATH, DT_RUNPATH, or NULL */
	bool no_default;		    /* DF_1_NODEFLIB */
};

/*
 * search_library - find the file for a DT_NEEDED or LD_PRELOAD name
 * Passes over files for another machine. path: what the dynamic linker would
 * open. Returns a descriptor, or -1 with errno.
 * glibc's legacy hwcaps folders (haswell, tls: gone in 2.37) are not looked at:
 * what they hold is vetted when it is mapped.
 */
int search_library(const struct search *s, const struct search_object *needed_by, const char *name,
		   char path[ELF_PATH_MAX]);

/*
 * search_expand - replace $ORIGIN, $LIB and $PLATFORM (and ${...}) in `text`
 * Takes len bytes of it. Returns false if the result does not fit, or has an
 * origin that the object must not use.
 */
bool search_expand(const struct search *s, const struct search_object *object, const char *text,
		   size_t len, char path[ELF_PATH_MAX]);

#endif
