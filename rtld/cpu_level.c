/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): x86-64-v2, v3, v4 as the psABI defines them.
 */
#include "rtld/cpu_level.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

/* What each level needs of leaf 1 ecx, 7 ebx, 0x80000001 ecx. */
#define V2_1C (bit_SSE3 | bit_SSSE3 | bit_CMPXCHG16B | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT)
#define V3_1C (bit_FMA | bit_MOVBE | bit_OSXSAVE | bit_AVX | bit_F16C)
#define V3_7B (bit_BMI | bit_AVX2 | bit_BMI2)
#define V4_7B (bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL)
#define LAHF_8C (1u << 0)
#define LZCNT_8C (1u << 5)

/* XCR0: state that the kernel saves (SDM vol. 1, 13.3). */
#define XCR0_AVX 0x06u
#define XCR0_AVX512 0xe6u

static bool has_all(uint32_t word, uint32_t bits)
{
	return (word & bits) == bits;
}

static uint32_t xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo;
}

int cpu_level(void)
{
	uint32_t a, b1, b7 = 0, c1, c7, c8 = 0, d;

	if (!__get_cpuid(1, &a, &b1, &c1, &d) || !__get_cpuid(0x80000001, &a, &b1, &c8, &d))
		return 1;
	if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d))
		b7 = 0;
	if (!has_all(c1, V2_1C) || !has_all(c8, LAHF_8C))
		return 1;
	if (!has_all(c1, V3_1C) || !has_all(b7, V3_7B) || !has_all(c8, LZCNT_8C) ||
	    !has_all(xcr0(), XCR0_AVX))
		return 2;
	return has_all(b7, V4_7B) && has_all(xcr0(), XCR0_AVX512) ? 4 : 3;
}
