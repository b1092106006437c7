/* SPDX-License-Identifier: MIT */
/*
 * Zone A: compiles monitor/syscalls.def into classic BPF.
 *
 * The program is written backwards, from its last instruction to its first, so
 * that all targets of a jump (BPF jumps only forward) are known when the jump is
 * written. A place in the program is therefore counted from the end. Shape:
 *
 *   architecture check, then a binary search over the call numbers; its leaves
 *   are a constant answer, the test of the instruction pointer, or a condition
 *   over the arguments that ends in one of these.
 *
 * Numbers with a constant answer touch nothing but arch and nr, which is what
 * the kernel's seccomp_is_const_allow() asks of them.
 */
#include "filter.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "../monitor/syscall_table.h"

#define GATE_BYTES 4096
#define SYSCALL_BYTES 2 /* length of the instruction */
#define MAX_LABELS 1024
#ifndef REACH	  /* tests make it small */
#define REACH 255 /* of a conditional jump */
#endif

/* ---- the tables ---- */

enum condition {
	CONDITION_always,
#define CONDITION(name, text) CONDITION_##name,
#include "conditions.def"
	CONDITION_COUNT,
};

enum test_kind { IS, ISNT, RFD, UPTO_RFD, FROM_RFD, POINTER, OUTSIDE };

/* Sets share the mask column with numbers, so their names are constants too. */
enum set { madvise_plain = 1, prctl_plain, arch_prctl_plain };

struct row {
	uint8_t class;
	uint8_t condition;
	uint8_t error;
};

struct test {
	uint8_t condition, clause, arg, kind;
	uint32_t mask, value;
};

struct set_range {
	uint32_t set, first, last;
};

#define ROW_NATIVE(when, what)                                                                     \
	{                                                                                          \
		SYSCALL_NATIVE, CONDITION_always, 0                                                \
	}
#define ROW_MEDIATED(when, what)                                                                   \
	{                                                                                          \
		SYSCALL_MEDIATED, CONDITION_always, 0                                              \
	}
#define ROW_COND(when, what)                                                                       \
	{                                                                                          \
		SYSCALL_COND, CONDITION_##when, 0                                                  \
	}
#define ROW_DENY(when, what)                                                                       \
	{                                                                                          \
		SYSCALL_DENY, CONDITION_always, what                                               \
	}
#define ROW_DENYIF(when, what)                                                                     \
	{                                                                                          \
		SYSCALL_DENYIF, CONDITION_##when, what                                             \
	}

static const struct row rows[SYSCALL_END] = {
#define SYS(nr, name, class, when, what, args, note) [nr] = ROW_##class(when, what),
#include "../monitor/syscalls.def"
};

