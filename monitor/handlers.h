/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the handler of each mediated call, declared from the table.
 *
 * A handler reads its arguments with arg() and returns what the program's rax
 * is to be; -ERESTARTSYS runs the call again after a signal.
 */
#ifndef ENDORUN_HANDLERS_H
#define ENDORUN_HANDLERS_H

#include "monitor.h"

#define ROW_NATIVE(what)
#define ROW_DENY(what)
#define ROW_DENYIF(what)
#define ROW_MEDIATED(what) long what(struct priv *p);
#define ROW_COND(what) long what(struct priv *p);
#define SYS(nr, name, class, when, what, args, note) ROW_##class(what)
#include "syscalls.def"
#undef SYS
#undef ROW_NATIVE
#undef ROW_DENY
#undef ROW_DENYIF
#undef ROW_MEDIATED
#undef ROW_COND

#endif
