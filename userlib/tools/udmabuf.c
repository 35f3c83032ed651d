// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm u-dma-buf: what replaces the nodes of u-dma-buf in a device tree.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"
#include "tree.h"

#define LIVE_TREE	"/sys/firmware/devicetree/base"
#define COMPATIBLE	"ikwzm,u-dma-buf"
#define COMPATIBLE_OLD	"ikwzm,udmabuf-0.10.a"
#define ADDRESS_WIDTH	32	/* of u-dma-buf, and of a claim */
#define ADDRESS_WIDTH_MIN	24	/* of a claim */
#define ADDRESS_WIDTH_MAX	64
#define PAGE_LEAST	4096	/* pages of the machine with this tree may be larger */
#define BUFFERS_MAX	256	/* of u-dma-buf, which has as many minor numbers */
#define REMARKS_MAX	96
#define LIKE_MAX	8	/* remarks of one kind, before they are counted */
#define IOMMUS_MAX	16
#define IOMMU_CELLS_MAX	8

/*
 * struct remark - What becomes of a property
 * @warns: nothing replaces it, or it must be changed
 */
struct remark {
	char *property;
	char *text;
	bool warns;
};

/* struct region - The first region of memory-region; @node is NULL if there is none */
struct region {
	const struct tree_node *node;
	char *reference;
	uint64_t start;
	uint64_t length;	/* 0 if unknown */
	bool no_map;
	bool reusable;
	bool pool;
	bool refused;		/* as it is */
};

/* struct buffer - A node of u-dma-buf */
struct buffer {
	const struct tree *tree;
	const struct tree_node *node;
	char *name;
	char *iommus;		/* NULL: none */
	uint64_t size;		/* 0: none that is valid */
	uint32_t width;
	uint32_t sync_mode;
	bool enabled;
	bool coherent;
	bool sync_always;
	char quirk;		/* second letter of on, off, auto or page, or 0 */
	struct region region;
	struct remark remarks[REMARKS_MAX];
	size_t remark_count;
};

static __attribute__((format(printf, 4, 0))) void add_remark(struct buffer *buffer, bool warns,
							     const char *property,
							     const char *format, va_list arguments)
{
	struct remark *one = &buffer->remarks[buffer->remark_count];

	/* Each property has a few, and those of unlimited number are counted. */
	if (buffer->remark_count == REMARKS_MAX)
		return;
	buffer->remark_count++;
	*one = (struct remark){ .property = format_string("%s", property), .warns = warns };
	if (vasprintf(&one->text, format, arguments) < 0)
		one->text = format_string("%s", format);
	make_printable(one->property);
	make_printable(one->text);
}

static __attribute__((format(printf, 3, 4))) void remark(struct buffer *buffer,
							 const char *property,
							 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_remark(buffer, false, property, format, arguments);
	va_end(arguments);
}

static __attribute__((format(printf, 3, 4))) void warn(struct buffer *buffer, const char *property,
						       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_remark(buffer, true, property, format, arguments);
	va_end(arguments);
}

/* Read a property. Return false if that fails, with a warning unless there is none. */
static bool read_property(struct buffer *buffer, const char *name, struct tree_value *value)
{
	int error = tree_read(buffer->tree, buffer->node, name, value);

	if (error == -EFBIG)
		warn(buffer, name, "longer than %d bytes; shorten it", TREE_VALUE_MAX);
	else if (error == -EINVAL)
		warn(buffer, name, "not a file; it is ignored");
	else if (error && error != -ENOENT)
		warn(buffer, name, "cannot be read (%s)", strerror(-error));
	return !error;
}

static bool has(const struct buffer *buffer, const char *name)
{
	return tree_has(buffer->tree, buffer->node, name);
}

