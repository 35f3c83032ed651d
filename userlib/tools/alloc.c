// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm alloc
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ndshm/admin.h>

#include "tool.h"

struct arguments {
	struct common *common;
	struct ndshm_request request;
	struct ndshm_info info;
	bool has_length;
	const char *adapter;
	const char *provider;
	uint64_t count;
	uint64_t width;
	bool hold;
};

/* An allocated block, as it is printed. */
struct made {
	struct ndshm_block *block;
	struct ndshm_block_info info;
	struct ndshm_segment *segments;
	size_t count;
	bool mapped;
};

static const struct argp_option options[] = {
	{ "adapter", 'a', "NAME", 0,
	  "Who does DMA (the default adapter); claimed if it must be", 0 },
	{ "provider", 'p', "NAME", 0, "Where the memory comes from (the adapter's default)", 0 },
	{ "length", 'l', "SIZE", 0, "Bytes of each block (one page)", 0 },
	{ "usage", 'u', "NAME", 0, "What it is for (other)", 0 },
	{ "node", 'n', "N", 0, "NUMA node, or any (any)", 0 },
	{ "count", 'c', "N", 0, "How many blocks, all or none (1)", 0 },
	{ "contiguous", 'C', NULL, 0, "One DMA segment, or failure", 0 },
	{ "address-width", 'w', "BITS", 0, "Bits of address a claimed function can drive (32)", 0 },
	{ "hold", 'H', NULL, 0,
	  "Keep the blocks until SIGINT, SIGTERM or the end of the input", 0 },
	{ 0 }
};

static void parse_number_or_end(struct argp_state *state, const char *what, const char *argument,
				uint64_t *number)
{
	if (!parse_number(argument, UINT32_MAX, number))
		argp_error(state, "\"%s\": not %s; use a whole number", argument, what);
}

static void end_usage(struct argp_state *state, const char *argument)
{
	char *names = usage_names();

	argp_error(state, "\"%s\": not a usage; use one of %s", argument, names);
	free(names);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct ndshm_request *request = &arguments->request;
	const char *problem;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case 'a':
		arguments->adapter = argument;
		return 0;
	case 'p':
		arguments->provider = argument;
		return 0;
	case 'l':
		problem = parse_size(argument, &request->length);
		if (problem)
			argp_error(state, "\"%s\": %s", argument, problem);
		arguments->has_length = true;
		return 0;
	case 'u':
		if (!parse_usage(argument, &request->usage))
			end_usage(state, argument);
		return 0;
	case 'n':
		if (!parse_node(argument, &request->node))
			argp_error(state, "\"%s\": not a NUMA node; use a number, or any", argument);
		return 0;
	case 'c':
		parse_number_or_end(state, "a count", argument, &arguments->count);
		return 0;
	case 'C':
		request->flags |= NDSHM_ALLOC_CONTIGUOUS;
		return 0;
	case 'w':
		parse_number_or_end(state, "an address width", argument, &arguments->width);
		return 0;
	case 'H':
		arguments->hold = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Resolve the names of the adapter and the provider, and claim the adapter if necessary. */
static enum exit_code prepare(struct ndshm *ndshm, struct arguments *arguments,
			      struct ndshm_adapter_info *adapter)
{
	struct ndshm_request *request = &arguments->request;
	enum exit_code code;
	int error = ndshm_get_info(ndshm, &arguments->info);

	if (error)
		return cannot_ndshm(ndshm, error, "get information");
	if (!arguments->has_length)
		request->length = arguments->info.page_size;
	code = choose_adapter(ndshm, arguments->adapter, arguments->info.default_adapter, adapter);
	if (code)
		return code;
	request->adapter = adapter->id;
	code = choose_provider(ndshm, arguments->provider, &request->provider);
	return code ? code : claim_adapter(ndshm, adapter, arguments->width);
}

static enum exit_code look_at(struct ndshm *ndshm, struct made *made)
{
	uint32_t handle = ndshm_block_handle(made->block);
	void *memory;
	int error;

	error = ndshm_map(made->block, &memory);
	if (error && error != -EOPNOTSUPP)
		return cannot_ndshm(ndshm, error, "map block %" PRIu32, handle);
	made->mapped = !error;
	error = ndshm_query(made->block, &made->info, NULL, 0, &made->count);
	if (!error) {
		made->segments = array(made->count, sizeof(*made->segments));
		error = ndshm_query(made->block, &made->info, made->segments, made->count,
				    &made->count);
	}
	return error ? cannot_ndshm(ndshm, error, "query block %" PRIu32, handle) : EXIT_DONE;
}

static char *address_words(uint64_t address)
{
	return address == NDSHM_ADDRESS_HIDDEN ? format_string("hidden") :
						 format_string("0x%" PRIx64, address);
}

static json_t *made_json(const struct made *made)
{
	json_t *segments = json_array();

	for (size_t i = 0; i < made->count; i++) {
		char *address = address_words(made->segments[i].address);

		/* A string, because some JSON parsers have no 64-bit numbers. */
		json_array_append_new(segments, json_pack("{s:s, s:I}",
			"address", address,
			"length", (json_int_t)made->segments[i].length));
		free(address);
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:o}",
			 "handle", (json_int_t)made->info.handle,
			 "id", (json_int_t)made->info.shared_memory_handle,
			 "length", (json_int_t)made->info.length,
			 "consumed", (json_int_t)made->info.consumed,
			 "mapped", made->mapped,
			 "charged", !!(made->info.flags & NDSHM_BLOCK_CHARGED),
			 "needs_sync", !!(made->info.flags & NDSHM_BLOCK_NEEDS_SYNC),
			 "segments", segments);
}

