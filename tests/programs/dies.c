/* SPDX-License-Identifier: MIT */
/*
 * Ends in the way its argument says: "exit N", "signal N" or the name of a fault.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static volatile int zero;
static volatile char *volatile low = (volatile char *)0x10;

static void die_of_bus(void)
{
	FILE *f = tmpfile();
	char *p = f ? mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0) : MAP_FAILED;

	if (p != MAP_FAILED)
		*(volatile char *)p;
}

static int overflow(int n)
{
	volatile char room[65536];

	room[n % 65536] = (char)n;
	return zero ? n : overflow(n + 1) + room[1];
}

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	static const char text[] = "handler ran\n";
	ssize_t done = write(1, text, sizeof(text) - 1);

	(void)done;
	(void)uc;
	_exit(sig == SIGSEGV && si->si_addr == (void *)0x1230 ? 60 : 61);
}

static void die_handled(int on_stack)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	stack_t ss = {.ss_size = 65536, .ss_sp = malloc(65536)};

	if (on_stack) {
		sa.sa_flags |= SA_ONSTACK;
		sigaltstack(&ss, NULL);
	}
	sigaction(SIGSEGV, &sa, NULL);
	if (on_stack)
		overflow(1);
	*(volatile char *)0x1230 = 1;
}

static void fault(const char *how)
{
	if (!strcmp(how, "read"))
		(void)*low;
	else if (!strcmp(how, "write"))
		*low = 1;
	else if (!strcmp(how, "jump"))
		((void (*)(void))0x10)();
	else if (!strcmp(how, "const"))
		*(volatile char *)(unsigned long)"text" = 1;
	else if (!strcmp(how, "noncanonical"))
		*(volatile char *)0x8000000000000000UL;
	else if (!strcmp(how, "kernel"))
		*(volatile char *)0xffffffff81000000UL = 1;
	else if (!strcmp(how, "divide"))
		__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::
					 : "eax", "ecx", "edx");
	else if (!strcmp(how, "illegal"))
		__asm__ volatile("ud2");
	else if (!strcmp(how, "int3"))
		__asm__ volatile("int3");
	else if (!strcmp(how, "hlt"))
		__asm__ volatile("hlt");
	else if (!strcmp(how, "abort"))
		abort();
	else if (!strcmp(how, "overflow"))
		overflow(1);
	else if (!strcmp(how, "bus"))
		die_of_bus();
	else if (!strcmp(how, "handled"))
		die_handled(0);
	else if (!strcmp(how, "handled-overflow"))
		die_handled(1);
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};

	if (argc < 2)
		return 99;
	setrlimit(RLIMIT_CORE, &none);
	printf("about to die of %s\n", argv[1]);
	fflush(stdout);
	if (!strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "signal"))
		raise(atoi(argv[2]));
	else
		fault(argv[1]);
	return 98;
}
