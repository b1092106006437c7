/* SPDX-License-Identifier: MIT */
/*
 * Unmaps, remaps, moves and maps over every protected range: its first page,
 * its last, and together with a page of our own next to it.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/shm.h>

static int shm = -1;

static void gone(long ret, const char *call, uint64_t at)
{
	if (ret >= 0)
		succeeded("%s at %#lx returned %#lx", call, (unsigned long)at, (unsigned long)ret);
}

static void on_page(uint64_t at, uint64_t len)
{
	const long rw = PROT_READ | PROT_WRITE;
	const long fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	uint64_t other = (uint64_t)pages(1);

	gone(raw(SYS_mprotect, at, len, rw), "mprotect", at);
	gone(raw(SYS_mprotect, at, len, PROT_NONE), "mprotect", at);
	gone(raw(SYS_mprotect, at, len, PROT_READ | PROT_EXEC), "mprotect", at);
	gone(raw(SYS_mprotect, at, 1, rw | 7l << 32), "mprotect", at);
	gone(raw(SYS_mprotect, at, len, rw | PROT_GROWSDOWN), "mprotect", at);
	gone(raw(SYS_mmap, at, len, rw, fixed, -1, 0), "mmap", at);
	gone(raw(SYS_mmap, at, len, PROT_READ | PROT_EXEC, fixed, -1, 0), "mmap", at);
	gone(raw(SYS_mmap, at, len, rw | PROT_EXEC, fixed, -1, 0), "mmap", at);
	gone(raw(SYS_munmap, at, len), "munmap", at);
	gone(raw(SYS_mremap, at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, other), "mremap", at);
	gone(raw(SYS_mremap, at, 0, len, MREMAP_MAYMOVE), "mremap", at);
	gone(raw(SYS_mremap, at, len, len, 5 /* DONTUNMAP */, 0), "mremap", at);
	gone(raw(SYS_mremap, other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at), "mremap", at);
	gone(raw(SYS_remap_file_pages, at, len, 0, 0, 0), "remap_file_pages", at);
	if (shm >= 0)
		gone(raw(SYS_shmat, shm, at, SHM_REMAP), "shmat", at);
	(void)raw(SYS_munmap, other, PAGE);
}

/* A range that begins with a page of ours: that one may change, no other. */
static void with_neighbour(const struct range *r)
{
	uint64_t before = r->lo - PAGE;

	if (raw(SYS_mmap, before, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0) ==
	    (long)before) {
		(void)raw(SYS_munmap, before, 2 * PAGE);
		(void)raw(SYS_mprotect, before, 2 * PAGE, PROT_READ | PROT_WRITE);
		(void)raw(SYS_mmap, before, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		(void)raw(SYS_munmap, before, PAGE);
		check_secret("a range that begins before it");
	}
}

void attack(void)
{
	struct range all[MAX_RANGES];
	int n = env.nranges;

	memcpy(all, env.ranges, sizeof(all));
	shm = shmget(IPC_PRIVATE, PAGE, 0600);
	for (int i = 0; i < n; i++) {
		on_page(all[i].lo, PAGE);
		on_page(all[i].hi - PAGE, PAGE);
		on_page((all[i].lo + all[i].hi) / 2 & ~(PAGE - 1), PAGE);
		with_neighbour(&all[i]);
	}
	on_page(env.secret & ~(PAGE - 1), PAGE);
	if (shm >= 0)
		shmctl(shm, IPC_RMID, NULL);
	if (env.control)
		return;
	env.nranges = 0;
	if (n < 4)
		broken("only %d protected ranges found", n);
}
