// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm permit, and the same options of ndshm bind: permissions of adapters and
 * providers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "permit.h"

static const char *const policies[] = {
	[NDSHM_RESET_REQUIRED] = "required",
	[NDSHM_RESET_SAME_USER] = "same-user",
	[NDSHM_RESET_NONE] = "none",
};

#define POLICIES (sizeof(policies) / sizeof(policies[0]))

const char *reset_name(uint32_t reset)
{
	return reset < POLICIES ? policies[reset] : "unknown";
}

/* USER, USER:GROUP or :GROUP */
static void parse_owner(struct permit *permit, const char *word, struct argp_state *state)
{
	char *user = format_string("%s", word), *group = strchr(user, ':');

	if (group)
		*group++ = '\0';
	if (*user || !group) {
		if (!find_user(user, &permit->access.owner))
			argp_error(state, "\"%s\": no such user; use a name or a number", user);
		permit->set |= NDSHM_ACCESS_OWNER;
	}
	if (group) {
		if (!find_group(group, &permit->access.group))
			argp_error(state, "\"%s\": no such group; use a name or a number", group);
		permit->set |= NDSHM_ACCESS_GROUP;
	}
	free(user);
}

static void parse_mode(struct permit *permit, const char *word, struct argp_state *state)
{
	char *end;
	unsigned long mode = strtoul(word, &end, 8);

	if (*word < '0' || *word > '7' || *end || mode & ~0666UL)
		argp_error(state, "\"%s\": not a mode; use read and write bits in octal, such as 0660",
			   word);
	permit->access.mode = mode;
	permit->set |= NDSHM_ACCESS_MODE;
}

static void parse_reset(struct permit *permit, const char *word, struct argp_state *state)
{
	for (uint32_t i = 0; i < POLICIES; i++) {
		if (!strcmp(word, policies[i])) {
			permit->access.reset = i;
			permit->set |= NDSHM_ACCESS_RESET;
			return;
		}
	}
	argp_error(state, "\"%s\": not a reset policy; use required, same-user or none", word);
}

enum { OPTION_OWNER = 256, OPTION_MODE, OPTION_RESET };

static error_t parse_permit(int key, char *argument, struct argp_state *state)
{
	struct permit *permit = state->input;

	switch (key) {
	case OPTION_OWNER:
		parse_owner(permit, argument, state);
		return 0;
	case OPTION_MODE:
		parse_mode(permit, argument, state);
		return 0;
	case OPTION_RESET:
		parse_reset(permit, argument, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option permit_options[] = {
	{ "owner", OPTION_OWNER, "USER[:GROUP]", 0, "Give it to a user, a group (:GROUP), or both",
	  1 },
	{ "mode", OPTION_MODE, "MODE", 0,
	  "Permit owner, group and others to use it (6 each), or not (0): 0660", 1 },
	{ "reset", OPTION_RESET, "POLICY", 0,
	  "Who may claim an adapter that could not be reset: nobody without privilege (required), "
	  "the user who had it last (same-user), or everybody with permission (none)", 1 },
	{ 0 }
};

const struct argp permit_argp = {
	.options = permit_options,
	.parser = parse_permit,
};

static enum exit_code refused(struct ndshm *ndshm, int error, const char *kind, const char *name)
{
	if (error == -EPERM)
		return cannot_reason("requires CAP_SYS_ADMIN; run it as root, "
				     "outside of containers",
				     NULL, error, "set who may use %s \"%s\"", kind, name);
	return cannot_ndshm(ndshm, error, "set who may use %s \"%s\"", kind, name);
}

enum exit_code permit_adapter(struct ndshm *ndshm, const struct permit *permit,
			      struct ndshm_adapter_info *adapter)
{
	struct ndshm_adapter_info now = *adapter;
	int error = 0;

	if (permit->set)
		error = ndshm_set_adapter_access(ndshm, adapter->id, permit->set, &permit->access);
	if (permit->set && !error)
		error = ndshm_find_adapter(ndshm, adapter->name, &now);
	if (error)
		return refused(ndshm, error, "adapter", adapter->name);
	*adapter = now;
	return EXIT_DONE;
}

enum exit_code print_access(const char *kind, const char *name, uint32_t owner, uint32_t group,
			    uint32_t mode, const char *reset)
{
	char *cell = owner_cell(owner, group);

	printf("%s %s: owner %s, mode %04o", kind, name, cell, mode);
	if (reset)
		printf(", reset %s", reset);
	printf("\n");
	free(cell);
	return end_output();
}

static enum exit_code run_adapter(struct ndshm *ndshm, const char *name,
				  const struct permit *permit, bool json)
{
	struct ndshm_adapter_info adapter;
	enum exit_code code = choose_adapter(ndshm, name, 0, &adapter);

	if (code == EXIT_DONE)
		code = permit_adapter(ndshm, permit, &adapter);
	if (code != EXIT_DONE)
		return code;
	return json ? print_json(adapter_json(NULL, &adapter)) :
		      print_access("adapter", adapter.name, adapter.owner, adapter.group,
				   adapter.mode,
				   adapter.claimable ? reset_name(adapter.reset) : NULL);
}

static enum exit_code run_provider(struct ndshm *ndshm, const char *name,
				   const struct permit *permit, bool json)
{
	struct ndshm_provider_info provider;
	int error = ndshm_find_provider(ndshm, name, &provider);

	if (error)
		return cannot_ndshm(ndshm, error, "use provider \"%s\"", name);
	if (permit->set)
		error = ndshm_set_provider_access(ndshm, provider.id, permit->set,
						  &permit->access);
	if (permit->set && !error)
		error = ndshm_find_provider(ndshm, name, &provider);
	if (error)
		return refused(ndshm, error, "provider", name);
	make_printable(provider.name);
	return json ? print_json(provider_json(NULL, &provider)) :
		      print_access("provider", provider.name, provider.owner, provider.group,
				   provider.mode, NULL);
}

struct arguments {
	struct common *common;
	struct permit permit;
	bool provider;
	const char *name;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->permit;
		state->child_inputs[1] = arguments->common;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		else if (state->arg_num)
			arguments->name = argument;
		else if (!strcmp(argument, "provider"))
			arguments->provider = true;
		else if (strcmp(argument, "adapter"))
			argp_error(state, "\"%s\": unknown kind; use adapter or provider", argument);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->name)
			argp_usage(state);
		if (arguments->provider && arguments->permit.set & NDSHM_ACCESS_RESET)
			argp_error(state, "--reset: providers have no reset policy; omit it");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_permit(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ .argp = &permit_argp }, { .argp = &common_argp }, { 0 }
	};
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "adapter|provider NAME",
		.doc = "Show who may use an adapter or a provider, and set it.\v"
		       "To set it takes CAP_SYS_ADMIN. It holds until the module is unloaded.",
		.children = children,
	};
	struct arguments arguments = { .common = common };
	enum exit_code code;
	struct ndshm *ndshm;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	ndshm = open_viewer(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = (arguments.provider ? run_provider : run_adapter)(ndshm, arguments.name,
								 &arguments.permit, common->json);
	ndshm_close(ndshm);
	return code;
}
