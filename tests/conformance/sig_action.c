/* SPDX-License-Identifier: MIT */
/*
 * sigaction: flags and what the old action says, resets, deferral, errors;
 * every signal's default action.
 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "conf.h"

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static volatile sig_atomic_t got, depth, raised;

static void on_signal(int sig)
{
	got = sig;
}

static void on_info(int sig, siginfo_t *si, void *ctx)
{
	(void)si;
	(void)ctx;
	got = sig;
}

static long raw(int sig, const void *act, void *old, size_t n)
{
	return syscall(SYS_rt_sigaction, sig, act, old, n);
}

static void flags_come_back(void)
{
	static const unsigned long probes[] = {0,
					       SA_SIGINFO,
					       SA_RESTART,
					       SA_NODEFER,
					       SA_RESETHAND,
					       SA_ONSTACK,
					       SA_NOCLDSTOP,
					       SA_NOCLDWAIT,
					       0x400 /* SA_UNSUPPORTED */,
					       0x800 /* SA_EXPOSE_TAGBITS */,
					       0x100000000,
					       0xffffffffffffffff,
					       0x02000000};

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		static const int sigs[] = {SIGUSR1, SIGSEGV, SIGCHLD, 40};

		printf("flags %lx:", probes[i]);
		for (size_t k = 0; k < sizeof(sigs) / sizeof(sigs[0]); k++) {
			struct kernel_action act = {.handler = on_signal,
						    .flags = probes[i],
						    .restorer = on_info,
						    .mask = ~0ull},
					     old = {0};

			raw(sigs[k], &act, NULL, 8);
			raw(sigs[k], NULL, &old, 8);
			printf(" %lx %lx%s%s", old.flags, old.mask,
			       old.handler == on_signal ? "" : " HANDLER",
			       old.restorer == on_info ? "" : " RESTORER");
			act = (struct kernel_action){.handler = SIG_DFL};
			raw(sigs[k], &act, NULL, 8);
		}
		printf("\n");
	}
}

static void errors(void)
{
	struct kernel_action act = {.handler = on_signal}, old;

	for (int sig = -1; sig < 67; sig += sig == 0 ? 8 : sig == 9 ? 10 : sig == 19 ? 45 : 1) {
		printf("signal %d: set %s", sig, result(raw(sig, &act, NULL, 8)));
		printf(" get %s", result(raw(sig, NULL, &old, 8)));
		printf(" neither %s\n", result(raw(sig, NULL, NULL, 8)));
	}
	printf("size %s", result(raw(SIGUSR1, &act, NULL, 4)));
	printf(" address %s", result(raw(SIGUSR1, (void *)16, NULL, 8)));
	printf(" %s", result(raw(SIGUSR1, NULL, (void *)16, 8)));
	printf(" bad signal and address %s", result(raw(99, (void *)16, NULL, 8)));
	printf(" bad size and address %s\n", result(raw(10, (void *)16, NULL, 3)));
}

static void show_action(const char *what, int sig)
{
	struct sigaction sa;

	sigaction(sig, NULL, &sa);
	printf("%s: %s flags %x\n", what,
	       sa.sa_handler == SIG_DFL	  ? "default"
	       : sa.sa_handler == SIG_IGN ? "ignored"
					  : "handler",
	       (unsigned)sa.sa_flags & 0x7bffffff);
}

static void resets(void)
{
	handle(SIGUSR1, on_signal, SA_RESETHAND | SA_NODEFER);
	raise(SIGUSR1);
	printf("got %d\n", (int)got);
	show_action("after SA_RESETHAND", SIGUSR1);
	handle(SIGSEGV, on_signal, (int)SA_RESETHAND);
	raise(SIGSEGV);
	printf("got %d\n", (int)got);
	show_action("after SA_RESETHAND", SIGSEGV);
	signal(SIGSEGV, SIG_DFL);
}

