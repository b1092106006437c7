/* SPDX-License-Identifier: MIT */
/*
 * Zone A (tests and tools only): classic BPF as the kernel's seccomp runs it.
 *
 * Three questions about a filter: would the kernel take it, what does it answer,
 * and does the kernel answer a number from its bitmap without running it?
 */
#ifndef ENDORUN_BPF_INTERP_H
#define ENDORUN_BPF_INTERP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seccomp_data;
struct sock_filter;

/* What bpf_check() says; *where gets the instruction (where may be NULL). */
enum bpf_fault {
	BPF_FINE,
	BPF_BAD_LENGTH, /* 0 or above BPF_MAXINSNS */
	BPF_BAD_CODE,	/* not an instruction that seccomp allows */
	BPF_BAD_LOAD,	/* outside struct seccomp_data, or unaligned */
	BPF_BAD_JUMP,	/* past the end */
	BPF_BAD_CONST,	/* division by 0, shift of 32 or more */
	BPF_BAD_MEMORY, /* a cell that does not exist or is read unwritten */
	BPF_NO_RETURN,	/* the last instruction is no return */
};

/* bpf_check - the kernel's checks (bpf_check_classic, seccomp_check_filter) */
enum bpf_fault bpf_check(const struct sock_filter *prog, size_t len, size_t *where);

/*
 * bpf_run - the filter's answer; *steps (may be NULL) gets the number of
 * instructions executed. Pre: bpf_check() found the program fine.
 */
uint32_t bpf_run(const struct sock_filter *prog, size_t len, const struct seccomp_data *data,
		 size_t *steps);

/*
 * bpf_is_const_allow - the kernel's seccomp_is_const_allow(): following only
 * loads of nr and arch, is the answer SECCOMP_RET_ALLOW?
 * (The kernel also never asks filters about uretprobe and uprobe, 335 and 336.)
 */
bool bpf_is_const_allow(const struct sock_filter *prog, size_t len, uint32_t nr, uint32_t arch);

#endif
