/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): checks an ELF file's program headers. The file is hostile.
 *
 * libelf gets a private copy of the ELF header and the program headers only,
 * with the section table cut off: it never reads the file, so it cannot be led
 * anywhere, and the file cannot change between check and use.
 */
#include "rtld/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/layout.h"

/* What libelf is given: the header, the program headers right behind it. */
struct image {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[ELF_PHNUM_MAX];
};

/* Ranges of addresses in which a program of fixed address may not lie. */
static const struct {
	uint64_t lo, hi;
	const char *what;
} reserved[] = {
	{0, LOW_END, "the first MiB, kept empty"},
	{LOADER_BASE - PAGE_SIZE, LOADER_END, "endorun's own range"},
	{GATE_GUARD, UINT64_MAX, "the gate page and what is above"},
};

__attribute__((format(printf, 3, 4))) static int fail(struct elf_plan *plan, const char *path,
						      const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(plan->error, sizeof(plan->error), "%.*s: %s", ELF_PATH_MAX, path, why);
	return -1;
}

int elf_open(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EACCES;
		return -1;
	}
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

bool elf_read(int fd, void *dst, size_t len, uint64_t off)
{
	char *p = dst;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return true;
}

static uint64_t page_down(uint64_t addr)
{
	return addr & ~(uint64_t)(PAGE_SIZE - 1);
}

/* Pre: addr is not in the last page of the address space. */
static uint64_t page_up(uint64_t addr)
{
	return page_down(addr + PAGE_SIZE - 1);
}

static const char *machine_name(unsigned int machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_ARM:
		return "32-bit Arm";
	case EM_AARCH64:
		return "64-bit Arm";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "64-bit PowerPC";
	default:
		return "another machine";
	}
}

static const char *type_name(unsigned int type)
{
	switch (type) {
	case ET_REL:
		return "a relocatable object; link it first";
	case ET_CORE:
		return "a core dump; name the program that made it";
	default:
		return "of an unknown ELF type; rebuild it";
	}
}

static int check_ident(struct elf_plan *plan, const char *path, const Elf64_Ehdr *e)
{
	if (memcmp(e->e_ident, ELFMAG, SELFMAG))
		return fail(plan, path, "not an ELF file; endorun runs Linux x86-64 programs");
	if (e->e_ident[EI_DATA] != ELFDATA2LSB)
		return fail(plan, path, "big-endian ELF file; endorun needs an x86-64 build");
	if (e->e_machine != EM_X86_64) /* at the same place in both classes */
		return fail(plan, path,
			    "built for %s (ELF machine %u); endorun needs an x86-64 "
			    "build",
			    machine_name(e->e_machine), e->e_machine);
	if (e->e_ident[EI_CLASS] != ELFCLASS64)
		return fail(plan, path, "32-bit ELF class (x32); endorun needs a 64-bit build");
	if (e->e_ident[EI_VERSION] != EV_CURRENT)
		return fail(plan, path, "ELF version %u is unknown; rebuild it",
			    e->e_ident[EI_VERSION]);
	return 0;
}

static int check_header(struct elf_plan *plan, const char *path, enum elf_role role,
			const Elf64_Ehdr *e)
{
	uint64_t end;

	if (e->e_type != ET_EXEC && e->e_type != ET_DYN)
		return fail(plan, path, "is %s", type_name(e->e_type));
	if (role == ELF_ROLE_LIBRARY && e->e_type != ET_DYN)
		return fail(plan, path, "not a shared library (ET_EXEC); link it with -shared");
	if (e->e_phentsize != sizeof(Elf64_Phdr))
		return fail(plan, path, "program headers of %u bytes, not %zu; the file is damaged",
			    e->e_phentsize, sizeof(Elf64_Phdr));
	if (!e->e_phnum)
		return fail(plan, path, "no program headers; the file cannot be loaded");
	if (e->e_phnum > ELF_PHNUM_MAX)
		return fail(plan, path, "%u program headers; endorun takes up to %d", e->e_phnum,
			    ELF_PHNUM_MAX);
	if (__builtin_add_overflow(e->e_phoff, (uint64_t)e->e_phnum * sizeof(Elf64_Phdr), &end) ||
	    end > plan->file_size)
		return fail(plan, path,
			    "program headers beyond the end of the file; it is "
			    "truncated");
	return 0;
}

