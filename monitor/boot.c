/* SPDX-License-Identifier: MIT */
/*
 * Zone B: from the loader's last call to the program's first instruction.
 */
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "monitor.h"
#include "verify.h"

#define ARCH_SET_GS 0x1001
#define NR_MSEAL 462

struct boot boot;
static struct boot_start start;

long mon_entry(const struct boot *b, int op, void *arg);

static void must(long ret, uint64_t step)
{
	if (ret < 0)
		die(DIE_SETUP, step << 32 | (uint64_t)(uint32_t)-ret);
}

static long map_exec(struct boot_map *m, bool only_check)
{
	struct exec_source src = {.fd = m->fd, .off = m->off};
	struct line why = {.len = 0};
	long ret = only_check ? exec_check(m->len, &src, &why)
			      : exec_map(NULL, m->addr, m->len, &src, &why);

	memcpy(m->refusal, why.buf, why.len);
	m->refusal[why.len] = 0;
	return ret;
}

/* The loader's range stays reserved for ever: the filter trusts it (g02). */
static void bury_loader(void)
{
	const uint64_t lo = LOADER_BASE - PAGE_SIZE, len = LOADER_END - lo;

	for (uint32_t i = 0; i < start.nunmap; i++)
		must(MON2(__NR_munmap, start.unmap[i][0], start.unmap[i][1]), 1);
	must(MON6(__NR_mmap, lo, len, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		  -1, 0),
	     2);
	must(MON3(NR_MSEAL, lo, len, 0), 3);
}

static void install_filter(void)
{
	struct sock_fprog prog = {.len = (unsigned short)start.filter_len,
				  .filter = (struct sock_filter *)start.filter};

	if (boot.flags & BOOT_INHERITED)
		return;
	if (!(boot.flags & BOOT_PRIVILEGED))
		must(MON5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 4);
	must(MON3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog), 5);
}

/* On slot 0's monitor stack, GS not yet set, nothing of the loader needed but data. */
static void first(struct priv *p)
{
	uint64_t all = ~SYNC_MASK;

	must(MON2(__NR_arch_prctl, ARCH_SET_GS, p->control), 6);
	must(MON4(__NR_rt_sigprocmask, 2, &all, 0, KERNEL_SIGSET_SIZE), 7);
	must(slot_arm(p), 8);
	p->control->selector = SEL_ALLOW;
	p->tgid = p->tid = (int32_t)MON0(__NR_gettid);
	p->inside = 1;
	sigaction_init(boot.ignored);
	verify_dispatch(p);
	install_filter();
	verify_filter(p, start.probe);
	verify_keys(p);
	bury_loader();
	p->regs.rip = start.entry;
	p->regs.rsp = start.sp;
	p->regs.eflags = 0x202;
	set_app_mask(p, boot.app_mask);
	set_exit_values(p);
	stats_started(start.mapped_ns, start.handover_ns);
}

static long init(const struct boot *b)
{
	struct priv *p;

	if (b->magic != BOOT_MAGIC)
		return -EINVAL;
	boot = *b;
	/* Slot 0, by the same way as every other: nobody owns a lock yet. */
	p = slot_at(0);
	p->tid = (int32_t)MON0(__NR_gettid);
	p = slot_alloc(p);
	if (!p || p->index)
		return -EINVAL;
	p->starting = 0;
	exec_note(boot.vdso_lo, boot.vdso_hi);
	return judge_init();
}

/* Entry of the image: called by the loader as a plain function, PKRU open. */
long mon_entry(const struct boot *b, int op, void *arg)
{
	void (*go)(struct priv *, void (*)(struct priv *)) __attribute__((noreturn));

	switch (op) {
	case BOOT_INIT:
		return init(b);
	case BOOT_MAP_EXEC:
		return map_exec(arg, false);
	case BOOT_CHECK_EXEC:
		return map_exec(arg, true);
	case BOOT_START:
		start = *(const struct boot_start *)arg;
		go = (__typeof__(go))GATE(gate_first);
		go(slot_at(0), first);
	default:
		return -EINVAL;
	}
}
