/* SPDX-License-Identifier: MIT */
/*
 * Zone shared (loader, monitor, assembly): fixed addresses and numbers.
 *
 * Only plain #defines, so that assembly can include it.
 */
#ifndef ENDORUN_LAYOUT_H
#define ENDORUN_LAYOUT_H

/* The gate page: the last page of the 47-bit address space (I1). */
#define GATE_PAGE 0x7fffffffe000
#define GATE_GUARD 0x7fffffffd000
#define PAGE_SIZE 0x1000

/*
 * The loader is linked here and nothing else may ever be executable here: the
 * seccomp filter, which execve inherits, trusts calls from this range.
 */
#define LOADER_BASE 0x60000000
#define LOADER_END 0x62000000

/* No mapping below this address (a null GS must not find a fake slot, a12). */
#define LOW_END 0x100000

/* Reserved descriptors: RFD_BASE .. RFD_BASE + RFD_COUNT - 1, always open. Below 256, which
 * keeps fork cheap, and below what bash takes for itself from 255 down. */
#define RFD_BASE 208
#define RFD_COUNT 32
#define RFD_SELF 208	 /* the endorun binary (O_PATH) */
#define RFD_VET 209	 /* the vetting memfd, or a placeholder */
#define RFD_HANDOVER 210 /* sealed memfd for the next endorun over execve */
#define RFD_TARGET 211	 /* the program to start over execve */
#define RFD_PROC 212	 /* a verified procfs root (O_PATH), or a placeholder */
#define RFD_ROOT 213	 /* the root directory at the start (O_PATH), or a placeholder */
#define RFD_POOL 214	 /* 13 numbers: objects that are being judged */
#define RFD_FOLDERS 227	 /* 13 numbers: /proc/thread-self/fd meanwhile */
#define RFD_POOL_SIZE 13

/* SECCOMP_RET_DATA of our own traps: tells them from a program's own filter. */
#define TRAP_DATA 0x7d

/* Syscall User Dispatch selector values (linux/prctl.h). */
#define SEL_ALLOW 0
#define SEL_BLOCK 1

#endif
