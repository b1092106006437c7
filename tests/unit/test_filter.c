/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: the seccomp filter answers as tests/unit/filter_oracle.h says, for
 * every number, from every kind of place, and the kernel takes it.
 *
 * Attacks g02 (edges of trusted ranges), g06 (upper halves), g07 (architecture),
 * g13 (constant answers).
 */
/* SOURCES: policy/filter.c policy/bpf_interp.c */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall(2) */
#endif
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../policy/bpf_interp.h"
#include "../../policy/filter.h"
#include "filter_oracle.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NR_TESTED 601
#define ROUNDS 400

static const struct filter_params fixed = FILTER_PARAMS_FIXED;
static struct sock_filter filter[FILTER_MAX];
static size_t filter_len;

static void setup(void)
{
	int len = filter_compile(&fixed, filter, FILTER_MAX);

	ck_assert_int_gt(len, 0);
	filter_len = (size_t)len;
}

static uint32_t run(const struct seccomp_data *d)
{
	return bpf_run(filter, filter_len, d, NULL);
}

static void expect(const struct seccomp_data *d)
{
	uint32_t got = run(d), want = oracle(d);

	if (got == want)
		return;
	ck_abort_msg("%s (%d) arch %x ip %llx args %llx %llx %llx %llx %llx %llx: %x, not %x",
		     oracle_row((uint32_t)d->nr)->name, d->nr, d->arch, d->instruction_pointer,
		     d->args[0], d->args[1], d->args[2], d->args[3], d->args[4], d->args[5], got,
		     want);
}

START_TEST(test_kernel_checks)
{
	size_t where;

	ck_assert_int_eq(bpf_check(filter, filter_len, &where), BPF_FINE);
	ck_assert_uint_le(filter_len, BPF_MAXINSNS);
}
END_TEST

START_TEST(test_all_numbers)
{
	uint64_t state = 0x9e3779b97f4a7c15;

	for (int nr = 0; nr < NR_TESTED; nr++) {
		struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

		for (int round = 0; round < ROUNDS; round++) {
			for (int i = 0; i < 6; i++)
				d.args[i] = round ? oracle_argument(&state) : 0;
			for (size_t i = 0; i < COUNT(oracle_ips); i++) {
				d.instruction_pointer = oracle_ips[i];
				expect(&d);
			}
		}
	}
}
END_TEST

/* Each argument by itself through all values, the others zero. */
START_TEST(test_single_arguments)
{
	for (int nr = 0; nr < SYSCALL_END; nr++) {
		struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

		for (int arg = 0; arg < 6; arg++) {
			for (uint32_t v = 0; v < 0x3000; v++) {
				d.args[arg] = v;
				expect(&d);
			}
			for (unsigned bit = 0; bit < 64; bit++) {
				d.args[arg] = 1ull << bit;
				expect(&d);
			}
			for (size_t i = 0; i < COUNT(oracle_values); i++) {
				d.args[arg] = oracle_values[i];
				expect(&d);
			}
			d.args[arg] = 0;
		}
	}
}
END_TEST

/* g06: what the kernel ignores of an int (i) or umode_t (h) changes no answer. */
START_TEST(test_upper_halves_ignored)
{
	uint64_t state = 1;

	for (int nr = 0; nr < SYSCALL_END; nr++) {
		const struct oracle_row *row = oracle_row((uint32_t)nr);
		struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

		for (int round = 0; row->args && round < 2000; round++) {
			uint32_t want;

			for (int i = 0; i < 6; i++)
				d.args[i] = oracle_argument(&state);
			want = run(&d);
			for (size_t i = 0; row->args[i]; i++) {
				if (row->args[i] == 'i')
					d.args[i] ^= oracle_random(&state) << 32;
				if (row->args[i] == 'h')
					d.args[i] ^= oracle_random(&state) << 16;
			}
			ck_assert_msg(run(&d) == want, "%s: an upper half counts", row->name);
		}
	}
}
END_TEST

/* Pointers above 4 GiB whose lower half is zero are pointers. */
START_TEST(test_upper_halves_of_pointers)
{
	static const struct {
		int nr, arg;
	} pointers[] = {
		{SYS_ppoll, 3},	       {SYS_pselect6, 5},	   {SYS_epoll_pwait, 4},
		{SYS_epoll_pwait2, 4}, {SYS_pidfd_send_signal, 2}, {SYS_prlimit64, 2},
	};

	for (size_t i = 0; i < COUNT(pointers); i++) {
		struct seccomp_data d = {.nr = pointers[i].nr, .arch = AUDIT_ARCH_X86_64};

		if (d.nr == SYS_prlimit64)
			d.args[1] = 7;
		ck_assert_uint_eq(run(&d), SECCOMP_RET_ALLOW);
		for (unsigned bit = 0; bit < 64; bit++) {
			d.args[pointers[i].arg] = 1ull << bit;
			ck_assert_uint_eq(run(&d), SECCOMP_RET_TRAP | TRAP_DATA);
		}
	}
}
END_TEST

