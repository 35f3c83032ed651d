// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-table: a table of keys and values in a section, which processes of other machines read by
 * gets that do not wake its owner.
 *
 *	ndshm-table serve DIRECTORY [ADDRESS [PORT]]	own the table; see owner.c for its input
 *	ndshm-table get DIRECTORY KEY...		print values
 *	ndshm-table watch DIRECTORY KEY N		get it N times, and print what happened
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owner.h"
#include "reader.h"

#define PATIENCE	10000	/* ms */

static int main_get(const char *directory, char **keys)
{
	char value[TABLE_VALUE];
	struct reader reader;
	int status = 0, error;
	size_t length;

	if (reader_open(&reader, directory, PATIENCE))
		return 1;
	for (; *keys; keys++) {
		error = reader_get(&reader, *keys, value, &length);
		if (error) {
			fprintf(stderr, "ndshm-table: %s: %s\n", *keys, strerror(-error));
			status = 1;
		} else {
			printf("%.*s\n", (int)length, value);
		}
	}
	reader_close(&reader);
	return status;
}

/* The value is of one letter, or a mixture of two. */
static int main_watch(const char *directory, const char *key, unsigned long count)
{
	unsigned long mixed = 0, missing = 0;
	char value[TABLE_VALUE];
	struct reader reader;
	size_t length;
	int error = 0;

	if (reader_open(&reader, directory, PATIENCE))
		return 1;
	for (unsigned long i = 0; i < count && !error; i++) {
		error = reader_get(&reader, key, value, &length);
		if (error == -ENOENT) {
			missing++;
			error = 0;
		} else if (!error &&
			   (!length || (length > 1 && memcmp(value, value + 1, length - 1)))) {
			mixed++;
		}
	}
	printf("%llu gets, %llu torn, %lu mixed, %lu missing, %llu connections\n",
	       (unsigned long long)reader.gets, (unsigned long long)reader.torn, mixed, missing,
	       (unsigned long long)reader.connections);
	reader_close(&reader);
	if (error)
		fprintf(stderr, "ndshm-table: %s: %s\n", key, strerror(-error));
	return error || mixed;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && argc <= 5 && !strcmp(argv[1], "serve"))
		return owner_main(argv[2], argc > 3 ? argv[3] : "127.0.0.1",
				  (uint16_t)(argc > 4 ? atoi(argv[4]) : 0));
	if (argc >= 4 && !strcmp(argv[1], "get"))
		return main_get(argv[2], argv + 3);
	if (argc == 5 && !strcmp(argv[1], "watch"))
		return main_watch(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	fprintf(stderr, "usage: ndshm-table serve DIRECTORY [ADDRESS [PORT]]\n"
			"       ndshm-table get DIRECTORY KEY...\n"
			"       ndshm-table watch DIRECTORY KEY N\n");
	return 2;
}
