// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-hello: a minimal client of ndshm. Opens a client, allocates and maps a block, prints its
 * properties, and frees it.
 *
 *	ndshm-hello		with the module
 *	ndshm-hello memfd:	with the stand-in, on any machine
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ndshm/ndshm.h>

static int fail(struct ndshm *ndshm, const char *what, int error)
{
	uint32_t reason = ndshm ? ndshm_last_reason(ndshm) : NDSHM_REASON_NONE;

	fprintf(stderr, "%s: %s\n", what, reason == NDSHM_REASON_NONE ?
		strerror(-error) : ndshm_reason_text(reason));
	ndshm_close(ndshm);
	return 1;
}

int main(int argc, char **argv)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block_info info;
	struct ndshm_block *block;
	struct ndshm *ndshm;
	uint64_t address;
	size_t segments;
	void *memory;
	int error;

	error = ndshm_open(argc > 1 ? argv[1] : NULL, &ndshm);
	if (error)
		return fail(NULL, "open", error);

	request.length = 16000;		/* rounded up to pages */
	error = ndshm_alloc(ndshm, &request, &block);
	if (error)
		return fail(ndshm, "alloc", error);
	error = ndshm_map(block, &memory);
	if (error)
		return fail(ndshm, "map", error);
	strcpy(memory, "Hello from a block.");

	error = ndshm_query(block, &info, NULL, 0, &segments);
	if (error)
		return fail(ndshm, "query", error);
	printf("%s\n", (const char *)memory);
	printf("handle %" PRIu32 ", machine's handle %" PRIu32 "\n",
	       ndshm_block_handle(block), ndshm_block_id(block));
	printf("length %" PRIu64 ", consumed %" PRIu64 ", DMA segments %zu\n",
	       ndshm_block_length(block), (uint64_t)info.consumed, segments);
	if (ndshm_block_address(block, &address))
		printf("DMA address: not shown to this client\n");
	else
		printf("DMA address 0x%" PRIx64 "\n", address);

	ndshm_free(block);		/* also unmaps it */
	ndshm_close(ndshm);
	return 0;
}
