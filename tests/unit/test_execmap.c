/* SPDX-License-Identifier: MIT */
/*
 * The set of ranges that were made executable, against one flag a page.
 */
/* SOURCES: monitor/execmap.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/execmap.h"

#define PAGES 200

static struct execmap map;
static unsigned char flags[PAGES];

static void add(unsigned int lo, unsigned int hi)
{
	ck_assert_int_eq(execmap_add(&map, lo, hi), 0);
	memset(flags + lo, 1, hi - lo);
}

/* Sorted, disjoint, not touching: the fewest ranges that say the same. */
static void check_shape(void)
{
	for (size_t i = 0; i < map.n; i++) {
		ck_assert_uint_lt(map.r[i].lo, map.r[i].hi);
		if (i)
			ck_assert_uint_gt(map.r[i].lo, map.r[i - 1].hi);
	}
}

static void check_members(void)
{
	for (unsigned int lo = 0; lo < PAGES; lo++) {
		int any = 0;

		for (unsigned int hi = lo + 1; hi <= PAGES; hi++) {
			any |= flags[hi - 1];
			ck_assert_msg(execmap_overlaps(&map, lo, hi) == (any != 0), "[%u, %u)", lo,
				      hi);
		}
	}
}

START_TEST(empty)
{
	memset(&map, 0, sizeof(map));
	ck_assert(!execmap_overlaps(&map, 0, UINT64_MAX));
}
END_TEST

START_TEST(random_ranges)
{
	srand(1);
	for (int round = 0; round < 50; round++) {
		memset(&map, 0, sizeof(map));
		memset(flags, 0, sizeof(flags));
		for (int i = 0; i < 30; i++) {
			unsigned int lo = (unsigned int)rand() % (PAGES - 12);

			add(lo, lo + 1 + (unsigned int)rand() % 10);
			check_shape();
		}
		check_members();
	}
}
END_TEST

START_TEST(neighbours_merge)
{
	memset(&map, 0, sizeof(map));
	ck_assert_int_eq(execmap_add(&map, 10, 20), 0);
	ck_assert_int_eq(execmap_add(&map, 30, 40), 0);
	ck_assert_uint_eq(map.n, 2);
	ck_assert_int_eq(execmap_add(&map, 20, 30), 0);
	ck_assert_uint_eq(map.n, 1);
	ck_assert_uint_eq(map.r[0].lo, 10);
	ck_assert_uint_eq(map.r[0].hi, 40);
}
END_TEST

/* A full map refuses a new range and still takes one that merges. */
START_TEST(full)
{
	memset(&map, 0, sizeof(map));
	for (uint64_t i = 0; i < EXECMAP_MAX; i++)
		ck_assert_int_eq(execmap_add(&map, 4 * i, 4 * i + 1), 0);
	ck_assert_int_eq(execmap_add(&map, 4 * EXECMAP_MAX, 4 * EXECMAP_MAX + 1), -1);
	ck_assert(!execmap_overlaps(&map, 4 * EXECMAP_MAX, 4 * EXECMAP_MAX + 1));
	ck_assert_int_eq(execmap_add(&map, 0, 5), 0);
	ck_assert_uint_eq(map.n, EXECMAP_MAX - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("execmap");
	TCase *tc = tcase_create("ranges");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, random_ranges);
	tcase_add_test(tc, neighbours_merge);
	tcase_add_test(tc, full);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
