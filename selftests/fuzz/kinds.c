// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "kinds.h"
#include "run.h"

static const struct fuzz_kind *const topics[] = {
	fuzz_client_kinds,
	fuzz_mapping_kinds,
	fuzz_netlink_kinds,
	fuzz_machine_kinds,
	fuzz_section_kinds,
	fuzz_kernel_kinds,
};

const struct fuzz_kind *fuzz_kind(unsigned int number)
{
	const struct fuzz_kind *kind;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(topics); i++)
		for (kind = topics[i]; kind->name; kind++)
			if (!number--)
				return kind;
	return NULL;
}

unsigned int fuzz_kind_count(void)
{
	static unsigned int count;

	if (!count)
		while (fuzz_kind(count))
			count++;
	return count;
}

unsigned int fuzz_kind_weights(void)
{
	static unsigned int sum;
	unsigned int i;

	if (!sum)
		for (i = 0; i < fuzz_kind_count(); i++)
			sum += fuzz_kind(i)->weight;
	return sum;
}

int fuzz_kind_find(const char *name, size_t length)
{
	const char *known;
	unsigned int i;

	for (i = 0; i < fuzz_kind_count(); i++) {
		known = fuzz_kind(i)->name;
		if (strlen(known) == length && !memcmp(known, name, length))
			return i;
	}
	return -1;
}

void fuzz_call_init(struct fuzz_call *call, unsigned int kind)
{
	const struct fuzz_argument *argument = fuzz_kind(kind)->arguments;
	unsigned int i;

	memset(call, 0, sizeof(*call));
	call->kind = kind;
	for (i = 0; argument[i].name; i++)
		call->arguments[i] = argument[i].usual;
}

unsigned int fuzz_registers(char class)
{
	switch (class) {
	case 'c':
		return FUZZ_CLIENTS;
	case 'h':
		return FUZZ_HANDLES;
	case 'm':
		return FUZZ_MAPS;
	case 'n':
		return FUZZ_SOCKETS;
	case 's':
		return FUZZ_SECTIONS;
	case 'o':
		return FUZZ_HOLDERS;
	case 'x':
		return FUZZ_EXTENTS;
	default:
		return 0;
	}
}