/* Read a number of @cells cells at most, as u-dma-buf does: what is longer is ignored. */
static bool read_number(struct buffer *buffer, const char *name, size_t cells, uint64_t *number)
{
	struct tree_value value;
	bool valid;

	if (!read_property(buffer, name, &value))
		return false;
	valid = tree_cells(&value);
	if (!valid)
		warn(buffer, name, "%zu bytes, but a number has 4; u-dma-buf ignores it",
		     value.length);
	else if (cells == 2 && tree_cells(&value) >= 2)
		*number = (uint64_t)tree_cell(&value, 0) << 32 | tree_cell(&value, 1);
	else
		*number = tree_cell(&value, 0);
	if (valid && (value.length % 4 || tree_cells(&value) > cells))
		warn(buffer, name, "%zu bytes; u-dma-buf reads the first %zu", value.length,
		     cells == 2 && tree_cells(&value) >= 2 ? (size_t)8 : (size_t)4);
	free(value.data);
	return valid;
}

/* The kernel makes devices of old names only with modules that know them. */
static void read_compatible(struct buffer *buffer)
{
	struct tree_value value;

	if (!read_property(buffer, "compatible", &value))
		return;
	if (!tree_is_strings(&value))
		warn(buffer, "compatible", "a string without end");
	if (!tree_strings_have(&value, COMPATIBLE))
		warn(buffer, "compatible",
		     "\"" COMPATIBLE_OLD "\" is of udmabuf, which u-dma-buf 5 does not match");
	free(value.data);
}

static void read_size(struct buffer *buffer)
{
	if (!has(buffer, "size"))
		warn(buffer, "size", "missing; u-dma-buf refuses the node");
	else if (!read_number(buffer, "size", 2, &buffer->size))
		return;
	else if (!buffer->size)
		warn(buffer, "size", "0; u-dma-buf refuses the node");
	else
		remark(buffer, "size", "the length in ndshm_alloc(), as many times as needed");
}

/* The name that the node of the buffer has in /dev. */
static void read_name(struct buffer *buffer)
{
	const char *base = strrchr(buffer->node->path, '/') + 1;
	struct tree_value value;
	uint64_t minor;
	bool numbered = read_number(buffer, "minor-number", 1, &minor);

	if (numbered)
		warn(buffer, "minor-number", "blocks have no device nodes; open /dev/ndshm");
	buffer->name = numbered ? format_string("udmabuf%" PRIu64, minor) :
				  format_string("%s", base);
	if (!read_property(buffer, "device-name", &value))
		return;
	if (tree_is_string(&value) && value.length > 1) {
		free(buffer->name);
		buffer->name = format_string("%s", (const char *)value.data);
		warn(buffer, "device-name",
		     "blocks have no names; find the adapter by its name, or name a section");
	} else {
		warn(buffer, "device-name", "not a string with an end; it is ignored");
	}
	free(value.data);
}

static void read_width(struct buffer *buffer)
{
	uint64_t width;

	buffer->width = ADDRESS_WIDTH;
	if (!read_number(buffer, "dma-mask", 1, &width))
		return;
	if (width < 12 || width > ADDRESS_WIDTH_MAX) {
		warn(buffer, "dma-mask",
		     "%" PRIu64 " is not 12 to 64; u-dma-buf refuses the node", width);
	} else if (width < ADDRESS_WIDTH_MIN) {
		buffer->width = ADDRESS_WIDTH_MIN;
		warn(buffer, "dma-mask",
		     "%" PRIu64 " bits, but a claim has 24 or more; reserve low memory",
		     width);
	} else {
		buffer->width = width;
		remark(buffer, "dma-mask", "the address width of the claim");
	}
}

