/*
 * The guest's session: starts the command, carries its three streams over the
 * port, reaps orphans, and ends when the command does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "init.h"
#include "protocol.h"

enum { STREAM_OUT, STREAM_ERR, STREAMS };

static const enum frame_type stream_frame[STREAMS] = {FRAME_STDOUT, FRAME_STDERR};

struct session {
	int port;
	int signals;	     /* a signalfd for SIGCHLD */
	int output[STREAMS]; /* what the command writes; -1 when closed */
	int input;	     /* what it reads; -1 when closed */
	pid_t pid;
	bool exited;
	int status;
	size_t pending, done; /* of data: stdin that the command has not taken yet */
	char data[FRAME_DATA];
};

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void pipe_make(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
}

static void __attribute__((noreturn)) child(const struct request *request, const int fds[3])
{
	sigset_t none;
	int error;

	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	environ = request->envp;
	execvp(request->argv[0], request->argv);
	error = errno;
	dprintf(STDERR_FILENO, "pkuvm: %s: %s\n", request->argv[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

static void start(struct session *session, const struct request *request)
{
	int in[2] = {-1, -1}, out[2], err[2], fds[3];

	if (request->with_stdin)
		pipe_make(in);
	else
		in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pipe_make(out);
	pipe_make(err);
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = err[1];
	session->pid = fork();
	if (session->pid < 0)
		die("fork: %s", strerror(errno));
	if (session->pid == 0)
		child(request, fds);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	session->input = in[1];
	session->output[STREAM_OUT] = out[0];
	session->output[STREAM_ERR] = err[0];
	if (session->input >= 0) {
		fcntl(session->input, F_SETFL, O_NONBLOCK);
		frame_send(session->port, FRAME_WANT, NULL, 0);
	}
}

static void reap(struct session *session)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(session->signals, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != session->pid)
			continue;
		session->exited = true;
		session->status =
			WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

/* Carries at most size bytes of one stream to the host. */
static void carry_output(struct session *session, int stream, size_t size)
{
	static char data[FRAME_DATA];
	ssize_t n;

	n = read(session->output[stream], data, size < sizeof(data) ? size : sizeof(data));
	if (n > 0)
		frame_send(session->port, stream_frame[stream], data, (size_t)n);
	else if (n == 0 || errno != EINTR)
		drop(&session->output[stream]);
}

/* The command has ended: what it left in the pipes, and no more, still goes out. */
static void drain(struct session *session)
{
	for (int stream = 0; stream < STREAMS; stream++) {
		int left = 0;

		if (session->output[stream] < 0 ||
		    ioctl(session->output[stream], FIONREAD, &left) < 0)
			continue;
		while (left > 0 && session->output[stream] >= 0) {
			carry_output(session, stream, (size_t)left);
			left -= FRAME_DATA;
		}
	}
}

static void carry_input(struct session *session)
{
	ssize_t n;

	n = write(session->input, session->data + session->done, session->pending - session->done);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		drop(&session->input);
		return;
	}
	session->done += (size_t)n;
	if (session->done == session->pending) {
		session->pending = 0;
		frame_send(session->port, FRAME_WANT, NULL, 0);
	}
}

/* The host sends one FRAME_STDIN per FRAME_WANT, so reading here never has to wait for room. */
static void take_frame(struct session *session)
{
	unsigned char header[FRAME_HEADER], stream;
	size_t size;

	port_read(session->port, header, sizeof(header));
	size = frame_size(header);
	if (header[0] == FRAME_STDIN && size <= FRAME_DATA) {
		port_read(session->port, session->data, size);
		session->pending = size;
		session->done = 0;
		if (size == 0)
			drop(&session->input);
	} else if (header[0] == FRAME_CLOSE && size == 1) {
		port_read(session->port, &stream, 1);
		drop(&session->output[stream == 1 ? STREAM_OUT : STREAM_ERR]);
	} else {
		die("frame '%c' of %zu bytes from the host", header[0], size);
	}
}

static void pump(struct session *session)
{
	struct pollfd fds[] = {
		{.fd = session->signals, .events = POLLIN},
		{.fd = session->port, .events = POLLIN},
		{.fd = session->output[STREAM_OUT], .events = POLLIN},
		{.fd = session->output[STREAM_ERR], .events = POLLIN},
		{.fd = session->pending ? session->input : -1, .events = POLLOUT},
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
		return;
	if (fds[0].revents)
		reap(session);
	for (int stream = 0; stream < STREAMS; stream++)
		if (fds[2 + stream].revents)
			carry_output(session, stream, FRAME_DATA);
	if (fds[4].revents)
		carry_input(session);
	if (fds[1].revents & POLLIN)
		take_frame(session);
}

int session_run(int port, const struct request *request)
{
	static struct session session;
	sigset_t child_signal;

	session.port = port;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child_signal);
	sigaddset(&child_signal, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_signal, NULL);
	session.signals = signalfd(-1, &child_signal, SFD_CLOEXEC);
	if (session.signals < 0)
		die("signalfd: %s", strerror(errno));
	start(&session, request);
	while (!session.exited)
		pump(&session);
	drain(&session);
	return session.status;
}
