/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): what the kernel and the CPU offer. Effects are checked, not
 * return values: the caller may have installed a filter that lies (g10).
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "launch.h"
#include "monitor/layout.h"
#include "report.h"

#define NR_MSEAL 462
#define PR_SET_SUD 59
#define CPUID_7_ECX_OSPKE (1u << 4)
#define CPUID_7_EBX_FSGSBASE (1u << 0)
#define CPUID_7_1_EDX_APX (1u << 21)
#define FX_SW_BYTES 464
#define PROBE_STACK 65536

static char probe_stack[PROBE_STACK] __attribute__((aligned(4096)));
static struct boot *probing;

static bool has_keys(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & CPUID_7_ECX_OSPKE);
}

static void check_cpu(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & CPUID_7_EBX_FSGSBASE))
		report_fail(EXIT_ENDORUN, "machine: the CPU has no FSGSBASE; endorun needs it");
	if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (d & CPUID_7_1_EDX_APX))
		report_fail(EXIT_ENDORUN, "machine: the CPU has APX, whose encodings endorun does "
					  "not know yet; boot with clearcpuid=apx");
}

/* mseal must really seal. */
static bool seals(void)
{
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || syscall(NR_MSEAL, p, 4096UL, 0UL))
		return false;
	return mprotect(p, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EPERM;
}

/* Inherited, it would make memory executable that nobody has vetted (a19). */
static void drop_read_implies_exec(void)
{
	int now = personality(0xffffffff);

	if (now >= 0 && (now & (READ_IMPLIES_EXEC | MMAP_PAGE_ZERO)))
		(void)personality((unsigned long)(now & ~(READ_IMPLIES_EXEC | MMAP_PAGE_ZERO)));
	if (personality(0xffffffff) & READ_IMPLIES_EXEC)
		report_fail(EXIT_ENDORUN,
			    "machine: READ_IMPLIES_EXEC cannot be switched off; start "
			    "endorun without setarch -X");
}

/* A protection that was answered for but not made shows itself as a fault. */
static void on_fault(int sig)
{
	(void)sig;
	report_fail(EXIT_ENDORUN,
		    "start: fault while setting up: a change of memory protection did not "
		    "take effect; something in the way of endorun answers for the kernel");
}

void machine_catch_faults(struct launch *l)
{
	struct sigaction sa = {.sa_handler = on_fault}, was;

	/* The monitor takes over; it must know what the program inherits. */
	if (sigaction(SIGSEGV, &sa, &was) == 0 && was.sa_handler == SIG_IGN)
		l->ignored |= UINT64_C(1) << (SIGSEGV - 1);
}

void machine_check(struct launch *l)
{
	check_cpu();
	drop_read_implies_exec();
	if (!seals())
		report_fail(EXIT_ENDORUN,
			    "machine: this kernel has no mseal, or something keeps it "
			    "from working; endorun needs Linux 6.12 or newer");
	if (prctl(PR_SET_SUD, 0, 0, 0, 0))
		report_fail(EXIT_ENDORUN,
			    "machine: no Syscall User Dispatch: %s; endorun needs a "
			    "kernel with it, and a caller that allows it",
			    strerror(errno));
	if (l->cli.isolation == CLI_ISOLATION_KEYS && !has_keys())
		report_fail(EXIT_ENDORUN,
			    "machine: this CPU or kernel has no memory protection keys; use a "
			    "machine that has them, or --isolation=none, which protects nothing");
	if (l->cli.isolation == CLI_ISOLATION_NONE)
		report_note("isolation: none: nothing keeps the program from the monitor");
}

