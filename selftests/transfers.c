// SPDX-License-Identifier: GPL-2.0
/*
 * Disk, file and network I/O directly from and to blocks of the provider
 * "pages" and sections, which pins the memory: O_DIRECT, registered buffers of
 * io_uring, MSG_ZEROCOPY, AF_XDP, process_vm_readv(). Pinned memory must stay
 * valid and charged when the block or section ends meanwhile. (Pipes: pages.c.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <linux/errqueue.h>
#include <linux/io_uring.h>
#include <linux/loop.h>

#include "ndshm_edu.h"
#include "ndshm_fuse.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_ring.h"
#include "ndshm_section.h"
#include "ndshm_xdp.h"

#define HUGE	(2UL << 20)
#define LENGTH	(3 * HUGE)
/* A chunk begins here. It is no longer than HUGE, also where huge pages are larger than that. */
#define LAST	(2 * HUGE)

/* The object that has the memory. */
enum kind {
	BLOCK,
	EXTENT,		/* freed, which makes the section free memory */
	SECTION,	/* deleted */
};

FIXTURE(pinned) {
	int fd;
	__u64 before;		/* bytes charged to this user before */
	__u32 adapter;
	__u32 provider;
	struct ndshm_block_info block;
	int section;
	int holder;
	unsigned char *map;
	size_t mapped;
};

FIXTURE_VARIANT(pinned) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(pinned, block) {
	.kind = BLOCK,
};

FIXTURE_VARIANT_ADD(pinned, extent) {
	.kind = EXTENT,
};

FIXTURE_VARIANT_ADD(pinned, section) {
	.kind = SECTION,
};

static void make_block(struct __test_metadata *_metadata,
		       struct _test_data_pinned *self, size_t length)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter,
							     length,
							     &self->block);

	alloc.provider = self->provider;
	test_block_alloc(self->fd, &alloc);
	self->map = test_map_block(self->fd, &self->block);
	self->mapped = length;
}

static void make_section(struct __test_metadata *_metadata,
			 struct _test_data_pinned *self, size_t length)
{
	self->section = test_new_section(self->fd, self->adapter, 4 * LENGTH,
					 0);
	self->holder = test_attach(self->section);
	EXPECT_EQ(0, test_extent(self->holder, length));
	self->map = test_map_section(self->section, 4 * LENGTH);
	self->mapped = 4 * LENGTH;
}

FIXTURE_SETUP(pinned)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;

	self->before = test_user_locked();
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "pages", &provider));
	ndshm_nl_close(&nl);
	self->provider = provider.id;
	self->section = -1;
	self->holder = -1;
	if (variant->kind == BLOCK)
		make_block(_metadata, self, LENGTH);
	else
		make_section(_metadata, self, LENGTH);
}

/* All memory must be uncharged. */
FIXTURE_TEARDOWN(pinned)
{
	close(self->fd);
	close(self->section);
	close(self->holder);
	munmap(self->map, self->mapped);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
}

static void delete_section(struct __test_metadata *_metadata,
			   struct _test_data_pinned *self)
{
	struct ndshm_section_delete_args request =
		section_delete_request(0, self->holder);

	test_section_delete(self->section, &request);
	ASSERT_EQ(0, munmap(self->map, self->mapped));
	close(self->holder);
	close(self->section);
}

/* End the memory and allocate similar memory, which would reuse it if it were free. */
static void end_memory(struct __test_metadata *_metadata,
		       struct _test_data_pinned *self, enum kind kind)
{
	const size_t length = 4 * LENGTH;

	if (kind == BLOCK) {
		ASSERT_EQ(0, munmap(self->map, self->mapped));
		test_free_handle(self->fd, self->block.handle);
		make_block(_metadata, self, length);
	} else if (kind == EXTENT) {
		test_free_extent(self->holder, 0);
		test_renew(self->holder, self->section);
		EXPECT_EQ(0, ndshm_committed(self->section));
		EXPECT_EQ(0, test_extent(self->holder, length));
	} else {
		delete_section(_metadata, self);
		make_section(_metadata, self, length);
	}
	EXPECT_TRUE(all_bytes(self->map, length, 0));
	memset(self->map, 0xee, length);
}

/* The new memory must not have been written by the transfer. */
#define test_untouched_by_others() \
	EXPECT_TRUE(all_bytes(self->map, LENGTH, 0xee))

