// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "machine.h"
#include "record.h"
#include "replay.h"
#include "run.h"
#include "verdict.h"

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "r");
	struct stat stat;
	char *text = NULL;

	if (!file || fstat(fileno(file), &stat)) {
		perror(path);
	} else {
		text = calloc(1, stat.st_size + 1);
		if (text && fread(text, 1, stat.st_size, file) !=
			    (size_t)stat.st_size) {
			perror(path);
			free(text);
			text = NULL;
		}
	}
	if (file)
		fclose(file);
	return text;
}

static bool run_one(const char *path, const char *text, unsigned int number)
{
	static struct fuzz_program program;
	unsigned int line;
	const char *wrong = fuzz_parse(&program, text, &line);

	if (wrong) {
		fprintf(stderr, "%s, program %u, line %u: %s\n", path, number,
			line, wrong);
		return false;
	}
	printf("# program %u\n", number);
	/* Record it as the fuzzer does: the kernel may crash again. */
	record(number, text);
	fuzz_run(&program);
	return true;
}

static bool run_file(const char *path, char *text)
{
	char *next = strstr(text, RECORD_MARK);
	unsigned int number = 0;
	bool good = true;

	/* The first program may be truncated in the log. */
	if (next)
		text = next;
	while (good && text) {
		next = strstr(text + 1, RECORD_MARK);
		if (next)
			next[-1] = '\0';
		good = run_one(path, text, ++number);
		text = next;
	}
	return good;
}

bool replay(const char *path)
{
	char *text = read_all(path), left[256] = "";
	int error;
	bool good;

	if (!text)
		return false;
	machine_mine();
	error = fuzz_run_begin();
	if (error) {
		fprintf(stderr, "cannot run programs: %s\n", strerror(-error));
		return false;
	}
	fuzz_run_verbose();
	good = verdict(run_file(path, text), "each program was run", "");
	free(text);
	return verdict(machine_clean(left, sizeof(left)),
		       *left ? "left behind: " : "nothing was left behind",
		       left) && good;
}