/* g07; x32 numbers; numbers that no kernel has. */
START_TEST(test_foreign_calls)
{
	static const uint32_t arches[] = {AUDIT_ARCH_I386, 0,	       UINT32_MAX,	  62,
					  0x8000003e,	   0xc000003f, AUDIT_ARCH_AARCH64};
	static const uint32_t bits[] = {0x40000000, 0x80000000, 0xc0000000, 0x20000000, 0x1000};

	for (uint32_t nr = 0; nr < NR_TESTED; nr++) {
		struct seccomp_data d = {.nr = (int)nr};

		for (size_t ip = 0; ip < COUNT(oracle_ips); ip++) {
			d.instruction_pointer = oracle_ips[ip];
			for (size_t i = 0; i < COUNT(arches); i++) {
				d.arch = arches[i];
				d.nr = (int)nr;
				ck_assert_uint_eq(run(&d), SECCOMP_RET_ERRNO | ENOSYS);
			}
			d.arch = AUDIT_ARCH_X86_64;
			for (size_t i = 0; i < COUNT(bits); i++) {
				d.nr = (int)(nr | bits[i]);
				ck_assert_uint_eq(run(&d), SECCOMP_RET_ERRNO | ENOSYS);
			}
		}
	}
}
END_TEST

/* g13: NATIVE numbers are in the kernel's bitmap, and no other is. */
START_TEST(test_constant_answers)
{
	for (uint32_t nr = 0; nr < NR_TESTED; nr++) {
		bool native = oracle_row(nr)->class == SYSCALL_NATIVE;

		ck_assert_msg(bpf_is_const_allow(filter, filter_len, nr, AUDIT_ARCH_X86_64) ==
				      native,
			      "%u (%s)", nr, oracle_row(nr)->name);
		ck_assert(!bpf_is_const_allow(filter, filter_len, nr, AUDIT_ARCH_I386));
	}
}
END_TEST

START_TEST(test_bad_parameters)
{
	struct filter_params p = fixed;
	struct sock_filter small[64];

	ck_assert_int_eq(filter_compile(&fixed, small, COUNT(small)), -ENOSPC);
	ck_assert_int_eq(filter_compile(&fixed, small, 0), -ENOSPC);
	ck_assert_int_eq(filter_compile(&fixed, filter, filter_len - 1), -ENOSPC);
	ck_assert_int_eq(filter_compile(&fixed, filter, filter_len), (int)filter_len);
	p.gate_page = 0x7ffffffff000; /* its end is in the next 4 GiB */
	ck_assert_int_eq(filter_compile(&p, filter, FILTER_MAX), -EINVAL);
	p = fixed;
	p.loader_end = 0x160000000;
	ck_assert_int_eq(filter_compile(&p, filter, FILTER_MAX), -EINVAL);
	p = fixed;
	p.loader_end = p.loader_base;
	ck_assert_int_eq(filter_compile(&p, filter, FILTER_MAX), -EINVAL);
	p = fixed;
	p.rfd_count = 0;
	ck_assert_int_eq(filter_compile(&p, filter, FILTER_MAX), -EINVAL);
}
END_TEST

/* ---- the running kernel ---- */

#define CHILD_TRAPPED 42
#define SI_CODE_SECCOMP 1 /* SYS_SECCOMP of asm-generic/siginfo.h */

/* Not _exit(): sanitizers do much more there than the filter lets pass. */
static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	bool ours = sig == SIGSYS && info->si_code == SI_CODE_SECCOMP &&
		    info->si_syscall == SYS_rt_sigprocmask && info->si_errno == TRAP_DATA;

	(void)context;
	leave(ours ? CHILD_TRAPPED : 43);
}

/* Under the filter: exits with CHILD_TRAPPED or the number of the step that failed. */
static void child(pid_t parent)
{
	struct sock_fprog prog = {.len = (unsigned short)filter_len, .filter = filter};
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		leave(1);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		leave(2);
	if (syscall(SYS_getppid) != parent)
		leave(3);
	if (syscall(SYS_ptrace, 0, 0, 0, 0) != -1 || errno != EPERM)
		leave(4);
	if (syscall(600) != -1 || errno != ENOSYS)
		leave(5);
	if (syscall(SYS_getppid | 0x40000000) != -1 || errno != ENOSYS)
		leave(6);
	if (syscall(SYS_close, 0x100000000 | 1000) != -1 || errno != EBADF)
		leave(7);
	syscall(SYS_rt_sigprocmask, 0, 0, 0, 8);
	leave(8);
}

START_TEST(test_kernel_takes_it)
{
	pid_t self = getpid(), pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child(self);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_TRAPPED, "status %x",
		      (unsigned)status);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = tcase_create("filter");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_kernel_checks);
	tcase_add_test(tcase, test_all_numbers);
	tcase_add_test(tcase, test_single_arguments);
	tcase_add_test(tcase, test_upper_halves_ignored);
	tcase_add_test(tcase, test_upper_halves_of_pointers);
	tcase_add_test(tcase, test_foreign_calls);
	tcase_add_test(tcase, test_constant_answers);
	tcase_add_test(tcase, test_bad_parameters);
	tcase_add_test(tcase, test_kernel_takes_it);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
