/* SPDX-License-Identifier: MIT */
/*
 * Zone B: may the program have a descriptor for this object?
 *
 * Judged is the opened object, never a path (e03): its file system type, for
 * procfs its name, for device nodes their number. Only the file system of the
 * root directory is remembered: the kernel reuses the device numbers of others
 * once they are unmounted, by whomever.
 */
#include <linux/stat.h>

#include "fd.h"
#include "handlers.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define TRACEFS_MAGIC 0x74726163
#define DEBUGFS_MAGIC 0x64626720
#define BINFMTFS_MAGIC 0x42494e4d /* could run another program instead of endorun */

/* asm/stat.h, struct stat; asm-generic/statfs.h, struct statfs: f_type first. */
struct kstat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad0;
	uint64_t rdev;
	uint64_t rest[12];
};

/*
 * Minor numbers of miscellaneous devices (major 10) that do not reach memory
 * by themselves (include/linux/miscdevice.h). Dynamic ones, among them
 * userfaultfd, SGX and iommufd, cannot be told apart: none is on the list; nor
 * are vhost's, whose kernel threads write to memory.
 */
static const uint8_t misc_plain[] = {
	130, /* watchdog */ 135, /* rtc */ 144,	   /* nvram */ 183,	   /* hwrng */
	200, /* tun */ 223,	 /* uinput */ 229, /* fuse */ 232,	   /* kvm */
	234, /* btrfs */ 236,	 /* mapper */ 237, /* loop-control */ 239, /* uhid */
	242,								   /* rfkill */
};

/* procfs files that reach memory or registers of a thread, or all memory. */
static const char *const proc_names[] = {"mem", "syscall", "kcore", "clear_refs", "pagemap"};

static uint64_t root_dev;
static uint8_t root_known, dev_on_root;

static bool is_bad_device(bool is_char, uint64_t rdev)
{
	uint64_t major = rdev >> 8 & 0xfff, minor = (rdev & 0xff) | (rdev >> 12 & 0xfff00);

	if (!is_char)
		return false;
	if (major == 1)
		return minor == 1 || minor == 2 || minor == 4; /* mem, kmem, port */
	if (major != 10)
		return false;
	for (size_t i = 0; i < sizeof(misc_plain); i++)
		if (misc_plain[i] == minor)
			return false;
	return true;
}

static long stat_path(const char *path, struct kstat *st)
{
	return MON2(__NR_stat, path, st);
}

static long fs_type(int fd)
{
	uint64_t buf[15];
	long ret = MON2(__NR_fstatfs, fd, buf);

	return ret ? ret : (long)buf[0];
}

static bool is_bad_fs(long type)
{
	return type == TRACEFS_MAGIC || type == DEBUGFS_MAGIC || type == BINFMTFS_MAGIC;
}

/* The root's file system, if it is an ordinary one. */
static void learn_root(void)
{
	struct kstat root, ours, dev;
	uint64_t buf[15];

	root_known = 0;
	if (stat_path("/", &root) || MON2(__NR_statfs, "/", buf) ||
	    MON2(__NR_fstat, RFD_ROOT, &ours) || ours.dev != root.dev || ours.ino != root.ino)
		return;
	if (buf[0] == PROC_SUPER_MAGIC || is_bad_fs((long)buf[0]))
		return;
	/* As seen from there: this namespace may have another /dev. */
	dev_on_root = MON4(__NR_newfstatat, RFD_ROOT, "dev", &dev, 0) == 0 && dev.dev == root.dev;
	root_dev = root.dev;
	root_known = 1;
}

int judge_init(void)
{
	learn_root();
	return 0;
}

void judge_forget_root(void)
{
	root_known = 0;
}

bool judge_root_is_plain(void)
{
	return root_known && !dev_on_root;
}

/* A name, or a name with the " (deleted)" that d_path appends. */
static bool is_name(const char *path, const char *name)
{
	size_t n = strlen(name);

	return !memcmp(path, name, n) && (!path[n] || path[n] == ' ');
}

/* A bind mount of one file shows the name of the place, not of the file. */
static bool is_mount_root(int fd)
{
	struct statx st;

	return MON5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) ||
	       !(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int judge_proc_name(struct priv *p, int fd)
{
	char name[FD_NUMBER_SIZE], path[512] = {0};
	long folder, n;

	if (is_mount_root(fd))
		return -EACCES;
	folder = fd_folder(p);
	if (folder < 0)
		return -EACCES;
	fd_number(name, fd);
	n = MON4(__NR_readlinkat, folder, name, path, sizeof(path) - 32);
	fd_release(folder);
	if (n <= 0 || n == (long)sizeof(path) - 32)
		return -EACCES;
	while (n > 0 && path[n - 1] != '/')
		n--;
	for (size_t i = 0; i < sizeof(proc_names) / sizeof(proc_names[0]); i++)
		if (is_name(path + n, proc_names[i]))
			return -EACCES;
	return 0;
}

int judge_fd(struct priv *p, int fd)
{
	struct kstat st;
	long type;

	if (MON2(__NR_fstat, fd, &st))
		return -EACCES;
	if (is_bad_device(S_ISCHR(st.mode), st.rdev))
		return -EACCES;
	if (root_known && st.dev == root_dev)
		return 0;
	type = fs_type(fd);
	if (type < 0 || is_bad_fs(type))
		return -EACCES;
	if (type == PROC_SUPER_MAGIC && S_ISREG(st.mode))
		return judge_proc_name(p, fd);
	return 0;
}

/* Device nodes that cannot hurt: null, zero, full, random, tty, ptmx, ptys. */
static bool is_plain_device(uint32_t dev)
{
	uint32_t major = dev >> 8 & 0xfff, minor = (dev & 0xff) | (dev >> 12 & 0xfff00);

	return (major == 1 && (minor == 3 || minor == 5 || (minor >= 7 && minor <= 9))) ||
	       (major == 5 && (minor == 0 || minor == 2)) || (major >= 136 && major <= 143);
}

static long make_node(struct priv *p, int dev_arg)
{
	return is_plain_device(arg_u32(p, dev_arg)) ? app_call_same(p) : -EPERM;
}

long sys_mknod(struct priv *p)
{
	return make_node(p, 2);
}

long sys_mknodat(struct priv *p)
{
	return make_node(p, 3);
}
