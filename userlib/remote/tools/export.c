// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm remote export
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/section.h>

#include "remote_status.h"
#include "remote_tool.h"

#define SECTION_FD	"NDSHM_SECTION_FD"

struct exporting {
	struct common *common;
	const char *name;
	uint32_t owner;
	uint64_t block_bytes;		/* 0: a section */
	const char *provider;
	struct endpoint endpoint;
	const char *token_file;
	const char *blob_file;
	uint64_t offset;
	uint64_t length;
	bool has_length;
	uint32_t rights;
	uint32_t once;
	struct ndshm_remote_request request;

	struct ndshm *ndshm;
	struct ndshm_section *section;
	struct ndshm_block *block;
	struct ndshm_remote *remote;
	struct ndshm_remote_export *made;
	uint16_t port;
};

enum { OPTION_OFFSET = 256, OPTION_OWNER, OPTION_BLOCK, OPTION_RIGHTS, OPTION_ONCE, OPTION_BLOB,
       OPTION_TIMEOUT, OPTION_PEERS };

static const struct argp_option options[] = {
	{ "owner", OPTION_OWNER, "USER", 0, "Who made the section (you)", 0 },
	{ "block", OPTION_BLOCK, "SIZE", 0, "Make a block, and export that instead of a section",
	  0 },
	{ "provider", 'p', "NAME", 0, "Where the block's memory comes from (the default)", 0 },
	{ "offset", OPTION_OFFSET, "SIZE", 0, "The first byte that is exported (0)", 1 },
	{ "length", 'l', "SIZE", 0, "Bytes that are exported; all must have memory (all)", 1 },
	{ "rights", OPTION_RIGHTS, "RIGHT,...", 0, "What peers may do: read, write, atomic (read)",
	  1 },
	{ "once", OPTION_ONCE, NULL, 0, "The blob can be used once", 1 },
	{ "listen", 'L', "ADDRESS[:PORT]", 0, "Where to listen (127.0.0.1 and a free port)", 2 },
	{ "token-file", 't', "FILE", 0, "What peers must have (variable " TOKEN_VARIABLE ")", 2 },
	{ "blob", OPTION_BLOB, "FILE", 0, "Write the blob to FILE instead of printing it", 2 },
	{ "peers", OPTION_PEERS, "N", 0, "Most connections at a time (256)", 2 },
	{ "timeout", OPTION_TIMEOUT, "SECONDS", 0, "Time without progress of a peer (5)", 2 },
	{ 0 }
};

static const struct {
	const char *name;
	uint32_t bit;
} rights[] = {
	{ "read", NDSHM_REMOTE_READ },
	{ "write", NDSHM_REMOTE_WRITE },
	{ "atomic", NDSHM_REMOTE_ATOMIC },
};

#define RIGHTS	(sizeof(rights) / sizeof(rights[0]))

static bool parse_rights(const char *words, uint32_t *bits)
{
	*bits = 0;
	while (true) {
		const size_t length = strcspn(words, ",");
		size_t i = 0;

		while (i < RIGHTS && (strlen(rights[i].name) != length ||
				      memcmp(rights[i].name, words, length)))
			i++;
		if (i == RIGHTS)
			return false;
		*bits |= rights[i].bit;
		if (!words[length])
			return true;
		words += length + 1;
	}
}

static void rights_format(uint32_t bits, char *text, size_t size)
{
	*text = '\0';
	for (size_t i = 0; i < RIGHTS; i++)
		if (bits & rights[i].bit)
			snprintf(text + strlen(text), size - strlen(text), "%s%s", *text ? "," : "",
				 rights[i].name);
}

static void parse_owner_or_end(struct argp_state *state, const char *argument, uint32_t *uid)
{
	const struct passwd *user = getpwnam(argument);
	uint64_t number;

	if (!user && !parse_number(argument, UINT32_MAX - 1, &number))
		argp_error(state, "\"%s\": no such user; use a name or a number", argument);
	else
		*uid = user ? user->pw_uid : (uint32_t)number;
}

