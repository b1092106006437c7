/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: makes a copy of executable bytes safe, or says why it cannot.
 *
 * Order: unsafe encodings first (a refusal saves the rest), then system-call
 * sites, then one scan over everything, which alone decides.
 *
 * A bound site keeps its `syscall` and all its instruction boundaries:
 *	b8 nr nr nr nr 0f 05   mov $nr,%eax; syscall
 *	e9 rel32       0f 05   jmp slot;     syscall
 * 48 c7 c0 nr.. 0f 05 is left alone: unwinders know __restore_rt by its bytes.
 */
#include "rewrite_internal.h"

#define EACCES 13
#define SITE_LEN 7
#define PAGE_SHIFT 12

static bool is_bound(const struct rewrite *rw, uint32_t nr)
{
	return nr < rw->bind_count && (rw->bind_bitmap[nr / 8] >> (nr % 8) & 1);
}

/* Does the 0F 05 at off end a mov $nr,%eax; syscall? */
static bool site_number(const struct rewrite *rw, size_t off, uint32_t *nr)
{
	if (off < 5 || rw->text[off - 5] != 0xb8)
		return false;
	__builtin_memcpy(nr, rw->text + off - 4, sizeof(*nr));
	return true;
}

/* In a slot all but rax, rcx, r11 is the program's; flags must not change. */
static void site_body(struct rw_slot *slot, const struct rw_insn *insn)
{
	uint64_t site = slot->rw->text_addr + insn->off;
	uint32_t nr;

	__builtin_memcpy(&nr, slot->rw->text + insn->off + 1, sizeof(nr));
	RW_PUT(slot, 0x48, 0x89, 0x94, 0x24); /* mov %rdx,-0x88(%rsp) */
	rw_put_u32(slot, -(uint32_t)0x88);
	RW_PUT(slot, 0x48, 0x8d, 0x0d); /* lea site+7(%rip),%rcx */
	rw_put_rel32(slot, site + SITE_LEN);
	RW_PUT(slot, 0x49, 0xbb); /* movabs $nr<<48,%r11 */
	rw_put_u64(slot, (uint64_t)nr << 48);
	RW_PUT(slot, 0x4d, 0x8d, 0x1c, 0x0b); /* lea (%r11,%rcx),%r11 */
	RW_PUT(slot, 0xb8);		      /* mov $nr,%eax */
	rw_put_u32(slot, nr);
	RW_PUT(slot, 0xff, 0x25); /* jmp *call(%rip) */
	rw_put_rel32(slot, slot->rw->tramp_addr + TRAMP_LIT_CALL);
}

static void bind_sites(struct rewrite *rw)
{
	struct rw_insn insn;
	uint32_t nr;

	for (size_t off = 0;; off++) {
		off = scan_next_syscall(rw->text, rw->len, off);
		if (off >= rw->len)
			return;
		if (!site_number(rw, off, &nr)) {
			rw->stats.sites_left++;
			continue;
		}
		if (!is_bound(rw, nr))
			continue;
		if (rw_is_start(rw, off - 5) && rw_decode(rw, off - 5, &insn) && insn.len == 5 &&
		    rw_divert(rw, &insn, RW_JMP, site_body))
			rw->stats.sites_bound++;
		else
			rw->stats.sites_left++;
	}
}

static void refuse(struct rewrite *rw, const struct scan_hit *hit, const char *why)
{
	struct rewrite_refusal *refusal = &rw->refusal;

	refusal->off = hit->off;
	refusal->kind = hit->kind;
	refusal->why = why;
	refusal->nbytes = 0;
	/* from a few bytes before: what carries the hit starts there */
	for (size_t i = hit->off < 6 ? 0 : hit->off - 6;
	     i < rw->len && refusal->nbytes < sizeof(refusal->bytes); i++)
		refusal->bytes[refusal->nbytes++] = rw->text[i];
}

static size_t page_of(const struct rewrite *rw, size_t off)
{
	size_t first = (rw->text_addr & ((1u << PAGE_SHIFT) - 1)) + off;

	return first >> PAGE_SHIFT;
}

static bool is_noexec(const struct rewrite *rw, size_t page)
{
	return rw->noexec && (rw->noexec[page / 8] >> (page % 8) & 1);
}

/* A hit is harmless once one of its three bytes cannot be executed. */
static bool is_defused(const struct rewrite *rw, size_t off)
{
	return is_noexec(rw, page_of(rw, off)) || is_noexec(rw, page_of(rw, off + 2));
}

static bool give_up_page(struct rewrite *rw, size_t off)
{
	size_t page = page_of(rw, off);

	if (!rw->noexec)
		return false;
	rw->noexec[page / 8] = (uint8_t)(rw->noexec[page / 8] | 1u << (page % 8));
	rw->stats.pages_noexec++;
	return true;
}

static int fix_hits(struct rewrite *rw)
{
	struct scan_hit hit;
	const char *why;

	for (size_t from = 0; scan_next(rw->text, rw->len, from, &hit); from = hit.off + 1) {
		if (is_defused(rw, hit.off))
			continue;
		why = rw_fix(rw, &hit);
		if (!why) {
			rw->stats.hits_patched++;
		} else if (!give_up_page(rw, hit.off)) {
			refuse(rw, &hit, why);
			return -EACCES;
		}
	}
	return 0;
}

static int check_all(struct rewrite *rw)
{
	struct scan_hit hit;

	for (size_t from = 0; scan_next(rw->text, rw->len, from, &hit); from = hit.off + 1) {
		if (is_defused(rw, hit.off))
			continue;
		refuse(rw, &hit, "still there after rewriting");
		return -EACCES;
	}
	if (rw->tramp_addr && scan_next(rw->tramp, rw->tramp_cap, 0, &hit)) {
		refuse(rw, &hit, "in a trampoline");
		return -EACCES;
	}
	return 0;
}

size_t rewrite_need(const struct rewrite *rw)
{
	struct scan_hit hit;
	size_t need = 0;
	uint32_t nr;

	for (size_t from = 0; scan_next(rw->text, rw->len, from, &hit); from = hit.off + 1)
		need += FIX_SLOT;
	for (size_t off = 0; rw->bind_count; off++) {
		off = scan_next_syscall(rw->text, rw->len, off);
		if (off >= rw->len)
			break;
		if (site_number(rw, off, &nr) && is_bound(rw, nr))
			need += SITE_SLOT;
	}
	return need ? need + TRAMP_CODE + TRAMP_EDGE + TRAMP_SLACK : 0;
}

int rewrite_text(struct rewrite *rw)
{
	int err;

	rw->stats = (struct rewrite_stats){0};
	rw->refusal = (struct rewrite_refusal){0};
	rw_tramp_begin(rw);
	err = fix_hits(rw);
	if (!err) {
		bind_sites(rw);
		err = check_all(rw);
	}
	rw_tramp_end(rw);
	return err;
}
