/* SPDX-License-Identifier: MIT */
/*
 * Jumps to the signal entry as if the kernel did, with the stack pointer where
 * it would put a frame, with one made by hand, and anywhere on the monitor's
 * signal stack; after real signals have left their frames there.
 */
/* Isolation: keys */
/* Blocked: 0 | 125 | SIGSEGV | SIGILL */
/* Control: 42 */
#include "attack.h"

#include "monitor/slot.h"

static uint8_t forged[16384] __attribute__((aligned(64)));
static uint64_t entry;

static void landed(void)
{
	if (rdpkru() != env.pkru && rdpkru() != 0x55555554)
		_exit(ATTACK_SUCCESS);
	(void)*(volatile uint8_t *)env.secret;
	_exit(ATTACK_SUCCESS);
}

/* Whatever opens PKRU in the gate page begins by zeroing three registers. */
static uint64_t find_entry(int n)
{
	const uint8_t *p = (const uint8_t *)env.gate;

	if (env.control)
		return env.gate + 5;
	for (size_t off = 0; off + 18 < env.gate_len; off++)
		if (p[off] == 0xb8 && !memcmp(p + off + 1, "\0\0\0\0", 4) && p[off + 15] == 0x0f &&
		    p[off + 16] == 0x01 && p[off + 17] == 0xef && n-- == 0)
			return env.gate + off;
	return 0;
}

static void jump(void *arg)
{
	struct jump_regs r = {.rip = entry, .rsp = (uint64_t)arg};

	r.rdi = SIGSYS;
	r.rsi = r.rsp + 304;
	r.rdx = env.control ? 0 : r.rsp + 8;
	jump_all(&r);
}

static void count(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
}

void attack(void)
{
	uint64_t top = env.secret + PRIV_SIGSTACK + PRIV_SIGSTACK_SIZE;

	for (size_t i = 0; i < sizeof(forged); i += 8)
		memcpy(forged + i, &(uint64_t){(uint64_t)landed}, 8);
	on_signal(SIGUSR1, count, 0);
	raise(SIGUSR1);
	(void)kill(getpid(), SIGUSR1);
	for (int n = 0; (entry = find_entry(n)) && n < 4; n++) {
		expect_blocked(in_child(jump, forged + 8192), "a frame of our own");
		if (env.control)
			break;
		/* The right place is the stack's top less the frame's size. */
		for (uint64_t rsp = top - 4096; rsp < top; rsp += env.full ? 8 : 160)
			expect_blocked(in_child(jump, (void *)(rsp & ~7ull)), "the signal stack");
	}
}
