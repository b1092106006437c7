/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: makes a copy of executable bytes safe, or says why it cannot.
 *
 * The caller owns both buffers (nobody else can write them meanwhile), and
 * maps text at text_addr and the trampolines at tramp_addr afterwards.
 */
#ifndef ENDORUN_REWRITE_H
#define ENDORUN_REWRITE_H

#include <stddef.h>
#include <stdint.h>

#include "scan.h"

/* Fixed addresses inside the gate page that trampolines jump to. */
struct rewrite_gates {
	uint64_t call;	 /* mediated call: r11 = nr << 48 | return address, rdx parked */
	uint64_t xrstor; /* the one XRSTOR: called, see rewrite.c */
};

struct rewrite_refusal {
	size_t off; /* in text */
	enum scan_kind kind;
	const char *why; /* static text */
	uint8_t bytes[16];
	uint8_t nbytes;
};

struct rewrite_stats {
	uint64_t hits_patched; /* unsafe encodings made safe */
	uint64_t sites_bound;  /* system-call sites bound to the gate */
	uint64_t sites_left;   /* 0F 05 that stay and trap when mediated */
	uint64_t pages_noexec; /* bits set in rewrite.noexec */
};

struct rewrite {
	uint8_t *text;
	size_t len;
	uint64_t text_addr;
	uint8_t *tramp; /* out: trampoline code, room for tramp_cap bytes */
	size_t tramp_cap;
	size_t tramp_len;    /* out: bytes used, 0 if no trampoline was needed */
	uint64_t tramp_addr; /* where tramp will be mapped; 0: no trampolines may be made */
	const struct rewrite_gates *gates;
	/* Which numbers are bound to the gate: bit n set = bind call number n. */
	const uint8_t *bind_bitmap;
	size_t bind_count; /* numbers in the bitmap */
	/*
	 * NULL, or a bit a page of text (page 0 holds text[0]): pages that the
	 * caller maps without PROT_EXEC. It may set some before, of sections
	 * without code: hits there are left alone. A hit that nothing can mend,
	 * mostly a constant among code, then marks its page instead of failing,
	 * and its bytes stay as they were.
	 */
	uint8_t *noexec;
	struct rewrite_stats stats;
	struct rewrite_refusal refusal;
};

/*
 * rewrite_need - upper bound in bytes of trampoline room that text needs
 * Reads text, len, bind_bitmap only. 0 when no trampoline is needed at all, so
 * that the caller need not look for room (most JIT pages).
 */
size_t rewrite_need(const struct rewrite *rw);

/*
 * rewrite_text - patch text in place and write the trampolines
 * Returns 0, or -EACCES with rw->refusal filled. On success neither text nor
 * trampolines contain an unsafe encoding at any byte offset (checked last).
 */
int rewrite_text(struct rewrite *rw);

#endif
