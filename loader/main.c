/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the story of a start: read the command line, look at the
 * machine, find the program, build the arena, map everything, hand over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>

#include "alloc.h"
#include "launch.h"
#include "monitor/layout.h"
#include "policy/filter.h"
#include "report.h"

#define LOADER_STACK_SIZE (512 * 1024)
/* The kernel makes a first stack this much larger than what it filled. */
#define KERNEL_STACK_SLACK 0x40000

void call_on_stack(void (*fn)(void *), void *arg, void *top) __attribute__((noreturn));

static char loader_stack[LOADER_STACK_SIZE] __attribute__((aligned(4096)));
static struct launch launch;
static struct sock_filter filter[FILTER_MAX];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static char **copy_strings(char **v)
{
	size_t n = 0;
	char **out;

	while (v[n])
		n++;
	out = calloc(n + 1, sizeof(*out));
	for (size_t i = 0; out && i < n; i++) {
		out[i] = strdup(v[i]);
		if (!out[i])
			out = NULL;
	}
	if (!out)
		report_fail(EXIT_ENDORUN, "start: no memory for the arguments; raise RLIMIT_AS");
	return out;
}

static uint64_t *copy_auxv(char **envp)
{
	uint64_t *auxv, *out;
	size_t n = 0;

	while (*envp)
		envp++;
	auxv = (uint64_t *)(void *)(envp + 1);
	while (auxv[n])
		n += 2;
	out = malloc((n + 2) * sizeof(*out));
	if (!out)
		report_fail(EXIT_ENDORUN, "start: no memory; raise RLIMIT_AS");
	memcpy(out, auxv, (n + 2) * sizeof(*out));
	return out;
}

/* The program gets a stack of its own; with ASLR off this one lies on the gate. */
static void drop_kernel_stack(const struct launch *l, uint64_t sp)
{
	uint64_t lo = PAGE_DOWN(sp) - KERNEL_STACK_SLACK;

	(void)munmap((void *)lo, l->kstack_top - lo);
}

static void hand_over(struct launch *l)
{
	struct filter_params params = FILTER_PARAMS_FIXED;
	struct boot_start start = {.entry = l->entry, .sp = l->sp};
	int n;

	params.mediate_exit = l->cli.has_stats;
	n = filter_compile(&params, filter, FILTER_MAX);
	if (n < 0)
		report_fail(EXIT_ENDORUN, "filter: cannot be built: error %d", -n);
	start.filter = (uint64_t)(uintptr_t)filter;
	start.filter_len = (uint64_t)n;
	alloc_range(&start.unmap[0][0], &start.unmap[0][1]);
	start.nunmap = start.unmap[0][1] ? 1 : 0;
	start.probe = machine_probe();
	start.unmap[start.nunmap][0] = start.probe;
	start.unmap[start.nunmap++][1] = PAGE_SIZE;
	arena_seal(l);
	start.mapped_ns = l->mapped_ns;
	start.handover_ns = now_ns();
	l->monitor(&l->boot, BOOT_START, &start);
	report_fail(EXIT_ENDORUN, "monitor: did not start; please report this");
}

static void on_own_stack(void *arg)
{
	struct launch *l = arg;
	int argc = 0;

	machine_catch_faults(l);
	drop_kernel_stack(l, l->sp);
	l->is_child = reserved_take_handover(l);
	if (!l->is_child) {
		machine_refuse_lost_handover();
		while (l->argv[argc])
			argc++;
		cli_parse(&l->cli, argc, l->argv);
	}
	report_set_quiet(l->cli.is_quiet || l->is_child);
	machine_check(l);
	if (l->cli.is_selftest)
		selftest_run(l);
	reserved_setup(l);
	arena_build(l);
	program_map(l);
	l->mapped_ns = now_ns();
	if (l->plan.has_interp && !l->cli.no_closure)
		early_vet(l);
	program_close(l);
	program_stack(l);
	hand_over(l);
}

int main(int argc, char **argv)
{
	struct launch *l = &launch;
	const char *execfn = (const char *)(uintptr_t)getauxval(AT_EXECFN);

	(void)argc;
	l->started_ns = now_ns();
	/* By number: musl changes signals 32 to 34 behind the caller's back. */
	(void)syscall(SYS_rt_sigprocmask, 0, NULL, &l->first_mask, sizeof(l->first_mask));
	l->kauxv = copy_auxv(environ);
	l->argv = copy_strings(argv);
	l->kstack_top = PAGE_UP((uint64_t)(uintptr_t)execfn + strlen(execfn) + 1 + 8);
	l->sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	environ = l->envp = copy_strings(environ);
	call_on_stack(on_own_stack, l, loader_stack + LOADER_STACK_SIZE);
}
