// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm quota
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/admin.h>

#include "tool.h"

#define KINDS 6

/* In the order of the output. */
static const struct kind {
	const char *name;
	uint32_t bit;
	size_t used;
	size_t limit;
} kinds[KINDS] = {
	{ "sections", NDSHM_QUOTA_SECTIONS, offsetof(struct ndshm_quota_row, sections),
	  offsetof(struct ndshm_quota_row, sections_limit) },
	{ "holders", NDSHM_QUOTA_HOLDERS, offsetof(struct ndshm_quota_row, holders),
	  offsetof(struct ndshm_quota_row, holders_limit) },
	{ "reserved", NDSHM_QUOTA_RESERVED, offsetof(struct ndshm_quota_row, reserved),
	  offsetof(struct ndshm_quota_row, reserved_limit) },
	{ "bytes", NDSHM_QUOTA_BYTES, offsetof(struct ndshm_quota_row, bytes),
	  offsetof(struct ndshm_quota_row, bytes_limit) },
	{ "requests", NDSHM_QUOTA_REQUESTS, offsetof(struct ndshm_quota_row, requests),
	  offsetof(struct ndshm_quota_row, requests_limit) },
	{ "clients", NDSHM_QUOTA_CLIENTS, offsetof(struct ndshm_quota_row, clients),
	  offsetof(struct ndshm_quota_row, clients_limit) },
};

static uint64_t number_at(const struct ndshm_quota_row *row, size_t offset)
{
	return *(const uint64_t *)((const char *)row + offset);
}

const char *quota_kind_name(uint32_t bit)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].bit == bit)
			return kinds[i].name;
	return "unknown";
}

json_t *quota_json(const struct ndshm_quota_row *row)
{
	char *user = user_name(row->uid);
	json_t *value = json_pack("{s:s, s:I}", "user", user, "uid", (json_int_t)row->uid);

	for (size_t i = 0; i < KINDS; i++)
		json_object_set_new(value, kinds[i].name,
				    json_pack("{s:o, s:o, s:b}",
					      "used", json_u64(number_at(row, kinds[i].used)),
					      "limit", json_u64(number_at(row, kinds[i].limit)),
					      "set", !!(row->set & kinds[i].bit)));
	free(user);
	return value;
}

struct arguments {
	struct common *common;
	uint32_t uid;
	bool named;
	bool all;
	uint32_t set;
	uint32_t reset;
	struct ndshm_quota_row limits;
};

enum { OPTION_ALL = 'a', OPTION_FIRST = 256 };

static void parse_limit(struct arguments *arguments, const struct kind *kind, const char *word,
			struct argp_state *state)
{
	uint64_t *limit = (uint64_t *)((char *)&arguments->limits + kind->limit);

	arguments->set &= ~kind->bit;
	arguments->reset &= ~kind->bit;
	if (!strcmp(word, "default")) {
		arguments->reset |= kind->bit;
		return;
	}
	if (!parse_length(word, limit))
		argp_error(state, "\"%s\" is no limit: give a number, or \"default\"", word);
	arguments->set |= kind->bit;
}

static void parse_user(struct arguments *arguments, const char *word, struct argp_state *state)
{
	const struct passwd *user = getpwnam(word);
	uint64_t number;

	if (user)
		arguments->uid = user->pw_uid;
	else if (parse_number(word, UINT32_MAX - 1, &number))
		arguments->uid = number;
	else
		argp_error(state, "there is no user \"%s\"", word);
	arguments->named = true;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key >= OPTION_FIRST && key < OPTION_FIRST + KINDS) {
		parse_limit(arguments, &kinds[key - OPTION_FIRST], argument, state);
		return 0;
	}
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case OPTION_ALL:
		arguments->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->named)
			argp_error(state, "\"%s\" is too much", argument);
		parse_user(arguments, argument, state);
		return 0;
	case ARGP_KEY_END:
		if (arguments->all && (arguments->named || arguments->set || arguments->reset))
			argp_error(state, "--all shows all users, and sets nothing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void add_user(struct table *table, const struct ndshm_quota_row *row)
{
	for (size_t i = 0; i < KINDS; i++) {
		char *cells[] = {
			user_name(row->uid),
			format_string("%s", kinds[i].name),
			format_string("%" PRIu64, number_at(row, kinds[i].used)),
			format_string("%" PRIu64, number_at(row, kinds[i].limit)),
			format_string("%s", row->set & kinds[i].bit ? "user" : "default"),
		};

		table_add(table, cells);
	}
}

static enum exit_code show(const struct ndshm_quota_row *rows, size_t count)
{
	static const char *const titles[] = { "USER", "KIND", ">USED", ">LIMIT", "LIMIT OF" };
	struct table table = { titles, 5, NULL, 0 };

	for (size_t i = 0; i < count; i++)
		add_user(&table, &rows[i]);
	table_print(&table);
	return end_output();
}

static enum exit_code show_all(struct ndshm *ndshm, bool json)
{
	struct ndshm_quota_row *rows;
	enum exit_code code;
	json_t *values;
	size_t count;
	int error = ndshm_list_quotas(ndshm, &rows, &count);

	if (error)
		return cannot_ndshm(ndshm, error, "list quotas");
	if (json) {
		values = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(values, quota_json(&rows[i]));
		code = print_json(values);
	} else {
		code = show(rows, count);
	}
	free(rows);
	return code;
}

/* -EPERM has no reason of the module: name the missing capability. */
static enum exit_code refused(struct ndshm *ndshm, int error, const char *what)
{
	if (error == -EPERM)
		return cannot("it takes CAP_SYS_ADMIN: be root (EPERM)", "%s", what);
	return cannot_ndshm(ndshm, error, "%s", what);
}

static enum exit_code run(struct ndshm *ndshm, const struct arguments *arguments)
{
	struct ndshm_quota_row row;
	int error = 0;

	if (arguments->all)
		return show_all(ndshm, arguments->common->json);
	if (arguments->set || arguments->reset)
		error = ndshm_set_quota(ndshm, arguments->uid, arguments->set, arguments->reset,
					&arguments->limits);
	if (error)
		return refused(ndshm, error, "set a quota");
	error = ndshm_get_quota(ndshm, arguments->uid, &row);
	if (error)
		return refused(ndshm, error, "show a quota");
	return arguments->common->json ? print_json(quota_json(&row)) : show(&row, 1);
}

enum exit_code run_quota(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "all", OPTION_ALL, NULL, 0, "Show all users who have something, or limits", 0 },
		{ "sections", OPTION_FIRST, "N", 0, "Set how many sections", 0 },
		{ "holders", OPTION_FIRST + 1, "N", 0, "Set how many holders", 0 },
		{ "reserved", OPTION_FIRST + 2, "N[K|M|G]", 0, "Set bytes of range", 0 },
		{ "bytes", OPTION_FIRST + 3, "N[K|M|G]", 0, "Set bytes of memory", 0 },
		{ "requests", OPTION_FIRST + 4, "N", 0, "Set how many requests and unread records", 0 },
		{ "clients", OPTION_FIRST + 5, "N", 0, "Set how many open clients", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[USER]",
		.doc = "Show what a user has and may have, and set limits.\v"
		       "USER is a name or a number; without it, it is you. A limit \"default\" is "
		       "that of the module's parameters again. To set limits, and to see those of "
		       "others, takes CAP_SYS_ADMIN.",
		.children = children,
	};
	struct arguments arguments = { .common = common, .uid = NDSHM_UID_SELF };
	enum exit_code code;
	struct ndshm *ndshm;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = run(ndshm, &arguments);
	ndshm_close(ndshm);
	return code;
}
