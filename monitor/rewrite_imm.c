/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: constants and displacements that spell an unsafe encoding.
 *
 * The constant is loaded with its bytes reversed and swapped back (BSWAP keeps
 * the flags); where the instruction cannot be split that way, a register that
 * it does not use holds the constant meanwhile.
 */
#include "rewrite_internal.h"

#define RCX 1
#define RDX 2
#define RBX 3
#define RSI 6
#define RSP 4

/* The two halves of a displacement; which one helps depends on where the hit is. */
static const uint32_t deltas[] = {0x10, 0x1000, 0x100000, 0x10101010};

static void put_reversed(struct rw_slot *slot, const uint8_t *bytes, uint8_t n)
{
	while (n-- > 0)
		rw_put(slot, bytes + n, 1);
}

/* mov $imm,%reg, of 32 or 64 bits */
static void mov_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	const uint8_t *p = slot->rw->text + insn->off;

	rw_put(slot, p, insn->imm_at);
	put_reversed(slot, p + insn->imm_at, insn->imm_len);
	if (insn->rex)
		RW_PUT(slot, insn->rex);
	RW_PUT(slot, 0x0f, (uint8_t)(0xc8 | (insn->opcode & 7)));
	rw_put_jmp(slot, rw_addr_behind(slot, insn));
}

/* lea disp(...),%reg: two of them, with disp - delta and delta */
static void lea_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	const uint8_t *p = slot->rw->text + insn->off;
	uint32_t delta = deltas[slot->attempt % (sizeof(deltas) / sizeof(deltas[0]))];
	uint8_t reg = insn->modrm >> 3 & 7;
	uint8_t rex = insn->rex & (0x40 | REX_W | REX_R);

	if (rex & REX_R)
		rex |= REX_B;
	rw_put(slot, p, insn->disp_at);
	rw_put_u32(slot, (uint32_t)insn->disp - delta);
	if (rex)
		RW_PUT(slot, rex);
	RW_PUT(slot, 0x8d, (uint8_t)(0x80 | reg << 3 | reg));
	if (reg == RSP)
		RW_PUT(slot, 0x24);
	rw_put_u32(slot, delta);
	rw_put_jmp(slot, rw_addr_behind(slot, insn));
}

/* The form of `op $imm32,r/m` that takes a register, 0 if there is none. */
static uint8_t register_form(const struct rw_insn *insn)
{
	uint8_t field = insn->modrm & 0x38;

	switch (insn->opcode) {
	case 0x81: /* add or adc sbb and sub xor cmp */
		return field | 1;
	case 0xc7: /* mov; /7 is XBEGIN */
		return field == 0 ? 0x89 : 0;
	case 0xf7: /* test */
		return field <= 8 ? 0x85 : 0;
	case 0xa9: /* test $imm32,%eax */
		return 0x85;
	default: /* 05 0d .. 3d: the same eight on eax */
		return (insn->opcode & 0xc7) == 0x05 ? (uint8_t)(insn->opcode - 4) : 0;
	}
}

static uint8_t unused_register(const struct rw_insn *insn)
{
	static const uint8_t candidates[] = {RCX, RDX, RBX, RSI};
	unsigned int used = 0;

	/* Numbers above 7 are marked as their lower twins: no harm. */
	if (insn->modrm_at)
		used |= 1u << (insn->modrm & 7);
	used |= 1u << (insn->sib & 7) | 1u << (insn->sib >> 3 & 7);
	for (size_t i = 0; i < sizeof(candidates); i++)
		if (!(used >> candidates[i] & 1))
			return candidates[i];
	return RSI; /* not reached: at most three are used */
}

static void alu_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	const uint8_t *p = slot->rw->text + insn->off;
	uint8_t scratch = unused_register(insn);

	RW_PUT(slot, 0x48, 0x8d, 0xa4, 0x24); /* lea -0x100(%rsp),%rsp */
	rw_put_u32(slot, -(uint32_t)RW_RED_ZONE_SKIP);
	RW_PUT(slot, (uint8_t)(0x50 | scratch), (uint8_t)(0xb8 | scratch)); /* push; mov */
	put_reversed(slot, p + insn->imm_at, 4);
	RW_PUT(slot, 0x0f, (uint8_t)(0xc8 | scratch)); /* bswap */
	if (insn->rex & REX_W)			       /* movslq: the constant is signed */
		RW_PUT(slot, 0x48, 0x63, (uint8_t)(0xc0 | scratch << 3 | scratch));
	if (insn->rex)
		RW_PUT(slot, insn->rex);
	RW_PUT(slot, register_form(insn));
	if (!insn->modrm_at)
		RW_PUT(slot, (uint8_t)(0xc0 | scratch << 3));
	else if (insn->modrm >= 0xc0)
		RW_PUT(slot, (uint8_t)(0xc0 | scratch << 3 | (insn->modrm & 7)));
	else
		rw_put_operand(slot, insn, scratch, RW_RED_ZONE_SKIP + 8);
	RW_PUT(slot, (uint8_t)(0x58 | scratch), 0x48, 0x8d, 0xa4, 0x24);
	rw_put_u32(slot, RW_RED_ZONE_SKIP);
	rw_put_jmp(slot, rw_addr_behind(slot, insn));
}

/* rw_fix_constant - another way to the same effect, if we know one */
bool rw_fix_constant(struct rewrite *rw, const struct rw_insn *insn)
{
	if (insn->map != 0 || !insn->is_plain || insn->len < 5)
		return false;
	if ((insn->opcode & 0xf8) == 0xb8 && insn->imm_len >= 4)
		return rw_divert(rw, insn, RW_JMP, mov_body);
	if (insn->opcode == 0x8d && !insn->is_rip_rel && insn->disp_len == 4)
		return rw_divert(rw, insn, RW_JMP, lea_body);
	if (insn->imm_len != 4 || !register_form(insn))
		return false;
	/* rsp as an operand of its own is not what it was while we use the stack */
	if (insn->modrm >= 0xc0 && (insn->modrm & 7) == RSP && !(insn->rex & REX_B))
		return false;
	return rw_divert(rw, insn, RW_JMP, alu_body);
}
