/* SPDX-License-Identifier: MIT */
/*
 * rt_sigreturn without a signal: a frame made by hand and `syscall` with 15, the
 * same by int 0x80 (119, 173) and x32 (513). With no vector state in the frame,
 * or a zero magic number, PKRU would become 0 or the kernel's default.
 */
/* Isolation: keys */
/* Blocked: 0 | 125 | SIGSEGV | SIGSYS */
/* Control: 42 */
#include "attack.h"

static uint8_t area[16384] __attribute__((aligned(64)));
static uint8_t stack[65536] __attribute__((aligned(64)));

static void landed(void)
{
	if (rdpkru() != env.pkru)
		succeeded("rt_sigreturn: PKRU is %#x", rdpkru());
	(void)*(volatile uint8_t *)env.secret;
	succeeded("rt_sigreturn: the secret was read");
}

struct frame { /* arch/x86/include/asm/sigframe.h, what the kernel reads */
	uint64_t flags, link;
	stack_t stack;
	uint64_t regs[18]; /* r8 .. eflags */
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
	uint64_t mask;
};

static struct frame *frame_for(int form)
{
	struct frame *f = (void *)(stack + 32768);
	uint32_t size = xsave_size(), words[] = {0x46505853, size + 4, 0x207, 0, size};

	memset(f, 0, sizeof(*f));
	f->flags = 7;
	f->stack.ss_flags = SS_DISABLE;
	f->regs[15] = (uint64_t)stack + 65536 - 64 - 8; /* rsp */
	f->regs[16] = (uint64_t)landed;
	f->regs[17] = 0x202;
	f->cs = 0x33;
	f->ss = 0x2b;
	f->fpstate = form == 4 ? 0 : (uint64_t)area;
	memset(area, 0, sizeof(area));
	memcpy(area + 24, &(uint32_t){0x1f80}, 4);
	memcpy(area + 464, words, sizeof(words));
	memcpy(area + size, &(uint32_t){0x46505845}, 4);
	memcpy(area + 512, &(uint64_t){form == 1 ? 0 : 0x203}, 8);
	if (form == 2)
		memset(area + 464, 0, 4);
	if (form == 3)
		memcpy(area + 472, &(uint64_t){7}, 8);
	return f;
}

static void go(void *arg)
{
	uint64_t form = (uint64_t)arg & 15, how = (uint64_t)arg >> 4;
	struct frame *f = frame_for((int)form);
	static const uint32_t nr[] = {15, 119, 173, 513 | 0x40000000};

	if (how == 1 || how == 2)
		__asm__ volatile("mov %0, %%rsp; int $0x80" ::"r"(f), "a"(nr[how]) : "memory");
	else
		__asm__ volatile("mov %0, %%rsp; syscall" ::"r"(f), "a"(nr[how]) : "memory");
}

void attack(void)
{
	for (uint64_t how = 0; how < 4; how++)
		for (uint64_t form = 0; form < 5; form++)
			expect_blocked(in_child(go, (void *)(how << 4 | form)), "rt_sigreturn");
}
