// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "corpus.h"
#include "run.h"

/* Escaped, so that it is not taken for this file's own licence line. */
#define HEADER	"# SPDX\055License-Identifier: GPL-2.0\n"

#define PAIRS		0x40000		/* powers of two */
#define PLACES		0x10000

static struct {
	unsigned int count;
	unsigned int places;
	unsigned int pairs;
	__u8 pair[PAIRS];
	__u8 place[PLACES];
	struct fuzz_program programs[CORPUS_MOST];
} *corpus;

static const char *out;

/*
 * The number of the last look that saw each pair, and the new items of the
 * current look.
 */
static __u32 seen[PAIRS];
static __u32 look_number;
static __u32 new_pairs[CORPUS_NEW], new_places[CORPUS_NEW];
static unsigned int new_pair_count, new_place_count;

int corpus_begin(void)
{
	corpus = mmap(NULL, sizeof(*corpus), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return corpus == MAP_FAILED ? -errno : 0;
}

unsigned int corpus_count(void)
{
	return corpus->count;
}

const struct fuzz_program *corpus_get(unsigned int number)
{
	return &corpus->programs[number];
}

const struct fuzz_program *corpus_pick(struct fuzz_random *random)
{
	unsigned int count = corpus->count, recent = count / 4;

	if (!count)
		return NULL;
	if (recent && fuzz_chance(random, 40))
		return &corpus->programs[count - 1 - fuzz_below(random, recent)];
	return &corpus->programs[fuzz_below(random, count)];
}

static __u32 hash(__u64 number, unsigned int size)
{
	return ((number * 0x9e3779b97f4a7c15ULL) >> 40) & (size - 1);
}

static void see(__u32 pair, __u32 place)
{
	if (seen[pair] == look_number)
		return;
	seen[pair] = look_number;
	if (!corpus->pair[pair] && new_pair_count < CORPUS_NEW)
		new_pairs[new_pair_count++] = pair;
	if (!corpus->place[place] && new_place_count < CORPUS_NEW)
		new_places[new_place_count++] = place;
}

static void look_at(const __u64 *pcs, __u64 count)
{
	__u64 before = 0, i;

	for (i = 0; i < count; i++) {
		if (pcs[i])
			see(hash(pcs[i] ^ (before << 20), PAIRS),
			    hash(pcs[i], PLACES));
		before = pcs[i];
	}
}

unsigned int corpus_look(void)
{
	look_number++;
	new_pair_count = 0;
	new_place_count = 0;
	fuzz_run_coverage(look_at);
	return new_pair_count;
}

static void look_again(const __u64 *pcs, __u64 count)
{
	__u64 before = 0, i;

	for (i = 0; i < count; i++) {
		if (pcs[i])
			seen[hash(pcs[i] ^ (before << 20), PAIRS)] = look_number;
		before = pcs[i];
	}
}

bool corpus_again(void)
{
	unsigned int i;

	look_number++;
	fuzz_run_coverage(look_again);
	for (i = 0; i < new_pair_count; i++)
		if (seen[new_pairs[i]] != look_number)
			return false;
	return true;
}

void corpus_known(void)
{
	unsigned int i;

	for (i = 0; i < new_pair_count; i++)
		corpus->pair[new_pairs[i]] = 1;
	corpus->pairs += new_pair_count;
	/* A place can be the end of several new pairs. */
	for (i = 0; i < new_place_count; i++) {
		corpus->places += !corpus->place[new_places[i]];
		corpus->place[new_places[i]] = 1;
	}
}

unsigned int corpus_places(void)
{
	return corpus->places;
}

unsigned int corpus_pairs(void)
{
	return corpus->pairs;
}

void corpus_write_to(const char *directory)
{
	out = directory;
}

/* The name is a hash of the text, so that equal programs are stored once. */
void corpus_write(const struct fuzz_program *program)
{
	static char text[FUZZ_TEXT];
	size_t length = fuzz_print(program, '\n', text, sizeof(text)), i;
	__u64 name = 0xcbf29ce484222325ULL;
	char path[4096];
	FILE *file;

	if (!out)
		return;
	for (i = 0; i < length; i++)
		name = (name ^ (unsigned char)text[i]) * 0x100000001b3ULL;
	snprintf(path, sizeof(path), "%s/%016llx.txt", out, name);
	file = fopen(path, "w");
	if (!file || fputs(HEADER, file) < 0 || fputs(text, file) < 0 ||
	    fclose(file))
		perror(path);
}

void corpus_keep(const struct fuzz_program *program)
{
	if (corpus->count == CORPUS_MOST)
		return;
	corpus->programs[corpus->count] = *program;
	/* Release: a concurrent corpus_pick() must see the whole program. */
	__atomic_store_n(&corpus->count, corpus->count + 1, __ATOMIC_RELEASE);
	corpus_write(program);
}

static bool read_program(const char *path, struct fuzz_program *program)
{
	static char text[FUZZ_TEXT];
	FILE *file = fopen(path, "r");
	const char *wrong;
	unsigned int line;
	size_t length;

	if (!file) {
		perror(path);
		return false;
	}
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	wrong = fuzz_parse(program, text, &line);
	if (wrong)
		fprintf(stderr, "%s:%u: %s\n", path, line, wrong);
	return !wrong;
}

static int is_program(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && !strcmp(entry->d_name + length - 4, ".txt");
}

int corpus_read(const char *directory)
{
	struct dirent **entries;
	char path[4096];
	int count, i, bad = 0;

	count = scandir(directory, &entries, is_program, alphasort);
	if (count < 0) {
		perror(directory);
		return -1;
	}
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory,
			 entries[i]->d_name);
		if (corpus->count == CORPUS_MOST ||
		    !read_program(path, &corpus->programs[corpus->count]))
			bad++;
		else
			corpus->count++;
		free(entries[i]);
	}
	free(entries);
	return bad ? -1 : count;
}
