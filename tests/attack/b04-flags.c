/* SPDX-License-Identifier: MIT */
/*
 * b04, b07, b08, c21: enters the monitor with TF, AC, DF and NT set, with x87 and
 * SSE exceptions unmasked, with a stack pointer that leads nowhere. No handler may
 * see the monitor at work; registers and stack must not hold its pointers after.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: a naive monitor would have to be written to be fooled */
#include "attack.h"

static volatile int inside, traps;

static bool in_key_m(uint64_t v)
{
	for (int i = 0; i < env.nranges; i++)
		if ((env.keys ? env.ranges[i].key == 1 : env.ranges[i].prot == 3) &&
		    v >= env.ranges[i].lo && v < env.ranges[i].hi)
			return v != env.readable;
	return false;
}

static void look(int sig, siginfo_t *si, void *arg)
{
	const ucontext_t *uc = arg;

	(void)sig;
	(void)si;
	traps++;
	for (int i = 0; i <= REG_RIP; i++)
		if (in_key_m((uint64_t)uc->uc_mcontext.gregs[i]))
			inside++;
	if (env.keys && rdpkru() != env.pkru)
		succeeded("a handler ran with PKRU %#x", rdpkru());
	if (traps > 3000)
		((ucontext_t *)arg)->uc_mcontext.gregs[REG_EFL] &= ~0x100l;
}

static void with_flags(void *arg)
{
	uint64_t bits = (uint64_t)arg, flags, after;

	on_signal(SIGTRAP, look, 0);
	on_signal(SIGBUS, look, 0);
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	for (int i = 0; i < 3; i++) {
		long ret;

		__asm__ volatile("push %2; popfq; syscall; pushfq; pop %1; push %3; popfq"
				 : "=a"(ret), "=&r"(after)
				 : "r"(flags | bits), "r"(flags), "0"((long)SYS_sigaltstack),
				   "D"(0l), "S"(0l)
				 : "rcx", "r11", "memory", "cc");
		if (ret)
			broken("flags %#lx: sigaltstack returned %ld", (unsigned long)bits, ret);
		if ((after ^ (flags | bits)) & 0x40400)
			broken("flags %#lx came back as %#lx", (unsigned long)bits,
			       (unsigned long)after);
	}
	if (inside)
		succeeded("a handler saw the monitor's registers %d times", inside);
}

static void fpu(void *arg)
{
	static const uint16_t cw = 0x340; /* all x87 exceptions unmasked */
	static const uint32_t mxcsr = 0;

	(void)arg;
	on_signal(SIGFPE, look, 0);
	__asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(cw), "m"(mxcsr));
	if (raw(SYS_sigaltstack, 0, 0) || raw(SYS_rt_sigprocmask, 0, 0, 0, 8))
		broken("floating-point control disturbed the monitor");
	if (inside)
		succeeded("a handler saw the monitor's registers");
}

/* Everything below the stack pointer and in the registers after a call. */
static void residue(void *arg)
{
	static const long calls[][2] = {
		{SYS_sigaltstack, 0},	    {SYS_rt_sigprocmask, 0}, {SYS_openat, -100},
		{SYS_set_robust_list, 0},   {SYS_mremap, 0},	     {SYS_execve, 0},
		{SYS_personality, 0x400000}};

	(void)arg;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint64_t r[6] = {1, 2, 3, 4, 5, 6}, below[1024];

		__asm__ volatile("mov %2, %%r8; mov %2, %%r9; mov %2, %%r10; xor %%edx, %%edx\n\t"
				 "xor %%esi, %%esi; syscall\n\t"
				 "mov %%rcx, 0(%1); mov %%r11, 8(%1); mov %%r8, 16(%1)\n\t"
				 "mov %%r9, 24(%1); mov %%r10, 32(%1); mov %%rdx, 40(%1)"
				 : "=a"(below[0])
				 : "b"(r), "r"(8l), "0"(calls[i][0]), "D"(calls[i][1])
				 : "rcx", "r11", "r8", "r9", "r10", "rdx", "rsi", "memory");
		memcpy(below, (char *)__builtin_frame_address(0) - 8192, sizeof(below));
		for (size_t k = 0; k < 6; k++)
			if (in_key_m(r[k]))
				succeeded("register %zu holds %#lx after call %ld", k,
					  (unsigned long)r[k], calls[i][0]);
		for (size_t k = 0; k < 1024; k++)
			if (in_key_m(below[k]) && below[k] != env.secret)
				succeeded("the stack holds %#lx after call %ld",
					  (unsigned long)below[k], calls[i][0]);
	}
}

/* Stack pointers that lead nowhere: the call works, or a fault is ours. */
static void bad_stack(void *arg)
{
	long ret;

	catch_faults(look);
	on_signal(SIGSEGV, look, SA_ONSTACK | SA_RESETHAND);
	__asm__ volatile("mov %%rsp, %%rbx; mov %2, %%rsp; syscall; mov %%rbx, %%rsp"
			 : "=a"(ret)
			 : "0"((long)SYS_sigaltstack), "r"(arg), "D"(0l), "S"(0l)
			 : "rcx", "r11", "rbx", "memory");
	if (inside)
		succeeded("a handler saw the monitor's registers");
}

void attack(void)
{
	const uint64_t stacks[] = {0,	 8,	    env.secret, env.secret + 64, env.readable,
				   ~0ul, 1ul << 63, 1ul << 47,	GATE_PAGE,	 GATE_GUARD + 8};
	const uint64_t bits[] = {0x100, 0x400, 0x40000, 0x4000, 0x200000, 0x10000, 0x44500};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		expect_blocked(in_child(with_flags, (void *)bits[i]), "flags");
	expect_blocked(in_child(fpu, NULL), "fpu");
	expect_blocked(in_child(residue, NULL), "residue");
	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++)
		expect_blocked(in_child(bad_stack, (void *)stacks[i]), "stack pointers");
}
