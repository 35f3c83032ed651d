/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of ndshm, one row each: number, descriptor, size, flags, a valid request, how to undo
 * it, and what each invalid value of a member gives. abi_layout compares the numbers and sizes with
 * the header, abi tests each row's argument, and fail_nth fails each row's allocations and copies.
 */
#ifndef _NDSHM_SELFTEST_COMMANDS_H
#define _NDSHM_SELFTEST_COMMANDS_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ndshm_requests.h"

/* The kind of descriptor that a command is issued on. */
enum command_object {
	COMMAND_CLIENT,
	COMMAND_SECTION,
	COMMAND_HOLDER,
	COMMAND_OBJECTS,
};

/**
 * struct command_objects - What the requests name
 * @fds: by kind; the holder is one of the section
 * @adapter: the adapter of blocks and sections
 * @handle: of a block
 * @place: offset of an extent of the holder
 * @length: of the blocks and extents that requests allocate
 * @made: the block that BLOCK_ALLOC allocated
 */
struct command_objects {
	int fds[COMMAND_OBJECTS];
	__u32 adapter;
	__u32 handle;
	__u64 place;
	__u64 length;
	struct ndshm_block_info made;
};

/**
 * struct command_bad - An invalid value, which makes a valid request fail
 * @offset: of the member
 * @width: of the member in bytes: 4, or 8; 0 ends the list
 * @value: of the member
 * @reason: of the failure, which determines the errno
 */
struct command_bad {
	__u32 offset;
	__u32 width;
	__u64 value;
	__u32 reason;
};

/**
 * struct command_pointer - A member with the address of an array
 * @offset: of the member
 * @count: offset of the __u32 member with the number of elements, or 0
 * @size: of an element; 0 ends the list
 * @input: the kernel reads the array, and does not write it
 */
struct command_pointer {
	__u32 offset;
	__u32 count;
	__u32 size;
	bool input;
};

/**
 * struct command - An ioctl
 * @name: in messages
 * @number: as the header has it
 * @published: @number, which must never change
 * @size: published size of the argument
 * @first_size: published size of the first version of the argument; 0 if there is only one
 * @object: kind of the descriptor
 * @flags: known flags
 * @reserved: offsets of __u32 members that must be 0
 * @reason: of the failure of a valid request without an adapter to claim, or 0
 * @exports: works only if the kernel has dma-bufs
 * @build: builds a valid request
 * @undo: undoes a successful request, so that @build finds all objects; NULL if there is nothing to
 *	undo. Return: true on success.
 * @bad: lists of invalid values
 * @pointers: members with addresses
 */
struct command {
	const char *name;
	unsigned long number;
	unsigned long published;
	__u32 size;
	__u32 first_size;
	enum command_object object;
	__u32 flags;
	__u32 reserved[2];
	__u32 reason;
	bool exports;
	void (*build)(void *request, struct command_objects *objects);
	bool (*undo)(const void *reply, struct command_objects *objects);
	const struct command_bad *bad[2];
	const struct command_pointer *pointers;
};

/*
 * Valid requests
 */

