/* SPDX-License-Identifier: MIT */
/*
 * d18, e01, c18: every call of the table with an address of the monitor in each
 * pointer argument, and in none: what the kernel or the monitor reads or
 * writes there it does on behalf of the program. Paths, structures and
 * results: none may succeed, the secret must not show in a file's name.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: none: a naive monitor would have to be written to be fooled */
#include "attack.h"

#include <dirent.h>

struct call {
	int nr;
	const char *name, *args;
	bool mediated;
};

#define KIND_NATIVE false
#define KIND_MEDIATED true
#define KIND_COND true
#define KIND_DENY false
#define KIND_DENYIF true
static const struct call calls[] = {
#define SYS(nr, name, class, when, what, args, note) {nr, #name, args, KIND_##class},
#include "monitor/syscalls.def"
};

/* Would end or stop the test itself, or change what it needs. */
static bool is_unsafe(const char *name)
{
	// clang-format off
	static const char *const names[] = {
		"exit", "exit_group", "vfork", "pause", "rt_sigsuspend", "rt_sigreturn",
		"reboot", "kill", "tkill", "tgkill", "vhangup", "setsid", "restart_syscall",
		"sync", "select", "poll", "sched_setaffinity", "sched_setscheduler",
		"sched_setattr", "shutdown", "syncfs", "close_range", "sethostname",
		"setdomainname", "settimeofday", "fork", "clock_settime", "adjtimex",
		"clock_adjtime", "clone", "clone3", "quotactl", "mlockall", "pselect6",
		"ppoll", "wait4", "waitid", "semtimedop", "semop", "munmap", "alarm",
		"setitimer", "unshare", "setns", "brk", "getrandom", "munlockall",
		"epoll_wait", "epoll_pwait", "epoll_pwait2", "nanosleep", "umount2", "chroot",
		"pivot_root", "prlimit64", "setrlimit", "set_tid_address", "dup2", "dup3",
		"close", "read", "flock", "accept", "sendfile", "arch_prctl", "mseal",
		"mprotect", "mmap", "mremap", "pkey_mprotect", "setuid", "setgid", "setreuid",
		"setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "capset",
		"personality", "acct", "syslog",
	};
	// clang-format on
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_pointer(char c)
{
	return c == 'p' || c == 'o' || c == 'b' || c == 's';
}

static const struct call *now;
static char *scratch;

/* One argument points at the target; the others are harmless. */
static void one(const struct call *c, int which, uint64_t target)
{
	long a[6] = {0};
	long ret;

	for (int i = 0; i < 6 && c->args[i]; i++)
		a[i] = is_pointer(c->args[i]) ? (long)(scratch + 512 * i)
		       : c->args[i] == 'l'    ? 8
					      : 0;
	a[which] = (long)target;
	ret = raw_syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (ret >= 0 && c->args[which] == 'o' && c->mediated)
		succeeded("%s: argument %d was written at %#lx", c->name, which,
			  (unsigned long)target);
	if (ret >= 0 && c->args[which] == 's')
		succeeded("%s: argument %d was read at %#lx", c->name, which,
			  (unsigned long)target);
}

static void fuzz(void *arg)
{
	const uint64_t targets[] = {
		env.secret,   env.secret - 1, (env.secret & ~(PAGE - 1)) + PAGE - 1,
		env.readable, env.gate,	      GATE_GUARD + 4095};

	(void)arg;
	alarm(100);
	scratch = pages(4);
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		now = &calls[i];
		if (is_unsafe(now->name) || (!now->mediated && !env.full))
			continue;
		for (int which = 0; which < 6 && now->args[which]; which++)
			for (size_t t = 0; is_pointer(now->args[which]) && t < 6; t++)
				if (t < 3 || now->args[which] == 'o' || now->args[which] == 'b')
					one(now, which, targets[t]);
	}
	check_secret("the fuzzer");
}

/* The calls whose arguments need care. */
static void by_hand(void *arg)
{
	char *argv[] = {(char *)env.secret, NULL}, *plain[] = {"x", NULL};
	uint64_t act[4] = {0};
	char link[16];

	(void)arg;
	for (int sig = 1; sig < 65; sig++) {
		if (raw(SYS_rt_sigaction, sig, env.secret, 0, 8) >= 0 ||
		    raw(SYS_rt_sigaction, sig, 0, env.secret, 8) >= 0 ||
		    raw(SYS_rt_sigaction, sig, 0, env.readable, 8) >= 0)
			succeeded("rt_sigaction(%d)", sig);
	}
	for (long size = 0; size <= 16; size += 4)
		if (size != 8 && raw(SYS_rt_sigaction, SIGUSR1, act, 0, size) >= 0)
			succeeded("rt_sigaction with %ld bytes", size);
	if (raw(SYS_rt_sigprocmask, 0, env.secret, 0, 8) >= 0 ||
	    raw(SYS_rt_sigprocmask, 0, 0, env.secret, 8) >= 0 ||
	    raw(SYS_sigaltstack, env.secret, 0) >= 0 || raw(SYS_sigaltstack, 0, env.secret) >= 0)
		succeeded("a signal structure in the arena");
	if (raw(SYS_arch_prctl, 0x1003 /* GET_FS */, env.secret) >= 0 ||
	    raw(SYS_arch_prctl, 0x1004 /* GET_GS */, env.secret) >= 0)
		succeeded("arch_prctl wrote to the arena");
	if (raw(SYS_open, env.secret, O_CREAT | O_RDWR, 0600) >= 0 ||
	    raw(SYS_symlink, env.secret, "name") >= 0 ||
	    raw(SYS_memfd_create, env.secret, 0) >= 0 ||
	    raw(SYS_prctl, PR_SET_NAME, env.secret, 0, 0, 0) >= 0)
		succeeded("the secret became a name");
	if (raw(SYS_execve, env.secret, plain, environ) >= 0 ||
	    raw(SYS_execve, "/bin/echo", argv, environ) >= 0 ||
	    raw(SYS_execve, "/bin/echo", env.secret, environ) >= 0)
		succeeded("execve");
	if (raw(SYS_readlink, "/proc/self/exe", env.secret, 8) >= 0 ||
	    raw(SYS_readlink, env.secret, link, 8) >= 0)
		succeeded("readlink");
	if (raw(SYS_set_tid_address, env.secret) >= 0 ||
	    raw(SYS_set_robust_list, env.secret, 24) >= 0)
		succeeded("an address for the kernel's last writes");
	if (raw(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, env.secret, 0, 0) > 0 &&
	    can_read(env.secret))
		succeeded("clone");
}

void attack(void)
{
	DIR *dir;
	struct dirent *entry;

	expect_blocked(in_child(by_hand, NULL), "by hand");
	if (WIFSIGNALED(in_child(fuzz, NULL)))
		broken("the fuzzer was killed");
	dir = opendir(".");
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, "name") == 0)
			succeeded("the secret became a link");
}
