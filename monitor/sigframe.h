/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the kernel's signal frame on x86-64 (arch/x86/include/asm/sigframe.h,
 * uapi/asm/sigcontext.h, uapi/asm-generic/ucontext.h).
 */
#ifndef ENDORUN_SIGFRAME_H
#define ENDORUN_SIGFRAME_H

#include "monitor.h"

struct ksigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
};

struct rt_sigframe {
	uint64_t pretcode;
	uint64_t uc_flags;
	uint64_t uc_link;
	struct kstack uc_stack;
	struct ksigcontext mc;
	uint64_t uc_sigmask;
	struct ksiginfo info;
};

/* uapi/asm/sigcontext.h: struct _fpx_sw_bytes, at 464 in the FXSAVE area. */
struct fpx_sw_bytes {
	uint32_t magic1;
	uint32_t extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size;
	uint32_t padding[7];
};

#define FX_MXCSR 24
#define FX_MXCSR_MASK 28
#define FX_SW_BYTES 464
#define XSTATE_HEADER 512 /* XSTATE_BV, XCOMP_BV, 48 reserved bytes */
#define XSTATE_MIN 576
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define XFEATURE_FP_SSE 3ull
#define XFEATURE_PKRU (1ull << 9)
#define MXCSR_DEFAULT 0x1f80u

#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4

#define USER_CS 0x33
#define USER_SS 0x2b

#define EFLAGS_TF 0x100ull
#define EFLAGS_DF 0x400ull
#define EFLAGS_RF 0x10000ull
/* What rt_sigreturn lets a program choose (FIX_EFLAGS, arch/x86/kernel/signal_64.c). */
#define EFLAGS_USER 0x50dd5ull

#define SA_NOCLDSTOP 1ull
#define SA_NOCLDWAIT 2ull
#define SA_SIGINFO 4ull
#define SA_EXPOSE_TAGBITS 0x800ull
#define SA_RESTORER 0x04000000ull
#define SA_ONSTACK 0x08000000ull
#define SA_RESTART 0x10000000ull
#define SA_NODEFER 0x40000000ull
#define SA_RESETHAND 0x80000000ull

#define UNBLOCKABLE (SIGBIT(9) | SIGBIT(19)) /* KILL, STOP */

#define SI_KERNEL 0x80
#define SI_TKILL -6
#define SYS_SECCOMP 1
#define SYS_USER_DISPATCH 2
#define TRAP_TRACE 2
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2

#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SS_AUTODISARM ((int32_t)(1u << 31))

/* The working copy of a frame in the private slot, aligned as the kernel's. */
struct rt_sigframe *frame_copy(struct priv *p);
uint8_t *frame_xstate(struct rt_sigframe *f);
/* Forces what the PKRU component of a frame of ours restores to. */
void frame_set_pkru(struct rt_sigframe *f, uint32_t pkru);
/* Makes an xstate that came from the program safe to restore. */
void xstate_sanitize(uint8_t *xs, bool have_xstate);
void regs_from_frame(struct regs *r, const struct ksigcontext *mc);
void regs_to_frame(struct ksigcontext *mc, const struct regs *r);
/* Real rt_sigreturn into the program: p->regs and the copy's xstate. */
void resume_program(struct priv *p) __attribute__((noreturn));
/* A signal of the monitor's making, delivered on the way out. */
void post_signal(struct priv *p, int sig, int code, uint64_t addr);
uint64_t kernel_mask(uint64_t app_mask);
bool alt_in_use(const struct priv *p, uint64_t rsp);

#endif
