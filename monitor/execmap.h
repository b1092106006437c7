/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: the set of address ranges that were ever made executable.
 *
 * Only a hint: plain munmap is native, so a range may be gone. But a range
 * that is executable is always in here, since only the monitor grants it.
 */
#ifndef ENDORUN_EXECMAP_H
#define ENDORUN_EXECMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXECMAP_MAX 16384

struct execmap_range {
	uint64_t lo, hi;
};

struct execmap {
	struct execmap_range r[EXECMAP_MAX];
	size_t n;
};

/* Adds [lo, hi), merging what it touches. -1 when the map is full. */
int execmap_add(struct execmap *m, uint64_t lo, uint64_t hi);
bool execmap_overlaps(const struct execmap *m, uint64_t lo, uint64_t hi);

#endif