static enum exit_code show_json(const struct ndshm_adapter_info *adapter, const struct made *made,
				size_t count)
{
	json_t *blocks = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(blocks, made_json(&made[i]));
	return print_json(json_pack("{s:s, s:o, s:o, s:o}",
				    "adapter", adapter->name,
				    "isolated", adapter->isolation == ISOLATION_UNKNOWN ?
						json_null() : json_boolean(!adapter->isolation),
				    "missing", isolation_json(adapter->isolation),
				    "blocks", blocks));
}

static void show_block(const struct made *made)
{
	printf("block\n"
	       "  handle    %" PRIu32 "\n"
	       "  id        %" PRIu32 "\n"
	       "  length    %" PRIu64 " bytes\n"
	       "  consumed  %" PRIu64 " bytes%s\n"
	       "  mapped    %s\n",
	       (uint32_t)made->info.handle, (uint32_t)made->info.shared_memory_handle,
	       (uint64_t)made->info.length, (uint64_t)made->info.consumed,
	       made->info.flags & NDSHM_BLOCK_CHARGED ? ", charged" : "",
	       made->mapped ? "yes" : "no: its provider cannot show it");
	if (made->info.flags & NDSHM_BLOCK_NEEDS_SYNC)
		puts("  sync      needed: the device does not see what processors write by itself");
	for (size_t i = 0; i < made->count; i++) {
		char *address = address_words(made->segments[i].address);

		printf("  segment   %s, %" PRIu64 " bytes\n", address,
		       (uint64_t)made->segments[i].length);
		free(address);
	}
}

static enum exit_code show(const struct ndshm_adapter_info *adapter, const struct made *made,
			   size_t count)
{
	char *words = isolation_words(adapter->isolation);

	printf("adapter %s, %s\n", adapter->name, words);
	free(words);
	for (size_t i = 0; i < count; i++)
		show_block(&made[i]);
	return end_output();
}

static enum exit_code use(struct ndshm *ndshm, const struct arguments *arguments,
			  const struct ndshm_adapter_info *adapter, struct made *made,
			  size_t count)
{
	enum exit_code code = EXIT_DONE;
	int signals = -1;

	for (size_t i = 0; i < count && code == EXIT_DONE; i++)
		code = look_at(ndshm, &made[i]);
	if (code == EXIT_DONE && arguments->hold) {
		signals = watch_signals();
		if (signals < 0)
			return cannot_errno(-errno, "wait for signals");
	}
	if (code == EXIT_DONE)
		code = arguments->common->json ? show_json(adapter, made, count) :
						 show(adapter, made, count);
	if (code == EXIT_DONE && arguments->hold)
		code = hold(signals);
	if (signals >= 0)
		close(signals);
	return code;
}

static enum exit_code allocate(struct ndshm *ndshm, const struct arguments *arguments,
			       const struct ndshm_adapter_info *adapter)
{
	/* ndshm_alloc_many() refuses a greater count without writing to @blocks. */
	size_t count = arguments->count, room = count <= arguments->info.max_batch ? count : 0;
	struct ndshm_block **blocks = array(room, sizeof(*blocks));
	struct made *made = array(room, sizeof(*made));
	enum exit_code code = EXIT_FAILED;
	int error;

	error = ndshm_alloc_many(ndshm, &arguments->request, blocks, count);
	if (error) {
		cannot_length(ndshm, error, arguments->info.max_length, "max_block_bytes",
			      "allocate");
		goto out;
	}
	for (size_t i = 0; i < count; i++)
		made[i].block = blocks[i];
	code = use(ndshm, arguments, adapter, made, count);
	for (size_t i = 0; i < count; i++)
		free(made[i].segments);
	ndshm_free_many(ndshm, blocks, count);
out:
	free(made);
	free(blocks);
	return code;
}

/*
 * ndshm free
 */

struct freeing {
	struct common *common;
	uint64_t id;
};

static error_t parse_free(int key, char *argument, struct argp_state *state)
{
	struct freeing *freeing = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = freeing->common;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		if (!parse_number(argument, UINT32_MAX, &freeing->id))
			argp_error(state, "\"%s\": not the id of a block; see \"ndshm list blocks\"",
				   argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_free(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse_free,
		.args_doc = "ID",
		.doc = "Take a block from all that have it, map it or import its dma-bufs.\v"
		       "Its memory is freed, and the user who opened its client is no longer charged. "
		       "Only that user and CAP_SYS_ADMIN may. Memory under a claim, which the device may "
		       "still use, is freed with the claim.",
		.children = children,
	};
	struct freeing freeing = { .common = common };
	enum exit_code code = EXIT_DONE;
	struct ndshm *ndshm;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &freeing);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	error = ndshm_revoke_id(ndshm, freeing.id);
	if (error == -ENOENT)
		code = cannot_reason("it is not there, or not yours: try \"ndshm list blocks\"", NULL,
				     error, "free block %" PRIu64, freeing.id);
	else if (error)
		code = cannot_ndshm(ndshm, error, "free block %" PRIu64, freeing.id);
	ndshm_close(ndshm);
	return code;
}

enum exit_code run_alloc(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Make blocks, map them, show what is known of them, and give them back.",
		.children = children,
	};
	struct arguments arguments = {
		.common = common,
		.request = NDSHM_REQUEST_INIT,
		.count = 1,
	};
	struct ndshm_adapter_info adapter;
	struct ndshm *ndshm;
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = prepare(ndshm, &arguments, &adapter);
	if (code == EXIT_DONE)
		code = allocate(ndshm, &arguments, &adapter);
	ndshm_close(ndshm);
	return code;
}
