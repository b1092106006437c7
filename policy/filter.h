/* SPDX-License-Identifier: MIT */
/*
 * Zone A: the seccomp filter that every monitored process runs under, made from
 * monitor/syscalls.def and policy/conditions.def.
 *
 * It is the fast path: what is harmless is allowed by number alone (the kernel
 * then answers from a bitmap); what is mediated is allowed from the gate page
 * and the loader's range and trapped from anywhere else.
 */
#ifndef ENDORUN_FILTER_H
#define ENDORUN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;

/* Room that is always enough: the kernel's BPF_MAXINSNS. */
#define FILTER_MAX 4096

struct filter_params {
	uint64_t gate_page;   /* one page; mediated calls are allowed from it */
	uint64_t loader_base; /* and from loader_base .. loader_end - 1 */
	uint64_t loader_end;
	uint32_t rfd_base; /* the reserved descriptors */
	uint32_t rfd_count;
	uint16_t trap_data; /* SECCOMP_RET_DATA of a trapped call */
	bool mediate_exit;  /* exit_group too: --stats prints its counts then */
};

/* The parameters of monitor/layout.h, which has to be included for it. */
#define FILTER_PARAMS_FIXED                                                                        \
	{                                                                                          \
		.gate_page = GATE_PAGE, .loader_base = LOADER_BASE, .loader_end = LOADER_END,      \
		.rfd_base = RFD_BASE, .rfd_count = RFD_COUNT, .trap_data = TRAP_DATA,              \
	}

/*
 * filter_compile - write the filter into out[0 .. cap-1]
 *
 * Returns the number of instructions, -EINVAL if a range is empty, lies across
 * a 4 GiB boundary or shares its upper half with the other one, -ENOSPC if cap
 * is too small.
 */
int filter_compile(const struct filter_params *params, struct sock_filter *out, size_t cap);

#endif
