/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the DT_NEEDED closure in the order in which ld.so loads it:
 * preloaded libraries, then what the program needs, then what those need.
 */
#include "rtld/closure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rtld/cpu_level.h"

static const char no_memory[] = "libraries: out of memory; raise the limit";

/* musl's ld.so is also its libc: these names (lib*.so...) mean itself. */
static const char *const musl_own[] = {"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."};

static const char *get_env(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++)
		if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* A small text file as a string, or NULL. */
static char *read_text(const char *path)
{
	char *text = NULL;
	struct stat st;
	int fd = elf_open(path);

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && st.st_size > 0 && st.st_size < DYNAMIC_STRING_MAX)
		text = calloc((size_t)st.st_size + 1, 1);
	if (text && !elf_read(fd, text, (size_t)st.st_size, 0)) {
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

/* The folder of a file, absolute; NULL if out of memory. */
static char *folder_of(const char *path, bool is_resolved)
{
	char *real = is_resolved ? realpath(path, NULL) : NULL, *dir = NULL, *slash;
	char cwd[ELF_PATH_MAX];

	if (real)
		path = real;
	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	if (asprintf(&dir, "%s%s%s", cwd, cwd[0] ? "/" : "", path) < 0)
		dir = NULL;
	free(real);
	slash = dir ? strrchr(dir, '/') : NULL;
	if (slash)
		slash[slash == dir] = '\0'; /* the folder of "/x" is "/" */
	return dir;
}

static bool is_musl_own(const struct closure *c, const char *name)
{
	if (!c->search.is_musl || strncmp(name, "lib", 3))
		return false;
	for (size_t i = 0; i < sizeof(musl_own) / sizeof(*musl_own); i++)
		if (!strncmp(name + 3, musl_own[i], strlen(musl_own[i])))
			return true;
	return false;
}

/* Is a library of this name, path or soname in the list already? */
static bool is_loaded(const struct closure *c, const char *name)
{
	if (is_musl_own(c, name))
		return true;
	for (const struct closure_lib *l = c->libs; l; l = l->next)
		if (!strcmp(name, l->name) || !strcmp(name, l->path) ||
		    (l->dyn.soname && !strcmp(name, l->dyn.soname)))
			return true;
	return false;
}

static const char *add_missing(struct closure *c, const char *name, const char *needed_by)
{
	struct closure_missing *m, **end = &c->missing;

	for (; *end; end = &(*end)->next)
		if (!strcmp((*end)->name, name))
			return NULL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return no_memory;
	*end = m;
	c->missing_count++;
	m->name = strdup(name);
	m->needed_by = strdup(needed_by);
	return m->name && m->needed_by ? NULL : no_memory;
}

/* Reads what l needs; a damaged library gets an error and needs nothing. */
static const char *read_lib(struct closure *c, struct closure_lib *l)
{
	enum elf_role role = l->is_interp ? ELF_ROLE_INTERP : ELF_ROLE_LIBRARY;
	const char *why;

	if (elf_plan_read(&c->plan, l->fd, l->path, role)) {
		l->error = strdup(c->plan.error);
		return l->error ? NULL : no_memory;
	}
	why = dynamic_read(&l->dyn, l->fd, &c->plan);
	if (why) {
		dynamic_free(&l->dyn);
		if (asprintf(&l->error, "%s: %s", l->path, why) < 0) {
			l->error = NULL;
			return no_memory;
		}
	}
	l->search.rpath = l->dyn.rpath;
	l->search.runpath = l->dyn.runpath;
	l->search.no_default = l->dyn.no_default;
	return NULL;
}

/* Appends the open library unless the same file is there. Takes fd over. */
static const char *add_lib(struct closure *c, int fd, const char *path, const char *name,
			   const struct search_object *loader)
{
	struct closure_lib *l, **end = &c->libs;
	struct stat st;

	if (fstat(fd, &st)) {
		close(fd);
		return add_missing(c, name, path);
	}
	for (; *end; end = &(*end)->next) {
		if ((*end)->dev == st.st_dev && (*end)->ino == st.st_ino) {
			close(fd);
			return NULL;
		}
	}
	l = c->lib_count < CLOSURE_LIBS_MAX ? calloc(1, sizeof(*l)) : NULL;
	if (!l) {
		close(fd);
		return c->lib_count < CLOSURE_LIBS_MAX ? no_memory
						       : "libraries: more than 4096; not supported";
	}
	*end = l;
	c->lib_count++;
	l->fd = fd;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	l->path = strdup(path);
	l->name = strdup(name);
	l->search.loader = loader;
	l->search.origin = folder_of(path, false);
	l->is_interp = !loader;
	return l->path && l->name && l->search.origin ? read_lib(c, l) : no_memory;
}

/* One DT_NEEDED or LD_PRELOAD name. */
static const char *need(struct closure *c, const char *name, const struct closure_lib *by,
			const char *by_name)
{
	char path[ELF_PATH_MAX];
	int fd;

	if (!*name || is_loaded(c, name))
		return NULL;
	fd = search_library(&c->search, &by->search, name, path);
	if (fd < 0)
		return add_missing(c, name, by_name);
	return add_lib(c, fd, path, name, &by->search);
}

/* A list of libraries to preload: words, split by blanks or colons. */
static const char *preload(struct closure *c, const char *list, const char *from)
{
	const char *why = NULL;
	char name[ELF_PATH_MAX];
	size_t len;

	for (; list && *list && !why; list += len) {
		len = strspn(list, " \t\n:");
		if (len)
			continue;
		len = strcspn(list, " \t\n:");
		if (len < sizeof(name)) {
			memcpy(name, list, len);
			name[len] = '\0';
			why = need(c, name, &c->program, from);
		}
	}
	return why;
}

static const char *preload_all(struct closure *c, char *const *envp, bool is_secure)
{
	const char *why = NULL;
	char *text, *hash;

	if (!is_secure)
		why = preload(c, get_env(envp, "LD_PRELOAD"), "LD_PRELOAD");
	if (why || c->search.is_musl)
		return why;
	text = read_text("/etc/ld.so.preload");
	hash = text ? strchr(text, '#') : NULL;
	for (; hash; hash = strchr(hash, '#')) /* comments, up to the line's end */
		memset(hash, ' ', strcspn(hash, "\n"));
	why = preload(c, text, "/etc/ld.so.preload");
	free(text);
	return why;
}

/* The dynamic linker, first in the list: it is loaded when the others are needed. */
static const char *add_interp(struct closure *c, const char *interp)
{
	int fd = elf_open(interp);

	return fd < 0 ? add_missing(c, interp, c->program.path)
		      : add_lib(c, fd, interp, interp, NULL);
}

static const char *need_all(struct closure *c, const struct closure_lib *by)
{
	const char *why = NULL;

	for (char **name = by->dyn.needed; name && *name && !why; name++)
		why = need(c, *name, by, by->path);
	return why;
}

static void start_search(struct closure *c, const char *interp, char *const *envp, bool is_secure)
{
	struct search *s = &c->search;

	s->is_musl = strstr(interp, "/ld-musl-");
	s->is_secure = is_secure;
	s->level = cpu_level();
	s->library_path = get_env(envp, "LD_LIBRARY_PATH");
	if (s->is_musl)
		s->musl_path = read_text("/etc/ld-musl-x86_64.path");
	else
		ldcache_read(&s->cache, "/etc/ld.so.cache");
}

const char *closure_resolve(struct closure *c, int fd, const struct elf_plan *plan,
			    const char *path, char *const *envp, bool is_secure)
{
	struct closure_lib *p = &c->program;
	const char *why;

	memset(c, 0, sizeof(*c));
	p->fd = -1;
	if (!plan->has_interp)
		return NULL;
	p->path = strdup(path);
	p->search.origin = folder_of(path, true);
	if (!p->path || !p->search.origin)
		return no_memory;
	why = dynamic_read(&p->dyn, fd, plan);
	if (why)
		return why;
	p->search.rpath = p->dyn.rpath;
	p->search.runpath = p->dyn.runpath;
	p->search.no_default = p->dyn.no_default;

	start_search(c, plan->interp, envp, is_secure);
	why = add_interp(c, plan->interp);
	if (!why)
		why = preload_all(c, envp, is_secure);
	if (!why)
		why = need_all(c, p);
	for (struct closure_lib *l = c->libs; l && !why; l = l->next)
		if (!l->is_interp)
			why = need_all(c, l);
	return why;
}

static void free_lib(struct closure_lib *l)
{
	if (l->fd >= 0)
		close(l->fd);
	dynamic_free(&l->dyn);
	free(l->search.origin);
	free(l->path);
	free(l->name);
	free(l->error);
}

void closure_free(struct closure *c)
{
	while (c->libs) {
		struct closure_lib *l = c->libs;

		c->libs = l->next;
		free_lib(l);
		free(l);
	}
	while (c->missing) {
		struct closure_missing *m = c->missing;

		c->missing = m->next;
		free(m->name);
		free(m->needed_by);
		free(m);
	}
	free_lib(&c->program);
	free(c->search.musl_path);
	ldcache_free(&c->search.cache);
	memset(c, 0, sizeof(*c));
	c->program.fd = -1;
}