/* The parts of the file that all else is read from: img, then nothing more. */
static int read_image(struct elf_plan *plan, int fd, const char *path, enum elf_role role,
		      struct image *img)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail(plan, path, "%s; check the file", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(plan, path, "not a regular file; name an ELF file");
	plan->file_size = (uint64_t)st.st_size;
	if (plan->file_size < sizeof(img->ehdr))
		return fail(plan, path, "%s",
			    plan->file_size ? "too short for an ELF file" : "the file is empty");
	if (!elf_read(fd, &img->ehdr, sizeof(img->ehdr), 0))
		return fail(plan, path, "cannot be read: %s", strerror(errno));
	if (check_ident(plan, path, &img->ehdr) || check_header(plan, path, role, &img->ehdr))
		return -1;
	if (!elf_read(fd, img->phdr, img->ehdr.e_phnum * sizeof(*img->phdr), img->ehdr.e_phoff))
		return fail(plan, path, "program headers cannot be read; the file is truncated");
	return 0;
}

/* Fills plan->phdr, type and entry by libelf. */
static int decode(struct elf_plan *plan, const char *path, struct image *img)
{
	GElf_Ehdr ehdr;
	GElf_Phdr phdr;
	Elf *elf;
	int i, bad = 0;

	img->ehdr.e_phoff = offsetof(struct image, phdr);
	img->ehdr.e_shoff = 0;
	img->ehdr.e_shnum = 0;
	img->ehdr.e_shstrndx = SHN_UNDEF;
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)img, sizeof(*img));
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		bad = 1;
	for (i = 0; !bad && i < img->ehdr.e_phnum; i++) {
		bad = !gelf_getphdr(elf, i, &phdr);
		if (!bad)
			plan->phdr[i] = phdr;
	}
	if (!bad) {
		plan->type = ehdr.e_type;
		plan->entry = ehdr.e_entry;
		plan->phnum = ehdr.e_phnum;
	}
	elf_end(elf);
	return bad ? fail(plan, path, "libelf: %s", elf_errmsg(-1)) : 0;
}

/* One PT_LOAD by itself. */
static int check_load(struct elf_plan *plan, const char *path, unsigned int i)
{
	const Elf64_Phdr *p = &plan->phdr[i];
	uint64_t end, mem_end;

	if (p->p_filesz > p->p_memsz)
		return fail(plan, path,
			    "segment %u is larger in the file than in memory; the "
			    "file is damaged",
			    i);
	if (__builtin_add_overflow(p->p_offset, p->p_filesz, &end) || end > plan->file_size)
		return fail(plan, path,
			    "segment %u ends beyond the end of the file; it is "
			    "truncated",
			    i);
	if (__builtin_add_overflow(p->p_vaddr, p->p_memsz, &mem_end) || mem_end > GATE_GUARD)
		return fail(plan, path,
			    "segment %u at %#lx is above the program's address "
			    "space; link it lower",
			    i, (unsigned long)p->p_vaddr);
	if ((p->p_vaddr ^ p->p_offset) & (PAGE_SIZE - 1))
		return fail(plan, path,
			    "segment %u: address %#lx and offset %#lx differ modulo "
			    "the page size; link it with page alignment",
			    i, (unsigned long)p->p_vaddr, (unsigned long)p->p_offset);
	if (p->p_align & (p->p_align - 1))
		return fail(plan, path,
			    "segment %u: alignment %#lx is no power of two; the file "
			    "is damaged",
			    i, (unsigned long)p->p_align);
	if (p->p_align > ELF_ALIGN_MAX)
		return fail(plan, path, "segment %u: alignment %#lx; endorun takes up to %#lx", i,
			    (unsigned long)p->p_align, (unsigned long)ELF_ALIGN_MAX);
	if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return fail(plan, path,
			    "segment %u is writable and executable; link it without "
			    "-N, or with -z separate-code",
			    i);
	return 0;
}

/* All PT_LOAD: order, span, alignment. */
static int check_loads(struct elf_plan *plan, const char *path)
{
	uint64_t last_end = 0;
	bool any = false;

	plan->align = PAGE_SIZE;
	for (unsigned int i = 0; i < plan->phnum; i++) {
		const Elf64_Phdr *p = &plan->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (check_load(plan, path, i))
			return -1;
		if (!p->p_memsz)
			continue;
		if (any && p->p_vaddr < last_end)
			return fail(plan, path,
				    "segment %u overlaps the one before it, or is out "
				    "of order; the file is damaged",
				    i);
		if (!any)
			plan->lo = page_down(p->p_vaddr);
		any = true;
		last_end = p->p_vaddr + p->p_memsz;
		plan->hi = page_up(last_end);
		if (p->p_align > plan->align)
			plan->align = p->p_align;
	}
	if (!any)
		return fail(plan, path, "no segment to load; rebuild it");
	if (plan->hi - plan->lo > ELF_SPAN_MAX)
		return fail(plan, path, "spans %#lx bytes of memory; endorun takes up to 4 GiB",
			    (unsigned long)(plan->hi - plan->lo));
	return 0;
}

