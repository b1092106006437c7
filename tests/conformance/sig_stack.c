/* SPDX-License-Identifier: MIT */
/*
 * Alternate signal stacks: errors, nesting, autodisarm, threads, overflows of
 * the stack and of the alternate stack; jumps out of handlers; contexts.
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "conf.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char *area;
static const size_t area_size = 65536;
static sigjmp_buf back;
static volatile sig_atomic_t count;

static bool on_area(const void *p)
{
	return (const char *)p >= area && (const char *)p < area + area_size;
}

static void show(const char *what)
{
	stack_t ss;
	char here;

	if (sigaltstack(NULL, &ss))
		perror("sigaltstack");
	printf("%s: flags %x, sp %s, size %zu, here %s\n", what, (unsigned)ss.ss_flags,
	       ss.ss_sp == area ? "area"
	       : ss.ss_sp	? "other"
				: "null",
	       ss.ss_size, on_area(&here) ? "on area" : "on the stack");
	fflush(stdout);
}

static long set(void *sp, unsigned flags, size_t n)
{
	stack_t ss = {.ss_sp = sp, .ss_flags = (int)flags, .ss_size = n};

	return sigaltstack(&ss, NULL);
}

static void errors(void)
{
	show("at start");
	printf("small %s", result(set(area, 0, 2047)));
	printf(" minimal %s", result(set(area, 0, getauxval(AT_MINSIGSTKSZ))));
	printf(" flags %s", result(set(area, 4, area_size)));
	printf(" both %s", result(set(area, SS_ONSTACK | SS_DISABLE, area_size)));
	printf(" onstack %s", result(set(area, SS_ONSTACK, area_size)));
	printf(" address %s\n", result(syscall(SYS_sigaltstack, 16, NULL)));
	show("set with SS_ONSTACK");
	printf("disarm %s\n", result(set(area, SS_AUTODISARM | SS_ONSTACK, area_size)));
	show("set with SS_AUTODISARM");
	printf("disable %s\n", result(set((void *)0x1234, SS_DISABLE, 99)));
	show("disabled");
	printf("null %s\n", result(sigaltstack(NULL, NULL)));
	printf("disabled with disarm %s\n", result(set(area, SS_AUTODISARM | SS_DISABLE, 99)));
	show("disabled with disarm");
}

static void on_stack(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)si;
	printf("handler of %d: saved flags %x sp %s size %zu, frame %s\n", sig,
	       (unsigned)uc->uc_stack.ss_flags,
	       uc->uc_stack.ss_sp == area ? "area"
	       : uc->uc_stack.ss_sp	  ? "other"
					  : "null",
	       uc->uc_stack.ss_size, on_area(uc) ? "on area" : "on the stack");
	show("within");
	printf("change %s", result(set(area, 0, area_size / 2)));
	printf(" disable %s\n", result(set(NULL, SS_DISABLE, 0)));
	if (sig == SIGUSR1)
		raise(SIGUSR2);
}

static void uses(void)
{
	static const unsigned flags[] = {0, SS_AUTODISARM, SS_DISABLE};

	handle_with(SIGUSR1, on_stack, SA_ONSTACK);
	for (int second = 0; second < 2; second++) {
		handle_with(SIGUSR2, on_stack, second ? SA_ONSTACK : 0);
		for (int i = 0; i < 3; i++) {
			printf("-- flags %x, second handler %s\n", flags[i],
			       second ? "too" : "without");
			set(area, flags[i], area_size);
			raise(SIGUSR1);
			show("after");
		}
	}
	set(area, 0, area_size);
}

/* The handler sets uc_stack: rt_sigreturn makes it so. */
static void set_in_context(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	(void)si;
	uc->uc_stack.ss_sp = area;
	uc->uc_stack.ss_size = area_size / 2;
	uc->uc_stack.ss_flags = 0;
}

static int overflow(int n)
{
	volatile char room[4096];

	room[n % 4096] = (char)n;
	return count < 0 ? n : overflow(n + 1) + room[1];
}

static void on_overflow(int sig, siginfo_t *si, void *ctx)
{
	char here;

	(void)ctx;
	if (!count)
		printf("overflow: signal %d code %d, %s, near the stack pointer: %s\n", sig,
		       si->si_code, on_area(&here) ? "on area" : "elsewhere",
		       llabs((long long)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RSP] -
			     (long long)(uintptr_t)si->si_addr) < 65536
			       ? "yes"
			       : "NO");
	fflush(stdout);
	count++;
	siglongjmp(back, 1);
}

