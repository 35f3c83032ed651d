// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Addresses, secrets, and the connection of get, put and bench. Secrets are read from files or from
 * the environment: arguments are visible to all users.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote_tool.h"

bool parse_endpoint(const char *word, bool port_is_required, struct endpoint *endpoint)
{
	const bool bracket = word[0] == '[';
	const char *start = word + bracket, *end = bracket ? strchr(word, ']') : strrchr(word, ':');
	unsigned char binary[sizeof(struct in6_addr)];
	uint64_t port = 0;
	const char *rest;

	if (bracket && !end)
		return false;
	if (!end)
		end = word + strlen(word);
	rest = bracket ? end + 1 : end;
	if (*rest == ':' ? !parse_number(rest + 1, UINT16_MAX, &port) : *rest || port_is_required)
		return false;
	if (port_is_required && !port)
		return false;
	endpoint->address = format_string("%.*s", (int)(end - start), start);
	endpoint->port = (uint16_t)port;
	if (inet_pton(bracket ? AF_INET6 : AF_INET, endpoint->address, binary) == 1)
		return true;
	free(endpoint->address);
	endpoint->address = NULL;
	return false;
}

void parse_size_or_end(struct argp_state *state, const char *argument, uint64_t *size)
{
	const char *problem = parse_size(argument, size);

	if (problem)
		argp_error(state, "\"%s\": %s", argument, problem);
}

void parse_timeout_or_end(struct argp_state *state, const char *argument, uint32_t *timeout)
{
	unsigned int milliseconds;

	if (!parse_delay(argument, &milliseconds) || milliseconds > 600000)
		argp_error(state, "\"%s\": not a time limit; use seconds from 0.1 to 600",
			   argument);
	else
		*timeout = milliseconds;
}

/*
 * Read a file that only its owner and its group can read. Returns the length without a line feed
 * at the end, or -1 after an error.
 */
static ssize_t secret_read(const char *file, const char *what, char *text, size_t size)
{
	const int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t count = 0, length = 0;

	if (fd < 0 || fstat(fd, &status)) {
		cannot_errno(-errno, "read the %s from \"%s\"", what, file);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (S_ISREG(status.st_mode) && status.st_mode & S_IROTH) {
		cannot("all users can read it; chmod o-r", "use the %s in \"%s\"", what, file);
		close(fd);
		return -1;
	}
	while (length < (ssize_t)size &&
	       (count = read(fd, text + length, size - (size_t)length)) > 0)
		length += count;
	if (count < 0) {
		cannot_errno(-errno, "read the %s from \"%s\"", what, file);
		length = -1;
	} else if (length && text[length - 1] == '\n') {
		length--;
	}
	close(fd);
	return length;
}

/* From the file, or from the variable if there is none. */
static ssize_t secret_get(const char *file, const char *variable, const char *option,
			  const char *what, char *text, size_t size)
{
	const char *value = getenv(variable);
	size_t length;

	if (file)
		return secret_read(file, what, text, size);
	if (!value) {
		cannot_reason("there is none", NULL, 0,
			      "read the %s: use %s=FILE, or the variable %s", what, option,
			      variable);
		return -1;
	}
	length = strlen(value);
	memcpy(text, value, length < size ? length : size);
	return (ssize_t)(length < size ? length : size);
}

enum exit_code read_token(const char *file, struct token *token)
{
	/* A line feed, and one byte more than there may be. */
	char text[NDSHM_REMOTE_TOKEN_MAX + 2];
	const ssize_t length = secret_get(file, TOKEN_VARIABLE, "--token-file", "token", text,
					  sizeof(text));

	if (length < 0)
		return EXIT_FAILED;
	if (length < (ssize_t)NDSHM_REMOTE_TOKEN_MIN || length > (ssize_t)NDSHM_REMOTE_TOKEN_MAX) {
		explicit_bzero(text, sizeof(text));
		return cannot("it has not from 16 to 256 bytes", "use the token");
	}
	memcpy(token->bytes, text, (size_t)length);
	token->length = (size_t)length;
	explicit_bzero(text, sizeof(text));
	return EXIT_DONE;
}

static int hex_digit(char digit)
{
	return isdigit((unsigned char)digit) ? digit - '0' :
	       digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* In hexadecimal digits. */
static enum exit_code read_blob(const char *file, unsigned char *blob)
{
	char text[2 * NDSHM_REMOTE_BLOB_BYTES + 2];
	const ssize_t length =
		secret_get(file, BLOB_VARIABLE, "--blob", "blob", text, sizeof(text));
	bool good = length == 2 * NDSHM_REMOTE_BLOB_BYTES;

	if (length < 0)
		return EXIT_FAILED;
	for (size_t i = 0; good && i < NDSHM_REMOTE_BLOB_BYTES; i++) {
		const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		good = high >= 0 && low >= 0;
		if (good)
			blob[i] = (unsigned char)(high << 4 | low);
	}
	explicit_bzero(text, sizeof(text));
	return good ? EXIT_DONE
		    : cannot("it has not the 192 digits that \"ndshm remote export\" prints",
			     "use the blob");
}

enum { OPTION_BLOB = 256, OPTION_TIMEOUT };

static const struct argp_option connection_options[] = {
	{ "token-file", 't', "FILE", 0, "The token of the listener (variable " TOKEN_VARIABLE ")",
	  1 },
	{ "blob", OPTION_BLOB, "FILE", 0, "The blob of the export (variable " BLOB_VARIABLE ")",
	  1 },
	{ "timeout", OPTION_TIMEOUT, "SECONDS", 0, "Time without progress of the peer (5)", 1 },
	{ 0 }
};

static error_t parse_connection(int key, char *argument, struct argp_state *state)
{
	struct connection *connection = state->input;

	switch (key) {
	case 't':
		connection->token_file = argument;
		return 0;
	case OPTION_BLOB:
		connection->blob_file = argument;
		return 0;
	case OPTION_TIMEOUT:
		parse_timeout_or_end(state, argument, &connection->timeout);
		return 0;
	case ARGP_KEY_ARG:
		if (connection->endpoint.address)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		else if (!parse_endpoint(argument, true, &connection->endpoint))
			argp_error(state,
				   "\"%s\": not a numeric address and a port; use the two that "
				   "\"ndshm remote export\" prints",
				   argument);
		return 0;
	case ARGP_KEY_END:
		if (!connection->endpoint.address)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp connection_argp = {
	.options = connection_options,
	.parser = parse_connection,
};

enum exit_code connection_open(struct connection *connection)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct token token;
	enum exit_code code = read_token(connection->token_file, &token);
	int error;

	if (code == EXIT_DONE)
		code = read_blob(connection->blob_file, blob);
	if (code)
		return code;
	if (connection->timeout)
		request.timeout = connection->timeout;
	error = ndshm_remote_open(&request, &connection->remote);
	if (!error)
		error = ndshm_remote_connect(connection->remote, connection->endpoint.address,
					     connection->endpoint.port, token.bytes, token.length,
					     &connection->peer);
	explicit_bzero(&token, sizeof(token));
	if (error) {
		code = cannot_remote(error, "connect to %s, port %u", connection->endpoint.address,
				     connection->endpoint.port);
	} else {
		error = ndshm_remote_import(connection->peer, blob, sizeof(blob),
					    &connection->range);
		if (error)
			code = cannot_remote(error, "import the blob");
	}
	explicit_bzero(blob, sizeof(blob));
	return code;
}

void connection_close(struct connection *connection)
{
	/* The close frees the peer and the range. */
	if (connection->remote)
		ndshm_remote_close(connection->remote);
	free(connection->endpoint.address);
}
