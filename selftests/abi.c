// SPDX-License-Identifier: GPL-2.0
/*
 * Check the argument of every ioctl: sizes, alignment, unreadable and
 * unwritable memory, encodings, and each member's invalid values.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define HUGE_SIZE	0xffffffffU

/*
 * Pages followed by an inaccessible page. Single pages can be made inaccessible
 * as well.
 */
struct fence {
	char *start;
	size_t page;
};

#define FENCE_PAGES	3

static bool fence_build(struct fence *fence)
{
	fence->page = page_size();
	fence->start = mmap(NULL, (FENCE_PAGES + 1) * fence->page,
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	return fence->start != MAP_FAILED &&
	       !mprotect(fence->start + FENCE_PAGES * fence->page, fence->page,
			 PROT_NONE);
}

/* The last @size bytes before the inaccessible page. */
static void *fence_end(struct fence *fence, size_t size)
{
	return fence->start + FENCE_PAGES * fence->page - size;
}

/* @size bytes that cross a page boundary after @before bytes. */
static void *fence_across(struct fence *fence, size_t before)
{
	return fence->start + fence->page - before;
}

static int fence_protect(struct fence *fence, unsigned int page, int protection)
{
	return mprotect(fence->start + page * fence->page, fence->page,
			protection);
}

/*
 * Checks that apply to every command
 */

/* The kind of descriptor that the command is issued on. */
enum object {
	CLIENTS,
	SECTIONS,
	HOLDERS,
};

FIXTURE(shape) {
	int fd;
	__u32 adapter;
	struct ndshm_block_info block;	/* the block that requests name */
	struct ndshm_block_info made;	/* the block that a request allocates */
	int section;			/* the section that requests name */
	int holder;			/* a holder of @section */
	__u64 place;			/* offset of an extent of @holder */
	struct fence fence;
	union {
		struct ndshm_header header;
		char room[4096];
	};
};

FIXTURE_VARIANT(shape) {
	unsigned long command;
	enum object object;
	__u32 size;
	__u32 first_size;	/* size of the first version; 0 if there is only one */
	__u32 known_flags;
	__u32 reserved;		/* offset of a member that must be 0, or 0 */
	int error;		/* expected from a valid request for a node's adapter */
	__u32 reason;
};

FIXTURE_VARIANT_ADD(shape, get_info) {
	.command = NDSHM_GET_INFO,
	.size = sizeof(struct ndshm_get_info_args),
	.first_size = offsetof(struct ndshm_get_info_args, out_max_section),
	.reserved = offsetof(struct ndshm_get_info_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, adapter_claim) {
	.command = NDSHM_ADAPTER_CLAIM,
	.size = sizeof(struct ndshm_adapter_claim_args),
	.first_size = offsetof(struct ndshm_adapter_claim_args, out_intx),
	.error = EOPNOTSUPP,
	.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
};

FIXTURE_VARIANT_ADD(shape, adapter_start) {
	.command = NDSHM_ADAPTER_START,
	.size = sizeof(struct ndshm_adapter_start_args),
	.reserved = offsetof(struct ndshm_adapter_start_args, __reserved),
	.error = EOPNOTSUPP,
	.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
};

FIXTURE_VARIANT_ADD(shape, adapter_map_bar) {
	.command = NDSHM_ADAPTER_MAP_BAR,
	.size = sizeof(struct ndshm_adapter_map_bar_args),
	.error = EOPNOTSUPP,
	.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
};

FIXTURE_VARIANT_ADD(shape, adapter_set_irqs) {
	.command = NDSHM_ADAPTER_SET_IRQS,
	.size = sizeof(struct ndshm_adapter_set_irqs_args),
	.known_flags = NDSHM_SET_IRQS_UNMASK,
	.error = EOPNOTSUPP,
	.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
};

FIXTURE_VARIANT_ADD(shape, adapter_reset) {
	.command = NDSHM_ADAPTER_RESET,
	.size = sizeof(struct ndshm_adapter_reset_args),
	.reserved = offsetof(struct ndshm_adapter_reset_args, __reserved),
	.error = EOPNOTSUPP,
	.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
};

FIXTURE_VARIANT_ADD(shape, adapter_config) {
	.command = NDSHM_ADAPTER_CONFIG,
	.size = sizeof(struct ndshm_adapter_config_args),
	.known_flags = NDSHM_CONFIG_WRITE,
	.error = EOPNOTSUPP,
	.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
};

FIXTURE_VARIANT_ADD(shape, block_alloc) {
	.command = NDSHM_BLOCK_ALLOC,
	.size = sizeof(struct ndshm_block_alloc_args),
	.known_flags = NDSHM_ALLOC_CONTIGUOUS,
};

FIXTURE_VARIANT_ADD(shape, block_free) {
	.command = NDSHM_BLOCK_FREE,
	.size = sizeof(struct ndshm_block_free_args),
	.first_size = offsetof(struct ndshm_block_free_args, handles),
	.reserved = offsetof(struct ndshm_block_free_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, block_query) {
	.command = NDSHM_BLOCK_QUERY,
	.size = sizeof(struct ndshm_block_query_args),
};

FIXTURE_VARIANT_ADD(shape, block_sync) {
	.command = NDSHM_BLOCK_SYNC,
	.size = sizeof(struct ndshm_block_sync_args),
};

FIXTURE_VARIANT_ADD(shape, section_create) {
	.command = NDSHM_SECTION_CREATE,
	.size = sizeof(struct ndshm_section_create_args),
	.first_size = offsetof(struct ndshm_section_create_args, name),
	.reserved = offsetof(struct ndshm_section_create_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, section_open) {
	.command = NDSHM_SECTION_OPEN,
	.size = sizeof(struct ndshm_section_open_args),
	.known_flags = NDSHM_OPEN_READONLY,
	.error = ENOENT,
	.reason = NDSHM_REASON_SECTION_UNKNOWN,
};

FIXTURE_VARIANT_ADD(shape, block_export) {
	.command = NDSHM_BLOCK_EXPORT,
	.size = sizeof(struct ndshm_block_export_args),
	.reserved = offsetof(struct ndshm_block_export_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, section_attach) {
	.command = NDSHM_SECTION_ATTACH,
	.object = SECTIONS,
	.size = sizeof(struct ndshm_section_attach_args),
	.reserved = offsetof(struct ndshm_section_attach_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, section_share) {
	.command = NDSHM_SECTION_SHARE,
	.object = SECTIONS,
	.size = sizeof(struct ndshm_section_share_args),
	.known_flags = NDSHM_SHARE_READONLY,
	.reserved = offsetof(struct ndshm_section_share_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, section_delete) {
	.command = NDSHM_SECTION_DELETE,
	.object = SECTIONS,
	.size = sizeof(struct ndshm_section_delete_args),
	.known_flags = NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE,
	.reserved = offsetof(struct ndshm_section_delete_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, section_query) {
	.command = NDSHM_SECTION_QUERY,
	.object = SECTIONS,
	.size = sizeof(struct ndshm_section_query_args),
};

FIXTURE_VARIANT_ADD(shape, section_sync) {
	.command = NDSHM_SECTION_SYNC,
	.object = SECTIONS,
	.size = sizeof(struct ndshm_section_sync_args),
	.reserved = offsetof(struct ndshm_section_sync_args, __reserved),
};

FIXTURE_VARIANT_ADD(shape, section_export) {
	.command = NDSHM_SECTION_EXPORT,
	.object = SECTIONS,
	.size = sizeof(struct ndshm_section_export_args),
};

FIXTURE_VARIANT_ADD(shape, extent_alloc) {
	.command = NDSHM_EXTENT_ALLOC,
	.object = HOLDERS,
	.size = sizeof(struct ndshm_extent_alloc_args),
};

FIXTURE_VARIANT_ADD(shape, extent_free) {
	.command = NDSHM_EXTENT_FREE,
	.object = HOLDERS,
	.size = sizeof(struct ndshm_extent_free_args),
};

FIXTURE_VARIANT_ADD(shape, extent_query) {
	.command = NDSHM_EXTENT_QUERY,
	.object = HOLDERS,
	.size = sizeof(struct ndshm_extent_query_args),
};

/*
 * Commit the whole section at once, so that no request changes the amount of
 * committed memory.
 */
static void make_section(struct __test_metadata *_metadata,
			 struct _test_data_shape *self)
{
	const __u64 size = 4 * page_size();

	self->section = test_new_section(self->fd, self->adapter, size, size);
	self->holder = test_attach(self->section);
	self->place = test_extent(self->holder, 1);
}

FIXTURE_SETUP(shape)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	if ((variant->command == NDSHM_BLOCK_EXPORT ||
	     variant->command == NDSHM_SECTION_EXPORT) &&
	    !(info.out_features & NDSHM_FEATURE_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	self->adapter = info.out_default_adapter;
	test_charged(self->fd, self->adapter);
	self->block = test_new_block(self->fd, self->adapter, page_size());
	make_section(_metadata, self);
	ASSERT_TRUE(fence_build(&self->fence));
}

FIXTURE_TEARDOWN(shape)
{
	close(self->holder);
	close(self->section);
	close(self->fd);
}

static int descriptor_of(const struct _test_data_shape *self, enum object object)
{
	return object == CLIENTS ? self->fd :
	       object == SECTIONS ? self->section : self->holder;
}

/* Build a valid request in memory filled with a poison pattern. */
static void make_request(struct _test_data_shape *self, unsigned long command,
			 void *to)
{
	union {
		struct ndshm_get_info_args get_info;
		struct ndshm_adapter_claim_args claim;
		struct ndshm_adapter_start_args start;
		struct ndshm_adapter_map_bar_args map_bar;
		struct ndshm_adapter_set_irqs_args set_irqs;
		struct ndshm_adapter_reset_args reset;
		struct ndshm_adapter_config_args config;
		struct ndshm_block_alloc_args alloc;
		struct ndshm_block_free_args free;
		struct ndshm_block_query_args query;
		struct ndshm_block_sync_args sync;
		struct ndshm_section_create_args create;
		struct ndshm_section_open_args open;
		struct ndshm_block_export_args export;
		struct ndshm_section_attach_args attach;
		struct ndshm_section_share_args share;
		struct ndshm_section_delete_args delete;
		struct ndshm_section_query_args look;
		struct ndshm_section_sync_args section_sync;
		struct ndshm_section_export_args section_export;
		struct ndshm_extent_alloc_args extent_alloc;
		struct ndshm_extent_free_args extent_free;
		struct ndshm_extent_query_args extent_query;
		struct ndshm_header header;
	} request;

	switch (command) {
	case NDSHM_GET_INFO:
		request.get_info = get_info_request();
		break;
	case NDSHM_ADAPTER_CLAIM:
		request.claim = adapter_claim_request(self->adapter, 0);
		break;
	case NDSHM_ADAPTER_START:
		request.start = adapter_start_request(self->adapter);
		break;
	case NDSHM_ADAPTER_MAP_BAR:
		request.map_bar = adapter_map_bar_request(self->adapter, 0);
		break;
	case NDSHM_ADAPTER_SET_IRQS:
		request.set_irqs =
			adapter_set_irqs_request(self->adapter, NDSHM_IRQ_NONE,
						 0, 0, NULL);
		break;
	case NDSHM_ADAPTER_RESET:
		request.reset = adapter_reset_request(self->adapter);
		break;
	case NDSHM_ADAPTER_CONFIG:
		request.config = adapter_config_request(self->adapter, 0, 0, 4, 0);
		request.config.value = 0;
		break;
	case NDSHM_BLOCK_ALLOC:
		request.alloc = block_alloc_request(self->adapter, 1,
						    &self->made);
		break;
	case NDSHM_BLOCK_FREE:
		request.free = block_free_request(self->block.handle);
		break;
	case NDSHM_BLOCK_SYNC:
		request.sync = block_sync_request(self->block.handle,
						  NDSHM_SYNC_FOR_CPU, 0, 1);
		break;
	case NDSHM_SECTION_CREATE:
		request.create = section_create_request(self->adapter, 1, 1);
		break;
	case NDSHM_BLOCK_EXPORT:
		request.export = block_export_request(self->block.handle, O_RDWR);
		break;
	case NDSHM_SECTION_OPEN:
		request.open = section_open_request(NDSHM_OWNER_SELF, "no section", 0);
		break;
	case NDSHM_SECTION_ATTACH:
		request.attach = section_attach_request(0);
		break;
	case NDSHM_SECTION_SHARE:
		request.share = section_share_request(0);
		break;
	case NDSHM_SECTION_DELETE:
		request.delete = section_delete_request(0, self->holder);
		break;
	case NDSHM_SECTION_QUERY:
		request.look = section_query_request();
		break;
	case NDSHM_SECTION_SYNC:
		request.section_sync =
			section_sync_request(NDSHM_SYNC_FOR_CPU, 0, 1);
		break;
	case NDSHM_SECTION_EXPORT:
		request.section_export =
			section_export_request(self->place, page_size(), O_RDWR);
		break;
	case NDSHM_EXTENT_ALLOC:
		request.extent_alloc = extent_alloc_request(1, 0);
		break;
	case NDSHM_EXTENT_FREE:
		request.extent_free = extent_free_request(self->place);
		break;
	case NDSHM_EXTENT_QUERY:
		request.extent_query = extent_query_request(self->place);
		break;
	default:
		request.query = block_query_request(self->block.handle);
		break;
	}
	memcpy(to, &request, request.header.size);
}

/*
 * Undo a successful request, so that the next one finds the objects that it
 * names and the charge is the same.
 */
static void undo(struct __test_metadata *_metadata, int line,
		 struct _test_data_shape *self, unsigned long command,
		 const void *argument)
{
	union {
		struct ndshm_section_create_args create;
		struct ndshm_block_export_args export;
		struct ndshm_section_attach_args attach;
		struct ndshm_section_share_args share;
		struct ndshm_section_export_args section_export;
		struct ndshm_extent_alloc_args alloc;
		struct ndshm_header header;
	} answer;

	memcpy(&answer.header, argument, sizeof(answer.header));
	if (answer.header.size > sizeof(answer))
		answer.header.size = sizeof(answer);
	memcpy(&answer, argument, answer.header.size);
	switch (command) {
	case NDSHM_BLOCK_FREE:
		self->block = test_new_block(self->fd, self->adapter, 1);
		break;
	case NDSHM_BLOCK_ALLOC:
		test_free_handle(self->fd, self->made.handle);
		break;
	case NDSHM_BLOCK_EXPORT:
		EXPECT_EQ(0, close(answer.export.out_dmabuf))
			TH_LOG("line %d", line);
		break;
	case NDSHM_SECTION_EXPORT:
		EXPECT_EQ(0, close(answer.section_export.out_dmabuf))
			TH_LOG("line %d", line);
		break;
	case NDSHM_SECTION_CREATE:
		EXPECT_NE(0, answer.create.out_id);
		EXPECT_EQ(0, close(answer.create.out_section))
			TH_LOG("line %d", line);
		break;
	case NDSHM_SECTION_ATTACH:
		EXPECT_EQ(0, close(answer.attach.out_holder))
			TH_LOG("line %d", line);
		break;
	case NDSHM_SECTION_SHARE:
		EXPECT_EQ(0, close(answer.share.out_section))
			TH_LOG("line %d", line);
		break;
	case NDSHM_SECTION_DELETE:
		EXPECT_EQ(NDSHM_SECTION_DELETED,
			  test_look(self->section).out_flags &
			  NDSHM_SECTION_DELETED)
			TH_LOG("line %d", line);
		close(self->holder);
		close(self->section);
		make_section(_metadata, self);
		break;
	case NDSHM_EXTENT_ALLOC:
		test_free_extent(self->holder, answer.alloc.out_offset);
		break;
	case NDSHM_EXTENT_FREE:
		self->place = test_extent(self->holder, 1);
		break;
	}
}

/*
 * The request must succeed, or fail with the error of a valid request
 * (@variant->error).
 */
static void expect_taken(struct __test_metadata *_metadata, int line,
			 struct _test_data_shape *self,
			 const struct _fixture_variant_shape *variant, void *argument)
{
	if (variant->error) {
		ndshm_fail(_metadata, line, variant->error, variant->reason,
			   self->fd, variant->command, argument);
		return;
	}
	ndshm_pass(_metadata, line, descriptor_of(self, variant->object),
		   variant->command, argument);
	undo(_metadata, line, self, variant->command, argument);
}

#define test_taken(argument) \
	expect_taken(_metadata, __LINE__, self, variant, argument)

/* State, besides the client's, that a failure must not change. */
struct whole {
	int descriptor;		/* the lowest unused file descriptor */
	struct ndshm_section_query_args section;
};

static struct whole whole_at(struct __test_metadata *_metadata, int line,
			     const struct _test_data_shape *self)
{
	struct whole whole = { .section = section_query_request() };

	ASSERT_EQ(0, _test_section_query(self->section, &whole.section))
		TH_LOG("line %d: %s", line, strerror(errno));
	whole.descriptor = fcntl(self->fd, F_DUPFD, 0);
	ASSERT_EQ(0, close(whole.descriptor))
		TH_LOG("line %d: %s", line, strerror(errno));
	return whole;
}

static void expect_whole(struct __test_metadata *_metadata, int line,
			 const struct _test_data_shape *self,
			 const struct whole *before)
{
	struct whole after = whole_at(_metadata, line, self);

	EXPECT_EQ(before->descriptor, after.descriptor)
		TH_LOG("line %d: there is one descriptor more, or less", line);
	EXPECT_EQ(0, memcmp(&before->section, &after.section,
			    sizeof(after.section)))
		TH_LOG("line %d: flags %#x, %#x; taken %llu, %llu; extents %u, %u; holders %u, %u",
		       line, before->section.out_flags, after.section.out_flags,
		       (unsigned long long)before->section.out_taken,
		       (unsigned long long)after.section.out_taken,
		       before->section.out_extents, after.section.out_extents,
		       before->section.out_holders, after.section.out_holders);
}

static void expect_refused(struct __test_metadata *_metadata, int line,
			   const struct _test_data_shape *self,
			   const struct _fixture_variant_shape *variant,
			   int error, __u32 reason, void *argument)
{
	struct whole whole = whole_at(_metadata, line, self);

	ndshm_fail_on(_metadata, line, error, reason, self->fd,
		      descriptor_of(self, variant->object), variant->command,
		      argument);
	expect_whole(_metadata, line, self, &whole);
}

#define test_refused(error, reason, argument) \
	expect_refused(_metadata, __LINE__, self, variant, error, reason, \
		       argument)

static void expect_errno(struct __test_metadata *_metadata, int line,
			 const struct _test_data_shape *self,
			 const struct _fixture_variant_shape *variant,
			 int error, unsigned long command, void *argument)
{
	struct whole whole = whole_at(_metadata, line, self);

	ndshm_errno_on(_metadata, line, error, self->fd,
		       descriptor_of(self, variant->object), command, argument);
	expect_whole(_metadata, line, self, &whole);
}

#define test_fails(error, argument) \
	expect_errno(_metadata, __LINE__, self, variant, error, \
		     variant->command, argument)

/* The failing request must not write any of the @bytes of its argument. */
static void expect_untouched(struct __test_metadata *_metadata, int line,
			     int error, int client, int fd,
			     unsigned long command, void *argument,
			     size_t bytes)
{
	char *before = malloc(bytes);

	ASSERT_NE(NULL, before);
	memcpy(before, argument, bytes);
	ndshm_errno_on(_metadata, line, error, client, fd, command, argument);
	EXPECT_EQ(0, memcmp(before, argument, bytes))
		TH_LOG("line %d: command %#lx wrote", line, command);
	free(before);
}

#define test_untouched(error, command, argument, bytes) \
	expect_untouched(_metadata, __LINE__, error, self->fd, \
			 descriptor_of(self, variant->object), command, \
			 argument, bytes)

TEST_F(shape, exact)
{
	void *argument = fence_end(&self->fence, variant->size);

	make_request(self, variant->command, argument);
	test_taken(argument);
}

TEST_F(shape, rubbish_in_outputs)
{
	unsigned int byte;

	for (byte = 0; byte < 256; byte += 85) {
		make_request(self, variant->command, self->room);
		memset(&self->header.status, byte, sizeof(self->header.status));
		memset(&self->header.reason, byte, sizeof(self->header.reason));
		test_taken(self->room);
	}
}

TEST_F(shape, below_header)
{
	__u32 size;

	for (size = 0; size < sizeof(struct ndshm_header); size++) {
		make_request(self, variant->command, self->room);
		self->header.size = size;
		test_untouched(EINVAL, variant->command, self->room,
			       sizeof(self->room));
	}
}

TEST_F(shape, short_argument)
{
	__u32 least = variant->first_size ? variant->first_size : variant->size;
	__u32 size;
	char *argument;

	for (size = sizeof(struct ndshm_header); size < least; size++) {
		/*
		 * The memory beyond header.size is inaccessible and must not be
		 * accessed.
		 */
		argument = fence_end(&self->fence, size & ~7U);
		make_request(self, variant->command, self->room);
		self->header.size = size;
		memcpy(argument, self->room, size & ~7U);
		test_refused(EINVAL, NDSHM_REASON_ARGUMENT_SHORT, argument);
	}
}

/* With the size of the first version the kernel must not read or write beyond it. */
TEST_F(shape, first_version)
{
	__u32 first = variant->first_size, size;
	char *argument = fence_end(&self->fence, first);

	if (!first)
		return;
	make_request(self, variant->command, self->room);
	self->header.size = first;
	memcpy(argument, self->room, first);
	test_taken(argument);
	/* Sizes between two versions, which no header has, must work as well. */
	for (size = first; size < variant->size; size++) {
		memset(self->room, 0x55, sizeof(self->room));
		make_request(self, variant->command, self->room);
		memset(self->room + size, 0x55, variant->size - size);
		self->header.size = size;
		test_taken(self->room);
		EXPECT_TRUE(all_bytes(self->room + size,
				      sizeof(self->room) - size, 0x55))
			TH_LOG("size %u", size);
	}
}

TEST_F(shape, long_argument)
{
	static const __u32 more[] = { 1, 4, 8, 100, 1000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(more); i++) {
		memset(self->room, 0, sizeof(self->room));
		make_request(self, variant->command, self->room);
		self->header.size = variant->size + more[i];
		/* Bytes beyond header.size are ignored, whatever their value. */
		self->room[self->header.size] = 1;
		test_taken(self->room);
		EXPECT_TRUE(all_bytes(self->room + variant->size, more[i], 0));
	}
	memset(self->room, 0, sizeof(self->room));
	make_request(self, variant->command, self->room);
	self->header.size = sizeof(self->room);
	test_taken(self->room);
}

TEST_F(shape, tail)
{
	__u32 last = sizeof(self->room) - 1, at;

	for (at = variant->size; at <= last; at += at < 128 ? 1 : 331) {
		memset(self->room, 0, sizeof(self->room));
		make_request(self, variant->command, self->room);
		self->header.size = sizeof(self->room);
		self->room[at] = 1;
		test_refused(E2BIG, NDSHM_REASON_ARGUMENT_TAIL, self->room);
	}
	memset(self->room, 0, sizeof(self->room));
	make_request(self, variant->command, self->room);
	self->header.size = sizeof(self->room);
	self->room[last] = (char)0x80;
	test_refused(E2BIG, NDSHM_REASON_ARGUMENT_TAIL, self->room);
}

TEST_F(shape, huge_size)
{
	static const __u32 sizes[] = {
		HUGE_SIZE, INT_MAX, (__u32)INT_MAX + 1, 1 << 20,
	};
	char *argument = fence_end(&self->fence, variant->size + 8);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_request(self, variant->command, argument);
		memset(argument + variant->size, 0xff, 8);
		((struct ndshm_header *)argument)->size = sizes[i];
		test_refused(E2BIG, NDSHM_REASON_ARGUMENT_TAIL, argument);
	}
}

TEST_F(shape, unreadable)
{
	char *end = fence_end(&self->fence, 0);

	test_fails(EFAULT, NULL);
	test_fails(EFAULT, end);
	test_fails(EFAULT, (void *)-4096L);
	test_fails(EFAULT, (void *)-1L);
	if (sizeof(long) == 8)
		test_fails(EFAULT, (void *)(LONG_MAX & ~4095L));
}

/* The header is readable, but only a part of the size that it states. */
TEST_F(shape, half_readable)
{
	__u32 there;
	char *argument;

	make_request(self, variant->command, self->room);
	for (there = 4; there < variant->size; there += 4) {
		argument = fence_end(&self->fence, there);
		memcpy(argument, self->room, there);
		test_fails(EFAULT, argument);
	}
}

/* The tail must be zero, and a part of it is unreadable: -EFAULT. */
TEST_F(shape, half_readable_tail)
{
	char *argument = fence_end(&self->fence, variant->size + 8);

	make_request(self, variant->command, argument);
	memset(argument + variant->size, 0, 8);
	((struct ndshm_header *)argument)->size = variant->size + 16;
	test_fails(EFAULT, argument);
}

TEST_F(shape, unwritable)
{
	char *argument = fence_across(&self->fence, 0);

	make_request(self, variant->command, argument);
	ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ));
	test_fails(EFAULT, argument);
	/* The failed free or delete must not have removed its object. */
	if (variant->command == NDSHM_BLOCK_FREE)
		test_free_handle(self->fd, self->block.handle);
	if (variant->command == NDSHM_EXTENT_FREE)
		test_free_extent(self->holder, self->place);
	if (variant->command == NDSHM_SECTION_DELETE)
		test_extent(self->holder, 1);
}

/*
 * Only the argument's first page is writable. The boundary falls at every
 * offset, also inside the header.
 */
TEST_F(shape, half_writable)
{
	__u32 before;
	char *argument;

	for (before = 4; before < variant->size; before += 4) {
		argument = fence_across(&self->fence, before);
		make_request(self, variant->command, argument);
		ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ));
		test_fails(EFAULT, argument);
		ASSERT_EQ(0, fence_protect(&self->fence, 1,
					   PROT_READ | PROT_WRITE));
	}
}

TEST_F(shape, unaligned)
{
	char *argument = self->room + 1;

	make_request(self, variant->command, argument);
	test_taken(argument);
}

TEST_F(shape, unknown_flags)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (variant->known_flags & (1U << bit))
			continue;
		make_request(self, variant->command, self->room);
		self->header.flags = 1U << bit;
		test_refused(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->room);
	}
	make_request(self, variant->command, self->room);
	self->header.flags = ~0U;
	test_refused(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->room);
}

TEST_F(shape, known_flags)
{
	make_request(self, variant->command, self->room);
	self->header.flags = variant->known_flags;
	test_taken(self->room);
}

TEST_F(shape, reserved)
{
	__u32 value;

	for (value = 1; variant->reserved && value; value <<= 1) {
		make_request(self, variant->command, self->room);
		memcpy(self->room + variant->reserved, &value, sizeof(value));
		test_refused(EINVAL, NDSHM_REASON_RESERVED, self->room);
	}
}

/* An ioctl number with another direction, size or type must be rejected. */
TEST_F(shape, other_encodings)
{
	unsigned int number = _IOC_NR(variant->command);
	const unsigned long others[] = {
		_IOR(NDSHM_IOC, number, struct ndshm_header),
		_IOW(NDSHM_IOC, number, struct ndshm_header),
		_IOWR(NDSHM_IOC, number, struct ndshm_header),
		_IO(NDSHM_IOC + 1, number),
		_IO(NDSHM_IOC - 1, number),
		_IO(0, number),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		make_request(self, variant->command, self->room);
		test_untouched(ENOTTY, others[i], self->room,
			       sizeof(self->room));
		expect_errno(_metadata, __LINE__, self, variant, ENOTTY,
			     others[i], NULL);
	}
}

/*
 * GET_INFO, and the values of members
 */

FIXTURE(request) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_get_info_args info;
	struct ndshm_block_info block;
	struct ndshm_segment segment;
	struct fence fence;
};

FIXTURE_SETUP(request)
{
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->info = get_info_request();
	test_get_info(self->fd, &self->info);
	self->adapter = self->info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	ASSERT_TRUE(fence_build(&self->fence));
}

FIXTURE_TEARDOWN(request)
{
	close(self->fd);
}

TEST_F(request, info)
{
	const struct ndshm_get_info_args *info = &self->info;

	EXPECT_TRUE(info->out_features & NDSHM_FEATURE_BLOCKS);
	EXPECT_TRUE(info->out_features & NDSHM_FEATURE_SYNC);
	EXPECT_EQ(0, info->out_features & ~(NDSHM_FEATURE_BLOCKS |
					    NDSHM_FEATURE_CLAIMS |
					    NDSHM_FEATURE_SYNC |
					    NDSHM_FEATURE_SECTIONS |
					    NDSHM_FEATURE_NAMES |
					    NDSHM_FEATURE_FREE_MANY |
					    NDSHM_FEATURE_IRQS |
					    NDSHM_FEATURE_EXPORT |
					    NDSHM_FEATURE_RESET |
					    NDSHM_FEATURE_CONFIG |
					    NDSHM_FEATURE_TAGS |
					    NDSHM_FEATURE_SECTION_EXPORT));
	EXPECT_EQ(!(info->out_features & NDSHM_FEATURE_EXPORT),
		  !(info->out_features & NDSHM_FEATURE_SECTION_EXPORT));
	EXPECT_EQ(!(info->out_features & NDSHM_FEATURE_CLAIMS),
		  !(info->out_features & NDSHM_FEATURE_IRQS));
	EXPECT_EQ(!(info->out_features & NDSHM_FEATURE_CLAIMS),
		  !(info->out_features & NDSHM_FEATURE_RESET));
	EXPECT_EQ(!(info->out_features & NDSHM_FEATURE_CLAIMS),
		  !(info->out_features & NDSHM_FEATURE_CONFIG));
	EXPECT_TRUE(info->out_features & NDSHM_FEATURE_SECTIONS);
	EXPECT_TRUE(info->out_features & NDSHM_FEATURE_NAMES);
	EXPECT_TRUE(info->out_features & NDSHM_FEATURE_FREE_MANY);
	EXPECT_EQ(self->page, info->out_page_size);
	EXPECT_EQ(ndshm_read_number("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"),
		  (long long)info->out_huge_size);
	EXPECT_LE(self->page, info->out_max_length);
	EXPECT_LE(1, info->out_max_batch);
	EXPECT_LE(info->out_max_batch, info->out_max_blocks);
	EXPECT_NE(0, info->out_default_adapter);
	EXPECT_EQ(0, info->__reserved);
	EXPECT_EQ(0, info->out_blocks);
	EXPECT_EQ(0, info->out_bytes);
	EXPECT_LE(self->page, info->out_max_section);
	EXPECT_EQ(0, info->out_max_section % self->page);
	EXPECT_GE((__u64)UINT_MAX * self->page, info->out_max_section);
}

TEST_F(request, info_follows)
{
	struct ndshm_get_info_args info;
	unsigned int i;
	__u64 bytes = 0;

	for (i = 1; i <= 5; i++) {
		self->block = test_new_block(self->fd, self->adapter,
					     i * self->page);
		bytes += self->block.consumed;
		info = get_info_request();
		test_get_info(self->fd, &info);
		EXPECT_EQ(i, info.out_blocks);
		EXPECT_EQ(bytes, info.out_bytes);
	}
	test_free_handle(self->fd, self->block.handle);
	info = get_info_request();
	test_get_info(self->fd, &info);
	EXPECT_EQ(4, info.out_blocks);
	EXPECT_EQ(bytes - self->block.consumed, info.out_bytes);
}

/* GET_INFO does not count the handles of another client. */
TEST_F(request, info_is_the_clients)
{
	struct ndshm_get_info_args info = get_info_request();
	int other = ndshm_open();

	ASSERT_LE(0, other);
	self->block = test_new_block(other, self->adapter, 1);
	test_get_info(self->fd, &info);
	EXPECT_EQ(0, info.out_blocks);
	EXPECT_EQ(0, info.out_bytes);
	close(other);
}

/* All numbers except @first to @last must be unknown commands, and @hole, if it is not 0, too. */
static void no_commands(struct __test_metadata *_metadata, int client, int fd,
			unsigned long first, unsigned long last)
{
	unsigned int number;
	char room[256];

	for (number = 0; number < 256; number++) {
		unsigned long command = _IO(NDSHM_IOC, number);

		if (command >= first && command <= last)
			continue;
		memset(room, NDSHM_POISON, sizeof(room));
		*(__u32 *)room = sizeof(room);
		expect_untouched(_metadata, __LINE__, ENOTTY, client, fd,
				 command, room, sizeof(room));
	}
	ndshm_errno_on(_metadata, __LINE__, ENOTTY, client, fd, 0xffffffff, NULL);
}

/* Each kind of descriptor has its own range of command numbers. */
TEST_F(request, unknown_commands)
{
	int section = test_new_section(self->fd, self->adapter, 1, 1);
	int holder = test_attach(section);

	no_commands(_metadata, self->fd, self->fd, NDSHM_GET_INFO,
		    NDSHM_ADAPTER_CONFIG);
	no_commands(_metadata, self->fd, section, NDSHM_SECTION_ATTACH,
		    NDSHM_SECTION_EXPORT);
	no_commands(_metadata, self->fd, holder, NDSHM_EXTENT_ALLOC,
		    NDSHM_EXTENT_QUERY);
	close(holder);
	close(section);
}

TEST_F(request, alloc)
{
	static const __u64 pages[] = { 1, 2, 3, 16, 512 };
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info *block = &self->block;
	struct ndshm_block_query_args query;
	unsigned int i, less;

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		__u64 length = pages[i / 2] * self->page;

		/*
		 * One byte in the last page must yield the same block as a full
		 * last page.
		 */
		less = i % 2 ? self->page - 1 : 0;
		memset(block, NDSHM_POISON, sizeof(*block));
		alloc = block_alloc_request(self->adapter, length - less, block);
		alloc.segment_capacity = 1;
		alloc.segments = to_u64(&self->segment);
		test_block_alloc(self->fd, &alloc);

		EXPECT_NE(0, block->handle);
		EXPECT_NE(0, block->shared_memory_handle);
		EXPECT_EQ(length, block->length);
		EXPECT_LE(length, block->consumed);
		EXPECT_EQ(0, block->consumed % self->page);
		EXPECT_EQ(0, block->mmap_offset % (2 << 20));
		EXPECT_GT(1ULL << 44, block->mmap_offset);
		EXPECT_EQ(NDSHM_BLOCK_MAPPABLE,
			  block->flags & ~(NDSHM_BLOCK_CHARGED | NDSHM_BLOCK_REUSABLE));
		/* The built-in provider always makes one segment. */
		EXPECT_EQ(1, block->segments);
		EXPECT_EQ(1, alloc.out_segments);
		EXPECT_EQ(block->address, self->segment.address);
		EXPECT_LE(block->length, self->segment.length);
		EXPECT_EQ(0, block->address % self->page);

		query = block_query_request(block->handle);
		test_block_query(self->fd, &query);
		EXPECT_EQ(0, memcmp(block, &query.out_block, sizeof(*block)));
		EXPECT_EQ(self->adapter, query.out_adapter);
		EXPECT_NE(0, query.out_provider);
		EXPECT_EQ(NDSHM_NODE_ANY, query.out_preferred_node);
		EXPECT_EQ(NDSHM_USAGE_OTHER, query.out_usage);
	}
}

