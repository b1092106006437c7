/* SPDX-License-Identifier: MIT */
/* SOURCES: rtld/closure.c rtld/search.c rtld/ldcache.c rtld/dynamic.c rtld/cpu_level.c */
/* SOURCES: rtld/elf_file.c tests/unit/elf_maker.c */
/* LIBS: elf */
/*
 * Tests: the DT_NEEDED closure, compared with ldd(1), and with made libraries.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rtld/closure.h"
#include "rtld/cpu_level.h"
#include "tests/unit/elf_maker.h"

static struct closure c;
static struct elf_plan plan;
static struct made_elf elf;
static char dir[64];

#define GLIBC "./ld-linux-x86-64.so.2"
#define MUSL "./ld-musl-x86_64.so.1"

/* Each test runs in a folder of its own, with two dynamic linkers in it. */
static void setup(void)
{
	strcpy(dir, "/tmp/endorun-closure-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	mkdir("a", 0755);
	mkdir("b", 0755);
	made_init(&elf, NULL);
	made_dyn_string(&elf, DT_SONAME, "ld-linux-x86-64.so.2");
	made_write(&elf, GLIBC);
	made_init(&elf, NULL);
	made_write(&elf, MUSL);
	made_init(&elf, GLIBC);
}

static void teardown(void)
{
	char command[100];

	snprintf(command, sizeof(command), "/bin/rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Writes a library that needs the named ones; starts with what was put in elf. */
static void write_library(const char *path, const char *const *needed)
{
	for (; *needed; needed++)
		made_dyn_string(&elf, DT_NEEDED, *needed);
	made_write(&elf, path);
	made_init(&elf, NULL);
}

#define LIBRARY(path, ...) write_library(path, (const char *const[]){__VA_ARGS__, NULL})
#define LEAF(path) write_library(path, (const char *const[]){NULL})

static const char *resolve(const char *path, char *const *envp, bool is_secure)
{
	const char *why;
	int fd = elf_open(path);

	ck_assert_msg(!elf_plan_read(&plan, fd, path, ELF_ROLE_PROGRAM), "%s", plan.error);
	why = closure_resolve(&c, fd, &plan, path, envp, is_secure);
	close(fd);
	return why;
}

/* Resolves ./prog, made before; `expected`: the paths, a space behind each. */
static void expect(char *const *envp, const char *expected)
{
	char got[2048] = "";

	ck_assert_ptr_null(resolve("./prog", envp, false));
	for (struct closure_lib *l = c.libs; l; l = l->next) {
		if (l->is_interp)
			continue;
		ck_assert_int_eq(fcntl(l->fd, F_GETFD), FD_CLOEXEC);
		strcat(strcat(got, l->error ? "!" : ""), l->path);
		strcat(got, " ");
	}
	for (struct closure_missing *m = c.missing; m; m = m->next)
		strcat(strcat(strcat(got, "?"), m->name), " ");
	ck_assert_str_eq(got, expected);
	closure_free(&c);
}

static char *const no_env[] = {NULL};

START_TEST(breadth_first)
{
	char *env[] = {"LD_LIBRARY_PATH=a:b", NULL};

	LIBRARY("./prog", "l1.so", "l2.so", "ld-linux-x86-64.so.2");
	LIBRARY("a/l1.so", "l3.so", "l2.so", "l1.so");
	LIBRARY("a/l2.so", "l4.so", "l1.so");
	LIBRARY("b/l3.so", "l5.so", "ld-linux-x86-64.so.2");
	LEAF("b/l4.so");
	LIBRARY("b/l5.so", "gone.so", "gone.so");
	LEAF("b/l2.so");
	expect(env, "a/l1.so a/l2.so b/l3.so b/l4.so b/l5.so ?gone.so ");

	ck_assert_ptr_null(resolve("./prog", env, false));
	ck_assert(c.libs->is_interp);
	ck_assert_str_eq(c.libs->path, GLIBC);
	ck_assert_uint_eq(c.lib_count, 6);
	ck_assert_uint_eq(c.missing_count, 1);
	ck_assert_str_eq(c.missing->needed_by, "b/l5.so");
	closure_free(&c);

	ck_assert_ptr_null(resolve("./prog", env, true)); /* AT_SECURE */
	ck_assert_uint_eq(c.lib_count, 1);
	ck_assert_uint_eq(c.missing_count, 2);
	closure_free(&c);
}
END_TEST

START_TEST(same_file_by_other_names)
{
	char *env[] = {"LD_LIBRARY_PATH=a", NULL};

	LIBRARY("./prog", "l1.so", "l1-link.so", "soname.so", "./a/l1.so");
	made_dyn_string(&elf, DT_SONAME, "soname.so");
	LEAF("a/l1.so");
	ck_assert_int_eq(symlink("l1.so", "a/l1-link.so"), 0);
	LEAF("a/soname.so");
	expect(env, "a/l1.so ");
}
END_TEST

START_TEST(rpath)
{
	made_dyn_string(&elf, DT_RPATH, "a");
	LIBRARY("./prog", "l1.so");
	LIBRARY("a/l1.so", "l2.so"); /* inherits the program's */
	made_dyn_string(&elf, DT_RUNPATH, "b");
	LIBRARY("a/l2.so", "l3.so", "l4.so"); /* does not any more */
	LEAF("a/l3.so");
	LEAF("b/l4.so");
	expect(no_env, "a/l1.so a/l2.so b/l4.so ?l3.so ");
}
END_TEST

START_TEST(runpath)
{
	char *env[] = {"LD_LIBRARY_PATH=b", NULL};

	made_dyn_string(&elf, DT_RPATH, "b"); /* ignored because of the next */
	made_dyn_string(&elf, DT_RUNPATH, "a");
	LIBRARY("./prog", "l1.so", "l2.so");
	LIBRARY("a/l1.so", "l3.so"); /* does not inherit */
	LEAF("b/l2.so");
	LEAF("a/l3.so");
	expect(no_env, "a/l1.so ?l2.so ?l3.so ");
	LEAF("b/l1.so");
	expect(env, "b/l1.so b/l2.so ");
}
END_TEST

/* DT_RPATH comes before LD_LIBRARY_PATH, DT_RUNPATH after it. */
START_TEST(rpath_first)
{
	char *env[] = {"LD_LIBRARY_PATH=b", NULL};

	LEAF("a/l1.so");
	LEAF("b/l1.so");
	made_init(&elf, GLIBC);
	made_dyn_string(&elf, DT_RPATH, "a");
	LIBRARY("./prog", "l1.so");
	expect(env, "a/l1.so ");
}
END_TEST

START_TEST(origin)
{
	char expected[600];

	mkdir("a/lib", 0755);
	mkdir("bin", 0755);
	made_dyn_string(&elf, DT_RUNPATH, "/nonexistent:${ORIGIN}/../a");
	LIBRARY("bin/prog", "l1.so");
	ck_assert_int_eq(symlink("bin/prog", "prog"), 0); /* the real folder counts */
	made_dyn_string(&elf, DT_RPATH, "$ORIGIN/lib:$ORIGINAL");
	LIBRARY("a/l1.so", "l2.so", "$ORIGIN/l3.so");
	LEAF("a/lib/l2.so");
	LEAF("a/l3.so");
	snprintf(expected, sizeof(expected),
		 "%s/bin/../a/l1.so %s/bin/../a/lib/l2.so %s/bin/../a/l3.so ", dir, dir, dir);
	expect(no_env, expected);
}
END_TEST

START_TEST(working_directory)
{
	char *env[] = {"LD_LIBRARY_PATH=/nonexistent;", NULL};

	LIBRARY("./prog", "l1.so", "a/l2.so");
	LEAF("l1.so");
	LEAF("a/l2.so");
	expect(env, "l1.so a/l2.so ");
}
END_TEST

START_TEST(preloads)
{
	char *env[] = {"LD_LIBRARY_PATH=a", "LD_PRELOAD=l2.so:./b/l3.so  gone.so", NULL};

	LIBRARY("./prog", "l1.so");
	LEAF("a/l1.so");
	LIBRARY("a/l2.so", "l4.so");
	LEAF("a/l4.so");
	LEAF("b/l3.so");
	expect(env, "a/l2.so ./b/l3.so a/l1.so a/l4.so ?gone.so ");
	ck_assert_ptr_null(resolve("./prog", env, false));
	ck_assert_str_eq(c.missing->needed_by, "LD_PRELOAD");
	closure_free(&c);
}
END_TEST

START_TEST(other_machines_are_passed_over)
{
	char *env[] = {"LD_LIBRARY_PATH=a:b", NULL};

	LIBRARY("./prog", "l1.so", "l2.so", "l3.so", "l4.so", "l5.so");
	elf.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	LEAF("a/l1.so");
	elf.ehdr.e_machine = EM_AARCH64;
	LEAF("a/l2.so");
	mkdir("a/l3.so", 0755);
	mkfifo("a/l4.so", 0644);
	LEAF("b/l1.so");
	LEAF("b/l2.so");
	LEAF("b/l3.so");
	LEAF("b/l4.so");
	elf.size = 0;
	LEAF("a/l5.so"); /* this one is taken, and is an error */
	LEAF("b/l5.so");
	expect(env, "b/l1.so b/l2.so b/l3.so b/l4.so !a/l5.so ");
}
END_TEST

START_TEST(damaged_libraries)
{
	char *env[] = {"LD_LIBRARY_PATH=a", NULL};

	LIBRARY("./prog", "l1.so", "l2.so", "l3.so", "l4.so");
	made_dyn(&elf, DT_NEEDED, 0x1001); /* behind the table */
	LEAF("a/l1.so");
	memset(elf.bytes + 0x1800, 'x', 0x1000); /* no NUL in the table */
	made_dyn(&elf, DT_NEEDED, 4);
	LEAF("a/l2.so");
	made_dyn(&elf, DT_STRTAB, -1ul);
	LEAF("a/l3.so");
	elf.phdr[MADE_DYNAMIC].p_filesz = 0x7f8; /* no DT_NULL; nothing known */
	memset(elf.bytes + 0x1000, 0x11, 0x800);
	LEAF("a/l4.so");
	expect(env, "!a/l1.so !a/l2.so !a/l3.so a/l4.so ");
	ck_assert_ptr_null(resolve("./prog", env, false));
	ck_assert(strstr(c.libs->next->error, "a/l1.so: a string of the dynamic section"));
	closure_free(&c);
}
END_TEST

START_TEST(damaged_programs)
{
	made_dyn(&elf, DT_NEEDED, -1ul);
	made_write(&elf, "./prog");
	ck_assert(strstr(resolve("./prog", no_env, false), "outside its table"));
	closure_free(&c);

	made_init(&elf, "./no-such-ld.so");
	made_write(&elf, "./prog");
	expect(no_env, "?./no-such-ld.so ");

	made_init(&elf, NULL); /* static: nobody loads what it names */
	LIBRARY("./prog", "l1.so");
	expect(no_env, "");
	made_init(&elf, GLIBC);
	elf.phdr[MADE_DYNAMIC].p_type = PT_NULL;
	made_write(&elf, "./prog");
	expect(no_env, "");
}
END_TEST

START_TEST(musl)
{
	char *env[] = {"LD_LIBRARY_PATH=a\nb", NULL};

	made_init(&elf, MUSL);
	made_dyn_string(&elf, DT_RUNPATH, "b");
	LIBRARY("./prog", "libc.so", "libpthread.so.0", "libm.so.6", "l1.so", "libcc.so");
	LIBRARY("a/l1.so", "l2.so"); /* inherits DT_RUNPATH, unlike glibc's */
	LEAF("b/l2.so");
	LEAF("b/l1.so");
	expect(env, "a/l1.so b/l2.so ?libcc.so ");
	expect(no_env, "b/l1.so ?libcc.so ");
}
END_TEST

START_TEST(hwcaps)
{
	char *env[] = {"LD_LIBRARY_PATH=a", NULL};
	bool has_v2 = cpu_level() >= 2;

	LIBRARY("./prog", "l1.so", "l2.so");
	mkdir("a/glibc-hwcaps", 0755);
	mkdir("a/glibc-hwcaps/x86-64-v2", 0755);
	mkdir("a/glibc-hwcaps/x86-64-v9", 0755);
	LEAF("a/glibc-hwcaps/x86-64-v2/l1.so");
	LEAF("a/glibc-hwcaps/x86-64-v9/l2.so");
	LEAF("a/l1.so");
	LEAF("a/l2.so");
	expect(env, has_v2 ? "a/glibc-hwcaps/x86-64-v2/l1.so a/l2.so " : "a/l1.so a/l2.so ");
}
END_TEST

/* What this machine's ld.so says about itself. */
START_TEST(level_as_ld_so)
{
	FILE *p = popen("/lib64/ld-linux-x86-64.so.2 --help", "r");
	char line[256];
	int level = 0, n;

	while (p && fgets(line, sizeof(line), p))
		if (sscanf(line, " x86-64-v%d", &n) == 1 && strstr(line, "(supported") && n > level)
			level = n;
	if (p)
		pclose(p);
	if (level)
		ck_assert_int_eq(cpu_level(), level);
}
END_TEST

/* Does the closure have the file of this path? */
static bool has_file(const char *path)
{
	struct stat st;

	ck_assert_msg(!stat(path, &st), "%s", path);
	for (const struct closure_lib *l = c.libs; l; l = l->next)
		if (l->dev == st.st_dev && l->ino == st.st_ino)
			return true;
	return false;
}

static const char *const programs[] = {"/bin/bash",    "/usr/sbin/nginx", "/usr/bin/python3",
				       "/usr/bin/env", "/usr/bin/gdb",	  "/usr/bin/clang"};
extern char **environ;

START_TEST(as_ldd)
{
	char command[200], line[1024], path[1024], *slash;
	size_t count = 0;
	FILE *p;

	if (access(programs[_i], X_OK))
		return;
	ck_assert_ptr_null(resolve(programs[_i], environ, false));
	snprintf(command, sizeof(command), "ldd %s", programs[_i]);
	p = popen(command, "r");
	while (p && fgets(line, sizeof(line), p)) {
		slash = strchr(line, '/');
		if (!slash || sscanf(slash, "%1023s", path) != 1)
			continue; /* the vDSO */
		count++;
		ck_assert_msg(has_file(path), "%s: %s", programs[_i], path);
	}
	ck_assert_int_eq(pclose(p), 0);
	ck_assert_uint_gt(count, 0);
	ck_assert_uint_eq(c.lib_count, count);
	ck_assert_uint_eq(c.missing_count, 0);
	for (const struct closure_lib *l = c.libs; l; l = l->next)
		ck_assert_msg(!l->error, "%s", l->error);
	closure_free(&c);
}
END_TEST

/* Random bytes in the dynamic section and in the strings: no crash, no leak. */
START_TEST(dynamic_random_lies)
{
	char *env[] = {"LD_LIBRARY_PATH=a", NULL};
	int damaged = 0;

	LIBRARY("./prog", "l1.so");
	LEAF("a/l2.so");
	srandom(1);
	for (int round = 0; round < 1500; round++) {
		made_init(&elf, NULL);
		made_dyn_string(&elf, DT_NEEDED, "l2.so");
		made_dyn_string(&elf, DT_RUNPATH, "$ORIGIN:${LIB}:${PLATFORM}x:$");
		made_dyn_string(&elf, DT_SONAME, "l1.so.1");
		for (long n = random() % 6; n >= 0; n--)
			elf.bytes[0x1000 + random() % 100] = (char)random();
		for (long n = random() % 6; n >= 0; n--)
			elf.bytes[0x1800 + random() % 60] = (char)random();
		made_write(&elf, "a/l1.so");
		ck_assert_ptr_null(resolve("./prog", env, false));
		damaged += c.libs->next->error != NULL;
		closure_free(&c);
	}
	ck_assert_int_gt(damaged, 100);
	ck_assert_int_lt(damaged, 1400);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("closure");
	TCase *t = tcase_create("closure");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, breadth_first);
	tcase_add_test(t, same_file_by_other_names);
	tcase_add_test(t, rpath);
	tcase_add_test(t, runpath);
	tcase_add_test(t, rpath_first);
	tcase_add_test(t, origin);
	tcase_add_test(t, working_directory);
	tcase_add_test(t, preloads);
	tcase_add_test(t, other_machines_are_passed_over);
	tcase_add_test(t, damaged_libraries);
	tcase_add_test(t, damaged_programs);
	tcase_add_test(t, musl);
	tcase_add_test(t, hwcaps);
	tcase_add_test(t, level_as_ld_so);
	tcase_add_loop_test(t, as_ldd, 0, (int)(sizeof(programs) / sizeof(*programs)));
	tcase_add_test(t, dynamic_random_lies);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
