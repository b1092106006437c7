/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the gate page. Every WRPKRU, XRSTOR and `syscall` of the monitor.
 *
 * Position independent; the loader copies gate_start..gate_end to GATE_PAGE
 * and, with --isolation=none, replaces each WRPKRU by LFENCE and the RDPKRU by
 * xor %eax,%eax (all three bytes long). Labels pk_*, sc_* and xr_* name every
 * WRPKRU, syscall and XRSTOR; tests/lint/check_gate.sh counts them.
 *
 * The program can jump at any byte of this page. What stops it:
 *   at a syscall    its selector is BLOCK: SUD raises SIGSYS, the monitor ends
 *                   the process (I2)
 *   at a WRPKRU     eax is compared behind it; with the right value the code
 *                   that follows believes nothing but the thread's own slot
 *   elsewhere       PKRU is still the program's: the first touch of private
 *                   memory faults, and a fault in this page is the end
 * GS is the thread's control slot or 0 (no WRGSBASE, no ARCH_SET_GS), and the
 * first MiB is never mapped.
 */
#include "layout.h"
#include "slot.h"

#define NR_RT_SIGPROCMASK 14
#define NR_RT_SIGRETURN 15
#define NR_CLONE 56
#define NR_ARCH_PRCTL 158
#define NR_TGKILL 234
#define ARCH_SET_GS 0x1001
#define SIG_SETMASK 2
#define SIGSYS 31
#define ABORTED -512 /* ERESTARTSYS: not executed, restart at the program's site */

	.section .gate, "ax", @progbits
	.balign 4096

	.macro GLOBAL name
	.globl \name
	.hidden \name
\name:
	.endm

	/* All zero without touching a flag: what WRPKRU wants to open. */
	.macro ZERO_ACD
	mov	$0, %eax
	mov	$0, %ecx
	mov	$0, %edx
	.endm

	/* Behind an opening WRPKRU: eax must be 0. Clobbers rcx, keeps flags. */
	.macro CHECK_OPEN
	mov	%eax, %ecx
	jrcxz	.Lopen\@
	ud2
.Lopen\@:
	.endm

GLOBAL gate_start
/*
 * gate_call - mediated call from a bound site
 * In:    r11 = nr << 48 | return address, rdx parked at -0x88(%rsp), all other
 *        registers as for `syscall`; rax, rcx free
 * PKRU:  the program's, then 0
 * A signal before P_INSIDE is set finds r11, rsp and the flags untouched: it is
 * delivered as if at the site's `syscall` (signal.c).
 * Jump to pk_call with eax != 0: ud2. With 0: the same as a call.
 */
	.balign 64
GLOBAL gate_call
	ZERO_ACD
GLOBAL pk_call
	wrpkru
	CHECK_OPEN
	rdgsbase %rcx
	mov	%gs:C_NEG_SELF, %rax
	lea	(%rcx, %rax), %rcx
	jrcxz	1f
	ud2
1:	mov	%gs:C_PRIV, %rax
	mov	%rsp, P_RSP(%rax)
	movb	$1, P_INSIDE(%rax)
GLOBAL gate_call_inside
	mov	P_STACK(%rax), %rsp
	pushfq
	popq	P_EFLAGS(%rax)
	pushq	$2			/* DF, AC, TF, NT clear (b04) */
	popfq
	movb	$ENTRY_GATE, P_ENTRY(%rax)
	mov	%r15, P_R15(%rax)
	mov	%r14, P_R14(%rax)
	mov	%r13, P_R13(%rax)
	mov	%r12, P_R12(%rax)
	mov	%r10, P_R10(%rax)
	mov	%r9, P_R9(%rax)
	mov	%r8, P_R8(%rax)
	mov	%rdi, P_RDI(%rax)
	mov	%rsi, P_RSI(%rax)
	mov	%rbp, P_RBP(%rax)
	mov	%rbx, P_RBX(%rax)
	mov	%r11, %rcx
	shr	$48, %rcx
	mov	%rcx, P_ORIG_RAX(%rax)
	shl	$16, %r11
	shr	$16, %r11
	mov	%r11, P_RIP(%rax)
	movb	$SEL_ALLOW, %gs:C_SELECTOR
	mov	%rax, %rdi
	call	*P_DISPATCH(%rax)
	/* fall through */

/*
 * gate_leave - back into the program with the registers in P_REGS
 * In:    PKRU 0, the control slot's exit values set by C (dispatch.c)
 * From the store to P_INSIDE on, a signal is delivered as if in the program
 * with the registers in the private slot; those are complete by then.
 * Jump to pk_exit with another eax than the slot's: ud2 with PKRU open, which
 * the signal entry answers with death; a signal in between sets PKRU anew.
 */
