// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What processes, users and cgroups hold.
 */
#include <stdlib.h>
#include <string.h>

#include "use.h"

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_blocks(const void *left, const void *right)
{
	const struct ndshm_block_row *a = left, *b = right;

	return compare_u32(a->id, b->id);
}

static int compare_sections(const void *left, const void *right)
{
	const struct ndshm_section_row *a = left, *b = right;

	return compare_u32(a->id, b->id);
}

int use_lists_get(struct ndshm *ndshm, struct use_lists *lists)
{
	int error = ndshm_list_blocks(ndshm, &lists->blocks, &lists->block_count);

	if (!error)
		error = ndshm_list_sections(ndshm, &lists->sections, &lists->section_count);
	if (!error)
		error = get_names(ndshm, &lists->names);
	if (error)
		return error;
	if (lists->block_count)
		qsort(lists->blocks, lists->block_count, sizeof(*lists->blocks), compare_blocks);
	if (lists->section_count)
		qsort(lists->sections, lists->section_count, sizeof(*lists->sections),
		      compare_sections);
	return 0;
}

void use_lists_free(struct use_lists *lists)
{
	free(lists->blocks);
	free(lists->sections);
	free_names(&lists->names);
}

const struct ndshm_block_row *use_find_block(const struct use_lists *lists, uint32_t id)
{
	const struct ndshm_block_row key = { .id = id };

	return lists->block_count ? bsearch(&key, lists->blocks, lists->block_count, sizeof(key),
					    compare_blocks) : NULL;
}

const struct ndshm_section_row *use_find_section(const struct use_lists *lists, uint32_t id)
{
	const struct ndshm_section_row key = { .id = id };

	return lists->section_count ? bsearch(&key, lists->sections, lists->section_count,
					      sizeof(key), compare_sections) : NULL;
}

/* Context of the orders. */
struct order {
	const struct proc *proc;
	enum use_by by;
	const size_t *groups;	/* of the processes */
};

static const char *cgroup_of(const struct process *process)
{
	return process->cgroup ? process->cgroup : "";
}

static int compare_processes(const void *left, const void *right, void *context)
{
	const struct order *order = context;
	const struct process *a = &order->proc->processes[*(const size_t *)left];
	const struct process *b = &order->proc->processes[*(const size_t *)right];

	switch (order->by) {
	case USE_BY_USER:
		return compare_u32(a->uid, b->uid);
	case USE_BY_CGROUP:
		return strcmp(cgroup_of(a), cgroup_of(b));
	default:
		return compare_u32(a->pid, b->pid);
	}
}

static bool is_of_section(const struct holding *holding)
{
	return holding->kind == HOLDING_SECTION || holding->kind == HOLDING_HOLDER ||
	       holding->kind == HOLDING_SECTION_MAP;
}

/* Order by group, kind and object. */
static int compare_holdings(const void *left, const void *right, void *context)
{
	const struct order *order = context;
	const struct holding *a = &order->proc->holdings[*(const size_t *)left];
	const struct holding *b = &order->proc->holdings[*(const size_t *)right];
	size_t of_a = order->groups[a->process], of_b = order->groups[b->process];

	if (of_a != of_b)
		return of_a < of_b ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == HOLDING_CLIENT || a->kind == HOLDING_HOLDER)
		return (a->same > b->same) - (a->same < b->same);
	return compare_u32(a->id, b->id);
}

/* Order by group and section, what is of no section last. */
static int compare_by_section(const void *left, const void *right, void *context)
{
	const struct order *order = context;
	const struct holding *a = &order->proc->holdings[*(const size_t *)left];
	const struct holding *b = &order->proc->holdings[*(const size_t *)right];
	size_t of_a = order->groups[a->process], of_b = order->groups[b->process];

	if (is_of_section(a) != is_of_section(b))
		return is_of_section(a) ? -1 : 1;
	if (of_a != of_b)
		return of_a < of_b ? -1 : 1;
	return compare_u32(a->id, b->id);
}

static void add_claims(struct use *use, const struct proc *proc, const struct names *names,
		       const struct holding *client)
{
	for (size_t i = 0; i < client->claim_count; i++) {
		const char *name = adapter_name(names, proc->claims[client->claims + i]);
		char *claims = use->claims ? format_string("%s, %s", use->claims, name) :
					     format_string("%s", name);

		free(use->claims);
		use->claims = claims;
	}
}

/* Add an object of which the group has nothing yet. */
static void add_object(struct use *use, const struct proc *proc, const struct use_lists *lists,
		       const struct holding *holding)
{
	const struct ndshm_block_row *block;

	switch (holding->kind) {
	case HOLDING_CLIENT:
		use->clients++;
		use->blocks += holding->count;
		add_saturated(&use->allocated, holding->bytes);
		add_claims(use, proc, &lists->names, holding);
		break;
	case HOLDING_HOLDER:
		use->holders++;
		use->extents += holding->count;
		add_saturated(&use->taken, holding->bytes);
		break;
	case HOLDING_BLOCK_MAP:
		block = use_find_block(lists, holding->id);
		use->mapped_blocks++;
		add_saturated(&use->mapped, block ? block->consumed : holding->bytes);
		break;
	default:
		break;
	}
}

