/* SPDX-License-Identifier: MIT */
/*
 * Zone A: the monitor image and the selftest's program, as read-only blobs inside endorun, and the one
 * jump that leaves the kernel's stack.
 */
	.section .rodata
	.globl	monitor_image, monitor_image_end
	.balign	4096
monitor_image:
	.incbin	MONITOR_IMAGE
monitor_image_end:
	.globl	selftest_image, selftest_image_end
	.balign	16
selftest_image:
	.incbin	SELFTEST_IMAGE
selftest_image_end:

	.text
	.globl	call_on_stack
	.type	call_on_stack, @function
/* void call_on_stack(void (*fn)(void *), void *arg, void *top): does not return */
call_on_stack:
	mov	%rdx, %rsp
	and	$-16, %rsp
	xor	%ebp, %ebp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	ud2
	.size	call_on_stack, . - call_on_stack

	.section .note.GNU-stack, "", @progbits
