/* SPDX-License-Identifier: MIT */
/* SOURCES: rtld/elf_file.c tests/unit/elf_maker.c */
/* LIBS: elf */
/*
 * Tests: ELF header checks, with good files and with one file for each lie.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/layout.h"
#include "rtld/elf_file.h"
#include "tests/unit/elf_maker.h"

static struct elf_plan plan;
static struct made_elf elf;

#define E (elf.ehdr)
#define CODE (elf.phdr[MADE_CODE])
#define DATA (elf.phdr[MADE_DATA])
#define DYNAMIC (elf.phdr[MADE_DYNAMIC])
#define STACK (elf.phdr[MADE_STACK])
#define INTERP (elf.phdr[MADE_INTERP])

/* Moves a made file to a fixed address. */
static void fix_at(Elf64_Addr base)
{
	E.e_type = ET_EXEC;
	E.e_entry += base;
	CODE.p_vaddr += base;
	DATA.p_vaddr += base;
	DYNAMIC.p_vaddr += base;
}

/* CASE(name, how to spoil a good program, part of the message or NULL for good) */
#define CASES                                                                                      \
	CASE(good, (void)0, NULL)                                                                  \
	CASE(good_exec, fix_at(0x400000), NULL)                                                    \
	CASE(good_highest, fix_at(GATE_GUARD - 0x5000), NULL)                                      \
	CASE(good_lowest, fix_at(LOW_END), NULL)                                                   \
	CASE(good_below_loader, fix_at(LOADER_BASE - 0x6000), NULL)                                \
	CASE(good_above_loader, fix_at(LOADER_END), NULL)                                          \
	CASE(good_no_stack, STACK.p_type = PT_NULL, NULL)                                          \
	CASE(good_empty_load, STACK.p_type = PT_LOAD, NULL)                                        \
	CASE(good_align_0, CODE.p_align = 0, NULL)                                                 \
	CASE(good_align_1g, DATA.p_align = ELF_ALIGN_MAX, NULL)                                    \
	CASE(good_exec_only, CODE.p_flags = PF_X, NULL)                                            \
	CASE(good_shared_page, share_page(), NULL)                                                 \
	CASE(good_4g, DATA.p_memsz = ELF_SPAN_MAX - 0x2000, NULL)                                  \
	CASE(good_hostile_sections, hostile_sections(), NULL)                                      \
	CASE(empty, elf.size = 0, "empty")                                                         \
	CASE(text, memcpy(elf.bytes, "#!/b", 4), "not an ELF file")                                \
	CASE(short_header, elf.size = 63, "too short")                                             \
	CASE(magic_only, elf.size = 4, "too short")                                                \
	CASE(i386, (E.e_machine = EM_386, E.e_ident[EI_CLASS] = ELFCLASS32), "32-bit x86")         \
	CASE(arm, (E.e_machine = EM_ARM, E.e_ident[EI_CLASS] = ELFCLASS32), "32-bit Arm")          \
	CASE(aarch64, E.e_machine = EM_AARCH64, "64-bit Arm")                                      \
	CASE(riscv, E.e_machine = EM_RISCV, "RISC-V")                                              \
	CASE(ppc64, E.e_machine = EM_PPC64, "PowerPC")                                             \
	CASE(machine_0, E.e_machine = 0, "another machine (ELF machine 0)")                        \
	CASE(x32, E.e_ident[EI_CLASS] = ELFCLASS32, "x32")                                         \
	CASE(class_9, E.e_ident[EI_CLASS] = 9, "ELF class")                                        \
	CASE(big_endian, E.e_ident[EI_DATA] = ELFDATA2MSB, "big-endian")                           \
	CASE(version, E.e_ident[EI_VERSION] = 2, "ELF version 2")                                  \
	CASE(relocatable, E.e_type = ET_REL, "relocatable object")                                 \
	CASE(core, E.e_type = ET_CORE, "core dump")                                                \
	CASE(type_none, E.e_type = ET_NONE, "unknown ELF type")                                    \
	CASE(phentsize, E.e_phentsize = 32, "program headers of 32 bytes")                         \
	CASE(no_phdrs, E.e_phnum = 0, "no program headers")                                        \
	CASE(many_phdrs, E.e_phnum = 129, "129 program headers")                                   \
	CASE(pn_xnum, E.e_phnum = PN_XNUM, "65535 program headers")                                \
	CASE(phdrs_beyond, E.e_phoff = MADE_SIZE - 100, "program headers beyond")                  \
	CASE(phdrs_overflow, E.e_phoff = -8ul, "program headers beyond")                           \
	CASE(no_load, CODE.p_type = DATA.p_type = PT_NOTE, "no segment to load")                   \
	CASE(only_empty_loads, (CODE.p_filesz = CODE.p_memsz = DATA.p_filesz = DATA.p_memsz = 0),  \
	     "no segment to load")                                                                 \
	CASE(file_over_mem, DATA.p_memsz = 0x1fff, "larger in the file")                           \
	CASE(truncated, elf.size = MADE_SIZE - 1, "segment 1 ends beyond")                         \
	CASE(offset_overflow, DATA.p_offset = -0x1000ul, "segment 1 ends beyond")                  \
	CASE(vaddr_overflow, DATA.p_vaddr = -0x1000ul, "above the program")                        \
	CASE(memsz_overflow, DATA.p_memsz = -1ul, "above the program")                             \
	CASE(dyn_above_gate, DATA.p_vaddr = GATE_GUARD - 0x2000, "above the program")              \
	CASE(misaligned, DATA.p_vaddr += 8, "differ modulo")                                       \
	CASE(align_odd, DATA.p_align = 0x1800, "no power of two")                                  \
	CASE(align_huge, DATA.p_align = 1ul << 31, "endorun takes up to 0x40000000")               \
	CASE(rwx, DATA.p_flags |= PF_X, "writable and executable")                                 \
	CASE(wx, CODE.p_flags = PF_W | PF_X, "writable and executable")                            \
	CASE(overlap, CODE.p_memsz = 0x2001, "overlaps")                                           \
	CASE(unsorted, (DATA.p_vaddr = 0, CODE.p_vaddr = 0x4000), "out of order")                  \
	CASE(same_address, (DATA.p_vaddr = 0), "overlaps")                                         \
	CASE(over_4g, DATA.p_memsz = ELF_SPAN_MAX - 0x1fff, "up to 4 GiB")                         \
	CASE(at_null, fix_at(0), "the first MiB")                                                  \
	CASE(below_1m, fix_at(LOW_END - 0x1000), "the first MiB")                                  \
	CASE(in_loader, fix_at(LOADER_BASE + 0x1000), "endorun's own range")                       \
	CASE(into_loader, fix_at(LOADER_BASE - 0x5000), "endorun's own range")                     \
	CASE(over_loader, (fix_at(0x50000000), DATA.p_memsz = 0x20000000), "endorun's own range")  \
	CASE(on_last_loader_page, fix_at(LOADER_END - 0x1000), "endorun's own range")              \
	CASE(into_gate, fix_at(GATE_GUARD - 0x4000), "above the program")                          \
	CASE(on_gate, fix_at(GATE_PAGE), "above the program")                                      \
	CASE(kernel_half, fix_at(0xffff800000000000), "above the program")                         \
	CASE(stack_exec, STACK.p_flags |= PF_X, "executable stack")                                \
	CASE(interp_no_nul, INTERP.p_filesz = 4, "PT_INTERP is not a string")                      \
	CASE(interp_empty, INTERP.p_filesz = 1, "PT_INTERP of 1 bytes")                            \
	CASE(interp_0, INTERP.p_filesz = 0, "PT_INTERP of 0 bytes")                                \
	CASE(interp_long, INTERP.p_filesz = 4097, "PT_INTERP of 4097 bytes")                       \
	CASE(interp_huge, INTERP.p_filesz = -1ul, "PT_INTERP of")                                  \
	CASE(interp_beyond, INTERP.p_offset = MADE_SIZE - 4, "PT_INTERP beyond")                   \
	CASE(interp_overflow, INTERP.p_offset = -4ul, "PT_INTERP beyond")                          \
	CASE(interp_nuls, elf.bytes[0x400] = 0, "PT_INTERP is not a string")                       \
	CASE(dynamic_outside, DYNAMIC.p_vaddr = 0x8000, "PT_DYNAMIC is not")                       \
	CASE(dynamic_in_bss, DYNAMIC.p_vaddr = 0x4001, "PT_DYNAMIC is not")                        \
	CASE(dynamic_overflow, DYNAMIC.p_filesz = -1ul, "PT_DYNAMIC is not")                       \
	CASE(entry_in_data, E.e_entry = 0x2000, "entry point 0x2000")                              \
	CASE(entry_outside, E.e_entry = 0x1000, "entry point 0x1000")                              \
	CASE(entry_0, (E.e_entry = 0, CODE.p_flags = PF_R), "is it a library?")

