/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): from what the user typed to an open ELF file.
 *
 * Does what execvp and the kernel's binfmt_script do: PATH, permissions, #!.
 */
#ifndef ENDORUN_TARGET_H
#define ENDORUN_TARGET_H

#include <stdbool.h>

#include "loader/shebang.h"

struct target {
	int fd;			    /* the ELF file: O_RDONLY, close-on-exec, offset 0 */
	char *path;		    /* AT_EXECFN and comm: the first file, before any #! */
	char *exe;		    /* the path of the file behind fd */
	int argc;		    /* of the vector that the ELF file gets */
	char **argv;		    /* ends with NULL */
	int script_count;	    /* number of #! lines followed */
	bool is_endorun;	    /* fd is endorun itself: parse its argv once more */
	char (*heads)[SHEBANG_MAX]; /* of the files: the strings of #! lines are in them */
};

/*
 * target_resolve - find and open the program argv[0], by PATH as execvp does
 * self_fd: a descriptor of the endorun binary, or -1 to ask /proc/self/exe.
 * Ends the process with EXIT_NOT_FOUND or EXIT_NOT_RUNNABLE on failure. The
 * strings of t->argv are those of argv where they did not change; memory is
 * never freed, it goes with the loader.
 */
void target_resolve(struct target *t, char **argv, int self_fd);

/*
 * target_from_fd - the same for a first file that is open already
 * For execve: argv is passed on as it is, argv[0] means nothing. Takes fd over:
 * it becomes t->fd, or is closed if the file is a script. `path` is what execve
 * was given, "/dev/fd/N" for fexecve.
 * Pre: fd is open for reading.
 */
void target_from_fd(struct target *t, int fd, const char *path, char **argv, int self_fd);

#endif
