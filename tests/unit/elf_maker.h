/* SPDX-License-Identifier: MIT */
/*
 * Tests: makes ELF files, right ones and wrong ones.
 */
#ifndef ENDORUN_TEST_ELF_MAKER_H
#define ENDORUN_TEST_ELF_MAKER_H

#include <elf.h>
#include <stddef.h>

#define MADE_SIZE 0x3000

/* Program headers of a made file. */
enum {
	MADE_CODE,    /* PT_LOAD R-X, file 0 .. 0x1000 at 0 */
	MADE_DATA,    /* PT_LOAD RW-, file 0x1000 .. 0x3000 at 0x2000, 0x500 bytes of bss */
	MADE_DYNAMIC, /* PT_DYNAMIC at 0x2000 */
	MADE_STACK,   /* PT_GNU_STACK RW- */
	MADE_INTERP,  /* PT_INTERP at 0x400 */
	MADE_COUNT,
};

/* A file of ET_DYN with entry 0x500, to be changed before it is written. */
struct made_elf {
	union {
		Elf64_Ehdr ehdr;
		struct {
			char room[sizeof(Elf64_Ehdr)];
			Elf64_Phdr phdr[MADE_COUNT];
		};
		char bytes[MADE_SIZE];
	};
	size_t size;	  /* of the file */
	size_t dyn_count; /* entries at 0x1000 of the file, before DT_NULL */
	size_t str_size;  /* string table at 0x1800 of the file, 0x2800 in memory */
};

/* made_init - a program with an interpreter (NULL: none) and an empty dynamic section */
void made_init(struct made_elf *elf, const char *interp);

/* made_dyn - append an entry to the dynamic section */
void made_dyn(struct made_elf *elf, Elf64_Sxword tag, Elf64_Xword value);

/* made_dyn_string - the same with a string, put into the string table */
void made_dyn_string(struct made_elf *elf, Elf64_Sxword tag, const char *string);

/* made_fd - the file as a memfd */
int made_fd(const struct made_elf *elf);

/* made_write - the file as an executable file at path */
void made_write(const struct made_elf *elf, const char *path);

#endif