/* The data segment begins in the page where the code ends. */
static void share_page(void)
{
	CODE.p_filesz = CODE.p_memsz = 0x800;
	DATA.p_offset = 0x800;
	DATA.p_vaddr = 0x800;
	DATA.p_filesz = 0x2800;
	DATA.p_memsz = 0x2800;
	DYNAMIC.p_vaddr = 0x1000;
}

static void hostile_sections(void)
{
	E.e_shoff = -16ul;
	E.e_shnum = 0;
	E.e_shstrndx = SHN_XINDEX;
	E.e_shentsize = 1;
}

static int read_made(enum elf_role role)
{
	int fd = made_fd(&elf), failed;

	memset(&plan, 0x55, sizeof(plan));
	failed = elf_plan_read(&plan, fd, "dir/name", role);
	close(fd);
	return failed;
}

#define CASE(name, spoil, text)                                                                    \
	static void spoil_##name(void)                                                             \
	{                                                                                          \
		spoil;                                                                             \
	}
CASES
#undef CASE

static const struct {
	const char *name;
	void (*spoil)(void);
	const char *text;
} cases[] = {
#define CASE(name, spoil, text) {#name, spoil_##name, text},
	CASES
#undef CASE
};

START_TEST(one_lie)
{
	made_init(&elf, "/lib64/ld.so");
	cases[_i].spoil();
	if (!cases[_i].text) {
		ck_assert_msg(!read_made(ELF_ROLE_PROGRAM), "%s: %s", cases[_i].name, plan.error);
		ck_assert_uint_lt(plan.lo, plan.hi);
		ck_assert_uint_le(plan.hi - plan.lo, ELF_SPAN_MAX);
		ck_assert_uint_eq((plan.lo | plan.hi) & (PAGE_SIZE - 1), 0);
		return;
	}
	ck_assert_msg(read_made(ELF_ROLE_PROGRAM), "%s was taken", cases[_i].name);
	ck_assert_msg(strstr(plan.error, cases[_i].text), "%s: %s", cases[_i].name, plan.error);
	ck_assert(!strncmp(plan.error, "dir/name: ", 10));
}
END_TEST

