/* SPDX-License-Identifier: MIT */
/*
 * a15, a16, a18: code that changes after it was vetted: by a write to its file,
 * through a shared alias, by throwing the patched pages away so that the
 * file's own bytes come back.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <sys/shm.h>

static void run(const void *p, const char *how)
{
	(void)run_code(p, 0, 0);
	if (rdpkru() != env.pkru || can_read(env.secret))
		succeeded("%s: PKRU is %#x", how, rdpkru());
}

static int file_of(const uint8_t *code, size_t len)
{
	uint8_t buf[2 * PAGE];
	int fd = open("code", O_RDWR | O_CREAT | O_TRUNC, 0700);

	memset(buf, 0xc3, sizeof(buf));
	memcpy(buf, code, len);
	if (fd < 0 || write(fd, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
		broken("no file");
	return fd;
}

static void by_file(int kind)
{
	int fd = kind == 2 ? (int)syscall(SYS_memfd_create, "code", 0)
			   : file_of((uint8_t *)"\xc3", 1);
	uint8_t *p, *w;

	if (kind == 2 && ftruncate(fd, 2 * PAGE))
		broken("no memfd");
	w = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (w == MAP_FAILED)
		broken("no mapping");
	memset(w, 0xc3, PAGE);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, kind ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		p = mmap(NULL, 2 * PAGE, PROT_READ, kind ? MAP_SHARED : MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED || make_executable(p, 2 * PAGE))
			return;
	}
	run(p, "fresh");
	memcpy(w, open_pkru, sizeof(open_pkru));
	run(p, "written through an alias");
	if (pwrite(fd, open_pkru, sizeof(open_pkru), PAGE) > 0)
		run(p + PAGE, "written to the file");
	(void)raw(SYS_madvise, p, 2 * PAGE, MADV_DONTNEED);
	run(p, "written, then discarded");
	if (raw(SYS_mremap, p, PAGE, 4 * PAGE, MREMAP_MAYMOVE) > 0)
		run(p, "grown");
	if (raw(SYS_remap_file_pages, p, PAGE, 0, 1, 0) == 0)
		run(p, "remap_file_pages");
	munmap(w, 2 * PAGE);
	close(fd);
}

/* Patched code: the original must not come back. */
static void by_discard(void)
{
	static const int advices[] = {MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT, MADV_REMOVE, 24, 102};
	int fd = file_of(open_pkru, sizeof(open_pkru));
	uint8_t *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return; /* refused: as good */
	run(p, "mapped");
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		(void)raw(SYS_madvise, p, 2 * PAGE, advices[i]);
		run(p, "discarded");
	}
	(void)raw(SYS_fallocate, fd, 3 /* PUNCH_HOLE */, 0, PAGE);
	run(p, "punched");
}

static void by_shm(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0700);
	uint8_t *w = shmat(id, NULL, 0), *p = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);

	shmctl(id, IPC_RMID, NULL);
	if (w == (void *)-1)
		return;
	memset(w, 0xc3, PAGE);
	if (p == (void *)-1) {
		p = shmat(id, NULL, 0);
		if (p == (void *)-1 || make_executable(p, PAGE))
			return;
	}
	memcpy(w, open_pkru, sizeof(open_pkru));
	run(p, "System V shared memory");
}

void attack(void)
{
	for (int kind = 0; kind < 3; kind++)
		by_file(kind);
	by_discard();
	by_shm();
}
