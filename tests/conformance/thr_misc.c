/* SPDX-License-Identifier: MIT */
/*
 * Threads in special situations: robust and PI mutexes, exit of the main
 * thread, raw clone and clone3, fork and exec from threads, signals to threads.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "conf.h"

static pthread_mutex_t *mutex;
static volatile int step;
static __thread volatile int mine;

static void init_mutex(int robust, int protocol, int shared)
{
	pthread_mutexattr_t attr;

	mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setpshared(&attr, shared);
	pthread_mutex_init(mutex, &attr);
}

static void *die_with_mutex(void *arg)
{
	pthread_mutex_lock(mutex);
	return arg;
}

static void robust(int protocol)
{
	pthread_t t;
	int status, ret;
	pid_t pid;

	init_mutex(PTHREAD_MUTEX_ROBUST, protocol, PTHREAD_PROCESS_SHARED);
	pthread_create(&t, NULL, die_with_mutex, NULL);
	pthread_join(t, NULL);
	ret = pthread_mutex_lock(mutex);
	printf("owner died: %s", errno_name(ret));
	printf(" consistent: %s", errno_name(pthread_mutex_consistent(mutex)));
	printf(" unlock: %s\n", errno_name(pthread_mutex_unlock(mutex)));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_mutex_lock(mutex);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	ret = pthread_mutex_lock(mutex);
	printf("owner process killed: %s", errno_name(ret));
	printf(" unlock: %s", errno_name(pthread_mutex_unlock(mutex)));
	printf(" lock again: %s\n", errno_name(pthread_mutex_lock(mutex)));
	fflush(stdout);
}

static long shared_count;

static void *count_with_mutex(void *arg)
{
	for (int i = 0; i < size(20000, 200); i++) {
		pthread_mutex_lock(mutex);
		shared_count++;
		pthread_mutex_unlock(mutex);
	}
	return arg;
}

static void pi_mutex(void)
{
	pthread_t t[4];

	init_mutex(PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
	shared_count = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, count_with_mutex, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("PI mutex: %s\n", shared_count == 4 * size(20000, 200) ? "right" : "WRONG");
	fflush(stdout);
}

static void *outlives_main(void *arg)
{
	(void)arg;
	sleep_us(20000);
	printf("still running after main's end\n");
	fflush(stdout);
	exit(8);
}

static void main_ends(void)
{
	pthread_t t;

	pthread_create(&t, NULL, outlives_main, NULL);
	pthread_exit(NULL);
}

static void *ends_quietly(void *arg)
{
	sleep_us(10000);
	return arg;
}

static void all_end(void)
{
	pthread_t t;

	pthread_create(&t, NULL, ends_quietly, NULL);
	pthread_exit((void *)5);
}

static void *execs(void *arg)
{
	char *const argv[] = {"sh", "-c", "echo executed; exit 6", NULL};

	(void)arg;
	execv("/bin/sh", argv);
	return NULL;
}

static void *sleeps(void *arg)
{
	for (;;)
		sleep(arg != NULL);
}

static void exec_from_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleeps, &t);
	pthread_create(&t, NULL, sleeps, &t);
	pthread_create(&t, NULL, execs, NULL);
	pthread_join(t, NULL);
}

static void *forks(void *arg)
{
	int status, wrong = 0;

	for (int i = 0; i < size(200, 10); i++) {
		pid_t pid = fork();

		if (!pid) {
			pthread_t t;

			/* The child is single, and may make threads. */
			if (pthread_create(&t, NULL, ends_quietly, NULL) || pthread_join(t, NULL))
				_exit(1);
			_exit(getpid() == gettid() ? 12 : 2);
		}
		if (waitpid(pid, &status, 0) != pid || status != 12 << 8)
			wrong++;
	}
	(void)arg;
	return (void *)(intptr_t)wrong;
}

static void fork_from_threads(void)
{
	pthread_t t[4];
	intptr_t wrong = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, forks, NULL);
	for (int i = 0; i < 4; i++) {
		void *ret;

		pthread_join(t[i], &ret);
		wrong += (intptr_t)ret;
	}
	printf("forks from 4 threads: %d wrong\n", (int)wrong);
	fflush(stdout);
}

static void before_1(void)
{
	printf("prepare 1\n");
}

static void before_2(void)
{
	printf("prepare 2\n");
}

static void parent_1(void)
{
	step = step * 10 + 1;
}

static void parent_2(void)
{
	step = step * 10 + 2;
}

static void child_fn(void)
{
	printf("in the child %d\n", step);
}

static int raw_fn(void *arg)
{
	step = getpid() != gettid() ? 4711 : 1;
	*(volatile int *)arg = 99;
	return 0;
}

