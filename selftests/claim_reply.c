// SPDX-License-Identifier: GPL-2.0
/*
 * A client can delay the reply to a command as long as it likes, here by a page
 * of the argument that is write-protected with userfaultfd. Changes by an
 * administrator meanwhile must apply to the command, and other callers must not
 * wait.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "ndshm_clock.h"
#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define PATIENCE	10	/* seconds */
#define REMOVAL_MS	2000	/* upper bound of the time of a removal */

/* A command in a separate thread, with its argument on a separate page. */
struct call {
	int fd;
	unsigned long number;
	void *page;
	pthread_t thread;
	int error;		/* result: an errno, or 0 */
};

FIXTURE(reply) {
	struct ndshm_edu edu;
	int fd;
	int faults;		/* userfaultfd descriptor */
	struct call call;
	bool allowed;		/* unisolated, and so usable only with allow_unisolated */
};

static void *call_run(void *data)
{
	struct call *call = data;

	call->error = ioctl(call->fd, call->number, call->page) ? errno : 0;
	return NULL;
}

static bool call_ends(struct call *call)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	return !pthread_timedjoin_np(call->thread, NULL, &until);
}

static bool page_protect(struct _test_data_reply *self, bool protect)
{
	struct uffdio_writeprotect range = {
		.range.start = to_u64(self->call.page),
		.range.len = page_size(),
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return !ioctl(self->faults, UFFDIO_WRITEPROTECT, &range);
}

/* Wait until the kernel writes to the protected page. */
static bool page_is_awaited(struct _test_data_reply *self)
{
	struct pollfd faults = { .fd = self->faults, .events = POLLIN };
	struct uffd_msg message;

	return poll(&faults, 1, PATIENCE * 1000) == 1 &&
	       read(self->faults, &message, sizeof(message)) ==
	       sizeof(message) && message.event == UFFD_EVENT_PAGEFAULT;
}

/* Start a command, and return when the kernel waits for the page of its reply. */
#define test_hold(command, request) do { \
	memcpy(self->call.page, &(request), sizeof(request)); \
	self->call.fd = self->fd; \
	self->call.number = (command); \
	ASSERT_TRUE(page_protect(self, true)); \
	ASSERT_EQ(0, pthread_create(&self->call.thread, NULL, call_run, \
				    &self->call)); \
	ASSERT_TRUE(page_is_awaited(self)); \
} while (0)

#define test_release_held() do { \
	ASSERT_TRUE(page_protect(self, false)); \
	ASSERT_TRUE(call_ends(&self->call)); \
} while (0)

FIXTURE_SETUP(reply)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };

	if (geteuid())
		SKIP(return, "only root can bind functions");
	self->faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (self->faults < 0 || ioctl(self->faults, UFFDIO_API, &api))
		SKIP(return, "the kernel cannot write-protect pages");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	self->call.page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
			       0);
	ASSERT_NE(MAP_FAILED, self->call.page);
	range.range.start = to_u64(self->call.page);
	range.range.len = page_size();
	ASSERT_EQ(0, ioctl(self->faults, UFFDIO_REGISTER, &range));

	ASSERT_EQ(0, ndshm_edu_bind_as_it_is(&self->edu));
	self->allowed = self->edu.adapter.isolation;
	self->fd = test_open_claimed(&self->edu);
}

FIXTURE_TEARDOWN(reply)
{
	page_protect(self, false);
	close(self->fd);
	close(self->faults);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

#define test_is_refused() do { \
	const struct ndshm_header *header_ = self->call.page; \
	ndshm_case(false); \
	EXPECT_EQ(EPERM, self->call.error); \
	EXPECT_EQ(NDSHM_REASON_UNISOLATED_OFF, header_->reason); \
} while (0)

/* Permission withdrawn during the reply must prevent the start. */
TEST_F(reply, start)
{
	struct ndshm_adapter_start_args start =
		adapter_start_request(self->edu.adapter.id);

	if (!self->allowed)
		SKIP(return, "the function is isolated");
	test_hold(NDSHM_ADAPTER_START, start);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_release_held();
	test_is_refused();
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	/* With permission it starts. */
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	test_hold(NDSHM_ADAPTER_START, start);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	test_release_held();
	EXPECT_EQ(0, self->call.error);
	EXPECT_TRUE(ndshm_pci_is_master(&self->edu.pci));
}

TEST_F(reply, map_bar)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_map_bar_args reported;

	if (!self->allowed)
		SKIP(return, "the function is isolated");
	test_hold(NDSHM_ADAPTER_MAP_BAR, map);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_release_held();
	test_is_refused();
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	/* The offset that the failed reply would have returned must not be usable. */
	reported = map;
	test_adapter_map_bar(self->fd, &reported);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, reported.out_length, PROT_READ, MAP_SHARED,
				   self->fd, reported.out_mmap_offset - (2 << 20)));
}

