/* SPDX-License-Identifier: MIT */
/*
 * Part of test_rewrite.c: what becomes a trap, encodings that exist only at an
 * odd offset, data, and random bytes.
 */

START_TEST(become_traps)
{
	static const struct {
		uint8_t code[8];
		size_t n;
	} cases[] = {
		{{0x0f, 0x01, 0xef}, 3},
		{{0x48, 0x0f, 0x01, 0xef}, 4},
		{{0x2e, 0x48, 0x0f, 0x01, 0xef}, 5},
		{{0xf3, 0x0f, 0xae, 0xd8}, 4},
		{{0xf3, 0x48, 0x0f, 0xae, 0xdf}, 5},
		{{0xf3, 0x66, 0x49, 0x0f, 0xae, 0xd9}, 6},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t *p = place(cases[i].code, cases[i].n);
		struct rewrite rw = prepare();

		ck_assert_msg(rewrite_text(&rw) == 0, "case %zu: %s", i, rw.refusal.why);
		ck_assert_uint_eq(rw.stats.hits_patched, 1);
		ck_assert(p[0] == 0x0f && p[1] == 0x0b);
		for (size_t k = 2; k < cases[i].n; k++)
			ck_assert_uint_eq(p[k], NOP);
		ck_assert_uint_eq(p[cases[i].n], 0xc3);
		check_clean(&rw);
	}
}
END_TEST

/* A whole small region, as a JIT makes it: a01, a05. */
START_TEST(tiny_regions)
{
	static const uint8_t wr[] = {0x31, 0xc9, 0x31, 0xd2, 0x31, 0xc0, 0x0f, 0x01, 0xef, 0xc3};

	for (size_t skip = 0; skip <= 6; skip += 2) {
		for (size_t cut = 0; cut < 2; cut++) {
			struct rewrite rw = prepare();

			memset(rw.text, 0, 4096);
			memcpy(rw.text, wr + skip, sizeof(wr) - skip);
			rw.len = cut ? sizeof(wr) - skip - 1 : 4096;
			ck_assert_msg(rewrite_text(&rw) == 0, "%s", rw.refusal.why);
			ck_assert(memcmp(rw.text + 6 - skip, "\x0f\x0b\x90", 3) == 0);
		}
	}
}
END_TEST

