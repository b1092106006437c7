/*
 * The host's side: starts QEMU, sends the request, carries the three streams,
 * and ends with the command's status.
 *
 *   relay [-ivz] [-t SECONDS] [-w DIR]... QEMU-ARGC QEMU-ARGV... COMMAND ARG...
 *   relay -s FILE QEMU-ARGC QEMU-ARGV...
 *
 * The second form boots, saves the machine's state in FILE (relative to the
 * current directory, letters and digits only) and ends.
 *
 * QEMU finds: 3 the channel of frames, 4 the console, 5 the monitor (-s only),
 * 6 the saved state, as inherited.  It is killed whichever way this process
 * ends: a signal, the time-out, even SIGKILL.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "protocol.h"

#define STATUS_TIMEOUT 124
#define STATUS_FAILED 125
#define CONSOLE_KEPT 8192
#define FD_CHANNEL 3
#define FD_CONSOLE 4
#define FD_MONITOR 5
#define FD_STATE 6
#define FD_SAFE 16 /* our own descriptors lie above those that QEMU expects */
#define SNAPSHOT_SECONDS 180
#define SETTLE_NS 200000000 /* let a fresh boot's deferred work finish before saving it */

extern char **environ;

struct options {
	bool with_stdin, verbose, fixed_seed;
	double timeout;
	const char *save;
	char **rw;
	size_t rw_count;
	char **qemu; /* NULL-terminated */
	char **command;
};

struct relay {
	const struct options *options;
	int channel, console, monitor;
	bool ready, stdin_wanted;
	bool closed[3]; /* our stdout, stderr: nobody reads them */
	size_t have;	/* bytes in buffer */
	unsigned char buffer[2 * FRAME_MAX];
	size_t console_size;
	char console_tail[CONSOLE_KEPT];
};

static volatile pid_t qemu_pid;
static char timed_out[64];

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	fputs("pkuvm: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	if (qemu_pid > 0) {
		kill(qemu_pid, SIGKILL);
		waitpid(qemu_pid, NULL, 0);
	}
	exit(STATUS_FAILED);
}

/* Ends everything at once, also while a write to a stalled reader blocks. */
static void on_signal(int number)
{
	if (qemu_pid > 0) {
		kill(qemu_pid, SIGKILL);
		waitpid(qemu_pid, NULL, 0);
	}
	if (number != SIGALRM)
		_exit(128 + number);
	write_all(STDERR_FILENO, timed_out, strlen(timed_out));
	_exit(STATUS_TIMEOUT);
}

static void catch_signals(double seconds)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM};
	struct sigaction action = {.sa_handler = on_signal}, inherited;
	struct itimerval timer = {.it_value.tv_sec = (time_t)seconds};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaddset(&action.sa_mask, ends[i]);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], NULL, &inherited);
		if (inherited.sa_handler != SIG_IGN || ends[i] == SIGALRM)
			sigaction(ends[i], &action, NULL);
	}
	snprintf(timed_out, sizeof(timed_out), "pkuvm: timed out after %g s\n", seconds);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	timer.it_value.tv_usec = (suseconds_t)((seconds - (double)timer.it_value.tv_sec) * 1e6);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void __attribute__((noreturn)) exec_qemu(char **argv, const int ends[3], pid_t parent)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILED);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(ends[1], STDOUT_FILENO);
	dup2(ends[1], STDERR_FILENO);
	for (int i = 0; i < 3; i++)
		dup2(ends[i], FD_CHANNEL + i);
	close_range(FD_STATE + 1, ~0U, 0);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(STATUS_FAILED);
}

static void socket_make(int *ours, int *theirs)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		fail("socketpair: %s", strerror(errno));
	*ours = fcntl(ends[0], F_DUPFD_CLOEXEC, FD_SAFE);
	*theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, FD_SAFE);
	if (*ours < 0 || *theirs < 0)
		fail("dup: %s", strerror(errno));
	close(ends[0]);
	close(ends[1]);
}

static void start_qemu(struct relay *relay)
{
	sigset_t all, old;
	int ends[3];
	pid_t parent = getpid(), pid;

	socket_make(&relay->channel, &ends[0]);
	socket_make(&relay->console, &ends[1]);
	socket_make(&relay->monitor, &ends[2]);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		exec_qemu(relay->options->qemu, ends, parent);
	}
	qemu_pid = pid;
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (int i = 0; i < 3; i++)
		close(ends[i]);
}

