/* SPDX-License-Identifier: MIT */
/*
 * Interrupted calls: with SA_RESTART they go on, without they end with EINTR.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "conf.h"

static volatile int *got; /* shared with the helper */
static int pipefd[2], sockets[2];
static pid_t helper, holder;

static void on_signal(int sig)
{
	(void)sig;
	++*got;
}

/* Until a process has been seen asleep three times: it is in its call then. */
static void wait_asleep(pid_t pid)
{
	char name[32], line[256];
	int seen = 0;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	while (seen < 3) {
		FILE *f = fopen(name, "r");

		seen = f && fgets(line, sizeof(line), f) && strstr(line, ") S ") ? seen + 1 : 0;
		if (f)
			fclose(f);
		sleep_us(2000);
	}
}

/* Signals when the parent sleeps; lets the call end when that was handled. */
static void start_helper(void (*ender)(void))
{
	pid_t parent = getpid();

	helper = fork();
	if (helper)
		return;
	signal(SIGUSR1, SIG_DFL);
	wait_asleep(parent);
	kill(parent, SIGUSR1);
	while (!*got)
		sleep_us(1000);
	sleep_us(20000);
	if (ender)
		ender();
	_exit(0);
}

static void write_pipe(void)
{
	if (write(pipefd[1], "x", 1) != 1)
		_exit(1);
}

static void read_fifo(void)
{
	int fd = open("fifo", O_WRONLY | O_NONBLOCK); /* none there any more: fine */

	if (fd >= 0)
		close(fd);
}

static void write_socket(void)
{
	if (write(sockets[1], "y", 1) != 1)
		_exit(1);
}

static void release_lock(void)
{
	kill(holder, SIGTERM);
}

static long do_read(void)
{
	char c;

	return read(pipefd[0], &c, 1);
}

static long do_recv(void)
{
	char c;

	return recv(sockets[0], &c, 1, 0);
}

static long do_open_fifo(void)
{
	int fd = open("fifo", O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -1;
}

static long do_openat_fifo(void)
{
	int fd = openat(AT_FDCWD, "fifo", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -1;
}

static long do_nanosleep(void)
{
	struct timespec t = {.tv_sec = 10}, left = {0};
	long ret = nanosleep(&t, &left);

	if (ret < 0 && (left.tv_sec < 1 || left.tv_sec > 9))
		printf("(time left is wrong) ");
	return ret;
}

static long do_wait(void)
{
	int status;

	return waitpid(helper, &status, 0) > 0 ? 0 : -1;
}

static long do_waitid(void)
{
	siginfo_t si;

	return waitid(P_PID, (id_t)helper, &si, WEXITED | WNOWAIT);
}

static long do_futex(void)
{
	static int word;
	struct timespec t = {.tv_sec = 10};

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
}

static long do_poll(void)
{
	struct pollfd pfd = {.fd = pipefd[0], .events = POLLIN};
	long ret = poll(&pfd, 1, 10000);
	char c;

	return ret == 1 ? read(pipefd[0], &c, 1) : ret;
}

static long do_ppoll_null(void)
{
	struct timespec t = {.tv_sec = 10};

	return ppoll(NULL, 0, &t, NULL);
}

static long do_epoll(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = epoll_create1(0);
	long ret;

	epoll_ctl(fd, EPOLL_CTL_ADD, pipefd[0], &ev);
	ret = epoll_wait(fd, &ev, 1, 10000);
	close(fd);
	return ret;
}

static long do_pause(void)
{
	return pause();
}

static long do_sem(void)
{
	struct timespec t;
	static sem_t sem;

	sem_init(&sem, 0, 0);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 10;
	return sem_timedwait(&sem, &t);
}

static long do_flock(void)
{
	int fd = open("lock", O_RDWR | O_CREAT, 0600);
	long ret = flock(fd, LOCK_EX);

	close(fd);
	return ret;
}

static long do_sleep_abs(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 10;
	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return errno ? -1 : 0;
}

static const struct {
	const char *name;
	long (*fn)(void);
	void (*ender)(void);
} calls[] = {
	{"read", do_read, write_pipe},
	{"recv", do_recv, write_socket},
	{"open of a FIFO", do_open_fifo, read_fifo},
	{"openat of a FIFO", do_openat_fifo, read_fifo},
	{"nanosleep", do_nanosleep, NULL},
	{"absolute nanosleep", do_sleep_abs, NULL},
	{"waitpid", do_wait, NULL},
	{"waitid", do_waitid, NULL},
	{"futex", do_futex, NULL},
	{"poll", do_poll, write_pipe},
	{"ppoll", do_ppoll_null, NULL},
	{"epoll_wait", do_epoll, NULL},
	{"pause", do_pause, NULL},
	{"sem_timedwait", do_sem, NULL},
	{"flock", do_flock, release_lock},
};

static void one(size_t i, int flags)
{
	const char *text;
	long ret;

	if (calls[i].fn == do_flock) {
		holder = fork();
		if (!holder) {
			int fd = open("lock", O_RDWR | O_CREAT, 0600);

			signal(SIGUSR1, SIG_DFL);
			flock(fd, LOCK_EX);
			for (;;)
				pause();
		}
		wait_asleep(holder);
	}
	*got = 0;
	handle(SIGUSR1, on_signal, flags);
	start_helper(calls[i].ender);
	ret = calls[i].fn();
	text = result(ret);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	printf("%s, %s: %s, handled %d\n", calls[i].name, flags ? "restart" : "no restart", text,
	       *got);
	fflush(stdout);
	fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
	while (do_read() > 0)
		;
	fcntl(pipefd[0], F_SETFL, 0);
	while (recv(sockets[0], &ret, 1, MSG_DONTWAIT) > 0)
		;
}

/*
 * An open that a signal ends may have let the other side's open end too: what
 * that one writes is lost, natively as well. So each byte is written until the
 * reader says that it has it.
 */
static void write_fifo(int rounds, int ack)
{
	struct pollfd pfd = {.fd = ack, .events = POLLIN};
	char c = 'z';

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < rounds;) {
		int fd = open("fifo", O_WRONLY);

		if (fd < 0 || (write(fd, &c, 1) != 1 && errno != EPIPE) || close(fd))
			_exit(1);
		if (poll(&pfd, 1, 20) == 1)
			i += (int)read(ack, &c, 1);
	}
	_exit(0);
}

/* Signals while a FIFO is opened: no open is lost, no result is another one. */
static void fifo_storm(int rounds)
{
	int wrong = 0, ack[2];

	if (pipe(ack))
		return;
	handle(SIGALRM, on_signal, 0);
	helper = fork();
	if (!helper)
		write_fifo(rounds, ack[0]);
	itimer(200, 200);
	for (int i = 0; i < rounds; i++) {
		ssize_t len = 0;
		char c;

		while (len != 1) {
			int fd = open("fifo", O_RDONLY);

			if (fd < 0) {
				wrong += errno != EINTR;
				continue;
			}
			while ((len = read(fd, &c, 1)) < 0 && errno == EINTR)
				;
			wrong += len < 0 || close(fd);
		}
		wrong += write(ack[1], "a", 1) != 1;
	}
	itimer(0, 0);
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	printf("FIFO storm: %d wrong\n", wrong);
}

int main(void)
{
	got = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (got == MAP_FAILED)
		return 1;
	if (pipe(pipefd) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || mkfifo("fifo", 0600))
		return 1;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		one(i, 0);
		if (calls[i].fn != do_pause)
			one(i, SA_RESTART);
	}
	fifo_storm(size(500, 10));
	return 0;
}
