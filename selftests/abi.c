// SPDX-License-Identifier: GPL-2.0
/*
 * Check the argument of every ioctl: sizes, alignment, unreadable and
 * unwritable memory, encodings, and each member's invalid values.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "commands.h"
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
 * Checks of the argument of every command, whose rows are in commands.h
 */

FIXTURE(shape) {
	struct command_objects objects;
	bool exports;
	struct fence fence;
	union {
		struct ndshm_header header;
		char room[4096];
	};
};

FIXTURE_SETUP(shape)
{
	struct command_objects *objects = &self->objects;
	struct ndshm_get_info_args info = get_info_request();

	objects->fds[COMMAND_CLIENT] = ndshm_open();
	ASSERT_LE(0, objects->fds[COMMAND_CLIENT]);
	test_get_info(objects->fds[COMMAND_CLIENT], &info);
	self->exports = info.out_features & NDSHM_FEATURE_EXPORT;
	objects->adapter = info.out_default_adapter;
	objects->length = 1;
	test_charged(objects->fds[COMMAND_CLIENT], objects->adapter);
	ASSERT_TRUE(command_make_block(objects));
	ASSERT_TRUE(command_make_section(objects));
	ASSERT_TRUE(fence_build(&self->fence));
}

FIXTURE_TEARDOWN(shape)
{
	close(self->objects.fds[COMMAND_HOLDER]);
	close(self->objects.fds[COMMAND_SECTION]);
	close(self->objects.fds[COMMAND_CLIENT]);
}

/* The next row after @row, or the first, whose command works on this kernel. */
static const struct command *next_command(const struct _test_data_shape *self,
					  const struct command *row)
{
	row = row ? row + 1 : commands;
	while (row < commands + ARRAY_SIZE(commands) && row->exports && !self->exports)
		row++;
	return row < commands + ARRAY_SIZE(commands) ? row : NULL;
}

#define for_each_command(row) \
	for ((row) = next_command(self, NULL); (row); (row) = next_command(self, row))

/* A valid request in @self->room, with zeroes behind it. */
static void make_request(struct _test_data_shape *self, const struct command *row)
{
	memset(self->room, 0, sizeof(self->room));
	row->build(self->room, &self->objects);
}

/* Put a valid request at @to, which need not be aligned. */
static void put_request(struct _test_data_shape *self, const struct command *row, void *to)
{
	make_request(self, row);
	memcpy(to, self->room, row->size);
}

/*
 * The request must succeed, and is undone, or fail with the reason of a valid request. It need not
 * be aligned.
 */
static void expect_taken(struct __test_metadata *_metadata, int line,
			 struct _test_data_shape *self, const struct command *row, void *argument)
{
	struct ndshm_header *header = argument;
	__u64 reply[32] = {};

	if (row->reason) {
		ndshm_fail(_metadata, line, ndshm_expected[row->reason].error, row->reason,
			   self->objects.fds[COMMAND_CLIENT], row->number, argument);
		return;
	}
	ndshm_pass(_metadata, line, self->objects.fds[row->object], row->number, argument);
	memcpy(reply, argument, header->size < row->size ? header->size : row->size);
	EXPECT_TRUE(!row->undo || row->undo(reply, &self->objects))
		TH_LOG("line %d: %s cannot be undone", line, row->name);
}

#define test_taken(row, argument) \
	expect_taken(_metadata, __LINE__, self, row, argument)

/* State, besides the client's, that a failure must not change. */
struct whole {
	int descriptor;		/* the lowest unused file descriptor */
	struct ndshm_section_query_args section;
};

