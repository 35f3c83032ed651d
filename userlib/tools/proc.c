// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What processes hold of ndshm, from /proc.
 *
 * A descriptor is found by the target of its link in /proc/PID/fd, and of the device by its
 * number, since containers give it other names. A process can change meanwhile: what has
 * gone is skipped. Names of files do not begin with "ndshm:", so no process can pretend to
 * have a section or a block.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proc.h"

#define HOLDER_LINK	"anon_inode:[ndshm-holder]"

/* Make room for one more element. Returns the array, which may have moved. */
static void *grow(void *elements, size_t count, size_t *room, size_t size)
{
	void *grown;

	if (count < *room)
		return elements;
	*room = *room ? 2 * *room : 64;
	grown = array(*room, size);
	if (count)
		memcpy(grown, elements, count * size);
	free(elements);
	return grown;
}

static FILE *open_at(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

static DIR *open_directory(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

/* Return the next entry that is a number, or NULL. */
static const char *next_number(DIR *stream, uint64_t *number)
{
	struct dirent *entry;

	while ((entry = readdir(stream)))
		if (isdigit((unsigned char)*entry->d_name) &&
		    parse_number(entry->d_name, INT32_MAX, number))
			return entry->d_name;
	return NULL;
}

/*
 * Read the name and the effective user. Returns false if the process has ended. The leader of
 * one that has not may be a zombie.
 */
static bool read_status(int directory, struct process *process)
{
	FILE *stream = open_at(directory, "status");
	bool zombie = false;
	unsigned int threads = 1;
	char line[256];

	if (!stream)
		return false;
	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "Name:\t", 6))
			snprintf(process->command, sizeof(process->command), "%.60s", line + 6);
		else if (!strncmp(line, "State:\t", 7))
			zombie = line[7] == 'Z' || line[7] == 'X';
		else if (!strncmp(line, "Uid:\t", 5))
			sscanf(line, "Uid: %*u %" SCNu32, &process->uid);
		else if (sscanf(line, "Threads: %u", &threads) == 1)
			break;
	}
	fclose(stream);
	return !zombie || threads > 1;
}

static void read_cgroup(int directory, struct process *process)
{
	FILE *stream = open_at(directory, "cgroup");
	char *line = NULL;
	size_t size = 0;

	if (!stream)
		return;
	while (!process->cgroup && getline(&line, &size, stream) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3)) {
			process->cgroup = format_string("%.300s", line + 3);
		}
	}
	free(line);
	fclose(stream);
}

static struct holding *add_holding(struct proc *proc, enum holding_kind kind)
{
	struct holding *holding;

	proc->holdings = grow(proc->holdings, proc->holding_count, &proc->holding_room,
			      sizeof(*holding));
	holding = &proc->holdings[proc->holding_count];
	*holding = (struct holding){
		.kind = kind,
		.process = proc->process_count,
		.fd = -1,
		.same = proc->holding_count,
		.claims = proc->claim_count,
	};
	proc->holding_count++;
	return holding;
}

/* Read the lines "ndshm-NAME:\tNUMBER" of a descriptor. */
static void read_fdinfo(struct proc *proc, int directory, const char *name,
			struct holding *holding)
{
	const struct {
		const char *name;
		uint32_t *small;
		uint64_t *large;
	} keys[] = {
		{ "blocks", &holding->count, NULL },
		{ "extents", &holding->count, NULL },
		{ "section", &holding->id, NULL },
		{ "bytes", NULL, &holding->bytes },
		{ "committed", NULL, &holding->committed },
	};
	char path[32], line[256], key[32];
	uint64_t number;
	FILE *stream;

	snprintf(path, sizeof(path), "fdinfo/%s", name);
	stream = open_at(directory, path);
	if (!stream)
		return;
	while (fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "ndshm-%31[a-z-]: %" SCNu64, key, &number) != 2)
			continue;
		if (!strcmp(key, "claim")) {
			proc->claims = grow(proc->claims, proc->claim_count, &proc->claim_room,
					    sizeof(*proc->claims));
			proc->claims[proc->claim_count++] = number;
			holding->claim_count++;
		}
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (strcmp(key, keys[i].name))
				continue;
			if (keys[i].small)
				*keys[i].small = number;
			else
				*keys[i].large = number;
		}
	}
	fclose(stream);
}

/* AT_STATX_DONT_SYNC: a file of a server that does not answer must not block. */
static bool is_device(const struct proc *proc, int fds, const char *name)
{
	struct statx found;

	return proc->major &&
	       !statx(fds, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &found) &&
	       S_ISCHR(found.stx_mode) && found.stx_rdev_major == proc->major &&
	       found.stx_rdev_minor == proc->minor;
}