/* After the region. */
static void read_coherence(struct buffer *buffer)
{
	static const char *const modes[] = { "uncached", "write-combining", "coherent" };
	static const char manual[][16] = { "sync-offset", "sync-size", "sync-direction" };
	uint64_t number;

	if (buffer->coherent)
		remark(buffer, "dma-coherent", "the same property, in the node of the device");
	if (read_number(buffer, "sync-mode", 1, &number)) {
		if (number < 1 || number > 3)
			warn(buffer, "sync-mode",
			     "%" PRIu64 " is not 1 to 3; u-dma-buf refuses the node", number);
		else
			buffer->sync_mode = number;
	}
	buffer->sync_always = has(buffer, "sync-always");
	if (buffer->sync_mode && buffer->coherent)
		warn(buffer, "sync-mode", "no %s mapping: memory of a coherent device is cached",
		     modes[buffer->sync_mode - 1]);
	else if (buffer->sync_mode)
		warn(buffer, "sync-mode",
		     "no %s mapping for O_SYNC; the provider decides, and coherent is uncached",
		     modes[buffer->sync_mode - 1]);
	if (buffer->sync_always && buffer->coherent)
		warn(buffer, "sync-always", "nothing: memory of a coherent device is cached");
	else if (buffer->sync_always)
		remark(buffer, "sync-always",
		       "the provider coherent, or memory-region: uncached, without syncs");
	for (size_t i = 0; i < 3; i++) {
		if (!read_number(buffer, manual[i], i < 2 ? 2 : 1, &number))
			continue;
		if (i == 2 && number > 2)
			warn(buffer, manual[i],
			     "%" PRIu64 " is not 0 to 2; u-dma-buf refuses the node", number);
		else if (i == 2)
			remark(buffer, manual[i], "not needed: ndshm_sync() has no such option");
		else
			remark(buffer, manual[i], "the range in each call of ndshm_sync()");
	}
}

/* Of several the last one in this order counts. */
static void read_quirks(struct buffer *buffer)
{
	static const struct {
		const char *name;
		char letter;
		const char *text;
	} quirks[] = {
		{ "quirk-mmap-on", 'n', "the provider pages: cached, with ndshm_sync()" },
		{ "quirk-mmap-off", 'f', "the provider coherent: mapped as by DMA calls" },
		{ "quirk-mmap-auto", 'u', "the provider pages: cached, with ndshm_sync()" },
		{ "quirk-mmap-page", 'a', "the provider pages: can be pinned (O_DIRECT)" },
	};

	for (size_t i = 0; i < sizeof(quirks) / sizeof(quirks[0]); i++) {
		const char *name = quirks[i].name, letter = quirks[i].letter;

		if (!has(buffer, name))
			continue;
		buffer->quirk = letter;
		if (!buffer->region.node)
			remark(buffer, name, "%s", quirks[i].text);
		else if (letter == 'a')
			warn(buffer, name,
			     "memory of memory-region cannot be pinned; blocks of pages can");
		else if ((letter == 'n' || letter == 'u') && !buffer->coherent)
			warn(buffer, name,
			     "memory of memory-region is uncached; blocks of pages are cached");
		else
			remark(buffer, name,
			       "not needed: dma-coherent decides whether memory is cached");
	}
}

/*
 * memory-region
 */

/* The kernel reserves nothing if /reserved-memory has other cells than the root. */
static bool reserved_is_valid(const struct buffer *buffer, const struct tree_node *reserved,
			      uint32_t *address_cells, uint32_t *size_cells)
{
	const struct tree_node *root = tree_find(buffer->tree, "/");
	uint32_t root_address = 1, root_size = 1;

	tree_read_cell(buffer->tree, root, "#address-cells", &root_address);
	tree_read_cell(buffer->tree, root, "#size-cells", &root_size);
	return tree_read_cell(buffer->tree, reserved, "#address-cells", address_cells) &&
	       tree_read_cell(buffer->tree, reserved, "#size-cells", size_cells) &&
	       *address_cells == root_address && *size_cells == root_size &&
	       *address_cells >= 1 && *address_cells <= 2 && *size_cells >= 1 && *size_cells <= 2 &&
	       tree_has(buffer->tree, reserved, "ranges");
}

static uint64_t cells_number(const struct tree_value *value, size_t first, size_t count)
{
	uint64_t number = 0;

	for (size_t i = first; i < first + count; i++)
		number = number << 32 | tree_cell(value, i);
	return number;
}

static __attribute__((format(printf, 2, 3))) void refuse(struct buffer *buffer,
							 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_remark(buffer, true, "memory-region", format, arguments);
	va_end(arguments);
	buffer->region.refused = true;
}

