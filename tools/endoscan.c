/* SPDX-License-Identifier: MIT */
/*
 * Zone A (hosted tool): what the vetting of endorun finds in ELF files.
 *
 * Runs the monitor's own scanner and rewriter over a copy of each executable
 * segment and says what became of every unsafe encoding. Changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <getopt.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../monitor/rewrite_internal.h"
#include "../monitor/syscall_table.h"

enum {
	EXIT_CLEAN,
	EXIT_UNFIXABLE,
	EXIT_TROUBLE,
};

enum verdict {
	VERDICT_REWRITTEN,
	VERDICT_DATA, /* in no executable section: its page loses PROT_EXEC */
	VERDICT_PAGE, /* in one, and nothing fits: the same, but code may die there */
};

static const char *const verdict_names[] = {"rewritten", "data", "unfixable"};

#define SYS(nr, name, class, when, what, args, note) BIT_##class(nr)
#define BIT_NATIVE(nr)
#define BIT_MEDIATED(nr) [nr] = true,
#define BIT_COND(nr)
#define BIT_DENY(nr)
#define BIT_DENYIF(nr)
static const bool mediated[SYSCALL_END] = {
#include "../monitor/syscalls.def"
};

struct options {
	bool json, sites;
	bool has_printed; /* a JSON object, so the next needs a comma */
};

struct file {
	const char *path;
	int fd;
	Elf *elf;
	struct options *options;
	uint64_t end; /* behind the last segment */
	size_t hits, unfixable;
	struct rewrite_stats stats;
	bool printed;
};

static uint8_t bind_bitmap[(SYSCALL_END + 7) / 8];
static const struct rewrite_gates gates = {
	.call = 0x7fffffffe040,
	.xrstor = 0x7fffffffe400,
};

static void fail(const struct file *file, const char *why)
{
	fprintf(stderr, "endoscan: %s: %s\n", file->path, why);
}

static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* File names and symbols may hold anything: no control character gets out. */
static void print_plain(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

/* Is vaddr in a section of instructions? Without sections everything is. */
static bool in_code_section(const struct file *file, uint64_t vaddr)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	bool any = false;

	while ((scn = elf_nextscn(file->elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || !(shdr.sh_flags & SHF_ALLOC) ||
		    shdr.sh_type == SHT_NOBITS)
			continue;
		any = true;
		if (vaddr >= shdr.sh_addr && vaddr - shdr.sh_addr < shdr.sh_size)
			return shdr.sh_flags & SHF_EXECINSTR;
	}
	return !any;
}

static const char *symbol_in(const struct file *file, Elf_Scn *scn, const GElf_Shdr *shdr,
			     uint64_t vaddr, uint64_t *offset)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	const char *best = NULL;
	GElf_Sym sym;

	if (!data || !shdr->sh_entsize)
		return NULL;
	for (size_t i = 0; i < shdr->sh_size / shdr->sh_entsize; i++) {
		if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF)
			continue;
		if (GELF_ST_TYPE(sym.st_info) != STT_FUNC &&
		    GELF_ST_TYPE(sym.st_info) != STT_OBJECT)
			continue;
		if (vaddr < sym.st_value || vaddr - sym.st_value >= sym.st_size)
			continue;
		*offset = vaddr - sym.st_value;
		best = elf_strptr(file->elf, shdr->sh_link, sym.st_name);
	}
	return best;
}

/* The symbol that covers vaddr, from .symtab or .dynsym; NULL if none does. */
static const char *find_symbol(const struct file *file, uint64_t vaddr, uint64_t *offset)
{
	static const GElf_Word types[] = {SHT_SYMTAB, SHT_DYNSYM};

	for (size_t i = 0; i < 2; i++) {
		Elf_Scn *scn = NULL;
		GElf_Shdr shdr;

		while ((scn = elf_nextscn(file->elf, scn))) {
			const char *name;

			if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != types[i])
				continue;
			name = symbol_in(file, scn, &shdr, vaddr, offset);
			if (name)
				return name;
		}
	}
	return NULL;
}

struct finding {
	struct scan_hit hit;
	enum verdict verdict;
	const char *why;
	uint64_t vaddr, file_off;
	uint8_t before[4], bytes[12]; /* as they were in the file */
	uint8_t nbefore, nbytes;
};

static void print_hex(const uint8_t *bytes, size_t n, const char *separator)
{
	for (size_t i = 0; i < n; i++)
		printf("%s%02x", i ? separator : "", bytes[i]);
}

