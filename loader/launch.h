/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): what the steps between main() and the program share.
 */
#ifndef ENDORUN_LAUNCH_H
#define ENDORUN_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"
#include "monitor/boot.h"
#include "monitor/handover.h"
#include "rtld/elf_file.h"
#include "target.h"

struct launch {
	char **argv, **envp; /* copies: the kernel's stack is gone */
	uint64_t *kauxv;     /* copy of the kernel's auxv, up to AT_NULL */
	uint64_t kstack_top; /* page after the kernel's stack */
	uint64_t started_ns, mapped_ns;
	uint64_t ignored;    /* of SIGSEGV, if it was */
	uint64_t first_mask; /* signals blocked by whoever started endorun */
	struct cli cli;
	bool is_child; /* started by a monitor's execve */
	struct handover handover;
	struct target target;
	struct elf_plan plan, interp_plan;
	uint64_t bias, interp_bias;
	uint64_t entry, sp;
	struct boot boot;
	long (*monitor)(const struct boot *, int, void *);
};

/* machine.c: what this machine offers; ends the process when it is too little. */
void machine_check(struct launch *l);
/* A fault of the loader's is one line. To be called first. */
void machine_catch_faults(struct launch *l);
void machine_measure_frame(struct boot *boot);
/* A page with a system call at an address that nobody trusts; its address. */
uint64_t machine_probe(void);
/* Under a monitor's filter only a monitor starts endorun: anything else is a trick. */
void machine_refuse_lost_handover(void);
/* Is a seccomp filter in force that is not ours? If in doubt, yes. */
bool machine_has_foreign_filter(void);

/* reserved.c: the reserved descriptors. */
bool reserved_take_handover(struct launch *l);
void reserved_setup(struct launch *l);
/* The numbers that execve used are placeholders again. */
void reserved_restore(const struct launch *l);

/* arena.c: the monitor's memory, the gate page, the image. */
void arena_build(struct launch *l);
void arena_seal(const struct launch *l);

/* program.c: maps program and interpreter, builds the stack. */
void program_map(struct launch *l);
void program_stack(struct launch *l);
/* The descriptors that mapping needed. */
void program_close(const struct launch *l);

/* early.c: the libraries, before anything has run. */
void early_vet(struct launch *l);

/* selftest.c */
void selftest_run(struct launch *l) __attribute__((noreturn));

#define PAGE_DOWN(v) ((v) & ~(uint64_t)0xfff)
#define PAGE_UP(v) PAGE_DOWN((v) + 0xfff)

#endif
