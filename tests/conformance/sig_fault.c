/* SPDX-License-Identifier: MIT */
/*
 * Faults: code and address as the handler sees them; and their ends: default,
 * ignored, blocked, sent by a user.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "conf.h"

static sigjmp_buf back;
static volatile char *volatile page;
static volatile int zero;
static bool alone; /* in a child: there is nothing to go back to */

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	long trap = uc->uc_mcontext.gregs[REG_TRAPNO], err = uc->uc_mcontext.gregs[REG_ERR];
	uintptr_t addr = (uintptr_t)si->si_addr;
	const char *where = "elsewhere";

	if (addr == (uintptr_t)page)
		where = "page";
	else if (addr == (uintptr_t)uc->uc_mcontext.gregs[REG_RIP])
		where = "rip";
	else if (addr < 65536)
		where = "low";
	printf("signal %d code %d errno %d address %s trap %ld error %lx", sig, si->si_code,
	       si->si_errno, where, trap, err);
	if (sig == SIGSEGV && si->si_code > 0 && si->si_code < 0x80)
		printf(" cr2 %s",
		       (uintptr_t)uc->uc_mcontext.gregs[REG_CR2] == addr ? "same" : "other");
	if (si->si_code <= 0)
		printf(" pid %s", si->si_pid == getpid() ? "mine" : "other");
	printf("\n");
	fflush(stdout);
	if (alone)
		_exit(77);
	siglongjmp(back, 1);
}

static void null_read(void)
{
	zero = *(volatile char *)(uintptr_t)(16 + zero);
}

static void null_write(void)
{
	*(volatile char *)(uintptr_t)(16 + zero) = 1;
}

static void read_only(void)
{
	mprotect((void *)page, 4096, PROT_READ);
	*page = 1;
}

static void no_access(void)
{
	mprotect((void *)page, 4096, PROT_NONE);
	zero = *page & 0;
}

static void unmapped(void)
{
	munmap((void *)page, 4096);
	*page = 1;
}

static void execute(void)
{
	((void (*)(void))(uintptr_t)page)();
}

static void not_canonical(void)
{
	*(volatile char *)(0x1234567812345678 + (uintptr_t)zero) = 1;
}

static void kernel_address(void)
{
	*(volatile char *)(0xffffffff81000000 + (uintptr_t)zero) = 1;
}

static void privileged(void)
{
	__asm__ volatile("hlt");
}

static void divide(void)
{
	zero = 7 / zero;
}

static void float_divide(void)
{
	unsigned csr = 0x1f80 & ~0x200u;
	volatile double x = 1;

	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
	x /= (double)zero;
	csr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
}

static void x87_divide(void)
{
	uint16_t cw = 0x37f & ~4;
	volatile long double x = 1;

	__asm__ volatile("fninit\n\tfldcw %0" ::"m"(cw));
	x /= (long double)zero;
	__asm__ volatile("fwait");
	zero = (int)x & 0;
}

static void illegal(void)
{
	__asm__ volatile("ud2");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void single_step(void)
{
	__asm__ volatile("pushfq\n\torq $0x100, (%rsp)\n\tpopfq\n\tnop\n\tnop");
}

static void int1(void)
{
	__asm__ volatile(".byte 0xf1");
}

static void int_n(void)
{
	__asm__ volatile("int $0x42");
}

static void aligned_access(void)
{
	static char data[64] __attribute__((aligned(64)));

	__asm__ volatile("movaps (%0), %%xmm0" ::"r"(data + 1) : "xmm0");
}

static void beyond_file(void)
{
	FILE *f = tmpfile();

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	*page = 1;
}

static void user_segv(void)
{
	kill(getpid(), SIGSEGV);
}

static void user_queue(void)
{
	sigqueue(getpid(), SIGFPE, (union sigval){.sival_int = 5});
}

static void user_tgkill(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGILL);
}

static void user_trap(void)
{
	raise(SIGTRAP);
}

static void user_sys(void)
{
	raise(SIGSYS);
}

static const struct {
	const char *name;
	void (*fn)(void);
	int sig;
} faults[] = {
	{"null read", null_read, SIGSEGV},
	{"null write", null_write, SIGSEGV},
	{"read-only", read_only, SIGSEGV},
	{"no access", no_access, SIGSEGV},
	{"unmapped", unmapped, SIGSEGV},
	{"execute", execute, SIGSEGV},
	{"not canonical", not_canonical, SIGSEGV},
	{"kernel address", kernel_address, SIGSEGV},
	{"privileged", privileged, SIGSEGV},
	{"int 0x42", int_n, SIGSEGV},
	{"not aligned", aligned_access, SIGSEGV},
	{"division", divide, SIGFPE},
	{"SSE division", float_divide, SIGFPE},
	{"x87 division", x87_divide, SIGFPE},
	{"ud2", illegal, SIGILL},
	{"int3", breakpoint, SIGTRAP},
	{"single step", single_step, SIGTRAP},
	{"int1", int1, SIGTRAP},
	{"beyond the file", beyond_file, SIGBUS},
	{"kill SEGV", user_segv, SIGSEGV},
	{"sigqueue FPE", user_queue, SIGFPE},
	{"tgkill ILL", user_tgkill, SIGILL},
	{"raise TRAP", user_trap, SIGTRAP},
	{"raise SYS", user_sys, SIGSYS},
};

static size_t now;

static void fresh_page(void)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void default_end(void)
{
	alone = true;
	signal(faults[now].sig, SIG_DFL);
	faults[now].fn();
}

static void ignored_end(void)
{
	alone = true;
	signal(faults[now].sig, SIG_IGN);
	faults[now].fn();
	puts("goes on");
}

static void blocked_end(void)
{
	mask_how(SIG_BLOCK, faults[now].sig);
	if (sigsetjmp(back, 1))
		puts("handler ran");
	else
		faults[now].fn();
	puts("goes on");
}

static void unblocked_later(void)
{
	sigset_t pending;

	mask_how(SIG_BLOCK, faults[now].sig);
	if (sigsetjmp(back, 1) == 0) {
		faults[now].fn();
		sigpending(&pending);
		printf("pending %d\n", sigismember(&pending, faults[now].sig));
		mask_how(SIG_UNBLOCK, faults[now].sig);
	}
	puts("goes on");
}

int main(void)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	for (int sig = 1; sig < 32; sig++)
		if (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL ||
		    sig == SIGTRAP || sig == SIGSYS)
			handle_with(sig, on_fault, 0);
	for (now = 0; now < sizeof(faults) / sizeof(faults[0]); now++) {
		bool user = now >= sizeof(faults) / sizeof(faults[0]) - 5;

		if (faults[now].fn == int1 && size(0, 1))
			continue; /* QEMU has no such instruction */
		printf("-- %s\n", faults[now].name);
		fresh_page();
		if (sigsetjmp(back, 1) == 0)
			faults[now].fn();
		fresh_page();
		in_child("default", default_end);
		in_child("ignored", ignored_end);
		in_child("blocked", blocked_end);
		if (user)
			in_child("unblocked later", unblocked_later);
	}
	return 0;
}