static void on_probe(int sig, siginfo_t *si, void *uc)
{
	ucontext_t *u = uc;
	uint64_t frame = (uint64_t)(uintptr_t)uc - 8;
	uint64_t fp = (uint64_t)(uintptr_t)u->uc_mcontext.fpregs;
	uint32_t words[4];

	(void)sig;
	(void)si;
	probing->frame_size = (uint32_t)((uint64_t)(uintptr_t)probe_stack + PROBE_STACK - frame);
	probing->fp_off = (uint32_t)(fp - frame);
	memcpy(words, (void *)(fp + FX_SW_BYTES), sizeof(words));
	probing->xstate_size = words[1];
	memcpy(&probing->xfeatures, &words[2], sizeof(probing->xfeatures));
	memcpy(&probing->mxcsr_mask, (void *)(fp + 28), sizeof(probing->mxcsr_mask));
}

/*
 * Where the kernel puts a frame on an empty signal stack, and how large the
 * vector state in it is: taken from a real one.
 */
void machine_measure_frame(struct boot *boot)
{
	stack_t ss = {.ss_sp = probe_stack, .ss_size = PROBE_STACK}, old;
	struct sigaction sa = {.sa_sigaction = on_probe, .sa_flags = SA_SIGINFO | SA_ONSTACK}, was;
	sigset_t one, mask, pending;
	int sig = SIGURG; /* nothing is lost if one arrives meanwhile: the default is nothing */
	unsigned int a, b, c, d;

	probing = boot;
	sigpending(&pending);
	while (sigismember(&pending, sig) == 1 && sig != SIGUSR2)
		sig = sig == SIGURG ? SIGWINCH : sig == SIGWINCH ? SIGUSR1 : SIGUSR2;
	sigemptyset(&one);
	sigaddset(&one, sig);
	if (sigaltstack(&ss, &old) || sigaction(sig, &sa, &was) ||
	    sigprocmask(SIG_UNBLOCK, &one, &mask) || raise(sig) ||
	    sigprocmask(SIG_SETMASK, &mask, NULL) || sigaction(sig, &was, NULL) ||
	    !boot->frame_size || !boot->xstate_size)
		report_fail(EXIT_ENDORUN, "machine: a test signal did not arrive as it should");
	ss.ss_flags = SS_DISABLE;
	(void)sigaltstack(&ss, NULL);
	if (__get_cpuid_count(0xd, 9, &a, &b, &c, &d) && a)
		boot->pkru_off = b;
	if (!boot->mxcsr_mask)
		boot->mxcsr_mask = 0xffbf;
}

bool machine_has_foreign_filter(void)
{
	char buf[4096];
	const char *at;
	ssize_t n;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	at = strstr(buf, "\nSeccomp:\t");
	return !at || at[10] != '0';
}

/* A system call from an address that nobody trusts: is the filter in force? */
uint64_t machine_probe(void)
{
	static const uint8_t code[] = {0x0f, 0x05, 0xc3}; /* syscall; ret */
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || !memcpy(p, code, sizeof(code)) ||
	    mprotect(p, PAGE_SIZE, PROT_READ | PROT_EXEC))
		report_fail(EXIT_ENDORUN, "start: no memory; raise RLIMIT_AS");
	return (uint64_t)(uintptr_t)p;
}

static volatile sig_atomic_t is_trapped;

static void on_trap(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	is_trapped = si->si_code == 1 /* SYS_SECCOMP */ && si->si_errno == TRAP_DATA;
}

void machine_refuse_lost_handover(void)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, was;
	long (*probe)(void) = (long (*)(void))machine_probe();
	long nr = SYS_pkey_free;

	if (sigaction(SIGSYS, &sa, &was))
		report_fail(EXIT_ENDORUN, "start: sigaction: %s", strerror(errno));
	__asm__ volatile("call *%[probe]"
			 : "+a"(nr)
			 : [probe] "r"(probe), "D"(-1L)
			 : "rcx", "r11", "memory");
	(void)sigaction(SIGSYS, &was, NULL);
	(void)munmap((void *)probe, PAGE_SIZE);
	if (is_trapped)
		report_fail(EXIT_ENDORUN,
			    "start: a monitor is in force, but its hand-over is lost; "
			    "start the program again");
}
