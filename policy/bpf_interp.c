/* SPDX-License-Identifier: MIT */
/*
 * Zone A (tests and tools only): classic BPF as the kernel's seccomp runs it.
 *
 * Follows net/core/filter.c (bpf_check_classic, bpf_convert_filter) and
 * kernel/seccomp.c (seccomp_check_filter, seccomp_is_const_allow) of Linux 6.18.
 */
#include "bpf_interp.h"

#include <string.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

/* ---- check ---- */

static bool code_allowed(uint16_t code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_JMP | BPF_JA:
	case BPF_ALU | BPF_NEG:
		return true;
	default:
		break;
	}
	switch (code & ~BPF_X) {
	case BPF_ALU | BPF_ADD:
	case BPF_ALU | BPF_SUB:
	case BPF_ALU | BPF_MUL:
	case BPF_ALU | BPF_DIV:
	case BPF_ALU | BPF_AND:
	case BPF_ALU | BPF_OR:
	case BPF_ALU | BPF_XOR:
	case BPF_ALU | BPF_LSH:
	case BPF_ALU | BPF_RSH:
	case BPF_JMP | BPF_JEQ:
	case BPF_JMP | BPF_JGE:
	case BPF_JMP | BPF_JGT:
	case BPF_JMP | BPF_JSET:
		return true;
	default:
		return false;
	}
}

static enum bpf_fault check_one(const struct sock_filter *in, size_t pc, size_t len)
{
	size_t rest = len - pc - 1; /* instructions after this one */

	if (!code_allowed(in->code))
		return BPF_BAD_CODE;
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return in->k >= sizeof(struct seccomp_data) || in->k & 3 ? BPF_BAD_LOAD : BPF_FINE;
	case BPF_ALU | BPF_DIV | BPF_K:
		return in->k == 0 ? BPF_BAD_CONST : BPF_FINE;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return in->k >= 32 ? BPF_BAD_CONST : BPF_FINE;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return in->k >= BPF_MEMWORDS ? BPF_BAD_MEMORY : BPF_FINE;
	case BPF_JMP | BPF_JA:
		return in->k >= rest ? BPF_BAD_JUMP : BPF_FINE;
	default:
		break;
	}
	if (BPF_CLASS(in->code) == BPF_JMP && (in->jt >= rest || in->jf >= rest))
		return BPF_BAD_JUMP;
	return BPF_FINE;
}

/*
 * A memory cell must have been written on every way to its use: cells known on
 * all ways into an instruction are intersected there, as check_load_and_stores()
 * does it.
 */
static enum bpf_fault check_memory(const struct sock_filter *prog, size_t len, size_t *where)
{
	uint16_t known[BPF_MAXINSNS];
	uint16_t cells = 0;

	memset(known, 0xff, sizeof(known));
	for (size_t pc = 0; pc < len; pc++) {
		const struct sock_filter *in = &prog[pc];

		cells &= known[pc];
		*where = pc;
		switch (in->code) {
		case BPF_ST:
		case BPF_STX:
			cells = (uint16_t)(cells | 1u << in->k);
			continue;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (!(cells & 1u << in->k))
				return BPF_BAD_MEMORY;
			continue;
		case BPF_JMP | BPF_JA:
			known[pc + 1 + in->k] &= cells;
			cells = 0xffff;
			continue;
		default:
			break;
		}
		if (BPF_CLASS(in->code) == BPF_JMP) {
			known[pc + 1 + in->jt] &= cells;
			known[pc + 1 + in->jf] &= cells;
			cells = 0xffff;
		}
	}
	return BPF_FINE;
}

enum bpf_fault bpf_check(const struct sock_filter *prog, size_t len, size_t *where)
{
	enum bpf_fault fault = BPF_FINE;
	size_t dummy;

	if (!where)
		where = &dummy;
	*where = 0;
	if (len == 0 || len > BPF_MAXINSNS)
		return BPF_BAD_LENGTH;
	for (size_t pc = 0; pc < len; pc++) {
		*where = pc;
		fault = check_one(&prog[pc], pc, len);
		if (fault)
			return fault;
	}
	if (BPF_CLASS(prog[len - 1].code) != BPF_RET)
		return BPF_NO_RETURN;
	return check_memory(prog, len, where);
}

