// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm monitor
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <search.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ndshm/admin.h>

#include "state.h"

#define FILTERS 8

/* An event must have this value. */
struct event_filter {
	enum { BY_OBJECT, BY_EVENT, BY_USER, BY_ADAPTER } by;
	uint32_t number;	/* of the object, the kind or the user */
	const char *adapter;
};

struct arguments {
	struct common *common;
	uint64_t count;		/* events to wait for; 0: until interrupted */
	unsigned int delay;	/* milliseconds between two lists; 0: listen to events */
	bool time;
	bool state;
	struct event_filter filters[FILTERS];
	size_t filter_count;
};

/*
 * @events: NULL if lists are compared
 * @left: number of events still to be printed; 0: unlimited
 * @done: no more events are to be printed
 * @known: search tree of struct object; with @tracks, the objects that were shown and exist
 */
struct monitor {
	const struct arguments *arguments;
	struct ndshm *ndshm;
	struct ndshm_monitor *events;
	uint64_t left;
	bool done;
	struct names names;
	void *known;
	bool tracks;
};

static const char *const kinds[] = {
	[EXISTS] = "exists",
	[NDSHM_EVENT_ADDED] = "added",
	[NDSHM_EVENT_STOPPED] = "stopped",
	[NDSHM_EVENT_REVOKED] = "revoked",
	[NDSHM_EVENT_DELETED] = "deleted",
	[NDSHM_EVENT_GONE] = "gone",
	[NDSHM_EVENT_EXCEEDED] = "exceeded",
};

static const char *const objects[] = {
	[NDSHM_EVENT_ADAPTER] = "adapter",
	[NDSHM_EVENT_PROVIDER] = "provider",
	[NDSHM_EVENT_QUEUE] = "queue",
	[NDSHM_EVENT_BLOCK] = "block",
	[NDSHM_EVENT_SECTION] = "section",
	[NDSHM_EVENT_QUOTA] = "quota",
};

static bool find_word(const char *word, const char *const *words, size_t count, uint32_t *number)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i] && !strcmp(word, words[i])) {
			*number = i;
			return true;
		}
	}
	return false;
}

static bool find_user(const char *word, uint32_t *uid)
{
	const struct passwd *user = getpwnam(word);
	uint64_t number;

	if (!user && !parse_number(word, UINT32_MAX - 1, &number))
		return false;
	*uid = user ? user->pw_uid : number;
	return true;
}

static void parse_filter(struct arguments *arguments, char *word, struct argp_state *state)
{
	struct event_filter *filter = &arguments->filters[arguments->filter_count];
	char *value = strchr(word, '=');

	if (arguments->filter_count == FILTERS)
		argp_error(state, "--filter: given more than %d times; omit some", FILTERS);
	if (!value)
		argp_error(state, "--filter: \"%s\" has no \"=\"; use WHAT=VALUE", word);
	*value++ = '\0';
	if (!strcmp(word, "object")) {
		filter->by = BY_OBJECT;
		if (!find_word(value, objects, sizeof(objects) / sizeof(objects[0]), &filter->number))
			argp_error(state, "--filter: there is no object \"%s\"; use adapter, provider, queue, block, section or quota", value);
	} else if (!strcmp(word, "event")) {
		filter->by = BY_EVENT;
		if (!find_word(value, kinds, sizeof(kinds) / sizeof(kinds[0]), &filter->number))
			argp_error(state, "--filter: there is no event \"%s\"; use exists, added, stopped, revoked, deleted, gone or exceeded", value);
	} else if (!strcmp(word, "user")) {
		filter->by = BY_USER;
		if (!find_user(value, &filter->number))
			argp_error(state, "--filter: \"%s\": no such user; use a name or a number", value);
	} else if (!strcmp(word, "adapter")) {
		filter->by = BY_ADAPTER;
		filter->adapter = value;
	} else {
		argp_error(state, "--filter: events have no \"%s\"; use object, event, user or adapter", word);
	}
	arguments->filter_count++;
}

