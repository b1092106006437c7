/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: makes one unsafe encoding safe.
 *
 * An intended instruction gets the monitor's version of its effect; one that
 * exists only at an odd offset goes away with its carrier re-encoded. Every
 * function answers NULL (gone) or the reason why not. Flags, registers and
 * the red zone of the program are kept by every replacement.
 */
#include "rewrite_internal.h"

#define RED_ZONE_SKIP 0x100
/* From the pushes in xrstor_body on, the program's rsp is this far up. */
#define XRSTOR_RSP (RED_ZONE_SKIP + 16)
#define REX_R 4
#define REX_X 2
#define REX_B 1
#define RM_SIB 4
#define RSP 4

static uint64_t addr_behind(const struct rw_slot *slot, const struct rw_insn *insn)
{
	return slot->rw->text_addr + insn->off + insn->len;
}

static void put_jmp(struct rw_slot *slot, uint64_t target)
{
	RW_PUT(slot, 0xe9);
	rw_put_rel32(slot, target);
}

/*
 * ModRM, SIB and displacement of insn's memory operand with another register
 * field, when rsp has moved down by rsp_moved. All displacements become 32 bits.
 */
static void put_operand(struct rw_slot *slot, const struct rw_insn *insn, uint8_t reg,
			uint32_t rsp_moved, uint8_t bytes_behind)
{
	uint8_t mod = insn->modrm >> 6, rm = insn->modrm & 7;
	uint32_t disp = (uint32_t)insn->disp;
	uint8_t field = (uint8_t)(reg << 3);

	if (insn->is_rip_rel) {
		uint64_t target = addr_behind(slot, insn) + (uint64_t)insn->disp;

		RW_PUT(slot, (uint8_t)(0x05 | field));
		rw_put_rel32(slot, target - bytes_behind);
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

/*
 * XRSTOR through the gate's only one: rcx takes the area's address, edx:eax
 * is the mask already; the stub clobbers rax, rcx, rdx and flags.
 */
static void xrstor_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	uint64_t lit = slot->rw->tramp_addr + TRAMP_LIT_XRSTOR;

	RW_PUT(slot, 0x48, 0x8d, 0xa4, 0x24); /* lea -0x100(%rsp),%rsp */
	rw_put_u32(slot, -(uint32_t)RED_ZONE_SKIP);
	RW_PUT(slot, 0x9c, 0x51); /* pushfq; push %rcx */
	RW_PUT(slot, (uint8_t)(0x48 | (insn->rex & (REX_X | REX_B))), 0x8d);
	put_operand(slot, insn, 1, XRSTOR_RSP, 0); /* lea area,%rcx */
	RW_PUT(slot, 0x50, 0x52, 0xff, 0x15);	   /* push %rax; push %rdx; call *lit(%rip) */
	rw_put_rel32(slot, lit);
	RW_PUT(slot, 0x5a, 0x58, 0x59, 0x9d); /* pop %rdx; %rax; %rcx; popfq */
	RW_PUT(slot, 0x48, 0x8d, 0xa4, 0x24); /* lea 0x100(%rsp),%rsp */
	rw_put_u32(slot, RED_ZONE_SKIP);
	put_jmp(slot, addr_behind(slot, insn));
}

static const char *fix_xrstor(struct rewrite *rw, const struct rw_insn *insn)
{
	if (!insn->is_plain)
		return "XRSTOR with a prefix";
	if (insn->len < 5)
		return "XRSTOR shorter than a jump";
	if (!rw_divert(rw, insn, RW_JMP, xrstor_body))
		return "no trampoline within reach for XRSTOR";
	return NULL;
}

/* ud2 and nops: the monitor's SIGILL entry emulates, or the program dies. */
static const char *fix_trap(struct rewrite *rw, const struct rw_insn *insn)
{
	uint8_t bytes[INSN_MAX];

	for (uint8_t i = 0; i < insn->len; i++)
		bytes[i] = 0x90;
	bytes[0] = 0x0f;
	bytes[1] = 0x0b;
	if (!rw_replace(rw, insn->off, bytes, insn->len))
		return "a trap in its place spells another hit";
	return NULL;
}

/* The branch takes another branch on its way: return addresses stay right. */
static void branch_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	int32_t rel;

	__builtin_memcpy(&rel, slot->rw->text + insn->off + insn->rel_at, sizeof(rel));
	put_jmp(slot, addr_behind(slot, insn) + (uint64_t)(int64_t)rel);
}

