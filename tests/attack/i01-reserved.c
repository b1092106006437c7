/* SPDX-License-Identifier: MIT */
/*
 * i01, i02, g06: replaces, closes, reads, maps and duplicates over the reserved
 * descriptors by every call that takes one, with junk above the 32 bits, with
 * RLIMIT_NOFILE below them; by F_DUPFD and received ones when the table is full.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: without endorun no number is reserved */
#include "attack.h"

#include <sys/resource.h>

static ino_t before[RFD_COUNT];

static void compare(const char *how)
{
	struct stat st;

	for (int i = 0; i < RFD_COUNT; i++)
		if (fstat(RFD_BASE + i, &st) || st.st_ino != before[i])
			succeeded("%s: reserved descriptor %d is another one", how, RFD_BASE + i);
}

void attack(void)
{
	int evil = open(env.self, O_RDONLY);
	struct rlimit low = {10, 10}, old;
	struct stat st;
	char buf[64];

	for (int i = 0; i < RFD_COUNT; i++) {
		if (fstat(RFD_BASE + i, &st))
			broken("descriptor %d is not open", RFD_BASE + i);
		before[i] = st.st_ino;
	}
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++) {
		for (int bit = 0; bit < 64; bit += 31) {
			long n = bit ? fd | 1l << (bit < 32 ? 32 : bit) : fd;

			(void)raw(SYS_dup2, evil, n);
			(void)raw(SYS_dup3, evil, n, O_CLOEXEC);
			(void)raw(SYS_close, n);
			(void)raw(SYS_close_range, n, n, 0);
			(void)raw(SYS_fcntl, evil, F_DUPFD, n);
		}
		compare("dup and close");
		if (raw(SYS_write, fd, "x", 1) >= 0 || raw(SYS_pread64, fd, buf, 1, 0) >= 0 ||
		    raw(SYS_ftruncate, fd, 0) >= 0 ||
		    raw(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, fd, 0) >= 0)
			succeeded("reserved descriptor %d can be used", fd);
	}
	(void)raw(SYS_close_range, 10, 1000, 0);
	(void)raw(SYS_close_range, 10, ~0u, 0);
	(void)raw(SYS_close_range, 10, ~0ul, 2);
	compare("close_range");
	getrlimit(RLIMIT_NOFILE, &old);
	(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, old.rlim_max});
	compare("a low soft limit");
	if (signal(SIGUSR1, SIG_IGN) == SIG_ERR)
		broken("nothing works any more");
	uint8_t *p = pages(1);

	memcpy(p, open_pkru, sizeof(open_pkru));
	(void)make_executable(p, PAGE);
	if (env.keys)
		(void)run_code(p, 0, 0);
	check_secret("with a low limit");
	(void)setrlimit(RLIMIT_NOFILE, &low);
	p = pages(1);
	memcpy(p, open_pkru, sizeof(open_pkru));
	(void)make_executable(p, PAGE);
	if (env.keys)
		(void)run_code(p, 0, 0);
	check_secret("with a low hard limit");
	compare("a low hard limit");
}