/* ---- run ---- */

struct machine {
	uint32_t a, x;
	uint32_t cells[BPF_MEMWORDS];
};

static uint32_t operand(const struct machine *m, const struct sock_filter *in)
{
	return BPF_SRC(in->code) == BPF_X ? m->x : in->k;
}

/* Returns false where the kernel ends the program with 0: division by 0. */
static bool run_alu(struct machine *m, const struct sock_filter *in)
{
	uint32_t b = operand(m, in);

	switch (BPF_OP(in->code)) {
	case BPF_ADD:
		m->a += b;
		break;
	case BPF_SUB:
		m->a -= b;
		break;
	case BPF_MUL:
		m->a *= b;
		break;
	case BPF_DIV:
		if (b == 0)
			return false;
		m->a /= b;
		break;
	case BPF_AND:
		m->a &= b;
		break;
	case BPF_OR:
		m->a |= b;
		break;
	case BPF_XOR:
		m->a ^= b;
		break;
	case BPF_LSH:
		m->a <<= b & 31;
		break;
	case BPF_RSH:
		m->a >>= b & 31;
		break;
	case BPF_NEG:
		m->a = -m->a;
		break;
	default:
		return false;
	}
	return true;
}

static bool compare(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGE:
		return a >= b;
	case BPF_JGT:
		return a > b;
	default:
		return (a & b) != 0; /* BPF_JSET: the only one left */
	}
}

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static void run_move(struct machine *m, const struct sock_filter *in,
		     const struct seccomp_data *data)
{
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		m->a = load_word(data, in->k);
		break;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = sizeof(*data);
		break;
	case BPF_LDX | BPF_W | BPF_LEN:
		m->x = sizeof(*data);
		break;
	case BPF_LD | BPF_IMM:
		m->a = in->k;
		break;
	case BPF_LDX | BPF_IMM:
		m->x = in->k;
		break;
	case BPF_LD | BPF_MEM:
		m->a = m->cells[in->k];
		break;
	case BPF_LDX | BPF_MEM:
		m->x = m->cells[in->k];
		break;
	case BPF_ST:
		m->cells[in->k] = m->a;
		break;
	case BPF_STX:
		m->cells[in->k] = m->x;
		break;
	case BPF_MISC | BPF_TAX:
		m->x = m->a;
		break;
	case BPF_MISC | BPF_TXA:
		m->a = m->x;
		break;
	}
}

uint32_t bpf_run(const struct sock_filter *prog, size_t len, const struct seccomp_data *data,
		 size_t *steps)
{
	struct machine m = {0};
	size_t count = 0;
	uint32_t result = SECCOMP_RET_KILL_THREAD;

	for (size_t pc = 0; pc < len; pc++) {
		const struct sock_filter *in = &prog[pc];

		count++;
		if (BPF_CLASS(in->code) == BPF_RET) {
			result = in->code == (BPF_RET | BPF_A) ? m.a : in->k;
			break;
		}
		if (in->code == (BPF_JMP | BPF_JA))
			pc += in->k;
		else if (BPF_CLASS(in->code) == BPF_JMP)
			pc += compare(in->code, m.a, operand(&m, in)) ? in->jt : in->jf;
		else if (BPF_CLASS(in->code) != BPF_ALU)
			run_move(&m, in, data);
		else if (!run_alu(&m, in))
			break;
	}
	if (steps)
		*steps = count;
	return result;
}

/* ---- the kernel's bitmap ---- */

bool bpf_is_const_allow(const struct sock_filter *prog, size_t len, uint32_t nr, uint32_t arch)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < len; pc++) {
		const struct sock_filter *in = &prog[pc];

		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (in->k == offsetof(struct seccomp_data, nr))
				a = nr;
			else if (in->k == offsetof(struct seccomp_data, arch))
				a = arch;
			else
				return false;
			break;
		case BPF_RET | BPF_K:
			return in->k == SECCOMP_RET_ALLOW;
		case BPF_JMP | BPF_JA:
			pc += in->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += compare(in->code, a, in->k) ? in->jt : in->jf;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= in->k;
			break;
		default:
			return false;
		}
	}
	return false;
}