static struct whole whole_at(struct __test_metadata *_metadata, int line,
			     const struct _test_data_shape *self)
{
	struct whole whole = { .section = section_query_request() };

	ASSERT_EQ(0, _test_section_query(self->objects.fds[COMMAND_SECTION], &whole.section))
		TH_LOG("line %d: %s", line, strerror(errno));
	whole.descriptor = fcntl(self->objects.fds[COMMAND_CLIENT], F_DUPFD, 0);
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
			   const struct _test_data_shape *self, const struct command *row,
			   int error, __u32 reason, void *argument)
{
	const struct ndshm_block_info made = self->objects.made;
	struct whole whole = whole_at(_metadata, line, self);

	ndshm_fail_on(_metadata, line, error, reason, self->objects.fds[COMMAND_CLIENT],
		      self->objects.fds[row->object], row->number, argument);
	expect_whole(_metadata, line, self, &whole);
	EXPECT_EQ(0, memcmp(&made, &self->objects.made, sizeof(made)))
		TH_LOG("line %d: a failed %s reports a block", line, row->name);
}

#define test_refused(error, reason, row, argument) \
	expect_refused(_metadata, __LINE__, self, row, error, reason, argument)

static void expect_errno(struct __test_metadata *_metadata, int line,
			 const struct _test_data_shape *self, enum command_object object,
			 int error, unsigned long number, void *argument)
{
	struct whole whole = whole_at(_metadata, line, self);

	ndshm_errno_on(_metadata, line, error, self->objects.fds[COMMAND_CLIENT],
		       self->objects.fds[object], number, argument);
	expect_whole(_metadata, line, self, &whole);
}

#define test_fails(error, row, argument) \
	expect_errno(_metadata, __LINE__, self, (row)->object, error, (row)->number, argument)

/* The failing request must not write any of the bytes of @self->room. */
static void expect_untouched(struct __test_metadata *_metadata, int line,
			     struct _test_data_shape *self, enum command_object object,
			     int error, unsigned long number)
{
	char before[sizeof(self->room)];

	memcpy(before, self->room, sizeof(before));
	expect_errno(_metadata, line, self, object, error, number, self->room);
	EXPECT_EQ(0, memcmp(before, self->room, sizeof(before)))
		TH_LOG("line %d: command %#lx wrote", line, number);
}

#define test_untouched(error, object, number) \
	expect_untouched(_metadata, __LINE__, self, object, error, number)

TEST_F(shape, exact)
{
	const struct command *row;
	void *argument;

	for_each_command(row) {
		argument = fence_end(&self->fence, row->size);
		put_request(self, row, argument);
		test_taken(row, argument);
	}
}

TEST_F(shape, rubbish_in_outputs)
{
	const struct command *row;
	unsigned int byte;

	for_each_command(row) {
		for (byte = 0; byte < 256; byte += 85) {
			make_request(self, row);
			memset(&self->header.status, byte, sizeof(self->header.status));
			memset(&self->header.reason, byte, sizeof(self->header.reason));
			test_taken(row, self->room);
		}
	}
}

TEST_F(shape, below_header)
{
	const struct command *row;
	__u32 size;

	for_each_command(row) {
		for (size = 0; size < sizeof(struct ndshm_header); size++) {
			make_request(self, row);
			self->header.size = size;
			test_untouched(EINVAL, row->object, row->number);
		}
	}
}

TEST_F(shape, short_argument)
{
	const struct command *row;
	char *argument;
	__u32 size;

	for_each_command(row) {
		for (size = sizeof(struct ndshm_header);
		     size < (row->first_size ?: row->size); size++) {
			/* The memory beyond header.size must not be accessed. */
			argument = fence_end(&self->fence, size & ~7U);
			make_request(self, row);
			self->header.size = size;
			memcpy(argument, self->room, size & ~7U);
			test_refused(EINVAL, NDSHM_REASON_ARGUMENT_SHORT, row, argument);
		}
	}
}

/* With the size of the first version the kernel must not read or write beyond it. */
TEST_F(shape, first_version)
{
	const struct command *row;
	char *argument;
	__u32 size;

	for_each_command(row) {
		if (!row->first_size)
			continue;
		argument = fence_end(&self->fence, row->first_size);
		make_request(self, row);
		self->header.size = row->first_size;
		memcpy(argument, self->room, row->first_size);
		test_taken(row, argument);
		/* Sizes between two versions, which no header has, must work as well. */
		for (size = row->first_size; size < row->size; size++) {
			make_request(self, row);
			memset(self->room + size, 0x55, sizeof(self->room) - size);
			self->header.size = size;
			test_taken(row, self->room);
			EXPECT_TRUE(all_bytes(self->room + size, sizeof(self->room) - size, 0x55))
				TH_LOG("%s, size %u", row->name, size);
		}
	}
}

