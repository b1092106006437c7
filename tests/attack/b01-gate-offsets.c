/* SPDX-License-Identifier: MIT */
/*
 * Jumps to every byte of the gate page, with registers that an attacker would
 * choose: all zero (WRPKRU opens everything), all ones, the secret's address, a
 * fake private slot. Wherever control comes back, the secret is tried.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static uint8_t *fake;
static uint8_t stack[65536] __attribute__((aligned(4096)));

static void look(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
	if (*(volatile uint8_t *)env.secret || 1)
		_exit(ATTACK_SUCCESS);
}

static void nothing(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	(void)uc;
	if (sig != SIGSEGV)
		look(sig, si, uc);
	_exit(0);
}

/* A return into the program by `ret`: registers are the gate's. */
static void came_back(void)
{
	(void)*(volatile uint8_t *)env.secret;
	_exit(ATTACK_SUCCESS);
}

struct trial {
	uint64_t at;
	int preset;
};

static void jump(void *arg)
{
	const struct trial *t = arg;
	struct jump_regs r;
	uint64_t v[] = {0, ~0ull, env.secret, (uint64_t)fake, env.pkru, 0};

	alarm(10);
	catch_faults(nothing);
	for (size_t i = 0; i < sizeof(r) / 8; i++)
		((uint64_t *)&r)[i] = v[t->preset];
	if (t->preset == 5) { /* a mix: eax opens, pointers are ours */
		r.rbx = r.rdi = r.rsi = r.rbp = (uint64_t)fake;
		r.rdx = r.rcx = 0;
	}
	if (t->preset != 2)
		r.rsp = (uint64_t)stack + 32768;
	for (size_t i = 32768; i < sizeof(stack); i += 8)
		memcpy(stack + i, &(uint64_t){(uint64_t)came_back}, 8);
	r.rip = t->at;
	jump_all(&r);
}

void attack(void)
{
	size_t used = env.gate_len;
	const uint8_t *code = (const uint8_t *)env.gate;

	fake = pages(16);
	for (size_t i = 0; i < 8192; i += 8)
		memcpy(fake + i, &(uint64_t){(uint64_t)came_back}, 8);
	while (used > 64 && code[used - 1] == 0xcc)
		used--;
	for (size_t off = 0; off < used; off++) {
		bool wrpkru = off + 3 <= used && !memcmp(code + off, "\x0f\x01\xef", 3);
		bool kernel = off + 2 <= used && !memcmp(code + off, "\x0f\x05", 2);

		for (int preset = 0; preset < 6; preset++) {
			struct trial t = {env.gate + off, preset};
			int status;

			if (!env.full && !wrpkru && !kernel && !env.control &&
			    preset != (int)(off % 2 ? 0 : 5))
				continue;
			status = in_child(jump, &t);
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
				broken("gate+%#zx, preset %d: a hang", off, preset);
			/* A return into the program with a wrong stack may end in abort(). */
			if (!WIFSIGNALED(status))
				expect_blocked(status, "a jump into the gate");
		}
	}
}
