/* SPDX-License-Identifier: MIT */
/*
 * Zone B: what the parts of the rewriter share.
 *
 * rewrite.c         order of work, system-call sites, final check
 * rewrite_decode.c  instruction boundaries (the only user of Zydis)
 * rewrite_emit.c    trampoline slots, undone when they spell a hit
 * rewrite_fix.c     one unsafe encoding made safe
 * rewrite_imm.c     constants and displacements that spell one
 */
#ifndef ENDORUN_REWRITE_INTERNAL_H
#define ENDORUN_REWRITE_INTERNAL_H

#include "rewrite.h"

#define INSN_MAX 15
#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1
#define RW_RED_ZONE_SKIP 0x100 /* how far a slot moves rsp before it pushes */

/* What the fixes need to know of an instruction; offsets count from its start. */
struct rw_insn {
	size_t off; /* in text */
	uint8_t len;
	uint8_t opcode;
	uint8_t map;	  /* 0: one-byte opcodes, 1: 0F, 2: others, VEX and EVEX too */
	uint8_t nprefix;  /* bytes before the opcode (map 0 and 1) */
	uint8_t rex;	  /* the REX byte, 0 if there is none */
	uint8_t modrm_at; /* 0: no ModRM */
	uint8_t modrm;
	uint8_t sib;
	uint8_t disp_at, disp_len; /* disp_len 0: none */
	uint8_t imm_at, imm_len;   /* the first immediate */
	uint8_t rel_at, rel_len;   /* branch displacement, 0: none */
	uint64_t imm;
	int64_t disp;
	bool is_plain; /* no segment, address-size, LOCK, REP or 66 prefix */
	bool is_rip_rel;
	bool is_branch;	   /* anything that changes RIP other than by its length */
	bool ends_flow;	   /* nothing behind it is reached from it */
	bool is_plausible; /* a compiler could have written it */
	bool is_xrstor, is_wrpkru, is_wrgsbase;
};

/* rewrite_decode.c */
bool rw_decode(const struct rewrite *rw, size_t off, struct rw_insn *insn);
bool rw_covering(const struct rewrite *rw, size_t off, struct rw_insn *insn);
bool rw_is_start(const struct rewrite *rw, size_t off);
bool rw_is_target(const struct rewrite *rw, size_t from, size_t to);
bool rw_flows_on(const struct rewrite *rw, size_t off);

/*
 * A slot in the making: code written at pos. `bad` is sticky: no room, or a
 * displacement out of range.
 */
struct rw_slot {
	struct rewrite *rw;
	size_t pos;
	unsigned int attempt; /* counts from 0: another chance to differ */
	bool bad;
};

/* Offsets in tramp. */
#define TRAMP_EDGE 16
#define TRAMP_LIT_CALL TRAMP_EDGE
#define TRAMP_LIT_XRSTOR (TRAMP_EDGE + 8)
#define TRAMP_CODE (TRAMP_EDGE + 16)
#define TRAMP_SLACK 1024 /* for slots that were moved on */

/* Room for one slot of either sort. */
#define SITE_SLOT 40
#define FIX_SLOT 96

/* rewrite_emit.c */
void rw_tramp_begin(struct rewrite *rw);
void rw_tramp_end(struct rewrite *rw);
void rw_put(struct rw_slot *slot, const void *bytes, size_t n);
void rw_put_rel32(struct rw_slot *slot, uint64_t target);
void rw_put_u32(struct rw_slot *slot, uint32_t value);
void rw_put_u64(struct rw_slot *slot, uint64_t value);
uint64_t rw_addr_behind(const struct rw_slot *slot, const struct rw_insn *insn);
void rw_put_jmp(struct rw_slot *slot, uint64_t target);
void rw_put_operand(struct rw_slot *slot, const struct rw_insn *insn, uint8_t reg,
		    uint32_t rsp_moved);
uint64_t rw_slot_addr(const struct rw_slot *slot);
bool rw_has_hit(const uint8_t *buf, size_t len, size_t start, size_t end);

#define RW_PUT(slot, ...)                                                                          \
	rw_put((slot), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* How the site's bytes become a jump to the slot. */
enum rw_patch {
	RW_JMP,	  /* E9 rel32, the rest of [off, off + len) int3 */
	RW_CALL,  /* 67 ... E8 rel32: a call of the same length */
	RW_REL32, /* only the rel32 in the last four bytes */
};

typedef void rw_body(struct rw_slot *slot, const struct rw_insn *insn);

bool rw_divert(struct rewrite *rw, const struct rw_insn *insn, enum rw_patch patch, rw_body *body);
bool rw_replace(struct rewrite *rw, size_t off, const uint8_t *bytes, size_t n);

/* rewrite_fix.c: NULL when the hit is gone, else why it is not. */
const char *rw_fix(struct rewrite *rw, const struct scan_hit *hit);

/* rewrite_imm.c */
bool rw_fix_constant(struct rewrite *rw, const struct rw_insn *insn);

#endif
