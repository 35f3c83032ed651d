// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm ps [processes|blocks|sections|claims]
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "use.h"

/* An object and a process that has it; an object that none has is a row of its own. */
struct pair {
	uint32_t id;
	uint32_t uid;		/* owner: the user that opened the client */
	uint32_t allocator;	/* pid, or 0 */
	const char *allocator_state;
	uint64_t bytes;		/* of the object */
	const char *name;	/* of the section or adapter; or NULL */
	const struct process *process;	/* or NULL */
	uint32_t pid;		/* of the process */
	uint32_t descriptors;
	uint32_t holders;
	uint32_t extents;
	uint64_t taken;
	uint64_t mapped;	/* bytes of mappings */
};

/* What is the same for objects of all kinds. */
static void process_cells(struct table *table, const struct process *process)
{
	cell_number(table, "PID", process, process ? process->pid : 0);
	cell_text(table, "COMMAND", process ? process->command : NULL);
}

/* An object of another user is not in the lists: its user is unknown. */
static const char *charged_user(const struct pair *pair)
{
	return pair->uid == UINT32_MAX ? NULL : cached_user(pair->uid);
}

static void block_cells(struct table *table, const void *row)
{
	const struct pair *pair = row;

	cell_number(table, "ID", true, pair->id);
	cell_bytes(table, "CONSUMED", true, pair->bytes);
	cell_text(table, "USER", charged_user(pair));
	cell_number(table, "ALLOCATOR", pair->allocator, pair->allocator);
	cell_text(table, "STATE", pair->allocator_state);
	process_cells(table, pair->process);
	cell_bytes(table, "MAPPED", true, pair->mapped);
}

static void section_cells(struct table *table, const void *row)
{
	const struct pair *pair = row;

	cell_number(table, "ID", true, pair->id);
	cell_text(table, "NAME", pair->name);
	cell_bytes(table, "COMMITTED", true, pair->bytes);
	cell_text(table, "USER", charged_user(pair));
	process_cells(table, pair->process);
	cell_number(table, "DESCRIPTORS", true, pair->descriptors);
	cell_number(table, "HOLDERS", true, pair->holders);
	cell_number(table, "EXTENTS", true, pair->extents);
	cell_bytes(table, "TAKEN", true, pair->taken);
	cell_bytes(table, "MAPPED", true, pair->mapped);
}

static void claim_cells(struct table *table, const void *row)
{
	const struct pair *pair = row;

	cell_text(table, "ADAPTER", pair->name);
	process_cells(table, pair->process);
	cell_text(table, "USER", pair->process ? cached_user(pair->process->uid) : NULL);
}

static const char *allocator_state(const struct proc *proc, const char *root,
				   const struct ndshm_block_row *block)
{
	/* Many blocks have the same allocator. */
	static struct {
		uint32_t pid;
		bool runs;
	} cache[1024];
	const size_t slot = block->pid % (sizeof(cache) / sizeof(cache[0]));

	if (block->kernel)
		return "kernel";
	if (!block->pid)
		return "hidden";
	if (cache[slot].pid != block->pid) {
		cache[slot].pid = block->pid;
		cache[slot].runs = proc_is_running(proc, root, block->pid);
	}
	return cache[slot].runs ? "running" : "ended";
}

static int compare_pairs(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->pid > b->pid) - (a->pid < b->pid);
}

/* Sort, and join the pairs of the same object and process. Returns their number. */
static size_t join_pairs(struct pair *pairs, size_t count)
{
	size_t last = 0;

	if (!count)
		return 0;
	qsort(pairs, count, sizeof(*pairs), compare_pairs);
	for (size_t i = 1; i < count; i++) {
		if (compare_pairs(&pairs[i], &pairs[last])) {
			pairs[++last] = pairs[i];
			continue;
		}
		if (pairs[i].bytes > pairs[last].bytes)
			pairs[last].bytes = pairs[i].bytes;
		pairs[last].descriptors += pairs[i].descriptors;
		pairs[last].holders += pairs[i].holders;
		pairs[last].extents += pairs[i].extents;
		pairs[last].taken += pairs[i].taken;
		pairs[last].mapped += pairs[i].mapped;
	}
	return last + 1;
}

static struct pair *start_pair(struct pair *pair, const struct proc *proc,
			       const struct holding *holding)
{
	*pair = (struct pair){
		.id = holding->id,
		.uid = UINT32_MAX,
		.process = &proc->processes[holding->process],
		.pid = proc->processes[holding->process].pid,
	};
	return pair;
}

