/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: trampoline slots.
 *
 * A slot is written together with the patch that leads to it, then both are
 * looked over: if the distance between them spells an unsafe encoding (a21),
 * or joins with its neighbours to one, the slot moves on and the patch is
 * tried again. Displacements decide the outcome, so a handful of distances is
 * enough by accident, and an attacker who chose the layout gains a refusal.
 */
#include "rewrite_internal.h"

#define INT3 0xcc
#define RM_SIB 4
#define RSP 4

static void put_at(uint8_t *p, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

/* Fills the buffer and writes the literals; does nothing without trampolines. */
void rw_tramp_begin(struct rewrite *rw)
{
	rw->tramp_len = 0;
	if (!rw->tramp_addr)
		return;
	for (size_t i = 0; i < rw->tramp_cap; i++)
		rw->tramp[i] = INT3;
	if (rw->tramp_cap < TRAMP_CODE + TRAMP_EDGE)
		return;
	put_at(rw->tramp + TRAMP_LIT_CALL, rw->gates->call, 8);
	put_at(rw->tramp + TRAMP_LIT_XRSTOR, rw->gates->xrstor, 8);
	rw->tramp_len = TRAMP_CODE;
}

/* Closes the buffer with its edge, or empties it when no slot was needed. */
void rw_tramp_end(struct rewrite *rw)
{
	if (rw->tramp_len > TRAMP_CODE) {
		rw->tramp_len += TRAMP_EDGE;
		return;
	}
	rw->tramp_len = 0;
	for (size_t i = 0; rw->tramp_addr && i < rw->tramp_cap; i++)
		rw->tramp[i] = INT3;
}

uint64_t rw_slot_addr(const struct rw_slot *slot)
{
	return slot->rw->tramp_addr + slot->pos;
}

void rw_put(struct rw_slot *slot, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;

	if (slot->bad || slot->rw->tramp_cap - TRAMP_EDGE - slot->pos < n) {
		slot->bad = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		slot->rw->tramp[slot->pos++] = from[i];
}

void rw_put_u32(struct rw_slot *slot, uint32_t value)
{
	rw_put(slot, &value, sizeof(value));
}

void rw_put_u64(struct rw_slot *slot, uint64_t value)
{
	rw_put(slot, &value, sizeof(value));
}

static bool rel32_fits(uint64_t from, uint64_t to, uint32_t *rel)
{
	int64_t distance = (int64_t)(to - from);

	*rel = (uint32_t)distance;
	return distance == (int32_t)distance;
}

/* A displacement that counts from the byte behind it. */
void rw_put_rel32(struct rw_slot *slot, uint64_t target)
{
	uint32_t rel;

	if (!rel32_fits(rw_slot_addr(slot) + 4, target, &rel))
		slot->bad = true;
	rw_put_u32(slot, rel);
}

uint64_t rw_addr_behind(const struct rw_slot *slot, const struct rw_insn *insn)
{
	return slot->rw->text_addr + insn->off + insn->len;
}

void rw_put_jmp(struct rw_slot *slot, uint64_t target)
{
	RW_PUT(slot, 0xe9);
	rw_put_rel32(slot, target);
}

/*
 * rw_put_operand - ModRM, SIB and displacement of insn's memory operand with another register
 * field, when rsp has moved down by rsp_moved. All displacements become 32 bits
 * and nothing may follow them in the new instruction.
 */
void rw_put_operand(struct rw_slot *slot, const struct rw_insn *insn, uint8_t reg,
		    uint32_t rsp_moved)
{
	uint8_t mod = insn->modrm >> 6, rm = insn->modrm & 7;
	uint32_t disp = (uint32_t)insn->disp;
	uint8_t field = (uint8_t)(reg << 3);

	if (insn->is_rip_rel) {
		uint64_t target = rw_addr_behind(slot, insn) + (uint64_t)insn->disp;

		RW_PUT(slot, (uint8_t)(0x05 | field));
		rw_put_rel32(slot, target);
		return;
	}
	if (rm != RM_SIB) {
		RW_PUT(slot, (uint8_t)(0x80 | field | rm));
		rw_put_u32(slot, disp);
		return;
	}
	if ((insn->sib & 7) == RSP && !(insn->rex & REX_B))
		disp += rsp_moved;
	/* mod 0 with base 5 means no base: must stay mod 0 */
	mod = mod == 0 && (insn->sib & 7) == 5 ? 0 : 0x80;
	RW_PUT(slot, (uint8_t)(mod | field | RM_SIB), insn->sib);
	rw_put_u32(slot, disp);
}

/* Is there a hit that touches a byte of [start, end) ? */
bool rw_has_hit(const uint8_t *buf, size_t len, size_t start, size_t end)
{
	struct scan_hit hit;
	size_t from = start < 2 ? 0 : start - 2;
	size_t to = len - end < 2 ? len : end + 2;

	return scan_next(buf, to, from, &hit);
}

static bool patch_site(struct rewrite *rw, const struct rw_insn *insn, enum rw_patch patch,
		       uint64_t target)
{
	uint8_t *site = rw->text + insn->off;
	size_t rel_at = patch == RW_JMP ? 1 : insn->len - 4u;
	uint32_t rel;

	if (!rel32_fits(rw->text_addr + insn->off + rel_at + 4, target, &rel))
		return false;
	if (patch == RW_JMP) {
		site[0] = 0xe9;
		for (size_t i = 5; i < insn->len; i++)
			site[i] = INT3;
	} else if (patch == RW_CALL) {
		for (size_t i = 0; i < insn->len - 5u; i++)
			site[i] = 0x67; /* as linkers do when they relax a call */
		site[insn->len - 5] = 0xe8;
	}
	put_at(site + rel_at, rel, 4);
	return true;
}

/*
 * rw_divert - replace the instruction by a jump to a new slot
 * Pre: insn->len >= 5. On failure text and trampolines are as before.
 */
bool rw_divert(struct rewrite *rw, const struct rw_insn *insn, enum rw_patch patch, rw_body *body)
{
	static const uint16_t skips[] = {0, 1, 2, 3, 5, 8, 13, 21, 256, 259};
	uint8_t *site = rw->text + insn->off;
	uint8_t before[4 * INSN_MAX];
	size_t start = rw->tramp_len;

	if (start == 0 || insn->len > sizeof(before))
		return false;
	__builtin_memcpy(before, site, insn->len);
	for (size_t i = 0; i < sizeof(skips) / sizeof(skips[0]); i++) {
		struct rw_slot slot = {
			.rw = rw, .pos = start + skips[i], .attempt = (unsigned int)i};
		size_t entry = slot.pos;

		if (entry + TRAMP_EDGE > rw->tramp_cap)
			break;
		body(&slot, insn);
		if (!slot.bad && patch_site(rw, insn, patch, rw->tramp_addr + entry) &&
		    !rw_has_hit(rw->text, rw->len, insn->off, insn->off + insn->len) &&
		    !rw_has_hit(rw->tramp, rw->tramp_cap, entry, slot.pos)) {
			rw->tramp_len = slot.pos;
			return true;
		}
		for (size_t k = start; k < slot.pos; k++)
			rw->tramp[k] = INT3;
		__builtin_memcpy(site, before, insn->len);
	}
	return false;
}

/* rw_replace - new bytes of the same length; undone if they spell a hit. */
bool rw_replace(struct rewrite *rw, size_t off, const uint8_t *bytes, size_t n)
{
	uint8_t before[4 * INSN_MAX];

	if (n > sizeof(before))
		return false;
	__builtin_memcpy(before, rw->text + off, n);
	__builtin_memcpy(rw->text + off, bytes, n);
	if (!rw_has_hit(rw->text, rw->len, off, off + n))
		return true;
	__builtin_memcpy(rw->text + off, before, n);
	return false;
}
