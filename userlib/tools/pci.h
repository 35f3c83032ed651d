/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions, as sysfs shows them.
 */
#ifndef NDSHM_TOOL_PCI_H
#define NDSHM_TOOL_PCI_H

#include <stdbool.h>

#define PCI_NAME_SIZE 16	/* "0000:00:05.0", and longer domains */

/**
 * struct function - a PCI function
 * @root: path below which sys and run are, "" for the machine's
 * @name: as the kernel writes it
 */
struct function {
	const char *root;
	char name[PCI_NAME_SIZE];
};

/* "0000:00:05.0", or without the domain. */
bool function_parse(const char *word, struct function *function);
bool function_exists(const struct function *function);
/* Of any kind: what is behind it would go with its driver. */
bool function_is_bridge(const struct function *function);

/* On the heap; NULL: none. */
char *function_driver(const struct function *function);
/* The only driver that may have it; "(null)": any. */
char *function_override(const struct function *function);
char *function_group(const struct function *function);
char *function_group_type(const struct function *function);

/* Is another function of its IOMMU group bound to a driver? */
bool function_group_in_use(const struct function *function);

/*
 * The function itself, or another of its IOMMU group: store the first one that
 * @match is true of in *@found. Return: false if there is none.
 */
bool function_group_find(const struct function *function,
			 bool (*match)(const struct function *function, void *argument),
			 void *argument, struct function *found);

/*
 * Why somebody would miss the function if its driver were unbound, on the
 * heap: a network interface that is up with an address, a block device in use,
 * something else that cannot be judged. NULL: nobody.
 */
char *function_user(const struct function *function);

/* These return 0 or a negative errno. */
int function_unbind(const struct function *function);
int function_set_group_type(const struct function *function, const char *type);
int function_set_override(const struct function *function, const char *driver);
int function_bind(const struct function *function, const char *driver);
/* Let the kernel look for a driver. */
int function_probe(const struct function *function);
bool driver_exists(const struct function *function, const char *driver);

/*
 * What the type of the function's group was before it was last made strict, until
 * it is forgotten, the group ends or the machine boots. Recalled on the heap; NULL:
 * not known.
 */
int function_remember_type(const struct function *function, const char *type);
char *function_recall_type(const struct function *function);
void function_forget_type(const struct function *function);

#endif /* NDSHM_TOOL_PCI_H */
