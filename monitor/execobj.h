/* SPDX-License-Identifier: MIT */
/*
 * Zone B: immutable objects to map code from.
 */
#ifndef ENDORUN_EXECOBJ_H
#define ENDORUN_EXECOBJ_H

#include "monitor.h"

/*
 * object_make - put len bytes into a sealed memfd on RFD_VET
 * Returns 0, -EACCES if what is in it is not
 * what was given, or another -errno. Pre: the vetting lock is held.
 */
long object_make(const uint8_t *src, uint64_t len, const char *name) MUST_CHECK;

/* object_release - nothing of it stays on RFD_VET; the number stays occupied */
void object_release(void);

#endif