START_TEST(fields)
{
	made_init(&elf, "/lib64/ld.so");
	fix_at(0x400000);
	DATA.p_align = 0x200000;
	ck_assert_int_eq(read_made(ELF_ROLE_PROGRAM), 0);
	ck_assert_int_eq(plan.type, ET_EXEC);
	ck_assert_int_eq(plan.phnum, MADE_COUNT);
	ck_assert_uint_eq(plan.entry, 0x400500);
	ck_assert_uint_eq(plan.lo, 0x400000);
	ck_assert_uint_eq(plan.hi, 0x405000);
	ck_assert_uint_eq(plan.align, 0x200000);
	ck_assert_uint_eq(plan.file_size, MADE_SIZE);
	ck_assert(plan.has_phdr_vaddr && plan.has_stack && plan.has_dynamic && plan.has_interp);
	ck_assert_uint_eq(plan.phdr_vaddr, 0x400040);
	ck_assert_uint_eq(plan.dynamic_off, 0x1000);
	ck_assert_uint_eq(plan.dynamic_size, 0x800);
	ck_assert_str_eq(plan.interp, "/lib64/ld.so");
	ck_assert_uint_eq(plan.phdr[MADE_DATA].p_memsz, 0x2500);
}
END_TEST

START_TEST(roles)
{
	made_init(&elf, "/lib64/ld.so");
	E.e_entry = 0;
	CODE.p_vaddr = 0x1000;
	CODE.p_offset = 0;
	ck_assert_int_eq(read_made(ELF_ROLE_PROGRAM), -1);
	ck_assert_int_eq(read_made(ELF_ROLE_INTERP), -1);
	ck_assert_int_eq(read_made(ELF_ROLE_LIBRARY), 0);
	ck_assert(!plan.has_interp);

	made_init(&elf, "x");
	INTERP.p_filesz = 0;
	ck_assert_int_eq(read_made(ELF_ROLE_INTERP), 0);

	made_init(&elf, NULL);
	fix_at(0x400000);
	ck_assert_int_eq(read_made(ELF_ROLE_PROGRAM), 0);
	ck_assert(!plan.has_interp);
	ck_assert_int_eq(read_made(ELF_ROLE_LIBRARY), -1);
	ck_assert(strstr(plan.error, "not a shared library"));
}
END_TEST

START_TEST(phdrs_not_loaded)
{
	made_init(&elf, NULL);
	CODE.p_offset = 0x1000;
	ck_assert_int_eq(read_made(ELF_ROLE_PROGRAM), 0);
	ck_assert(!plan.has_phdr_vaddr);
}
END_TEST

