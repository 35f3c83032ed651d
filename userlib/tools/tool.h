/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the ndshm command know of each other.
 */
#ifndef NDSHM_TOOL_H
#define NDSHM_TOOL_H

#include <argp.h>
#include <jansson.h>

#include <ndshm/ndshm.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	/* Of a program that was to be run, as env and nohup have them. */
	EXIT_CANNOT_RUN = 126,
	EXIT_NO_PROGRAM = 127,
};

/* What every subcommand takes. */
struct common {
	const char *backend;	/* for ndshm_open(), or NULL */
	bool json;
};

/* Its options, as a child of every parser; input: struct common. */
extern const struct argp common_argp;

/* Subcommands: argv[0] is what help and errors call it. */
typedef enum exit_code subcommand(struct common *common, int argc, char **argv);
subcommand run_info, run_list, run_alloc, run_section, run_monitor, run_quota, run_permit,
	run_bind, run_unbind;

/* A word that chooses a subcommand. Lists of them end with zeroes. */
struct word {
	const char *name;
	subcommand *run;
};

/* Run what the first argument chooses. @help: its args_doc and doc. */
enum exit_code run_word(const struct word *words, const struct argp *help, const char *name,
			struct common *common, int argc, char **argv);

/* output.c */

/* Say on stderr that something cannot be done, and why. Returns EXIT_FAILED. */
enum exit_code cannot(const char *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, and the last call on @ndshm (may be NULL) or a -errno says why. */
enum exit_code cannot_ndshm(struct ndshm *ndshm, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum exit_code cannot_errno(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Open a client, or say why not. */
struct ndshm *open_client(const struct common *common);

/* Allocate, or end the program. */
char *format_string(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *array(size_t count, size_t size);

/* Print and release a JSON value. */
enum exit_code print_json(json_t *value);
/* The same in one line, which is there at once. */
enum exit_code print_json_line(json_t *value);
/* JSON's numbers end with INT64_MAX: so do these. */
json_t *json_u64(uint64_t number);
/* What was printed must have arrived. */
enum exit_code end_output(void);

/* Rows of cells, which are printed aligned. */
struct table {
	const char *const *titles;	/* one that starts with '>' is aligned right */
	size_t columns;
	char **cells;
	size_t rows;
};

/* Takes over one cell, of the heap, for each column. */
void table_add(struct table *table, char **cells);
/* Print and release it. */
void table_print(struct table *table);

/* names.c */

struct names {
	struct ndshm_adapter_info *adapters;
	size_t adapter_count;
	struct ndshm_provider_info *providers;
	size_t provider_count;
};

/* Starts from zeroes; to be freed, also after a -errno. */
int get_names(struct ndshm *ndshm, struct names *names);
void free_names(struct names *names);
/* On the heap. What has no name, or has gone since, is called by its number. */
char *adapter_name(const struct names *names, uint32_t id);
char *provider_name(const struct names *names, uint32_t id);
char *user_name(uint32_t uid);
char *group_name(uint32_t gid);
/* Both, with a colon. */
char *owner_cell(uint32_t uid, uint32_t gid);

/* list.c: owner, group and mode, as members of an object */
void add_access(json_t *value, uint32_t uid, uint32_t gid, uint32_t mode);
/* ... and of a row of that kind */
json_t *adapter_json(const struct ndshm_adapter_info *row);
json_t *provider_json(const struct ndshm_provider_info *row);
json_t *queue_json(const struct names *names, const void *row);
json_t *block_json(const struct names *names, const void *row);
const char *section_state(const struct ndshm_section_row *row);
json_t *section_json(const struct names *names, const void *row);

/* quota.c */

struct ndshm_quota_row;
json_t *quota_json(const struct ndshm_quota_row *row);
/* Of one NDSHM_QUOTA_*. */
const char *quota_kind_name(uint32_t bit);

/* permit.c: of NDSHM_RESET_* */
const char *reset_name(uint32_t reset);

/* words.c */

/* A machine's name made harmless for terminals and JSON, in place. */
void make_printable(char *name);
/* What is missing: words for people on the heap ("isolated"), or an array. */
char *isolation_words(uint32_t isolation);
json_t *isolation_json(uint32_t isolation);
/* Of the property 1 << bit: words, and what to do. NULL: there is none. */
const char *isolation_property(unsigned int bit);
const char *isolation_advice(unsigned int bit);
const char *usage_name(uint32_t usage);
const char *queue_state(const struct ndshm_queue_row *row);
/* All of them, with commas; on the heap. */
char *usage_names(void);
bool parse_usage(const char *word, uint32_t *usage);
/* N, or N followed by K, M or G. */
bool parse_length(const char *word, uint64_t *length);
bool parse_number(const char *word, uint64_t max, uint64_t *number);
/* N, or "any". */
bool parse_node(const char *word, int32_t *node);

/* choose.c: EXIT_DONE, or what is wrong was said. */

/* The one that is named; NULL: that with the id. */
enum exit_code choose_adapter(struct ndshm *ndshm, const char *name, uint32_t id,
			      struct ndshm_adapter_info *adapter);
/* NULL: *id stays. */
enum exit_code choose_provider(struct ndshm *ndshm, const char *name, uint32_t *id);
/* If it must be. Updates what is missing of its isolation. */
enum exit_code claim_adapter(struct ndshm *ndshm, struct ndshm_adapter_info *adapter,
			     unsigned int address_width);

/* hold.c */

/* The signals that end the holding, as a descriptor; blocked, so that none is too early. */
int watch_signals(void);
/* Wait for one of them or the end of the input. */
enum exit_code hold(int signals);

#endif /* NDSHM_TOOL_H */
