/* SPDX-License-Identifier: MIT */
/*
 * Vector, x87 and general registers across handlers; what a handler changes in
 * its ucontext takes effect.
 */
/* FLAGS: -lm */
#include <cpuid.h>
#include <fenv.h>
#include <immintrin.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "conf.h"

static volatile sig_atomic_t ticks;
static bool have_avx, have_avx512;

/* Makes a mess of all vector registers, as any handler may. */
__attribute__((target("avx"))) static void mess_avx(void)
{
	__asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\tvpcmpeqd %%xmm1, %%xmm1, %%xmm1\n\t"
			 "vzeroall\n\t"
			 :
			 :
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void mess(void)
{
	if (have_avx)
		mess_avx();
	else
		__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm7, %%xmm7\n\t"
				 "pcmpeqd %%xmm15, %%xmm15" ::
					 : "xmm0", "xmm7", "xmm15");
	__asm__ volatile("fninit" ::: "st");
}

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
	mess();
}

/* Sets xmm0..15, spins, and counts registers that are not what they were. */
static int sse_round(uint64_t seed)
{
	uint64_t in[16][2], out[16][2];
	uint64_t spin = 20000;

	for (int i = 0; i < 16; i++) {
		in[i][0] = seed * 0x9e3779b97f4a7c15u + (uint64_t)i;
		in[i][1] = ~in[i][0];
	}
#define L(n) "movdqu " #n "*16(%[in]), %%xmm" #n "\n\t"
#define S(n) "movdqu %%xmm" #n ", " #n "*16(%[out])\n\t"
#define ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
	__asm__ volatile(ALL(L) "1: dec %[spin]\n\tjnz 1b\n\t" ALL(S)
			 : [spin] "+r"(spin)
			 : [in] "r"(in), [out] "r"(out)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
	return memcmp(in, out, sizeof(in)) != 0;
}

__attribute__((target("avx"))) static int avx_round(uint64_t seed)
{
	uint64_t in[16][4], out[16][4];
	uint64_t spin = 20000;

	for (int i = 0; i < 64; i++)
		in[i / 4][i % 4] = seed * 0x9e3779b97f4a7c15u + (uint64_t)i;
#define LY(n) "vmovdqu " #n "*32(%[in]), %%ymm" #n "\n\t"
#define SY(n) "vmovdqu %%ymm" #n ", " #n "*32(%[out])\n\t"
	__asm__ volatile(ALL(LY) "1: dec %[spin]\n\tjnz 1b\n\t" ALL(SY) "vzeroupper\n\t"
			 : [spin] "+r"(spin)
			 : [in] "r"(in), [out] "r"(out)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
	return memcmp(in, out, sizeof(in)) != 0;
}

__attribute__((target("avx512f,avx512bw"))) static int avx512_round(uint64_t seed)
{
	uint64_t in[8][8], out[8][8], k_in = seed | 1, k_out = 0;
	uint64_t spin = 20000;

	for (int i = 0; i < 64; i++)
		in[i / 8][i % 8] = seed * 0x9e3779b97f4a7c15u + (uint64_t)i;
#define LZ(n, r) "vmovdqu64 " #n "*64(%[in]), %%zmm" #r "\n\t"
#define SZ(n, r) "vmovdqu64 %%zmm" #r ", " #n "*64(%[out])\n\t"
#define ALLZ(X) X(0, 0) X(1, 5) X(2, 9) X(3, 15) X(4, 16) X(5, 21) X(6, 30) X(7, 31)
	__asm__ volatile(ALLZ(LZ) "kmovq %[ki], %%k1\n\t"
				  "1: dec %[spin]\n\tjnz 1b\n\t" ALLZ(
					  SZ) "kmovq %%k1, %[ko]\n\tvzeroupper\n\t"
			 : [spin] "+r"(spin), [ko] "=&r"(k_out)
			 : [in] "r"(in), [out] "r"(out), [ki] "r"(k_in)
			 : "memory", "cc", "k1", "xmm0", "xmm5", "xmm9", "xmm15", "xmm16", "xmm21",
			   "xmm30", "xmm31");
	return memcmp(in, out, sizeof(in)) != 0 || k_in != k_out;
}

static int x87_round(uint64_t seed)
{
	long double x = (long double)seed + 0.25L, y;
	uint64_t spin = 20000;

	__asm__ volatile("fldt %[x]\n1: dec %[spin]\n\tjnz 1b\n\tfstpt %[y]"
			 : [spin] "+r"(spin), [y] "=m"(y)
			 : [x] "m"(x)
			 : "cc");
	return x != y;
}

static int syscall_round(uint64_t seed)
{
	uint64_t in[2] = {seed, ~seed}, out[2];
	register long set_size __asm__("r10") = 8;
	long ret = SYS_rt_sigprocmask;

	/* A mediated call keeps the vector registers. */
	__asm__ volatile(
		"movdqu (%[in]), %%xmm7\n\tmov $14, %%eax\n\tsyscall\n\tmovdqu %%xmm7, (%[out])"
		: "+a"(ret)
		: "D"(SIG_SETMASK), "S"(0L), "d"(0L), "r"(set_size), [in] "r"(in), [out] "r"(out)
		: "rcx", "r11", "memory", "xmm7");
	return ret == 0 ? memcmp(in, out, sizeof(in)) != 0 : 2;
}

static void loop(const char *name, int (*fn)(uint64_t), int rounds)
{
	int wrong = 0;
	bool enough;

	ticks = 0;
	itimer(100, 100);
	for (int i = 0; i < rounds || ticks < 100; i++)
		wrong += fn((uint64_t)i * 77 + 1) != 0;
	itimer(0, 0);
	enough = ticks >= 100;
	printf("%s: %d wrong, %s\n", name, wrong, enough ? "enough signals" : "NO signals");
	fflush(stdout);
}

static void edit_xmm(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	(void)si;
	for (int i = 0; i < 4; i++)
		uc->uc_mcontext.fpregs->_xmm[3].element[i] = 0x01010101u * (unsigned)(i + 1);
	uc->uc_mcontext.fpregs->mxcsr |= 0x8000; /* flush to zero */
	uc->uc_mcontext.gregs[REG_R12] = 0x1212;
	uc->uc_mcontext.gregs[REG_RBX] += 5;
	mess();
}

static void edits(void)
{
	uint32_t out[4] = {0}, mxcsr = 0, old = _mm_getcsr();
	uint64_t r12 = 1, rbx = 100;

	handle_with(SIGUSR1, edit_xmm, 0);
	__asm__ volatile("mov $1, %%r12d\n\tmov $100, %%ebx\n\tpxor %%xmm3, %%xmm3\n\t"
			 "mov $39, %%eax\n\tsyscall\n\tmov %%eax, %%edi\n\tmov $10, %%esi\n\t"
			 "mov $62, %%eax\n\tsyscall\n\t"
			 "movdqu %%xmm3, %[out]\n\tstmxcsr %[mxcsr]\n\tmov %%r12, %[r12]\n\tmov "
			 "%%rbx, %[rbx]"
			 : [out] "=m"(out), [mxcsr] "=m"(mxcsr), [r12] "=m"(r12), [rbx] "=m"(rbx)
			 :
			 : "rax", "rcx", "r11", "rdi", "rsi", "rbx", "r12", "xmm3", "memory");
	printf("xmm3 %08x %08x %08x %08x, flush to zero %d, r12 %lx, rbx %ld\n", out[0], out[1],
	       out[2], out[3], (mxcsr & 0x8000) != 0, r12, rbx);
	_mm_setcsr(old);
}

static void skip_instruction(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)si;
	if (sig == SIGSEGV)
		uc->uc_mcontext.gregs[REG_RIP] += 3; /* mov (%rax),%rax */
	else
		uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
	uc->uc_mcontext.gregs[REG_EFL] |= 1;
}

static void skips(int rounds)
{
	int wrong = 0;

	handle_with(SIGSEGV, skip_instruction, 0);
	handle_with(SIGILL, skip_instruction, 0);
	for (int i = 0; i < rounds; i++) {
		uint64_t got = 16;
		uint8_t carry;

		__asm__ volatile("clc\n\tmov (%%rax), %%rax\n\tsetc %b1" : "+a"(got), "=q"(carry));
		wrong += got != 4711 || !carry;
		got = 0;
		__asm__ volatile("clc\n\tud2\n\tsetc %b1" : "+a"(got), "=q"(carry));
		wrong += got != 4711 || !carry;
	}
	printf("skipped instructions: %d wrong\n", wrong);
}

static void new_mxcsr(int sig)
{
	(void)sig;
	ticks = (int)_mm_getcsr();
	_mm_setcsr(0x9fc0);
	fesetround(FE_UPWARD);
}

static void rounding(void)
{
	handle(SIGUSR1, new_mxcsr, 0);
	fesetround(FE_DOWNWARD);
	raise(SIGUSR1);
	printf("rounding in the handler %x, after it %x\n", (unsigned)ticks & 0x6000,
	       _mm_getcsr() & 0x6000);
	fesetround(FE_TONEAREST);
}

int main(void)
{
	unsigned a, b, c, d;

	have_avx = __builtin_cpu_supports("avx");
	have_avx512 = __get_cpuid_count(7, 0, &a, &b, &c, &d) && __builtin_cpu_supports("avx512bw");
	handle(SIGALRM, on_tick, 0);
	loop("sse", sse_round, size(20000, 100));
	if (have_avx)
		loop("avx", avx_round, size(20000, 100));
	if (have_avx512)
		loop("avx512", avx512_round, size(20000, 100));
	loop("x87", x87_round, size(20000, 100));
	loop("syscall", syscall_round, size(200000, 500));
	edits();
	skips(size(10000, 100));
	rounding();
	return 0;
}