TEST_F(request, alloc_usages)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_query_args query;
	__u32 usage;

	for (usage = NDSHM_USAGE_XMIT; usage <= NDSHM_USAGE_OTHER; usage++) {
		alloc = block_alloc_request(self->adapter, 1, &self->block);
		alloc.usage = usage;
		test_block_alloc(self->fd, &alloc);
		query = block_query_request(self->block.handle);
		test_block_query(self->fd, &query);
		EXPECT_EQ(usage, query.out_usage);
	}
}

TEST_F(request, alloc_node)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	struct ndshm_block_query_args query;

	alloc.preferred_node = 0;
	test_block_alloc(self->fd, &alloc);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	EXPECT_EQ(0, query.out_preferred_node);
}

TEST_F(request, alloc_contiguous)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, 1 << 20, &self->block);

	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, self->block.segments);
}

/* Naming the default provider by its id must select the same provider. */
TEST_F(request, alloc_provider)
{
	struct ndshm_block_query_args query;
	struct ndshm_block_alloc_args alloc;
	__u32 provider;

	self->block = test_new_block(self->fd, self->adapter, 1);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	provider = query.out_provider;

	alloc = block_alloc_request(self->adapter, 1, &self->block);
	alloc.provider = provider;
	test_block_alloc(self->fd, &alloc);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	EXPECT_EQ(provider, query.out_provider);
}

