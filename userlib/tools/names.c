// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names for the ids in blocks and sections.
 */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>

#include "tool.h"

int get_names(struct ndshm *ndshm, struct names *names)
{
	int error = ndshm_list_adapters(ndshm, &names->adapters, &names->adapter_count);

	if (!error)
		error = ndshm_list_providers(ndshm, &names->providers, &names->provider_count);
	for (size_t i = 0; i < names->adapter_count; i++)
		make_printable(names->adapters[i].name);
	for (size_t i = 0; i < names->provider_count; i++)
		make_printable(names->providers[i].name);
	return error;
}

void free_names(struct names *names)
{
	free(names->adapters);
	free(names->providers);
}

char *adapter_name(const struct names *names, uint32_t id)
{
	for (size_t i = 0; i < names->adapter_count; i++)
		if (names->adapters[i].id == id)
			return format_string("%s", names->adapters[i].name);
	return format_string("%" PRIu32, id);
}

char *provider_name(const struct names *names, uint32_t id)
{
	for (size_t i = 0; i < names->provider_count; i++)
		if (names->providers[i].id == id)
			return format_string("%s", names->providers[i].name);
	return format_string("%" PRIu32, id);
}

char *user_name(uint32_t uid)
{
	const struct passwd *user = getpwuid(uid);
	char *name;

	if (!user)
		return format_string("%" PRIu32, uid);
	name = format_string("%s", user->pw_name);
	make_printable(name);
	return name;
}

char *group_name(uint32_t gid)
{
	const struct group *group = getgrgid(gid);
	char *name;

	if (!group)
		return format_string("%" PRIu32, gid);
	name = format_string("%s", group->gr_name);
	make_printable(name);
	return name;
}

char *owner_cell(uint32_t uid, uint32_t gid)
{
	char *user = user_name(uid), *group = group_name(gid);
	char *both = format_string("%s:%s", user, group);

	free(user);
	free(group);
	return both;
}
