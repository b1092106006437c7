/* SPDX-License-Identifier: MIT */
/*
 * XRSTOR with the PKRU bit in its mask: every memory form, with prefixes, the
 * standard and the compacted area, and the state's "not there" that stands for
 * zero.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static uint8_t area[8192] __attribute__((aligned(64)));

static void fill(int form)
{
	uint64_t bv = form == 1 ? 0 : 0x200, comp = form == 2 ? 1ull << 63 | 0x200 : 0;

	memset(area, 0, sizeof(area));
	memcpy(area + 24, &(uint32_t){0x1f80}, 4);
	memcpy(area + 512, &bv, 8);
	memcpy(area + 520, &comp, 8);
}

/* Code with the area's address in rdi and, where a form wants it, displacement 0. */
struct form {
	const uint8_t *prefix;
	size_t n;
	uint8_t modrm;
	int form;
};

static void one(void *arg)
{
	const struct form *f = arg;
	uint8_t *p = pages(1), *at = p;
	static const uint8_t set_base[] = {0x48, 0x89, 0xf8, /* mov %rdi,%rax: base for rm=0 */
					   0x48, 0x89, 0xf9, 0x48, 0x89, 0xfb,
					   0x48, 0x89, 0xfd, 0x48, 0x89, 0xfe};
	uint8_t modrm = f->modrm, rm = modrm & 7, mod = modrm >> 6;

	fill(f->form);
	*at++ = 0x53; /* push %rbx */
	*at++ = 0x55; /* push %rbp */
	memcpy(at, set_base + 3, sizeof(set_base) - 3);
	at += sizeof(set_base) - 3;
	memcpy(at, "\x31\xd2\xb8\x00\x02\x00\x00", 7); /* xor %edx,%edx; mov $0x200,%eax */
	at += 7;
	memcpy(at, f->prefix, f->n);
	at += f->n;
	*at++ = 0x0f;
	*at++ = 0xae;
	*at++ = modrm;
	if (rm == 4)
		*at++ = 0x27; /* SIB: base rdi, no index */
	if (rm == 5 && mod == 0) {
		int32_t rel = (int32_t)(p + 2048 - (at + 4));

		memcpy(p + 2048, area, 1024);
		memcpy(at, &rel, 4);
		at += 4;
	}
	at += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	memcpy(at, "\x5d\x5b\xc3", 3); /* pop %rbp; pop %rbx; ret */
	if (make_executable(p, PAGE) == 0)
		(void)run_code(p, 0, (uint64_t)area);
	if (rdpkru() != env.pkru || can_read(env.secret))
		succeeded("modrm %#x, form %d: PKRU is %#x", modrm, f->form, rdpkru());
}

void attack(void)
{
	static const uint8_t prefixes[][4] = {{0}, {0x48}, {0x2e}, {0x67}, {0x3e, 0x48}};
	static const size_t lens[] = {0, 1, 1, 1, 2};

	for (int form = 0; form < 3; form++)
		for (int modrm = 0x28; modrm <= 0xaf;
		     modrm = modrm % 8 == 7 ? modrm + 57 : modrm + 1) {
			if ((modrm & 7) == 0 || ((modrm & 7) == 2))
				continue; /* rax and rdx hold the mask */
			for (size_t i = 0; i < (env.full ? 5 : 2); i++)
				expect_blocked(in_child(one, &(struct form){prefixes[i], lens[i],
									    (uint8_t)modrm, form}),
					       "XRSTOR");
		}
}