TEST_F(request, alloc_batch)
{
	__u32 count = self->info.out_max_batch, i, j;
	struct ndshm_block_info *blocks = calloc(count, sizeof(*blocks));
	struct ndshm_block_alloc_args alloc;

	ASSERT_NE(NULL, blocks);
	alloc = block_alloc_request(self->adapter, 1, blocks);
	alloc.count = count;
	test_block_alloc(self->fd, &alloc);
	for (i = 0; i < count; i++) {
		EXPECT_EQ(self->page, blocks[i].length);
		for (j = 0; j < i; j++) {
			EXPECT_NE(blocks[i].handle, blocks[j].handle);
			EXPECT_NE(blocks[i].shared_memory_handle,
				  blocks[j].shared_memory_handle);
			EXPECT_NE(blocks[i].mmap_offset, blocks[j].mmap_offset);
			EXPECT_NE(blocks[i].address, blocks[j].address);
		}
	}
	for (i = 0; i < count; i++)
		test_free_handle(self->fd, blocks[i].handle);
	free(blocks);
}

/*
 * With a large capacity the kernel must write only the segments that exist: the
 * memory behind the first one is inaccessible.
 */
TEST_F(request, alloc_large_capacity)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	struct ndshm_segment *segment = fence_end(&self->fence,
						  sizeof(*segment));

	alloc.segment_capacity = UINT_MAX;
	alloc.segments = to_u64(segment);
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(self->block.address, segment->address);
}

