/* SPDX-License-Identifier: MIT */
/*
 * k01, k02: a core file of the process, with everything asked into it, must not
 * show the arena; nor may /proc/self/syscall and its like show registers.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: none: the kernel keeps keyed pages out of a core by itself */
#include "attack.h"

#include <dirent.h>
#include <elf.h>
#include <sys/resource.h>

static void *sit(void *arg)
{
	int fds[2];

	(void)!pipe(fds);
	(void)raw(SYS_open, "fifo", O_RDONLY, 0); /* waits inside the monitor */
	return arg;
}

static void crash(void *arg)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	(void)arg;
	(void)setrlimit(RLIMIT_CORE, &all);
	(void)write_file("/proc/self/coredump_filter", "0x1ff");
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	for (int i = 0; i < env.nranges; i++)
		(void)raw(SYS_madvise, env.ranges[i].lo, env.ranges[i].hi - env.ranges[i].lo, 17);
	(void)mkfifo("fifo", 0600);
	thread(sit, NULL);
	usleep(200000);
	abort();
}

static void read_core(const char *path)
{
	int fd = open(path, O_RDONLY);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return;
	for (int i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + (unsigned)i * sizeof(ph))) !=
		    sizeof(ph))
			break;
		for (int k = 0; k < env.nranges; k++)
			if (ph.p_type == PT_LOAD && ph.p_filesz && env.ranges[k].key &&
			    ph.p_vaddr < env.ranges[k].hi &&
			    ph.p_vaddr + ph.p_filesz > env.ranges[k].lo)
				succeeded("the core file shows %#lx", (unsigned long)ph.p_vaddr);
	}
	close(fd);
}

void attack(void)
{
	static const char *const hidden[] = {"/proc/self/syscall", "/proc/thread-self/syscall",
					     "/proc/kcore", "/proc/self/pagemap"};
	DIR *dir;
	struct dirent *e;

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (open(hidden[i], O_RDONLY) >= 0)
			succeeded("%s was opened", hidden[i]);
	(void)write_file("/proc/sys/kernel/core_pattern", "core");
	(void)in_child(crash, NULL);
	dir = opendir(".");
	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, "core", 4) == 0)
			read_core(e->d_name);
}
