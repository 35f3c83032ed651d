// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HTTP for "ndshm exporter": one thread, at most CONNECTIONS connections, each of which
 * has SECONDS_MAX seconds for its request and its answer, so that a slow client cannot
 * keep others out for longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exporter.h"

#define CONNECTIONS	16
#define SECONDS_MAX	10
#define REQUEST_MAX	4096

/* Metrics are read at most once in this time, however often they are requested. */
#define CACHE_MS	1000

/* The first descriptor that systemd passes; see sd_listen_fds(3). */
#define LISTEN_FD	3

struct connection {
	int fd;			/* -1: unused */
	int64_t deadline;	/* ms */
	size_t received;
	char request[REQUEST_MAX + 1];
	char *answer;		/* NULL: the request is incomplete */
	size_t length;
	size_t sent;
	bool drained;		/* all is sent; what is received is discarded */
};

struct server {
	const struct common *common;
	struct connection connections[CONNECTIONS];
	char *metrics;		/* NULL: none, or the last attempt failed */
	size_t metrics_length;
	int64_t read_at;	/* ms; when metrics were read */
	bool was_read;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int inherited_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int listening = 0, type = 0;
	socklen_t length = sizeof(int);
	uint64_t number;

	if (!pid || !count || !parse_number(pid, INT32_MAX, &number) ||
	    number != (uint64_t)getpid())
		return -1;
	if (!parse_number(count, INT32_MAX, &number) || number != 1) {
		cannot("LISTEN_FDS is not 1: pass one socket", "use the socket of systemd");
		return -2;
	}
	if (getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) || !listening ||
	    getsockopt(LISTEN_FD, SOL_SOCKET, SO_TYPE, &type, &length) || type != SOCK_STREAM) {
		cannot("it is not a listening stream socket: set ListenStream= and Accept=no",
		       "use the socket of systemd");
		return -2;
	}
	if (fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC) || fcntl(LISTEN_FD, F_SETFL, O_NONBLOCK)) {
		cannot_errno(-errno, "use the socket of systemd");
		return -2;
	}
	return LISTEN_FD;
}

/* Split ADDRESS:PORT. An address of IPv6 is in brackets. Returns false for another word. */
static bool split_address(char *where, char **address, char **port)
{
	char *colon = strrchr(where, ':');
	uint64_t number;

	if (!colon || !parse_number(colon + 1, UINT16_MAX, &number))
		return false;
	*colon = '\0';
	*port = colon + 1;
	*address = where;
	if (*where == '[') {
		if (colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		(*address)++;
	} else if (strchr(where, ':')) {
		return false;
	}
	return **address;
}

/* Print where the socket listens: the port 0 is replaced by a free one. */
static enum exit_code print_address(int fd)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	char address[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&bound, &length))
		return cannot_errno(-errno, "read the address of the socket");
	if (getnameinfo((struct sockaddr *)&bound, length, address, sizeof(address), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return cannot("it has no text", "read the address of the socket");
	printf(strchr(address, ':') ? "listening on [%s]:%s\n" : "listening on %s:%s\n", address,
	       port);
	return end_output();
}

int listen_at(const char *where)
{
	static const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	char *copy = format_string("%s", where), *address, *port;
	struct addrinfo *info = NULL;
	int fd = -1, one = 1;

	if (!split_address(copy, &address, &port) || getaddrinfo(address, port, &hints, &info)) {
		cannot("not a numeric address and a port; use, for example, 127.0.0.1:9823 or "
		       "[::1]:9823", "listen on \"%s\"", where);
		goto out;
	}
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	    !bind(fd, info->ai_addr, info->ai_addrlen) && !listen(fd, CONNECTIONS)) {
		if (print_address(fd) == EXIT_DONE)
			goto out;
	} else if (errno == EADDRINUSE) {
		cannot_reason("another process uses the port: end it, or choose another port",
			      NULL, -EADDRINUSE, "listen on %s", where);
	} else if (errno == EADDRNOTAVAIL) {
		cannot_reason("no network interface has the address: use one of \"ip address\"",
			      NULL, -EADDRNOTAVAIL, "listen on %s", where);
	} else {
		cannot_errno(-errno, "listen on %s", where);
	}
	if (fd >= 0)
		close(fd);
	fd = -1;
out:
	if (info)
		freeaddrinfo(info);
	free(copy);
	return fd;
}

static void close_connection(struct connection *connection)
{
	close(connection->fd);
	free(connection->answer);
	connection->fd = -1;
	connection->answer = NULL;
	connection->drained = false;
}

static void set_answer(struct connection *connection, const char *status, const char *type,
		       const char *body, size_t body_length)
{
	char *head = format_string("HTTP/1.1 %s\r\n"
				   "Content-Type: %s\r\n"
				   "Content-Length: %zu\r\n"
				   "Connection: close\r\n"
				   "\r\n", status, type, body_length);
	size_t head_length = strlen(head);

	connection->answer = array(1, head_length + body_length);
	memcpy(connection->answer, head, head_length);
	memcpy(connection->answer + head_length, body, body_length);
	connection->length = head_length + body_length;
	connection->sent = 0;
	free(head);
}