enum { OPTION_COUNT = 'c', OPTION_DELAY = 'd', OPTION_FILTER = 'f', OPTION_STATE = 's', OPTION_TIME = 't' };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case OPTION_COUNT:
		if (!parse_number(argument, UINT64_MAX, &arguments->count) || !arguments->count)
			argp_error(state, "\"%s\": not a number of events; use a whole number", argument);
		return 0;
	case OPTION_DELAY:
		if (!parse_delay(argument, &arguments->delay))
			argp_error(state, "--delay: \"%s\" is no delay; use 0.1 to 3600 seconds", argument);
		return 0;
	case OPTION_FILTER:
		parse_filter(arguments, argument, state);
		return 0;
	case OPTION_STATE:
		arguments->state = true;
		return 0;
	case OPTION_TIME:
		arguments->time = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Return the user of the object's memory or quota. */
static bool event_user(const struct ndshm_event *event, uint32_t *uid)
{
	switch (event->object) {
	case NDSHM_EVENT_BLOCK:
		*uid = event->block.uid;
		return !event->block.kernel;
	case NDSHM_EVENT_SECTION:
		*uid = event->section.uid;
		return true;
	case NDSHM_EVENT_QUOTA:
		*uid = event->quota.uid;
		return true;
	default:
		return false;
	}
}

static bool is_of_adapter(const struct names *names, const struct ndshm_event *event,
			  const char *name)
{
	uint32_t id;
	char *shown;
	bool same;

	switch (event->object) {
	case NDSHM_EVENT_ADAPTER:
		return !strcmp(event->adapter.name, name);
	case NDSHM_EVENT_PROVIDER:
		id = event->provider.adapter;
		break;
	case NDSHM_EVENT_QUEUE:
		id = event->queue.adapter;
		break;
	case NDSHM_EVENT_BLOCK:
		id = event->block.adapter;
		break;
	case NDSHM_EVENT_SECTION:
		id = event->section.adapter;
		break;
	default:
		return false;
	}
	shown = adapter_name(names, id);
	same = !strcmp(shown, name);
	free(shown);
	return same;
}

static bool matches(const struct monitor *monitor, const struct ndshm_event *event)
{
	const struct arguments *arguments = monitor->arguments;
	uint32_t uid;
	bool same;

	for (size_t i = 0; i < arguments->filter_count; i++) {
		const struct event_filter *filter = &arguments->filters[i];

		switch (filter->by) {
		case BY_OBJECT:
			same = event->object == filter->number;
			break;
		case BY_EVENT:
			same = event->kind == filter->number;
			break;
		case BY_USER:
			same = event_user(event, &uid) && uid == filter->number;
			break;
		default:
			same = is_of_adapter(&monitor->names, event, filter->adapter);
		}
		if (!same)
			return false;
	}
	return true;
}

/*
 * Return the local time as an allocated text of ISO 8601. The messages of the kernel have no
 * time: this is when the command has read them.
 */
static char *time_text(void)
{
	char seconds[64] = "", offset[16] = "";
	struct timespec now;
	struct tm local;

	clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &local)) {
		strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &local);
		strftime(offset, sizeof(offset), "%z", &local);
	}
	/* "+0130" is "+01:30" there. */
	return format_string("%s.%06ld%.3s:%s", seconds, now.tv_nsec / 1000, offset,
			     offset[0] ? offset + 3 : "");
}

/* The object, in the format of the lists. */
static json_t *object_json(const struct names *names, const struct ndshm_event *event)
{
	json_t *value;

	switch (event->object) {
	case NDSHM_EVENT_ADAPTER:
		return adapter_json(&event->adapter);
	case NDSHM_EVENT_PROVIDER:
		return provider_json(&event->provider);
	case NDSHM_EVENT_QUEUE:
		return queue_json(names, &event->queue);
	case NDSHM_EVENT_BLOCK:
		return block_json(names, &event->block);
	case NDSHM_EVENT_SECTION:
		return section_json(names, &event->section);
	default:
		value = quota_json(&event->quota);
		json_object_set_new(value, "exceeded",
				    json_string(quota_kind_name(event->exceeded)));
		json_object_set_new(value, "wanted", json_u64(event->wanted));
		return value;
	}
}

/* Print a line with the time, if that is wanted. */
static enum exit_code print_line(const struct monitor *monitor, json_t *value)
{
	char *when = monitor->arguments->time ? time_text() : NULL;

	if (when)
		json_object_set_new(value, "time", json_string(when));
	free(when);
	return print_json_line(value);
}

