/* SPDX-License-Identifier: MIT */
/*
 * Queued signals: order, values, siginfo; timers, signalfd, sigtimedwait,
 * children; hand-made frames for rt_sigreturn.
 */
#include <pthread.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "conf.h"

#define MANY 50

static int values[MANY * 8], signals[MANY * 8];
static volatile sig_atomic_t n;
static siginfo_t last;

static void collect(int sig, siginfo_t *si, void *ctx)
{
	(void)ctx;
	if (n < (int)(sizeof(values) / sizeof(values[0]))) {
		values[n] = si->si_value.sival_int;
		signals[n++] = sig;
	}
	last = *si;
}

static void print_collected(const char *what)
{
	printf("%s: %d:", what, (int)n);
	for (int i = 0; i < n; i++)
		printf(" %d=%d", signals[i], values[i]);
	printf("\n");
	fflush(stdout);
	n = 0;
}

static void queue_order(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < MANY; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = i});
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	print_collected("one signal, handlers interrupt each other");
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < MANY; i++)
		sigqueue(getpid(), SIGRTMIN + 1 + i % 4, (union sigval){.sival_int = i});
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	print_collected("four signals");
}

static void from_child(void)
{
	sigset_t block = set_of(SIGRTMIN, 0), none = set_of(0, 0);
	int status, wrong = 0;
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &block, NULL);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < MANY; i++)
			sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = i});
		_exit(9);
	}
	while (n < MANY)
		sigsuspend(&none);
	waitpid(pid, &status, 0);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	/* Several may come in one wait: each interrupts the one before. */
	for (int i = 0; i < MANY; i++)
		for (int k = 0; k < i; k++)
			wrong += values[i] == values[k];
	printf("from a child: sender %s, code %d, %d wrong\n",
	       last.si_pid == pid ? "right" : "WRONG", last.si_code, wrong);
	n = 0;
}

static void nothing(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	last = *si;
	n++;
}

static void child_info(void)
{
	static const int ends[] = {0, 3, -SIGKILL, -SIGTERM, -SIGSEGV};
	sigset_t block = set_of(SIGCHLD, 0), none = set_of(0, 0);

	sigprocmask(SIG_BLOCK, &block, NULL);
	handle_with(SIGCHLD, nothing, SA_NOCLDSTOP);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int status, end = ends[i];
		pid_t pid = fork();

		if (!pid) {
			signal(SIGSEGV, SIG_DFL);
			if (end < 0)
				kill(getpid(), -end);
			_exit(end);
		}
		sigsuspend(&none);
		waitpid(pid, &status, 0);
		printf("SIGCHLD code %d status %d pid %s uid %d\n", last.si_code, last.si_status,
		       last.si_pid == pid ? "right" : "WRONG", (int)last.si_uid);
	}
	n = 0;
	handle_with(SIGCHLD, nothing, SA_NOCLDWAIT);
	if (!fork())
		_exit(1);
	sigsuspend(&none);
	printf("with SA_NOCLDWAIT: %s\n", result(wait(NULL)));
	signal(SIGCHLD, SIG_IGN);
	if (!fork())
		_exit(1);
	printf("ignored: %s\n", result(wait(NULL)));
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	n = 0;
}

static void timers(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGRTMIN + 2,
			      .sigev_value.sival_int = 77};
	struct itimerspec it = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
	sigset_t block = set_of(SIGRTMIN + 2, 0), none = set_of(0, 0);
	timer_t t;

	sigprocmask(SIG_BLOCK, &block, NULL);
	for (int kind = 0; kind < 2; kind++) {
		int wrong = 0;

		ev.sigev_notify = kind ? SIGEV_THREAD_ID : SIGEV_SIGNAL;
		ev._sigev_un._tid = gettid();
		timer_create(CLOCK_MONOTONIC, &ev, &t);
		timer_settime(t, 0, &it, NULL);
		for (int i = 0; i < size(100, 10); i++) {
			n = 0;
			sigsuspend(&none);
			wrong += n != 1 || values[0] != 77 || last.si_code != SI_TIMER;
		}
		timer_delete(t);
		sleep_us(2000);
		printf("timer %d: %d wrong\n", kind, wrong);
	}
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	n = 0;
}

static void by_descriptor(void)
{
	sigset_t set = set_of(SIGRTMIN + 1, SIGUSR1);
	struct signalfd_siginfo si[4] = {0};
	struct timespec brief = {.tv_nsec = 1000000};
	siginfo_t info = {0};
	int fd;

	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	printf("signalfd: %s", result(read(fd, si, sizeof(si))));
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 1});
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 2});
	kill(getpid(), SIGUSR1);
	printf(" %s:", result(read(fd, si, sizeof(si))));
	for (int i = 0; i < 3; i++)
		printf(" %d=%d", (int)si[i].ssi_signo, si[i].ssi_int);
	printf("\nsigtimedwait: %s", result(sigtimedwait(&set, &info, &brief)));
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 3});
	printf(" %s", result(sigtimedwait(&set, &info, &brief)));
	printf(" value %d code %d\n", info.si_value.sival_int, info.si_code);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	n = 0;
}

static void forged(void)
{
	siginfo_t si = {.si_code = -42};

	si.si_value.sival_int = 5;
	printf("own code: %s", result(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si)));
	printf(" arrives as %d value %d", last.si_code, last.si_value.sival_int);
	printf(" bad signal: %s", result(syscall(SYS_rt_sigqueueinfo, getpid(), 99, &si)));
	printf(" no address: %s", result(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 16)));
	printf(" thread: %s\n",
	       result(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &si)));
	n = 0;
}

/* rt_sigreturn with a frame of the program's own making, without a signal. */
static uint64_t frame[64 + 128] __attribute__((aligned(64)));
static ucontext_t captured;
static volatile int returned;

static void capture(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	memcpy(frame + 1, ctx, 304);
	memcpy(&captured, ctx, 304);
}

static void land(void)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("landed, HUP %d TERM %d\n", sigismember(&now, SIGHUP), sigismember(&now, SIGTERM));
	fflush(stdout);
	_exit(5);
}

static void hand_made(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	ucontext_t *uc = (ucontext_t *)(frame + 1);

	handle_with(SIGUSR2, capture, 0);
	raise(SIGUSR2);
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)land;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)(stack + sizeof(stack) - 8);
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3000; /* IOPL: not for a program */
	uc->uc_mcontext.fpregs = NULL;
	((uint64_t *)uc)[37] = 1 << (SIGHUP - 1);
	__asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall" ::"r"(frame + 1) : "memory");
}

static void frame_missing(void)
{
	__asm__ volatile("mov $0x20000, %esp\n\tmov $15, %eax\n\tsyscall");
}

static void many(int rounds)
{
	int wrong = 0;

	for (int i = 0; i < rounds; i++) {
		n = 0;
		sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i});
		wrong += n != 1 || values[0] != i;
	}
	printf("to itself: %d wrong\n", wrong);
	n = 0;
}

int main(void)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	for (int i = 0; i < 5; i++)
		handle_with(SIGRTMIN + i, collect, 0);
	handle_with(SIGUSR1, collect, 0);
	handle_with(SIGCHLD, nothing, 0);
	queue_order();
	from_child();
	child_info();
	timers();
	by_descriptor();
	forged();
	many(size(20000, 200));
	in_child("hand-made frame", hand_made);
	in_child("no frame", frame_missing);
	return 0;
}
