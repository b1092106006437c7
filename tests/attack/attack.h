/* SPDX-License-Identifier: MIT */
/*
 * What an attack program is made of: attack() in its own file, the harness in
 * victim.c and jump_x86_64.S. README.md has the conventions.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "monitor/layout.h"

#define PAGE 4096ul
#define MAX_RANGES 64
#define NR_MSEAL 462

/* Exit statuses: ATTACKS.md, section 0. */
enum { ATTACK_BLOCKED = 0, ATTACK_BUG = 1, ATTACK_SUCCESS = 42, ATTACK_MISSING = 77 };
#define ENDORUN_DIED 125

struct range {
	uint64_t lo, hi;
	int prot; /* PROT_* */
	int key;
};

struct attack_env {
	bool control; /* a bare process with a keyed page, no endorun */
	bool keys;    /* protection keys are in force */
	bool full;
	uint64_t secret;		 /* M: memory that the program must not reach */
	uint64_t readable;		 /* what it may read but not write */
	struct range ranges[MAX_RANGES]; /* all that is protected */
	int nranges;
	uint64_t gate; /* code that opens PKRU, and its length */
	size_t gate_len;
	uint32_t pkru;	  /* of the program */
	const char *self; /* path of this program */
};
extern struct attack_env env;

/* The attack itself. Returning means that nothing worked. */
void attack(void);
/* A second entry, when the program was started with arguments. */
void attack_again(int argc, char **argv) __attribute__((weak));

/* The four ends; each prints its line. In children only succeeded() counts. */
void succeeded(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void blocked(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void missing(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void broken(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* System call instruction of our own: the result is the kernel's, -errno. */
long raw(long nr, ...);
#define R0(nr) raw_syscall(nr, 0, 0, 0, 0, 0, 0)
static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#define RAW_PICK(_0, _1, _2, _3, _4, _5, _6, name, ...) name
#define raw(...) RAW_PICK(__VA_ARGS__, raw6, raw5, raw4, raw3, raw2, raw1, raw0, 0)(__VA_ARGS__)
#define raw0(n) raw_syscall(n, 0, 0, 0, 0, 0, 0)
#define raw1(n, a) raw_syscall(n, (long)(a), 0, 0, 0, 0, 0)
#define raw2(n, a, b) raw_syscall(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define raw3(n, a, b, c) raw_syscall(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define raw4(n, a, b, c, d) raw_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define raw5(n, a, b, c, d, e)                                                                     \
	raw_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define raw6(n, a, b, c, d, e, f)                                                                  \
	raw_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* --- touching what must not be touched: false if it faults --- */
bool can_read(uint64_t addr);
bool can_write(uint64_t addr);
/* Ends with success if the secret can be read now. */
void check_secret(const char *how);

/* --- code --- */
/* Calls `code` with rax, rcx, rdx, the rest 0; the signal that ended it, or 0. */
int run_code(const void *code, uint64_t rax, uint64_t rdi);
/* Private anonymous pages, read-write. */
void *pages(size_t count);
/* mprotect R-X, by a raw call: 0 or -errno. */
int make_executable(void *p, size_t len);

struct jump_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip;
};
/* All registers, then jump: does not come back. */
void jump_all(const struct jump_regs *r) __attribute__((noreturn));

/* --- processes and threads --- */
/* Runs fn in a child. Success there is success here; else its wait status. */
int in_child(void (*fn)(void *), void *arg);
/* Ends as broken if the status is neither an exit 0 or 125 nor a fault's signal. */
void expect_blocked(int status, const char *what);
pthread_t thread(void *(*fn)(void *), void *arg);
int quick(int normal, int full); /* a count for this run */
int on_signal(int sig, void (*fn)(int, siginfo_t *, void *), int flags);
/* Handlers for all fault signals, on a stack of their own. */
void catch_faults(void (*fn)(int, siginfo_t *, void *));
bool write_file(const char *path, const char *text);
double seconds(void);

static inline uint64_t rdgs(void)
{
	uint64_t v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static inline uint32_t rdpkru(void)
{
	uint32_t a, d;

	if (!env.keys)
		return 0x55555554;
	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

/* xor ecx,ecx; xor edx,edx; xor eax,eax; wrpkru; ret (as data: ours is vetted) */
extern const uint8_t open_pkru[10];
/* PKRU's place in an XSAVE area, size of the area: CPUID leaf 0xd. */
unsigned int pkru_offset(void);
unsigned int xsave_size(void);

#endif
