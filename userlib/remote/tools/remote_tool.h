/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the files of ndshm-remote, beside those of the ndshm command.
 */
#ifndef NDSHM_REMOTE_TOOL_H
#define NDSHM_REMOTE_TOOL_H

#include <ndshm/remote.h>

#include "tool.h"

subcommand run_remote_export, run_remote_get, run_remote_put, run_remote_bench, run_remote_list;

/* As cannot_ndshm(), with the reason of the last call of libndshm-remote. */
enum exit_code cannot_remote(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* connection.c */

#define TOKEN_VARIABLE	"NDSHM_REMOTE_TOKEN"
#define BLOB_VARIABLE	"NDSHM_REMOTE_BLOB"

struct token {
	unsigned char bytes[NDSHM_REMOTE_TOKEN_MAX];
	size_t length;
};

/* A numeric address and a port. */
struct endpoint {
	char *address;
	uint16_t port;
};

/*
 * Parse ADDRESS:PORT or [ADDRESS]:PORT; the port may be missing if it is not required, and is 0
 * then. Returns false if it is neither.
 */
bool parse_endpoint(const char *word, bool port_is_required, struct endpoint *endpoint);
/* A size of an option, or the end of the program with an error. */
void parse_size_or_end(struct argp_state *state, const char *argument, uint64_t *size);
/* The same for seconds, in milliseconds of struct ndshm_remote_request. */
void parse_timeout_or_end(struct argp_state *state, const char *argument, uint32_t *timeout);
/* @file: or NULL for the variable. Prints an error. */
enum exit_code read_token(const char *file, struct token *token);

/* What get, put and bench connect to. */
struct connection {
	struct common *common;
	struct endpoint endpoint;
	const char *token_file;
	const char *blob_file;
	uint32_t timeout;

	struct ndshm_remote *remote;
	struct ndshm_remote_peer *peer;
	struct ndshm_remote_range *range;
};

/* Parser of the options and of ADDRESS:PORT, a child; input: struct connection. */
extern const struct argp connection_argp;
/* Connect and import, or print an error. To be closed also after an error. */
enum exit_code connection_open(struct connection *connection);
void connection_close(struct connection *connection);

/* progress.c */

struct progress {
	uint64_t total;		/* bytes; 0: not known */
	uint64_t done;
	int64_t start, shown;	/* ns */
	bool enabled;
	bool drawn;
};

/* Shown on standard error if that is a terminal, or if @forced, after a second. */
void progress_begin(struct progress *progress, uint64_t total, bool forced);
void progress_step(struct progress *progress, uint64_t bytes);
/* Remove it from the screen. Returns the seconds that have passed. */
double progress_end(struct progress *progress);

int64_t monotonic_time(void);

#endif /* NDSHM_REMOTE_TOOL_H */
