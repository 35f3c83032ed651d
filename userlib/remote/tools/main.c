// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-remote: the commands "ndshm remote", a program of its own, so that only this one needs
 * libndshm-remote.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_tool.h"

const char *argp_program_version = "ndshm " VERSION;

enum exit_code cannot_remote(int error, const char *format, ...)
{
	const uint32_t reason = ndshm_remote_last_reason();
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (reason == NDSHM_REASON_NONE)
		cannot_errno(error, "%s", text ? text : "do it");
	else
		cannot_reason(ndshm_remote_reason_text(reason), ndshm_remote_reason_name(reason),
			      error, "%s", text ? text : "do it");
	free(text);
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	static const struct word words[] = {
		{ "export", run_remote_export },
		{ "get", run_remote_get },
		{ "put", run_remote_put },
		{ "bench", run_remote_bench },
		{ "list", run_remote_list },
		{ 0 }
	};
	static const struct argp help = {
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Read and write memory of other machines.\v"
		       "Commands:\n"
		       "  export [NAME]       let other machines read and write a section\n"
		       "  get ADDRESS:PORT    read what another machine exports\n"
		       "  put ADDRESS:PORT    write to it\n"
		       "  bench ADDRESS:PORT  how fast that is\n"
		       "  list                what this machine exports, and who uses it\n"
		       "\n"
		       "\"ndshm remote COMMAND --help\" tells more.",
	};
	static char name[] = "ndshm remote";
	struct common common = { 0 };

	argp_err_exit_status = EXIT_USAGE;
	argv[0] = name;
	return run_word(words, &help, name, &common, argc, argv);
}
