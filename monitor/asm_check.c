/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the offsets that assembly uses are those of the C structures.
 */
#include "sigframe.h"

#define CHECK(type, field, offset)                                                                 \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)

CHECK(control, selector, C_SELECTOR);
CHECK(control, pkru, C_PKRU);
CHECK(control, neg_pkru, C_NEG_PKRU);
CHECK(control, self, C_SELF);
CHECK(control, neg_self, C_NEG_SELF);
CHECK(control, priv, C_PRIV);
CHECK(control, rip, C_RIP);
CHECK(control, rax, C_RAX);
CHECK(control, rcx, C_RCX);
CHECK(control, rdx, C_RDX);
_Static_assert(sizeof(struct control) == CONTROL_SIZE, "control slot size");

CHECK(priv, regs.r15, P_R15);
CHECK(priv, regs.r14, P_R14);
CHECK(priv, regs.r13, P_R13);
CHECK(priv, regs.r12, P_R12);
CHECK(priv, regs.r11, P_R11);
CHECK(priv, regs.r10, P_R10);
CHECK(priv, regs.r9, P_R9);
CHECK(priv, regs.r8, P_R8);
CHECK(priv, regs.rdi, P_RDI);
CHECK(priv, regs.rsi, P_RSI);
CHECK(priv, regs.rbp, P_RBP);
CHECK(priv, regs.rbx, P_RBX);
CHECK(priv, regs.rdx, P_RDX);
CHECK(priv, regs.rcx, P_RCX);
CHECK(priv, regs.rax, P_RAX);
CHECK(priv, regs.rsp, P_RSP);
CHECK(priv, regs.rip, P_RIP);
CHECK(priv, regs.eflags, P_EFLAGS);
CHECK(priv, regs.orig_rax, P_ORIG_RAX);
CHECK(priv, inside, P_INSIDE);
CHECK(priv, ndefer, P_DEFER);
CHECK(priv, mask_dirty, P_MASK_DIRTY);
CHECK(priv, entry, P_ENTRY);
CHECK(priv, tgid, P_TGID);
CHECK(priv, tid, P_TID);
CHECK(priv, kmask, P_KMASK);
CHECK(priv, stack_top, P_STACK);
CHECK(priv, sig_rsp, P_SIG_RSP);
CHECK(priv, appcall_rsp, P_APPCALL_RSP);
CHECK(priv, dispatch, P_DISPATCH);
CHECK(priv, on_signal, P_ON_SIGNAL);
CHECK(priv, deliver, P_DELIVER);
CHECK(priv, child, P_CHILD);
_Static_assert(sizeof(struct priv) <= PRIV_FRAME, "private state before the frame copy");

CHECK(rt_sigframe, info, FRAME_SIGNO);
_Static_assert(sizeof(struct rt_sigframe) == 440, "rt_sigframe");
_Static_assert(sizeof(struct ksigcontext) == 256, "sigcontext");
_Static_assert(sizeof(struct ksiginfo) == 128, "siginfo");