/* Read the descriptors of a task; *@any: there are some. Returns 0 or a negative errno. */
static int read_descriptors(struct proc *proc, int directory, int tid, bool *any)
{
	DIR *stream = open_directory(directory, "fd");
	const char *name;
	char target[64];
	uint64_t fd;

	*any = false;
	if (!stream)
		return -errno;
	while ((name = next_number(stream, &fd))) {
		struct holding *holding;
		enum holding_kind kind;
		ssize_t length = readlinkat(dirfd(stream), name, target, sizeof(target) - 1);

		*any = true;
		if (length <= 0)
			continue;
		target[length] = '\0';
		if (!strncmp(target, "ndshm:section:", 14))
			kind = HOLDING_SECTION;
		else if (!strcmp(target, HOLDER_LINK))
			kind = HOLDING_HOLDER;
		else if (*target == '/' && is_device(proc, dirfd(stream), name))
			kind = HOLDING_CLIENT;
		else
			continue;
		holding = add_holding(proc, kind);
		holding->tid = tid;
		holding->fd = fd;
		read_fdinfo(proc, directory, name, holding);
	}
	closedir(stream);
	return 0;
}

/*
 * Read the mappings of a process: lines "START-END PERMISSIONS OFFSET DEVICE INODE NAME".
 * Returns their number.
 */
static size_t read_maps(struct proc *proc, int directory)
{
	static const struct {
		const char *name;
		enum holding_kind kind;
	} kinds[] = {
		{ "ndshm:block:%" SCNu32, HOLDING_BLOCK_MAP },
		{ "ndshm:section:%" SCNu32, HOLDING_SECTION_MAP },
		{ "ndshm:bar:%" SCNu32, HOLDING_BAR_MAP },
	};
	FILE *stream = open_at(directory, "maps");
	size_t lines = 0, size = 0;
	char *line = NULL;

	while (stream && getline(&line, &size, stream) > 0) {
		uint64_t start, end;
		uint32_t id;
		int at = 0;

		lines++;
		/* Most lines are others'. */
		if (!strstr(line, "ndshm:") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*x %*s %*u %n", &start, &end, &at) != 2 ||
		    !at)
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			struct holding *holding;

			if (sscanf(line + at, kinds[i].name, &id) != 1)
				continue;
			holding = add_holding(proc, kinds[i].kind);
			holding->id = id;
			holding->bytes = end - start;
		}
	}
	free(line);
	if (stream)
		fclose(stream);
	return lines;
}

/* One task of each table of descriptors that was read, in the order of kcmp(). */
struct tables {
	int *tids;
	size_t count, room;
};

/*
 * Return true if the table of the task is not to be read. Else *@at is its place. If kcmp() fails,
 * because a kernel or a container does not permit it or because a task ends, threads are taken to
 * share the last table that was read if it had @any descriptors, unlike that of a leader that has
 * ended.
 */
static bool was_read(const struct tables *tables, bool any, int tid, size_t *at)
{
	size_t low = 0, high = tables->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		long order = 0;

		if (tid != tables->tids[middle])
			order = syscall(SYS_kcmp, tid, tables->tids[middle], KCMP_FILES, 0, 0);
		if (!order || (order < 0 && any))
			return true;
		if (order == 1)
			high = middle;
		else
			low = middle + 1;
	}
	*at = low;
	return false;
}

static void add_table(struct tables *tables, size_t at, int tid)
{
	tables->tids = grow(tables->tids, tables->count, &tables->room, sizeof(*tables->tids));
	memmove(&tables->tids[at + 1], &tables->tids[at],
		(tables->count++ - at) * sizeof(*tables->tids));
	tables->tids[at] = tid;
}

/*
 * Read all tasks of a process: each can have descriptors of its own, and a leader that has
 * ended has neither descriptors nor mappings. Each table is read once: a process could have
 * one with many descriptors, and many tasks.
 */
