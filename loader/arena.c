/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted): the monitor's memory in its final form: one reservation,
 * keyed, sealed before the program starts, never grown.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "launch.h"
#include "monitor/layout.h"
#include "monitor/slot.h"
#include "report.h"

#define NR_MSEAL 462
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define WINDOW_SIZE (UINT64_C(256) << 20)
#define ARENA_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

extern const char monitor_image[], monitor_image_end[];

/* The parts of the image that the loader places. */
struct image {
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *text, *rodata, *data, *gate, *dynamic;
	uint64_t size; /* of text, rodata and data */
};

static struct image image_read(void)
{
	struct image im = {.eh = (const void *)monitor_image};
	const Elf64_Phdr *ph = (const void *)(monitor_image + im.eh->e_phoff);

	for (int i = 0; i < im.eh->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			im.dynamic = &ph[i];
		if (ph[i].p_type != PT_LOAD)
			continue;
		if ((ph[i].p_flags & PF_X) && !im.text)
			im.text = &ph[i];
		else if (ph[i].p_flags & PF_X)
			im.gate = &ph[i];
		else if (ph[i].p_flags & PF_W)
			im.data = &ph[i];
		else
			im.rodata = &ph[i];
	}
	if (!im.text || !im.rodata || !im.data || !im.gate || !im.dynamic)
		report_fail(EXIT_ENDORUN, "monitor: damaged image; reinstall endorun");
	im.size = PAGE_UP(im.data->p_vaddr + im.data->p_memsz);
	return im;
}

static void copy_segment(uint64_t base, const Elf64_Phdr *ph)
{
	memcpy((void *)(base + ph->p_vaddr), monitor_image + ph->p_offset, ph->p_filesz);
}

static void relocate(uint64_t base, const struct image *im)
{
	const Elf64_Dyn *d = (const void *)(monitor_image + im->dynamic->p_offset);
	const Elf64_Rela *rela = NULL;
	uint64_t size = 0;

	for (; d->d_tag; d++) {
		if (d->d_tag == DT_RELA)
			rela = (const void *)(base + d->d_un.d_ptr);
		if (d->d_tag == DT_RELASZ)
			size = d->d_un.d_val;
	}
	for (uint64_t i = 0; rela && i < size / sizeof(*rela); i++) {
		uint64_t v = base + (uint64_t)rela[i].r_addend;

		if (ELF64_R_TYPE(rela[i].r_info) != R_X86_64_RELATIVE)
			report_fail(EXIT_ENDORUN, "monitor: damaged image; reinstall endorun");
		memcpy((void *)(base + rela[i].r_offset), &v, sizeof(v));
	}
}

/* LFENCE for WRPKRU, xor %eax,%eax for RDPKRU: the same length, no keys. */
static void without_keys(uint8_t *gate, size_t len)
{
	for (size_t i = 0; i + 3 <= len; i++) {
		if (!memcmp(gate + i, "\x0f\x01\xef", 3))
			memcpy(gate + i, "\x0f\xae\xe8", 3);
		else if (!memcmp(gate + i, "\x0f\x01\xee", 3))
			memcpy(gate + i, "\x31\xc0\x90", 3);
	}
}

static void place_gate(const struct launch *l, const struct image *im)
{
	uint8_t *g;

	if (mmap((void *)GATE_GUARD, PAGE_SIZE, PROT_NONE, ARENA_FLAGS | MAP_FIXED_NOREPLACE, -1,
		 0) != (void *)GATE_GUARD)
		report_fail(EXIT_ENDORUN, "gate: the page %#lx is taken: %s; start again",
			    (unsigned long)GATE_GUARD, strerror(errno));
	g = mmap((void *)GATE_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE,
		 ARENA_FLAGS | MAP_FIXED_NOREPLACE, -1, 0);
	if (g != (void *)GATE_PAGE || im->gate->p_filesz > PAGE_SIZE)
		report_fail(EXIT_ENDORUN, "gate: the page %#lx is taken: %s; start again",
			    (unsigned long)GATE_PAGE, strerror(errno));
	memset(g, 0xcc, PAGE_SIZE);
	memcpy(g, monitor_image + im->gate->p_offset, im->gate->p_filesz);
	if (l->cli.isolation == CLI_ISOLATION_NONE)
		without_keys(g, PAGE_SIZE);
	if (mprotect(g, PAGE_SIZE, PROT_READ | PROT_EXEC))
		report_fail(EXIT_ENDORUN, "gate: cannot be made executable: %s", strerror(errno));
}

static void protect(uint64_t lo, uint64_t hi, int prot, int key)
{
	long ret = key ? syscall(SYS_pkey_mprotect, lo, hi - lo, prot, key)
		       : mprotect((void *)lo, hi - lo, prot);

	if (ret)
		report_fail(EXIT_ENDORUN, "arena: protection: %s", strerror(errno));
}

static void take_keys(struct boot *b)
{
	long m = syscall(SYS_pkey_alloc, 0UL, 0UL), r = syscall(SYS_pkey_alloc, 0UL, 0UL);

	if (m <= 0 || r <= 0)
		report_fail(EXIT_ENDORUN, "keys: the kernel has no free protection keys: %s",
			    strerror(errno));
	b->key_m = (uint32_t)m;
	b->key_r = (uint32_t)r;
	/* Every key but 0 denied; R may be read. */
	b->app_pkru = 0x55555554u;
	b->app_pkru &= ~(3u << 2 * b->key_r);
	b->app_pkru |= 2u << 2 * b->key_r | 3u << 2 * b->key_m;
	b->flags |= BOOT_KEYS;
}

