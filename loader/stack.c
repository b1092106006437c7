/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted), pure: builds the first stack, in the order of the kernel's
 * copy_strings (fs/exec.c) and create_elf_tables (fs/binfmt_elf.c).
 *
 * ps, prctl and programs that overwrite their argv (setproctitle) count on the
 * strings being one block: arguments, environment, AT_EXECFN.
 */
#include "loader/stack.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

/* Not in musl's or Debian's elf.h: linux/auxvec.h since 6.3. */
#define HWCAP2_FSGSBASE 2 /* asm/hwcap2.h */
#define AUX_RSEQ_FEATURE_SIZE 27
#define AUX_RSEQ_ALIGN 28

static const char platform[] = "x86_64";

/* Bytes of all strings with their NULs; *count: how many. false: overflow. */
static bool measure(char *const *strings, size_t *count, size_t *bytes)
{
	*bytes = 0;
	for (*count = 0; strings[*count]; (*count)++)
		if (__builtin_add_overflow(*bytes, strlen(strings[*count]) + 1, bytes))
			return false;
	return true;
}

/* One entry of the kernel's auxv for the program; false: leave it out. */
static bool translate(struct stack_aux *aux, const struct stack_program *prog)
{
	switch (aux->id) {
	case AT_PHDR:
		aux->value = prog->phdr;
		break;
	case AT_PHENT:
		aux->value = sizeof(Elf64_Phdr);
		break;
	case AT_PHNUM:
		aux->value = prog->phnum;
		break;
	case AT_BASE:
		aux->value = prog->base;
		break;
	case AT_ENTRY:
		aux->value = prog->entry;
		break;
	case AT_HWCAP2:
		/* WRGSBASE is rewritten: nobody should count on it. */
		aux->value &= ~(uint64_t)HWCAP2_FSGSBASE;
		break;
	case AT_EXECFN:
		aux->kind = STACK_AUX_EXECFN;
		break;
	case AT_PLATFORM:
		aux->kind = STACK_AUX_PLATFORM;
		break;
	case AT_RANDOM:
		aux->kind = STACK_AUX_RANDOM;
		break;
	case AT_IGNORE:
	case AT_EXECFD:
	case AT_BASE_PLATFORM: /* a pointer; the kernel has none on x86 */
	case AUX_RSEQ_FEATURE_SIZE:
	case AUX_RSEQ_ALIGN:
		return false;
	}
	return true;
}

size_t stack_auxv(struct stack_aux auxv[STACK_AUXV_MAX], const uint64_t *kernel,
		  const struct stack_program *prog)
{
	size_t n = 0;

	for (; kernel[0] != AT_NULL && n < STACK_AUXV_MAX; kernel += 2) {
		auxv[n] = (struct stack_aux){kernel[0], STACK_AUX_VALUE, kernel[1]};
		if (translate(&auxv[n], prog))
			n++;
	}
	return n;
}

size_t stack_bytes(const struct stack_request *req)
{
	size_t argc, envc, args, envs, words, total;

	if (!measure(req->argv, &argc, &args) || !measure(req->envp, &envc, &envs))
		return SIZE_MAX;
	/* argc, both NULLs, AT_NULL; 64: the zero word on top, random bytes, alignment */
	words = argc + envc + 3 + 2 * (req->auxv_count + 1);
	if (__builtin_mul_overflow(words, sizeof(uint64_t), &total) ||
	    __builtin_add_overflow(total, args, &total) ||
	    __builtin_add_overflow(total, envs, &total) ||
	    __builtin_add_overflow(total, strlen(req->execfn) + 1 + sizeof(platform) + 64, &total))
		return SIZE_MAX;
	return total;
}

/* Where the byte of stack address `addr` is in the caller's buffer. */
static uint8_t *at(const struct stack_request *req, uint64_t addr)
{
	return req->buf + (addr - (req->top - req->size));
}

static void put_word(const struct stack_request *req, uint64_t *addr, uint64_t word)
{
	memcpy(at(req, *addr), &word, sizeof(word));
	*addr += sizeof(word);
}

/* Copies the strings to `addr` and a pointer to each of them to *table. */
static void put_strings(const struct stack_request *req, uint64_t *table, char *const *strings,
			uint64_t addr)
{
	for (size_t i = 0; strings[i]; i++) {
		size_t len = strlen(strings[i]) + 1;

		memcpy(at(req, addr), strings[i], len);
		put_word(req, table, addr);
		addr += len;
	}
	put_word(req, table, 0);
}

static void put_auxv(const struct stack_request *req, uint64_t *table, const uint64_t pointers[])
{
	for (size_t i = 0; i < req->auxv_count; i++) {
		const struct stack_aux *aux = &req->auxv[i];

		put_word(req, table, aux->id);
		put_word(req, table,
			 aux->kind == STACK_AUX_VALUE ? aux->value : pointers[aux->kind]);
	}
	put_word(req, table, AT_NULL);
	put_word(req, table, 0);
}

int stack_build(struct stack_result *res, const struct stack_request *req)
{
	uint64_t pointers[STACK_AUX_RANDOM + 1] = {0}, table, p;
	size_t argc, envc, args, envs, need = stack_bytes(req);

	if (need == SIZE_MAX || need > req->size)
		return -1;
	measure(req->argv, &argc, &args);
	measure(req->envp, &envc, &envs);

	p = req->top - sizeof(uint64_t);
	memset(at(req, p), 0, sizeof(uint64_t));
	p -= strlen(req->execfn) + 1;
	memcpy(at(req, p), req->execfn, strlen(req->execfn) + 1);
	pointers[STACK_AUX_EXECFN] = p;
	res->env_end = p;
	res->env_start = res->arg_end = p - envs;
	res->arg_start = res->arg_end - args;

	p = res->arg_start & ~UINT64_C(15); /* arch_align_stack, without its random part */
	p -= sizeof(platform);
	memcpy(at(req, p), platform, sizeof(platform));
	pointers[STACK_AUX_PLATFORM] = p;
	p -= STACK_RANDOM_SIZE;
	memcpy(at(req, p), req->random, STACK_RANDOM_SIZE);
	pointers[STACK_AUX_RANDOM] = p;

	res->auxv_size = 2 * (req->auxv_count + 1) * sizeof(uint64_t);
	p -= res->auxv_size + (argc + envc + 3) * sizeof(uint64_t);
	table = res->sp = p & ~UINT64_C(15);
	put_word(req, &table, argc);
	put_strings(req, &table, req->argv, res->arg_start);
	put_strings(req, &table, req->envp, res->env_start);
	res->auxv = table;
	put_auxv(req, &table, pointers);
	return 0;
}
