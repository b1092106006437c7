/* SPDX-License-Identifier: MIT */
/* SOURCES: rtld/ldcache.c rtld/elf_file.c */
/* LIBS: elf */
/*
 * Tests: ld.so.cache, right ones and wrong ones.
 */
#include <check.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rtld/ldcache.h"

struct cache_entry {
	uint32_t flags, key, value, os;
	uint64_t hwcap;
};

static struct {
	char magic[20];
	uint32_t count, strings_size;
	uint32_t flags, extension, unused[3];
	struct cache_entry entries[5];
	uint32_t ext_magic, ext_count;
	struct {
		uint32_t tag, flags, off, size;
	} sections[2];
	uint32_t hwcaps[3];
	char strings[160];
} file;

#define AT(member) ((uint32_t)offsetof(__typeof__(file), member))
#define NAMED (UINT64_C(1) << 62)

static uint32_t cache_string(const char *s)
{
	static size_t used;
	size_t at;

	if (!file.strings[0])
		used = 0;
	at = used;
	ck_assert_uint_lt(used + strlen(s), sizeof(file.strings));
	strcpy(file.strings + used, s);
	used += strlen(s) + 1;
	return AT(strings) + (uint32_t)at;
}

static char path[] = "/tmp/endorun-ldcache-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(path);
}

static void make_cache(void)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.magic, "glibc-ld.so.cache1.1", 20);
	file.count = 5;
	file.strings_size = sizeof(file.strings);
	file.extension = AT(ext_magic);
	file.entries[0].key = cache_string("l1.so");
	file.entries[0].value = cache_string("/32bit");
	file.entries[0].flags = 3;
	for (size_t i = 1; i < 5; i++) {
		file.entries[i] = file.entries[0];
		file.entries[i].flags = 0x303;
	}
	file.entries[1].value = cache_string("/plain");
	file.entries[2].value = cache_string("/v2");
	file.entries[2].hwcap = NAMED | 0;
	file.entries[3].value = cache_string("/v3");
	file.entries[3].hwcap = NAMED | (UINT64_C(3) << 32) | 1;
	file.entries[4].value = cache_string("/other");
	file.entries[4].hwcap = NAMED | 2;
	file.ext_magic = 0xeaa42174;
	file.ext_count = 2;
	file.sections[1].tag = 1;
	file.sections[1].off = AT(hwcaps);
	file.sections[1].size = sizeof(file.hwcaps);
	file.hwcaps[0] = cache_string("x86-64-v2");
	file.hwcaps[1] = cache_string("x86-64-v3");
	file.hwcaps[2] = cache_string("haswell");
}

/* Looks l1.so up in the file, cut to size. */
static void find(size_t size, int level, const char *expected)
{
	struct ldcache cache;
	const char *got;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, &file, size), (ssize_t)size);
	close(fd);
	ldcache_read(&cache, path);
	got = ldcache_find(&cache, "l1.so", level);
	ck_assert_msg(expected ? got && !strcmp(got, expected) : !got, "%s, not %s",
		      got ? got : "nothing", expected ? expected : "nothing");
	ck_assert_ptr_null(ldcache_find(&cache, "", level));
	ck_assert_ptr_null(ldcache_find(&cache, "l2.so", level));
	ldcache_free(&cache);
	ck_assert_ptr_null(ldcache_find(&cache, "l1.so", level));
}

START_TEST(cache_levels)
{
	make_cache();
	find(sizeof(file), 1, "/plain");
	find(sizeof(file), 2, "/v2");
	find(sizeof(file), 3, "/v3");
	find(sizeof(file), 4, "/v3");
}
END_TEST

START_TEST(cache_lies)
{
	make_cache();
	file.magic[19] = '2';
	find(sizeof(file), 4, NULL);
	make_cache();
	file.count = UINT32_MAX;
	find(sizeof(file), 4, NULL);
	find(48, 4, NULL);
	find(47, 4, NULL);
	find(0, 4, NULL);

	make_cache();
	file.extension = UINT32_MAX;
	find(sizeof(file), 4, "/plain");
	file.extension = sizeof(file) - 4;
	find(sizeof(file), 4, "/plain");
	make_cache();
	file.ext_magic++;
	find(sizeof(file), 4, "/plain");
	make_cache();
	file.ext_count = UINT32_MAX;
	file.sections[1].tag = 7;
	find(sizeof(file), 4, "/plain");
	make_cache();
	file.sections[1].off = UINT32_MAX;
	find(sizeof(file), 4, "/plain");
	make_cache();
	file.sections[1].size = UINT32_MAX;
	file.entries[3].hwcap = NAMED | UINT32_MAX;
	find(sizeof(file), 4, "/v2");
	make_cache();
	file.hwcaps[0] = file.hwcaps[1] = UINT32_MAX;
	find(sizeof(file), 4, "/plain");

	make_cache();
	file.entries[1].value = UINT32_MAX;
	find(sizeof(file), 1, NULL);
	file.entries[1].key = UINT32_MAX;
	find(sizeof(file), 1, NULL);
	file.entries[1].key = file.entries[0].key;
	file.entries[1].value = sizeof(file) - 4; /* runs to the end of the file */
	memcpy((char *)&file + sizeof(file) - 4, "/end", 4);
	find(sizeof(file), 1, "/end");
	file.entries[1].value = file.entries[0].key; /* a relative path */
	find(sizeof(file), 1, NULL);
}
END_TEST

START_TEST(cache_random_lies)
{
	struct ldcache cache;

	srandom(1);
	for (int round = 0; round < 3000; round++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		size_t size = random() % 4 ? sizeof(file) : (size_t)random() % sizeof(file);

		make_cache();
		for (long n = random() % 8; n >= 0; n--)
			((char *)&file)[20 + (size_t)random() % (sizeof(file) - 20)] =
				(char)random();
		ck_assert_int_eq(write(fd, &file, size), (ssize_t)size);
		close(fd);
		ldcache_read(&cache, path);
		ldcache_find(&cache, "l1.so", 4);
		ldcache_free(&cache);
	}
}
END_TEST

/* The real one, if there is one: libc.so.6 is in it. */
START_TEST(cache_of_this_machine)
{
	struct ldcache cache;
	const char *found;

	if (access("/etc/ld.so.cache", R_OK))
		return;
	ldcache_read(&cache, "/etc/ld.so.cache");
	found = ldcache_find(&cache, "libc.so.6", 1);
	ck_assert_ptr_nonnull(found);
	ck_assert_int_eq(access(found, R_OK), 0);
	ldcache_free(&cache);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ldcache");
	TCase *t = tcase_create("ldcache");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, cache_levels);
	tcase_add_test(t, cache_lies);
	tcase_add_test(t, cache_random_lies);
	tcase_add_test(t, cache_of_this_machine);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
