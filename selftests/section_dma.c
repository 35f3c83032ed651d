// SPDX-License-Identifier: GPL-2.0
/*
 * Sections of an adapter that has a device: DMA to them, and their end with the
 * device.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_section.h"

#define HUGE	(2UL << 20)
#define MAX	(16 * HUGE)

FIXTURE(section_dma) {
	int client;
	__u64 before;
	struct ndshm_edu edu;
	size_t page;
	unsigned char *bar;
	int fd;
	int holder;
	unsigned char *map;
};

static void map_registers(struct __test_metadata *_metadata,
			  struct _test_data_section_dma *self)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);

	test_adapter_map_bar(self->client, &map);
	self->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE,
			 MAP_SHARED, self->client, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->bar);
}

FIXTURE_SETUP(section_dma)
{
	struct ndshm_adapter_start_args start;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	self->before = test_user_locked();
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->page = page_size();
	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_adapter_claim(self->client, self->edu.adapter.name, EDU_WIDTH);
	map_registers(_metadata, self);
	start = adapter_start_request(self->edu.adapter.id);
	test_adapter_start(self->client, &start);
	self->fd = test_new_section(self->client, self->edu.adapter.id, MAX,
				    self->page);
	self->holder = test_attach(self->fd);
	self->map = test_map_section(self->fd, MAX);
}

FIXTURE_TEARDOWN(section_dma)
{
	close(self->client);
	close(self->holder);
	close(self->fd);
	munmap(self->map, MAX);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
}

/* The DMA address of byte @at of an extent. */
static __u64 address_of(struct __test_metadata *_metadata, int holder,
			__u64 place, __u64 at)
{
	struct ndshm_segment segments[512];
	struct ndshm_extent_query_args query = extent_query_request(place);
	__u32 i;

	query.segments = to_u64(segments);
	query.segment_capacity = ARRAY_SIZE(segments);
	test_extent_query(holder, &query);
	for (i = 0; i < query.out_segments; i++) {
		if (at < segments[i].length)
			return segments[i].address + at;
		at -= segments[i].length;
	}
	return NDSHM_ADDRESS_HIDDEN;
}

/* The device copies between all places of a section, also across chunk boundaries. */
TEST_F(section_dma, copies)
{
	__u64 small = test_extent(self->holder, self->page), from, to;
	__u64 large = test_extent(self->holder, 3 * HUGE);
	const __u64 places[] = { 0, HUGE, 2 * HUGE + 5 * self->page,
				 3 * HUGE - self->page };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		fill_pattern(self->map + small, self->page, i);
		from = address_of(_metadata, self->holder, small, 0);
		to = address_of(_metadata, self->holder, large, places[i]);
		ASSERT_TRUE(ndshm_edu_to_device(self->bar, from, EDU_MOST));
		ASSERT_TRUE(ndshm_edu_from_device(self->bar, to, EDU_MOST));
		EXPECT_TRUE(has_pattern(self->map + large + places[i],
					EDU_MOST, i));
		ndshm_case(true);
	}
}

/*
 * Creating a section for the adapter requires its claim; using a received one
 * does not.
 */
TEST_F(section_dma, claim)
{
	struct ndshm_section_create_args create =
		section_create_request(self->edu.adapter.id, MAX, 0);
	int other = ndshm_open();

	ASSERT_LE(0, other);
	test_err_section_create(EBADFD, NDSHM_REASON_CLAIM_MISSING, other,
				&create);
	EXPECT_EQ(-1, create.out_section);
	close(other);
	test_extent(self->holder, 5 * HUGE);
}

