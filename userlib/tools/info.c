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
	{ NDSHM_FEATURE_RECYCLE, "recycle" },
	{ NDSHM_FEATURE_IRQS, "irqs" },
	{ NDSHM_FEATURE_EXPORT, "export" },
	{ NDSHM_FEATURE_RESET, "reset" },
	{ NDSHM_FEATURE_CONFIG, "config" },
	{ NDSHM_FEATURE_SECTION_EXPORT, "section-export" },
	{ NDSHM_FEATURE_TAGS, "tags" },
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

static enum exit_code print_info_json(const struct ndshm_info *info)
{
	json_t *names = json_array();

	for (size_t i = 0; i < FEATURES; i++)
		if (info->features & features[i].bit)
			json_array_append_new(names, json_string(features[i].name));
	return print_json(json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
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
		"max_section", (json_int_t)info->max_section));
}

static enum exit_code print_info(const struct ndshm_info *info)
{
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
	return end_output();
}

static error_t parse_info(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		return EINVAL;
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