static void set_error(struct connection *connection, const char *status, const char *text)
{
	set_answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void read_metrics(struct server *server)
{
	int64_t now = now_ms();
	FILE *stream;
	bool done;

	if (server->was_read && now - server->read_at < CACHE_MS)
		return;
	free(server->metrics);
	server->metrics = NULL;
	stream = open_memstream(&server->metrics, &server->metrics_length);
	if (stream) {
		done = write_metrics(server->common, stream) == EXIT_DONE;
		if (fclose(stream) || !done) {
			free(server->metrics);
			server->metrics = NULL;
		}
	}
	server->was_read = true;
	server->read_at = now_ms();
}

static bool is_get(const char *request, const char *path)
{
	size_t length = strlen(path);

	return !strncmp(request, "GET ", 4) && !strncmp(request + 4, path, length) &&
	       (request[4 + length] == ' ' || request[4 + length] == '?');
}

/* Answer a complete request. The client learns no cause: that is for the log. */
static void answer(struct server *server, struct connection *connection)
{
	const char *line = connection->request;
	size_t length = strcspn(line, "\r\n");

	if (length < 14 || !memmem(line, length, " HTTP/1.", 8)) {
		set_error(connection, "400 Bad Request", "not a request of HTTP/1.1\n");
	} else if (strncmp(line, "GET ", 4)) {
		set_error(connection, "405 Method Not Allowed\r\nAllow: GET", "use GET\n");
	} else if (!is_get(line, "/metrics")) {
		set_error(connection, "404 Not Found", "not found; use /metrics\n");
	} else {
		read_metrics(server);
		if (server->metrics)
			set_answer(connection, "200 OK", "application/openmetrics-text; "
				   "version=1.0.0; charset=utf-8", server->metrics,
				   server->metrics_length);
		else
			set_error(connection, "503 Service Unavailable",
				  "the metrics cannot be read; see the log of the exporter\n");
	}
}

static void receive(struct server *server, struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->request + connection->received,
			   REQUEST_MAX - connection->received, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_connection(connection);
		return;
	}
	connection->received += got;
	connection->request[connection->received] = '\0';
	if (strlen(connection->request) < connection->received)
		set_error(connection, "400 Bad Request", "not a request of HTTP/1.1\n");
	else if (strstr(connection->request, "\r\n\r\n") || strstr(connection->request, "\n\n"))
		answer(server, connection);
	else if (connection->received == REQUEST_MAX)
		set_error(connection, "431 Request Header Fields Too Large",
			  "the request is longer than 4096 bytes\n");
}

static void transmit(struct connection *connection)
{
	ssize_t put = send(connection->fd, connection->answer + connection->sent,
			   connection->length - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (put > 0)
		connection->sent += put;
	if (put < 0)
		close_connection(connection);
	else if (connection->sent == connection->length)
		connection->drained = true;
	/* Closing with unread input would reset the connection, and lose the answer. */
	if (connection->drained && shutdown(connection->fd, SHUT_WR))
		close_connection(connection);
}

/* Wait until the client closes the connection. */
static void drain(struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->request, REQUEST_MAX, MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_connection(connection);
}

static bool is_sending(const struct connection *connection)
{
	return connection->answer && !connection->drained;
}

static struct connection *free_connection(struct server *server)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (server->connections[i].fd < 0)
			return &server->connections[i];
	return NULL;
}

/*
 * Returns 0 or a negative errno. Most errors of accept() concern one connection. Those that
 * concern the process stay: poll() would return at once, again and again.
 */
static int accept_connection(struct server *server, int listener)
{
	struct connection *connection = free_connection(server);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		bool stays = errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			     errno == ENOBUFS || errno == EINVAL || errno == EBADF;

		return stays ? -errno : 0;
	}
	connection->fd = fd;
	connection->received = 0;
	connection->deadline = now_ms() + SECONDS_MAX * 1000;
	return 0;
}

/* Close connections whose time is over. Returns the time until the next one's is, in ms. */
static int close_late(struct server *server)
{
	int64_t now = now_ms(), next = INT32_MAX;
	bool any = false;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->fd < 0)
			continue;
		if (connection->deadline <= now) {
			close_connection(connection);
			continue;
		}
		any = true;
		if (connection->deadline - now < next)
			next = connection->deadline - now;
	}
	return any ? next : -1;
}

static enum exit_code serve(struct server *server, int listener, int signals)
{
	struct pollfd polled[2 + CONNECTIONS];
	int error;

	for (;;) {
		int timeout = close_late(server);

		polled[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
		polled[1] = (struct pollfd){
			.fd = free_connection(server) ? listener : -1,
			.events = POLLIN,
		};
		for (size_t i = 0; i < CONNECTIONS; i++)
			polled[2 + i] = (struct pollfd){
				.fd = server->connections[i].fd,
				.events = is_sending(&server->connections[i]) ? POLLOUT : POLLIN,
			};
		if (poll(polled, 2 + CONNECTIONS, timeout) < 0) {
			if (errno == EINTR)
				continue;
			return cannot_errno(-errno, "wait for requests");
		}
		if (polled[0].revents)
			return EXIT_DONE;
		for (size_t i = 0; i < CONNECTIONS; i++) {
			if (!polled[2 + i].revents)
				continue;
			if (server->connections[i].drained)
				drain(&server->connections[i]);
			else if (server->connections[i].answer)
				transmit(&server->connections[i]);
			else
				receive(server, &server->connections[i]);
		}
		error = polled[1].revents ? accept_connection(server, listener) : 0;
		if (error)
			return cannot_errno(error, "accept a connection");
	}
}

enum exit_code serve_metrics(const struct common *common, int listener)
{
	struct server *server = array(1, sizeof(*server));
	int signals = watch_signals();
	enum exit_code code;

	server->common = common;
	for (size_t i = 0; i < CONNECTIONS; i++)
		server->connections[i].fd = -1;
	if (signals < 0)
		code = cannot_errno(-errno, "wait for signals");
	else
		code = serve(server, listener, signals);
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (server->connections[i].fd >= 0)
			close_connection(&server->connections[i]);
	if (signals >= 0)
		close(signals);
	close(listener);
	free(server->metrics);
	free(server);
	return code;
}
