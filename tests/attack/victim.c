/* SPDX-License-Identifier: MIT */
/*
 * The harness of every attack program. Under endorun it finds what must not be
 * reached: the arena and the other sealed ranges. With ATTACK_CONTROL=1 it is
 * the victim itself: a bare process with a page behind a protection key and a
 * gate without checks, in which the same attack has to succeed.
 */
#include "attack.h"

#include <cpuid.h>
#include <stdarg.h>
#include <time.h>

#include "monitor/slot.h"

struct attack_env env;
const uint8_t open_pkru[10] = {0x31, 0xc9, 0x31, 0xd2, 0x31, 0xc0, 0x0f, 0x01, 0xef, 0xc3};

int call_code(const void *code, uint64_t rax, uint64_t rdi, signed char *done);

static void end(int status, const char *word, const char *fmt, va_list ap)
	__attribute__((noreturn));
static void end(int status, const char *word, const char *fmt, va_list ap)
{
	char line[400];
	int n = snprintf(line, sizeof(line), "%s: ", word);

	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 2, fmt, ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	(void)!write(1, line, (size_t)n);
	_exit(status);
}

#define END(name, status, word)                                                                    \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		end(status, word, fmt, ap);                                                        \
	}
END(succeeded, ATTACK_SUCCESS, "SUCCESS")
END(blocked, ATTACK_BLOCKED, "blocked")
END(missing, ATTACK_MISSING, "missing")
END(broken, ATTACK_BUG, "BUG")

double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int quick(int normal, int full)
{
	return env.full ? full : normal;
}

/* --- faults --- */

static __thread sigjmp_buf recover;
static __thread volatile sig_atomic_t armed;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	(void)uc;
	if (!armed) {
		signal(sig, SIG_DFL);
		return;
	}
	armed = 0;
	siglongjmp(recover, sig);
}

int on_signal(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

	return sigaction(sig, &sa, NULL);
}

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS};

static void guard_on(void)
{
	for (size_t i = 0; i < sizeof(fault_signals) / sizeof(fault_signals[0]); i++)
		on_signal(fault_signals[i], on_fault, SA_NODEFER);
}

void catch_faults(void (*fn)(int, siginfo_t *, void *))
{
	static uint8_t stack[65536] __attribute__((aligned(4096)));
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&ss, NULL);
	for (size_t i = 0; i < sizeof(fault_signals) / sizeof(fault_signals[0]); i++)
		on_signal(fault_signals[i], fn, SA_ONSTACK | SA_NODEFER);
}

bool can_read(uint64_t addr)
{
	volatile bool ok = false;

	if (sigsetjmp(recover, 1) == 0) {
		armed = 1;
		(void)*(volatile uint8_t *)addr;
		ok = true;
	}
	armed = 0;
	return ok;
}

bool can_write(uint64_t addr)
{
	volatile bool ok = false;

	if (sigsetjmp(recover, 1) == 0) {
		armed = 1;
		__asm__ volatile("lock; orb $0, (%0)" ::"r"(addr) : "memory", "cc");
		ok = true;
	}
	armed = 0;
	return ok;
}

void check_secret(const char *how)
{
	/* Without keys nothing is hidden; what counts then are calls that succeed. */
	if ((env.keys || env.control) && can_read(env.secret))
		succeeded("%s: the secret at %#lx was read", how, (unsigned long)env.secret);
}

int run_code(const void *code, uint64_t rax, uint64_t rdi)
{
	signed char done = 0;
	volatile int sig = 0;

	sig = sigsetjmp(recover, 1);
	if (sig == 0) {
		armed = 1;
		call_code(code, rax, rdi, &done);
	}
	armed = 0;
	return sig;
}

void *pages(size_t count)
{
	void *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		broken("no memory");
	memset(p, 0, count * PAGE);
	return p;
}

int make_executable(void *p, size_t len)
{
	return (int)raw(SYS_mprotect, p, len, PROT_READ | PROT_EXEC);
}

/* --- processes and threads --- */

int in_child(void (*fn)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		broken("fork: %s", strerror(errno));
	if (pid == 0) {
		alarm(30);
		fn(arg);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_SUCCESS)
		succeeded("in a child process");
	return status;
}

void expect_blocked(int status, const char *what)
{
	if (WIFEXITED(status)) {
		int code = WEXITSTATUS(status);

		if (code != 0 && code != ENDORUN_DIED)
			broken("%s: exit status %d", what, code);
		return;
	}
	for (size_t i = 0; i < sizeof(fault_signals) / sizeof(fault_signals[0]); i++)
		if (WTERMSIG(status) == fault_signals[i])
			return;
	broken("%s: ended by signal %d", what, WTERMSIG(status));
}

