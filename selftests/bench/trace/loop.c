// SPDX-License-Identifier: GPL-2.0
/*
 * loop LENGTH [map]: allocate and free a block of LENGTH bytes, and map and touch it
 * between, until the file `stop` is there. Creates the file `looping` when all is warm.
 */
#include "round.h"

int main(int argc, char **argv)
{
	size_t length = argc > 1 ? strtoul(argv[1], NULL, 0) : 4096;
	unsigned long i;
	__u32 adapter;
	int client = open_client(&adapter);

	for (i = 0; i % WARM || access("stop", F_OK); i++) {
		go_round(client, adapter, length, argc > 2);
		if (i == WARM)
			close(open("looping", O_CREAT | O_WRONLY, 0600));
	}
	return 0;
}
