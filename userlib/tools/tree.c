// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Device trees that are directories: a node is a directory, a property a file.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"
#include "tree.h"

/* The kernel refuses trees that are deeper. */
#define DEPTH_MAX	64
#define NODES_MAX	65536
/* The kernel's trees have shorter paths by far, and paths are parts of messages. */
#define PATH_SIZE	2048
#define LABELS_MAX	4096
#define REGIONS_MAX	64	/* more than any driver has */

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_of_type(int directory, const char *name, mode_t type)
{
	struct stat status;

	return !fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) &&
	       (status.st_mode & S_IFMT) == type;
}

/*
 * Return the sorted names in a directory that are of this type, or NULL with errno. Symbolic
 * links are none, so that a loop of links is no loop of nodes.
 */
static char **names_of_type(int directory, mode_t type, size_t *count)
{
	char **names = array(1, sizeof(*names));
	size_t room = 1;
	struct dirent *entry;
	int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);

	*count = 0;
	if (!stream) {
		if (copy >= 0)
			close(copy);
		free(names);
		return NULL;
	}
	while ((entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    !is_of_type(directory, entry->d_name, type))
			continue;
		if (*count == room) {
			char **more = array(2 * room, sizeof(*names));

			memcpy(more, names, *count * sizeof(*names));
			free(names);
			names = more;
			room *= 2;
		}
		names[(*count)++] = format_string("%s", entry->d_name);
	}
	closedir(stream);
	qsort(names, *count, sizeof(*names), compare_strings);
	return names;
}

static void free_names_of_type(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* Open the directory of a node; no part of its path may be a link. */
static int node_open(const struct tree *tree, const struct tree_node *node)
{
	char path[PATH_SIZE], *rest = path, *name;
	int directory = openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	snprintf(path, sizeof(path), "%s", node->path);
	while (directory >= 0 && (name = strsep(&rest, "/"))) {
		int next;

		if (!*name)
			continue;
		next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			next = -errno;
		close(directory);
		if (next < 0)
			return next;
		directory = next;
	}
	return directory < 0 ? -errno : directory;
}

/* A fifo without a writer must not be waited for, so the file is opened with O_NONBLOCK. */
static int read_at(int directory, const char *name, struct tree_value *value)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	ssize_t got = 1;
	int error = 0;

	*value = (struct tree_value){ 0 };
	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? -EINVAL : -errno;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	value->data = array(TREE_VALUE_MAX + 2, 1);
	while (got && value->length <= TREE_VALUE_MAX) {
		got = read(fd, value->data + value->length, TREE_VALUE_MAX + 1 - value->length);
		if (got < 0) {
			error = -errno;
			break;
		}
		value->length += got;
	}
	close(fd);
	if (!error && value->length > TREE_VALUE_MAX)
		error = -EFBIG;
	if (error) {
		free(value->data);
		*value = (struct tree_value){ 0 };
	} else {
		value->data[value->length] = '\0';
	}
	return error;
}

int tree_read(const struct tree *tree, const struct tree_node *node, const char *name,
	      struct tree_value *value)
{
	int directory = node_open(tree, node);
	int error;

	*value = (struct tree_value){ 0 };
	if (directory < 0)
		return directory;
	error = read_at(directory, name, value);
	close(directory);
	return error;
}

bool tree_has(const struct tree *tree, const struct tree_node *node, const char *name)
{
	int directory = node_open(tree, node);
	bool has;

	if (directory < 0)
		return false;
	has = is_of_type(directory, name, S_IFREG);
	close(directory);
	return has;
}

char **tree_properties(const struct tree *tree, const struct tree_node *node, size_t *count)
{
	int directory = node_open(tree, node);
	char **names = directory < 0 ? NULL : names_of_type(directory, S_IFREG, count);

	if (directory >= 0)
		close(directory);
	if (names)
		return names;
	*count = 0;
	return array(1, sizeof(*names));
}

size_t tree_cells(const struct tree_value *value)
{
	return value->length / 4;
}

uint32_t tree_cell(const struct tree_value *value, size_t index)
{
	const uint8_t *cell = value->data + 4 * index;

	return (uint32_t)cell[0] << 24 | cell[1] << 16 | cell[2] << 8 | cell[3];
}

bool tree_is_strings(const struct tree_value *value)
{
	return value->length && !value->data[value->length - 1];
}

bool tree_is_string(const struct tree_value *value)
{
	return value->length && strlen((const char *)value->data) == value->length - 1;
}

bool tree_strings_have(const struct tree_value *value, const char *string)
{
	/* A zero follows the data. */
	for (size_t i = 0; i < value->length; i += strlen((const char *)value->data + i) + 1)
		if (!strcmp((const char *)value->data + i, string))
			return true;
	return false;
}

bool tree_read_cell(const struct tree *tree, const struct tree_node *node, const char *name,
		    uint32_t *cell)
{
	struct tree_value value;
	bool found = !tree_read(tree, node, name, &value) && tree_cells(&value);

	if (found)
		*cell = tree_cell(&value, 0);
	free(value.data);
	return found;
}

bool tree_is_enabled(const struct tree *tree, const struct tree_node *node)
{
	struct tree_value status;
	bool enabled;

	if (tree_read(tree, node, "status", &status))
		return true;
	/* As the kernel: the first string, and none is "okay". */
	enabled = !status.length || !strcmp((const char *)status.data, "okay") ||
		  !strcmp((const char *)status.data, "ok");
	free(status.data);
	return enabled;
}

static uint32_t read_phandle(int directory)
{
	static const char *const names[] = { "phandle", "linux,phandle" };
	uint32_t phandle = 0;

	for (size_t i = 0; i < 2 && !phandle; i++) {
		struct tree_value value;

		if (!read_at(directory, names[i], &value) && value.length == 4)
			phandle = tree_cell(&value, 0);
		free(value.data);
	}
	return phandle == UINT32_MAX ? 0 : phandle;
}