/* A thread by clone(2), without pthreads: its id is cleared at its end. */
static void raw_clone(void)
{
	static volatile int child_tid, arg;
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	int wrong = 0;

	for (int i = 0; i < size(2000, 50); i++) {
		int tid;

		child_tid = -1;
		arg = step = 0;
		tid = clone(raw_fn, stack + 65536, flags, (void *)&arg, &child_tid, NULL,
			    &child_tid);
		wrong += tid <= 0;
		while (child_tid)
			syscall(SYS_futex, &child_tid, FUTEX_WAIT, tid, NULL, NULL, 0);
		wrong += step != 4711 || arg != 99;
	}
	printf("threads by clone: %d wrong\n", wrong);
	fflush(stdout);
}

static long clone3_process(struct clone_args *a, size_t n)
{
	long pid = syscall(SYS_clone3, a, n);
	int status;

	if (pid == 0)
		_exit(21);
	if (pid < 0)
		return -1;
	waitpid((pid_t)pid, &status, __WALL);
	return WEXITSTATUS(status);
}

static void raw_clone3(void)
{
	static char page[4096];
	struct clone_args a = {.exit_signal = SIGCHLD};
	int pidfd = -1, tid = -1;

	printf("clone3: %s", result(clone3_process(&a, sizeof(a))));
	a = (struct clone_args){.exit_signal = SIGCHLD,
				.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
				.pidfd = (uintptr_t)&pidfd,
				.parent_tid = (uintptr_t)&tid};
	printf(" with pidfd %s", result(clone3_process(&a, 64)));
	printf(" %s %s", pidfd > 2 ? "set" : "NOT set", tid > 0 ? "set" : "NOT set");
	printf(" small %s", result(clone3_process(&a, 56)));
	memcpy(page, &a, sizeof(a));
	printf(" large %s", result(clone3_process((void *)page, 128)));
	page[120] = 1;
	printf(" %s", result(clone3_process((void *)page, 128)));
	printf(" huge %s", result(clone3_process((void *)page, 8192)));
	printf(" address %s", result(clone3_process((void *)16, 64)));
	a = (struct clone_args){.exit_signal = 99};
	printf(" signal %s", result(clone3_process(&a, 64)));
	a = (struct clone_args){.flags = CLONE_SIGHAND};
	printf(" flags %s", result(clone3_process(&a, 64)));
	a = (struct clone_args){.flags = CLONE_THREAD};
	printf(" %s\n", result(clone3_process(&a, 64)));
	fflush(stdout);
}

static void on_signal(int sig)
{
	(void)sig;
	mine++;
}

static void *gets_signals(void *arg)
{
	int wanted = size(1000, 50);

	while (mine < wanted)
		sched_yield();
	(void)arg;
	return (void *)(intptr_t)mine;
}

static void signals_to_threads(void)
{
	pthread_t t[4];
	int wrong = 0;

	handle(SIGRTMIN, on_signal, 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, gets_signals, NULL);
	for (int k = 0; k < size(1000, 50); k++)
		for (int i = 0; i < 4; i++)
			while (pthread_sigqueue(t[i], SIGRTMIN, (union sigval){.sival_int = k}))
				sched_yield();
	for (int i = 0; i < 4; i++) {
		void *ret;

		pthread_join(t[i], &ret);
		wrong += (intptr_t)ret != size(1000, 50);
	}
	printf("signals to threads: %d wrong, to main %d\n", wrong, mine);
	fflush(stdout);
}

static void killed_with_threads(void)
{
	pthread_t t;

	for (int i = 0; i < 10; i++)
		pthread_create(&t, NULL, sleeps, &t);
	abort();
}

static void *faults(void *arg)
{
	*(volatile int *)arg = 1;
	return NULL;
}

static void thread_faults(void)
{
	pthread_t t;

	pthread_create(&t, NULL, faults, (void *)8);
	pthread_join(t, NULL);
}

int main(void)
{
	robust(PTHREAD_PRIO_NONE);
	robust(PTHREAD_PRIO_INHERIT);
	pi_mutex();
	in_child("main ends first", main_ends);
	in_child("all threads end", all_end);
	in_child("exec from a thread", exec_from_thread);
	fork_from_threads();
	raw_clone();
	raw_clone3();
	signals_to_threads();
	in_child("abort with threads", killed_with_threads);
	in_child("a thread faults", thread_faults);
	pthread_atfork(before_1, parent_1, NULL);
	pthread_atfork(before_2, parent_2, child_fn);
	step = 0;
	in_child("atfork", all_end);
	printf("parent handlers: %d\n", step);
	return 0;
}
