/* SPDX-License-Identifier: MIT */
/* SOURCES: loader/stack.c */
/*
 * Tests: the first stack. The strongest one lets the kernel start this program
 * again without address randomization and compares every byte.
 */
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader/stack.h"

#define TOP UINT64_C(0x7ffff0000000)
#define SIZE 65536

static uint8_t buf[SIZE] __attribute__((aligned(16)));
static struct stack_result res;

static const struct stack_aux all_kinds[] = {
	{AT_PAGESZ, STACK_AUX_VALUE, 4096},
	{AT_RANDOM, STACK_AUX_RANDOM, 0},
	{AT_EXECFN, STACK_AUX_EXECFN, 0},
	{AT_PLATFORM, STACK_AUX_PLATFORM, 0},
};

static uint64_t word(uint64_t addr)
{
	uint64_t w;

	ck_assert_uint_le(addr, TOP - sizeof(w));
	memcpy(&w, buf + (addr - (TOP - SIZE)), sizeof(w));
	return w;
}

static const char *text(uint64_t addr)
{
	return (const char *)buf + (addr - (TOP - SIZE));
}

static struct stack_request request(char *const *argv, char *const *envp)
{
	struct stack_request req = {
		.top = TOP,
		.buf = buf,
		.size = SIZE,
		.argv = argv,
		.envp = envp,
		.execfn = "./prog",
		.auxv = all_kinds,
		.auxv_count = sizeof(all_kinds) / sizeof(*all_kinds),
	};

	memcpy(req.random, "0123456789abcdef", sizeof(req.random));
	memset(buf, 0, sizeof(buf));
	return req;
}

/* Checks everything that a program can see of a stack built from req. */
static void check_stack(const struct stack_request *req)
{
	uint64_t p = res.sp, argc = word(p), strings = res.arg_start;

	ck_assert_uint_eq(res.sp % 16, 0);
	for (uint64_t i = 0; i < argc; i++) {
		p += 8;
		ck_assert_uint_eq(word(p), strings);
		ck_assert_str_eq(text(strings), req->argv[i]);
		strings += strlen(req->argv[i]) + 1;
	}
	ck_assert_ptr_null(req->argv[argc]);
	ck_assert_uint_eq(word(p += 8), 0);
	ck_assert_uint_eq(strings, res.arg_end);
	ck_assert_uint_eq(strings, res.env_start);
	for (char *const *env = req->envp; *env; env++) {
		p += 8;
		ck_assert_uint_eq(word(p), strings);
		ck_assert_str_eq(text(strings), *env);
		strings += strlen(*env) + 1;
	}
	ck_assert_uint_eq(word(p += 8), 0);
	ck_assert_uint_eq(strings, res.env_end);
	ck_assert_str_eq(text(strings), req->execfn);
	ck_assert_uint_eq(strings + strlen(req->execfn) + 1 + 8, TOP);
	ck_assert_uint_eq(word(TOP - 8), 0);

	p += 8;
	ck_assert_uint_eq(p, res.auxv);
	ck_assert_uint_eq(word(p), AT_PAGESZ);
	ck_assert_uint_eq(word(p + 8), 4096);
	ck_assert_uint_eq(word(p + 16), AT_RANDOM);
	ck_assert_mem_eq(text(word(p + 24)), "0123456789abcdef", 16);
	ck_assert_uint_eq(word(p + 32), AT_EXECFN);
	ck_assert_uint_eq(word(p + 40), res.env_end);
	ck_assert_uint_eq(word(p + 48), AT_PLATFORM);
	ck_assert_str_eq(text(word(p + 56)), "x86_64");
	ck_assert_uint_eq(word(p + 64), AT_NULL);
	ck_assert_uint_eq(word(p + 72), 0);
	ck_assert_uint_eq(res.auxv_size, 80);
}

START_TEST(layout)
{
	char *argv[] = {"prog", "", "two words", NULL}, *envp[] = {"A=1", "B=", NULL};
	struct stack_request req = request(argv, envp);

	ck_assert_int_eq(stack_build(&res, &req), 0);
	ck_assert_uint_eq(word(res.sp), 3);
	check_stack(&req);
}
END_TEST

START_TEST(nothing)
{
	char *none[] = {NULL};
	struct stack_request req = request(none, none);

	req.execfn = "";
	ck_assert_int_eq(stack_build(&res, &req), 0);
	ck_assert_uint_eq(word(res.sp), 0);
	check_stack(&req);
}
END_TEST

