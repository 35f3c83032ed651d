// SPDX-License-Identifier: GPL-2.0
/*
 * Memory types: how the processors see memory that is mapped to user space, read from the page
 * tables. Memory of the provider "coherent" must not be cached if the device does not see the
 * caches, in each mapping; memory that is synchronised must be. On arm64 only.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/elf.h>

#include "ndshm_edu.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define TRACING		"/sys/kernel/tracing/"
#define INSTANCE	TRACING "instances/ndshm_page_attributes/"
#define GROUP		"ndshm_page_attributes"
#define PROBE		"r100:" GROUP "/table pgd_alloc at=$retval:x64\n"

/* Bits of an entry of a page table. */
#define VALID		1ULL
#define TABLE		2ULL		/* a page on the last level */
#define TYPE(entry)	((entry) >> 2 & 7)
#define ADDRESS		0xfffffffff000ULL

#define MOST_LEVELS	5

/* Linux's indices of the memory types, MT_ in asm/memory.h. */
enum type {
	CACHED = 0,
	UNCACHED = 2,
	REGISTERS = 3,
	UNKNOWN = 100,		/* not found in the page table */
	MIXED,			/* different types in one mapping */
	UNMAPPED,		/* mmap() failed */
};

static void probe_remove(void)
{
	ndshm_write_file(INSTANCE "events/" GROUP "/enable", "0");
	rmdir(INSTANCE);
	ndshm_write_file(TRACING "kprobe_events", "-:" GROUP "/table\n");
}

/* Record the page table of each process that this one starts. Return: 0 or -errno. */
static int probe_make(void)
{
	char filter[64];
	int error;

	probe_remove();
	error = ndshm_write_file(TRACING "kprobe_events", PROBE);
	if (!error && mkdir(INSTANCE, 0700))
		error = -errno;
	snprintf(filter, sizeof(filter), "common_pid == %d", getpid());
	if (!error)
		error = ndshm_write_file(INSTANCE "events/" GROUP "/filter", filter);
	if (!error)
		error = ndshm_write_file(INSTANCE "events/" GROUP "/enable", "1");
	return error;
}

/* Return: the address of the page table that was recorded last, or 0. */
static __u64 probe_last(void)
{
	FILE *trace = fopen(INSTANCE "trace", "re");
	__u64 last = 0;
	char line[512];
	const char *at;

	while (trace && fgets(line, sizeof(line), trace)) {
		at = line[0] == '#' ? NULL : strstr(line, "at=");
		if (at)
			last = strtoull(at + 3, NULL, 0);
	}
	if (trace)
		fclose(trace);
	return last;
}

/* A process's page table, and the kernel's memory, in which it is. */
struct table {
	int kcore;
	unsigned int parts;
	struct elf64_phdr part[64];
	__u64 top;
	unsigned int levels;
};

static bool kcore_open(struct table *table)
{
	struct elf64_hdr header;
	ssize_t size;

	table->kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (table->kcore < 0 ||
	    pread(table->kcore, &header, sizeof(header), 0) != sizeof(header) ||
	    header.e_phnum > ARRAY_SIZE(table->part))
		return false;
	table->parts = header.e_phnum;
	size = table->parts * sizeof(*table->part);
	return pread(table->kcore, table->part, size, header.e_phoff) == size;
}

/*
 * Read a word of memory by its kernel address or, if @physical, by its physical one. Return: false
 * if the kernel's memory does not have it.
 */
static bool kcore_read(const struct table *table, bool physical, __u64 address, __u64 *word)
{
	const struct elf64_phdr *part;
	__u64 start;

	for (part = table->part; part < table->part + table->parts; part++) {
		start = physical ? part->p_paddr : part->p_vaddr;
		/* Memory without a physical address has -1. */
		if (part->p_type == PT_LOAD && ~part->p_paddr && address >= start &&
		    address - start < part->p_memsz)
			return pread(table->kcore, word, sizeof(*word),
				     part->p_offset + (address - start)) == sizeof(*word);
	}
	return false;
}

/*
 * Look @memory up. Return: its type, or UNKNOWN if it is not mapped. @frame: set to its physical
 * address.
 */
static enum type table_walk(const struct table *table, const void *memory, __u64 *frame)
{
	const unsigned int page = __builtin_ctzl(page_size()), bits = page - 3;
	unsigned int shift = page + (table->levels - 1) * bits;
	const __u64 address = (uintptr_t)memory;
	__u64 next = table->top, entry;
	bool physical = false;

	for (;; shift -= bits) {
		next += (address >> shift & ((1ULL << bits) - 1)) * sizeof(entry);
		if (!kcore_read(table, physical, next, &entry) || !(entry & VALID))
			return UNKNOWN;
		next = entry & ADDRESS & ~(page_size() - 1);
		physical = true;
		if (shift == page || !(entry & TABLE))
			break;
	}
	if (shift == page && !(entry & TABLE))
		return UNKNOWN;
	*frame = (next & ~((1ULL << shift) - 1)) + (address & ((1ULL << shift) - 1));
	return TYPE(entry);
}

/*
 * Find the page table of this process. The number of levels depends on the CPU, and the kernel does
 * not report it: it is that with which memory is found whose frame is known.
 */
static bool table_find(struct table *table)
{
	static unsigned char known = 1;
	__u64 frame;

	__atomic_store_n(&known, 2, __ATOMIC_RELAXED);
	table->top = probe_last();
	if (!kcore_open(table) || !table->top)
		return false;
	for (table->levels = 2; table->levels <= MOST_LEVELS; table->levels++)
		if (table_walk(table, &known, &frame) == CACHED &&
		    frame == ndshm_physical(&known))
			return true;
	printf("# no page table at %#llx with this process's memory\n",
	       (unsigned long long)table->top);
	fflush(stdout);
	return false;
}

