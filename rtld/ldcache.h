/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): /etc/ld.so.cache, the list that ldconfig(8) makes.
 */
#ifndef ENDORUN_LDCACHE_H
#define ENDORUN_LDCACHE_H

#include <stddef.h>
#include <stdint.h>

#define LDCACHE_SIZE_MAX (16u << 20)

struct ldcache {
	char *data; /* the file and a NUL behind it, or NULL: no usable cache */
	size_t size;
	uint32_t entry_count;
	uint32_t hwcaps_off, hwcaps_count; /* table of glibc-hwcaps names */
};

/*
 * ldcache_read - read the cache; a missing or damaged file gives an empty one
 * Only the format "glibc-ld.so.cache1.1" (glibc >= 2.2; alone since 2.32).
 */
void ldcache_read(struct ldcache *cache, const char *path);

/*
 * ldcache_find - the path for a library name on x86-64, or NULL
 * level: from cpu_level; the best glibc-hwcaps variant up to it wins. The
 * string lives until ldcache_free.
 */
const char *ldcache_find(const struct ldcache *cache, const char *name, int level);

/* ldcache_free - free what ldcache_read made; the cache is empty then */
void ldcache_free(struct ldcache *cache);

#endif
