// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Send and receive descriptors of sections through Unix sockets.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "section_internal.h"

/* Older headers lack it. */
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

/* More control data than a peer sends in good faith, so that others are seen and closed. */
union control {
	struct cmsghdr header;
	char room[256];
};

static int send_descriptor(int socket, int fd, const void *data, size_t length)
{
	struct iovec vector = { .iov_base = (void *)data, .iov_len = length };
	union control control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(fd)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(fd)),
	};
	ssize_t sent;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == length ? 0 : -EMSGSIZE;
}

/* Send a new descriptor. */
static int send_copy(struct ndshm_section *section, int socket, uint32_t flags, const void *data,
		     size_t length)
{
	int error, fd, state;

	/* sendmsg() is a cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	error = ndshm_section_share(section, flags, &fd);
	if (!error) {
		error = ndshm__done(section->ndshm, send_descriptor(socket, fd, data, length));
		ndshm__close(fd);
	}
	pthread_setcancelstate(state, NULL);
	return error;
}

NDSHM_API int ndshm_section_send(struct ndshm_section *section, int socket, uint32_t flags,
				 const void *data, size_t length)
{
	if (!section->kind)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	/* Without data a stream socket sends nothing, and a receiver takes it for the end. */
	if (!length)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_LENGTH_ZERO);
	if (flags)
		return send_copy(section, socket, flags, data, length);
	return ndshm__done(section->ndshm,
			   send_descriptor(socket, ndshm_section_fd(section), data, length));
}

/*
 * Close all descriptors of the message but the first, and the pidfd that SO_PASSPIDFD adds.
 * Returns how many there were without the pidfd; *@fd is the first.
 */
static size_t only_descriptor(struct msghdr *message, int *fd)
{
	struct cmsghdr *header;
	size_t count = 0, length;
	int found;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		const bool pidfd = header->cmsg_type == SCM_PIDFD;

		if (header->cmsg_level != SOL_SOCKET || (header->cmsg_type != SCM_RIGHTS && !pidfd))
			continue;
		length = header->cmsg_len - CMSG_LEN(0);
		for (size_t i = 0; i < length / sizeof(found); i++) {
			memcpy(&found, CMSG_DATA(header) + i * sizeof(found), sizeof(found));
			/* A negative pidfd is an error: close() fails. */
			if (pidfd || count++)
				ndshm__close(found);
			else
				*fd = found;
		}
	}
	return count;
}

static int receive_descriptor(int socket, void *data, size_t *length, int *fd)
{
	struct iovec vector = { .iov_base = data, .iov_len = *length };
	union control control;
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	int error = received < 0 ? -errno : 0;
	size_t count = error ? 0 : only_descriptor(&message, fd);

	*length = error ? 0 : (size_t)received;
	if (error)
		return error;
	if (message.msg_flags & MSG_TRUNC)
		error = -EMSGSIZE;
	else if (count > 1 || message.msg_flags & MSG_CTRUNC)
		error = -EPROTO;
	else if (!count)
		error = received ? -ENODATA : -EPIPE;
	if (error && count)
		ndshm__close(*fd);
	return error;
}

NDSHM_API int ndshm_section_receive(struct ndshm *ndshm, int socket, void *data, size_t *length,
				    struct ndshm_section **out)
{
	int fd, error;

	*out = NULL;
	if (!*length)
		return ndshm__refuse(ndshm, NDSHM_REASON_LENGTH_ZERO);
	error = receive_descriptor(socket, data, length, &fd);
	if (error)
		return ndshm__done(ndshm, error);
	error = ndshm_section_adopt(ndshm, fd, out);
	ndshm__close(fd);
	return error;
}