static enum exit_code print_event_json(const struct monitor *monitor,
				       const struct ndshm_event *event)
{
	const char *object = objects[event->object];

	return print_line(monitor, json_pack("{s:s, s:s, s:o}", "object", object,
					     "event", kinds[event->kind],
					     object, object_json(&monitor->names, event)));
}

static void print_time(const struct monitor *monitor)
{
	char *when = monitor->arguments->time ? time_text() : NULL;

	if (when)
		printf("%s ", when);
	free(when);
}

static void print_quota(const struct ndshm_event *event)
{
	char *user = user_name(event->quota.uid);

	printf("user=%s exceeded=%s wanted=%" PRIu64, user, quota_kind_name(event->exceeded),
	       event->wanted);
	free(user);
}

static void print_section(const struct names *names, const struct ndshm_section_row *row)
{
	char *adapter = adapter_name(names, row->adapter);
	char *user = user_name(row->uid);

	printf("%" PRIu32 " adapter=%s max=%" PRIu64 " committed=%" PRIu64 " user=%s", row->id,
	       adapter, row->max_size, row->committed, user);
	free(adapter);
	free(user);
}

static void print_block(const struct names *names, const struct ndshm_block_row *row)
{
	char *adapter = adapter_name(names, row->adapter);
	char *user = user_name(row->uid);

	printf("%" PRIu32 " adapter=%s usage=%s length=%" PRIu64 " user=%s pid=%" PRIu32, row->id,
	       adapter, usage_name(row->usage), row->length, user, row->pid);
	free(adapter);
	free(user);
}

static void print_queue(const struct names *names, const struct ndshm_queue_row *row)
{
	char *adapter = adapter_name(names, row->adapter);

	printf("%" PRIu32 " adapter=%s kind=%s state=%s blocks=%" PRIu32, row->id, adapter,
	       row->port ? "port" : "queue", queue_state(row), row->blocks);
	free(adapter);
}

/* What has happened to the object before. */
static void print_past(const struct ndshm_event *event)
{
	if (event->kind != EXISTS && event->kind != NDSHM_EVENT_ADDED)
		return;
	if (event->object == NDSHM_EVENT_ADAPTER && event->adapter.claimed)
		fputs(" claimed", stdout);
	if (event->object == NDSHM_EVENT_SECTION && event->section.deleted)
		fputs(" deleted", stdout);
	if ((event->object == NDSHM_EVENT_SECTION && event->section.revoked) ||
	    (event->object == NDSHM_EVENT_BLOCK && event->block.revoked))
		fputs(" revoked", stdout);
}

static enum exit_code print_event(const struct monitor *monitor, const struct ndshm_event *event)
{
	print_time(monitor);
	printf("%s %s ", objects[event->object], kinds[event->kind]);
	switch (event->object) {
	case NDSHM_EVENT_ADAPTER:
		printf("%" PRIu32 " name=%s", event->adapter.id, event->adapter.name);
		break;
	case NDSHM_EVENT_PROVIDER:
		printf("%" PRIu32 " name=%s", event->provider.id, event->provider.name);
		break;
	case NDSHM_EVENT_QUEUE:
		print_queue(&monitor->names, &event->queue);
		break;
	case NDSHM_EVENT_BLOCK:
		print_block(&monitor->names, &event->block);
		break;
	case NDSHM_EVENT_SECTION:
		print_section(&monitor->names, &event->section);
		break;
	default:
		print_quota(event);
	}
	print_past(event);
	putchar('\n');
	return end_output();
}

/*
 * Objects that exist. The monitor listens before it lists them, so that no event is missing.
 * An object that is added meanwhile can be in a list and in an event, and one that is gone
 * in an event only: what was shown decides.
 */

static void forget(struct monitor *monitor)
{
	tdestroy(monitor->known, free);
	monitor->known = NULL;
	monitor->tracks = false;
}

/*
 * Return false for an event that the state includes: the addition of a known object, and any
 * other event of an unknown one.
 */
