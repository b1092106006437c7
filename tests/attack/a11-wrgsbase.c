/* SPDX-License-Identifier: MIT */
/*
 * a11, a12, b03: the GS base forged by WRGSBASE in all its spellings, by
 * arch_prctl, by loading selectors into GS; then the gate with a fake control
 * slot behind GS. A page at address 0 would be that slot for a null selector.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <asm/prctl.h>
#include <sys/personality.h>

static uint64_t *fake;

static void check_gs(const char *how)
{
	if (rdgs() != (env.control ? 0 : env.readable) && rdgs() != 0)
		succeeded("%s: GS is %#lx", how, (unsigned long)rdgs());
}

static void by_instruction(void)
{
	static const uint8_t forms[][8] = {
		{5, 0xf3, 0x48, 0x0f, 0xae, 0xdf},
		{6, 0xf3, 0x2e, 0x48, 0x0f, 0xae, 0xdf},
		{6, 0x2e, 0xf3, 0x48, 0x0f, 0xae, 0xdf},
		{6, 0xf3, 0x66, 0x48, 0x0f, 0xae, 0xdf},
		{4, 0xf3, 0x0f, 0xae, 0xdf},
		{6, 0xf3, 0x48, 0x2e, 0x0f, 0xae, 0xdf},
		{6, 0xf3, 0xf2, 0x48, 0x0f, 0xae, 0xdf},
		{6, 0xf2, 0xf3, 0x48, 0x0f, 0xae, 0xdf},
		{6, 0xf3, 0x67, 0x48, 0x0f, 0xae, 0xdf},
		{5, 0xf3, 0x49, 0x0f, 0xae, 0xdf},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (int where = 0; where < 4; where++) { /* and across the page's end */
			uint8_t *p = pages(2), *at = p + (where ? PAGE - where * 2 : 64);
			int ret;

			memcpy(at, forms[i] + 1, forms[i][0]);
			at[forms[i][0]] = 0xc3;
			ret = make_executable(p, where == 3 ? PAGE : 2 * PAGE);
			if (where == 3)
				ret |= make_executable(p + PAGE, PAGE);
			if (ret == 0)
				(void)run_code(at, 0, (uint64_t)fake);
			check_gs("WRGSBASE");
			munmap(p, 2 * PAGE);
		}
	}
}

static void load_gs(unsigned int selector)
{
	__asm__ volatile("mov %0, %%gs" ::"r"(selector));
}

static void selector(void *arg)
{
	unsigned int first = (unsigned int)(uintptr_t)arg;
	volatile unsigned int s;

	for (s = first; s < first + 0x100; s++) {
		if (sigsetjmp(*(sigjmp_buf *)(fake + 600), 1))
			continue;
		load_gs(s);
	}
	load_gs(0);
	/* A mediated call now: fails or works, but not through memory of ours. */
	(void)sigaltstack(NULL, NULL);
	check_secret("a selector in GS");
	if (fake[512])
		succeeded("the gate used the fake slot");
}

static void next(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
	siglongjmp(*(sigjmp_buf *)(fake + 600), 1);
}

static void selectors(void *arg)
{
	on_signal(SIGSEGV, next, SA_NODEFER);
	selector(arg);
}

/* Address 0 as memory: what a null GS would read. */
static void page_zero(void)
{
	const long fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	long p = raw(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, fixed, -1, 0);

	if (p == 0 && !env.control)
		succeeded("page 0 was mapped");
	for (uint64_t at = 0; at < LOW_END && !env.control; at += PAGE) {
		p = raw(SYS_mmap, at, PAGE, PROT_READ | PROT_WRITE, fixed, -1, 0);
		if (p >= 0)
			succeeded("%#lx was mapped", (unsigned long)at);
		p = raw(SYS_mremap, fake, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at);
		if (p >= 0)
			succeeded("%#lx was mapped by mremap", (unsigned long)at);
	}
	if (personality(MMAP_PAGE_ZERO) >= 0)
		(void)personality(0);
}

void attack(void)
{
	fake = pages(2);
	for (size_t i = 0; i < 512; i++)
		fake[i] = (uint64_t)fake;
	by_instruction();
	if (raw(SYS_arch_prctl, ARCH_SET_GS, fake) == 0 ||
	    raw(SYS_arch_prctl, ARCH_SET_GS | 1l << 32, fake) == 0)
		succeeded("ARCH_SET_GS was accepted");
	page_zero();
	for (uintptr_t s = 0; s < 0x10000; s += env.full ? 0x100 : 0x4000)
		expect_blocked(in_child(selectors, (void *)s), "selectors");
}
