/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): one reservation for the whole span, then a mapping for each
 * segment, zero pages for the rest of it, as the kernel's elf_load() does.
 */
#include "map.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define DOWN(v) ((v) & ~(uint64_t)(PAGE - 1))
#define UP(v) DOWN((v) + PAGE - 1)

static int fail(struct map_error *err, int errnum, const char *what)
{
	err->errnum = errnum;
	snprintf(err->what, sizeof(err->what), "%s", what);
	return -1;
}

static int reserve(const struct elf_plan *plan, uint64_t wish, uint64_t *bias,
		   struct map_error *err)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint64_t span = plan->hi - plan->lo, at;
	char *p;

	if (plan->type == ET_EXEC) {
		p = mmap((void *)plan->lo, span, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
		*bias = 0;
		if (p != (char *)plan->lo)
			return fail(err, p == MAP_FAILED ? errno : EEXIST,
				    "its fixed address range is not free");
		return 0;
	}
	p = mmap((void *)wish, span + plan->align, PROT_NONE, flags, -1, 0);
	if (p == MAP_FAILED)
		return fail(err, errno, "no room for it in memory");
	at = ((uint64_t)(uintptr_t)p + plan->align - 1) & ~(plan->align - 1);
	if (at > (uint64_t)(uintptr_t)p)
		munmap(p, at - (uint64_t)(uintptr_t)p);
	munmap((void *)(at + span), (uint64_t)(uintptr_t)p + plan->align - at);
	*bias = at - plan->lo;
	return 0;
}

/* What a segment has beyond the file: the rest of a page, then fresh pages. */
static int zero_rest(uint64_t end_file, uint64_t end, int prot, struct map_error *err)
{
	uint64_t page = UP(end_file);

	/* To the end of the page: ld.so's first allocator counts on it. */
	if (end > end_file && end_file < page && (prot & PROT_WRITE))
		memset((void *)end_file, 0, page - end_file);
	if (end > page && mmap((void *)page, UP(end) - page, prot,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return fail(err, errno, "no memory for its zero pages");
	return 0;
}

static int map_one(const Elf64_Phdr *ph, int fd, uint64_t bias, map_exec_fn *exec, void *ctx,
		   struct map_error *err)
{
	uint64_t addr = bias + DOWN(ph->p_vaddr), skew = ph->p_vaddr - DOWN(ph->p_vaddr);
	uint64_t len = UP(ph->p_filesz + skew), end_file = bias + ph->p_vaddr + ph->p_filesz;
	int prot = (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0);
	struct map_request rq = {fd, ph->p_offset - skew, len, addr};
	char why[512] = "";
	long ret;

	if (ph->p_flags & PF_X) {
		if (ph->p_memsz > ph->p_filesz)
			return fail(err, 0,
				    "an executable segment larger than its bytes in the "
				    "file; relink it");
		ret = exec(ctx, &rq, why, sizeof(why));
		if (ret < 0 && why[0])
			return fail(err, 0, why);
		return ret < 0 ? fail(err, (int)-ret, "its code cannot be mapped") : 0;
	}
	if (len &&
	    mmap((void *)addr, len, prot, MAP_PRIVATE | MAP_FIXED, fd, (off_t)rq.off) == MAP_FAILED)
		return fail(err, errno, "a segment cannot be mapped");
	return zero_rest(end_file, bias + ph->p_vaddr + ph->p_memsz, prot, err);
}

int map_segments(const struct elf_plan *plan, int fd, uint64_t wish, map_exec_fn *exec, void *ctx,
		 uint64_t *bias, struct map_error *err)
{
	if (reserve(plan, wish, bias, err))
		return -1;
	for (int i = 0; i < plan->phnum; i++) {
		const Elf64_Phdr *ph = &plan->phdr[i];

		if (ph->p_type == PT_LOAD && ph->p_memsz && map_one(ph, fd, *bias, exec, ctx, err))
			return -1;
	}
	return 0;
}
