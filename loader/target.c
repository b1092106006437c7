/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): finds the program, judges whether it may be executed and
 * follows #! lines, with the kernel's rules (fs/exec.c, fs/binfmt_script.c).
 *
 * Every judgement is about the open descriptor, never about a path again.
 */
#include "loader/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/report.h"
#include "loader/shebang.h"
#include "rtld/elf_file.h"

/* fs/exec.c, exec_binprm: the sixth file must not be a script any more. */
#define SCRIPTS_MAX 5

/* execvp without PATH: what musl and the shells use. */
#define DEFAULT_PATH "/usr/local/bin:/bin:/usr/bin"

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

static void *need_memory(void *p)
{
	if (!p)
		report_fail(EXIT_ENDORUN, "arguments: out of memory; raise the limit");
	return p;
}

/* May this user execute it? Looks at mode, ACL, capabilities and mount flags. */
static bool may_execute(int fd)
{
	return !syscall(SYS_faccessat2, fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH);
}

__attribute__((noreturn)) static void open_failed(const char *path, const char *script)
{
	struct stat st;
	int err = errno;
	bool is_missing = err == ENOENT || err == ENOTDIR;
	int status = is_missing ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
	size_t len = strlen(path);

	if (script && len && path[len - 1] == '\r')
		report_fail(status,
			    "%s: #! interpreter %s not found; the line ends in a carriage "
			    "return: convert the script to Unix line ends",
			    script, path);
	if (script)
		report_fail(status,
			    "%s: #! interpreter %s: %s; correct the first line or install "
			    "it",
			    script, path, strerror(err));
	if (err == EISDIR)
		report_fail(status, "%s: is a directory; name a program", path);
	if (err == EACCES && !stat(path, &st))
		report_fail(status, "%s: %s", path,
			    S_ISREG(st.st_mode)
				    ? "not readable; endorun must read the code that it vets"
				    : "not a regular file; name a program");
	report_fail(status, "%s: %s; check the path", path, strerror(err));
}

/* Ends the process unless the kernel would execute this file. */
static void check_executable(int fd, const char *path)
{
	struct statvfs vfs;
	struct stat st;

	if (fstat(fd, &st))
		report_fail(EXIT_NOT_RUNNABLE, "%s: %s; check the file", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		report_fail(EXIT_NOT_RUNNABLE, "%s: is a directory; name a program", path);
	if (!S_ISREG(st.st_mode))
		report_fail(EXIT_NOT_RUNNABLE, "%s: not a regular file; name a program", path);
	if (!may_execute(fd)) {
		if (!fstatvfs(fd, &vfs) && vfs.f_flag & ST_NOEXEC)
			report_fail(EXIT_NOT_RUNNABLE,
				    "%s: its file system is mounted noexec; "
				    "copy the program elsewhere",
				    path);
		report_fail(EXIT_NOT_RUNNABLE, "%s: no permission to execute it; try chmod +x",
			    path);
	}
	if (!st.st_size)
		report_fail(EXIT_NOT_RUNNABLE, "%s: the file is empty; nothing to run", path);
}

static bool is_same_file(int fd, int self_fd)
{
	struct stat st, self;
	int failed = self_fd >= 0 ? fstat(self_fd, &self) : stat("/proc/self/exe", &self);

	return !failed && !fstat(fd, &st) && st.st_dev == self.st_dev && st.st_ino == self.st_ino;
}

/* `candidate`: room for dir, a slash and name. */
static int open_in_dir(char *candidate, const char *dir, size_t dir_len, const char *name)
{
	memcpy(candidate, dir, dir_len);
	if (dir_len) /* an empty element is the working directory */
		candidate[dir_len++] = '/';
	memcpy(candidate + dir_len, name, strlen(name) + 1);
	return elf_open(candidate);
}

/*
 * Looks `name` up as execvp does: a file that may not be executed is passed
 * over, but remembered for the message. Returns the descriptor; *path is new.
 */
static int search_path(const char *name, char **path)
{
	const char *dirs = getenv("PATH"), *end;
	char *denied = NULL;
	size_t len;
	int fd;

	if (!*name)
		report_fail(EXIT_NOT_FOUND, "the program's name is empty; name a program");
	if (strlen(name) > NAME_MAX)
		report_fail(EXIT_NOT_FOUND, "%s: name too long; check it", name);
	if (!dirs)
		dirs = DEFAULT_PATH;
	for (;; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		len = (size_t)(end - dirs);
		*path = need_memory(malloc(len + strlen(name) + 2));
		fd = open_in_dir(*path, dirs, len, name);
		if (fd >= 0 && may_execute(fd)) {
			free(denied);
			return fd;
		}
		if (!denied && (fd >= 0 || errno == EACCES || errno == EISDIR))
			denied = *path;
		else
			free(*path);
		if (fd >= 0)
			close(fd);
		if (!*end)
			break;
	}
	if (denied)
		report_fail(EXIT_NOT_RUNNABLE,
			    "%s: permission denied; it must be a file that you "
			    "may read and execute, and PATH has no other",
			    denied);
	report_fail(EXIT_NOT_FOUND, "%s: not found in PATH; give its path or correct PATH", name);
}

/* argv becomes: interpreter, optional argument, script, argv[1] ... */
static void splice_argv(struct target *t, const struct shebang *line)
{
	int n = line->arg ? 3 : 2;
	int kept = t->argc ? t->argc - 1 : 0; /* argv[0] goes */

	memmove(t->argv + n, t->argv + 1, ((size_t)kept + 1) * sizeof(*t->argv));
	t->argv[n - 1] = t->exe;
	if (line->arg)
		t->argv[1] = line->arg;
	t->argv[0] = line->interp;
	t->argc = kept + n;
}

/* What to say about a file that is neither ELF nor a script. */
__attribute__((noreturn)) static void not_a_program(const char *path, const char *head, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!head[i])
			report_fail(EXIT_NOT_RUNNABLE,
				    "%s: not an ELF program; endorun runs "
				    "Linux x86-64 programs and #! scripts",
				    path);
	report_fail(EXIT_NOT_RUNNABLE,
		    "%s: a text file without a #! line; add one, or run it "
		    "with its interpreter: endorun sh %s",
		    path, path);
}

