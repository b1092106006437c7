/* SPDX-License-Identifier: MIT */
/*
 * a01, a02, a03, a05, a06: WRPKRU in memory made executable: by every call, at
 * every offset, across pages and across calls, at the first and last byte,
 * hidden in longer instructions and behind half a match.
 */
/* Isolation: keys */
/* Blocked: 0 */
/* Control: 42 */
#include "attack.h"

static void run(const void *p, const char *how)
{
	(void)run_code(p, 0, 0);
	if (rdpkru() != env.pkru || can_read(env.secret))
		succeeded("%s: PKRU is %#x", how, rdpkru());
}

static void by_mprotect(void)
{
	uint8_t *p = pages(1);

	memcpy(p, open_pkru, sizeof(open_pkru));
	if (make_executable(p, PAGE) == 0)
		run(p, "mprotect");
	p = pages(1);
	memcpy(p, open_pkru, sizeof(open_pkru));
	if (raw(SYS_mprotect, p, 1, PROT_READ | PROT_WRITE | PROT_EXEC) == 0)
		run(p, "mprotect with all rights");
	p = pages(1);
	memcpy(p, open_pkru, sizeof(open_pkru));
	if (raw(SYS_pkey_mprotect, p, PAGE, PROT_READ | PROT_EXEC, -1) == 0)
		run(p, "pkey_mprotect");
}

static void by_mmap(void)
{
	static const int prots[] = {PROT_READ | PROT_EXEC, PROT_EXEC,
				    PROT_READ | PROT_WRITE | PROT_EXEC};
	uint8_t *p = mmap(NULL, PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("code", O_RDWR | O_CREAT | O_TRUNC, 0700);
	uint8_t buf[PAGE] = {0};

	if (p != MAP_FAILED) {
		memcpy(p, open_pkru, sizeof(open_pkru));
		run(p, "mmap with all rights");
		memcpy(p + 64, open_pkru, sizeof(open_pkru));
		run(p + 64, "written after it ran");
	}
	memcpy(buf, open_pkru, sizeof(open_pkru));
	if (fd < 0 || write(fd, buf, PAGE) != (ssize_t)PAGE)
		broken("no file");
	for (int i = 0; i < 6; i++) {
		p = mmap(NULL, PAGE, prots[i % 3], i < 3 ? MAP_PRIVATE : MAP_SHARED, fd, 0);
		if (p != MAP_FAILED)
			run(p, "mmap of a file");
	}
	close(fd);
}

/* At every distance from a page's end; three orders of making it executable. */
static void across_pages(void)
{
	for (int order = 0; order < 4; order++) {
		for (size_t k = 1; k < sizeof(open_pkru); k++) {
			uint8_t *p = pages(2);
			int ret;

			memcpy(p + PAGE - k, open_pkru, sizeof(open_pkru));
			if (order == 0) {
				ret = make_executable(p, 2 * PAGE);
			} else if (order == 1) {
				ret = make_executable(p, PAGE);
				ret |= make_executable(p + PAGE, PAGE);
			} else if (order == 2) {
				ret = make_executable(p + PAGE, PAGE);
				ret |= make_executable(p, PAGE);
			} else {
				ret = (int)raw(SYS_mprotect, p, PAGE, 7);
				ret |= (int)raw(SYS_mprotect, p + PAGE, PAGE, 7);
			}
			if (!ret)
				run(p + PAGE - k, "across pages");
			munmap(p, 2 * PAGE);
		}
	}
}

/* The first hit at the very start, the very end, behind half of another. */
static void odd_places(void)
{
	static const uint8_t halves[][6] = {{0x0f},
					    {0x0f, 0x01},
					    {0x0f, 0xae},
					    {0x0f, 0x0f, 0x01},
					    {0x0f, 0xae, 0x0f},
					    {0x0f, 0x01, 0xef, 0x0f, 0x01}};
	static const size_t lens[] = {1, 2, 2, 3, 3, 5};
	static const uint8_t wr[] = {0x0f, 0x01, 0xef, 0xc3};
	uint8_t *p;

	for (size_t at = 0; at <= PAGE - 4; at = at == 64 ? PAGE - 16 : at + 1) {
		p = pages(1);
		memset(p, 0x90, PAGE);
		memcpy(p + at, wr, sizeof(wr));
		if (make_executable(p, PAGE) == 0)
			run(p + at, "at an offset");
		munmap(p, PAGE);
	}
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		p = pages(1);
		memcpy(p, halves[i], lens[i]);
		memcpy(p + lens[i], wr, sizeof(wr));
		if (make_executable(p, PAGE) == 0)
			run(p + lens[i], "behind half a match");
		munmap(p, PAGE);
	}
}

struct piece {
	const uint8_t *code;
	size_t entry;
};

/* Rewritten code that is entered in the middle may do anything to its process. */
static void run_piece(void *arg)
{
	const struct piece *piece = arg;

	run(piece->code + piece->entry, "hidden in an instruction");
}

/* Inside immediates and displacements, entered in the middle. */
static void hidden(void)
{
	static const struct {
		uint8_t code[14];
		size_t entry;
	} forms[] = {
		{{0xb8, 0x0f, 0x01, 0xef, 0xc3, 0xc3}, 1},	       /* mov $imm, %eax */
		{{0x48, 0x8d, 0x80, 0x0f, 0x01, 0xef, 0xc3, 0xc3}, 3}, /* lea disp(%rax) */
		{{0x48, 0xb8, 1, 0x0f, 0x01, 0xef, 0xc3, 1, 1, 1, 0xc3}, 3},
		{{0x0f, 0x84, 0x0f, 0x01, 0xef, 0xc3, 0xc3}, 2}, /* je rel32 */
		{{0x8d, 0x04, 0x0f, 0x01, 0xef, 0xc3}, 2},	 /* lea; add %ebp,%edi */
		{{0xc5, 0xf8, 0x28, 0x0d, 0x0f, 0x01, 0xef, 0xc3, 0xc3}, 4},
		{{0x81, 0xc1, 0x0f, 0x01, 0xef, 0xc3, 0xc3}, 2}, /* add $imm, %ecx */
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint8_t *p = pages(1);

		memcpy(p, forms[i].code, sizeof(forms[i].code));
		if (make_executable(p, PAGE) == 0) {
			(void)in_child(run_piece, &(struct piece){p, forms[i].entry});
			(void)in_child(run_piece, &(struct piece){p, 0});
		}
		munmap(p, PAGE);
	}
}

void attack(void)
{
	by_mprotect();
	by_mmap();
	across_pages();
	odd_places();
	hidden();
}
