/* SPDX-License-Identifier: MIT */
/*
 * f05, f06, f13: every advice of madvise(2) and process_madvise(2) on every
 * protected range, PR_SET_MEMORY_MERGE: nothing may be discarded, merged or
 * added to a core file (the seal asks PKRU before it refuses a discard).
 * Afterwards the monitor must still work.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/uio.h>

/* What must never be accepted: they lose pages, or show them. */
static bool is_bad(int advice)
{
	static const uint8_t bad[] = {4, 8, 9, 10, 12, 17, 18, 24, 100, 101, 102};

	return memchr(bad, advice, sizeof(bad)) != NULL;
}

static void on_page(const struct range *r, uint64_t at)
{
	int pidfd = (int)raw(434 /* pidfd_open */, getpid(), 0);
	struct iovec v = {(void *)at, PAGE};

	for (int advice = 0; advice <= 110; advice++) {
		long ret = raw(SYS_madvise, at, PAGE, advice | 3l << 32);

		if (advice == 9 && (r->prot & PROT_WRITE) == 0)
			continue; /* MADV_REMOVE: no effect there */
		if (ret == 0 && is_bad(advice))
			succeeded("madvise(%#lx, %d) was accepted (rights %d, key %d)",
				  (unsigned long)at, advice, r->prot, r->key);
		if (raw(440 /* process_madvise */, pidfd, &v, 1, advice, 0) >= 0)
			succeeded("process_madvise(%d) was accepted", advice);
	}
	close(pidfd);
}

void attack(void)
{
	for (int i = 0; i < env.nranges; i++) {
		const struct range *r = &env.ranges[i];

		if (r->prot == PROT_NONE)
			continue;
		on_page(r, r->lo);
		on_page(r, r->hi - PAGE);
	}
	on_page(&env.ranges[0], env.secret & ~(PAGE - 1));
	if (raw(SYS_prctl, 67 | 1l << 33, 1, 0, 0, 0) == 0)
		succeeded("PR_SET_MEMORY_MERGE was accepted");
	if (signal(SIGUSR1, SIG_IGN) == SIG_ERR || raise(SIGUSR1))
		broken("the monitor does not work any more");
}
