/* SPDX-License-Identifier: MIT */
/*
 * pkey_free of the monitor's keys, then pkey_alloc: the kernel would hand one
 * out and open it in PKRU.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

void attack(void)
{
	for (long key = 15; key >= 0; key--) {
		if (raw(SYS_pkey_free, key) == 0 && !env.control)
			succeeded("key %ld was freed", key);
		(void)raw(SYS_pkey_free, key | 1l << 40);
	}
	for (int i = 0; i < 20; i++)
		(void)raw(SYS_pkey_alloc, 0, 0);
	check_secret("pkey_alloc");
	if (rdpkru() != env.pkru)
		succeeded("PKRU was changed to %#x", rdpkru());
}
