// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm top
 *
 * The screen is the table of a sample in lines, below two lines of summary and above the keys.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* After <stdbool.h>, which has bool. */
#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "use.h"

/* Lines of the screen above and below the rows: summary, order and title; keys. */
#define LINES_ABOVE	3
#define LINES_BELOW	1

/* Blocks and sections of an adapter or a provider. */
struct share {
	uint32_t id;
	uint32_t blocks;
	uint32_t sections;
	uint64_t consumed;
	uint64_t committed;
	uint64_t max_size;
};

static void share_cells(struct table *table, const struct share *share)
{
	cell_number(table, "BLOCKS", true, share->blocks);
	cell_bytes(table, "CONSUMED", true, share->consumed);
	cell_number(table, "SECTIONS", true, share->sections);
	cell_bytes(table, "COMMITTED", true, share->committed);
	cell_bytes(table, "MAX", true, share->max_size);
}

static void adapter_cells(struct table *table, const void *row)
{
	const struct share *share = row;

	cell_adapter(table, share->id);
	share_cells(table, share);
}

static void provider_cells(struct table *table, const void *row)
{
	const struct share *share = row;

	cell_provider(table, share->id);
	share_cells(table, share);
}

/* @member, @name: what the object is a share of */
static json_t *share_json(const struct share *share, const char *member, const char *name)
{
	return json_pack("{s:I, s:s?, s:I, s:o, s:I, s:o, s:o}",
			 "id", (json_int_t)share->id, member, name,
			 "blocks", (json_int_t)share->blocks,
			 "consumed", json_u64(share->consumed),
			 "sections", (json_int_t)share->sections,
			 "committed", json_u64(share->committed),
			 "max_size", json_u64(share->max_size));
}

static json_t *share_of_adapter_json(const struct names *names, const void *row)
{
	const struct share *share = row;

	return share_json(share, "adapter", adapter_text(names, share->id));
}

static json_t *share_of_provider_json(const struct names *names, const void *row)
{
	const struct share *share = row;

	return share_json(share, "provider", provider_text(names, share->id));
}

/* The first three are those of enum use_by. */
static const struct grouping {
	const char *name;
	int key;
	struct row_type type;	/* of a process, user or cgroup: that of use.h */
	size_t block_id;		/* offset of the id in a block and a section */
	size_t section_id;
} groupings[] = {
	[USE_BY_PROCESS] = { "process", 'p', { 0 }, 0, 0 },
	[USE_BY_USER] = { "user", 'u', { 0 }, 0, 0 },
	[USE_BY_CGROUP] = { "cgroup", 'c', { 0 }, 0, 0 },
	{ "adapter", 'a', { sizeof(struct share), adapter_cells, share_of_adapter_json },
	  offsetof(struct ndshm_block_row, adapter),
	  offsetof(struct ndshm_section_row, adapter) },
	{ "provider", 'v', { sizeof(struct share), provider_cells, share_of_provider_json },
	  offsetof(struct ndshm_block_row, provider),
	  offsetof(struct ndshm_section_row, provider) },
};

#define GROUPINGS (sizeof(groupings) / sizeof(groupings[0]))

struct arguments {
	struct common *common;
	const struct grouping *by;
	const char *root;
	const char *by_word;
	unsigned int delay;	/* milliseconds */
	uint64_t iterations;	/* 0: unlimited */
	bool batch;
	struct table table;
};

struct sample {
	struct proc proc;
	struct use_lists lists;
	struct use *uses;
	struct share *shares;
	size_t count;		/* of uses or shares */
	time_t time;
};