#define test_bad_alloc(error, reason, member, value) do { \
	struct ndshm_block_alloc_args alloc_ = \
		block_alloc_request(self->adapter, 1, &self->block); \
	struct ndshm_block_info before_; \
	memset(&self->block, NDSHM_POISON, sizeof(self->block)); \
	before_ = self->block; \
	alloc_.member = (value); \
	test_err_block_alloc(error, reason, self->fd, &alloc_); \
	EXPECT_EQ(0, memcmp(&before_, &self->block, sizeof(before_))); \
} while (0)

TEST_F(request, alloc_length)
{
	test_bad_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, length, 0);
	test_bad_alloc(EINVAL, NDSHM_REASON_LENGTH_LIMIT, length,
		       self->info.out_max_length + 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_LENGTH_LIMIT, length, 1ULL << 62);
	test_bad_alloc(EINVAL, NDSHM_REASON_LENGTH_LIMIT, length,
		       -(__u64)self->page);
	/* These lengths overflow when they are rounded up to pages. */
	test_bad_alloc(EOVERFLOW, NDSHM_REASON_LENGTH_OVERFLOW, length,
		       -(__u64)self->page + 1);
	test_bad_alloc(EOVERFLOW, NDSHM_REASON_LENGTH_OVERFLOW, length,
		       ULLONG_MAX);
}

