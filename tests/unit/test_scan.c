/* SPDX-License-Identifier: MIT */
/*
 * The scanner against a naive one, at every alignment, length and offset.
 */
/* SOURCES: monitor/scan.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../monitor/scan.h"

#define ROOM 256

/* An F3 in the run of prefixes that ends at buf[at], or no end of that run. */
static bool oracle_f3(const uint8_t *buf, size_t at)
{
	static const uint8_t legacy[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
					 0x66, 0x67, 0xf0, 0xf2, 0xf3};
	size_t n = 0;

	for (; at > 0 && n < 14; n++, at--) {
		if (buf[at - 1] == 0xf3)
			return true;
		if (buf[at - 1] >> 4 != 4 && !memchr(legacy, buf[at - 1], sizeof(legacy)))
			return false;
	}
	return n < 14;
}

/* Written from the manual's words, one byte after the other. */
static int oracle_kind(const uint8_t *buf, size_t at, size_t len)
{
	const uint8_t *p = buf + at;
	size_t left = len - at;
	unsigned int mod, reg;

	if (left < 3 || p[0] != 0x0f)
		return 0;
	if (p[1] == 0x01 && p[2] == 0xef)
		return SCAN_WRPKRU;
	mod = p[2] >> 6;
	reg = p[2] >> 3 & 7;
	if (p[1] == 0xae && mod != 3 && reg == 5)
		return SCAN_XRSTOR;
	if (p[1] == 0xae && mod == 3 && reg == 3 && oracle_f3(buf, at))
		return SCAN_WRGSBASE;
	return 0;
}

/* All hits of scan_next must be the oracle's, in order, from every start. */
static void compare(const uint8_t *buf, size_t len)
{
	for (size_t from = 0; from <= len + 1; from++) {
		size_t want = from;
		struct scan_hit hit = {0};
		bool found = scan_next(buf, len, from, &hit);

		while (want < len && !oracle_kind(buf, want, len))
			want++;
		ck_assert_msg(found == (want < len), "len %zu from %zu", len, from);
		if (found) {
			ck_assert_uint_eq(hit.off, want);
			ck_assert_int_eq((int)hit.kind, oracle_kind(buf, want, len));
		}
	}
}

static void compare_syscall(const uint8_t *buf, size_t len)
{
	for (size_t from = 0; from <= len + 1; from++) {
		size_t want = from;

		while (want + 1 < len && !(buf[want] == 0x0f && buf[want + 1] == 0x05))
			want++;
		if (want + 1 >= len)
			want = len;
		ck_assert_uint_eq(scan_next_syscall(buf, len, from), want);
	}
}

START_TEST(random_bytes)
{
	static const uint8_t alphabet[] = {0x0f, 0x0f, 0x01, 0xef, 0xae, 0x28, 0xd8, 0xf3, 0x48,
					   0x66, 0xe8, 0x05, 0x6f, 0xaf, 0x10, 0x0e, 0x00};
	uint8_t room[ROOM] __attribute__((aligned(64)));

	srand(1);
	for (int round = 0; round < 10; round++) {
		for (size_t align = 0; align < 8; align++) {
			for (size_t len = 0; len <= 64; len++) {
				memset(room, 0x0f, sizeof(room)); /* tempt it to look outside */
				for (size_t i = 0; i < len; i++)
					room[align + i] =
						alphabet[(size_t)rand() % sizeof(alphabet)];
				room[align + len] = 0x01;
				room[align + len + 1] = 0xef;
				compare(room + align, len);
				compare_syscall(room + align, len);
			}
		}
	}
}
END_TEST

START_TEST(one_hit_at_every_place)
{
	static const uint8_t hits[][3] = {{0x0f, 0x01, 0xef}, {0x0f, 0xae, 0x2f}};
	static const uint8_t fill[] = {0x90, 0x0f, 0x01, 0xae, 0xef};
	uint8_t room[ROOM];

	for (size_t h = 0; h < 2; h++)
		for (size_t f = 0; f < sizeof(fill); f++)
			for (size_t align = 0; align < 8; align++)
				for (size_t len = 3; len <= 100; len++)
					for (size_t at = 0; at + 3 <= len; at++) {
						struct scan_hit hit;

						memset(room, fill[f], sizeof(room));
						memcpy(room + align + at, hits[h], 3);
						ck_assert(scan_next(room + align, len, 0, &hit));
						ck_assert_uint_eq(hit.off, at);
						ck_assert_int_eq((int)hit.kind, (int)h + 1);
					}
}
END_TEST

/* a08, a11: each ModRM byte behind each second byte. */
START_TEST(every_second_and_third_byte)
{
	for (unsigned int second = 0; second < 256; second++) {
		for (unsigned int third = 0; third < 256; third++) {
			uint8_t buf[3] = {0x0f, (uint8_t)second, (uint8_t)third};
			struct scan_hit hit = {0};
			int want = oracle_kind(buf, 0, 3);

			ck_assert(scan_next(buf, 3, 0, &hit) == (want != 0));
			ck_assert_int_eq((int)hit.kind, want);
		}
	}
}
END_TEST