/* Original and rewritten code must do the same to registers and flags. */
static const struct {
	uint8_t code[24];
	size_t n;
	const char *name;
} accidentals[] = {
	{{0xb8, 0x0f, 0x01, 0xef, 0x00}, 5, "mov imm,%eax"},
	{{0x41, 0xb9, 0x00, 0x0f, 0x01, 0xef}, 6, "mov imm,%r9d"},
	{{0x48, 0xbb, 1, 2, 0x0f, 0x01, 0xef, 0, 0, 0x80}, 10, "movabs imm,%rbx"},
	{{0x49, 0xbf, 1, 2, 3, 4, 5, 0x0f, 0xae, 0x2f}, 10, "movabs imm,%r15"},
	{{0x41, 0xc1, 0xc7, 0x0f, 0x01, 0xef}, 6, "rol; add (libnettle)"},
	{{0x83, 0xc0, 0x0f, 0x01, 0xef}, 5, "add $15; add"},
	{{0x8b, 0x0f, 0x01, 0xef}, 4, "mov (%rdi); add"},
	{{0x8d, 0x04, 0x0f, 0x01, 0xef}, 5, "lea; add"},
	{{0x85, 0xc0, 0x74, 0x0f, 0x01, 0xef, 0x90, 0x90, 0x90, 0x90, 0x90,
	  0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xc3},
	 21,
	 "je; add"},
	{{0x48, 0x8d, 0x05, 0x0f, 0xae, 0x28, 0x00}, 7, "lea disp(%rip),%rax"},
	{{0x4c, 0x8d, 0x2d, 0x0f, 0x01, 0xef, 0xff}, 7, "lea -disp(%rip),%r13"},
	{{0x48, 0x03, 0x1d, 0x0f, 0xae, 0x2b, 0x00}, 7, "add disp(%rip),%rbx"},
	{{0x81, 0x3d, 0x0f, 0xae, 0x6d, 0x00, 1, 2, 3, 4}, 10, "cmpl imm,disp(%rip)"},
	{{0x80, 0x0d, 0x0f, 0xae, 0x6d, 0x00, 0x40}, 7, "orb imm,disp(%rip)"},
	{{0xf2, 0x0f, 0x10, 0x0d, 0x0f, 0xae, 0x28, 0x01}, 8, "movsd disp(%rip) (node)"},
	{{0xc5, 0xfa, 0x6f, 0x05, 0x0f, 0xae, 0x2a, 0x00}, 8, "vmovdqu disp(%rip)"},
	{{0x81, 0xc3, 0x0f, 0x01, 0xef, 0x7f}, 6, "add imm,%ebx"},
	{{0x48, 0x81, 0xd9, 0xf3, 0x0f, 0xae, 0xdf}, 7, "sbb imm,%rcx"},
	{{0x49, 0x81, 0xfc, 0x0f, 0x01, 0xef, 0x00}, 7, "cmp imm,%r12"},
	{{0x05, 0x0f, 0x01, 0xef, 0xaa}, 5, "add imm,%eax"},
	{{0x48, 0x3d, 0x0f, 0x01, 0xef, 0xaa}, 6, "cmp imm,%rax"},
	{{0xa9, 0xaa, 0x0f, 0x01, 0xef}, 5, "test imm,%eax"},
	{{0xf7, 0xc6, 0xf3, 0x0f, 0xae, 0xd8}, 6, "test imm,%esi"},
	{{0xc7, 0xc1, 0xf3, 0x0f, 0xae, 0xd8}, 6, "mov imm,%ecx"},
	{{0x48, 0xc7, 0x44, 0x24, 0xe0, 0x0f, 0x01, 0xef, 0xff, 0x48, 0x8b,
	  0x44, 0x24, 0xe0, 0xc7, 0x44, 0x24, 0xe0, 0x44, 0x43, 0x42, 0x41},
	 22,
	 "movq imm,-32(%rsp)"},
	{{0x81, 0x3d, 0x00, 0x01, 0x00, 0x00, 0x0f, 0x01, 0xef, 0x10}, 10, "cmpl hit,(%rip)"},
	{{0x8d, 0x87, 0x0f, 0x01, 0xef, 0x10}, 6, "lea disp(%rdi),%eax"},
	{{0x48, 0x8d, 0x84, 0x8b, 0x44, 0x0f, 0x01, 0xef}, 8, "lea disp(%rbx,%rcx,4)"},
	{{0x4d, 0x8d, 0xa4, 0x24, 0x0f, 0xae, 0x2f, 0x11}, 8, "lea disp(%r12),%r12"},
	{{0x48, 0x8d, 0x84, 0x0f, 0x01, 0xef, 0x00, 0x00}, 8, "lea with SIB in the hit"},
};

START_TEST(accidental)
{
	for (size_t i = 0; i < COUNT(accidentals); i++) {
		struct regs in[8], want[8];
		struct rewrite rw = prepare();
		uint8_t *p = place(accidentals[i].code, accidentals[i].n);

		for (unsigned int s = 0; s < 8; s++) {
			in[s] = some_regs(s * 37 + (unsigned int)i);
			in[s].rdi = addr_of(arena + 1024);
			in[s].rax = s & 1 ? 0 : in[s].rax;
			want[s] = in[s];
			run_code(p, &want[s]);
		}
		p = place(accidentals[i].code, accidentals[i].n);
		memset(arena + TEXT_AT + TEXT_LEN, 0, 4096);
		ck_assert_msg(rewrite_text(&rw) == 0, "%s: %s", accidentals[i].name,
			      rw.refusal.why);
		ck_assert_msg(rw.stats.hits_patched == 1, "%s", accidentals[i].name);
		check_clean(&rw);
		for (unsigned int s = 0; s < 8; s++) {
			struct regs out = in[s];

			run_code(p, &out);
			ck_assert_msg(same_regs(&want[s], &out), "%s", accidentals[i].name);
		}
		/* every byte outside the instructions concerned is as it was */
		for (size_t k = 0; k < CODE_AT; k++)
			ck_assert_uint_eq(rw.text[k], NOP);
		for (size_t k = CODE_AT + accidentals[i].n + 1; k < TEXT_LEN; k++)
			ck_assert_uint_eq(rw.text[k], NOP);
	}
}
END_TEST

