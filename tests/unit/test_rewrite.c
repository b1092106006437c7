/* SPDX-License-Identifier: MIT */
/*
 * The rewriter: rewritten code is executed and compared with the original, and
 * whatever goes in, no unsafe encoding comes out.
 *
 * The gate's two addresses are stubs here that record what reaches them.
 */
/* SOURCES: monitor/scan.c monitor/rewrite.c monitor/rewrite_decode.c */
/* SOURCES: monitor/rewrite_emit.c monitor/rewrite_fix.c monitor/rewrite_imm.c */
/* NEEDS: zydis */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../monitor/rewrite.h"
#include "run_code.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ARENA (64u << 20)
#define TEXT_AT (32u << 20)
#define TEXT_LEN 4096u
#define TRAMP_AT (TEXT_AT + 65536u)
#define TRAMP_CAP 4096u
#define CODE_AT 512u /* nops before the code under test */
#define NOP 0x90
#define NR_BOUND 231u
#define NR_NATIVE 39u

struct xrstor_call {
	uint64_t rax, rdx, rcx, count;
} xrstor_call;
void gate_call_stub(void), gate_xrstor_stub(void);

/*
 * The call stub hands out what it was given: rax = r11, rcx = flags, and rdx
 * from where it was parked. The XRSTOR stub spoils all that it may.
 */
/* clang-format off */
__asm__(
"	.text\n"
"	.globl gate_call_stub, gate_xrstor_stub\n"
"gate_call_stub:\n"
"	lea -0x200(%rsp), %rsp\n	pushfq\n	pop %rcx\n	lea 0x200(%rsp), %rsp\n"
"	mov -0x88(%rsp), %rdx\n"
"	mov %r11, %rax\n	shl $16, %r11\n	shr $16, %r11\n	jmp *%r11\n"
"gate_xrstor_stub:\n"
"	mov %rax, xrstor_call(%rip)\n	mov %rdx, xrstor_call+8(%rip)\n"
"	mov %rcx, xrstor_call+16(%rip)\n	incq xrstor_call+24(%rip)\n"
"	mov $-1, %rax\n	mov $-2, %rcx\n	mov $-3, %rdx\n	add $1, %rax\n	ret\n");
/* clang-format on */

static uint8_t *arena;
static uint8_t bitmap[64];
static struct rewrite_gates gates;

static void setup(void)
{
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert(arena != MAP_FAILED);
	bitmap[NR_BOUND / 8] |= (uint8_t)(1u << NR_BOUND % 8);
	gates.call = (uint64_t)(uintptr_t)gate_call_stub;
	gates.xrstor = (uint64_t)(uintptr_t)gate_xrstor_stub;
	memset(&xrstor_call, 0, sizeof(xrstor_call));
}

static void teardown(void)
{
	munmap(arena, ARENA);
}

static uint64_t addr_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static struct rewrite prepare(void)
{
	return (struct rewrite){
		.text = arena + TEXT_AT,
		.len = TEXT_LEN,
		.text_addr = addr_of(arena + TEXT_AT),
		.tramp = arena + TRAMP_AT,
		.tramp_cap = TRAMP_CAP,
		.tramp_addr = addr_of(arena + TRAMP_AT),
		.gates = &gates,
		.bind_bitmap = bitmap,
		.bind_count = sizeof(bitmap) * 8,
	};
}

/* Text of nops with the code, a ret and more nops behind it. */
static uint8_t *place(const uint8_t *code, size_t n)
{
	uint8_t *text = arena + TEXT_AT;

	memset(text, NOP, TEXT_LEN);
	memcpy(text + CODE_AT, code, n);
	text[CODE_AT + n] = 0xc3;
	return text + CODE_AT;
}

static struct regs some_regs(unsigned int seed)
{
	struct regs regs;
	uint64_t *r = (uint64_t *)&regs;

	for (unsigned int i = 0; i < 16; i++)
		r[i] = 0x1122334455667788u * (i + 3) ^ ((uint64_t)seed << (i * 3));
	regs.flags = 2 | (seed * 0x51 & ARITH_FLAGS);
	return regs;
}

static void check_clean(const struct rewrite *rw)
{
	struct scan_hit hit;

	ck_assert(!scan_next(rw->text, rw->len, 0, &hit));
	if (!rw->tramp_addr)
		return;
	ck_assert(!scan_next(rw->tramp, rw->tramp_cap, 0, &hit));
	for (size_t i = 0; i < 16; i++) {
		ck_assert_uint_eq(rw->tramp[i], 0xcc);
		ck_assert_uint_eq(rw->tramp[rw->tramp_cap - 1 - i], 0xcc);
	}
	for (size_t i = rw->tramp_len; i < rw->tramp_cap; i++)
		ck_assert_uint_eq(rw->tramp[i], 0xcc);
}

