/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reader of a device tree that is a directory: of the kernel, or unpacked. Its contents are not
 * trusted.
 */
#ifndef NDSHM_TREE_H
#define NDSHM_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest property that is read. */
#define TREE_VALUE_MAX	65536

/**
 * struct tree_node - A node
 * @path: from the root of the tree, which is "/"
 * @phandle: 0 if it has none, or one that is not valid
 * @regions: the cells of memory-region, up to a limit
 */
struct tree_node {
	char *path;
	uint32_t phandle;
	uint32_t *regions;
	size_t region_count;
};

/**
 * struct tree - A device tree
 * @root: descriptor of the directory
 * @nodes: sorted by their paths
 * @incomplete: a part could not be read; an error was printed
 */
struct tree {
	int root;
	struct tree_node *nodes;
	size_t count;
	bool incomplete;
};

/**
 * struct tree_value - A property
 * @data: @length bytes and a zero, allocated; NULL if there is none
 */
struct tree_value {
	uint8_t *data;
	size_t length;
};

/* Find all nodes. Return 0 or a negative errno. Call tree_close() also after an error. */
int tree_open(struct tree *tree, const char *directory);
void tree_close(struct tree *tree);

const struct tree_node *tree_find(const struct tree *tree, const char *path);
/* Return the first node with this phandle, or NULL; *@count is the number of those nodes. */
const struct tree_node *tree_find_phandle(const struct tree *tree, uint32_t phandle,
					  size_t *count);
/* Return the parent, or NULL for the root. */
const struct tree_node *tree_parent(const struct tree *tree, const struct tree_node *node);

/*
 * Read a property. Return 0 or a negative errno: -ENOENT if there is none, -EFBIG if it is longer
 * than TREE_VALUE_MAX, -EINVAL if it is no file. The caller frees @value->data.
 */
int tree_read(const struct tree *tree, const struct tree_node *node, const char *name,
	      struct tree_value *value);
bool tree_has(const struct tree *tree, const struct tree_node *node, const char *name);
/* Return the sorted names of all properties, *@count of them, allocated one by one. */
char **tree_properties(const struct tree *tree, const struct tree_node *node, size_t *count);

/* Return the number of cells, and the cell at an index below that. */
size_t tree_cells(const struct tree_value *value);
uint32_t tree_cell(const struct tree_value *value, size_t index);
/* Return true if the property is one string, or a list of strings, each with its end. */
bool tree_is_string(const struct tree_value *value);
bool tree_is_strings(const struct tree_value *value);
bool tree_strings_have(const struct tree_value *value, const char *string);
/* Read the first cell of a property. Return false if it is missing or shorter. */
bool tree_read_cell(const struct tree *tree, const struct tree_node *node, const char *name,
		    uint32_t *cell);

/* Return true if the kernel makes devices of the node, and reserves its memory. */
bool tree_is_enabled(const struct tree *tree, const struct tree_node *node);
/* Return how a source refers to the node: by its label if it has one. Allocated. */
char *tree_reference(const struct tree *tree, const struct tree_node *node);

#endif /* NDSHM_TREE_H */
