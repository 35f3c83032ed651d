/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of requests and of providers' replies that need no state and no lock.
 */
#ifndef _NDSHM_BASE_PARAMS_H
#define _NDSHM_BASE_PARAMS_H

#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/overflow.h>

#include <ndshm/block.h>
#include <ndshm/provider.h>

/*
 * Check type, revision and size of @c, then that it has both handlers. Members after the
 * header are read only if the size includes them.
 */
ndshm_reason_t
ndshm_check_characteristics(const struct ndshm_provider_characteristics *c);

/* Check type, revision and size of @p. */
ndshm_reason_t ndshm_check_header(const struct ndshm_parameters *p);

/*
 * Copy the members of the caller's revision and clear the others. The header of @to gets
 * revision 2 for revisions above 1, else 1, and the size of that revision.
 */
void ndshm_normalize(struct ndshm_parameters *to,
		     const struct ndshm_parameters *from);

/* Return: true if memory can be preferred on @node; NUMA_NO_NODE stands for any. */
static inline bool ndshm_node_valid(s32 node)
{
	return node == NUMA_NO_NODE ||
	       (node >= 0 && node < MAX_NUMNODES && node_online(node));
}

/*
 * Check flags, usage, length, node, queue, port and list in this order; the first failure
 * gives the reason. @p is normalized. @queues: other queues and ports than the default
 * ones are permitted, as for drivers.
 */
static inline ndshm_reason_t
ndshm_check_parameters(const struct ndshm_parameters *p, u64 max_length, bool queues)
{
	if (p->flags & ~NDSHM_ALLOC_CONTIGUOUS)
		return NDSHM_REASON_FLAGS;
	if (p->usage >= NDSHM_USAGE_MAX)
		return NDSHM_REASON_USAGE;
	if (!p->length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (p->length > U64_MAX - (PAGE_SIZE - 1))
		return NDSHM_REASON_LENGTH_OVERFLOW;
	if (p->length > max_length)
		return NDSHM_REASON_LENGTH_LIMIT;
	if (!ndshm_node_valid(p->preferred_node))
		return NDSHM_REASON_NODE;
	if (p->queue_id && p->vport_id)
		return NDSHM_REASON_QUEUE_AND_PORT;
	if (p->queue_id && !queues)
		return NDSHM_REASON_QUEUE_UNSUPPORTED;
	if (p->vport_id && !queues)
		return NDSHM_REASON_PORT_UNSUPPORTED;
	if (p->list && p->list->capacity && !p->list->segments)
		return NDSHM_REASON_LIST;
	return NDSHM_REASON_NONE;
}

/* Check that a range consists of whole pages, is not empty and lies within @total bytes. */
ndshm_reason_t ndshm_check_export(u64 offset, u64 length, u64 total);

/* Check @direction, and that the range is not empty and lies within @total bytes. */
ndshm_reason_t ndshm_check_sync(u32 direction, u64 offset, u64 length,
				u64 total);

/* Check that the range is not empty, does not wrap and lies within @total bytes. */
ndshm_reason_t ndshm_check_packet(u64 offset, u64 length, u64 total);

/* Check the sizes and the NUMA node of a section; @most limits @max_size. */
ndshm_reason_t ndshm_check_section(u64 max_size, u64 initial_size, s32 node,
				   u64 most);

/*
 * Check the name of a section: @length bytes of valid UTF-8, see struct
 * ndshm_section_create_args.
 */
ndshm_reason_t ndshm_check_section_name(const char *name, u32 length);

/* Check length and alignment (0: any) of an extent of a section of @max_size bytes. */
ndshm_reason_t ndshm_check_extent(u64 length, u64 alignment, u64 max_size);

/* Beyond this, rounding up to a power of two would overflow. */
#define NDSHM_MOST_BYTES	BIT_ULL(46)

/*
 * Convert the reply of an allocate handler to a reason. After SUCCESS the segments in @list
 * must suit what was @requested, and the handler must not have consumed more than
 * NDSHM_MOST_BYTES, else PROVIDER_BAD_REPLY; MEMORY if this cannot be checked. May sleep.
 */
ndshm_reason_t ndshm_check_any_reply(ndshm_status_t status,
				     const struct ndshm_parameters *requested,
				     const struct ndshm_segment_list *list, u64 consumed);

/* As ndshm_check_any_reply(), with no call for a valid reply of one segment. */
static inline ndshm_reason_t ndshm_check_reply(ndshm_status_t status,
					       const struct ndshm_parameters *requested,
					       const struct ndshm_segment_list *list, u64 consumed)
{
	u64 last;

	if (status == NDSHM_STATUS_SUCCESS && consumed <= NDSHM_MOST_BYTES && list->count == 1 &&
	    list->segments->length >= PAGE_ALIGN(requested->length) &&
	    !check_add_overflow(list->segments->address, list->segments->length - 1, &last))
		return NDSHM_REASON_NONE;
	return ndshm_check_any_reply(status, requested, list, consumed);
}

#endif /* _NDSHM_BASE_PARAMS_H */