/* In a new process: map @length bytes at @offset of @fd, access each page, look all of them up. */
static enum type child_type(int fd, size_t length, off_t offset)
{
	const unsigned char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					offset);
	enum type type, first = UNKNOWN;
	struct table table;
	__u64 frame;
	size_t at;

	if (map == MAP_FAILED)
		return UNMAPPED;
	if (!table_find(&table))
		return UNKNOWN;
	for (at = 0; at < length; at += page_size()) {
		__atomic_load_n((const uint32_t *)(map + at), __ATOMIC_RELAXED);
		type = table_walk(&table, map + at, &frame);
		if (!at)
			first = type;
		if (type != first) {
			printf("# byte %zu: type %d, not %d\n", at, type, first);
			fflush(stdout);
			return MIXED;
		}
	}
	return first;
}

static enum type new_child_type(int fd, size_t length, off_t offset)
{
	const pid_t pid = fork();
	int status;

	if (!pid)
		_exit(child_type(fd, length, offset));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return UNKNOWN;
	return WEXITSTATUS(status);
}

/*
 * Return: the type of a mapping, which a new process makes, because its page table is known. A
 * probe may miss a call, and the page by which the table is found may move: then another does.
 */
static enum type mapping_type(int fd, size_t length, off_t offset)
{
	enum type type = UNKNOWN;
	unsigned int i;

	for (i = 0; i < 5 && type == UNKNOWN; i++)
		type = new_child_type(fd, length, offset);
	return type;
}

#define test_type(type, fd, length, offset) do { \
	EXPECT_EQ(type, mapping_type(fd, length, offset)); \
	ndshm_case(true); \
} while (0)

FIXTURE(attributes) {
	bool made;
	int fd;
	struct ndshm_edu edu;
	__u32 adapter;
	__u32 pages;
	__u32 coherent;
	bool needs_sync;
};

FIXTURE_VARIANT(attributes) {
	bool card;		/* else the adapter of the node */
};

FIXTURE_VARIANT_ADD(attributes, card) {
	.card = true,
};

FIXTURE_VARIANT_ADD(attributes, node) {
	.card = false,
};

static struct ndshm_block_info new_block(struct __test_metadata *_metadata,
					 struct _test_data_attributes *self, __u32 provider,
					 size_t length)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, length, &block);

	alloc.provider = provider;
	test_block_alloc(self->fd, &alloc);
	return block;
}

FIXTURE_SETUP(attributes)
{
	struct ndshm_get_info_args info = get_info_request();

#ifndef __aarch64__
	SKIP(return, "page tables are read on arm64 only");
#endif
	if (geteuid())
		SKIP(return, "only root can trace");
	if (access(TRACING "kprobe_events", F_OK))
		SKIP(return, "this kernel has no probes");
	ASSERT_EQ(0, probe_make());
	if (variant->card) {
		if (ndshm_edu_find(&self->edu))
			SKIP(return, "no edu device");
		ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
		self->made = true;
		self->fd = test_open_claimed(&self->edu);
		self->adapter = self->edu.adapter.id;
	} else {
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
		test_get_info(self->fd, &info);
		self->adapter = info.out_default_adapter;
	}
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &self->pages));
	ASSERT_EQ(0, ndshm_nl_provider_id("coherent", &self->coherent));
	self->needs_sync = !test_sees_caches(self->fd, self->adapter);
}

FIXTURE_TEARDOWN(attributes)
{
	if (self->fd)
		close(self->fd);
	if (self->made)
		EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	probe_remove();
}

/* Small, and longer than what is always one allocation. */
static const size_t lengths[] = { 1, 5 << 14, 1 << 20 };

static void test_blocks(struct __test_metadata *_metadata, struct _test_data_attributes *self,
			__u32 provider, bool needs_sync, enum type type)
{
	struct ndshm_block_export_args export;
	struct ndshm_block_info block;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		block = new_block(_metadata, self, provider, lengths[i]);
		EXPECT_EQ(needs_sync, !!(block.flags & NDSHM_BLOCK_NEEDS_SYNC));
		test_type(type, self->fd, block.length, block.mmap_offset);
		export = block_export_request(block.handle, O_RDWR | O_CLOEXEC);
		test_block_export(self->fd, &export);
		test_type(type, export.out_dmabuf, block.length, 0);
		close(export.out_dmabuf);
		test_free_handle(self->fd, block.handle);
	}
}

/* What needs no sync is seen by both sides at once: with the caches, or without them. */
TEST_F(attributes, coherent)
{
	test_blocks(_metadata, self, self->coherent, false, self->needs_sync ? UNCACHED : CACHED);
}

TEST_F(attributes, pages)
{
	test_blocks(_metadata, self, self->pages, self->needs_sync, CACHED);
}

TEST_F(attributes, section)
{
	const int section = test_new_section(self->fd, self->adapter, 1 << 20, 1 << 20);

	test_type(CACHED, section, 1 << 20, 0);
	close(section);
}

/* Accesses must reach the device in their order. */
TEST_F(attributes, registers)
{
	struct ndshm_adapter_map_bar_args map = adapter_map_bar_request(self->adapter, 0);

	if (!variant->card) {
		test_err_adapter_map_bar(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED, self->fd,
					 &map);
		return;
	}
	test_adapter_map_bar(self->fd, &map);
	test_type(REGISTERS, self->fd, page_size(), map.out_mmap_offset);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