static const char *fix_branch(struct rewrite *rw, const struct rw_insn *insn)
{
	if (insn->rel_len != 4 || insn->rel_at + 4 != insn->len)
		return "in a short branch";
	if (!rw_divert(rw, insn, RW_REL32, branch_body))
		return "no trampoline within reach for a branch";
	return NULL;
}

/* The same instruction with its RIP-relative displacement counted from here. */
static void rip_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	const uint8_t *p = slot->rw->text + insn->off;
	uint8_t behind = (uint8_t)(insn->len - insn->disp_at - 4);

	rw_put(slot, p, insn->disp_at);
	rw_put_rel32(slot, addr_behind(slot, insn) + (uint64_t)insn->disp - behind);
	rw_put(slot, p + insn->disp_at + 4, behind);
	if (!insn->ends_flow)
		put_jmp(slot, addr_behind(slot, insn));
}

/* call *disp(%rip) becomes a call of the same length to a jmp *disp(%rip). */
static void indirect_call_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	RW_PUT(slot, 0xff, 0x25);
	rw_put_rel32(slot, addr_behind(slot, insn) + (uint64_t)insn->disp);
}

static const char *fix_rip_relative(struct rewrite *rw, const struct rw_insn *insn)
{
	bool is_call = insn->map == 0 && insn->opcode == 0xff && (insn->modrm & 0x38) == 0x10;
	bool ok;

	if (is_call && insn->is_plain && !insn->rex)
		ok = rw_divert(rw, insn, RW_CALL, indirect_call_body);
	else if (insn->is_branch && !insn->ends_flow)
		return "in an unusual branch";
	else
		ok = rw_divert(rw, insn, RW_JMP, rip_body);
	return ok ? NULL : "no trampoline within reach for a RIP-relative operand";
}

/* mov $imm,%reg: the bytes reversed, then swapped back; BSWAP keeps flags. */
static void mov_imm_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	const uint8_t *p = slot->rw->text + insn->off;

	rw_put(slot, p, insn->imm_at);
	for (uint8_t i = insn->imm_len; i-- > 0;)
		RW_PUT(slot, p[insn->imm_at + i]);
	if (insn->rex)
		RW_PUT(slot, insn->rex);
	RW_PUT(slot, 0x0f, (uint8_t)(0xc8 | (insn->opcode & 7)));
	put_jmp(slot, addr_behind(slot, insn));
}

static const char *fix_carrier(struct rewrite *rw, const struct rw_insn *insn, size_t hit_end)
{
	size_t end = insn->off + insn->len;

	if (insn->rel_len && hit_end > insn->off + insn->rel_at)
		return fix_branch(rw, insn);
	if (insn->is_rip_rel && insn->disp_len == 4 && hit_end > insn->off + insn->disp_at)
		return fix_rip_relative(rw, insn);
	if (insn->map == 0 && (insn->opcode & 0xf8) == 0xb8 && insn->is_plain &&
	    insn->imm_len >= 4 && hit_end <= end)
		return rw_divert(rw, insn, RW_JMP, mov_imm_body) ? NULL : "in a constant";
	return "in an instruction that has no other form here";
}

/* 0F at an instruction's end, add %ebp,%edi behind it: that has a twin. */
static bool fix_add(struct rewrite *rw, size_t off)
{
	static const uint8_t twin[] = {0x03, 0xfd};

	return rw_replace(rw, off, twin, sizeof(twin));
}

const char *rw_fix(struct rewrite *rw, const struct scan_hit *hit)
{
	struct rw_insn insn;
	size_t end;

	if (!rw_covering(rw, hit->off, &insn))
		return "instruction boundaries unclear, perhaps data";
	end = insn.off + insn.len;
	if (!rw_flows_on(rw, end))
		return "what follows is no code, perhaps data";
	if (insn.is_xrstor)
		return fix_xrstor(rw, &insn);
	if (insn.is_wrpkru || insn.is_wrgsbase)
		return fix_trap(rw, &insn);
	if (hit->kind == SCAN_WRPKRU && end == hit->off + 1 && fix_add(rw, end))
		return NULL;
	return fix_carrier(rw, &insn, hit->off + 3);
}
