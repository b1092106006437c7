/* SPDX-License-Identifier: MIT */
/*
 * Zone B: checks that the protections hold. Each ends the process if not.
 */
#ifndef ENDORUN_VERIFY_H
#define ENDORUN_VERIFY_H

#include "monitor.h"

/* From the signal entry: is this the signal that a check waits for? */
bool verify_signal(struct priv *p, void *frame) MUST_CHECK;
/* Dispatch: a call from the gate page under BLOCK must raise SIGSYS. */
void verify_dispatch(struct priv *p);
/* The filter: a mediated call from the page `probe` must trap. */
void verify_filter(struct priv *p, uint64_t probe);
void verify_keys(struct priv *p);

#endif
