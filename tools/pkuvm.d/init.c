/*
 * PID 1 of the emulated machine (static, alone in the initramfs): boots up to
 * the point where the snapshot is taken, reads the host's request, puts the
 * host's root file system under a tmpfs overlay and runs one command in it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/random.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "init.h"
#include "protocol.h"

#define NOFILE_SOFT 1024
#define NOFILE_HARD 524288
#define PORT_PATH "/dev/vport0p1"
#define PORT_TRIES 5000 /* of a millisecond */
#define NEW_ROOT "/newroot"
#define HOST_ROOT "/host"
#define OPTIONS_9P "trans=virtio,version=9p2000.L,msize=512000,cache=loose"

static const struct mount_row {
	const char *type;
	const char *target;
	const char *options;
	bool needed;
} early_mounts[] = {
	{"devtmpfs", "/dev", "mode=755", true},
	{"proc", "/proc", NULL, true},
	{"sysfs", "/sys", NULL, true},
	{"cgroup2", "/sys/fs/cgroup", NULL, false},
	{"tmpfs", "/run", "mode=755", true},
	{"tmpfs", "/dev/shm", "mode=1777", true},
	{"devpts", "/dev/pts", "ptmxmode=666,gid=5,mode=620", true},
	{"mqueue", "/dev/mqueue", NULL, false},
	{"tmpfs", "/overlay", "size=75%,mode=755", true},
};

/* Mounted early, moved below the new root. */
static const char *const moved_mounts[] = {"/dev", "/proc", "/sys", "/run"};

static const char *const dev_links[][2] = {
	{"/proc/self/fd", "/dev/fd"},
	{"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"},
	{"/proc/self/fd/2", "/dev/stderr"},
};

static int report_port = -1;

void die(const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	dprintf(STDERR_FILENO, "pkuvm-init: %s\n", text);
	if (report_port < 0) {
		sleep(1);	     /* let the console drain */
		reboot(RB_AUTOBOOT); /* QEMU runs with -no-reboot: it exits */
	}
	frame_send(report_port, FRAME_FAIL, text, (size_t)n);
	for (;;)
		pause();
}

void port_read(int port, void *data, size_t size)
{
	char *at = data;

	while (size > 0) {
		ssize_t n = read(port, at, size);

		if (n > 0) {
			at += n;
			size -= (size_t)n;
		} else {
			usleep(1000); /* the host is not connected yet */
		}
	}
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die("mkdir %s: %s", path, strerror(errno));
}

static void mount_early(void)
{
	for (size_t i = 0; i < sizeof(early_mounts) / sizeof(early_mounts[0]); i++) {
		const struct mount_row *row = &early_mounts[i];

		if (mkdir(row->target, 0755) < 0 && errno != EEXIST && row->needed)
			die("mkdir %s: %s", row->target, strerror(errno));
		if (mount(row->type, row->target, row->type, 0, row->options) < 0 && row->needed)
			die("mount %s: %s", row->target, strerror(errno));
	}
	for (size_t i = 0; i < sizeof(dev_links) / sizeof(dev_links[0]); i++)
		if (symlink(dev_links[i][0], dev_links[i][1]) < 0 && errno != EEXIST)
			die("symlink %s: %s", dev_links[i][1], strerror(errno));
}