static void expect_revoked(struct __test_metadata *_metadata,
			   struct _test_data_section_dma *self, __u64 place)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_section_share_args share =
		section_share_request(NDSHM_SHARE_READONLY);
	struct ndshm_extent_alloc_args more = extent_alloc_request(1, 0);
	struct ndshm_extent_query_args where = extent_query_request(place);
	struct ndshm_section_sync_args sync = section_sync_request(1, 0, 1);
	struct ndshm_section_delete_args request = section_delete_request(0, -1);
	int client = ndshm_open();

	ASSERT_LE(0, client);
	test_sigbus(self->map + place);
	test_sigbus(self->map);
	EXPECT_EQ(NDSHM_SECTION_REVOKED, test_look_flags(self->fd));
	test_err_section_attach(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
				self->fd, &attach);
	test_err_section_share(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
			       self->fd, &share);
	test_err_section_sync(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
			      self->fd, &sync);
	test_err_extent_alloc(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
			      self->holder, &more);
	test_err_extent_query(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
			      self->holder, &where);
	test_errno(ENODEV, client,
		   mmap(NULL, MAX, PROT_READ, MAP_SHARED, self->fd, 0));
	/* Commands that free objects still work. */
	test_free_extent(self->holder, place);
	EXPECT_EQ(0, test_look(self->fd).out_extents);
	test_section_delete(self->fd, &request);
	EXPECT_EQ(self->before, ndshm_locked(client));
	close(client);
}

TEST_F(section_dma, claim_end)
{
	__u64 place = test_extent(self->holder, 3 * HUGE);

	fill_pattern(self->map + place, 3 * HUGE, 1);
	EXPECT_EQ(0, close(self->client));
	self->client = -1;
	expect_revoked(_metadata, self, place);
}

/* A section without memory must end with the claim as well. */
TEST_F(section_dma, claim_end_empty)
{
	int fd = test_new_section(self->client, self->edu.adapter.id, MAX, 0);
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args more = extent_alloc_request(1, 0);
	int holder = test_attach(fd), client;

	EXPECT_EQ(0, close(self->client));
	self->client = -1;
	client = ndshm_open();
	EXPECT_EQ(NDSHM_SECTION_REVOKED, test_look_flags(fd));
	test_err_section_attach(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
				fd, &attach);
	test_err_extent_alloc(ENODEV, NDSHM_REASON_SECTION_REVOKED, client,
			      holder, &more);
	test_errno(ENODEV, client,
		   mmap(NULL, MAX, PROT_READ, MAP_SHARED, fd, 0));
	close(client);
	close(holder);
	close(fd);
}

TEST_F(section_dma, unbind)
{
	__u64 place = test_extent(self->holder, HUGE);

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	expect_revoked(_metadata, self, place);
}

/* Leave an allocated extent in a section that is closed. */
static __u64 leave(struct __test_metadata *_metadata,
		   struct _test_data_section_dma *self, bool mapped)
{
	int fd = test_new_section(self->client, self->edu.adapter.id, MAX, 0);
	unsigned char *map = mapped ? test_map_section(fd, MAX) : NULL;
	int holder = test_attach(fd);
	__u64 place = test_extent(holder, 5 * HUGE);
	__u64 address = address_of(_metadata, holder, place, 4 * HUGE);

	if (mapped)
		fill_pattern(map + place, 5 * HUGE, 1);
	/* The last descriptor opened first, as when a process is killed. */
	close(holder);
	EXPECT_EQ(5 * HUGE, test_look(fd).out_committed);
	EXPECT_EQ(0, test_look(fd).out_taken);
	close(fd);
	if (mapped)
		munmap(map, MAX);
	return address;
}

/*
 * The device may still use memory that was not freed explicitly: it is freed
 * only after the function has been quiesced.
 */
TEST_F(section_dma, left)
{
	__u64 locked = test_state(self->client).user_locked;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		__u64 address = leave(_metadata, self, i);

		EXPECT_EQ(locked + (i + 1) * 5 * HUGE,
			  test_state(self->client).user_locked);
		ASSERT_TRUE(ndshm_edu_from_device(self->bar, address,
						  EDU_MOST));
	}
	/* The idle memory of a section in which extents were left stays as well. */
	test_extent(self->holder, 5 * HUGE);
	close(self->holder);
	self->holder = test_attach(self->fd);
	test_free_extent(self->holder, test_extent(self->holder, 5 * HUGE));
	EXPECT_LE(5 * HUGE, test_look(self->fd).out_committed);
	EXPECT_EQ(0, close(self->client));
	self->client = -1;
	EXPECT_EQ(self->before, test_user_locked());
}