START_TEST(offsets)
{
	uint64_t off;

	made_init(&elf, NULL);
	ck_assert_int_eq(read_made(ELF_ROLE_PROGRAM), 0);
	ck_assert(elf_file_offset(&plan, 0x2010, 0x1ff0, &off) && off == 0x1010);
	ck_assert(!elf_file_offset(&plan, 0x2010, 0x1ff1, &off));
	ck_assert(elf_file_offset(&plan, 0x4000, 0, &off) && off == 0x3000);
	ck_assert(!elf_file_offset(&plan, 0x4001, 0, &off));
	ck_assert(!elf_file_offset(&plan, 0x2010, UINT64_MAX, &off));
	ck_assert(!elf_file_offset(&plan, UINT64_MAX, 1, &off));
}
END_TEST

START_TEST(not_a_file)
{
	int fd = open("/", O_RDONLY);

	ck_assert_int_eq(elf_plan_read(&plan, fd, "/", ELF_ROLE_PROGRAM), -1);
	ck_assert(strstr(plan.error, "not a regular file"));
	close(fd);
	ck_assert_int_eq(elf_plan_read(&plan, fd, "/", ELF_ROLE_PROGRAM), -1);
	ck_assert_int_eq(elf_open("/"), -1);
	ck_assert_int_eq(elf_open("/dev/null"), -1);
	ck_assert_int_eq(elf_open("/nonexistent"), -1);
}
END_TEST

/* A path as long as can be still leaves room for the reason. */
START_TEST(long_path)
{
	static char path[3 * ELF_PATH_MAX];

	memset(path, 'x', sizeof(path) - 1);
	made_init(&elf, NULL);
	elf.size = 0;
	ck_assert_int_eq(elf_plan_read(&plan, made_fd(&elf), path, ELF_ROLE_PROGRAM), -1);
	ck_assert(strstr(plan.error, ": the file is empty"));
}
END_TEST

START_TEST(real_files)
{
	static const char *const paths[] = {"/bin/sh", "/proc/self/exe", "/usr/bin/env"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		int fd = elf_open(paths[i]);

		ck_assert_int_eq(elf_plan_read(&plan, fd, paths[i], ELF_ROLE_PROGRAM), 0);
		ck_assert(plan.has_interp && plan.has_dynamic && plan.has_phdr_vaddr);
		close(fd);
		fd = elf_open(plan.interp);
		ck_assert_int_eq(elf_plan_read(&plan, fd, "interp", ELF_ROLE_INTERP), 0);
		ck_assert_int_eq(elf_plan_read(&plan, fd, "interp", ELF_ROLE_LIBRARY), 0);
		close(fd);
	}
}
END_TEST

/* Flips bytes of the headers at random: no crash, and what is taken is sane. */
START_TEST(random_lies)
{
	const size_t headers = sizeof(Elf64_Ehdr) + MADE_COUNT * sizeof(Elf64_Phdr);
	int taken = 0;

	srandom(1);
	for (int round = 0; round < 20000; round++) {
		made_init(&elf, "/lib64/ld.so");
		for (long n = random() % 4; n >= 0; n--)
			elf.bytes[8 + (size_t)random() % (headers - 8)] = (char)random();
		elf.size = random() % 4 ? MADE_SIZE : (size_t)random() % MADE_SIZE;
		if (read_made((enum elf_role)(random() % 3)))
			continue;
		taken++;
		ck_assert_uint_le(plan.phnum, ELF_PHNUM_MAX);
		for (unsigned int i = 0; i < plan.phnum; i++) {
			const Elf64_Phdr *p = &plan.phdr[i];

			if (p->p_type != PT_LOAD || !p->p_memsz)
				continue;
			ck_assert_uint_ge(p->p_vaddr, plan.lo);
			ck_assert_uint_le(p->p_vaddr + p->p_memsz, plan.hi);
			ck_assert_uint_le(p->p_offset + p->p_filesz, elf.size);
		}
	}
	ck_assert_int_gt(taken, 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("elf_file");
	TCase *t = tcase_create("elf_file");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, one_lie, 0, (int)(sizeof(cases) / sizeof(*cases)));
	tcase_add_test(t, fields);
	tcase_add_test(t, roles);
	tcase_add_test(t, phdrs_not_loaded);
	tcase_add_test(t, offsets);
	tcase_add_test(t, not_a_file);
	tcase_add_test(t, long_path);
	tcase_add_test(t, real_files);
	tcase_add_test(t, random_lies);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
