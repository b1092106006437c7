/* SPDX-License-Identifier: MIT */
/* SOURCES: loader/cli.c loader/report.c tests/unit/capture.c */
/*
 * Tests: options, the single argument of a #! line, and report lines.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/cli.h"
#include "loader/report.h"
#include "tests/unit/capture.h"

/* What cli_parse takes from argv is never freed, on purpose. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

#define ARGS_MAX 16

struct vector {
	char *args[ARGS_MAX + 1];
	int count;
};

static struct vector vector_of(const char *const *args)
{
	struct vector v = {.count = 0};

	while (args[v.count]) {
		v.args[v.count] = strdup(args[v.count]);
		v.count++;
	}
	return v;
}

#define VECTOR(...) vector_of((const char *const[]){"endorun", __VA_ARGS__, NULL})

static struct cli parse(struct vector v)
{
	char **argv = calloc(ARGS_MAX + 1, sizeof(*argv));
	struct cli cli;

	memcpy(argv, v.args, sizeof(v.args));
	cli_parse(&cli, v.count, argv);
	ck_assert_ptr_null(cli.argv[cli.argc]);
	return cli;
}

static void run_parse(void *arg)
{
	struct vector *v = arg;
	struct cli cli;

	cli_parse(&cli, v->count, v->args);
}

/* Parses v, expects the end of the process and this text. */
static void expect_end(struct vector v, int status, const char *text)
{
	char out[4096];

	ck_assert_int_eq(capture(run_parse, &v, out, sizeof(out)), status);
	ck_assert_msg(strstr(out, text), "'%s' is not in: %s", text, out);
	if (status) {
		ck_assert(!strncmp(out, "endorun: ", 9));
		ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
	}
}

START_TEST(defaults)
{
	struct cli cli = parse(VECTOR("ls"));

	ck_assert_int_eq(cli.isolation, CLI_ISOLATION_KEYS);
	ck_assert(!cli.is_quiet && !cli.has_stats && !cli.is_selftest && !cli.no_closure);
	ck_assert_uint_eq(cli.threads, CLI_THREADS_DEFAULT);
	ck_assert_int_eq(cli.argc, 1);
	ck_assert_str_eq(cli.argv[0], "ls");
}
END_TEST

START_TEST(every_option)
{
	struct cli cli = parse(VECTOR("-q", "--isolation=none", "--stats", "--threads", "10",
				      "--no-closure", "--selftest", "--", "-x", "--help"));

	ck_assert_int_eq(cli.isolation, CLI_ISOLATION_NONE);
	ck_assert(cli.is_quiet && cli.has_stats && cli.is_selftest && cli.no_closure);
	ck_assert_uint_eq(cli.threads, 10);
	ck_assert_int_eq(cli.argc, 2);
	ck_assert_str_eq(cli.argv[0], "-x");
	ck_assert_str_eq(cli.argv[1], "--help");
}
END_TEST

START_TEST(stops_at_program)
{
	struct cli cli = parse(VECTOR("--quiet", "prog", "--stats", "-q", "--", "x"));

	ck_assert(cli.is_quiet && !cli.has_stats);
	ck_assert_int_eq(cli.argc, 5);
	ck_assert_str_eq(cli.argv[3], "--");
}
END_TEST

START_TEST(last_one_counts)
{
	struct cli cli = parse(VECTOR("--isolation=none", "--isolation=keys", "p"));

	ck_assert_int_eq(cli.isolation, CLI_ISOLATION_KEYS);
	ck_assert_uint_eq(parse(VECTOR("--threads=262144", "p")).threads, 262144);
	ck_assert_uint_eq(parse(VECTOR("--threads=1", "p")).threads, 1);
}
END_TEST

START_TEST(selftest_needs_no_program)
{
	ck_assert_int_eq(parse(VECTOR("--selftest")).argc, 0);
}
END_TEST

START_TEST(errors)
{
	expect_end(vector_of((const char *const[]){"endorun", NULL}), 125, "no program given");
	expect_end(VECTOR("-q"), 125, "no program given");
	expect_end(VECTOR("--"), 125, "no program given");
	expect_end(VECTOR("--bogus", "ls"), 125, "--bogus: unknown option");
	expect_end(VECTOR("--policy=x", "ls"), 125, "--policy=x: unknown option");
	expect_end(VECTOR("-z", "ls"), 125, "-z: unknown option");
	expect_end(VECTOR("-qz", "ls"), 125, "-z: unknown option");
	expect_end(VECTOR("--quiet=yes", "ls"), 125, "takes no argument");
	expect_end(VECTOR("--help=yes", "ls"), 125, "takes no argument");
	expect_end(VECTOR("--isolation"), 125, "--isolation: needs an argument");
	expect_end(VECTOR("--isolation=", "ls"), 125, "use keys or none");
	expect_end(VECTOR("--isolation=pku", "ls"), 125, "use keys or none");
	expect_end(VECTOR("--threads=0", "ls"), 125, "use 1 to 262144");
	expect_end(VECTOR("--threads=262145", "ls"), 125, "use 1 to");
	expect_end(VECTOR("--threads=99999999999999999999", "ls"), 125, "use 1 to");
	expect_end(VECTOR("--threads=-1", "ls"), 125, "use 1 to");
	expect_end(VECTOR("--threads=+1", "ls"), 125, "use 1 to");
	expect_end(VECTOR("--threads=1x", "ls"), 125, "use 1 to");
	expect_end(VECTOR("--threads", " 1", "ls"), 125, "use 1 to");
	expect_end(VECTOR("--\x1b[31m", "ls"), 125, "--\\x1b[31m: unknown");
}
END_TEST

