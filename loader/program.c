/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the program and its interpreter in memory, and their first
 * stack. Executable segments are made by the monitor, here as later.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "launch.h"
#include "monitor/layout.h"
#include "monitor/scan.h"
#include "report.h"
#include "rtld/map.h"
#include "stack.h"

#define ET_DYN_BASE UINT64_C(0x555555554000) /* two thirds of the address space */
#define ET_DYN_RANDOM_PAGES (UINT64_C(1) << 28)
#define BRK_RANDOM_PAGES (UINT64_C(1) << 13)
#define STACK_SLACK (UINT64_C(128) << 10)
#define UNWRAP_MAX 8

static uint64_t random_pages(uint64_t limit)
{
	uint64_t r = 0;

	if (personality(0xffffffff) & ADDR_NO_RANDOMIZE)
		return 0;
	(void)getrandom(&r, sizeof(r), 0);
	return r % limit * PAGE_SIZE;
}

static long map_exec(void *ctx, const struct map_request *rq, char *why, size_t why_size)
{
	struct launch *l = ctx;
	struct boot_map m = {.fd = rq->fd, .off = rq->off, .len = rq->len, .addr = rq->addr};
	long ret = l->monitor(&l->boot, BOOT_MAP_EXEC, &m);

	if (ret < 0 && m.refusal[0]) {
		strncpy(why, m.refusal, why_size - 1);
		why[why_size - 1] = 0;
	}
	return ret;
}

static uint64_t map_one(struct launch *l, const struct elf_plan *plan, int fd, const char *path,
			uint64_t wish)
{
	struct map_error err = {.errnum = 0};
	uint64_t bias;

	if (map_segments(plan, fd, wish, map_exec, l, &bias, &err))
		report_fail(EXIT_NOT_RUNNABLE, "%s: %s%s%s", path, err.what, err.errnum ? ": " : "",
			    err.errnum ? strerror(err.errnum) : "");
	return bias;
}

/* Bits of the kernel's own code must hold to the same rules as everybody's. */
static void check_vdso(struct boot *b, const uint64_t *auxv)
{
	const Elf64_Ehdr *eh = NULL;
	struct scan_hit hit;
	uint64_t size;

	for (; auxv[0]; auxv += 2)
		if (auxv[0] == AT_SYSINFO_EHDR)
			eh = (const void *)auxv[1];
	if (!eh)
		return;
	size = PAGE_UP(eh->e_shoff + (uint64_t)eh->e_shentsize * eh->e_shnum);
	if (scan_next((const uint8_t *)eh, size, 0, &hit))
		report_fail(EXIT_ENDORUN,
			    "vdso: the kernel's code contains %s at %#zx; boot with "
			    "vdso=0",
			    scan_kind_name(hit.kind), hit.off);
	b->vdso_lo = (uint64_t)(uintptr_t)eh;
	b->vdso_hi = b->vdso_lo + size;
}

static bool is_privileged(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};

	return syscall(SYS_capget, &h, d) == 0 && (d[0].effective & (1u << CAP_SYS_ADMIN));
}

static void first_boot_block(struct launch *l)
{
	struct boot *b = &l->boot;
	struct stat st;

	if (fstat(2, &st) == 0) {
		b->log_dev = st.st_dev;
		b->log_ino = st.st_ino;
	}
	b->app_mask = l->is_child ? l->handover.app_mask : l->first_mask;
	b->ignored = l->ignored | (l->is_child ? l->handover.ignored : 0);
	b->ticks_start = l->started_ns;
	if (l->cli.has_stats)
		b->flags |= BOOT_STATS;
	if (l->cli.is_quiet)
		b->flags |= BOOT_QUIET;
	if (l->is_child)
		b->flags |= BOOT_INHERITED;
	if (is_privileged())
		b->flags |= BOOT_PRIVILEGED;
	if (l->is_child ? l->handover.flags & BOOT_FOREIGN : machine_has_foreign_filter())
		b->flags |= BOOT_FOREIGN;
}

static void bind_calls(struct boot *b)
{
#define BIND(nr) b->bind_bitmap[(nr) / 8] |= (uint8_t)(1u << ((nr) % 8))
#define ROW_NATIVE(nr)
#define ROW_DENY(nr)
#define ROW_DENYIF(nr)
#define ROW_MEDIATED(nr) BIND(nr);
#define ROW_COND(nr)
#define SYS(nr, name, class, when, what, args, note) ROW_##class(nr)
#include "monitor/syscalls.def"
#undef SYS
}

/*
 * endorun under endorun unwraps itself: its options are read, but isolation
 * and limits stay those in force.
 */
static void find_target(struct launch *l)
{
	if (l->is_child)
		target_from_fd(&l->target, RFD_TARGET, l->handover.path, l->argv, RFD_SELF);
	else
		target_resolve(&l->target, l->cli.argv, RFD_SELF);
	for (int depth = 0; l->target.is_endorun; depth++) {
		struct cli inner = {0};

		if (depth == UNWRAP_MAX)
			report_fail(EXIT_NOT_RUNNABLE, "%s: more than %d endorun inside each other",
				    l->target.path, UNWRAP_MAX);
		cli_parse(&inner, l->target.argc, l->target.argv);
		if (inner.is_selftest)
			report_fail(EXIT_ENDORUN, "selftest: not under endorun; run it by itself");
		if (l->target.fd != RFD_TARGET)
			close(l->target.fd);
		target_resolve(&l->target, inner.argv, RFD_SELF);
	}
}

