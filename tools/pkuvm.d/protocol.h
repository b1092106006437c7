/*
 * The channel between the host (relay.c) and the guest (init.c): frames on one
 * virtio-serial port.  A frame is a type byte, the payload's length (32 bits,
 * little endian) and the payload.
 */
#ifndef PKUVM_PROTOCOL_H
#define PKUVM_PROTOCOL_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum frame_type {
	/* guest to host */
	FRAME_READY = 'r', /* booted; the snapshot is taken here */
	FRAME_WANT = 'w',  /* room for one FRAME_STDIN */
	FRAME_STDOUT = 'o',
	FRAME_STDERR = 'e',
	FRAME_EXIT = 'x', /* one byte, the status; the host then kills the machine */
	FRAME_FAIL = 'f', /* text: why the command could not be started */
	/* host to guest */
	FRAME_REQUEST = 'q', /* NUL-terminated strings, see request_send() */
	FRAME_STDIN = 'i',   /* an answer to FRAME_WANT; empty at the end of file */
	FRAME_CLOSE = 'c',   /* one byte, 1 or 2: nobody reads this stream any more */
};

#define FRAME_HEADER 5
#define FRAME_MAX 32768 /* what one write to the port can carry */
#define FRAME_DATA (FRAME_MAX - FRAME_HEADER)
#define REQUEST_MAX (64u << 20)
#define SEED_BYTES 32

static inline int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static inline uint32_t frame_size(const unsigned char *header)
{
	uint32_t size;

	memcpy(&size, header + 1, sizeof(size));
	return size;
}

/* A frame that fits goes out in one write: each write costs the guest an exit. */
static inline int frame_send(int fd, enum frame_type type, const void *data, size_t size)
{
	static unsigned char frame[FRAME_MAX];
	uint32_t length = (uint32_t)size;

	frame[0] = (unsigned char)type;
	memcpy(frame + 1, &length, sizeof(length));
	if (size <= FRAME_DATA) {
		if (size > 0)
			memcpy(frame + FRAME_HEADER, data, size);
		return write_all(fd, frame, FRAME_HEADER + size);
	}
	if (write_all(fd, frame, FRAME_HEADER) < 0)
		return -1;
	return write_all(fd, data, size);
}

#endif