/*
 * Page 0 needs CAP_SYS_RAWIO where vm.mmap_min_addr is not 0. Whoever may raise
 * it later must not find the page free: so it is raised here (f17).
 */
static void use_rawio(bool on, struct __user_cap_data_struct before[2])
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];

	if (on && syscall(SYS_capget, &h, before))
		memset(before, 0, 2 * sizeof(*before));
	memcpy(d, before, sizeof(d));
	if (!(d[0].permitted & (1u << CAP_SYS_RAWIO)))
		return;
	if (on)
		d[0].effective |= 1u << CAP_SYS_RAWIO;
	(void)syscall(SYS_capset, &h, d);
}

static void reserve_low(void)
{
	struct __user_cap_data_struct caps[2];
	uint64_t from[] = {0, 0x1000, 0x10000};

	/* MMAP_PAGE_ZERO, inherited, has put something there. */
	(void)munmap(NULL, LOW_END);
	use_rawio(true, caps);
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		void *p = (void *)from[i];

		if (mmap(p, LOW_END - from[i], PROT_NONE, ARENA_FLAGS | MAP_FIXED_NOREPLACE, -1,
			 0) != p)
			continue;
		(void)syscall(NR_MSEAL, p, LOW_END - from[i], 0UL);
		break;
	}
	use_rawio(false, caps);
}

static void lay_out(struct boot *b, const struct image *im, uint64_t base)
{
	/* A page without access before the text: nothing can join with it. */
	b->image_lo = base + PAGE_SIZE;
	b->image_hi = b->image_lo + im->size;
	b->priv = b->image_hi;
	b->window = b->priv + b->nslots * PRIV_SIZE;
	b->window_size = WINDOW_SIZE;
	b->control = b->window + WINDOW_SIZE;
	b->copy = PAGE_UP(b->control + b->nslots * CONTROL_SIZE);
	b->arena_lo = base;
	b->arena_hi = b->copy + b->nslots * COPY_SIZE;
}

void arena_build(struct launch *l)
{
	struct image im = image_read();
	struct boot *b = &l->boot;
	uint64_t size;
	void *base;

	b->magic = BOOT_MAGIC;
	b->nslots = l->cli.threads;
	machine_measure_frame(b);
	if (b->frame_size > PRIV_FRAME_SIZE - 64 || b->frame_size + 2048 > PRIV_SIGSTACK_SIZE)
		report_fail(EXIT_ENDORUN,
			    "machine: signal frames of %u bytes are too large for "
			    "endorun",
			    b->frame_size);
	if (l->cli.isolation == CLI_ISOLATION_KEYS)
		take_keys(b);
	lay_out(b, &im, 0);
	size = b->arena_hi;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, ARENA_FLAGS, -1, 0);
	if (base == MAP_FAILED)
		report_fail(EXIT_ENDORUN,
			    "arena: no room for %llu MiB of address space: %s; lower --threads or "
			    "raise RLIMIT_AS",
			    (unsigned long long)(size >> 20), strerror(errno));
	lay_out(b, &im, (uint64_t)(uintptr_t)base);
	/* One call instead of a fault for each page; if it fails, faults will do. */
	(void)madvise((void *)b->image_lo, PAGE_UP(im.data->p_vaddr + im.data->p_filesz),
		      MADV_POPULATE_WRITE);
	copy_segment(b->image_lo, im.text);
	copy_segment(b->image_lo, im.rodata);
	copy_segment(b->image_lo, im.data);
	relocate(b->image_lo, &im);
	place_gate(l, &im);
	reserve_low();
	protect(b->arena_lo, b->image_lo, PROT_NONE, (int)b->key_m);
	protect(b->image_lo, b->image_lo + im.rodata->p_vaddr, PROT_READ | PROT_EXEC,
		(int)b->key_m);
	protect(b->image_lo + im.rodata->p_vaddr, b->image_lo + im.data->p_vaddr, PROT_READ,
		(int)b->key_m);
	protect(b->image_lo + im.data->p_vaddr, b->control, PROT_READ | PROT_WRITE, (int)b->key_m);
	protect(b->control, b->arena_hi, PROT_READ | PROT_WRITE, (int)b->key_r);
	(void)madvise(base, size, MADV_DONTDUMP);
	l->monitor = (long (*)(const struct boot *, int, void *))(b->image_lo + im.eh->e_entry);
}

void arena_seal(const struct launch *l)
{
	const struct boot *b = &l->boot;

	if (syscall(NR_MSEAL, b->arena_lo, b->arena_hi - b->arena_lo, 0UL) ||
	    syscall(NR_MSEAL, GATE_GUARD, 2UL * PAGE_SIZE, 0UL))
		report_fail(EXIT_ENDORUN, "arena: cannot be sealed: %s", strerror(errno));
	if (munmap((void *)b->arena_lo, PAGE_SIZE) == 0)
		report_fail(EXIT_ENDORUN, "arena: the seal does not hold; something in the way of "
					  "endorun answers for the kernel");
}