/* The same for interrupts: a refused call has not turned them on. */
TEST_F(reply, set_irqs)
{
	const __s32 event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct ndshm_adapter_set_irqs_args set =
		adapter_set_irqs_request(self->edu.adapter.id, NDSHM_IRQ_MSI, 0,
					 1, &event);
	struct ndshm_adapter_set_irqs_args other =
		adapter_set_irqs_request(self->edu.adapter.id, NDSHM_IRQ_INTX, 0,
					 1, &event);

	if (!self->allowed)
		SKIP(return, "the function is isolated");
	test_hold(NDSHM_ADAPTER_SET_IRQS, set);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_release_held();
	test_is_refused();
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	test_adapter_set_irqs(self->fd, &other);
	close(event);
}

/* A thread with a delayed reply must not delay other threads of its client. */
TEST_F(reply, others)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_map_bar_args second = map;
	struct call other = {
		.fd = self->fd,
		.number = NDSHM_ADAPTER_MAP_BAR,
		.page = &second,
	};
	const struct ndshm_adapter_map_bar_args *first = self->call.page;
	bool ended;

	test_hold(NDSHM_ADAPTER_MAP_BAR, map);
	ASSERT_EQ(0, pthread_create(&other.thread, NULL, call_run, &other));
	ended = call_ends(&other);
	EXPECT_TRUE(ended)
		TH_LOG("a command waits for another thread's reply");
	test_release_held();
	if (!ended)
		ASSERT_TRUE(call_ends(&other));
	EXPECT_EQ(0, other.error);
	EXPECT_EQ(0, self->call.error);
	/* A BAR has a single offset, independent of the order of requests. */
	EXPECT_EQ(second.out_mmap_offset, first->out_mmap_offset);
}

/* A delayed reply must not delay the removal of the function. */
static void test_removal(struct __test_metadata *_metadata,
			 struct _test_data_reply *self, int expected,
			 __u32 reason)
{
	const struct ndshm_header *header = self->call.page;
	const struct ndshm_clock began = ndshm_clock_now();
	long long took;

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	took = ndshm_clock_ran_ms(began);
	TH_LOG("removed within %lld ms", took);
	EXPECT_GE(REMOVAL_MS, took);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	test_release_held();
	ndshm_case(false);
	EXPECT_EQ(expected, self->call.error);
	EXPECT_EQ(reason, header->reason);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
}

TEST_F(reply, removed_start)
{
	struct ndshm_adapter_start_args start =
		adapter_start_request(self->edu.adapter.id);

	test_hold(NDSHM_ADAPTER_START, start);
	test_removal(_metadata, self, ENODEV, NDSHM_REASON_ADAPTER_REMOVED);
}

TEST_F(reply, removed_map_bar)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);

	test_hold(NDSHM_ADAPTER_MAP_BAR, map);
	test_removal(_metadata, self, ENODEV, NDSHM_REASON_ADAPTER_REMOVED);
}

/*
 * A claim that ends during the reply, because another driver gets a function of the
 * group. That driver exists in every kernel and refuses the function.
 */
static void test_foreign(struct __test_metadata *_metadata,
			 struct _test_data_reply *self,
			 struct ndshm_edu pair[2])
{
	const struct ndshm_header *header = self->call.page;
	struct ndshm_clock began;

	ASSERT_EQ(0, ndshm_pci_unbind(&pair[1].pci));
	began = ndshm_clock_now();
	EXPECT_EQ(-ENODEV, ndshm_pci_bind_to(&pair[1].pci, "pcieport"));
	EXPECT_GE(REMOVAL_MS, ndshm_clock_ran_ms(began));
	test_release_held();
	ndshm_case(false);
	EXPECT_EQ(EBADFD, self->call.error);
	EXPECT_EQ(NDSHM_REASON_CLAIM_MISSING, header->reason);
	EXPECT_FALSE(ndshm_pci_is_master(&pair[0].pci));
	ASSERT_EQ(0, ndshm_pci_bind(&pair[1].pci, false));
}

TEST_F(reply, foreign_driver)
{
	struct ndshm_adapter_map_bar_args map, reported;
	struct ndshm_adapter_start_args start;
	struct ndshm_edu pair[2];

	if (ndshm_edu_find_pair(pair))
		SKIP(return, "no two edu functions in one IOMMU group");
	ASSERT_EQ(0, ndshm_edu_bind_pair(pair));
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	test_adapter_claim(self->fd, pair[0].adapter.name, EDU_WIDTH);
	start = adapter_start_request(pair[0].adapter.id);
	test_hold(NDSHM_ADAPTER_START, start);
	test_foreign(_metadata, self, pair);

	test_adapter_claim(self->fd, pair[0].adapter.name, EDU_WIDTH);
	map = adapter_map_bar_request(pair[0].adapter.id, 0);
	test_hold(NDSHM_ADAPTER_MAP_BAR, map);
	test_foreign(_metadata, self, pair);
	/* The offset that the failed reply would have returned must not be usable. */
	reported = map;
	test_adapter_claim(self->fd, pair[0].adapter.name, EDU_WIDTH);
	test_adapter_map_bar(self->fd, &reported);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, reported.out_length, PROT_READ, MAP_SHARED,
				   self->fd, reported.out_mmap_offset - (2 << 20)));
	EXPECT_EQ(0, ndshm_edu_restore_pair(pair));
}

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