/* The first node that is not online, parsed from a list such as "0-3". */
static int offline_node(void)
{
	char text[256], *last;

	if (ndshm_read_file("/sys/devices/system/node/online", text,
			    sizeof(text)))
		return 1;
	last = strrchr(text, ',');
	last = last ? last + 1 : text;
	if (strchr(last, '-'))
		last = strchr(last, '-') + 1;
	return atoi(last) + 1;
}

TEST_F(request, alloc_bad_node)
{
	test_bad_alloc(EINVAL, NDSHM_REASON_NODE, preferred_node, -2);
	test_bad_alloc(EINVAL, NDSHM_REASON_NODE, preferred_node, INT_MIN);
	test_bad_alloc(EINVAL, NDSHM_REASON_NODE, preferred_node, 4096);
	test_bad_alloc(EINVAL, NDSHM_REASON_NODE, preferred_node, INT_MAX);
	test_bad_alloc(EINVAL, NDSHM_REASON_NODE, preferred_node,
		       offline_node());
}

TEST_F(request, alloc_bad_usage)
{
	test_bad_alloc(EINVAL, NDSHM_REASON_USAGE, usage,
		       NDSHM_USAGE_UNDEFINED);
	test_bad_alloc(EINVAL, NDSHM_REASON_USAGE, usage, NDSHM_USAGE_MAX);
	test_bad_alloc(EINVAL, NDSHM_REASON_USAGE, usage, NDSHM_USAGE_MAX + 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_USAGE, usage, UINT_MAX);
}

