// SPDX-License-Identifier: GPL-2.0
/*
 * keeps LENGTH [COUNT [ROLE]]: allocate and map COUNT blocks of pages, print the ids of the
 * processes that allocated and that keep them, and end with the input.
 *
 * ROLE client: a child has the inherited descriptor as well. ROLE leak: a child keeps the
 * mappings only, and this process ends. ROLE thread: the first thread ends, another one stays.
 * ROLE tables: of six more threads every second one has its own copy of the descriptors.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/ndshm.h>

static void wait_for_end(void)
{
	char buffer[64];

	while (read(STDIN_FILENO, buffer, sizeof(buffer)) > 0)
		;
}

static void *run_thread(void *unused)
{
	(void)unused;
	wait_for_end();
	_exit(0);
}

static pthread_barrier_t started;

static void *run_table(void *own)
{
	if (own && unshare(CLONE_FILES))
		_exit(1);
	pthread_barrier_wait(&started);
	wait_for_end();
	return NULL;
}

static int start_tables(void)
{
	pthread_t thread;

	if (pthread_barrier_init(&started, NULL, 7))
		return 1;
	for (uintptr_t i = 0; i < 6; i++)
		if (pthread_create(&thread, NULL, run_table, i % 2 ? NULL : &started))
			return 1;
	pthread_barrier_wait(&started);
	return 0;
}

int main(int argc, char **argv)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	const size_t count = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	const char *role = argc > 3 ? argv[3] : "";
	struct ndshm_provider_info provider;
	struct ndshm_block *block;
	struct ndshm *ndshm;
	pthread_t thread;
	pid_t child = 0;
	int error;

	request.length = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	error = ndshm_open(NULL, &ndshm);
	if (!error)
		error = ndshm_find_provider(ndshm, "pages", &provider);
	if (!error)
		request.provider = provider.id;
	for (size_t i = 0; !error && i < count; i++) {
		void *address;

		error = ndshm_alloc(ndshm, &request, &block);
		if (!error)
			error = ndshm_map(block, &address);
	}
	if (error) {
		fprintf(stderr, "keeps: %s\n", strerror(-error));
		return 1;
	}
	if (!strcmp(role, "thread")) {
		if (pthread_create(&thread, NULL, run_thread, NULL))
			return 1;
	} else if (!strcmp(role, "tables")) {
		if (start_tables())
			return 1;
	} else if (*role) {
		child = fork();
		if (child < 0)
			return 1;
		if (!child) {
			if (!strcmp(role, "leak"))
				close(ndshm_fd(ndshm));
			wait_for_end();
			_exit(0);
		}
	}
	printf("%d %d\n", getpid(), child ? child : getpid());
	fflush(stdout);
	if (!strcmp(role, "thread"))
		pthread_exit(NULL);
	/* Without ndshm_close(): the end of the process closes what is open. */
	if (strcmp(role, "leak"))
		wait_for_end();
	_exit(0);
}
