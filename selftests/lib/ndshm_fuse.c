// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "ndshm_fuse.h"

#define SIZE		4096	/* of the file */
#define MOST		65536	/* the largest request: a page, of any size */
#define PATIENCE	10000	/* milliseconds */

static bool reply(const struct ndshm_fuse *fuse, __u64 unique, int error,
		  const void *data, size_t size)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + size,
		.error = error,
		.unique = unique,
	};
	const struct iovec parts[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)data, .iov_len = size },
	};

	return writev(fuse->device, parts, 2) == (ssize_t)header.len;
}

static void reply_init(const struct ndshm_fuse *fuse, __u64 unique)
{
	const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = SIZE,
	};

	reply(fuse, unique, 0, &init, sizeof(init));
}

static void reply_attr(const struct ndshm_fuse *fuse, __u64 unique)
{
	const struct fuse_attr_out attr = {
		.attr_valid = UINT32_MAX,
		.attr = {
			.ino = FUSE_ROOT_ID,
			.size = SIZE,
			.blocks = SIZE / 512,
			.mode = S_IFREG | 0600,
			.nlink = 1,
			.blksize = SIZE,
		},
	};

	reply(fuse, unique, 0, &attr, sizeof(attr));
}

static void keep_waiting(struct ndshm_fuse *fuse,
			 const struct fuse_in_header *in)
{
	const struct fuse_read_in *read_in = (const void *)(in + 1);

	__atomic_store_n(&fuse->unique, in->unique, __ATOMIC_RELAXED);
	__atomic_store_n(&fuse->size, read_in->size, __ATOMIC_RELAXED);
	eventfd_write(fuse->requested, 1);
}

static void serve(struct ndshm_fuse *fuse, const struct fuse_in_header *in)
{
	const struct fuse_open_out opened = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		reply_init(fuse, in->unique);
		break;
	case FUSE_GETATTR:
		reply_attr(fuse, in->unique);
		break;
	case FUSE_OPEN:
		reply(fuse, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		keep_waiting(fuse, in);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		reply(fuse, in->unique, 0, NULL, 0);
		break;
	/* These have no reply; an interrupted reader waits on. */
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(fuse, in->unique, -EOPNOTSUPP, NULL, 0);
	}
}

static void *serve_all(void *data)
{
	struct ndshm_fuse *fuse = data;
	union {
		struct fuse_in_header in;
		char space[FUSE_MIN_READ_BUFFER];
	} request;
	ssize_t got;

	/* ENODEV: the file system was unmounted. */
	do {
		got = read(fuse->device, &request, sizeof(request));
		if (got >= (ssize_t)sizeof(request.in))
			serve(fuse, &request.in);
	} while (got >= 0 || errno == EINTR || errno == EAGAIN ||
		 errno == ENOENT);
	return NULL;
}

/* A file system whose root is a regular file needs no mount point. */
static int mount_file(int device)
{
	int context = fsopen("fuse", FSOPEN_CLOEXEC), mount = -1;
	char number[16];

	if (context < 0)
		return -1;
	snprintf(number, sizeof(number), "%d", device);
	if (!fsconfig(context, FSCONFIG_SET_STRING, "fd", number, 0) &&
	    !fsconfig(context, FSCONFIG_SET_STRING, "rootmode", "100600", 0) &&
	    !fsconfig(context, FSCONFIG_SET_STRING, "user_id", "0", 0) &&
	    !fsconfig(context, FSCONFIG_SET_STRING, "group_id", "0", 0) &&
	    !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return mount;
}

int ndshm_fuse_start(struct ndshm_fuse *fuse)
{
	int error;

	/* The module may have to be loaded where no device manager creates the node. */
	if (access("/dev/fuse", F_OK) && system("modprobe -q fuse"))
		return -ENODEV;
	fuse->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse->device < 0)
		return -errno;
	fuse->requested = eventfd(0, EFD_CLOEXEC);
	fuse->mount = mount_file(fuse->device);
	error = fuse->requested < 0 || fuse->mount < 0 ? -errno :
		-pthread_create(&fuse->thread, NULL, serve_all, fuse);
	if (error) {
		close(fuse->mount);
		close(fuse->requested);
		close(fuse->device);
	}
	return error;
}

int ndshm_fuse_open(const struct ndshm_fuse *fuse)
{
	char path[32];
	struct stat stat;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse->mount);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* fstat() makes the kernel read the size from the file system. */
	if (fd >= 0 && fstat(fd, &stat)) {
		close(fd);
		return -1;
	}
	return fd;
}

void ndshm_fuse_leave(struct ndshm_fuse *fuse)
{
	close(fuse->device);
}

bool ndshm_fuse_has_read(struct ndshm_fuse *fuse)
{
	struct pollfd requested = { .fd = fuse->requested, .events = POLLIN };
	eventfd_t count;

	return poll(&requested, 1, PATIENCE) == 1 &&
	       !eventfd_read(fuse->requested, &count);
}

bool ndshm_fuse_answer(struct ndshm_fuse *fuse)
{
	__u32 size = __atomic_load_n(&fuse->size, __ATOMIC_RELAXED);
	char page[MOST];

	memset(page, NDSHM_FUSE_BYTE, sizeof(page));
	return size <= sizeof(page) &&
	       reply(fuse, __atomic_load_n(&fuse->unique, __ATOMIC_RELAXED), 0,
		     page, size);
}

void ndshm_fuse_stop(struct ndshm_fuse *fuse)
{
	pthread_cancel(fuse->thread);
	pthread_join(fuse->thread, NULL);
	close(fuse->mount);
	close(fuse->device);
	close(fuse->requested);
}
