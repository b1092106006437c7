/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: monitor/syscalls.def is complete and well formed.
 *
 * Every __NR_ of the installed kernel headers must have a row of that name: a
 * new kernel's calls cannot be forgotten.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../monitor/syscall_table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	unsigned nr;
	enum syscall_class class;
	const char *name, *when, *what, *args, *note;
};

static const struct row rows[] = {
#define SYS(nr, name, class, when, what, args, note)                                               \
	{nr, SYSCALL_##class, #name, #when, #what, args, note},
#include "../../monitor/syscalls.def"
};

static const char *const conditions[] = {
#define CONDITION(name, text) #name,
#include "../../policy/conditions.def"
};

struct test_row {
	const char *condition;
	unsigned clause, arg;
};

static const struct test_row test_rows[] = {
#define TEST(name, clause, arg, test, mask, value) {#name, clause, arg},
#include "../../policy/conditions.def"
};

static bool is_condition(const char *name)
{
	for (size_t i = 0; i < COUNT(conditions); i++)
		if (strcmp(conditions[i], name) == 0)
			return true;
	return false;
}

START_TEST(test_sorted)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_uint_lt(rows[i].nr, SYSCALL_END);
		if (i > 0)
			ck_assert_uint_lt(rows[i - 1].nr, rows[i].nr);
	}
	ck_assert_uint_eq(rows[COUNT(rows) - 1].nr, SYSCALL_END - 1);
}
END_TEST

START_TEST(test_columns)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		bool handled = r->class == SYSCALL_MEDIATED || r->class == SYSCALL_COND;
		bool refused = r->class == SYSCALL_DENY || r->class == SYSCALL_DENYIF;
		bool always = r->class == SYSCALL_MEDIATED || r->class == SYSCALL_DENY;

		ck_assert_msg(strspn(r->args, "ihlpobs") == strlen(r->args), "%s", r->name);
		ck_assert_uint_le(strlen(r->args), SYSCALL_MAX_ARGS);
		ck_assert_msg((strncmp(r->what, "sys_", 4) == 0) == handled, "%s", r->name);
		ck_assert_msg((strcmp(r->what, "EPERM") == 0 || strcmp(r->what, "ENOSYS") == 0) ==
				      refused,
			      "%s", r->name);
		ck_assert_msg((strcmp(r->when, "always") == 0) == always, "%s", r->name);
		if (r->class == SYSCALL_COND || r->class == SYSCALL_DENYIF)
			ck_assert_msg(is_condition(r->when), "%s", r->name);
		if (r->class == SYSCALL_NATIVE)
			ck_assert_str_eq(r->when, "none");
		else
			ck_assert_msg(r->note[0] != 0, "%s: no reason given", r->name);
	}
}
END_TEST

/* Conditions look at arguments that exist, at 64 bits only of pointers. */
START_TEST(test_conditions)
{
	for (size_t i = 0; i < COUNT(conditions); i++) {
		unsigned clause = 0, users = 0;

		for (size_t k = 0; k < COUNT(test_rows); k++) {
			if (strcmp(test_rows[k].condition, conditions[i]) != 0)
				continue;
			ck_assert(test_rows[k].clause == clause ||
				  test_rows[k].clause == clause + 1);
			clause = test_rows[k].clause;
			for (size_t j = 0; j < COUNT(rows); j++) {
				if (strcmp(rows[j].when, conditions[i]) != 0)
					continue;
				users++;
				ck_assert_uint_lt(test_rows[k].arg, strlen(rows[j].args));
			}
		}
		ck_assert_msg(clause > 0 && users > 0, "%s is not used", conditions[i]);
	}
}
END_TEST

static const struct row *find(unsigned nr)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].nr == nr)
			return &rows[i];
	return NULL;
}

START_TEST(test_header)
{
	static const char *const paths[] = {
		"/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
		"/usr/include/asm/unistd_64.h",
	};
	FILE *header = NULL;
	char line[256], name[128];
	unsigned nr, seen = 0;

	for (size_t i = 0; i < COUNT(paths) && !header; i++)
		header = fopen(paths[i], "r");
	if (!header) {
		ck_assert_msg(!getenv("ENDO_MUST_WORK"), "no kernel headers");
		return;
	}
	while (fgets(line, sizeof(line), header)) {
		const struct row *row;

		if (sscanf(line, "#define __NR_%127s %u", name, &nr) != 2)
			continue;
		seen++;
		row = find(nr);
		ck_assert_msg(row != NULL, "%s (%u) has no row", name, nr);
		ck_assert_str_eq(row->name, name);
	}
	fclose(header);
	ck_assert_uint_gt(seen, 300);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("syscall_table");
	TCase *tcase = tcase_create("syscall_table");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_sorted);
	tcase_add_test(tcase, test_columns);
	tcase_add_test(tcase, test_conditions);
	tcase_add_test(tcase, test_header);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
