/* SPDX-License-Identifier: MIT */
/*
 * Zone B: are the protections there? Whoever started endorun may have
 * installed a filter that answers 0 for calls that never happened (g10), so
 * effects are checked, not return values.
 */
#include "verify.h"

#include "sigframe.h"

/* What a signal inside the monitor may be, while one of the checks waits for it. */
enum expect { EXPECT_NOTHING, EXPECT_DISPATCH, EXPECT_TRAP };

bool verify_signal(struct priv *p, void *frame)
{
	struct rt_sigframe *f = frame;

	if (p->expect == EXPECT_NOTHING || f->info.signo != SIG_SYS)
		return false;
	if (p->expect == EXPECT_DISPATCH && f->info.code == SYS_USER_DISPATCH)
		p->control->selector = SEL_ALLOW;
	else if (p->expect != EXPECT_TRAP || f->info.code != SYS_SECCOMP ||
		 f->info.err != TRAP_DATA)
		return false;
	p->expect = EXPECT_NOTHING;
	f->mc.rax = 0;
	return true;
}

void verify_dispatch(struct priv *p)
{
	p->expect = EXPECT_DISPATCH;
	p->control->selector = SEL_BLOCK;
	(void)MON0(__NR_getppid);
	p->control->selector = SEL_ALLOW;
	if (p->expect != EXPECT_NOTHING)
		die(DIE_SETUP, __NR_prctl);
}

void verify_filter(struct priv *p, uint64_t probe)
{
	uint64_t nr = __NR_pkey_free;

	p->expect = EXPECT_TRAP;
	__asm__ volatile("call *%[probe]"
			 : "+a"(nr)
			 : [probe] "r"(probe), "D"(-1L)
			 : "rcx", "r11", "memory");
	if (p->expect != EXPECT_NOTHING)
		die(DIE_SETUP, __NR_seccomp);
}

/* With the program's PKRU the kernel must not write to the arena. */
void verify_keys(struct priv *p)
{
	uint64_t targets[] = {(uint64_t)p->defer, (uint64_t)&p->control->rip, (uint64_t)p->copy,
			      (uint64_t)&boot};

	if (!(boot.flags & BOOT_KEYS))
		return;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct app_call c = {.nr = __NR_clock_gettime, .a = {1, targets[i]}};

		if (app_call(p, &c) != -EFAULT)
			die(DIE_SETUP, __NR_pkey_mprotect);
	}
}
