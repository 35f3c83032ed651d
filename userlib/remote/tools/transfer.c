// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm remote get and put
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote_tool.h"

/* Bytes of a call: several requests of the library, so that the wire is never idle. */
#define CHUNK	(4u << 20)

struct transfer {
	struct connection connection;
	struct common *common;
	const char *file;
	uint64_t offset;
	uint64_t length;
	bool has_length;
	bool progress;
	bool puts;
};

enum { OPTION_OFFSET = 256 + 16, OPTION_PROGRESS };

static const struct argp_option get_options[] = {
	{ "offset", OPTION_OFFSET, "SIZE", 0, "The first byte in the exported range (0)", 0 },
	{ "length", 'l', "SIZE", 0, "Bytes (to the end of the range)", 0 },
	{ "output", 'o', "FILE", 0, "Write to FILE instead of standard output", 0 },
	{ "progress", OPTION_PROGRESS, NULL, 0,
	  "Show the progress also if the errors go to no terminal", 0 },
	{ 0 }
};

static const struct argp_option put_options[] = {
	{ "offset", OPTION_OFFSET, "SIZE", 0, "The first byte in the exported range (0)", 0 },
	{ "input", 'i', "FILE", 0, "Read FILE instead of standard input", 0 },
	{ "progress", OPTION_PROGRESS, NULL, 0,
	  "Show the progress also if the errors go to no terminal", 0 },
	{ 0 }
};

static error_t parse_transfer(int key, char *argument, struct argp_state *state)
{
	struct transfer *transfer = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = transfer->common;
		state->child_inputs[1] = &transfer->connection;
		return 0;
	case OPTION_OFFSET:
		parse_size_or_end(state, argument, &transfer->offset);
		return 0;
	case OPTION_PROGRESS:
		transfer->progress = true;
		return 0;
	case 'l':
		parse_size_or_end(state, argument, &transfer->length);
		transfer->has_length = true;
		return 0;
	case 'i':
	case 'o':
		transfer->file = argument;
		return 0;
	case ARGP_KEY_END:
		if (transfer->common->json && !transfer->puts && !transfer->file)
			argp_error(state,
				   "--json: standard output has the bytes; use --output=FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		const ssize_t count = write(fd, bytes, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		bytes += count;
		length -= (size_t)count;
	}
	return 0;
}

