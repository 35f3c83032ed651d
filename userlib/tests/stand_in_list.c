// SPDX-License-Identifier: GPL-2.0
/*
 * Replaces the library's lists in the command.
 *
 * There are two adapters, one provider, and STAND_IN_BLOCKS blocks (12 by default). Block
 * i has the id 1000 + i and (i + 1) * 4096 bytes, and belongs by turns to one of three
 * adapters, the last of which is gone, of three users, and of four processes, the first of
 * which is the kernel. STAND_IN_LOOKUPS is a file to which each look-up of a user is
 * appended. STAND_IN_LENGTH is the length of every block, and
 * STAND_IN_NAME the name of root. STAND_IN_SECTION is the name of the first of two sections.
 * STAND_IN_REFUSE is the errno of listing blocks.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "stand_in.h"

#define GONE		99
#define NAMELESS	4000000000U

/* In no order of their ids. */
STAND_IN_LIST(ndshm_list_adapters_sized, ndshm_adapter_info)
{
	static const struct ndshm_adapter_info adapters[] = {
		{ .id = 7, .name = "card\033", .node = -1, .claimable = true, .open = true },
		{ .id = 1, .name = "node0", .node = 0, .open = true },
	};

	*out = stand_in_rows(adapters, 2, sizeof(**out), count);
	return 0;
}

STAND_IN_LIST(ndshm_list_providers_sized, ndshm_provider_info)
{
	static const struct ndshm_provider_info provider = { .id = 1, .name = "pages" };

	*out = stand_in_rows(&provider, 1, sizeof(**out), count);
	return 0;
}

STAND_IN_LIST(ndshm_list_blocks_sized, ndshm_block_row)
{
	static const uint32_t adapters[] = { 1, 7, GONE };
	static const uint32_t users[] = { 0, NAMELESS, NAMELESS + 1 };
	static const uint32_t processes[] = { 0, 1, 4000000, 4000001 };
	const char *blocks = getenv("STAND_IN_BLOCKS"), *length = getenv("STAND_IN_LENGTH");

	if (stand_in_errno("STAND_IN_REFUSE"))
		return stand_in_errno("STAND_IN_REFUSE");
	*out = stand_in_rows(NULL, blocks ? atoi(blocks) : 12, sizeof(**out), count);
	for (size_t i = 0; i < *count; i++)
		(*out)[i] = (struct ndshm_block_row){
			.id = 1000 + i,
			.adapter = adapters[i % 3],
			.provider = 1,
			.usage = NDSHM_USAGE_OTHER,
			.uid = users[i / 2 % 3],
			.pid = processes[i % 4],
			.kernel = !processes[i % 4],
			.segments = 1 + i % 2,
			.preferred_node = -1,
			.length = length ? strtoull(length, NULL, 10) : (i + 1) * 4096,
			.consumed = (i + 1) * 4096,
			.charged = i % 2,
			.revoked = i % 5 == 4,
			.exports = i == 11 ? 2 : 0,
			.tag = i % 3 == 1 ? NDSHM_TAG('R', '\033', ' ', 'x') :
			       i % 3 == 2 ? NDSHM_TAG('t', 'x', 0, 0) : 0,
		};
	return 0;
}

STAND_IN_LIST(ndshm_list_sections_sized, ndshm_section_row)
{
	const char *name = getenv("STAND_IN_SECTION");

	*out = stand_in_rows(NULL, 2, sizeof(**out), count);
	for (size_t i = 0; i < 2; i++)
		(*out)[i] = (struct ndshm_section_row){
			.id = i + 1,
			.adapter = 1,
			.provider = 1,
			.max_size = 3ULL << 62,
			.committed = (i + 1) << 20,
			.extents = 3,
			.holders = 1,
			.deleted = !i,
			.exports = i ? 0 : 3,
			.mode = 0640,
		};
	if (name)
		strncpy((*out)[0].name, name, sizeof((*out)[0].name) - 1);
	return 0;
}

WRAP(struct passwd *, getpwuid, uid_t uid)
{
	static char name[] = "root\a";
	static struct passwd root;
	char *other = getenv("STAND_IN_NAME");
	const char *path = getenv("STAND_IN_LOOKUPS");
	FILE *file = path ? fopen(path, "a") : NULL;

	if (file) {
		fprintf(file, "%" PRIu32 "\n", (uint32_t)uid);
		fclose(file);
	}
	root.pw_name = other ? other : name;
	return uid ? NULL : &root;
}
