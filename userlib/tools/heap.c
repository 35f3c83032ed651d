// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm section show --heap: the statistics of a program's allocator, which only the program has. It
 * writes them with ndshm_section_print_stats().
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

/* Width of a bar. */
#define CELLS	40

/* Larger numbers could overflow when multiplied. */
#define NUMBER_MAX	(1ull << 40)
#define SIZE_MOST	(1ull << 20)

/* Live blocks, and free ones that the allocator keeps. */
struct amount {
	uint64_t live;
	uint64_t cached;
};

struct heap {
	uint64_t held;
	uint64_t extents;
	struct amount blocks;
	struct amount bytes;
	const json_t *classes;
};

/* Read a member. Returns false if it is not a number of bytes or blocks. */
static bool get(const json_t *object, const char *name, uint64_t *number)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > NUMBER_MAX)
		return false;
	*number = json_integer_value(value);
	return true;
}

static bool get_class(const json_t *object, uint64_t *size, struct amount *blocks)
{
	return get(object, "size", size) && *size && *size <= SIZE_MOST &&
	       get(object, "live", &blocks->live) && get(object, "cached", &blocks->cached);
}

static bool get_heap(const json_t *object, struct heap *heap)
{
	struct amount blocks;
	json_t *class;
	uint64_t size;
	size_t i;

	heap->classes = json_object_get(object, "classes");
	json_array_foreach(heap->classes, i, class)
		if (!get_class(class, &size, &blocks))
			return false;
	return json_is_array(heap->classes) && get(object, "held_bytes", &heap->held) &&
	       get(object, "extents", &heap->extents) &&
	       get(object, "live_blocks", &heap->blocks.live) &&
	       get(object, "cached_blocks", &heap->blocks.cached) &&
	       get(object, "live_bytes", &heap->bytes.live) &&
	       get(object, "cached_bytes", &heap->bytes.cached);
}

/* Bytes of @all as cells, rounded up so that a small amount is visible. */
static size_t cells_of(uint64_t bytes, uint64_t all)
{
	const uint64_t cell = all / CELLS + 1;

	return bytes / cell + !!(bytes % cell);
}

static void print_bar(struct amount bytes, uint64_t all)
{
	size_t end = cells_of(bytes.live + bytes.cached, all), live_end = cells_of(bytes.live, all);
	char cells[CELLS + 1];

	memset(cells, '.', CELLS);
	memset(cells, '-', end < CELLS ? end : CELLS);
	memset(cells, '#', live_end < CELLS ? live_end : CELLS);
	cells[CELLS] = 0;
	printf("[%s]\n", cells);
}

static void print_row(const char *size, struct amount blocks, struct amount bytes, uint64_t held)
{
	char text[NUMBER_SIZE];

	format_size(bytes.live + bytes.cached, text);
	printf("%8s %10" PRIu64 " %10" PRIu64 " %8s  ", size, blocks.live, blocks.cached, text);
	print_bar(bytes, held);
}

/* Threads may have used the allocator while the program wrote: sums can exceed the total. */
static void subtract(struct amount *from, struct amount amount)
{
	from->live -= amount.live < from->live ? amount.live : from->live;
	from->cached -= amount.cached < from->cached ? amount.cached : from->cached;
}

static void print_classes(struct heap heap)
{
	char text[NUMBER_SIZE];
	json_t *class;
	size_t i;

	printf("\n%8s %10s %10s %8s\n", "size", "live", "cached", "bytes");
	json_array_foreach(heap.classes, i, class) {
		struct amount blocks = { 0 }, bytes;
		uint64_t size = 0;

		get_class(class, &size, &blocks);
		bytes = (struct amount){ size * blocks.live, size * blocks.cached };
		format_size(size, text);
		print_row(text, blocks, bytes, heap.held);
		subtract(&heap.blocks, blocks);
		subtract(&heap.bytes, bytes);
	}
	/* Blocks of whole pages. */
	if (heap.blocks.live || heap.blocks.cached)
		print_row("larger", heap.blocks, heap.bytes, heap.held);
}

static void print_total(const char *name, uint64_t bytes, uint64_t number, const char *of)
{
	char text[NUMBER_SIZE];

	format_size(bytes, text);
	printf("%-8s %8s in %" PRIu64 " %s\n", name, text, number, of);
}

static enum exit_code print_heap(const struct heap *heap)
{
	print_total("held", heap->held, heap->extents, "extents");
	print_total("live", heap->bytes.live, heap->blocks.live, "blocks");
	print_total("cached", heap->bytes.cached, heap->blocks.cached, "blocks");
	printf("%8s ", "");
	print_bar(heap->bytes, heap->held);
	printf("%8s # live, - cached, . free or between blocks\n", "");
	print_classes(*heap);
	return end_output();
}

enum exit_code show_heap(const struct common *common, const char *file)
{
	json_error_t error;
	json_t *object = strcmp(file, "-") ? json_load_file(file, 0, &error) :
					     json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error);
	struct heap heap;
	enum exit_code code;

	if (!object) {
		make_printable(error.text);
		return cannot(error.text, "show the statistics in %s", file);
	}
	if (!get_heap(object, &heap)) {
		json_decref(object);
		return cannot("write it with ndshm_section_print_stats() and NDSHM_STATS_JSON",
			      "show the statistics in %s", file);
	}
	if (common->json)
		return print_json(object);
	code = print_heap(&heap);
	json_decref(object);
	return code;
}