static void print_text(const struct file *file, const struct finding *f)
{
	uint64_t offset = 0;
	const char *symbol = find_symbol(file, f->vaddr, &offset);

	print_plain(file->path);
	printf(": 0x%" PRIx64 " (offset 0x%" PRIx64 ") %s ", f->vaddr, f->file_off,
	       scan_kind_name(f->hit.kind));
	print_hex(f->before, f->nbefore, " ");
	printf("[");
	print_hex(f->bytes, 3, " ");
	printf("]");
	if (f->nbytes > 3)
		print_hex(f->bytes + 3, f->nbytes - 3u, " ");
	if (symbol) {
		printf(" in ");
		print_plain(symbol);
		printf("+0x%" PRIx64, offset);
	}
	printf(": %s%s%s\n", verdict_names[f->verdict], f->why ? ": " : "", f->why ? f->why : "");
}

static void print_json(struct file *file, const struct finding *f)
{
	uint64_t offset = 0;
	const char *symbol = find_symbol(file, f->vaddr, &offset);

	printf("%s\n    {\"vaddr\": %" PRIu64 ", \"offset\": %" PRIu64 ", \"kind\": \"%s\", ",
	       file->printed ? "," : "", f->vaddr, f->file_off, scan_kind_name(f->hit.kind));
	printf("\"bytes\": \"");
	print_hex(f->bytes, f->nbytes, "");
	printf("\", \"symbol\": ");
	if (symbol)
		print_json_string(symbol);
	else
		printf("null");
	printf(", \"verdict\": \"%s\", \"why\": ", verdict_names[f->verdict]);
	if (f->why)
		print_json_string(f->why);
	else
		printf("null");
	printf("}");
	file->printed = true;
}

static void remember_bytes(struct finding *f, const struct rewrite *rw)
{
	size_t off = f->hit.off;

	f->nbefore = (uint8_t)(off < sizeof(f->before) ? off : sizeof(f->before));
	memcpy(f->before, rw->text + off - f->nbefore, f->nbefore);
	f->nbytes = (uint8_t)(rw->len - off < sizeof(f->bytes) ? rw->len - off : sizeof(f->bytes));
	memcpy(f->bytes, rw->text + off, f->nbytes);
}

/*
 * One hit after the other through the rewriter's own function, so that each
 * gets its verdict; what is not mended stays in the copy.
 */
static void judge_segment(struct file *file, struct rewrite *rw, uint64_t file_off)
{
	struct finding f = {0};

	rw_tramp_begin(rw);
	for (size_t from = 0; scan_next(rw->text, rw->len, from, &f.hit); from = f.hit.off + 1) {
		f.vaddr = rw->text_addr + f.hit.off;
		f.file_off = file_off + f.hit.off;
		remember_bytes(&f, rw);
		if (!in_code_section(file, f.vaddr)) {
			f.verdict = VERDICT_DATA;
			f.why = "its page will not be executable";
		} else {
			f.why = rw_fix(rw, &f.hit);
			f.verdict = f.why ? VERDICT_PAGE : VERDICT_REWRITTEN;
		}
		file->hits++;
		file->unfixable += f.verdict == VERDICT_PAGE;
		if (file->options->json)
			print_json(file, &f);
		else
			print_text(file, &f);
	}
}

/* The whole rewriting, for the counts of system-call sites. */
static void count_sites(struct file *file, struct rewrite *rw)
{
	size_t pages = rw->len / 4096 + 2;

	rw->noexec = calloc(1, pages / 8 + 1);
	if (!rw->noexec) {
		fail(file, "out of memory");
		return;
	}
	if (rewrite_text(rw) == 0) {
		file->stats.sites_bound += rw->stats.sites_bound;
		file->stats.sites_left += rw->stats.sites_left;
	}
	free(rw->noexec);
	rw->noexec = NULL;
}

static uint8_t *read_segment(const struct file *file, const GElf_Phdr *phdr)
{
	uint8_t *copy = malloc(phdr->p_filesz ? phdr->p_filesz : 1);
	size_t done = 0;

	while (copy && done < phdr->p_filesz) {
		ssize_t n = pread(file->fd, copy + done, phdr->p_filesz - done,
				  (off_t)(phdr->p_offset + done));

		if (n <= 0) {
			free(copy);
			return NULL;
		}
		done += (size_t)n;
	}
	return copy;
}

