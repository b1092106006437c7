/* SPDX-License-Identifier: MIT */
/*
 * h09, h10: every way to start a program: none may run outside. Also with a
 * false /proc/self/exe, with no argv, by the dynamic loader, as a script, from
 * a memfd, through endorun with options that ask for less.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: without endorun there is no outside */
#include "attack.h"

#include <sys/mount.h>

/* In the new program. */
void attack_again(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (rdgs() == 0)
		succeeded("a program runs without endorun");
	if (raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0)
		succeeded("a program runs without dispatch");
	if (getenv("ATTACK_ISOLATION") && !strcmp(getenv("ATTACK_ISOLATION"), "keys") &&
	    (can_read(env.secret) || can_write(env.secret)))
		succeeded("a program runs without keys");
	_exit(0);
}

static int copy_self(void)
{
	int in = open(env.self, O_RDONLY), out = (int)syscall(SYS_memfd_create, "copy", 0);
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			break;
	close(in);
	return out;
}

static void way(void *arg)
{
	char *argv[] = {(char *)env.self, "again", NULL}, path[64], text[4200];
	const char *endorun = getenv("ATTACK_ENDORUN");
	int fd;

	switch ((int)(intptr_t)arg) {
	case 0:
		execve(env.self, argv, environ);
		break;
	case 1:
		fd = copy_self();
		raw(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		break;
	case 2:
		fd = copy_self();
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		execve(path, argv, environ);
		break;
	case 3:
		fd = open(env.self, O_PATH);
		raw(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH | 1l << 32);
		break;
	case 4:
		snprintf(text, sizeof(text), "#!%s again\n", env.self);
		(void)write_file("script", text);
		execve("script", argv, environ);
		break;
	case 5:
		snprintf(text, sizeof(text), "#!./script\n");
		(void)write_file("script2", text);
		execve("script2", argv, environ);
		break;
	case 6:
		execl(endorun, endorun, "-q", "--isolation=none", env.self, "again", NULL);
		break;
	case 7:
		execl("/proc/self/exe", env.self, "again", NULL);
		break;
	case 8: /* endorun itself, by its reserved descriptor */
		snprintf(text, sizeof(text), "/proc/self/fd/%d", RFD_SELF);
		execl(text, "x", "--isolation=none", env.self, "again", NULL);
		break;
	case 9:
		raw(SYS_execveat, RFD_SELF, "",
		    ((char *[]){"x", "--isolation=none", (char *)env.self, "again", NULL}), environ,
		    AT_EMPTY_PATH);
		break;
	case 10:
		if (vfork() == 0) {
			execve(env.self, argv, environ);
			_exit(0);
		}
		break;
	case 11:
		putenv("LD_PRELOAD=/evil.so");
		putenv("ENDORUN_ISOLATION=none");
		execve(env.self, argv, environ);
		break;
	default: /* no argv at all: attack() finds the variable */
		putenv("ATTACK_NO_ARGV=1");
		argv[0] = NULL;
		raw(SYS_execve, env.self, NULL, environ);
		raw(SYS_execve, env.self, argv, environ);
		_exit(0);
	}
}

static void *by_thread(void *arg)
{
	way(arg);
	return NULL;
}

static void in_thread(void *arg)
{
	pthread_join(thread(by_thread, arg), NULL);
}

/* /proc is ours, and /proc/self/exe this program. */
static void false_proc(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)))
		return;
	(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("t", "/proc", "tmpfs", 0, NULL) || mkdir("/proc/self", 0755) ||
	    symlink(env.self, "/proc/self/exe"))
		return;
	execl("/proc/self/exe", env.self, "again", NULL);
	execl(env.self, env.self, "again", NULL);
}

static void bad_rfd(void *arg)
{
	int evil = copy_self();

	(void)arg;
	for (int fd = RFD_BASE; fd < RFD_BASE + RFD_COUNT; fd++) {
		(void)raw(SYS_dup2, evil, fd);
		(void)raw(SYS_dup3, evil, fd | 9l << 32, 0);
		(void)raw(SYS_close, fd);
		(void)raw(SYS_close, fd | 5l << 32);
		(void)raw(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
		(void)raw(SYS_ioctl, fd, 0x5451 /* FIOCLEX */, 0);
	}
	(void)raw(SYS_close_range, 3, ~0u, 0);
	(void)raw(SYS_close_range, RFD_BASE, RFD_BASE + RFD_COUNT, 4 /* CLOEXEC */);
	(void)raw(SYS_close_range, 3, ~0u, 2 /* UNSHARE */);
	way((void *)0);
}

void attack(void)
{
	if (getenv("ATTACK_NO_ARGV"))
		attack_again(0, NULL);
	for (intptr_t i = 0; i <= 12; i++) {
		expect_blocked(in_child(way, (void *)i), "exec");
		if (env.full || !env.keys)
			expect_blocked(in_child(in_thread, (void *)i), "exec in a thread");
	}
	expect_blocked(in_child(false_proc, NULL), "a false /proc");
	expect_blocked(in_child(bad_rfd, NULL), "reserved descriptors");
}
