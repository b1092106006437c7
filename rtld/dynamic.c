/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): reads a dynamic section. The file is hostile.
 *
 * Only what is asked for is read from the file: string tables can be large.
 */
#include "rtld/dynamic.h"

#include <stdlib.h>
#include <string.h>

static const char no_memory[] = "out of memory; raise the limit";
static const char bad_string[] = "a string of the dynamic section is outside its table; the file "
				 "is damaged";

/* Where the strings are, in the file. */
struct strtab {
	uint64_t off, size;
};

/* Reads the string at `index`; NULL if it does not end within table and file. */
static char *read_string(int fd, const struct strtab *tab, uint64_t index, const char **why)
{
	size_t max = DYNAMIC_STRING_MAX, have = 0;
	char *s;

	*why = bad_string;
	if (index >= tab->size)
		return NULL;
	if (max > tab->size - index)
		max = tab->size - index;
	s = malloc(max);
	if (!s) {
		*why = no_memory;
		return NULL;
	}
	while (have < max) {
		size_t n = max - have < 256 ? max - have : 256;

		if (!elf_read(fd, s + have, n, tab->off + index + have))
			break;
		if (memchr(s + have, '\0', n)) {
			*why = NULL;
			return s;
		}
		have += n;
	}
	free(s);
	return NULL;
}

/* DT_STRTAB and DT_STRSZ: the table must lie in the file, within one segment. */
static const char *find_strtab(struct strtab *tab, const Elf64_Dyn *d, size_t count,
			       const struct elf_plan *plan)
{
	uint64_t vaddr = 0;

	for (size_t i = 0; i < count; i++) {
		if (d[i].d_tag == DT_STRTAB)
			vaddr = d[i].d_un.d_ptr;
		else if (d[i].d_tag == DT_STRSZ)
			tab->size = d[i].d_un.d_val;
	}
	if (!elf_file_offset(plan, vaddr, tab->size, &tab->off))
		return "the dynamic string table is not in a loaded segment; the file is damaged";
	return NULL;
}

static const char *read_strings(struct dynamic *dyn, int fd, const Elf64_Dyn *d, size_t count,
				const struct strtab *tab)
{
	size_t needed_count = 0;
	const char *why = NULL;

	for (size_t i = 0; i < count && !why; i++) {
		char **to = NULL;

		if (d[i].d_tag == DT_NEEDED)
			to = &dyn->needed[needed_count++];
		else if (d[i].d_tag == DT_SONAME)
			to = &dyn->soname;
		else if (d[i].d_tag == DT_RPATH)
			to = &dyn->rpath;
		else if (d[i].d_tag == DT_RUNPATH)
			to = &dyn->runpath;
		else if (d[i].d_tag == DT_FLAGS_1)
			dyn->no_default = d[i].d_un.d_val & DF_1_NODEFLIB;
		if (to) {
			free(*to); /* of two, the last counts */
			*to = read_string(fd, tab, d[i].d_un.d_val, &why);
		}
	}
	return why;
}

const char *dynamic_read(struct dynamic *dyn, int fd, const struct elf_plan *plan)
{
	size_t max = plan->dynamic_size / sizeof(Elf64_Dyn), count = 0;
	struct strtab tab = {0};
	Elf64_Dyn *d;
	const char *why;

	*dyn = (struct dynamic){0};
	if (!plan->has_dynamic)
		return NULL;
	if (max > DYNAMIC_ENTRIES_MAX)
		return "more than 4096 entries in the dynamic section; the file is damaged";
	d = calloc(max + 1, sizeof(*d));
	dyn->needed = calloc(max + 1, sizeof(*dyn->needed));
	if (!d || !dyn->needed)
		why = no_memory;
	else if (!elf_read(fd, d, max * sizeof(*d), plan->dynamic_off))
		why = "the dynamic section cannot be read; the file is truncated";
	else {
		while (count < max && d[count].d_tag != DT_NULL)
			count++;
		why = count ? find_strtab(&tab, d, count, plan) : NULL;
		if (!why)
			why = read_strings(dyn, fd, d, count, &tab);
	}
	free(d);
	return why;
}

void dynamic_free(struct dynamic *dyn)
{
	for (size_t i = 0; dyn->needed && dyn->needed[i]; i++)
		free(dyn->needed[i]);
	free(dyn->needed);
	free(dyn->soname);
	free(dyn->rpath);
	free(dyn->runpath);
	*dyn = (struct dynamic){0};
}
