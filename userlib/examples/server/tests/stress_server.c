// SPDX-License-Identifier: LGPL-2.1-or-later
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"
#include "stress_server.h"

static void execute(const struct stress_server *server, const char *program, const char *backend,
		    unsigned int clients, int output)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", clients);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(output, STDOUT_FILENO);
	execl(program, program, "--json", "--socket", server->path, "--clients", number,
	      backend ? "--backend" : NULL, backend, NULL);
	perror(program);
	_exit(127);
}

/* Returns the next report if its event is `event`, else NULL after a message. */
static json_t *next_report(struct stress_server *server, const char *event)
{
	json_t *object = json_loadf(server->output, JSON_DISABLE_EOF_CHECK, NULL);
	const char *name = json_string_value(json_object_get(object, "event"));

	if (name && !strcmp(name, event))
		return object;
	stress_wrong("the server does not say \"%s\"", event);
	json_decref(object);
	return NULL;
}

bool stress_server_start(struct stress_server *server, const char *program, const char *backend,
			 unsigned int clients)
{
	json_t *ready;
	int pipes[2];

	snprintf(server->path, sizeof(server->path), "/tmp/ndshm-stress-%d", getpid());
	if (pipe2(pipes, O_CLOEXEC))
		return stress_wrong("no pipe");
	fflush(NULL);
	server->pid = fork();
	if (!server->pid)
		execute(server, program, backend, clients, pipes[1]);
	close(pipes[1]);
	server->output = fdopen(pipes[0], "r");
	ready = server->pid > 0 && server->output ? next_report(server, "ready") : NULL;
	json_decref(ready);
	return ready;
}

bool stress_server_lives(const struct stress_server *server)
{
	return !waitpid(server->pid, NULL, WNOHANG);
}

json_t *stress_server_end(struct stress_server *server)
{
	json_t *report;
	int status = 0;

	kill(server->pid, SIGTERM);
	report = next_report(server, "end");
	if (waitpid(server->pid, &status, 0) == server->pid && !status &&
	    access(server->path, F_OK))
		return report;
	stress_wrong("the server ends with %#x", status);
	json_decref(report);
	return NULL;
}

bool stress_server_halt(const struct stress_server *server)
{
	int status;

	kill(server->pid, SIGSTOP);
	return waitpid(server->pid, &status, WUNTRACED) == server->pid && WIFSTOPPED(status);
}

void stress_server_go_on(const struct stress_server *server)
{
	kill(server->pid, SIGCONT);
}

unsigned int stress_server_descriptors(const struct stress_server *server)
{
	unsigned int count = 0;
	char path[64];
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", server->pid);
	directory = opendir(path);
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

uint64_t stress_server_ticks(const struct stress_server *server)
{
	uint64_t user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", server->pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			    "%" SCNu64 " %" SCNu64, &user, &system) != 2)
		user = UINT64_MAX;
	if (file)
		fclose(file);
	return user + system;
}

/*
 * smaps_rollup counts page table entries. RssAnon in status can be 64 pages behind for each
 * thread (proc_pid_status(5) calls it inaccurate), which is as much as the permitted growth.
 */
uint64_t stress_server_memory(const struct stress_server *server)
{
	uint64_t kilobytes = 0;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", server->pid);
	file = fopen(line, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Anonymous: %" SCNu64, &kilobytes) == 1)
			break;
	if (file)
		fclose(file);
	return kilobytes << 10;
}
