/* SPDX-License-Identifier: MIT */
/*
 * One thread opens /proc/self/mem again and again, another reads from the
 * lowest free descriptor: between the kernel's open and the monitor's verdict
 * the number must not be good for anything.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static volatile int lowest;

static void *reader(void *arg)
{
	char buf[8];

	(void)arg;
	for (;;) {
		for (int fd = lowest; fd < lowest + 2; fd++)
			if (raw(SYS_pread64, fd, buf, sizeof(buf), env.secret) > 0)
				succeeded("the secret was read from descriptor %d", fd);
		(void)raw(SYS_close, raw(SYS_dup, lowest));
	}
	return NULL;
}

/* The monitor of the control: opens, looks, closes. */
static void naive_open(const char *path)
{
	int fd = (int)raw(SYS_open, path, O_RDWR, 0);
	struct stat st, mem;

	if (fstat(fd, &st) == 0 && stat("/proc/self/mem", &mem) == 0 && st.st_ino == mem.st_ino)
		(void)raw(SYS_close, fd);
}

void attack(void)
{
	double until = seconds() + quick(4, 60);
	const char *const names[] = {"/proc/self/mem", "/proc/thread-self/mem"};

	lowest = open("/dev/null", O_RDONLY);
	close(lowest);
	thread(reader, NULL);
	while (seconds() < until) {
		for (int i = 0; i < 20; i++) {
			int fd;

			if (env.control) {
				naive_open(names[0]);
				continue;
			}
			fd = (int)raw(SYS_open, names[i % 2], O_RDWR, 0);
			if (fd >= 0)
				succeeded("%s was opened", names[i % 2]);
			fd = (int)raw(SYS_openat, AT_FDCWD, names[i % 2], O_RDWR | O_CREAT, 0600);
			if (fd >= 0)
				succeeded("%s was opened", names[i % 2]);
		}
	}
}
