/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: instruction boundaries in text without symbols.
 *
 * x86 code synchronises itself: decoders that start at different bytes fall
 * into step after a few instructions. So every byte in a window before the
 * place in question is tried as a start, and the chains that arrive vote for
 * the instruction that covers it. A chain that meets something no compiler
 * emits (privileged, in/out, zero bytes, undefined) has started wrongly or in
 * data and has no vote. Too few votes, or too little agreement, is an answer
 * too: "unknown", and nothing is changed there.
 *
 * A wrong answer can break the program whose code it is, never the monitor:
 * what counts is the byte scan that comes last.
 */
#include <Zydis/Zydis.h>

#include "rewrite_internal.h"

#define WINDOW 96
#define NEAR_WINDOW 32
#define SYNC_BYTES 12 /* starts nearer than this may not be in step yet */
#define FORWARD_INSNS 24
#define NONE 0xff

static const ZydisDecoder decoder = {
	.machine_mode = ZYDIS_MACHINE_MODE_LONG_64,
	.stack_width = ZYDIS_STACK_WIDTH_64,
};

static bool decode(const struct rewrite *rw, size_t off, ZydisDecodedInstruction *zi)
{
	return off < rw->len && ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
					&decoder, NULL, rw->text + off, rw->len - off, zi));
}