/* Every number and length near an alignment boundary. */
START_TEST(alignment)
{
	char *argv[24] = {0}, *envp[] = {NULL}, name[40] = "";

	for (size_t n = 0; n < 20; n++) {
		argv[n] = "x";
		for (size_t len = 0; len < 33; len++) {
			struct stack_request req = request(argv, envp);

			memset(name, 'n', len);
			name[len] = '\0';
			req.execfn = name;
			ck_assert_int_eq(stack_build(&res, &req), 0);
			ck_assert_uint_ge(stack_bytes(&req), TOP - res.sp);
			check_stack(&req);
		}
	}
}
END_TEST

/* The buffer is exactly as large as stack_bytes says, or a byte less. */
START_TEST(exact_size)
{
	char *argv[] = {"a", "b", NULL}, *envp[] = {"C=d", NULL};
	struct stack_request req = request(argv, envp);
	size_t need = stack_bytes(&req);

	req.size = need;
	req.buf = malloc(need);
	ck_assert_int_eq(stack_build(&res, &req), 0);
	req.size = need - 1;
	memset(req.buf, 0x55, need);
	ck_assert_int_eq(stack_build(&res, &req), -1);
	for (size_t i = 0; i < need; i++)
		ck_assert_int_eq(req.buf[i], 0x55);
	free(req.buf);
}
END_TEST

/* More strings, and a longer one, than the kernel would take. */
START_TEST(huge)
{
	static char *argv[400001], *envp[2];
	struct stack_request req = request(argv, envp);
	size_t len = 8u << 20;
	uint64_t ptr;

	envp[0] = malloc(len + 1);
	memset(envp[0], 'e', len);
	envp[0][len] = '\0';
	for (size_t i = 0; i < 400000; i++)
		argv[i] = "argument";
	req.size = stack_bytes(&req);
	ck_assert_uint_gt(req.size, len + 400000 * 17);
	req.buf = malloc(req.size);
	ck_assert_int_eq(stack_build(&res, &req), 0);
	memcpy(&ptr, req.buf + (res.sp - (TOP - req.size)) + 8 * 400000, 8);
	ck_assert_str_eq((char *)req.buf + (ptr - (TOP - req.size)), "argument");
	ck_assert_uint_eq(ptr + 9, res.env_start);
	ck_assert_uint_eq(res.env_end - res.env_start, len + 1);
	free(req.buf);
	free(envp[0]);
}
END_TEST

/* CASE(id, the kernel's value, what becomes of it, the value then) */
#define AUXV_CASES                                                                                 \
	CASE(AT_SYSINFO_EHDR, 0x7fff1000, KEPT, 0x7fff1000)                                        \
	CASE(AT_HWCAP, 0xbfebfbff, KEPT, 0xbfebfbff)                                               \
	CASE(AT_PAGESZ, 4096, KEPT, 4096)                                                          \
	CASE(AT_CLKTCK, 100, KEPT, 100)                                                            \
	CASE(AT_PHDR, 0x60000040, KEPT, 0x1040)                                                    \
	CASE(AT_PHENT, 1, KEPT, 56)                                                                \
	CASE(AT_PHNUM, 9, KEPT, 13)                                                                \
	CASE(AT_BASE, 5, KEPT, 0x7000)                                                             \
	CASE(AT_FLAGS, 0, KEPT, 0)                                                                 \
	CASE(AT_ENTRY, 0x60001000, KEPT, 0x1500)                                                   \
	CASE(AT_UID, 1, KEPT, 1)                                                                   \
	CASE(AT_SECURE, 1, KEPT, 1)                                                                \
	CASE(AT_RANDOM, 0x1234, STACK_AUX_RANDOM, 0)                                               \
	CASE(AT_HWCAP2, 3, KEPT, 1)                                                                \
	CASE(AT_IGNORE, 2, DROPPED, 0)                                                             \
	CASE(AT_EXECFD, 3, DROPPED, 0)                                                             \
	CASE(AT_EXECFN, 0x5678, STACK_AUX_EXECFN, 0)                                               \
	CASE(AT_PLATFORM, 0x9abc, STACK_AUX_PLATFORM, 0)                                           \
	CASE(AT_BASE_PLATFORM, 0x9abc, DROPPED, 0)                                                 \
	CASE(AT_MINSIGSTKSZ, 3632, KEPT, 3632)                                                     \
	CASE(27, 28, DROPPED, 0) /* AT_RSEQ_FEATURE_SIZE */                                        \
	CASE(28, 32, DROPPED, 0) /* AT_RSEQ_ALIGN */                                               \
	CASE(999, 7, KEPT, 7)

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum { KEPT = STACK_AUX_VALUE, DROPPED = -1 };

