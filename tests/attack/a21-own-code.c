/* SPDX-License-Identifier: MIT */
/*
 * a20, a21: looks through all executable memory that can be read for WRPKRU,
 * XRSTOR and WRGSBASE at every offset, leaving out what the gate page has, and
 * jumps at each; then jumps into every trampoline at every byte.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
/* Link: dynamic */
#include "attack.h"

static uint8_t area[8192] __attribute__((aligned(64)));
static uint8_t stack[65536] __attribute__((aligned(4096)));

static void look(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
	_exit(rdpkru() != 0x55555554 && rdpkru() != env.pkru ? ATTACK_SUCCESS : 0);
}

static void came_back(void)
{
	if (rdpkru() != env.pkru && rdpkru() != 0x55555554)
		_exit(ATTACK_SUCCESS);
	(void)*(volatile uint8_t *)env.secret;
	_exit(ATTACK_SUCCESS);
}

static void jump(void *arg)
{
	struct jump_regs r = {.rip = (uint64_t)arg};
	uint32_t features = 0x200;

	memcpy(area + 512, &features, 4);
	memcpy(area + 24, &(uint32_t){0x1f80}, 4);
	alarm(1);
	catch_faults(look);
	on_signal(SIGALRM, look, SA_ONSTACK);
	for (size_t i = 32768; i < sizeof(stack); i += 8)
		memcpy(stack + i, &(uint64_t){(uint64_t)came_back}, 8);
	r.rax = *(uint8_t *)arg == 0x0f && ((uint8_t *)arg)[1] == 0xae ? 0x200 : 0;
	r.rdi = r.rsi = r.rbx = r.rbp = r.rcx = (uint64_t)area;
	if (!r.rax)
		r.rcx = 0;
	r.r8 = r.r9 = r.r10 = r.r11 = r.r12 = r.r13 = r.r14 = r.r15 = (uint64_t)area;
	r.rsp = (uint64_t)stack + 32768;
	jump_all(&r);
}

static bool is_hit(const uint8_t *p)
{
	if (p[0] != 0x0f)
		return false;
	if (p[1] == 0x01)
		return p[2] == 0xef;
	if (p[1] != 0xae)
		return false;
	return ((p[2] & 0x38) == 0x28 && p[2] < 0xc0) || ((p[2] & 0xf8) == 0xd8 && p[-1] == 0xf3) ||
	       ((p[2] & 0xf8) == 0xd8 && (p[-1] & 0xf0) == 0x40 && p[-2] == 0xf3);
}

static void scan(uint64_t lo, uint64_t hi, const char *name)
{
	int tries = 0;

	for (uint64_t at = lo + 2; at + 3 < hi; at++) {
		if (!is_hit((const uint8_t *)at) || (at >= GATE_PAGE && !env.control))
			continue;
		if (tries++ < 20)
			(void)in_child(jump, (void *)at);
		if (!env.control)
			succeeded("%s: an unsafe instruction at %#lx", name, (unsigned long)at);
	}
}

/* Trampolines: small pieces of executable memory that are not our own code. */
static void walk(uint64_t lo, uint64_t hi)
{
	const uint8_t *p = (const uint8_t *)lo;
	uint64_t used = hi - lo, step;

	while (used && (p[used - 1] == 0xcc || p[used - 1] == 0))
		used--;
	step = env.full ? 1 : 1 + used / 40;
	for (uint64_t off = 0; off < used; off += step)
		(void)in_child(jump, (void *)(lo + off));
}

static bool is_trampoline(const struct range *r)
{
	uint64_t ours = (uint64_t)walk;

	return r->hi - r->lo <= 16 * PAGE && r->lo < GATE_GUARD && !(r->lo <= ours && ours < r->hi);
}

void attack(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	struct range code[64];
	char line[512], names[64][64];
	int n = 0;

	while (f && n < 64 && fgets(line, sizeof(line), f)) {
		unsigned long lo, hi;
		char perms[8] = "";

		names[n][0] = 0;
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %63s", &lo, &hi, perms, names[n]) >= 3 &&
		    perms[0] == 'r' && perms[2] == 'x' && can_read(lo) && names[n][1] != 'v')
			code[n++] = (struct range){.lo = lo, .hi = hi};
	}
	for (int i = 0; i < n; i++)
		scan(code[i].lo, code[i].hi, names[i]);
	for (int i = 0; i < n && !env.control; i++)
		if (!names[i][0] && is_trampoline(&code[i]))
			walk(code[i].lo, code[i].hi);
}
