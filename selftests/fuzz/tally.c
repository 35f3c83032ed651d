// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kinds.h"
#include "tally.h"

static struct {
	__u64 made;
	__u64 succeeded;
} *tally;

int tally_begin(void)
{
	tally = mmap(NULL, fuzz_kind_count() * sizeof(*tally),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return tally == MAP_FAILED ? -errno : 0;
}

void tally_made(unsigned int kind)
{
	__atomic_add_fetch(&tally[kind].made, 1, __ATOMIC_RELAXED);
}

void tally_succeeded(unsigned int kind)
{
	__atomic_add_fetch(&tally[kind].succeeded, 1, __ATOMIC_RELAXED);
}

__u64 tally_calls(void)
{
	__u64 calls = 0;
	unsigned int i;

	for (i = 0; i < fuzz_kind_count(); i++)
		calls += __atomic_load_n(&tally[i].made, __ATOMIC_RELAXED);
	return calls;
}

void tally_print(void)
{
	unsigned int i;

	for (i = 0; i < fuzz_kind_count(); i++)
		printf("# %s: %llu of %llu succeeded\n", fuzz_kind(i)->name,
		       (unsigned long long)tally[i].succeeded,
		       (unsigned long long)tally[i].made);
}

unsigned int tally_missing(char *text, size_t size)
{
	unsigned int missing = 0, i;
	size_t length = 0;

	text[0] = '\0';
	for (i = 0; i < fuzz_kind_count(); i++) {
		const struct fuzz_kind *kind = fuzz_kind(i);

		if (tally[i].succeeded || (kind->possible && !kind->possible()))
			continue;
		missing++;
		if (length < size)
			length += snprintf(text + length, size - length, " %s",
					   kind->name);
	}
	return missing;
}
