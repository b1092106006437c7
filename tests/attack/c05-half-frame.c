/* SPDX-License-Identifier: MIT */
/*
 * c05: since 6.12 the kernel opens PKRU to write a signal frame and leaves it
 * open if it fails half way: a stack whose lower part is read-only.
 * c06, c07: the stack pointer inside the monitor's signal stack, and an
 * alternate stack in the arena, so that the frame lands there.
 */
/* Isolation: keys */
/* Blocked: 0 | 125 | SIGSEGV */
/* Control: 42 */
#include "attack.h"

#include "monitor/slot.h"

static uint8_t good[65536] __attribute__((aligned(64)));

static void landed(void)
{
	if (rdpkru() != env.pkru)
		succeeded("PKRU is %#x", rdpkru());
	_exit(0);
}

static void repair(int sig, siginfo_t *si, void *arg)
{
	ucontext_t *uc = arg;

	(void)sig;
	(void)si;
	if (rdpkru() != env.pkru && rdpkru() != 0x55555554)
		succeeded("in a handler: PKRU is %#x", rdpkru());
	uc->uc_mcontext.gregs[REG_RSP] = (long)(good + sizeof(good) - 128 - 8);
	uc->uc_mcontext.gregs[REG_RIP] = (long)landed;
}

static void signal_with_rsp(uint64_t rsp, int sig)
{
	__asm__ volatile("mov %0, %%rsp; mov $62, %%eax; syscall; ud2" ::"r"(rsp),
			 "D"((long)getpid()), "S"((long)sig)
			 : "rax", "rcx", "r11", "memory");
}

static void half(void *arg)
{
	uint8_t *p = pages(16), *rw = p + 4 * PAGE;

	catch_faults(repair);
	on_signal(SIGUSR1, repair, 0);
	if (mprotect(p, 4 * PAGE, PROT_READ))
		broken("mprotect");
	signal_with_rsp((uint64_t)rw + xsave_size() + 4 + 128 + (uint64_t)arg, SIGUSR1);
}

static void inside(void *arg)
{
	catch_faults(repair);
	on_signal(SIGUSR1, repair, SA_ONSTACK);
	if (env.control) { /* the victim's monitor trusts its alternate stack */
		stack_t ss = {.ss_sp = (void *)(env.secret & ~(PAGE - 1)), .ss_size = PAGE};

		(void)sigaltstack(&ss, NULL);
	}
	signal_with_rsp((uint64_t)arg, SIGUSR1);
}

static void altstack(void *arg)
{
	stack_t ss = {.ss_sp = (void *)(env.secret & ~(PAGE - 1)), .ss_size = 16 * PAGE};

	(void)arg;
	on_signal(SIGUSR1, repair, SA_ONSTACK);
	if (sigaltstack(&ss, NULL))
		_exit(0);
	raise(SIGUSR1);
	check_secret("an alternate stack in the arena");
	ss.ss_sp = (void *)(env.readable & ~(PAGE - 1));
	(void)sigaltstack(&ss, NULL);
	raise(SIGUSR1);
}

void attack(void)
{
	uint64_t lo = env.secret + PRIV_SIGSTACK, hi = lo + PRIV_SIGSTACK_SIZE;

	for (uint64_t off = 63; off < 700; off += env.full ? 32 : 128)
		expect_blocked(in_child(half, (void *)off), "a frame that fails half way");
	if (env.control)
		return;
	for (uint64_t rsp = lo - 1024; rsp <= hi + 1024; rsp += env.full ? 64 : 1024)
		expect_blocked(in_child(inside, (void *)rsp), "rsp on the signal stack");
	for (int i = -2; i <= 2; i++)
		expect_blocked(in_child(inside, (void *)(hi + 128 + 8 * i)), "rsp at its top");
	expect_blocked(in_child(inside, (void *)env.readable), "rsp in the control slot");
	expect_blocked(in_child(altstack, NULL), "sigaltstack");
	raise(SIGCONT);
}
