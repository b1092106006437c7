/* SPDX-License-Identifier: MIT */
/*
 * The mask that a wait brings along: in force in the wait and during delivery,
 * gone afterwards; signals it blocks stay pending.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "conf.h"

static char trace[1024];
static int pipefd[2], epfd;

static void note(const char *format, int a)
{
	size_t n = strlen(trace);

	snprintf(trace + n, sizeof(trace) - n, format, a);
}

static void note_set(const sigset_t *set)
{
	for (int sig = 1; sig < 64; sig++)
		if (sigismember(set, sig) == 1)
			note(" %d", sig);
}

static void on_signal(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	sigset_t now;

	(void)si;
	note("[%d saved", sig);
	note_set(&uc->uc_sigmask);
	sigprocmask(SIG_BLOCK, NULL, &now);
	note(" now%.0d", 0);
	note_set(&now);
	note("]%.0d", 0);
}

static void show(const char *what, long ret)
{
	sigset_t now, pending;

	printf("%s: %s, %s, mask", what, trace, result(ret));
	trace[0] = 0;
	sigprocmask(SIG_BLOCK, NULL, &now);
	note_set(&now);
	printf("%s, pending", trace);
	trace[0] = 0;
	sigpending(&pending);
	note_set(&pending);
	printf("%s\n", trace);
	fflush(stdout);
	trace[0] = 0;
}

static long wait_by(int kind, const sigset_t *mask, const struct timespec *t)
{
	struct pollfd pfd = {.fd = pipefd[0], .events = POLLIN};
	struct epoll_event ev;
	fd_set in;

	FD_ZERO(&in);
	FD_SET(pipefd[0], &in);
	switch (kind) {
	case 0:
		return sigsuspend(mask);
	case 1:
		return ppoll(&pfd, 1, t, mask);
	case 2:
		return pselect(pipefd[0] + 1, &in, NULL, NULL, t, mask);
	case 3:
		return epoll_pwait(epfd, &ev, 1, t ? (int)(t->tv_nsec / 1000000) : -1, mask);
	default:
		return syscall(SYS_epoll_pwait2, epfd, &ev, 1, t, mask, 8);
	}
}

static const char *const kinds[] = {"sigsuspend", "ppoll", "pselect", "epoll_pwait",
				    "epoll_pwait2"};

static void one_kind(int kind)
{
	const struct timespec brief = {.tv_nsec = 2000000};
	sigset_t block = set_of(SIGUSR1, SIGUSR2), mask = set_of(SIGUSR2, SIGHUP),
		 none = set_of(0, 0);
	char c;

	printf("-- %s\n", kinds[kind]);
	sigprocmask(SIG_SETMASK, &block, NULL);
	/* USR1 let through, USR2 not. */
	raise(SIGUSR1);
	raise(SIGUSR2);
	show("one pending of two", wait_by(kind, &mask, NULL));
	show("both", wait_by(kind, &none, NULL));
	raise(SIGUSR2);
	raise(SIGUSR1);
	show("both at once", wait_by(kind, &none, NULL));
	if (kind) {
		raise(SIGUSR2);
		show("time-out, blocked one pending", wait_by(kind, &mask, &brief));
		if (write(pipefd[1], "x", 1) != 1)
			return;
		show("ready, blocked one pending", wait_by(kind, &mask, &brief));
		show("ready, let through", wait_by(kind, &none, &brief));
		raise(SIGUSR2);
		show("no mask", wait_by(kind, NULL, &brief));
		if (read(pipefd[0], &c, 1) != 1)
			return;
		show("no mask, not ready", wait_by(kind, NULL, &brief));
		show("let through", wait_by(kind, &none, NULL));
	}
	/* A timer during the wait; then one that the wait's mask blocks. */
	itimer(3000, 0);
	show("timer", wait_by(kind, &mask, NULL));
	mask = set_of(SIGALRM, 0);
	itimer(1, 0);
	sleep_us(3000);
	trace[0] = 0;
	raise(SIGUSR1);
	itimer(size(2000, 200000), 0);
	show("timer blocked by the mask, USR1 pending", wait_by(kind, &mask, NULL));
	sleep_us(size(3000, 250000));
	trace[0] = 0;
	sigprocmask(SIG_SETMASK, &none, NULL);
	trace[0] = 0;
}