#define BUILD(name, request_) \
static inline void build_##name(void *request, struct command_objects *objects) \
{ \
	(void)objects; \
	*(struct ndshm_##name##_args *)request = request_; \
}

BUILD(get_info, get_info_request())
BUILD(adapter_claim, adapter_claim_request(objects->fds[COMMAND_CLIENT], 64))
BUILD(adapter_start, adapter_start_request(objects->adapter))
BUILD(adapter_map_bar, adapter_map_bar_request(objects->adapter, 0))
BUILD(adapter_set_irqs, adapter_set_irqs_request(objects->adapter, NDSHM_IRQ_NONE, 0, 0, NULL))
BUILD(adapter_reset, adapter_reset_request(objects->adapter))
BUILD(adapter_config, adapter_config_request(objects->adapter, 0, 0, 4, 0))
BUILD(block_alloc, block_alloc_request(objects->adapter, objects->length, &objects->made))
BUILD(block_free, block_free_request(objects->handle))
BUILD(block_query, block_query_request(objects->handle))
BUILD(block_sync, block_sync_request(objects->handle, NDSHM_SYNC_FOR_CPU, 0, objects->length))
BUILD(block_export, block_export_request(objects->handle, O_RDWR | O_CLOEXEC))
BUILD(section_create, section_create_request(objects->adapter, objects->length, objects->length))
BUILD(section_open, section_open_request(NDSHM_OWNER_SELF, "no section", 0))
BUILD(section_attach, section_attach_request(0))
BUILD(section_share, section_share_request(0))
BUILD(section_delete, section_delete_request(0, objects->fds[COMMAND_HOLDER]))
BUILD(block_free_id, block_free_id_request(0x7ffffff0))
BUILD(section_delete_id, section_delete_id_request(0x7ffffff0, NDSHM_DELETE_REVOKE))
BUILD(section_query, section_query_request())
BUILD(section_sync, section_sync_request(NDSHM_SYNC_FOR_CPU, 0, objects->length))
BUILD(section_export, section_export_request(objects->place, getpagesize(), O_RDWR | O_CLOEXEC))
BUILD(extent_alloc, extent_alloc_request(objects->length, 0))
BUILD(extent_free, extent_free_request(objects->place))
BUILD(extent_query, extent_query_request(objects->place))

/*
 * Objects, and the undoing of requests
 */

static inline bool command_make_block(struct command_objects *objects)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(objects->adapter, objects->length, &objects->made);
	bool made = !ioctl(objects->fds[COMMAND_CLIENT], NDSHM_BLOCK_ALLOC, &alloc);

	objects->handle = objects->made.handle;
	return made;
}

static inline bool command_make_extent(struct command_objects *objects)
{
	struct ndshm_extent_alloc_args alloc = extent_alloc_request(1, 0);
	bool made = !ioctl(objects->fds[COMMAND_HOLDER], NDSHM_EXTENT_ALLOC, &alloc);

	objects->place = alloc.out_offset;
	return made;
}

/* A section whose memory is all committed, so that no request changes its amount. */
static inline bool command_make_section(struct command_objects *objects)
{
	const __u64 size = 4 * getpagesize();
	struct ndshm_section_create_args create =
		section_create_request(objects->adapter, size, size);
	struct ndshm_section_attach_args attach = section_attach_request(0);

	if (ioctl(objects->fds[COMMAND_CLIENT], NDSHM_SECTION_CREATE, &create))
		return false;
	objects->fds[COMMAND_SECTION] = create.out_section;
	if (ioctl(create.out_section, NDSHM_SECTION_ATTACH, &attach))
		return false;
	objects->fds[COMMAND_HOLDER] = attach.out_holder;
	return command_make_extent(objects);
}

/* Close the descriptor that is at @offset of @reply. */
static inline bool undo_by_close(const void *reply, size_t offset)
{
	__s32 fd;

	memcpy(&fd, (const char *)reply + offset, sizeof(fd));
	return !close(fd);
}

#define UNDO_CLOSE(name, offset) \
static inline bool undo_##name(const void *reply, struct command_objects *objects) \
{ \
	(void)objects; \
	return undo_by_close(reply, offset); \
}

UNDO_CLOSE(block_export, offsetof(struct ndshm_block_export_args, out_dmabuf))
UNDO_CLOSE(section_open, offsetof(struct ndshm_section_open_args, out_section))
UNDO_CLOSE(section_attach, offsetof(struct ndshm_section_attach_args, out_holder))
UNDO_CLOSE(section_share, offsetof(struct ndshm_section_share_args, out_section))
UNDO_CLOSE(section_export, offsetof(struct ndshm_section_export_args, out_dmabuf))

static inline bool undo_block_alloc(const void *reply, struct command_objects *objects)
{
	struct ndshm_block_free_args request = block_free_request(objects->made.handle);

	(void)reply;
	return !ioctl(objects->fds[COMMAND_CLIENT], NDSHM_BLOCK_FREE, &request);
}

