/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be said of a request or an answer by looking at it. Pure logic.
 */
#ifndef _NDSHM_CORE_PARAMS_H
#define _NDSHM_CORE_PARAMS_H

#include <ndshm/block.h>
#include <ndshm/provider.h>

/*
 * Type, revision and size of characteristics, and that both handlers are
 * there. Nothing beyond the header is read before the size was found enough.
 */
ndshm_reason_t
ndshm_check_characteristics(const struct ndshm_provider_characteristics *c);

/* Type, revision and size of parameters. */
ndshm_reason_t ndshm_check_header(const struct ndshm_parameters *p);

/*
 * Copy the parameters that the caller's revision has; what it lacks is zero,
 * and the header becomes that of the newest revision known that fits.
 */
void ndshm_normalize(struct ndshm_parameters *to,
		     const struct ndshm_parameters *from);

/*
 * Flags, usage, length, node, queue and port, list: in this order, and one
 * reason for each. @p is normalized; lengths above @max_length are refused, and
 * queues and ports, unless @queues: a driver's.
 */
ndshm_reason_t ndshm_check_parameters(const struct ndshm_parameters *p,
				      u64 max_length, bool queues);

/* Is it a direction, and a range of a block of @total bytes? */
ndshm_reason_t ndshm_check_sync(u32 direction, u64 offset, u64 length,
				u64 total);

/* Is it a range of a block of @total bytes, whose end can be counted? */
ndshm_reason_t ndshm_check_packet(u64 offset, u64 length, u64 total);

/* Sizes of a section, where @most is the greatest; a node, or any. */
ndshm_reason_t ndshm_check_section(u64 max_size, u64 initial_size, s32 node,
				   u64 most);

/* An extent of a section of @max_size bytes, and the alignment of its place. */
ndshm_reason_t ndshm_check_extent(u64 length, u64 alignment, u64 max_size);

/* An allocate handler's status as a reason. */
ndshm_reason_t ndshm_handler_reason(ndshm_status_t status);

/*
 * Do @count segments describe @length bytes (a multiple of the page size), as
 * @flags demand: none empty, none wrapping, none overlapping, no less in all?
 * @scratch has room for @count of them; a single one needs none.
 */
bool ndshm_segments_valid(const struct ndshm_segment *segments, u32 count,
			  u64 length, u32 flags, struct ndshm_segment *scratch);

#endif /* _NDSHM_CORE_PARAMS_H */