TEST_F(shape, long_argument)
{
	static const __u32 more[] = { 1, 4, 8, 100, 1000 };
	const struct command *row;
	unsigned int i;

	for_each_command(row) {
		for (i = 0; i < ARRAY_SIZE(more); i++) {
			make_request(self, row);
			self->header.size = row->size + more[i];
			/* Bytes beyond header.size are ignored, whatever their value. */
			self->room[self->header.size] = 1;
			test_taken(row, self->room);
			EXPECT_TRUE(all_bytes(self->room + row->size, more[i], 0))
				TH_LOG("%s", row->name);
		}
		make_request(self, row);
		self->header.size = sizeof(self->room);
		test_taken(row, self->room);
	}
}

TEST_F(shape, tail)
{
	const __u32 last = sizeof(self->room) - 1;
	const struct command *row;
	__u32 at;

	for_each_command(row) {
		for (at = row->size; at <= last; at += at < 128 ? 1 : 331) {
			make_request(self, row);
			self->header.size = sizeof(self->room);
			self->room[at] = 1;
			test_refused(E2BIG, NDSHM_REASON_ARGUMENT_TAIL, row, self->room);
		}
		make_request(self, row);
		self->header.size = sizeof(self->room);
		self->room[last] = (char)0x80;
		test_refused(E2BIG, NDSHM_REASON_ARGUMENT_TAIL, row, self->room);
	}
}

TEST_F(shape, huge_size)
{
	static const __u32 sizes[] = {
		HUGE_SIZE, INT_MAX, (__u32)INT_MAX + 1, 1 << 20,
	};
	const struct command *row;
	unsigned int i;
	char *argument;

	for_each_command(row) {
		argument = fence_end(&self->fence, row->size + 8);
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			put_request(self, row, argument);
			memset(argument + row->size, 0xff, 8);
			((struct ndshm_header *)argument)->size = sizes[i];
			test_refused(E2BIG, NDSHM_REASON_ARGUMENT_TAIL, row, argument);
		}
	}
}

TEST_F(shape, unreadable)
{
	const struct command *row;

	for_each_command(row) {
		test_fails(EFAULT, row, NULL);
		test_fails(EFAULT, row, fence_end(&self->fence, 0));
		test_fails(EFAULT, row, (void *)-4096L);
		test_fails(EFAULT, row, (void *)-1L);
		if (sizeof(long) == 8)
			test_fails(EFAULT, row, (void *)(LONG_MAX & ~4095L));
	}
}

/* The header is readable, but only a part of the size that it states. */
TEST_F(shape, half_readable)
{
	const struct command *row;
	char *argument;
	__u32 there;

	for_each_command(row) {
		make_request(self, row);
		for (there = 4; there < row->size; there += 4) {
			argument = fence_end(&self->fence, there);
			memcpy(argument, self->room, there);
			test_fails(EFAULT, row, argument);
		}
	}
}

/* The tail must be zero, and a part of it is unreadable: -EFAULT. */
TEST_F(shape, half_readable_tail)
{
	const struct command *row;
	char *argument;

	for_each_command(row) {
		argument = fence_end(&self->fence, row->size + 8);
		put_request(self, row, argument);
		memset(argument + row->size, 0, 8);
		((struct ndshm_header *)argument)->size = row->size + 16;
		test_fails(EFAULT, row, argument);
	}
}

/*
 * Only the argument's first bytes are writable, or none. The boundary falls at every offset, also
 * inside the header. The failed free or delete must not have removed its object: afterwards the
 * request must work.
 */