static int scan_segment(struct file *file, const GElf_Phdr *phdr)
{
	uint8_t *text = read_segment(file, phdr), *again = NULL;
	struct rewrite rw = {
		.text = text,
		.len = phdr->p_filesz,
		.text_addr = phdr->p_vaddr,
		.tramp_addr = (file->end + 0xfff) & ~(uint64_t)0xfff,
		.gates = &gates,
		.bind_bitmap = bind_bitmap,
		.bind_count = SYSCALL_END,
	};
	int err = -1;

	if (!text) {
		fail(file, "cannot read a segment");
		goto out;
	}
	rw.tramp_cap = rewrite_need(&rw) + TRAMP_CODE + TRAMP_EDGE;
	rw.tramp = malloc(rw.tramp_cap);
	if (!rw.tramp) {
		fail(file, "out of memory");
		goto out;
	}
	judge_segment(file, &rw, phdr->p_offset);
	err = 0;
	if (!file->options->sites)
		goto out;
	again = read_segment(file, phdr);
	if (!again) {
		fail(file, "cannot read a segment");
		err = -1;
		goto out;
	}
	rw.text = again;
	count_sites(file, &rw);
out:
	free(again);
	free(rw.tramp);
	free(text);
	return err;
}

static int scan_segments(struct file *file, size_t size)
{
	GElf_Phdr phdr;
	size_t n;

	if (elf_getphdrnum(file->elf, &n)) {
		fail(file, elf_errmsg(-1));
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(file->elf, (int)i, &phdr) && phdr.p_type == PT_LOAD &&
		    phdr.p_vaddr + phdr.p_memsz > file->end)
			file->end = phdr.p_vaddr + phdr.p_memsz;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &phdr) || phdr.p_type != PT_LOAD ||
		    !(phdr.p_flags & PF_X))
			continue;
		if (phdr.p_offset > size || phdr.p_filesz > size - phdr.p_offset) {
			fail(file, "a segment lies beyond the end of the file");
			return -1;
		}
		if (scan_segment(file, &phdr))
			return -1;
	}
	return 0;
}

static int scan_elf(struct file *file, size_t size)
{
	GElf_Ehdr ehdr;
	int err;

	file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &ehdr) ||
	    ehdr.e_machine != EM_X86_64 || ehdr.e_ident[EI_CLASS] != ELFCLASS64) {
		fail(file, "not an x86-64 ELF file");
		elf_end(file->elf);
		return -1;
	}
	if (file->options->json) {
		printf("%s  {\"file\": ", file->options->has_printed ? ",\n" : "");
		file->options->has_printed = true;
		print_json_string(file->path);
		printf(", \"hits\": [");
	}
	err = scan_segments(file, size);
	if (file->options->json) {
		printf("%s]", file->printed ? "\n  " : "");
		if (file->options->sites)
			printf(", \"sites_bound\": %" PRIu64 ", \"sites_left\": %" PRIu64,
			       file->stats.sites_bound, file->stats.sites_left);
		printf("}");
	} else if (file->options->sites) {
		print_plain(file->path);
		printf(": %" PRIu64 " sites bound to the gate, %" PRIu64
		       " left that trap when mediated\n",
		       file->stats.sites_bound, file->stats.sites_left);
	}
	elf_end(file->elf);
	return err;
}

static int scan_file(const char *path, struct options *options)
{
	struct file file = {.path = path, .options = options};
	struct stat st;
	int err;

	file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file.fd < 0 || fstat(file.fd, &st)) {
		fail(&file, strerror(errno));
		err = -1;
	} else if (!S_ISREG(st.st_mode)) {
		fail(&file, "not a regular file");
		err = -1;
	} else {
		err = scan_elf(&file, (size_t)st.st_size);
	}
	if (file.fd >= 0)
		close(file.fd);
	if (err)
		return EXIT_TROUBLE;
	return file.unfixable ? EXIT_UNFIXABLE : EXIT_CLEAN;
}

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: endoscan [--json] [--sites] FILE...\n");
	return status;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{"json", no_argument, NULL, 'j'},
		{"sites", no_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct options options = {0};
	int c, status = EXIT_CLEAN;

	while ((c = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, EXIT_CLEAN);
		if (c != 'j' && c != 's')
			return usage(stderr, EXIT_TROUBLE);
		options.json |= c == 'j';
		options.sites |= c == 's';
	}
	if (optind == argc)
		return usage(stderr, EXIT_TROUBLE);
	for (unsigned int nr = 0; nr < SYSCALL_END; nr++)
		if (mediated[nr])
			bind_bitmap[nr / 8] = (uint8_t)(bind_bitmap[nr / 8] | 1u << (nr % 8));
	elf_version(EV_CURRENT);

	if (options.json)
		printf("[\n");
	for (; optind < argc; optind++) {
		int one = scan_file(argv[optind], &options);

		status = one > status ? one : status;
	}
	if (options.json)
		printf("\n]\n");
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "endoscan: cannot write the output: %s\n", strerror(errno));
		return EXIT_TROUBLE;
	}
	return status;
}