pthread_t thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		broken("pthread_create: %s", strerror(errno));
	return t;
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

unsigned int pkru_offset(void)
{
	unsigned int a, b, c, d;

	__cpuid_count(0xd, 9, a, b, c, d);
	return b;
}

unsigned int xsave_size(void)
{
	unsigned int a, b, c, d;

	__cpuid_count(0xd, 0, a, b, c, d);
	return b;
}

/* --- what is to be protected --- */

static bool has_keys(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & (1u << 4));
}

static bool is_protected(const struct range *r, const char *flags)
{
	bool fixed = r->prot == PROT_NONE || r->lo == GATE_PAGE;

	return r->key ||
	       (strstr(flags, " sl") && (fixed || (r->lo <= env.secret && env.secret < r->hi)));
}

/* Sealed, or behind a key: the arena, the gate, the ranges kept free. */
static void find_ranges(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	struct range now = {0, 0, 0, 0};
	char line[512], perms[8];

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long lo, hi;

		if (sscanf(line, "%lx-%lx %7s", &lo, &hi, perms) == 3 && strchr(line, '-')) {
			now = (struct range){.lo = lo, .hi = hi};
			now.prot = (perms[0] == 'r' ? PROT_READ : 0) |
				   (perms[1] == 'w' ? PROT_WRITE : 0) |
				   (perms[2] == 'x' ? PROT_EXEC : 0);
		}
		(void)sscanf(line, "ProtectionKey: %d", &now.key);
		if (strncmp(line, "VmFlags:", 8) == 0 && is_protected(&now, line) &&
		    env.nranges < MAX_RANGES)
			env.ranges[env.nranges++] = now;
	}
	if (f)
		fclose(f);
}

static void find_monitor(void)
{
	uint64_t control = rdgs();

	if (!control && getenv("ATTACK_ENDORUN"))
		succeeded("this program runs outside of endorun");
	if (!control)
		broken("no control slot: is this process under endorun?");
	env.readable = control;
	memcpy(&env.secret, (void *)(control + C_PRIV), sizeof(env.secret));
	memcpy(&env.pkru, (void *)(control + C_PKRU), sizeof(env.pkru));
	env.gate = GATE_PAGE;
	env.gate_len = PAGE;
	find_ranges();
}

/* Opens PKRU and asks nothing; a system call that asks nothing. */
static const uint8_t naive_gate[] = {0xb8, 0x54, 0x55, 0x55, 0x55, 0x0f, 0x01,
				     0xef, 0xc3, 0x90, 0x0f, 0x05, 0xc3};

static void make_victim(void)
{
	uint8_t *page = pages(1), *gate = pages(1);
	int key = env.keys ? (int)syscall(SYS_pkey_alloc, 0ul, 0ul) : 0;

	memset(page, 0x5e, PAGE);
	if (env.keys) {
		if (key <= 0 || syscall(SYS_pkey_mprotect, page, PAGE, 3ul, (long)key))
			broken("no protection key");
		__asm__ volatile(".byte 0x0f, 0x01, 0xef" ::"a"(0x55555554), "c"(0), "d"(0));
	} else if (mprotect(page, PAGE, PROT_NONE)) {
		broken("mprotect");
	}
	env.pkru = 0x55555554;
	env.secret = env.readable = (uint64_t)page;
	env.ranges[env.nranges++] = (struct range){env.secret, env.secret + PAGE, 3, key};
	memset(gate, 0xcc, PAGE);
	memcpy(gate, naive_gate, sizeof(naive_gate));
	if (mprotect(gate, PAGE, PROT_READ | PROT_EXEC))
		broken("mprotect");
	env.gate = (uint64_t)gate;
	env.gate_len = sizeof(naive_gate);
}

int main(int argc, char **argv)
{
	const char *mode = getenv("ATTACK_ISOLATION");

	setvbuf(stdout, NULL, _IONBF, 0);
	env.control = getenv("ATTACK_CONTROL") != NULL;
	env.full = getenv("ATTACK_FULL") != NULL;
	env.keys = has_keys() && (env.control || (mode && strcmp(mode, "keys") == 0));
	env.self = getenv("ATTACK_SELF") ? getenv("ATTACK_SELF") : argv[0];
	if (env.control)
		make_victim();
	else if (argc < 2 || strcmp(argv[1], "launch") != 0)
		find_monitor();
	guard_on();
	if (argc > 1 && attack_again)
		attack_again(argc, argv);
	else
		attack();
	blocked("nothing worked");
}
