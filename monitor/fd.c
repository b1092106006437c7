/* SPDX-License-Identifier: MIT */
/*
 * Zone B: the reserved descriptors.
 */
#include "fd.h"

#include <linux/openat2.h>

#include "handlers.h"

#define RLIMIT_FSIZE 1
#define RLIMIT_NOFILE 7
#define CLOSE_RANGE_UNSHARE 2u

long fd_reserve(int fd, int number, int flags)
{
	struct limits old, lifted;
	long ret = MON3(__NR_dup3, fd, number, flags);

	if (ret != -EBADF || MON4(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, &old) ||
	    old.soft >= RFD_BASE + RFD_COUNT || old.hard < RFD_BASE + RFD_COUNT)
		return ret;
	lifted.hard = old.hard;
	lifted.soft = RFD_BASE + RFD_COUNT;
	if (MON4(__NR_prlimit64, 0, RLIMIT_NOFILE, &lifted, 0))
		return ret;
	ret = MON3(__NR_dup3, fd, number, flags);
	(void)MON4(__NR_prlimit64, 0, RLIMIT_NOFILE, &old, 0);
	return ret;
}

long fsize_lift(struct limits *old, uint64_t size)
{
	struct limits now, lifted;

	old->hard = 0; /* nothing to restore */
	if (MON4(__NR_prlimit64, 0, RLIMIT_FSIZE, 0, &now) || now.soft >= size)
		return 0;
	if (now.hard < size)
		return -EFBIG;
	lifted.soft = lifted.hard = now.hard;
	*old = now;
	return MON4(__NR_prlimit64, 0, RLIMIT_FSIZE, &lifted, 0);
}

void fsize_restore(const struct limits *old)
{
	if (old->hard)
		(void)MON4(__NR_prlimit64, 0, RLIMIT_FSIZE, old, 0);
}

#define POOL_TRIES 20000 /* yields: about a second */

static struct lock pool[2 * RFD_POOL_SIZE]; /* objects, then folders */

/* One of RFD_POOL_SIZE numbers from `first` on; takes fd over. */
static long hold(struct priv *p, long fd, int first)
{
	int begin = first - RFD_POOL;

	if (fd < 0)
		return fd;
	for (int try = 0; try < POOL_TRIES; try++) {
		for (int i = begin; i < begin + RFD_POOL_SIZE; i++) {
			long ret;

			if (!lock_try(&pool[i], p))
				continue;
			ret = fd_reserve((int)fd, RFD_POOL + i, 0);
			(void)MON1(__NR_close, fd);
			if (ret < 0)
				lock_drop(&pool[i]);
			return ret;
		}
		(void)MON0(__NR_sched_yield);
	}
	(void)MON1(__NR_close, fd);
	return -EMFILE;
}

long fd_hold(struct priv *p, long fd)
{
	return hold(p, fd, RFD_POOL);
}

void fd_release(long number)
{
	if (fd_reserve(RFD_SELF, (int)number, 0) != number)
		die(DIE_SETUP, (uint64_t)number);
	lock_drop(&pool[number - RFD_POOL]);
}

/* The calling thread's descriptors, whatever is mounted over procfs. */
long fd_folder(struct priv *p)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_NO_XDEV};

	return hold(p, MON4(__NR_openat2, RFD_PROC, "thread-self/fd", &how, sizeof(how)),
		    RFD_FOLDERS);
}

void fd_number(char out[FD_NUMBER_SIZE], long fd)
{
	size_t n = 0, at = 0;
	char digits[FD_NUMBER_SIZE];

	do {
		digits[n++] = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd > 0 && n < sizeof(digits) - 1);
	while (n)
		out[at++] = digits[--n];
	out[at] = 0;
}

void fd_after_vfork(int32_t tid)
{
	for (int i = 0; i < 2 * RFD_POOL_SIZE; i++)
		if (lock_held_by(&pool[i], tid))
			lock_reset(&pool[i]);
}

void fd_after_fork(void)
{
	for (int i = 0; i < 2 * RFD_POOL_SIZE; i++)
		lock_reset(&pool[i]);
}

/* The filter sends only reserved numbers here: passed over, as if closed. */
long sys_close(struct priv *p)
{
	return fd_is_reserved(arg_u32(p, 0)) ? 0 : app_call_same(p);
}

long sys_dup2(struct priv *p)
{
	return fd_is_reserved(arg_u32(p, 1)) ? -EBADF : app_call_same(p);
}

long sys_dup3(struct priv *p)
{
	return sys_dup2(p);
}

long sys_close_range(struct priv *p)
{
	uint32_t first = arg_u32(p, 0), last = arg_u32(p, 1), flags = arg_u32(p, 2);
	long ret = 0;

	if (first > last)
		return -EINVAL;
	if (first < RFD_BASE) {
		uint32_t end = last < RFD_BASE ? last : RFD_BASE - 1;

		ret = MON3(__NR_close_range, first, end, flags);
	}
	if (!ret && last >= RFD_BASE + RFD_COUNT) {
		uint32_t begin = first > RFD_BASE + RFD_COUNT ? first : RFD_BASE + RFD_COUNT;

		if (first < RFD_BASE)
			flags &= ~CLOSE_RANGE_UNSHARE; /* done above */
		ret = MON3(__NR_close_range, begin, last, flags);
	}
	return ret;
}

/*
 * FIOCLEX would close a reserved descriptor at the next execve, and
 * SECCOMP_IOCTL_NOTIF_ADDFD could replace one (g12).
 */
long sys_ioctl(struct priv *p)
{
	return fd_is_reserved(arg_u32(p, 0)) ? -EBADF : -EPERM;
}

long sys_fcntl(struct priv *p)
{
	uint32_t sig = arg_u32(p, 2);

	if (fd_is_reserved(arg_u32(p, 0)) && arg_int(p, 1) != F_GETFD)
		return -EBADF;
	/* A fault signal with a positive si_code that is no fault (c10). */
	if (arg_int(p, 1) == F_SETSIG && sig >= 1 && sig <= NSIG_MAX && (SYNC_MASK & SIGBIT(sig)))
		return -EINVAL;
	return app_call_same(p);
}

/*
 * The hard limit never falls below the reserved numbers, or the monitor could
 * not lift the soft one for the moment that it needs.
 */
static long set_nofile(struct priv *p, int new_arg)
{
	struct app_call c = {.nr = (long)p->regs.orig_rax};
	struct limits now, want;

	for (int i = 0; i < 6; i++)
		c.a[i] = arg(p, i);
	if (copy_in(&want, UADDR(arg(p, new_arg)), sizeof(want)))
		return -EFAULT;
	if (!MON4(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, &now) && now.hard >= RFD_BASE + RFD_COUNT &&
	    want.hard < RFD_BASE + RFD_COUNT)
		want.hard = RFD_BASE + RFD_COUNT;
	memcpy(p->copy, &want, sizeof(want));
	c.a[new_arg] = (uint64_t)p->copy;
	return app_call(p, &c);
}

long sys_setrlimit(struct priv *p)
{
	return set_nofile(p, 1);
}

long sys_prlimit64(struct priv *p)
{
	if (arg_int(p, 0) && arg_int(p, 0) != p->tgid)
		return app_call_same(p);
	return set_nofile(p, 2);
}
