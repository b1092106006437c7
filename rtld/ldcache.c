/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): reads ld.so.cache (glibc: elf/cache.c, dl-cache.h).
 *
 * The file is usually root's, but a mount namespace can put any file there:
 * each offset is checked against the size, and a NUL behind the last byte ends
 * each string.
 */
#include "rtld/ldcache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rtld/elf_file.h"

static const char magic[] = "glibc-ld.so.cache1.1";

struct header {
	char magic[20]; /* without NUL */
	uint32_t entry_count, string_bytes;
	uint8_t flags, padding[3];
	uint32_t extension_off;
	uint32_t unused[3];
};

struct entry {
	uint32_t flags, key, value; /* key, value: offsets of strings in the file */
	uint32_t os_version;
	uint64_t hwcap;
};

struct extension {
	uint32_t magic, count;
};

struct section {
	uint32_t tag, flags, off, size;
};

#define EXTENSION_MAGIC 0xeaa42174u
#define SECTION_HWCAPS 1

/* FLAG_ELF_LIBC6 | FLAG_X8664_LIB64 */
#define FLAGS_X86_64 0x303u

/* entry.hwcap: the lower half is an index into the names of SECTION_HWCAPS. */
#define HWCAP_IS_NAME (UINT64_C(1) << 62)
#define HWCAP_ISA_MASK (UINT64_C(0x3ff) << 32)

_Static_assert(sizeof(struct header) == 48, "ld.so.cache header");
_Static_assert(sizeof(struct entry) == 24, "ld.so.cache entry");

/* Copies len bytes at off; false if the file does not have them. */
static bool get(const struct ldcache *cache, void *dst, uint64_t off, size_t len)
{
	if (off > cache->size || len > cache->size - off)
		return false;
	memcpy(dst, cache->data + off, len);
	return true;
}

/* Returns "" for an offset outside the file, which no lookup matches. */
static const char *string_at(const struct ldcache *cache, uint32_t off)
{
	return off < cache->size ? cache->data + off : "";
}

static void find_hwcaps(struct ldcache *cache, uint32_t off)
{
	struct extension ext;
	struct section s;

	if (!off || !get(cache, &ext, off, sizeof(ext)) || ext.magic != EXTENSION_MAGIC)
		return;
	for (uint64_t i = 0; i < ext.count; i++) {
		if (!get(cache, &s, off + sizeof(ext) + i * sizeof(s), sizeof(s)))
			return;
		if (s.tag == SECTION_HWCAPS) {
			cache->hwcaps_off = s.off;
			cache->hwcaps_count = s.size / (uint32_t)sizeof(uint32_t);
			return;
		}
	}
}

static bool read_file(struct ldcache *cache, const char *path)
{
	struct stat st;
	int fd = elf_open(path);
	bool is_read = false;

	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && st.st_size > 0 && st.st_size <= LDCACHE_SIZE_MAX) {
		cache->size = (size_t)st.st_size;
		cache->data = malloc(cache->size + 1);
		is_read = cache->data && elf_read(fd, cache->data, cache->size, 0);
		if (is_read)
			cache->data[cache->size] = '\0';
	}
	close(fd);
	return is_read;
}

void ldcache_read(struct ldcache *cache, const char *path)
{
	struct header h;

	*cache = (struct ldcache){0};
	if (read_file(cache, path) && get(cache, &h, 0, sizeof(h)) &&
	    !memcmp(h.magic, magic, sizeof(h.magic)) &&
	    h.entry_count <= (cache->size - sizeof(h)) / sizeof(struct entry)) {
		cache->entry_count = h.entry_count;
		find_hwcaps(cache, h.extension_off);
	} else {
		ldcache_free(cache);
	}
}

/* How good an entry is: 1 for plain, 2 to 4 for x86-64-vN, 0 for unusable. */
static int rank(const struct ldcache *cache, const struct entry *e, int level)
{
	uint32_t index = (uint32_t)e->hwcap, off;
	const char *name;
	int n;

	if (e->flags != FLAGS_X86_64)
		return 0;
	if (!e->hwcap)
		return 1;
	if ((e->hwcap & ~(HWCAP_ISA_MASK | UINT32_MAX)) != HWCAP_IS_NAME ||
	    index >= cache->hwcaps_count ||
	    !get(cache, &off, (uint64_t)cache->hwcaps_off + index * sizeof(off), sizeof(off)))
		return 0;
	name = string_at(cache, off);
	if (strncmp(name, "x86-64-v", 8) || name[8] < '2' || name[8] > '4' || name[9])
		return 0;
	n = name[8] - '0';
	return n <= level ? n : 0;
}

const char *ldcache_find(const struct ldcache *cache, const char *name, int level)
{
	const char *best = NULL;
	int best_rank = 0;
	struct entry e;

	for (uint32_t i = 0; i < cache->entry_count; i++) {
		uint64_t off = sizeof(struct header) + (uint64_t)i * sizeof(e);
		int r;

		if (!get(cache, &e, off, sizeof(e)) || strcmp(string_at(cache, e.key), name))
			continue;
		r = rank(cache, &e, level);
		if (r > best_rank && string_at(cache, e.value)[0] == '/') {
			best = string_at(cache, e.value);
			best_rank = r;
		}
	}
	return best;
}

void ldcache_free(struct ldcache *cache)
{
	free(cache->data);
	*cache = (struct ldcache){0};
}