static int compare_shares(const void *left, const void *right)
{
	const struct share *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

static struct share *make_shares(const struct use_lists *lists, const struct grouping *by,
				 size_t *count)
{
	struct share *shares = array(lists->block_count + lists->section_count, sizeof(*shares));
	size_t all = 0, last = 0;

	for (size_t i = 0; i < lists->block_count; i++) {
		const char *row = (const char *)&lists->blocks[i];

		shares[all++] = (struct share){
			.id = *(const uint32_t *)(row + by->block_id),
			.blocks = 1,
			.consumed = lists->blocks[i].consumed,
		};
	}
	for (size_t i = 0; i < lists->section_count; i++) {
		const char *row = (const char *)&lists->sections[i];

		shares[all++] = (struct share){
			.id = *(const uint32_t *)(row + by->section_id),
			.sections = 1,
			.committed = lists->sections[i].committed,
			.max_size = lists->sections[i].max_size,
		};
	}
	*count = 0;
	if (!all)
		return shares;
	qsort(shares, all, sizeof(*shares), compare_shares);
	for (size_t i = 1; i < all; i++) {
		if (shares[i].id != shares[last].id) {
			shares[++last] = shares[i];
			continue;
		}
		shares[last].blocks += shares[i].blocks;
		shares[last].sections += shares[i].sections;
		add_saturated(&shares[last].consumed, shares[i].consumed);
		add_saturated(&shares[last].committed, shares[i].committed);
		add_saturated(&shares[last].max_size, shares[i].max_size);
	}
	*count = last + 1;
	return shares;
}

static bool is_of_processes(const struct grouping *by)
{
	return !by->type.cells;
}

static enum use_by use_by_of(const struct grouping *by)
{
	return by - groupings;
}

/* The sample must be zeroed. Call sample_free() also after an error. */
static enum exit_code sample_take(const struct arguments *arguments, struct sample *sample)
{
	const struct grouping *by = arguments->by;
	enum exit_code code = EXIT_DONE;
	struct ndshm *ndshm;
	int error;

	sample->time = time(NULL);
	if (is_of_processes(by))
		code = proc_read(&sample->proc, arguments->root, use_by_of(by) == USE_BY_CGROUP);
	if (code != EXIT_DONE)
		return code;
	/* For each sample: an open client would pin the module, and have a descriptor. */
	ndshm = open_viewer(arguments->common);
	if (!ndshm)
		return EXIT_FAILED;
	error = use_lists_get(ndshm, &sample->lists);
	if (error)
		code = cannot_ndshm(ndshm, error, "list blocks and sections");
	ndshm_close(ndshm);
	if (code != EXIT_DONE)
		return code;
	if (is_of_processes(by))
		sample->uses = use_make(&sample->proc, &sample->lists, use_by_of(by),
					&sample->count);
	else
		sample->shares = make_shares(&sample->lists, by, &sample->count);
	return code;
}

static void sample_free(struct sample *sample)
{
	if (sample->uses)
		use_free(sample->uses, sample->count);
	free(sample->shares);
	use_lists_free(&sample->lists);
	proc_free(&sample->proc);
}

static void show_sample_in(struct table *table, const struct sample *sample)
{
	table->names = &sample->lists.names;
	table->rows = sample->uses ? (const void *)sample->uses : sample->shares;
	table->count = sample->count;
}

/* One line: time, grouping and what there is in all. */
static char *format_summary(const struct arguments *arguments, const struct sample *sample)
{
	char when[32] = "", consumed_text[NUMBER_SIZE], committed_text[NUMBER_SIZE];
	uint64_t consumed = 0, committed = 0;
	struct tm local;

	for (size_t i = 0; i < sample->lists.block_count; i++)
		add_saturated(&consumed, sample->lists.blocks[i].consumed);
	for (size_t i = 0; i < sample->lists.section_count; i++)
		add_saturated(&committed, sample->lists.sections[i].committed);
	if (localtime_r(&sample->time, &local))
		strftime(when, sizeof(when), "%H:%M:%S", &local);
	format_size(consumed, consumed_text);
	format_size(committed, committed_text);
	return format_string("ndshm top - %s, by %s; blocks: %zu with %s, sections: %zu with %s", when,
			     arguments->by->name, sample->lists.block_count, consumed_text,
			     sample->lists.section_count, committed_text);
}

/* Set the table for the grouping, the largest first. */
static void set_grouping(struct argp_state *state, struct arguments *arguments,
			 const struct grouping *by)
{
	arguments->by = by;
	table_begin(state, &arguments->table,
		    is_of_processes(by) ? use_type(use_by_of(by)) : &by->type,
		    is_of_processes(by) ? "-held" : "-consumed", arguments->common->json);
}

/*
 * --batch
 */

static enum exit_code print_sample_json(struct arguments *arguments, const struct sample *sample)
{
	struct table *table = &arguments->table;
	const void **rows = table_rows(table);
	json_t *values = json_array();

	for (size_t i = 0; i < table->count; i++)
		json_array_append_new(values, table->type->json(table->names, rows[i]));
	free(rows);
	return print_json_line(json_pack("{s:I, s:s, s:o}", "time", (json_int_t)sample->time,
					 "by", arguments->by->name, "rows", values));
}

static enum exit_code print_sample(struct arguments *arguments)
{
	struct sample sample = { 0 };
	enum exit_code code = sample_take(arguments, &sample);
	char *summary;

	if (code == EXIT_DONE) {
		show_sample_in(&arguments->table, &sample);
		if (arguments->common->json) {
			code = print_sample_json(arguments, &sample);
		} else {
			summary = format_summary(arguments, &sample);
			puts(summary);
			free(summary);
			code = table_print(&arguments->table, false);
		}
	}
	sample_free(&sample);
	return code;
}

static enum exit_code run_batch(struct arguments *arguments, int signals)
{
	struct pollfd polled = { .fd = signals, .events = POLLIN };
	enum exit_code code;

	for (uint64_t i = 1; ; i++) {
		code = print_sample(arguments);
		if (code != EXIT_DONE || i == arguments->iterations)
			return code;
		/* A signal that is not in @signals begins the next one early. */
		if (poll(&polled, 1, arguments->delay) > 0)
			return EXIT_DONE;
		if (!arguments->common->json)
			putchar('\n');
	}
}

/*
 * The screen
 */

struct screen {
	struct arguments *arguments;
	char *summary;
	char *text;		/* the table */
	char **lines;		/* in @text; the first one is the title */
	size_t count;
	size_t first;		/* row at the top */
	size_t unread;
};

static void screen_split(struct screen *screen)
{
	char *rest = screen->text;

	screen->count = screen->arguments->table.count + 1;
	free(screen->lines);
	screen->lines = array(screen->count, sizeof(*screen->lines));
	for (size_t i = 0; i < screen->count; i++)
		screen->lines[i] = strsep(&rest, "\n");
}

static enum exit_code screen_sample(struct screen *screen)
{
	struct arguments *arguments = screen->arguments;
	struct sample sample = { 0 };
	enum exit_code code = sample_take(arguments, &sample);

	if (code == EXIT_DONE) {
		show_sample_in(&arguments->table, &sample);
		free(screen->summary);
		free(screen->text);
		screen->summary = format_summary(arguments, &sample);
		screen->unread = sample.proc.unread;
		screen->text = table_string(&arguments->table);
		screen_split(screen);
	}
	sample_free(&sample);
	return code;
}

static size_t rows_shown(void)
{
	return LINES > LINES_ABOVE + LINES_BELOW ? LINES - LINES_ABOVE - LINES_BELOW : 0;
}

/* What does not fit into the line goes on in the next one, which is cleared. */
static void put_line(int at, attr_t attributes, const char *text)
{
	mvaddstr(at, 0, text);
	/* The reversed title is as wide as the screen. */
	mvchgat(at, 0, -1, attributes, 0, NULL);
	if (!move(at + 1, 0))
		clrtobot();
}

static void screen_draw(struct screen *screen)
{
	const struct table *table = &screen->arguments->table;
	const size_t rows = screen->count - 1, room = rows_shown();
	char *status = format_string(screen->unread ? "sort %s%s; %zu processes not read: run as root" :
						      "sort %s%s", table->descending ? "-" : "",
				     table->columns[table->sort].title, screen->unread);

	if (screen->first + room > rows)
		screen->first = rows > room ? rows - room : 0;
	erase();
	put_line(0, A_NORMAL, screen->summary);
	put_line(1, A_NORMAL, status);
	put_line(2, A_REVERSE, screen->lines[0]);
	for (size_t i = 0; i < room && screen->first + i < rows; i++)
		put_line(LINES_ABOVE + i, A_NORMAL, screen->lines[1 + screen->first + i]);
	put_line(LINES - 1, A_REVERSE,
		 "q quit  p process  u user  c cgroup  a adapter  v provider  < > sort  r reverse");
	refresh();
	free(status);
}

/* Sort by the next column in this direction. */
static void screen_move_sort(struct screen *screen, int step)
{
	struct table *table = &screen->arguments->table;

	table->sort = (table->sort + table->column_count + step) % table->column_count;
	table->descending = table->columns[table->sort].flags & SCOLS_FL_RIGHT;
}

/* Handle a key. Returns false to quit. */
static bool screen_key(struct screen *screen, int key)
{
	struct arguments *arguments = screen->arguments;
	struct table *table = &arguments->table;
	const size_t page = rows_shown();

	for (size_t i = 0; i < GROUPINGS; i++) {
		if (key == groupings[i].key) {
			table->output = NULL;
			table->order = NULL;
			set_grouping(NULL, arguments, &groupings[i]);
			screen->first = 0;
		}
	}
	switch (key) {
	case 'q':
		return false;
	case '<':
	case KEY_LEFT:
		screen_move_sort(screen, -1);
		break;
	case '>':
	case KEY_RIGHT:
		screen_move_sort(screen, 1);
		break;
	case 'r':
		table->descending = !table->descending;
		break;
	case KEY_UP:
		screen->first -= screen->first > 0;
		break;
	case KEY_DOWN:
		screen->first++;
		break;
	case KEY_PPAGE:
		screen->first = screen->first > page ? screen->first - page : 0;
		break;
	case KEY_NPAGE:
		screen->first += page;
		break;
	case KEY_HOME:
		screen->first = 0;
		break;
	default:
		break;
	}
	return true;
}

/* Wait for a key, a signal or the time of the next sample. Returns false to quit. */
static bool screen_wait(struct screen *screen, int signals, int timeout, bool *timed_out)
{
	struct pollfd polled[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	int ready = poll(polled, 2, timeout), key;

	*timed_out = !ready;
	if (polled[0].revents && ready > 0)
		return false;
	/* Also after EINTR: the signal of a new size is a key of curses. */
	while ((key = getch()) != ERR)
		if (!screen_key(screen, key))
			return false;
	return ready <= 0 || !(polled[1].revents & (POLLHUP | POLLERR));
}

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum exit_code run_screen(struct screen *screen, int signals)
{
	const struct arguments *arguments = screen->arguments;
	uint64_t next = milliseconds() + arguments->delay, now, samples = 1;
	enum exit_code code = EXIT_DONE;
	bool timed_out, runs = true;

	while (runs && code == EXIT_DONE) {
		screen_draw(screen);
		now = milliseconds();
		runs = screen_wait(screen, signals, next > now ? next - now : 0, &timed_out);
		if (!runs)
			break;
		/* The order applies to a new sample, which a key need not wait for. */
		if (timed_out && samples++ == arguments->iterations)
			break;
		if (timed_out)
			next = milliseconds() + arguments->delay;
		code = screen_sample(screen);
	}
	return code;
}

/* While curses has the terminal, errors are kept in memory. */
static enum exit_code show_screen(struct screen *screen, int signals)
{
	FILE *terminal = stderr, *stream;
	char *errors = NULL;
	enum exit_code code;
	SCREEN *curses;
	size_t size;

	stream = open_memstream(&errors, &size);
	if (!stream)
		return cannot_errno(-errno, "show the table");
	curses = newterm(NULL, stdout, stdin);
	if (!curses) {
		fclose(stream);
		free(errors);
		return cannot("curses does not know the terminal that TERM names; set TERM, or use --batch",
			      "show a live table");
	}
	stderr = stream;
	cbreak();
	noecho();
	nodelay(stdscr, true);
	keypad(stdscr, true);
	set_escdelay(25);
	curs_set(0);
	code = run_screen(screen, signals);
	endwin();
	delscreen(curses);
	stderr = terminal;
	fclose(stream);
	fputs(errors, stderr);
	free(errors);
	return code;
}

static enum exit_code run_live(struct arguments *arguments, int signals)
{
	struct screen screen = { .arguments = arguments };
	enum exit_code code;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return cannot("input or output is no terminal; use --batch", "show a live table");
	arguments->table.noheadings = false;
	/* An error of the first sample is printed before the terminal is changed. */
	code = screen_sample(&screen);
	if (code == EXIT_DONE)
		code = show_screen(&screen, signals);
	free(screen.summary);
	free(screen.text);
	free(screen.lines);
	return code;
}

static void read_options(struct argp_state *state, struct arguments *arguments)
{
	size_t i = 0;

	while (arguments->by_word && i < GROUPINGS && strcmp(arguments->by_word, groupings[i].name))
		i++;
	if (i == GROUPINGS)
		argp_error(state, "--by: there are no groups by \"%s\"; use process, user, cgroup, adapter or provider",
			   arguments->by_word);
	if (arguments->common->json && !arguments->batch)
		argp_error(state, "--json: a live table is no JSON; use --batch");
	set_grouping(state, arguments, &groupings[i]);
}

/* Seconds from 0.1 to 3600; *@delay in milliseconds. */
static bool parse_delay(const char *word, unsigned int *delay)
{
	char *end;
	double seconds = strtod(word, &end);

	if (*word < '0' || *word > '9' || *end || !(seconds >= 0.1 && seconds <= 3600))
		return false;
	*delay = seconds * 1000;
	return true;
}

enum { OPTION_BY = 256 };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		state->child_inputs[1] = &arguments->table;
		return 0;
	case OPTION_BY:
		arguments->by_word = argument;
		return 0;
	case 'B':
		arguments->batch = true;
		return 0;
	case 'd':
		if (!parse_delay(argument, &arguments->delay))
			argp_error(state, "--delay: \"%s\" is no delay; use 0.1 to 3600 seconds", argument);
		return 0;
	case 'n':
		if (!parse_number(argument, UINT64_MAX, &arguments->iterations) ||
		    !arguments->iterations)
			argp_error(state, "--iterations: \"%s\" is no count; use a number from 1 on", argument);
		return 0;
	case 'r':
		arguments->root = argument;
		return 0;
	case ARGP_KEY_END:
		read_options(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_top(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "batch", 'B', NULL, 0, "Print tables, for a pipe or a file", 0 },
		{ "by", OPTION_BY, "WHAT", 0,
		  "Group by process, user, cgroup, adapter or provider (process)", 0 },
		{ "delay", 'd', "SECONDS", 0, "Time from a table to the next one (2)", 0 },
		{ "iterations", 'n', "N", 0, "End after so many tables", 0 },
		{ "root", 'r', "DIR", 0, "Use DIR/proc and DIR/sys instead of /proc and /sys", 5 },
		{ 0 }
	};
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ .argp = &table_argp },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Show live what processes, users, cgroups, adapters or providers have.\v"
		       "The keys are in the last line of the screen. See also \"ndshm ps\".",
		.children = children,
	};
	struct arguments arguments = { .common = common, .root = "", .delay = 2000 };
	enum exit_code code;
	int signals;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	signals = watch_signals();
	if (signals < 0)
		return cannot_errno(-errno, "wait");
	code = arguments.batch ? run_batch(&arguments, signals) : run_live(&arguments, signals);
	close(signals);
	return code;
}
