/* SPDX-License-Identifier: MIT */
/*
 * The exec family: forms and errors, scripts, what is inherited and what not.
 * The program executes itself with a word that says what to print.
 */
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "conf.h"

extern char **environ;
static char self[4096];
static int next_fd;

static void put_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode))
		perror(name);
	close(fd);
}

static void show_signals(void)
{
	sigset_t mask, pending;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	printf("blocked:");
	for (int sig = 1; sig <= 64; sig++)
		if (sigismember(&mask, sig) == 1)
			printf(" %d", sig);
	printf(" pending:");
	for (int sig = 1; sig <= 64; sig++)
		if (sigismember(&pending, sig) == 1)
			printf(" %d", sig);
	printf(" ignored:");
	for (int sig = 1; sig <= 64; sig++) {
		struct sigaction sa;

		if (!sigaction(sig, NULL, &sa) && sa.sa_handler == SIG_IGN)
			printf(" %d", sig);
		else if (sa.sa_handler != SIG_DFL)
			printf(" HANDLER %d", sig);
	}
	printf("\n");
}

static void show_args(int argc, char **argv)
{
	char comm[32] = "";

	/* By descriptor: its number in old kernels, the file's name since 6.14. */
	prctl(PR_GET_NAME, comm);
	if (!strcmp(comm, "3"))
		strcpy(comm, "proc_exec");
	printf("%d arguments:", argc);
	for (int i = 0; i < argc; i++)
		printf(" [%s]", strcmp(argv[i], self) ? argv[i] : "self");
	printf(", comm %s, environment", comm);
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "CONF_", 5))
			printf(" %s", *e);
	printf("\n");
}

static void show_fds(void)
{
	stack_t ss;

	for (int fd = 3; fd < 40; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d is open\n", fd);
	sigaltstack(NULL, &ss);
	printf("alternate stack: %x\n", (unsigned)ss.ss_flags);
}

static int run_as(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "signals"))
		show_signals();
	else if (!strcmp(what, "fds"))
		show_fds();
	else if (!strcmp(what, "chain") && argc > 2 && atoi(argv[2]) > 0) {
		char left[16];

		snprintf(left, sizeof(left), "%d", atoi(argv[2]) - 1);
		execl(self, "chain", "chain", left, NULL);
	} else
		show_args(argc, argv);
	fflush(stdout);
	return 30 + argc;
}

static char *args[] = {"zero", "args", "two words", "", NULL};
static char *env[] = {"ONE=1", "TWO=", NULL};
static char *none[] = {NULL};

static void by_execve(void)
{
	execve(self, args, env);
}

static void by_fexecve(void)
{
	fexecve(open(self, O_RDONLY | O_CLOEXEC), args, env);
}

static void by_path_descriptor(void)
{
	syscall(SYS_execveat, open(self, O_PATH), "", args, env, AT_EMPTY_PATH);
}

static void by_folder(void)
{
	char copy[4096], copy2[4096];

	strcpy(copy, self);
	strcpy(copy2, self);
	syscall(SYS_execveat, open(dirname(copy), O_RDONLY), basename(copy2), args, env, 0);
}

static void by_empty(void)
{
	execve(self, none, none);
}

static void by_script(void)
{
	execve("./script", args, env);
}

static void by_script_chain(void)
{
	execve("./script2", args, env);
}

static void by_script_descriptor(void)
{
	int fd = open("./script", O_RDONLY);

	syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH);
}

static void by_path_search(void)
{
	setenv("PATH", "/nowhere:.:/bin", 1);
	execlp("plain", "plain", "x", NULL); /* a text file: the libc takes sh */
}

static void chain(void)
{
	execl(self, "chain", "chain", "10", NULL);
}

static const struct {
	const char *name;
	void (*fn)(void);
} forms[] = {
	{"execve", by_execve},
	{"fexecve", by_fexecve},
	{"execveat of a path descriptor", by_path_descriptor},
	{"execveat in a folder", by_folder},
	{"no arguments", by_empty},
	{"script", by_script},
	{"script of a script", by_script_chain},
	{"script by descriptor", by_script_descriptor},
	{"execlp", by_path_search},
	{"chain", chain},
};

static const char *bad_path;

static void exec_bad_path(void)
{
	printf("%s: %s\n", bad_path, result(execve(bad_path, args, env)));
}

