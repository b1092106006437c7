/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the only code that touches program memory.
 *
 * A fault between um_begin and um_end resumes at um_fault (signal.c), which
 * returns -EFAULT. Callers have checked the range against the arena.
 */
	.text
	.globl	um_copy, um_copy_str, um_begin, um_end, um_fault
	.hidden	um_copy, um_copy_str, um_begin, um_end, um_fault

um_begin:
/* long um_copy(void *dst, const void *src, size_t n): 0 or -EFAULT */
um_copy:
	mov	%rdx, %rcx
	rep movsb
	xor	%eax, %eax
	ret

/*
 * long um_copy_str(char *dst, const char *src, size_t n)
 * Returns the length without NUL, n if there is none within n bytes, -EFAULT.
 */
um_copy_str:
	xor	%eax, %eax
1:	cmp	%rdx, %rax
	je	2f
	movzbl	(%rsi, %rax), %ecx
	mov	%cl, (%rdi, %rax)
	test	%cl, %cl
	jz	2f
	inc	%rax
	jmp	1b
2:	ret
um_end:
um_fault:
	mov	$-14, %rax
	ret

	.section .note.GNU-stack, "", @progbits
