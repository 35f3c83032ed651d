// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm metrics
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/admin.h>

#include "tool.h"

#define HTTP_METRICS	"HTTP/1.0 200 OK\r\nContent-Type: application/openmetrics-text; " \
			"version=1.0.0; charset=utf-8\r\n\r\n"
#define HTTP_UNAVAILABLE	"HTTP/1.0 503 Service Unavailable\r\n\r\n"

/* The objects of a user with the same adapter and provider. */
struct usage {
	uint32_t adapter;
	uint32_t provider;
	uint32_t uid;
	uint64_t count;
	uint64_t bytes;
	uint64_t reserved;	/* of sections */
};

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_usage(const void *left, const void *right)
{
	const struct usage *a = left, *b = right;
	int order = compare_u32(a->adapter, b->adapter);

	if (!order)
		order = compare_u32(a->provider, b->provider);
	return order ? order : compare_u32(a->uid, b->uid);
}

/* Join the entries with the same adapter, provider and user. Returns their number. */
static size_t join_usage(struct usage *usage, size_t count)
{
	size_t last = 0;

	if (!count)
		return 0;
	qsort(usage, count, sizeof(*usage), compare_usage);
	for (size_t i = 1; i < count; i++) {
		if (compare_usage(&usage[i], &usage[last])) {
			usage[++last] = usage[i];
			continue;
		}
		usage[last].count += usage[i].count;
		add_saturated(&usage[last].bytes, usage[i].bytes);
		add_saturated(&usage[last].reserved, usage[i].reserved);
	}
	return last + 1;
}

/* Write the head of a metric family. */
static void write_family(FILE *stream, const char *name, const char *unit, const char *help)
{
	fprintf(stream, "# TYPE %s gauge\n", name);
	if (unit)
		fprintf(stream, "# UNIT %s %s\n", name, unit);
	fprintf(stream, "# HELP %s %s\n", name, help);
}

/* Write a label. Names are printable: see make_printable(). */
static void write_label(FILE *stream, const char *name, const char *value)
{
	fprintf(stream, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', stream);
		fputc(*value, stream);
	}
	fputc('"', stream);
}

/* Users have their number as well: two of them can have the same name. */
static void write_user(FILE *stream, uint32_t uid)
{
	write_label(stream, "user", cached_user(uid));
	fprintf(stream, ",uid=\"%" PRIu32 "\"", uid);
}

/* @offset: of the member of struct usage that is the value */
static void write_usage(FILE *stream, const char *metric, const struct names *names,
			const struct usage *usage, size_t count, size_t offset)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(stream, "%s{", metric);
		write_label(stream, "adapter", adapter_name(names, usage[i].adapter));
		fputc(',', stream);
		write_label(stream, "provider", provider_name(names, usage[i].provider));
		fputc(',', stream);
		write_user(stream, usage[i].uid);
		fprintf(stream, "} %" PRIu64 "\n",
			*(const uint64_t *)((const char *)&usage[i] + offset));
	}
}

static int write_blocks(struct ndshm *ndshm, const struct names *names, FILE *stream)
{
	struct ndshm_block_row *rows;
	struct usage *usage;
	size_t count;
	int error = ndshm_list_blocks(ndshm, &rows, &count);

	if (error)
		return error;
	usage = array(count, sizeof(*usage));
	for (size_t i = 0; i < count; i++)
		usage[i] = (struct usage){
			.adapter = rows[i].adapter,
			.provider = rows[i].provider,
			.uid = rows[i].uid,
			.count = 1,
			.bytes = rows[i].consumed,
		};
	free(rows);
	count = join_usage(usage, count);
	write_family(stream, "ndshm_blocks", NULL, "Blocks, including the chunks of sections.");
	write_usage(stream, "ndshm_blocks", names, usage, count, offsetof(struct usage, count));
	write_family(stream, "ndshm_block_bytes", "bytes", "Memory that blocks consume.");
	write_usage(stream, "ndshm_block_bytes", names, usage, count,
		    offsetof(struct usage, bytes));
	free(usage);
	return 0;
}

