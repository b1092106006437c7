/* SPDX-License-Identifier: MIT */
/*
 * jump_all(const struct jump_regs *): every register from the structure, then
 * a jump that needs none (it goes through memory below the new stack's own).
 */
	.text
	.globl	jump_all
jump_all:
	mov	128(%rdi), %rax
	mov	%rax, target(%rip)
	mov	0(%rdi), %rax
	mov	8(%rdi), %rbx
	mov	16(%rdi), %rcx
	mov	24(%rdi), %rdx
	mov	32(%rdi), %rsi
	mov	48(%rdi), %rbp
	mov	56(%rdi), %rsp
	mov	64(%rdi), %r8
	mov	72(%rdi), %r9
	mov	80(%rdi), %r10
	mov	88(%rdi), %r11
	mov	96(%rdi), %r12
	mov	104(%rdi), %r13
	mov	112(%rdi), %r14
	mov	120(%rdi), %r15
	mov	40(%rdi), %rdi
	jmp	*target(%rip)

/*
 * int call_code(code, rax, rdi, signed char *done): calls it with the other
 * registers 0 and all callee-saved ones kept; *done is set when it came back.
 */
	.globl	call_code
call_code:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rcx
	mov	%rdi, target(%rip)
	mov	%rsi, %rax
	mov	%rdx, %rdi
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	call	*target(%rip)
	pop	%rcx
	movb	$1, (%rcx)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.bss
	.balign 8
target:	.skip	8
	.section .note.GNU-stack, "", @progbits
