// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm remote bench
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_tool.h"

#define SAMPLES	20000u
#define PARTS	64u
#define SIZES	16u

struct benchmark {
	struct connection connection;
	struct common *common;
	uint64_t sizes[SIZES];
	size_t count;
	unsigned int milliseconds;	/* for each figure */
	bool writes;
	char *buffer;
	double *samples;
};

struct figures {
	uint64_t size;
	double get_us, put_us;		/* median of a get, of a put and a flush */
	double get_mb, put_mb;		/* 10^6 bytes a second of many */
};

enum { OPTION_WRITE = 256 + 32, OPTION_SECONDS };

static const struct argp_option options[] = {
	{ "size", 's', "SIZE", 0, "Bytes of a transfer; repeatable (64, 4K and 1M)", 0 },
	{ "seconds", OPTION_SECONDS, "SECONDS", 0, "Time for each figure (0.5)", 0 },
	{ "write", OPTION_WRITE, NULL, 0, "Put, too: overwrites the start of the range with zeros",
	  0 },
	{ 0 }
};

static error_t parse_bench(int key, char *argument, struct argp_state *state)
{
	struct benchmark *bench = state->input;
	const char *problem;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = bench->common;
		state->child_inputs[1] = &bench->connection;
		return 0;
	case 's':
		if (bench->count == SIZES)
			argp_error(state, "--size: too many; use at most 16");
		problem = parse_size(argument, &bench->sizes[bench->count]);
		if (!problem &&
		    (!bench->sizes[bench->count] || bench->sizes[bench->count] > 1u << 30))
			problem = "not a size of a transfer; use 1 to 1G";
		if (problem)
			argp_error(state, "\"%s\": %s", argument, problem);
		bench->count++;
		return 0;
	case OPTION_SECONDS:
		if (!parse_delay(argument, &bench->milliseconds))
			argp_error(state, "\"%s\": not a time; use seconds from 0.1 to 3600",
				   argument);
		return 0;
	case OPTION_WRITE:
		bench->writes = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int compare_samples(const void *one, const void *other)
{
	const double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* The median of as many transfers as there is time for, each waited for. */
static int bench_latency(struct benchmark *bench, uint64_t size, bool puts, double *median)
{
	const int64_t end = monotonic_time() + bench->milliseconds * 1000000LL;
	struct ndshm_remote_range *range = bench->connection.range;
	size_t count = 0;
	int64_t now, start;

	do {
		int error;

		start = monotonic_time();
		error = puts ? ndshm_remote_put(range, 0, bench->buffer, size) :
			       ndshm_remote_get(range, 0, bench->buffer, size);
		if (!error && puts)
			error = ndshm_remote_flush(bench->connection.peer);
		if (error)
			return error;
		now = monotonic_time();
		bench->samples[count++] = (double)(now - start) / 1000;
	} while (now < end && count < SAMPLES);
	qsort(bench->samples, count, sizeof(*bench->samples), compare_samples);
	*median = bench->samples[count / 2];
	return 0;
}

/* Many at a time, until all are done. */
static int bench_bandwidth(struct benchmark *bench, uint64_t size, bool puts, double *rate)
{
	const int64_t start = monotonic_time(), end = start + bench->milliseconds * 1000000LL;
	struct ndshm_remote_range *range = bench->connection.range;
	struct ndshm_remote_part parts[PARTS];
	/* 64 MiB at a time are enough. */
	const size_t count = size > 1u << 20 ? 1 : PARTS;
	uint64_t bytes = 0;
	int64_t now;
	int error;

	for (size_t i = 0; i < count; i++)
		parts[i] = (struct ndshm_remote_part){ 0, bench->buffer, size };
	do {
		error = puts ? ndshm_remote_put_many(range, parts, count) :
			       ndshm_remote_get_many(range, parts, count);
		bytes += count * size;
		now = monotonic_time();
	} while (!error && now < end);
	if (!error && puts)
		error = ndshm_remote_flush(bench->connection.peer);
	now = monotonic_time();
	*rate = (double)bytes * 1000 / (double)(now - start);
	return error;
}

static int bench_row(struct benchmark *bench, struct figures *row)
{
	int error = bench_latency(bench, row->size, false, &row->get_us);

	if (!error)
		error = bench_bandwidth(bench, row->size, false, &row->get_mb);
	if (!error && bench->writes)
		error = bench_latency(bench, row->size, true, &row->put_us);
	if (!error && bench->writes)
		error = bench_bandwidth(bench, row->size, true, &row->put_mb);
	return error;
}

static const char *bench_transport(const struct benchmark *bench)
{
	return ndshm_remote_range_transport(bench->connection.range, NULL) == NDSHM_REMOTE_RDMA ?
		       "RDMA" : "TCP";
}

static json_t *figures_json(const struct benchmark *bench, const struct figures *row)
{
	json_t *value = json_pack("{s:I, s:s, s:f, s:f}", "size", (json_int_t)row->size,
				  "transport", bench_transport(bench), "get_us", row->get_us,
				  "get_mb_s", row->get_mb);

	if (bench->writes) {
		json_object_set_new(value, "put_us", json_real(row->put_us));
		json_object_set_new(value, "put_mb_s", json_real(row->put_mb));
	}
	return value;
}

static void figures_print(const struct benchmark *bench, const struct figures *row)
{
	char size[NUMBER_SIZE];

	format_size(row->size, size);
	printf("%8s  %-9s  %10.1f  %10.1f", size, bench_transport(bench), row->get_us, row->get_mb);
	if (bench->writes)
		printf("  %12.1f  %10.1f", row->put_us, row->put_mb);
	putchar('\n');
	fflush(stdout);
}

/* Before anything is measured and printed. */
static enum exit_code bench_check(const struct benchmark *bench)
{
	const uint32_t rights = ndshm_remote_range_rights(bench->connection.range);

	if (!(rights & NDSHM_REMOTE_READ))
		return cannot("peers may not read; export it with --rights=read", "measure gets");
	if (bench->writes && !(rights & NDSHM_REMOTE_WRITE))
		return cannot(
			"peers may not write; omit --write, or export it with --rights=read,write",
			"measure puts");
	return EXIT_DONE;
}

static enum exit_code bench_run(struct benchmark *bench)
{
	const uint64_t length = ndshm_remote_range_length(bench->connection.range);
	json_t *rows = bench->common->json ? json_array() : NULL;

	if (!rows)
		printf("    SIZE  TRANSPORT  %10s  %10s%s\n", "GET US", "GET MB/S",
		       bench->writes ? "  PUT+FLUSH US    PUT MB/S" : "");
	for (size_t i = 0; i < bench->count; i++) {
		struct figures row = { .size = bench->sizes[i] };
		int error;

		if (row.size > length) {
			print_note("the range has %" PRIu64 " bytes: no transfer of %" PRIu64,
				   length, row.size);
			continue;
		}
		error = bench_row(bench, &row);
		if (error) {
			json_decref(rows);
			return cannot_remote(error, "transfer %" PRIu64 " bytes", row.size);
		}
		if (rows)
			json_array_append_new(rows, figures_json(bench, &row));
		else
			figures_print(bench, &row);
	}
	return rows ? print_json(rows) : end_output();
}

enum exit_code run_remote_bench(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ .argp = &connection_argp },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_bench,
		.args_doc = "ADDRESS:PORT",
		.doc = "Measure transfers: the median time of one, and the bandwidth of many.",
		.children = children,
	};
	struct benchmark bench = { .common = common, .milliseconds = 500 };
	uint64_t most = 0;
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &bench);
	if (!bench.count) {
		static const uint64_t sizes[] = { 64, 4096, 1 << 20 };

		memcpy(bench.sizes, sizes, sizeof(sizes));
		bench.count = 3;
	}
	for (size_t i = 0; i < bench.count; i++)
		most = bench.sizes[i] > most ? bench.sizes[i] : most;
	bench.buffer = array(most, 1);
	bench.samples = array(SAMPLES, sizeof(*bench.samples));
	code = connection_open(&bench.connection);
	if (code == EXIT_DONE)
		code = bench_check(&bench);
	if (code == EXIT_DONE)
		code = bench_run(&bench);
	connection_close(&bench.connection);
	free(bench.samples);
	free(bench.buffer);
	return code;
}
