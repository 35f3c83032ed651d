// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm monitor
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <ndshm/admin.h>

#include "tool.h"

struct arguments {
	struct common *common;
	uint64_t count;		/* events to wait for; 0: until interrupted */
	bool time;
};

/*
 * @left: number of events still to be printed; 0: unlimited
 * @done: no more events are to be printed
 */
struct monitor {
	const struct arguments *arguments;
	struct ndshm *ndshm;
	struct ndshm_monitor *events;
	uint64_t left;
	bool done;
};

static const char *const kinds[] = {
	[NDSHM_EVENT_ADDED] = "added",
	[NDSHM_EVENT_CLAIMED] = "claimed",
	[NDSHM_EVENT_RELEASED] = "released",
	[NDSHM_EVENT_REVOKED] = "revoked",
	[NDSHM_EVENT_GONE] = "gone",
};

enum { OPTION_COUNT = 'c', OPTION_TIME = 't' };

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
	case OPTION_TIME:
		arguments->time = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
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

/* Print a line with the time, if that is wanted. */
static enum exit_code print_line(const struct monitor *monitor, json_t *value)
{
	char *when = monitor->arguments->time ? time_text() : NULL;

	if (when)
		json_object_set_new(value, "time", json_string(when));
	free(when);
	return print_json_line(value);
}

static void print_time(const struct monitor *monitor)
{
	char *when = monitor->arguments->time ? time_text() : NULL;

	if (when)
		printf("%s ", when);
	free(when);
}

/* Report lost events, which the user would otherwise miss. */
static enum exit_code print_lost(const struct monitor *monitor)
{
	if (monitor->arguments->common->json)
		return print_line(monitor, json_pack("{s:s}", "event", "lost"));
	print_time(monitor);
	puts("lost: events came faster than they were read");
	return end_output();
}

static enum exit_code print_event(struct monitor *monitor, struct ndshm_event *event)
{
	const bool of_adapter = event->object == NDSHM_EVENT_ADAPTER;
	const char *object = of_adapter ? "adapter" : "provider";
	char *name = of_adapter ? event->adapter.name : event->provider.name;

	make_printable(name);
	if (of_adapter)
		make_printable(event->adapter.device);
	if (monitor->left)
		monitor->done = !--monitor->left;
	if (monitor->arguments->common->json)
		return print_line(monitor, json_pack("{s:s, s:s, s:o}", "object", object,
						     "event", kinds[event->kind], object,
						     of_adapter ? adapter_json(NULL, &event->adapter) :
								  provider_json(NULL, &event->provider)));
	print_time(monitor);
	printf("%s %s %" PRIu32 " name=%s\n", object, kinds[event->kind],
	       of_adapter ? event->adapter.id : event->provider.id, name);
	return end_output();
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
			code = print_event(monitor, &event);
	}
	return code;
}

static enum exit_code watch(struct monitor *monitor, int signals)
{
	struct pollfd polled[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = ndshm_monitor_fd(monitor->events), .events = POLLIN },
	};
	enum exit_code code = EXIT_DONE;

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
	return code;
}

enum exit_code run_monitor(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "count", OPTION_COUNT, "N", 0, "End after so many events", 0 },
		{ "time", OPTION_TIME, NULL, 0, "Show when each event was read", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Show adapters and providers that come and go, and claims, a line each, until "
		       "SIGINT or SIGTERM.\v"
		       "It takes CAP_SYS_ADMIN.",
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
	error = ndshm_monitor_open(monitor.ndshm, &monitor.events);
	if (error) {
		code = error == -EPERM ?
		       cannot_reason("requires CAP_SYS_ADMIN; run it as root, outside of containers",
				     NULL, error, "listen") :
		       cannot_ndshm(monitor.ndshm, error, "listen");
		ndshm_close(monitor.ndshm);
		return code;
	}
	signals = watch_signals();
	code = signals < 0 ? cannot_errno(-errno, "wait") : watch(&monitor, signals);
	close(signals);
	ndshm_monitor_close(monitor.events);
	ndshm_close(monitor.ndshm);
	return code;
}
