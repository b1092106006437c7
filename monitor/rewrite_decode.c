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
#define NEAR_WINDOW 24
#define SYNC_BYTES 12 /* starts nearer than this may not be in step yet */
#define FAR_BYTES 32  /* of a window, at its far end */
#define FORWARD_INSNS 24
#define REPEATED (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)
#define MIN_VOTES 4
#define NONE 0xff
#define UNKNOWN 0xfe

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
	case ZYDIS_CATEGORY_STRINGOP: /* lods, scas, cmps: runs of equal bytes */
		return (zi->attributes & REPEATED) || (zi->opcode & 0xfe) == 0xa4 ||
		       (zi->opcode & 0xfe) == 0xaa;
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
	insn->is_xrstor =
		zi->mnemonic == ZYDIS_MNEMONIC_XRSTOR || zi->mnemonic == ZYDIS_MNEMONIC_XRSTOR64;
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
	unsigned int all, best, far; /* far: of those, how many from far away */
	uint8_t back;		     /* the winner starts this many bytes before the place */
};

/*
 * Where does the chain that starts at base + i end up, as a distance back from
 * off? Most chains run into one that is known already: few bytes are decoded.
 */
static uint8_t follow(const struct rewrite *rw, size_t base, size_t off, size_t i,
		      uint8_t covering[WINDOW + 1])
{
	uint8_t path[WINDOW + 1];
	uint8_t end = NONE;
	size_t n = 0, len;

	for (; covering[i] == UNKNOWN; i += len) {
		len = voting_length(rw, base + i);
		path[n++] = (uint8_t)i;
		if (!len)
			break;
		if (base + i + len > off) {
			end = (uint8_t)(off - base - i);
			break;
		}
	}
	if (covering[i] != UNKNOWN)
		end = covering[i];
	while (n-- > 0)
		covering[path[n]] = end;
	return end;
}

static struct votes count_votes(const struct rewrite *rw, size_t off, size_t window)
{
	uint8_t covering[WINDOW + 1];
	uint8_t tally[INSN_MAX] = {0};
	struct votes votes = {0};
	size_t base = off < window ? 0 : off - window;

	for (size_t i = 0; i <= off - base; i++)
		covering[i] = UNKNOWN;
	for (size_t i = 0; i <= off - base; i++) {
		/* The first byte of a region is a start, if anything is. */
		unsigned int weight = base + i == 0 ? SYNC_BYTES : 1;
		uint8_t end;

		if (base + i && off - base - i < SYNC_BYTES)
			break;
		end = follow(rw, base, off, i, covering);
		if (end == NONE)
			continue;
		tally[end] = (uint8_t)(tally[end] + weight);
		votes.all += weight;
		votes.far += base + i == 0 || i < FAR_BYTES;
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
 * Used for the rare hits, so thorough: chains must have come all the way from
 * the far end of the window, which they hardly ever do through constants.
 */
bool rw_covering(const struct rewrite *rw, size_t off, struct rw_insn *insn)
{
	struct votes votes = count_votes(rw, off, WINDOW);

	if (votes.best * 4 < votes.all * 3 || votes.best < MIN_VOTES || !votes.far)
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
	return votes.best >= MIN_VOTES && votes.best * 4 >= votes.all * 3 && votes.back == 0;
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

static bool is_short_branch(uint8_t opcode)
{
	return opcode == 0xeb || (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0;
}

/*
 * rw_is_target - does a direct branch lead to a byte of [from, to) ?
 * Long ones are looked for at every byte, which errs on the safe side.
 */
bool rw_is_target(const struct rewrite *rw, size_t from, size_t to)
{
	const uint8_t *text = rw->text;
	size_t near = from < 128 ? 0 : from - 128;

	for (size_t i = 1; i + 4 <= rw->len; i++) {
		uint32_t rel;

		__builtin_memcpy(&rel, text + i, sizeof(rel));
		if (i + 4 + (size_t)(int64_t)(int32_t)rel - from >= to - from)
			continue;
		if ((text[i - 1] & 0xfe) == 0xe8)
			return true;
		if (i > 1 && text[i - 2] == 0x0f && (text[i - 1] & 0xf0) == 0x80)
			return true;
	}
	for (size_t i = near; i + 2 <= rw->len && i < to + 128; i++) {
		if (is_short_branch(text[i]) &&
		    i + 2 + (size_t)(int64_t)(int8_t)text[i + 1] - from < to - from &&
		    rw_is_start(rw, i))
			return true;
	}
	return false;
}