/* The ways in which a section with extents can end. */
enum way { BY_CLOSE, BY_FORCE, BY_OWNER, INITIAL, WAYS };

static __u64 end_by(struct __test_metadata *_metadata,
		    struct _test_data_section_dma *self, enum way way)
{
	int fd = test_new_section(self->client, self->edu.adapter.id, MAX,
				  way == INITIAL ? 2 * HUGE : 0);
	int holder = test_attach(fd);
	__u64 place = test_extent(holder, 2 * HUGE);
	__u64 address = address_of(_metadata, holder, place, HUGE);
	struct ndshm_section_delete_args force =
		section_delete_request(NDSHM_DELETE_FORCE, -1);
	struct ndshm_section_delete_args own = section_delete_request(0, holder);

	if (way == BY_FORCE)
		test_section_delete(fd, &force);
	else if (way == BY_OWNER)
		test_section_delete(fd, &own);
	if (way == BY_FORCE || way == BY_OWNER) {
		EXPECT_EQ(0, test_look(fd).out_committed);
		/* The section no longer has the extent, and the free does no harm. */
		test_free_extent(holder, place);
		close(fd);
		close(holder);
	} else {
		close(way == BY_CLOSE ? holder : fd);
		close(way == BY_CLOSE ? fd : holder);
	}
	return address;
}

TEST_F(section_dma, left_ways)
{
	__u64 locked = test_state(self->client).user_locked;
	int blocks = ndshm_nl_blocks(&self->edu.nl, NULL, 0);
	unsigned int i;

	for (i = 0; i < WAYS; i++) {
		__u64 address = end_by(_metadata, self, i);

		EXPECT_EQ(locked + (i + 1) * 2 * HUGE,
			  test_state(self->client).user_locked)
			TH_LOG("way %u", i);
		ASSERT_TRUE(ndshm_edu_from_device(self->bar, address,
						  EDU_MOST));
	}
	EXPECT_EQ(blocks + 2 * WAYS, ndshm_nl_blocks(&self->edu.nl, NULL, 0));
	EXPECT_EQ(0, close(self->client));
	self->client = -1;
	EXPECT_EQ(blocks, ndshm_nl_blocks(&self->edu.nl, NULL, 0));
}

/* Memory beside the extent, which the device cannot use, must be freed. */
TEST_F(section_dma, left_chunk)
{
	int fd = test_new_section(self->client, self->edu.adapter.id, MAX, 0);
	int holder = test_attach(fd), other = test_attach(fd);
	__u64 low = test_extent(holder, 3 * HUGE - self->page);
	unsigned char *map = test_map_section(fd, MAX);

	EXPECT_EQ(low + 3 * HUGE - self->page, test_extent(other, self->page));
	fill_pattern(map + low + 3 * HUGE - self->page, self->page, 1);
	test_extent(holder, HUGE);
	close(other);
	test_free_extent(holder, low);
	test_free_extent(holder, low + 3 * HUGE);
	test_renew(holder, fd);
	EXPECT_EQ(HUGE, ndshm_committed(fd));
	/* The memory can be allocated again, and is zeroed. */
	EXPECT_EQ(low, test_extent(holder, 3 * HUGE));
	EXPECT_TRUE(all_bytes(map + low, 3 * HUGE, 0));
	munmap(map, MAX);
	close(holder);
	close(fd);
}

/*
 * An explicit free states that the device no longer uses the extent, so its
 * memory is freed.
 */
TEST_F(section_dma, freed)
{
	__u64 locked = test_state(self->client).user_locked;
	int fd = test_new_section(self->client, self->edu.adapter.id, MAX, 0);
	int holder = test_attach(fd);

	test_free_extent(holder, test_extent(holder, 5 * HUGE));
	test_renew(holder, fd);
	EXPECT_EQ(0, ndshm_committed(fd));
	test_free_extent(holder, test_extent(holder, HUGE));
	close(holder);
	close(fd);
	EXPECT_EQ(locked, test_state(self->client).user_locked);
}

