/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted), pure: the first stack of a program, as the kernel lays it.
 *
 *   top     8 zero bytes
 *           AT_EXECFN string, environment strings, argument strings (downward)
 *           "x86_64", 16 random bytes
 *           auxv, envp, argv, argc
 *   sp      (16-byte aligned)
 */
#ifndef ENDORUN_STACK_H
#define ENDORUN_STACK_H

#include <stddef.h>
#include <stdint.h>

#define STACK_AUXV_MAX 64
#define STACK_RANDOM_SIZE 16

/* What an auxv entry holds: a number, or the address of something on the stack. */
enum stack_aux_kind {
	STACK_AUX_VALUE,
	STACK_AUX_EXECFN,
	STACK_AUX_PLATFORM,
	STACK_AUX_RANDOM,
};

struct stack_aux {
	uint64_t id; /* AT_... */
	enum stack_aux_kind kind;
	uint64_t value; /* STACK_AUX_VALUE only */
};

/* Addresses in the running program for the entries that are not endorun's own. */
struct stack_program {
	uint64_t phdr, phnum; /* AT_PHDR, AT_PHNUM; phdr 0 if it is not loaded */
	uint64_t base;	      /* AT_BASE: load bias of the interpreter, or 0 */
	uint64_t entry;	      /* AT_ENTRY: of the program, not of the interpreter */
};

struct stack_request {
	uint64_t top; /* address just past the stack, 16-byte aligned */
	uint8_t *buf; /* stands for [top - size, top) */
	size_t size;
	char *const *argv, *const *envp; /* end with NULL */
	const char *execfn;
	uint8_t random[STACK_RANDOM_SIZE];
	const struct stack_aux *auxv; /* without AT_NULL, which is added */
	size_t auxv_count;
};

struct stack_result {
	uint64_t sp; /* where argc is */
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t auxv;	  /* address of the first entry */
	size_t auxv_size; /* bytes, with AT_NULL */
};

/*
 * stack_auxv - the program's auxv from the one that the kernel gave endorun
 * kernel: pairs of id and value up to AT_NULL. Keeps every entry and its order;
 * replaces PHDR, PHENT, PHNUM, BASE, ENTRY, EXECFN, PLATFORM and RANDOM; drops
 * the rseq entries (rseq is refused) and EXECFD (endorun's own).
 * Returns the number of entries in auxv.
 */
size_t stack_auxv(struct stack_aux auxv[STACK_AUXV_MAX], const uint64_t *kernel,
		  const struct stack_program *prog);

/* stack_bytes - how much of the stack the request fills, at most; SIZE_MAX: too much */
size_t stack_bytes(const struct stack_request *req);

/*
 * stack_build - write the stack
 * Returns 0, or -1 if size is less than stack_bytes(req); then nothing is written.
 */
int stack_build(struct stack_result *res, const struct stack_request *req);

#endif
