/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the files of the ndshm command.
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
	/* A program could not be run; the codes of env and nohup. */
	EXIT_CANNOT_RUN = 126,
	EXIT_NO_PROGRAM = 127,
};

/* Options of every subcommand. */
struct common {
	const char *backend;	/* for ndshm_open(), or NULL */
	bool json;
};

/* Parser of the common options, a child of every parser; input: struct common. */
extern const struct argp common_argp;

/* Subcommands. argv[0] is the name for help and errors. */
typedef enum exit_code subcommand(struct common *common, int argc, char **argv);
subcommand run_info, run_list, run_alloc, run_free, run_section, run_monitor,
	run_bind, run_unbind, run_metrics, run_ps, run_top;

/* A word that selects a subcommand. Lists end with a zeroed entry. */
struct word {
	const char *name;
	subcommand *run;
};

/*
 * Run the subcommand that the first argument selects. @help: args_doc and doc of the
 * help.
 */
enum exit_code run_word(const struct word *words, const struct argp *help, const char *name,
			struct common *common, int argc, char **argv);

/* output.c */

/* Print errors as JSON objects from now on, one a line. */
void print_errors_in_json(void);
/* Print a line to stderr; as JSON with the names, each of which may be NULL. */
void print_error_text(const char *text, const char *reason, const char *status,
		      const char *error);
