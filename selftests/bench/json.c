// SPDX-License-Identifier: GPL-2.0
/*
 * Names of cycles and peers are constants that need no escaping.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"
#include "table.h"

static const char *comma(unsigned int i, unsigned int count)
{
	return i + 1 < count ? "," : "";
}

static void write_row(FILE *file, const struct row *row)
{
	fprintf(file, "{\"place\": \"%s\", \"what\": \"%s\", \"subject\": \"%s\", ",
		row->place, row->what, row->subject);
	fprintf(file, "\"length\": %zu, ", row->length);
	if (row->raw.error) {
		fprintf(file, "\"error\": \"%s\"}", strerror(row->raw.error));
		return;
	}
	fprintf(file, "\"rounds\": %u, \"median\": %.1f, \"mean\": %.1f, ",
		row->raw.rounds, row->raw.median, row->raw.mean);
	fprintf(file, "\"min\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f, ",
		row->raw.min, row->raw.p99, row->raw.p999, row->raw.max);
	fprintf(file, "\"zeroing\": %.1f, \"net\": %.1f}", row->zeroing,
		row_net(row));
}

static void write_verdict(FILE *file, const struct verdict *verdict)
{
	fprintf(file, "{\"place\": \"%s\", \"subject\": \"%s\", \"what\": \"%s\", ",
		verdict->place ?: ROOT, verdict->subject, verdict->what);
	fprintf(file, "\"length\": %zu, ", verdict->length);
	if (verdict->base)
		fprintf(file, "\"base\": \"%s\", \"times\": %.2f, ",
			verdict->base, verdict->times ?: 1);
	if (verdict->tail)
		fprintf(file, "\"percentile\": 99.9, \"times\": %.2f, ", verdict->tail);
	fprintf(file, "\"raw\": %s, ", verdict->raw ? "true" : "false");
	if (verdict->result != RESULT_SKIP)
		fprintf(file, "\"figure\": %.1f, \"goal\": %.1f, ", verdict->figure,
			verdict->goal);
	fprintf(file, "\"result\": \"%s\"}", verdict_word(verdict));
}

int json_write(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "we") : stdout;
	struct utsname system;
	unsigned int i;
	int ret = 0;

	if (!file)
		return -errno;
	uname(&system);
	fprintf(file, "{\n\"kernel\": \"%s\",\n\"machine\": \"%s\",\n",
		system.release, system.machine);
	fprintf(file, "\"unit\": \"instructions\",\n\"init_on_alloc\": %s,\n",
		kernel_init_on_alloc() ? "true" : "false");
	fprintf(file, "\"figures\": [\n");
	for (i = 0; i < table->count; i++) {
		write_row(file, &table->rows[i]);
		fprintf(file, "%s\n", comma(i, table->count));
	}
	fprintf(file, "],\n\"targets\": [\n");
	for (i = 0; i < verdict_count; i++) {
		write_verdict(file, &verdicts[i]);
		fprintf(file, "%s\n", comma(i, verdict_count));
	}
	fprintf(file, "]\n}\n");
	if (ferror(file))
		ret = -EIO;
	if (file != stdout && fclose(file))
		ret = -errno;
	return ret;
}
