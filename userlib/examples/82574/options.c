// SPDX-License-Identifier: LGPL-2.1-or-later
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/ndshm.h>

#include "../common/arguments.h"
#include "net.h"
#include "options.h"
#include "revoked.h"
#include "ring.h"
#include "section.h"

_Static_assert(REVOKED_EXIT == EXIT_REVOKED, "two names of one exit code");

enum key {
	KEY_ADAPTER = 'a',
	KEY_ADDRESS = 'i',
	KEY_DURATION = 'd',
	KEY_JSON = 'j',
	KEY_STATS = 's',
	KEY_MAC = 0x100,
	KEY_MAX_FRAME,
	KEY_SEND,
	KEY_SIZE,
	KEY_TO,
	KEY_RATE,
	KEY_QUIT,
	KEY_IDLE,
	KEY_BURST,
	KEY_UNVERIFIED,
	KEY_SECTION,
	KEY_INTERRUPTS,
};

static const struct argp_option table[] = {
	{ "adapter", KEY_ADAPTER, "NAME", 0,
	  "The card, such as 0000:00:05.0, bound to ndshm_pci", 1 },
	{ "mac", KEY_MAC, "MAC", 0, "Instead of the card's own address", 1 },
	{ "max-frame", KEY_MAX_FRAME, "BYTES", 0,
	  "Longest frame received or sent, without its CRC: 60 to 9014 (default 1514)", 1 },
	{ "section", KEY_SECTION, "SIZE", OPTION_ARG_OPTIONAL,
	  "Keep rings and buffers in a section of SIZE bytes, or K, M or G of them (default 16M), "
	  "instead of blocks", 1 },
	{ "address", KEY_ADDRESS, "IPV4", 0, "Answer ARP and echo requests for this address", 2 },
	{ "unverified", KEY_UNVERIFIED, NULL, 0,
	  "Do not verify the ICMP checksums of echo requests; a wrong one makes that of the reply "
	  "wrong, too", 2 },
	{ "send", KEY_SEND, "N", 0, "Send N frames", 3 },
	{ "to", KEY_TO, "MAC|IPV4", 0,
	  "Where to: to a MAC, frames of type 0x88b5 (local experimental); to an IPv4 address, "
	  "UDP to the discard port (needs --address)", 3 },
	{ "size", KEY_SIZE, "BYTES", 0, "Length of these frames, without CRC (default 60)", 3 },
	{ "rate", KEY_RATE, "N", 0, "At most N of them a second (default: no limit)", 3 },
	{ "quit", KEY_QUIT, NULL, 0, "End when they are on the wire", 3 },
	{ "duration", KEY_DURATION, "SECONDS", 0, "End after this time (default: run on)", 4 },
	{ "stats", KEY_STATS, "SECONDS", 0,
	  "Print the counters each time these seconds are over", 4 },
	{ "idle-us", KEY_IDLE, "MICROSECONDS", 0,
	  "After 64 polls that found nothing, sleep so long before each poll (default 50). "
	  "0: never sleep, only yield the processor", 4 },
	{ "interrupts", KEY_INTERRUPTS, "msi|intx", OPTION_ARG_OPTIONAL,
	  "After 64 polls that found nothing, and when all is sent, sleep until the card interrupts: "
	  "by a message, or by its line (default: a message if possible)", 4 },
	{ "burst", KEY_BURST, "N", 0,
	  "Process at most N frames before the card is told of them: 1 to 64 (default 64)", 4 },
	{ "json", KEY_JSON, NULL, 0, "One JSON object a line", 4 },
	{ 0 }
};