static void read_regions(struct tree_node *node, int directory)
{
	struct tree_value value;

	if (!read_at(directory, "memory-region", &value)) {
		node->region_count = tree_cells(&value);
		if (node->region_count > REGIONS_MAX)
			node->region_count = REGIONS_MAX;
		node->regions = array(node->region_count, sizeof(*node->regions));
		for (size_t i = 0; i < node->region_count; i++)
			node->regions[i] = tree_cell(&value, i);
	}
	free(value.data);
}

static void add_node(struct tree *tree, const char *path, int directory)
{
	struct tree_node *node;

	/* At powers of two. */
	if (!(tree->count & (tree->count - 1))) {
		struct tree_node *more = array(2 * tree->count, sizeof(*more));

		if (tree->count)
			memcpy(more, tree->nodes, tree->count * sizeof(*more));
		free(tree->nodes);
		tree->nodes = more;
	}
	node = &tree->nodes[tree->count++];
	*node = (struct tree_node){
		.path = format_string("%s", path),
		.phandle = read_phandle(directory),
	};
	read_regions(node, directory);
}

static void print_incomplete(struct tree *tree, const char *path, const char *why)
{
	char *printable = format_string("%s", path);

	make_printable(printable);
	cannot(why, "read %s", printable);
	free(printable);
	tree->incomplete = true;
}

/* Add the node that is open as @directory, and those below. */
static void walk(struct tree *tree, int directory, const char *path, unsigned int depth)
{
	size_t count;
	char **names;

	if (tree->count == NODES_MAX) {
		if (!tree->incomplete)
			print_incomplete(tree, path, "the tree has too many nodes");
		tree->incomplete = true;
		return;
	}
	add_node(tree, path, directory);
	names = names_of_type(directory, S_IFDIR, &count);
	if (!names) {
		print_incomplete(tree, path, strerror(errno));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char *child = format_string("%s/%s", path[1] ? path : "", names[i]);
		int fd;

		if (depth == DEPTH_MAX || strlen(child) >= PATH_SIZE) {
			print_incomplete(tree, path, "the tree is too deep");
			free(child);
			break;
		}
		fd = openat(directory, names[i],
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			print_incomplete(tree, child, strerror(errno));
		} else {
			walk(tree, fd, child, depth + 1);
			close(fd);
		}
		free(child);
	}
	free_names_of_type(names, count);
}

static int compare_nodes(const void *a, const void *b)
{
	return strcmp(((const struct tree_node *)a)->path, ((const struct tree_node *)b)->path);
}

int tree_open(struct tree *tree, const char *directory)
{
	*tree = (struct tree){ .root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (tree->root < 0)
		return -errno;
	walk(tree, tree->root, "/", 0);
	qsort(tree->nodes, tree->count, sizeof(*tree->nodes), compare_nodes);
	return 0;
}

void tree_close(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		free(tree->nodes[i].path);
		free(tree->nodes[i].regions);
	}
	free(tree->nodes);
	if (tree->root >= 0)
		close(tree->root);
}

const struct tree_node *tree_find(const struct tree *tree, const char *path)
{
	const struct tree_node key = { .path = (char *)path };

	return bsearch(&key, tree->nodes, tree->count, sizeof(key), compare_nodes);
}

const struct tree_node *tree_find_phandle(const struct tree *tree, uint32_t phandle,
					  size_t *count)
{
	const struct tree_node *found = NULL;

	*count = 0;
	for (size_t i = 0; phandle && i < tree->count; i++) {
		if (tree->nodes[i].phandle != phandle)
			continue;
		if (!found)
			found = &tree->nodes[i];
		++*count;
	}
	return found;
}

const struct tree_node *tree_parent(const struct tree *tree, const struct tree_node *node)
{
	const struct tree_node *parent;
	char *path, *slash;

	if (!node->path[1])
		return NULL;
	path = format_string("%s", node->path);
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	parent = tree_find(tree, path);
	free(path);
	return parent;
}

static bool is_label(const char *name)
{
	if (isdigit((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isascii((unsigned char)*name) ||
		    (!isalnum((unsigned char)*name) && *name != '_'))
			return false;
	return true;
}

/* Return the label that a tree with symbols (dtc -@) has for the node, allocated, or NULL. */
static char *find_label(const struct tree *tree, const struct tree_node *node)
{
	const struct tree_node *symbols = tree_find(tree, "/__symbols__");
	char *label = NULL, **names;
	size_t count;

	if (!symbols)
		return NULL;
	names = tree_properties(tree, symbols, &count);
	for (size_t i = 0; i < count && i < LABELS_MAX && !label; i++) {
		struct tree_value path;

		if (!is_label(names[i]) || tree_read(tree, symbols, names[i], &path))
			continue;
		if (tree_is_string(&path) && !strcmp((const char *)path.data, node->path))
			label = format_string("%s", names[i]);
		free(path.data);
	}
	free_names_of_type(names, count);
	return label;
}

char *tree_reference(const struct tree *tree, const struct tree_node *node)
{
	char *name = find_label(tree, node);
	char *reference;

	if (name) {
		reference = format_string("&%s", name);
	} else {
		name = format_string("%s", node->path);
		/* Others would be source: they are in no valid tree. */
		for (char *at = name; *at; at++)
			if (!isascii((unsigned char)*at) ||
			    (!isalnum((unsigned char)*at) && !strchr(",._+-@/", *at)))
				*at = '?';
		reference = format_string("&{%s}", name);
	}
	free(name);
	return reference;
}