static void put(FILE *file, const char *string)
{
	fwrite(string, 1, strlen(string) + 1, file);
}

static void put_count(FILE *file, size_t count)
{
	fprintf(file, "%zu%c", count, '\0');
}

static size_t count_strings(char **vector)
{
	size_t count = 0;

	while (vector[count])
		count++;
	return count;
}

/* See struct request in init.h for the order. */
static void request_send(const struct relay *relay)
{
	const struct options *options = relay->options;
	unsigned char seed[SEED_BYTES] = {0};
	char host[256] = "pkuvm", *cwd = getcwd(NULL, 0), *text;
	struct timespec now;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!cwd || !file)
		fail("the current directory: %s", strerror(errno));
	clock_gettime(CLOCK_REALTIME, &now);
	gethostname(host, sizeof(host) - 1);
	if (!options->fixed_seed && getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		fail("getrandom: %s", strerror(errno));
	put(file, cwd);
	put(file, host);
	fprintf(file, "%lld.%09ld%c", (long long)now.tv_sec, now.tv_nsec, '\0');
	for (size_t i = 0; i < sizeof(seed); i++)
		fprintf(file, "%02x", seed[i]);
	put(file, "");
	put(file, options->with_stdin ? "1" : "0");
	put_count(file, options->rw_count);
	for (size_t i = 0; i < options->rw_count; i++)
		put(file, options->rw[i]);
	put_count(file, count_strings(options->command));
	for (char **arg = options->command; *arg; arg++)
		put(file, *arg);
	for (char **variable = environ; *variable; variable++)
		put(file, *variable);
	if (fclose(file) != 0 || size > REQUEST_MAX)
		fail("the command and its environment are too long");
	frame_send(relay->channel, FRAME_REQUEST, text, size);
	free(text);
	free(cwd);
}

/* Keeps the end of what QEMU and the guest's kernel say, for a failure's report. */
static bool take_console(struct relay *relay)
{
	char data[CONSOLE_KEPT / 2];
	ssize_t n = read(relay->console, data, sizeof(data));
	size_t drop;

	if (n <= 0)
		return false;
	if (relay->options->verbose)
		write_all(STDERR_FILENO, data, (size_t)n);
	if (relay->console_size + (size_t)n > CONSOLE_KEPT) {
		drop = relay->console_size + (size_t)n - CONSOLE_KEPT;
		relay->console_size -= drop;
		memmove(relay->console_tail, relay->console_tail + drop, relay->console_size);
	}
	memcpy(relay->console_tail + relay->console_size, data, (size_t)n);
	relay->console_size += (size_t)n;
	return true;
}

static void __attribute__((noreturn)) machine_died(struct relay *relay)
{
	int status = 0;

	while (take_console(relay))
		;
	waitpid(qemu_pid, &status, 0);
	qemu_pid = 0;
	if (!relay->options->verbose)
		write_all(STDERR_FILENO, relay->console_tail, relay->console_size);
	if (WIFSIGNALED(status))
		fail("the machine: QEMU was killed by signal %d; see the console above",
		     WTERMSIG(status));
	fail("the machine: QEMU ended with status %d; see the console above", WEXITSTATUS(status));
}

static void __attribute__((noreturn)) finish(struct relay *relay, int status)
{
	fcntl(relay->console, F_SETFL, O_NONBLOCK);
	while (take_console(relay))
		;
	kill(qemu_pid, SIGKILL);
	waitpid(qemu_pid, NULL, 0);
	exit(status);
}

static void carry_out(struct relay *relay, int fd, const unsigned char *data, size_t size)
{
	unsigned char stream = (unsigned char)fd;

	if (relay->closed[fd] || write_all(fd, data, size) == 0)
		return;
	relay->closed[fd] = true; /* let the command see its SIGPIPE */
	frame_send(relay->channel, FRAME_CLOSE, &stream, 1);
}

