/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What processes, users and cgroups hold: the descriptors and mappings of proc.h, joined with
 * the module's lists.
 */
#ifndef NDSHM_USE_H
#define NDSHM_USE_H

#include "proc.h"
#include "table.h"

struct use_lists {
	struct ndshm_block_row *blocks;		/* by id */
	size_t block_count;
	struct ndshm_section_row *sections;	/* by id */
	size_t section_count;
	struct names names;
};

/* The lists must be zeroed. Call use_lists_free() also after an error. */
int use_lists_get(struct ndshm *ndshm, struct use_lists *lists);
void use_lists_free(struct use_lists *lists);
/* Return the row with this id, or NULL. */
const struct ndshm_block_row *use_find_block(const struct use_lists *lists, uint32_t id);
const struct ndshm_section_row *use_find_section(const struct use_lists *lists, uint32_t id);

enum use_by { USE_BY_PROCESS, USE_BY_USER, USE_BY_CGROUP };

/*
 * What a group of processes holds. Each object counts once in a group, however many
 * descriptors and mappings the group has of it.
 */
struct use {
	const struct proc *proc;
	const struct process *process;	/* one of the group */
	uint32_t pid;
	uint32_t uid;
	const char *cgroup;	/* or NULL */
	uint32_t processes;
	uint32_t clients;
	uint32_t blocks;	/* of the clients */
	uint32_t mapped_blocks;
	uint32_t sections;	/* with a descriptor, holder or mapping */
	uint32_t holders;
	uint32_t extents;	/* of the holders */
	uint64_t allocated;	/* consumed by blocks of the clients */
	uint64_t mapped;	/* consumed by mapped blocks */
	uint64_t committed;	/* of the sections */
	uint64_t taken;		/* by the extents */
	uint64_t held;		/* see use_make() */
	char *claims;		/* names of adapters, or NULL */
};

/*
 * Return an allocated array. @held is the larger of @allocated and @mapped, since mapped
 * blocks are usually those of the group's clients, plus @committed: a lower bound.
 */
struct use *use_make(const struct proc *proc, const struct use_lists *lists, enum use_by by,
		     size_t *count);
void use_free(struct use *uses, size_t count);
/*
 * The table of an array of struct use, whose first column is what the groups are made by. In JSON a
 * process has all that it holds.
 */
const struct row_type *use_type(enum use_by by);
/* "process", "user" or "cgroup" */
bool use_parse_by(const char *word, enum use_by *by);

#endif /* NDSHM_USE_H */
