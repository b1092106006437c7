/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: finds unsafe instruction encodings at every byte offset.
 *
 * Of WRPKRU and XRSTOR only the opcode bytes are matched, whatever stands in
 * front. WRGSBASE needs an F3, which other prefixes may separate from the
 * opcode (a09): 0F AE D8..DF counts if an F3 is in the run of prefix bytes
 * before it, or if that run reaches the start of the buffer, where nobody
 * knows what is in front. FXRSTOR (/1), LFENCE (0F AE E8) and INCSSP (a
 * register form of /5) are no hits.
 *
 * Not looked for: APX's REX2 forms, which lack the 0F byte (D5 80..FF 01 EF,
 * F3 D5 xx AE D8; a10). The start-up check refuses to run where the kernel has
 * enabled APX in XCR0; without it D5 is an invalid opcode in 64-bit mode, and
 * AAD, which takes one byte, in 32-bit mode.
 *
 * 32-bit code needs no rule of its own: the opcode bytes are the same (a22).
 */
#include "scan.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u
#define WORD 8
#define BLOCK (4 * WORD)
#define HIT_LEN 3

static inline uint64_t load(const uint8_t *p)
{
	uint64_t w;

	__builtin_memcpy(&w, p, sizeof(w));
	return w;
}

/* Not 0 if and only if a byte of w is 0. */
static inline uint64_t has_zero(uint64_t w)
{
	return (w - ONES) & ~w & HIGHS;
}

/* Not 0 if 0F 01 or 0F AE starts at one of p[0..7]; reads p[0..8]. */
static inline uint64_t candidates(const uint8_t *p)
{
	uint64_t first = load(p) ^ (ONES * 0x0f);
	uint64_t second = load(p + 1);

	return has_zero(first | (second ^ ONES)) | has_zero(first | (second ^ (ONES * 0xae)));
}

/* Not 0 if 0F 05 starts at one of p[0..7]; reads p[0..8]. */
static inline uint64_t syscall_candidates(const uint8_t *p)
{
	return has_zero((load(p) ^ (ONES * 0x0f)) | (load(p + 1) ^ (ONES * 0x05)));
}

/* The kind of the three bytes at p, 0 if they are harmless. */
static inline unsigned int classify(const uint8_t *p)
{
	if (p[0] != 0x0f)
		return 0;
	if (p[1] == 0x01)
		return p[2] == 0xef ? SCAN_WRPKRU : 0;
	if (p[1] != 0xae)
		return 0;
	if ((p[2] & 0xf8) == 0xd8)
		return SCAN_WRGSBASE;
	/* /5 with a memory operand: mod is not 3 */
	if ((p[2] & 0x38) == 0x28 && p[2] < 0xc0)
		return SCAN_XRSTOR;
	return 0;
}

#define MAX_PREFIXES 14 /* an instruction has 15 bytes at most */

static inline bool is_prefix(uint8_t b)
{
	return (b & 0xf0) == 0x40 || (b & 0xe7) == 0x26 || (b & 0xfc) == 0x64 || b == 0xf0 ||
	       b == 0xf2 || b == 0xf3;
}

/* May the 0F AE D8..DF at buf[at] have an F3 among its prefixes? */
static bool may_have_f3(const uint8_t *buf, size_t at)
{
	for (size_t n = 1; n <= MAX_PREFIXES; n++) {
		if (n > at)
			return true;
		if (buf[at - n] == 0xf3)
			return true;
		if (!is_prefix(buf[at - n]))
			return false;
	}
	return false;
}

/* scan_next for starts in [from, end); Pre: end + 2 <= length of buf. */
static bool scan_slow(const uint8_t *buf, size_t from, size_t end, struct scan_hit *hit)
{
	for (size_t i = from; i < end; i++) {
		unsigned int kind = classify(buf + i);

		if (kind == SCAN_WRGSBASE && !may_have_f3(buf, i))
			kind = 0;
		if (kind) {
			hit->off = i;
			hit->kind = (enum scan_kind)kind;
			return true;
		}
	}
	return false;
}

/*
 * The block loop tests 32 starts with one branch: candidates are rare in real
 * code (LFENCE, SGDT-like immediates), 0F alone is not. It reads one byte past
 * the last start, and a candidate two: hence the bounds.
 */
bool scan_next(const uint8_t *buf, size_t len, size_t from, struct scan_hit *hit)
{
	size_t end, i = from;

	if (len < HIT_LEN || from > len - HIT_LEN)
		return false;
	end = len - HIT_LEN + 1; /* starts lie below end */

	for (; end - i >= BLOCK; i += BLOCK) {
		const uint8_t *p = buf + i;

		if (!(candidates(p) | candidates(p + WORD) | candidates(p + 2 * WORD) |
		      candidates(p + 3 * WORD)))
			continue;
		if (scan_slow(buf, i, i + BLOCK, hit))
			return true;
	}
	return scan_slow(buf, i, end, hit);
}

bool scan_seam(const uint8_t left[2], const uint8_t right[2])
{
	const uint8_t joint[4] = {left[0], left[1], right[0], right[1]};

	return classify(joint) != 0 || classify(joint + 1) != 0;
}

size_t scan_next_syscall(const uint8_t *buf, size_t len, size_t from)
{
	size_t end, i = from;

	if (len < 2 || from > len - 2)
		return len;
	end = len - 1; /* starts lie below end */

	while (i < end) {
		if (end - i >= BLOCK) {
			const uint8_t *p = buf + i;

			if (!(syscall_candidates(p) | syscall_candidates(p + WORD) |
			      syscall_candidates(p + 2 * WORD) |
			      syscall_candidates(p + 3 * WORD))) {
				i += BLOCK;
				continue;
			}
		}
		for (size_t stop = end - i > BLOCK ? i + BLOCK : end; i < stop; i++)
			if (buf[i] == 0x0f && buf[i + 1] == 0x05)
				return i;
	}
	return len;
}

const char *scan_kind_name(enum scan_kind kind)
{
	switch (kind) {
	case SCAN_WRPKRU:
		return "WRPKRU";
	case SCAN_XRSTOR:
		return "XRSTOR";
	case SCAN_WRGSBASE:
		return "WRGSBASE";
	}
	return "unknown";
}
