// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm remote: runs ndshm-remote, a program of its own, because it needs libndshm-remote, which
 * this one does not.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

/* Beside this program where it was built, or where it was installed. */
static const char *const remote_places[] = { "ndshm-remote", "../libexec/ndshm/ndshm-remote" };

/* The options before "remote" come first, as they do for this program. */
static char **remote_arguments(const struct common *common, int argc, char **argv)
{
	char **words = array((size_t)argc + 4, sizeof(*words));
	int count = 0;

	words[count++] = argv[0];
	if (common->json)
		words[count++] = format_string("--json");
	if (common->backend) {
		words[count++] = format_string("--backend");
		words[count++] = format_string("%s", common->backend);
	}
	memcpy(words + count, argv + 1, ((size_t)argc - 1) * sizeof(*argv));
	return words;
}

static void remote_arguments_free(char **words, const struct common *common)
{
	/* The others are those of the caller. */
	for (int i = 1; i < 1 + common->json + 2 * !!common->backend; i++)
		free(words[i]);
	free(words);
}

enum exit_code run_remote(struct common *common, int argc, char **argv)
{
	char **words = remote_arguments(common, argc, argv);
	char self[PATH_MAX + 1];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *directory;
	int error = ENOENT;

	if (length < 0)
		return cannot_errno(-errno, "find this program");
	self[length] = '\0';
	directory = dirname(self);
	for (size_t i = 0; i < 2 && error == ENOENT; i++) {
		char *path = format_string("%s/%s", directory, remote_places[i]);

		execv(path, words);
		error = errno;
		free(path);
	}
	remote_arguments_free(words, common);
	if (error != ENOENT) {
		cannot_errno(-error, "run ndshm-remote");
		return EXIT_CANNOT_RUN;
	}
	cannot_reason("it is not installed: install the package ndshm-remote", NULL, -ENOENT,
		      "run ndshm-remote");
	return EXIT_NO_PROGRAM;
}