static const struct test tests[] = {
#define TEST(name, clause, arg, test, mask, value)                                                 \
	{CONDITION_##name, clause, arg, test, mask, value},
#include "conditions.def"
};

static const struct set_range set_ranges[] = {
#define RANGE(set, first, last) {set, first, last},
#include "conditions.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing backwards ---- */

/* A place to jump to; an answer is copied, not jumped to, where that is too far. */
struct label {
	size_t origin;	/* its place, from the end */
	size_t nearest; /* the copy or jump to it written last */
	bool is_answer;
	uint32_t answer;
};

struct range {
	uint32_t first; /* up to the next range's first, or UINT32_MAX */
	unsigned label;
};

struct prog {
	const struct filter_params *params;
	struct sock_filter *out;
	size_t cap;
	size_t used;
	int error;
	struct label labels[MAX_LABELS];
	unsigned nlabels;
	unsigned allow, mediated;
	unsigned errors[256]; /* label by errno, 0: none yet */
	unsigned conditions[CONDITION_COUNT];
};

static void emit(struct prog *p, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	if (p->used == p->cap) {
		p->error = -ENOSPC;
		return;
	}
	p->used++;
	p->out[p->cap - p->used] = (struct sock_filter){code, (uint8_t)jt, (uint8_t)jf, k};
}

/* A label for the instruction written last. */
static unsigned label_here(struct prog *p)
{
	if (p->nlabels == MAX_LABELS) {
		p->error = -ENOSPC;
		return 0;
	}
	p->labels[p->nlabels].origin = p->used;
	p->labels[p->nlabels].nearest = p->used;
	return p->nlabels++;
}

static unsigned answer(struct prog *p, uint32_t value)
{
	unsigned label;

	emit(p, BPF_RET | BPF_K, value, 0, 0);
	label = label_here(p);
	p->labels[label].is_answer = true;
	p->labels[label].answer = value;
	return label;
}

/* Makes sure that the next instructions can reach a label. */
static void bring_near(struct prog *p, unsigned label)
{
	struct label *l = &p->labels[label];

	/* One more instruction may come between: the other branch's copy. */
	if (p->used + 1 - l->nearest <= REACH)
		return;
	if (l->is_answer)
		emit(p, BPF_RET | BPF_K, l->answer, 0, 0);
	else
		emit(p, BPF_JMP | BPF_JA, (uint32_t)(p->used - l->origin), 0, 0);
	l->nearest = p->used;
}

static unsigned jump(struct prog *p, uint16_t op, uint32_t k, unsigned yes, unsigned no)
{
	bring_near(p, yes);
	bring_near(p, no);
	emit(p, (uint16_t)(BPF_JMP | BPF_K | op), k, p->used - p->labels[yes].nearest,
	     p->used - p->labels[no].nearest);
	return label_here(p);
}

/* Puts a load in front of the instruction written last, which uses it. */
static unsigned load(struct prog *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
	return label_here(p);
}

/* Little-endian: the lower half comes first. */
static size_t arg_low(unsigned arg)
{
	return offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t);
}

/* first <= A <= last */
static unsigned between(struct prog *p, uint32_t first, uint32_t last, unsigned yes, unsigned no)
{
	unsigned below = jump(p, BPF_JGT, last, no, yes);

	return jump(p, BPF_JGE, first, below, no);
}

/*
 * Finds A's range by halving. Three ranges that are one number within a stretch
 * of equal answers need a single comparison.
 */
static unsigned search(struct prog *p, const struct range *ranges, size_t count)
{
	size_t half = count / 2;
	unsigned upper, lower;

	if (count == 1)
		return ranges[0].label;
	if (count == 3 && ranges[0].label == ranges[2].label &&
	    ranges[1].first + 1 == ranges[2].first)
		return jump(p, BPF_JEQ, ranges[1].first, ranges[1].label, ranges[0].label);
	upper = search(p, ranges + half, count - half);
	lower = search(p, ranges, half);
	return jump(p, BPF_JGE, ranges[half].first, upper, lower);
}

/* ---- conditions ---- */

static unsigned outside_set(struct prog *p, uint32_t set, unsigned yes, unsigned no)
{
	struct range ranges[2 * COUNT(set_ranges) + 1];
	size_t count = 0;

	ranges[count++] = (struct range){0, yes};
	for (size_t i = 0; i < COUNT(set_ranges); i++) {
		if (set_ranges[i].set != set)
			continue;
		if (set_ranges[i].first == 0) /* a set that starts at 0 */
			count = 0;
		ranges[count++] = (struct range){set_ranges[i].first, no};
		ranges[count++] = (struct range){set_ranges[i].last + 1, yes};
	}
	return search(p, ranges, count);
}

static unsigned compare(struct prog *p, const struct test *t, unsigned equal, unsigned different)
{
	unsigned label;

	if (t->value == 0 && t->mask != 0)
		return jump(p, BPF_JSET, t->mask, different, equal);
	label = jump(p, BPF_JEQ, t->value, equal, different);
	if (t->mask == UINT32_MAX)
		return label;
	emit(p, BPF_ALU | BPF_AND | BPF_K, t->mask, 0, 0);
	return label_here(p);
}

static unsigned pointer_given(struct prog *p, unsigned arg, unsigned yes, unsigned no)
{
	unsigned upper;

	jump(p, BPF_JEQ, 0, no, yes);
	upper = load(p, arg_low(arg) + sizeof(uint32_t));
	jump(p, BPF_JEQ, 0, upper, yes);
	return load(p, arg_low(arg));
}

static unsigned one_test(struct prog *p, const struct test *t, unsigned yes, unsigned no)
{
	uint32_t rfd_first = p->params->rfd_base;
	uint32_t rfd_last = rfd_first + p->params->rfd_count - 1;

	switch ((enum test_kind)t->kind) {
	case IS:
		compare(p, t, yes, no);
		break;
	case ISNT:
		compare(p, t, no, yes);
		break;
	case RFD:
		between(p, rfd_first, rfd_last, yes, no);
		break;
	case UPTO_RFD:
		jump(p, BPF_JGT, rfd_last, no, yes);
		break;
	case FROM_RFD:
		jump(p, BPF_JGE, rfd_first, yes, no);
		break;
	case OUTSIDE:
		outside_set(p, t->mask, yes, no);
		break;
	case POINTER:
		return pointer_given(p, t->arg, yes, no);
	}
	return load(p, arg_low(t->arg));
}

/* Tests of a clause lead to the next test or fail to the next clause. */
static unsigned condition(struct prog *p, unsigned wanted, unsigned yes, unsigned no)
{
	unsigned fail = no, next = yes, clause = 0;

	for (size_t i = COUNT(tests); i-- > 0;) {
		const struct test *t = &tests[i];

		if (t->condition != wanted)
			continue;
		if (clause != 0 && t->clause != clause) {
			fail = next;
			next = yes;
		}
		clause = t->clause;
		next = one_test(p, t, next, fail);
	}
	return next;
}

/* ---- the whole ---- */

/* Allowed if the instruction pointer, which is past the instruction, is ours (I1, g02). */
static unsigned mediated(struct prog *p)
{
	const struct filter_params *q = p->params;
	size_t ip = offsetof(struct seccomp_data, instruction_pointer);
	uint64_t gate_end = q->gate_page + GATE_BYTES;
	unsigned trap, gate, loader, label;

	trap = answer(p, SECCOMP_RET_TRAP | q->trap_data);
	between(p, (uint32_t)q->loader_base + SYSCALL_BYTES, (uint32_t)q->loader_end, p->allow,
		trap);
	loader = load(p, ip);
	between(p, (uint32_t)q->gate_page + SYSCALL_BYTES, (uint32_t)gate_end, p->allow, trap);
	gate = load(p, ip);
	label = jump(p, BPF_JEQ, (uint32_t)(q->loader_base >> 32), loader, trap);
	jump(p, BPF_JEQ, (uint32_t)(q->gate_page >> 32), gate, label);
	return load(p, ip + sizeof(uint32_t));
}

static unsigned refuse(struct prog *p, uint8_t error)
{
	if (p->errors[error] == 0)
		p->errors[error] = answer(p, SECCOMP_RET_ERRNO | error);
	return p->errors[error];
}

static unsigned leaf(struct prog *p, const struct row *row)
{
	unsigned *shared = &p->conditions[row->condition];

	switch ((enum syscall_class)row->class) {
	case SYSCALL_NATIVE:
		return p->allow;
	case SYSCALL_MEDIATED:
		return p->mediated;
	case SYSCALL_COND:
		if (*shared == 0)
			*shared = condition(p, row->condition, p->mediated, p->allow);
		return *shared;
	case SYSCALL_DENYIF:
		return condition(p, row->condition, refuse(p, row->error), p->allow);
	case SYSCALL_DENY:
		return refuse(p, row->error);
	case SYSCALL_ABSENT:
		break;
	}
	return refuse(p, ENOSYS);
}

/* x32 numbers have bit 30 set: they are above the table like all unknown ones. */
static void search_numbers(struct prog *p)
{
	struct range ranges[SYSCALL_END + 1];
	size_t count = 0;

	for (uint32_t nr = 0; nr <= SYSCALL_END; nr++) {
		unsigned label = nr < SYSCALL_END ? leaf(p, &rows[nr]) : refuse(p, ENOSYS);

		if (nr == __NR_exit_group && p->params->mediate_exit)
			label = p->mediated;
		if (count == 0 || ranges[count - 1].label != label)
			ranges[count++] = (struct range){nr, label};
	}
	search(p, ranges, count);
}

static bool params_usable(const struct filter_params *q)
{
	uint64_t gate_end = q->gate_page + GATE_BYTES;

	return q->gate_page >> 32 == gate_end >> 32 &&
	       q->loader_base >> 32 == q->loader_end >> 32 &&
	       q->gate_page >> 32 != q->loader_base >> 32 &&
	       q->loader_base + SYSCALL_BYTES <= q->loader_end && q->rfd_count > 0 &&
	       q->rfd_base <= UINT32_MAX - q->rfd_count;
}

int filter_compile(const struct filter_params *params, struct sock_filter *out, size_t cap)
{
	struct prog prog = {.params = params, .out = out, .cap = cap};
	struct prog *p = &prog;
	unsigned numbers;

	if (!params_usable(params))
		return -EINVAL;
	p->nlabels = 1; /* label 0 stands for "none yet" */
	p->allow = answer(p, SECCOMP_RET_ALLOW);
	p->mediated = mediated(p);
	search_numbers(p);
	numbers = load(p, offsetof(struct seccomp_data, nr));
	jump(p, BPF_JEQ, AUDIT_ARCH_X86_64, numbers, refuse(p, ENOSYS));
	load(p, offsetof(struct seccomp_data, arch));
	if (p->error)
		return p->error;
	memmove(out, out + (cap - p->used), p->used * sizeof(*out));
	return (int)p->used;
}