GLOBAL gate_leave
	mov	%gs:C_PRIV, %rbx
	movb	$0, P_INSIDE(%rbx)
GLOBAL gate_exit_window
	cmpb	$0, P_DEFER(%rbx)
	je	1f
	/* The carrier: the kernel makes the frame for the signal we noted. */
	mov	$NR_TGKILL, %eax
	mov	P_TGID(%rbx), %edi
	mov	P_TID(%rbx), %esi
	mov	$SIGSYS, %edx
GLOBAL sc_carrier
	syscall
GLOBAL gate_carrier_ret
	ud2
1:	cmpb	$0, P_MASK_DIRTY(%rbx)
	je	2f
	movb	$0, P_MASK_DIRTY(%rbx)
	mov	$NR_RT_SIGPROCMASK, %eax
	mov	$SIG_SETMASK, %edi
	lea	P_KMASK(%rbx), %rsi
	mov	$0, %edx
	mov	$8, %r10d
GLOBAL sc_mask
	syscall
2:	mov	P_STACK(%rbx), %rsp
	mov	P_R15(%rbx), %r15
	mov	P_R14(%rbx), %r14
	mov	P_R13(%rbx), %r13
	mov	P_R12(%rbx), %r12
	mov	P_R11(%rbx), %r11
	mov	P_R10(%rbx), %r10
	mov	P_R9(%rbx), %r9
	mov	P_R8(%rbx), %r8
	mov	P_RDI(%rbx), %rdi
	mov	P_RSI(%rbx), %rsi
	mov	P_RBP(%rbx), %rbp
	pushq	P_EFLAGS(%rbx)
	popfq				/* no flag is touched behind this line */
	movb	$SEL_BLOCK, %gs:C_SELECTOR
	mov	P_RSP(%rbx), %rsp
	mov	P_RBX(%rbx), %rbx
	mov	$0, %ecx
	mov	$0, %edx
	mov	%gs:C_PKRU, %eax
GLOBAL pk_exit
	wrpkru
	mov	%gs:C_NEG_PKRU, %ecx
	lea	(%rcx, %rax), %ecx
	jrcxz	3f
	ud2
3:	mov	%gs:C_RDX, %rdx
	mov	%gs:C_RCX, %rcx
	mov	%gs:C_RAX, %rax
	jmp	*%gs:C_RIP
GLOBAL gate_exit_end

/*
 * gate_signal - every handler that the kernel knows
 * In:    from the kernel: rsp = frame on the signal stack, all signals masked
 * PKRU:  init, then 0
 * Jump here with a forged frame: rsp must be the one address that the kernel
 * produces, and the frame there is stale: its si_signo was zeroed.
 */
	.balign 64
GLOBAL gate_signal
	ZERO_ACD
GLOBAL pk_signal
	wrpkru
	CHECK_OPEN
	rdgsbase %rcx
	mov	%gs:C_NEG_SELF, %rax
	lea	(%rcx, %rax), %rcx
	jrcxz	1f
	ud2
1:	mov	%gs:C_PRIV, %rbx
	cmp	P_SIG_RSP(%rbx), %rsp
	jne	gate_die
	mov	%rsp, %r12
	cmpl	$0, FRAME_SIGNO(%r12)
	je	gate_die
	pushq	$2
	popfq
	movb	$SEL_ALLOW, %gs:C_SELECTOR
	and	$-16, %rsp
	mov	%r12, %rdi
	mov	%rbx, %rsi
	call	*P_ON_SIGNAL(%rbx)
	movl	$0, FRAME_SIGNO(%r12)	/* stale from here on (c04) */
	test	%eax, %eax
	jnz	gate_deliver
	lea	8(%r12), %rsp
GLOBAL gate_do_sigreturn
	mov	$NR_RT_SIGRETURN, %eax
GLOBAL sc_sigreturn
	syscall
	ud2

/* Signal work that may touch program memory: on the monitor stack. */
gate_deliver:
	mov	P_STACK(%rbx), %rsp
	mov	%rbx, %rdi
	call	*P_DELIVER(%rbx)
	jmp	gate_leave

/*
 * gate_trap_resume - a seccomp trap, resumed with the program's vector state
 * In:    from our own rt_sigreturn: PKRU 0, P_INSIDE set, rsp the monitor stack
 * Jump here: PKRU is the program's, the private slot cannot be read.
 */