TEST_F(shape, half_writable)
{
	const struct command *row;
	char *argument;
	__u32 before;

	for_each_command(row) {
		for (before = 0; before < row->size; before += 4) {
			argument = fence_across(&self->fence, before);
			put_request(self, row, argument);
			ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ));
			test_fails(EFAULT, row, argument);
			ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ | PROT_WRITE));
		}
		make_request(self, row);
		test_taken(row, self->room);
	}
}

TEST_F(shape, unaligned)
{
	const struct command *row;
	char *argument = fence_across(&self->fence, 1);

	for_each_command(row) {
		put_request(self, row, argument);
		test_taken(row, argument);
	}
}

TEST_F(shape, unknown_flags)
{
	const struct command *row;
	unsigned int bit;

	for_each_command(row) {
		for (bit = 0; bit < 32; bit++) {
			if (row->flags & (1U << bit))
				continue;
			make_request(self, row);
			self->header.flags = 1U << bit;
			test_refused(EOPNOTSUPP, NDSHM_REASON_FLAGS, row, self->room);
		}
		make_request(self, row);
		self->header.flags = ~0U;
		test_refused(EOPNOTSUPP, NDSHM_REASON_FLAGS, row, self->room);
	}
}

TEST_F(shape, known_flags)
{
	const struct command *row;

	for_each_command(row) {
		make_request(self, row);
		self->header.flags = row->flags;
		test_taken(row, self->room);
	}
}

TEST_F(shape, reserved)
{
	const struct command *row;
	unsigned int i;
	__u32 value;

	for_each_command(row) {
		for (i = 0; i < ARRAY_SIZE(row->reserved) && row->reserved[i]; i++) {
			for (value = 1; value; value <<= 1) {
				make_request(self, row);
				*(__u32 *)(self->room + row->reserved[i]) = value;
				test_refused(EINVAL, NDSHM_REASON_RESERVED, row, self->room);
			}
		}
	}
}

static void expect_bad_member(struct __test_metadata *_metadata, struct _test_data_shape *self,
			      const struct command *row, const struct command_bad *bad,
			      __u32 flags)
{
	memset(&self->objects.made, NDSHM_POISON, sizeof(self->objects.made));
	make_request(self, row);
	self->header.flags = flags;
	if (bad->width == sizeof(__u64))
		*(__u64 *)(self->room + bad->offset) = bad->value;
	else
		*(__u32 *)(self->room + bad->offset) = bad->value;
	test_refused(ndshm_expected[bad->reason].error, bad->reason, row, self->room);
}

TEST_F(shape, bad_members)
{
	const struct command_bad *bad;
	const struct command *row;
	unsigned int i;

	for_each_command(row) {
		for (i = 0; i < ARRAY_SIZE(row->bad); i++) {
			for (bad = row->bad[i]; bad && bad->width; bad++) {
				expect_bad_member(_metadata, self, row, bad, 0);
				if (row->flags)
					expect_bad_member(_metadata, self, row, bad, row->flags);
			}
		}
	}
}

/* The array at @address cannot be accessed as a whole. */
static void expect_bad_pointer(struct __test_metadata *_metadata, int line,
			       struct _test_data_shape *self, const struct command *row,
			       const struct command_pointer *pointer, __u64 address)
{
	make_request(self, row);
	*(__u64 *)(self->room + pointer->offset) = address;
	if (pointer->count)
		*(__u32 *)(self->room + pointer->count) = 1;
	expect_refused(_metadata, line, self, row, EFAULT, NDSHM_REASON_ADDRESS, self->room);
}

