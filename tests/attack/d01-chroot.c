/* SPDX-License-Identifier: MIT */
/*
 * Makes procfs the root directory, then opens /self/mem: in one thread of
 * several that has a root of its own, in a process that shares it with another,
 * and while another thread changes it.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/mount.h>
#include <sys/vfs.h>

static void try_open(const char *path, const char *how)
{
	long fd = raw(SYS_open, path, O_RDWR, 0);
	struct statfs fs;
	char buf[8];

	if (fd < 0)
		return;
	if (fstatfs((int)fd, &fs) == 0 && fs.f_type == 0x9fa0 &&
	    raw(SYS_pread64, fd, buf, sizeof(buf), env.secret) > 0)
		succeeded("%s: %s was opened", how, path);
	(void)raw(SYS_close, fd);
}

static volatile int stage;

static void *own_root(void *arg)
{
	(void)arg;
	if (unshare(CLONE_FS) || chroot("/proc")) {
		stage = 3;
		return NULL;
	}
	stage = 1;
	while (stage != 2)
		sched_yield();
	try_open("/self/mem", "a thread with a root of its own");
	try_open("/thread-self/mem", "a thread with a root of its own");
	stage = 3;
	return NULL;
}

static void threads(void *arg)
{
	(void)arg;
	thread(own_root, NULL);
	while (stage == 0)
		sched_yield();
	if (stage == 3)
		return;
	(void)umount2("", 0); /* the monitor looks at the root again: ours */
	(void)unshare(CLONE_FS);
	stage = 2;
	while (stage != 3)
		sched_yield();
}

static void *idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void shared_root(void *arg)
{
	pid_t pid;

	(void)arg;
	thread(idle, NULL);
	pid = (pid_t)raw(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		(void)!chroot("/proc");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	try_open("/self/mem", "a root that another process changed");
}

static void *opener(void *arg)
{
	(void)arg;
	for (;;)
		try_open("/self/mem", "a root that is being changed");
	return NULL;
}

static void race(void *arg)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);
	double until = seconds() + quick(2, 60);

	(void)arg;
	thread(opener, NULL);
	while (seconds() < until) {
		(void)!chroot("/proc");
		(void)!fchdir(root);
		(void)!chroot(".");
	}
}

void attack(void)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER))
		missing("neither root nor user namespaces");
	expect_blocked(in_child(threads, NULL), "threads");
	expect_blocked(in_child(shared_root, NULL), "CLONE_FS");
	expect_blocked(in_child(race, NULL), "a race");
}