static int same_regs(const struct regs *a, const struct regs *b)
{
	struct regs x = *a, y = *b;

	x.flags &= ARITH_FLAGS;
	y.flags &= ARITH_FLAGS;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* ---- system-call sites ------------------------------------------------- */

START_TEST(site_bound)
{
	static const uint8_t code[] = {0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05};
	uint8_t *p = place(code, sizeof(code));
	struct rewrite rw = prepare();
	size_t need;

	need = rewrite_need(&rw);
	ck_assert_int_eq(rewrite_text(&rw), 0);
	ck_assert_uint_gt(rw.tramp_len, 0);
	ck_assert_uint_le(rw.tramp_len, need);
	ck_assert_uint_eq(rw.stats.sites_bound, 1);
	ck_assert_uint_eq(rw.stats.sites_left, 0);
	ck_assert_uint_eq(p[0], 0xe9);
	ck_assert(memcmp(p + 5, code + 5, 2) == 0); /* the syscall stays */
	check_clean(&rw);
	for (unsigned int seed = 0; seed < 64; seed++) {
		struct regs in = some_regs(seed), out = in;

		ck_assert(run_code(p, &out));
		ck_assert_uint_eq(out.rax, (uint64_t)NR_BOUND << 48 | addr_of(p + 7));
		ck_assert_uint_eq(out.r11, addr_of(p + 7));
		ck_assert_uint_eq(out.rcx & ARITH_FLAGS, in.flags & ARITH_FLAGS);
		ck_assert_uint_eq(out.rdx, in.rdx);
		out.rax = in.rax;
		out.rcx = in.rcx;
		out.r11 = in.r11;
		out.rsp = in.rsp;
		out.flags = in.flags;
		ck_assert(same_regs(&in, &out));
	}
}
END_TEST

START_TEST(site_need_is_enough)
{
	uint8_t *text = arena + TEXT_AT;
	struct rewrite rw = prepare();
	static const uint8_t code[] = {0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05};

	for (size_t n = 1; n <= TEXT_LEN / 8 && n < 64; n++) {
		memset(text, NOP, TEXT_LEN);
		for (size_t i = 0; i < n; i++)
			memcpy(text + 8 * i, code, sizeof(code));
		rw.tramp_cap = rewrite_need(&rw);
		ck_assert_int_eq(rewrite_text(&rw), 0);
		ck_assert_uint_eq(rw.stats.sites_bound, n);
		check_clean(&rw);
	}
}
END_TEST

START_TEST(site_left_alone)
{
	static const struct {
		uint8_t code[16];
		size_t n;
		unsigned int left;
	} cases[] = {
		{{0xb8, NR_NATIVE, 0, 0, 0, 0x0f, 0x05}, 7, 0},
		{{0x48, 0xc7, 0xc0, NR_BOUND, 0, 0, 0, 0x0f, 0x05}, 9, 1},
		{{0x41, 0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05}, 8, 1}, /* mov to r8d */
		{{0x48, 0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05, 1, 2}, 10, 1},
		{{0xb8, NR_BOUND, 0, 0, 1, 0x0f, 0x05}, 7, 0}, /* no such number */
		{{0x81, 0xc3, 0xb8, NR_BOUND, 0, 0, 0x0f, 0x05}, 8, 1},
		{{0xb9, 0x01, 0x02, 0x03, 0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05}, 11, 1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t *p = place(cases[i].code, cases[i].n);
		struct rewrite rw = prepare();

		ck_assert_int_eq(rewrite_text(&rw), 0);
		ck_assert_msg(memcmp(p, cases[i].code, cases[i].n) == 0, "case %zu", i);
		ck_assert_uint_eq(rw.stats.sites_bound, 0);
		ck_assert_uint_eq(rw.stats.sites_left, cases[i].left);
		ck_assert_uint_eq(rw.tramp_len, 0);
	}
}
END_TEST

START_TEST(site_without_trampolines)
{
	static const uint8_t code[] = {0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05};
	uint8_t *p = place(code, sizeof(code));
	struct rewrite rw = prepare();

	rw.tramp_addr = 0;
	rw.tramp = NULL;
	rw.tramp_cap = 0;
	ck_assert_int_eq(rewrite_text(&rw), 0);
	ck_assert_uint_eq(rw.stats.sites_left, 1);
	ck_assert(memcmp(p, code, sizeof(code)) == 0);

	rw = prepare();
	rw.tramp_addr += 1ull << 32; /* out of reach */
	ck_assert_int_eq(rewrite_text(&rw), 0);
	ck_assert_uint_eq(rw.stats.sites_left, 1);
	ck_assert_uint_eq(rw.tramp_len, 0);

	for (size_t cap = 0; cap < 100; cap++) {
		rw = prepare();
		rw.tramp_cap = cap; /* too little */
		ck_assert_int_eq(rewrite_text(&rw), 0);
		ck_assert_uint_eq(rw.stats.sites_left + rw.stats.sites_bound, 1);
		memcpy(p, code, sizeof(code));
	}
}
END_TEST

START_TEST(need_is_zero)
{
	static const uint8_t code[] = {0xb8, NR_NATIVE, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x01, 0xee};
	struct rewrite rw = prepare();

	place(code, sizeof(code));
	ck_assert_uint_eq(rewrite_need(&rw), 0);
}
END_TEST

/* a21: the distance to the slot spells a hit in the site's jump. */
START_TEST(distance_spells_a_hit)
{
	static const uint8_t code[] = {0xb8, NR_BOUND, 0, 0, 0, 0x0f, 0x05};
	static const uint32_t bad[] = {0x00ef010f, 0x0028ae0f, 0x016fae0f, 0x1fef010f};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t *p = place(code, sizeof(code));
		struct rewrite rw = prepare();

		rw.tramp_addr = addr_of(p + 5) + bad[i] - 32; /* first slot at 32 */
		ck_assert_int_eq(rewrite_text(&rw), 0);
		ck_assert_uint_eq(rw.stats.sites_bound, 1);
		check_clean(&rw);
	}
}
END_TEST

/* ---- intended instructions -------------------------------------------- */

static const struct {
	uint8_t code[12];
	size_t n;
	const char *operand;
} xrstors[] = {
	{{0x0f, 0xae, 0x6c, 0x24, 0x40}, 5, "0x40(%rsp)"},
	{{0x48, 0x0f, 0xae, 0x6c, 0x24, 0xc0}, 6, "-0x40(%rsp)"},
	{{0x0f, 0xae, 0xac, 0x24, 0x80, 1, 0, 0}, 8, "0x180(%rsp)"},
	{{0x42, 0x0f, 0xae, 0x2c, 0xe4}, 5, "(%rsp,%r12,8)"},
	{{0x0f, 0xae, 0xaf, 0x80, 0, 0, 0}, 7, "0x80(%rdi)"},
	{{0x0f, 0xae, 0xa8, 0x80, 0, 0, 0}, 7, "0x80(%rax)"},
	{{0x0f, 0xae, 0xa9, 0x80, 0, 0, 0}, 7, "0x80(%rcx)"},
	{{0x0f, 0xae, 0x6c, 0x0a, 0x10}, 5, "0x10(%rdx,%rcx)"},
	{{0x41, 0x0f, 0xae, 0x6d, 0x00}, 5, "(%r13)"},
	{{0x41, 0x0f, 0xae, 0x2c, 0x24}, 5, "(%r12)"},
	{{0x43, 0x0f, 0xae, 0x6c, 0xae, 0x07}, 6, "7(%r14,%r13,4)"},
	{{0x0f, 0xae, 0x2c, 0xcd, 0x44, 0, 0, 0}, 8, "0x44(,%rcx,8)"},
	{{0x41, 0x0f, 0xae, 0x6c, 0x24, 0x08}, 6, "8(%r12)"},
	{{0x0f, 0xae, 0x2d, 0x10, 0, 0, 0}, 7, "0x10(%rip)"},
};

/* The address that the operand names: the same bytes as an lea. */
static uint64_t operand_address(const uint8_t *code, size_t n, const uint8_t *at, struct regs regs)
{
	uint8_t lea[16], rex = 0x48;
	size_t k = 0;

	if ((code[0] & 0xf0) == 0x40)
		rex |= code[k++];
	lea[0] = rex;
	lea[1] = 0x8d; /* lea mem,%reg: field 5 is rbp */
	memcpy(lea + 2, code + k + 2, n - k - 2);
	if ((code[k + 2] & 0xc7) == 5) {
		int32_t disp;

		memcpy(&disp, code + k + 3, 4);
		return addr_of(at + n) + (uint64_t)(int64_t)disp;
	}
	memcpy(arena, lea, n - k);
	arena[n - k] = 0xc3;
	run_code(arena, &regs);
	return regs.rbp;
}

START_TEST(xrstor)
{
	for (size_t i = 0; i < COUNT(xrstors); i++) {
		uint8_t *p = place(xrstors[i].code, xrstors[i].n);
		struct rewrite rw = prepare();

		ck_assert_msg(rewrite_text(&rw) == 0, "%s: %s", xrstors[i].operand, rw.refusal.why);
		ck_assert_uint_eq(rw.stats.hits_patched, 1);
		check_clean(&rw);
		for (unsigned int seed = 0; seed < 16; seed++) {
			struct regs in = some_regs(seed), out = in;
			uint64_t count = xrstor_call.count;
			uint64_t want = operand_address(xrstors[i].code, xrstors[i].n, p, in);

			ck_assert_msg(run_code(p, &out), "%s", xrstors[i].operand);
			ck_assert_uint_eq(xrstor_call.count, count + 1);
			ck_assert_msg(xrstor_call.rcx == want, "%s", xrstors[i].operand);
			ck_assert_uint_eq(xrstor_call.rax, in.rax);
			ck_assert_uint_eq(xrstor_call.rdx, in.rdx);
			out.rsp = in.rsp;
			ck_assert(same_regs(&in, &out));
		}
	}
}
END_TEST

/* Shorter than a jump: what follows moves along. */
START_TEST(xrstor_short)
{
	static const struct {
		uint8_t code[16];
		size_t n;
	} cases[] = {
		{{0x0f, 0xae, 0x2f, 0x48, 0x89, 0xd8}, 6},		/* mov %rbx,%rax */
		{{0x48, 0x0f, 0xae, 0x2f, 0xff, 0xc3}, 6},		/* inc %ebx */
		{{0x0f, 0xae, 0x6f, 0x40, 0x01, 0xd8}, 6},		/* add %ebx,%eax */
		{{0x0f, 0xae, 0x2f, 0x53, 0x5b, 0x90}, 6},		/* push, pop %rbx */
		{{0x0f, 0xae, 0x2f, 0x48, 0x8d, 0x05, 9, 0, 0, 0}, 10}, /* lea 9(%rip),%rax */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		static const uint8_t lfence[] = {0x0f, 0xae, 0xe8};
		uint8_t plain[16];
		uint8_t *p;
		struct rewrite rw = prepare();
		struct regs in = some_regs((unsigned int)i), out = in, want = in;

		/* the oracle: the same with a harmless instruction for XRSTOR */
		memset(plain, NOP, sizeof(plain));
		memcpy(plain, cases[i].code, cases[i].n);
		if (plain[0] == 0x48)
			memcpy(plain + 1, lfence, 3);
		else
			memcpy(plain, lfence, 3);
		if ((cases[i].code[2] & 0xc0) == 0x40)
			plain[3] = NOP;
		p = place(plain, cases[i].n);
		run_code(p, &want);

		p = place(cases[i].code, cases[i].n);
		ck_assert_msg(rewrite_text(&rw) == 0, "case %zu: %s", i, rw.refusal.why);
		check_clean(&rw);
		run_code(p, &out); /* one case pushes: no red zone to keep */
		ck_assert_uint_eq(xrstor_call.count, i + 1);
		ck_assert_msg(same_regs(&want, &out), "case %zu", i);
	}
}
END_TEST

START_TEST(xrstor_refused)
{
	static const struct {
		uint8_t code[16];
		size_t n;
	} cases[] = {
		{{0x64, 0x0f, 0xae, 0x2c, 0x25, 0, 0, 0, 0}, 9}, /* %fs:0 */
		{{0x67, 0x0f, 0xae, 0x6c, 0x24, 0x40}, 6},	 /* 32-bit address */
		{{0x0f, 0xae, 0x2f}, 3},			 /* a ret behind it */
		{{0x0f, 0xae, 0x2f, 0xeb, 0x00}, 5},		 /* a branch behind it */
		{{0x0f, 0xae, 0x2f, 0x89, 0xd8, 0x75, 0xfc}, 7}, /* a loop to behind it */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t *p = place(cases[i].code, cases[i].n);
		struct rewrite rw = prepare();

		ck_assert_msg(rewrite_text(&rw) == -EACCES, "case %zu", i);
		ck_assert_uint_ge(rw.refusal.off, CODE_AT);
		ck_assert_int_eq((int)rw.refusal.kind, SCAN_XRSTOR);
		ck_assert_ptr_nonnull(rw.refusal.why);
		ck_assert_uint_eq(rw.refusal.nbytes, 16);
		ck_assert(memcmp(p, cases[i].code, cases[i].n) == 0);
	}
}
END_TEST

#include "test_rewrite_accidental.h"

int main(void)
{
	Suite *suite = suite_create("rewrite");
	TCase *tcase = tcase_create("rewrite");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, site_bound);
	tcase_add_test(tcase, site_need_is_enough);
	tcase_add_test(tcase, site_left_alone);
	tcase_add_test(tcase, site_without_trampolines);
	tcase_add_test(tcase, need_is_zero);
	tcase_add_test(tcase, distance_spells_a_hit);
	tcase_add_test(tcase, xrstor);
	tcase_add_test(tcase, xrstor_short);
	tcase_add_test(tcase, xrstor_refused);
	tcase_add_test(tcase, become_traps);
	tcase_add_test(tcase, tiny_regions);
	tcase_add_test(tcase, accidental);
	tcase_add_test(tcase, branches);
	tcase_add_test(tcase, indirect_branches);
	tcase_add_test(tcase, data_is_not_touched);
	tcase_add_test(tcase, random_property);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
