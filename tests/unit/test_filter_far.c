/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: the same filter compiled as if BPF's conditional jumps reached
 * only a few instructions, so that the copies and long jumps that a larger table
 * will need are tested today.
 */
/* SOURCES: policy/bpf_interp.c */
#define REACH far_reach
static unsigned far_reach;
#include "../../policy/filter.c"

#include <check.h>
#include <stdlib.h>

#include "../../policy/bpf_interp.h"
#include "filter_oracle.h"

START_TEST(test_reach)
{
	static const unsigned reaches[] = {4, 5, 7, 10, 16, 31, 64, 100, 200, 255};
	static struct sock_filter filter[FILTER_MAX];
	struct filter_params fixed = FILTER_PARAMS_FIXED;
	uint64_t state = 7;
	size_t len;
	int ret;

	far_reach = reaches[_i];
	ret = filter_compile(&fixed, filter, FILTER_MAX);
	ck_assert_int_gt(ret, 0);
	len = (size_t)ret;
	ck_assert_int_eq(bpf_check(filter, len, NULL), BPF_FINE);
	for (size_t i = 0; i < len; i++) {
		if (BPF_CLASS(filter[i].code) == BPF_JMP && filter[i].code != (BPF_JMP | BPF_JA)) {
			ck_assert_uint_le(filter[i].jt, far_reach);
			ck_assert_uint_le(filter[i].jf, far_reach);
		}
	}
	for (int round = 0; round < 600 * 200; round++) {
		struct seccomp_data d = {.nr = round % 600, .arch = AUDIT_ARCH_X86_64};

		d.instruction_pointer = oracle_ips[oracle_random(&state) % COUNT(oracle_ips)];
		for (int i = 0; i < 6; i++)
			d.args[i] = oracle_argument(&state);
		ck_assert_uint_eq(bpf_run(filter, len, &d, NULL), oracle(&d));
	}
	for (uint32_t nr = 0; nr < 600; nr++)
		ck_assert(bpf_is_const_allow(filter, len, nr, AUDIT_ARCH_X86_64) ==
			  (oracle_row(nr)->class == SYSCALL_NATIVE));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter_far");
	TCase *tcase = tcase_create("filter_far");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_reach, 0, 10);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