static int write_sections(struct ndshm *ndshm, const struct names *names, FILE *stream)
{
	struct ndshm_section_row *rows;
	struct usage *usage;
	size_t count;
	int error = ndshm_list_sections(ndshm, &rows, &count);

	if (error)
		return error;
	usage = array(count, sizeof(*usage));
	for (size_t i = 0; i < count; i++)
		usage[i] = (struct usage){
			.adapter = rows[i].adapter,
			.provider = rows[i].provider,
			.uid = rows[i].uid,
			.count = 1,
			.bytes = rows[i].committed,
			.reserved = rows[i].max_size,
		};
	free(rows);
	count = join_usage(usage, count);
	write_family(stream, "ndshm_sections", NULL, "Sections.");
	write_usage(stream, "ndshm_sections", names, usage, count, offsetof(struct usage, count));
	write_family(stream, "ndshm_section_committed_bytes", "bytes", "Memory of sections.");
	write_usage(stream, "ndshm_section_committed_bytes", names, usage, count,
		    offsetof(struct usage, bytes));
	write_family(stream, "ndshm_section_max_bytes", "bytes", "Maximum sizes of sections.");
	write_usage(stream, "ndshm_section_max_bytes", names, usage, count,
		    offsetof(struct usage, reserved));
	free(usage);
	return 0;
}

static void write_adapters(const struct names *names, FILE *stream)
{
	static const struct {
		const char *name;
		const char *help;
	} metrics[] = {
		{ "ndshm_adapter_claimed", "1 if a client has claimed the adapter." },
		{ "ndshm_adapter_needs_reset", "1 if the last reset failed or was impossible." },
		{ "ndshm_adapter_isolated", "1 if no isolation property is missing." },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		write_family(stream, metrics[i].name, NULL, metrics[i].help);
		for (size_t j = 0; j < names->adapter_count; j++) {
			const struct ndshm_adapter_info *adapter = &names->adapters[j];
			const bool values[] = { adapter->claimed, adapter->needs_reset,
						!adapter->isolation };

			fprintf(stream, "%s{", metrics[i].name);
			write_label(stream, "adapter", adapter->name);
			fprintf(stream, "} %d\n", values[i]);
		}
	}
}

static enum exit_code write_metrics(const struct common *common, FILE *stream)
{
	struct ndshm *ndshm = open_viewer(common);
	enum exit_code code = EXIT_DONE;
	struct names names = { 0 };
	int error;

	if (!ndshm)
		return EXIT_FAILED;
	error = get_names(ndshm, &names);
	if (!error) {
		write_adapters(&names, stream);
		error = write_blocks(ndshm, &names, stream);
	}
	if (!error)
		error = write_sections(ndshm, &names, stream);
	if (error)
		code = cannot_ndshm(ndshm, error, "read the metrics");
	else
		fputs("# EOF\n", stream);
	free_names(&names);
	ndshm_close(ndshm);
	return code;
}

struct arguments {
	struct common *common;
	bool http;
};

enum { OPTION_HTTP = 256 };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case OPTION_HTTP:
		arguments->http = true;
		return 0;
	case 'N':
		show_numbers();
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Read a request up to its blank line: a socket that is closed with unread input resets the answer. */
static void read_request(void)
{
	int byte, length = 0;

	while ((byte = getchar()) != EOF && (byte != '\n' || length))
		if (byte != '\r')
			length = byte == '\n' ? 0 : 1;
}

/* Print the metrics only if they are complete. */
static enum exit_code print_metrics(const struct arguments *arguments)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	enum exit_code code, written;

	if (!stream)
		return cannot_errno(-errno, "read the metrics");
	code = write_metrics(arguments->common, stream);
	if (fclose(stream) && code == EXIT_DONE)
		code = cannot_errno(-errno, "read the metrics");
	if (arguments->http)
		fputs(code == EXIT_DONE ? HTTP_METRICS : HTTP_UNAVAILABLE, stdout);
	if (code == EXIT_DONE)
		fputs(text, stdout);
	free(text);
	written = end_output();
	return code ? code : written;
}

enum exit_code run_metrics(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "http", OPTION_HTTP, NULL, 0, "Answer a request of HTTP on standard input", 0 },
		{ "numeric", 'N', NULL, 0, "Show users by number, without looking them up", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Print metrics as OpenMetrics text.",
		.children = children,
	};
	struct arguments arguments = { .common = common };

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (arguments.http)
		read_request();
	return print_metrics(&arguments);
}
