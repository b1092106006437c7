/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): library look-up with the rules of glibc (elf/dl-load.c,
 * _dl_map_object) and of musl (ldso/dynlink.c, load_library).
 *
 * Only to know early: what the program's own ld.so maps is vetted in any case.
 */
#include "rtld/search.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rtld/elf_file.h"

/* The folders of Debian's, then of other distributions' ld.so. */
static const char glibc_dirs[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:"
				 "/usr/lib64:/lib:/usr/lib";

/* Without /etc/ld-musl-x86_64.path. */
static const char musl_dirs[] = "/lib:/usr/local/lib:/usr/lib";

static const char *lib_name(void)
{
	struct stat st;

	return stat("/lib/x86_64-linux-gnu", &st) ? "lib64" : "lib/x86_64-linux-gnu";
}

static bool is_identifier(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Length of the token at text ($NAME or ${NAME}) if it is `name`, else 0. */
static size_t token_len(const char *text, size_t len, const char *name)
{
	size_t n = strlen(name);

	if (len > n && !strncmp(text + 1, name, n))
		return len > n + 1 && is_identifier(text[n + 1]) ? 0 : n + 1;
	if (len > n + 2 && text[1] == '{' && !strncmp(text + 2, name, n) && text[n + 2] == '}')
		return n + 3;
	return 0;
}

/* Recognizes the token at text; *value: what it stands for. Returns its length. */
static size_t token(const struct search *s, const struct search_object *object, const char *text,
		    size_t len, const char **value)
{
	size_t n = token_len(text, len, "ORIGIN");

	if (n) {
		*value = object->origin;
		return n;
	}
	if (s->is_musl)
		return 0;
	n = token_len(text, len, "PLATFORM");
	if (n) {
		*value = s->level >= 3 ? "haswell" : "x86_64";
		return n;
	}
	n = token_len(text, len, "LIB");
	*value = n ? lib_name() : NULL;
	return n;
}

bool search_expand(const struct search *s, const struct search_object *object, const char *text,
		   size_t len, char path[ELF_PATH_MAX])
{
	size_t at = 0, n;

	for (size_t i = 0; i < len; i += n) {
		const char *value = text + i;
		size_t value_len = 1;

		n = *value == '$' ? token(s, object, text + i, len - i, &value) : 0;
		if (n) {
			if (value == object->origin && s->is_secure)
				return false;
			value_len = strlen(value);
		} else {
			value = text + i;
			n = 1;
		}
		if (at + value_len >= ELF_PATH_MAX)
			return false;
		memcpy(path + at, value, value_len);
		at += value_len;
	}
	path[at] = '\0';
	return true;
}

/* An ELF file for another class or machine: ld.so goes on looking. */
static bool is_foreign(int fd)
{
	Elf64_Ehdr e;

	return elf_read(fd, &e, 20, 0) && !memcmp(e.e_ident, ELFMAG, SELFMAG) &&
	       (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64);
}

static int open_library(const char *path)
{
	int fd = elf_open(path);

	if (fd >= 0 && is_foreign(fd)) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

/* path holds a folder of dir_len bytes: append sub and name, and open that. */
static int open_below(char path[ELF_PATH_MAX], size_t dir_len, const char *sub, const char *name)
{
	size_t sub_len = strlen(sub), name_len = strlen(name);

	if (dir_len + sub_len + name_len >= ELF_PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path + dir_len, sub, sub_len);
	memcpy(path + dir_len + sub_len, name, name_len + 1);
	return open_library(path);
}

/* One folder, with its glibc-hwcaps variants, best first. */
static int search_dir(const struct search *s, const struct search_object *object, const char *dir,
		      size_t len, const char *name, char path[ELF_PATH_MAX])
{
	char sub[] = "glibc-hwcaps/x86-64-vN/";
	struct stat st;
	int fd = -1;

	if (!search_expand(s, object, dir, len, path) || strlen(path) + sizeof(sub) >= ELF_PATH_MAX)
		return -1;
	len = strlen(path);
	if (len && path[len - 1] != '/')
		path[len++] = '/'; /* an empty element is the working directory */
	memcpy(path + len, "glibc-hwcaps", sizeof("glibc-hwcaps"));
	if (!s->is_musl && !stat(path, &st)) {
		for (int level = s->level; level > 1 && fd < 0; level--) {
			sub[sizeof(sub) - 3] = (char)('0' + level);
			fd = open_below(path, len, sub, name);
		}
	}
	return fd >= 0 ? fd : open_below(path, len, "", name);
}

/* A list of folders with any of the separators between them. */
static int search_list(const struct search *s, const struct search_object *object, const char *dirs,
		       const char *separators, const char *name, char path[ELF_PATH_MAX])
{
	size_t len;
	int fd;

	errno = ENOENT;
	if (!dirs || !*dirs)
		return -1;
	for (;; dirs += len + 1) {
		len = strcspn(dirs, separators);
		fd = search_dir(s, object, dirs, len, name, path);
		if (fd >= 0 || !dirs[len])
			return fd;
	}
}

static const struct search_object *program_of(const struct search_object *object)
{
	while (object->loader)
		object = object->loader;
	return object;
}

static int search_cache(const struct search *s, const struct search_object *object,
			const char *name, char path[ELF_PATH_MAX])
{
	const char *found = object->no_default ? NULL : ldcache_find(&s->cache, name, s->level);

	if (!found || strlen(found) >= ELF_PATH_MAX) {
		errno = ENOENT;
		return -1;
	}
	memcpy(path, found, strlen(found) + 1);
	return open_library(path);
}

/*
 * The folders of the object itself and of what needed it, up to the program.
 * glibc: only of those without DT_RUNPATH. musl: makes no difference between both.
 */
static int search_inherited(const struct search *s, const struct search_object *object,
			    const char *name, char path[ELF_PATH_MAX])
{
	for (;; object = object->loader) {
		const char *dirs = object->rpath;
		int fd;

		if (object->runpath)
			dirs = s->is_musl ? object->runpath : NULL;
		fd = search_list(s, object, dirs, s->is_musl ? ":\n" : ":", name, path);
		if (fd >= 0 || !object->loader)
			return fd;
	}
}

static int search_glibc(const struct search *s, const struct search_object *needed_by,
			const char *name, char path[ELF_PATH_MAX])
{
	int fd = -1;

	/* DT_RUNPATH switches all DT_RPATH off, its own and the ancestors'. */
	if (!needed_by->runpath)
		fd = search_inherited(s, needed_by, name, path);
	if (fd < 0 && !s->is_secure)
		fd = search_list(s, program_of(needed_by), s->library_path, ":;", name, path);
	if (fd < 0)
		fd = search_list(s, needed_by, needed_by->runpath, ":", name, path);
	if (fd < 0)
		fd = search_cache(s, needed_by, name, path);
	if (fd < 0 && !needed_by->no_default)
		fd = search_list(s, needed_by, glibc_dirs, ":", name, path);
	return fd;
}

static int search_musl(const struct search *s, const struct search_object *needed_by,
		       const char *name, char path[ELF_PATH_MAX])
{
	const char *last = s->musl_path ? s->musl_path : musl_dirs;
	int fd = -1;

	if (!s->is_secure)
		fd = search_list(s, needed_by, s->library_path, ":\n", name, path);
	if (fd < 0)
		fd = search_inherited(s, needed_by, name, path);
	if (fd < 0)
		fd = search_list(s, needed_by, last, ":\n", name, path);
	return fd;
}

int search_library(const struct search *s, const struct search_object *needed_by, const char *name,
		   char path[ELF_PATH_MAX])
{
	char expanded[ELF_PATH_MAX];

	if (!search_expand(s, needed_by, name, strlen(name), expanded)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (strchr(expanded, '/')) {
		memcpy(path, expanded, sizeof(expanded));
		return open_library(path);
	}
	return s->is_musl ? search_musl(s, needed_by, expanded, path)
			  : search_glibc(s, needed_by, expanded, path);
}