static void overflow_handled(void)
{
	count = 0;
	set(area, 0, area_size);
	handle_with(SIGSEGV, on_overflow, SA_ONSTACK);
	for (volatile int i = 0; i < size(20, 2); i = i + 1)
		if (!sigsetjmp(back, 1))
			overflow(1);
	printf("overflows: %d\n", (int)count);
	fflush(stdout);
}

static void overflow_without_stack(void)
{
	set(NULL, SS_DISABLE, 0);
	handle_with(SIGSEGV, on_overflow, SA_ONSTACK);
	overflow(1);
}

static void overflow_alternate(int sig)
{
	(void)sig;
	overflow(1);
}

static void alternate_overflows(void)
{
	char *p = mmap(NULL, 131072, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p + 65536, 65536, PROT_READ | PROT_WRITE);
	set(p + 65536, 0, 65536);
	handle_with(SIGSEGV, on_overflow, SA_ONSTACK);
	handle(SIGUSR1, overflow_alternate, SA_ONSTACK);
	count = 0;
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
}

static void stack_is_not_mapped(void)
{
	char *p = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	set(p, 0, 65536);
	handle_with(SIGUSR1, on_overflow, SA_ONSTACK);
	raise(SIGUSR1);
}

static void segv_rescues(int sig)
{
	printf("SIGSEGV for a frame that did not fit: %d\n", sig);
	fflush(stdout);
	_exit(3);
}

static void frame_does_not_fit(void)
{
	char *p = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	handle(SIGSEGV, segv_rescues, 0);
	set(p, 0, 65536);
	handle_with(SIGUSR1, on_overflow, SA_ONSTACK);
	raise(SIGUSR1);
}

static void *in_thread(void *arg)
{
	stack_t ss = {.ss_size = area_size, .ss_sp = malloc(area_size)}, now;
	char here = 0;

	show("in a new thread");
	sigaltstack(&ss, NULL);
	sigaltstack(NULL, &now);
	printf("of its own: %s\n", now.ss_sp == ss.ss_sp && !now.ss_flags ? "yes" : "NO");
	return &here == arg ? arg : NULL;
}

static void threads(void)
{
	pthread_t t;

	set(area, 0, area_size);
	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
	show("after the thread");
}

static void in_fork(void)
{
	show("in a child");
}

static void jump_out(int sig)
{
	(void)sig;
	count++;
	siglongjmp(back, 1);
}

static void jumps(int rounds, int flags)
{
	sigset_t now;

	count = 0;
	set(area, 0, area_size);
	handle(SIGUSR1, jump_out, flags);
	for (volatile int i = 0; i < rounds; i = i + 1)
		if (!sigsetjmp(back, 1))
			raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("jumps out of handlers: %d, blocked %d\n", (int)count, sigismember(&now, SIGUSR1));
	show("after them");
}

static ucontext_t main_context, other_context;

static void other(void)
{
	for (;;) {
		count++;
		swapcontext(&other_context, &main_context);
	}
}

static void switch_in_handler(int sig)
{
	(void)sig;
	swapcontext(&main_context, &other_context);
}

static void contexts(int rounds)
{
	static char stack[65536];

	count = 0;
	getcontext(&other_context);
	other_context.uc_stack.ss_sp = stack;
	other_context.uc_stack.ss_size = sizeof(stack);
	makecontext(&other_context, other, 0);
	for (int i = 0; i < rounds; i++)
		swapcontext(&main_context, &other_context);
	handle(SIGUSR1, switch_in_handler, 0);
	for (int i = 0; i < rounds; i++)
		raise(SIGUSR1);
	printf("contexts: %d switches\n", (int)count);
}

int main(void)
{
	area = aligned_alloc(4096, area_size);
	errors();
	uses();
	set(NULL, SS_DISABLE, 0);
	handle_with(SIGUSR1, set_in_context, 0);
	raise(SIGUSR1);
	show("set by sigreturn");
	jumps(size(10000, 200), 0);
	jumps(size(10000, 200), SA_ONSTACK);
	jumps(size(10000, 200), SA_NODEFER);
	contexts(size(10000, 200));
	threads();
	in_child("altstack after fork", in_fork);
	overflow_handled();
	in_child("overflow without a stack", overflow_without_stack);
	in_child("alternate stack overflows", alternate_overflows);
	in_child("alternate stack is not mapped", stack_is_not_mapped);
	in_child("SEGV handler on the normal stack", frame_does_not_fit);
	return 0;
}