TEST_F(request, alloc_queue)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);

	alloc.queue_id = 1;
	alloc.vport_id = 1;
	test_err_block_alloc(EINVAL, NDSHM_REASON_QUEUE_AND_PORT, self->fd,
			     &alloc);
	test_bad_alloc(EOPNOTSUPP, NDSHM_REASON_QUEUE_UNSUPPORTED, queue_id, 1);
	test_bad_alloc(EOPNOTSUPP, NDSHM_REASON_QUEUE_UNSUPPORTED, queue_id,
		       UINT_MAX);
	test_bad_alloc(EOPNOTSUPP, NDSHM_REASON_PORT_UNSUPPORTED, vport_id, 1);
	test_bad_alloc(EOPNOTSUPP, NDSHM_REASON_PORT_UNSUPPORTED, vport_id,
		       UINT_MAX);
}

TEST_F(request, alloc_unknown)
{
	test_bad_alloc(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, adapter, 0);
	test_bad_alloc(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, adapter, UINT_MAX);
	test_bad_alloc(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, adapter,
		       self->adapter + 100000);
	test_bad_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, provider,
		       UINT_MAX);
	test_bad_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, provider, 100000);
}

TEST_F(request, alloc_count)
{
	test_bad_alloc(EINVAL, NDSHM_REASON_COUNT, count, 0);
	test_bad_alloc(EINVAL, NDSHM_REASON_COUNT, count,
		       self->info.out_max_batch + 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_COUNT, count, UINT_MAX);
	/* A count that would overflow the size of the array. */
	test_bad_alloc(EINVAL, NDSHM_REASON_COUNT, count,
		       UINT_MAX / sizeof(struct ndshm_block_info) + 2);
}

TEST_F(request, alloc_list)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	struct ndshm_block_info blocks[2];

	test_bad_alloc(EINVAL, NDSHM_REASON_LIST, segment_capacity, 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_LIST, segments,
		       to_u64(&self->segment));
	/* Segments can only be requested for a single block. */
	alloc.count = 2;
	alloc.blocks = to_u64(blocks);
	alloc.segment_capacity = 1;
	alloc.segments = to_u64(&self->segment);
	test_err_block_alloc(EINVAL, NDSHM_REASON_LIST, self->fd, &alloc);
}

/* If the kernel cannot write the result, no block may exist afterwards. */
TEST_F(request, alloc_blocks_address)
{
	struct ndshm_block_info *across = fence_across(&self->fence, 16);
	struct ndshm_block_info *inside = fence_across(&self->fence, 0);

	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks, 0);
	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks,
		       to_u64(fence_end(&self->fence, 0)));
	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks,
		       to_u64(fence_end(&self->fence, 40)));
	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks,
		       0xffff888000000000ULL);
	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks, ULLONG_MAX);
	ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ));
	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks, to_u64(inside));
	test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks, to_u64(across));
}

/* The second result cannot be written: neither block may exist afterwards. */
TEST_F(request, alloc_blocks_address_batch)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     NULL);

	alloc.count = 2;
	alloc.blocks = to_u64(fence_end(&self->fence,
					sizeof(struct ndshm_block_info)));
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	alloc.count = self->info.out_max_batch;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
}

TEST_F(request, alloc_segments_address)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);

	alloc.segment_capacity = 1;
	alloc.segments = to_u64(fence_end(&self->fence, 0));
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	alloc.segments = to_u64(fence_end(&self->fence, 8));
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	alloc.segments = 0xffff888000000000ULL;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	ASSERT_EQ(0, fence_protect(&self->fence, 0, PROT_READ));
	alloc.segments = to_u64(self->fence.start);
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
}

/* A failed request must not report segments. */
TEST_F(request, alloc_address_out_segments)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     NULL);

	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	EXPECT_EQ(0, alloc.out_segments);
	alloc = block_alloc_request(self->adapter, 1, &self->block);
	alloc.segment_capacity = 1;
	alloc.segments = to_u64(fence_end(&self->fence, 0));
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	EXPECT_EQ(0, alloc.out_segments);
}

/*
 * A request that another process changes while the kernel copies it. Its last
 * LATE_BYTES bytes lie on a page that userfaultfd supplies only after the other
 * process has changed a member. The kernel must check and use the values of its
 * one copy.
 */
#define LATE_BYTES	8

struct changing {
	char *page;		/* the page supplied by userfaultfd */
	size_t size;		/* page size */
	int fault;		/* userfaultfd descriptor */
	char late[LATE_BYTES];
	void *member;
	size_t width;
	__u64 bad;
};

