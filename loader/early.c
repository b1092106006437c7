/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): vets what ld.so will load, before anything has run, so that
 * a bad library is one clear line instead of a failure half way.
 *
 * Scans the files; only where there is a hit is the monitor asked whether it
 * can mend it. What ld.so really maps is vetted when it does (vet.c).
 */
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launch.h"
#include "monitor/scan.h"
#include "report.h"
#include "rtld/closure.h"

/* What the rewriter sees around a hit: enough to find instructions. */
#define CONTEXT 8192

static struct closure closure;
static struct elf_plan plan;

static void check_hit(struct launch *l, const struct closure_lib *lib, uint64_t base, uint64_t end,
		      uint64_t at)
{
	uint64_t lo = PAGE_DOWN(at), hi = PAGE_UP(at + 1);
	struct boot_map m = {.fd = lib->fd};
	long ret;

	lo = lo - base > CONTEXT ? lo - CONTEXT : base;
	hi = end - hi > CONTEXT ? hi + CONTEXT : end;
	m.off = lo;
	m.len = hi - lo;
	ret = l->monitor(&l->boot, BOOT_CHECK_EXEC, &m);
	if (ret < 0)
		report_fail(EXIT_NOT_RUNNABLE, "%s: refused: %s", lib->path,
			    m.refusal[0] ? m.refusal : "its code cannot be read");
}

static void check_segment(struct launch *l, const struct closure_lib *lib, const Elf64_Phdr *ph)
{
	uint64_t lo = PAGE_DOWN(ph->p_offset), hi = PAGE_UP(ph->p_offset + ph->p_filesz);
	struct scan_hit hit;
	size_t from = 0;
	const uint8_t *p = mmap(NULL, hi - lo, PROT_READ, MAP_PRIVATE, lib->fd, (off_t)lo);
	/* The last page may reach past the end of the file; do not touch that. */
	size_t len = ph->p_offset + ph->p_filesz - lo;

	if (p == MAP_FAILED)
		return; /* ld.so will say why */
	while (scan_next(p, len, from, &hit)) {
		check_hit(l, lib, lo, hi, lo + hit.off);
		from = PAGE_UP(hit.off + 1); /* the page has been checked as a whole */
	}
	munmap((void *)(uintptr_t)p, hi - lo);
}

void early_vet(struct launch *l)
{
	const char *why = closure_resolve(&closure, l->target.fd, &l->plan, l->target.exe, l->envp,
					  getauxval(AT_SECURE) != 0);

	if (why)
		report_fail(EXIT_NOT_RUNNABLE, "%s: %s", l->target.exe, why);
	for (struct closure_lib *lib = closure.libs; lib; lib = lib->next) {
		if (lib->is_interp || lib->error || lib->fd < 0 ||
		    elf_plan_read(&plan, lib->fd, lib->path, ELF_ROLE_LIBRARY))
			continue; /* the interpreter is mapped already; ld.so reports the rest */
		for (int i = 0; i < plan.phnum; i++)
			if (plan.phdr[i].p_type == PT_LOAD && (plan.phdr[i].p_flags & PF_X) &&
			    plan.phdr[i].p_filesz)
				check_segment(l, lib, &plan.phdr[i]);
	}
	closure_free(&closure);
}
