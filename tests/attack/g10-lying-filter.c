/* SPDX-License-Identifier: MIT */
/*
 * Starts endorun under a seccomp filter that answers 0 for one of the calls
 * that protection is made of, without doing it. endorun has to notice, or the
 * program is unprotected.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: the attack is on endorun's start */
/* Launcher: yes */
#include "attack.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

static const struct {
	const char *name;
	int nr, arg0; /* -1: whatever it is */
	bool full;
} lies[] = {
	{"mseal", NR_MSEAL, -1, false},
	{"prctl(SUD)", SYS_prctl, 59, false},
	{"seccomp", SYS_seccomp, -1, false},
	{"sigaltstack", SYS_sigaltstack, -1, false},
	{"pkey_mprotect", SYS_pkey_mprotect, -1, false},
	{"pkey_alloc", SYS_pkey_alloc, -1, false},
	{"rt_sigaction", SYS_rt_sigaction, -1, true},
	{"mprotect", SYS_mprotect, -1, true},
	{"arch_prctl", SYS_arch_prctl, -1, true},
	{"prctl(NNP)", SYS_prctl, 38, true},
	{"prctl(SECCOMP)", SYS_prctl, 22, true},
	{"munmap", SYS_munmap, -1, true},
	{"rt_sigprocmask", SYS_rt_sigprocmask, -1, true},
	{"personality", SYS_personality, -1, true},
	{"dup2", SYS_dup2, -1, true},
	{"fcntl", SYS_fcntl, -1, true},
};

static void install(int nr, int arg0)
{
	struct sock_filter with_arg[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)arg0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = 6, .filter = with_arg};

	if (arg0 < 0)
		with_arg[2] = with_arg[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
	if (arg0 < 0)
		with_arg[3] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog))
		_exit(ATTACK_MISSING);
}

static void launch(void)
{
	const char *endorun = getenv("ATTACK_ENDORUN");
	int missing_count = 0;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int status;
		pid_t pid;

		if (lies[i].full && !env.full && env.keys)
			continue;
		pid = fork();
		if (pid == 0) {
			char option[32];

			alarm(60);
			snprintf(option, sizeof(option), "--isolation=%s",
				 getenv("ATTACK_ISOLATION"));
			install(lies[i].nr, lies[i].arg0);
			execl(endorun, endorun, "-q", option, env.self, "probe", NULL);
			_exit(ATTACK_BUG);
		}
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_SUCCESS)
			succeeded("with a filter that lies about %s", lies[i].name);
		missing_count += WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_MISSING;
		printf("%s: status %#x\n", lies[i].name, status);
	}
	if (missing_count)
		missing("no filter could be installed");
}

/* Under endorun, if it has started: is everything there? */
static void probe(void)
{
	uint8_t *p = pages(1);
	struct jump_regs r = {.rax = SYS_exit_group, .rdi = ATTACK_SUCCESS, .rsp = (uint64_t)p};

	if (env.keys && (can_read(env.secret) || can_write(env.readable)))
		succeeded("the keys are not in force");
	memcpy(p, open_pkru, sizeof(open_pkru));
	if (env.keys && make_executable(p, PAGE) == 0)
		(void)run_code(p, 0, 0);
	if (env.keys && rdpkru() != env.pkru)
		succeeded("code was not vetted");
	if (open("/proc/self/mem", O_RDWR) >= 0)
		succeeded("/proc/self/mem was opened");
	if (raw(SYS_munmap, env.secret & ~(PAGE - 1), PAGE) == 0)
		succeeded("the arena is not sealed");
	for (size_t off = 0; off < PAGE; off++) /* the dispatch at the gate's calls */
		if (!memcmp((uint8_t *)env.gate + off, "\x0f\x05", 2)) {
			r.rip = env.gate + off;
			jump_all(&r);
		}
}

void attack_again(int argc, char **argv)
{
	(void)argc;
	if (strcmp(argv[1], "launch") == 0)
		launch();
	else
		probe();
}

void attack(void)
{
}