/*
 * Another process
 */

TEST_F(pinned, another_process)
{
	unsigned char *copy = malloc(LENGTH);
	const struct iovec here = { .iov_base = copy, .iov_len = LENGTH };
	const struct iovec there = { .iov_base = self->map, .iov_len = LENGTH };
	pid_t child;
	int peer;

	ASSERT_NE(NULL, copy);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		fill_pattern(self->map, LENGTH, 10);
		ndshm_signal_peer(peer);
		_exit(!ndshm_hear(peer) || !has_pattern(self->map, LENGTH, 11));
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ((ssize_t)LENGTH,
		  process_vm_readv(child, &here, 1, &there, 1, 0));
	EXPECT_TRUE(has_pattern(copy, LENGTH, 10));
	fill_pattern(copy, LENGTH, 11);
	EXPECT_EQ((ssize_t)LENGTH,
		  process_vm_writev(child, &here, 1, &there, 1, 0));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	free(copy);
}

/*
 * Read the memory of process @pid until killed; signal the peer after the first
 * read.
 */
static void read_on(int peer, pid_t pid, struct _test_data_pinned *self)
{
	unsigned char *copy = malloc(LENGTH);
	const struct iovec here = { .iov_base = copy, .iov_len = LENGTH };
	const struct iovec there = { .iov_base = self->map, .iov_len = LENGTH };
	bool reported = false;
	ssize_t got;

	/* Inherited mappings and descriptors would keep the memory alive. */
	munmap(self->map, self->mapped);
	close(self->fd);
	close(self->section);
	close(self->holder);
	for (;;) {
		got = process_vm_readv(pid, &here, 1, &there, 1, 0);
		if (!copy || (got < 0 && errno != EFAULT))
			_exit(1);
		if (!reported)
			reported = got == (ssize_t)LENGTH && ndshm_signal_peer(peer);
	}
}

TEST_F(pinned, ends_while_another_process_reads)
{
	/* A section keeps idle memory for a second, so use fewer rounds. */
	unsigned int round, rounds = variant->kind == EXTENT ? 3 : 10;
	pid_t parent = getpid(), child;
	int peer;

	for (round = 0; round < ndshm_rounds(rounds, 2); round++) {
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child)
			read_on(peer, parent, self);
		EXPECT_TRUE(ndshm_hear(peer));
		end_memory(_metadata, self, variant->kind);
		EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
		EXPECT_FALSE(ndshm_reap(child));
		close(peer);
		/* Prepare the memory for the next round. */
		end_memory(_metadata, self, variant->kind);
	}
}

/*
 * A disk
 */

/* Attach a loop device to @file. Return its descriptor, or -errno. */
static int open_disk(int file)
{
	struct loop_config config = {
		.fd = file, .info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control, number, disk = -1, error;
	char path[32];

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0 && !system("modprobe -q loop"))
		control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	do {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		if (disk >= 0)
			close(disk);
		disk = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
		error = disk < 0 || ioctl(disk, LOOP_CONFIGURE, &config) ?
			-errno : 0;
		/* Another process took the free loop device first. */
	} while (error == -EBUSY);
	close(control);
	return error ?: disk;
}

TEST_F(pinned, disk)
{
	unsigned char *copy = malloc(LENGTH);
	int file, disk;
	size_t at;

	ASSERT_NE(NULL, copy);
	if (geteuid())
		SKIP(return, "only root can have disks");
	file = memfd_create("disk", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(file, LENGTH));
	disk = open_disk(file);
	ASSERT_LE(0, disk)
		TH_LOG("no loop device: %s", strerror(-disk));
	/* Read into pages that were not touched before. */
	fill_pattern(copy, LENGTH, 1);
	ASSERT_EQ((ssize_t)LENGTH, pwrite(file, copy, LENGTH, 0));
	for (at = 0; at < LENGTH; at += HUGE / 4)
		ASSERT_EQ((ssize_t)HUGE / 4,
			  pread(disk, self->map + at, HUGE / 4, at));
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 1));
	/* Write, also from addresses that are not page aligned. */
	fill_pattern(self->map, LENGTH, 2);
	ASSERT_EQ((ssize_t)LENGTH, pwrite(disk, self->map, LENGTH, 0));
	ASSERT_EQ((ssize_t)LENGTH, pread(file, copy, LENGTH, 0));
	EXPECT_TRUE(has_pattern(copy, LENGTH, 2));
	ASSERT_EQ(4096, pwrite(disk, self->map + HUGE - 512, 4096, 8192));
	ASSERT_EQ(4096, pread(file, copy, 4096, 8192));
	EXPECT_EQ(0, memcmp(copy, self->map + HUGE - 512, 4096));
	close(disk);
	close(file);
	free(copy);
}

