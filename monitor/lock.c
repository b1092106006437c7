/* SPDX-License-Identifier: MIT */
/*
 * Zone B: spin locks, never waited for on a futex, whose waiters the program
 * could requeue (j05). Short, but for the vetting locks, which are held while
 * code is read from a file or copied from the program's memory, and the pool's
 * (fd.c): there a slow file makes the program's own other threads wait.
 */
#include "monitor.h"

#define SPINS_BEFORE_YIELD 100

void lock_take(struct lock *l, const struct priv *p)
{
	uint32_t self = (uint32_t)p->tid;
	int spins = 0;

	for (;;) {
		uint32_t expected = 0;

		if (atomic_compare_exchange_weak_explicit(
			    &l->owner, &expected, self, memory_order_acquire, memory_order_relaxed))
			return;
		if (expected == self)
			die(DIE_INVARIANT, (uint64_t)(uintptr_t)l);
		if (++spins % SPINS_BEFORE_YIELD == 0)
			(void)MON0(__NR_sched_yield);
	}
}

void lock_drop(struct lock *l)
{
	atomic_store_explicit(&l->owner, 0, memory_order_release);
}

void lock_reset(struct lock *l)
{
	atomic_store_explicit(&l->owner, 0, memory_order_relaxed);
}

bool lock_try(struct lock *l, const struct priv *p)
{
	uint32_t expected = 0;

	return atomic_compare_exchange_strong_explicit(&l->owner, &expected, (uint32_t)p->tid,
						       memory_order_acquire, memory_order_relaxed);
}

bool lock_held_by(const struct lock *l, int32_t tid)
{
	return tid && atomic_load_explicit(&l->owner, memory_order_relaxed) == (uint32_t)tid;
}
