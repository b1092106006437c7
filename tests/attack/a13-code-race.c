/* SPDX-License-Identifier: MIT */
/*
 * a13, a17: a second thread writes into memory while it is vetted, maps another
 * page over it, and writes to a page that is writable and executable in turns
 * while this one runs it.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static uint8_t *volatile target;
static volatile int mode;

static void ignore(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	/* Skip the store: a byte move to (%rdi), two bytes long. */
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] += 3;
}

static void *writer(void *arg)
{
	uint8_t *spare = pages(1);

	(void)arg;
	memcpy(spare, open_pkru, sizeof(open_pkru));
	for (;;) {
		uint8_t *p = target;

		if (!p)
			continue;
		switch (mode) {
		case 0: /* the last byte of WRPKRU, there and away; 3 bytes of code each */
			__asm__ volatile("movb %1, (%0)\n\tnop" ::"D"(p + 8), "a"((char)0xef)
					 : "memory");
			__asm__ volatile("movb %1, (%0)\n\tnop" ::"D"(p + 8), "a"((char)0)
					 : "memory");
			break;
		case 1:
			(void)raw(SYS_mmap, p, PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			__asm__ volatile("movb %1, (%0)\n\tnop" ::"D"(p + 8), "a"((char)0xef)
					 : "memory");
			break;
		default:
			(void)raw(SYS_mremap, spare, PAGE, PAGE, 5, p); /* DONTUNMAP */
			(void)raw(SYS_madvise, p, PAGE, MADV_DONTNEED);
		}
	}
	return NULL;
}

static void one(bool rwx)
{
	uint8_t *p = mmap(NULL, PAGE, rwx ? 7 : 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		broken("no memory");
	memcpy(p, open_pkru, sizeof(open_pkru));
	p[8] = 0;
	target = p;
	for (int i = 0; i < 20; i++) {
		if (!rwx && make_executable(p, PAGE))
			continue;
		(void)run_code(p, 0, 0);
		if (rdpkru() != env.pkru && rdpkru() != 0x55555554)
			succeeded("mode %d: PKRU is %#x", mode, rdpkru());
		check_secret("a race");
		if (!rwx)
			(void)raw(SYS_mprotect, p, PAGE, PROT_READ | PROT_WRITE);
	}
	target = NULL;
	munmap(p, PAGE);
}

static void *run(void *arg)
{
	for (mode = 0; mode < 3; mode++) {
		double until = seconds() + (env.control ? 20 : quick(2, 30));

		while (seconds() < until) {
			one(false);
			if (mode == 0)
				one(true);
		}
	}
	return arg;
}

/* Faults of the writer are skipped, ours are caught: by thread. */
static __thread bool is_writer;
static void (*caught)(int, siginfo_t *, void *);

static void dispatch(int sig, siginfo_t *si, void *uc)
{
	if (is_writer)
		ignore(sig, si, uc);
	else
		caught(sig, si, uc);
}

static void *marked(void *arg)
{
	is_writer = true;
	return writer(arg);
}

void attack(void)
{
	struct sigaction old;

	sigaction(SIGSEGV, NULL, &old);
	caught = old.sa_sigaction;
	on_signal(SIGSEGV, dispatch, SA_NODEFER);
	thread(marked, NULL);
	run(NULL);
}
