/* SPDX-License-Identifier: MIT */
/*
 * The monitor opens with O_PATH, judges that descriptor and opens what it
 * stands for. A second thread puts another O_PATH descriptor, of
 * /proc/self/mem, on the same number in between.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static volatile int lowest, evil;

static void *swapper(void *arg)
{
	(void)arg;
	for (;;) {
		(void)raw(SYS_dup2, evil, lowest);
		(void)raw(SYS_close, lowest);
	}
	return NULL;
}

static long naive_open(const char *path)
{
	char link[64], target[64] = "";
	long fd = raw(SYS_open, path, O_PATH, 0), ret;

	snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
	ret = raw(SYS_readlink, link, target, sizeof(target) - 1);
	if (ret > 4 && strcmp(target + ret - 4, "/mem") == 0)
		ret = -EACCES;
	else
		ret = raw(SYS_open, link, O_RDONLY, 0);
	(void)raw(SYS_close, fd);
	return ret;
}

void attack(void)
{
	double until = seconds() + quick(5, 120);
	char buf[8];

	evil = (int)raw(SYS_open, "/proc/self/mem", O_PATH | O_CLOEXEC, 0);
	if (evil < 0)
		blocked("no O_PATH descriptor of /proc/self/mem to be had");
	lowest = open("/dev/null", O_RDONLY);
	close(lowest);
	thread(swapper, NULL);
	while (seconds() < until) {
		for (int i = 0; i < 50; i++) {
			long fd = env.control ? naive_open("/proc/self/status")
					      : raw(SYS_open, "/proc/self/status", O_RDONLY, 0);

			if (fd >= 0 && raw(SYS_pread64, fd, buf, sizeof(buf), env.secret) > 0)
				succeeded("/proc/self/status was judged, /proc/self/mem opened");
			if (fd >= 0)
				(void)raw(SYS_close, fd);
		}
	}
}
