// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-share: a minimal use of a section. A process creates a section and allocates in it; its
 * child writes to the allocation, and the parent reads it.
 *
 *	ndshm-share		with the module
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ndshm/section.h>

int main(int argc, char **argv)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section;
	struct ndshm *ndshm;
	void *memory;

	request.max_size = 1 << 30;
	if (ndshm_open(argc > 1 ? argv[1] : NULL, &ndshm) ||
	    ndshm_section_create(ndshm, &request, &section) ||
	    ndshm_section_calloc(section, 1, 100, &memory)) {
		fprintf(stderr, "no section\n");
		return 1;
	}

	if (!fork()) {
		strcpy(memory, "Hello from a child.");
		_exit(0);
	}
	wait(NULL);
	printf("%s\n", (const char *)memory);

	ndshm_section_free(section, memory);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return 0;
}