static error_t parse_export(int key, char *argument, struct argp_state *state)
{
	struct exporting *exporting = state->input;
	uint64_t number;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = exporting->common;
		return 0;
	case OPTION_OWNER:
		parse_owner_or_end(state, argument, &exporting->owner);
		return 0;
	case OPTION_BLOCK:
		parse_size_or_end(state, argument, &exporting->block_bytes);
		if (!exporting->block_bytes)
			argp_error(state, "\"%s\": a block has a length; use 1 or more", argument);
		return 0;
	case 'p':
		exporting->provider = argument;
		return 0;
	case OPTION_OFFSET:
		parse_size_or_end(state, argument, &exporting->offset);
		return 0;
	case 'l':
		parse_size_or_end(state, argument, &exporting->length);
		exporting->has_length = true;
		return 0;
	case OPTION_RIGHTS:
		if (!parse_rights(argument, &exporting->rights))
			argp_error(state,
				   "\"%s\": not rights; use read, write and atomic, separated by "
				   "commas",
				   argument);
		return 0;
	case OPTION_ONCE:
		exporting->once = NDSHM_REMOTE_ONCE;
		return 0;
	case 'L':
		free(exporting->endpoint.address);
		if (!parse_endpoint(argument, false, &exporting->endpoint))
			argp_error(state,
				   "\"%s\": not a numeric address; use one of this machine, IPv6 "
				   "in brackets",
				   argument);
		return 0;
	case 't':
		exporting->token_file = argument;
		return 0;
	case OPTION_BLOB:
		exporting->blob_file = argument;
		return 0;
	case OPTION_PEERS:
		if (!parse_number(argument, 65536, &number) || !number)
			argp_error(state, "\"%s\": not a number of peers; use 1 to 65536",
				   argument);
		exporting->request.max_peers = (uint32_t)number;
		return 0;
	case OPTION_TIMEOUT:
		parse_timeout_or_end(state, argument, &exporting->request.timeout);
		return 0;
	case ARGP_KEY_ARG:
		if (exporting->name)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		exporting->name = argument;
		return 0;
	case ARGP_KEY_END:
		if (exporting->name && exporting->block_bytes)
			argp_error(state, "--block: a new block has no name; omit one of both");
		if (!exporting->name && !exporting->block_bytes && !getenv(SECTION_FD))
			argp_error(state,
				   "nothing to export; use the name of a section, --block, or "
				   "\"ndshm section create\" with this command as its program");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The section of this name, or that which "ndshm section create" has given to this program. */
static enum exit_code open_section(struct exporting *exporting)
{
	const bool writes = exporting->rights & (NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC);
	const char *inherited = getenv(SECTION_FD);
	uint64_t fd;
	int error;

	if (exporting->name) {
		error = ndshm_section_open(exporting->ndshm, exporting->owner, exporting->name,
					   writes ? 0 : NDSHM_OPEN_READONLY, &exporting->section);
		return error ? cannot_ndshm(exporting->ndshm, error, "open section \"%s\"",
					    exporting->name) : EXIT_DONE;
	}
	if (!parse_number(inherited, INT32_MAX, &fd))
		return cannot("it is no number", "use the variable %s", SECTION_FD);
	error = ndshm_section_adopt(exporting->ndshm, (int)fd, &exporting->section);
	return error ? cannot_ndshm(exporting->ndshm, error, "use descriptor %" PRIu64, fd) :
		       EXIT_DONE;
}

static enum exit_code make_block(struct exporting *exporting)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	enum exit_code code =
		choose_provider(exporting->ndshm, exporting->provider, &request.provider);
	int error;

	if (code)
		return code;
	request.length = exporting->block_bytes;
	error = ndshm_alloc(exporting->ndshm, &request, &exporting->block);
	return error ? cannot_ndshm(exporting->ndshm, error, "make a block") : EXIT_DONE;
}

static enum exit_code make_export(struct exporting *exporting)
{
	const uint64_t size = exporting->section ? ndshm_section_size(exporting->section) :
						   exporting->block_bytes;
	const uint32_t granted = exporting->rights | exporting->once;
	int error;

	if (!exporting->has_length)
		exporting->length = size > exporting->offset ? size - exporting->offset : 0;
	if (exporting->section)
		error = ndshm_remote_export_section(exporting->remote, exporting->section,
						    exporting->offset, exporting->length, granted,
						    &exporting->made);
	else
		error = ndshm_remote_export_block(exporting->remote, exporting->block,
						  exporting->offset, exporting->length, granted,
						  &exporting->made);
	return error ? cannot_remote(error, "export %" PRIu64 " bytes from %" PRIu64,
				     exporting->length, exporting->offset) : EXIT_DONE;
}

static enum exit_code listen_for_peers(struct exporting *exporting)
{
	const char *address =
		exporting->endpoint.address ? exporting->endpoint.address : "127.0.0.1";
	struct token token;
	enum exit_code code = read_token(exporting->token_file, &token);
	int error;

	if (code)
		return code;
	error = ndshm_remote_listen(exporting->remote, address, exporting->endpoint.port,
				    token.bytes, token.length, &exporting->port);
	explicit_bzero(&token, sizeof(token));
	return error ? cannot_remote(error, "listen at %s, port %u", address,
				     exporting->endpoint.port)
		     : EXIT_DONE;
}

static char *blob_digits(const struct ndshm_remote_export *made)
{
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	char *text = array(2 * sizeof(blob) + 1, 1);

	ndshm_remote_export_blob(made, blob);
	for (size_t i = 0; i < sizeof(blob); i++)
		sprintf(text + 2 * i, "%02x", blob[i]);
	explicit_bzero(blob, sizeof(blob));
	return text;
}

