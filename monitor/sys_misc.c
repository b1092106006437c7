/* SPDX-License-Identifier: MIT */
/*
 * Zone B: mediated calls that change what the monitor relies on.
 */
#include <linux/prctl.h>

#include "fd.h"
#include "handlers.h"

#define ARCH_SET_GS 0x1001
#define ARCH_GET_GS 0x1004
#define PR_SET_MEMORY_MERGE_ 67

/*
 * Options that the filter does not let through. What is not named is refused
 * as an option that this kernel does not know.
 */
long sys_prctl(struct priv *p)
{
	switch (arg_u32(p, 0)) {
	case PR_SET_MM:
	case PR_SET_SYSCALL_USER_DISPATCH:
	case PR_SET_MEMORY_MERGE_:
		return -EPERM;
	case PR_GET_SECCOMP:
		return 0;
	case PR_SET_PTRACER:
	case PR_MCE_KILL:
	case PR_MCE_KILL_GET:
	case PR_GET_FPEMU:
	case PR_GET_FPEXC:
	case PR_GET_TSC:
	case PR_SET_TSC:
	case PR_SCHED_CORE:
		return app_call_same(p);
	default:
		return -EINVAL;
	}
}

long sys_arch_prctl(struct priv *p)
{
	uint64_t zero = 0;

	switch (arg_u32(p, 0)) {
	case ARCH_SET_GS:
		return -EPERM;
	case ARCH_GET_GS:
		return copy_out(UADDR(arg(p, 1)), &zero, sizeof(zero)) ? -EFAULT : 0;
	default:
		return -EINVAL;
	}
}

/* A filter of the program's own: see docs/compatibility.md. */
long sys_seccomp(struct priv *p)
{
	(void)p;
	return -EINVAL;
}

long sys_chdir(struct priv *p)
{
	return app_call_same(p);
}

long sys_fchdir(struct priv *p)
{
	return app_call_same(p);
}

/*
 * Before the call: another thread may open a file meanwhile. Nor may a program
 * that locks itself up keep a way out through the monitor's descriptor.
 */
static long forget_root(struct priv *p)
{
	judge_forget_root();
	if (fd_reserve(RFD_SELF, RFD_ROOT, 0) != RFD_ROOT)
		die(DIE_SETUP, RFD_ROOT);
	return app_call_same(p);
}

long sys_chroot(struct priv *p)
{
	return forget_root(p);
}

long sys_pivot_root(struct priv *p)
{
	return forget_root(p);
}

long sys_unshare(struct priv *p)
{
	clone_pids_are_foreign();
	return forget_root(p);
}

long sys_setns(struct priv *p)
{
	clone_pids_are_foreign();
	return forget_root(p);
}

/* What is mounted over a directory is judged when it is opened. */
long sys_mount_family(struct priv *p)
{
	return app_call_same(p);
}
