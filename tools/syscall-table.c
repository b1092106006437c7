/* SPDX-License-Identifier: MIT */
/*
 * Zone A (build tool): prints docs/syscalls.md from monitor/syscalls.def and
 * policy/conditions.def.
 *
 *   syscall-table                print it
 *   syscall-table --check FILE   exit 1 if FILE is not what would be printed
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../monitor/syscall_table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	unsigned nr;
	enum syscall_class class;
	const char *name, *when, *what, *note;
};

static const struct row rows[] = {
#define SYS(nr, name, class, when, what, args, note)                                               \
	{nr, SYSCALL_##class, #name, #when, #what, note},
#include "../monitor/syscalls.def"
};

struct condition {
	const char *name, *text;
};

static const struct condition conditions[] = {
#define CONDITION(name, text) {#name, text},
#include "../policy/conditions.def"
};

struct set_range {
	const char *set;
	unsigned first, last;
};

static const struct set_range set_ranges[] = {
#define RANGE(set, first, last) {#set, first, last},
#include "../policy/conditions.def"
};

/* The set that a condition speaks of: "the list". */
struct set_use {
	const char *condition, *set;
};

static const struct set_use set_uses[] = {
#define TEST(name, clause, arg, test, mask, value) {#name, #mask},
#include "../policy/conditions.def"
};

static const char intro[] =
	"<!-- Made by tools/syscall-table.c from monitor/syscalls.def: do not edit. -->\n"
	"# System calls\n"
	"\n"
	"What endorun does with each system call of Linux 6.18 on x86-64. A number that is\n"
	"not listed is refused with ENOSYS, and so are 32-bit and x32 calls. A policy may\n"
	"mediate or refuse more.\n"
	"\n"
	"- **native**: the kernel executes it, straight from the program's own instruction;\n"
	"- **mediated**: the monitor executes it, after its checks;\n"
	"- **mediated if**: so only if the condition holds, else native;\n"
	"- **refused**, **refused if**: the program gets the error named.\n"
	"\n";

static const char *condition_text(const char *name)
{
	for (size_t i = 0; i < COUNT(conditions); i++)
		if (strcmp(conditions[i].name, name) == 0)
			return conditions[i].text;
	return "";
}

static void print_class(FILE *out, const struct row *row)
{
	switch (row->class) {
	case SYSCALL_NATIVE:
		fputs("native", out);
		break;
	case SYSCALL_MEDIATED:
		fputs("mediated", out);
		break;
	case SYSCALL_COND:
		fprintf(out, "mediated if | %s", condition_text(row->when));
		return;
	case SYSCALL_DENY:
		fprintf(out, "refused: %s", row->what);
		break;
	case SYSCALL_DENYIF:
		fprintf(out, "refused if: %s | %s", row->what, condition_text(row->when));
		return;
	case SYSCALL_ABSENT:
		break;
	}
	fputs(" |", out);
}

static void print_rows(FILE *out)
{
	fputs("| number | name | class | condition | note |\n", out);
	fputs("| ---: | --- | --- | --- | --- |\n", out);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];

		if (row->class == SYSCALL_NATIVE)
			continue;
		fprintf(out, "| %u | %s | ", row->nr, row->name);
		print_class(out, row);
		fprintf(out, " | %s |\n", row->note);
	}
}

static void print_native(FILE *out)
{
	size_t column = 0;

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i].name) + 2;

		if (rows[i].class != SYSCALL_NATIVE)
			continue;
		if (column > 0)
			fputs(column + len > 90 ? ",\n" : ", ", out);
		column = column == 0 || column + len > 90 ? len : column + len;
		fputs(rows[i].name, out);
	}
	fputs("\n", out);
}

static void print_sets(FILE *out)
{
	for (size_t i = 0; i < COUNT(set_uses); i++) {
		bool first = true;

		for (size_t k = 0; k < COUNT(set_ranges); k++) {
			const struct set_range *r = &set_ranges[k];

			if (strcmp(r->set, set_uses[i].set) != 0)
				continue;
			if (first)
				fprintf(out, "\nThe list of `%s`: ", set_uses[i].condition);
			fprintf(out, r->first > 255 ? "%s%#x" : "%s%u", first ? "" : ", ",
				r->first);
			if (r->last != r->first)
				fprintf(out, r->first > 255 ? "-%#x" : "-%u", r->last);
			first = false;
		}
		if (!first)
			fputs(".\n", out);
	}
}

static void print_document(FILE *out)
{
	fputs(intro, out);
	fputs("## Mediated and refused\n\n", out);
	print_rows(out);
	print_sets(out);
	fputs("\n## Native\n\n", out);
	print_native(out);
}

static int check(const char *path)
{
	char *want = NULL;
	size_t size = 0, pos = 0;
	FILE *out = open_memstream(&want, &size), *in = fopen(path, "r");
	int c = EOF;

	if (!out || !in) {
		perror(path);
		return EXIT_FAILURE;
	}
	print_document(out);
	fclose(out);
	while (pos < size && (c = getc(in)) == (unsigned char)want[pos])
		pos++;
	if (pos == size)
		c = getc(in);
	fclose(in);
	free(want);
	if (pos == size && c == EOF)
		return EXIT_SUCCESS;
	fprintf(stderr, "%s: out of date: make it anew with syscall-table\n", path);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	if (argc != 1) {
		fputs("usage: syscall-table [--check FILE]\n", stderr);
		return 2;
	}
	print_document(stdout);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
