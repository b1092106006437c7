/* SPDX-License-Identifier: MIT */
/*
 * Zone B: opening files.
 *
 * With one thread: open, judge the descriptor, close it if it must not be.
 * With several, that would leak (e04): another thread could read the
 * descriptor in between. Then the object is opened with O_PATH, judged, and
 * what was judged is opened again through the monitor's own procfs.
 * The path is copied once; the kernel reads the copy (e02).
 */
#include <linux/openat2.h>
#include <linux/stat.h>

#include "fd.h"
#include "handlers.h"

#define O_TMPFILE_BIT 020000000u
#define OPEN_FLAGS_KNOWN 037777703u /* VALID_OPEN_FLAGS, include/linux/fcntl.h */
#define CREATE_TRIES 8
#define PATH_MAX 4096

/* Copy pages: the path, then whatever else the kernel is to read. */
#define COPY_HOW 4096
#define COPY_LINK (4096 + 64)

struct open_req {
	int dirfd;
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

static long open_copy(struct priv *p, const struct open_req *r, uint64_t flags, uint64_t mode)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = r->resolve};
	struct app_call c = {.nr = __NR_openat,
			     .a = {(uint64_t)(int64_t)r->dirfd, (uint64_t)p->copy, flags, mode}};

	if (r->resolve) {
		memcpy(p->copy + COPY_HOW, &how, sizeof(how));
		c.nr = __NR_openat2;
		c.a[2] = (uint64_t)(p->copy + COPY_HOW);
		c.a[3] = sizeof(how);
	}
	return app_call(p, &c);
}

/* Only with one thread, or for what cannot be forbidden: else it would leak. */
static long judged(struct priv *p, long fd)
{
	int bad;

	if (fd < 0)
		return fd;
	bad = judge_fd(p, (int)fd);
	if (!bad)
		return fd;
	(void)MON1(__NR_close, fd);
	return bad;
}

/* An O_PATH descriptor, held on a number of ours and judged there. */
static long held(struct priv *p, long fd)
{
	long number = fd_hold(p, fd);
	int bad;

	if (number < 0)
		return number;
	bad = judge_fd(p, (int)number);
	if (!bad)
		return number;
	fd_release(number);
	return bad;
}

/* Opens for real what a held descriptor stands for; releases that one. */
static long reopen(struct priv *p, long number, uint64_t flags, uint64_t mode)
{
	struct app_call c = {.nr = __NR_openat,
			     .a = {0, (uint64_t)(p->copy + COPY_LINK), flags, mode}};
	long folder = fd_folder(p), ret = -EACCES;
	char name[FD_NUMBER_SIZE];

	if (folder >= 0) {
		fd_number(name, number);
		memcpy(p->copy + COPY_LINK, name, sizeof(name));
		c.a[0] = (uint64_t)folder;
		ret = app_call(p, &c);
		fd_release(folder);
	}
	fd_release(number);
	/* Only the monitor's procfs can say so: not the program's file. */
	return ret == -ENOENT || ret == -ENOTDIR ? -EACCES : ret;
}

static bool is_link(long fd)
{
	uint8_t st[144];
	uint32_t mode;

	if (MON2(__NR_fstat, fd, st))
		return false;
	memcpy(&mode, st + 24, sizeof(mode));
	return S_ISLNK(mode);
}