/* A direct branch whose displacement is the hit; its target adds 7 to rbx. */
START_TEST(branches)
{
	static const uint8_t target[] = {0x48, 0x83, 0xc3, 0x07, 0xc3};
	static const uint32_t rels[] = {0x0028ae0f, 0x002bae0f, 0xff28ae0f, 0xffef010f, 0xfe6fae0f};
	static const struct {
		uint8_t code[4];
		size_t n;
	} heads[] = {
		{{0xe8}, 1}, {{0xe9}, 1}, {{0x0f, 0x84}, 2}, {{0x0f, 0x85}, 2}, {{0xf2, 0xe8}, 2}};

	for (size_t h = 0; h < COUNT(heads); h++) {
		for (size_t r = 0; r < COUNT(rels); r++) {
			uint8_t code[8];
			size_t n = heads[h].n;
			struct rewrite rw = prepare();
			struct regs in = some_regs(0), want, out;
			uint8_t *p;

			memcpy(code, heads[h].code, n);
			memcpy(code + n, &rels[r], 4);
			p = place(code, n + 4);
			memcpy(p + n + 4 + (int32_t)rels[r], target, sizeof(target));
			for (unsigned int flags = 0; flags < 2; flags++) {
				in.flags = 2 | flags << 6;
				want = out = in;
				p = place(code, n + 4);
				run_code(p, &want);
				ck_assert_int_eq(rewrite_text(&rw), 0);
				ck_assert_msg(rw.stats.hits_patched == 1, "%zu %zu", h, r);
				check_clean(&rw);
				run_code(p, &out);
				ck_assert(same_regs(&want, &out));
				ck_assert(memcmp(p, code, n) == 0);
			}
		}
	}
}
END_TEST

/* call and jmp *disp(%rip); the callee hands out its return address in rax. */
START_TEST(indirect_branches)
{
	static const uint8_t callee[] = {0x48, 0x8b, 0x04, 0x24, 0xc3};
	static const uint8_t codes[][6] = {{0xff, 0x15, 0x0f, 0xae, 0x28, 0x00},
					   {0xff, 0x25, 0x0f, 0xae, 0x28, 0x00}};

	for (size_t i = 0; i < COUNT(codes); i++) {
		struct rewrite rw = prepare();
		struct regs in = some_regs(3), want = in, out = in;
		uint64_t to = addr_of(arena + 4096);
		uint8_t *p = place(codes[i], 6);

		memcpy(arena + 4096, callee, sizeof(callee));
		memcpy(p + 6 + 0x28ae0f, &to, sizeof(to));
		run_code(p, &want);
		ck_assert_int_eq(rewrite_text(&rw), 0);
		check_clean(&rw);
		run_code(p, &out);
		ck_assert(same_regs(&want, &out));
	}
}
END_TEST

