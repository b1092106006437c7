/* SPDX-License-Identifier: MIT */
/*
 * Test helper: run a piece of machine code with chosen registers, on a stack
 * of its own, and see everything that it leaves behind. For one test file.
 */
#ifndef ENDORUN_TESTS_RUN_CODE_H
#define ENDORUN_TESTS_RUN_CODE_H

#include <stdint.h>
#include <string.h>

/* Encoding order; rsp is where the code starts, an output. */
struct regs {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t flags;
};

#define RUN_STACK 65536
#define RED_ZONE 128
#define ARITH_FLAGS 0x8d5u

struct regs run_regs;
uint64_t run_code_at, run_rsp, run_old_rsp;
uint8_t run_stack[RUN_STACK] __attribute__((aligned(64)));
void run_asm(void);

/* clang-format off */
__asm__(
"	.text\n"
"	.type run_asm, @function\n"
"	.globl run_asm\n"
"run_asm:\n"
"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
"	mov %rsp, run_old_rsp(%rip)\n"
"	mov run_rsp(%rip), %rsp\n"
"	pushq run_regs+128(%rip)\n	popfq\n"
"	mov run_regs+0(%rip), %rax\n	mov run_regs+8(%rip), %rcx\n"
"	mov run_regs+16(%rip), %rdx\n	mov run_regs+24(%rip), %rbx\n"
"	mov run_regs+40(%rip), %rbp\n	mov run_regs+48(%rip), %rsi\n"
"	mov run_regs+56(%rip), %rdi\n	mov run_regs+64(%rip), %r8\n"
"	mov run_regs+72(%rip), %r9\n	mov run_regs+80(%rip), %r10\n"
"	mov run_regs+88(%rip), %r11\n	mov run_regs+96(%rip), %r12\n"
"	mov run_regs+104(%rip), %r13\n	mov run_regs+112(%rip), %r14\n"
"	mov run_regs+120(%rip), %r15\n"
"	call *run_code_at(%rip)\n"
"	mov %rax, run_regs+0(%rip)\n	mov %rcx, run_regs+8(%rip)\n"
"	mov %rdx, run_regs+16(%rip)\n	mov %rbx, run_regs+24(%rip)\n"
"	mov %rsp, run_regs+32(%rip)\n	mov %rbp, run_regs+40(%rip)\n"
"	mov %rsi, run_regs+48(%rip)\n	mov %rdi, run_regs+56(%rip)\n"
"	mov %r8, run_regs+64(%rip)\n	mov %r9, run_regs+72(%rip)\n"
"	mov %r10, run_regs+80(%rip)\n	mov %r11, run_regs+88(%rip)\n"
"	mov %r12, run_regs+96(%rip)\n	mov %r13, run_regs+104(%rip)\n"
"	mov %r14, run_regs+112(%rip)\n	mov %r15, run_regs+120(%rip)\n"
"	pushfq\n	popq run_regs+128(%rip)\n"
"	mov run_old_rsp(%rip), %rsp\n"
"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
"	cld\n"
"	ret\n"
"	.size run_asm, . - run_asm\n");
/* clang-format on */

/*
 * run_code - call code with *regs and store what it returns with there
 * Returns whether the red zone of the called code is as it was.
 */
static bool run_code(const void *code, struct regs *regs)
{
	uint8_t *top = run_stack + RUN_STACK / 2;
	uint8_t *zone = top - 8 - RED_ZONE; /* below the return address */

	for (size_t i = 0; i < RUN_STACK; i++)
		run_stack[i] = (uint8_t)(i * 7 + 1);
	run_regs = *regs;
	run_code_at = (uint64_t)(uintptr_t)code;
	run_rsp = (uint64_t)(uintptr_t)top;
	run_asm();
	*regs = run_regs;
	for (size_t i = 0; i < RED_ZONE; i++)
		if (zone[i] != (uint8_t)((size_t)(zone - run_stack + (long)i) * 7 + 1))
			return false;
	return true;
}

#endif
