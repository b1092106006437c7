/* SPDX-License-Identifier: MIT */
/* BUILD: static */
/*
 * measure COUNT COMMAND -- COMMAND: runs both in turn, COUNT times each. Prints, one
 * line a command, the median of the milliseconds and of the largest resident set in
 * KiB. Static and small: a child's resident set begins as its parent's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COUNT 1000

static double times[2][MAX_COUNT], sizes[2][MAX_COUNT];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void run(char **argv, double *ms, double *kib)
{
	double start = now();
	struct rusage usage;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || status) {
		fprintf(stderr, "measure: %s: status %x\n", argv[0], (unsigned int)status);
		exit(1);
	}
	*ms = now() - start;
	*kib = (double)usage.ru_maxrss;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0, at = 2;

	while (at < argc && strcmp(argv[at], "--"))
		at++;
	if (count < 1 || count > MAX_COUNT || at + 1 >= argc) {
		fputs("usage: measure COUNT COMMAND -- COMMAND\n", stderr);
		return 2;
	}
	argv[at] = NULL;
	for (int i = 0; i < count; i++) {
		run(argv + 2, &times[0][i], &sizes[0][i]);
		run(argv + at + 1, &times[1][i], &sizes[1][i]);
	}
	for (int i = 0; i < 2; i++)
		printf("%.3f %.0f\n", median(times[i], count), median(sizes[i], count));
	return 0;
}
