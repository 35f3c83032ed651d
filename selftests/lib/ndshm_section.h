/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of sections and holders, in the three forms of ndshm_test.h. A
 * failure must not change the state of a client: @fd is the descriptor of the
 * section or holder, and @client is an open device.
 */
#ifndef _NDSHM_SELFTEST_SECTION_H
#define _NDSHM_SELFTEST_SECTION_H

#include "ndshm_test.h"

#define test_section_create(fd, request) \
	NDSHM_TEST_PASS(section_create, fd, request)
#define test_err_section_create(error, reason, fd, request) \
	NDSHM_TEST_FAIL(section_create, error, reason, fd, request)

#define test_section_open(fd, request) \
	NDSHM_TEST_PASS(section_open, fd, request)
#define test_err_section_open(error, reason, fd, request) \
	NDSHM_TEST_FAIL(section_open, error, reason, fd, request)

#define test_section_attach(fd, request) \
	NDSHM_TEST_PASS(section_attach, fd, request)
#define test_err_section_attach(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(section_attach, error, reason, client, fd, request)

#define test_section_share(fd, request) \
	NDSHM_TEST_PASS(section_share, fd, request)
#define test_err_section_share(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(section_share, error, reason, client, fd, request)

#define test_section_delete(fd, request) \
	NDSHM_TEST_PASS(section_delete, fd, request)
#define test_err_section_delete(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(section_delete, error, reason, client, fd, request)

/* Revoke a section by its id. Return: 0 or a negative errno. */
static inline int ndshm_revoke_section(int client, __u32 id)
{
	struct ndshm_section_delete_id_args request =
		section_delete_id_request(id, NDSHM_DELETE_REVOKE);

	return _test_section_delete_id(client, &request) ? -errno : 0;
}

#define test_section_query(fd, request) \
	NDSHM_TEST_PASS(section_query, fd, request)

#define test_section_sync(fd, request) \
	NDSHM_TEST_PASS(section_sync, fd, request)
#define test_err_section_sync(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(section_sync, error, reason, client, fd, request)

#define test_section_export(fd, request) \
	NDSHM_TEST_PASS(section_export, fd, request)
#define test_err_section_export(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(section_export, error, reason, client, fd, request)

#define test_extent_alloc(fd, request) \
	NDSHM_TEST_PASS(extent_alloc, fd, request)
#define test_err_extent_alloc(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(extent_alloc, error, reason, client, fd, request)

#define test_extent_free(fd, request) \
	NDSHM_TEST_PASS(extent_free, fd, request)
#define test_err_extent_free(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(extent_free, error, reason, client, fd, request)

#define test_extent_query(fd, request) \
	NDSHM_TEST_PASS(extent_query, fd, request)
#define test_err_extent_query(error, reason, client, fd, request) \
	NDSHM_TEST_FAIL_ON(extent_query, error, reason, client, fd, request)

/*
 * Short forms for commands that must succeed
 */

static inline int ndshm_section_at(struct __test_metadata *_metadata, int line,
				   int client, __u32 adapter, __u64 max,
				   __u64 initial)
{
	struct ndshm_section_create_args create =
		section_create_request(adapter, max, initial);

	ndshm_pass(_metadata, line, client, NDSHM_SECTION_CREATE, &create);
	EXPECT_LE(0, create.out_section);
	EXPECT_NE(0, create.out_id);
	return create.out_section;
}

/* A new section. Returns its descriptor. */
#define test_new_section(client, adapter, max, initial) \
	ndshm_section_at(_metadata, __LINE__, client, adapter, max, initial)

static inline int ndshm_attach_at(struct __test_metadata *_metadata, int line,
				  int fd)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);

	ndshm_pass(_metadata, line, fd, NDSHM_SECTION_ATTACH, &attach);
	EXPECT_LE(0, attach.out_holder);
	return attach.out_holder;
}

/* A new holder. Returns its descriptor. */
#define test_attach(fd)		ndshm_attach_at(_metadata, __LINE__, fd)

static inline int ndshm_share_at(struct __test_metadata *_metadata, int line,
				 int fd, __u32 flags)
{
	struct ndshm_section_share_args share = section_share_request(flags);

	ndshm_pass(_metadata, line, fd, NDSHM_SECTION_SHARE, &share);
	EXPECT_LE(0, share.out_section);
	return share.out_section;
}

/* Another descriptor of the section. */
#define test_share(fd, flags)	ndshm_share_at(_metadata, __LINE__, fd, flags)

static inline __u64 ndshm_extent_at(struct __test_metadata *_metadata, int line,
				    int holder, __u64 length, __u64 alignment)
{
	struct ndshm_extent_alloc_args alloc = extent_alloc_request(length,
							       alignment);

	ndshm_pass(_metadata, line, holder, NDSHM_EXTENT_ALLOC, &alloc);
	EXPECT_LE(length, alloc.out_length)
		TH_LOG("line %d", line);
	return alloc.out_offset;
}

/* A new extent. Returns its offset. */
#define test_extent(holder, length) \
	ndshm_extent_at(_metadata, __LINE__, holder, length, 0)
#define test_aligned_extent(holder, length, alignment) \
	ndshm_extent_at(_metadata, __LINE__, holder, length, alignment)

#define test_free_extent(holder, place) do { \
	struct ndshm_extent_free_args request_ = extent_free_request(place); \
	test_extent_free(holder, &request_); \
} while (0)

static inline struct ndshm_section_query_args
ndshm_look_at(struct __test_metadata *_metadata, int line, int fd)
{
	struct ndshm_section_query_args query = section_query_request();

	ndshm_pass(_metadata, line, fd, NDSHM_SECTION_QUERY, &query);
	return query;
}

#define test_look(fd)	ndshm_look_at(_metadata, __LINE__, fd)
/* The flags but for the one that depends on the machine. */
#define test_look_flags(fd)	(test_look(fd).out_flags & ~NDSHM_SECTION_NEEDS_SYNC)

/*
 * The committed bytes, for use in ndshm_soon(). Returns ~0, which no section
 * has, on failure.
 */
static inline __u64 ndshm_committed(int fd)
{
	struct ndshm_section_query_args query = section_query_request();

	return _test_section_query(fd, &query) ? ~0ULL : query.out_committed;
}

/* End the only holder, which frees idle memory, and attach another one. */
#define test_renew(holder, fd) do { \
	close(holder); \
	(holder) = test_attach(fd); \
} while (0)

static inline unsigned char *ndshm_map_section(int fd, __u64 max)
{
	return mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* Map the whole section. */
#define test_map_section(fd, max) ({ \
	unsigned char *map_ = ndshm_map_section(fd, max); \
	ASSERT_NE(MAP_FAILED, map_) \
		TH_LOG("mmap: %s", strerror(errno)); \
	ndshm_case(true); \
	map_; \
})

/* Return: true if memory of nodes needs syncs: devices do not see the caches of the machine. */
static inline bool nodes_need_sync(void)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_section_create_args create;
	struct ndshm_section_query_args query;
	int client = ndshm_open();
	bool needed = false;

	_test_get_info(client, &info);
	create = section_create_request(info.out_default_adapter, 1, 1);
	if (!_test_section_create(client, &create)) {
		query = section_query_request();
		needed = !_test_section_query(create.out_section, &query) &&
			 query.out_flags & NDSHM_SECTION_NEEDS_SYNC;
		close(create.out_section);
	}
	close(client);
	return needed;
}

#endif /* _NDSHM_SELFTEST_SECTION_H */
