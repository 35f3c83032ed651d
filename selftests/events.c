// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink events of adapters: their content, order and recipients, and their loss when a
 * listener does not read. Those of providers are in provider.c, those of claims in pci.c.
 */
#include <linux/capability.h>
#include <sys/socket.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

FIXTURE(events) {
	int fd;
	size_t page;
	bool loaded;
	struct ndshm_nl nl;
	struct ndshm_nl listener;
	__u64 buffer[512];
};

FIXTURE_SETUP(events)
{
	int error;

	if (geteuid())
		SKIP(return, "only root may listen");
	error = ndshm_mock_load("");
	if (error && ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->page = page_size();
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_open(&self->listener));
	ASSERT_EQ(0, ndshm_nl_join_events(&self->listener));
}

FIXTURE_TEARDOWN(events)
{
	if (!self->loaded)
		return;
	close(self->fd);
	ndshm_nl_close(&self->listener);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

/* Return: the next event, or -ETIMEDOUT if none is pending: they are sent at once. */
static int next(struct _test_data_events *self)
{
	return ndshm_nl_event(&self->listener, 0, self->buffer, sizeof(self->buffer));
}

static struct ndshm_nl_adapter event_adapter(struct _test_data_events *self)
{
	struct ndshm_nl_adapter adapter;

	ndshm_nl_decode((const void *)self->buffer, NDSHM_NL_ADAPTER, &adapter);
	return adapter;
}

/* An event equals the row of a dump. Its blocks and queues have none. */
TEST_F(events, adapter)
{
	struct ndshm_nl_adapter reported, shown;
	struct ndshm_block_info block;

	test_mock("adapter add e0");
	ASSERT_EQ(NDSHM_CMD_ADAPTER_ADDED_NTF, next(self));
	reported = event_adapter(self);
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "e0", &shown));
	EXPECT_EQ(0, memcmp(&reported, &shown, sizeof(reported)));
	test_mock("queue add 0 e0");
	block = test_new_block(self->fd, shown.id, self->page);
	EXPECT_EQ(-ETIMEDOUT, next(self));
	test_mock("adapter del e0");
	ASSERT_EQ(NDSHM_CMD_ADAPTER_REVOKED_NTF, next(self));
	EXPECT_EQ(shown.id, event_adapter(self).id);
	ASSERT_EQ(NDSHM_CMD_ADAPTER_GONE_NTF, next(self));
	EXPECT_EQ(shown.id, event_adapter(self).id);
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_id(&self->nl, shown.id, &shown));
	test_free_handle(self->fd, block.handle);
	EXPECT_EQ(-ETIMEDOUT, next(self));
}

/* Sections have no events. */
TEST_F(events, section)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_section_create_args create;
	struct ndshm_section_delete_args request = section_delete_request(0, -1);

	test_get_info(self->fd, &info);
	create = section_create_request(info.out_default_adapter, 1 << 20, 1);
	test_section_create(self->fd, &create);
	test_section_delete(create.out_section, &request);
	close(create.out_section);
	EXPECT_EQ(-ETIMEDOUT, next(self));
}

/* Events need CAP_SYS_ADMIN: CAP_NET_ADMIN is not enough. */
TEST_F(events, receivers)
{
	struct ndshm_nl nl;
	pid_t child;
	int peer;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	EXPECT_EQ(-EPERM, ndshm_nl_join_events(&nl));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		EXPECT_EQ(-EPERM, ndshm_nl_join_events(&nl));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	ndshm_nl_close(&nl);
}

/*
 * A listener that does not read loses events, gets ENOBUFS, and receives later
 * events again.
 */
TEST_F(events, overrun)
{
	enum { ROUNDS = 20 };
	const int small = 1;
	int i, got;

	ASSERT_EQ(0, setsockopt(self->listener.fd, SOL_SOCKET, SO_RCVBUF,
				&small, sizeof(small)));
	/* Nothing fails although the events are lost. */
	for (i = 0; i < ROUNDS; i++) {
		test_mock("adapter add e0");
		test_mock("adapter del e0");
	}
	for (i = 0; (got = next(self)) > 0; i++)
		;
	EXPECT_EQ(-ENOBUFS, got);
	EXPECT_GT(3 * ROUNDS, i);
	do
		got = next(self);
	while (got > 0 || got == -ENOBUFS);
	ASSERT_EQ(-ETIMEDOUT, got);
	test_mock("adapter add e0");
	ASSERT_EQ(NDSHM_CMD_ADAPTER_ADDED_NTF, next(self));
	EXPECT_STREQ("e0", event_adapter(self).name);
	test_mock("adapter del e0");
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
