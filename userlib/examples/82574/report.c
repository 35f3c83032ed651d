// SPDX-License-Identifier: LGPL-2.1-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

/*
 * Prints one object as JSON or as text. A group is a nested object in JSON, and a line of its
 * own in text.
 */
struct output {
	bool json;
	bool first;	/* no member printed since the last opening */
};

static void open_object(struct output *output, const char *event)
{
	if (output->json)
		printf("{\"event\":\"%s\"", event);
	else
		printf("%s:", event);
	output->first = false;
}

static void open_group(struct output *output, const char *name)
{
	if (output->json)
		printf(",\"%s\":{", name);
	else
		printf("\n  %s:", name);
	output->first = true;
}

static void close_group(struct output *output)
{
	if (output->json)
		putchar('}');
	output->first = false;
}

static void close_object(struct output *output)
{
	puts(output->json ? "}" : "");
	fflush(stdout);
}

static void put_name(struct output *output, const char *name)
{
	if (output->json)
		printf("%s\"%s\":", output->first ? "" : ",", name);
	else
		printf(" %s=", name);
	output->first = false;
}

static void put_number(struct output *output, const char *name, uint64_t value)
{
	put_name(output, name);
	printf("%" PRIu64, value);
}

/* Replaces blanks, quotes and backslashes, since adapter names are not trusted. */
static void put_text(struct output *output, const char *name, const char *text)
{
	put_name(output, name);
	if (output->json)
		putchar('"');
	for (; *text; text++)
		putchar(*text > ' ' && *text < 0x7f && *text != '"' && *text != '\\' ? *text : '?');
	if (output->json)
		putchar('"');
}

__attribute__((format(printf, 3, 4)))
static void put_format(struct output *output, const char *name, const char *format, ...)
{
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_text(output, name, text);
}

static void put_mac(struct output *output, const uint8_t *mac)
{
	put_format(output, "mac", "%02x:%02x:%02x:%02x:%02x:%02x",
		   mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* Prints the DMA segments as address+length. */
static void put_chunks(struct output *output, const char *name, const struct buffers *buffers)
{
	put_name(output, name);
	if (output->json)
		putchar('[');
	for (size_t i = 0; i < buffers->chunks; i++)
		printf(output->json ? "%s{\"address\":\"0x%" PRIx64 "\",\"length\":%" PRIu64 "}" :
		       "%s0x%" PRIx64 "+%" PRIu64, i ? "," : "",
		       (uint64_t)buffers->chunk[i].address, (uint64_t)buffers->chunk[i].length);
	if (output->json)
		putchar(']');
}

/* Prints the section's id, as `ndshm list sections` shows it. */
static void put_section(struct output *output, struct ndshm_section *section)
{
	struct ndshm_section_info info;

	if (section && !ndshm_section_query(section, &info))
		put_number(output, "section", info.id);
}

static void put_isolation(struct output *output, uint32_t missing)
{
	static const char *const names[] = {
		"no-translation", "lazy", "shared-group", "msi", "firmware",
	};
	char text[128] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(missing & 1U << i))
			continue;
		if (*text)
			strcat(text, ",");
		strcat(text, names[i]);
	}
	put_text(output, "isolation", missing ? text : "isolated");
}

void report_ready(const struct card *card, const struct net *net, struct card_link link,
		  const struct rx_ring *rx, const struct tx_ring *tx, bool json)
{
	struct output output = { .json = json };
	uint32_t address = net->address;

	open_object(&output, "ready");
	put_text(&output, "adapter", card->adapter.name);
	put_number(&output, "speed", link.speed);
	put_text(&output, "duplex", link.full_duplex ? "full" : "half");
	put_isolation(&output, ndshm_claim_isolation(card->claim));
	put_mac(&output, card->mac);
	if (net->has_address)
		put_format(&output, "address", "%u.%u.%u.%u", address >> 24,
			   address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
	put_section(&output, card->section);
	put_chunks(&output, "rx_ring", &rx->ring.descriptors);
	put_chunks(&output, "tx_ring", &tx->ring.descriptors);
	put_chunks(&output, "rx_buffers", &rx->ring.buffers);
	put_chunks(&output, "tx_buffers", &tx->ring.buffers);
	close_object(&output);
}

void report_counters(const char *event, const struct counters *counters, bool json)
{
	struct output output = { .json = json };

	open_object(&output, event);
	put_number(&output, "received", counters->rx->frames);
	put_number(&output, "received_bytes", counters->rx->bytes);
	put_number(&output, "transmitted", counters->tx->frames);
	put_number(&output, "transmitted_bytes", counters->tx->bytes);
	put_number(&output, "sent", counters->sender->sent);
	put_number(&output, "interrupts", counters->interrupts->count);
	for (int i = 0; i < NET_DROPS; i++)
		put_number(&output, net_result_name(i), counters->result[i]);

	open_group(&output, "dropped");
	put_number(&output, "receive_error", counters->rx->errors);
	put_number(&output, "several_buffers", counters->rx->spanned);
	put_number(&output, "impossible_length", counters->rx->bad_length);
	put_number(&output, "transmit_ring_full", counters->tx->full);
	for (int i = NET_DROPS; i < NET_RESULTS; i++)
		put_number(&output, net_result_name(i), counters->result[i]);
	close_group(&output);

	open_group(&output, "card");
	for (size_t i = 0; i < STATISTICS_COUNT; i++)
		put_number(&output, statistics_name(i), counters->card.value[i]);
	close_group(&output);
	close_object(&output);
}
