/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd puts bytes into pages that are not there yet, sealed and keyed or
 * not; by the system call and by its device, wherever a devtmpfs is.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

static void use(int fd, const char *how)
{
	struct uffdio_api api = {.api = UFFD_API};
	uint64_t at = env.secret & ~(PAGE - 1);
	struct uffdio_register reg = {.range = {at, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};

	if (fd < 0)
		return;
	if (ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &reg) == 0)
		succeeded("%s: the secret's page was registered", how);
	close(fd);
}

static void by_device(const char *path)
{
	int dev = open(path, O_RDWR | O_CLOEXEC);

	if (dev < 0)
		return;
	use(ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC), path);
	close(dev);
}

static void other_devtmpfs(void *arg)
{
	char where[] = "/tmp/attack-devXXXXXX", path[64];

	(void)arg;
	if (unshare(CLONE_NEWNS) || !mkdtemp(where))
		return;
	(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("d", where, "devtmpfs", 0, NULL) == 0) {
		snprintf(path, sizeof(path), "%s/userfaultfd", where);
		by_device(path);
		(void)umount2(where, MNT_DETACH);
	}
	(void)rmdir(where);
}

void attack(void)
{
	use((int)raw(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
	use((int)raw(SYS_userfaultfd, 1 /* USER_MODE_ONLY */), "userfaultfd");
	by_device("/dev/userfaultfd");
	expect_blocked(in_child(other_devtmpfs, NULL), "a devtmpfs of our own");
}
