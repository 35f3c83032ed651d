// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>

#include <jansson.h>

#include "report.h"

/* All values fit the signed integers of JSON. */
static void set(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void print_text(const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		if (json_is_object(value)) {
			printf("\n  %s:", name);
			print_text(value);
		} else if (json_is_string(value)) {
			printf(" %s=%s", name, json_string_value(value));
		} else {
			printf(" %s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
		}
	}
}

static json_t *begin(const char *event)
{
	json_t *object = json_object();

	json_object_set_new(object, "event", json_string(event));
	return object;
}

static void print(json_t *object, bool json)
{
	if (json) {
		json_dumpf(object, stdout, JSON_COMPACT);
	} else {
		printf("%s:", json_string_value(json_object_get(object, "event")));
		json_object_del(object, "event");
		print_text(object);
	}
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

static json_t *section_of(const struct peers *peers)
{
	struct ndshm_section_info info = { 0 };
	json_t *object = json_object();

	if (ndshm_section_query(peers->section, &info))
		return object;
	set(object, "id", info.id);
	set(object, "max_size", info.max_size);
	set(object, "committed", info.committed);
	set(object, "taken", info.taken);
	set(object, "extents", info.extents);
	set(object, "holders", info.holders);
	return object;
}

void report_ready(const struct peers *peers, const char *path, bool json)
{
	json_t *object = begin("ready");

	/* JSON cannot represent a path that is not valid UTF-8. */
	json_object_set_new(object, "socket", json_string(path));
	set(object, "buffer", peers->buffer);
	json_object_set_new(object, "section", section_of(peers));
	print(object, json);
}

void report_tally(const char *event, const struct peers *peers, bool json)
{
	json_t *object = begin(event), *served = json_object(), *refused = json_object();
	const struct tally *tally = &peers->tally;

	set(object, "clients", tally->clients);
	set(object, "now", tally->now);
	set(object, "turned_away", tally->turned_away);
	set(object, "dropped", tally->dropped);
	set(object, "requests", tally->requests);
	set(object, "bytes", tally->bytes);
	for (uint32_t i = 1; i < OPERATIONS; i++)
		set(served, operation_name(i), tally->served[i]);
	for (uint32_t i = 0; i < STATUSES; i++)
		if (i != STATUS_SERVED && i != STATUS_CLIENTS)
			set(refused, status_name(i), tally->refused[i]);
	json_object_set_new(object, "served", served);
	json_object_set_new(object, "refused", refused);
	json_object_set_new(object, "section", section_of(peers));
	print(object, json);
}