void program_map(struct launch *l)
{
	struct boot *b = &l->boot;
	char exe[sizeof(b->exe_path)];
	char link[32];
	ssize_t n;

	find_target(l);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", l->target.fd);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n > 0)
		memcpy(b->exe_path, exe, (size_t)n);
	if (elf_plan_read(&l->plan, l->target.fd, l->target.exe, ELF_ROLE_PROGRAM))
		report_fail(EXIT_NOT_RUNNABLE, "%s", l->plan.error);
	first_boot_block(l);
	bind_calls(b);
	check_vdso(b, l->kauxv);
	if (l->monitor(b, BOOT_INIT, NULL))
		report_fail(EXIT_ENDORUN,
			    "monitor: did not accept its boot block; reinstall endorun");
	l->bias = map_one(l, &l->plan, l->target.fd, l->target.exe,
			  l->plan.has_interp ? ET_DYN_BASE + random_pages(ET_DYN_RANDOM_PAGES) : 0);
	l->entry = l->bias + l->plan.entry;
	if (l->plan.has_interp) {
		int fd = elf_open(l->plan.interp);

		if (fd < 0)
			report_fail(EXIT_NOT_RUNNABLE, "%s: its interpreter %s: %s", l->target.exe,
				    l->plan.interp, strerror(errno));
		if (elf_plan_read(&l->interp_plan, fd, l->plan.interp, ELF_ROLE_INTERP))
			report_fail(EXIT_NOT_RUNNABLE, "%s", l->interp_plan.error);
		l->interp_bias = map_one(l, &l->interp_plan, fd, l->plan.interp, 0);
		l->entry = l->interp_bias + l->interp_plan.entry;
		close(fd);
	}
}

void program_close(const struct launch *l)
{
	if (l->target.fd != RFD_TARGET)
		close(l->target.fd);
	reserved_restore(l);
}

/* /proc/self/cmdline, environ, stat and brk: the program's, where allowed. */
static void tell_kernel(struct launch *l, const struct stack_result *s)
{
	uint64_t end = PAGE_UP(l->bias + l->plan.hi) + random_pages(BRK_RANDOM_PAGES);
	struct prctl_mm_map m = {
		.start_code = l->bias + l->plan.lo,
		.end_code = l->bias + l->plan.hi - 1,
		.start_data = l->bias + l->plan.lo,
		.end_data = l->bias + l->plan.hi - 1,
		.start_brk = end,
		.brk = end,
		.start_stack = s->sp,
		.arg_start = s->arg_start,
		.arg_end = s->arg_end,
		.env_start = s->env_start,
		.env_end = s->env_end,
		.auxv = (uint64_t *)(uintptr_t)s->auxv,
		.auxv_size = (uint32_t)s->auxv_size,
		.exe_fd = (uint32_t)-1,
	};
	const char *name = strrchr(l->target.path, '/');

	(void)prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
	(void)prctl(PR_SET_NAME, name ? name + 1 : l->target.path, 0, 0, 0);
}

void program_stack(struct launch *l)
{
	struct stack_program prog = {
		.phdr = l->plan.has_phdr_vaddr ? l->bias + l->plan.phdr_vaddr : 0,
		.phnum = l->plan.phnum,
		.base = l->interp_bias,
		.entry = l->bias + l->plan.entry,
	};
	struct stack_aux auxv[STACK_AUXV_MAX];
	struct stack_request rq = {
		.top = l->kstack_top < GATE_GUARD ? l->kstack_top : GATE_GUARD - PAGE_SIZE,
		.argv = l->target.argv,
		.envp = l->envp,
		.execfn = l->target.path,
		.auxv = auxv,
	};
	struct stack_result res;
	size_t need;
	char *p;

	rq.auxv_count = stack_auxv(auxv, l->kauxv, &prog);
	if (getrandom(rq.random, sizeof(rq.random), 0) != (ssize_t)sizeof(rq.random))
		report_fail(EXIT_ENDORUN, "stack: no random bytes: %s", strerror(errno));
	need = stack_bytes(&rq);
	if (need > SIZE_MAX / 2)
		report_fail(EXIT_NOT_RUNNABLE, "%s: argument list too long", l->target.path);
	rq.size = PAGE_UP(need + STACK_SLACK);
	p = mmap((void *)(rq.top - rq.size), rq.size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_STACK | MAP_FIXED_NOREPLACE, -1,
		 0);
	if (p != (char *)(rq.top - rq.size))
		report_fail(EXIT_ENDORUN, "stack: no room for %zu bytes: %s", rq.size,
			    strerror(errno));
	rq.buf = (uint8_t *)p;
	if (stack_build(&res, &rq))
		report_fail(EXIT_ENDORUN, "stack: cannot be built; please report this");
	l->sp = res.sp;
	tell_kernel(l, &res);
}
