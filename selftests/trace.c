// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints: each is enabled alone in an instance of tracefs, and its record must have the
 * right fields. With the mock module also queues, packets and slow handlers.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define TRACING		"/sys/kernel/tracing/"
#define TRACE		TRACING "instances/ndshm_trace/"
#define RECORD_NAMES	TRACING "options/record-cmd"

/* Longer than all records of a test. */
static char text[1 << 17];

/* Read the whole trace, which tracefs returns in parts. */
static bool trace_read(void)
{
	int fd = open(TRACE "trace", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = 1;

	if (fd < 0)
		return false;
	while (got > 0 && length < sizeof(text) - 1) {
		got = read(fd, text + length, sizeof(text) - 1 - length);
		length += got > 0 ? got : 0;
	}
	text[length] = 0;
	close(fd);
	return !got;
}

static bool trace_enable(const char *event, const char *on)
{
	char path[160];

	snprintf(path, sizeof(path), TRACE "events/ndshm/%s%senable", event, *event ? "/" : "");
	return !ndshm_write_file(path, on);
}

/* Forget all records, and enable @event only. */
static bool trace_begin(const char *event)
{
	int fd = open(TRACE "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return trace_enable("", "0") && trace_enable(event, "1");
}

/* Return: the number of records that contain the text. */
__printf(1, 2) static int trace_count(const char *format, ...)
{
	const char *at = text;
	char wanted[256];
	va_list list;
	int count = 0;

	va_start(list, format);
	vsnprintf(wanted, sizeof(wanted), format, list);
	va_end(list);
	if (!trace_read())
		return -1;
	for (; (at = strstr(at, wanted)); at++)
		count++;
	return count;
}

/* Enable the event; fail the test if that is impossible. */
static void trace_must_begin(struct __test_metadata *_metadata, int line, const char *event)
{
	ASSERT_TRUE(trace_begin(event))
		TH_LOG("line %d: %s cannot be enabled", line, event);
}

#define test_trace_begin(event)	trace_must_begin(_metadata, __LINE__, event)

static void trace_expect_one(struct __test_metadata *_metadata, int line, int count)
{
	EXPECT_EQ(1, count)
		TH_LOG("line %d: the trace is\n%s", line, text);
}

/* One record must contain the text. */
#define test_traced(...)	trace_expect_one(_metadata, __LINE__, trace_count(__VA_ARGS__))

/*
 * Make an instance. It inherits the option to record the names of tasks, which would enable events
 * of the scheduler, too. Return: why there is no trace, or NULL.
 */
static const char *trace_make(void)
{
	const long long names = ndshm_read_number(RECORD_NAMES);
	int error;

	if (names < 0 || ndshm_write_file(RECORD_NAMES, "0"))
		return "this kernel has no tracing";
	error = mkdir(TRACE, 0700);
	if (ndshm_write_file(RECORD_NAMES, names ? "1" : "0") || error)
		return "no instance of tracefs can be made";
	if (access(TRACE "events/ndshm", F_OK)) {
		rmdir(TRACE);
		return "this kernel has no tracepoints of modules";
	}
	return NULL;
}

FIXTURE(trace) {
	bool made;
	int fd;
	struct ndshm_get_info_args info;
	__u32 adapter;
	size_t page;
};

FIXTURE_SETUP(trace)
{
	const char *missing = trace_make();

	if (missing)
		SKIP(return, "%s", missing);
	self->made = true;
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->info = get_info_request();
	test_get_info(self->fd, &self->info);
	self->adapter = self->info.out_default_adapter;
	self->page = page_size();
}

FIXTURE_TEARDOWN(trace)
{
	if (!self->made)
		return;
	close(self->fd);
	EXPECT_TRUE(trace_enable("", "0"));
	EXPECT_EQ(0, rmdir(TRACE));
}

TEST_F(trace, block)
{
	struct ndshm_block_info block;
	char fields[160];

	test_trace_begin("ndshm_block_alloc");
	block = test_new_block(self->fd, self->adapter, 1);
	snprintf(fields, sizeof(fields), "block=%u adapter=%u provider=",
		 block.shared_memory_handle, self->adapter);
	test_traced("ndshm_block_alloc: %s", fields);
	test_traced("bytes=%llu uid=%u pid=%d", (unsigned long long)block.consumed, geteuid(),
		    getpid());

	test_trace_begin("ndshm_block_free");
	EXPECT_EQ(0, trace_count("ndshm_"));
	test_free_handle(self->fd, block.handle);
	test_traced("ndshm_block_free: %s", fields);
	test_traced("bytes=%llu uid=%u pid=%d", (unsigned long long)block.consumed, geteuid(),
		    getpid());
}

TEST_F(trace, section)
{
	struct ndshm_section_create_args create =
		section_create_request(self->adapter, 1 << 20, 0);
	struct ndshm_section_delete_args delete = section_delete_request(0, -1);
	char fields[160];

	test_trace_begin("ndshm_section_create");
	test_section_create(self->fd, &create);
	snprintf(fields, sizeof(fields), "section=%u adapter=%u bytes=%u uid=%u\n",
		 create.out_id, self->adapter, 1 << 20, geteuid());
	test_traced("ndshm_section_create: %s", fields);
	test_trace_begin("ndshm_section_delete");
	test_section_delete(create.out_section, &delete);
	test_traced("ndshm_section_delete: %s", fields);
	test_trace_begin("ndshm_section_free");
	close(create.out_section);
	test_traced("ndshm_section_free: %s", fields);
}

/* A disabled event leaves no record. */
TEST_F(trace, disabled)
{
	struct ndshm_block_info block;

	test_trace_begin("ndshm_block_alloc");
	ASSERT_TRUE(trace_enable("ndshm_block_alloc", "0"));
	block = test_new_block(self->fd, self->adapter, 1);
	test_free_handle(self->fd, block.handle);
	EXPECT_EQ(0, trace_count("ndshm_"));
}

TEST_F(trace, provider)
{
	struct ndshm_block_info block;
	unsigned long long duration = 0;
	const char *found;

	test_trace_begin("ndshm_provider_call");
	block = test_new_block(self->fd, self->adapter, 3 * self->page);
	test_traced("ndshm_provider_call: handler=allocate provider=");
	test_traced("adapter=%u bytes=%zu\n", self->adapter, 3 * self->page);
	test_trace_begin("ndshm_provider_call");
	test_free_handle(self->fd, block.handle);
	test_traced("ndshm_provider_call: handler=free provider=");
	test_traced("adapter=%u bytes=%llu\n", self->adapter, (unsigned long long)block.consumed);

	test_trace_begin("ndshm_provider_answer");
	block = test_new_block(self->fd, self->adapter, 1);
	test_traced("ndshm_provider_answer: handler=allocate provider=");
	test_traced("adapter=%u status=0x00000000 duration=", self->adapter);
	found = strstr(text, "duration=");
	if (found)
		duration = strtoull(found + strlen("duration="), NULL, 10);
	EXPECT_LT(0, duration);
	test_free_handle(self->fd, block.handle);
	test_traced("ndshm_provider_answer: handler=free provider=");
}

TEST_F(trace, refuse)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 0, &block);
	struct ndshm_block_free_args unknown = block_free_request(NDSHM_NO_HANDLE);
	struct ndshm_get_info_args info = get_info_request();

	test_trace_begin("ndshm_refuse");
	test_err_block_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->fd, &alloc);
	test_traced("ndshm_refuse: reason=%u name=length-zero status=0x%08x error=%d uid=%u\n",
		    NDSHM_REASON_LENGTH_ZERO, NDSHM_STATUS_INVALID_PARAMETER, -EINVAL, geteuid());
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd, &unknown);
	test_traced("name=handle-unknown ");
	info.flags = 1;
	test_err_get_info(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->fd, &info);
	test_traced("name=flags ");
	EXPECT_EQ(3, trace_count("ndshm_refuse: "));
}