static void read_region_range(struct buffer *buffer, const struct tree_node *reserved)
{
	struct region *region = &buffer->region;
	const char *path = region->node->path;
	uint32_t address_cells, size_cells;
	struct tree_value reg;

	if (!reserved_is_valid(buffer, reserved, &address_cells, &size_cells)) {
		refuse(buffer, "the kernel reserves nothing; /reserved-memory needs ranges, and "
		       "the #address-cells and #size-cells of the root");
		return;
	}
	/* Without one the kernel chooses the place. */
	if (tree_read(buffer->tree, region->node, "reg", &reg))
		return;
	if (tree_cells(&reg) < address_cells + size_cells) {
		refuse(buffer, "reg of %s: %zu bytes, not %u; the kernel does not reserve it", path,
		       reg.length, 4 * (address_cells + size_cells));
	} else {
		region->start = cells_number(&reg, 0, address_cells);
		region->length = cells_number(&reg, address_cells, size_cells);
		if (!region->length || region->length - 1 > UINT64_MAX - region->start)
			refuse(buffer, "%s has no bytes, or no end; the kernel does not reserve it",
			       path);
		else if ((region->start | region->length) % PAGE_LEAST)
			refuse(buffer, "%s is not of whole pages; ndshm refuses it", path);
		else if (buffer->size > region->length)
			warn(buffer, "size", "longer than %s, which has %" PRIu64 " bytes", path,
			     region->length);
	}
	free(reg.data);
}

/* ndshm requires that no other node refers to the region. */
static void check_region_users(struct buffer *buffer)
{
	const struct tree_node *region = buffer->region.node;
	size_t users = 0;

	for (size_t i = 0; i < buffer->tree->count; i++) {
		const struct tree_node *other = &buffer->tree->nodes[i];
		bool refers = false;

		for (size_t j = 0; j < other->region_count; j++)
			refers |= other->regions[j] == region->phandle;
		if (refers && other != buffer->node && users++ < LIKE_MAX)
			warn(buffer, "memory-region",
			     "%s refers to %s, too; the device must be the only node that does",
			     other->path, region->path);
	}
	if (users > LIKE_MAX)
		warn(buffer, "memory-region", "%zu more nodes refer to %s", users - LIKE_MAX,
		     region->path);
}

static void check_region(struct buffer *buffer)
{
	struct region *region = &buffer->region;
	const struct tree_node *reserved = tree_parent(buffer->tree, region->node);
	const char *path = region->node->path;
	struct tree_value value;

	region->reference = tree_reference(buffer->tree, region->node);
	region->no_map = tree_has(buffer->tree, region->node, "no-map");
	region->reusable = tree_has(buffer->tree, region->node, "reusable");
	if (!tree_read(buffer->tree, region->node, "compatible", &value))
		region->pool = tree_strings_have(&value, "restricted-dma-pool");
	free(value.data);
	region->pool |= tree_has(buffer->tree, region->node, "linux,dma-default");
	if (!reserved || strcmp(reserved->path, "/reserved-memory"))
		refuse(buffer, "%s is not in /reserved-memory; the kernel does not reserve it",
		       path);
	else
		read_region_range(buffer, reserved);
	if (!tree_is_enabled(buffer->tree, region->node))
		refuse(buffer, "%s is disabled; the kernel does not reserve it", path);
	if (region->reusable)
		refuse(buffer, "%s is reusable, which ndshm refuses; remove that property", path);
	if (region->pool)
		refuse(buffer, "%s is a pool of the kernel's DMA calls, which ndshm refuses",
		       path);
	if (!region->no_map && !buffer->coherent)
		refuse(buffer, "%s needs no-map, because the device is not coherent", path);
	check_region_users(buffer);
	if (!region->refused)
		remark(buffer, "memory-region",
		       "the same property, in the node of the device: a provider for it alone; remove "
		       "this node, because no other may refer to the region");
}

static void read_region(struct buffer *buffer)
{
	struct tree_value value;
	size_t count;

	if (!read_property(buffer, "memory-region", &value))
		return;
	if (!tree_cells(&value)) {
		warn(buffer, "memory-region", "%zu bytes, but a reference has 4", value.length);
	} else {
		buffer->region.node = tree_find_phandle(buffer->tree, tree_cell(&value, 0), &count);
		if (!buffer->region.node)
			warn(buffer, "memory-region", "no node has the phandle 0x%x",
			     tree_cell(&value, 0));
		else
			check_region(buffer);
		if (count > 1)
			warn(buffer, "memory-region",
			     "%zu nodes have the phandle 0x%x; the first is shown", count,
			     tree_cell(&value, 0));
		if (tree_cells(&value) > 1)
			warn(buffer, "memory-region",
			     "u-dma-buf uses the first region only; ndshm uses up to 8");
	}
	free(value.data);
}