/* Follows #! lines from t->fd until it is an ELF file. */
static void follow_scripts(struct target *t)
{
	struct shebang line;
	const char *why;
	ssize_t len;
	char *head;

	for (;; t->script_count++) {
		check_executable(t->fd, t->exe);
		head = t->heads[t->script_count];
		len = pread(t->fd, head, SHEBANG_MAX, 0);
		if (len < 0)
			report_fail(EXIT_NOT_RUNNABLE, "%s: %s; the file must be readable", t->exe,
				    strerror(errno));
		if (!memcmp(head, "\177ELF", 4))
			return;
		if (memcmp(head, "#!", 2))
			not_a_program(t->exe, head, (size_t)len);
		if (t->script_count == SCRIPTS_MAX)
			report_fail(EXIT_NOT_RUNNABLE,
				    "%s: more than %d #! lines in a row; name the real interpreter",
				    t->exe, SCRIPTS_MAX);
		why = shebang_parse(&line, head);
		if (why)
			report_fail(EXIT_NOT_RUNNABLE, "%s: #! line: %s; correct it", t->exe, why);
		splice_argv(t, &line);
		close(t->fd);
		t->fd = elf_open(line.interp);
		if (t->fd < 0)
			open_failed(line.interp, t->exe);
		t->exe = line.interp;
	}
}

/* t->fd and t->path are set: fill the rest. */
static void finish(struct target *t, char **argv, int self_fd)
{
	t->exe = t->path;
	while (argv[t->argc])
		t->argc++;
	/* Each script adds two at most, and a third if there was no argv[0] to go; NULL. */
	t->argv = need_memory(calloc((size_t)t->argc + 2 * SCRIPTS_MAX + 2, sizeof(*argv)));
	memcpy(t->argv, argv, (size_t)t->argc * sizeof(*argv));
	t->heads = need_memory(calloc(SCRIPTS_MAX + 1, sizeof(*t->heads)));
	follow_scripts(t);
	t->is_endorun = is_same_file(t->fd, self_fd);
}

void target_resolve(struct target *t, char **argv, int self_fd)
{
	*t = (struct target){.fd = -1};
	if (strchr(argv[0], '/')) {
		t->path = need_memory(strdup(argv[0]));
		t->fd = elf_open(t->path);
		if (t->fd < 0)
			open_failed(t->path, NULL);
	} else {
		t->fd = search_path(argv[0], &t->path);
	}
	finish(t, argv, self_fd);
}

void target_from_fd(struct target *t, int fd, const char *path, char **argv, int self_fd)
{
	*t = (struct target){.fd = fd};
	t->path = need_memory(strdup(path));
	finish(t, argv, self_fd);
}