/* @committed: the largest that a descriptor shows, for a section that is not in the lists */
static void add_section(struct use *use, const struct use_lists *lists, uint32_t id,
			uint64_t committed)
{
	const struct ndshm_section_row *section = use_find_section(lists, id);

	use->sections++;
	add_saturated(&use->committed, section ? section->committed : committed);
}

static void add_objects(struct use *uses, const struct order *order, const struct use_lists *lists)
{
	const struct proc *proc = order->proc;
	size_t *indexes = array(proc->holding_count, sizeof(*indexes)), next;

	for (size_t i = 0; i < proc->holding_count; i++)
		indexes[i] = i;
	if (proc->holding_count)
		qsort_r(indexes, proc->holding_count, sizeof(*indexes), compare_holdings,
			(void *)order);
	for (size_t i = 0; i < proc->holding_count; i++) {
		const struct holding *holding = &proc->holdings[indexes[i]];

		if (!i || compare_holdings(&indexes[i - 1], &indexes[i], (void *)order))
			add_object(&uses[order->groups[holding->process]], proc, lists, holding);
	}
	if (proc->holding_count)
		qsort_r(indexes, proc->holding_count, sizeof(*indexes), compare_by_section,
			(void *)order);
	for (size_t i = 0; i < proc->holding_count; i = next) {
		const struct holding *first = &proc->holdings[indexes[i]];
		uint64_t committed = 0;

		if (!is_of_section(first))
			break;
		for (next = i; next < proc->holding_count &&
			       !compare_by_section(&indexes[i], &indexes[next], (void *)order); next++) {
			const struct holding *holding = &proc->holdings[indexes[next]];

			if (holding->committed > committed)
				committed = holding->committed;
		}
		add_section(&uses[order->groups[first->process]], lists, first->id, committed);
	}
	free(indexes);
}

struct use *use_make(const struct proc *proc, const struct use_lists *lists, enum use_by by,
		     size_t *count)
{
	size_t *indexes = array(proc->process_count, sizeof(*indexes));
	size_t *groups = array(proc->process_count, sizeof(*groups));
	struct use *uses = array(proc->process_count, sizeof(*uses));
	struct order order = { .proc = proc, .by = by, .groups = groups };

	*count = 0;
	for (size_t i = 0; i < proc->process_count; i++)
		indexes[i] = i;
	if (proc->process_count)
		qsort_r(indexes, proc->process_count, sizeof(*indexes), compare_processes, &order);
	for (size_t i = 0; i < proc->process_count; i++) {
		const struct process *process = &proc->processes[indexes[i]];

		if (!i || compare_processes(&indexes[i - 1], &indexes[i], &order))
			uses[(*count)++] = (struct use){
				.proc = proc,
				.process = process,
				.pid = process->pid,
				.uid = process->uid,
				.cgroup = process->cgroup,
			};
		groups[indexes[i]] = *count - 1;
		uses[*count - 1].processes++;
	}
	add_objects(uses, &order, lists);
	for (size_t i = 0; i < *count; i++) {
		struct use *use = &uses[i];

		use->held = use->allocated > use->mapped ? use->allocated : use->mapped;
		add_saturated(&use->held, use->committed);
	}
	free(indexes);
	free(groups);
	return uses;
}

void use_free(struct use *uses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(uses[i].claims);
	free(uses);
}

static void object_cells(struct table *table, const struct use *use)
{
	cell_bytes(table, "HELD", true, use->held);
	cell_number(table, "BLOCKS", true, use->blocks);
	cell_bytes(table, "ALLOCATED", true, use->allocated);
	cell_bytes(table, "MAPPED", true, use->mapped);
	cell_number(table, "SECTIONS", true, use->sections);
	cell_bytes(table, "COMMITTED", true, use->committed);
	cell_number(table, "EXTENTS", true, use->extents);
	cell_bytes(table, "TAKEN", true, use->taken);
	cell_text(table, "CLAIMS", use->claims);
}

static void process_cells(struct table *table, const void *row)
{
	const struct use *use = row;

	cell_number(table, "PID", true, use->pid);
	cell_text(table, "COMMAND", use->process ? use->process->command : NULL);
	cell_text(table, "USER", cached_user(use->uid));
	object_cells(table, use);
}

static void user_cells(struct table *table, const void *row)
{
	const struct use *use = row;

	cell_text(table, "USER", cached_user(use->uid));
	cell_number(table, "PROCESSES", true, use->processes);
	object_cells(table, use);
}