static bool is_news(struct monitor *monitor, const struct ndshm_event *event)
{
	const bool appears = event->kind == EXISTS || event->kind == NDSHM_EVENT_ADDED;
	const struct object object = object_of(event);
	struct object **found, *copy;

	if (!monitor->tracks || event->object == NDSHM_EVENT_QUOTA)
		return true;
	found = tfind(&object, &monitor->known, compare_objects);
	if (appears && !found) {
		copy = array(1, sizeof(*copy));
		*copy = object;
		if (!tsearch(copy, &monitor->known, compare_objects)) {
			/* Out of memory: show doubles from now on, which is better than gaps. */
			free(copy);
			forget(monitor);
		}
		return true;
	}
	if (event->kind == NDSHM_EVENT_GONE && found) {
		copy = *found;
		tdelete(&object, &monitor->known, compare_objects);
		free(copy);
		return true;
	}
	return !appears && found;
}

/* Report lost events, which the user would otherwise miss. */
static enum exit_code print_lost(struct monitor *monitor)
{
	forget(monitor);
	if (monitor->arguments->common->json)
		return print_line(monitor, json_pack("{s:s}", "event", "lost"));
	print_time(monitor);
	puts("lost: events came faster than they were read");
	return end_output();
}

/* Print an event unless it is a part of the state or filtered, and count it. */
static enum exit_code show_event(void *context, struct ndshm_event *event)
{
	struct monitor *monitor = context;

	if (monitor->done)
		return EXIT_DONE;
	/* Later events can refer to the new adapter or provider. */
	if (event->object == NDSHM_EVENT_ADAPTER || event->object == NDSHM_EVENT_PROVIDER) {
		if (event->object == NDSHM_EVENT_ADAPTER) {
			make_printable(event->adapter.name);
			make_printable(event->adapter.device);
		} else {
			make_printable(event->provider.name);
		}
		if (monitor->events && event->kind != EXISTS) {
			free_names(&monitor->names);
			monitor->names = (struct names){ 0 };
			get_names(monitor->ndshm, &monitor->names);
		}
	}
	if (event->object == NDSHM_EVENT_QUEUE) {
		make_printable(event->queue.name);
		make_printable(event->queue.vm_name);
	}
	if (!is_news(monitor, event) || !matches(monitor, event))
		return EXIT_DONE;
	if (event->kind != EXISTS && monitor->left)
		monitor->done = !--monitor->left;
	return monitor->arguments->common->json ? print_event_json(monitor, event) :
						  print_event(monitor, event);
}

/* Print all events that are available. */
static enum exit_code show_events(struct monitor *monitor)
{
	enum exit_code code = EXIT_DONE;
	struct ndshm_event event;
	int error;

	while (code == EXIT_DONE && !monitor->done) {
		error = ndshm_monitor_next(monitor->events, &event);
		if (error == -EAGAIN)
			return code;
		if (error == -ENOBUFS)
			code = print_lost(monitor);
		else if (error)
			code = cannot_ndshm(monitor->ndshm, error, "listen");
		else
			code = show_event(monitor, &event);
	}
	return code;
}

static enum exit_code get_state_of(struct monitor *monitor, struct state *state)
{
	int error = get_state(monitor->ndshm, state);

	return error ? cannot_ndshm(monitor->ndshm, error, "list what exists") : EXIT_DONE;
}

/* Print the events that lead from @state to what exists now, which becomes @state. */
static enum exit_code show_news(struct monitor *monitor, struct state *state)
{
	struct state now = { 0 };
	enum exit_code code;
	int error = get_state(monitor->ndshm, &now);

	if (error) {
		free_state(&now);
		/* Adapters or providers come and go: their lists are complete another time. */
		return error == -EAGAIN ? EXIT_DONE :
		       cannot_ndshm(monitor->ndshm, error, "list what exists");
	}
	code = show_ends(state, &now, show_event, monitor);
	monitor->names = now.names;
	if (code == EXIT_DONE)
		code = show_changes(state, &now, show_event, monitor);
	free_state(state);
	*state = now;
	return code;
}

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
}

/*
 * Compare lists until a signal arrives. Wait at least as long as a comparison takes, so that many
 * objects do not keep a CPU busy.
 */
static enum exit_code compare(struct monitor *monitor, int signals)
{
	struct pollfd polled = { .fd = signals, .events = POLLIN };
	uint64_t delay = monitor->arguments->delay, before;
	struct state state = { 0 };
	enum exit_code code = get_state_of(monitor, &state);