/* iommus: a reference to each IOMMU, and as many cells as its #iommu-cells says. */
static void read_iommus(struct buffer *buffer)
{
	struct tree_value value;
	size_t i = 0;

	if (!read_property(buffer, "iommus", &value))
		return;
	for (size_t entries = 0; i < tree_cells(&value) && entries < IOMMUS_MAX; entries++) {
		size_t count;
		const struct tree_node *node;
		uint32_t cells;
		char *reference, *list;

		node = tree_find_phandle(buffer->tree, tree_cell(&value, i), &count);
		if (!node || !tree_read_cell(buffer->tree, node, "#iommu-cells", &cells) ||
		    cells > IOMMU_CELLS_MAX || cells >= tree_cells(&value) - i)
			break;
		reference = tree_reference(buffer->tree, node);
		list = format_string("%s%s<%s", buffer->iommus ?: "", buffer->iommus ? ", " : "",
				     reference);
		free(reference);
		for (i++; cells; cells--, i++) {
			char *longer = format_string("%s 0x%x", list, tree_cell(&value, i));

			free(list);
			list = longer;
		}
		free(buffer->iommus);
		buffer->iommus = format_string("%s>", list);
		free(list);
	}
	if (i * 4 < value.length)
		warn(buffer, "iommus",
		     "not references to IOMMUs with as many cells as their #iommu-cells");
	if (buffer->iommus)
		remark(buffer, "iommus", "the same property, in the node of the device");
	if (buffer->iommus && buffer->region.node)
		warn(buffer, "memory-region",
		     "ndshm does not use it while the IOMMU translates: any memory is suitable then");
	free(value.data);
}

static void remark_others(struct buffer *buffer)
{
	static const char *const known[] = {
		"#address-cells", "#size-cells", "compatible", "device-name", "dma-coherent",
		"dma-mask", "iommus", "linux,phandle", "memory-region", "minor-number", "name",
		"phandle", "quirk-mmap-auto", "quirk-mmap-off", "quirk-mmap-on", "quirk-mmap-page",
		"ranges", "reg", "size", "status", "sync-always", "sync-direction", "sync-mode",
		"sync-offset", "sync-size",
	};
	size_t count, others = 0;
	char **names = tree_properties(buffer->tree, buffer->node, &count);

	for (size_t i = 0; i < count; i++) {
		bool found = false;

		for (size_t j = 0; j < sizeof(known) / sizeof(known[0]) && !found; j++)
			found = !strcmp(names[i], known[j]);
		if (!found && others++ < LIKE_MAX)
			warn(buffer, names[i], "not a property of u-dma-buf; it is ignored");
		free(names[i]);
	}
	free(names);
	if (others > LIKE_MAX)
		warn(buffer, "...", "%zu more that are not of u-dma-buf", others - LIKE_MAX);
}

/* @buffer must be zeroed. */
static void read_buffer(struct buffer *buffer, const struct tree *tree,
			const struct tree_node *node)
{
	buffer->tree = tree;
	buffer->node = node;
	buffer->enabled = tree_is_enabled(tree, node);
	buffer->coherent = has(buffer, "dma-coherent");
	if (!buffer->enabled)
		remark(buffer, "status", "not okay: u-dma-buf makes no buffer of the node");
	read_compatible(buffer);
	read_size(buffer);
	read_name(buffer);
	make_printable(buffer->name);
	read_region(buffer);
	read_iommus(buffer);
	read_width(buffer);
	read_coherence(buffer);
	read_quirks(buffer);
	remark_others(buffer);
}

static void free_buffer(struct buffer *buffer)
{
	for (size_t i = 0; i < buffer->remark_count; i++) {
		free(buffer->remarks[i].property);
		free(buffer->remarks[i].text);
	}
	free(buffer->region.reference);
	free(buffer->iommus);
	free(buffer->name);
}

