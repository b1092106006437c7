/* SPDX-License-Identifier: MIT */
/*
 * Tests: what the seccomp filter has to answer, said again in plain C.
 *
 * The class of a call comes from monitor/syscalls.def; conditions, widths and
 * trusted ranges are written out independently of policy/, with the kernel's
 * own names where the headers have them.
 */
#ifndef ENDORUN_FILTER_ORACLE_H
#define ENDORUN_FILTER_ORACLE_H

#include <asm/prctl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "../../monitor/layout.h"
#include "../../monitor/syscall_table.h"

struct oracle_row {
	enum syscall_class class;
	const char *name, *when, *what, *args;
	int error;
};

#define ORACLE_NATIVE(what) 0
#define ORACLE_MEDIATED(what) 0
#define ORACLE_COND(what) 0
#define ORACLE_DENY(what) what
#define ORACLE_DENYIF(what) what

static const struct oracle_row oracle_rows[SYSCALL_END] = {
#define SYS(nr, name, class, when, what, args, note)                                               \
	[nr] = {SYSCALL_##class, #name, #when, #what, args, ORACLE_##class(what)},
#include "../../monitor/syscalls.def"
};

static inline const struct oracle_row *oracle_row(uint32_t nr)
{
	static const struct oracle_row absent = {.class = SYSCALL_ABSENT, .name = "unknown"};

	return nr < SYSCALL_END && oracle_rows[nr].class ? &oracle_rows[nr] : &absent;
}

static inline bool oracle_reserved(uint64_t arg)
{
	unsigned int fd = (unsigned int)arg;

	return fd >= RFD_BASE && fd < RFD_BASE + RFD_COUNT;
}

static inline bool oracle_madvise_native(int advice)
{
	static const int native[] = {0,	 1,  2,	 3,  4,	 8,  9,	 10, 11, 14, 15,
				     16, 18, 19, 20, 21, 22, 23, 24, 25, 103};

	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
		if (native[i] == advice)
			return true;
	return false;
}

static inline bool oracle_prctl_native(int option)
{
	switch (option) {
	case PR_SET_PDEATHSIG:
	case PR_GET_PDEATHSIG:
	case PR_GET_DUMPABLE:
	case PR_SET_DUMPABLE:
	case PR_GET_UNALIGN:
	case PR_SET_UNALIGN:
	case PR_GET_KEEPCAPS:
	case PR_SET_KEEPCAPS:
	case PR_GET_FPEMU:
	case PR_SET_FPEMU:
	case PR_GET_FPEXC:
	case PR_SET_FPEXC:
	case PR_GET_TIMING:
	case PR_SET_TIMING:
	case PR_SET_NAME:
	case PR_GET_NAME:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_GET_TSC:
	case PR_SET_TSC:
	case PR_GET_SECUREBITS:
	case PR_SET_SECUREBITS:
	case PR_SET_TIMERSLACK:
	case PR_GET_TIMERSLACK:
	case PR_MCE_KILL:
	case PR_MCE_KILL_GET:
	case PR_SET_CHILD_SUBREAPER:
	case PR_GET_CHILD_SUBREAPER:
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
	case PR_GET_TID_ADDRESS:
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
	case PR_CAP_AMBIENT:
	case PR_GET_SPECULATION_CTRL:
	case PR_SET_SPECULATION_CTRL:
	case PR_SET_IO_FLUSHER:
	case PR_GET_IO_FLUSHER:
	case PR_SET_VMA:
		return true;
	default:
		return false;
	}
}

static inline bool oracle_arch_prctl_native(int option)
{
	return option == ARCH_SET_FS || option == ARCH_GET_FS || option == ARCH_GET_CPUID ||
	       option == ARCH_SET_CPUID;
}

static inline bool oracle_device(uint64_t arg)
{
	unsigned short type = (unsigned short)arg & 0170000;

	return type == 0020000 || type == 0060000;
}

/* Does the condition of a COND or DENYIF row hold? Each by call, not by name. */
static inline bool oracle_condition(const char *name, const uint64_t a[6])
{
#define IS_CALL(call) (strcmp(name, call) == 0)
	if (IS_CALL("close"))
		return oracle_reserved(a[0]);
	if (IS_CALL("dup2") || IS_CALL("dup3"))
		return oracle_reserved(a[1]);
	if (IS_CALL("close_range"))
		return (a[2] >> 1 & 1) || ((unsigned int)a[0] < RFD_BASE + RFD_COUNT &&
					   (unsigned int)a[1] >= RFD_BASE);
	if (IS_CALL("mmap"))
		return a[2] >> 2 & 1;
	if (IS_CALL("mprotect"))
		return (a[2] >> 2 & 1) || (a[2] >> 24 & 3);
	if (IS_CALL("shmat"))
		return a[2] >> 15 & 1;
	if (IS_CALL("madvise"))
		return !oracle_madvise_native((int)a[2]);
	if (IS_CALL("personality"))
		return (int)a[0] != -1 && ((int)a[0] & 0x0400000);
	if (IS_CALL("mknod"))
		return oracle_device(a[1]);
	if (IS_CALL("mknodat"))
		return oracle_device(a[2]);
	if (IS_CALL("ioctl")) {
		unsigned int cmd = (unsigned int)a[1];

		return (_IOC_TYPE(cmd) == '!' && _IOC_NR(cmd) == 3) || oracle_reserved(a[0]);
	}
	if (IS_CALL("fcntl"))
		return (oracle_reserved(a[0]) && (int)a[1] != 1) || (int)a[1] == 10;
	if (IS_CALL("prctl"))
		return !oracle_prctl_native((int)a[0]);
	if (IS_CALL("arch_prctl"))
		return !oracle_arch_prctl_native((int)a[0]);
	if (IS_CALL("setrlimit"))
		return (int)a[0] == 7;
	if (IS_CALL("prlimit64"))
		return (int)a[1] == 7 && a[2] != 0;
	if (IS_CALL("ppoll"))
		return a[3] != 0;
	if (IS_CALL("pselect6"))
		return a[5] != 0;
	if (IS_CALL("epoll_pwait") || IS_CALL("epoll_pwait2"))
		return a[4] != 0;
	if (IS_CALL("pidfd_send_signal"))
		return a[2] != 0;
	if (IS_CALL("fanotify_init"))
		return !(a[0] >> 9 & 1) && !(a[0] >> 10 & 1);
#undef IS_CALL
	return true; /* a new condition fails the tests until it is written here */
}

static inline uint32_t oracle_mediated(uint64_t ip)
{
	bool gate = ip - 2 >= 0x7fffffffe000 && ip - 2 <= 0x7fffffffeffe;
	bool loader = ip - 2 >= 0x60000000 && ip - 2 <= 0x61fffffe;

	return gate || loader ? SECCOMP_RET_ALLOW : SECCOMP_RET_TRAP | 0x7d;
}

static inline uint32_t oracle(const struct seccomp_data *d)
{
	const struct oracle_row *row = oracle_row((uint32_t)d->nr);
	uint64_t a[6];

	memcpy(a, d->args, sizeof(a));
	if (d->arch != AUDIT_ARCH_X86_64)
		return SECCOMP_RET_ERRNO | ENOSYS;
	switch (row->class) {
	case SYSCALL_NATIVE:
		return SECCOMP_RET_ALLOW;
	case SYSCALL_MEDIATED:
		return oracle_mediated(d->instruction_pointer);
	case SYSCALL_COND:
		return oracle_condition(row->name, a) ? oracle_mediated(d->instruction_pointer)
						      : SECCOMP_RET_ALLOW;
	case SYSCALL_DENY:
		return SECCOMP_RET_ERRNO | (uint32_t)row->error;
	case SYSCALL_DENYIF:
		return oracle_condition(row->name, a) ? SECCOMP_RET_ERRNO | (uint32_t)row->error
						      : SECCOMP_RET_ALLOW;
	case SYSCALL_ABSENT:
		break;
	}
	return SECCOMP_RET_ERRNO | ENOSYS;
}

/* ---- inputs ---- */

static const uint64_t oracle_ips[] = {
	0x401000,
	0,
	2,
	0x5ffffffe,
	0x5fffffff,
	0x60000000,
	0x60000001,
	0x60000002,
	0x60000003,
	0x61000000,
	0x61ffffff,
	0x62000000,
	0x62000001,
	0x62000002,
	0x160000002,
	0x7ffffffe000,
	0x7fffffffdffe,
	0x7fffffffdfff,
	0x7fffffffe000,
	0x7fffffffe001,
	0x7fffffffe002,
	0x7fffffffe003,
	0x7fffffffe800,
	0x7fffffffefff,
	0x7ffffffff000,
	0x7ffffffff001,
	0xffffe800,
	0xffffffffe800,
	0xffffffffff600002,
	0xffffffffff600402,
	UINT64_MAX,
};

static const uint32_t oracle_values[] = {
	0,	    1,		2,	   3,	       4,	   5,	       6,
	7,	    8,		12,	   13,	       17,	   22,	       26,
	35,	    59,		65,	   67,	       101,	   102,	       104,
	207,	    208,	209,	   220,	       238,	   239,	       240,
	10,	    255,	0x200,	   0x400,      0x600,	   0x1000,     0x1001,
	0x1002,	    0x1003,	0x1004,	   0x1011,     0x1012,	   0x1013,     0x2000,
	0x21b6,	    0x2103,	0x12103,   0x40182103, 0xc0182103, 0x40182102, 0x4000,
	0x6000,	    0x8000,	0x81a4,	   0xc1ed,     0x12000,	   0x400000,   0x8400000,
	0x1000000,  0x2000000,	0x4000000, 0x53564d41, 0x7fffffff, 0x80000000, 0xfffffff0,
	0xfffffffe, 0xffffffff,
};

static const uint32_t oracle_uppers[] = {0, 0, 1, 0x7fff, 0x80000000, 0xffffffff, 0xdeadbeef};

/* xorshift64*, so that every run tests the same */
static inline uint64_t oracle_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

static inline uint64_t oracle_argument(uint64_t *state)
{
	uint64_t r = oracle_random(state) >> 8;
	uint32_t upper = oracle_uppers[(r >> 16) % (sizeof(oracle_uppers) / 4)];
	uint32_t lower = oracle_values[(r >> 24) % (sizeof(oracle_values) / 4)];

	if ((r & 3) == 0)
		lower = (uint32_t)(r >> 8) & 0xff;
	return (uint64_t)upper << 32 | lower;
}

#endif
