// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm quota
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/admin.h>

#include "table.h"

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
	const char *problem = NULL;

	arguments->set &= ~kind->bit;
	arguments->reset &= ~kind->bit;
	if (!strcmp(word, "default")) {
		arguments->reset |= kind->bit;
		return;
	}
	if (kind->bit & (NDSHM_QUOTA_BYTES | NDSHM_QUOTA_RESERVED))
		problem = parse_size(word, limit);
	else if (!parse_number(word, UINT64_MAX, limit))
		problem = "not a count; use a number";
	if (problem)
		argp_error(state, "\"%s\": %s, or \"default\"", word, problem);
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
		argp_error(state, "\"%s\": no such user; use a name or a number", word);
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
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		parse_user(arguments, argument, state);
		return 0;
	case ARGP_KEY_END:
		if (arguments->all && (arguments->named || arguments->set || arguments->reset))
			argp_error(state,
				   "--all: cannot be combined with a user or a limit; omit them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A line of the table: one kind of a user. */
struct line {
	const struct ndshm_quota_row *row;
	const struct kind *kind;
	uint32_t uid;
};

static void kind_cell(const void *from, struct cell *cell)
{
	const struct line *line = from;

	cell->text = line->kind->name;
}

static void set_amount(const struct line *line, size_t offset, struct cell *cell)
{
	cell->is_number = true;
	cell->number = number_at(line->row, offset);
}

static void used_cell(const void *from, struct cell *cell)
{
	const struct line *line = from;

	set_amount(line, line->kind->used, cell);
}

static void limit_cell(const void *from, struct cell *cell)
{
	const struct line *line = from;

	set_amount(line, line->kind->limit, cell);
}

static void limit_of_cell(const void *from, struct cell *cell)
{
	const struct line *line = from;

	cell->text = line->row->set & line->kind->bit ? "user" : "default";
}

static enum exit_code show(const struct ndshm_quota_row *rows, size_t count)
{
	static const struct column columns[] = {
		{ "USER", COLUMN_USER, offsetof(struct line, uid), NULL },
		{ "KIND", COLUMN_TEXT, 0, kind_cell },
		{ "USED", COLUMN_OTHER, 0, used_cell },
		{ "LIMIT", COLUMN_OTHER, 0, limit_cell },
		{ "LIMIT OF", COLUMN_TEXT, 0, limit_of_cell },
		{ 0 }
	};
	struct line *lines = array(count * KINDS, sizeof(*lines));
	const struct table table = {
		.columns = columns,
		.rows = (const char *)lines,
		.count = count * KINDS,
		.size = sizeof(*lines),
	};
	enum exit_code code;

	for (size_t i = 0; i < count * KINDS; i++)
		lines[i] = (struct line){ &rows[i / KINDS], &kinds[i % KINDS], rows[i / KINDS].uid };
	code = table_print(&table);
	free(lines);
	return code;
}

/* A user's quota, and the bytes of blocks that no user is charged for. */
struct account {
	struct ndshm_quota_row row;
	uint64_t exempt;
	bool known;		/* @row has more than the user */
};

static void exempt_cell(const void *from, struct cell *cell)
{
	const struct account *account = from;

	cell->is_number = true;
	cell->number = account->exempt;
}

static int compare_accounts(const void *left, const void *right)
{
	const struct account *a = left, *b = right;

	return (a->row.uid > b->row.uid) - (a->row.uid < b->row.uid);
}

/*
 * Add up the blocks of processes that are exempt from charges, which no quota counts.
 * Returns the accounts of all users, sorted.
 */
static struct account *add_exempt(const struct ndshm_quota_row *rows, size_t *count,
				  const struct ndshm_block_row *blocks, size_t block_count)
{
	struct account *accounts = array(*count + block_count, sizeof(*accounts));
	size_t total = *count, kept = 0;

	for (size_t i = 0; i < *count; i++)
		accounts[i] = (struct account){ .row = rows[i], .known = true };
	for (size_t i = 0; i < block_count; i++) {
		/* A revoked block has no memory; a kernel driver is no user. */
		if (blocks[i].charged || blocks[i].revoked || blocks[i].kernel)
			continue;
		accounts[total].row.uid = blocks[i].uid;
		accounts[total++].exempt = blocks[i].consumed;
	}
	/* Merge the accounts of a user. The order of equal ones is undefined. */
	qsort(accounts, total, sizeof(*accounts), compare_accounts);
	for (size_t i = 0; i < total; i++) {
		struct account *last = kept ? &accounts[kept - 1] : NULL;

		if (!last || last->row.uid != accounts[i].row.uid) {
			accounts[kept++] = accounts[i];
			continue;
		}
		if (accounts[i].known) {
			last->row = accounts[i].row;
			last->known = true;
		}
		last->exempt += accounts[i].exempt;
	}
	*count = kept;
	return accounts;
}

static enum exit_code show_accounts(const struct account *accounts, size_t count, bool json)
{
	static const struct column columns[] = {
		{ "USER", COLUMN_USER, offsetof(struct account, row.uid), NULL },
		{ "EXEMPT", COLUMN_OTHER_BYTES, 0, exempt_cell },
		{ 0 }
	};
	const struct table exempt = {
		.columns = columns,
		.rows = (const char *)accounts,
		.count = count,
		.size = sizeof(*accounts),
		.sum = true,
	};
	json_t *values, *value;
	struct ndshm_quota_row *rows;
	enum exit_code code;

	if (json) {
		values = json_array();
		for (size_t i = 0; i < count; i++) {
			value = quota_json(&accounts[i].row);
			json_object_set_new(value, "exempt", json_u64(accounts[i].exempt));
			json_array_append_new(values, value);
		}
		return print_json(values);
	}
	rows = array(count, sizeof(*rows));
	for (size_t i = 0; i < count; i++)
		rows[i] = accounts[i].row;
	code = show(rows, count);
	free(rows);
	putchar('\n');
	return code == EXIT_DONE ? table_print(&exempt) : code;
}

static enum exit_code show_all(struct ndshm *ndshm, bool json)
{
	struct ndshm_quota_row *rows = NULL;
	struct ndshm_block_row *blocks = NULL;
	struct account *accounts = NULL;
	size_t count, block_count;
	enum exit_code code;
	int error = ndshm_list_quotas(ndshm, &rows, &count);

	if (!error)
		error = ndshm_list_blocks(ndshm, &blocks, &block_count);
	if (!error)
		accounts = add_exempt(rows, &count, blocks, block_count);
	for (size_t i = 0; !error && i < count; i++)
		if (!accounts[i].known)
			error = ndshm_get_quota(ndshm, accounts[i].row.uid, &accounts[i].row);
	code = error ? cannot_ndshm(ndshm, error, "list quotas") :
		       show_accounts(accounts, count, json);
	free(accounts);
	free(blocks);
	free(rows);
	return code;
}

/* -EPERM has no reason of the module: name the missing capability. */
static enum exit_code refused(struct ndshm *ndshm, int error, const char *what)
{
	if (error == -EPERM)
		return cannot_reason("requires CAP_SYS_ADMIN; run it as root, "
				     "outside of containers",
				     NULL, error, "%s", what);
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
		{ "reserved", OPTION_FIRST + 2, "SIZE", 0, "Set bytes of range", 0 },
		{ "bytes", OPTION_FIRST + 3, "SIZE", 0, "Set bytes of memory", 0 },
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
	ndshm = open_viewer(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = run(ndshm, &arguments);
	ndshm_close(ndshm);
	return code;
}
