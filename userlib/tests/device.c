// SPDX-License-Identifier: GPL-2.0
/*
 * The backend of the module, with a fake device: opening, and passing on commands.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fake_device.h"
#include "test.h"

DEVICE_TEST(the_device_is_opened)
{
	struct ndshm_info info;

	CHECK(ndshm_fd(ndshm) > 2);
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(info.features == answer.features && info.max_length == 1 << 20);
	CHECK(info.max_blocks == 9 && info.max_batch == 4 && info.page_size == 4096);
	CHECK(info.default_adapter == 77 && info.blocks == 5 && info.bytes == 6);
	CHECK(info.user_locked == 7 && info.max_section == 1ULL << 36);
	CHECK(info.huge_size == 32 << 20);
	/* A module that does not report it. */
	answer.huge_size = 0;
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(info.huge_size == info.page_size);
}

TEST(what_is_no_ndshm_is_not_opened)
{
	struct ndshm *ndshm = (void *)1;

	device_reset();
	answer.real = true;
	CHECK(ndshm_open("/dev/null", &ndshm) == -EPROTONOSUPPORT && !ndshm);
	CHECK(ndshm_open("/proc/self/exe/nowhere", &ndshm) == -ENOTDIR && !ndshm);
	CHECK(ndshm_open("/", &ndshm) == -EISDIR && !ndshm);
}

TEST(a_module_without_blocks_is_not_enough)
{
	struct ndshm *ndshm = (void *)1;

	device_reset();
	answer.features = NDSHM_FEATURE_CLAIMS;
	CHECK(ndshm_open(DEVICE, &ndshm) == -EPROTONOSUPPORT && !ndshm);
}

/* Of open() itself, which no command follows, and of the first command. */
TEST(failures_of_open_arrive)
{
	static const struct {
		int of_open, of_command, expected;
	} rows[] = {
		{ ENOENT, 0, ENOENT }, { EACCES, 0, EACCES }, { EPERM, 0, EPERM },
		{ EMFILE, 0, EMFILE }, { ENFILE, 0, ENFILE }, { EBUSY, 0, EBUSY },
		{ ENOMEM, 0, ENOMEM },
		/* A node without a driver. */
		{ ENXIO, 0, ENOENT }, { ENODEV, 0, ENOENT },
		{ 0, EINVAL, EPROTONOSUPPORT }, { 0, E2BIG, EPROTONOSUPPORT },
		{ 0, ENOTTY, EPROTONOSUPPORT }, { 0, ENOMEM, ENOMEM }, { 0, EPERM, EPERM },
	};
	struct ndshm *ndshm;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		device_reset();
		answer.open_error = rows[i].of_open;
		if (rows[i].of_command)
			device_fail_next(rows[i].of_command, 0, 0);
		ndshm = (void *)1;
		CHECK(ndshm_open(DEVICE, &ndshm) == -rows[i].expected && !ndshm);
		CHECK(requested.opens == 1 && requested.calls == !rows[i].of_open);
	}
}

/* A socket fails as a node without a driver, but is no device. */
TEST(a_socket_is_no_device)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ndshm *ndshm = (void *)1;

	device_reset();
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/ndshm-test-%d", getpid());
	unlink(address.sun_path);
	REQUIRE(sock >= 0);
	CHECK(!bind(sock, (struct sockaddr *)&address, sizeof(address)));
	CHECK(ndshm_open(address.sun_path, &ndshm) == -EPROTONOSUPPORT && !ndshm);
	CHECK(!requested.calls);
	unlink(address.sun_path);
	close(sock);
}

TEST(an_interrupted_open_is_repeated)
{
	struct ndshm *ndshm;

	device_reset();
	answer.open_interrupted = 3;
	CHECK(ndshm_open(DEVICE, &ndshm) == 0);
	CHECK(requested.opens == 4);
	ndshm_close(ndshm);
}

TEST(no_permission_is_eacces)
{
	char path[] = "/tmp/ndshm-test-XXXXXX";
	uid_t user = geteuid();
	struct ndshm *ndshm;
	int fd = mkstemp(path);

	device_reset();
	REQUIRE(fd >= 0);
	close(fd);
	CHECK(!chmod(path, 0));
	if (!user)
		CHECK(!seteuid(65534));
	CHECK(ndshm_open(path, &ndshm) == -EACCES && !ndshm);
	if (!user)
		CHECK(!seteuid(user));
	unlink(path);
}

DEVICE_TEST(interrupted_commands_are_repeated)
{
	struct ndshm_info info;

	requested.calls = 0;
	answer.interrupted = 3;
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(requested.calls == 4);
}

TEST(a_positive_answer_is_a_protocol_error)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block = (void *)1;
	struct ndshm *ndshm;

	device_reset();
	answer.ret = 1;
	CHECK(ndshm_open(DEVICE, &ndshm) == -EPROTO && !ndshm);
	ndshm = device_open();
	REQUIRE(ndshm);
	answer.ret = 42;
	CHECK(ndshm_alloc(ndshm, &request, &block) == -EPROTO && !block);
	ndshm_close(ndshm);
}

DEVICE_TEST(reasons_arrive_unchanged)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block;
	struct ndshm_info info;

	CHECK_PASSED_ON(ndshm, ndshm_alloc(ndshm, &request, &block), MEMLOCK);
	/* A reason of a newer module. */
	device_fail_next(ENOSPC, 999, 0x12345678);
	CHECK(ndshm_get_info(ndshm, &info) == -ENOSPC);
	CHECK(ndshm_last_reason(ndshm) == 999 && ndshm_last_status(ndshm) == 0x12345678);
	CHECK(!strcmp(ndshm_reason_name(999), "unknown"));
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
}

/* A reason written together with a success is ignored. */
DEVICE_TEST(a_success_has_no_reason)
{
	struct ndshm_info info;

	CHECK_PASSED_ON(ndshm, ndshm_get_info(ndshm, &info), CLAIM_BUSY);
	answer.reason = NDSHM_REASON_CLAIM_BUSY;
	answer.status = NDSHM_STATUS_RESOURCE_CONFLICT;
	answer.talkative = true;
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
}

DEVICE_TEST(a_command_that_is_missing_is_not_supported)
{
	struct ndshm_claim *claim = (void *)1;

	CHECK_MISSING(ndshm, ndshm_claim_adapter(ndshm, "0000:00:11.0", 0, &claim));
	CHECK(!claim);
}

TEST_MAIN
