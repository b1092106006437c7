/* SPDX-License-Identifier: MIT */
/*
 * e02, e03, e06: the path changes while the monitor reads it, a link on the way
 * changes, the page with the path comes and goes. Only the judged object may be
 * opened, and the monitor must survive.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/vfs.h>

static char path[64];
static char *page;
static volatile int mode;

static void *writer(void *arg)
{
	(void)arg;
	for (;;) {
		switch (mode) {
		case 0:
			memcpy(path, "/proc/self/mem\0     ", 20);
			memcpy(path, "/proc/self/maps\0    ", 20);
			break;
		case 1:
			(void)rename("link-mem", "link");
			(void)rename("link-maps", "link");
			(void)symlink("/proc/self/mem", "link-mem");
			(void)symlink("/proc/self/maps", "link-maps");
			break;
		default:
			(void)raw(SYS_mprotect, page, PAGE, PROT_NONE);
			(void)raw(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE);
			(void)raw(SYS_madvise, page, PAGE, MADV_DONTNEED);
		}
	}
	return NULL;
}

void attack(void)
{
	char buf[8];

	page = pages(1);
	thread(writer, NULL);
	for (mode = 0; mode < 3; mode++) {
		double until = seconds() + quick(2, 60);

		while (seconds() < until) {
			const char *name = mode == 0 ? path : mode == 1 ? "link" : page;
			long fd;

			if (env.control && mode == 0 && strcmp(path, "/proc/self/mem") == 0)
				continue; /* the naive monitor looks at the string */
			fd = raw(SYS_open, name, O_RDONLY, 0);
			if (fd >= 0 && raw(SYS_pread64, fd, buf, 8, env.secret) > 0)
				succeeded("mode %d: /proc/self/mem was opened", mode);
			if (fd >= 0)
				close((int)fd);
			(void)raw(SYS_readlink, name, buf, sizeof(buf));
			if (mode == 2)
				(void)raw(SYS_rt_sigprocmask, 0, page + PAGE - 4, page + PAGE - 8,
					  8);
		}
	}
}
