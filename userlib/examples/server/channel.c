// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"

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

int channel_greet(int channel, const struct greeting *greeting, struct ndshm_section *section)
{
	if (section)
		return ndshm_section_send(section, channel, 0, greeting, sizeof(*greeting));
	return send(channel, greeting, sizeof(*greeting), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int channel_be_greeted(int channel, struct ndshm *ndshm, struct greeting *greeting,
		       struct ndshm_section **section)
{
	size_t length = sizeof(*greeting);
	int error = ndshm_section_receive(ndshm, channel, greeting, &length, section);

	if (error && error != -ENODATA)
		return error;
	if (length == sizeof(*greeting) && greeting->version == PROTOCOL_VERSION &&
	    (greeting->status == STATUS_SERVED) == !error)
		return 0;
	ndshm_section_close(*section);
	*section = NULL;
	return -EPROTO;
}
