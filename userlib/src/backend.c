// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "internal.h"

/* The last entry has no scheme and accepts every path. */
static const struct ndshm_backend *const backends[] = {
	&ndshm__backend_memfd,
	&ndshm__backend_section,
	&ndshm__backend_netlink,
	&ndshm__backend_module,
};

const struct ndshm_backend *ndshm__find_backend(const char *where)
{
	size_t i;

	for (i = 0; backends[i]->scheme; i++)
		if (!strncmp(where, backends[i]->scheme, strlen(backends[i]->scheme)))
			break;
	return backends[i];
}
