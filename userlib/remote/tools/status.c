// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm remote list, and what it asks.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "table.h"

#include "remote_status.h"
#include "remote_tool.h"

/* Longest line. */
#define STATUS_SIZE	4096
/* Milliseconds in which all processes answer. */
#define LIST_TIME	1000

static socklen_t status_address(struct sockaddr_un *address, pid_t pid)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	/* After a null, without one at its end. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
					    REMOTE_STATUS_NAME "%d", pid));
}

void remote_status_open(struct remote_status *status)
{
	struct sockaddr_un address;
	const socklen_t length = status_address(&address, getpid());

	status->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (status->fd < 0)
		return;
	if (!bind(status->fd, (struct sockaddr *)&address, length) && !listen(status->fd, 4))
		return;
	close(status->fd);
	status->fd = -1;
}

void remote_status_close(struct remote_status *status)
{
	if (status->fd >= 0)
		close(status->fd);
}

static json_t *status_json(const struct remote_status *status)
{
	struct ndshm_remote_info info;

	if (ndshm_remote_query(status->remote, &info))
		return NULL;
	return json_pack("{s:s, s:s, s:i, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "object", status->object, "address", status->address, "port", status->port,
			 "offset", (json_int_t)status->offset, "length", (json_int_t)status->length,
			 "rights", status->rights, "peers", (json_int_t)info.peers, "read",
			 (json_int_t)info.bytes_read, "written", (json_int_t)info.bytes_written,
			 "served", (json_int_t)info.served, "denied", (json_int_t)info.denied,
			 "refused", (json_int_t)info.refused);
}

/* Is the other end a process of our user, or of root? For a listener, that which listens. */
static bool status_is_ours(int fd, bool by_root, pid_t *pid)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
		return false;
	*pid = credentials.pid;
	return credentials.uid == geteuid() || (by_root ? credentials.uid == 0 : geteuid() == 0);
}

void remote_status_serve(void *context)
{
	const struct remote_status *status = context;
	int fd = accept4(status->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	pid_t pid;

	if (fd < 0)
		return;
	if (status_is_ours(fd, true, &pid)) {
		json_t *value = status_json(status);
		char *line = value ? json_dumps(value, JSON_COMPACT) : NULL;

		/* An empty socket has room for it. */
		if (line)
			send(fd, line, strlen(line), MSG_NOSIGNAL);
		free(line);
		json_decref(value);
	}
	close(fd);
}

/*
 * ndshm remote list
 */

struct exported {
	uint32_t pid;
	char object[80];
	char endpoint[64];
	char rights[40];
	uint64_t length;
	uint32_t peers;
	uint64_t read;
	uint64_t written;
	json_t *json;
	int fd;
};

static const struct column columns[] = {
	{ "PID", COLUMN_ID, offsetof(struct exported, pid), NULL },
	{ "OBJECT", COLUMN_NAME, offsetof(struct exported, object), NULL },
	{ "LENGTH", COLUMN_BYTES, offsetof(struct exported, length), NULL },
	{ "RIGHTS", COLUMN_NAME, offsetof(struct exported, rights), NULL },
	{ "LISTENS", COLUMN_NAME, offsetof(struct exported, endpoint), NULL },
	{ "PEERS", COLUMN_COUNT, offsetof(struct exported, peers), NULL },
	{ "READ", COLUMN_BYTES, offsetof(struct exported, read), NULL },
	{ "WRITTEN", COLUMN_BYTES, offsetof(struct exported, written), NULL },
	{ 0 }
};

static int64_t list_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All processes are connected to at once. Only root can exceed the hard limit. */
static bool list_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return false;
	if (limit.rlim_cur == limit.rlim_max)
		limit.rlim_max = 2 * limit.rlim_max + 16;
	limit.rlim_cur = limit.rlim_max;
	return !setrlimit(RLIMIT_NOFILE, &limit);
}

static int list_socket(void)
{
	int fd;

	do {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	} while (fd < 0 && errno == EMFILE && list_raise_descriptors());
	return fd;
}

/*
 * Connect to one process. Any local user can listen with such a name, and so this does not wait: it
 * fails if the backlog is full. Returns -1 if the process has ended or is another user's, or adds
 * it to *silent: then its user is not known.
 */
