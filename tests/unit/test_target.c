/* SPDX-License-Identifier: MIT */
/* SOURCES: loader/target.c loader/shebang.c loader/report.c rtld/elf_file.c */
/* SOURCES: tests/unit/capture.c tests/unit/elf_maker.c */
/* LIBS: elf */
/*
 * Tests: finding the program. #! lines are compared with what this kernel does
 * with the same file.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/target.h"
#include "tests/unit/capture.h"
#include "tests/unit/elf_maker.h"

/* A target lives as long as the loader: nothing of it is freed. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct made_elf elf;

static void write_file(const char *path, mode_t mode, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	fchmod(fd, mode);
	close(fd);
}

static void write_script(const char *path, const char *text)
{
	write_file(path, 0755, text, strlen(text));
}

/* Each test runs in a folder of its own. */
static void setup(void)
{
	char dir[] = "/tmp/endorun-target-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(chdir(dir), 0);
	made_init(&elf, NULL);
	made_write(&elf, "prog");
}

static void teardown(void)
{
	char dir[256], command[300];

	ck_assert_ptr_nonnull(getcwd(dir, sizeof(dir)));
	ck_assert_int_eq(strncmp(dir, "/tmp/endorun-target-", 20), 0);
	snprintf(command, sizeof(command), "/bin/rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void run_resolve(void *arg)
{
	struct target t;

	target_resolve(&t, arg, -1);
}

static void expect_failure(const char *name, int status, const char *text)
{
	static char out[16384];
	char *copy = strdup(name), *argv[] = {copy, NULL};

	ck_assert_int_eq(capture(run_resolve, argv, out, sizeof(out)), status);
	ck_assert_msg(strstr(out, text), "%s", out);
	ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
	free(copy);
}

static struct target resolve(const char *name)
{
	char *argv[] = {strdup(name), "a", "", NULL};
	struct target t;

	target_resolve(&t, argv, -1);
	ck_assert_int_ge(t.fd, 0);
	ck_assert_int_eq(fcntl(t.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_ptr_null(t.argv[t.argc]);
	return t;
}

START_TEST(by_path)
{
	struct target t = resolve("./prog");

	ck_assert_str_eq(t.path, "./prog");
	ck_assert_str_eq(t.exe, "./prog");
	ck_assert_int_eq(t.argc, 3);
	ck_assert_str_eq(t.argv[0], "./prog");
	ck_assert_str_eq(t.argv[2], "");
	ck_assert_int_eq(t.script_count, 0);
	ck_assert(!t.is_endorun);
	ck_assert_int_eq(lseek(t.fd, 0, SEEK_CUR), 0);
}
END_TEST

START_TEST(by_search)
{
	struct target t;

	mkdir("a", 0755);
	mkdir("a/prog", 0755);
	mkdir("b", 0755);
	write_file("b/prog", 0644, "x", 1);
	mkdir("c", 0755);
	made_write(&elf, "c/prog");
	setenv("PATH", "/nonexistent:a:prog:b:c:", 1);
	t = resolve("prog");
	ck_assert_str_eq(t.path, "c/prog");
	ck_assert_str_eq(t.argv[0], "prog");

	setenv("PATH", "/nonexistent::c", 1); /* the empty element is "." */
	ck_assert_str_eq(resolve("prog").path, "prog");
	setenv("PATH", "", 1);
	ck_assert_str_eq(resolve("prog").path, "prog");

	setenv("PATH", "a:b", 1);
	expect_failure("prog", 126, "a/prog: permission denied");
	setenv("PATH", "/nonexistent:./prog:c", 1);
	expect_failure("other", 127, "other: not found in PATH");
	expect_failure("", 127, "name is empty");

	unsetenv("PATH");
	ck_assert_str_eq(resolve("env").argv[0], "env");
	expect_failure("prog", 127, "not found in PATH");
}
END_TEST

START_TEST(long_names)
{
	static char name[8192];

	memset(name, 'n', 300);
	expect_failure(name, 127, "name too long");
	memset(name, 'n', sizeof(name) - 1);
	name[0] = '/';
	expect_failure(name, 126, "check the path");
}
END_TEST

START_TEST(refusals)
{
	expect_failure("./nonexistent", 127, "check the path");
	expect_failure("./prog/x", 127, "check the path");
	expect_failure("./line\nbreak", 127, "./line\\x0abreak: ");
	expect_failure("./", 126, "is a directory");
	expect_failure("/dev/null", 126, "not a regular file");
	mkfifo("fifo", 0777);
	expect_failure("./fifo", 126, "not a regular file");
	write_file("plain", 0644, "#!/bin/sh\n", 10);
	expect_failure("./plain", 126, "try chmod +x");
	write_file("empty", 0755, "", 0);
	expect_failure("./empty", 126, "the file is empty");
	write_script("text", "echo hello\n");
	expect_failure("./text", 126, "endorun sh ./text");
	write_file("binary", 0755, "MZ\0\0", 4);
	expect_failure("./binary", 126, "not an ELF program");
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	expect_failure("./loop", 126, "check the path");
}
END_TEST

static void as_nobody(void *arg)
{
	if (!geteuid() && setresuid(65534, 65534, 65534))
		_exit(98);
	run_resolve(arg);
}

START_TEST(permissions)
{
	char *argv[] = {"./secret", NULL}, out[4096];

	write_file("secret", 0111, elf.bytes, elf.size);
	ck_assert_int_eq(capture(as_nobody, argv, out, sizeof(out)), 126);
	ck_assert_msg(strstr(out, "not readable"), "%s", out);
	chmod("secret", 0744); /* only for its owner */
	if (!geteuid()) {
		ck_assert_int_eq(capture(as_nobody, argv, out, sizeof(out)), 126);
		ck_assert_msg(strstr(out, "no permission to execute"), "%s", out);
	}
}
END_TEST

static void on_noexec(void *arg)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir("m", 0755) || mount("none", "m", "tmpfs", MS_NOEXEC, NULL))
		_exit(77);
	made_write(&elf, "m/prog");
	run_resolve(arg);
}

START_TEST(noexec_mount)
{
	char *argv[] = {"m/prog", NULL}, out[4096];
	int status = capture(on_noexec, argv, out, sizeof(out));

	if (status == 77)
		return; /* no right to mount here */
	ck_assert_int_eq(status, 126);
	ck_assert_msg(strstr(out, "mounted noexec"), "%s", out);
}
END_TEST

START_TEST(script)
{
	struct target t;

	write_script("s", "#! ./prog  -x  y \t\nrest\n");
	t = resolve("./s");
	ck_assert_str_eq(t.path, "./s");
	ck_assert_str_eq(t.exe, "./prog");
	ck_assert_int_eq(t.argc, 5);
	ck_assert_str_eq(t.argv[0], "./prog");
	ck_assert_str_eq(t.argv[1], "-x  y");
	ck_assert_str_eq(t.argv[2], "./s");
	ck_assert_str_eq(t.argv[3], "a");
	ck_assert_str_eq(t.argv[4], "");
	ck_assert_int_eq(t.script_count, 1);

	setenv("PATH", "/nonexistent:.", 1);
	t = resolve("s");
	ck_assert_str_eq(t.path, "./s");
	ck_assert_str_eq(t.argv[2], "./s");
}
END_TEST

START_TEST(bad_scripts)
{
	write_script("s", "#!./missing\n");
	expect_failure("./s", 127, "./s: #! interpreter ./missing: ");
	write_script("s", "#!./prog\r\n");
	expect_failure("./s", 127, "carriage return");
	write_script("s", "#!/\n");
	expect_failure("./s", 126, "./s: #! interpreter /: ");
	write_script("s", "#!  \n");
	expect_failure("./s", 126, "no interpreter");
	write_file("data", 0644, "x", 1);
	write_script("s", "#!./data\n");
	expect_failure("./s", 126, "./data: no permission");
	write_script("s", "#!./s\n");
	expect_failure("./s", 126, "more than 5 #! lines");
}
END_TEST

START_TEST(from_fd)
{
	char *none[] = {NULL}, *some[] = {"ignored", "x", NULL};
	struct target t;

	target_from_fd(&t, open("prog", O_RDONLY), "/dev/fd/3", none, -1);
	ck_assert_str_eq(t.path, "/dev/fd/3");
	ck_assert_int_eq(t.argc, 0);
	ck_assert_ptr_null(t.argv[0]);

	write_script("s", "#!./prog -a\n");
	target_from_fd(&t, open("s", O_RDONLY), "/dev/fd/3", some, -1);
	ck_assert_str_eq(t.path, "/dev/fd/3");
	ck_assert_int_eq(t.argc, 4);
	ck_assert_str_eq(t.argv[0], "./prog");
	ck_assert_str_eq(t.argv[1], "-a");
	ck_assert_str_eq(t.argv[2], "/dev/fd/3");
	ck_assert_str_eq(t.argv[3], "x");

	target_from_fd(&t, open("s", O_RDONLY), "s", none, -1);
	ck_assert_int_eq(t.argc, 3);
}
END_TEST

static void open_and_resolve(void *arg)
{
	char *none[] = {NULL};
	struct target t;

	target_from_fd(&t, open(arg, O_RDONLY), "name", none, -1);
}

START_TEST(from_bad_fd)
{
	char out[4096];

	ck_assert_int_eq(capture(open_and_resolve, ".", out, sizeof(out)), 126);
	ck_assert(strstr(out, "name: is a directory"));
	ck_assert_int_eq(capture(open_and_resolve, "/dev/null", out, sizeof(out)), 126);
	ck_assert(strstr(out, "name: not a regular file"));
}
END_TEST

START_TEST(is_endorun)
{
	char *argv[] = {"./script", NULL}, self[256] = {0}, text[300];
	struct target t;

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	ck_assert(resolve(self).is_endorun);
	ck_assert_int_eq(symlink(self, "link"), 0);
	ck_assert(resolve("./link").is_endorun);
	snprintf(text, sizeof(text), "#!./link --isolation=none ./prog\n");
	write_script("script", text);
	t = resolve("./script");
	ck_assert(t.is_endorun);
	ck_assert_str_eq(t.argv[1], "--isolation=none ./prog");

	target_resolve(&t, argv, open("prog", O_PATH)); /* told otherwise */
	ck_assert(!t.is_endorun);
	argv[0] = "./prog";
	target_resolve(&t, argv, open("prog", O_PATH));
	ck_assert(t.is_endorun);
}
END_TEST

/*
 * The kernel's answer to a script: each argument but the first in brackets, as
 * echo(), the interpreter of all of them, prints it; or "failed".
 */
static void run_natively(void *arg)
{
	execv("./s", arg);
	printf("failed");
}

static void run_ours(void *arg)
{
	struct target t;

	target_resolve(&t, arg, -1);
	for (int i = 1; i < t.argc; i++)
		printf("[%s]", t.argv[i]);
	fflush(stdout);
}

/* Both answers to ./s must be the same. */
static void compare(const char *what)
{
	char *argv[] = {"./s", "one", "", NULL}, kernel[4096], ours[4096];
	int status;

	ck_assert_int_eq(capture(run_natively, argv, kernel, sizeof(kernel)), 0);
	status = capture(run_ours, argv, ours, sizeof(ours));
	ck_assert_int_lt(status, 1000);
	if (status)
		strcpy(ours, "failed");
	ck_assert_msg(!strcmp(kernel, ours), "%s: kernel %s, ours %s", what, kernel, ours);
}

static const char *const lines[] = {
	"#!%\n",      "#!% \n",	  "#! \t%\t \n", "#!% -a\n",	    "#!%\t-a b \t\n",
	"#!%",	      "#!% ",	  "#!% -a b",	 "#!% -a b \t",	    "#!\n",
	"#!",	      "#! ",	  "#!  \n%",	 "#!\t%  -a\tb\nc", "#!% -a\r\n",
	"#! % ' x y", "#!% \n-a", " #!%\n",	 "#!%\n#!/bin/sh",  "# !%\n",
	"#!%\v-a\n",  "#!% \v\n", "#!%  \xff\n", "#!% #c\n",	    "#!%!\n",
};

/* Where % stands, the path of this program goes, under a name that makes it print arguments. */
static void make_echo(char *path, size_t size)
{
	char dir[200], self[256] = {0};

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	ck_assert_int_eq(symlink(self, "echo"), 0);
	ck_assert_ptr_nonnull(getcwd(dir, sizeof(dir)));
	ck_assert_int_lt(snprintf(path, size, "%s/echo", dir), (int)size);
}

static int echo(char **argv)
{
	while (*++argv)
		printf("[%s]", *argv);
	return 0;
}

START_TEST(lines_as_the_kernel)
{
	char path[256], line[1024];

	make_echo(path, sizeof(path));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		const char *at = strchr(lines[i], '%');
		int before = at ? (int)(at - lines[i]) : (int)strlen(lines[i]);

		snprintf(line, sizeof(line), "%.*s%s%s", before, lines[i], at ? path : "",
			 at ? at + 1 : "");
		write_script("s", line);
		compare(lines[i]);
	}
}
END_TEST

/* Lines that end near the 256 bytes the kernel reads: slashes pad the path. */
START_TEST(long_lines_as_the_kernel)
{
	static const char *const tails[] = {"",	  "\n",	  " ",	     " \n",
					    " a", " a\n", " ab c\n", "\t\t\ta"};
	char path[256], line[1024];

	make_echo(path, sizeof(path));
	for (size_t len = 245; len < 262; len++) {
		for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
			size_t n = len - strlen(path);

			memcpy(line, "#!", 2);
			memset(line + 2, '/', n - 2);
			strcpy(line + n, path);
			strcat(line, tails[i]);
			write_script("s", line);
			compare(line);
		}
	}
}
END_TEST

