// SPDX-License-Identifier: GPL-2.0
/* Checks of parameters and of the replies of providers. */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "params.h"

ndshm_reason_t
ndshm_check_characteristics(const struct ndshm_provider_characteristics *c)
{
	if (c->header.type != NDSHM_OBJECT_TYPE_PROVIDER_CHARACTERISTICS)
		return NDSHM_REASON_CHARACTERISTICS_TYPE;
	if (c->header.revision < NDSHM_PROVIDER_CHARACTERISTICS_REVISION_1)
		return NDSHM_REASON_CHARACTERISTICS_REVISION;
	if (c->header.size < NDSHM_SIZEOF_PROVIDER_CHARACTERISTICS_REVISION_1)
		return NDSHM_REASON_CHARACTERISTICS_SIZE;
	if (!c->allocate || !c->free)
		return NDSHM_REASON_HANDLER_MISSING;
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_check_header(const struct ndshm_parameters *p)
{
	size_t least = p->header.revision >= NDSHM_PARAMETERS_REVISION_2 ?
		       NDSHM_SIZEOF_PARAMETERS_REVISION_2 :
		       NDSHM_SIZEOF_PARAMETERS_REVISION_1;

	if (p->header.type != NDSHM_OBJECT_TYPE_DEFAULT)
		return NDSHM_REASON_PARAMETERS_TYPE;
	if (p->header.revision < NDSHM_PARAMETERS_REVISION_1)
		return NDSHM_REASON_PARAMETERS_REVISION;
	if (p->header.size < least)
		return NDSHM_REASON_PARAMETERS_SIZE;
	return NDSHM_REASON_NONE;
}

void ndshm_normalize(struct ndshm_parameters *to,
		     const struct ndshm_parameters *from)
{
	/* Constant sizes, so that the compiler inlines the copies. */
	if (from->header.revision >= NDSHM_PARAMETERS_REVISION_2) {
		memcpy(to, from, NDSHM_SIZEOF_PARAMETERS_REVISION_2);
		memset_after(to, 0, vport_id);
		to->header.revision = NDSHM_PARAMETERS_REVISION_2;
		to->header.size = NDSHM_SIZEOF_PARAMETERS_REVISION_2;
	} else {
		memcpy(to, from, NDSHM_SIZEOF_PARAMETERS_REVISION_1);
		memset_after(to, 0, list);
		to->header.revision = NDSHM_PARAMETERS_REVISION_1;
		to->header.size = NDSHM_SIZEOF_PARAMETERS_REVISION_1;
	}
}

/* Check that a range is not empty and lies within @total bytes. */
static ndshm_reason_t params_check_range(u64 offset, u64 length, u64 total)
{
	if (!length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (offset >= total || length > total - offset)
		return NDSHM_REASON_RANGE;
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_check_sync(u32 direction, u64 offset, u64 length,
				u64 total)
{
	if (direction != NDSHM_SYNC_FOR_DEVICE &&
	    direction != NDSHM_SYNC_FOR_CPU)
		return NDSHM_REASON_DIRECTION;
	return params_check_range(offset, length, total);
}

ndshm_reason_t ndshm_check_export(u64 offset, u64 length, u64 total)
{
	if (!PAGE_ALIGNED(offset) || !PAGE_ALIGNED(length))
		return NDSHM_REASON_ALIGNMENT;
	return params_check_range(offset, length, total);
}

ndshm_reason_t ndshm_check_packet(u64 offset, u64 length, u64 total)
{
	u64 end;

	if (!length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (check_add_overflow(offset, length, &end))
		return NDSHM_REASON_LENGTH_OVERFLOW;
	return end > total ? NDSHM_REASON_RANGE : NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_check_section(u64 max_size, u64 initial_size, s32 node,
				   u64 most)
{
	if (!max_size)
		return NDSHM_REASON_LENGTH_ZERO;
	if (max_size > U64_MAX - (PAGE_SIZE - 1))
		return NDSHM_REASON_LENGTH_OVERFLOW;
	if (max_size > most)
		return NDSHM_REASON_LENGTH_LIMIT;
	if (initial_size > max_size)
		return NDSHM_REASON_SECTION_INITIAL;
	if (!ndshm_node_valid(node))
		return NDSHM_REASON_NODE;
	return NDSHM_REASON_NONE;
}

/*
 * Return: bytes of the first character of @text, or 0 if it is not the shortest UTF-8 encoding of
 * a character that a name can have.
 */
static u32 params_name_character(const u8 *text, u32 left)
{
	/* By the bytes of a character. C0 and C1 control characters are below the first two. */
	static const u32 least[] = { 0, ' ', 0xa0, 0x800, 0x10000 };
	u32 length, code, i;

	if (text[0] < 0x80)
		length = 1;
	else if ((text[0] & 0xe0) == 0xc0)
		length = 2;
	else if ((text[0] & 0xf0) == 0xe0)
		length = 3;
	else if ((text[0] & 0xf8) == 0xf0)
		length = 4;
	else
		return 0;
	if (length > left)
		return 0;
	code = length == 1 ? text[0] : text[0] & (0x7f >> length);
	for (i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	/* 0x7f is DEL; surrogates are not characters. */
	if (code < least[length] || code == 0x7f || code == '/' ||
	    (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		return 0;
	return length;
}

ndshm_reason_t ndshm_check_section_name(const char *name, u32 length)
{
	u32 at, step;

	if (!length || length > NDSHM_SECTION_NAME_BYTES ||
	    (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))))
		return NDSHM_REASON_NAME;
	for (at = 0; at < length; at += step) {
		step = params_name_character((const u8 *)name + at, length - at);
		if (!step)
			return NDSHM_REASON_NAME;
	}
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_check_extent(u64 length, u64 alignment, u64 max_size)
{
	if (!length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (alignment && (!is_power_of_2(alignment) || alignment < PAGE_SIZE ||
			  alignment > SZ_2M))
		return NDSHM_REASON_ALIGNMENT;
	return length > max_size ? NDSHM_REASON_SECTION_FULL :
				   NDSHM_REASON_NONE;
}

/* Convert the status of an allocate handler to a reason. */
static ndshm_reason_t params_handler_reason(ndshm_status_t status)
{
	if (status == NDSHM_STATUS_SUCCESS)
		return NDSHM_REASON_NONE;
	if (status == NDSHM_STATUS_RESOURCES)
		return NDSHM_REASON_PROVIDER_RESOURCES;
	if (status == NDSHM_STATUS_INVALID_PARAMETER)
		return NDSHM_REASON_PROVIDER_INVALID;
	if (status == NDSHM_STATUS_FAILURE)
		return NDSHM_REASON_PROVIDER_FAILURE;
	return NDSHM_REASON_PROVIDER_UNDOCUMENTED;
}

static int segment_compare(const void *a, const void *b)
{
	const struct ndshm_segment *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/*
 * Return: true if the segments are not empty, do not wrap or overlap, have at least @length bytes
 * in all, and are one segment if @flags has NDSHM_ALLOC_CONTIGUOUS. @scratch must have room for
 * @count segments; it is not used if @count is 1.
 */
static bool params_segments_valid(const struct ndshm_segment *segments, u32 count, u64 length,
				  u32 flags, struct ndshm_segment *scratch)
{
	u64 total = 0, last = 0, end;
	u32 i;

	if (!count || (count > 1 && (flags & NDSHM_ALLOC_CONTIGUOUS)))
		return false;
	if (count > 1) {
		memcpy(scratch, segments, count * sizeof(*segments));
		sort(scratch, count, sizeof(*scratch), segment_compare, NULL);
		segments = scratch;
	}
	for (i = 0; i < count; i++) {
		/* A segment may end at U64_MAX: test its last byte, not the next one. */
		if (!segments[i].length ||
		    check_add_overflow(segments[i].address,
				       segments[i].length - 1, &end) ||
		    check_add_overflow(total, segments[i].length, &total))
			return false;
		if (i && segments[i].address <= last)
			return false;
		last = end;
	}
	return total >= length;
}

ndshm_reason_t ndshm_check_any_reply(ndshm_status_t status,
				     const struct ndshm_parameters *requested,
				     const struct ndshm_segment_list *list, u64 consumed)
{
	struct ndshm_segment *scratch = NULL;
	bool valid;

	if (status != NDSHM_STATUS_SUCCESS)
		return params_handler_reason(status);
	if (consumed > NDSHM_MOST_BYTES)
		return NDSHM_REASON_PROVIDER_BAD_REPLY;
	if (list->count > 1) {
		scratch = kvmalloc_array(list->count, sizeof(*scratch),
					 NDSHM_GFP_CHARGED);
		if (!scratch)
			return NDSHM_REASON_MEMORY;
	}
	valid = params_segments_valid(list->segments, list->count, PAGE_ALIGN(requested->length),
				      requested->flags, scratch);
	if (scratch)
		kvfree(scratch);
	return valid ? NDSHM_REASON_NONE : NDSHM_REASON_PROVIDER_BAD_REPLY;
}