static const char doc[] =
	"Drive an Intel 82574 network card from user space, by polling or by interrupts, with memory "
	"from ndshm."
	"\vPrints one line that begins with \"ready:\" (with --json: the event \"ready\") when the "
	"link is up and the rings run, and the counters at the end. SIGINT and SIGTERM end it; "
	"the card is quiet before it lets go of it.\n\n"
	"Exit codes:\n"
	"  0  ended by a signal, --duration or --quit\n"
	"  1  a failure; a message says which\n"
	"  2  wrong command line\n"
	"  3  the adapter was revoked (unbound or unplugged)\n"
	"  4  no link within 10 seconds\n"
	"  5  ended before all frames of --send were on the wire";

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six pairs of hexadecimal digits with colons between. */
static bool parse_mac(const char *text, uint8_t *mac)
{
	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0 || (i < 5 && text[2] != ':'))
			return false;
		mac[i] = high << 4 | low;
	}
	return true;
}

static bool parse_address(const char *text, uint32_t *address)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*address = ntohl(in.s_addr);
	return true;
}

static void check(struct argp_state *state, const struct options *options)
{
	if (!options->adapter)
		argp_error(state, "--adapter is missing");
	if (options->send && !options->has_to_mac && !options->has_to_address)
		argp_error(state, "--send needs --to");
	if (options->has_to_address && !options->has_address)
		argp_error(state, "--to an IPv4 address needs --address");
	if (options->size > options->frame_max)
		argp_error(state, "--size is above --max-frame");
	if (options->quit && !options->send)
		argp_error(state, "--quit needs --send");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_ADAPTER:
		options->adapter = argument;
		break;
	case KEY_ADDRESS:
		options->has_address = parse_address(argument, &options->address);
		if (!options->has_address)
			argp_error(state, "%s is not an IPv4 address", argument);
		break;
	case KEY_MAC:
		options->has_mac = parse_mac(argument, options->mac);
		if (!options->has_mac)
			argp_error(state, "%s is not a MAC address", argument);
		break;
	case KEY_TO:
		options->has_to_mac = parse_mac(argument, options->to_mac);
		options->has_to_address = parse_address(argument, &options->to_address);
		if (!options->has_to_mac && !options->has_to_address)
			argp_error(state, "%s is neither a MAC nor an IPv4 address", argument);
		break;
	case KEY_MAX_FRAME:
		options->frame_max = argument_number(state, argument, NET_FRAME_MIN, NET_FRAME_MAX);
		break;
	case KEY_SIZE:
		options->size = argument_number(state, argument, NET_FRAME_MIN, NET_FRAME_MAX);
		break;
	case KEY_SEND:
		options->send = argument_number(state, argument, 1, UINT64_MAX);
		break;
	case KEY_RATE:
		options->rate = argument_number(state, argument, 1, 10000000);
		break;
	case KEY_DURATION:
		options->duration = argument_number(state, argument, 1, 1000000000);
		break;
	case KEY_STATS:
		options->stats = argument_number(state, argument, 1, 1000000000);
		break;
	case KEY_IDLE:
		options->idle_us = argument_number(state, argument, 0, 999999);
		break;
	case KEY_BURST:
		options->burst = argument_number(state, argument, 1, RING_BATCH);
		break;
	case KEY_INTERRUPTS:
		options->interrupts = true;
		if (!argument)
			break;
		options->interrupt_kind = !strcmp(argument, "msi") ? NDSHM_IRQ_MSI :
					  !strcmp(argument, "intx") ? NDSHM_IRQ_INTX :
					  NDSHM_IRQ_NONE;
		if (options->interrupt_kind == NDSHM_IRQ_NONE)
			argp_error(state, "%s is no kind of interrupt", argument);
		break;
	case KEY_UNVERIFIED:
		options->unverified = true;
		break;
	case KEY_SECTION:
		options->section = argument ? argument_size(state, argument, 1, UINT64_MAX) : SECTION_SIZE;
		break;
	case KEY_QUIT:
		options->quit = true;
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is %s?", argument);
		break;
	case ARGP_KEY_END:
		check(state, options);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = { .options = table, .parser = parse, .doc = doc };

	*options = (struct options){
		.size = NET_FRAME_MIN,
		.frame_max = NET_FRAME_STANDARD,
		.idle_us = 50,
		.burst = RING_BATCH,
	};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
