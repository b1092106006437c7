/* SPDX-License-Identifier: MIT */
/* BUILD: static */
/*
 * restricted WHAT COMMAND...: runs COMMAND where something is already forbidden or
 * in force. WHAT is
 *     lie:NR      a seccomp filter that says that system call NR succeeded
 *     deny:NR     ... that it failed with EPERM
 *     kill:NR     ... that kills the process
 *     trap:NR     ... that raises SIGSYS
 *     allow       a seccomp filter that allows everything
 *     sud         Syscall User Dispatch is on while COMMAND is executed
 *     newprivs    no_new_privs is set
 *     closed      descriptors 0, 1 and 2 are closed
 *     blocked     all signals are blocked, those that can be are ignored
 *     noargs      COMMAND gets an empty argument vector
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static volatile char selector;

static int install(unsigned int nr, unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static int block_all(void)
{
	sigset_t all;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
	sigfillset(&all);
	return sigprocmask(SIG_SETMASK, &all, NULL);
}

static int restrict_to(const char *what)
{
	const char *nr = strchr(what, ':');
	unsigned int number = nr ? (unsigned int)atoi(nr + 1) : 0;

	if (!strncmp(what, "lie:", 4))
		return install(number, SECCOMP_RET_ERRNO);
	if (!strncmp(what, "deny:", 5))
		return install(number, SECCOMP_RET_ERRNO | EPERM);
	if (!strncmp(what, "kill:", 5))
		return install(number, SECCOMP_RET_KILL_PROCESS);
	if (!strncmp(what, "trap:", 5))
		return install(number, SECCOMP_RET_TRAP);
	if (!strcmp(what, "allow"))
		return install(0, SECCOMP_RET_ALLOW);
	if (!strcmp(what, "sud"))
		return prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0UL, 0UL, &selector);
	if (!strcmp(what, "newprivs"))
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(what, "closed")) {
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		return 0;
	}
	if (!strcmp(what, "blocked"))
		return block_all();
	errno = EINVAL;
	return strcmp(what, "noargs") ? -1 : 0;
}

int main(int argc, char **argv)
{
	static char *none[] = {NULL};

	if (argc < 3)
		return 2;
	if (restrict_to(argv[1])) {
		perror(argv[1]);
		return 3;
	}
	execv(argv[2], strcmp(argv[1], "noargs") ? argv + 2 : none);
	return 4;
}
