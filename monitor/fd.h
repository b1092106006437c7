/* SPDX-License-Identifier: MIT */
/*
 * Zone B: helpers for descriptors: the reserved ones, and names for others.
 */
#ifndef ENDORUN_FD_H
#define ENDORUN_FD_H

#include "monitor.h"

#define FD_NUMBER_SIZE 12

/* The number in decimal: the name of a descriptor in fd_folder(). */
void fd_number(char out[FD_NUMBER_SIZE], long fd);
/*
 * fd_folder - this thread's /proc/thread-self/fd, held; to be released
 * Below it, fd_number() names what a descriptor stands for. Returns -errno if
 * there is no procfs, or something is mounted over the folder.
 */
long fd_folder(struct priv *p) MUST_CHECK;
/* A vfork child is gone: what it held is free. */
void fd_after_vfork(int32_t tid);
/*
 * fd_hold - move a descriptor to a number that the program cannot change
 * What is judged and then used must be the same object: under an ordinary
 * number another thread could put another one there by dup2 (e08). Takes fd
 * over, or passes an error on. Returns the number, to be given to
 * fd_release(), or -errno; -EMFILE if all numbers stay busy.
 */
long fd_hold(struct priv *p, long fd) MUST_CHECK;
void fd_release(long number);
void fd_after_fork(void);
/* dup3 onto a reserved number, lifting RLIMIT_NOFILE's soft limit if it must. */
long fd_reserve(int fd, int number, int flags) MUST_CHECK;
/*
 * Writing `size` bytes to a file of the monitor's: under a lower RLIMIT_FSIZE
 * the kernel would send SIGXFSZ. Lifts the soft limit, or returns -EFBIG; then
 * *old says whether fsize_restore() has something to do.
 */
struct limits { /* struct rlimit64, linux/resource.h */
	uint64_t soft, hard;
};
long fsize_lift(struct limits *old, uint64_t size) MUST_CHECK;
void fsize_restore(const struct limits *old);

static inline bool fd_is_reserved(uint32_t fd)
{
	return fd >= RFD_BASE && fd < RFD_BASE + RFD_COUNT;
}

#endif
