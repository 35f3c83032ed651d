// SPDX-License-Identifier: GPL-2.0
/*
 * json_get [KEY...]: read JSON from stdin and print the value below the keys; a number is
 * an index. Exit status 1: no JSON, or no such value.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *all = json_loadf(stdin, JSON_DECODE_ANY, &error), *value = all;
	char *text;

	if (!all) {
		fprintf(stderr, "json_get: line %d: %s\n", error.line, error.text);
		return 1;
	}
	for (int i = 1; i < argc && value; i++)
		value = isdigit((unsigned char)argv[i][0]) ? json_array_get(value, atoi(argv[i])) :
							     json_object_get(value, argv[i]);
	if (!value) {
		json_decref(all);
		return 1;
	}
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	puts(text);
	free(text);
	json_decref(all);
	return 0;
}