START_TEST(not_a_hit)
{
	static const uint8_t harmless[][4] = {
		{0x0f, 0xae, 0x08, 0x00}, /* fxrstor (%rax) */
		{0x0f, 0xae, 0xe8, 0x00}, /* lfence */
		{0xf3, 0x0f, 0xae, 0xe8}, /* incssp %eax */
		{0xf3, 0x0f, 0xae, 0xd0}, /* wrfsbase %eax */
		{0x0f, 0x01, 0xee, 0x00}, /* rdpkru */
		{0x0f, 0xae, 0x20, 0x00}, /* xsave (%rax) */
	};
	struct scan_hit hit;

	for (size_t i = 0; i < sizeof(harmless) / 4; i++)
		ck_assert(!scan_next(harmless[i], 4, 0, &hit));
}
END_TEST

/* a05: offset 0 and the last three bytes. */
START_TEST(edges)
{
	uint8_t buf[64];
	struct scan_hit hit;

	memset(buf, 0x90, sizeof(buf));
	memcpy(buf, "\x0f\x01\xef", 3);
	ck_assert(scan_next(buf, sizeof(buf), 0, &hit) && hit.off == 0);
	ck_assert(!scan_next(buf, sizeof(buf), 1, &hit));
	ck_assert(scan_next(buf, 3, 0, &hit) && hit.off == 0);
	ck_assert(!scan_next(buf, 2, 0, &hit));
	ck_assert(!scan_next(buf, 0, 0, &hit));
	ck_assert(!scan_next(buf, sizeof(buf), SIZE_MAX, &hit));
	memcpy(buf + 61, "\x0f\xae\x28", 3);
	ck_assert(scan_next(buf, sizeof(buf), 1, &hit) && hit.off == 61);
	ck_assert(!scan_next(buf, sizeof(buf) - 1, 1, &hit));
	ck_assert_uint_eq(scan_next_syscall(buf, sizeof(buf), SIZE_MAX), sizeof(buf));
}
END_TEST

/* a06: hits that begin inside what another hit or near-hit occupies. */
START_TEST(overlaps)
{
	static const struct {
		uint8_t bytes[8];
		size_t n, offs[3], noffs;
	} cases[] = {
		{{0x0f, 0x0f, 0x01, 0xef}, 4, {1}, 1},
		{{0x0f, 0x01, 0x0f, 0x01, 0xef}, 5, {2}, 1},
		{{0x0f, 0xae, 0x0f, 0x01, 0xef}, 5, {2}, 1},
		{{0x0f, 0xae, 0x28, 0x0f, 0x01, 0xef}, 6, {0, 3}, 2},
		{{0x0f, 0x01, 0xef, 0x0f, 0xae, 0xd8}, 6, {0}, 1},
		{{0x0f, 0x01, 0xef, 0xf3, 0x0f, 0xae, 0xd8}, 7, {0, 4}, 2},
		{{0x0f, 0x0f, 0xae, 0x0f, 0xae, 0x2e}, 6, {3}, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scan_hit hit;
		size_t from = 0, k = 0;

		while (scan_next(cases[i].bytes, cases[i].n, from, &hit)) {
			ck_assert(k < cases[i].noffs);
			ck_assert_uint_eq(hit.off, cases[i].offs[k++]);
			from = hit.off + 1;
		}
		ck_assert_uint_eq(k, cases[i].noffs);
	}
}
END_TEST

/* a03, a04: cut every three-byte hit at both places, and nothing else. */
START_TEST(seams)
{
	for (unsigned int second = 0; second < 256; second++) {
		for (unsigned int third = 0; third < 256; third++) {
			const uint8_t a = (uint8_t)second, b = (uint8_t)third;
			const uint8_t bytes[3] = {0x0f, a, b};
			bool want = oracle_kind(bytes, 0, 3) != 0;

			ck_assert(scan_seam((uint8_t[]){0x90, 0x0f}, (uint8_t[]){a, b}) == want);
			ck_assert(scan_seam((uint8_t[]){0x0f, a}, (uint8_t[]){b, 0x90}) == want);
		}
	}
	/* whole on one side is not the seam's business */
	ck_assert(!scan_seam((uint8_t[]){0x01, 0xef}, (uint8_t[]){0x0f, 0x01}));
}
END_TEST

/* Nothing outside the buffer is touched: it ends where memory ends. */
START_TEST(stays_inside)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct scan_hit hit;

	ck_assert(p != MAP_FAILED);
	ck_assert_int_eq(mprotect(p + page, page, PROT_NONE), 0);
	memset(p, 0x0f, page);
	for (size_t len = 0; len <= 200; len++) {
		ck_assert(!scan_next(p + page - len, len, 0, &hit));
		ck_assert_uint_eq(scan_next_syscall(p + page - len, len, 0), len);
	}
	munmap(p, 2 * page);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(scan_kind_name(SCAN_WRPKRU), "WRPKRU");
	ck_assert_str_eq(scan_kind_name(SCAN_XRSTOR), "XRSTOR");
	ck_assert_str_eq(scan_kind_name(SCAN_WRGSBASE), "WRGSBASE");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scan");
	TCase *tcase = tcase_create("scan");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, random_bytes);
	tcase_add_test(tcase, one_hit_at_every_place);
	tcase_add_test(tcase, every_second_and_third_byte);
	tcase_add_test(tcase, not_a_hit);
	tcase_add_test(tcase, edges);
	tcase_add_test(tcase, overlaps);
	tcase_add_test(tcase, seams);
	tcase_add_test(tcase, stays_inside);
	tcase_add_test(tcase, names);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