	monitor->names = state.names;
	if (code == EXIT_DONE && monitor->arguments->state)
		code = show_state(&state, show_event, monitor);
	while (code == EXIT_DONE && !monitor->done) {
		int got = poll(&polled, 1, delay);

		if (got > 0)
			break;
		if (got < 0 && errno != EINTR)
			code = cannot_errno(-errno, "wait");
		if (got)
			continue;
		before = milliseconds();
		code = show_news(monitor, &state);
		delay = milliseconds() - before;
		if (delay < monitor->arguments->delay)
			delay = monitor->arguments->delay;
	}
	free_state(&state);
	return code;
}

/* Return the objects to listen to. Names of adapters and providers appear in other events. */
static uint32_t wanted_objects(const struct arguments *arguments)
{
	uint32_t wanted = NDSHM_MONITOR_ALL;

	for (size_t i = 0; i < arguments->filter_count; i++)
		if (arguments->filters[i].by == BY_OBJECT)
			wanted &= NDSHM_MONITOR(arguments->filters[i].number);
	return wanted | NDSHM_MONITOR(NDSHM_EVENT_ADAPTER) | NDSHM_MONITOR(NDSHM_EVENT_PROVIDER);
}

static enum exit_code show_state_first(struct monitor *monitor)
{
	struct state state = { 0 };
	enum exit_code code = get_state_of(monitor, &state);

	monitor->tracks = true;
	if (code == EXIT_DONE)
		code = show_state(&state, show_event, monitor);
	free_state(&state);
	return code;
}

static enum exit_code watch(struct monitor *monitor, int signals)
{
	struct pollfd polled[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = ndshm_monitor_fd(monitor->events), .events = POLLIN },
	};
	enum exit_code code = EXIT_DONE;
	int error = get_names(monitor->ndshm, &monitor->names);

	if (error)
		code = cannot_ndshm(monitor->ndshm, error, "list adapters");
	else if (monitor->arguments->state)
		code = show_state_first(monitor);
	while (code == EXIT_DONE && !monitor->done) {
		if (poll(polled, 2, -1) < 0) {
			if (errno != EINTR)
				code = cannot_errno(-errno, "wait");
			continue;
		}
		if (polled[0].revents)
			break;
		if (polled[1].revents)
			code = show_events(monitor);
	}
	forget(monitor);
	free_names(&monitor->names);
	return code;
}

enum exit_code run_monitor(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "count", OPTION_COUNT, "N", 0, "End after so many events", 0 },
		{ "delay", OPTION_DELAY, "SECONDS", 0,
		  "Compare lists this often instead of listening, without CAP_SYS_ADMIN", 0 },
		{ "filter", OPTION_FILTER, "WHAT=VALUE", 0,
		  "Show events with this object, event, user or adapter only; may be repeated", 0 },
		{ "state", OPTION_STATE, NULL, 0, "Show the objects that exist first", 0 },
		{ "time", OPTION_TIME, NULL, 0, "Show when each event was read", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Show what happens, a line each, until SIGINT or SIGTERM.\v"
		       "It takes CAP_SYS_ADMIN, except with --delay.",
		.children = children,
	};
	struct arguments arguments = { .common = common };
	struct monitor monitor = { .arguments = &arguments };
	enum exit_code code;
	int signals, error;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	monitor.ndshm = open_viewer(common);
	if (!monitor.ndshm)
		return EXIT_FAILED;
	monitor.left = arguments.count;
	error = arguments.delay ? 0 : ndshm_monitor_open_for(monitor.ndshm, wanted_objects(&arguments),
							     &monitor.events);
	if (error) {
		code = error == -EPERM ?
		       cannot_reason("requires CAP_SYS_ADMIN; run it as root outside of "
				     "containers, or give --delay",
				     NULL, error, "listen") :
		       cannot_ndshm(monitor.ndshm, error, "listen");
		ndshm_close(monitor.ndshm);
		return code;
	}
	signals = watch_signals();
	if (signals < 0)
		code = cannot_errno(-errno, "wait");
	else
		code = monitor.events ? watch(&monitor, signals) : compare(&monitor, signals);
	close(signals);
	ndshm_monitor_close(monitor.events);
	ndshm_close(monitor.ndshm);
	return code;
}
