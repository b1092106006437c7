/* SPDX-License-Identifier: MIT */
/*
 * Zone B: thread slots: handing them out, arming a thread, taking slots back.
 *
 * exit(2) is native, so a thread's end is not seen: a slot is taken back when
 * the kernel no longer knows its thread (tgkill with signal 0: ESRCH), which
 * is after the kernel's last write for it (h08).
 */
#include <linux/prctl.h>

#include "sigframe.h"

#define MADV_POPULATE_WRITE 23
/* Slots looked at for a dead owner on each allocation: keeps memory flat. */
#define RECLAIM_STEPS 4

struct lock slots_lock;
static uint32_t slots_high; /* slots below were used once */
static uint32_t slots_hand; /* where the search for dead ones goes on */
static _Atomic uint32_t slots_used;

struct priv *slot_at(uint32_t index)
{
	return (struct priv *)(boot.priv + (uint64_t)index * PRIV_SIZE);
}

void slot_init(struct priv *p, uint32_t index)
{
	struct control *c = (struct control *)(boot.control + (uint64_t)index * CONTROL_SIZE);

	memset(p, 0, sizeof(*p));
	p->index = index;
	p->control = c;
	p->copy = (uint8_t *)(boot.copy + (uint64_t)index * COPY_SIZE);
	p->stack_top = (uint64_t)p + PRIV_STACK_TOP;
	p->sig_rsp = (uint64_t)p + PRIV_SIGSTACK + PRIV_SIGSTACK_SIZE - boot.frame_size;
	p->dispatch = mon_dispatch;
	p->on_signal = on_signal;
	p->deliver = deliver;
	p->child = child_start;
	p->alt.flags = 2 /* SS_DISABLE */;
	/* A stale frame of the slot's last owner must not look fresh. */
	if (index < slots_high)
		memset((void *)p->sig_rsp, 0, boot.frame_size);
	memset(c, 0, sizeof(*c));
	c->selector = SEL_BLOCK;
	c->pkru = boot.app_pkru;
	c->neg_pkru = (uint32_t)-boot.app_pkru;
	c->self = c;
	c->neg_self = (uint64_t) - (uint64_t)c;
	c->priv = p;
}

int slot_populate(struct priv *p)
{
	uint64_t lo = ((uint64_t)p + PRIV_SIGSTACK + PRIV_SIGSTACK_SIZE - boot.frame_size - 2048) &
		      ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t hi = (uint64_t)p + PRIV_SIGSTACK + PRIV_SIGSTACK_SIZE;

	return (int)MON3(__NR_madvise, lo, hi - lo, MADV_POPULATE_WRITE);
}

int slot_arm(struct priv *p)
{
	struct kstack ss = {
		.sp = (uint64_t)p + PRIV_SIGSTACK,
		.size = PRIV_SIGSTACK_SIZE,
	};
	long ret = slot_populate(p);

	if (!ret)
		ret = MON2(__NR_sigaltstack, &ss, 0);
	if (!ret)
		ret = MON5(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0,
			   GATE_PAGE, &p->control->selector);
	return (int)ret;
}

/* Pre: slots_lock held. */
static bool is_dead(struct priv *p)
{
	return !p->starting && MON3(__NR_tgkill, p->tgid, p->tid, 0) == -ESRCH;
}

static void mark_free(struct priv *p)
{
	p->used = 0;
	atomic_fetch_sub(&slots_used, 1);
}

/* Pre: slots_lock held. A free slot found while looking at a few, or NULL. */
static struct priv *reclaim(uint32_t steps)
{
	while (steps-- && slots_high) {
		struct priv *p;

		slots_hand = slots_hand + 1 < slots_high ? slots_hand + 1 : 0;
		p = slot_at(slots_hand);
		if (p->used && is_dead(p))
			mark_free(p);
		if (!p->used)
			return p;
	}
	return NULL;
}

struct priv *slot_alloc(struct priv *self)
{
	struct priv *p = NULL;
	uint32_t index;

	lock_take(&slots_lock, self);
	/* A vfork child may see its sleeping parent as dead: another namespace. */
	if (!self->is_vfork)
		p = reclaim(RECLAIM_STEPS);
	if (!p && !self->is_vfork && slots_high == boot.nslots)
		p = reclaim(slots_high);
	if (p || slots_high < boot.nslots) {
		index = p ? p->index : slots_high;
		p = slot_at(index);
		slot_init(p, index);
		if (index == slots_high)
			slots_high++;
		p->used = 1;
		p->starting = 1;
		atomic_fetch_add(&slots_used, 1);
	}
	lock_drop(&slots_lock);
	return p;
}

void slot_free(struct priv *p)
{
	p->starting = 0;
	mark_free(p);
}

bool single_threaded(struct priv *self)
{
	bool alone = atomic_load(&slots_used) == 1;

	if (alone || self->is_vfork)
		return alone;
	lock_take(&slots_lock, self);
	for (uint32_t i = 0; i < slots_high; i++) {
		struct priv *p = slot_at(i);

		if (p == self || !p->used)
			continue;
		if (!is_dead(p))
			break;
		mark_free(p);
	}
	alone = atomic_load(&slots_used) == 1;
	lock_drop(&slots_lock);
	return alone;
}

void slots_after_fork(struct priv *self)
{
	for (uint32_t i = 0; i < slots_high; i++)
		if (slot_at(i) != self)
			slot_at(i)->used = 0;
	atomic_store(&slots_used, 1);
}