static void take_frame(struct relay *relay, const unsigned char *frame, size_t size)
{
	const unsigned char *data = frame + FRAME_HEADER;

	switch (frame[0]) {
	case FRAME_READY:
		relay->ready = true;
		break;
	case FRAME_WANT:
		relay->stdin_wanted = true;
		break;
	case FRAME_STDOUT:
		carry_out(relay, STDOUT_FILENO, data, size);
		break;
	case FRAME_STDERR:
		carry_out(relay, STDERR_FILENO, data, size);
		break;
	case FRAME_EXIT:
		finish(relay, data[0]);
	case FRAME_FAIL:
		fail("the guest: %.*s; --verbose shows its console", (int)size, data);
	default:
		fail("the guest: unknown frame 0x%02x", frame[0]);
	}
}

static void take_channel(struct relay *relay)
{
	unsigned char *at = relay->buffer;
	ssize_t n = read(relay->channel, at + relay->have, sizeof(relay->buffer) - relay->have);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		machine_died(relay);
	relay->have += (size_t)n;
	while (relay->have >= FRAME_HEADER) {
		size_t size = frame_size(at);

		if (size > FRAME_DATA)
			fail("the guest: a frame of %zu bytes", size);
		if (relay->have < FRAME_HEADER + size)
			break;
		take_frame(relay, at, size);
		at += FRAME_HEADER + size;
		relay->have -= FRAME_HEADER + size;
	}
	memmove(relay->buffer, at, relay->have);
}

static void take_stdin(struct relay *relay)
{
	static unsigned char data[FRAME_DATA];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	relay->stdin_wanted = false;
	frame_send(relay->channel, FRAME_STDIN, data, n > 0 ? (size_t)n : 0);
}

static void __attribute__((noreturn)) run(struct relay *relay)
{
	start_qemu(relay);
	request_send(relay);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = relay->channel, .events = POLLIN},
			{.fd = relay->console, .events = POLLIN},
			{.fd = relay->stdin_wanted ? STDIN_FILENO : -1, .events = POLLIN},
		};

		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
			continue;
		if (fds[2].revents)
			take_stdin(relay);
		if (fds[0].revents)
			take_channel(relay);
		if (fds[1].revents && !take_console(relay))
			machine_died(relay);
	}
}

static void await_ready(struct relay *relay)
{
	while (!relay->ready)
		take_channel(relay);
}

/* Saves the machine's state; the monitor takes each line when the one before is done. */
static int save(struct relay *relay)
{
	const struct timespec settle = {0, SETTLE_NS};
	char text[65536];
	size_t size = 0;
	ssize_t n;

	start_qemu(relay);
	await_ready(relay);
	nanosleep(&settle, NULL);
	dprintf(relay->monitor,
		"migrate_set_parameter max-bandwidth 100g\n"
		"migrate \"exec:cat >%s\"\n"
		"info migrate\n"
		"quit\n",
		relay->options->save);
	while (size < sizeof(text) - 1 &&
	       (n = read(relay->monitor, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	text[size] = '\0';
	waitpid(qemu_pid, NULL, 0);
	qemu_pid = 0;
	if (strstr(text, "Migration status: completed"))
		return 0;
	fail("snapshot: QEMU could not save the machine; run with --no-snapshot");
}

static char **take_qemu(struct options *options, char **argv)
{
	size_t count = argv[0] ? strtoul(argv[0], NULL, 10) : 0;
	size_t given = count_strings(argv);

	if (count == 0 || given < count + 1)
		fail("relay: too few arguments");
	options->qemu = calloc(count + 1, sizeof(*options->qemu));
	if (!options->qemu)
		fail("relay: out of memory");
	memcpy(options->qemu, argv + 1, count * sizeof(*options->qemu));
	return argv + 1 + count;
}

int main(int argc, char **argv)
{
	static struct relay relay;
	struct options options = {.rw = calloc((size_t)argc, sizeof(char *))};
	int option;

	while ((option = getopt(argc, argv, "+ivzt:w:s:")) != -1) {
		switch (option) {
		case 'i':
			options.with_stdin = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'z':
			options.fixed_seed = true;
			break;
		case 't':
			options.timeout = strtod(optarg, NULL);
			break;
		case 'w':
			options.rw[options.rw_count++] = optarg;
			break;
		case 's':
			options.save = optarg;
			break;
		default:
			return STATUS_FAILED;
		}
	}
	options.command = take_qemu(&options, argv + optind);
	relay.options = &options;
	if (options.save) {
		catch_signals(SNAPSHOT_SECONDS);
		return save(&relay);
	}
	if (!options.command[0])
		fail("relay: no command");
	catch_signals(options.timeout);
	run(&relay);
}
