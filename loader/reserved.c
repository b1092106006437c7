/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the reserved descriptors, at the first start and after an
 * execve that a monitor turned into an exec of endorun.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "launch.h"
#include "monitor/layout.h"
#include "report.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/*
 * Only a monitor leaves a sealed memfd with this content on this number. What
 * it says is believed; that its filter is in force is checked (machine.c).
 */
bool reserved_take_handover(struct launch *l)
{
	struct handover *h = &l->handover;
	struct stat self, proc;
	struct statfs fs;

	if (fcntl(RFD_HANDOVER, F_GET_SEALS) != SEALS ||
	    pread(RFD_HANDOVER, h, sizeof(*h), 0) != (ssize_t)sizeof(*h) ||
	    h->magic != HANDOVER_MAGIC)
		return false;
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			report_fail(EXIT_ENDORUN, "descriptors: %d was closed on the way", fd);
	if (fstat(RFD_SELF, &self) || fstat(RFD_PROC, &proc) ||
	    (proc.st_ino != self.st_ino &&
	     (fstatfs(RFD_PROC, &fs) || fs.f_type != PROC_SUPER_MAGIC)))
		report_fail(EXIT_ENDORUN, "descriptors: %d is no procfs any more", RFD_PROC);
	h->path[sizeof(h->path) - 1] = 0;
	l->cli.isolation = h->flags & BOOT_KEYS ? CLI_ISOLATION_KEYS : CLI_ISOLATION_NONE;
	l->cli.is_quiet = true;
	l->cli.has_stats = (h->flags & BOOT_STATS) != 0;
	l->cli.threads = (unsigned int)h->nslots;
	return true;
}

static void lift_soft_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	if (r.rlim_max < RFD_BASE + RFD_COUNT)
		report_fail(EXIT_ENDORUN,
			    "descriptors: the hard limit of %llu open files is too low; endorun "
			    "needs %d (ulimit -Hn)",
			    (unsigned long long)r.rlim_max, RFD_BASE + RFD_COUNT);
	if (r.rlim_cur >= RFD_BASE + RFD_COUNT)
		return;
	r.rlim_cur = RFD_BASE + RFD_COUNT;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static void put(int fd, int number, const char *what)
{
	if (fd < 0 || dup2(fd, number) != number)
		report_fail(EXIT_ENDORUN, "descriptors: %s: %s", what, strerror(errno));
}

static int open_self(void)
{
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

	if (fd < 0)
		report_fail(EXIT_ENDORUN,
			    "start: /proc/self/exe: %s; mount /proc, or run endorun where it is "
			    "mounted",
			    strerror(errno));
	return fd;
}

/* A procfs of our own, whatever the program mounts over it later. */
static int open_proc(int fallback)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)
		return fd;
	return fallback;
}

void reserved_setup(struct launch *l)
{
	struct rlimit before;
	int self, proc, root;

	if (l->is_child)
		return;
	(void)getrlimit(RLIMIT_NOFILE, &before);
	lift_soft_limit();
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			report_fail(
				EXIT_ENDORUN,
				"descriptors: %d is open already; endorun needs %d to %d, start "
				"it without them",
				fd, RFD_BASE, RFD_BASE + RFD_COUNT - 1);
	self = open_self();
	proc = open_proc(self);
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++)
		put(self, fd, "reserving numbers");
	put(proc, RFD_PROC, "procfs");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0) {
		put(root, RFD_ROOT, "the root directory");
		close(root);
	}
	if (proc != self)
		close(proc);
	close(self);
	(void)setrlimit(RLIMIT_NOFILE, &before);
}

void reserved_restore(const struct launch *l)
{
	struct rlimit before;

	if (!l->is_child)
		return;
	(void)getrlimit(RLIMIT_NOFILE, &before);
	lift_soft_limit();
	/* Another thread of the old program may have been using some. */
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++)
		if (fd != RFD_SELF && fd != RFD_PROC && fd != RFD_ROOT)
			put(RFD_SELF, fd, "restoring numbers");
	(void)setrlimit(RLIMIT_NOFILE, &before);
}