START_TEST(nuls_as_the_kernel)
{
	char path[256], line[600];

	make_echo(path, sizeof(path));
	for (int where = 0; where < 4; where++) {
		size_t len = (size_t)snprintf(line, sizeof(line), "#! %s -a b\n", path);
		size_t name = strlen(path) + 3;
		const size_t nul[] = {2, name, name + 1, name + 3};

		line[nul[where]] = '\0';
		write_file("s", 0755, line, len);
		compare("NUL");
	}
}
END_TEST

START_TEST(depth_as_the_kernel)
{
	char path[256], line[600], name[20];

	make_echo(path, sizeof(path));
	for (int depth = 1; depth < 9; depth++) {
		for (int i = 0; i < depth; i++) {
			if (i)
				snprintf(line, sizeof(line), "#!./s%d arg%d\n", i - 1, i);
			else
				snprintf(line, sizeof(line), "#!%s arg0\n", path);
			snprintf(name, sizeof(name), "s%d", i);
			write_script(i == depth - 1 ? "s" : name, line);
		}
		snprintf(name, sizeof(name), "depth %d", depth);
		compare(name);
	}
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("target");
	TCase *t = tcase_create("target");
	SRunner *r;
	int failed;

	if (argc > 1 && strstr(argv[0], "/echo"))
		return echo(argv);
	r = srunner_create(s);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, by_path);
	tcase_add_test(t, by_search);
	tcase_add_test(t, long_names);
	tcase_add_test(t, refusals);
	tcase_add_test(t, permissions);
	tcase_add_test(t, noexec_mount);
	tcase_add_test(t, script);
	tcase_add_test(t, bad_scripts);
	tcase_add_test(t, from_fd);
	tcase_add_test(t, from_bad_fd);
	tcase_add_test(t, is_endorun);
	tcase_add_test(t, lines_as_the_kernel);
	tcase_add_test(t, long_lines_as_the_kernel);
	tcase_add_test(t, nuls_as_the_kernel);
	tcase_add_test(t, depth_as_the_kernel);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
