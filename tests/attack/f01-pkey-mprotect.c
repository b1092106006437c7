/* SPDX-License-Identifier: MIT */
/*
 * Takes the key away from protected memory: pkey_mprotect with key 0, by plain
 * mprotect(PROT_EXEC) and back (f02), and gets a key by pkey_free and
 * pkey_alloc (f03).
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static void on_page(uint64_t page)
{
	for (long key = -1; key <= 16; key++)
		for (long prot = 0; prot < 4; prot++)
			(void)raw(SYS_pkey_mprotect, page, PAGE, prot, key);
	(void)raw(SYS_pkey_mprotect, page, PAGE, PROT_READ | PROT_WRITE, 0);
	check_secret("pkey_mprotect");
	(void)raw(SYS_mprotect, page, PAGE, PROT_EXEC);
	(void)raw(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE);
	check_secret("mprotect to execute-only and back");
}

void attack(void)
{
	for (long key = 15; key >= 0; key--)
		(void)raw(SYS_pkey_free, key);
	for (int i = 0; i < 20; i++)
		(void)raw(SYS_pkey_alloc, 0, 0);
	check_secret("pkey_free and pkey_alloc");
	if (!env.control && rdpkru() != env.pkru)
		succeeded("PKRU was changed to %#x", rdpkru());
	on_page(env.secret & ~(PAGE - 1));
	for (int i = 0; i < env.nranges; i++)
		on_page(env.ranges[i].lo);
	check_secret("all ranges");
}