struct user {
	pthread_t thread;
	struct _test_data_section_dma *test;
	int holder;
	atomic_bool *stop;
	atomic_uint done;
	unsigned int wrong;
};

/* Grow the section, touch the new memory and free it, in a loop. */
static void *use(void *argument)
{
	struct user *user = argument;

	while (!atomic_load(user->stop)) {
		struct ndshm_extent_alloc_args more =
			extent_alloc_request(3 * HUGE / 2, 0);
		struct ndshm_extent_free_args request;
		size_t at;

		if (_test_extent_alloc(user->holder, &more)) {
			user->wrong += errno != ENODEV && errno != ENOSPC;
			continue;
		}
		atomic_fetch_add(&user->done, 1);
		for (at = 0; at < 3 * HUGE / 2; at += 65536)
			ndshm_readable(user->test->map + more.out_offset + at);
		request = extent_free_request(more.out_offset);
		user->wrong += _test_extent_free(user->holder, &request) != 0;
	}
	return NULL;
}

/* Unbind while the section grows, shrinks and is touched. */
TEST_F(section_dma, unbind_busy)
{
	atomic_bool stop = false;
	struct user users[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(users); i++) {
		users[i] = (struct user){
			.test = self, .holder = test_attach(self->fd),
			.stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, use,
					    &users[i]));
	}
	for (i = 0; i < ARRAY_SIZE(users); i++)
		EXPECT_TRUE(ndshm_soon(atomic_load(&users[i].done) > 2));
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	usleep(20000);
	atomic_store(&stop, true);
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		pthread_join(users[i].thread, NULL);
		EXPECT_EQ(0, users[i].wrong);
		close(users[i].holder);
	}
	test_sigbus(self->map);
	EXPECT_EQ(0, test_look(self->fd).out_extents);
}

#define OPEN_AT_ONCE	64

struct left {
	int fd;
	int holder;
};

static bool leave_one(struct _test_data_section_dma *test, struct left *left)
{
	struct ndshm_section_create_args create =
		section_create_request(test->edu.adapter.id, 1, 0);
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args extent = extent_alloc_request(1, 0);

	if (_test_section_create(test->client, &create))
		return false;
	left->fd = create.out_section;
	if (_test_section_attach(left->fd, &attach))
		return false;
	left->holder = attach.out_holder;
	return !_test_extent_alloc(left->holder, &extent);
}

static void close_left(struct left *left)
{
	close(left->holder);
	close(left->fd);
	*left = (struct left){ -1, -1 };
}

/* Create sections and leave an extent in each until that fails. */
static void *leave_many(void *argument)
{
	struct left open[OPEN_AT_ONCE];
	struct user *user = argument;
	unsigned int i;

	memset(open, -1, sizeof(open));
	for (i = 0; leave_one(user->test, &open[i]); close_left(&open[i])) {
		atomic_fetch_add(&user->done, 1);
		i = (i + 1) % OPEN_AT_ONCE;
	}
	user->wrong += errno != ENODEV;
	/* Close while the revocation frees their memory. */
	for (i = 0; i < OPEN_AT_ONCE; i++)
		close_left(&open[i]);
	return NULL;
}

/* Unbind while sections hand over memory that was not freed explicitly. */
TEST_F(section_dma, left_busy)
{
	int blocks = ndshm_nl_blocks(&self->edu.nl, NULL, 0);
	struct user users[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(users); i++) {
		users[i] = (struct user){ .test = self };
		ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, leave_many,
					    &users[i]));
	}
	for (i = 0; i < ARRAY_SIZE(users); i++)
		EXPECT_TRUE(ndshm_soon(atomic_load(&users[i].done) >
				       2 * OPEN_AT_ONCE));
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		pthread_join(users[i].thread, NULL);
		EXPECT_EQ(0, users[i].wrong);
	}
	EXPECT_TRUE(ndshm_soon(ndshm_nl_blocks(&self->edu.nl, NULL, 0) ==
			       blocks));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
