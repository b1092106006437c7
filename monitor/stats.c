/* SPDX-License-Identifier: MIT */
/*
 * Zone B: counts for --stats. Not exact under threads: no lock for a number.
 */
#include "handlers.h"
#include "syscall_table.h"

static uint64_t by_gate[SYSCALL_END], by_trap[SYSCALL_END];
static uint64_t vetted_bytes, sites_bound, sites_left, hits_patched, vet_calls;
static uint64_t mapped_ns, handover_ns, started_ns;

static const char *const names[SYSCALL_END] = {
#define SYS(nr, name, class, when, what, args, note) [nr] = #name,
#include "syscalls.def"
#undef SYS
};

uint64_t now_ns(void)
{
	uint64_t ts[2] = {0};

	(void)MON2(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, ts);
	return ts[0] * 1000000000 + ts[1];
}

void stats_count(const struct priv *p)
{
	uint64_t nr = p->regs.orig_rax;

	if (nr < SYSCALL_END)
		(p->entry == ENTRY_GATE ? by_gate : by_trap)[nr]++;
}

void stats_vetted(uint64_t bytes, uint64_t bound, uint64_t left, uint64_t patched)
{
	vet_calls++;
	vetted_bytes += bytes;
	sites_bound += bound;
	sites_left += left;
	hits_patched += patched;
}

void stats_started(uint64_t mapped, uint64_t handover)
{
	mapped_ns = mapped;
	handover_ns = handover;
	if (boot.flags & BOOT_STATS)
		started_ns = now_ns();
}

static void put(struct line *l, const char *what, uint64_t v)
{
	line_str(l, " ");
	line_str(l, what);
	line_str(l, " ");
	line_dec(l, v);
}

void stats_print(void)
{
	struct line l = {.len = 0};
	uint64_t gates = 0, traps = 0;

	for (size_t i = 0; i < SYSCALL_END; i++) {
		gates += by_gate[i];
		traps += by_trap[i];
	}
	line_str(&l, "endorun: stats:");
	put(&l, "pid", (uint64_t)MON0(__NR_getpid));
	put(&l, "gate", gates);
	put(&l, "trap", traps);
	put(&l, "start-us", (started_ns - boot.ticks_start) / 1000);
	put(&l, "map-us", (mapped_ns - boot.ticks_start) / 1000);
	put(&l, "vet-early-us", (handover_ns - mapped_ns) / 1000);
	put(&l, "arm-us", (started_ns - handover_ns) / 1000);
	line_flush(&l);
	line_str(&l, "endorun: stats: vetted");
	put(&l, "mappings", vet_calls);
	put(&l, "bytes", vetted_bytes);
	put(&l, "sites-bound", sites_bound);
	put(&l, "sites-trapping", sites_left);
	put(&l, "patched", hits_patched);
	line_flush(&l);
	for (size_t i = 0; i < SYSCALL_END; i++) {
		if (!by_gate[i] && !by_trap[i])
			continue;
		line_str(&l, "endorun: stats: call ");
		line_str(&l, names[i]);
		put(&l, "gate", by_gate[i]);
		put(&l, "trap", by_trap[i]);
		line_flush(&l);
	}
}
