/* SPDX-License-Identifier: MIT */
/*
 * Zone B: internal types and helpers that every file of the monitor needs.
 */
#ifndef ENDORUN_MONITOR_H
#define ENDORUN_MONITOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/unistd_64.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "boot.h"
#include "layout.h"
#include "slot.h"

#define ERESTARTSYS 512 /* include/linux/errno.h, never seen by programs */
#define KERNEL_SIGSET_SIZE 8
#define NSIG_MAX 64
#define SIGBIT(s) (1ull << ((s)-1))

enum { SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11, SIG_SYS = 31 };
/* Never blocked in the kernel's view: the monitor lives from them (c13). */
#define SYNC_MASK                                                                                  \
	(SIGBIT(SIG_ILL) | SIGBIT(SIG_TRAP) | SIGBIT(SIG_BUS) | SIGBIT(SIG_FPE) |                  \
	 SIGBIT(SIG_SEGV) | SIGBIT(SIG_SYS))

/* An address in the program: an integer, dereferenced by usermem.c only. */
struct uaddr {
	uint64_t v;
};
#define UADDR(x) ((struct uaddr){(uint64_t)(x)})

#define MUST_CHECK __attribute__((warn_unused_result))

extern struct boot boot; /* boot.c: the monitor's copy */

/* gate_x86_64.S, as offsets from gate_start; GATE() gives the live address. */
#define GATE_SYMBOLS(X)                                                                            \
	X(gate_call)                                                                               \
	X(gate_call_inside)                                                                        \
	X(gate_leave)                                                                              \
	X(gate_exit_window)                                                                        \
	X(gate_carrier_ret)                                                                        \
	X(gate_exit_end)                                                                           \
	X(gate_signal)                                                                             \
	X(gate_trap_resume)                                                                        \
	X(gate_sigreturn)                                                                          \
	X(gate_app_call)                                                                           \
	X(gate_app_window)                                                                         \
	X(gate_app_closed)                                                                         \
	X(sc_app)                                                                                  \
	X(sc_app_ret)                                                                              \
	X(gate_app_reopened)                                                                       \
	X(pk_reopen)                                                                               \
	X(gate_app_abort)                                                                          \
	X(gate_mon_call)                                                                           \
	X(gate_clone)                                                                              \
	X(gate_first)                                                                              \
	X(gate_xrstor)                                                                             \
	X(gate_end)
#define DECLARE_GATE(name) extern const char name[];
extern const char gate_start[];
GATE_SYMBOLS(DECLARE_GATE)
#undef DECLARE_GATE
#define GATE(sym) ((uint64_t)GATE_PAGE + (uint64_t)((sym)-gate_start))

/* --- the monitor's own system calls (PKRU open) --- */
static inline long mon_sys(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			   uint64_t f)
{
	long (*call)(long, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

	call = (__typeof__(call))GATE(gate_mon_call);
	return call(nr, a, b, c, d, e, f);
}
#define MON0(nr) mon_sys(nr, 0, 0, 0, 0, 0, 0)
#define MON1(nr, a) mon_sys(nr, (uint64_t)(a), 0, 0, 0, 0, 0)
#define MON2(nr, a, b) mon_sys(nr, (uint64_t)(a), (uint64_t)(b), 0, 0, 0, 0)
#define MON3(nr, a, b, c) mon_sys(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0, 0)
#define MON4(nr, a, b, c, d)                                                                       \
	mon_sys(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), 0, 0)
#define MON5(nr, a, b, c, d, e)                                                                    \
	mon_sys(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), 0)
#define MON6(nr, a, b, c, d, e, f)                                                                 \
	mon_sys(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e),     \
		(uint64_t)(f))

/* --- calls for the program: executed with its PKRU, may sleep, may abort --- */
struct app_call {
	long nr;
	uint64_t a[6];
};
long app_call(struct priv *p, const struct app_call *call) MUST_CHECK;
/* The call as the program made it, arguments unchanged. */
long app_call_same(struct priv *p) MUST_CHECK;

/* Arguments as the kernel sees them: int ones are 32 bits wide (g06). */
static inline uint64_t arg(const struct priv *p, int n)
{
	const struct regs *r = &p->regs;

	switch (n) {
	case 0:
		return r->rdi;
	case 1:
		return r->rsi;
	case 2:
		return r->rdx;
	case 3:
		return r->r10;
	case 4:
		return r->r8;
	default:
		return r->r9;
	}
}
static inline int32_t arg_int(const struct priv *p, int n)
{
	return (int32_t)(uint32_t)arg(p, n);
}
static inline uint32_t arg_u32(const struct priv *p, int n)
{
	return (uint32_t)arg(p, n);
}

/* --- usermem.c --- */
bool in_arena(uint64_t addr, uint64_t len);
/* Any byte of [addr, addr+len) in what only the monitor may own? */
bool in_reserved(uint64_t addr, uint64_t len);
int copy_in(void *dst, struct uaddr src, size_t n) MUST_CHECK;
int copy_out(struct uaddr dst, const void *src, size_t n) MUST_CHECK;
/* Length, or -EFAULT, or -ENAMETOOLONG if no NUL within cap. */
long copy_in_str(char *dst, struct uaddr src, size_t cap) MUST_CHECK;

