/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the command line, read by getopt_long over options.def.
 *
 * Parsing stops at the program's name: what follows is the program's business.
 */
#include "loader/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/report.h"

#ifndef ENDORUN_VERSION
#define ENDORUN_VERSION "0-unversioned"
#endif

/* Position of each row in options.def. */
enum {
#define OPTION(id, name, letter, arg, help) ROW_##id,
#include "loader/options.def"
#undef OPTION
	ROW_COUNT,
};

/* What getopt_long returns for it: its letter, or a number that is no letter. */
enum {
#define OPTION(id, name, letter, arg, help) OPT_##id = (letter) ? (letter) : 256 + ROW_##id,
#include "loader/options.def"
#undef OPTION
};

static const struct row {
	const char *name, *arg, *help;
	int value;
} rows[ROW_COUNT] = {
#define OPTION(id, name, letter, arg, help) {name, arg, help, OPT_##id},
#include "loader/options.def"
#undef OPTION
};

static void print_help(void)
{
	char left[40];

	printf("Usage: endorun [options] [--] PROGRAM [ARGUMENT...]\n"
	       "Run PROGRAM with a security monitor inside its own process.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *r = &rows[i];

		snprintf(left, sizeof(left), "--%s%s%s", r->name, *r->arg ? "=" : "", r->arg);
		if (r->value < 256)
			printf("  -%c, %-18s %s\n", r->value, left, r->help);
		else
			printf("      %-18s %s\n", left, r->help);
	}
	printf("\nExit status: the program's own; 125 if endorun failed, 126 if PROGRAM\n"
	       "cannot be run, 127 if it was not found. The manual page: endorun(1).\n");
}

/* Ends the process with status 0, or EXIT_ENDORUN if the text did not get out. */
__attribute__((noreturn)) static void printed(void)
{
	if (fflush(stdout) || ferror(stdout))
		report_fail(EXIT_ENDORUN, "standard output: %s; nothing was printed",
			    strerror(errno));
	_exit(0);
}

static enum cli_isolation parse_isolation(const char *text)
{
	if (!strcmp(text, "keys"))
		return CLI_ISOLATION_KEYS;
	if (!strcmp(text, "none"))
		return CLI_ISOLATION_NONE;
	report_fail(EXIT_ENDORUN, "--isolation=%s: not a mode; use keys or none", text);
}

static unsigned int parse_threads(const char *text)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < 1 || n > CLI_THREADS_MAX)
		report_fail(EXIT_ENDORUN, "--threads=%s: not a number of threads; use 1 to %d",
			    text, CLI_THREADS_MAX);
	return (unsigned int)n;
}

static void apply(struct cli *cli, int value)
{
	switch (value) {
	case OPT_HELP:
		print_help();
		printed();
	case OPT_VERSION:
		printf("endorun %s\n", ENDORUN_VERSION);
		printed();
	case OPT_ISOLATION:
		cli->isolation = parse_isolation(optarg);
		break;
	case OPT_NO_CLOSURE:
		cli->no_closure = true;
		break;
	case OPT_QUIET:
		cli->is_quiet = true;
		break;
	case OPT_SELFTEST:
		cli->is_selftest = true;
		break;
	case OPT_STATS:
		cli->has_stats = true;
		break;
	case OPT_THREADS:
		cli->threads = parse_threads(optarg);
		break;
	}
}

/* getopt_long said '?' or ':' about `text`. */
__attribute__((noreturn)) static void bad_option(int said, const char *text)
{
	const char *why = said == ':' ? "needs an argument" : "unknown option";

	if (text[0] == '-' && text[1] == '-') {
		if (said == '?' && optopt)
			why = "takes no argument";
		report_fail(EXIT_ENDORUN, "%s: %s; see endorun --help", text, why);
	}
	report_fail(EXIT_ENDORUN, "-%c: %s; see endorun --help", optopt, why);
}

/*
 * Takes the next word out of *from, in place, by the rules of env -S: white
 * space separates, a backslash takes the next character as it is, quotes group.
 * Returns NULL at the end.
 */
static char *next_word(char **from)
{
	char *in = *from, *out, *word, quote = 0;

	in += strspn(in, " \t");
	if (!*in)
		return NULL;
	for (word = out = in; *in && (quote || (*in != ' ' && *in != '\t')); in++) {
		if (*in == quote)
			quote = 0;
		else if (!quote && (*in == '\'' || *in == '"'))
			quote = *in;
		else if (*in == '\\' && quote != '\'' && in[1])
			*out++ = *++in;
		else
			*out++ = *in;
	}
	if (quote)
		report_fail(EXIT_ENDORUN,
			    "#! line: quote %c is not closed; lines end after 255 bytes", quote);
	*from = *in ? in + 1 : in;
	*out = '\0';
	return word;
}

/*
 * `#!/usr/bin/endorun --isolation=none /usr/bin/python3` gives one argument,
 * then the script's name. No option has white space in it, so this is the
 * only way it can get into an argument that starts like one.
 */
static char **split_shebang(int *argc, char **argv)
{
	char **split, *rest, *word;
	size_t n = 0;

	if (*argc < 3 || argv[1][0] != '-' || !strpbrk(argv[1], " \t"))
		return argv;
	rest = argv[1];
	split = calloc((size_t)*argc + strlen(rest), sizeof(*split));
	if (!split)
		report_fail(EXIT_ENDORUN, "#! line: out of memory; raise the limit");
	split[n++] = argv[0];
	while ((word = next_word(&rest)))
		split[n++] = word;
	for (int i = 2; i < *argc; i++)
		split[n++] = argv[i];
	*argc = (int)n;
	return split;
}

void cli_parse(struct cli *cli, int argc, char **argv)
{
	char letters[2 + 2 * ROW_COUNT + 1] = "+:";
	struct option longs[ROW_COUNT + 1] = {0};
	size_t n = 2;
	int value, at;

	*cli = (struct cli){.threads = CLI_THREADS_DEFAULT};
	for (size_t i = 0; i < ROW_COUNT; i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = *rows[i].arg ? required_argument : no_argument;
		longs[i].val = rows[i].value;
		if (rows[i].value < 256) {
			letters[n++] = (char)rows[i].value;
			if (*rows[i].arg)
				letters[n++] = ':';
		}
	}
	argv = split_shebang(&argc, argv);
	opterr = 0;
	optind = 0; /* start anew, in glibc and in musl */
	optopt = 0;
	for (at = 1; (value = getopt_long(argc, argv, letters, longs, NULL)) != -1; at = optind) {
		if (value == '?' || value == ':')
			bad_option(value, argv[at]);
		apply(cli, value);
		optopt = 0;
	}
	cli->argc = argc - optind;
	cli->argv = argv + optind;
	if (cli->argc < 1 && !cli->is_selftest)
		report_fail(EXIT_ENDORUN, "no program given; see endorun --help");
}
