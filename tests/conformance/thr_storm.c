/* SPDX-License-Identifier: MIT */
/*
 * Thread creation, joining and ends of all sorts, many times; memory stays flat.
 */
#include <linux/sched.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "conf.h"

static _Atomic int count;
static __thread int tls_zero;
static __thread int tls_value = 4711;
static pthread_key_t key;

static void *count_one(void *arg)
{
	if (tls_zero != 0 || tls_value != 4711)
		return NULL;
	tls_zero = tls_value = 1;
	count++;
	return arg;
}

static void join_storm(int rounds)
{
	int wrong = 0;

	count = 0;
	for (int i = 0; i < rounds; i++) {
		pthread_t t[4];
		void *ret;

		for (int k = 0; k < 4; k++)
			wrong += pthread_create(&t[k], NULL, count_one, &t[k]) != 0;
		for (int k = 0; k < 4; k++)
			wrong += pthread_join(t[k], &ret) != 0 || ret != &t[k];
	}
	printf("create and join: %d wrong, all ran: %s\n", wrong,
	       count == 4 * rounds ? "yes" : "NO");
	fflush(stdout);
}

static int threads_now(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");
	int n = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Threads: %d", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static long rss_now(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static void detach_storm(int rounds)
{
	pthread_attr_t attr;
	int wrong = 0;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	count = 0;
	for (int i = 0; i < rounds; i++) {
		pthread_t t;

		while (pthread_create(&t, &attr, count_one, NULL) == EAGAIN)
			sleep_us(1000);
	}
	while (count < rounds || threads_now() > 1)
		sleep_us(1000);
	printf("create detached: %d wrong, %d threads left\n", wrong, threads_now());
	fflush(stdout);
}

static pthread_barrier_t barrier;

static void *meet(void *arg)
{
	pthread_barrier_wait(&barrier);
	pthread_setspecific(key, arg);
	pthread_barrier_wait(&barrier);
	return pthread_getspecific(key);
}

static void live(int n)
{
	pthread_t *t = calloc((size_t)n, sizeof(*t));
	pthread_attr_t attr;
	int wrong = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	pthread_barrier_init(&barrier, NULL, (unsigned)n + 1);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], &attr, meet, &t[i])) {
			printf("thread %d of %d cannot be created\n", i, n);
			exit(1);
		}
	pthread_barrier_wait(&barrier);
	printf("%d threads live: %s\n", n, threads_now() == n + 1 ? "yes" : "NO");
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < n; i++) {
		void *ret = NULL;

		wrong += pthread_join(t[i], &ret) != 0 || ret != &t[i];
	}
	printf("%d joined, %d wrong\n", n, wrong);
	fflush(stdout);
	free(t);
}

static void flat(int rounds)
{
	long before, after;

	join_storm(250);
	before = rss_now();
	join_storm(rounds / 4);
	after = rss_now();
	printf("memory grew by less than 1 MiB: %s\n", after - before < 1024 ? "yes" : "NO");
	fflush(stdout);
	if (after - before >= 1024)
		fprintf(stderr, "RSS %ld -> %ld kB\n", before, after);
}

static void *creator(void *arg)
{
	int rounds = *(int *)arg;
	long wrong = 0;

	for (int i = 0; i < rounds; i++) {
		pthread_t t;
		void *ret = NULL;

		wrong += pthread_create(&t, NULL, count_one, &t) || pthread_join(t, &ret) ||
			 ret != &t;
	}
	return (void *)wrong;
}

static void creators(int rounds)
{
	pthread_t t[8];
	long wrong = 0;

	count = 0;
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, creator, &rounds);
	for (int i = 0; i < 8; i++) {
		void *ret;

		pthread_join(t[i], &ret);
		wrong += (long)ret;
	}
	printf("8 creators: %ld wrong, all ran: %s\n", wrong, count == 8 * rounds ? "yes" : "NO");
	fflush(stdout);
}

static void *cancelled(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void *cancelled_in_open(void *arg)
{
	FILE *f;

	(void)arg;
	for (;;) {
		f = fopen("/dev/null", "r");
		if (f)
			fclose(f);
		pthread_testcancel();
	}
}

static void *cancelled_async(void *arg)
{
	(void)arg;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (volatile long i = 0;; i++)
		;
}

static void clean(void *arg)
{
	(void)arg;
	count++;
}

static void *(*cancel_body)(void *);

static void *with_cleanup(void *arg)
{
	void *ret = NULL;

	pthread_cleanup_push(clean, NULL);
	ret = cancel_body(arg);
	pthread_cleanup_pop(0);
	return ret;
}

static void cancellation(const char *name, void *(*body)(void *), int rounds)
{
	int wrong = 0;

	cancel_body = body;
	count = 0;
	for (int i = 0; i < rounds; i++) {
		pthread_t t;
		void *ret = NULL;

		wrong += pthread_create(&t, NULL, with_cleanup, NULL) != 0;
		if (i % 2)
			sleep_us(i % 7 * 30);
		wrong += pthread_cancel(t) || pthread_join(t, &ret) || ret != PTHREAD_CANCELED;
	}
	printf("%s: %d wrong\n", name, wrong);
	fflush(stdout);
}

int main(void)
{
	pthread_key_create(&key, NULL);
	join_storm(size(2000, 25));
	detach_storm(size(4000, 100));
	creators(size(500, 10));
	live(size(1000, 100));
	flat(size(20000, 200));
	cancellation("cancelled in pause", cancelled, size(500, 20));
	cancellation("cancelled at fopen", cancelled_in_open, size(500, 20));
	cancellation("cancelled while it computes", cancelled_async, size(500, 20));
	if (size(1, 0))
		live(10000);
	join_storm(size(100, 5));
	return 0;
}
