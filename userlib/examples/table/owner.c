// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The owner of the table. It executes the commands of its input, and sleeps while others read:
 *
 *	set KEY VALUE		unset KEY
 *	churn KEY N		write N versions of a value, each of one letter
 *	info			print how many gets there were, and how often this thread woke up
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/section.h>

#include "owner.h"
#include "place.h"
#include "table.h"

#define SLOTS	1024u

struct owner {
	struct ndshm *ndshm;
	struct ndshm_section *section;
	struct ndshm_remote *remote;
	struct ndshm_remote_export *exported;
	char *memory;
	uint64_t commands;
};

static int owner_fail(const char *what, int error)
{
	fprintf(stderr, "ndshm-table: %s: %s; %s\n", what, strerror(-error),
		ndshm_remote_reason_text(ndshm_remote_last_reason()));
	return 1;
}

/* Only reads are exported: no peer can damage the table. */
static int owner_open(struct owner *owner, const char *directory, const char *address,
		      uint16_t port)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	struct ndshm_section_request range = NDSHM_SECTION_REQUEST_INIT;
	struct place place = { 0 };
	uint64_t offset, length;
	int error;

	range.max_size = 4 * table_bytes(SLOTS);
	error = ndshm_open(NULL, &owner->ndshm);
	if (!error)
		error = ndshm_section_create(owner->ndshm, &range, &owner->section);
	if (!error)
		error = ndshm_extent_alloc(owner->section, table_bytes(SLOTS), 0, &offset, &length);
	if (error)
		return owner_fail("no section", error);
	owner->memory = (char *)ndshm_section_base(owner->section) + offset;
	table_init(owner->memory, SLOTS);

	snprintf(place.address, sizeof(place.address), "%s", address);
	if (place_read_token(directory, true, &place))
		return owner_fail("no token", -errno);
	error = ndshm_remote_open(&request, &owner->remote);
	if (!error)
		error = ndshm_remote_export_section(owner->remote, owner->section, offset,
						    table_bytes(SLOTS), NDSHM_REMOTE_READ,
						    &owner->exported);
	if (!error)
		error = ndshm_remote_listen(owner->remote, address, port, place.token,
					    sizeof(place.token), &place.port);
	if (error)
		return owner_fail("cannot export", error);
	ndshm_remote_export_blob(owner->exported, place.blob);
	return place_write(directory, &place) ? owner_fail("cannot write where", -errno) : 0;
}

static void owner_churn(struct owner *owner, const char *key, unsigned long versions)
{
	char value[TABLE_VALUE];

	for (unsigned long i = 0; i < versions; i++) {
		memset(value, 'a' + (int)(i % 26), sizeof(value));
		table_set(owner->memory, key, value, 1 + i % sizeof(value));
	}
}

static bool owner_do(struct owner *owner, char *line)
{
	char *key = strchr(line, ' '), *value = key ? strchr(key + 1, ' ') : NULL;
	struct ndshm_remote_info info;

	owner->commands++;
	if (key)
		*key++ = '\0';
	if (value)
		*value++ = '\0';
	if (!strcmp(line, "set") && value)
		return table_set(owner->memory, key, value, strlen(value));
	if (!strcmp(line, "unset") && key)
		return table_unset(owner->memory, key);
	if (!strcmp(line, "churn") && value) {
		owner_churn(owner, key, strtoul(value, NULL, 10));
		return true;
	}
	if (strcmp(line, "info") || ndshm_remote_query(owner->remote, &info))
		return false;
	printf("%llu gets, %llu commands, %u peers\n", (unsigned long long)info.served,
	       (unsigned long long)owner->commands, info.peers);
	return true;
}

int owner_main(const char *directory, const char *address, uint16_t port)
{
	struct owner owner = { 0 };
	char line[2048];
	int status = owner_open(&owner, directory, address, port);

	if (!status)
		puts("ready");
	fflush(stdout);
	while (!status && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!owner_do(&owner, line))
			puts("no");
		fflush(stdout);
	}
	/* Revokes the export: the memory is not used by others any more. */
	if (owner.remote)
		ndshm_remote_close(owner.remote);
	if (owner.section)
		ndshm_section_close(owner.section);
	if (owner.ndshm)
		ndshm_close(owner.ndshm);
	return status;
}
