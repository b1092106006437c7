/* SPDX-License-Identifier: MIT */
/*
 * Zone B, pure: sorted, disjoint, non-touching ranges.
 */
#include "execmap.h"

/* Index of the first range with hi >= at. */
static size_t first_reaching(const struct execmap *m, uint64_t at)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->r[mid].hi < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void splice(struct execmap *m, size_t at, size_t drop, size_t add)
{
	__builtin_memmove(&m->r[at + add], &m->r[at + drop], (m->n - at - drop) * sizeof(m->r[0]));
	m->n = m->n - drop + add;
}

int execmap_add(struct execmap *m, uint64_t lo, uint64_t hi)
{
	size_t i = first_reaching(m, lo), j = i;

	for (; j < m->n && m->r[j].lo <= hi; j++) {
		if (m->r[j].lo < lo)
			lo = m->r[j].lo;
		if (m->r[j].hi > hi)
			hi = m->r[j].hi;
	}
	if (j == i && m->n == EXECMAP_MAX)
		return -1;
	splice(m, i, j - i, 1);
	m->r[i] = (struct execmap_range){lo, hi};
	return 0;
}

bool execmap_overlaps(const struct execmap *m, uint64_t lo, uint64_t hi)
{
	size_t i = first_reaching(m, lo + 1);

	return i < m->n && m->r[i].lo < hi;
}
