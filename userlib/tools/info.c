// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm info
 */
#include <inttypes.h>
#include <stdio.h>

#include "tool.h"

static const struct {
	uint64_t bit;
	const char *name;
} features[] = {
	{ NDSHM_FEATURE_BLOCKS, "blocks" },
	{ NDSHM_FEATURE_CLAIMS, "claims" },
	{ NDSHM_FEATURE_SYNC, "sync" },
	{ NDSHM_FEATURE_SECTIONS, "sections" },
	{ NDSHM_FEATURE_NAMES, "names" },
	{ NDSHM_FEATURE_FREE_MANY, "free-many" },
	{ NDSHM_FEATURE_IRQS, "irqs" },
	{ NDSHM_FEATURE_EXPORT, "export" },
	{ NDSHM_FEATURE_RESET, "reset" },
	{ NDSHM_FEATURE_CONFIG, "config" },
	{ NDSHM_FEATURE_SECTION_EXPORT, "section-export" },
	{ NDSHM_FEATURE_TAGS, "tags" },
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

/* Module parameters: size of the reserve, and what of it is free, which only root may read. */
#define RESERVE		"/sys/module/ndshm/parameters/reserve"
#define RESERVE_FREE	"/sys/module/ndshm/parameters/reserve_free"

/* Return the bytes in a module parameter; -1: without the module, or not readable. */
static json_int_t parameter_bytes(const struct ndshm_info *info, const char *path)
{
	long long bytes = -1;
	FILE *stream;

	/* Without the module there are no claims. */
	stream = info->features & NDSHM_FEATURE_CLAIMS ? fopen(path, "re") : NULL;
	if (!stream)
		return -1;
	if (fscanf(stream, "%lld", &bytes) != 1)
		bytes = -1;
	fclose(stream);
	return bytes;
}

static json_t *json_parameter(const struct ndshm_info *info, const char *path)
{
	const json_int_t bytes = parameter_bytes(info, path);

	return bytes < 0 ? json_null() : json_integer(bytes);
}

static enum exit_code print_info_json(const struct ndshm_info *info)
{
	json_t *names = json_array();

	for (size_t i = 0; i < FEATURES; i++)
		if (info->features & features[i].bit)
			json_array_append_new(names, json_string(features[i].name));
	return print_json(json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"version", VERSION,
		"features", names,
		"max_length", (json_int_t)info->max_length,
		"max_blocks", (json_int_t)info->max_blocks,
		"max_batch", (json_int_t)info->max_batch,
		"page_size", (json_int_t)info->page_size,
		"huge_size", (json_int_t)info->huge_size,
		"default_adapter", (json_int_t)info->default_adapter,
		"blocks", (json_int_t)info->blocks,
		"bytes", (json_int_t)info->bytes,
		"user_locked", (json_int_t)info->user_locked,
		"max_section", (json_int_t)info->max_section,
		"reserve", json_parameter(info, RESERVE),
		"reserve_free", json_parameter(info, RESERVE_FREE)));
}

static enum exit_code print_info(const struct ndshm_info *info)
{
	const json_int_t reserve = parameter_bytes(info, RESERVE);
	const json_int_t reserve_free = parameter_bytes(info, RESERVE_FREE);

	printf("features         ");
	for (size_t i = 0; i < FEATURES; i++)
		if (info->features & features[i].bit)
			printf(" %s", features[i].name);
	printf("\n"
	       "longest block     %" PRIu64 " bytes\n"
	       "blocks a client   %" PRIu32 "\n"
	       "blocks a call     %" PRIu32 "\n"
	       "page size         %" PRIu32 " bytes\n"
	       "huge page         %" PRIu64 " bytes\n"
	       "default adapter   %" PRIu32 "\n"
	       "locked by you     %" PRIu64 " bytes\n",
	       info->max_length, info->max_blocks, info->max_batch, info->page_size,
	       info->huge_size, info->default_adapter, info->user_locked);
	if (info->features & NDSHM_FEATURE_SECTIONS)
		printf("largest section   %" PRIu64 " bytes\n", info->max_section);
	if (reserve >= 0)
		printf("reserve           %lld bytes\n", (long long)reserve);
	if (reserve_free >= 0)
		printf("reserve, free     %lld bytes\n", (long long)reserve_free);
	return end_output();
}

static error_t parse_info(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_info(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse_info,
		.doc = "Show what the module can do, its limits, and what your user has locked.",
		.children = children,
	};
	struct ndshm_info info;
	struct ndshm *ndshm;
	enum exit_code code;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, common);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	error = ndshm_get_info(ndshm, &info);
	if (error)
		code = cannot_ndshm(ndshm, error, "get information");
	else
		code = common->json ? print_info_json(&info) : print_info(&info);
	ndshm_close(ndshm);
	return code;
}
