// SPDX-License-Identifier: GPL-2.0
/*
 * inherits: prints in one line the properties of the section that "ndshm section create"
 * passes to the program it runs.
 */
#include <inttypes.h>

#include "test_section.h"

static uint32_t number_of(const char *name)
{
	const char *word = getenv(name);

	if (!word) {
		printf("no %s\n", name);
		exit(1);
	}
	return strtoul(word, NULL, 10);
}

static const char *yes_or_no(bool yes)
{
	return yes ? "yes" : "no";
}

/* Try the library's mapping, the same made writable, and a new mapping. */
static bool can_write(struct ndshm_section *section, int fd)
{
	const size_t size = ndshm_section_size(section);
	void *other = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *base = ndshm_section_base(section);
	bool can = other != MAP_FAILED && test_can_write(other);

	can |= test_can_write(base);
	mprotect(base, size, PROT_READ | PROT_WRITE);
	return can | test_can_write(base);
}

int main(void)
{
	const uint32_t id = number_of("NDSHM_SECTION_ID");
	const int fd = number_of("NDSHM_SECTION_FD");
	struct ndshm_section *section;
	struct ndshm_section_info info;
	struct ndshm *ndshm;

	if (ndshm_open("section:", &ndshm))
		return 1;
	if (ndshm_section_adopt(ndshm, fd, &section) || ndshm_section_query(section, &info)) {
		printf("%s\n", ndshm_reason_text(ndshm_last_reason(ndshm)));
		return 1;
	}
	printf("id=%s max=%" PRIu64 " initial=%" PRIu64, info.id == id ? "same" : "other",
	       info.max_size, info.initial_size);
	printf(" reads=%s", yes_or_no(test_can_read(ndshm_section_base(section))));
	printf(" writes=%s", yes_or_no(can_write(section, fd)));
	printf(" allocates=%s", yes_or_no(!test_extent(section, 1)));
	printf(" dumped=%s\n", yes_or_no(test_is_dumped(ndshm_section_base(section))));
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return 0;
}