/* Constants among zeros or without instructions around: never changed. */
START_TEST(data_is_not_touched)
{
	static const uint8_t hits[][4] = {
		{0x3f, 0x0f, 0x01, 0xef}, {0x08, 0x0f, 0xae, 0x6f}, {0xf3, 0x0f, 0xae, 0xdc}};

	for (size_t h = 0; h < COUNT(hits); h++) {
		for (int fill = 0; fill < 2; fill++) {
			uint8_t before[TEXT_LEN], noexec[4] = {0};
			struct rewrite rw = prepare();

			srand(42);
			for (size_t i = 0; i < TEXT_LEN; i++)
				rw.text[i] = fill ? (uint8_t)(rand() % 4 ? 0 : rand() & 0x3f) : 0;
			memcpy(rw.text + 1999, hits[h], 4);
			memcpy(before, rw.text, TEXT_LEN);
			ck_assert_msg(rewrite_text(&rw) == -EACCES, "%zu %d", h, fill);
			ck_assert_uint_eq(rw.refusal.off, 2000);
			ck_assert_int_eq((int)rw.refusal.kind, (int)h + 1);
			ck_assert(memcmp(before, rw.text, TEXT_LEN) == 0);

			rw.noexec = noexec;
			ck_assert_int_eq(rewrite_text(&rw), 0);
			ck_assert_uint_eq(noexec[0], 1);
			ck_assert_uint_eq(rw.stats.pages_noexec, 1);
			ck_assert_uint_eq(rw.stats.hits_patched, 0);
			ck_assert(memcmp(before, rw.text, TEXT_LEN) == 0);

			/* the caller knew: not counted again */
			ck_assert_int_eq(rewrite_text(&rw), 0);
			ck_assert_uint_eq(rw.stats.pages_noexec, 0);
		}
	}
}
END_TEST

static void check_outcome(struct rewrite *rw, int err)
{
	struct scan_hit hit;

	if (err == 0) {
		size_t from = 0;

		while (scan_next(rw->text, rw->len, from, &hit)) {
			size_t first = ((rw->text_addr & 4095) + hit.off) / 4096;
			size_t last = ((rw->text_addr & 4095) + hit.off + 2) / 4096;

			ck_assert(rw->noexec &&
				  ((rw->noexec[0] >> first | rw->noexec[0] >> last) & 1));
			from = hit.off + 1;
		}
		ck_assert(!scan_next(rw->tramp, rw->tramp_cap, 0, &hit));
	} else {
		ck_assert_int_eq(err, -EACCES);
		ck_assert_ptr_nonnull(rw->refusal.why);
		ck_assert_uint_lt(rw->refusal.off, rw->len);
	}
}

/* Whatever goes in: clean, or refused. Room as rewrite_need says. */
START_TEST(random_property)
{
	static const uint8_t alphabet[] = {0x0f, 0x0f, 0x01, 0xef, 0xae, 0x28, 0xd8, 0x05, 0xb8,
					   0xe8, 0xe9, 0x48, 0x41, 0x8d, 0xf3, 0x81, 0x90, 0x90};
	unsigned int fixed = 0, refused = 0;

	srand(7);
	for (int round = 0; round < 20000; round++) {
		struct rewrite rw = prepare();
		uint8_t noexec[1] = {0};
		int err;

		rw.len = (size_t)rand() % 200;
		rw.text_addr += round % 3 ? 0 : 4096 - 100;
		for (size_t i = 0; i < rw.len; i++)
			rw.text[i] = rand() % 3 ? NOP : alphabet[(size_t)rand() % COUNT(alphabet)];
		for (size_t at = 8; at + 24 < rw.len; at += 40) {
			size_t c = (size_t)rand() % COUNT(accidentals);

			memcpy(rw.text + at, accidentals[c].code, accidentals[c].n);
		}
		rw.noexec = round & 1 ? noexec : NULL;
		rw.tramp_cap = rewrite_need(&rw);
		rw.tramp_addr += (uint64_t)(rand() & 0xffffff);
		ck_assert_uint_le(rw.tramp_cap, ARENA - TRAMP_AT);
		err = rewrite_text(&rw);
		fixed += rw.stats.hits_patched > 0;
		refused += err != 0;
		check_outcome(&rw, err);
	}
	ck_assert_uint_gt(fixed, 1000);
	ck_assert_uint_gt(refused, 1000);
}
END_TEST
