// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm plot: samples of "ndshm top --batch --json" as lines over time, in SVG.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

/* Pixels: the picture, the lines in it, and the legend beside them. */
#define PICTURE_WIDTH	960
#define PICTURE_HEIGHT	400
#define LINES_LEFT	76
#define LINES_TOP	44
#define LINES_WIDTH	624
#define LINES_HEIGHT	310
#define LEGEND_LEFT	720
#define LEGEND_STEP	22

#define LINES_MAX	8
/* Characters of a name in the legend. */
#define NAME_MAX_SHOWN	22

/* What the rows of a sample can be grouped by, and the members that name a row. */
static const struct grouping {
	const char *by;
	const char *many;
	const char *name;
	const char *number;	/* or NULL */
	const char *value;	/* the default one */
} groupings[] = {
	{ "process", "processes", "command", "pid", "held" },
	{ "user", "users", "user", NULL, "held" },
	{ "cgroup", "cgroups", "cgroup", NULL, "held" },
	{ "adapter", "adapters", "adapter", "id", "consumed" },
	{ "provider", "providers", "provider", "id", "consumed" },
};

/* One value of one line. */
struct point {
	size_t line;
	size_t sample;
	uint64_t value;
};

struct line {
	char *name;
	uint64_t peak;
	size_t index;	/* before sorting */
};

struct plot {
	const char *file;
	FILE *stream;
	const struct grouping *grouping;
	const char *value;
	json_t *index;		/* of lines by their names */
	int64_t *times;
	size_t samples;
	struct line *lines;
	size_t line_count;
	struct point *points;
	size_t point_count;
};

/* Make room for one more member, twice as much each time. */
static void *grow(void *members, size_t count, size_t size)
{
	if (count & (count - 1) || (count && count < 16))
		return members;
	members = reallocarray(members, count ? 2 * count : 16, size);
	if (!members)
		exit(cannot_errno(-ENOMEM, "plot"));
	return members;
}

static enum exit_code is_bad(const struct plot *plot, size_t number, const char *why)
{
	return cannot(why, "plot: %s, line %zu", plot->file, number);
}

static size_t find_line(struct plot *plot, char *name)
{
	json_t *known = json_object_get(plot->index, name);

	if (known) {
		free(name);
		return json_integer_value(known);
	}
	plot->lines = grow(plot->lines, plot->line_count, sizeof(*plot->lines));
	plot->lines[plot->line_count] = (struct line){ .name = name, .index = plot->line_count };
	if (json_object_set_new(plot->index, name, json_integer(plot->line_count)))
		exit(cannot_errno(-ENOMEM, "plot"));
	return plot->line_count++;
}

/* Returns an allocated string, or NULL. */
static char *row_name(const struct grouping *grouping, const json_t *row)
{
	const json_t *name = json_object_get(row, grouping->name);
	const json_t *number = grouping->number ? json_object_get(row, grouping->number) : NULL;

	if (json_is_string(name) && json_is_integer(number) && !strcmp(grouping->number, "pid"))
		return format_string("%" JSON_INTEGER_FORMAT " %s", json_integer_value(number),
				     json_string_value(name));
	if (json_is_string(name))
		return format_string("%s", json_string_value(name));
	if (json_is_null(name) && json_is_integer(number))
		return format_string("%s %" JSON_INTEGER_FORMAT, grouping->by,
				     json_integer_value(number));
	return json_is_null(name) ? format_string("no %s", grouping->by) : NULL;
}

/* Returns NULL, or what is wrong. */
static const char *add_row(struct plot *plot, const json_t *row)
{
	const json_t *value = json_object_get(row, plot->value);
	struct point *point;
	struct line *line;
	char *name;

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return "a row has no such value; use --value with the name of a number in the rows";
	name = row_name(plot->grouping, row);
	if (!name)
		return "a row has no name; use lines of \"ndshm top --batch --json\"";
	make_printable(name);
	plot->points = grow(plot->points, plot->point_count, sizeof(*plot->points));
	point = &plot->points[plot->point_count++];
	*point = (struct point){
		.line = find_line(plot, name),
		.sample = plot->samples,
		.value = json_integer_value(value),
	};
	line = &plot->lines[point->line];
	if (point->value > line->peak)
		line->peak = point->value;
	return NULL;
}

