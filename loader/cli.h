/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the command line of endorun.
 */
#ifndef ENDORUN_CLI_H
#define ENDORUN_CLI_H

#include <stdbool.h>

#define CLI_THREADS_DEFAULT 16384
#define CLI_THREADS_MAX 262144

enum cli_isolation {
	CLI_ISOLATION_KEYS, /* memory protection keys */
	CLI_ISOLATION_NONE, /* everything but the keys: for machines without them */
};

struct cli {
	enum cli_isolation isolation;
	bool is_quiet;	      /* -q */
	bool has_stats;	      /* --stats */
	bool is_selftest;     /* --selftest: argc may be 0 */
	bool no_closure;      /* --no-closure */
	unsigned int threads; /* 1 .. CLI_THREADS_MAX */
	int argc;	      /* of the program: argv[0] is its name */
	char **argv;	      /* ends with NULL */
};

/*
 * cli_parse - read the options, up to the first argument that is none
 * Splits a single argument string as a #! line delivers it. Ends the process
 * after --help and --version (status 0) and after an error (EXIT_ENDORUN).
 * cli->argv points into argv, or into memory that is never freed; a string that
 * was split has changed.
 * Pre: argv ends with NULL and has argc elements before it.
 */
void cli_parse(struct cli *cli, int argc, char **argv);

#endif
