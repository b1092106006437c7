/* SPDX-License-Identifier: MIT */
/*
 * Shared format (B -> A): what a monitor tells the endorun that execve starts.
 *
 * A sealed memfd on RFD_HANDOVER holds one of these; the program to start is
 * open on RFD_TARGET. A forged one gains nothing: inside a monitored tree only
 * a monitor can put it there, outside the user is free to start anything.
 */
#ifndef ENDORUN_HANDOVER_H
#define ENDORUN_HANDOVER_H

#include <stdint.h>

#define HANDOVER_MAGIC 0x3176646e6f646e65 /* "endondv1" */

struct handover {
	uint64_t magic;
	uint64_t flags; /* enum boot_flags of the parent */
	uint64_t nslots;
	uint64_t app_mask; /* the program's signal mask, fault signals included */
	uint64_t ignored;  /* fault signals that the program ignored */
	char path[4096];   /* as given to execve, or /dev/fd/N: AT_EXECFN */
};

#endif