static const char *add_sample(struct plot *plot, const json_t *sample)
{
	const json_t *time = json_object_get(sample, "time");
	const json_t *by = json_object_get(sample, "by");
	const json_t *rows = json_object_get(sample, "rows");
	const struct grouping *grouping = groupings;
	const char *problem = NULL;
	const json_t *row;
	size_t i;

	if (!json_is_integer(time) || !json_is_string(by) || !json_is_array(rows))
		return "it is no sample; use lines of \"ndshm top --batch --json\"";
	while (strcmp(grouping->by, json_string_value(by)))
		if (++grouping == groupings + sizeof(groupings) / sizeof(groupings[0]))
			return "the grouping is not known; use a newer ndshm";
	if (plot->grouping && plot->grouping != grouping)
		return "the grouping changes; plot the parts separately";
	plot->grouping = grouping;
	if (!plot->value)
		plot->value = grouping->value;
	plot->times = grow(plot->times, plot->samples, sizeof(*plot->times));
	plot->times[plot->samples] = json_integer_value(time);
	json_array_foreach(rows, i, row) {
		problem = add_row(plot, row);
		if (problem)
			return problem;
	}
	plot->samples++;
	return NULL;
}

static enum exit_code read_samples(struct plot *plot)
{
	enum exit_code code = EXIT_DONE;
	char *text = NULL;
	size_t room = 0, number = 0;
	ssize_t length;

	while (code == EXIT_DONE && (length = getline(&text, &room, plot->stream)) >= 0) {
		json_t *sample = json_loadb(text, length, 0, NULL);
		const char *problem;

		number++;
		problem = sample ? add_sample(plot, sample) :
				   "it is no JSON; use lines of \"ndshm top --batch --json\"";
		if (problem)
			code = is_bad(plot, number, problem);
		json_decref(sample);
	}
	free(text);
	if (code == EXIT_DONE && ferror(plot->stream))
		return cannot_errno(-errno, "read %s", plot->file);
	if (code == EXIT_DONE && !plot->samples)
		return cannot("there is no sample; use lines of \"ndshm top --batch --json\"",
			      "plot: %s", plot->file);
	return code;
}

static int compare_lines(const void *left, const void *right)
{
	const struct line *a = left, *b = right;

	if (a->peak != b->peak)
		return a->peak < b->peak ? 1 : -1;
	return strcmp(a->name, b->name);
}

static bool is_of_bytes(const char *value)
{
	static const char *const words[] = {
		"held", "allocated", "mapped", "committed", "taken", "consumed", "max_size",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(value, words[i]))
			return true;
	return false;
}

/* Return the distance of at most six marks from 0 to @peak: round for a reader. */
static uint64_t mark_step(uint64_t peak, bool bytes)
{
	uint64_t step = 1;

	for (unsigned int i = 0; peak / step >= 6; i++) {
		static const unsigned int factors[] = { 2, 5, 10 };

		if (bytes)
			step *= 2;
		else
			step = step / (i % 3 ? factors[i % 3 - 1] : 1) * factors[i % 3];
	}
	return step;
}

/* Print printable text for XML, at most @most characters; "..." stands for the rest. */
static void print_xml(const char *text, size_t most)
{
	const bool cut = strlen(text) > most;

	for (size_t i = 0; text[i] && i < (cut ? most - 3 : most); i++) {
		if (text[i] == '&')
			fputs("&amp;", stdout);
		else if (text[i] == '<')
			fputs("&lt;", stdout);
		else if (text[i] == '>')
			fputs("&gt;", stdout);
		else
			putchar(text[i]);
	}
	if (cut)
		fputs("...", stdout);
}