static int compare_ids(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

static bool has_id(const struct pair *pairs, size_t count, uint32_t id)
{
	const struct pair key = { .id = id };

	return count && bsearch(&key, pairs, count, sizeof(key), compare_ids);
}

/* Blocks of sections are not mapped one by one: see the sections. */
static struct pair *make_blocks(const struct proc *proc, const struct use_lists *lists,
				const char *root, size_t *count)
{
	struct pair *pairs = array(proc->holding_count + lists->block_count, sizeof(*pairs));
	size_t mapped = 0;

	for (size_t i = 0; i < proc->holding_count; i++) {
		const struct holding *holding = &proc->holdings[i];

		if (holding->kind != HOLDING_BLOCK_MAP)
			continue;
		start_pair(&pairs[mapped++], proc, holding)->mapped = holding->bytes;
	}
	mapped = join_pairs(pairs, mapped);
	*count = mapped;
	for (size_t i = 0; i < lists->block_count; i++)
		if (!has_id(pairs, mapped, lists->blocks[i].id))
			pairs[(*count)++] = (struct pair){ .id = lists->blocks[i].id };
	qsort(pairs, *count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < *count; i++) {
		const struct ndshm_block_row *block = use_find_block(lists, pairs[i].id);

		if (!block) {
			pairs[i].allocator_state = "hidden";
			continue;
		}
		pairs[i].bytes = block->consumed;
		pairs[i].uid = block->uid;
		pairs[i].allocator = block->pid;
		pairs[i].allocator_state = allocator_state(proc, root, block);
	}
	return pairs;
}

static struct pair *make_sections(const struct proc *proc, const struct use_lists *lists,
				  const char *root, size_t *count)
{
	struct pair *pairs = array(proc->holding_count + lists->section_count, sizeof(*pairs));
	size_t found = 0;

	(void)root;
	for (size_t i = 0; i < proc->holding_count; i++) {
		const struct holding *holding = &proc->holdings[i];
		struct pair *pair = &pairs[found];

		switch (holding->kind) {
		case HOLDING_SECTION:
			start_pair(pair, proc, holding)->descriptors = 1;
			pair->bytes = holding->committed;
			break;
		case HOLDING_HOLDER:
			start_pair(pair, proc, holding);
			if (!holding->again) {
				pair->holders = 1;
				pair->extents = holding->count;
				pair->taken = holding->bytes;
			}
			break;
		case HOLDING_SECTION_MAP:
			start_pair(pair, proc, holding)->mapped = holding->bytes;
			break;
		default:
			continue;
		}
		found++;
	}
	found = join_pairs(pairs, found);
	*count = found;
	for (size_t i = 0; i < lists->section_count; i++)
		if (!has_id(pairs, found, lists->sections[i].id))
			pairs[(*count)++] = (struct pair){ .id = lists->sections[i].id };
	qsort(pairs, *count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < *count; i++) {
		const struct ndshm_section_row *section = use_find_section(lists, pairs[i].id);

		if (!section)
			continue;
		pairs[i].bytes = section->committed;
		pairs[i].uid = section->uid;
		pairs[i].name = section->name;
	}
	return pairs;
}

static struct pair *make_claims(const struct proc *proc, const struct use_lists *lists,
				const char *root, size_t *count)
{
	const struct names *names = &lists->names;
	struct pair *pairs = array(proc->claim_count + names->adapter_count, sizeof(*pairs));
	size_t found = 0;

	(void)root;
	for (size_t i = 0; i < proc->holding_count; i++) {
		const struct holding *holding = &proc->holdings[i];

		for (size_t j = 0; j < holding->claim_count; j++)
			start_pair(&pairs[found++], proc, holding)->id =
				proc->claims[holding->claims + j];
	}
	found = join_pairs(pairs, found);
	*count = found;
	for (size_t i = 0; i < names->adapter_count; i++)
		if (names->adapters[i].claimed && !has_id(pairs, found, names->adapters[i].id))
			pairs[(*count)++] = (struct pair){ .id = names->adapters[i].id };
	qsort(pairs, *count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < *count; i++)
		pairs[i].name = adapter_text(names, pairs[i].id);
	return pairs;
}

/* Add the process of a pair, or null. */
static json_t *with_process(json_t *value, const struct process *process)
{
	json_object_set_new(value, "pid", process ? json_integer(process->pid) : json_null());
	json_object_set_new(value, "command", process ? json_text(process->command) : json_null());
	json_object_set_new(value, "process_user",
			    process ? json_string(cached_user(process->uid)) : json_null());
	return value;
}

static json_t *block_pair_json(const struct names *names, const void *row)
{
	const struct pair *pair = row;

	(void)names;
	return with_process(json_pack("{s:I, s:o, s:s?, s:o, s:s, s:o}",
				      "id", (json_int_t)pair->id,
				      "consumed", json_u64(pair->bytes),
				      "user", charged_user(pair),
				      "allocator",
				      pair->allocator ? json_integer(pair->allocator) : json_null(),
				      "state", pair->allocator_state,
				      "mapped", json_u64(pair->mapped)), pair->process);
}

static json_t *section_pair_json(const struct names *names, const void *row)
{
	const struct pair *pair = row;

	(void)names;
	return with_process(json_pack("{s:I, s:o, s:o, s:s?, s:I, s:I, s:I, s:o, s:o}",
				      "id", (json_int_t)pair->id,
				      "name", json_text(pair->name ? pair->name : ""),
				      "committed", json_u64(pair->bytes),
				      "user", charged_user(pair),
				      "descriptors", (json_int_t)pair->descriptors,
				      "holders", (json_int_t)pair->holders,
				      "extents", (json_int_t)pair->extents,
				      "taken", json_u64(pair->taken),
				      "mapped", json_u64(pair->mapped)), pair->process);
}

static json_t *claim_pair_json(const struct names *names, const void *row)
{
	const struct pair *pair = row;

	(void)names;
	return with_process(json_pack("{s:I, s:s?}", "id", (json_int_t)pair->id,
				      "adapter", pair->name), pair->process);
}

/* A word of the command line. */
static const struct kind {
	const char *name;
	/* NULL: groups of processes, of use.h */
	struct pair *(*make)(const struct proc *proc, const struct use_lists *lists,
			     const char *root, size_t *count);
	struct row_type type;
} kinds[] = {
	{ "processes", NULL, { 0 } },
	{ "blocks", make_blocks, { sizeof(struct pair), block_cells, block_pair_json } },
	{ "sections", make_sections, { sizeof(struct pair), section_cells, section_pair_json } },
	{ "claims", make_claims, { sizeof(struct pair), claim_cells, claim_pair_json } },
};

struct arguments {
	struct common *common;
	const struct kind *kind;
	const char *by_word;
	enum use_by by;
	const char *root;
	struct table table;
};

/* Say how many processes are missing in the output, which remains valid. */
static void note_unread(const struct proc *proc)
{
	if (proc->unread)
		print_note("%zu processes not read: permission denied; run as root to see what they hold",
			   proc->unread);
}

static enum exit_code show(struct arguments *arguments, const struct proc *proc,
			   const struct use_lists *lists)
{
	struct table *table = &arguments->table;
	struct pair *pairs = NULL;
	struct use *uses = NULL;
	enum exit_code code;

	table->names = &lists->names;
	if (arguments->kind->make) {
		pairs = arguments->kind->make(proc, lists, arguments->root, &table->count);
		table->rows = pairs;
	} else {
		uses = use_make(proc, lists, arguments->by, &table->count);
		table->rows = uses;
	}
	code = table_print(table, arguments->common->json);
	note_unread(proc);
	if (uses)
		use_free(uses, table->count);
	free(pairs);
	return code;
}

static enum exit_code run(const struct common *common, struct arguments *arguments)
{
	struct use_lists lists = { 0 };
	struct ndshm *ndshm = NULL;
	struct proc proc = { 0 };
	enum exit_code code;
	int error;

	/* First /proc: the client of this command is not one of those that are looked for. */
	code = proc_read(&proc, arguments->root, arguments->by == USE_BY_CGROUP);
	if (code == EXIT_DONE) {
		ndshm = open_viewer(common);
		if (!ndshm)
			code = EXIT_FAILED;
	}
	if (code == EXIT_DONE) {
		error = use_lists_get(ndshm, &lists);
		code = error ? cannot_ndshm(ndshm, error, "list blocks and sections") :
			       show(arguments, &proc, &lists);
	}
	if (ndshm)
		ndshm_close(ndshm);
	use_lists_free(&lists);
	proc_free(&proc);
	return code;
}

enum { OPTION_BY = 256 };

static void read_options(struct argp_state *state, struct arguments *arguments)
{
	const struct kind *kind = arguments->kind ? arguments->kind : &kinds[0];

	arguments->kind = kind;
	if (arguments->by_word && kind->make)
		argp_error(state, "--by: %s have no groups; omit it, or list processes", kind->name);
	if (arguments->by_word && !use_parse_by(arguments->by_word, &arguments->by))
		argp_error(state, "--by: processes have no groups by \"%s\"; use process, user or cgroup",
			   arguments->by_word);
	table_begin(state, &arguments->table, kind->make ? &kind->type : use_type(arguments->by),
		    kind->make ? NULL : "-held", arguments->common->json);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		state->child_inputs[1] = &arguments->table;
		return 0;
	case OPTION_BY:
		arguments->by_word = argument;
		return 0;
	case 'r':
		arguments->root = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->kind)
			argp_error(state, "\"%s\": unexpected argument; name one kind of object", argument);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(argument, kinds[i].name))
				arguments->kind = &kinds[i];
		if (!arguments->kind)
			argp_error(state, "\"%s\": cannot be shown; use processes, blocks, sections or claims", argument);
		return 0;
	case ARGP_KEY_END:
		read_options(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_ps(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "by", OPTION_BY, "WHAT", 0, "Group processes by user or cgroup", 0 },
		{ "root", 'r', "DIR", 0, "Use DIR/proc and DIR/sys instead of /proc and /sys", 5 },
		{ 0 }
	};
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ .argp = &table_argp },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[processes|blocks|sections|claims]",
		.doc = "Show the processes that have memory, also if others allocated it.\v"
		       "Descriptors and mappings are read from /proc. Only root sees those of the "
		       "processes of all users.",
		.children = children,
	};
	struct arguments arguments = { .common = common, .root = "" };

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	return run(common, &arguments);
}
