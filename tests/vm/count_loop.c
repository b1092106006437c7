/* Prints what RDTSC counts for a loop; the first, cold round does not count. */
#include <stdio.h>
#include <x86intrin.h>

static unsigned long long measure(void)
{
	unsigned long long start = __rdtsc();

	for (int i = 0; i < 1000000; i++)
		__asm__ volatile("" : : : "memory");
	return __rdtsc() - start;
}

int main(void)
{
	unsigned long long ticks = 0;

	for (int round = 0; round < 3; round++)
		ticks = measure();
	printf("%llu\n", ticks);
	return 0;
}