/* Less only at the end of the file. */
static ssize_t read_all(int fd, char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		const ssize_t count = read(fd, bytes + done, length - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

static enum exit_code transfer_show(const struct transfer *transfer, uint64_t bytes, double seconds)
{
	char size[NUMBER_SIZE], rate[NUMBER_SIZE];

	if (transfer->common->json)
		return print_json(json_pack("{s:I, s:I, s:f}", "offset",
					    (json_int_t)transfer->offset, "bytes",
					    (json_int_t)bytes, "seconds", seconds));
	/* Bytes of a get have the output for themselves. */
	if (!transfer->puts && !transfer->file)
		return EXIT_DONE;
	format_size(bytes, size);
	format_size(seconds > 0 ? (uint64_t)((double)bytes / seconds) : 0, rate);
	printf("%s bytes: %" PRIu64 " (%s) in %.3f s, %s/s\n", transfer->puts ? "put" : "got",
	       bytes, size, seconds, rate);
	return end_output();
}

/* The range, and the right to read, which a get of nothing checks. */
static enum exit_code get_check(const struct transfer *transfer, uint64_t *length)
{
	struct ndshm_remote_range *range = transfer->connection.range;
	const uint64_t size = ndshm_remote_range_length(range);
	enum exit_code code;
	char *why;
	int error;

	*length = transfer->has_length	  ? transfer->length :
		  size > transfer->offset ? size - transfer->offset :
					    0;
	if (transfer->offset <= size && *length <= size - transfer->offset) {
		error = ndshm_remote_get(range, transfer->offset, NULL, 0);
		return error ? cannot_remote(error, "get") : EXIT_DONE;
	}
	why = format_string("the range has %" PRIu64 " bytes; use a smaller --offset or --length",
			    size);
	code = cannot_reason(why, NULL, -ERANGE, "get");
	free(why);
	return code;
}

static enum exit_code get_bytes(struct transfer *transfer, int fd, char *buffer, uint64_t length)
{
	struct ndshm_remote_range *range = transfer->connection.range;
	enum exit_code code = EXIT_DONE;
	struct progress progress;
	uint64_t done = 0;
	double seconds;
	int error = 0;

	progress_begin(&progress, length, transfer->progress);
	while (done < length && code == EXIT_DONE) {
		const size_t chunk = length - done < CHUNK ? (size_t)(length - done) : CHUNK;

		error = ndshm_remote_get(range, transfer->offset + done, buffer, chunk);
		if (error) {
			progress_end(&progress);
			return cannot_remote(error, "get %zu bytes from %" PRIu64, chunk,
					     transfer->offset + done);
		}
		error = write_all(fd, buffer, chunk);
		if (error) {
			progress_end(&progress);
			return cannot_errno(error, "write the output");
		}
		done += chunk;
		progress_step(&progress, chunk);
	}
	seconds = progress_end(&progress);
	return transfer_show(transfer, done, seconds);
}

/* The length of a file that is longer than the range is an error before anything is sent. */
static enum exit_code put_check(const struct transfer *transfer, int fd, uint64_t *total)
{
	const uint64_t size = ndshm_remote_range_length(transfer->connection.range);
	const off_t place = lseek(fd, 0, SEEK_CUR);
	enum exit_code code;
	struct stat status;
	char *why;

	*total = 0;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && place >= 0 && status.st_size > place)
		*total = (uint64_t)(status.st_size - place);
	if (transfer->offset <= size && *total <= size - transfer->offset)
		return EXIT_DONE;
	why = format_string("the range has %" PRIu64
			    " bytes, the input more after the offset; nothing "
			    "was put",
			    size);
	code = cannot_reason(why, NULL, -ERANGE, "put");
	free(why);
	return code;
}

static enum exit_code put_bytes(struct transfer *transfer, int fd, char *buffer)
{
	struct ndshm_remote_range *range = transfer->connection.range;
	struct progress progress;
	uint64_t total, done = 0;
	enum exit_code code = put_check(transfer, fd, &total);
	ssize_t count;
	double seconds;
	int error;

	if (code)
		return code;
	progress_begin(&progress, total, transfer->progress);
	while ((count = read_all(fd, buffer, CHUNK)) > 0) {
		error = ndshm_remote_put(range, transfer->offset + done, buffer, (size_t)count);
		if (error) {
			progress_end(&progress);
			return cannot_remote(error, "put %zd bytes to %" PRIu64, count,
					     transfer->offset + done);
		}
		done += (uint64_t)count;
		progress_step(&progress, (uint64_t)count);
	}
	error = ndshm_remote_flush(transfer->connection.peer);
	seconds = progress_end(&progress);
	if (count < 0)
		return cannot_errno((int)count, "read the input");
	if (error)
		return cannot_remote(error, "put");
	return transfer_show(transfer, done, seconds);
}

static enum exit_code transfer_run(struct transfer *transfer)
{
	enum exit_code code = connection_open(&transfer->connection);
	char *buffer = array(CHUNK, 1);
	int fd = transfer->puts ? STDIN_FILENO : STDOUT_FILENO;
	uint64_t length = 0;

	/* Before the file is opened: a get that cannot succeed leaves it as it is. */
	if (code == EXIT_DONE && !transfer->puts)
		code = get_check(transfer, &length);
	if (code == EXIT_DONE && transfer->file) {
		fd = transfer->puts ? open(transfer->file, O_RDONLY | O_CLOEXEC) :
				      open(transfer->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
					   0666);
		if (fd < 0)
			code = cannot_errno(-errno, "open \"%s\"", transfer->file);
	}
	if (code == EXIT_DONE)
		code = transfer->puts ? put_bytes(transfer, fd, buffer)
				      : get_bytes(transfer, fd, buffer, length);
	if (transfer->file && fd >= 0 && close(fd) && code == EXIT_DONE)
		code = cannot_errno(-errno, "write \"%s\"", transfer->file);
	free(buffer);
	connection_close(&transfer->connection);
	return code;
}

static const struct argp_child children[] = {
	{ .argp = &common_argp },
	{ .argp = &connection_argp },
	{ 0 }
};

enum exit_code run_remote_get(struct common *common, int argc, char **argv)
{
	static const struct argp argp = {
		.options = get_options,
		.parser = parse_transfer,
		.args_doc = "ADDRESS:PORT",
		.doc = "Read what another machine exports.\v"
		       "Bytes are those of the time when they are read: the owner may write "
		       "meanwhile.",
		.children = children,
	};
	struct transfer transfer = { .common = common };

	argp_parse(&argp, argc, argv, 0, NULL, &transfer);
	return transfer_run(&transfer);
}

enum exit_code run_remote_put(struct common *common, int argc, char **argv)
{
	static const struct argp argp = {
		.options = put_options,
		.parser = parse_transfer,
		.args_doc = "ADDRESS:PORT",
		.doc = "Write to what another machine exports.\v"
		       "After success the bytes are in the owner's memory. After an error any of "
		       "them "
		       "may be.",
		.children = children,
	};
	struct transfer transfer = { .common = common, .puts = true };

	argp_parse(&argp, argc, argv, 0, NULL, &transfer);
	return transfer_run(&transfer);
}
