// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "machine_ndis.h"

#define STEP	"/sys/module/ndshm_ndis_cases/parameters/step"

static int step_fd = -1;

/*
 * Set when a program has begun. In shared memory, because children take steps
 * as well.
 */
static bool *begun;

int ndis_begin(void)
{
	begun = mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (begun == MAP_FAILED)
		return -errno;
	step_fd = open(STEP, O_WRONLY | O_CLOEXEC);
	return step_fd < 0 && errno != ENOENT ? -errno : 0;
}

bool ndis_there(void)
{
	return step_fd >= 0;
}

static long take(const char *step)
{
	return pwrite(step_fd, step, strlen(step), 0) < 0 ? -errno : 0;
}

long ndis_take(const char *step)
{
	if (!ndis_there())
		return -ENODEV;
	/* Noted in advance, because the process may be killed during the step. */
	if (!strcmp(step, "begin"))
		__atomic_store_n(begun, true, __ATOMIC_RELAXED);
	return take(step);
}

void ndis_restore(void)
{
	if (*begun)
		take("end");
	*begun = false;
}

bool ndis_clean(char *text, size_t size)
{
	char state[512];
	int error;

	if (!ndis_there())
		return true;
	error = ndshm_read_file(STEP, state, sizeof(state));
	if (error) {
		snprintf(text, size, "%s: %s", STEP, strerror(-error));
		return false;
	}
	if (strstr(state, "device=0 ") && strstr(state, " broken=0"))
		return true;
	snprintf(text, size, "NDIS: %s", state);
	return false;
}