static int read_process(struct proc *proc, int directory, uint32_t pid)
{
	bool any;
	int error = read_descriptors(proc, directory, pid, &any);
	size_t lines = error ? 0 : read_maps(proc, directory), at;
	struct tables tables = { 0 };
	const char *name;
	uint64_t tid;
	DIR *tasks;

	if (error || proc->foreign)
		return error;
	add_table(&tables, 0, pid);
	tasks = open_directory(directory, "task");
	while (tasks && (name = next_number(tasks, &tid))) {
		int task;

		if (was_read(&tables, any, tid, &at))
			continue;
		task = openat(dirfd(tasks), name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (task < 0)
			continue;
		add_table(&tables, at, tid);
		read_descriptors(proc, task, tid, &any);
		if (!lines)
			lines = read_maps(proc, task);
		close(task);
	}
	if (tasks)
		closedir(tasks);
	free(tables.tids);
	return 0;
}

static void read_number(struct proc *proc, const char *root)
{
	char *path = format_string("%s/sys/class/misc/ndshm/dev", root);
	FILE *stream = fopen(path, "re");

	if (stream) {
		if (fscanf(stream, "%u:%u", &proc->major, &proc->minor) != 2)
			proc->major = 0;
		fclose(stream);
	}
	free(path);
}

/* Order descriptors by kind, then by what the kernel has for them. */
static int compare_files(const void *left, const void *right, void *context)
{
	const struct proc *proc = context;
	const struct holding *a = &proc->holdings[*(const size_t *)left];
	const struct holding *b = &proc->holdings[*(const size_t *)right];
	long order = -1;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (!proc->foreign)
		order = syscall(SYS_kcmp, a->tid, b->tid, KCMP_FILE, (long)a->fd, (long)b->fd);
	if (order == 0)
		return 0;
	if (order == 1 || order == 2)
		return order == 1 ? -1 : 1;
	/* A process has ended: as if they were different. */
	return (a > b) - (a < b);
}

/* Find clients and holders of which several descriptors exist, also in several processes. */
static void find_same(struct proc *proc)
{
	size_t *files = array(proc->holding_count, sizeof(*files)), count = 0;

	for (size_t i = 0; i < proc->holding_count; i++)
		if (proc->holdings[i].kind == HOLDING_CLIENT || proc->holdings[i].kind == HOLDING_HOLDER)
			files[count++] = i;
	if (count)
		qsort_r(files, count, sizeof(*files), compare_files, proc);
	for (size_t i = 1; i < count; i++)
		if (!compare_files(&files[i - 1], &files[i], proc))
			proc->holdings[files[i]].same = proc->holdings[files[i - 1]].same;
	/* By @same: the last process that has it, plus 1. */
	memset(files, 0, proc->holding_count * sizeof(*files));
	for (size_t i = 0; i < proc->holding_count; i++) {
		struct holding *holding = &proc->holdings[i];

		holding->again = files[holding->same] == holding->process + 1;
		files[holding->same] = holding->process + 1;
	}
	free(files);
}

/* Return true if DIR/proc shows the PID namespace of this process. */
static bool is_own(int directory)
{
	char target[32], own[32];
	ssize_t length = readlinkat(directory, "self", target, sizeof(target) - 1);

	snprintf(own, sizeof(own), "%d", getpid());
	return length > 0 && (target[length] = '\0', !strcmp(target, own));
}

enum exit_code proc_read(struct proc *proc, const char *root, bool cgroups)
{
	char *path = format_string("%s/proc", root);
	DIR *stream = open_directory(AT_FDCWD, path);
	enum exit_code code = EXIT_DONE;
	const char *name;
	uint64_t pid;

	proc->foreign = *root;
	if (!stream)
		code = cannot_errno(-errno, "read %s", path);
	else if (!proc->foreign && !is_own(dirfd(stream)))
		code = cannot("it shows other processes than this one's PID namespace; mount proc on it", "use %s", path);
	free(path);
	read_number(proc, root);
	while (code == EXIT_DONE && (name = next_number(stream, &pid))) {
		int directory = openat(dirfd(stream), name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		size_t before = proc->holding_count, claims = proc->claim_count;
		struct process *process;
		int error;

		proc->processes = grow(proc->processes, proc->process_count, &proc->process_room,
				       sizeof(*process));
		process = &proc->processes[proc->process_count];
		*process = (struct process){ .pid = pid, .first = before };
		if (directory < 0)
			continue;
		error = read_process(proc, directory, pid);
		proc->unread += error == -EACCES || error == -EPERM;
		/* Most processes have nothing: do not ask the kernel for more of them. */
		if (proc->holding_count > before && read_status(directory, process)) {
			if (cgroups)
				read_cgroup(directory, process);
			proc->process_count++;
		} else {
			/* Without a status the process has ended: its user is unknown. */
			proc->holding_count = before;
			proc->claim_count = claims;
		}
		close(directory);
	}
	if (stream)
		closedir(stream);
	find_same(proc);
	return code;
}

void proc_free(struct proc *proc)
{
	for (size_t i = 0; i < proc->process_count; i++)
		free(proc->processes[i].cgroup);
	free(proc->processes);
	free(proc->holdings);
	free(proc->claims);
}

bool proc_is_running(const struct proc *proc, const char *root, uint32_t pid)
{
	struct process process = { 0 };
	char *path;
	int directory;
	bool running;

	/* Also for a process that a mount option hides from this user. */
	if (!proc->foreign && kill(pid, 0) && errno == ESRCH)
		return false;
	path = format_string("%s/proc/%" PRIu32, root, pid);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(path);
	if (directory < 0)
		return !proc->foreign;
	running = read_status(directory, &process);
	close(directory);
	return running;
}