static int changing_open(struct changing *changing)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range.start = to_u64(changing->page),
		.range.len = changing->size,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	changing->fault = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (changing->fault < 0)
		return -errno;
	if (ioctl(changing->fault, UFFDIO_API, &api) ||
	    ioctl(changing->fault, UFFDIO_REGISTER, &range)) {
		close(changing->fault);
		return -EOPNOTSUPP;
	}
	return 0;
}

/*
 * The other process: exits with 0 if the kernel faulted and the member was
 * changed meanwhile.
 */
static void change(struct changing *changing)
{
	char *page = calloc(1, changing->size);
	struct uffdio_copy copy = {
		.dst = to_u64(changing->page),
		.src = to_u64(page),
		.len = changing->size,
	};
	struct uffd_msg message;

	if (!page || read(changing->fault, &message, sizeof(message)) !=
	    sizeof(message) || message.event != UFFD_EVENT_PAGEFAULT)
		_exit(1);
	memcpy(changing->member, &changing->bad, changing->width);
	memcpy(page, changing->late, LATE_BYTES);
	_exit(ioctl(changing->fault, UFFDIO_COPY, &copy) != 0);
}

TEST_F(request, alloc_changing)
{
	static const struct {
		size_t member;
		size_t width;
		__u64 bad;
	} rows[] = {
#define CHANGING(member_, bad_) { \
		.member = offsetof(struct ndshm_block_alloc_args, member_), \
		.width = sizeof(((struct ndshm_block_alloc_args *)0)->member_), \
		.bad = (bad_), \
	}
		CHANGING(size, 16),
		CHANGING(size, HUGE_SIZE),
		CHANGING(flags, 1U << 31),
		CHANGING(adapter, UINT_MAX),
		CHANGING(provider, UINT_MAX),
		CHANGING(length, 0),
		CHANGING(length, 1 << 20),
		CHANGING(length, ULLONG_MAX),
		CHANGING(preferred_node, INT_MAX),
		CHANGING(usage, NDSHM_USAGE_MAX),
		CHANGING(usage, NDSHM_USAGE_RECEIVE),
		CHANGING(queue_id, 1),
		CHANGING(count, 0),
		CHANGING(count, 2),
		CHANGING(count, UINT_MAX),
		CHANGING(segment_capacity, 1),
		CHANGING(blocks, 0),
#undef CHANGING
	};
	struct ndshm_block_alloc_args valid =
		block_alloc_request(self->adapter, self->page, &self->block);
	struct changing changing = { .size = self->page };
	struct ndshm_block_alloc_args *alloc;
	struct ndshm_block_query_args query;
	int error, peer;
	unsigned int i;
	pid_t child;
	char *pages;

	memcpy(changing.late, (char *)(&valid + 1) - LATE_BYTES, LATE_BYTES);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		pages = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, pages);
		changing.page = pages + self->page;
		alloc = (void *)(changing.page + LATE_BYTES - sizeof(*alloc));
		memcpy(alloc, &valid, sizeof(valid) - LATE_BYTES);
		changing.member = (char *)alloc + rows[i].member;
		changing.width = rows[i].width;
		changing.bad = rows[i].bad;
		error = changing_open(&changing);
		if (error)
			SKIP(return, "userfaultfd: %s", strerror(-error));
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child)
			change(&changing);

		memset(&self->block, NDSHM_POISON, sizeof(self->block));
		test_block_alloc(self->fd, alloc);
		EXPECT_TRUE(ndshm_reap(child))
			TH_LOG("row %u: nobody waited", i);
		/* The result must be that of the value which the kernel used. */
		EXPECT_EQ(0, memcmp(changing.member,
				    (char *)&valid + rows[i].member,
				    rows[i].width))
			TH_LOG("row %u", i);
		EXPECT_EQ(1, test_state(self->fd).blocks)
			TH_LOG("row %u", i);
		EXPECT_EQ(self->page, self->block.length)
			TH_LOG("row %u", i);
		query = block_query_request(self->block.handle);
		test_block_query(self->fd, &query);
		EXPECT_EQ(NDSHM_USAGE_OTHER, query.out_usage);
		EXPECT_EQ(NDSHM_NODE_ANY, query.out_preferred_node);
		test_free_handle(self->fd, self->block.handle);
		close(changing.fault);
		close(peer);
		munmap(pages, 2 * self->page);
	}
}

/* A block that was undone must not remain in the list of all blocks. */
TEST_F(request, alloc_undone)
{
	struct ndshm_nl_block blocks[4];
	struct ndshm_nl nl;
	int before, i;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	before = ndshm_nl_blocks(&nl, blocks, ARRAY_SIZE(blocks));
	ASSERT_LE(0, before);
	for (i = 0; i < 100; i++)
		test_bad_alloc(EFAULT, NDSHM_REASON_ADDRESS, blocks, 0);
	EXPECT_TRUE(ndshm_soon(ndshm_nl_blocks(&nl, blocks,
					       ARRAY_SIZE(blocks)) == before));
	ndshm_nl_close(&nl);
}

TEST_F(request, handles)
{
	const __u32 never[] = {
		0, 1, 0xffff, 0x10000, INT_MAX, UINT_MAX,
	};
	struct ndshm_block_query_args query;
	struct ndshm_block_free_args request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(never); i++) {
		query = block_query_request(never[i]);
		test_err_block_query(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
				     self->fd, &query);
		request = block_free_request(never[i]);
		test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
				    self->fd, &request);
	}
}

/* A handle is local to its client; another client cannot use it. */
TEST_F(request, foreign_handle)
{
	struct ndshm_block_query_args query;
	struct ndshm_block_free_args request;
	int other = ndshm_open();

	ASSERT_LE(0, other);
	self->block = test_new_block(self->fd, self->adapter, 1);
	query = block_query_request(self->block.handle);
	test_err_block_query(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, other,
			     &query);
	request = block_free_request(self->block.handle);
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, other,
			    &request);
	/* Nor can the shared memory handle, which is global, be used as a handle. */
	if (self->block.shared_memory_handle != self->block.handle)
		test_no_handle(self->fd, self->block.shared_memory_handle);
	test_free_handle(self->fd, self->block.handle);
	close(other);
}

TEST_F(request, double_free)
{
	struct ndshm_block_free_args request;

	self->block = test_new_block(self->fd, self->adapter, 1);
	test_free_handle(self->fd, self->block.handle);
	request = block_free_request(self->block.handle);
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd,
			    &request);
	test_no_handle(self->fd, self->block.handle);
}

/* The handle of a freed block must not be reused soon. */
TEST_F(request, stale_handle)
{
	struct ndshm_block_free_args request;
	__u32 stale;
	int i;

	self->block = test_new_block(self->fd, self->adapter, 1);
	stale = self->block.handle;
	test_free_handle(self->fd, stale);
	for (i = 0; i < 100; i++) {
		self->block = test_new_block(self->fd, self->adapter, 1);
		EXPECT_NE(stale, self->block.handle);
		request = block_free_request(stale);
		test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
				    self->fd, &request);
		if (i % 2)
			test_free_handle(self->fd, self->block.handle);
	}
}

/* Numbers that differ from a valid handle in one bit must be unknown. */
TEST_F(request, neighbouring_handles)
{
	unsigned int bit;

	self->block = test_new_block(self->fd, self->adapter, 1);
	for (bit = 0; bit < 32; bit++)
		test_no_handle(self->fd, self->block.handle ^ (1U << bit));
}