/* Would a compiler or a human who writes assembly for user space write this? */
static bool is_plausible(const ZydisDecodedInstruction *zi)
{
	if (zi->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return false;
	if (zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	/* 00 /r to memory: zeros, UTF-16, tables of small numbers */
	if (zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && zi->opcode == 0 && zi->raw.modrm.mod != 3)
		return false;
	switch (zi->meta.category) {
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_SEGOP:
	case ZYDIS_CATEGORY_DECIMAL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_VTX:
	case ZYDIS_CATEGORY_SGX:
	case ZYDIS_CATEGORY_TBM:
	case ZYDIS_CATEGORY_XOP:
	case ZYDIS_CATEGORY_KNC:
	case ZYDIS_CATEGORY_AMD3DNOW:
	case ZYDIS_CATEGORY_PADLOCK:
		return false;
	case ZYDIS_CATEGORY_INTERRUPT:
		return zi->mnemonic == ZYDIS_MNEMONIC_INT3;
	default:
		break;
	}
	switch (zi->mnemonic) {
	case ZYDIS_MNEMONIC_ENTER:
	case ZYDIS_MNEMONIC_XLAT:
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
	case ZYDIS_MNEMONIC_CLI:
	case ZYDIS_MNEMONIC_STI:
	case ZYDIS_MNEMONIC_INVALID:
		return false;
	default:
		return true;
	}
}

static bool ends_flow(const ZydisDecodedInstruction *zi)
{
	return zi->meta.category == ZYDIS_CATEGORY_RET ||
	       zi->meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
	       zi->mnemonic == ZYDIS_MNEMONIC_UD2 || zi->mnemonic == ZYDIS_MNEMONIC_INT3;
}

static void fill_bytes(const uint8_t *p, const ZydisDecodedInstruction *zi, struct rw_insn *insn)
{
	insn->len = zi->length;
	insn->opcode = zi->opcode;
	insn->map = 2;
	if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY) {
		if (zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
			insn->map = 0;
		else if (zi->opcode_map == ZYDIS_OPCODE_MAP_0F)
			insn->map = 1;
		insn->nprefix = zi->raw.prefix_count;
	}
	insn->is_plain = true;
	for (uint8_t i = 0; i < insn->nprefix; i++) {
		if ((p[i] & 0xf0) == 0x40 && i + 1 == insn->nprefix)
			insn->rex = p[i];
		else
			insn->is_plain = false;
	}
	if (zi->attributes & ZYDIS_ATTRIB_HAS_MODRM) {
		insn->modrm_at = zi->raw.modrm.offset;
		insn->modrm = p[insn->modrm_at];
	}
	if (zi->attributes & ZYDIS_ATTRIB_HAS_SIB)
		insn->sib = p[zi->raw.sib.offset];
	insn->disp_at = zi->raw.disp.offset;
	insn->disp_len = zi->raw.disp.size / 8;
	insn->disp = zi->raw.disp.value;
}

static void fill(const uint8_t *p, size_t off, const ZydisDecodedInstruction *zi,
		 struct rw_insn *insn)
{
	*insn = (struct rw_insn){.off = off};
	fill_bytes(p, zi, insn);
	for (unsigned int i = 0; i < 2; i++) {
		if (!zi->raw.imm[i].size)
			continue;
		if (zi->raw.imm[i].is_relative) {
			insn->rel_at = zi->raw.imm[i].offset;
			insn->rel_len = zi->raw.imm[i].size / 8;
		} else if (!insn->imm_len) {
			insn->imm_at = zi->raw.imm[i].offset;
			insn->imm_len = zi->raw.imm[i].size / 8;
			insn->imm = zi->raw.imm[i].value.u;
		}
	}
	insn->is_rip_rel = insn->modrm_at && (insn->modrm & 0xc7) == 0x05;
	insn->is_branch = insn->rel_len || zi->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
			  zi->meta.category == ZYDIS_CATEGORY_RET ||
			  zi->meta.category == ZYDIS_CATEGORY_CALL ||
			  zi->meta.category == ZYDIS_CATEGORY_SYSCALL ||
			  zi->meta.category == ZYDIS_CATEGORY_INTERRUPT;
	insn->ends_flow = ends_flow(zi);
	insn->is_plausible = is_plausible(zi);
	insn->is_xrstor = zi->mnemonic == ZYDIS_MNEMONIC_XRSTOR ||
			  zi->mnemonic == ZYDIS_MNEMONIC_XRSTOR64;
	insn->is_wrpkru = zi->mnemonic == ZYDIS_MNEMONIC_WRPKRU;
	insn->is_wrgsbase = zi->mnemonic == ZYDIS_MNEMONIC_WRGSBASE;
}

/* rw_decode - the instruction at off, if there is one */
bool rw_decode(const struct rewrite *rw, size_t off, struct rw_insn *insn)
{
	ZydisDecodedInstruction zi;

	if (!decode(rw, off, &zi))
		return false;
	fill(rw->text + off, off, &zi, insn);
	return true;
}

/* Length of the instruction at off, 0 if it is none that may vote. */
static uint8_t voting_length(const struct rewrite *rw, size_t off)
{
	ZydisDecodedInstruction zi;

	return decode(rw, off, &zi) && is_plausible(&zi) ? zi.length : 0;
}

struct votes {
	unsigned int all, best;
	uint8_t back; /* the winner starts this many bytes before the place */
};

/*
 * Chains are followed from the end: covering[i] says where the chain that
 * starts at base + i ends up, as a distance back from off.
 */
static struct votes count_votes(const struct rewrite *rw, size_t off, size_t window)
{
	uint8_t covering[WINDOW + 1];
	uint8_t tally[INSN_MAX] = {0};
	struct votes votes = {0};
	size_t base = off < window ? 0 : off - window;

	for (size_t i = off - base + 1; i-- > 0;) {
		size_t len = voting_length(rw, base + i);

		covering[i] = NONE;
		if (len && base + i + len > off)
			covering[i] = (uint8_t)(off - base - i);
		else if (len)
			covering[i] = covering[i + len];
	}
	for (size_t i = 0; i <= off - base; i++) {
		/* The first byte of a region is a start, if anything is. */
		unsigned int weight = base + i == 0 ? SYNC_BYTES : 1;

		if (covering[i] == NONE || (base + i && off - base - i < SYNC_BYTES))
			continue;
		tally[covering[i]] = (uint8_t)(tally[covering[i]] + weight);
		votes.all += weight;
	}
	for (uint8_t i = 0; i < INSN_MAX; i++) {
		if (tally[i] > votes.best) {
			votes.best = tally[i];
			votes.back = i;
		}
	}
	return votes;
}

/*
 * rw_covering - the instruction that the byte at off belongs to
 * Used for the rare hits, so thorough: a third of a wide window must have
 * arrived, which constants in the text hardly ever do.
 */
bool rw_covering(const struct rewrite *rw, size_t off, struct rw_insn *insn)
{
	struct votes votes = count_votes(rw, off, WINDOW);
	size_t starts = off < WINDOW ? off : WINDOW;

	if (votes.best * 4 < votes.all * 3 || votes.best < 2)
		return false;
	if (starts > SYNC_BYTES && votes.all * 3 < starts - SYNC_BYTES)
		return false;
	return rw_decode(rw, off - votes.back, insn);
}

/*
 * rw_is_start - does an instruction begin at off?
 * Used for each system-call site, so quick: few starts if they agree.
 */
bool rw_is_start(const struct rewrite *rw, size_t off)
{
	struct votes votes = count_votes(rw, off, NEAR_WINDOW);

	if (votes.best < 4 || votes.best != votes.all)
		votes = count_votes(rw, off, WINDOW);
	return votes.best >= 2 && votes.best * 4 >= votes.all * 3 && votes.back == 0;
}

/* rw_flows_on - is what follows from off on plausible until flow ends? */
bool rw_flows_on(const struct rewrite *rw, size_t off)
{
	struct rw_insn insn;

	for (unsigned int i = 0; i < FORWARD_INSNS && off < rw->len; i++) {
		if (!rw_decode(rw, off, &insn) || !insn.is_plausible)
			return false;
		if (insn.ends_flow)
			return true;
		off += insn.len;
	}
	return true;
}
