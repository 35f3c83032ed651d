// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm monitor
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ndshm/admin.h>

#include "tool.h"

struct arguments {
	struct common *common;
	uint64_t count;		/* events to wait for; 0: until interrupted */
};

enum { OPTION_COUNT = 'c' };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case OPTION_COUNT:
		if (!parse_number(argument, UINT64_MAX, &arguments->count) || !arguments->count)
			argp_error(state, "\"%s\" is no number of events", argument);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is too much", argument);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Name of the event, as in the module's netlink family. */
static const char *kind_name(const struct ndshm_event *event)
{
	static const char *const names[] = {
		[NDSHM_EVENT_ADDED] = "added",
		[NDSHM_EVENT_STOPPED] = "stopped",
		[NDSHM_EVENT_REVOKED] = "revoked",
		[NDSHM_EVENT_DELETED] = "deleted",
		[NDSHM_EVENT_GONE] = "gone",
		[NDSHM_EVENT_EXCEEDED] = "exceeded",
	};

	return names[event->kind];
}

static const char *object_name(const struct ndshm_event *event)
{
	static const char *const names[] = {
		[NDSHM_EVENT_ADAPTER] = "adapter",
		[NDSHM_EVENT_PROVIDER] = "provider",
		[NDSHM_EVENT_QUEUE] = "queue",
		[NDSHM_EVENT_BLOCK] = "block",
		[NDSHM_EVENT_SECTION] = "section",
		[NDSHM_EVENT_QUOTA] = "quota",
	};

	return names[event->object];
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

static enum exit_code print_event_json(const struct names *names, const struct ndshm_event *event)
{
	return print_json_line(json_pack("{s:s, s:s, s:o}",
					 "object", object_name(event),
					 "event", kind_name(event),
					 object_name(event), object_json(names, event)));
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

static enum exit_code print_event(const struct names *names, const struct ndshm_event *event)
{
	printf("%s %s ", object_name(event), kind_name(event));
	switch (event->object) {
	case NDSHM_EVENT_ADAPTER:
		printf("%" PRIu32 " name=%s", event->adapter.id, event->adapter.name);
		break;
	case NDSHM_EVENT_PROVIDER:
		printf("%" PRIu32 " name=%s", event->provider.id, event->provider.name);
		break;
	case NDSHM_EVENT_QUEUE:
		print_queue(names, &event->queue);
		break;
	case NDSHM_EVENT_BLOCK:
		print_block(names, &event->block);
		break;
	case NDSHM_EVENT_SECTION:
		print_section(names, &event->section);
		break;
	default:
		print_quota(event);
	}
	putchar('\n');
	return end_output();
}

/* Report lost events, which the user would otherwise miss. */
static enum exit_code print_lost(bool json)
{
	if (json)
		return print_json_line(json_pack("{s:s}", "event", "lost"));
	puts("lost: events came faster than they were read");
	return end_output();
}

/* Print one event. */
static enum exit_code show_event(struct ndshm *ndshm, const struct arguments *arguments,
				 struct names *names, struct ndshm_event *event)
{
	/* Later events can refer to the new adapter or provider. */
	if (event->object == NDSHM_EVENT_ADAPTER || event->object == NDSHM_EVENT_PROVIDER) {
		make_printable(event->adapter.name);
		make_printable(event->adapter.device);
		make_printable(event->provider.name);
		free_names(names);
		*names = (struct names){ 0 };
		get_names(ndshm, names);
	}
	return arguments->common->json ? print_event_json(names, event) :
					 print_event(names, event);
}

/*
 * Print all events that are available. *@left: number of events still to be printed; 0:
 * unlimited.
 */
static enum exit_code show_events(struct ndshm *ndshm, struct ndshm_monitor *monitor,
				  const struct arguments *arguments, struct names *names,
				  uint64_t *left, bool *done)
{
	enum exit_code code = EXIT_DONE;
	struct ndshm_event event;
	int error;

	while (code == EXIT_DONE && !*done) {
		error = ndshm_monitor_next(monitor, &event);
		if (error == -EAGAIN)
			return code;
		if (error == -ENOBUFS) {
			code = print_lost(arguments->common->json);
			continue;
		}
		if (error)
			return cannot_ndshm(ndshm, error, "listen");
		code = show_event(ndshm, arguments, names, &event);
		*done = *left && !--*left;
	}
	return code;
}

static enum exit_code watch(struct ndshm *ndshm, struct ndshm_monitor *monitor,
			    const struct arguments *arguments, int signals)
{
	struct pollfd polled[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = ndshm_monitor_fd(monitor), .events = POLLIN },
	};
	uint64_t left = arguments->count;
	struct names names = { 0 };
	enum exit_code code = EXIT_DONE;
	bool done = false;
	int error = get_names(ndshm, &names);

	if (error)
		code = cannot_ndshm(ndshm, error, "list adapters");
	while (code == EXIT_DONE && !done) {
		if (poll(polled, 2, -1) < 0) {
			if (errno != EINTR)
				code = cannot_errno(-errno, "wait");
			continue;
		}
		if (polled[0].revents)
			break;
		if (polled[1].revents)
			code = show_events(ndshm, monitor, arguments, &names, &left, &done);
	}
	free_names(&names);
	return code;
}

enum exit_code run_monitor(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "count", OPTION_COUNT, "N", 0, "End after so many events", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Show what happens, a line each, until SIGINT or SIGTERM.\v"
		       "It takes CAP_SYS_ADMIN.",
		.children = children,
	};
	struct arguments arguments = { .common = common };
	struct ndshm_monitor *monitor;
	enum exit_code code;
	struct ndshm *ndshm;
	int signals, error;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	error = ndshm_monitor_open(ndshm, &monitor);
	if (error) {
		code = error == -EPERM ?
		       cannot("it takes CAP_SYS_ADMIN: be root (EPERM)", "listen") :
		       cannot_ndshm(ndshm, error, "listen");
		ndshm_close(ndshm);
		return code;
	}
	signals = watch_signals();
	code = signals < 0 ? cannot_errno(-errno, "wait") :
			     watch(ndshm, monitor, &arguments, signals);
	close(signals);
	ndshm_monitor_close(monitor);
	ndshm_close(ndshm);
	return code;
}