static double at_time(const struct plot *plot, size_t sample)
{
	const double first = plot->times[0], last = plot->times[plot->samples - 1];

	if (last == first)
		return LINES_LEFT + LINES_WIDTH / 2.0;
	return LINES_LEFT + (plot->times[sample] - first) / (last - first) * LINES_WIDTH;
}

static double at_value(uint64_t value, uint64_t top)
{
	return LINES_TOP + LINES_HEIGHT - (double)value / top * LINES_HEIGHT;
}

static void print_values(uint64_t step, uint64_t top, bool bytes)
{
	char text[NUMBER_SIZE];

	for (uint64_t value = 0; value <= top; value += step) {
		if (bytes)
			format_size(value, text);
		else
			format_number(value, text);
		printf("<path class=\"grid\" d=\"M%d %.1fh%d\"/>\n", LINES_LEFT, at_value(value, top),
		       LINES_WIDTH);
		printf("<text class=\"end\" x=\"%d\" y=\"%.1f\">%s</text>\n", LINES_LEFT - 8,
		       at_value(value, top) + 4, text);
		/* The next one may exceed the largest number. */
		if (top - value < step)
			break;
	}
}

static void print_times(const struct plot *plot)
{
	const int64_t first = plot->times[0], last = plot->times[plot->samples - 1];
	const char *format = last - first < 86400 ? "%H:%M:%S" : "%m-%d %H:%M";

	for (int i = 0; i <= 4; i += last == first ? 5 : 1) {
		const time_t when = first + (last - first) / 4.0 * i;
		char text[32] = "";
		struct tm local;

		if (localtime_r(&when, &local))
			strftime(text, sizeof(text), format, &local);
		printf("<text class=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>\n",
		       last == first ? at_time(plot, 0) : LINES_LEFT + LINES_WIDTH / 4.0 * i,
		       LINES_TOP + LINES_HEIGHT + 22, text);
	}
}

/* Draw a line through the points of neighbouring samples; a single one is a dot. */
static void print_line(const struct plot *plot, size_t rank, uint64_t top)
{
	const struct line *line = &plot->lines[rank];
	bool any = false;
	size_t before = 0;

	printf("<path class=\"line l%zu\" d=\"", rank);
	for (size_t i = 0; i < plot->point_count; i++) {
		const struct point *point = &plot->points[i];

		if (point->line != line->index)
			continue;
		if (!any || point->sample != before + 1)
			printf("M%.1f %.1fh0", at_time(plot, point->sample),
			       at_value(point->value, top));
		else
			printf("L%.1f %.1f", at_time(plot, point->sample),
			       at_value(point->value, top));
		any = true;
		before = point->sample;
	}
	puts("\"/>");
}

static void print_legend(const struct plot *plot, size_t rank, bool bytes)
{
	const int y = LINES_TOP + 10 + rank * LEGEND_STEP;
	char text[NUMBER_SIZE];

	if (bytes)
		format_size(plot->lines[rank].peak, text);
	else
		format_number(plot->lines[rank].peak, text);
	printf("<path class=\"line l%zu\" d=\"M%d %dh18\"/>\n<text x=\"%d\" y=\"%d\">", rank,
	       LEGEND_LEFT, y - 4, LEGEND_LEFT + 26, y);
	print_xml(plot->lines[rank].name, NAME_MAX_SHOWN);
	printf("</text>\n<text class=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", PICTURE_WIDTH - 8, y,
	       text);
}

