/* What the two halves of the guest's init share. */
#ifndef PKUVM_INIT_H
#define PKUVM_INIT_H

#include <stdbool.h>
#include <stddef.h>

/* The host's request, as request_read() found it; all strings lie in one block. */
struct request {
	const char *cwd;
	const char *hostname;
	const char *time; /* seconds.nanoseconds since the epoch */
	const char *seed; /* SEED_BYTES in hexadecimal */
	bool with_stdin;
	size_t rw_count;
	char **rw; /* directories passed through read-write */
	char **argv;
	char **envp;
};

/* Reads exactly size bytes from the port, waiting for the host as long as it takes. */
void port_read(int port, void *data, size_t size);

/* Reports to the host why the command cannot run, and stops. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Runs the command in the assembled root; returns its status as a shell would. */
int session_run(int port, const struct request *request);

#endif
