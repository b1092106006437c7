/* SPDX-License-Identifier: MIT */
/*
 * Zone B: writable and executable memory as one or the other.
 */
#ifndef ENDORUN_WX_H
#define ENDORUN_WX_H

#include "sigframe.h"

/* The program asked for [addr, addr+len) with both rights. 0 or -ENOMEM. */
long wx_add(struct priv *p, uint64_t addr, uint64_t len) MUST_CHECK;
/* Was this fault the change from one to the other? Then it is made. */
bool wx_fault(struct priv *p, const struct rt_sigframe *f, const struct ksiginfo *si) MUST_CHECK;

#endif