/* /modules/list names the modules that this kernel does not have built in, in load order. */
static void load_modules(void)
{
	FILE *list = fopen("/modules/list", "re");
	char name[128], path[160];

	if (!list)
		return;
	while (fscanf(list, "%127s", name) == 1) {
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			dprintf(STDERR_FILENO, "pkuvm-init: %s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	fclose(list);
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("loopback: %s", strerror(errno));
	close(fd);
}

static int port_open(void)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		int fd = open(PORT_PATH, O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		usleep(1000);
	}
	die("open %s: %s", PORT_PATH, strerror(errno));
}

static char *next_string(char **at, const char *end)
{
	char *string = *at;

	if (string >= end)
		die("the request is cut short");
	*at += strlen(string) + 1;
	return string;
}

/* count strings, or all that are left, as a NULL-terminated vector. */
static char **next_vector(char **at, const char *end, size_t count)
{
	size_t size = 0, i = 0;
	char **vector = NULL;

	while (i < count && *at < end) {
		if (i + 1 >= size) {
			size = size ? 2 * size : 64;
			vector = reallocarray(vector, size, sizeof(*vector));
			if (!vector)
				die("the request is too long");
		}
		vector[i++] = next_string(at, end);
	}
	if (!vector && !(vector = malloc(sizeof(*vector))))
		die("out of memory");
	vector[i] = NULL;
	return vector;
}

static void request_read(int port, struct request *request)
{
	unsigned char header[FRAME_HEADER];
	char *block, *at, *end;
	size_t size;

	port_read(port, header, sizeof(header));
	size = frame_size(header);
	if (header[0] != FRAME_REQUEST || size == 0 || size > REQUEST_MAX)
		die("the request is malformed");
	block = malloc(size + 1);
	if (!block)
		die("the request is too long");
	port_read(port, block, size);
	block[size] = '\0';
	at = block;
	end = block + size;
	request->cwd = next_string(&at, end);
	request->hostname = next_string(&at, end);
	request->time = next_string(&at, end);
	request->seed = next_string(&at, end);
	request->with_stdin = next_string(&at, end)[0] == '1';
	request->rw_count = strtoul(next_string(&at, end), NULL, 10);
	request->rw = next_vector(&at, end, request->rw_count);
	request->argv = next_vector(&at, end, strtoul(next_string(&at, end), NULL, 10));
	request->envp = next_vector(&at, end, SIZE_MAX);
}

/* Machines restored from one snapshot must share neither the time nor the random state. */
static void renew_state(const struct request *request)
{
	struct { /* struct rand_pool_info, with room */
		int entropy_count;
		int buf_size;
		unsigned char bytes[SEED_BYTES];
	} pool = {.entropy_count = 8 * SEED_BYTES, .buf_size = SEED_BYTES};
	struct timespec now = {0, 0};
	char *dot;
	int fd;

	for (size_t i = 0; i < SEED_BYTES; i++)
		if (sscanf(request->seed + 2 * i, "%2hhx", &pool.bytes[i]) != 1)
			die("the request's seed is malformed");
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		die("/dev/urandom: %s", strerror(errno));
	close(fd);
	now.tv_sec = strtol(request->time, &dot, 10);
	if (*dot == '.')
		now.tv_nsec = strtol(dot + 1, NULL, 10);
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		die("clock_settime: %s", strerror(errno));
}

static void make_path(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
	mkdir(copy, 0755);
}

static void pass_through(const char *directory)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof(from), HOST_ROOT "%s", directory);
	snprintf(to, sizeof(to), NEW_ROOT "%s", directory);
	make_path(to);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		die("--rw %s: %s", directory, strerror(errno));
}

static void assemble_root(const struct request *request)
{
	if (mount("hostroot", HOST_ROOT, "9p", 0, OPTIONS_9P) < 0)
		die("mount 9p: %s",
		    errno == ENODEV ? "this kernel has it neither built in nor in /lib/modules"
				    : strerror(errno));
	if (mount("overlay", NEW_ROOT, "overlay", 0,
		  "lowerdir=" HOST_ROOT ",upperdir=/overlay/upper,workdir=/overlay/work") < 0)
		die("mount overlay: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(moved_mounts) / sizeof(moved_mounts[0]); i++) {
		char to[64];

		snprintf(to, sizeof(to), NEW_ROOT "%s", moved_mounts[i]);
		make_directory(to);
		if (mount(moved_mounts[i], to, NULL, MS_MOVE, NULL) < 0)
			die("mount %s: %s", moved_mounts[i], strerror(errno));
	}
	for (size_t i = 0; i < request->rw_count; i++)
		pass_through(request->rw[i]);
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		die("changing to the new root: %s", strerror(errno));
	if (chdir(request->cwd) < 0)
		die("cd %s: %s", request->cwd, strerror(errno));
}

static void set_limits(void)
{
	struct rlimit files = {NOFILE_SOFT, NOFILE_HARD};

	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("setrlimit: %s", strerror(errno));
}

int main(void)
{
	struct request request;
	unsigned char status;

	umask(0);
	mount_early();
	load_modules();
	loopback_up();
	set_limits();
	make_directory("/overlay/upper");
	make_directory("/overlay/work");
	make_directory(HOST_ROOT);
	make_directory(NEW_ROOT);
	report_port = port_open();
	frame_send(report_port, FRAME_READY, NULL, 0);

	/* The snapshot is taken here: a mounted 9p would forbid it. */
	request_read(report_port, &request);
	renew_state(&request);
	if (sethostname(request.hostname, strlen(request.hostname)) < 0)
		die("sethostname: %s", strerror(errno));
	assemble_root(&request);
	umask(022);
	status = (unsigned char)session_run(report_port, &request);
	if (request.rw_count > 0)
		sync();
	frame_send(report_port, FRAME_EXIT, &status, 1);
	for (;;)
		pause();
}
