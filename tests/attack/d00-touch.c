/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes what is protected, page by page: the arena's key-M pages
 * must not be readable, the key-R ones not writable, nor the gate.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: none: the machine's own protection is all there is to defeat */
#include "attack.h"

void attack(void)
{
	int readable = 0;

	if (can_read(env.secret) || can_write(env.secret))
		succeeded("the secret was touched");
	if (env.control)
		return;
	if (can_write(env.readable) || can_write(env.gate))
		succeeded("the control slot or the gate was written");
	for (int i = 0; i < env.nranges; i++) {
		const struct range *r = &env.ranges[i];
		uint64_t step = (r->hi - r->lo) / 64 / PAGE * PAGE;

		for (uint64_t at = r->lo; at < r->hi; at += step ? step : PAGE) {
			if (can_write(at))
				succeeded("%#lx was written", (unsigned long)at);
			readable += can_read(at);
		}
		if (r->key && readable && r->key == env.ranges[0].key && i == 0)
			succeeded("the first range is readable");
	}
}