/*
 * Output
 */

/* The provider for --provider, or NULL for that of the region. */
static const char *provider_of(const struct buffer *buffer)
{
	if (buffer->region.node)
		return NULL;
	if (buffer->quirk == 'f' || (!buffer->coherent && buffer->sync_always))
		return "coherent";
	return "pages";
}

static bool needs_sync(const struct buffer *buffer)
{
	const char *provider = provider_of(buffer);

	return !buffer->coherent && provider && !strcmp(provider, "pages");
}

/* Append allocated text, which is freed. */
static void append(char **text, char *more)
{
	char *longer = format_string("%s%s", *text, more);

	free(*text);
	free(more);
	*text = longer;
}

/* The part of a source that replaces the node. u-dma-buf does not know the device. */
static char *fragment(const struct buffer *buffer)
{
	const struct region *region = &buffer->region;
	char *text = format_string("&DEVICE {\n\tcompatible = \"ndshm,adapter\";\n");

	if (region->node)
		append(&text, format_string("\tmemory-region = <%s>;\n", region->reference));
	if (buffer->coherent)
		append(&text, format_string("\tdma-coherent;\n"));
	if (buffer->iommus)
		append(&text, format_string("\tiommus = %s;\n", buffer->iommus));
	append(&text, format_string("};\n"));
	if (region->node && (region->reusable || (!region->no_map && !buffer->coherent))) {
		append(&text, format_string("%s {\n", region->reference));
		if (region->reusable)
			append(&text, format_string("\t/delete-property/ reusable;\n"));
		if (!region->no_map && !buffer->coherent)
			append(&text, format_string("\tno-map;\n"));
		append(&text, format_string("};\n"));
	}
	return text;
}

/* A command that tries the claim and the allocation. */
static char *trial(const struct buffer *buffer)
{
	const char *provider = provider_of(buffer);
	char *text = format_string("ndshm alloc --adapter DEVICE --address-width %u --contiguous",
				   buffer->width);

	if (buffer->size)
		append(&text, format_string(" --length %" PRIu64, buffer->size));
	if (provider)
		append(&text, format_string(" --provider %s", provider));
	return text;
}

static void print_indented(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("    %.*s\n", (int)length, text);
		text += length + !!text[length];
	}
}

static void print_buffer(const struct buffer *buffer)
{
	char *path = format_string("%s", buffer->node->path), size[NUMBER_SIZE];
	char *source = fragment(buffer), *command = trial(buffer);

	make_printable(path);
	format_size(buffer->size, size);
	printf("%s: /dev/%s, %s%s\n", path, buffer->name, buffer->size ? size : "no valid size",
	       buffer->enabled ? "" : ", disabled");
	printf("  device tree, DEVICE being the node of the device that does DMA:\n");
	print_indented(source);
	printf("  try, DEVICE being the name of the adapter:\n    %s\n", command);
	printf("  program: ndshm_claim_adapter(), ndshm_alloc(), ndshm_map()%s\n",
	       needs_sync(buffer) ? ", ndshm_sync()" : "; no syncs");
	for (size_t i = 0; i < buffer->remark_count; i++)
		if (!buffer->remarks[i].warns)
			printf("  %s: %s\n", buffer->remarks[i].property,
			       buffer->remarks[i].text);
	for (size_t i = 0; i < buffer->remark_count; i++)
		if (buffer->remarks[i].warns)
			printf("  warning: %s: %s\n", buffer->remarks[i].property,
			       buffer->remarks[i].text);
	free(path);
	free(source);
	free(command);
}

static json_t *remark_json(const struct remark *one)
{
	return json_pack("{s:s, s:s}", "property", one->property, "text", one->text);
}

static json_t *remarks_json(const struct buffer *buffer, bool warn_only)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < buffer->remark_count; i++)
		if (buffer->remarks[i].warns == warn_only)
			json_array_append_new(rows, remark_json(&buffer->remarks[i]));
	return rows;
}

