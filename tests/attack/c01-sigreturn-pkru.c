/* SPDX-License-Identifier: MIT */
/*
 * A handler changes its frame so that rt_sigreturn restores an open PKRU: the
 * component itself, the bits that say it is there, the magic number in front
 * of it, its size, no state at all; and a misaligned state.
 */
/* Isolation: keys */
/* Blocked: 0 | 125 | SIGSEGV */
/* Control: 42 */
#include "attack.h"

static volatile int form;

static void edit(int sig, siginfo_t *si, void *arg)
{
	ucontext_t *uc = arg;
	uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
	uint64_t v;

	(void)sig;
	(void)si;
	switch (form) {
	case 0:
		memset(fp + pkru_offset(), 0, 8);
		break;
	case 1: /* XSTATE_BV */
		memcpy(&v, fp + 512, 8);
		v &= ~0x200ull;
		memcpy(fp + 512, &v, 8);
		break;
	case 2: /* sw_reserved.magic1 */
		memset(fp + 464, 0, 4);
		break;
	case 3: /* sw_reserved.xfeatures */
		memcpy(&v, fp + 472, 8);
		v &= ~0x200ull;
		memcpy(fp + 472, &v, 8);
		break;
	case 4:
		uc->uc_mcontext.fpregs = NULL;
		break;
	case 5: /* sw_reserved.xstate_size */
		memset(fp + 480, 0, 4);
		memset(fp + pkru_offset(), 0, 8);
		break;
	case 6: /* XCOMP_BV: the compacted format */
		v = 1ull << 63 | 0x207;
		memcpy(fp + 520, &v, 8);
		memset(fp + pkru_offset(), 0, 8);
		break;
	case 7: /* the second magic number */
		memcpy(&v, fp + 480, 4);
		memset(fp + (v & 0xffff), 0, 4);
		memset(fp + pkru_offset(), 0, 8);
		break;
	default: /* segments, flags and an arena stack for signals */
		uc->uc_mcontext.gregs[REG_CSGSFS] = 0x33;
		uc->uc_stack.ss_sp = (void *)(env.secret & ~(PAGE - 1));
		uc->uc_stack.ss_size = 65536;
		uc->uc_stack.ss_flags = 0;
		memset(fp + pkru_offset(), 0, 8);
	}
}

static void one(void *arg)
{
	(void)arg;
	on_signal(SIGUSR1, edit, 0);
	raise(SIGUSR1);
	if (rdpkru() != env.pkru)
		succeeded("form %d: PKRU is %#x", form, rdpkru());
	check_secret("sigreturn");
	raise(SIGUSR1);
	check_secret("sigreturn, again");
}

void attack(void)
{
	for (form = 0; form <= 8; form++)
		expect_blocked(in_child(one, NULL), "sigreturn");
}
