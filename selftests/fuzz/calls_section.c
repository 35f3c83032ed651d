// SPDX-License-Identifier: GPL-2.0
/*
 * Sections, holders and extents, except mmap().
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#define SECTION		FUZZ_FROM("section", 's')
#define HOLDER		FUZZ_FROM("holder", 'o')

#define NODE		FUZZ_ANY("node", (__u32)NDSHM_NODE_ANY, 0, 1, 2, 63, \
				 1024, 0x7fffffff, 0x80000000, 0xfffffffe)

/* Around pages, chunks of 2 MiB and the end of the usual section. */
#define EXTENT_LENGTH	FUZZ_ANY("length", 0x1000, 0, 1, 0x1001, 0x2000, \
				 0x10000, 0x1ff000, 0x200000, 0x201000, \
				 0x300000, 0x3ff000, 0x400000, 0x401000, \
				 0x600000, 0x7fffffffffffffff, \
				 0xfffffffffffff001, 0xffffffffffffffff)

/* Names, by their number; a section without one has the first. The last is not valid. */
static const char *const name_words[] = { "none", "a", "b", "long", "bad", NULL };
enum { NAME_LONG = 3, NAME_BAD };

#define NAME_ADDRESS(number)	((unsigned long)fuzz_names[number])
#define NAME_LENGTH(number)	((__u32)strlen(fuzz_names[number]))

static const char *const fuzz_names[] = {
	"", "a", "b",
	[NAME_LONG] = "0123456789012345678901234567890123456789012345678901234567890123",
	[NAME_BAD] = "\xed\xa0\x80",
};

#define MODE		FUZZ_ANY("mode", 0600, 0, 0400, 0440, 0200, 0666, 0777, \
				 01000, 0xffffffff)
#define OWNER(name_)	FUZZ_ANY(name_, NDSHM_OWNER_SELF, 0, 1000, 54321, \
				 0xfffffffe)

static long on_section(struct fuzz_thread *thread, unsigned long number,
		       const struct fuzz_value *a, struct ndshm_header *header,
		       size_t known, bool *reported)
{
	return fuzz_command(thread, fuzz_section(&a[COMMAND_OF]), number, a,
			    header, known, reported);
}

static long on_holder(struct fuzz_thread *thread, unsigned long number,
		      const struct fuzz_value *a, struct ndshm_header *header,
		      size_t known, bool *reported)
{
	return fuzz_command(thread, fuzz_holder(&a[COMMAND_OF]), number, a,
			    header, known, reported);
}

/* Store a new descriptor in the register, or note that its number is unknown. */
static void keep(int *slot, int fd, bool reported)
{
	if (reported)
		fuzz_set_fd(slot, fd);
	else
		fuzz_registers_now.strays = true;
}

enum { CREATE_SECTION = COMMAND_OWN, CREATE_ADAPTER, CREATE_PROVIDER, CREATE_MAX,
	CREATE_INITIAL, CREATE_NODE, CREATE_RESERVED, CREATE_NAME, CREATE_MODE,
	CREATE_GROUP };
static const struct fuzz_argument create_arguments[] = {
	FUZZ_COMMAND(FUZZ_FROM("client", 'c'), struct ndshm_section_create_args),
	[CREATE_SECTION] = SECTION,
	[CREATE_ADAPTER] = FUZZ_ADAPTER(MACHINE_NODE0),
	[CREATE_PROVIDER] = FUZZ_PROVIDER,
	[CREATE_MAX] = FUZZ_ANY("max", 0x400000, 0, 1, 0x1000, 0x10000,
				0x200000, 0x3ff000, 0x401000, 0x600000,
				0x1000000, 0x1000000000, 0x1000000001,
				0xfffffffffff, 0xffffffffffffefff,
				0xfffffffffffff001, 0xffffffffffffffff),
	[CREATE_INITIAL] = FUZZ_ANY("initial", 0x1000, 0, 1, 0x1001, 0x10000,
				    0x200000, 0x201000, 0x400000, 0x400001,
				    0xffffffffffffffff),
	[CREATE_NODE] = NODE,
	[CREATE_RESERVED] = RESERVED,
	[CREATE_NAME] = FUZZ_WORDS("name", name_words, 0),
	[CREATE_MODE] = MODE,
	[CREATE_GROUP] = OWNER("group"),
	{}
};