GLOBAL gate_trap_resume
	mov	%gs:C_PRIV, %rbx
	mov	P_STACK(%rbx), %rsp
	mov	%rbx, %rdi
	call	*P_DISPATCH(%rbx)
	jmp	gate_leave

/* void gate_sigreturn(void *frame): real rt_sigreturn; does not return. */
GLOBAL gate_sigreturn
	lea	8(%rdi), %rsp
	jmp	gate_do_sigreturn

/*
 * long gate_app_call(const long call[7], struct priv *)
 * A system call that may follow the program's pointers or sleep: executed with
 * the program's PKRU (d18). call[] is number and six arguments.
 * A signal between gate_app_window and sc_app makes it return ABORTED.
 * Jump behind sc_app with eax 0: the selector is BLOCK, ud2 follows.
 * Jump to pk_close with eax 0: the next thing is a syscall under BLOCK.
 */
	.balign 16
GLOBAL gate_app_call
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsi, %rbx
	mov	%rsp, P_APPCALL_RSP(%rbx)
	mov	0(%rdi), %r12
	mov	16(%rdi), %rsi
	mov	24(%rdi), %r13
	mov	32(%rdi), %r10
	mov	40(%rdi), %r8
	mov	48(%rdi), %r9
	mov	8(%rdi), %rdi
GLOBAL gate_app_window
	cmpb	$0, P_DEFER(%rbx)
	jne	gate_app_abort
	mov	$0, %ecx
	mov	$0, %edx
	mov	%gs:C_PKRU, %eax
GLOBAL pk_close
	wrpkru
GLOBAL gate_app_closed
	mov	%r13, %rdx
	mov	%r12, %rax
GLOBAL sc_app
	syscall
GLOBAL sc_app_ret
	mov	%rax, %r12
	ZERO_ACD
GLOBAL pk_reopen
	wrpkru
GLOBAL gate_app_reopened
	test	%eax, %eax
	jnz	gate_die
	cmpb	$SEL_ALLOW, %gs:C_SELECTOR
	jne	gate_die
	mov	%gs:C_PRIV, %rbx
	cmpb	$1, P_INSIDE(%rbx)
	jne	gate_die
	mov	P_APPCALL_RSP(%rbx), %rsp
	mov	%r12, %rax
.Lapp_out:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
GLOBAL gate_app_abort
	mov	%gs:C_PRIV, %rbx
	mov	P_APPCALL_RSP(%rbx), %rsp
	mov	$ABORTED, %rax
	jmp	.Lapp_out

/* long gate_mon_call(nr, a0..a5): the monitor's own calls, PKRU 0. */
	.balign 16
GLOBAL gate_mon_call
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
GLOBAL sc_mon
	syscall
	ret

/*
 * long gate_clone(flags, stack, tls, control, ptid)
 * A thread in the same memory. `stack` is the top of the new thread's monitor
 * stack. The child starts with PKRU 0, all signals blocked and SUD off, makes
 * GS its own and goes to P_CHILD, which arms the rest.
 * Jump to the child's part: its syscall finds BLOCK.
 */
	.balign 16
GLOBAL gate_clone
	mov	%r8, %r9
	mov	%rdx, %r8
	mov	%r9, %rdx
	mov	%rcx, -8(%rsi)
	lea	-8(%rsi), %rsi
	mov	$0, %r10d
	mov	$NR_CLONE, %eax
GLOBAL sc_clone
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	pop	%rsi
	mov	$ARCH_SET_GS, %edi
	mov	$NR_ARCH_PRCTL, %eax
GLOBAL sc_set_gs
	syscall
	test	%rax, %rax
	jnz	gate_die
	mov	%gs:C_PRIV, %rdi
	call	*P_CHILD(%rdi)
	jmp	gate_leave

/* void gate_first(struct priv *, void (*fn)(struct priv *)): program start. */
GLOBAL gate_first
	mov	P_STACK(%rdi), %rsp
	call	*%rsi
	jmp	gate_leave

/*
 * gate_xrstor - the one XRSTOR, called by the program's rewritten ones
 * In:    edx:eax mask, rcx area; clobbers rax, rcx, rdx, flags
 * Jump to xr_app with bit 9 set: PKRU may open; the check behind it ends that.
 */
	.balign 16
GLOBAL gate_xrstor
	and	$~0x200, %eax
GLOBAL xr_app
	xrstor64 (%rcx)
	mov	$0, %ecx
GLOBAL gate_rdpkru
	rdpkru
	cmp	%gs:C_PKRU, %eax
	jne	gate_die
	ret

gate_die:
	ud2
GLOBAL gate_end

	.section .note.GNU-stack, "", @progbits
