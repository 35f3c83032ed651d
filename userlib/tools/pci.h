/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions, and platform devices, in sysfs.
 */
#ifndef NDSHM_TOOL_PCI_H
#define NDSHM_TOOL_PCI_H

#include <stdbool.h>

#define FUNCTION_NAME_SIZE 32	/* as of an adapter */

/**
 * struct function - a PCI function or a platform device
 * @root: prefix of the paths /sys and /run; "" for this machine
 * @platform: a platform device
 * @name: address of a function in the kernel's format, or name of a device
 */
struct function {
	const char *root;
	bool platform;
	char name[FUNCTION_NAME_SIZE];
};

/*
 * Parse an address, "0000:00:05.0", or without the domain; or the name of a platform device, such
 * as "a000000.dma": no slash, not hidden, and short enough for an adapter.
 */
bool function_parse(const char *word, struct function *function);

/* Return true if the network namespace has a network interface of this name. */
bool interface_exists(const struct function *function, const char *name);
/*
 * Find the function, or platform device, of a network interface, directly or below its virtio
 * device. Returns NULL, or what the interface belongs to instead, allocated.
 */
char *function_of_interface(const char *name, struct function *function);

/* The bus, "pci" or "platform", and the driver of the module for it. */
const char *function_bus(const struct function *function);
const char *function_adapter_driver(const struct function *function);
bool function_exists(const struct function *function);
/*
 * Return true for all kinds of bridges: unbinding one would affect the devices behind it.
 */
bool function_is_bridge(const struct function *function);

/* These return an allocated string, or NULL if there is none. */
char *function_driver(const struct function *function);
/* The only driver that may be bound; "(null)": any. */
char *function_override(const struct function *function);
char *function_group(const struct function *function);
char *function_group_type(const struct function *function);

/* Return true if another function of its IOMMU group is bound to a driver. */
bool function_group_in_use(const struct function *function);

/*
 * Find the first of the function itself and the others of its IOMMU group for which
 * @match returns true, and store it in *@found. Returns false if there is none.
 */
bool function_group_find(const struct function *function,
			 bool (*match)(const struct function *function, void *argument),
			 void *argument, struct function *found);

/*
 * Return a description of the use that unbinding the driver would interrupt, allocated: a
 * network interface that is up with an address, a block device in use, or a device whose
 * use cannot be determined. NULL: not in use.
 */
char *function_user(const struct function *function);

/* These return 0 or a negative errno; the first one without an effect. */
int function_may_change(const struct function *function);
int function_unbind(const struct function *function);
int function_set_group_type(const struct function *function, const char *type);
int function_set_override(const struct function *function, const char *driver);
int function_bind(const struct function *function, const char *driver);
/* Make the kernel probe for a driver. */
int function_probe(const struct function *function);
bool driver_exists(const struct function *function, const char *driver);

/*
 * Save the type of the function's group before it is made strict. The saved type is valid
 * until it is removed, the group is removed or the machine boots. function_recall_type()
 * returns an allocated string, or NULL if no type is saved.
 */
int function_remember_type(const struct function *function, const char *type);
char *function_recall_type(const struct function *function);
void function_forget_type(const struct function *function);

#endif /* NDSHM_TOOL_PCI_H */
