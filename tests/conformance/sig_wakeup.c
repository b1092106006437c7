/* SPDX-License-Identifier: MIT */
/*
 * No wake-up is lost: one-shot timers and signals from other threads and
 * processes race with every wait that takes a mask. A lost one hangs.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "conf.h"

static volatile sig_atomic_t got;
static int epfd;

static void on_signal(int sig)
{
	(void)sig;
	got++;
}

static int wait_suspend(const sigset_t *mask)
{
	return sigsuspend(mask);
}

static int wait_ppoll(const sigset_t *mask)
{
	return ppoll(NULL, 0, NULL, mask);
}

static int wait_pselect(const sigset_t *mask)
{
	return pselect(0, NULL, NULL, NULL, NULL, mask);
}

static int wait_epoll(const sigset_t *mask)
{
	struct epoll_event ev;

	return epoll_pwait(epfd, &ev, 1, -1, mask);
}

static int wait_epoll2(const sigset_t *mask)
{
	struct epoll_event ev;

	return (int)syscall(SYS_epoll_pwait2, epfd, &ev, 1, NULL, mask, 8);
}

/* Microseconds 1 .. 100, another one each time. */
static int vary(int i)
{
	return 1 + i * 37 % 100;
}

static void timer_race(const char *name, int (*wait)(const sigset_t *), int rounds)
{
	sigset_t empty = set_of(0, 0), now;
	int wrong = 0;

	mask_how(SIG_BLOCK, SIGALRM);
	for (int i = 0; i < rounds; i++) {
		got = 0;
		itimer(vary(i), 0);
		if (wait(&empty) != -1 || errno != EINTR || got != 1)
			wrong++;
		sigprocmask(SIG_BLOCK, NULL, &now);
		if (!sigismember(&now, SIGALRM))
			wrong++;
	}
	mask_how(SIG_UNBLOCK, SIGALRM);
	printf("timer against %s: %d wrong\n", name, wrong);
	fflush(stdout);
}

/* The signal is there before the wait begins. */
static void pending_before(const char *name, int (*wait)(const sigset_t *), int rounds)
{
	sigset_t empty = set_of(0, 0);
	int wrong = 0;

	mask_how(SIG_BLOCK, SIGUSR1);
	for (int i = 0; i < rounds; i++) {
		got = 0;
		raise(SIGUSR1);
		if (got || wait(&empty) != -1 || errno != EINTR || got != 1)
			wrong++;
	}
	mask_how(SIG_UNBLOCK, SIGUSR1);
	printf("pending before %s: %d wrong\n", name, wrong);
	fflush(stdout);
}

static void kill_ping_pong(int rounds)
{
	sigset_t wait_mask = set_of(0, 0);
	pid_t other;
	int status;

	mask_how(SIG_BLOCK, SIGUSR1);
	got = 0;
	other = fork();
	if (!other) {
		for (int i = 0; i < rounds; i++) {
			while (!got)
				sigsuspend(&wait_mask);
			got = 0;
			kill(getppid(), SIGUSR1);
		}
		_exit(7);
	}
	for (int i = 0; i < rounds; i++) {
		kill(other, SIGUSR1);
		while (!got)
			sigsuspend(&wait_mask);
		got = 0;
	}
	waitpid(other, &status, 0);
	print_status("ping-pong of processes", status);
	mask_how(SIG_UNBLOCK, SIGUSR1);
}

static pthread_t main_thread;
static int thread_rounds;
static __thread volatile sig_atomic_t mine;

static void on_mine(int sig)
{
	(void)sig;
	mine++;
}

static void wait_mine(void)
{
	sigset_t empty = set_of(0, 0);

	while (!mine)
		ppoll(NULL, 0, NULL, &empty);
	mine = 0;
}

static void *pong(void *unused)
{
	for (int i = 0; i < thread_rounds; i++) {
		wait_mine();
		pthread_kill(main_thread, SIGUSR2);
	}
	return unused;
}

static void thread_ping_pong(int rounds)
{
	pthread_t other;

	handle(SIGUSR2, on_mine, 0);
	mask_how(SIG_BLOCK, SIGUSR2);
	main_thread = pthread_self();
	thread_rounds = rounds;
	pthread_create(&other, NULL, pong, NULL);
	for (int i = 0; i < rounds; i++) {
		pthread_kill(other, SIGUSR2);
		wait_mine();
	}
	pthread_join(other, NULL);
	printf("ping-pong of threads: done\n");
	fflush(stdout);
	mask_how(SIG_UNBLOCK, SIGUSR2);
}

static void pause_loop(int rounds)
{
	int wrong = 0;

	got = 0;
	itimer(300, 300);
	for (int i = 0; i < rounds; i++)
		wrong += pause() != -1 || errno != EINTR;
	itimer(0, 0);
	printf("pause: %d wrong, at least as many signals: %s\n", wrong,
	       got >= rounds ? "yes" : "NO");
	fflush(stdout);
}

static void timed_wait(int rounds)
{
	sigset_t set = set_of(SIGALRM, SIGUSR1);
	struct timespec none = {0};
	int wrong = 0;
	siginfo_t si;

	sigprocmask(SIG_BLOCK, &set, NULL);
	got = 0;
	for (int i = 0; i < rounds; i++) {
		itimer(vary(i), 0);
		wrong += sigwaitinfo(&set, &si) != SIGALRM || si.si_code != SI_KERNEL;
	}
	printf("sigwaitinfo: %d wrong, handler %d, ", wrong, (int)got);
	printf("then %s\n", result(sigtimedwait(&set, &si, &none)));
	fflush(stdout);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Unblocked and blocked again: whatever came meanwhile has been handled. */
static void unblock_loop(int rounds)
{
	int wrong = 0;

	mask_how(SIG_BLOCK, SIGUSR1);
	for (int i = 0; i < rounds; i++) {
		got = 0;
		raise(SIGUSR1);
		wrong += got;
		mask_how(SIG_UNBLOCK, SIGUSR1);
		wrong += got != 1;
		mask_how(SIG_BLOCK, SIGUSR1);
	}
	mask_how(SIG_UNBLOCK, SIGUSR1);
	printf("unblock: %d wrong\n", wrong);
	fflush(stdout);
}

int main(void)
{
	static const struct {
		const char *name;
		int (*wait)(const sigset_t *);
	} waits[] = {{"sigsuspend", wait_suspend},
		     {"ppoll", wait_ppoll},
		     {"pselect", wait_pselect},
		     {"epoll_pwait", wait_epoll},
		     {"epoll_pwait2", wait_epoll2}};

	epfd = epoll_create1(0);
	handle(SIGALRM, on_signal, 0);
	handle(SIGUSR1, on_signal, 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		timer_race(waits[i].name, waits[i].wait, size(5000, 200));
		pending_before(waits[i].name, waits[i].wait, size(2000, 50));
	}
	unblock_loop(size(10000, 100));
	timed_wait(size(2000, 100));
	pause_loop(size(2000, 100));
	kill_ping_pong(size(5000, 100));
	thread_ping_pong(size(5000, 100));
	return 0;
}