static int check_reserved(struct elf_plan *plan, const char *path)
{
	if (plan->type != ET_EXEC)
		return 0;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (plan->lo < reserved[i].hi && plan->hi > reserved[i].lo)
			return fail(plan, path,
				    "linked at %#lx to %#lx, over %s; link it as PIE, "
				    "or elsewhere",
				    (unsigned long)plan->lo, (unsigned long)plan->hi,
				    reserved[i].what);
	return 0;
}

static int read_interp(struct elf_plan *plan, int fd, const char *path, const Elf64_Phdr *p)
{
	uint64_t end;

	if (p->p_filesz < 2 || p->p_filesz > sizeof(plan->interp))
		return fail(plan, path, "PT_INTERP of %lu bytes; the file is damaged",
			    (unsigned long)p->p_filesz);
	if (__builtin_add_overflow(p->p_offset, p->p_filesz, &end) || end > plan->file_size ||
	    !elf_read(fd, plan->interp, p->p_filesz, p->p_offset))
		return fail(plan, path, "PT_INTERP beyond the end of the file; it is truncated");
	if (plan->interp[p->p_filesz - 1] || !plan->interp[0])
		return fail(plan, path, "PT_INTERP is not a string; the file is damaged");
	plan->has_interp = true;
	return 0;
}

static int read_dynamic(struct elf_plan *plan, const char *path, const Elf64_Phdr *p)
{
	if (!elf_file_offset(plan, p->p_vaddr, p->p_filesz, &plan->dynamic_off))
		return fail(plan, path,
			    "PT_DYNAMIC is not in a loaded segment; the file is "
			    "damaged");
	plan->dynamic_size = p->p_filesz;
	plan->has_dynamic = true;
	return 0;
}

/* The headers that are not PT_LOAD. Of several, the kernel takes the first. */
static int read_others(struct elf_plan *plan, int fd, const char *path, enum elf_role role)
{
	for (unsigned int i = 0; i < plan->phnum; i++) {
		const Elf64_Phdr *p = &plan->phdr[i];

		if (p->p_type == PT_INTERP && role == ELF_ROLE_PROGRAM && !plan->has_interp) {
			if (read_interp(plan, fd, path, p))
				return -1;
		} else if (p->p_type == PT_DYNAMIC && !plan->has_dynamic) {
			if (read_dynamic(plan, path, p))
				return -1;
		} else if (p->p_type == PT_GNU_STACK) {
			if (p->p_flags & PF_X)
				return fail(plan, path,
					    "asks for an executable stack; clear it "
					    "with: execstack -c, or link with -z noexecstack");
			plan->has_stack = true;
		}
	}
	return 0;
}

/* Entry point and the address of the program headers, by the kernel's rule. */
static int find_entry(struct elf_plan *plan, const char *path, enum elf_role role, uint64_t phoff)
{
	bool is_code = false;

	for (unsigned int i = 0; i < plan->phnum; i++) {
		const Elf64_Phdr *p = &plan->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (!plan->has_phdr_vaddr && phoff >= p->p_offset &&
		    phoff - p->p_offset < p->p_filesz) {
			plan->phdr_vaddr = phoff - p->p_offset + p->p_vaddr;
			plan->has_phdr_vaddr = true;
		}
		if (p->p_flags & PF_X && plan->entry >= p->p_vaddr &&
		    plan->entry - p->p_vaddr < p->p_memsz)
			is_code = true;
	}
	if (!is_code && role != ELF_ROLE_LIBRARY)
		return fail(plan, path, "entry point %#lx is not in an executable segment; %s",
			    (unsigned long)plan->entry,
			    plan->entry ? "the file is damaged" : "is it a library?");
	return 0;
}

bool elf_file_offset(const struct elf_plan *plan, uint64_t vaddr, uint64_t len, uint64_t *off)
{
	for (unsigned int i = 0; i < plan->phnum; i++) {
		const Elf64_Phdr *p = &plan->phdr[i];

		if (p->p_type != PT_LOAD || vaddr < p->p_vaddr)
			continue;
		if (vaddr - p->p_vaddr <= p->p_filesz &&
		    len <= p->p_filesz - (vaddr - p->p_vaddr)) {
			*off = p->p_offset + (vaddr - p->p_vaddr);
			return true;
		}
	}
	return false;
}

int elf_plan_read(struct elf_plan *plan, int fd, const char *path, enum elf_role role)
{
	struct image img;
	uint64_t phoff;

	memset(plan, 0, sizeof(*plan));
	memset(&img, 0, sizeof(img));
	if (read_image(plan, fd, path, role, &img))
		return -1;
	phoff = img.ehdr.e_phoff;
	if (decode(plan, path, &img) || check_loads(plan, path) || check_reserved(plan, path) ||
	    read_others(plan, fd, path, role) || find_entry(plan, path, role, phoff))
		return -1;
	return 0;
}
