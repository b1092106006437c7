/* SPDX-License-Identifier: MIT */
/*
 * Zone B: makes executable memory, the only code that does (idea 4).
 *
 * Bytes are copied into the arena's work window, rewritten and checked there,
 * put into a memfd that is then sealed against every change, compared with the
 * window once more if another thread could have touched it in between, and
 * mapped by one call. Nothing is ever vetted through a mapping that could be
 * replaced, and no page that the program could write becomes executable.
 */
#include <linux/memfd.h>
#include <linux/mman.h>

#include "execmap.h"
#include "monitor.h"
#include "rewrite.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#ifndef MFD_EXEC /* linux/memfd.h of 6.3 and later */
#define MFD_EXEC 0x10u
#endif
#define TRAMPOLINE_REACH 0x78000000ul
#define PROBE_STEP 0x10000ul
#define PROBE_TRIES 512

static struct execmap execmap;
static struct lock vet_lock;

void exec_after_fork(void)
{
	lock_reset(&vet_lock);
}

bool exec_overlaps(uint64_t addr, uint64_t len)
{
	return execmap_overlaps(&execmap, addr, addr + len);
}

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
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
				   -1, 0);
			if (got == (long)at)
				return at;
			if (got > 0)
				(void)MON2(__NR_munmap, got, size);
		}
	}
	return 0;
}

/* Does a neighbour of [addr, addr+len) that may be executable make a hit with it? */
static bool bad_seam(uint64_t addr, const uint8_t *text, uint64_t len)
{
	uint8_t edge[2];

	if (execmap_overlaps(&execmap, addr - 1, addr) && !copy_in(edge, UADDR(addr - 2), 2) &&
	    scan_seam(edge, text))
		return true;
	return execmap_overlaps(&execmap, addr + len, addr + len + 1) &&
	       !copy_in(edge, UADDR(addr + len), 2) && scan_seam(text + len - 2, edge);
}

static long write_all(const uint8_t *src, uint64_t len, uint64_t off)
{
	while (len) {
		long n = MON4(__NR_pwrite64, RFD_VET, src, len, off);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n ? n : -EIO;
		src += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Reads the sealed memfd back: is it what the window holds? */
static bool unchanged(const uint8_t *src, uint64_t len)
{
	uint8_t buf[2048];
	uint64_t off = 0;

	while (off < len) {
		uint64_t want = len - off < sizeof(buf) ? len - off : sizeof(buf);
		long n = MON4(__NR_pread64, RFD_VET, buf, want, off);

		if (n == -EINTR)
			continue;
		if (n <= 0 || memcmp(buf, src + off, (size_t)n))
			return false;
		off += (uint64_t)n;
	}
	return true;
}

static void release_vet_fd(void)
{
	/* The number stays occupied: a copy of the binary's O_PATH descriptor. */
	if (MON3(__NR_dup3, RFD_SELF, RFD_VET, 0) != RFD_VET)
		die(DIE_SETUP, RFD_VET);
}

/* The window's bytes as an immutable object on RFD_VET. */
static long make_object(struct priv *p, const uint8_t *src, uint64_t len, const char *name)
{
	long fd = MON2(__NR_memfd_create, name, MFD_ALLOW_SEALING | MFD_CLOEXEC | MFD_EXEC), ret;

	if (fd == -EINVAL) /* older than 6.3 */
		fd = MON2(__NR_memfd_create, name, MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = MON3(__NR_dup3, fd, RFD_VET, O_CLOEXEC);
	(void)MON1(__NR_close, fd);
	if (ret != RFD_VET)
		return ret < 0 ? ret : -EIO;
	ret = write_all(src, len, 0);
	if (!ret)
		ret = MON3(__NR_fcntl, RFD_VET, F_ADD_SEALS, SEALS);
	if (!ret && (MON2(__NR_fcntl, RFD_VET, F_GET_SEALS) & SEALS) != SEALS)
		ret = -EACCES;
	if (!ret && p && !single_threaded(p) && !unchanged(src, len))
		ret = -EACCES;
	return ret;
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

static long vet_and_map(struct priv *p, uint64_t addr, uint64_t len, const struct exec_source *src,
			const char *name, struct line *why)
{
	const struct rewrite_gates gates = {GATE(gate_call), GATE(gate_xrstor)};
	uint8_t *win = (uint8_t *)boot.window;
	struct rewrite rw = {.text = win, .len = len, .text_addr = addr};
	uint64_t need;
	long ret = fill(win, len, src, addr);

	if (ret)
		return ret;
	rw.gates = &gates;
	rw.bind_bitmap = boot.bind_bitmap;
	rw.bind_count = sizeof(boot.bind_bitmap) * 8;
	need = page_up(rewrite_need(&rw));
	if (len + need > boot.window_size)
		need = 0;
	rw.tramp = win + len;
	rw.tramp_cap = need;
	if (need)
		rw.tramp_addr = place_trampolines(addr, len, need);
	if (!rw.tramp_addr)
		rw.tramp_cap = 0;
	if (rewrite_text(&rw)) {
		explain(why, &rw, src->off);
		ret = -EACCES;
	} else if (bad_seam(addr, win, len)) {
		if (why)
			line_str(why, "an unsafe instruction across the border to its neighbour");
		ret = -EACCES;
	}
	if (!ret)
		ret = make_object(p, win, len + rw.tramp_cap, name);
	if (!ret && (execmap_add(&execmap, addr, addr + len) ||
		     (rw.tramp_cap &&
		      execmap_add(&execmap, rw.tramp_addr, rw.tramp_addr + rw.tramp_cap))))
		ret = -ENOMEM;
	if (!ret)
		ret = map_object(addr, len, rw.tramp_addr, rw.tramp_cap);
	release_vet_fd();
	if (ret && rw.tramp_addr)
		(void)MON2(__NR_munmap, rw.tramp_addr, need);
	if (!ret)
		stats_vetted(len, rw.stats.sites_bound, rw.stats.sites_left, rw.stats.hits_patched);
	if (len > 1 << 20) /* keep the window's memory small */
		(void)MON3(__NR_madvise, win, page_up(len + need), 4 /* MADV_DONTNEED */);
	return ret;
}

/* Last part of the descriptor's path, for /proc/self/maps. */
static void object_name(int fd, char name[64])
{
	char link[] = "self/fd/0000000000", path[512];
	int i = (int)sizeof(link) - 2, v = fd;
	long n;

	memcpy(name, "endorun", 8);
	if (fd < 0)
		return;
	for (; i >= 8; i--, v /= 10)
		link[i] = (char)('0' + v % 10);
	/* procfs does not take leading zeros. */
	for (i = 8; link[i] == '0' && link[i + 1]; i++)
		;
	memmove(link + 8, link + i, sizeof(link) - (size_t)i);
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
