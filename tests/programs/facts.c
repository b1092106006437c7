/* SPDX-License-Identifier: MIT */
/*
 * Prints what a program can see of how it was started: arguments, environment,
 * descriptors, signals, limits, names. All of it must be the same natively.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static unsigned long hash(unsigned long h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3UL;
	return (h ^ 0xff) * 0x100000001b3UL;
}

static void print_strings(const char *name, char **v)
{
	unsigned long h = 0xcbf29ce484222325UL, bytes = 0;
	int n;

	for (n = 0; v[n]; n++) {
		h = hash(h, v[n]);
		bytes += strlen(v[n]) + 1;
	}
	printf("%s: %d, %lu bytes, %lx\n", name, n, bytes, h);
}

static void print_file(const char *path)
{
	unsigned long h = 0xcbf29ce484222325UL, total = 0;
	unsigned char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ buf[i]) * 0x100000001b3UL;
		total += (unsigned long)n;
	}
	printf("%s: %lu bytes, %lx\n", path, total, h);
	close(fd);
}

static void print_link(const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target));

	printf("%s -> %.*s\n", path, n < 0 ? 0 : (int)n, target);
}

static void print_signals(void)
{
	struct sigaction sa;
	sigset_t blocked;

	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&blocked, sig) == 1)
			printf("signal %d is blocked\n", sig);
		if (!sigaction(sig, NULL, &sa) && sa.sa_handler != SIG_DFL)
			printf("signal %d is %s\n", sig,
			       sa.sa_handler == SIG_IGN ? "ignored" : "?");
	}
}

static void print_limits(void)
{
	static const int which[] = {RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_AS,
				    RLIMIT_DATA,  RLIMIT_NPROC,	 RLIMIT_FSIZE};
	struct rlimit r;

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		if (!getrlimit((__rlimit_resource_t)which[i], &r))
			printf("limit %d: %lx %lx\n", which[i], r.rlim_cur, r.rlim_max);
}

static void print_descriptors(void)
{
	struct stat st;

	for (int fd = 0; fd < 64; fd++)
		if (!fstat(fd, &st))
			printf("fd %d: mode %o flags %x %x\n", fd, st.st_mode, fcntl(fd, F_GETFL),
			       fcntl(fd, F_GETFD));
}

int main(int argc, char **argv)
{
	char name[17] = "", cwd[4096];

	print_strings("arguments", argv);
	print_strings("environment", environ);
	printf("argc %d, the last argument begins with %.20s\n", argc, argc ? argv[argc - 1] : "");
	if (argc && !strcmp(argv[argc - 1], "env"))
		for (char **e = environ; *e; e++)
			printf("  %s\n", *e);
	printf("execfn %s\n", (const char *)getauxval(AT_EXECFN));
	printf("secure %lu, page %lu\n", getauxval(AT_SECURE), getauxval(AT_PAGESZ));
	prctl(PR_GET_NAME, name);
	printf("name %s\ninvoked %s\n", name, program_invocation_name);
	print_file("/proc/self/cmdline");
	print_link("/proc/self/exe");
	print_link("/proc/self/cwd");
	printf("cwd %s, umask %o\n", getcwd(cwd, sizeof(cwd)) ? cwd : "none", umask(0));
	print_signals();
	print_limits();
	print_descriptors();
	return fflush(stdout) ? 1 : 0;
}
