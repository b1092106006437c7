/* SPDX-License-Identifier: MIT */
/*
 * Zone B: makes executable memory, the only code that does (idea 4).
 *
 * With several threads, bytes are copied into the arena's work window,
 * rewritten and checked there, put into an object that nobody can change
 * (execobj.c) and mapped by one call. Nothing is ever vetted through a mapping
 * that another thread could replace, and no page that the program could write,
 * or have pinned, becomes executable.
 */
#include <linux/mman.h>
#include <linux/prctl.h>

#include "execmap.h"
#include "execobj.h"
#include "fd.h"
#include "monitor.h"
#include "rewrite.h"

#define WINDOW_KEEP (1u << 20) /* bytes of the window that may stay in memory */
#define TRAMPOLINE_REACH 0x78000000ul
#define PROBE_STEP 0x10000ul
#define PROBE_TRIES 512
#define LARGE_TEXT (64u << 10) /* bytes */

static struct execmap execmap;
struct lock vet_lock;

void exec_note(uint64_t lo, uint64_t hi)
{
	if (hi > lo && execmap_add(&execmap, lo, hi))
		die(DIE_INVARIANT, lo);
}

static uint64_t page_up(uint64_t v)
{
	return (v + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* Fills the window. What lies behind the end of the file is int3. */
static long fill(uint8_t *dst, uint64_t len, const struct exec_source *src, uint64_t addr)
{
	uint64_t done = 0;

	if (src->fd < 0)
		return copy_in(dst, UADDR(addr), len);
	while (done < len) {
		long n = MON4(__NR_pread64, src->fd, dst + done, len - done, src->off + done);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (uint64_t)n;
	}
	if (done < len)
		memset(dst + done, done ? 0 : 0xcc, (page_up(done) - done));
	if (page_up(done) < len)
		memset(dst + page_up(done), 0xcc, len - page_up(done));
	return 0;
}

/* An address for trampolines within reach of [addr, addr+len): reserved, or 0. */
static uint64_t place_trampolines(uint64_t addr, uint64_t len, uint64_t size)
{
	for (int i = 1; i <= PROBE_TRIES; i++) {
		uint64_t n = (uint64_t)i, d = PROBE_STEP * n * (1 + n / 16);
		const uint64_t spots[2] = {addr + len + d, addr - d - size};

		for (int k = 0; k < 2; k++) {
			uint64_t at = spots[k] & ~(uint64_t)(PAGE_SIZE - 1);
			long got;

			if (d > TRAMPOLINE_REACH || (k && addr < d + size + LOW_END) ||
			    in_reserved(at, size))
				continue;
			got = MON6(__NR_mmap, at, size, 0 /* PROT_NONE */,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
					   MAP_FIXED_NOREPLACE,
				   -1, 0);
			if (got == (long)at)
				return at;
			if (got > 0)
				(void)MON2(__NR_munmap, got, size);
		}
	}
	return 0;
}

/*
 * The two bytes at addr, if that page may be executable. A page that cannot be
 * read (a guard, say) is made unexecutable first: nothing is left to join.
 */
static bool edge_of(uint64_t page, uint64_t addr, uint8_t edge[2])
{
	long ret;

	if (!execmap_overlaps(&execmap, page, page + PAGE_SIZE))
		return false;
	if (!copy_in(edge, UADDR(addr), 2))
		return true;
	ret = MON3(__NR_mprotect, page, PAGE_SIZE, PROT_NONE);
	if (ret && ret != -ENOMEM)
		die(DIE_INVARIANT, page);
	return false;
}

/* Does a neighbour of [addr, addr+len) that may be executable make a hit with it? */
static bool bad_seam(uint64_t addr, const uint8_t *text, uint64_t len)
{
	uint8_t edge[2];

	if (edge_of(addr - PAGE_SIZE, addr - 2, edge) && scan_seam(edge, text))
		return true;
	return edge_of(addr + len, addr + len, edge) && scan_seam(text + len - 2, edge);
}

static void explain(struct line *why, const struct rewrite *rw, uint64_t file_off)
{
	if (!why)
		return;
	line_str(why, scan_kind_name(rw->refusal.kind));
	line_str(why, " at offset ");
	line_hex(why, file_off + rw->refusal.off);
	line_str(why, ", bytes");
	for (int i = 0; i < rw->refusal.nbytes; i++) {
		line_str(why, " ");
		line_hex(why, rw->refusal.bytes[i]);
	}
	line_str(why, ": ");
	line_str(why, rw->refusal.why ? rw->refusal.why : "cannot be rewritten");
}

static long map_object(uint64_t addr, uint64_t len, uint64_t tramp, uint64_t tramp_len)
{
	long ret = MON6(__NR_mmap, addr, len, 1 | 4 /* READ | EXEC */, MAP_PRIVATE | MAP_FIXED,
			RFD_VET, 0);

	if (ret < 0)
		return ret;
	if (tramp_len)
		ret = MON6(__NR_mmap, tramp, tramp_len, 1 | 4, MAP_PRIVATE | MAP_FIXED, RFD_VET,
			   len);
	return ret < 0 ? ret : 0;
}

/* Rewrites rw->text, with trampolines in `room` bytes at rw->tramp. */
static long make_safe(struct rewrite *rw, const struct exec_source *src, struct line *why)
{
	if (rewrite_text(rw)) {
		explain(why, rw, src->off);
		return -EACCES;
	}
	if (bad_seam(rw->text_addr, rw->text, rw->len)) {
		if (why)
			line_str(why, "an unsafe instruction across the border to its neighbour");
		return -EACCES;
	}
	/* Before it is executable: the map must never know too little. */
	if (execmap_add(&execmap, rw->text_addr, rw->text_addr + rw->len) ||
	    (rw->tramp_cap &&
	     execmap_add(&execmap, rw->tramp_addr, rw->tramp_addr + rw->tramp_cap)))
		return -ENOMEM;
	return 0;
}

/* Finds room for trampolines; without any, sites trap and hits may be refused. */
static void want_trampolines(struct rewrite *rw)
{
	uint64_t need;

	rw->bind_bitmap = boot.bind_bitmap;
	rw->bind_count = sizeof(boot.bind_bitmap) * 8;
	/* A large text costs a pass to count exactly: give it plenty instead. */
	need = page_up(rw->len > LARGE_TEXT ? rw->len / 64 : rewrite_need(rw));
	if (need)
		rw->tramp_addr = place_trampolines(rw->text_addr, rw->len, need);
	rw->tramp_cap = rw->tramp_addr ? need : 0;
}

/*
 * With one thread nobody else can touch the program's memory meanwhile: fresh
 * pages are filled and rewritten in place, then made executable.
 */
static long vet_in_place(struct rewrite *rw, const struct exec_source *src, const char *name,
			 struct line *why)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE;
	uint64_t addr = rw->text_addr, len = rw->len;
	long ret = MON6(__NR_mmap, addr, len, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (ret < 0)
		return ret;
	rw->text = (uint8_t *)addr;
	ret = fill(rw->text, len, src, addr);
	if (ret)
		return ret;
	want_trampolines(rw);
	if (rw->tramp_cap) {
		ret = MON6(__NR_mmap, rw->tramp_addr, rw->tramp_cap, PROT_READ | PROT_WRITE, flags,
			   -1, 0);
		if (ret < 0)
			return ret;
		rw->tramp = (uint8_t *)rw->tramp_addr;
	}
	ret = make_safe(rw, src, why);
	if (!ret && rw->tramp_cap)
		ret = MON3(__NR_mprotect, rw->tramp_addr, rw->tramp_cap, PROT_READ | PROT_EXEC);
	if (!ret)
		ret = MON3(__NR_mprotect, addr, len, PROT_READ | PROT_EXEC);
	/* For /proc/self/maps; a kernel without the option shows no name. */
	(void)MON5(__NR_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, len, name);
	return ret;
}

/* With several threads: by way of the window and an immutable object. */
static long vet_by_object(struct rewrite *rw, const struct exec_source *src, const char *name,
			  struct line *why)
{
	long ret;

	rw->text = (uint8_t *)boot.window;
	ret = fill(rw->text, rw->len, src, rw->text_addr);
	if (ret)
		return ret;
	want_trampolines(rw);
	if (rw->len + rw->tramp_cap > boot.window_size)
		return -ENOMEM;
	rw->tramp = rw->text + rw->len;
	ret = make_safe(rw, src, why);
	if (!ret)
		ret = object_make(rw->text, rw->len + rw->tramp_cap, name);
	if (!ret)
		ret = map_object(rw->text_addr, rw->len, rw->tramp_addr, rw->tramp_cap);
	object_release();
	if (rw->len > WINDOW_KEEP)
		(void)MON3(__NR_madvise, boot.window, rw->len + rw->tramp_cap, MADV_DONTNEED);
	return ret;
}

static long vet_and_map(struct priv *p, uint64_t addr, uint64_t len, const struct exec_source *src,
			const char *name, struct line *why)
{
	const struct rewrite_gates gates = {GATE(gate_call), GATE(gate_xrstor)};
	struct rewrite rw = {.len = len, .text_addr = addr, .gates = &gates};
	long ret;

	if (src->fd >= 0 && (!p || single_threaded(p)))
		ret = vet_in_place(&rw, src, name, why);
	else
		ret = vet_by_object(&rw, src, name, why);
	if (ret && rw.tramp_addr)
		(void)MON2(__NR_munmap, rw.tramp_addr, rw.tramp_cap);
	if (!ret)
		stats_vetted(len, rw.stats.sites_bound, rw.stats.sites_left, rw.stats.hits_patched);
	return ret;
}

/* Any address will do: what counts is whether the bytes can be made safe. */
#define CHECK_ADDR 0x10000000000ul

long exec_move(struct priv *p, uint64_t old, uint64_t old_len, bool only_shrinks,
	       const uint64_t args[5])
{
	long ret;

	lock_take(&vet_lock, p);
	if (!only_shrinks && execmap_overlaps(&execmap, old, old + old_len))
		ret = -EACCES;
	else
		ret = MON5(__NR_mremap, args[0], args[1], args[2], args[3], args[4]);
	lock_drop(&vet_lock);
	return ret;
}

bool exec_overlaps(struct priv *p, uint64_t addr, uint64_t len)
{
	bool ret;

	lock_take(&vet_lock, p);
	ret = execmap_overlaps(&execmap, addr, addr + len);
	lock_drop(&vet_lock);
	return ret;
}

long exec_check(uint64_t len, const struct exec_source *src, struct line *why)
{
	const struct rewrite_gates gates = {GATE(gate_call), GATE(gate_xrstor)};
	uint8_t *win = (uint8_t *)boot.window;
	struct rewrite rw = {.text = win, .len = len, .text_addr = CHECK_ADDR, .gates = &gates};
	long ret;

	if (len > boot.window_size / 2)
		return -ENOMEM;
	ret = fill(win, len, src, 0);
	if (ret)
		return ret;
	rw.tramp = win + len;
	rw.tramp_addr = CHECK_ADDR + len + PROBE_STEP;
	rw.tramp_cap = page_up(rewrite_need(&rw));
	if (rewrite_text(&rw)) {
		explain(why, &rw, src->off);
		return -EACCES;
	}
	return 0;
}

/* Last part of the descriptor's path, for /proc/self/maps. */
static void object_name(int fd, char name[64])
{
	char link[32] = "thread-self/fd/", path[512];
	long n;
	int i;

	memcpy(name, "endorun", 8);
	if (fd < 0)
		return;
	fd_number(link + strlen(link), fd);
	n = MON4(__NR_readlinkat, RFD_PROC, link, path, sizeof(path) - 1);
	if (n <= 0)
		return;
	path[n] = 0;
	while (n > 0 && path[n - 1] != '/')
		n--;
	for (i = 0; i < 63 && path[n + i]; i++)
		name[i] = path[n + i];
	name[i] = 0;
}

long exec_map(struct priv *p, uint64_t addr, uint64_t len, const struct exec_source *src,
	      struct line *why)
{
	char name[64];
	long ret;

	if (!len || (addr | len) & (PAGE_SIZE - 1) || in_reserved(addr, len))
		return -EINVAL;
	/* Nothing executable above the gate: there is no 5-level user code. */
	if (addr + len < addr || addr + len > GATE_GUARD)
		return -ENOMEM;
	if (len > boot.window_size) {
		if (why)
			line_str(why, "larger than the vetting window");
		return -ENOMEM;
	}
	object_name(src->fd, name);
	if (p)
		lock_take(&vet_lock, p);
	ret = vet_and_map(p, addr, len, src, name, why);
	if (p)
		lock_drop(&vet_lock);
	return ret;
}
