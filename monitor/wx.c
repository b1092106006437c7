/* SPDX-License-Identifier: MIT */
/*
 * Zone B: memory that the program wants writable and executable at once is
 * given as one or the other, page by page: writable until it is executed, then
 * vetted and executable until it is written to (a17).
 *
 * The ranges are a hint: munmap and mprotect without PROT_EXEC are native. A
 * stale one costs exactness, not safety: what becomes executable is vetted.
 */
#include "wx.h"

#include <linux/mman.h>

#include "execmap.h"

/* Page-fault error code (arch/x86/include/asm/trap_pf.h). */
#define FAULT_WRITE 2
#define FAULT_FETCH 16

static struct execmap wanted;
struct lock wx_lock;

long wx_add(struct priv *p, uint64_t addr, uint64_t len)
{
	long ret;

	lock_take(&wx_lock, p);
	ret = execmap_add(&wanted, addr, addr + len) ? -ENOMEM : 0;
	lock_drop(&wx_lock);
	return ret;
}

/* Pre: wx_lock held, so that no write is lost between the copy and the map. */
static bool flip(struct priv *p, uint64_t page, bool to_code)
{
	struct exec_source src = {.fd = -1};
	struct line why = {.len = 0};

	if (!to_code)
		return MON3(__NR_mprotect, page, PAGE_SIZE, PROT_READ | PROT_WRITE) == 0;
	if (MON3(__NR_mprotect, page, PAGE_SIZE, PROT_READ))
		return false;
	if (exec_map(p, page, PAGE_SIZE, &src, &why) == 0)
		return true;
	(void)MON3(__NR_mprotect, page, PAGE_SIZE, PROT_READ | PROT_WRITE);
	return false;
}

bool wx_fault(struct priv *p, const struct rt_sigframe *f, const struct ksiginfo *si)
{
	uint64_t page = f->mc.cr2 & ~(uint64_t)(PAGE_SIZE - 1);
	bool fetch = f->mc.err & FAULT_FETCH, done = false;

	if (si->signo != SIG_SEGV || si->code != SEGV_ACCERR ||
	    (!fetch && !(f->mc.err & FAULT_WRITE)) || in_reserved(page, PAGE_SIZE))
		return false;
	lock_take(&wx_lock, p);
	if (execmap_overlaps(&wanted, page, page + PAGE_SIZE))
		done = flip(p, page, fetch);
	lock_drop(&wx_lock);
	return done;
}
