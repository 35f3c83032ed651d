// SPDX-License-Identifier: LGPL-2.1-or-later
/* Device nodes of adapters: their owners and modes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "devnode.h"

/* USER, USER:GROUP or :GROUP */
static void parse_owner(struct devnode *node, const char *word, struct argp_state *state)
{
	char *user = format_string("%s", word), *group = strchr(user, ':');
	uint32_t id;

	if (group)
		*group++ = '\0';
	if (*user || !group) {
		if (!find_user(user, &id))
			argp_error(state, "\"%s\": no such user; use a name or a number", user);
		node->owner = id;
	}
	if (group) {
		if (!find_group(group, &id))
			argp_error(state, "\"%s\": no such group; use a name or a number", group);
		node->group = id;
	}
	free(user);
}

static void parse_mode(struct devnode *node, const char *word, struct argp_state *state)
{
	char *end;
	unsigned long mode = strtoul(word, &end, 8);

	if (*word < '0' || *word > '7' || *end || mode & ~0666UL)
		argp_error(state, "\"%s\": not a mode; use read and write bits in octal, such as 0660",
			   word);
	node->mode = mode;
}

enum { OPTION_OWNER = 256, OPTION_MODE };

static error_t parse_devnode(int key, char *argument, struct argp_state *state)
{
	struct devnode *node = state->input;

	switch (key) {
	case OPTION_OWNER:
		parse_owner(node, argument, state);
		return 0;
	case OPTION_MODE:
		parse_mode(node, argument, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option devnode_options[] = {
	{ "owner", OPTION_OWNER, "USER[:GROUP]", 0,
	  "Give its device node to a user, a group (:GROUP), or both, until it is unbound", 1 },
	{ "mode", OPTION_MODE, "MODE", 0,
	  "Permit owner, group and others to claim it (6 each), or not (0): 0660", 1 },
	{ 0 }
};

const struct argp devnode_argp = {
	.options = devnode_options,
	.parser = parse_devnode,
};

static char *devnode_path(const struct function *function)
{
	return format_string("%s" NDSHM_DEVICES "/%s", function->root, function->name);
}

void devnode_keep(const struct function *function, struct devnode *node)
{
	char *path = devnode_path(function);

	/* With an ACL, which a new node does not have, the group's bits are its mask. */
	if (!devnode_read(function, node) &&
	    getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
		node->mode &= ~070;
	free(path);
}

int devnode_read(const struct function *function, struct devnode *node)
{
	char *path = devnode_path(function);
	struct stat status;
	int error = stat(path, &status) ? -errno : 0;

	if (!error)
		*node = (struct devnode){ status.st_uid, status.st_gid, status.st_mode & 0777 };
	free(path);
	return error;
}

enum exit_code devnode_change(const struct function *function, const struct devnode *to,
			      struct devnode *now)
{
	char *path = devnode_path(function);
	int error = 0;

	/* Neither set of users gets the other's mode meanwhile. */
	if (to->mode != (mode_t)-1 && chmod(path, 0))
		error = -errno;
	if (!error && (to->owner != (uid_t)-1 || to->group != (gid_t)-1) &&
	    chown(path, to->owner, to->group))
		error = -errno;
	if (!error && to->mode != (mode_t)-1 && chmod(path, to->mode))
		error = -errno;
	if (!error)
		error = devnode_read(function, now);
	free(path);
	return error ? cannot_errno(error, "read or set the owner and the mode of the device node of "
				    "%s, which is bound", function->name) : EXIT_DONE;
}
