/* SPDX-License-Identifier: MIT */
/*
 * g01, g06, g07: forbidden calls from instructions of our own: `syscall` in
 * fresh memory, in the middle of another instruction, behind every prefix; with
 * junk above the 32 bits that the kernel reads; int 0x80, sysenter, x32.
 */
/* Isolation: any */
/* Blocked: 0 | 125 */
/* Control: 42 */
#include "attack.h"

static const struct {
	const char *name;
	long nr, a[5];
} forbidden[] = {
	{"prctl(SUD off)", SYS_prctl, {59, 0, 0, 0, 0}},
	{"userfaultfd", SYS_userfaultfd, {1}},
	{"arch_prctl(SET_GS)", SYS_arch_prctl, {0x1001, 0}},
	{"io_uring_setup", SYS_io_uring_setup, {0, 0}}, /* -EFAULT: it ran */
	{"personality", SYS_personality, {0x0400000}},
	{"modify_ldt", SYS_modify_ldt, {0, 0, 0}},
};
#define N (sizeof(forbidden) / sizeof(forbidden[0]))

static void check(size_t i, long ret, const char *how)
{
	if (ret >= 0 || (i == 3 && ret == -EFAULT))
		succeeded("%s by %s returned %ld", forbidden[i].name, how, ret);
}

static void upper_halves(void)
{
	for (size_t i = 0; i < N; i++) {
		const long *a = forbidden[i].a;

		for (int bit = 32; bit < 64; bit += 7) {
			long junk = 1l << bit;

			check(i, raw(forbidden[i].nr | junk, a[0], a[1], a[2], a[3], a[4]),
			      "a number with junk");
			check(i, raw(forbidden[i].nr, a[0] | junk, a[1], a[2], a[3], a[4]),
			      "an int with junk");
		}
	}
}

/* mov %rdi,%rax; then `tail`; the five arguments are moved by one. */
static void by_code(const uint8_t *code, size_t len, size_t entry, const char *how)
{
	static const uint8_t shift[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6,
					0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8};
	uint8_t *p = pages(2), *tail = p + 256;

	memcpy(p, shift, sizeof(shift));
	p[sizeof(shift)] = 0xe9;
	memcpy(tail, code, len);
	tail[len] = 0xc3;
	int32_t rel = (int32_t)(tail + entry - (p + sizeof(shift) + 5));

	memcpy(p + sizeof(shift) + 1, &rel, 4);
	if (make_executable(p, 2 * PAGE))
		return;
	for (size_t i = 0; i < N; i++) {
		const long *a = forbidden[i].a;

		check(i,
		      ((long (*)(long, long, long, long, long, long))p)(forbidden[i].nr, a[0], a[1],
									a[2], a[3], a[4]),
		      how);
	}
	munmap(p, 2 * PAGE);
}

static void code_forms(void *arg)
{
	static const struct {
		uint8_t code[12];
		size_t len, entry;
		const char *how;
	} forms[] = {
		{{0x0f, 0x05}, 2, 0, "syscall in fresh memory"},
		{{0x48, 0x0f, 0x05}, 3, 0, "syscall with REX"},
		{{0x66, 0x2e, 0x0f, 0x05}, 4, 0, "syscall with prefixes"},
		{{0xb8, 0x0f, 0x05, 0xc3, 0xc3}, 5, 1, "syscall inside an immediate"},
		{{0x90, 0x90, 0x90, 0x0f, 0x05}, 5, 0, "syscall behind padding"},
		{{0x89, 0xc0, 0x0f, 0x05}, 4, 0, "mov %eax,%eax; syscall"},
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		by_code(forms[i].code, forms[i].len, forms[i].entry, forms[i].how);
}

/* 32-bit calls: mprotect is 125 there, link 9, prctl 172. */
static void by_int80(void *arg)
{
	char *low = mmap(NULL, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret;

	(void)arg;
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "0"(172l), "b"(59l), "c"(0l), "d"(0l), "S"(0l), "D"(0l)
			 : "memory");
	if (ret == 0)
		succeeded("int 0x80: prctl(SUD off)");
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "0"(125l), "b"(low), "c"(4096l), "d"(5l)
			 : "memory");
	if (ret == 0)
		succeeded("int 0x80: mprotect made memory executable");
}

static void by_x32(void *arg)
{
	(void)arg;
	if (raw(SYS_getpid | 0x40000000) > 0)
		succeeded("x32 getpid");
	if (raw(SYS_prctl | 0x40000000, 59, 0, 0, 0, 0) == 0)
		succeeded("x32 prctl");
}

static void by_sysenter(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %%rsp, %%rbp; sysenter" ::"a"(172l), "b"(59l), "c"(0l), "d"(0l)
			 : "memory");
}

void attack(void)
{
	for (long nr = 470; nr < 600; nr++)
		if (raw(nr) != -ENOSYS && !env.control)
			succeeded("unknown number %ld is not ENOSYS", nr);
	upper_halves();
	expect_blocked(in_child(code_forms, NULL), "code of our own");
	expect_blocked(in_child(by_int80, NULL), "int 0x80");
	expect_blocked(in_child(by_x32, NULL), "x32");
	expect_blocked(in_child(by_sysenter, NULL), "sysenter");
}