/*
 * A file system that delays its answers
 */

struct reader {
	pthread_t thread;
	int file;
	unsigned char *to;
	ssize_t got;
};

static void *read_page(void *argument)
{
	struct reader *reader = argument;

	reader->got = pread(reader->file, reader->to, 4096, 0);
	return NULL;
}

/* Start a read into @to that waits for the file system's answer. */
static void begin_read(struct __test_metadata *_metadata,
		       struct ndshm_fuse *fuse, struct reader *reader,
		       unsigned char *to)
{
	ASSERT_EQ(0, ndshm_fuse_start(fuse));
	*reader = (struct reader){ .file = ndshm_fuse_open(fuse), .to = to };
	ASSERT_LE(0, reader->file);
	ASSERT_EQ(0, fcntl(reader->file, F_SETFL, O_DIRECT));
	ASSERT_EQ(0, pthread_create(&reader->thread, NULL, read_page, reader));
	ASSERT_TRUE(ndshm_fuse_has_read(fuse));
}

static void finish_read(struct __test_metadata *_metadata,
			struct ndshm_fuse *fuse, struct reader *reader)
{
	EXPECT_TRUE(ndshm_fuse_answer(fuse));
	ASSERT_EQ(0, pthread_join(reader->thread, NULL));
	EXPECT_EQ(4096, reader->got);
	close(reader->file);
	ndshm_fuse_stop(fuse);
}

TEST_F(pinned, read_slowly)
{
	struct ndshm_fuse fuse;
	struct reader reader;

	if (geteuid())
		SKIP(return, "only root can mount");
	begin_read(_metadata, &fuse, &reader, self->map + HUGE + 4096);
	finish_read(_metadata, &fuse, &reader);
	EXPECT_TRUE(all_bytes(self->map + HUGE + 4096, 4096, NDSHM_FUSE_BYTE));
	EXPECT_TRUE(all_bytes(self->map, HUGE + 4096, 0));
}

/* Free the memory during a read into it. */
TEST_F(pinned, freed_while_read)
{
	struct ndshm_fuse fuse;
	struct reader reader;

	if (geteuid())
		SKIP(return, "only root can mount");
	begin_read(_metadata, &fuse, &reader, self->map + LAST);
	end_memory(_metadata, self, variant->kind);
	/* What is pinned is not charged any more. */
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before + 4 * LENGTH));
	finish_read(_metadata, &fuse, &reader);
	test_untouched_by_others();
}

/*
 * io_uring
 */

/*
 * Transfer through the registered buffer in both directions, whether or not it
 * is mapped.
 */
static void pass_through(struct __test_metadata *_metadata, struct ndshm_ring *ring,
			 unsigned char *buffer, unsigned int seed)
{
	const size_t length = HUGE + 8192;
	unsigned char *copy = malloc(length);
	int from = memfd_create("from", MFD_CLOEXEC);
	int to = memfd_create("to", MFD_CLOEXEC);

	ASSERT_NE(NULL, copy);
	ASSERT_EQ(0, ftruncate(to, length));
	fill_pattern(copy, length, seed);
	ASSERT_EQ((ssize_t)length, pwrite(from, copy, length, 0));
	EXPECT_EQ((int)length, ndshm_ring_do(ring, IORING_OP_READ_FIXED, from,
					     buffer, length, 0));
	EXPECT_EQ((int)length, ndshm_ring_do(ring, IORING_OP_WRITE_FIXED, to,
					     buffer, length, 0));
	memset(copy, 0, length);
	ASSERT_EQ((ssize_t)length, pread(to, copy, length, 0));
	EXPECT_TRUE(has_pattern(copy, length, seed));
	close(from);
	close(to);
	free(copy);
}

