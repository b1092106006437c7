/* SPDX-License-Identifier: MIT */
/*
 * For the conformance programs: each prints the same on every run, natively
 * and under endorun, so whatever may vary is judged here and printed as a verdict.
 */
#ifndef CONFORMANCE_CONF_H
#define CONFORMANCE_CONF_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Sizes: CONF_SLOW is set on an emulated machine. */
static inline int size(int full, int slow)
{
	return getenv("CONF_SLOW") ? slow : full;
}

static inline void verdict(const char *what, bool good)
{
	printf("%s: %s\n", what, good ? "yes" : "NO");
	fflush(stdout);
}

#define CHECK(cond) verdict(#cond, cond)

static inline const char *errno_name(int err)
{
	return err ? strerrorname_np(err) : "0";
}

/* The result of a call that gives -1 and errno, for printing. */
static inline const char *result(long ret)
{
	static char text[4][32];
	static int turn;

	turn = (turn + 1) % 4;
	if (ret == -1)
		return errno_name(errno);
	snprintf(text[turn], sizeof(text[turn]), "%ld", ret);
	return text[turn];
}

static inline void handle_with(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};

	if (sigaction(sig, &sa, NULL))
		perror("sigaction");
}

static inline void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	if (sigaction(sig, &sa, NULL))
		perror("sigaction");
}

static inline sigset_t set_of(int sig, int sig2)
{
	sigset_t set;

	sigemptyset(&set);
	if (sig)
		sigaddset(&set, sig);
	if (sig2)
		sigaddset(&set, sig2);
	return set;
}

static inline void mask_how(int how, int sig)
{
	sigset_t set = set_of(sig, 0);

	if (sigprocmask(how, &set, NULL))
		perror("sigprocmask");
}

/* interval 0: once after first. Microseconds. */
static inline void itimer(int first, int interval)
{
	struct itimerval it = {.it_value = {.tv_usec = first},
			       .it_interval = {.tv_usec = interval}};

	if (setitimer(ITIMER_REAL, &it, NULL))
		perror("setitimer");
}

static inline void sleep_us(long us)
{
	struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static inline void print_status(const char *what, int status)
{
	if (WIFEXITED(status))
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		printf("%s: killed by %d%s\n", what, WTERMSIG(status),
		       WCOREDUMP(status) ? " core" : "");
	else if (WIFSTOPPED(status))
		printf("%s: stopped by %d\n", what, WSTOPSIG(status));
	else
		printf("%s: status %x\n", what, (unsigned)status);
	fflush(stdout);
}

/* Runs fn in a child process and prints how that ended. */
static inline void in_child(const char *what, void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	print_status(what, status);
}

#endif
