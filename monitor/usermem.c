/* SPDX-License-Identifier: MIT */
/*
 * Zone B: copies to and from program memory.
 *
 * Ranges are checked against what the monitor owns before the first byte is
 * touched, because PKRU is open here; a fault is fixed up by signal.c.
 */
#include "monitor.h"

long um_copy(void *dst, const void *src, size_t n);
long um_copy_str(char *dst, const char *src, size_t n);

static bool overlaps(uint64_t addr, uint64_t len, uint64_t lo, uint64_t hi)
{
	return addr < hi && (len > hi - addr || addr + len > lo);
}

bool in_arena(uint64_t addr, uint64_t len)
{
	return overlaps(addr, len, boot.arena_lo, boot.arena_hi);
}

bool in_reserved(uint64_t addr, uint64_t len)
{
	return in_arena(addr, len) || overlaps(addr, len, GATE_GUARD, GATE_PAGE + PAGE_SIZE) ||
	       overlaps(addr, len, LOADER_BASE - PAGE_SIZE, LOADER_END) ||
	       overlaps(addr, len, 0, LOW_END);
}

/* Below the gate page everything that is not the arena is the program's. */
static bool bad_range(uint64_t addr, uint64_t len)
{
	uint64_t end;

	return __builtin_add_overflow(addr, len, &end) || end > GATE_PAGE || in_arena(addr, len);
}

int copy_in(void *dst, struct uaddr src, size_t n)
{
	if (bad_range(src.v, n))
		return -EFAULT;
	return (int)um_copy(dst, (const void *)src.v, n);
}

int copy_out(struct uaddr dst, const void *src, size_t n)
{
	if (bad_range(dst.v, n))
		return -EFAULT;
	return (int)um_copy((void *)dst.v, src, n);
}

long copy_in_str(char *dst, struct uaddr src, size_t cap)
{
	uint64_t room = cap;
	long n;

	if (bad_range(src.v, 1))
		return -EFAULT;
	/* A string may end just below something that is not the program's. */
	if (src.v < boot.arena_lo && room > boot.arena_lo - src.v)
		room = boot.arena_lo - src.v;
	if (room > GATE_PAGE - src.v)
		room = GATE_PAGE - src.v;
	n = um_copy_str(dst, (const char *)src.v, room);
	if (n < 0)
		return n;
	if ((uint64_t)n == room)
		return room == cap ? -ENAMETOOLONG : -EFAULT;
	return n;
}
