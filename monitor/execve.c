/* SPDX-License-Identifier: MIT */
/*
 * Zone B: execve becomes an exec of endorun, which starts the program again
 * under a monitor.
 *
 * endorun is named by a reserved descriptor, never by a path (h10). What can
 * go wrong with the program is found out here, while the caller still exists
 * and can be told; argv and envp go to the kernel as they are, read with the
 * program's PKRU.
 */
#include <linux/memfd.h>
#include <linux/stat.h>

#include "fd.h"
#include "handlers.h"
#include "handover.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define X_OK 1
#define PATH_MAX 4096
#define HEAD_SIZE 256 /* BINPRM_BUF_SIZE */
#define ELF_X86_64 62
#define SCRIPT_LEVELS 5

struct lock exec_lock; /* only tried, never waited for */

/* O_PATH first: the object is judged before anybody can read from it. */
static long open_target(struct priv *p, int dirfd, uint64_t flags)
{
	struct app_call c = {.nr = __NR_openat, .a = {(uint64_t)(int64_t)dirfd, (uint64_t)p->copy}};
	char name[FD_NUMBER_SIZE];
	uint8_t st[144];
	uint32_t mode;
	long path, folder, fd;

	c.a[2] = O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
	if ((flags & AT_EMPTY_PATH) && !p->copy[0])
		path = MON3(__NR_fcntl, dirfd, F_DUPFD_CLOEXEC, 3);
	else
		path = app_call(p, &c);
	path = fd_hold(p, path);
	if (path < 0)
		return path;
	fd = MON2(__NR_fstat, path, st);
	memcpy(&mode, st + 24, sizeof(mode));
	if (!fd && S_ISLNK(mode))
		fd = -ELOOP;
	else if (!fd && !S_ISREG(mode))
		fd = -EACCES;
	if (!fd)
		fd = judge_fd(p, (int)path);
	if (!fd)
		fd = MON4(439 /* faccessat2 */, path, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
	if (!fd) {
		folder = fd_folder(p);
		fd_number(name, path);
		/* Without a procfs of our own: docs/compatibility.md. */
		fd = folder < 0 ? -EACCES : MON3(__NR_openat, folder, name, O_RDONLY | O_CLOEXEC);
		if (folder >= 0)
			fd_release(folder);
	}
	fd_release(path);
	return fd;
}

/* Copies the interpreter's path out of a #! line. */
static long script_interpreter(struct priv *p, const char *head, long n)
{
	long i = 2, len = 0;

	while (i < n && (head[i] == ' ' || head[i] == '\t'))
		i++;
	while (i + len < n && head[i + len] != ' ' && head[i + len] != '\t' &&
	       head[i + len] != '\n' && head[i + len])
		len++;
	if (!len || i + len == n)
		return -ENOEXEC;
	memcpy(p->copy, head + i, (size_t)len);
	p->copy[len] = 0;
	return 0;
}

static bool is_program(const uint8_t head[HEAD_SIZE], long n)
{
	uint16_t type, machine;

	memcpy(&type, head + 16, sizeof(type));
	memcpy(&machine, head + 18, sizeof(machine));
	return n >= 64 && !memcmp(head, "\177ELF\002\001", 6) && machine == ELF_X86_64 &&
	       (type == 2 || type == 3);
}

/* Follows #! lines as the kernel does, so that errors have its numbers. */
static long check_format(struct priv *p, int program)
{
	long fd = program, ret;

	for (int level = 0;; level++) {
		uint8_t head[HEAD_SIZE] = {0};
		long n = MON4(__NR_pread64, fd, head, sizeof(head), 0), next;

		if (n < 2 || head[0] != '#' || head[1] != '!') {
			ret = n < 0 ? n : is_program(head, n) ? 0 : -ENOEXEC;
			break;
		}
		ret = level == SCRIPT_LEVELS ? -ELOOP
					     : script_interpreter(p, (const char *)head, n);
		if (ret)
			break;
		next = open_target(p, AT_FDCWD, 0);
		if (fd != program)
			(void)MON1(__NR_close, fd);
		if (next < 0)
			return next;
		fd = next;
	}
	if (fd != program)
		(void)MON1(__NR_close, fd);
	return ret;
}

/* Sealed, and what was written? */
static bool handover_holds(const struct handover *h)
{
	char buf[256];
	long size = (long)sizeof(*h);

	if ((MON2(__NR_fcntl, RFD_HANDOVER, F_GET_SEALS) & SEALS) != SEALS ||
	    MON3(__NR_lseek, RFD_HANDOVER, 0, 2 /* SEEK_END */) != size)
		return false;
	for (long off = 0, n; off < size; off += n) {
		n = size - off < (long)sizeof(buf) ? size - off : (long)sizeof(buf);
		if (MON4(__NR_pread64, RFD_HANDOVER, buf, n, off) != n ||
		    memcmp(buf, (const char *)h + off, (size_t)n))
			return false;
	}
	return true;
}

static long put_handover(const struct handover *h)
{
	struct limits limits;
	long fd = MON2(__NR_memfd_create, "endorun-exec", MFD_ALLOW_SEALING | MFD_CLOEXEC), ret;

	if (fd < 0)
		return fd;
	ret = fd_reserve((int)fd, RFD_HANDOVER, 0);
	(void)MON1(__NR_close, fd);
	if (ret < 0)
		return ret;
	ret = fsize_lift(&limits, sizeof(*h));
	if (ret)
		return ret;
	ret = MON4(__NR_pwrite64, RFD_HANDOVER, h, sizeof(*h), 0);
	fsize_restore(&limits);
	if (ret != (long)sizeof(*h))
		return -ENOMEM;
	ret = MON3(__NR_fcntl, RFD_HANDOVER, F_ADD_SEALS, SEALS);
	/* Another thread may have had the descriptor before the seals. */
	if (!ret && !handover_holds(h))
		ret = -EACCES;
	return ret;
}

static void drop_handover(void)
{
	if (fd_reserve(RFD_SELF, RFD_HANDOVER, 0) != RFD_HANDOVER ||
	    fd_reserve(RFD_SELF, RFD_TARGET, 0) != RFD_TARGET)
		die(DIE_SETUP, RFD_HANDOVER);
}

/* Without a path the kernel makes one up (fs/exec.c, alloc_bprm). */
static void name_target(struct handover *h, const char *path, int dirfd)
{
	char number[FD_NUMBER_SIZE];

	if (path[0] == '/' || dirfd == AT_FDCWD) {
		memcpy(h->path, path, strlen(path) + 1);
		return;
	}
	fd_number(number, dirfd);
	memcpy(h->path, "/dev/fd/", 8);
	memcpy(h->path + 8, number, strlen(number) + 1);
	if (path[0]) {
		size_t n = strlen(h->path), room = sizeof(h->path) - n - 2;
		size_t want = strlen(path) < room ? strlen(path) : room;

		h->path[n] = '/';
		memcpy(h->path + n + 1, path, want);
		h->path[n + 1 + want] = 0;
	}
}

static long run(struct priv *p, int fd, const struct handover *h, uint64_t argv, uint64_t envp)
{
	struct app_call c = {.nr = __NR_execveat,
			     .a = {RFD_SELF, (uint64_t)p->copy, argv, envp, AT_EMPTY_PATH}};
	long ret;

	if (!lock_try(&exec_lock, p))
		return -EAGAIN;
	ret = put_handover(h);
	if (ret >= 0)
		ret = fd_reserve(fd, RFD_TARGET, 0);
	/* ioctl(FIOCLEX) is native: nobody may have marked one for closing. */
	for (int n = RFD_BASE; ret >= 0 && n < RFD_BASE + RFD_COUNT; n++)
		ret = MON3(__NR_fcntl, n, F_SETFD, 0);
	if (ret >= 0) {
		p->copy[0] = 0;
		ret = app_call(p, &c);
	}
	drop_handover();
	lock_drop(&exec_lock);
	return ret;
}

static long do_execve(struct priv *p, int dirfd, struct uaddr path, uint64_t argv, uint64_t envp,
		      uint64_t flags)
{
	struct handover h = {.magic = HANDOVER_MAGIC,
			     .flags = boot.flags,
			     .nslots = boot.nslots,
			     .app_mask = p->app_mask,
			     .ignored = sigaction_ignored_sync(p)};
	long ret, fd;

	if (flags & ~(uint64_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	ret = copy_in_str((char *)p->copy, path, PATH_MAX);
	if (ret < 0)
		return ret;
	if (!ret && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (!memcmp(p->copy, "/proc/self/exe", 15) && boot.exe_path[0])
		memcpy(p->copy, boot.exe_path, strlen(boot.exe_path) + 1);
	name_target(&h, (const char *)p->copy, dirfd);
	fd = open_target(p, dirfd, flags);
	if (fd < 0)
		return fd;
	ret = check_format(p, (int)fd);
	if (!ret)
		ret = run(p, (int)fd, &h, argv, envp);
	(void)MON1(__NR_close, fd);
	return ret;
}

long sys_execve(struct priv *p)
{
	return do_execve(p, AT_FDCWD, UADDR(arg(p, 0)), arg(p, 1), arg(p, 2), 0);
}

long sys_execveat(struct priv *p)
{
	return do_execve(p, arg_int(p, 0), UADDR(arg(p, 1)), arg(p, 2), arg(p, 3), arg_u32(p, 4));
}