TEST_F(pinned, registered_buffer)
{
	const __u64 charged = test_user_locked();
	unsigned char *buffer = self->map + HUGE / 2;
	struct ndshm_ring ring;
	__u64 held;
	int error;

	ASSERT_TRUE(ndshm_ring_open(&ring))
		TH_LOG("io_uring: %s", strerror(errno));
	error = ndshm_ring_register(&ring, buffer, 2 * HUGE);
	/* Before 6.2 only shared memory and anonymous memory could be registered. */
	if (ndshm_kernel_before(6, 2)) {
		EXPECT_EQ(-EOPNOTSUPP, error);
		ndshm_ring_close(&ring);
		return;
	}
	ASSERT_EQ(0, error);
	pass_through(_metadata, &ring, buffer, 3);
	EXPECT_TRUE(has_pattern(buffer, HUGE + 8192, 3));
	/* The ring has pinned all three chunks, and is charged for that itself. */
	held = test_user_locked() - charged;
	end_memory(_metadata, self, variant->kind);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before + held + 4 * LENGTH));
	pass_through(_metadata, &ring, buffer, 4);
	test_untouched_by_others();
	ndshm_ring_close(&ring);
}

/*
 * Networks
 */

/* Connect two TCP sockets in a new network namespace. */
static bool connect_ends(int ends[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int one = 1, room = 4 * HUGE;
	socklen_t size = sizeof(address);
	int listener;

	if (unshare(CLONE_NEWNET) || system("ip link set lo up"))
		return false;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (void *)&address, size) || listen(listener, 1) ||
	    getsockname(listener, (void *)&address, &size) ||
	    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &room,
		       sizeof(room)) ||
	    setsockopt(ends[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) ||
	    connect(ends[0], (void *)&address, size))
		return false;
	ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return ends[1] >= 0;
}

/* Wait until all @calls MSG_ZEROCOPY sends have completed. */
static bool all_sent(int socket, unsigned int calls)
{
	char control[256];
	struct msghdr message = {
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *error;
	unsigned int done = 0;

	while (done < calls) {
		struct pollfd ready = { .fd = socket };

		message.msg_controllen = sizeof(control);
		if (recvmsg(socket, &message, MSG_ERRQUEUE) < 0) {
			if (errno != EAGAIN || poll(&ready, 1, 10000) != 1)
				return false;
			continue;
		}
		error = (void *)CMSG_DATA(CMSG_FIRSTHDR(&message));
		if (error->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
			return false;
		done += error->ee_data - error->ee_info + 1;
	}
	return true;
}

/* Data that the receiver has no room for yet are sent after the block has ended. */
TEST_F(pinned, sent_without_a_copy)
{
	unsigned char *copy = malloc(LENGTH);
	unsigned int calls = 0;
	size_t sent = 0, got;
	ssize_t now;
	int ends[2];

	ASSERT_NE(NULL, copy);
	if (geteuid())
		SKIP(return, "only root can have a network");
	ASSERT_TRUE(connect_ends(ends));
	fill_pattern(self->map, LENGTH, 7);
	while (sent < LENGTH) {
		now = send(ends[0], self->map + sent, LENGTH - sent,
			   MSG_ZEROCOPY | MSG_DONTWAIT);
		if (now < 0)
			break;
		calls++;
		sent += now;
	}
	ASSERT_LT(HUGE, sent);
	end_memory(_metadata, self, variant->kind);
	for (got = 0; got < sent; got += now) {
		now = recv(ends[1], copy + got, sent - got, 0);
		ASSERT_LT(0, now);
	}
	EXPECT_TRUE(has_pattern(copy, sent, 7));
	EXPECT_TRUE(all_sent(ends[0], calls));
	test_untouched_by_others();
	close(ends[0]);
	close(ends[1]);
	free(copy);
}

#define FRAME_BYTES	1000

static void make_frame(unsigned char *frame, unsigned int seed)
{
	memset(frame, 0xff, 12);
	/* EtherType for local experiments. */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	fill_pattern(frame + 16, FRAME_BYTES - 16, seed);
	memset(frame + 14, 0, 2);
}

/*
 * Receive a frame at one place and send it from there: user space and the
 * kernel must see the same memory.
 */
static void exchange(struct __test_metadata *_metadata, struct ndshm_xdp *xdp,
		     unsigned char *map, unsigned int seed)
{
	static const __u64 places[] = { 0, HUGE - NDSHM_XDP_FRAME, 2 * HUGE };
	unsigned char frame[FRAME_BYTES];
	unsigned int i;
	long at;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		make_frame(frame, seed + i);
		at = ndshm_xdp_receive(xdp, places[i], frame, sizeof(frame));
		ASSERT_LE((long)places[i], at);
		ASSERT_GT((long)places[i] + NDSHM_XDP_FRAME, at);
		if (map)
			EXPECT_EQ(0, memcmp(map + at, frame, sizeof(frame)));
		EXPECT_TRUE(ndshm_xdp_send(xdp, at, frame, sizeof(frame)));
	}
}

TEST_F(pinned, frames)
{
	const __u64 charged = test_user_locked();
	unsigned char frame[FRAME_BYTES];
	struct ndshm_xdp xdp;
	__u64 held;
	int error;

	if (geteuid())
		SKIP(return, "only root can have a network");
	error = ndshm_xdp_open(&xdp, self->map, LENGTH);
	ASSERT_EQ(0, error)
		TH_LOG("%s", strerror(-error));
	make_frame(frame, 8);
	memcpy(self->map + 3 * NDSHM_XDP_FRAME, frame, sizeof(frame));
	EXPECT_TRUE(ndshm_xdp_send(&xdp, 3 * NDSHM_XDP_FRAME, frame,
				   sizeof(frame)));
	exchange(_metadata, &xdp, self->map, 9);
	/* The socket is charged for what it has pinned. */
	held = test_user_locked() - charged;
	end_memory(_metadata, self, variant->kind);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before + held + 4 * LENGTH));
	exchange(_metadata, &xdp, NULL, 10);
	test_untouched_by_others();
	ndshm_xdp_close(&xdp);
}

