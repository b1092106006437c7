/* SPDX-License-Identifier: MIT */
/*
 * g02, g04, b10: jumps at every `syscall` of the gate page with numbers that
 * only the monitor may use, after each way out of the monitor; puts code next to
 * the trusted ranges; overwrites the selector.
 */
/* Isolation: any */
/* Blocked: 0 | 125 */
/* Control: 42 */
#include "attack.h"

#include "monitor/slot.h"

static uint8_t stack[65536] __attribute__((aligned(4096)));
static char path[] = "made-by-the-gate";
static volatile int dummy;

struct trial {
	uint64_t at;
	int which;
};

static void jump(void *arg)
{
	const struct trial *t = arg;
	struct jump_regs r = {.rip = t->at, .rsp = (uint64_t)stack + 32768, .rbx = (uint64_t)stack};

	alarm(10);
	if (t->which == 0) { /* not mediated, but the gate page is dispatched */
		r.rax = SYS_exit_group;
		r.rdi = ATTACK_SUCCESS;
	} else {
		r.rax = SYS_openat;
		r.rdi = (uint64_t)AT_FDCWD;
		r.rsi = (uint64_t)path;
		r.rdx = O_CREAT | O_RDWR;
		r.r10 = 0600;
	}
	r.r12 = r.rax;
	r.r13 = r.rdx;
	jump_all(&r);
}

/* The ways out of the monitor: behind each the selector must be BLOCK. */
static void nothing(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
	dummy++;
}

static void *thread_body(void *arg)
{
	jump(arg);
	return NULL;
}

static void after(void *arg)
{
	const struct trial *t = arg;

	on_signal(SIGUSR1, nothing, 0);
	switch (t->which / 2) {
	case 0:
		raise(SIGUSR1);
		break;
	case 1:
		(void)open("/does/not/exist", O_RDONLY);
		break;
	case 2:
		(void)execl("/does/not/exist", "x", NULL);
		break;
	case 3:
		(void)run_code(&(uint8_t[]){0}, 0, 0); /* a fault */
		break;
	case 4:
		if (fork() > 0)
			_exit(0);
		break;
	default:
		pthread_join(thread(thread_body, &(struct trial){t->at, t->which % 2}), NULL);
		_exit(0);
	}
	jump(&(struct trial){t->at, t->which % 2});
}

static void next_to(uint64_t edge, const char *what)
{
	long page = (long)(edge & ~(PAGE - 1)) - (long)PAGE;
	const long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	long ret = raw(SYS_mmap, page, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (ret >= 0)
		succeeded("the page below %s was mapped", what);
	ret = raw(SYS_mmap, page, PAGE, PROT_READ | PROT_EXEC, flags, -1, 0);
	if (ret >= 0)
		succeeded("the page below %s was mapped executable", what);
	ret = raw(SYS_mprotect, page, PAGE, 7);
	if (ret >= 0)
		succeeded("the page below %s was made executable", what);
}

void attack(void)
{
	const uint8_t *code = (const uint8_t *)env.gate;
	int n = 0;

	for (size_t off = 0; off + 2 <= env.gate_len; off++) {
		if (memcmp(code + off, "\x0f\x05", 2) != 0)
			continue;
		for (int which = 0; which < 2; which++)
			expect_blocked(in_child(jump, &(struct trial){env.gate + off, which}),
				       "a jump");
		for (int which = 0; which < 12; which++)
			if (n == 0 || env.full)
				expect_blocked(
					in_child(after, &(struct trial){env.gate + off, which}),
					"a jump after something");
		n++;
	}
	if (access(path, F_OK) == 0)
		succeeded("the gate made a file for us");
	if (n == 0)
		broken("no system call in the gate");
	if (env.control)
		return;
	next_to(GATE_PAGE, "the gate");
	next_to(LOADER_BASE, "the loader's range");
	next_to(LOADER_END, "the end of the loader's range");
	next_to(LOADER_BASE + PAGE, "the loader's second page");
	if (env.keys && can_write(env.readable + C_SELECTOR))
		succeeded("the selector was written");
	if (env.keys && raw(SYS_getrandom, env.readable + C_SELECTOR, 1, 0) > 0)
		succeeded("the kernel wrote the selector");
}