/* The trace has activities of all users. */
TEST_F(trace, root_only)
{
	int peer;
	pid_t child = ndshm_fork(&peer);

	ASSERT_LE(0, child);
	if (!child)
		_exit(!ndshm_become(NDSHM_USER_A) || open(TRACE "trace", O_RDONLY) >= 0 ||
		      open(TRACE "events/ndshm/enable", O_WRONLY) >= 0 || errno != EACCES);
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

FIXTURE(mock) {
	bool loaded;
	bool made;
	int fd;
	__u32 adapter;
	__u32 id;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(mock)
{
	const char *missing = trace_make();
	int error;

	if (missing)
		SKIP(return, "%s", missing);
	self->made = true;
	error = ndshm_mock_load("");
	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	test_mock_begin(self, "provider add p");
}

FIXTURE_TEARDOWN(mock)
{
	if (self->loaded) {
		ndshm_mock("script p reset");
		close(self->fd);
		ndshm_nl_close(&self->nl);
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
	}
	if (!self->made)
		return;
	EXPECT_TRUE(trace_enable("", "0"));
	EXPECT_EQ(0, rmdir(TRACE));
}

/* The duration is that of the call, and the status is that of the handler. */
TEST_F(mock, answer)
{
	unsigned long long duration = 0;
	const char *found;

	test_mock("script p status=failure delay_ms=50");
	test_trace_begin("ndshm_provider_answer");
	ASSERT_TRUE(trace_enable("ndshm_refuse", "1"));
	test_err_mock(EIO, NDSHM_REASON_PROVIDER_FAILURE, "block alloc 0 a p 1");
	test_traced("handler=allocate provider=%u adapter=%u status=0x%08x duration=", self->id,
		    self->adapter, NDSHM_STATUS_FAILURE);
	found = strstr(text, "duration=");
	if (found)
		duration = strtoull(found + strlen("duration="), NULL, 10);
	EXPECT_LE(50000000, duration);
	test_traced("ndshm_refuse: reason=%u name=provider-failure ",
		    NDSHM_REASON_PROVIDER_FAILURE);
}

/* An accepted request is not refused. */
TEST_F(mock, request)
{
	test_trace_begin("ndshm_request_begin");
	ASSERT_TRUE(trace_enable("ndshm_request_end", "1"));
	ASSERT_TRUE(trace_enable("ndshm_refuse", "1"));
	test_mock("request ask 0 a p 4096");
	test_mock("request told");
	test_traced("ndshm_request_begin: adapter=%u length=4096 request=",
		    self->adapter);
	test_traced("ndshm_request_end: adapter=%u block=", self->adapter);
	test_traced(" reason=0 name=none request=");
	EXPECT_EQ(0, trace_count("ndshm_refuse: "));
}

/* A record for each step, and none for a step that the state refuses. */
TEST_F(mock, queue)
{
	static const struct {
		const char *command;
		const char *from;
		const char *to;
		unsigned int filters;
	} steps[] = {
		{ "queue event 0 filter", "allocated", "set", 1 },
		{ "queue event 0 complete", "set", "running", 1 },
		{ "queue event 0 clear", "running", "paused", 0 },
		{ "queue event 0 free", "paused", "stop-dma", 0 },
		{ "queue event 0 stopped", "stop-dma", "freeing", 0 },
	};
	unsigned int i;

	test_trace_begin("ndshm_queue_state");
	test_mock("queue add 0 a");
	test_traced("adapter=%u kind=queue id=1 from=undefined to=allocated filters=0\n",
		    self->adapter);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		test_mock("%s", steps[i].command);
		test_traced("adapter=%u kind=queue id=1 from=%s to=%s filters=%u\n", self->adapter,
			    steps[i].from, steps[i].to, steps[i].filters);
	}
	EXPECT_TRUE(ndshm_soon(trace_count("id=1 from=freeing to=undefined filters=0\n") == 1));
	EXPECT_EQ(7, trace_count("ndshm_queue_state: "));

	test_mock("port add 0 a");
	test_mock("port event 0 activate");
	test_err_mock(EBADFD, NDSHM_REASON_PORT_STATE, "port event 0 activate");
	test_traced("adapter=%u kind=port id=1 from=created to=active filters=0\n", self->adapter);
	test_mock("port event 0 delete");
	EXPECT_TRUE(ndshm_soon(trace_count("kind=port id=1 from=deleting to=undefined") == 1));
}

static void *adapter_del(void *done)
{
	*(int *)done = ndshm_mock("adapter del a");
	return NULL;
}

/* A removal names the callback that it waits for, and ends after it. */
TEST_F(mock, revoke)
{
	pthread_t thread;
	int error = 1;

	test_mock("block alloc 0 a p 1 callback=hold");
	test_trace_begin("ndshm_revoke_begin");
	ASSERT_TRUE(trace_enable("ndshm_revoke_wait", "1"));
	ASSERT_TRUE(trace_enable("ndshm_revoke_end", "1"));
	ASSERT_TRUE(trace_enable("ndshm_block_revoked", "1"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, adapter_del, &error));
	EXPECT_TRUE(ndshm_soon(trace_count("kind=block id=") == 2));
	test_traced("cause=callback count=0 callback=revoked");
	test_traced("ndshm_revoke_begin: kind=adapter id=%u allocations=0 blocks=1 bytes=%lu\n",
		    self->adapter, page_size());
	EXPECT_EQ(0, trace_count("ndshm_revoke_end: "));
	EXPECT_EQ(0, trace_count("ndshm_block_revoked: "));
	test_mock("block release 0");
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, error);
	test_traced("ndshm_block_revoked: block=");
	test_traced("adapter=%u provider=%u bytes=%lu uid=%u pid=0\n", self->adapter, self->id,
		    page_size(), geteuid());
	test_traced("ndshm_revoke_end: kind=adapter id=%u\n", self->adapter);
	test_mock("block free 0");
}

