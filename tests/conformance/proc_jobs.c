/* SPDX-License-Identifier: MIT */
/*
 * Processes: groups, sessions, stopping and continuing, death of the parent,
 * daemons, wait's variants, pipelines.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "conf.h"

static volatile sig_atomic_t got, stops;

static void on_signal(int sig)
{
	got = sig;
}

static void on_stop(int sig)
{
	stops++;
	signal(SIGTSTP, SIG_DFL);
	mask_how(SIG_UNBLOCK, SIGTSTP);
	raise(sig);
	handle(SIGTSTP, on_stop, SA_RESTART);
}

static void print_next(const char *what, pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, WUNTRACED | WCONTINUED) != pid)
		printf("%s: waitpid failed\n", what);
	else if (WIFCONTINUED(status))
		printf("%s: continued\n", what);
	else
		print_status(what, status);
	fflush(stdout);
}

static int go[2];

/* Until the parent has seen what happened before. */
static void wait_for_go(void)
{
	char c;

	while (read(go[0], &c, 1) != 1)
		;
}

static void stop_and_go(void)
{
	pid_t pid;

	fflush(stdout);
	if (pipe(go))
		return;
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		raise(SIGSTOP);
		wait_for_go();
		handle(SIGTSTP, on_stop, SA_RESTART);
		raise(SIGTSTP);
		wait_for_go();
		signal(SIGTTIN, SIG_DFL);
		raise(SIGTTIN);
		wait_for_go();
		handle(SIGCONT, on_signal, 0);
		raise(SIGTTOU);
		wait_for_go();
		_exit(got == SIGCONT ? 10 + stops : 1);
	}
	for (int i = 0; i < 4; i++) {
		print_next("stops", pid);
		kill(pid, SIGCONT);
		print_next("goes on", pid);
		if (write(go[1], "g", 1) != 1)
			return;
	}
	print_next("ends", pid);
}

/* A stop in the middle of calls and of waits must not change them. */
static void stopped_in_calls(int rounds)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		sigset_t none = set_of(0, 0);
		int wrong = 0;

		handle(SIGUSR1, on_signal, 0);
		mask_how(SIG_BLOCK, SIGUSR1);
		while (!got) {
			struct timespec t = {.tv_nsec = 100000};
			int fd = open("/dev/null", O_RDONLY);

			wrong += fd < 0 || close(fd);
			pselect(0, NULL, NULL, NULL, &t, &none);
		}
		_exit(wrong ? 1 : 13);
	}
	for (int i = 0; i < rounds; i++) {
		kill(pid, SIGSTOP);
		sleep_us(100);
		kill(pid, SIGCONT);
		sleep_us(300);
	}
	kill(pid, SIGUSR1);
	waitpid(pid, &status, 0);
	print_status("stopped in its calls", status);
}

static void groups(void)
{
	int status, n = 0;
	pid_t leader = 0;

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			setpgid(0, leader);
			for (;;)
				pause();
		}
		setpgid(pid, leader ? leader : pid);
		leader = leader ? leader : pid;
	}
	kill(-leader, SIGTERM);
	while (waitpid(-leader, &status, 0) > 0)
		n += WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	printf("group of %d killed, then %s\n", n, result(kill(-leader, 0)));
}

static void session(void)
{
	printf("setsid: %d", setsid() == getpid());
	printf(", again %s, group %d\n", result(setsid()), getpgrp() == getpid());
}

static void parent_dies(void)
{
	int fds[2], ret;
	char c = 0;

	if (pipe(fds))
		return;
	fflush(stdout);
	if (!fork()) {
		pid_t parent = getpid();

		if (!fork()) {
			close(fds[0]);
			handle(SIGUSR2, on_signal, 0);
			prctl(PR_SET_PDEATHSIG, SIGUSR2);
			while (!got && getppid() == parent)
				sleep_us(500);
			sleep_us(5000);
			c = (char)got;
			_exit(write(fds[1], &c, 1) != 1);
		}
		sleep_us(size(10000, 100000));
		_exit(0);
	}
	close(fds[1]);
	wait(NULL);
	ret = (int)read(fds[0], &c, 1);
	printf("death of the parent: %d, signal %d\n", ret, c);
	close(fds[0]);
}

