// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Selection of the adapter and the provider.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

/* Without netlink only the id of the default adapter is known. It is never claimable. */
static void describe_default(uint32_t id, struct ndshm_adapter_info *adapter)
{
	*adapter = (struct ndshm_adapter_info){ .id = id, .isolation = ISOLATION_UNKNOWN };
	snprintf(adapter->name, sizeof(adapter->name), "%" PRIu32, id);
}

static enum exit_code find_adapter(struct ndshm *ndshm, uint32_t id,
				   struct ndshm_adapter_info *adapter)
{
	struct ndshm_adapter_info *rows;
	size_t count, i;
	int error = ndshm_list_adapters(ndshm, &rows, &count);

	if (error == -EAFNOSUPPORT) {
		describe_default(id, adapter);
		return EXIT_DONE;
	}
	if (error)
		return cannot_ndshm(ndshm, error, "list adapters");
	for (i = 0; i < count && rows[i].id != id; i++)
		;
	if (i < count)
		*adapter = rows[i];
	free(rows);
	return i < count ? EXIT_DONE : cannot("there is none", "use the default adapter");
}

enum exit_code choose_adapter(struct ndshm *ndshm, const char *name, uint32_t id,
			      struct ndshm_adapter_info *adapter)
{
	enum exit_code code = EXIT_DONE;
	int error;

	if (name) {
		error = ndshm_find_adapter(ndshm, name, adapter);
		if (error)
			return cannot_ndshm(ndshm, error, "use adapter \"%s\"", name);
	} else {
		code = find_adapter(ndshm, id, adapter);
	}
	if (code == EXIT_DONE)
		make_printable(adapter->name);
	return code;
}

enum exit_code choose_provider(struct ndshm *ndshm, const char *name, uint32_t *id)
{
	struct ndshm_provider_info provider;
	int error;

	if (!name)
		return EXIT_DONE;
	error = ndshm_find_provider(ndshm, name, &provider);
	if (error)
		return cannot_ndshm(ndshm, error, "use provider \"%s\"", name);
	*id = provider.id;
	return EXIT_DONE;
}

enum exit_code claim_adapter(struct ndshm *ndshm, struct ndshm_adapter_info *adapter,
			     unsigned int address_width)
{
	struct ndshm_claim *claim;
	int error;

	if (!adapter->claimable)
		return EXIT_DONE;
	error = ndshm_claim_adapter(ndshm, adapter->name, address_width, &claim);
	if (error)
		return cannot_ndshm(ndshm, error, "claim adapter \"%s\"", adapter->name);
	adapter->isolation = ndshm_claim_isolation(claim);
	return EXIT_DONE;
}
