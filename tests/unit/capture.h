/* SPDX-License-Identifier: MIT */
/*
 * Tests: runs code that ends its process, and catches what it wrote.
 */
#ifndef ENDORUN_TEST_CAPTURE_H
#define ENDORUN_TEST_CAPTURE_H

#include <stddef.h>

/*
 * capture - run fn(arg) in a child with standard output and error in one pipe
 * Returns the child's exit status (0 if fn returned), or 1000 + the signal.
 */
int capture(void (*fn)(void *arg), void *arg, char *out, size_t size);

#endif
