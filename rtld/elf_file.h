/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): an ELF file's program headers, checked.
 *
 * Everything in a plan has been checked against the file's size, the limits
 * below and the address ranges that endorun keeps for itself: whoever maps by
 * the plan needs no checks of his own. Section headers are never looked at.
 */
#ifndef ENDORUN_ELF_FILE_H
#define ENDORUN_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_PHNUM_MAX 128		 /* program headers */
#define ELF_SPAN_MAX (UINT64_C(1) << 32) /* bytes from the first segment to the last */
#define ELF_ALIGN_MAX (UINT64_C(1) << 30)
#define ELF_PATH_MAX 4096 /* of PT_INTERP, with its NUL */
#define ELF_ERROR_MAX (ELF_PATH_MAX + 260)

enum elf_role {
	ELF_ROLE_PROGRAM, /* has an entry point, may have an interpreter */
	ELF_ROLE_INTERP,  /* has an entry point; a PT_INTERP is ignored */
	ELF_ROLE_LIBRARY, /* ET_DYN only; the entry point is ignored */
};

struct elf_plan {
	uint16_t type;	     /* ET_EXEC or ET_DYN */
	uint16_t phnum;	     /* entries in phdr */
	bool has_phdr_vaddr; /* a segment contains the program headers */
	bool has_stack;	     /* PT_GNU_STACK is there; its flags are never PF_X */
	bool has_dynamic;    /* PT_DYNAMIC is there, and lies within one segment */
	bool has_interp;
	uint64_t entry;	     /* virtual address in the file; add the load bias */
	uint64_t phdr_vaddr; /* for AT_PHDR, likewise */
	uint64_t lo, hi;     /* of all PT_LOAD: page-aligned, lo < hi, hi - lo <= ELF_SPAN_MAX */
	uint64_t align;	     /* largest p_align of all PT_LOAD, at least a page, a power of two */
	uint64_t file_size;
	uint64_t dynamic_off;  /* file offset of the dynamic section */
	uint64_t dynamic_size; /* bytes of it in the file */
	char interp[ELF_PATH_MAX];
	Elf64_Phdr phdr[ELF_PHNUM_MAX];
	char error[ELF_ERROR_MAX]; /* after a failure: "path: why; what to do" */
};

/*
 * elf_open - open `path` for reading if it is a regular file
 * Never waits for a FIFO and never opens a device. Returns a close-on-exec
 * descriptor, or -1 with errno: EISDIR, EACCES for what else is no file.
 */
int elf_open(const char *path);

/*
 * elf_read - read exactly len bytes at off; false if they are not there
 */
bool elf_read(int fd, void *dst, size_t len, uint64_t off);

/*
 * elf_plan_read - read and check the headers of the ELF file fd
 * path: for messages. Returns 0, or -1 with plan->error set. Loaded segments
 * with p_memsz == 0 stay in phdr and are to be skipped.
 * Post: PT_LOAD entries ascend by p_vaddr without overlap; two of them may
 * share a page, then the later one's mapping of the page wins, as in the kernel.
 */
int elf_plan_read(struct elf_plan *plan, int fd, const char *path, enum elf_role role);

/*
 * elf_file_offset - where in the file the bytes of [vaddr, vaddr + len) are
 * Returns false unless one PT_LOAD has all of them in the file.
 */
bool elf_file_offset(const struct elf_plan *plan, uint64_t vaddr, uint64_t len, uint64_t *off);

#endif