static void errors(void)
{
	static const char *const paths[] = {
		"./nothing", "./plain", "./locked", ".",	"",	     "./plain/x",
		"./garbage", "./lost",	"./loop",   "./looped", "/dev/null", "./folderscript"};
	static char huge[200000];
	char *big[] = {"x", huge, NULL};

	memset(huge, 'a', sizeof(huge) - 1);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		bad_path = paths[i];
		in_child("error", exec_bad_path);
	}
	printf("long argument: %s\n", result(execve(self, big, env)));
	printf("bad path: %s", result(execve((void *)16, args, env)));
	printf(" bad arguments: %s", result(execve(self, (void *)16, env)));
	printf(" bad environment: %s", result(execve(self, args, (void *)16)));
	big[1] = (char *)16;
	printf(" bad argument: %s\n", result(execve(self, big, env)));
	printf("descriptor: %s", result(syscall(SYS_execveat, -1, "", args, env, AT_EMPTY_PATH)));
	printf(" %s", result(syscall(SYS_execveat, -1, "x", args, env, 0)));
	printf(" flags %s", result(syscall(SYS_execveat, AT_FDCWD, self, args, env, 0x10)));
	printf(" link %s\n",
	       result(syscall(SYS_execveat, AT_FDCWD, "loop", args, env, AT_SYMLINK_NOFOLLOW)));
	fflush(stdout);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void inherit_signals(void)
{
	sigset_t set = set_of(SIGUSR1, SIGSEGV);

	sigaddset(&set, SIGRTMIN + 5);
	handle(SIGTERM, on_signal, 0);
	handle(SIGFPE, on_signal, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGILL, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGRTMIN + 7, SIG_IGN);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raise(SIGUSR1);
	execl(self, "x", "signals", NULL);
}

static void inherit_fds(void)
{
	stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};

	sigaltstack(&ss, NULL);
	next_fd = open("/dev/null", O_RDONLY);
	dup2(next_fd, 20);
	dup3(next_fd, 21, O_CLOEXEC);
	dup2(next_fd, 22);
	fcntl(22, F_SETFD, FD_CLOEXEC);
	close(next_fd);
	execl(self, "x", "fds", NULL);
}

static void spawns(void)
{
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t actions;
	sigset_t set = set_of(SIGHUP, 0), dfl = set_of(SIGPIPE, 0);
	char *argv[] = {"spawned", "signals", NULL};
	int status, ret;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setsigdefault(&attr, &dfl);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 9, "spawned", O_CREAT | O_WRONLY, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 10);
	ret = posix_spawn(&pid, self, &actions, &attr, argv, env);
	printf("posix_spawn: %s\n", errno_name(ret));
	waitpid(pid, &status, 0);
	print_status("spawned", status);
	printf("file: %s\n", result(access("spawned", F_OK)));
	ret = posix_spawn(&pid, "/nowhere", NULL, NULL, argv, env);
	printf("posix_spawn of nothing: %s\n", errno_name(ret));
	signal(SIGPIPE, SIG_DFL);
}

static void libc_helpers(void)
{
	char line[100] = "";
	FILE *f = popen("echo piped; exit 4", "r");
	int status = -1;

	if (f && fgets(line, sizeof(line), f))
		status = pclose(f);
	printf("popen: %s", line);
	print_status("popen", status);
	print_status("system", system("exit 11"));
	print_status("system killed", system("kill -TERM $$"));
	printf("system(NULL) %d\n", system(NULL) != 0);
	fflush(stdout);
}

static void by_vfork(void)
{
	static volatile int shared;
	int status;
	pid_t pid = vfork();

	if (!pid) {
		shared = 1;
		execl(self, "v", "args", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	print_status("vfork and exec", status);
	pid = vfork();
	if (!pid)
		_exit(9);
	waitpid(pid, &status, 0);
	print_status("vfork and exit", status);
}

static void files(void)
{
	char text[8192];

	put_file("plain", "echo plain $1\n", 0700);
	put_file("locked", "#!/bin/sh\n", 0600);
	put_file("garbage", "\177ELF garbage", 0700);
	put_file("lost", "#!/nowhere/interpreter\n", 0700);
	put_file("folderscript", "#!/tmp\n", 0700);
	put_file("looped", "#!./looped\n", 0700);
	if (symlink("loop", "loop"))
		perror("symlink");
	snprintf(text, sizeof(text), "#!%s  args one two \nrest\n", self);
	put_file("script", text, 0700);
	put_file("script2", "#! ./script word\n", 0700);
}

int main(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return 1;
	if (argc != 1)
		return run_as(argc, argv);
	if (!argv[0][0] && !environ[0])
		return run_as(argc, argv);
	files();
	clearenv();
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		in_child(forms[i].name, forms[i].fn);
	errors();
	in_child("signals over exec", inherit_signals);
	in_child("descriptors over exec", inherit_fds);
	spawns();
	libc_helpers();
	by_vfork();
	return 0;
}
