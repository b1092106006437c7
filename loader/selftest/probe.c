/* SPDX-License-Identifier: MIT */
/*
 * Zone C (untrusted): the program that `endorun --selftest` runs under itself.
 *
 * Tries what the monitor must refuse, and a little of what must work, and
 * prints a line each. Exit status: the number of lines that say FAIL.
 * Argument: "keys" or "none", the isolation that it runs under.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/layout.h"
#include "monitor/slot.h"

#define NR_IO_URING_SETUP 425
#define PR_SET_SUD 59

static int failures;
static sigjmp_buf on_fault;

static void say(bool is_ok, const char *what)
{
	printf("%-4s %s\n", is_ok ? "ok" : "FAIL", what);
	failures += !is_ok;
}

static void fault(int sig)
{
	siglongjmp(on_fault, sig);
}

static struct control *my_control(void)
{
	uint64_t gs;

	__asm__ volatile("rdgsbase %0" : "=r"(gs));
	return (struct control *)(uintptr_t)gs;
}

static bool can_read(const volatile uint8_t *p)
{
	if (sigsetjmp(on_fault, 1))
		return false;
	(void)*p;
	return true;
}

static bool can_write(volatile uint8_t *p)
{
	if (sigsetjmp(on_fault, 1))
		return false;
	*p |= 0; /* a write that changes nothing, should it work */
	return true;
}

static void memory(bool has_keys)
{
	struct control *c = my_control();
	volatile uint8_t *priv = (volatile uint8_t *)c->priv;
	int fds[2];

	if (!has_keys) {
		printf("note isolation is none: monitor memory is not protected\n");
	} else {
		say(!can_read(priv), "monitor memory cannot be read");
		say(!can_write(priv), "monitor memory cannot be written");
		say(!can_write(&c->selector), "the dispatch selector cannot be written");
		if (pipe(fds) == 0)
			say(write(fds[1], (const void *)(uintptr_t)priv, 1) == -1 &&
				    errno == EFAULT,
			    "the kernel does not read it for the program");
		else
			say(false, "pipe for the deputy test");
	}
	say(munmap((void *)(uintptr_t)priv, 4096) == -1 && errno == EPERM,
	    "monitor memory cannot be unmapped");
	say(open("/proc/self/mem", O_RDONLY) == -1 && errno == EACCES, "/proc/self/mem is refused");
}

/* A child jumps at a syscall instruction of the gate; status of its end. */
static int jump_at(const uint8_t *insn)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		__asm__ volatile("jmp *%0" : : "r"(insn), "a"(SYS_getppid) : "memory");
		_exit(42);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void gate(void)
{
	const uint8_t *g = (const uint8_t *)GATE_PAGE;
	int tried = 0, refused = 0;

	for (size_t i = 0; i + 1 < PAGE_SIZE; i++) {
		int status;

		if (g[i] != 0x0f || g[i + 1] != 0x05)
			continue;
		status = jump_at(g + i);
		tried++;
		refused += WIFEXITED(status) && WEXITSTATUS(status) == 125;
	}
	say(tried > 0 && tried == refused, "a jump at the gate's system calls ends the process");
}

static void calls(void)
{
	uint8_t code[] = {0x31, 0xc9, 0x31, 0xd2, 0x31, 0xc0, 0x0f, 0x01, 0xef, 0xc3};
	void *p;

	say(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM, "ptrace is refused: EPERM");
	say(syscall(NR_IO_URING_SETUP, 1, 0) == -1 && errno == ENOSYS,
	    "io_uring is refused: ENOSYS");
	say(prctl(PR_SET_SUD, 0, 0, 0, 0) == -1 && errno == EPERM,
	    "dispatch cannot be switched off: EPERM");
	say(syscall(SYS_getppid) > 0, "a harmless call runs");
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		say(false, "memory for the code test");
		return;
	}
	memcpy(p, code, sizeof(code));
	if (mprotect(p, 4096, PROT_READ | PROT_EXEC))
		say(errno == EACCES, "code that writes PKRU is refused");
	else
		say(memcmp(p, code, sizeof(code)) != 0, "code that writes PKRU is rewritten");
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = fault, .sa_flags = SA_NODEFER};
	int status = -1;
	pid_t pid;

	setvbuf(stdout, NULL, _IONBF, 0);
	sigaction(SIGSEGV, &sa, NULL);
	memory(argc > 1 && !strcmp(argv[1], "keys"));
	gate();
	calls();
	pid = fork();
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	say(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
	    "fork, exec and wait: /bin/true runs");
	return failures;
}
