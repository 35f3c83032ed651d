/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What processes hold of ndshm, from /proc: descriptors and mappings.
 */
#ifndef NDSHM_PROC_H
#define NDSHM_PROC_H

#include "tool.h"

enum holding_kind {
	HOLDING_CLIENT,		/* descriptor of the device */
	HOLDING_SECTION,	/* descriptor of a section */
	HOLDING_HOLDER,		/* descriptor of a holder */
	HOLDING_BLOCK_MAP,	/* mapping of a block */
	HOLDING_SECTION_MAP,	/* mapping of a section */
	HOLDING_BAR_MAP,	/* mapping of a BAR */
};

/* A descriptor or a mapping. */
struct holding {
	enum holding_kind kind;
	size_t process;		/* index of the process */
	uint32_t id;		/* of the block, section or BAR; client: 0 */
	int tid;		/* task that has the descriptor */
	int fd;
	size_t same;		/* client, holder: equal for descriptors of the same one */
	bool again;		/* an earlier descriptor of the process is of the same one */
	uint32_t count;		/* client: blocks; holder: extents */
	uint64_t bytes;		/* client: its blocks; holder: its extents; mapping: its range */
	uint64_t committed;	/* section: of all holders */
	size_t claims;		/* client: index of the first adapter id in struct proc */
	size_t claim_count;
};

struct process {
	uint32_t pid;
	uint32_t uid;		/* effective user */
	char command[64];
	char *cgroup;		/* NULL: not read */
	size_t first;		/* index of its first holding */
};

struct proc {
	struct process *processes;	/* those that hold something */
	size_t process_count;
	struct holding *holdings;	/* by process */
	size_t holding_count;
	uint32_t *claims;		/* ids of adapters */
	size_t claim_count;
	size_t unread;			/* processes without permission to read them */
	/* Private. */
	size_t process_room, holding_room, claim_room;
	unsigned int major, minor;	/* of the device; 0: unknown */
	bool foreign;			/* of another root: system calls do not know the processes */
};

/*
 * Read DIR/proc, and DIR/sys for the number of the device. @cgroups: read the cgroup of each
 * process. Returns EXIT_DONE, or prints an error. *@proc must be zeroed; call proc_free()
 * also after an error.
 */
enum exit_code proc_read(struct proc *proc, const char *root, bool cgroups);
void proc_free(struct proc *proc);
/* Return true if the process exists and has not ended. */
bool proc_is_running(const struct proc *proc, const char *root, uint32_t pid);

#endif /* NDSHM_PROC_H */
