/* SPDX-License-Identifier: MIT */
/*
 * c14, c15, c16, g15: signals at every moment: while the monitor works, while
 * it waits for the kernel, while a thread or a process is being made. No
 * handler may see PKRU open, another GS, or registers of the monitor.
 */
/* Isolation: any */
/* Blocked: 0 */
/* Control: none: a naive monitor would have to be written to be fooled */
#include "attack.h"

#include <sys/time.h>

static volatile int count, stop;
static char *fifo = "fifo";

static void look(int sig, siginfo_t *si, void *arg)
{
	const ucontext_t *uc = arg;

	(void)sig;
	(void)si;
	count++;
	if (env.keys && (rdpkru() != env.pkru))
		succeeded("a handler ran with PKRU %#x", rdpkru());
	for (int i = 0; i <= REG_RIP; i++) {
		uint64_t v = (uint64_t)uc->uc_mcontext.gregs[i];

		for (int k = 0; k < env.nranges && env.keys; k++)
			if (env.ranges[k].key == 1 && v >= env.ranges[k].lo && v < env.ranges[k].hi)
				succeeded("register %d is the monitor's: %#lx", i,
					  (unsigned long)v);
	}
	if (raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0)
		succeeded("a handler made a forbidden call");
}

static void *nothing(void *arg)
{
	if (env.keys && rdpkru() != env.pkru)
		succeeded("a thread began with PKRU %#x", rdpkru());
	return arg;
}

static void *killer(void *arg)
{
	pid_t me = getpid(), main_tid = (pid_t)(intptr_t)arg;

	while (!stop) {
		(void)raw(SYS_tgkill, me, main_tid, SIGUSR1);
		(void)raw(SYS_kill, me, SIGUSR2);
		(void)raw(SYS_tgkill, me, main_tid, SIGRTMIN + 1);
		/* Not faster than they are taken: it would be the only work done. */
		for (int last = count, i = 0; count < last + 2 && i < 10000 && !stop; i++)
			sched_yield();
	}
	return NULL;
}

static void work(double until)
{
	while (seconds() < until) {
		pthread_t t;
		pid_t pid;
		int fd = open("/proc/self/status", O_RDONLY), status;

		close(fd);
		fd = open(fifo, O_RDONLY | O_NONBLOCK);
		close(fd);
		if (pthread_create(&t, NULL, nothing, NULL) == 0)
			pthread_join(t, NULL);
		pid = fork();
		if (pid == 0) {
			(void)kill(getpid(), SIGUSR1);
			_exit(0);
		}
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_SUCCESS)
			_exit(ATTACK_SUCCESS);
	}
}

void attack(void)
{
	struct itimerval fast = {{0, 200}, {0, 200}};
	pthread_t t;

	(void)mkfifo(fifo, 0600);
	on_signal(SIGUSR1, look, SA_RESTART);
	on_signal(SIGUSR2, look, SA_RESTART);
	on_signal(SIGRTMIN + 1, look, SA_RESTART);
	on_signal(SIGALRM, look, SA_RESTART);
	t = thread(killer, (void *)(intptr_t)raw(SYS_gettid));
	work(seconds() + quick(3, 60));
	stop = 1;
	pthread_join(t, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	work(seconds() + quick(2, 60));
	fast.it_interval.tv_usec = fast.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &fast, NULL);
	if (count == 0)
		broken("no signal arrived");
}
