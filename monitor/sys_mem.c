/* SPDX-License-Identifier: MIT */
/*
 * Zone B: mediated memory calls. Everything that asks for execute permission
 * ends in exec_map(); what does not is native and never comes here.
 */
#include <linux/mman.h>
#include <linux/stat.h>

#include "handlers.h"
#include "wx.h"

#define MAP_FIXED_ANY (MAP_FIXED | MAP_FIXED_NOREPLACE)

static uint64_t page_up(uint64_t v)
{
	return (v + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static void refuse(const char *what, const struct line *why)
{
	struct line l = {.len = 0};

	line_str(&l, "endorun: ");
	line_str(&l, what);
	line_str(&l, " refused: ");
	line_str(&l, why->buf);
	line_flush(&l);
}

/*
 * Only a regular file can be copied; devices and special files cannot (f09).
 * A shared mapping of a file that is open for writing is meant to show later
 * writes: a copy would not, so it is refused (a15).
 */
static int check_source_fd(int fd, uint64_t flags)
{
	uint8_t st[144];
	uint32_t mode;
	long ret = MON2(__NR_fstat, fd, st);

	if (ret)
		return (int)ret;
	memcpy(&mode, st + 24, sizeof(mode)); /* asm/stat.h: st_mode */
	if ((flags & MAP_TYPE) != MAP_PRIVATE) {
		ret = MON2(__NR_fcntl, fd, F_GETFL);
		if (ret < 0 || (ret & O_ACCMODE) != O_RDONLY)
			return -EACCES;
	}
	return S_ISREG(mode) ? 0 : -EACCES;
}

/* Somewhere to put it: the kernel's choice, or exactly there. */
static long reserve(uint64_t addr, uint64_t len, uint64_t flags)
{
	uint64_t keep = flags & (MAP_FIXED_ANY | MAP_32BIT);

	if (in_reserved(addr, len) && (flags & MAP_FIXED_ANY))
		return -EPERM;
	return MON6(__NR_mmap, addr, len, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | keep, -1,
		    0);
}

/* Both rights: writable first (wx.c). Shared, others could write to code. */
static long map_writable_code(struct priv *p, uint64_t addr, uint64_t len)
{
	struct app_call c = {.nr = __NR_mmap,
			     .a = {addr, len, arg(p, 2) & ~(uint64_t)PROT_EXEC, arg(p, 3),
				   arg(p, 4), arg(p, 5)}};
	long at, ret;

	if ((arg(p, 3) & MAP_TYPE) != MAP_PRIVATE)
		return -EACCES;
	at = app_call(p, &c);
	if (at < 0)
		return at;
	ret = wx_add(p, (uint64_t)at, len);
	return ret ? ret : at;
}

long sys_mmap(struct priv *p)
{
	uint64_t addr = arg(p, 0), len = page_up(arg(p, 1)), flags = arg(p, 3);
	uint64_t prot = arg(p, 2);
	struct exec_source src = {.fd = arg_int(p, 4), .off = arg(p, 5)};
	struct line why = {.len = 0};
	long at, ret;

	if (!(prot & PROT_EXEC))
		return app_call_same(p);
	if (!len || len < arg(p, 1) || (src.off & (PAGE_SIZE - 1)))
		return -EINVAL;
	if (flags & (MAP_GROWSDOWN | MAP_HUGETLB))
		return -EINVAL;
	if (prot & PROT_WRITE)
		return map_writable_code(p, addr, len);
	if (flags & MAP_ANONYMOUS) {
		at = reserve(addr, len, flags);
		if (at < 0)
			return at;
		/* Fresh zero pages: nothing to run, later mprotect fills them. */
		ret = MON3(__NR_mprotect, at, len, PROT_READ);
		return ret ? ret : at;
	}
	ret = check_source_fd(src.fd, flags);
	if (ret)
		return ret;
	at = reserve(addr, len, flags);
	if (at < 0)
		return at;
	ret = exec_map(p, (uint64_t)at, len, &src, &why);
	if (ret) {
		(void)MON2(__NR_munmap, at, len);
		if (why.len) {
			why.buf[why.len] = 0;
			refuse("mapping code", &why);
		}
		return ret;
	}
	return at;
}

/* Copies what is there, then replaces it in one call by the vetted copy. */
static long make_executable(struct priv *p, uint64_t addr, uint64_t len)
{
	struct exec_source src = {.fd = -1};
	struct line why = {.len = 0};
	long ret;

	/* First take write access away from everybody (a13). */
	ret = MON3(__NR_mprotect, addr, len, PROT_READ);
	if (ret)
		return ret;
	ret = exec_map(p, addr, len, &src, &why);
	if (ret == -EFAULT)
		ret = -ENOMEM;
	if (ret && why.len) {
		why.buf[why.len] = 0;
		refuse("making memory executable", &why);
	}
	return ret;
}

static long protect(struct priv *p)
{
	uint64_t addr = arg(p, 0), len = page_up(arg(p, 1)), prot = arg(p, 2);

	if (prot & (PROT_GROWSDOWN | PROT_GROWSUP))
		return prot & PROT_EXEC ? -EACCES : app_call_same(p);
	if (!(prot & PROT_EXEC))
		return app_call_same(p);
	if (addr & (PAGE_SIZE - 1) || (len == 0 && arg(p, 1)))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (addr + len < addr || in_reserved(addr, len))
		return -ENOMEM;
	if (prot & PROT_WRITE) {
		long ret = wx_add(p, addr, len);

		return ret ? ret : MON3(__NR_mprotect, addr, len, PROT_READ | PROT_WRITE);
	}
	return make_executable(p, addr, len);
}

long sys_mprotect(struct priv *p)
{
	return protect(p);
}

long sys_pkey_mprotect(struct priv *p)
{
	/* The program has no keys of its own: only "no key" can be named. */
	if (arg_int(p, 3) != -1)
		return -EINVAL;
	p->regs.orig_rax = __NR_mprotect;
	return protect(p);
}

long sys_pkey_alloc(struct priv *p)
{
	return arg(p, 0) || arg(p, 1) > 3 ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(struct priv *p)
{
	(void)p;
	return -EINVAL;
}

long sys_mremap(struct priv *p)
{
	uint64_t old = arg(p, 0), old_len = page_up(arg(p, 1)), new_len = page_up(arg(p, 2));
	const uint64_t flags = arg(p, 3);
	const uint64_t args[5] = {old, arg(p, 1), arg(p, 2), flags, arg(p, 4)};

	if (old + old_len < old)
		return -EINVAL;
	if (in_reserved(old, old_len ? old_len : 1) ||
	    ((flags & MREMAP_FIXED) && in_reserved(args[4], new_len)))
		return -EPERM;
	/* Moved or grown code could join two halves of an instruction (a04). */
	return exec_move(p, old, old_len ? old_len : PAGE_SIZE,
			 !flags && old_len && new_len <= old_len, args);
}

long sys_madvise(struct priv *p)
{
	int advice = arg_int(p, 2);

	switch (advice) {
	case 12: /* MERGEABLE */
	case 13: /* UNMERGEABLE */
	case 17: /* DODUMP */
		return in_reserved(arg(p, 0), arg(p, 1)) ? -EPERM : app_call_same(p);
	case 102: /* GUARD_INSTALL: would hide code from the look at its edges */
		return exec_overlaps(p, arg(p, 0), arg(p, 1)) ? -EINVAL : app_call_same(p);
	case 100: /* HWPOISON */
	case 101: /* SOFT_OFFLINE */
		return -EPERM;
	default:
		return -EINVAL;
	}
}

long sys_shmat(struct priv *p)
{
	(void)p;
	return -EACCES; /* SHM_EXEC: shared and writable */
}

long sys_personality(struct priv *p)
{
	(void)p;
	return -EPERM; /* READ_IMPLIES_EXEC */
}