/* Colours that also those tell apart who do not see all of them. */
static void print_style(void)
{
	static const char *const colours[LINES_MAX] = {
		"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195",
		"#8c8c8c",
	};

	puts("<style>\n"
	     "text{font:13px sans-serif;fill:#222}.head{font-size:16px}\n"
	     ".end{text-anchor:end}.middle{text-anchor:middle}\n"
	     ".grid{stroke:#ccc;fill:none}\n"
	     ".line{stroke-width:2;fill:none;stroke-linecap:round;stroke-linejoin:round}");
	for (size_t i = 0; i < LINES_MAX; i++)
		printf(".l%zu{stroke:%s}", i, colours[i]);
	puts("\n@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#555}}\n</style>");
}

static enum exit_code print_picture(const struct plot *plot, size_t shown)
{
	const bool bytes = is_of_bytes(plot->value);
	const uint64_t peak = plot->line_count ? plot->lines[0].peak : 0;
	const uint64_t step = mark_step(peak, bytes);
	uint64_t top = peak - peak % step;

	/* The topmost mark is above all lines. */
	if (top < peak && __builtin_add_overflow(top, step, &top))
		top = UINT64_MAX;
	if (!top)
		top = step;
	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">\n",
	       PICTURE_WIDTH, PICTURE_HEIGHT);
	print_style();
	printf("<text class=\"head\" x=\"%d\" y=\"22\">", LINES_LEFT);
	print_xml(plot->value, 40);
	printf(" by %s", plot->grouping->by);
	if (shown < plot->line_count)
		printf(": the largest %zu of %zu %s", shown, plot->line_count,
		       plot->grouping->many);
	printf("</text>\n<text class=\"end\" x=\"%d\" y=\"22\">peak</text>\n", PICTURE_WIDTH - 8);
	print_values(step, top, bytes);
	print_times(plot);
	for (size_t rank = shown; rank-- > 0; )
		print_line(plot, rank, top);
	for (size_t rank = 0; rank < shown; rank++)
		print_legend(plot, rank, bytes);
	puts("</svg>");
	return end_output();
}

struct arguments {
	struct common *common;
	const char *file;
	const char *value;
	uint64_t lines;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case 'v':
		make_printable(argument);
		arguments->value = argument;
		return 0;
	case 'l':
		if (!parse_number(argument, LINES_MAX, &arguments->lines) || !arguments->lines)
			argp_error(state, "--lines: \"%s\" is no count; use 1 to %d", argument,
				   LINES_MAX);
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			argp_error(state, "\"%s\": unexpected argument; name one file", argument);
		arguments->file = argument;
		return 0;
	case ARGP_KEY_END:
		if (arguments->common->json)
			argp_error(state, "--json: a picture is no JSON; omit it");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_plot(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "lines", 'l', "N", 0, "Draw the N rows with the largest peaks, at most 8 (8)", 0 },
		{ "value", 'v', "NAME", 0,
		  "Draw this number of the rows (held; of adapters and providers: consumed)", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[FILE]",
		.doc = "Draw what \"ndshm top --batch --json\" has recorded, as SVG.\v"
		       "Without FILE, read standard input.",
		.children = children,
	};
	struct arguments arguments = { .common = common, .lines = LINES_MAX };
	struct plot plot = { .file = "standard input", .stream = stdin };
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	plot.value = arguments.value;
	if (arguments.file) {
		plot.file = arguments.file;
		plot.stream = fopen(plot.file, "re");
		if (!plot.stream)
			return cannot_errno(-errno, "open %s", plot.file);
	}
	plot.index = json_object();
	code = read_samples(&plot);
	if (code == EXIT_DONE) {
		if (plot.line_count)
			qsort(plot.lines, plot.line_count, sizeof(*plot.lines), compare_lines);
		code = print_picture(&plot, plot.line_count < arguments.lines ? plot.line_count :
									       arguments.lines);
	}
	for (size_t i = 0; i < plot.line_count; i++)
		free(plot.lines[i].name);
	free(plot.lines);
	free(plot.points);
	free(plot.times);
	json_decref(plot.index);
	if (arguments.file)
		fclose(plot.stream);
	return code;
}
