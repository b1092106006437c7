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

/* From the pushes in put_xrstor on, the program's rsp is this far up. */
#define XRSTOR_RSP (RW_RED_ZONE_SKIP + 16)

/*
 * XRSTOR through the gate's only one: rcx takes the area's address, edx:eax
 * is the mask already; the stub clobbers rax, rcx, rdx and flags.
 */
static void put_xrstor(struct rw_slot *slot, const struct rw_insn *insn)
{
	RW_PUT(slot, 0x48, 0x8d, 0xa4, 0x24); /* lea -0x100(%rsp),%rsp */
	rw_put_u32(slot, -(uint32_t)RW_RED_ZONE_SKIP);
	RW_PUT(slot, 0x9c, 0x51); /* pushfq; push %rcx */
	RW_PUT(slot, (uint8_t)(0x48 | (insn->rex & (REX_X | REX_B))), 0x8d);
	rw_put_operand(slot, insn, 1, XRSTOR_RSP); /* lea area,%rcx */
	RW_PUT(slot, 0x50, 0x52, 0xff, 0x15);	   /* push %rax; push %rdx; call *lit(%rip) */
	rw_put_rel32(slot, slot->rw->tramp_addr + TRAMP_LIT_XRSTOR);
	RW_PUT(slot, 0x5a, 0x58, 0x59, 0x9d); /* pop %rdx; %rax; %rcx; popfq */
	RW_PUT(slot, 0x48, 0x8d, 0xa4, 0x24); /* lea 0x100(%rsp),%rsp */
	rw_put_u32(slot, RW_RED_ZONE_SKIP);
}

/* A copy of an instruction that may stand anywhere but for its disp32. */
static void put_moved(struct rw_slot *slot, const struct rw_insn *insn)
{
	const uint8_t *p = slot->rw->text + insn->off;
	uint8_t behind;

	if (!insn->is_rip_rel) {
		rw_put(slot, p, insn->len);
		return;
	}
	behind = (uint8_t)(insn->len - insn->disp_at - 4);
	rw_put(slot, p, insn->disp_at);
	rw_put_rel32(slot, rw_addr_behind(slot, insn) + (uint64_t)insn->disp - behind);
	rw_put(slot, p + insn->disp_at + 4, behind);
}

/* insn: the XRSTOR and whatever must move along to make room for a jump. */
static void xrstor_body(struct rw_slot *slot, const struct rw_insn *group)
{
	size_t end = group->off + group->len;
	struct rw_insn insn;

	for (size_t off = group->off; off < end; off += insn.len) {
		if (!rw_decode(slot->rw, off, &insn)) {
			slot->bad = true;
			return;
		}
		if (off == group->off)
			put_xrstor(slot, &insn);
		else
			put_moved(slot, &insn);
	}
	rw_put_jmp(slot, rw_addr_behind(slot, group));
}

/*
 * Where XRSTOR is shorter than a jump, whole instructions behind it move too.
 * They keep their meaning anywhere, and no direct branch leads to them; an
 * indirect one to the middle of a save-and-restore sequence is not plausible.
 */
static const char *fix_xrstor(struct rewrite *rw, const struct rw_insn *insn)
{
	struct rw_insn group = *insn, next;

	if (!insn->is_plain)
		return "XRSTOR with a prefix";
	while (group.len < 5) {
		if (!rw_decode(rw, group.off + group.len, &next) || next.is_branch ||
		    next.ends_flow || !next.is_plausible || next.is_xrstor)
			return "XRSTOR shorter than a jump, what follows cannot move";
		group.len = (uint8_t)(group.len + next.len);
	}
	if (group.len > insn->len && rw_is_target(rw, insn->off + insn->len, group.off + group.len))
		return "XRSTOR shorter than a jump, a branch leads behind it";
	if (!rw_divert(rw, &group, RW_JMP, xrstor_body))
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
	rw_put_jmp(slot, rw_addr_behind(slot, insn) + (uint64_t)(int64_t)rel);
}

static const char *fix_branch(struct rewrite *rw, const struct rw_insn *insn)
{
	if (insn->rel_len != 4 || insn->rel_at + 4 != insn->len)
		return "in a short branch";
	if (!rw_divert(rw, insn, RW_REL32, branch_body))
		return "no trampoline within reach for a branch";
	return NULL;
}

static void moved_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	put_moved(slot, insn);
	if (!insn->ends_flow)
		rw_put_jmp(slot, rw_addr_behind(slot, insn));
}

/* call *disp(%rip) becomes a call of the same length to a jmp *disp(%rip). */
static void indirect_call_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	RW_PUT(slot, 0xff, 0x25);
	rw_put_rel32(slot, rw_addr_behind(slot, insn) + (uint64_t)insn->disp);
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
		ok = rw_divert(rw, insn, RW_JMP, moved_body);
	return ok ? NULL : "no trampoline within reach for a RIP-relative operand";
}

static const char *fix_carrier(struct rewrite *rw, const struct rw_insn *insn, size_t hit_end)
{
	const char *why = "in an instruction that has no other form here";

	if (insn->rel_len && hit_end > insn->off + insn->rel_at)
		return fix_branch(rw, insn);
	if (insn->is_rip_rel && hit_end > insn->off + insn->disp_at)
		why = fix_rip_relative(rw, insn);
	if (why && hit_end <= insn->off + insn->len)
		why = rw_fix_constant(rw, insn) ? NULL : why;
	return why;
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
