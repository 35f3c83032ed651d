// SPDX-License-Identifier: GPL-2.0
#include <linux/ctype.h>
#include <linux/string.h>

#include <ndshm/provider.h>

#include "registry.h"

/* What it guards is said in the header. */
DEFINE_MUTEX(ndshm_registry_lock);

bool ndshm_name_valid(const char *name)
{
	size_t i, length = strnlen(name, NDSHM_NAME_SIZE);

	for (i = 0; i < length; i++)
		if (!isascii(name[i]) || !isgraph(name[i]) || name[i] == '/')
			return false;
	return length && length < NDSHM_NAME_SIZE;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_name_valid);