TEST_F(request, query_segments)
{
	struct ndshm_block_query_args query;

	self->block = test_new_block(self->fd, self->adapter, self->page);
	query = block_query_request(self->block.handle);
	query.segment_capacity = 1;
	query.segments = to_u64(&self->segment);
	test_block_query(self->fd, &query);
	EXPECT_EQ(self->block.address, self->segment.address);
	EXPECT_LE(self->page, self->segment.length);

	query = block_query_request(self->block.handle);
	query.segment_capacity = 1;
	test_err_block_query(EINVAL, NDSHM_REASON_LIST, self->fd, &query);

	query = block_query_request(self->block.handle);
	query.segments = to_u64(&self->segment);
	test_err_block_query(EINVAL, NDSHM_REASON_LIST, self->fd, &query);

	query = block_query_request(self->block.handle);
	query.segment_capacity = 1;
	query.segments = to_u64(fence_end(&self->fence, 0));
	test_err_block_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &query);
	query.segments = to_u64(fence_end(&self->fence, 8));
	test_err_block_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &query);
	ASSERT_EQ(0, fence_protect(&self->fence, 0, PROT_READ));
	query.segments = to_u64(self->fence.start);
	test_err_block_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &query);
}

/*
 * If the result of EXTENT_ALLOC cannot be written, the extent must not stay
 * allocated. The memory that the section committed for it is freed
 * asynchronously.
 */
TEST_F(request, extent_unreported)
{
	const __u64 huge = 2 << 20;
	int section = test_new_section(self->fd, self->adapter, 4 * huge, 0);
	int holder = test_attach(section);
	__u64 locked = test_state(self->fd).user_locked;
	struct ndshm_extent_alloc_args *alloc;
	struct ndshm_section_query_args query;
	unsigned int before;
	int i;

	for (i = 0; i < 2; i++) {
		for (before = 4; before < sizeof(*alloc); before += 4) {
			alloc = fence_across(&self->fence, before);
			*alloc = extent_alloc_request(2 * huge, huge);
			ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ));
			ndshm_case(false);
			EXPECT_EQ(-1, _test_extent_alloc(holder, alloc));
			EXPECT_EQ(EFAULT, errno);
			ASSERT_EQ(0, fence_protect(&self->fence, 1,
						   PROT_READ | PROT_WRITE));
			query = test_look(section);
			EXPECT_EQ(i ? self->page : 0, query.out_taken);
			EXPECT_EQ((__u32)i, query.out_extents);
			EXPECT_EQ(1, query.out_holders);
			EXPECT_GE(3 * huge, query.out_committed);
		}
		EXPECT_TRUE(ndshm_soon(ndshm_committed(section) == i * huge));
		EXPECT_TRUE(ndshm_soon(ndshm_locked(self->fd) ==
				       locked + i * huge));
		/* The lowest place is still free. */
		if (!i)
			EXPECT_EQ(0, test_extent(holder, 1));
	}
	close(holder);
	close(section);
}

/* EXTENT_QUERY reports segments in the same way as BLOCK_QUERY. */
TEST_F(request, extent_segments)
{
	int section = test_new_section(self->fd, self->adapter, self->page,
				       self->page);
	int holder = test_attach(section);
	__u64 place = test_extent(holder, self->page);
	struct ndshm_extent_query_args query = extent_query_request(place);

	query.segment_capacity = 1;
	query.segments = to_u64(&self->segment);
	test_extent_query(holder, &query);
	EXPECT_EQ(1, query.out_segments);
	EXPECT_EQ(self->page, query.out_length);
	EXPECT_EQ(self->page, self->segment.length);

	query = extent_query_request(place);
	query.segment_capacity = 1;
	test_err_extent_query(EINVAL, NDSHM_REASON_LIST, self->fd, holder,
			      &query);
	query = extent_query_request(place);
	query.segments = to_u64(&self->segment);
	test_err_extent_query(EINVAL, NDSHM_REASON_LIST, self->fd, holder,
			      &query);

	query = extent_query_request(place);
	query.segment_capacity = 1;
	query.segments = to_u64(fence_end(&self->fence, 0));
	test_err_extent_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, holder,
			      &query);
	query.segments = to_u64(fence_end(&self->fence, 8));
	test_err_extent_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, holder,
			      &query);
	query.segments = 0xffff888000000000ULL;
	test_err_extent_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, holder,
			      &query);
	ASSERT_EQ(0, fence_protect(&self->fence, 0, PROT_READ));
	query.segments = to_u64(self->fence.start);
	test_err_extent_query(EFAULT, NDSHM_REASON_ADDRESS, self->fd, holder,
			      &query);
	EXPECT_EQ(1, test_look(section).out_extents);
	close(holder);
	close(section);
}

TEST_F(request, claim)
{
	struct ndshm_adapter_claim_args claim = adapter_claim_request(self->adapter,
								 64);

	test_err_adapter_claim(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED,
			       self->fd, &claim);
	claim = adapter_claim_request(0, 64);
	test_err_adapter_claim(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
			       &claim);
	claim = adapter_claim_request(UINT_MAX, 64);
	test_err_adapter_claim(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
			       &claim);
}

TEST_F(request, start)
{
	struct ndshm_adapter_start_args start = adapter_start_request(self->adapter);

	test_err_adapter_start(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED,
			       self->fd, &start);
	start = adapter_start_request(0);
	test_err_adapter_start(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
			       &start);
	start = adapter_start_request(UINT_MAX);
	test_err_adapter_start(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
			       &start);
}

TEST_F(request, map_bar)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->adapter, 5);

	test_err_adapter_map_bar(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED,
				 self->fd, &map);
	map = adapter_map_bar_request(0, 0);
	test_err_adapter_map_bar(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
				 &map);
	map = adapter_map_bar_request(UINT_MAX, 0);
	test_err_adapter_map_bar(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
				 &map);
}

TEST_F(request, set_irqs)
{
	struct ndshm_adapter_set_irqs_args set =
		adapter_set_irqs_request(self->adapter, NDSHM_IRQ_NONE, 0, 0, NULL);

	test_err_adapter_set_irqs(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED,
				  self->fd, &set);
	set = adapter_set_irqs_request(0, NDSHM_IRQ_NONE, 0, 0, NULL);
	test_err_adapter_set_irqs(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN,
				  self->fd, &set);
	set = adapter_set_irqs_request(UINT_MAX, NDSHM_IRQ_NONE, 0, 0, NULL);
	test_err_adapter_set_irqs(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN,
				  self->fd, &set);
}

TEST_F(request, reset)
{
	struct ndshm_adapter_reset_args reset = adapter_reset_request(self->adapter);

	test_err_adapter_reset(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED, self->fd,
			       &reset);
	reset = adapter_reset_request(0);
	test_err_adapter_reset(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd, &reset);
	reset = adapter_reset_request(UINT_MAX);
	test_err_adapter_reset(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd, &reset);
}

TEST_F(request, config)
{
	struct ndshm_adapter_config_args config;
	__u32 flags;

	for (flags = 0; flags <= NDSHM_CONFIG_WRITE; flags++) {
		config = adapter_config_request(self->adapter, flags, 0, 4, 0);
		test_err_adapter_config(EOPNOTSUPP, NDSHM_REASON_CLAIM_UNSUPPORTED,
					self->fd, &config);
		config = adapter_config_request(0, flags, 0, 4, 0);
		test_err_adapter_config(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
					&config);
		config = adapter_config_request(UINT_MAX, flags, 0, 4, 0);
		test_err_adapter_config(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
					&config);
	}
}

/* Unknown commands, and file operations that the device does not support. */
TEST_F(request, file)
{
	char byte = 0;

	test_errno(EINVAL, self->fd, write(self->fd, &byte, 1));
	test_errno(EINVAL, self->fd, read(self->fd, &byte, 1));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