static long run_create(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_section_create_args create = {
		.adapter = fuzz_adapter(&a[CREATE_ADAPTER]),
		.provider = fuzz_provider(&a[CREATE_PROVIDER]),
		.max_size = a[CREATE_MAX].number,
		.initial_size = a[CREATE_INITIAL].number,
		.preferred_node = a[CREATE_NODE].number,
		.__reserved = a[CREATE_RESERVED].number,
	};
	const __u64 name = a[CREATE_NAME].number;
	bool reported;
	long ret;

	if (name) {
		create.name = NAME_ADDRESS(name);
		create.name_length = NAME_LENGTH(name);
		create.mode = a[CREATE_MODE].number;
		create.group = a[CREATE_GROUP].number;
	}

	if (fuzz_takes_all(create.initial_size, 1))
		return -EFBIG;
	ret = fuzz_command(thread, fuzz_client(&a[COMMAND_OF]),
			   NDSHM_SECTION_CREATE, a, (void *)&create,
			   sizeof(create), &reported);
	if (!ret)
		keep(&fuzz_registers_now.sections[a[CREATE_SECTION].number],
		     create.out_section, reported);
	return ret;
}

enum { OPEN_SECTION = COMMAND_OWN, OPEN_NAME, OPEN_OWNER };
static const struct fuzz_argument open_arguments[] = {
	FUZZ_COMMAND(FUZZ_FROM("client", 'c'), struct ndshm_section_open_args),
	[OPEN_SECTION] = SECTION,
	[OPEN_NAME] = FUZZ_WORDS("name", name_words, 1),
	[OPEN_OWNER] = OWNER("owner"),
	{}
};

static long run_open(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const __u64 name = a[OPEN_NAME].number;
	struct ndshm_section_open_args open = {
		.name = NAME_ADDRESS(name),
		.name_length = NAME_LENGTH(name),
		.owner = a[OPEN_OWNER].number,
	};
	bool reported;
	long ret = fuzz_command(thread, fuzz_client(&a[COMMAND_OF]),
				NDSHM_SECTION_OPEN, a, (void *)&open,
				sizeof(open), &reported);

	if (!ret)
		keep(&fuzz_registers_now.sections[a[OPEN_SECTION].number],
		     open.out_section, reported);
	return ret;
}

enum { ATTACH_HOLDER = COMMAND_OWN, ATTACH_RESERVED };
static const struct fuzz_argument attach_arguments[] = {
	FUZZ_COMMAND(SECTION, struct ndshm_section_attach_args),
	[ATTACH_HOLDER] = HOLDER,
	[ATTACH_RESERVED] = RESERVED,
	{}
};

static long run_attach(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_section_attach_args attach = {
		.__reserved = a[ATTACH_RESERVED].number,
	};
	bool reported;
	long ret = on_section(thread, NDSHM_SECTION_ATTACH, a, (void *)&attach,
			      sizeof(attach), &reported);

	if (!ret)
		keep(&fuzz_registers_now.holders[a[ATTACH_HOLDER].number],
		     attach.out_holder, reported);
	return ret;
}

enum { SHARE_TO = COMMAND_OWN, SHARE_RESERVED };
static const struct fuzz_argument share_arguments[] = {
	FUZZ_COMMAND(SECTION, struct ndshm_section_share_args),
	[SHARE_TO] = FUZZ_FROM("to", 's'),
	[SHARE_RESERVED] = RESERVED,
	{}
};

static long run_share(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_section_share_args share = {
		.__reserved = a[SHARE_RESERVED].number,
	};
	bool reported;
	long ret = on_section(thread, NDSHM_SECTION_SHARE, a, (void *)&share,
			      sizeof(share), &reported);

	if (!ret)
		keep(&fuzz_registers_now.sections[a[SHARE_TO].number],
		     share.out_section, reported);
	return ret;
}

enum { DELETE_HOLDER = COMMAND_OWN, DELETE_RESERVED };
static const struct fuzz_argument delete_arguments[] = {
	FUZZ_COMMAND(SECTION, struct ndshm_section_delete_args),
	[DELETE_HOLDER] = {
		.name = "holder",
		.registers = 'o',
		FUZZ_NUMBERS(0, 1, 3, 1000, 0x7fffffff, 0xffffffff),
		.usual = { 0xffffffff, FUZZ_NUMBER },
	},
	[DELETE_RESERVED] = RESERVED,
	{}
};

static long run_delete(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct fuzz_value *holder = &a[DELETE_HOLDER];
	struct ndshm_section_delete_args argument = {
		.holder = holder->form == FUZZ_REGISTER ? fuzz_holder(holder) :
							  (int)holder->number,
		.__reserved = a[DELETE_RESERVED].number,
	};

	return on_section(thread, NDSHM_SECTION_DELETE, a, (void *)&argument,
			  sizeof(argument), NULL);
}

static const struct fuzz_argument squery_arguments[] = {
	FUZZ_COMMAND(SECTION, struct ndshm_section_query_args),
	{}
};

static long run_squery(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_section_query_args query = {};

	return on_section(thread, NDSHM_SECTION_QUERY, a, (void *)&query,
			  sizeof(query), NULL);
}

