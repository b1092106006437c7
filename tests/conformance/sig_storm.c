/* SPDX-License-Identifier: MIT */
/*
 * A timer every 200 us while the program makes every sort of call: all results
 * are right, no call fails that would not natively, the signals arrive.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "conf.h"

static volatile sig_atomic_t ticks;
static __thread volatile int guard; /* a handler that runs within itself */
static int nested;

static void on_tick(int sig)
{
	int saved = errno;

	(void)sig;
	if (guard++)
		nested++;
	ticks++;
	(void)getppid();
	guard--;
	errno = saved;
}

static int open_close(int i)
{
	int fd = open(i % 2 ? "/dev/null" : "file", O_RDWR | O_CREAT, 0600);

	return fd < 0 || write(fd, "x", 1) != 1 || close(fd);
}

static int mask_loop(int i)
{
	sigset_t all, old, now;
	int wrong;

	sigfillset(&all);
	wrong = sigprocmask(SIG_SETMASK, &all, &old) != 0;
	wrong |= sigismember(&old, SIGALRM) || sigismember(&old, SIGTERM);
	wrong |= sigprocmask(SIG_SETMASK, NULL, &now) != 0;
	wrong |= !sigismember(&now, SIGALRM) || sigismember(&now, SIGKILL);
	wrong |= sigprocmask(SIG_SETMASK, &old, NULL) != 0;
	(void)i;
	return wrong;
}

static int action_loop(int i)
{
	struct sigaction sa = {.sa_handler = i % 2 ? SIG_IGN : on_tick}, old;

	return sigaction(SIGUSR1, &sa, &old) != 0 ||
	       (i > 0 && old.sa_handler != (i % 2 ? on_tick : SIG_IGN));
}

static int fork_loop(int i)
{
	int status = -1;
	pid_t pid = fork(), got;

	if (!pid)
		_exit(i & 0x7f);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return got != pid || status != (i & 0x7f) << 8;
}

static int mmap_loop(int i)
{
	size_t n = 4096 * (1 + (size_t)i % 8);
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int wrong;

	if (p == MAP_FAILED)
		return 1;
	p[0] = p[n - 1] = 5;
	wrong = mprotect(p, 4096, PROT_READ) != 0 || p[0] != 5;
	wrong |= mprotect(p, 4096, PROT_READ | PROT_WRITE) != 0;
	p = mremap(p, n, n + 4096, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return 1;
	return wrong | munmap(p, n + 4096);
}

static int exec_map_loop(int i)
{
	static const unsigned char code[] = {0xb8, 7, 0, 0, 0, 0xc3}; /* mov $7,%eax; ret */
	unsigned char *p =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int wrong;

	(void)i;
	if (p == MAP_FAILED)
		return 1;
	memcpy(p, code, sizeof(code));
	wrong = mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0 ||
		((int (*)(void))(uintptr_t)p)() != 7;
	return wrong | munmap(p, 4096);
}

static int print_loop(int i)
{
	char text[64];
	static FILE *f;

	if (!f)
		f = fopen("printed", "w");
	snprintf(text, sizeof(text), "%d", i);
	return !f || fprintf(f, "line %s %g\n", text, i / 3.0) < 6 || fflush(f);
}

static void *body(void *arg)
{
	return arg;
}

static int thread_loop(int i)
{
	void *ret = NULL;
	pthread_t t;

	return pthread_create(&t, NULL, body, (void *)(intptr_t)(i + 1)) || pthread_join(t, &ret) ||
	       ret != (void *)(intptr_t)(i + 1);
}

static int raise_loop(int i)
{
	static volatile int before;

	before = (int)ticks;
	(void)i;
	return raise(SIGALRM) || ticks <= before;
}

static int ppoll_loop(int i)
{
	struct timespec t = {.tv_nsec = 50000};
	sigset_t all, none = set_of(0, 0);
	int ret;

	sigfillset(&all);
	ret = ppoll(NULL, 0, &t, i % 2 ? &all : &none);
	return !(ret == 0 || (ret == -1 && errno == EINTR && i % 2 == 0));
}

static int compute_loop(int i)
{
	double x = 1.5, y = (double)i;

	for (int k = 0; k < 1000; k++)
		x = x * 0.75 + 0.25 * y;
	return x < y - 0.001 || x > y + 2;
}

static void storm(const char *name, int (*fn)(int), int rounds, int flags)
{
	int wrong = 0, rounds_done = 0;
	bool enough;

	handle(SIGALRM, on_tick, flags);
	ticks = 0;
	itimer(200, 200);
	/* Until the timer has come often enough, at least. */
	while (rounds_done < rounds || ticks < 20)
		wrong += fn(rounds_done++) != 0;
	itimer(0, 0);
	enough = ticks >= 20;
	printf("%s: %d wrong, enough signals: %s, nested %d\n", name, wrong, enough ? "yes" : "NO",
	       nested);
	fflush(stdout);
}

int main(void)
{
	static const struct {
		const char *name;
		int (*fn)(int);
		int full, slow;
	} loops[] = {
		{"open and close", open_close, 20000, 200},
		{"sigprocmask", mask_loop, 50000, 300},
		{"sigaction", action_loop, 50000, 300},
		{"fork and wait", fork_loop, 400, 10},
		{"mmap", mmap_loop, 20000, 200},
		{"mmap of code", exec_map_loop, 2000, 20},
		{"print", print_loop, 50000, 300},
		{"threads", thread_loop, 2000, 50},
		{"raise", raise_loop, 20000, 200},
		{"ppoll", ppoll_loop, 2000, 100},
		{"compute", compute_loop, 50000, 200},
	};
	stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};

	sigaltstack(&ss, NULL);
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		int n = size(loops[i].full, loops[i].slow);

		storm(loops[i].name, loops[i].fn, n, SA_RESTART);
		storm(loops[i].name, loops[i].fn, n / 4, SA_RESTART | SA_ONSTACK);
	}
	return 0;
}