/*
 * Memory shared read-only
 */

FIXTURE(readonly) {
	int fd;
	int section;
	int shared;
	unsigned char *map;
	unsigned char *shown;
};

FIXTURE_SETUP(readonly)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->section = test_new_section(self->fd, info.out_default_adapter,
					 LENGTH, LENGTH);
	self->map = test_map_section(self->section, LENGTH);
	self->shared = test_share(self->section, NDSHM_SHARE_READONLY);
	self->shown = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, self->shared, 0);
	ASSERT_NE(MAP_FAILED, self->shown);
	memset(self->map, 7, LENGTH);
}

FIXTURE_TEARDOWN(readonly)
{
	EXPECT_TRUE(all_bytes(self->map, LENGTH, 7));
	munmap(self->shown, LENGTH);
	munmap(self->map, LENGTH);
	close(self->shared);
	close(self->section);
	close(self->fd);
}

/* Writing it to a disk works; reading from a disk into it must fail. */
TEST_F(readonly, disk)
{
	int file, disk;

	if (geteuid())
		SKIP(return, "only root can have disks");
	file = memfd_create("disk", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(file, LENGTH));
	disk = open_disk(file);
	ASSERT_LE(0, disk);
	test_errno(EFAULT, self->fd, pread(disk, self->shown, 4096, 0));
	EXPECT_EQ(4096, pwrite(disk, self->shown, 4096, 0));
	EXPECT_EQ(4096, pread(disk, self->map, 4096, 0));
	close(disk);
	close(file);
}

TEST_F(readonly, registered_buffer)
{
	struct ndshm_ring ring;

	ASSERT_TRUE(ndshm_ring_open(&ring));
	EXPECT_EQ(-EFAULT, ndshm_ring_register(&ring, self->shown, LENGTH));
	ndshm_case(false);
	ndshm_ring_close(&ring);
}

/*
 * Memory for a device that is removed
 */

FIXTURE(device) {
	struct ndshm_edu edu;
	int fd;
	__u64 before;
	struct ndshm_block_info block;
	int section;
	unsigned char *map;
};

FIXTURE_VARIANT(device) {
	bool section;
};

FIXTURE_VARIANT_ADD(device, block) {
	.section = false,
};

FIXTURE_VARIANT_ADD(device, section) {
	.section = true,
};

static void make_device_block(struct __test_metadata *_metadata,
			      struct _test_data_device *self)
{
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc_args alloc;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, "pages",
					       &provider));
	alloc = block_alloc_request(self->edu.adapter.id, LENGTH, &self->block);
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
	self->map = test_map_block(self->fd, &self->block);
}

