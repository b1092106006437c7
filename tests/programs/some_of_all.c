/* SPDX-License-Identifier: MIT */
/* LIBS: m pthread */
/*
 * A little of everything a C library does: heap, files, threads, signals, timers,
 * fork, exec, pipes, mappings. Built against glibc and musl, dynamic and static.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int mine = 3;
static volatile sig_atomic_t ticks;
static int shared;

static void *work(void *arg)
{
	mine += (int)(long)arg;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		shared++;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(long)mine;
}

static void check_threads(void)
{
	pthread_t threads[8];
	long sum = 0;
	void *result;

	for (long i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			puts("pthread_create failed");
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	printf("threads: %d, %ld, mine %d\n", shared, sum, mine);
}

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
}

static void check_signals(void)
{
	struct itimerval every = {{0, 5000}, {0, 5000}}, never = {0};
	struct timespec t = {0, 20000000};
	sigset_t set;
	int sig = 0;

	signal(SIGALRM, on_tick);
	setitimer(ITIMER_REAL, &every, NULL);
	while (ticks < 10)
		nanosleep(&t, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	sigwait(&set, &sig);
	printf("signals: ticks, sigwait %d\n", sig);
}

static void check_processes(void)
{
	char *argv[] = {"sh", "-c", "echo spawned; exit 9", NULL};
	char *missing[] = {"missing", NULL};
	char line[64] = "";
	int status = 0, fds[2], error;
	pid_t pid;
	FILE *f;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(mine + 20);
	waitpid(pid, &status, 0);
	printf("fork: %d\n", WEXITSTATUS(status));
	fflush(stdout);
	error = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ);
	waitpid(pid, &status, 0);
	printf("posix_spawn: %d, %d\n", error, WEXITSTATUS(status));
	printf("missing: %d\n", posix_spawn(&pid, "/nonexistent", NULL, NULL, missing, environ));
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		execve("/nonexistent", missing, environ);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	printf("vfork: %d\n", WEXITSTATUS(status));
	f = popen("echo from popen", "r");
	printf("popen: %s", f && fgets(line, sizeof(line), f) ? line : "nothing\n");
	printf("pclose: %d, system: %d\n", pclose(f), system("exit 2"));
	if (pipe(fds) || write(fds[1], "piped", 6) != 6 || read(fds[0], line, 6) != 6)
		puts("pipe failed");
	printf("pipe: %s\n", line);
}

static void check_memory(void)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q, **many = calloc(1000, sizeof(*many));
	size_t total = 0;

	strcpy(p + 4096, "moved");
	munmap(p, 4096);
	q = mremap(p + 4096, 8192, 1 << 20, MREMAP_MAYMOVE);
	printf("mremap: %s, mprotect %d\n", q, mprotect(q, 4096, PROT_READ));
	for (size_t i = 0; i < 1000; i++) {
		many[i] = malloc(i * 97 + 1);
		memset(many[i], 1, i * 97 + 1);
		total += (size_t)many[i][i];
	}
	for (size_t i = 0; i < 1000; i++)
		free(many[i]);
	free(many);
	printf("heap: %zu\n", total);
}

int main(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	printf("arithmetic: %.6f %.3e\n", sqrt(2.0 + mine), 1.0 / 3);
	check_memory();
	check_threads();
	check_signals();
	check_processes();
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("clock: %s\n", b.tv_sec >= a.tv_sec && b.tv_sec - a.tv_sec < 600 ? "goes on" : "?");
	return 0;
}
