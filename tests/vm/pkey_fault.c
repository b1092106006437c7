/* Succeeds if a page whose key is denied faults with SEGV_PKUERR, and only while it is. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

static sigjmp_buf back;
static volatile int code;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	code = info->si_code;
	siglongjmp(back, 1);
}

static int faults(const volatile char *page)
{
	code = 0;
	if (sigsetjmp(back, 1) == 0)
		(void)*page;
	return code;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int key = pkey_alloc(0, 0);

	sigaction(SIGSEGV, &action, NULL);
	if (page == MAP_FAILED || key < 0 || pkey_mprotect(page, 4096, PROT_READ, key) < 0) {
		perror("pkey");
		return 1;
	}
	if (faults(page) != 0)
		return 2;
	pkey_set(key, PKEY_DISABLE_ACCESS);
	if (faults(page) != SEGV_PKUERR)
		return 3;
	pkey_set(key, 0);
	return faults(page) == 0 ? 0 : 4;
}
