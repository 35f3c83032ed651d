// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names for the ids in blocks and sections.
 */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* Longest name of a user or group that is shown. */
#define NAME_LENGTH	255

/* Names of users or groups by number, or numbers: looking one up reads a file or asks a server. */
struct cached {
	struct cached *next;
	uint32_t id;
	char name[];
};

#define BUCKETS	4096

static struct cached *users[BUCKETS], *groups[BUCKETS], *ids[BUCKETS];
static bool numeric;

void show_numbers(void)
{
	numeric = true;
}

static int compare_adapters(const void *left, const void *right)
{
	const struct ndshm_adapter_info *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

static int compare_providers(const void *left, const void *right)
{
	const struct ndshm_provider_info *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

int get_names(struct ndshm *ndshm, struct names *names)
{
	int error = ndshm_list_adapters(ndshm, &names->adapters, &names->adapter_count);

	if (!error)
		error = ndshm_list_providers(ndshm, &names->providers, &names->provider_count);
	for (size_t i = 0; i < names->adapter_count; i++)
		make_printable(names->adapters[i].name);
	for (size_t i = 0; i < names->provider_count; i++)
		make_printable(names->providers[i].name);
	if (names->adapter_count)
		qsort(names->adapters, names->adapter_count, sizeof(*names->adapters),
		      compare_adapters);
	if (names->provider_count)
		qsort(names->providers, names->provider_count, sizeof(*names->providers),
		      compare_providers);
	return error;
}

void free_names(struct names *names)
{
	free(names->adapters);
	free(names->providers);
}

const char *adapter_text(const struct names *names, uint32_t id)
{
	const struct ndshm_adapter_info key = { .id = id }, *found = NULL;

	if (names->adapter_count)
		found = bsearch(&key, names->adapters, names->adapter_count, sizeof(key),
				compare_adapters);
	return found ? found->name : NULL;
}

const char *provider_text(const struct names *names, uint32_t id)
{
	const struct ndshm_provider_info key = { .id = id }, *found = NULL;

	if (names->provider_count)
		found = bsearch(&key, names->providers, names->provider_count, sizeof(key),
				compare_providers);
	return found ? found->name : NULL;
}

static const char *look_up_user(uint32_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_name : NULL;
}

static const char *look_up_group(uint32_t gid)
{
	const struct group *group = getgrgid(gid);

	return group ? group->gr_name : NULL;
}

bool find_user(const char *word, uint32_t *uid)
{
	const struct passwd *user = getpwnam(word);
	uint64_t number;

	if (!user && !parse_number(word, UINT32_MAX - 1, &number))
		return false;
	*uid = user ? user->pw_uid : number;
	return true;
}

bool find_group(const char *word, uint32_t *gid)
{
	const struct group *group = getgrnam(word);
	uint64_t number;

	if (!group && !parse_number(word, UINT32_MAX - 1, &number))
		return false;
	*gid = group ? group->gr_gid : number;
	return true;
}

static const char *look_up(struct cached **buckets, uint32_t id,
			   const char *(*look_up_id)(uint32_t id))
{
	struct cached **bucket = &buckets[id % BUCKETS], *found;
	char number[sizeof("4294967295")];
	const char *name;
	size_t length;

	for (found = *bucket; found; found = found->next)
		if (found->id == id)
			return found->name;
	snprintf(number, sizeof(number), "%" PRIu32, id);
	name = numeric ? NULL : look_up_id(id);
	if (!name)
		name = number;
	length = strnlen(name, NAME_LENGTH);
	found = array(1, sizeof(*found) + length + 1);
	found->id = id;
	memcpy(found->name, name, length);
	make_printable(found->name);
	found->next = *bucket;
	*bucket = found;
	return found->name;
}

const char *cached_user(uint32_t uid)
{
	return look_up(users, uid, look_up_user);
}

const char *cached_group(uint32_t gid)
{
	return look_up(groups, gid, look_up_group);
}

static const char *look_up_nothing(uint32_t id)
{
	(void)id;
	return NULL;
}

const char *adapter_name(const struct names *names, uint32_t id)
{
	const char *name = adapter_text(names, id);

	return name ? name : look_up(ids, id, look_up_nothing);
}

const char *provider_name(const struct names *names, uint32_t id)
{
	const char *name = provider_text(names, id);

	return name ? name : look_up(ids, id, look_up_nothing);
}

char *owner_cell(uint32_t uid, uint32_t gid)
{
	return format_string("%s:%s", cached_user(uid), cached_group(gid));
}
