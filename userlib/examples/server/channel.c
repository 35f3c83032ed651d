// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static int make_socket(const char *path, int flags, struct sockaddr_un *address)
{
	int fd;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	return fd < 0 ? -errno : fd;
}

int channel_listen(const char *path, mode_t mode)
{
	struct sockaddr_un address;
	int fd = make_socket(path, SOCK_NONBLOCK, &address), error = 0;
	mode_t before;

	if (fd < 0)
		return fd;
	/* Sets umask before bind(), so that the socket never has wider permissions. */
	before = umask(~mode & 0777);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		error = -errno;
	umask(before);
	if (!error && listen(fd, SOMAXCONN)) {
		error = -errno;
		unlink(path);
	}
	if (!error)
		return fd;
	close(fd);
	return error;
}

int channel_connect(const char *path)
{
	struct sockaddr_un address;
	int fd = make_socket(path, 0, &address), error;

	if (fd < 0 || !connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int channel_greet(int channel, const struct greeting *greeting, int section)
{
	struct iovec data = { .iov_base = (void *)greeting, .iov_len = sizeof(*greeting) };
	union control control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (section >= 0) {
		memcpy(CMSG_DATA(&control.header), &section, sizeof(section));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	if (sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/*
 * Returns the descriptor in `message`, or -1. The buffer has room for one; the kernel closes
 * others.
 */
static int descriptor_of(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

int channel_be_greeted(int channel, struct greeting *greeting, int *section)
{
	struct iovec data = { .iov_base = greeting, .iov_len = sizeof(*greeting) };
	union control control;
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Not CMSG_SPACE(): its padding would have room for a second descriptor. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t length = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);

	*section = -1;
	if (length <= 0)
		return length ? -errno : -EPIPE;
	*section = descriptor_of(&message);
	if (length == sizeof(*greeting) && !(message.msg_flags & MSG_TRUNC) &&
	    greeting->version == PROTOCOL_VERSION &&
	    (greeting->status == STATUS_SERVED) == (*section >= 0))
		return 0;
	if (*section >= 0)
		close(*section);
	*section = -1;
	return -EPROTO;
}