#define SLOTS	64

static void *packets_resolve(void *stop)
{
	unsigned int slot;

	for (slot = 0; !__atomic_load_n((int *)stop, __ATOMIC_SEQ_CST); slot = (slot + 1) % SLOTS)
		ndshm_mock("packet resolve %u a block=0 0 1", slot);
	return NULL;
}

/* The mock puts a packet after some milliseconds: try until a removal finds one. */
TEST_F(mock, packet)
{
	unsigned int rounds = 0;
	pthread_t thread;
	int stop = 0;

	test_trace_begin("ndshm_revoke_wait");
	ASSERT_EQ(0, pthread_create(&thread, NULL, packets_resolve, &stop));
	do {
		test_mock("block alloc 0 a p 1 callback=none");
		usleep(10000);
		test_mock("provider revoke p");
		test_mock("block free 0");
		test_mock("provider add p");
	} while (!trace_count("cause=packets ") && rounds++ < 100);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, trace_count("cause=packets count="));
	EXPECT_EQ(0, trace_count("cause=packets count=0"));
}

/* An owner in the kernel is shown by its callback, and memory in use by its faults. */
TEST_F(mock, owner)
{
	struct ndshm_block_info block;

	test_mock("block alloc 0 a p 1 callback=free");
	block = test_new_block(self->fd, self->adapter, 1);
	test_trace_begin("ndshm_revoke_wait");
	test_mock("adapter del a");
	test_traced("cause=callback count=0 callback=revoked [ndshm_mock]");
	test_traced("ndshm_revoke_wait: kind=block id=%u cause=faults count=0 ",
		    block.shared_memory_handle);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