/* For its owner only, and complete when it has its name. */
static enum exit_code write_blob(const char *file, const char *text)
{
	char *other = format_string("%s.XXXXXX", file);
	int fd = mkostemp(other, O_CLOEXEC), error = 0;

	if (fd < 0)
		error = -errno;
	else if (dprintf(fd, "%s\n", text) < 0)
		error = -errno;
	if (fd >= 0 && close(fd) && !error)
		error = -errno;
	if (!error && rename(other, file))
		error = -errno;
	if (error && fd >= 0)
		unlink(other);
	free(other);
	return error ? cannot_errno(error, "write \"%s\"", file) : EXIT_DONE;
}

static enum exit_code show_export(const struct exporting *exporting, const char *blob)
{
	const char *address =
		exporting->endpoint.address ? exporting->endpoint.address : "127.0.0.1";
	const bool bracket = strchr(address, ':');
	char words[40];

	rights_format(exporting->rights, words, sizeof(words));
	if (exporting->common->json) {
		json_t *value = json_pack("{s:s, s:i, s:I, s:I, s:s}", "address", address, "port",
					  exporting->port, "offset", (json_int_t)exporting->offset,
					  "length", (json_int_t)exporting->length, "rights", words);

		json_object_set_new(value, "blob", blob ? json_string(blob) : json_null());
		return print_json_line(value);
	}
	printf("listens at %s%s%s:%u\n"
	       "exports %" PRIu64 " bytes from %" PRIu64 ": %s%s\n",
	       bracket ? "[" : "", address, bracket ? "]" : "", exporting->port, exporting->length,
	       exporting->offset, words, exporting->once ? ", once" : "");
	if (blob)
		printf("blob %s\n", blob);
	return end_output();
}

/* Also the signals of the thread that serves peers: they are blocked before it starts. */
static enum exit_code serve_peers(struct exporting *exporting, int signals)
{
	struct remote_status status = { .remote = exporting->remote, .fd = -1 };
	char *blob = blob_digits(exporting->made);
	enum exit_code code = EXIT_DONE;
	char *object = exporting->name  ? format_string("section %s", exporting->name) :
		       exporting->block ? format_string("block") :
					  format_string("section");

	if (exporting->blob_file)
		code = write_blob(exporting->blob_file, blob);
	make_printable(object);
	status.object = object;
	status.offset = exporting->offset;
	status.length = exporting->length;
	status.address = exporting->endpoint.address ? exporting->endpoint.address : "127.0.0.1";
	status.port = exporting->port;
	rights_format(exporting->rights, status.rights, sizeof(status.rights));
	/* Without it all works but "list". */
	if (code == EXIT_DONE)
		remote_status_open(&status);
	if (code == EXIT_DONE)
		code = show_export(exporting, exporting->blob_file ? NULL : blob);
	if (code == EXIT_DONE)
		code = hold_and_serve(signals, status.fd, remote_status_serve, &status);
	remote_status_close(&status);
	explicit_bzero(blob, strlen(blob));
	free(blob);
	free(object);
	return code;
}

static enum exit_code export_memory(struct exporting *exporting)
{
	const int signals = watch_signals();
	enum exit_code code;
	int error;

	if (signals < 0)
		return cannot_errno(-errno, "wait for signals");
	error = ndshm_remote_open(&exporting->request, &exporting->remote);
	code = error ? cannot_remote(error, "open") : EXIT_DONE;
	if (code == EXIT_DONE)
		code = make_export(exporting);
	if (code == EXIT_DONE)
		code = listen_for_peers(exporting);
	if (code == EXIT_DONE)
		code = serve_peers(exporting, signals);
	/* Revokes the export first. */
	if (exporting->remote)
		ndshm_remote_close(exporting->remote);
	close(signals);
	return code;
}

enum exit_code run_remote_export(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse_export,
		.args_doc = "[NAME]",
		.doc = "Let other machines read and write a section until SIGINT, SIGTERM or the "
		       "end of "
		       "the input.\v"
		       "Without NAME and --block the section is that of the variable " SECTION_FD
		       ", as "
		       "\"ndshm section create\" sets it. A peer needs the token and the blob, "
		       "which are "
		       "secrets. Data are not encrypted.",
		.children = children,
	};
	struct exporting exporting = {
		.common = common,
		.owner = NDSHM_OWNER_SELF,
		.rights = NDSHM_REMOTE_READ,
		.request = NDSHM_REMOTE_REQUEST_INIT,
	};
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &exporting);
	exporting.ndshm = open_client(common);
	if (!exporting.ndshm)
		return EXIT_FAILED;
	code = exporting.block_bytes ? make_block(&exporting) : open_section(&exporting);
	if (code == EXIT_DONE)
		code = export_memory(&exporting);
	if (exporting.section)
		ndshm_section_close(exporting.section);
	if (exporting.block)
		ndshm_free(exporting.block);
	ndshm_close(exporting.ndshm);
	free(exporting.endpoint.address);
	return code;
}