/* The same with "ndshm: " before the text. */
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print a remark about a valid output to stderr. */
void print_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print to stderr that an action failed, and why. Returns EXIT_FAILED. */
enum exit_code cannot(const char *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * The same with the reason of the last call on @ndshm (may be NULL), or with the text of
 * a negative errno.
 */
enum exit_code cannot_ndshm(struct ndshm *ndshm, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum exit_code cannot_errno(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same as cannot_ndshm(), with the limit if the reason is a length above it. */
enum exit_code cannot_length(struct ndshm *ndshm, int error, uint64_t limit, const char *parameter,
			     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Open a client, or print why it failed and return NULL. */
struct ndshm *open_client(const struct common *common);
/*
 * The same for a command that only uses what netlink has: unless another place is given, it
 * does not open the device, which the user or the container may lack.
 */
struct ndshm *open_viewer(const struct common *common);
/* place.c: return why ndshm_open() of a place failed with a negative errno, allocated. */
char *open_problem(const char *place, int error);
/* Return true if the client of open_viewer() is not one of the module. */
bool is_stand_in(const struct common *common, const struct ndshm *ndshm);

/* Return allocated memory; exit if there is none. */
char *format_string(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *array(size_t count, size_t size);

/*
 * The same for a reason that is not ndshm's own, or, if @reason is NULL, without one. @error: a
 * negative errno.
 */
enum exit_code cannot_reason(const char *why, const char *reason, int error, const char *format,
			     ...) __attribute__((format(printf, 4, 5)));

/* Return a JSON string. Text that is not UTF-8 gets '?' for all but printable ASCII. */
json_t *json_text(const char *text);
/* Print a JSON value in ASCII and release it. */
enum exit_code print_json(json_t *value);
/* The same as print_json() in one line, flushed at once. */
enum exit_code print_json_line(json_t *value);
/* Return a JSON number, at most INT64_MAX. */
json_t *json_u64(uint64_t number);
/* Flush stdout; print an error if that fails. */
enum exit_code end_output(void);

/* names.c */

struct names {
	struct ndshm_adapter_info *adapters;
	size_t adapter_count;
	struct ndshm_provider_info *providers;
	size_t provider_count;
};

/* The names must be zeroed. Call free_names() also after an error. */
int get_names(struct ndshm *ndshm, struct names *names);
void free_names(struct names *names);
/* Return the name, or NULL if there is no object with this id. Valid until free_names(). */
const char *adapter_text(const struct names *names, uint32_t id);
const char *provider_text(const struct names *names, uint32_t id);
/* Show users and groups by number from now on, without looking them up. */
void show_numbers(void);
/* Return the name or the number. Each is looked up once, and valid until the end. */
const char *cached_user(uint32_t uid);
const char *cached_group(uint32_t gid);
/* Find a user or a group by its name or its number. */
bool find_user(const char *word, uint32_t *uid);
bool find_group(const char *word, uint32_t *gid);
/* Return the name, or the id of an object that has none or is gone. Valid until free_names(). */
const char *adapter_name(const struct names *names, uint32_t id);
const char *provider_name(const struct names *names, uint32_t id);
/* USER:GROUP, allocated */
char *owner_cell(uint32_t uid, uint32_t gid);

/* list.c: return a row as a JSON object */
json_t *adapter_json(const struct names *names, const void *row);
json_t *provider_json(const struct names *names, const void *row);
const char *section_state(const struct ndshm_section_row *row);
json_t *section_json(const struct names *names, const void *row);

/* words.c */

/* Replace all that is not printable, and not safe in terminals, in place. */
void make_printable(char *name);
/* The isolation of an adapter that could not be looked up. */
#define ISOLATION_UNKNOWN	UINT32_MAX
/* Missing properties as an allocated text ("isolated" if none), or as an array or null. */
char *isolation_words(uint32_t isolation);
json_t *isolation_json(uint32_t isolation);
/* Name and remedy of the property 1 << bit; NULL if there is none. */
const char *isolation_property(unsigned int bit);
const char *isolation_advice(unsigned int bit);
const char *usage_name(uint32_t usage);
const char *queue_state(const struct ndshm_queue_row *row);

/* List the processors of a mask as ranges, such as "0-3,8". The caller frees the text. */
char *processor_list(uint32_t group, uint64_t mask);
/* Return all usages, separated by commas, allocated. */
char *usage_names(void);
bool parse_usage(const char *word, uint32_t *usage);
/*
 * Parse a number of bytes, or a number with an optional fraction and one of K, M, G, T, P
 * and E or KiB to EiB; parts of a byte are dropped. Returns NULL, or the problem and the
 * remedy.
 */
const char *parse_size(const char *word, uint64_t *size);
/* Add up to UINT64_MAX. */
void add_saturated(uint64_t *sum, uint64_t number);
/* Longest number or size with its terminator. */
#define NUMBER_SIZE	24
/* Format a number of up to NUMBER_SIZE bytes in decimal. Returns its length. */
size_t format_number(uint64_t number, char *text);
/* Format bytes for a reader, in up to NUMBER_SIZE bytes: 512, 4K, 1.5G. */
void format_size(uint64_t bytes, char *text);
bool parse_number(const char *word, uint64_t max, uint64_t *number);
/* N, or "any". */
bool parse_node(const char *word, int32_t *node);

/* choose.c: return EXIT_DONE, or print an error. */

/*
 * Find the adapter by its name or, if that is NULL, the default adapter by its id, for which
 * netlink need not be permitted: its name is its id then, and its isolation ISOLATION_UNKNOWN.
 */
enum exit_code choose_adapter(struct ndshm *ndshm, const char *name, uint32_t id,
			      struct ndshm_adapter_info *adapter);
/* If @name is NULL, *@id is unchanged. */
enum exit_code choose_provider(struct ndshm *ndshm, const char *name, uint32_t *id);
/* Claim the adapter if it needs a claim. Updates its member isolation. */
enum exit_code claim_adapter(struct ndshm *ndshm, struct ndshm_adapter_info *adapter,
			     unsigned int address_width);

/* hold.c */

/*
 * Block the signals that end hold(), and return a signalfd for them. Call it before
 * printing, so that a signal cannot arrive too early.
 */
int watch_signals(void);
/*
 * Wait for one of the signals, or for the end of the input unless that is /dev/null, or a terminal
 * of which the process is no foreground job.
 */
enum exit_code hold(int signals);

#endif /* NDSHM_TOOL_H */
