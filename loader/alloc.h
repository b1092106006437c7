/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): where the loader's heap is, to be unmapped at the end.
 */
#ifndef ENDORUN_ALLOC_H
#define ENDORUN_ALLOC_H

#include <stdint.h>

void alloc_range(uint64_t *lo, uint64_t *size);

#endif
