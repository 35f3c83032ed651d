// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The module: ioctls and mmap() on /dev/ndshm, lists by netlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "section_internal.h"

/* A device node without a driver: the module is not loaded. A socket has none either. */
static int without_driver(const char *where)
{
	struct stat status;

	return stat(where, &status) || S_ISCHR(status.st_mode) ? -ENOENT : -EPROTONOSUPPORT;
}

static int module_open(struct ndshm *ndshm, const char *where)
{
	int fd;

	do {
		/* O_NONBLOCK: module_read_record() waits with poll(). */
		fd = open(where, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0 && (errno == ENXIO || errno == ENODEV))
		return without_driver(where);
	if (fd < 0)
		return -errno;
	ndshm->fd = fd;
	return 0;
}

static void module_close(struct ndshm *ndshm)
{
	ndshm__close(ndshm->fd);
	ndshm->fd = -1;
}

int ndshm__ioctl(int fd, unsigned long number, void *argument)
{
	int ret;

	/* An interrupted command has not changed anything. */
	do {
		ret = ioctl(fd, number, argument);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	/* All commands of ndshm return 0 on success. */
	return ret ? -EPROTO : 0;
}

static int module_command(struct ndshm *ndshm, unsigned long number, void *argument)
{
	return ndshm__ioctl(ndshm->fd, number, argument);
}

static int module_map(struct ndshm *ndshm, uint64_t offset, uint64_t length, void **out)
{
	void *start;

	if (length > SIZE_MAX)
		return -ENOMEM;
	start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, ndshm->fd, offset);
	if (start == MAP_FAILED)
		return -errno;
	*out = start;
	return 0;
}

static int module_create_section(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
				 struct ndshm_section *section)
{
	int error = module_command(ndshm, NDSHM_SECTION_CREATE, argument);

	if (error)
		return error;
	section->kind = &ndshm__section_module;
	section->fd = argument->out_section;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Milliseconds left of @timeout, as an argument of poll(). */
static int left_of(int timeout, int64_t since)
{
	int64_t gone = now_ms() - since;

	if (timeout <= 0)
		return timeout;
	return gone < timeout ? timeout - gone : 0;
}

static int module_read_record(struct ndshm *ndshm, int timeout, struct ndshm_completion *record)
{
	struct pollfd wanted = { .fd = ndshm->fd, .events = POLLIN };
	int64_t begin = now_ms();
	int left = timeout;

	for (;;) {
		ssize_t got = read(ndshm->fd, record, sizeof(*record));
		int ready;

		if (got == (ssize_t)sizeof(*record))
			return 0;
		if (got >= 0)
			return -EPROTO;
		if (errno != EAGAIN)
			return -errno;
		/*
		 * Another thread may read the record between poll() and read(); then poll
		 * again.
		 */
		ready = poll(&wanted, 1, left);
		if (ready <= 0)
			return ready ? -errno : -EAGAIN;
		left = left_of(timeout, begin);
	}
}

const struct ndshm_backend ndshm__backend_module = {
	.open = module_open,
	.close = module_close,
	.command = module_command,
	.map = module_map,
	.create_section = module_create_section,
	.read_record = module_read_record,
	NDSHM__NETLINK_CALLS,
};