FIXTURE_SETUP(device)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	self->before = test_user_locked();
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = test_open_claimed(&self->edu);
	self->section = -1;
	if (variant->section) {
		self->section = test_new_section(self->fd, self->edu.adapter.id,
						 LENGTH, LENGTH);
		self->map = test_map_section(self->section, LENGTH);
	} else {
		make_device_block(_metadata, self);
	}
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
	close(self->section);
	munmap(self->map, LENGTH);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
}

/* Unbind the function during a disk read into its memory. */
TEST_F(device, revoked_while_read)
{
	struct ndshm_fuse fuse;
	struct reader reader;

	begin_read(_metadata, &fuse, &reader, self->map + LAST);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	EXPECT_EQ(self->before, test_user_locked());
	finish_read(_metadata, &fuse, &reader);
}

TEST_F(device, revoked_while_registered)
{
	struct ndshm_ring ring;

	ASSERT_TRUE(ndshm_ring_open(&ring));
	if (ndshm_kernel_before(6, 2))
		SKIP(return, "kernels before 6.12 do not take it");
	ASSERT_EQ(0, ndshm_ring_register(&ring, self->map, LENGTH));
	pass_through(_metadata, &ring, self->map, 5);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	pass_through(_metadata, &ring, self->map, 6);
	ndshm_ring_close(&ring);
}

TEST_F(device, revoked_while_frames_pass)
{
	struct ndshm_xdp xdp;

	ASSERT_EQ(0, ndshm_xdp_open(&xdp, self->map, LENGTH));
	exchange(_metadata, &xdp, self->map, 11);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	exchange(_metadata, &xdp, NULL, 12);
	ndshm_xdp_close(&xdp);
}

/*
 * Memory that cannot be pinned, because it is freed with its block. Pinning
 * must fail whether or not the memory was touched before, and for every kind of
 * I/O.
 */
FIXTURE(unpinned) {
	struct ndshm_edu edu;
	int fd;
	unsigned char *map;
};

FIXTURE_VARIANT(unpinned) {
	size_t length;
	bool touched;
};

FIXTURE_VARIANT_ADD(unpinned, small) {
	.length = 16 << 10,
};

FIXTURE_VARIANT_ADD(unpinned, small_touched) {
	.length = 16 << 10, .touched = true,
};

FIXTURE_VARIANT_ADD(unpinned, large) {
	.length = HUGE,
};

FIXTURE_VARIANT_ADD(unpinned, large_touched) {
	.length = HUGE, .touched = true,
};

FIXTURE_SETUP(unpinned)
{
	struct ndshm_nl_provider provider;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = test_open_claimed(&self->edu);
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, "coherent",
					       &provider));
	alloc = block_alloc_request(self->edu.adapter.id, variant->length,
				    &block);
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
	self->map = test_map_block(self->fd, &block);
	if (variant->touched)
		memset(self->map, 1, variant->length);
}

FIXTURE_TEARDOWN(unpinned)
{
	munmap(self->map, variant->length);
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

TEST_F(unpinned, pipe)
{
	struct iovec what = { .iov_base = self->map, .iov_len = 4096 };
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	test_errno(EFAULT, self->fd, vmsplice(ends[1], &what, 1, 0));
	close(ends[0]);
	close(ends[1]);
}

TEST_F(unpinned, process)
{
	unsigned char copy[4096];
	const struct iovec here = { .iov_base = copy, .iov_len = 4096 };
	const struct iovec there = { .iov_base = self->map, .iov_len = 4096 };

	test_errno(EFAULT, self->fd,
		   process_vm_readv(getpid(), &here, 1, &there, 1, 0));
	test_errno(EFAULT, self->fd,
		   process_vm_writev(getpid(), &here, 1, &there, 1, 0));
}

TEST_F(unpinned, disk)
{
	int file = memfd_create("disk", MFD_CLOEXEC), disk;

	ASSERT_EQ(0, ftruncate(file, 1 << 20));
	disk = open_disk(file);
	ASSERT_LE(0, disk);
	test_errno(EFAULT, self->fd, pread(disk, self->map, 4096, 0));
	test_errno(EFAULT, self->fd, pwrite(disk, self->map, 4096, 0));
	close(disk);
	close(file);
}

TEST_F(unpinned, registered_buffer)
{
	struct ndshm_ring ring;

	ASSERT_TRUE(ndshm_ring_open(&ring));
	ndshm_case(false);
	EXPECT_EQ(-EFAULT, ndshm_ring_register(&ring, self->map, 4096));
	ndshm_ring_close(&ring);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