static void on_deep(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	depth++;
	printf("depth %d blocked %d hup %d\n", (int)depth, sigismember(&now, sig),
	       sigismember(&now, SIGHUP));
	if (++raised % 3)
		raise(sig);
	depth--;
}

static void deferral(void)
{
	struct sigaction sa = {.sa_handler = on_deep};

	sigaddset(&sa.sa_mask, SIGHUP);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sigaddset(&sa.sa_mask, SIGUSR1); /* NODEFER does not help then */
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
}

static int next_signal;

static void default_of_next(void)
{
	signal(next_signal, SIG_DFL);
	raise(next_signal);
	puts("goes on");
}

static void defaults(void)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	for (next_signal = 1; next_signal <= 64; next_signal++) {
		char name[32];

		if (next_signal == SIGSTOP || next_signal == SIGTSTP || next_signal == SIGTTIN ||
		    next_signal == SIGTTOU || next_signal == 32 || next_signal == 33)
			continue;
		snprintf(name, sizeof(name), "default of %d", next_signal);
		in_child(name, default_of_next);
	}
}

/* Pending while blocked, gone when ignored meanwhile. */
static void ignored_while_pending(void)
{
	sigset_t pending;

	handle(SIGUSR1, on_signal, 0);
	mask_how(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	sigpending(&pending);
	printf("pending after SIG_IGN %d", sigismember(&pending, SIGUSR1));
	handle(SIGUSR1, on_signal, 0);
	got = 0;
	mask_how(SIG_UNBLOCK, SIGUSR1);
	printf(", got %d\n", (int)got);
	mask_how(SIG_BLOCK, SIGSEGV);
	handle(SIGSEGV, on_signal, 0);
	raise(SIGSEGV);
	signal(SIGSEGV, SIG_IGN);
	handle(SIGSEGV, on_signal, 0);
	mask_how(SIG_UNBLOCK, SIGSEGV);
	printf("fault signal: got %d\n", (int)got);
	signal(SIGSEGV, SIG_DFL);
}

static void change_own(int sig)
{
	signal(sig, SIG_IGN);
	raise(sig);
	got = 77;
}

static void change_within(void)
{
	handle(SIGUSR2, change_own, SA_NODEFER);
	raise(SIGUSR2);
	printf("got %d\n", (int)got);
	show_action("changed by its handler", SIGUSR2);
	handle(SIGUSR2, change_own, 0);
	raise(SIGUSR2);
	show_action("changed by its handler", SIGUSR2);
}

/* Sees which registers a handler gets. */
static void on_registers(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	printf("rdi %d, rsi %s, rdx %s, flags of uc %lx, link %p, ss %llx, cs %llx\n", sig,
	       (char *)si > (char *)uc ? "above" : "below",
	       (uintptr_t)uc % 8 == 0 ? "aligned" : "NOT aligned", uc->uc_flags,
	       (void *)uc->uc_link, (unsigned long long)uc->uc_mcontext.gregs[REG_CSGSFS] >> 48,
	       (unsigned long long)uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff);
	printf("stack %% 16: %d, fp %% 64: %d, oldmask %llx, magic %x, size %s\n",
	       (int)((uintptr_t)__builtin_frame_address(0) % 16),
	       (int)((uintptr_t)uc->uc_mcontext.fpregs % 64), uc->uc_mcontext.gregs[REG_OLDMASK],
	       ((unsigned *)uc->uc_mcontext.fpregs)[116],
	       ((unsigned *)uc->uc_mcontext.fpregs)[117] >= 512 ? "fine" : "too small");
	printf("red zone kept: %s\n",
	       uc->uc_mcontext.gregs[REG_RSP] - (long)(uintptr_t)uc->uc_mcontext.fpregs >= 128
		       ? "yes"
		       : "NO");
}

int main(void)
{
	flags_come_back();
	errors();
	resets();
	deferral();
	defaults();
	ignored_while_pending();
	change_within();
	handle_with(SIGUSR1, on_registers, 0);
	mask_how(SIG_BLOCK, SIGHUP);
	raise(SIGUSR1);
	return 0;
}
