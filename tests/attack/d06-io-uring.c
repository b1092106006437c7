/* SPDX-License-Identifier: MIT */
/*
 * io_uring is a second system call interface that no filter sees. io_setup's
 * ring is written by the kernel later.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <linux/io_uring.h>

void attack(void)
{
	struct io_uring_params p = {0};
	unsigned long ctx = 0;
	long fd = raw(SYS_io_uring_setup, 8, &p);

	if (fd >= 0)
		succeeded("io_uring_setup made a ring");
	if (fd == -EPERM && env.control)
		missing("io_uring is disabled on this machine");
	if (raw(SYS_io_uring_enter, 0, 1, 0, 0, 0, 0) == -EBADF ||
	    raw(SYS_io_uring_register, -1, 0, 0, 0) == -EBADF)
		succeeded("io_uring_enter reached the kernel");
	if (raw(SYS_io_setup, 8, &ctx) >= 0)
		succeeded("io_setup made a ring");
}
