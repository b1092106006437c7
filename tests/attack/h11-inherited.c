/* SPDX-License-Identifier: MIT */
/*
 * h11, j01: endorun is started with hostile things inherited: all signals blocked
 * and ignored, a pending SIGSYS, timers, no standard descriptors, low limits,
 * READ_IMPLIES_EXEC and MMAP_PAGE_ZERO, MDWE, a /dev without the devices that it
 * looks up. It refuses with 125 or 126, or everything holds.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: the attack is on endorun's start */
/* Launcher: yes */
#include "attack.h"

#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/time.h>

static bool no_devices;

static void limit(int what, rlim_t value)
{
	struct rlimit r = {value, value};

	(void)setrlimit(what, &r);
}

static void prepare(int n)
{
	sigset_t all;

	sigfillset(&all);
	switch (n) {
	case 0:
		sigprocmask(SIG_SETMASK, &all, NULL);
		for (int sig = 1; sig < 65; sig++)
			signal(sig, SIG_IGN);
		break;
	case 1:
		sigprocmask(SIG_SETMASK, &all, NULL);
		kill(getpid(), SIGSYS);
		kill(getpid(), SIGSEGV);
		kill(getpid(), SIGUSR1);
		break;
	case 2:
		setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL);
		signal(SIGALRM, SIG_IGN);
		break;
	case 3:
		close(0);
		close(2);
		break;
	case 4:
		personality(READ_IMPLIES_EXEC | MMAP_PAGE_ZERO | ADDR_NO_RANDOMIZE);
		break;
	case 5:
		personality(ADDR_COMPAT_LAYOUT | ADDR_NO_RANDOMIZE | STICKY_TIMEOUTS);
		break;
	case 6:
		(void)prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0);
		break;
	case 7:
		limit(RLIMIT_NOFILE, 30);
		break;
	case 8:
		limit(RLIMIT_AS, 1ul << 30);
		break;
	case 9:
		limit(RLIMIT_STACK, 65536);
		break;
	case 10:
		limit(RLIMIT_SIGPENDING, 0);
		limit(RLIMIT_FSIZE, 0);
		limit(RLIMIT_MEMLOCK, 0);
		break;
	default: /* /dev without devices; the program will mount one that has them */
		no_devices = unshare(CLONE_NEWNS) == 0 &&
			     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
			     mount("t", "/dev", "tmpfs", 0, NULL) == 0;
		if (!no_devices)
			_exit(0);
	}
}

static void devices(void)
{
	(void)mkdir("/dev/d", 0755);
	if (mount("d", "/dev/d", "devtmpfs", 0, NULL))
		return;
	if (open("/dev/d/userfaultfd", O_RDWR) >= 0 || open("/dev/d/mem", O_RDONLY) >= 0)
		succeeded("a device that endorun did not find at its start was opened");
}

static void probe(void)
{
	uint8_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct jump_regs r = {.rax = SYS_exit_group, .rdi = ATTACK_SUCCESS, .rsp = (uint64_t)p};

	if (p == MAP_FAILED)
		_exit(0);
	if (env.keys && (can_read(env.secret) || can_write(env.readable)))
		succeeded("the keys are not in force");
	memcpy(p, open_pkru, sizeof(open_pkru));
	if (env.keys)
		(void)run_code(p, 0, 0);
	if (env.keys && make_executable(p, PAGE) == 0)
		(void)run_code(p, 0, 0);
	if (env.keys && rdpkru() != env.pkru)
		succeeded("code was not vetted");
	if (open("/proc/self/mem", O_RDWR) >= 0)
		succeeded("/proc/self/mem was opened");
	/* MMAP_PAGE_ZERO leaves a page there that the kernel has sealed: zeros for ever. */
	(void)raw(SYS_mprotect, 0, PAGE, PROT_READ | PROT_WRITE);
	(void)raw(SYS_mmap, 0, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (can_write(0))
		succeeded("page 0 can be written");
	devices();
	for (size_t off = 0; off < PAGE; off++)
		if (!memcmp((uint8_t *)env.gate + off, "\x0f\x05", 2)) {
			r.rip = env.gate + off;
			jump_all(&r);
		}
}

void attack_again(int argc, char **argv)
{
	char option[32];

	(void)argc;
	if (strcmp(argv[1], "launch") != 0)
		probe();
	snprintf(option, sizeof(option), "--isolation=%s", getenv("ATTACK_ISOLATION"));
	for (int i = 0; i <= 11; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			prepare(i);
			execl(getenv("ATTACK_ENDORUN"), "endorun", "-q", option, env.self, "probe",
			      NULL);
			_exit(ATTACK_BUG);
		}
		waitpid(pid, &status, 0);
		printf("start %d: status %#x\n", i, status);
		if (WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_SUCCESS)
			succeeded("start %d", i);
		if (WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_BUG)
			broken("start %d", i);
	}
}

void attack(void)
{
}