/* --- die.c --- */
enum die_reason {
	DIE_GATE_JUMP = 1,
	DIE_SUD,
	DIE_FORGED_SIGNAL,
	DIE_FAULT_INSIDE,
	DIE_DEFER,
	DIE_SETUP,
	DIE_INVARIANT,
	DIE_REASONS,
};
void die(enum die_reason why, uint64_t value) __attribute__((noreturn));

/* --- print.c: one line to the log descriptor --- */
struct line {
	char buf[512];
	size_t len;
};
void line_str(struct line *l, const char *s);
void line_hex(struct line *l, uint64_t v);
void line_dec(struct line *l, uint64_t v);
void line_flush(struct line *l); /* adds the newline */

/* --- lock.c --- */
struct lock {
	_Atomic uint32_t owner; /* tid, 0 when free */
};
void lock_take(struct lock *l, const struct priv *p);
bool lock_try(struct lock *l, const struct priv *p) MUST_CHECK; /* does not wait */
void lock_drop(struct lock *l);
void lock_reset(struct lock *l); /* in a fork child: the owner is gone */
bool lock_held_by(const struct lock *l, int32_t tid);
/* The tables' locks, in the order in which they are taken. */
extern struct lock wx_lock, vet_lock, actions_lock, slots_lock;
extern struct lock exec_lock;

/* --- mem.c: what the compiler may call --- */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/* --- slots (slot.c) --- */
struct priv *slot_alloc(struct priv *self); /* NULL: none left */
void slot_free(struct priv *p);
void slot_init(struct priv *p, uint32_t index);
struct priv *slot_at(uint32_t index);
bool single_threaded(struct priv *self); /* no other thread can be running */
void slots_after_fork(struct priv *self);
/* Kernel-side state of the calling thread: signal stack, SUD. 0 or -errno. */
int slot_arm(struct priv *p) MUST_CHECK;
/* A slot's pages must exist before the kernel writes to them. */
int slot_populate(struct priv *p) MUST_CHECK;

/* --- dispatch.c --- */
void mon_dispatch(struct priv *p);
void set_exit_values(struct priv *p);
long sys_enosys(struct priv *p);

/* --- signal.c, deliver.c, sigaction.c --- */
int on_signal(void *frame, struct priv *p);
void deliver(struct priv *p);
void set_app_mask(struct priv *p, uint64_t mask);
void sigaction_init(uint64_t ignored); /* fault signals that stay ignored */
struct action {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};
/* exec: handlers become SIG_DFL (CLONE_CLEAR_SIGHAND). */
void sigaction_clear_handlers(struct priv *p);
/* The fault signals that the program ignores: the kernel does not know. */
uint64_t sigaction_ignored_sync(const struct priv *p);
/* A vfork child has a table of its own: 0, or -1 when there are too many. */
int sigaction_vfork(struct priv *parent, struct priv *child) MUST_CHECK;
void sigaction_vfork_done(const struct priv *child);
/* Looks up the action for a delivery; RESETHAND is applied. */
struct action sigaction_take(struct priv *p, int sig);
void sigaction_kernel_default(int sig);

/* --- clone.c --- */
void clone_pids_are_foreign(void); /* before unshare or setns of pids */
void child_start(struct priv *p);

/* --- exec memory (execmem.c, vet.c) --- */
struct exec_source {
	int fd; /* -1: copy from memory at `addr` */
	uint64_t off;
};
long exec_map(struct priv *p, uint64_t addr, uint64_t len, const struct exec_source *src,
	      struct line *why) MUST_CHECK;
/* Would exec_map() take these bytes? Maps nothing. Pre: no program runs yet. */
long exec_check(uint64_t len, const struct exec_source *src, struct line *why) MUST_CHECK;
bool exec_overlaps(struct priv *p, uint64_t addr, uint64_t len);
/*
 * mremap(args), refused with -EACCES if it moves or grows what may be code.
 * Check and call are one step: meanwhile nothing becomes executable.
 */
long exec_move(struct priv *p, uint64_t old, uint64_t old_len, bool only_shrinks,
	       const uint64_t args[5]) MUST_CHECK;
/* Executable memory that the monitor did not make. */
void exec_note(uint64_t lo, uint64_t hi);

/* --- judge.c --- */
int judge_fd(struct priv *p, int fd) MUST_CHECK; /* 0 or -EACCES */
/* For ever: a thread may have another root from now on. */
void judge_forget_root(void);
/* Does every path that crosses no mount end on an ordinary file system? */
bool judge_root_is_plain(void);
int judge_init(void) MUST_CHECK;

/* --- stats.c --- */
void stats_count(const struct priv *p);
void stats_vetted(uint64_t bytes, uint64_t bound, uint64_t left, uint64_t patched);
void stats_print(void);
/* Times of the start: everything mapped, the loader done. */
void stats_started(uint64_t mapped, uint64_t handover);
uint64_t now_ns(void);

#endif