static void daemonize(void)
{
	int fds[2];
	char text[100] = "";
	ssize_t n;

	if (pipe(fds))
		return;
	fflush(stdout);
	if (!fork()) {
		setsid();
		if (fork())
			_exit(0);
		close(fds[0]);
		if (daemon(1, 1))
			_exit(1);
		n = snprintf(text, sizeof(text), "leader %d", getsid(0) == getpid());
		_exit(write(fds[1], text, (size_t)n) != n);
	}
	close(fds[1]);
	wait(NULL);
	n = read(fds[0], text, sizeof(text) - 1);
	printf("daemon: %s\n", n > 0 ? text : "nothing");
	close(fds[0]);
}

static void waits(void)
{
	siginfo_t si = {0};
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(200);
	printf("waitid: %s", result(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT)));
	printf(" %d %d", si.si_code, si.si_status);
	printf(" wait4: %s", wait4(pid, &status, 0, &usage) == pid ? "right" : "WRONG");
	printf(" again: %s", result(waitpid(pid, &status, 0)));
	printf(" bad options: %s", result(waitpid(-1, &status, 0x1000)));
	pid = fork();
	if (!pid) {
		sleep_us(size(20000, 100000));
		_exit(1);
	}
	printf(" no hang: %s", result(waitpid(pid, &status, WNOHANG)));
	printf(" then: %s\n", waitpid(pid, &status, 0) == pid ? "right" : "WRONG");
}

static void pipeline(int stages, int bytes)
{
	int in = open("/dev/zero", O_RDONLY), status, wrong = 0;
	long sum = 0;
	ssize_t n;
	char buf[4096];

	fflush(stdout);
	for (int i = 0; i < stages; i++) {
		int fds[2];

		if (pipe(fds))
			return;
		if (!fork()) {
			int left = bytes;

			close(fds[0]);
			while ((n = read(in, buf, left < 4096 && !i ? (size_t)left : 4096)) > 0) {
				for (int k = 0; k < n; k++)
					buf[k]++;
				if (write(fds[1], buf, (size_t)n) != n)
					_exit(1);
				left -= (int)n;
			}
			_exit(0);
		}
		close(in);
		close(fds[1]);
		in = fds[0];
	}
	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (int k = 0; k < n; k++)
			sum += buf[k];
	close(in);
	while (wait(&status) > 0)
		wrong += status != 0;
	printf("pipeline: sum %ld, %d wrong\n", sum, wrong);
}

static void die_of_pipe(void)
{
	int fds[2];

	if (!pipe(fds) && !close(fds[0]) && write(fds[1], "x", 1) < 0)
		puts("goes on");
}

static void die_of_cpu(void)
{
	struct rlimit limit = {.rlim_cur = 1, .rlim_max = 2};

	setrlimit(RLIMIT_CPU, &limit);
	for (volatile long i = 0;; i++)
		;
}

static void die_of_size(void)
{
	struct rlimit limit = {.rlim_cur = 100, .rlim_max = 100};
	char text[200] = "";
	int fd = open("limited", O_CREAT | O_WRONLY, 0600);

	setrlimit(RLIMIT_FSIZE, &limit);
	printf("%s", result(write(fd, text, sizeof(text))));
	printf(" %s\n", result(write(fd, text, sizeof(text))));
}

static void fork_signals(void)
{
	sigset_t pending;
	int status;
	pid_t pid;

	handle(SIGUSR1, on_signal, 0);
	mask_how(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		got = 0;
		sigpending(&pending);
		status = sigismember(&pending, SIGUSR1) ? 1 : 40;
		mask_how(SIG_UNBLOCK, SIGUSR1);
		status += got;
		raise(SIGUSR1);
		_exit(status + got);
	}
	waitpid(pid, &status, 0);
	print_status("pending signals are not inherited, handlers are", status);
	mask_how(SIG_UNBLOCK, SIGUSR1);
}

int main(void)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	stop_and_go();
	stopped_in_calls(size(500, 20));
	groups();
	in_child("session", session);
	parent_dies();
	daemonize();
	waits();
	pipeline(6, size(4000000, 40000));
	in_child("SIGPIPE", die_of_pipe);
	in_child("CPU limit", die_of_cpu);
	in_child("file size limit", die_of_size);
	fork_signals();
	return 0;
}
