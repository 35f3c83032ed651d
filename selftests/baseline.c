// SPDX-License-Identifier: GPL-2.0
/*
 * baseline take FILE: store the amounts that a debug kernel counts as in use.
 * baseline check FILE: compare with them and print a TAP line for each detector.
 * baseline check FILE WHICH: check one detector only: kmemleak, dma_entries, pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ndshm_debug.h"

struct baseline {
	int dma_entries;
	long pages;
};

static int take(const char *path)
{
	struct baseline now = {
		.dma_entries = ndshm_dma_entries(),
		.pages = ndshm_pages_owned(),
	};
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%d %ld\n", now.dma_entries, now.pages) < 0 ||
	    fclose(file)) {
		perror(path);
		return 2;
	}
	ndshm_kmemleak_forget();
	return 0;
}

static int verdict(const char *what, long was, long is)
{
	static int number;
	int bad = was < 0 || is != was;

	printf("%sok %d - %s: %ld, %ld before\n", bad ? "not " : "", ++number,
	       what, is, was);
	return bad;
}

static int check(const char *path, const char *which)
{
	FILE *file = fopen(path, "r");
	struct baseline was;
	char text[4096];
	int bad = 0, leaks;

	if (!file || fscanf(file, "%d %ld", &was.dma_entries, &was.pages) != 2) {
		perror(path);
		return 2;
	}
	fclose(file);

	if (!which || !strcmp(which, "pages")) {
		bad |= verdict("pages", was.pages, ndshm_pages_owned());
		if (bad)
			ndshm_pages_print();
	}
	if (!which || !strcmp(which, "dma_entries"))
		bad |= verdict("DMA entries", was.dma_entries,
			       ndshm_dma_entries());
	if (!which || !strcmp(which, "kmemleak")) {
		leaks = ndshm_kmemleak(text, sizeof(text));
		if (verdict("leaked objects", 0, leaks)) {
			printf("%s\n", text);
			bad = 1;
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "take"))
		return take(argv[2]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "check"))
		return check(argv[2], argv[3]);
	fprintf(stderr, "usage: baseline take|check FILE [kmemleak|dma_entries|pages]\n");
	return 2;
}
