/* SPDX-License-Identifier: MIT */
/*
 * Zone B: code as an immutable object: a memfd, filled, sealed against every
 * change, and only then compared with what was vetted (i03). It lives on a
 * reserved descriptor that nobody else can replace.
 */
#include "execobj.h"

#include <linux/memfd.h>

#include "fd.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#ifndef MFD_EXEC /* linux/memfd.h of 6.3 and later */
#define MFD_EXEC 0x10u
#endif

static long write_all(const uint8_t *src, uint64_t len, uint64_t off)
{
	while (len) {
		long n = MON4(__NR_pwrite64, RFD_VET, src, len, off);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n ? n : -EIO;
		src += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Reads the sealed memfd back: is it what the window holds? */
static bool unchanged(const uint8_t *src, uint64_t len)
{
	uint8_t buf[2048];
	uint64_t off = 0;

	while (off < len) {
		uint64_t want = len - off < sizeof(buf) ? len - off : sizeof(buf);
		long n = MON4(__NR_pread64, RFD_VET, buf, want, off);

		if (n == -EINTR)
			continue;
		if (n <= 0 || memcmp(buf, src + off, (size_t)n))
			return false;
		off += (uint64_t)n;
	}
	return true;
}

void object_release(void)
{
	/* The number stays occupied: a copy of the binary's O_PATH descriptor. */
	if (fd_reserve(RFD_SELF, RFD_VET, 0) != RFD_VET)
		die(DIE_SETUP, RFD_VET);
}

/* The window's bytes as an immutable object on RFD_VET. */
long object_make(const uint8_t *src, uint64_t len, const char *name)
{
	struct limits limits;
	long fd = MON2(__NR_memfd_create, name, MFD_ALLOW_SEALING | MFD_CLOEXEC | MFD_EXEC), ret;

	if (fd == -EINVAL) /* older than 6.3 */
		fd = MON2(__NR_memfd_create, name, MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = fd_reserve((int)fd, RFD_VET, 0);
	(void)MON1(__NR_close, fd);
	if (ret != RFD_VET)
		return ret < 0 ? ret : -EIO;
	ret = fsize_lift(&limits, len);
	if (!ret) {
		ret = write_all(src, len, 0);
		fsize_restore(&limits);
	}
	if (!ret)
		ret = MON3(__NR_fcntl, RFD_VET, F_ADD_SEALS, SEALS);
	if (!ret && (MON2(__NR_fcntl, RFD_VET, F_GET_SEALS) & SEALS) != SEALS)
		ret = -EACCES;
	/* Also with one thread: a child may have opened it through procfs. */
	if (!ret && !unchanged(src, len))
		ret = -EACCES;
	return ret;
}