TEST_F(shape, bad_pointers)
{
	const struct command_pointer *pointer;
	const struct command *row;
	__u64 addresses[4];
	unsigned int i;

	for_each_command(row) {
		for (pointer = row->pointers; pointer && pointer->size; pointer++) {
			addresses[0] = to_u64(fence_end(&self->fence, 0));
			addresses[1] = to_u64(fence_end(&self->fence, pointer->size / 2));
			addresses[2] = 0xffff888000000000ULL;
			addresses[3] = ULLONG_MAX;
			for (i = 0; i < ARRAY_SIZE(addresses); i++)
				expect_bad_pointer(_metadata, __LINE__, self, row, pointer,
						   addresses[i]);
			if (pointer->input)
				continue;
			ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ));
			for (i = 0; i <= pointer->size / 2; i += pointer->size / 2)
				expect_bad_pointer(_metadata, __LINE__, self, row, pointer,
						   to_u64(fence_across(&self->fence, i)));
			ASSERT_EQ(0, fence_protect(&self->fence, 1, PROT_READ | PROT_WRITE));
		}
	}
}

/* An ioctl number with another direction, size or type must be rejected. */
TEST_F(shape, other_encodings)
{
	const struct command *row;
	unsigned int i;

	for_each_command(row) {
		const unsigned int number = _IOC_NR(row->number);
		const unsigned long others[] = {
			_IOR(NDSHM_IOC, number, struct ndshm_header),
			_IOW(NDSHM_IOC, number, struct ndshm_header),
			_IOWR(NDSHM_IOC, number, struct ndshm_header),
			_IO(NDSHM_IOC + 1, number),
			_IO(NDSHM_IOC - 1, number),
			_IO(0, number),
		};

		for (i = 0; i < ARRAY_SIZE(others); i++) {
			make_request(self, row);
			test_untouched(ENOTTY, row->object, others[i]);
			expect_errno(_metadata, __LINE__, self, row->object, ENOTTY, others[i],
				     NULL);
		}
	}
}

static bool is_command(enum command_object object, unsigned long number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].object == object && commands[i].number == number)
			return true;
	return false;
}

/* A number is a command of one kind of descriptor, or of none. */
TEST_F(shape, unknown_commands)
{
	unsigned int object, number;

	for (object = 0; object < COMMAND_OBJECTS; object++) {
		for (number = 0; number < 256; number++) {
			if (is_command(object, _IO(NDSHM_IOC, number)))
				continue;
			memset(self->room, NDSHM_POISON, sizeof(self->room));
			self->header.size = 256;
			test_untouched(ENOTTY, object, _IO(NDSHM_IOC, number));
		}
		expect_errno(_metadata, __LINE__, self, object, ENOTTY, 0xffffffff, NULL);
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

/* Values that depend on the machine; the others are in commands.h. */
TEST_F(request, alloc_limits)
{
	test_bad_alloc(EINVAL, NDSHM_REASON_LENGTH_LIMIT, length,
		       self->info.out_max_length + 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_LENGTH_LIMIT, length,
		       -(__u64)self->page);
	/* This length overflows when it is rounded up to pages. */
	test_bad_alloc(EOVERFLOW, NDSHM_REASON_LENGTH_OVERFLOW, length,
		       -(__u64)self->page + 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_COUNT, count,
		       self->info.out_max_batch + 1);
	test_bad_alloc(EINVAL, NDSHM_REASON_NODE, preferred_node,
		       offline_node());
}

/* Pairs of members that exclude each other. */
TEST_F(request, alloc_pairs)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	struct ndshm_block_info blocks[2];

	alloc.queue_id = 1;
	alloc.vport_id = 1;
	test_err_block_alloc(EINVAL, NDSHM_REASON_QUEUE_AND_PORT, self->fd,
			     &alloc);
	/* Segments can only be requested for a single block. */
	alloc = block_alloc_request(self->adapter, 1, blocks);
	alloc.count = 2;
	alloc.segment_capacity = 1;
	alloc.segments = to_u64(&self->segment);
	test_err_block_alloc(EINVAL, NDSHM_REASON_LIST, self->fd, &alloc);
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
		EXPECT_GE((i + 1) * huge, ndshm_committed(section));
		EXPECT_TRUE(ndshm_soon(ndshm_locked(self->fd) <=
				       locked + (i + 1) * huge));
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
	close(holder);
	close(section);
}

/* File operations that the device does not support. */
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