static void cgroup_cells(struct table *table, const void *row)
{
	const struct use *use = row;

	cell_text(table, "CGROUP", use->cgroup);
	cell_number(table, "PROCESSES", true, use->processes);
	object_cells(table, use);
}

/* A descriptor or a mapping of a process. */
static json_t *holding_json(const struct proc *proc, const struct names *names,
			    const struct holding *holding)
{
	json_t *claims;

	switch (holding->kind) {
	case HOLDING_CLIENT:
		claims = json_array();
		for (size_t i = 0; i < holding->claim_count; i++)
			json_array_append_new(claims, json_string(adapter_name(names,
						proc->claims[holding->claims + i])));
		return json_pack("{s:s, s:i, s:I, s:o, s:o}", "kind", "client",
				 "fd", holding->fd, "blocks", (json_int_t)holding->count,
				 "bytes", json_u64(holding->bytes), "claims", claims);
	case HOLDING_SECTION:
		return json_pack("{s:s, s:i, s:I}", "kind", "section", "fd", holding->fd,
				 "id", (json_int_t)holding->id);
	case HOLDING_HOLDER:
		return json_pack("{s:s, s:i, s:I, s:I, s:o}", "kind", "holder", "fd", holding->fd,
				 "section", (json_int_t)holding->id,
				 "extents", (json_int_t)holding->count,
				 "bytes", json_u64(holding->bytes));
	default:
		break;
	}
	return json_pack("{s:s, s:I, s:o}", "kind",
			 holding->kind == HOLDING_BLOCK_MAP ? "block-mapping" :
			 holding->kind == HOLDING_SECTION_MAP ? "section-mapping" : "bar-mapping",
			 "id", (json_int_t)holding->id, "bytes", json_u64(holding->bytes));
}

/* What the groups of all kinds have. */
static json_t *object_json(const struct use *use)
{
	return json_pack("{s:o, s:I, s:I, s:o, s:I, s:o, s:I, s:o, s:I, s:I, s:o, s:s?}",
			 "held", json_u64(use->held),
			 "clients", (json_int_t)use->clients,
			 "blocks", (json_int_t)use->blocks,
			 "allocated", json_u64(use->allocated),
			 "mapped_blocks", (json_int_t)use->mapped_blocks,
			 "mapped", json_u64(use->mapped),
			 "sections", (json_int_t)use->sections,
			 "committed", json_u64(use->committed),
			 "holders", (json_int_t)use->holders,
			 "extents", (json_int_t)use->extents,
			 "taken", json_u64(use->taken),
			 "claims", use->claims);
}

static json_t *cgroup_json(const struct names *names, const void *row)
{
	const struct use *use = row;
	json_t *value = object_json(use);

	(void)names;
	json_object_set_new(value, "cgroup", use->cgroup ? json_text(use->cgroup) : json_null());
	json_object_set_new(value, "processes", json_integer(use->processes));
	return value;
}

/* Add the user to a JSON object. */
static json_t *with_user(json_t *value, const struct use *use)
{
	json_object_set_new(value, "user", json_string(cached_user(use->uid)));
	json_object_set_new(value, "uid", json_integer(use->uid));
	return value;
}

static json_t *user_json(const struct names *names, const void *row)
{
	const struct use *use = row;
	json_t *value = with_user(object_json(use), use);

	(void)names;
	json_object_set_new(value, "processes", json_integer(use->processes));
	return value;
}

static json_t *process_json(const struct names *names, const void *row)
{
	const struct use *use = row;
	const struct proc *proc = use->proc;
	json_t *value = with_user(object_json(use), use), *holdings = json_array();

	json_object_set_new(value, "pid", json_integer(use->pid));
	json_object_set_new(value, "command", json_text(use->process->command));
	for (size_t j = use->process->first; j < proc->holding_count; j++) {
		if (&proc->processes[proc->holdings[j].process] != use->process)
			break;
		json_array_append_new(holdings, holding_json(proc, names, &proc->holdings[j]));
	}
	json_object_set_new(value, "has", holdings);
	return value;
}

const struct row_type *use_type(enum use_by by)
{
	static const struct row_type types[] = {
		[USE_BY_PROCESS] = { sizeof(struct use), process_cells, process_json },
		[USE_BY_USER] = { sizeof(struct use), user_cells, user_json },
		[USE_BY_CGROUP] = { sizeof(struct use), cgroup_cells, cgroup_json },
	};

	return &types[by];
}

bool use_parse_by(const char *word, enum use_by *by)
{
	static const char *const words[] = {
		[USE_BY_PROCESS] = "process",
		[USE_BY_USER] = "user",
		[USE_BY_CGROUP] = "cgroup",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(word, words[i])) {
			*by = i;
			return true;
		}
	}
	return false;
}