enum { SSYNC_DIRECTION = COMMAND_OWN, SSYNC_OFFSET, SSYNC_LENGTH, SSYNC_RESERVED };
static const struct fuzz_argument ssync_arguments[] = {
	FUZZ_COMMAND(SECTION, struct ndshm_section_sync_args),
	[SSYNC_DIRECTION] = FUZZ_ANY("direction", NDSHM_SYNC_FOR_DEVICE,
				     NDSHM_SYNC_FOR_CPU, 0, 3, 0xffffffff),
	[SSYNC_OFFSET] = FUZZ_ANY("offset", 0, 1, 0xfff, 0x1000, 0x1ff000,
				  0x200000, 0x3fffff, 0x400000,
				  0x7fffffffffffffff, 0xffffffffffffffff),
	[SSYNC_LENGTH] = FUZZ_ANY("length", 1, 0, 0x1000, 0x1001, 0x200000,
				  0x400000, 0x400001, 0x8000000000000001,
				  0xffffffffffffffff),
	[SSYNC_RESERVED] = RESERVED,
	{}
};

static long run_ssync(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_section_sync_args sync = {
		.direction = a[SSYNC_DIRECTION].number,
		.__reserved = a[SSYNC_RESERVED].number,
		.offset = a[SSYNC_OFFSET].number,
		.length = a[SSYNC_LENGTH].number,
	};

	return on_section(thread, NDSHM_SECTION_SYNC, a, (void *)&sync,
			  sizeof(sync), NULL);
}

enum { EXTENT_PLACE = COMMAND_OWN, EXTENT_OF, EXTENT_ALIGNMENT };
static const struct fuzz_argument extent_arguments[] = {
	FUZZ_COMMAND(HOLDER, struct ndshm_extent_alloc_args),
	[EXTENT_PLACE] = FUZZ_FROM("extent", 'x'),
	[EXTENT_OF] = EXTENT_LENGTH,
	[EXTENT_ALIGNMENT] = FUZZ_ANY("alignment", 0, 1, 0x800, 0x1000, 0x1800,
				      0x2000, 0x10000, 0x200000, 0x400000,
				      0x8000000000000000),
	{}
};

static long run_extent(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_extent_alloc_args alloc = {
		.length = a[EXTENT_OF].number,
		.alignment = a[EXTENT_ALIGNMENT].number,
	};
	bool reported;
	long ret;

	if (fuzz_takes_all(alloc.length, 1))
		return -EFBIG;
	ret = on_holder(thread, NDSHM_EXTENT_ALLOC, a, (void *)&alloc,
			sizeof(alloc), &reported);
	if (!ret && reported)
		fuzz_registers_now.extents[a[EXTENT_PLACE].number] =
			alloc.out_offset;
	return ret;
}

/* The offset of an extent, or an arbitrary one. */
#define EXTENT { \
	.name = "extent", \
	.registers = 'x', \
	FUZZ_NUMBERS(0, 1, 0x800, 0x1000, 0x2000, 0x200000, 0x3ff000, \
		     0x400000, 0x7ffffffffffff000, 0xfffffffffffff000), \
	.usual = { 0, FUZZ_REGISTER }, \
}

static __u64 place_of(const struct fuzz_value *value)
{
	return value->form == FUZZ_REGISTER ?
	       fuzz_registers_now.extents[value->number] : value->number;
}

enum { XFREE_EXTENT = COMMAND_OWN };
static const struct fuzz_argument xfree_arguments[] = {
	FUZZ_COMMAND(HOLDER, struct ndshm_extent_free_args),
	[XFREE_EXTENT] = EXTENT,
	{}
};

static long run_xfree(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_extent_free_args argument = {
		.offset = place_of(&a[XFREE_EXTENT]),
	};

	return on_holder(thread, NDSHM_EXTENT_FREE, a, (void *)&argument,
			 sizeof(argument), NULL);
}

enum { XQUERY_EXTENT = COMMAND_OWN, XQUERY_CAPACITY, XQUERY_SEGMENTS };
static const struct fuzz_argument xquery_arguments[] = {
	FUZZ_COMMAND(HOLDER, struct ndshm_extent_query_args),
	[XQUERY_EXTENT] = EXTENT,
	[XQUERY_CAPACITY] = FUZZ_ANY("capacity", 0, 1, 2, 16, 0xffffffff),
	[XQUERY_SEGMENTS] = {
		.name = "segments",
		.registers = 'm',
		.words = fuzz_places,
		.usual = { FUZZ_NULL, FUZZ_WORD },
	},
	{}
};