static inline bool undo_block_free(const void *reply, struct command_objects *objects)
{
	(void)reply;
	return command_make_block(objects);
}

static inline bool undo_section_create(const void *reply, struct command_objects *objects)
{
	const struct ndshm_section_create_args *create = reply;

	(void)objects;
	return create->out_id && !close(create->out_section);
}

static inline bool undo_section_delete(const void *reply, struct command_objects *objects)
{
	struct ndshm_section_query_args query = section_query_request();

	(void)reply;
	return !ioctl(objects->fds[COMMAND_SECTION], NDSHM_SECTION_QUERY, &query) &&
	       query.out_flags & NDSHM_SECTION_DELETED &&
	       !close(objects->fds[COMMAND_HOLDER]) &&
	       !close(objects->fds[COMMAND_SECTION]) &&
	       command_make_section(objects);
}

static inline bool undo_extent_alloc(const void *reply, struct command_objects *objects)
{
	const struct ndshm_extent_alloc_args *alloc = reply;
	struct ndshm_extent_free_args request = extent_free_request(alloc->out_offset);

	return !ioctl(objects->fds[COMMAND_HOLDER], NDSHM_EXTENT_FREE, &request);
}

static inline bool undo_extent_free(const void *reply, struct command_objects *objects)
{
	(void)reply;
	return command_make_extent(objects);
}

/*
 * The rows
 */

