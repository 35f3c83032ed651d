/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REVOKED = 3,
	EXIT_NO_LINK = 4,
	EXIT_UNSENT = 5,
};

struct options {
	const char *adapter;
	bool has_address;
	uint32_t address;
	bool has_mac;
	uint8_t mac[6];
	bool has_to_mac;
	uint8_t to_mac[6];
	bool has_to_address;
	uint32_t to_address;
	uint64_t send;		/* frames */
	uint64_t rate;		/* frames per second, 0: no limit */
	size_t size;		/* of frames to send */
	size_t frame_max;
	unsigned int duration;	/* seconds, 0: no limit */
	unsigned int stats;	/* seconds, 0: only at the end */
	unsigned int idle_us;
	unsigned int burst;	/* most frames between two writes of a tail */
	uint64_t section;	/* bytes, 0: blocks */
	bool unverified;
	bool interrupts;
	uint32_t interrupt_kind;	/* NDSHM_IRQ_*, NONE: choose */
	bool quit;
	bool json;
};

/* Exits with EXIT_USAGE if the command line is invalid. */
void options_parse(struct options *options, int argc, char **argv);

#endif /* OPTIONS_H */
