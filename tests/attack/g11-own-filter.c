/* SPDX-License-Identifier: MIT */
/*
 * g11, g12: the program installs seccomp filters of its own, which lie to the
 * monitor, and asks for a listener, through which descriptors could be put
 * over reserved ones. Then forbidden things again.
 */
/* Isolation: any */
/* Blocked: 0 | 125 | SIGSYS */
/* Control: 42 */
#include "attack.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

static const int targets[] = {SYS_rt_sigaction,	 SYS_mmap,	 SYS_mprotect,	  SYS_fstat,
			      SYS_fstatfs,	 SYS_readlinkat, SYS_prctl,	  SYS_fcntl,
			      SYS_dup3,		 SYS_pread64,	 SYS_sigaltstack, SYS_clone,
			      SYS_rt_sigprocmask};

static long install(int nr, uint32_t what, long flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, what),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = 4, .filter = code};
	long ret = raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	return ret < 0 ? raw(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) : ret;
}

static void use_mem(const char *how)
{
	char buf[8];
	int fd = (int)raw(SYS_open, "/proc/self/mem", O_RDWR, 0);

	if (fd >= 0 && raw(SYS_pread64, fd, buf, sizeof(buf), env.secret) > 0)
		succeeded("%s: /proc/self/mem was opened", how);
}

static void lie(void *arg)
{
	int nr = targets[(intptr_t)arg];
	uint8_t *p = pages(1);

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)install(nr, SECCOMP_RET_ERRNO, 0);
	use_mem("a filter that lies");
	memcpy(p, open_pkru, sizeof(open_pkru));
	if (env.keys && make_executable(p, PAGE) == 0)
		(void)run_code(p, 0, 0);
	if (env.keys && rdpkru() != env.pkru)
		succeeded("a filter that lies about %d: PKRU is %#x", nr, rdpkru());
	if (raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0 && nr != SYS_prctl)
		succeeded("dispatch was switched off");
}

/* A supervisor puts its descriptor over a reserved one of another process. */
static void listener(void *arg)
{
	struct seccomp_notif_addfd add = {.flags = SECCOMP_ADDFD_FLAG_SETFD, .newfd = RFD_SELF};
	long fd;

	(void)arg;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = install(SYS_getppid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (fd < 0)
		_exit(0);
	for (long nr = RFD_BASE; nr < RFD_BASE + RFD_COUNT; nr++) {
		add.newfd = (uint32_t)nr;
		if (raw(SYS_ioctl, fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) != -EPERM)
			succeeded("NOTIF_ADDFD over %ld was not refused", nr);
	}
}

static void strict(void *arg)
{
	(void)arg;
	(void)raw(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
	use_mem("strict mode");
	(void)raw(SYS_exit_group, 0);
}

void attack(void)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		int status = in_child(lie, (void *)i);

		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			broken("filter %zu: a hang", i);
	}
	(void)in_child(listener, NULL);
	(void)in_child(strict, NULL);
}
