/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): maps the segments of a checked ELF file.
 */
#ifndef ENDORUN_MAP_H
#define ENDORUN_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"

/* An executable segment, in whole pages, at a fixed address that is reserved. */
struct map_request {
	int fd;
	uint64_t off, len, addr;
};

/* Makes it: vetted. Returns 0, or -errno with a reason where there is one. */
typedef long map_exec_fn(void *ctx, const struct map_request *rq, char *why, size_t why_size);

struct map_error {
	int errnum;	/* 0 when what says everything */
	char what[640]; /* which step, without the path */
};

/*
 * map_segments - map all PT_LOAD of plan from fd
 * wish: lowest address for ET_DYN, 0 for the kernel's choice; ET_EXEC goes
 * where it must. Fills *bias. Returns 0, or -1 with err filled; what was
 * mapped stays, since the caller ends the process.
 */
int map_segments(const struct elf_plan *plan, int fd, uint64_t wish, map_exec_fn *exec, void *ctx,
		 uint64_t *bias, struct map_error *err);

#endif