START_TEST(auxv)
{
#define CASE(id, value, fate, becomes) id, value,
	const uint64_t kernel[] = {AUXV_CASES AT_NULL, 0};
#undef CASE
#define CASE(id, value, fate, becomes) {id, fate, becomes},
	const struct {
		uint64_t id;
		int fate;
		uint64_t value;
	} cases[] = {AUXV_CASES};
#undef CASE
	const struct stack_program prog = {
		.phdr = 0x1040, .phnum = 13, .base = 0x7000, .entry = 0x1500};
	struct stack_aux got[STACK_AUXV_MAX];
	size_t count = stack_auxv(got, kernel, &prog), n = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (cases[i].fate == DROPPED)
			continue;
		ck_assert_uint_lt(n, count);
		ck_assert_uint_eq(got[n].id, cases[i].id);
		ck_assert_int_eq((int)got[n].kind, cases[i].fate);
		if (cases[i].fate == KEPT)
			ck_assert_uint_eq(got[n].value, cases[i].value);
		n++;
	}
	ck_assert_uint_eq(n, count);
}
END_TEST

START_TEST(auxv_too_long)
{
	static uint64_t kernel[2 * 100 + 2];
	const struct stack_program prog = {.phdr = 0};
	struct stack_aux got[STACK_AUXV_MAX];

	for (size_t i = 0; i < 200; i += 2)
		kernel[i] = 1000;
	ck_assert_uint_eq(stack_auxv(got, kernel, &prog), STACK_AUXV_MAX);
}
END_TEST

/* End of the mapping that holds this thread's stack. */
static uint64_t real_top(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long lo, hi, top = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[stack]") && sscanf(line, "%lx-%lx", &lo, &hi) == 2)
			top = hi;
	if (f)
		fclose(f);
	return top;
}

/*
 * Started anew without randomization: builds the stack once more from what is
 * on it and compares. argv points into the real one.
 */
static int compare_with_kernel(char **argv, char **envp)
{
	static struct stack_aux aux[STACK_AUXV_MAX];
	struct stack_request req = {.argv = argv, .envp = envp, .auxv = aux};
	const uint64_t *real_sp = (const uint64_t *)argv - 1, *kernel;
	char **end = envp;

	while (*end++)
		;
	for (kernel = (const uint64_t *)end; kernel[0] != AT_NULL; kernel += 2) {
		struct stack_aux *a = &aux[req.auxv_count++];

		*a = (struct stack_aux){kernel[0], STACK_AUX_VALUE, kernel[1]};
		if (a->id == AT_EXECFN) {
			a->kind = STACK_AUX_EXECFN;
			req.execfn = (const char *)kernel[1];
		} else if (a->id == AT_RANDOM) {
			a->kind = STACK_AUX_RANDOM;
			memcpy(req.random, (const void *)kernel[1], sizeof(req.random));
		} else if (a->id == AT_PLATFORM) {
			a->kind = STACK_AUX_PLATFORM;
		}
	}
	req.top = real_top();
	req.size = stack_bytes(&req);
	req.buf = calloc(1, req.size);
	if (!req.buf || stack_build(&res, &req))
		return 2;
	if (res.sp != (uint64_t)real_sp)
		return 3;
	return memcmp(req.buf + (res.sp - (req.top - req.size)), real_sp, req.top - res.sp) ? 4 : 0;
}

START_TEST(as_the_kernel)
{
	char *envp[] = {"ASAN_OPTIONS=detect_leaks=0", "X=", "YY=zz", NULL};
	int status;
	pid_t pid = fork();

	if (!pid) {
		char *argv[20] = {"test", "--compare", "", "some argument"};

		for (int i = 4; i < 4 + _i; i++)
			argv[i] = "y";
		personality(ADDR_NO_RANDOMIZE);
		execve("/proc/self/exe", argv, envp);
		_exit(99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
}
END_TEST

int main(int argc, char **argv, char **envp)
{
	Suite *s = suite_create("stack");
	TCase *t = tcase_create("stack");
	SRunner *r;
	int failed;

	if (argc > 1 && !strcmp(argv[1], "--compare"))
		return compare_with_kernel(argv, envp);
	r = srunner_create(s);
	tcase_add_test(t, layout);
	tcase_add_test(t, nothing);
	tcase_add_test(t, alignment);
	tcase_add_test(t, exact_size);
	tcase_add_test(t, huge);
	tcase_add_test(t, auxv);
	tcase_add_test(t, auxv_too_long);
	tcase_add_loop_test(t, as_the_kernel, 0, 9);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
