/* SPDX-License-Identifier: MIT */
/*
 * Shared format (A -> B): what the loader tells the monitor. Plain data.
 *
 * The loader fills it, calls the image's entry (mon_entry) with an operation,
 * and after BOOT_START never runs again. The monitor copies it into its own
 * memory at BOOT_INIT and does not look at the loader's copy afterwards.
 */
#ifndef ENDORUN_BOOT_H
#define ENDORUN_BOOT_H

#include <stdint.h>

struct sock_filter;

enum boot_op {
	BOOT_INIT = 1,	 /* copy the block, set up globals and slot 0; arg unused */
	BOOT_MAP_EXEC,	 /* arg: struct boot_map */
	BOOT_CHECK_EXEC, /* arg: struct boot_map: could it be mapped? addr unused */
	BOOT_START,	 /* arg: struct boot_start; does not return */
};

enum boot_flags {
	BOOT_KEYS = 1 << 0,  /* isolation by protection keys */
	BOOT_STATS = 1 << 1, /* count, and print at exit */
	BOOT_QUIET = 1 << 2,
	BOOT_INHERITED = 1 << 3,  /* the filter is already in force */
	BOOT_PRIVILEGED = 1 << 4, /* seccomp without no_new_privs */
	BOOT_FOREIGN = 1 << 5,	  /* somebody else's filter is in force: trust no answer */
};

#define BOOT_MAGIC 0x6e75726f646e6531 /* "1endorun" */

struct boot {
	uint64_t magic;
	uint64_t flags;
	/* Arena, all of it sealed before BOOT_START. */
	uint64_t arena_lo, arena_hi;
	uint64_t control, copy, priv; /* arrays, nslots each */
	uint64_t nslots;
	uint64_t window, window_size; /* work space for vetting */
	uint64_t image_lo, image_hi;
	uint32_t app_pkru;
	uint32_t key_m, key_r;
	/* The kernel's signal frame on this machine, measured by the loader. */
	uint32_t frame_size;  /* frame address = end of stack - frame_size */
	uint32_t fp_off;      /* of the xstate in the frame */
	uint32_t xstate_size; /* sw_reserved.extended_size */
	uint32_t pkru_off;    /* of component 9 in the xstate */
	uint32_t mxcsr_mask;
	uint64_t xfeatures;	   /* sw_reserved.xfeatures */
	uint64_t vdso_lo, vdso_hi; /* the kernel's code in this process, vetted */
	uint64_t app_mask;	   /* the program's first signal mask */
	uint64_t ignored;	   /* fault signals ignored across execve */
	uint64_t log_dev, log_ino; /* what standard error is; 0, 0: nothing */
	uint64_t ticks_start;	   /* CLOCK_MONOTONIC ns when the loader began */
	uint8_t bind_bitmap[64];   /* calls that sites are bound for */
	char exe_path[4096];	   /* what /proc/self/exe is to show */
};

struct boot_map {
	int32_t fd;
	uint32_t prot;	   /* besides execute: PROT_READ is always given */
	uint64_t off, len; /* page multiples */
	uint64_t addr;	   /* fixed address, already reserved by the caller */
	char refusal[512]; /* out: why not, when the result is negative */
};

struct boot_start {
	uint64_t entry, sp;
	uint64_t mapped_ns, handover_ns; /* CLOCK_MONOTONIC: for --stats */
	uint64_t probe;			 /* a page outside every trusted range: `syscall; ret` */
	uint64_t filter, filter_len;	 /* struct sock_filter[], in the loader */
	uint64_t unmap[8][2];		 /* ranges to unmap besides the loader */
	uint32_t nunmap;
};

#endif
