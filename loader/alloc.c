/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the loader's malloc: one mapping, handed out from the
 * front, never given back. The monitor unmaps it as a whole, so that nothing
 * of the loader's heap survives into the program.
 */
#include "alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP_SIZE (UINT64_C(256) << 20)
#define ALIGNMENT 16

static char *heap, *next;

void alloc_range(uint64_t *lo, uint64_t *size)
{
	*lo = (uint64_t)(uintptr_t)heap;
	*size = heap ? HEAP_SIZE : 0;
}

void *malloc(size_t size)
{
	size_t need = (size + 2 * ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	char *p;

	if (!heap) {
		p = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			return NULL;
		heap = next = p;
	}
	if (need < size || need > (size_t)(heap + HEAP_SIZE - next)) {
		errno = ENOMEM;
		return NULL;
	}
	p = next;
	next += need;
	/* The size, for realloc, in the 16 bytes before what the caller gets. */
	memcpy(p, &size, sizeof(size));
	return p + ALIGNMENT;
}

void free(void *p)
{
	(void)p;
}

void *calloc(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(total); /* fresh from the kernel: zero */
}

void *realloc(void *p, size_t size)
{
	size_t old = 0;
	void *q = malloc(size);

	if (p)
		memcpy(&old, (char *)p - ALIGNMENT, sizeof(old));
	if (q && p)
		memcpy(q, p, old < size ? old : size);
	return q;
}