static int list_connect(pid_t number, size_t *silent)
{
	struct sockaddr_un address;
	const socklen_t size = status_address(&address, number);
	pid_t pid;
	int fd;

	/* A user can have more such sockets than processes. */
	if (kill(number, 0) && errno == ESRCH)
		return -1;
	fd = list_socket();
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&address, size)) {
		if (status_is_ours(fd, false, &pid) && pid == number)
			return fd;
	} else if (errno != ECONNREFUSED) {
		++*silent;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Receive the line of a process until the limit. Returns 0 if the process has ended, -1: silent. */
static ssize_t list_receive(const struct exported *row, char text[STATUS_SIZE], int64_t limit)
{
	struct pollfd descriptor = { .fd = row->fd, .events = POLLIN };
	const int64_t left = limit - list_now();
	ssize_t count = -1;

	/* One message: a process that sends a byte at a time cannot prolong this. */
	if (poll(&descriptor, 1, left > 0 ? (int)left : 0) == 1)
		count = recv(row->fd, text, STATUS_SIZE, 0);
	close(row->fd);
	return count;
}

/* Returns false if the line is invalid. */
static bool list_decode(struct exported *row, const char *text, size_t size)
{
	const char *object, *endpoint, *words;
	json_int_t port, length, peers, got, written;

	row->json = json_loadb(text, size, 0, NULL);
	if (json_unpack(row->json, "{s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:I}", "object", &object,
			"address", &endpoint, "port", &port, "length", &length, "rights", &words,
			"peers", &peers, "read", &got, "written", &written)) {
		json_decref(row->json);
		return false;
	}
	row->length = (uint64_t)length;
	row->peers = (uint32_t)peers;
	row->read = (uint64_t)got;
	row->written = (uint64_t)written;
	snprintf(row->object, sizeof(row->object), "%s", object);
	snprintf(row->rights, sizeof(row->rights), "%s", words);
	snprintf(row->endpoint, sizeof(row->endpoint), strchr(endpoint, ':') ? "[%s]:%d" : "%s:%d",
		 endpoint, (int)port);
	make_printable(row->object);
	make_printable(row->rights);
	make_printable(row->endpoint);
	json_object_set_new(row->json, "pid", json_integer(row->pid));
	return true;
}

static int compare_exported(const void *one, const void *other)
{
	const struct exported *a = one, *b = other;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

/* The number of the process whose socket the line of /proc/net/unix shows, or 0. */
static pid_t list_parse(const char *line)
{
	const char *name = strstr(line, " @" REMOTE_STATUS_NAME);
	const char *text = name ? name + strlen(" @" REMOTE_STATUS_NAME) : "";
	const long pid = strtol(text, NULL, 10);
	char same[32];

	/* Other names of this number, as with a sign, are no name of a process. */
	snprintf(same, sizeof(same), "%ld\n", pid);
	/* A connection has the name of its listener; others may have it for streams. */
	if (pid <= 0 || pid > INT32_MAX || strcmp(text, same) || !strstr(line, " 00010000 0005 "))
		return 0;
	return (pid_t)pid;
}

/* Connect to all. Returns the rows, allocated; those without a connection are added to *silent. */
static struct exported *list_connect_all(size_t *count, size_t *silent)
{
	FILE *file = fopen("/proc/net/unix", "re");
	struct exported *rows = NULL;
	char line[512];
	size_t room = 0;

	*count = 0;
	while (file && fgets(line, sizeof(line), file)) {
		const pid_t pid = list_parse(line);
		int fd = pid ? list_connect(pid, silent) : -1;

		if (fd < 0)
			continue;
		if (*count == room) {
			struct exported *more = array(2 * room + 16, sizeof(*more));

			if (room)
				memcpy(more, rows, room * sizeof(*more));
			free(rows);
			rows = more;
			room = 2 * room + 16;
		}
		rows[(*count)++] = (struct exported){ .pid = (uint32_t)pid, .fd = fd };
	}
	if (file)
		fclose(file);
	return rows;
}

/* Returns the rows, allocated. A process that does not answer hides no other. */
static struct exported *list_exports(size_t *count)
{
	const int64_t limit = list_now() + LIST_TIME;
	size_t connected, silent = 0;
	struct exported *rows = list_connect_all(&connected, &silent);

	*count = 0;
	for (size_t i = 0; i < connected; i++) {
		char text[STATUS_SIZE];
		const ssize_t size = list_receive(&rows[i], text, limit);

		if (size > 0 && list_decode(&rows[i], text, (size_t)size))
			rows[(*count)++] = rows[i];
		else
			silent += size != 0;
	}
	if (silent)
		print_note("processes without a valid answer in %d ms: %zu; exports not shown",
			   LIST_TIME, silent);
	if (*count)
		qsort(rows, *count, sizeof(*rows), compare_exported);
	return rows;
}

enum exit_code run_remote_list(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse_no_arguments,
		.doc = "Show what processes of \"ndshm remote export\" on this machine export, and "
		       "how much peers have read and written.\v"
		       "Only root sees those of other users.",
		.children = children,
	};
	struct table table = { .columns = columns, .size = sizeof(struct exported) };
	struct exported *rows;
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, common);
	rows = list_exports(&table.count);
	table.rows = (const char *)rows;
	if (common->json) {
		json_t *values = json_array();

		for (size_t i = 0; i < table.count; i++)
			json_array_append_new(values, rows[i].json);
		code = print_json(values);
	} else {
		for (size_t i = 0; i < table.count; i++)
			json_decref(rows[i].json);
		code = table_print(&table);
	}
	free(rows);
	return code;
}
