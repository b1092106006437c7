/* SPDX-License-Identifier: MIT */
/*
 * Zone B: one mediated call, from the registers at the site to the result.
 */
#include "handlers.h"
#include "sigframe.h"
#include "syscall_table.h"

#define ROW_NATIVE(nr, what)
#define ROW_DENY(nr, what)
#define ROW_DENYIF(nr, what)
#define ROW_MEDIATED(nr, what) [nr] = what,
#define ROW_COND(nr, what) [nr] = what,
static long (*const handlers[SYSCALL_END])(struct priv *) = {
#define SYS(nr, name, class, when, what, args, note) ROW_##class(nr, what)
#include "syscalls.def"
#undef SYS
};

void set_exit_values(struct priv *p)
{
	struct control *c = p->control;

	/*
	 * A step would trap inside the exit stub, before the program's next
	 * instruction, for ever: a program cannot step itself through a call or
	 * out of a handler (docs/compatibility.md).
	 */
	p->regs.eflags &= ~EFLAGS_TF;
	c->rip = p->regs.rip;
	c->rax = p->regs.rax;
	c->rcx = p->regs.rcx;
	c->rdx = p->regs.rdx;
}

long app_call(struct priv *p, const struct app_call *call)
{
	long (*go)(const struct app_call *, struct priv *);

	go = (__typeof__(go))GATE(gate_app_call);
	return go(call, p);
}

long app_call_same(struct priv *p)
{
	struct app_call c = {.nr = (long)p->regs.orig_rax};

	for (int i = 0; i < 6; i++)
		c.a[i] = arg(p, i);
	return app_call(p, &c);
}

/* exit_group comes here only with --stats. */
static long handle(struct priv *p, uint64_t nr)
{
	if (nr == __NR_exit_group) {
		stats_print();
		return app_call_same(p);
	}
	return nr < SYSCALL_END && handlers[nr] ? handlers[nr](p) : -ENOSYS;
}

void mon_dispatch(struct priv *p)
{
	uint64_t nr = p->regs.orig_rax;
	long ret;

	if (p->entry == ENTRY_GATE) {
		/* A fault here is the program's: it parked rdx a moment ago. */
		if (copy_in(&p->regs.rdx, UADDR(p->regs.rsp - 0x88), 8))
			p->regs.rdx = 0;
	}
	p->regs.rax = nr;
	/* As the syscall instruction leaves them. */
	p->regs.rcx = p->regs.rip;
	p->regs.r11 = p->regs.eflags;
	stats_count(p);
	ret = handle(p, nr);
	if (ret == -ERESTARTSYS)
		p->regs.rip -= 2; /* the site's own syscall, rax is its number again */
	else
		p->regs.rax = (uint64_t)ret;
	set_exit_values(p);
}
