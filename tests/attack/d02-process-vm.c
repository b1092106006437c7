/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv and _writev look at no PKRU: on the process itself, its
 * threads, its parent.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/uio.h>

static void on_pid(long pid)
{
	char buf[32];
	struct iovec mine = {buf, sizeof(buf)}, theirs = {(void *)env.secret, sizeof(buf)};

	if (raw(SYS_process_vm_readv, pid, &mine, 1, &theirs, 1, 0) > 0)
		succeeded("process_vm_readv");
	if (raw(SYS_process_vm_readv | 5l << 32, pid, &mine, 1, &theirs, 1, 0) > 0)
		succeeded("process_vm_readv with junk above the number");
	if (raw(SYS_process_vm_writev, pid, &mine, 1, &theirs, 1, 0) > 0)
		succeeded("process_vm_writev");
}

static void from_child(void *arg)
{
	(void)arg;
	on_pid(getppid());
}

void attack(void)
{
	on_pid(getpid());
	on_pid(raw(SYS_gettid));
	expect_blocked(in_child(from_child, NULL), "the parent");
}