static json_t *region_json(const struct region *region)
{
	char *path, address[24];
	json_t *value;

	if (!region->node)
		return json_null();
	path = format_string("%s", region->node->path);
	make_printable(path);
	snprintf(address, sizeof(address), "0x%" PRIx64, region->start);
	value = json_pack("{s:s, s:s, s:o, s:o, s:b}", "node", path,
			  "reference", region->reference,
			  "address", region->length ? json_string(address) : json_null(),
			  "length", region->length ? json_u64(region->length) : json_null(),
			  "usable", !region->refused);
	free(path);
	return value;
}

static json_t *buffer_json(const void *context, size_t i)
{
	const struct buffer *buffer = (const struct buffer *)context + i;
	char *path = format_string("%s", buffer->node->path);
	char *source = fragment(buffer), *command = trial(buffer);
	json_t *value;

	make_printable(path);
	value = json_pack("{s:s, s:s, s:b, s:o, s:i, s:b, s:o, s:s?, s:s?, s:b, s:s, s:s, s:o,"
			  " s:o}",
			  "node", path, "device", buffer->name,
			  "enabled", buffer->enabled,
			  "size", buffer->size ? json_u64(buffer->size) : json_null(),
			  "address_width", (int)buffer->width, "coherent", buffer->coherent,
			  "region", region_json(&buffer->region), "iommus", buffer->iommus,
			  "provider", provider_of(buffer), "needs_sync", needs_sync(buffer),
			  "device_tree", source, "command", command,
			  "remarks", remarks_json(buffer, false),
			  "warnings", remarks_json(buffer, true));
	free(path);
	free(source);
	free(command);
	return value;
}

/* Sets *@code if the node cannot be read. */
static bool is_buffer(const struct tree *tree, const struct tree_node *node, enum exit_code *code)
{
	struct tree_value value;
	int error = tree_read(tree, node, "compatible", &value);
	bool matches = !error && (tree_strings_have(&value, COMPATIBLE) ||
				  tree_strings_have(&value, COMPATIBLE_OLD));
	char *path;

	if (error && error != -ENOENT && error != -EINVAL) {
		path = format_string("%s", node->path);
		make_printable(path);
		*code = cannot_errno(error, "read compatible of %s", path);
		free(path);
	}
	free(value.data);
	return matches;
}

static enum exit_code print_tree(const struct common *common, const struct tree *tree)
{
	struct buffer *buffers = array(BUFFERS_MAX, sizeof(*buffers));
	enum exit_code code, limit = tree->incomplete ? EXIT_FAILED : EXIT_DONE;
	size_t count = 0;

	for (size_t i = 0; i < tree->count; i++) {
		if (!is_buffer(tree, &tree->nodes[i], &limit))
			continue;
		if (count == BUFFERS_MAX) {
			limit = cannot("u-dma-buf has at most 256", "show more nodes");
			break;
		}
		read_buffer(&buffers[count++], tree, &tree->nodes[i]);
	}
	if (common->json) {
		code = print_json_rows(count, buffer_json, buffers);
	} else {
		for (size_t i = 0; i < count; i++)
			print_buffer(&buffers[i]);
		if (!count)
			print_note("the device tree has no node of u-dma-buf");
		code = end_output();
	}
	for (size_t i = 0; i < count; i++)
		free_buffer(&buffers[i]);
	free(buffers);
	return limit ?: code;
}

struct arguments {
	struct common *common;
	const char *directory;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		arguments->directory = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_u_dma_buf(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[DIRECTORY]",
		.doc = "Show what replaces the nodes of u-dma-buf in a device tree, and which of "
		       "their properties nothing replaces.\v"
		       "DIRECTORY is a device tree with a directory for each node and a file for "
		       "each property; by default that of this machine, " LIVE_TREE ".",
		.children = children,
	};
	struct arguments arguments = { .common = common, .directory = LIVE_TREE };
	enum exit_code code;
	struct tree tree;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	error = tree_open(&tree, arguments.directory);
	if (error == -ENOENT && !strcmp(arguments.directory, LIVE_TREE))
		code = cannot("this machine has no device tree: name the directory of one",
			      "read " LIVE_TREE);
	else if (error)
		code = cannot_errno(error, "read %s", arguments.directory);
	else
		code = print_tree(common, &tree);
	tree_close(&tree);
	return code;
}
