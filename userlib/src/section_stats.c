// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Statistics of a section's heap, printed.
 */
#include <errno.h>
#include <inttypes.h>

#include "section_internal.h"

struct part {
	const char *name;
	uint64_t value;
};

static void print_text(struct ndshm_heap *heap, const struct ndshm_heap_stats *stats, FILE *file)
{
	struct ndshm_heap_class_stats class;

	fprintf(file, "live    %12" PRIu64 " blocks %12" PRIu64 " bytes\n", stats->live_blocks,
		stats->live_bytes);
	fprintf(file, "cached  %12" PRIu64 " blocks %12" PRIu64 " bytes\n", stats->cached_blocks,
		stats->cached_bytes);
	fprintf(file, "extents %12" PRIu64 "        %12" PRIu64 " bytes\n", stats->extents,
		stats->held_bytes);
	fprintf(file, "\n%8s %12s %12s\n", "size", "live", "cached");
	for (unsigned int i = 0; i < NDSHM_HEAP_CLASSES; i++) {
		ndshm__heap_class_stats(heap, i, &class);
		if (class.live_blocks || class.cached_blocks)
			fprintf(file, "%8" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", class.size,
				class.live_blocks, class.cached_blocks);
	}
}

static void print_json(struct ndshm_heap *heap, const struct ndshm_heap_stats *stats, FILE *file)
{
	const struct part parts[] = {
		{ "live_blocks", stats->live_blocks },
		{ "live_bytes", stats->live_bytes },
		{ "cached_blocks", stats->cached_blocks },
		{ "cached_bytes", stats->cached_bytes },
		{ "extents", stats->extents },
		{ "held_bytes", stats->held_bytes },
	};
	struct ndshm_heap_class_stats class;
	const char *comma = "";

	fprintf(file, "{");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		fprintf(file, "\"%s\": %" PRIu64 ", ", parts[i].name, parts[i].value);
	fprintf(file, "\"classes\": [");
	for (unsigned int i = 0; i < NDSHM_HEAP_CLASSES; i++) {
		ndshm__heap_class_stats(heap, i, &class);
		if (!class.live_blocks && !class.cached_blocks)
			continue;
		fprintf(file, "%s{\"size\": %" PRIu64 ", \"live\": %" PRIu64 ", \"cached\": %" PRIu64 "}",
			comma, class.size, class.live_blocks, class.cached_blocks);
		comma = ", ";
	}
	fprintf(file, "]}\n");
}

NDSHM_API int ndshm_section_print_stats(struct ndshm_section *section, FILE *file, uint32_t flags)
{
	struct ndshm_heap_stats stats;
	struct ndshm_heap *heap;
	int error;

	if (flags & ~NDSHM_STATS_JSON)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_FLAGS);
	error = ndshm__section_heap(section, &heap);
	if (error)
		return error;
	ndshm__heap_stats(heap, &stats);
	if (flags & NDSHM_STATS_JSON)
		print_json(heap, &stats, file);
	else
		print_text(heap, &stats, file);
	return ndshm__done(section->ndshm, ferror(file) ? -EIO : 0);
}
