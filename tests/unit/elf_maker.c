/* SPDX-License-Identifier: MIT */
/*
 * Tests: makes ELF files, right ones and wrong ones.
 */
#include "tests/unit/elf_maker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DYN_OFF 0x1000
#define STR_OFF 0x1800
#define STR_MAX 0x1000
#define TO_VADDR 0x1000 /* of the data segment: vaddr - offset */

void made_init(struct made_elf *elf, const char *interp)
{
	memset(elf, 0, sizeof(*elf));
	elf->size = MADE_SIZE;
	memcpy(elf->ehdr.e_ident, ELFMAG, SELFMAG);
	elf->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	elf->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->ehdr.e_ident[EI_VERSION] = EV_CURRENT;
	elf->ehdr.e_type = ET_DYN;
	elf->ehdr.e_machine = EM_X86_64;
	elf->ehdr.e_version = EV_CURRENT;
	elf->ehdr.e_entry = 0x500;
	elf->ehdr.e_phoff = sizeof(Elf64_Ehdr);
	elf->ehdr.e_ehsize = sizeof(Elf64_Ehdr);
	elf->ehdr.e_phentsize = sizeof(Elf64_Phdr);
	elf->ehdr.e_phnum = interp ? MADE_COUNT : MADE_COUNT - 1;

	elf->phdr[MADE_CODE] = (Elf64_Phdr){.p_type = PT_LOAD,
					    .p_flags = PF_R | PF_X,
					    .p_filesz = 0x1000,
					    .p_memsz = 0x1000,
					    .p_align = 0x1000};
	elf->phdr[MADE_DATA] = (Elf64_Phdr){.p_type = PT_LOAD,
					    .p_flags = PF_R | PF_W,
					    .p_offset = 0x1000,
					    .p_vaddr = 0x1000 + TO_VADDR,
					    .p_filesz = 0x2000,
					    .p_memsz = 0x2500,
					    .p_align = 0x1000};
	elf->phdr[MADE_DYNAMIC] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
					       .p_flags = PF_R | PF_W,
					       .p_offset = DYN_OFF,
					       .p_vaddr = DYN_OFF + TO_VADDR,
					       .p_filesz = 0x800,
					       .p_memsz = 0x800,
					       .p_align = 8};
	elf->phdr[MADE_STACK] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
	elf->str_size = 1;
	made_dyn(elf, DT_STRTAB, STR_OFF + TO_VADDR);
	made_dyn(elf, DT_STRSZ, STR_MAX);
	if (!interp)
		return;
	strcpy(elf->bytes + 0x400, interp);
	elf->phdr[MADE_INTERP] = (Elf64_Phdr){.p_type = PT_INTERP,
					      .p_flags = PF_R,
					      .p_offset = 0x400,
					      .p_vaddr = 0x400,
					      .p_filesz = strlen(interp) + 1,
					      .p_memsz = strlen(interp) + 1,
					      .p_align = 1};
}

void made_dyn(struct made_elf *elf, Elf64_Sxword tag, Elf64_Xword value)
{
	Elf64_Dyn dyn = {.d_tag = tag, .d_un = {.d_val = value}};

	memcpy(elf->bytes + DYN_OFF + elf->dyn_count++ * sizeof(dyn), &dyn, sizeof(dyn));
}

void made_dyn_string(struct made_elf *elf, Elf64_Sxword tag, const char *string)
{
	made_dyn(elf, tag, elf->str_size);
	strcpy(elf->bytes + STR_OFF + elf->str_size, string);
	elf->str_size += strlen(string) + 1;
}

static void write_to(const struct made_elf *elf, int fd)
{
	if (fd < 0 || write(fd, elf->bytes, elf->size) != (ssize_t)elf->size)
		abort();
}

int made_fd(const struct made_elf *elf)
{
	int fd = memfd_create("made", MFD_CLOEXEC);

	write_to(elf, fd);
	return fd;
}

void made_write(const struct made_elf *elf, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	write_to(elf, fd);
	close(fd);
}
