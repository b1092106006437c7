/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): --selftest: can this machine run programs under endorun, and
 * does the monitor hold? Runs a small attacker (selftest/probe.c) under endorun
 * and reports what it saw. Exit status 0, or 125 if a line says FAIL.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "report.h"

extern const char selftest_image[], selftest_image_end[];

/* The probe as an executable file, on a descriptor that exec can name. */
static int probe_file(void)
{
	size_t size = (size_t)(selftest_image_end - selftest_image);
	int fd = memfd_create("selftest", 0);

	if (fd < 0 || write(fd, selftest_image, size) != (ssize_t)size || fchmod(fd, 0700))
		report_fail(EXIT_ENDORUN, "selftest: its program cannot be written: %s",
			    strerror(errno));
	return fd;
}

static int run_probe(const char *isolation)
{
	char option[32], path[32];
	int fd = probe_file(), status;
	pid_t pid = fork();

	snprintf(option, sizeof(option), "--isolation=%s", isolation);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (pid == 0) {
		/* The probe's children are ended by the monitor, which says so. */
		int null = open("/dev/null", O_WRONLY);

		if (null >= 0)
			dup2(null, 2);
		execl("/proc/self/exe", "endorun", "-q", option, "--", path, isolation,
		      (char *)NULL);
		_exit(EXIT_ENDORUN);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		report_fail(EXIT_ENDORUN, "selftest: no child process: %s", strerror(errno));
	return status;
}

void selftest_run(struct launch *l)
{
	bool has_keys = l->cli.isolation == CLI_ISOLATION_KEYS;
	struct utsname u;
	int status;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (uname(&u) == 0)
		printf("note %s %s %s\n", u.sysname, u.release, u.machine);
	printf("ok   FSGSBASE, mseal and Syscall User Dispatch work\n");
	if (has_keys)
		printf("ok   protection keys are there\n");
	status = run_probe(has_keys ? "keys" : "none");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("selftest: passed, isolation=%s\n", has_keys ? "keys" : "none");
		_exit(0);
	}
	if (WIFSIGNALED(status))
		printf("FAIL the test program ended by signal %d\n", WTERMSIG(status));
	else
		printf("FAIL the test program ended with status %d\n", WEXITSTATUS(status));
	printf("selftest: failed, isolation=%s\n", has_keys ? "keys" : "none");
	_exit(EXIT_ENDORUN);
}
