/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: finds unsafe instruction encodings at every byte offset.
 *
 * Used by the monitor (freestanding), the loader, endoscan and the tests.
 * Needs nothing but memory that does not change while it is read.
 */
#ifndef ENDORUN_SCAN_H
#define ENDORUN_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scan_kind {
	SCAN_WRPKRU = 1,   /* 0F 01 EF, whatever stands in front */
	SCAN_XRSTOR = 2,   /* 0F AE /5 with a memory operand */
	SCAN_WRGSBASE = 3, /* 0F AE D8..DF with an F3 among the prefixes (a09) */
};

struct scan_hit {
	size_t off; /* of the 0F byte */
	enum scan_kind kind;
};

/*
 * scan_next - the first unsafe encoding that starts at or after `from`
 * Returns true and fills *hit, or false when there is none. Overlapping hits
 * are all found by calling again with hit->off + 1 (a05, a06).
 */
bool scan_next(const uint8_t *buf, size_t len, size_t from, struct scan_hit *hit);

/*
 * scan_seam - is there a hit across the end of `left` and the start of `right`?
 * Looks at the last two bytes of left and the first two of right (a03, a04).
 */
bool scan_seam(const uint8_t left[2], const uint8_t right[2]);

/*
 * scan_next_syscall - the first 0F 05 at or after `from`
 * Returns its offset, or len when there is none.
 */
size_t scan_next_syscall(const uint8_t *buf, size_t len, size_t from);

/* Name of a kind for messages: "WRPKRU", "XRSTOR", "WRGSBASE". */
const char *scan_kind_name(enum scan_kind kind);

#endif
