// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel lockdown protects kernel memory from root, and so from a device
 * without isolation that root drives. Lockdown can only be left by a reboot and
 * may forbid operations that other tests need, so the test runs only with
 * NDSHM_LOCKDOWN=1.
 */
#include <stdlib.h>
#include <sys/mount.h>

#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define SECURITY	"/sys/kernel/security"
#define LOCKDOWN	SECURITY "/lockdown"

FIXTURE(lockdown) {
	int fd;
	struct ndshm_edu edu;
};

FIXTURE_SETUP(lockdown)
{
	const char *may = getenv("NDSHM_LOCKDOWN");
	char level[64] = "";

	if (!may || strcmp(may, "1"))
		SKIP(return, "NDSHM_LOCKDOWN=1 would lock the kernel down until it is booted");
	if (geteuid())
		SKIP(return, "only root can lock the kernel down");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	if (access(LOCKDOWN, F_OK))
		mount("securityfs", SECURITY, "securityfs", 0, NULL);
	ndshm_read_file(LOCKDOWN, level, sizeof(level));
	if (!strstr(level, "[none]"))
		SKIP(return, "no lockdown, or it is locked down already: %s",
		     level);
	ASSERT_EQ(0, ndshm_edu_bind_as_it_is(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(lockdown)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

#define test_locked(fd) \
	test_err_adapter_claim(EPERM, NDSHM_REASON_LOCKDOWN, fd, self->edu.adapter.name, EDU_WIDTH)

TEST_F(lockdown, unisolated)
{
	struct ndshm_adapter_start_args start =
		adapter_start_request(self->edu.adapter.id);
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_block_info block, kept;
	struct ndshm_block_alloc_args alloc;

	if (!self->edu.adapter.isolation)
		SKIP(return, "isolated as it is");

	/* Before lockdown an unisolated claim works. */
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	test_adapter_start(self->fd, &start);
	test_adapter_map_bar(self->fd, &map);
	kept = test_new_block(self->fd, self->edu.adapter.id, 1);

	ASSERT_EQ(0, ndshm_write_file(LOCKDOWN, "integrity"));

	/* Lockdown must refuse all later requests, also under an existing claim. */
	start = adapter_start_request(self->edu.adapter.id);
	test_err_adapter_start(EPERM, NDSHM_REASON_LOCKDOWN, self->fd, &start);
	map = adapter_map_bar_request(self->edu.adapter.id, 0);
	test_err_adapter_map_bar(EPERM, NDSHM_REASON_LOCKDOWN, self->fd, &map);
	alloc = block_alloc_request(self->edu.adapter.id, 1, &block);
	test_err_block_alloc(EPERM, NDSHM_REASON_LOCKDOWN, self->fd, &alloc);
	test_free_handle(self->fd, kept.handle);

	close(self->fd);
	self->fd = ndshm_open();
	test_locked(self->fd);
	/* The refused claim must not have left a claim. */
	start = adapter_start_request(self->edu.adapter.id);
	test_err_adapter_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd,
			       &start);

	/*
	 * An isolated function cannot reach kernel memory, so lockdown must
	 * permit it.
	 */
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	if (self->edu.adapter.isolation)
		test_locked(self->fd);
	else
		test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