#define AT(name, member)	offsetof(struct ndshm_##name##_args, member)
#define BAD(name, member, value, reason) { \
	offsetof(struct ndshm_##name##_args, member), \
	sizeof(((struct ndshm_##name##_args *)0)->member), (value), NDSHM_REASON_##reason }

/* For all commands with an adapter, which is the first member after the header. */
static const struct command_bad bad_adapters[] = {
	BAD(adapter_start, adapter, 0, ADAPTER_UNKNOWN),
	BAD(adapter_start, adapter, 100000, ADAPTER_UNKNOWN),
	BAD(adapter_start, adapter, UINT_MAX, ADAPTER_UNKNOWN),
	{},
};

/*
 * For all commands with a handle, which is the first member after the header. A valid one has a
 * generation above 0 in its upper half, and an index above 0 in its lower one.
 */
static const struct command_bad bad_handles[] = {
	BAD(block_free, handle, 0, HANDLE_UNKNOWN),
	BAD(block_free, handle, 1, HANDLE_UNKNOWN),
	BAD(block_free, handle, 0xffff, HANDLE_UNKNOWN),
	BAD(block_free, handle, 0x10000, HANDLE_UNKNOWN),
	BAD(block_free, handle, INT_MAX, HANDLE_UNKNOWN),
	BAD(block_free, handle, UINT_MAX, HANDLE_UNKNOWN),
	{},
};

/* For all commands with an extent, whose offset is the first member after the header. */
static const struct command_bad bad_extents[] = {
	BAD(extent_free, offset, 1, ALIGNMENT),
	BAD(extent_free, offset, 1ULL << 20, EXTENT_UNKNOWN),
	BAD(extent_free, offset, 1ULL << 63, EXTENT_UNKNOWN),
	BAD(extent_free, offset, ULLONG_MAX, ALIGNMENT),
	{},
};

static const struct command commands[] = {
	{
		.name = "GET_INFO", .number = NDSHM_GET_INFO, .published = 0x5e80,
		.size = 88, .first_size = 72,
		.reserved = { AT(get_info, __reserved) },
		.build = build_get_info,
	}, {
		.name = "ADAPTER_CLAIM", .number = NDSHM_ADAPTER_CLAIM, .published = 0x5e81,
		.size = 48,
		.reason = NDSHM_REASON_DESCRIPTOR,
		.build = build_adapter_claim,
		.bad = { (const struct command_bad[]){
			BAD(adapter_claim, device, 100000, DESCRIPTOR),
			BAD(adapter_claim, device, UINT_MAX, DESCRIPTOR),
			{},
		} },
	}, {
		.name = "ADAPTER_START", .number = NDSHM_ADAPTER_START, .published = 0x5e82,
		.size = 24,
		.reserved = { AT(adapter_start, __reserved) },
		.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
		.build = build_adapter_start,
		.bad = { bad_adapters },
	}, {
		.name = "ADAPTER_MAP_BAR", .number = NDSHM_ADAPTER_MAP_BAR, .published = 0x5e83,
		.size = 40,
		.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
		.build = build_adapter_map_bar,
		.bad = { bad_adapters, (const struct command_bad[]){
			BAD(adapter_map_bar, bar, 5, CLAIM_UNSUPPORTED),
			{},
		} },
	}, {
		.name = "BLOCK_ALLOC", .number = NDSHM_BLOCK_ALLOC, .published = 0x5e84,
		.size = 80,
		.flags = NDSHM_ALLOC_CONTIGUOUS | NDSHM_ALLOC_DUMP,
		.build = build_block_alloc, .undo = undo_block_alloc,
		.bad = { bad_adapters, (const struct command_bad[]){
			BAD(block_alloc, provider, 100000, PROVIDER_UNKNOWN),
			BAD(block_alloc, provider, UINT_MAX, PROVIDER_UNKNOWN),
			BAD(block_alloc, length, 0, LENGTH_ZERO),
			BAD(block_alloc, length, 1ULL << 62, LENGTH_LIMIT),
			BAD(block_alloc, length, ULLONG_MAX, LENGTH_OVERFLOW),
			BAD(block_alloc, preferred_node, -2, NODE),
			BAD(block_alloc, preferred_node, INT_MIN, NODE),
			BAD(block_alloc, preferred_node, 4096, NODE),
			BAD(block_alloc, preferred_node, INT_MAX, NODE),
			BAD(block_alloc, usage, NDSHM_USAGE_UNDEFINED, USAGE),
			BAD(block_alloc, usage, NDSHM_USAGE_MAX, USAGE),
			BAD(block_alloc, usage, NDSHM_USAGE_MAX + 1, USAGE),
			BAD(block_alloc, usage, UINT_MAX, USAGE),
			BAD(block_alloc, queue_id, 1, QUEUE_UNSUPPORTED),
			BAD(block_alloc, queue_id, UINT_MAX, QUEUE_UNSUPPORTED),
			BAD(block_alloc, vport_id, 1, PORT_UNSUPPORTED),
			BAD(block_alloc, vport_id, UINT_MAX, PORT_UNSUPPORTED),
			BAD(block_alloc, count, 0, COUNT),
			/* This count would overflow the size of the array. */
			BAD(block_alloc, count,
			    UINT_MAX / sizeof(struct ndshm_block_info) + 2, COUNT),
			BAD(block_alloc, count, UINT_MAX, COUNT),
			BAD(block_alloc, segment_capacity, 1, LIST),
			BAD(block_alloc, segments, 1, LIST),
			BAD(block_alloc, blocks, 0, ADDRESS),
			{},
		} },
		.pointers = (const struct command_pointer[]){
			{
				.offset = AT(block_alloc, blocks),
				.size = sizeof(struct ndshm_block_info),
			},
			{
				.offset = AT(block_alloc, segments),
				.count = AT(block_alloc, segment_capacity),
				.size = sizeof(struct ndshm_segment),
			},
			{},
		},
	}, {
		.name = "BLOCK_FREE", .number = NDSHM_BLOCK_FREE, .published = 0x5e85,
		.size = 40, .first_size = 24,
		.flags = NDSHM_FREE_REVOKE,
		.reserved = { AT(block_free, __reserved) },
		.build = build_block_free, .undo = undo_block_free,
		.bad = { bad_handles, (const struct command_bad[]){
			BAD(block_free, count, 1, RESERVED),
			BAD(block_free, count, UINT_MAX, COUNT),
			BAD(block_free, handles, 1, COUNT),
			{},
		} },
	}, {
		.name = "BLOCK_QUERY", .number = NDSHM_BLOCK_QUERY, .published = 0x5e86,
		.size = 96,
		.build = build_block_query,
		.bad = { bad_handles, (const struct command_bad[]){
			BAD(block_query, segment_capacity, 1, LIST),
			BAD(block_query, segments, 1, LIST),
			{},
		} },
		.pointers = (const struct command_pointer[]){
			{
				.offset = AT(block_query, segments),
				.count = AT(block_query, segment_capacity),
				.size = sizeof(struct ndshm_segment),
			},
			{},
		},
	}, {
		.name = "BLOCK_SYNC", .number = NDSHM_BLOCK_SYNC, .published = 0x5e87,
		.size = 40,
		.build = build_block_sync,
		.bad = { bad_handles, (const struct command_bad[]){
			BAD(block_sync, direction, 0, DIRECTION),
			BAD(block_sync, direction, 3, DIRECTION),
			BAD(block_sync, direction, UINT_MAX, DIRECTION),
			BAD(block_sync, offset, 1ULL << 62, RANGE),
			BAD(block_sync, offset, ULLONG_MAX, RANGE),
			BAD(block_sync, length, 0, LENGTH_ZERO),
			BAD(block_sync, length, 1ULL << 62, RANGE),
			BAD(block_sync, length, ULLONG_MAX, RANGE),
			{},
		} },
	}, {
		.name = "SECTION_CREATE", .number = NDSHM_SECTION_CREATE, .published = 0x5e88,
		.size = 80, .first_size = 56, .flags = NDSHM_CREATE_DUMP,
		.reserved = { AT(section_create, __reserved), AT(section_create, __reserved2) },
		.build = build_section_create, .undo = undo_section_create,
		.bad = { bad_adapters, (const struct command_bad[]){
			BAD(section_create, provider, 100000, PROVIDER_UNKNOWN),
			BAD(section_create, provider, UINT_MAX, PROVIDER_UNKNOWN),
			BAD(section_create, max_size, 0, LENGTH_ZERO),
			BAD(section_create, max_size, 1ULL << 62, LENGTH_LIMIT),
			BAD(section_create, max_size, ULLONG_MAX, LENGTH_OVERFLOW),
			BAD(section_create, initial_size, 1ULL << 62, SECTION_INITIAL),
			BAD(section_create, preferred_node, -2, NODE),
			BAD(section_create, preferred_node, INT_MAX, NODE),
			BAD(section_create, name, 1, NAME),
			BAD(section_create, name_length, 1, NAME),
			BAD(section_create, name_length, NDSHM_SECTION_NAME_BYTES + 1, NAME),
			BAD(section_create, mode, 0600, MODE),
			BAD(section_create, mode, 01000, MODE),
			{},
		} },
		.pointers = (const struct command_pointer[]){
			{
				.offset = AT(section_create, name),
				.count = AT(section_create, name_length),
				.size = 1, .input = true,
			},
			{},
		},
	}, {
		.name = "SECTION_OPEN", .number = NDSHM_SECTION_OPEN, .published = 0x5e89,
		.size = 40,
		.flags = NDSHM_OPEN_READONLY,
		.reason = NDSHM_REASON_SECTION_UNKNOWN,
		.build = build_section_open, .undo = undo_section_open,
		.bad = { (const struct command_bad[]){
			BAD(section_open, name, 0, NAME),
			BAD(section_open, name_length, 0, NAME),
			BAD(section_open, name_length, NDSHM_SECTION_NAME_BYTES + 1, NAME),
			BAD(section_open, name_length, UINT_MAX, NAME),
			BAD(section_open, owner, NDSHM_USER_A, SECTION_UNKNOWN),
			{},
		} },
		.pointers = (const struct command_pointer[]){
			{
				.offset = AT(section_open, name),
				.count = AT(section_open, name_length),
				.size = 1, .input = true,
			},
			{},
		},
	}, {
		.name = "ADAPTER_SET_IRQS", .number = NDSHM_ADAPTER_SET_IRQS, .published = 0x5e8a,
		.size = 40,
		.flags = NDSHM_SET_IRQS_UNMASK,
		.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
		.build = build_adapter_set_irqs,
		.bad = { bad_adapters },
	}, {
		.name = "BLOCK_EXPORT", .number = NDSHM_BLOCK_EXPORT, .published = 0x5e8b,
		.size = 32,
		.reserved = { AT(block_export, __reserved) },
		.exports = true,
		.build = build_block_export, .undo = undo_block_export,
		.bad = { bad_handles, (const struct command_bad[]){
			BAD(block_export, fd_flags, O_WRONLY, FLAGS),
			BAD(block_export, fd_flags, O_ACCMODE, FLAGS),
			BAD(block_export, fd_flags, O_RDWR | O_APPEND, FLAGS),
			BAD(block_export, fd_flags, UINT_MAX, FLAGS),
			{},
		} },
	}, {
		.name = "ADAPTER_RESET", .number = NDSHM_ADAPTER_RESET, .published = 0x5e8c,
		.size = 24,
		.reserved = { AT(adapter_reset, __reserved) },
		.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
		.build = build_adapter_reset,
		.bad = { bad_adapters },
	}, {
		.name = "ADAPTER_CONFIG", .number = NDSHM_ADAPTER_CONFIG, .published = 0x5e8d,
		.size = 32,
		.flags = NDSHM_CONFIG_WRITE,
		.reason = NDSHM_REASON_CLAIM_UNSUPPORTED,
		.build = build_adapter_config,
		.bad = { bad_adapters },
	}, {
		.name = "SECTION_DELETE_ID", .number = NDSHM_SECTION_DELETE_ID, .published = 0x5e8e,
		.size = 24,
		.flags = NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE,
		.reserved = { AT(section_delete_id, __reserved) },
		.reason = NDSHM_REASON_SECTION_UNKNOWN,
		.build = build_section_delete_id,
		.bad = { (const struct command_bad[]){
			BAD(section_delete_id, id, 0, SECTION_UNKNOWN),
			BAD(section_delete_id, id, UINT_MAX, SECTION_UNKNOWN),
			{},
		} },
	}, {
		.name = "BLOCK_FREE_ID", .number = NDSHM_BLOCK_FREE_ID, .published = 0x5e8f,
		.size = 24,
		.reserved = { AT(block_free_id, __reserved) },
		.reason = NDSHM_REASON_HANDLE_UNKNOWN,
		.build = build_block_free_id,
		.bad = { (const struct command_bad[]){
			BAD(block_free_id, id, 0, HANDLE_UNKNOWN),
			BAD(block_free_id, id, UINT_MAX, HANDLE_UNKNOWN),
			{},
		} },
	}, {
		.name = "SECTION_ATTACH", .number = NDSHM_SECTION_ATTACH, .published = 0x5e90,
		.size = 24, .object = COMMAND_SECTION,
		.reserved = { AT(section_attach, __reserved) },
		.build = build_section_attach, .undo = undo_section_attach,
	}, {
		.name = "SECTION_SHARE", .number = NDSHM_SECTION_SHARE, .published = 0x5e91,
		.size = 24, .object = COMMAND_SECTION,
		.flags = NDSHM_SHARE_READONLY,
		.reserved = { AT(section_share, __reserved) },
		.build = build_section_share, .undo = undo_section_share,
	}, {
		.name = "SECTION_DELETE", .number = NDSHM_SECTION_DELETE, .published = 0x5e92,
		.size = 24, .object = COMMAND_SECTION,
		.flags = NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE,
		.reserved = { AT(section_delete, __reserved) },
		.build = build_section_delete, .undo = undo_section_delete,
		.bad = { (const struct command_bad[]){
			BAD(section_delete, holder, -2, DESCRIPTOR),
			BAD(section_delete, holder, 0, DESCRIPTOR),
			BAD(section_delete, holder, INT_MAX, DESCRIPTOR),
			{},
		} },
	}, {
		.name = "SECTION_QUERY", .number = NDSHM_SECTION_QUERY, .published = 0x5e93,
		.size = 72, .object = COMMAND_SECTION,
		.build = build_section_query,
	}, {
		.name = "SECTION_SYNC", .number = NDSHM_SECTION_SYNC, .published = 0x5e94,
		.size = 40, .object = COMMAND_SECTION,
		.reserved = { AT(section_sync, __reserved) },
		.build = build_section_sync,
		.bad = { (const struct command_bad[]){
			BAD(section_sync, direction, 0, DIRECTION),
			BAD(section_sync, direction, 3, DIRECTION),
			BAD(section_sync, direction, UINT_MAX, DIRECTION),
			BAD(section_sync, offset, 1ULL << 62, RANGE),
			BAD(section_sync, offset, ULLONG_MAX, RANGE),
			BAD(section_sync, length, 0, LENGTH_ZERO),
			BAD(section_sync, length, 1ULL << 62, RANGE),
			BAD(section_sync, length, ULLONG_MAX, RANGE),
			{},
		} },
	}, {
		.name = "SECTION_EXPORT", .number = NDSHM_SECTION_EXPORT, .published = 0x5e95,
		.size = 40, .object = COMMAND_SECTION,
		.exports = true,
		.build = build_section_export, .undo = undo_section_export,
		.bad = { (const struct command_bad[]){
			BAD(section_export, fd_flags, O_WRONLY, FLAGS),
			BAD(section_export, fd_flags, O_ACCMODE, FLAGS),
			BAD(section_export, fd_flags, UINT_MAX, FLAGS),
			BAD(section_export, offset, 1, ALIGNMENT),
			BAD(section_export, offset, 1ULL << 62, RANGE),
			BAD(section_export, length, 1, ALIGNMENT),
			BAD(section_export, length, 1ULL << 62, RANGE),
			{},
		} },
	}, {
		.name = "EXTENT_ALLOC", .number = NDSHM_EXTENT_ALLOC, .published = 0x5ea0,
		.size = 48, .object = COMMAND_HOLDER,
		.build = build_extent_alloc, .undo = undo_extent_alloc,
		.bad = { (const struct command_bad[]){
			BAD(extent_alloc, length, 0, LENGTH_ZERO),
			BAD(extent_alloc, length, 1ULL << 62, SECTION_FULL),
			BAD(extent_alloc, length, ULLONG_MAX, SECTION_FULL),
			BAD(extent_alloc, alignment, 1, ALIGNMENT),
			BAD(extent_alloc, alignment, 3ULL << 16, ALIGNMENT),
			BAD(extent_alloc, alignment, 1ULL << 63, ALIGNMENT),
			{},
		} },
	}, {
		.name = "EXTENT_FREE", .number = NDSHM_EXTENT_FREE, .published = 0x5ea1,
		.size = 24, .object = COMMAND_HOLDER,
		.build = build_extent_free, .undo = undo_extent_free,
		.bad = { bad_extents },
	}, {
		.name = "EXTENT_QUERY", .number = NDSHM_EXTENT_QUERY, .published = 0x5ea2,
		.size = 48, .object = COMMAND_HOLDER,
		.build = build_extent_query,
		.bad = { bad_extents, (const struct command_bad[]){
			BAD(extent_query, segment_capacity, 1, LIST),
			BAD(extent_query, segments, 1, LIST),
			{},
		} },
		.pointers = (const struct command_pointer[]){
			{
				.offset = AT(extent_query, segments),
				.count = AT(extent_query, segment_capacity),
				.size = sizeof(struct ndshm_segment),
			},
			{},
		},
	},
};

#endif /* _NDSHM_SELFTEST_COMMANDS_H */