static long run_xquery(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const struct ndshm_segment no_segments[64];
	struct ndshm_extent_query_args query = {
		.offset = place_of(&a[XQUERY_EXTENT]),
		.segment_capacity = a[XQUERY_CAPACITY].number,
	};
	__u32 segments = query.segment_capacity < 64 ?
			 query.segment_capacity : 64;
	void *seen;

	query.segments = (unsigned long)
		fuzz_put(thread, &a[XQUERY_SEGMENTS], no_segments,
			 segments * sizeof(no_segments[0]), &seen);
	return on_holder(thread, NDSHM_EXTENT_QUERY, a, (void *)&query,
			 sizeof(query), NULL);
}

/* An arbitrary command number on a section or a holder. */
static const char *const sioctl_ways[] = { "section", "holder", NULL };
enum { SIOCTL_HOLDER = COMMAND_OWN, SIOCTL_ON, SIOCTL_NUMBER, SIOCTL_FILL };
static const struct fuzz_argument sioctl_arguments[] = {
	FUZZ_COMMAND(SECTION, struct ndshm_section_query_args),
	[SIOCTL_HOLDER] = HOLDER,
	[SIOCTL_ON] = FUZZ_WORDS("on", sioctl_ways, 0),
	[SIOCTL_NUMBER] = FUZZ_ANY("number", NDSHM_SECTION_QUERY, 0, 0x5e80,
				   0x5e84, 0x5e88, 0x5e89, 0x5e8a, 0x5e8f, 0x5e90,
				   0x5e91, 0x5e94, 0x5e95, 0x5e9f, 0x5ea0,
				   0x5ea1, 0x5ea2, 0x5ea3, 0x5421, 0x5451,
				   0xc0085e90, 0xffffffff),
	[SIOCTL_FILL] = FUZZ_ANY("fill", 0, 1, 0x1000, 0x7fffffff, 0xffffffff),
	{}
};

static long run_sioctl(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	__u32 words[sizeof(struct ndshm_section_query_args) / sizeof(__u32)];
	int fd = a[SIOCTL_ON].number ? fuzz_holder(&a[SIOCTL_HOLDER]) :
				       fuzz_section(&a[COMMAND_OF]);
	size_t i;
	long ret;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = a[SIOCTL_FILL].number;
	ret = fuzz_command(thread, fd, a[SIOCTL_NUMBER].number, a,
			   (void *)words, sizeof(words), NULL);
	/* A descriptor may have been created whose number is unknown. */
	if (!ret)
		fuzz_registers_now.strays = true;
	return ret;
}

static const struct fuzz_argument sclose_arguments[] = { SECTION, {} };

static long run_sclose(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	fuzz_set_fd(&fuzz_registers_now.sections[a[0].number], -1);
	return 0;
}

static const struct fuzz_argument oclose_arguments[] = { HOLDER, {} };

static long run_oclose(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	fuzz_set_fd(&fuzz_registers_now.holders[a[0].number], -1);
	return 0;
}

static long copy(int *slot, int from)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		fuzz_set_fd(slot, fd);
	return fd < 0 ? -1 : 0;
}

static const struct fuzz_argument sdup_arguments[] = {
	SECTION,
	FUZZ_FROM("to", 's'),
	{}
};

static long run_sdup(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	return copy(&fuzz_registers_now.sections[a[1].number],
		    fuzz_section(&a[0]));
}

static const struct fuzz_argument odup_arguments[] = {
	HOLDER,
	FUZZ_FROM("to", 'o'),
	{}
};

static long run_odup(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	return copy(&fuzz_registers_now.holders[a[1].number],
		    fuzz_holder(&a[0]));
}

const struct fuzz_kind fuzz_section_kinds[] = {
	{ "section", 12, create_arguments, run_create, NULL },
	{ "sopen", 6, open_arguments, run_open, NULL },
	{ "attach", 10, attach_arguments, run_attach, NULL },
	{ "share", 4, share_arguments, run_share, NULL },
	{ "delete", 4, delete_arguments, run_delete, NULL },
	{ "squery", 3, squery_arguments, run_squery, NULL },
	{ "ssync", 3, ssync_arguments, run_ssync, NULL },
	{ "extent", 20, extent_arguments, run_extent, NULL },
	{ "xfree", 12, xfree_arguments, run_xfree, NULL },
	{ "xquery", 6, xquery_arguments, run_xquery, NULL },
	{ "sioctl", 2, sioctl_arguments, run_sioctl, NULL },
	{ "sclose", 3, sclose_arguments, run_sclose, NULL },
	{ "oclose", 4, oclose_arguments, run_oclose, NULL },
	{ "sdup", 1, sdup_arguments, run_sdup, NULL },
	{ "odup", 1, odup_arguments, run_odup, NULL },
	{}
};
