/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): which x86-64 micro-architecture level this machine has.
 */
#ifndef ENDORUN_CPU_LEVEL_H
#define ENDORUN_CPU_LEVEL_H

/* cpu_level - 1 to 4, as ld.so judges it when it picks a glibc-hwcaps folder */
int cpu_level(void);

#endif