/* A file that does not exist: made with O_EXCL below its judged parent. */
static long create_below(struct priv *p, const struct open_req *r)
{
	char *path = (char *)p->copy, *slash = NULL;
	struct open_req parent = *r;
	struct app_call c = {.nr = __NR_openat};
	char name[256];
	size_t n = strlen(path);
	long dir, fd;

	while (n && path[n - 1] != '/')
		n--;
	if (strlen(path + n) >= sizeof(name))
		return -ENAMETOOLONG;
	if (!path[n])
		return -EISDIR;
	memcpy(name, path + n, strlen(path + n) + 1);
	slash = path + n;
	if (slash == path)
		memcpy(path, ".", 2);
	else
		*slash = 0; /* keeps the '/': a parent that is no directory fails */
	dir = held(p, open_copy(p, &parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
	if (dir < 0)
		return dir;
	memcpy(path, name, sizeof(name));
	c.a[0] = (uint64_t)dir;
	c.a[1] = (uint64_t)path;
	c.a[2] = r->flags | O_EXCL | O_NOFOLLOW;
	c.a[3] = r->mode;
	/* A new file below a directory that is neither procfs nor the like. */
	fd = app_call(p, &c);
	fd_release(dir);
	return fd;
}

static long open_slowly(struct priv *p, const struct open_req *r)
{
	uint64_t keep = r->flags & (O_NOFOLLOW | O_DIRECTORY);
	char saved[PATH_MAX];

	if ((r->flags & O_TMPFILE_BIT) == O_TMPFILE_BIT)
		keep &= ~(uint64_t)O_DIRECTORY;
	memcpy(saved, p->copy, sizeof(saved));
	for (int i = 0; i < CREATE_TRIES; i++) {
		long fd = held(p, open_copy(p, r, O_PATH | O_CLOEXEC | keep, 0));

		if (fd >= 0 && (r->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
			fd_release(fd);
			return -EEXIST;
		}
		if (fd >= 0 && is_link(fd)) {
			fd_release(fd);
			return -ELOOP;
		}
		if (fd >= 0)
			return reopen(p, fd, r->flags & ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW),
				      r->mode);
		if (fd != -ENOENT || !(r->flags & O_CREAT) ||
		    (r->flags & O_TMPFILE_BIT) == O_TMPFILE_BIT)
			return fd;
		fd = create_below(p, r);
		if (fd != -EEXIST || (r->flags & O_EXCL))
			return fd;
		memcpy(p->copy, saved, sizeof(saved));
	}
	return -EACCES; /* a dangling symbolic link, or a race that never ends */
}

/*
 * An absolute path that crosses no mount ends on the root's file system, which
 * is an ordinary one: no need to look at the result. It starts at a descriptor
 * of the monitor's, since another thread may change the root meanwhile.
 */
static long open_on_root(struct priv *p, const struct open_req *r)
{
	struct open_how how = {
		.flags = r->flags & OPEN_FLAGS_KNOWN,
		.mode = r->flags & (O_CREAT | O_TMPFILE_BIT) ? r->mode & 07777 : 0,
		.resolve = RESOLVE_NO_XDEV,
	};
	struct app_call c = {
		.nr = __NR_openat2,
		.a = {RFD_ROOT, (uint64_t)p->copy, (uint64_t)(p->copy + COPY_HOW), sizeof(how)}};

	if (p->copy[0] != '/' || r->resolve || !judge_root_is_plain())
		return -EXDEV;
	while (*(char *)c.a[1] == '/')
		c.a[1]++;
	if (!*(char *)c.a[1])
		return -EXDEV; /* the root itself */
	memcpy(p->copy + COPY_HOW, &how, sizeof(how));
	return judged(p, app_call(p, &c));
}

static void exe_redirect(char *path)
{
	if ((!memcmp(path, "/proc/self/exe", 15) || !memcmp(path, "/proc/thread-self/exe", 22)) &&
	    boot.exe_path[0])
		memcpy(path, boot.exe_path, strlen(boot.exe_path) + 1);
}

static long do_open(struct priv *p, struct uaddr path, const struct open_req *r)
{
	long n = copy_in_str((char *)p->copy, path, PATH_MAX), ret;

	if (n < 0)
		return n;
	exe_redirect((char *)p->copy);
	if (r->flags & O_PATH)
		return open_copy(p, r, r->flags, r->mode);
	if (single_threaded(p))
		return judged(p, open_copy(p, r, r->flags, r->mode));
	ret = open_on_root(p, r);
	if (ret != -EXDEV && ret != -EINVAL && ret != -E2BIG &&
	    (ret != -ENOTDIR || judge_root_is_plain()))
		return ret;
	return open_slowly(p, r);
}

long sys_open(struct priv *p)
{
	struct open_req r = {.dirfd = AT_FDCWD, .flags = arg_u32(p, 1), .mode = arg(p, 2) & 07777};

	return do_open(p, UADDR(arg(p, 0)), &r);
}

long sys_creat(struct priv *p)
{
	struct open_req r = {.dirfd = AT_FDCWD,
			     .flags = O_CREAT | O_WRONLY | O_TRUNC,
			     .mode = arg(p, 1) & 07777};

	return do_open(p, UADDR(arg(p, 0)), &r);
}

long sys_openat(struct priv *p)
{
	struct open_req r = {
		.dirfd = arg_int(p, 0), .flags = arg_u32(p, 2), .mode = arg(p, 3) & 07777};

	return do_open(p, UADDR(arg(p, 1)), &r);
}

long sys_openat2(struct priv *p)
{
	struct open_how how;
	struct open_req r = {.dirfd = arg_int(p, 0)};

	if (arg(p, 3) < sizeof(how))
		return -EINVAL;
	if (arg(p, 3) > sizeof(how))
		return -E2BIG;
	if (copy_in(&how, UADDR(arg(p, 2)), sizeof(how)))
		return -EFAULT;
	/* What openat ignores openat2 refuses; a zero resolve goes to openat. */
	if ((how.flags & ~(uint64_t)OPEN_FLAGS_KNOWN) ||
	    (how.mode && !(how.flags & (O_CREAT | O_TMPFILE_BIT))) || (how.mode & ~07777ull))
		return -EINVAL;
	r.flags = how.flags;
	r.mode = how.mode;
	r.resolve = how.resolve;
	return do_open(p, UADDR(arg(p, 1)), &r);
}

long sys_open_by_handle_at(struct priv *p)
{
	struct app_call c = {.nr = __NR_open_by_handle_at,
			     .a = {arg(p, 0), arg(p, 1), arg_u32(p, 2)}};
	long fd;

	if (single_threaded(p) || (c.a[2] & O_PATH))
		return judged(p, app_call(p, &c));
	c.a[2] = O_PATH | O_CLOEXEC;
	fd = held(p, app_call(p, &c));
	return fd < 0 ? fd : reopen(p, fd, arg_u32(p, 2), 0);
}

static long read_exe_link(struct priv *p, struct uaddr path, struct uaddr buf, uint64_t size)
{
	char name[24] = {0};
	uint64_t n = strlen(boot.exe_path);

	if (copy_in_str(name, path, sizeof(name)) < 0 || !n || !size ||
	    (memcmp(name, "/proc/self/exe", 15) && memcmp(name, "/proc/thread-self/exe", 22)))
		return app_call_same(p);
	if (n > size)
		n = size;
	return copy_out(buf, boot.exe_path, n) ? -EFAULT : (long)n;
}

long sys_readlink(struct priv *p)
{
	return read_exe_link(p, UADDR(arg(p, 0)), UADDR(arg(p, 1)), arg_u32(p, 2));
}

long sys_readlinkat(struct priv *p)
{
	return read_exe_link(p, UADDR(arg(p, 1)), UADDR(arg(p, 2)), arg_u32(p, 3));
}