START_TEST(help_and_version)
{
	expect_end(VECTOR("--help"), 0, "--isolation=MODE");
	expect_end(VECTOR("-h"), 0, "  -q, --quiet  ");
	expect_end(VECTOR("-qh", "ls"), 0, "Usage: endorun [options] [--] PROGRAM");
	expect_end(VECTOR("--version"), 0, "endorun ");
}
END_TEST

static void help_to_full(void *arg)
{
	struct vector v = VECTOR("--help");

	(void)arg;
	if (!freopen("/dev/full", "w", stdout))
		_exit(99);
	run_parse(&v);
}

START_TEST(help_that_is_not_written)
{
	char out[4096];

	ck_assert_int_eq(capture(help_to_full, NULL, out, sizeof(out)), 125);
	ck_assert(strstr(out, "nothing was printed"));
}
END_TEST

START_TEST(shebang)
{
	struct cli cli = parse(VECTOR("--isolation=none /usr/bin/python3", "./s.py", "-x"));

	ck_assert_int_eq(cli.isolation, CLI_ISOLATION_NONE);
	ck_assert_int_eq(cli.argc, 3);
	ck_assert_str_eq(cli.argv[0], "/usr/bin/python3");
	ck_assert_str_eq(cli.argv[1], "./s.py");
	ck_assert_str_eq(cli.argv[2], "-x");

	cli = parse(VECTOR("-q  \t --  'a b' \"c\\\"d\" e\\ f '' g'h'i", "s"));
	ck_assert(cli.is_quiet);
	ck_assert_int_eq(cli.argc, 6);
	ck_assert_str_eq(cli.argv[0], "a b");
	ck_assert_str_eq(cli.argv[1], "c\"d");
	ck_assert_str_eq(cli.argv[2], "e f");
	ck_assert_str_eq(cli.argv[3], "");
	ck_assert_str_eq(cli.argv[4], "ghi");
	ck_assert_str_eq(cli.argv[5], "s");

	cli = parse(VECTOR("-q 'a\\b' c\\", "s")); /* nothing behind the last backslash */
	ck_assert_str_eq(cli.argv[0], "a\\b");
	ck_assert_str_eq(cli.argv[1], "c\\");
}
END_TEST

START_TEST(no_shebang)
{
	struct cli cli = parse(VECTOR("a program", "-q x"));

	ck_assert_int_eq(cli.argc, 2);
	ck_assert_str_eq(cli.argv[0], "a program");
	ck_assert_str_eq(cli.argv[1], "-q x");
	expect_end(VECTOR("-q x"), 125, "unknown option"); /* the kernel adds the script */
	expect_end(VECTOR("-q 'x", "s"), 125, "quote ' is not closed");
}
END_TEST

static void escape(const char *text, size_t size, const char *expected)
{
	char out[64];

	memset(out, 0x55, sizeof(out));
	ck_assert_uint_eq(report_escape(out, size, text), strlen(expected));
	ck_assert_str_eq(out, expected);
	ck_assert_int_eq(out[size], 0x55);
}

START_TEST(escapes)
{
	escape("plain /x y\\", 40, "plain /x y\\");
	escape("a\nb\x7f", 40, "a\\x0ab\\x7f");
	escape("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 40, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	escape("\xc2\x9b"
	       "2J",
	       40, "\\xc2\\x9b2J"); /* C1 CSI */
	escape("\x9b\xff\xc3", 40, "\\x9b\\xff\\xc3");
	escape("\xc0\x8a\xe0\x80\x8a\xf0\x80\x80\x8a", 60,
	       "\\xc0\\x8a\\xe0\\x80\\x8a\\xf0\\x80\\x80\\x8a"); /* overlong */
	escape("abc", 4, "abc");
	escape("abcd", 4, "...");
	escape("abcdef", 6, "ab...");
	escape("\n\n", 8, "\\x0a...");
	escape("\n", 4, "...");
	escape("", 4, "");
}
END_TEST

static void two_notes(void *arg)
{
	(void)arg;
	report_note("one %d", 1);
	report_set_quiet(true);
	report_note("two");
	report_fail(EXIT_NOT_FOUND, "%s: three", "x\ny");
}

static void long_line(void *arg)
{
	report_fail(EXIT_NOT_RUNNABLE, "%s", (char *)arg);
}

START_TEST(reports)
{
	static char out[65536], text[20000];

	ck_assert_int_eq(capture(two_notes, NULL, out, sizeof(out)), 127);
	ck_assert_str_eq(out, "endorun: one 1\nendorun: x\\x0ay: three\n");

	memset(text, '\n', sizeof(text) - 1);
	ck_assert_int_eq(capture(long_line, text, out, sizeof(out)), 126);
	ck_assert_uint_lt(strlen(out), REPORT_LINE_MAX + 16);
	ck_assert_str_eq(out + strlen(out) - 8, "\\x0a...\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli");
	TCase *t = tcase_create("cli");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, defaults);
	tcase_add_test(t, every_option);
	tcase_add_test(t, stops_at_program);
	tcase_add_test(t, last_one_counts);
	tcase_add_test(t, selftest_needs_no_program);
	tcase_add_test(t, errors);
	tcase_add_test(t, help_and_version);
	tcase_add_test(t, help_that_is_not_written);
	tcase_add_test(t, shebang);
	tcase_add_test(t, no_shebang);
	tcase_add_test(t, escapes);
	tcase_add_test(t, reports);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