static void ignored_and_default(void)
{
	sigset_t none = set_of(0, 0);

	/* Neither an ignored signal nor one whose default is nothing ends a wait. */
	signal(SIGWINCH, SIG_DFL);
	signal(SIGQUIT, SIG_IGN);
	for (int kind = 0; kind < 5; kind++) {
		pid_t pid = fork();

		if (!pid) {
			sleep_us(2000);
			kill(getppid(), SIGWINCH);
			kill(getppid(), SIGQUIT);
			sleep_us(2000);
			kill(getppid(), SIGHUP);
			_exit(0);
		}
		show(kinds[kind], wait_by(kind, &none, NULL));
		waitpid(pid, NULL, 0);
	}
	signal(SIGQUIT, SIG_DFL);
}

static void die_in_suspend(void)
{
	sigset_t none = set_of(0, 0);

	mask_how(SIG_BLOCK, SIGTERM);
	raise(SIGTERM);
	sigsuspend(&none);
}

static void suspend_in_handler(int sig)
{
	sigset_t none = set_of(0, 0);

	note("<%d", sig);
	raise(SIGHUP); /* blocked by sa_mask */
	sigsuspend(&none);
	note(">%.0d", 0);
}

static void nested(void)
{
	struct sigaction sa = {.sa_handler = suspend_in_handler};

	sa.sa_mask = set_of(SIGHUP, 0);
	sigaction(SIGTERM, &sa, NULL);
	raise(SIGTERM);
	show("sigsuspend within a handler", 0);
}

static void bad_arguments(void)
{
	static char junk[16];
	struct timespec bad = {.tv_nsec = 2000000000};
	sigset_t none = set_of(0, 0);

	printf("size: %s", result(syscall(SYS_rt_sigsuspend, &none, 4)));
	printf(" %s", result(syscall(SYS_ppoll, NULL, 0, NULL, &none, 7)));
	printf(" %s\n", result(syscall(SYS_epoll_pwait, epfd, junk, 1, 0, &none, 9)));
	printf("address: %s", result(syscall(SYS_rt_sigsuspend, 16, 8)));
	printf(" %s", result(syscall(SYS_ppoll, NULL, 0, NULL, 16, 8)));
	printf(" %s\n", result(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, 16)));
	printf("time: %s", result(syscall(SYS_ppoll, NULL, 0, &bad, &none, 8)));
	printf(" %s\n", result(syscall(SYS_ppoll, NULL, 0, 16, NULL, 8)));
	printf("epoll: %s", result(syscall(SYS_epoll_pwait, -1, junk, 1, 0, &none, 8)));
	printf(" %s\n", result(syscall(SYS_epoll_pwait, epfd, junk, 0, 0, &none, 8)));
}

/* Native order: the time left is written back by the raw call. */
static void time_left(void)
{
	struct timespec t = {.tv_sec = 5};
	sigset_t none = set_of(0, 0);

	mask_how(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	printf("raw ppoll: %s", result(syscall(SYS_ppoll, NULL, 0, &t, &none, 8)));
	printf(", some time left: %s\n", t.tv_sec == 4 ? "yes" : "NO");
	mask_how(SIG_UNBLOCK, SIGUSR1);
	trace[0] = 0;
}

int main(void)
{
	static const int sigs[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGALRM};
	struct epoll_event ev = {.events = EPOLLIN};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		handle_with(sigs[i], on_signal, SA_RESTART);
	if (pipe(pipefd))
		return 1;
	epfd = epoll_create1(0);
	epoll_ctl(epfd, EPOLL_CTL_ADD, pipefd[0], &ev);
	for (int kind = 0; kind < 5; kind++)
		one_kind(kind);
	ignored_and_default();
	in_child("killed in sigsuspend", die_in_suspend);
	nested();
	bad_arguments();
	time_left();
	return 0;
}
