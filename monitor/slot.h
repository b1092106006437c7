/* SPDX-License-Identifier: MIT */
/*
 * Zone B: what a thread owns inside the arena, for C and assembly.
 *
 * A thread has one slot in each of three arrays: the control slot (key R: the
 * program may read it, GS points at it), the copy pages (key R: what the
 * kernel reads while it runs with the program's PKRU) and the private slot
 * (key M). asm_check.c asserts every offset.
 */
#ifndef ENDORUN_SLOT_H
#define ENDORUN_SLOT_H

/* Control slot, at %gs:0. */
#define C_SELECTOR 0x00 /* u8: SEL_ALLOW or SEL_BLOCK */
#define C_PKRU 0x04	/* u32: PKRU of the program */
#define C_NEG_PKRU 0x08 /* u32: its two's complement, for a check without flags */
#define C_SELF 0x10	/* address of this slot */
#define C_NEG_SELF 0x18 /* two's complement of it */
#define C_PRIV 0x20	/* address of the private slot */
#define C_RIP 0x28	/* exit values */
#define C_RAX 0x30
#define C_RCX 0x38
#define C_RDX 0x40
#define CONTROL_SIZE 0x80

#define COPY_SIZE 0x2000

/* Private slot: state, frame copy, signal stack, monitor stack, in this order. */
#define PRIV_SIZE 0x10000
#define PRIV_FRAME 0x1000 /* a copy of the signal frame being worked on */
#define PRIV_FRAME_SIZE 0x3000
#define PRIV_SIGSTACK 0x4000
#define PRIV_SIGSTACK_SIZE 0x4000
#define PRIV_STACK_TOP 0x10000 /* monitor stack, 32 KiB downwards */

/* Saved program registers: the order of struct regs. */
#define P_R15 0x00
#define P_R14 0x08
#define P_R13 0x10
#define P_R12 0x18
#define P_R11 0x20
#define P_R10 0x28
#define P_R9 0x30
#define P_R8 0x38
#define P_RDI 0x40
#define P_RSI 0x48
#define P_RBP 0x50
#define P_RBX 0x58
#define P_RDX 0x60
#define P_RCX 0x68
#define P_RAX 0x70
#define P_RSP 0x78
#define P_RIP 0x80
#define P_EFLAGS 0x88
#define P_ORIG_RAX 0x90

#define P_INSIDE 0x98	  /* u8: the monitor is running for this thread */
#define P_DEFER 0x99	  /* u8: signals noted while inside */
#define P_MASK_DIRTY 0x9a /* u8: the kernel's mask must be set on the way out */
#define P_ENTRY 0x9b	  /* u8: ENTRY_GATE or ENTRY_TRAP */
#define P_TGID 0x9c	  /* i32 */
#define P_TID 0xa0	  /* i32 */
#define P_KMASK 0xa8	  /* u64: what the kernel's mask is to be */
#define P_STACK 0xb0	  /* top of the monitor stack */
#define P_SIG_RSP 0xb8	  /* where the kernel puts a frame on an empty signal stack */
#define P_APPCALL_RSP 0xc0
#define P_DISPATCH 0xc8 /* void (*)(struct priv *) */
#define P_ON_SIGNAL 0xd0
#define P_DELIVER 0xd8
#define P_CHILD 0xe0

#define ENTRY_GATE 1
#define ENTRY_TRAP 2

/* Kernel signal frame (arch/x86/include/asm/sigframe.h, struct rt_sigframe). */
#define FRAME_SIGNO 312

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control {
	uint8_t selector;
	uint8_t pad0[3];
	uint32_t pkru;
	uint32_t neg_pkru;
	uint32_t pad1;
	struct control *self;
	uint64_t neg_self;
	struct priv *priv;
	uint64_t rip;
	uint64_t rax;
	uint64_t rcx;
	uint64_t rdx;
	uint8_t pad2[CONTROL_SIZE - 0x48];
};

struct regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax, rsp, rip, eflags;
	uint64_t orig_rax; /* the call number this entry is about */
};

/* siginfo_t as the kernel lays it out: 128 bytes, the first three ints named. */
struct ksiginfo {
	int32_t signo;
	int32_t err;
	int32_t code;
	int32_t pad;
	uint64_t fields[14];
};

struct kstack {
	uint64_t sp;
	int32_t flags;
	int32_t pad;
	uint64_t size;
};

/* The fault signals, sent by somebody, and one other: each at most once. */
#define DEFER_MAX 8

struct priv {
	struct regs regs;
	uint8_t inside;
	uint8_t ndefer;
	uint8_t mask_dirty;
	uint8_t entry;
	int32_t tgid;
	int32_t tid;
	uint32_t pad0;
	uint64_t kmask;
	uint64_t stack_top;
	uint64_t sig_rsp;
	uint64_t appcall_rsp;
	void (*dispatch)(struct priv *);
	int (*on_signal)(void *frame, struct priv *);
	void (*deliver)(struct priv *);
	void (*child)(struct priv *);

	struct control *control;
	uint8_t *copy;	    /* COPY_SIZE bytes, key R */
	uint64_t app_mask;  /* the mask the program believes in */
	uint64_t temp_mask; /* sigsuspend, ppoll ...: in force until delivery */
	uint8_t temp_valid;
	uint8_t used;	      /* this slot belongs to a thread */
	uint8_t starting;     /* clone under way: not yet known to the kernel */
	uint8_t process;      /* whose signal actions: sigaction.c */
	uint8_t is_vfork;     /* shares the memory of a parent that sleeps */
	uint8_t carrier;      /* the frame being worked on carries defer[0] */
	uint8_t expect;	      /* verify.c: the signal that a check waits for */
	uint8_t parked;	      /* rdx is at -0x88(rsp) of the program */
	uint8_t sync_pending; /* bit per entry of sync_info */
	uint32_t index;
	struct kstack alt; /* the program's sigaltstack */
	struct ksiginfo defer[DEFER_MAX];
	struct ksiginfo sync_info[6]; /* blocked by the program, not by the kernel */
	/* What a new thread wants from the kernel, done by its own first steps. */
	uint64_t clone_flags, clone_ctid;
};

#endif
#endif
