// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "place.h"

static char *place_path(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		exit(1);
	return path;
}

int place_read_token(const char *directory, bool make, struct place *place)
{
	char *path = place_path(directory, "token");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count = -1;

	if (fd >= 0) {
		count = read(fd, place->token, sizeof(place->token));
	} else if (errno == ENOENT && make) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 && getrandom(place->token, sizeof(place->token), 0) == PLACE_TOKEN)
			count = write(fd, place->token, sizeof(place->token));
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return count == PLACE_TOKEN ? 0 : -1;
}

/* Readers see the old one or the new one. */
int place_write(const char *directory, const struct place *place)
{
	char *path = place_path(directory, "where"), *other = place_path(directory, "where.new");
	int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error = fd < 0 || dprintf(fd, "%s %u ", place->address, place->port) < 0;

	for (size_t i = 0; !error && i < sizeof(place->blob); i++)
		error = dprintf(fd, "%02x", place->blob[i]) < 0;
	if (fd >= 0)
		error |= close(fd);
	if (!error)
		error = rename(other, path);
	free(path);
	free(other);
	return error ? -1 : 0;
}

int place_read(const char *directory, struct place *place)
{
	char *path = place_path(directory, "where");
	FILE *file = fopen(path, "re");
	unsigned int port, byte;
	int good = file && fscanf(file, "%63s %u ", place->address, &port) == 2;

	for (size_t i = 0; good && i < sizeof(place->blob); i++) {
		good = fscanf(file, "%2x", &byte) == 1;
		place->blob[i] = (unsigned char)byte;
	}
	if (file)
		fclose(file);
	free(path);
	if (!good)
		return -1;
	place->port = (uint16_t)port;
	return 0;
}
