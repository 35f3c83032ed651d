// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a claimed function as signals of eventfds. edu has INTx and one MSI
 * vector, the 82574 of QEMU also five MSI-X vectors and a reset.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_irqs.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define SIGNAL_MS	10000	/* upper bound until a signal that is expected */
#define ABSENT_MS	100	/* how long a signal must not come */

static int new_eventfd(void)
{
	return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

#define test_signalled(fd) EXPECT_LT(0, ndshm_signals(fd, SIGNAL_MS))
#define test_not_signalled(fd) EXPECT_EQ(0, ndshm_signals(fd, ABSENT_MS))

/* A function with a client that has claimed it, and eventfds. */
struct owner {
	struct ndshm_edu edu;
	int fd;
	struct ndshm_adapter_claim_args claim;
	unsigned char *bar;
	size_t bar_length;
	__s32 events[CARD_VECTORS];
};

#define set_irqs_flags(owner, flags_, kind, first, count, fds) ({ \
	struct ndshm_adapter_set_irqs_args set_ = \
		adapter_set_irqs_request((owner)->edu.adapter.id, kind, first, \
					 count, fds); \
	set_.flags = (flags_); \
	set_; \
})
#define set_irqs(owner, kind, first, count, fds) \
	set_irqs_flags(owner, 0, kind, first, count, fds)

#define test_set(owner, ...) do { \
	struct ndshm_adapter_set_irqs_args request_ = \
		set_irqs(owner, __VA_ARGS__); \
	test_adapter_set_irqs((owner)->fd, &request_); \
} while (0)
#define test_err_set(error, reason, owner, ...) do { \
	struct ndshm_adapter_set_irqs_args request_ = \
		set_irqs(owner, __VA_ARGS__); \
	test_err_adapter_set_irqs(error, reason, (owner)->fd, &request_); \
} while (0)
#define test_off(owner) test_set(owner, NDSHM_IRQ_NONE, 0, 0, NULL)
#define test_unmask(owner) do { \
	struct ndshm_adapter_set_irqs_args request_ = \
		set_irqs_flags(owner, NDSHM_SET_IRQS_UNMASK, NDSHM_IRQ_INTX, 0, \
			       0, NULL); \
	test_adapter_set_irqs((owner)->fd, &request_); \
} while (0)
#define test_err_unmask(owner) do { \
	struct ndshm_adapter_set_irqs_args request_ = \
		set_irqs_flags(owner, NDSHM_SET_IRQS_UNMASK, NDSHM_IRQ_INTX, 0, \
			       0, NULL); \
	test_err_adapter_set_irqs(EBADFD, NDSHM_REASON_IRQ_OFF, (owner)->fd, \
				  &request_); \
} while (0)

static void start(struct __test_metadata *_metadata, struct owner *owner)
{
	struct ndshm_adapter_start_args start =
		adapter_start_request(owner->edu.adapter.id);

	test_adapter_start(owner->fd, &start);
}

static void claim(struct __test_metadata *_metadata, struct owner *owner)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(owner->edu.adapter.id, 0);

	owner->claim = test_adapter_claim(owner->fd, owner->edu.adapter.name, EDU_WIDTH);
	test_adapter_map_bar(owner->fd, &map);
	owner->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE,
			  MAP_SHARED, owner->fd, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, owner->bar);
	owner->bar_length = map.out_length;
}

static void open_owner(struct __test_metadata *_metadata, struct owner *owner)
{
	unsigned int i;

	owner->fd = ndshm_open();
	ASSERT_LE(0, owner->fd);
	for (i = 0; i < CARD_VECTORS; i++) {
		owner->events[i] = new_eventfd();
		ASSERT_LE(0, owner->events[i]);
	}
}

static void close_owner(struct __test_metadata *_metadata, struct owner *owner)
{
	unsigned int i;

	close(owner->fd);
	if (owner->bar)
		munmap(owner->bar, owner->bar_length);
	for (i = 0; i < CARD_VECTORS; i++)
		close(owner->events[i]);
	/* Nothing of a claim that has ended may be left. */
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
}

/* A claim ends with the last close of its client: the mapped BAR has its own reference. */
static void end_claim(struct __test_metadata *_metadata, struct owner *owner)
{
	EXPECT_EQ(0, close(owner->fd));
	owner->fd = ndshm_open();
	ASSERT_LE(0, owner->fd);
	munmap(owner->bar, owner->bar_length);
	owner->bar = NULL;
}

FIXTURE(edu) {
	struct owner owner;
};

FIXTURE_SETUP(edu)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->owner.edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->owner.edu));
	open_owner(_metadata, &self->owner);
	claim(_metadata, &self->owner);
	start(_metadata, &self->owner);
	ndshm_edu_set32(self->owner.bar, EDU_ACKNOWLEDGE, ~0U);
}

FIXTURE_TEARDOWN(edu)
{
	if (self->owner.bar)
		ndshm_edu_set32(self->owner.bar, EDU_ACKNOWLEDGE, ~0U);
	close_owner(_metadata, &self->owner);
	EXPECT_EQ(0, ndshm_edu_restore(&self->owner.edu));
}

static void raise_irq(struct owner *owner)
{
	ndshm_edu_set32(owner->bar, EDU_RAISE, 1);
}

static void acknowledge(struct owner *owner)
{
	ndshm_edu_set32(owner->bar, EDU_ACKNOWLEDGE, ~0U);
	ndshm_edu_get32(owner->bar, EDU_CAUSE);
}

TEST_F(edu, numbers)
{
	EXPECT_EQ(1, self->owner.claim.out_intx);
	EXPECT_EQ(1, self->owner.claim.out_msi);
	EXPECT_EQ(0, self->owner.claim.out_msix);
	EXPECT_EQ(0, ndshm_irq_messages(&self->owner.edu.pci));
}

TEST_F(edu, wrong)
{
	struct owner *owner = &self->owner;
	__s32 *events = owner->events;
	struct ndshm_adapter_set_irqs_args set;
	__u32 kind;

	test_err_set(EINVAL, NDSHM_REASON_IRQ_KIND, owner, NDSHM_IRQ_KINDS, 0, 1,
		     events);
	test_err_set(EINVAL, NDSHM_REASON_IRQ_KIND, owner, ~0U, 0, 1, events);
	test_err_set(EOPNOTSUPP, NDSHM_REASON_IRQ_UNSUPPORTED, owner,
		     NDSHM_IRQ_MSIX, 0, 1, events);
	for (kind = NDSHM_IRQ_INTX; kind <= NDSHM_IRQ_MSI; kind++) {
		test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, kind, 0, 0,
			     events);
		test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, kind, 0, 2,
			     events);
		test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, kind, 1, 1,
			     events);
		test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, kind, ~0U, 1,
			     events);
		test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, kind, 1, ~0U,
			     events);
		test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, kind, 0, ~0U,
			     events);
		test_err_set(EFAULT, NDSHM_REASON_ADDRESS, owner, kind, 0, 1,
			     NULL);
	}
	test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, NDSHM_IRQ_NONE, 1, 0,
		     NULL);
	test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, NDSHM_IRQ_NONE, 0, 1,
		     NULL);
	test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, NDSHM_IRQ_NONE, 0, 0,
		     events);
	for (kind = NDSHM_IRQ_NONE; kind < NDSHM_IRQ_KINDS; kind++) {
		if (kind == NDSHM_IRQ_INTX)
			continue;
		set = set_irqs_flags(owner, NDSHM_SET_IRQS_UNMASK, kind, 0, 0,
				     NULL);
		test_err_adapter_set_irqs(EINVAL, NDSHM_REASON_IRQ_KIND,
					  owner->fd, &set);
	}
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
}

TEST_F(edu, no_eventfd)
{
	struct owner *owner = &self->owner;
	__s32 wrong[] = { owner->fd, -2, 9999, owner->edu.nl.fd };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		test_err_set(EBADF, NDSHM_REASON_IRQ_EVENTFD, owner,
			     NDSHM_IRQ_MSI, 0, 1, &wrong[i]);
		test_err_set(EBADF, NDSHM_REASON_IRQ_EVENTFD, owner,
			     NDSHM_IRQ_INTX, 0, 1, &wrong[i]);
	}
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
}

TEST_F(edu, no_claim)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_set_irqs_args set =
		set_irqs(owner, NDSHM_IRQ_MSI, 0, 1, owner->events);
	int other = ndshm_open();

	ASSERT_LE(0, other);
	test_err_adapter_set_irqs(EBADFD, NDSHM_REASON_CLAIM_MISSING, other, &set);
	set = set_irqs(owner, NDSHM_IRQ_NONE, 0, 0, NULL);
	test_err_adapter_set_irqs(EBADFD, NDSHM_REASON_CLAIM_MISSING, other, &set);
	close(other);
}

/* Masked at each interrupt; one that is pending at an unmask is signalled again. */
TEST_F(edu, intx)
{
	struct owner *owner = &self->owner;
	unsigned int i;

	test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events);
	EXPECT_EQ(1, ndshm_irq_lines(&owner->edu.pci));
	test_not_signalled(owner->events[0]);
	for (i = 0; i < 3; i++) {
		raise_irq(owner);
		EXPECT_EQ(1, ndshm_signals(owner->events[0], SIGNAL_MS));
		EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
		test_not_signalled(owner->events[0]);
		test_unmask(owner);
		EXPECT_EQ(1, ndshm_signals(owner->events[0], SIGNAL_MS));
		EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
		acknowledge(owner);
		test_unmask(owner);
		test_not_signalled(owner->events[0]);
		EXPECT_FALSE(ndshm_intx_is_off(&owner->edu.pci));
	}
	test_off(owner);
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	raise_irq(owner);
	test_not_signalled(owner->events[0]);
}

/* An interrupt that is pending before it is turned on must not be lost. */
TEST_F(edu, intx_pending)
{
	struct owner *owner = &self->owner;

	raise_irq(owner);
	test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events);
	EXPECT_EQ(1, ndshm_signals(owner->events[0], SIGNAL_MS));
	/* Replacing the eventfd unmasks. */
	test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events + 1);
	EXPECT_EQ(1, ndshm_signals(owner->events[1], SIGNAL_MS));
	test_not_signalled(owner->events[0]);
}

/* -1 masks INTx; then there is nothing to unmask. */
TEST_F(edu, intx_no_eventfd)
{
	struct owner *owner = &self->owner;
	const __s32 none = -1;

	test_err_unmask(owner);
	test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events);
	test_set(owner, NDSHM_IRQ_INTX, 0, 1, &none);
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	raise_irq(owner);
	test_not_signalled(owner->events[0]);
	test_err_unmask(owner);
	test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events);
	test_signalled(owner->events[0]);
	test_off(owner);
	test_err_unmask(owner);
	test_set(owner, NDSHM_IRQ_MSI, 0, 1, owner->events);
	test_err_unmask(owner);
}

#define EXCHANGES	1000

TEST_F(edu, msi)
{
	unsigned int i, rounds = ndshm_rounds(EXCHANGES, 100);
	struct owner *owner = &self->owner;
	__s32 copy = dup(owner->events[0]);

	test_set(owner, NDSHM_IRQ_MSI, 0, 1, &copy);
	/* The call holds its own reference. */
	close(copy);
	EXPECT_EQ(1, ndshm_irq_messages(&owner->edu.pci));
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	for (i = 0; i < rounds; i++) {
		raise_irq(owner);
		ASSERT_EQ(1, ndshm_signals(owner->events[0], SIGNAL_MS))
			TH_LOG("message %u", i);
	}
	acknowledge(owner);
}

/*
 * The PCI core enables INTx when it disables MSI: with a cause pending and no handler the
 * line would be blocked for its other devices.
 */
TEST_F(edu, msi_off)
{
	struct owner *owner = &self->owner;

	test_set(owner, NDSHM_IRQ_MSI, 0, 1, owner->events);
	raise_irq(owner);
	test_signalled(owner->events[0]);
	test_off(owner);
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	/* Turning off does not signal, and can be repeated. */
	test_not_signalled(owner->events[0]);
	test_off(owner);
	test_not_signalled(owner->events[0]);
	end_claim(_metadata, owner);
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	test_not_signalled(owner->events[0]);
}

/* Messages without an eventfd are discarded; a new eventfd gets the following ones. */
TEST_F(edu, msi_replace)
{
	struct owner *owner = &self->owner;
	const __s32 none = -1;
	unsigned long before;

	test_set(owner, NDSHM_IRQ_MSI, 0, 1, &none);
	before = ndshm_irq_arrived(&owner->edu.pci);
	raise_irq(owner);
	EXPECT_TRUE(ndshm_soon(ndshm_irq_arrived(&owner->edu.pci) > before));
	/* It is counted before its handler looks for an eventfd. */
	ASSERT_TRUE(ndshm_irqs_flush());
	test_set(owner, NDSHM_IRQ_MSI, 0, 1, owner->events);
	test_not_signalled(owner->events[0]);
	raise_irq(owner);
	test_signalled(owner->events[0]);
	test_set(owner, NDSHM_IRQ_MSI, 0, 1, owner->events + 1);
	raise_irq(owner);
	test_signalled(owner->events[1]);
	test_not_signalled(owner->events[0]);
	acknowledge(owner);
}

/* Only one kind is on at a time; a refused call leaves it on. */
TEST_F(edu, busy)
{
	struct owner *owner = &self->owner;

	test_set(owner, NDSHM_IRQ_MSI, 0, 1, owner->events);
	test_err_set(EBUSY, NDSHM_REASON_IRQ_BUSY, owner, NDSHM_IRQ_INTX, 0, 1,
		     owner->events + 1);
	test_err_set(EBADF, NDSHM_REASON_IRQ_EVENTFD, owner, NDSHM_IRQ_MSI, 0, 1,
		     &owner->fd);
	raise_irq(owner);
	test_signalled(owner->events[0]);
	test_not_signalled(owner->events[1]);
	acknowledge(owner);
	test_off(owner);
	test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events + 1);
	test_err_set(EBUSY, NDSHM_REASON_IRQ_BUSY, owner, NDSHM_IRQ_MSI, 0, 1,
		     owner->events);
	raise_irq(owner);
	test_signalled(owner->events[1]);
	test_not_signalled(owner->events[0]);
}

/* A message is DMA: it needs ADAPTER_START. */
TEST_F(edu, not_started)
{
	struct owner *owner = &self->owner;

	end_claim(_metadata, owner);
	claim(_metadata, owner);
	test_set(owner, NDSHM_IRQ_MSI, 0, 1, owner->events);
	raise_irq(owner);
	test_not_signalled(owner->events[0]);
	start(_metadata, owner);
	raise_irq(owner);
	test_signalled(owner->events[0]);
	acknowledge(owner);
}

/* The end of a claim signals once more, so that a client that waits wakes up. */
TEST_F(edu, end)
{
	struct owner *owner = &self->owner;
	__u32 kind;

	for (kind = NDSHM_IRQ_INTX; kind <= NDSHM_IRQ_MSI; kind++) {
		test_set(owner, kind, 0, 1, owner->events);
		test_not_signalled(owner->events[0]);
		end_claim(_metadata, owner);
		test_signalled(owner->events[0]);
		EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
		EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
		test_err_set(EBADFD, NDSHM_REASON_CLAIM_MISSING, owner, kind, 0,
			     1, owner->events);
		claim(_metadata, owner);
		test_not_signalled(owner->events[0]);
	}
}

TEST_F(edu, unbind)
{
	struct owner *owner = &self->owner;
	__u32 kind;

	for (kind = NDSHM_IRQ_INTX; kind <= NDSHM_IRQ_MSI; kind++) {
		test_set(owner, kind, 0, 1, owner->events);
		ASSERT_EQ(0, ndshm_pci_unbind(&owner->edu.pci));
		test_signalled(owner->events[0]);
		EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
		EXPECT_EQ(0, ndshm_irq_lines(&owner->edu.pci));
		test_err_set(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner, kind,
			     0, 1, owner->events);
		ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
		end_claim(_metadata, owner);
		claim(_metadata, owner);
	}
}

/* Load: interrupts until the parent kills the process. */
static void interrupt_forever(struct owner *owner, __u32 kind)
{
	struct ndshm_adapter_set_irqs_args set =
		set_irqs(owner, kind, 0, 1, owner->events);

	if (_test_adapter_set_irqs(owner->fd, &set))
		return;
	for (;;) {
		raise_irq(owner);
		if (kind == NDSHM_IRQ_MSI)
			continue;
		acknowledge(owner);
		set = set_irqs_flags(owner, NDSHM_SET_IRQS_UNMASK, kind, 0, 0,
				     NULL);
		if (_test_adapter_set_irqs(owner->fd, &set))
			return;
	}
}

#define KILLS	20

/* A process that is killed with interrupts in flight leaves nothing. */
TEST_F(edu, kill)
{
	unsigned int i, rounds = ndshm_rounds(KILLS, 6);
	const struct ndshm_cases before = *ndshm_cases;
	struct owner *owner = &self->owner;
	eventfd_t count;
	pid_t pid;
	int peer;

	for (i = 0; i < rounds; i++) {
		end_claim(_metadata, owner);
		close(owner->fd);
		pid = ndshm_fork(&peer);
		ASSERT_LE(0, pid);
		if (!pid) {
			owner->fd = ndshm_open();
			claim(_metadata, owner);
			start(_metadata, owner);
			interrupt_forever(owner, i % 2 ? NDSHM_IRQ_INTX :
						 NDSHM_IRQ_MSI);
			_exit(1);
		}
		close(peer);
		test_signalled(owner->events[0]);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ndshm_reap(pid);
		EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
		EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
		owner->fd = ndshm_open();
		claim(_metadata, owner);
		acknowledge(owner);
		/* No message of the last claim arrives in this one. */
		eventfd_read(owner->events[0], &count);
		test_not_signalled(owner->events[0]);
	}
	ndshm_one_case(&before, true);
}

/*
 * Two functions on one INTx line
 */

FIXTURE(line) {
	struct owner owners[2];
};

FIXTURE_SETUP(line)
{
	struct ndshm_edu pair[2];
	int i;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	memset(pair, 0, sizeof(pair));
	if (ndshm_edu_find_pair(pair))
		SKIP(return, "no two edu functions in one IOMMU group");
	ASSERT_EQ(0, ndshm_edu_bind_pair(pair));
	for (i = 0; i < 2; i++) {
		self->owners[i].edu = pair[i];
		open_owner(_metadata, &self->owners[i]);
	}
	/* One client has all claims of a group. */
	close(self->owners[1].fd);
	self->owners[1].fd = self->owners[0].fd;
	for (i = 0; i < 2; i++) {
		claim(_metadata, &self->owners[i]);
		acknowledge(&self->owners[i]);
	}
}

FIXTURE_TEARDOWN(line)
{
	struct ndshm_edu pair[2];
	int i;

	for (i = 0; i < 2; i++)
		acknowledge(&self->owners[i]);
	for (i = 0; i < 2; i++) {
		close_owner(_metadata, &self->owners[i]);
		pair[i] = self->owners[i].edu;
	}
	EXPECT_EQ(0, ndshm_edu_restore_pair(pair));
}

/*
 * The handler of a function that is masked, or does not interrupt, leaves the line to the
 * other one.
 */
TEST_F(line, shared)
{
	struct owner *one = &self->owners[0], *two = &self->owners[1];
	unsigned int i;

	if (ndshm_pci_number(&one->edu.pci, "irq") !=
	    ndshm_pci_number(&two->edu.pci, "irq"))
		SKIP(return, "the functions have a line each");
	test_set(one, NDSHM_IRQ_INTX, 0, 1, one->events);
	test_set(two, NDSHM_IRQ_INTX, 0, 1, two->events);
	for (i = 0; i < 3; i++) {
		raise_irq(one);
		EXPECT_EQ(1, ndshm_signals(one->events[0], SIGNAL_MS));
		test_not_signalled(two->events[0]);
		/* The first stays pending and masked. */
		raise_irq(two);
		EXPECT_EQ(1, ndshm_signals(two->events[0], SIGNAL_MS));
		test_not_signalled(one->events[0]);
		acknowledge(one);
		acknowledge(two);
		test_unmask(one);
		test_unmask(two);
	}
	/* Pending and off: the line works for the other one. */
	test_off(one);
	raise_irq(one);
	raise_irq(two);
	EXPECT_EQ(1, ndshm_signals(two->events[0], SIGNAL_MS));
	test_not_signalled(one->events[0]);
	acknowledge(two);
	test_unmask(two);
	test_not_signalled(two->events[0]);
}

/*
 * QEMU's 82574: MSI-X, and a reset through sysfs
 */

FIXTURE(card) {
	struct owner owner;
};

FIXTURE_SETUP(card)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_pci_find(&self->owner.edu.pci, CARD_VENDOR, CARD_DEVICE))
		SKIP(return, "no 82574");
	ASSERT_EQ(0, ndshm_edu_bind(&self->owner.edu));
	open_owner(_metadata, &self->owner);
	claim(_metadata, &self->owner);
	start(_metadata, &self->owner);
}

FIXTURE_TEARDOWN(card)
{
	close_owner(_metadata, &self->owner);
	EXPECT_EQ(0, ndshm_edu_restore(&self->owner.edu));
}

/*
 * Raise the cause of vector @vector, which card_map_vectors() has assigned. The card may send
 * more than one message for a cause that is not cleared, so discard older signals.
 */
static void card_raise(struct owner *owner, unsigned int vector)
{
	const __u32 cause = 1U << (CARD_CAUSE_RX + vector);

	ndshm_card_mask(owner->bar);
	while (ndshm_signals(owner->events[vector], 0))
		;
	ndshm_edu_set32(owner->bar, CARD_UNMASK, cause);
	ndshm_edu_set32(owner->bar, CARD_RAISE, cause);
}

TEST_F(card, numbers)
{
	EXPECT_EQ(1, self->owner.claim.out_intx);
	EXPECT_EQ(1, self->owner.claim.out_msi);
	EXPECT_EQ(CARD_VECTORS, self->owner.claim.out_msix);
}

TEST_F(card, vectors)
{
	struct owner *owner = &self->owner;
	unsigned int i, j;

	ndshm_card_map_vectors(owner->bar);
	test_set(owner, NDSHM_IRQ_MSIX, 0, CARD_VECTORS, owner->events);
	EXPECT_EQ(CARD_VECTORS, ndshm_irq_messages(&owner->edu.pci));
	for (i = 0; i < CARD_VECTORS; i++) {
		card_raise(owner, i);
		test_signalled(owner->events[i]);
		for (j = 0; j < CARD_VECTORS; j++)
			EXPECT_TRUE(j == i || !ndshm_signals(owner->events[j], 0))
				TH_LOG("cause %u, vector %u", i, j);
		/* A second message may still be on its way. */
		ndshm_card_mask(owner->bar);
		while (ndshm_signals(owner->events[i], ABSENT_MS))
			;
	}
	test_off(owner);
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
}

/* The end of a claim signals it once, or its waiters would cost as many times more. */
TEST_F(card, one_eventfd)
{
	struct owner *owner = &self->owner;
	__s32 fds[CARD_VECTORS];
	unsigned int i;

	for (i = 0; i < CARD_VECTORS; i++)
		fds[i] = owner->events[0];
	test_set(owner, NDSHM_IRQ_MSIX, 0, CARD_VECTORS, fds);
	test_not_signalled(owner->events[0]);
	end_claim(_metadata, owner);
	EXPECT_EQ(1, ndshm_signals(owner->events[0], SIGNAL_MS));
}

/* Return: true if the @length bytes of what MSI-X has at @at overlap page @page of BAR @bar. */
static bool overlaps(const struct ndshm_pci *pci, unsigned int at, unsigned int length,
		     unsigned int bar, unsigned int page)
{
	const size_t size = sysconf(_SC_PAGESIZE);
	__u32 place;

	return ndshm_pci_read_config(pci, at, &place, sizeof(place)) &&
	       (place & PCI_MSIX_TABLE_BIR) == bar &&
	       (place & PCI_MSIX_TABLE_OFFSET) / size <= page &&
	       ((place & PCI_MSIX_TABLE_OFFSET) + length - 1) / size >= page;
}

/* A client that writes the MSI-X table could make the card forge messages. */
TEST_F(card, table)
{
	const struct ndshm_pci *pci = &self->owner.edu.pci;
	const unsigned int msix = ndshm_pci_capability(pci, PCI_CAP_ID_MSIX);
	const size_t size = sysconf(_SC_PAGESIZE);
	struct ndshm_adapter_map_bar_args map;
	unsigned int bar, page, holes = 0;
	char *registers;
	bool hole;

	for (bar = 0; bar < 6; bar++) {
		if (!(self->owner.claim.out_bars & 1U << bar))
			continue;
		map = adapter_map_bar_request(self->owner.edu.adapter.id, bar);
		test_adapter_map_bar(self->owner.fd, &map);
		registers = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED,
				 self->owner.fd, map.out_mmap_offset);
		ASSERT_NE(MAP_FAILED, (void *)registers);
		for (page = 0; page < map.out_length / size; page++) {
			hole = overlaps(pci, msix + PCI_MSIX_TABLE,
					CARD_VECTORS * PCI_MSIX_ENTRY_SIZE, bar, page) ||
			       overlaps(pci, msix + PCI_MSIX_PBA, sizeof(__u64), bar, page);
			holes += hole;
			EXPECT_EQ(!hole, ndshm_readable(registers + page * size))
				TH_LOG("BAR %u, page %u", bar, page);
		}
		munmap(registers, map.out_length);
	}
	/* One BAR of 16 KiB has both: with 64 KiB pages it cannot be mapped. */
	EXPECT_EQ(size == 4096 ? 2 : size == 16384, holes);
}

/* The first call fixes the number of vectors; later ones change a range of them. */
TEST_F(card, ranges)
{
	struct owner *owner = &self->owner;
	__s32 half[2] = { owner->events[0], owner->fd };
	const __s32 none[2] = { -1, -1 };

	ndshm_card_map_vectors(owner->bar);
	test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, NDSHM_IRQ_MSIX, 0,
		     CARD_VECTORS + 1, owner->events);
	test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, NDSHM_IRQ_MSIX,
		     CARD_VECTORS, 1, owner->events);
	test_err_set(EINVAL, NDSHM_REASON_IRQ_RANGE, owner, NDSHM_IRQ_MSIX,
		     CARD_VECTORS - 1, 2, owner->events);
	test_err_set(EBADF, NDSHM_REASON_IRQ_EVENTFD, owner, NDSHM_IRQ_MSIX, 0,
		     2, half);
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	/* Vectors 0 to 2, of which the last has an eventfd. */
	test_set(owner, NDSHM_IRQ_MSIX, 2, 1, owner->events + 2);
	EXPECT_EQ(3, ndshm_irq_messages(&owner->edu.pci));
	test_err_set(EBUSY, NDSHM_REASON_IRQ_BUSY, owner, NDSHM_IRQ_MSIX, 2, 2,
		     owner->events);
	test_err_set(EBADF, NDSHM_REASON_IRQ_EVENTFD, owner, NDSHM_IRQ_MSIX, 1,
		     2, half);
	card_raise(owner, 2);
	test_signalled(owner->events[2]);
	card_raise(owner, 0);
	test_not_signalled(owner->events[0]);
	test_set(owner, NDSHM_IRQ_MSIX, 0, 2, owner->events);
	card_raise(owner, 0);
	test_signalled(owner->events[0]);
	card_raise(owner, 2);
	test_signalled(owner->events[2]);
	test_set(owner, NDSHM_IRQ_MSIX, 1, 2, none);
	card_raise(owner, 2);
	test_not_signalled(owner->events[2]);
	ndshm_card_mask(owner->bar);
}

struct reset {
	const struct ndshm_pci *pci;
	unsigned int rounds;
	unsigned int failed;
	atomic_bool done;
};

static void *reset_all_the_time(void *argument)
{
	struct reset *reset = argument;
	unsigned int i;

	for (i = 0; i < reset->rounds; i++)
		reset->failed += !!ndshm_pci_reset(reset->pci);
	atomic_store(&reset->done, true);
	return NULL;
}

/* A reset turns the interrupts off and signals, when the registers can be accessed. */
TEST_F(card, reset)
{
	struct owner *owner = &self->owner;
	unsigned int kind, i, count;

	for (kind = NDSHM_IRQ_INTX; kind < NDSHM_IRQ_KINDS; kind++) {
		count = kind == NDSHM_IRQ_MSIX ? CARD_VECTORS : 1;
		ndshm_card_mask(owner->bar);
		test_set(owner, kind, 0, count, owner->events);
		ASSERT_EQ(0, ndshm_pci_reset(&owner->edu.pci));
		for (i = 0; i < count; i++)
			test_signalled(owner->events[i]);
		EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
		EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
		/* The client goes on. */
		start(_metadata, owner);
		test_set(owner, kind, 0, count, owner->events);
		ndshm_card_map_vectors(owner->bar);
		card_raise(owner, 0);
		test_signalled(owner->events[0]);
		ndshm_card_mask(owner->bar);
		test_off(owner);
		for (i = 0; i < count; i++)
			ndshm_signals(owner->events[i], 0);
	}
}

/* The same for a reset that the client itself requests. */
TEST_F(card, client_reset)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_reset_args reset;
	unsigned int kind, i, count;

	for (kind = NDSHM_IRQ_INTX; kind < NDSHM_IRQ_KINDS; kind++) {
		count = kind == NDSHM_IRQ_MSIX ? CARD_VECTORS : 1;
		ndshm_card_mask(owner->bar);
		test_set(owner, kind, 0, count, owner->events);
		reset = adapter_reset_request(owner->edu.adapter.id);
		test_adapter_reset(owner->fd, &reset);
		for (i = 0; i < count; i++)
			EXPECT_LT(0, ndshm_signals(owner->events[i], 0));
		EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
		EXPECT_FALSE(ndshm_messages_are_on(&owner->edu.pci));
		EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
		EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
		start(_metadata, owner);
		test_set(owner, kind, 0, count, owner->events);
		ndshm_card_map_vectors(owner->bar);
		card_raise(owner, 0);
		test_signalled(owner->events[0]);
		ndshm_card_mask(owner->bar);
		test_off(owner);
		for (i = 0; i < count; i++)
			ndshm_signals(owner->events[i], 0);
	}
}

/* A process that is killed while it resets leaves a function that the next one can claim. */
TEST_F(card, client_reset_kill)
{
	unsigned int i, rounds = ndshm_rounds(20, 6);
	const struct ndshm_cases before = *ndshm_cases;
	struct owner *owner = &self->owner;
	struct ndshm_adapter_reset_args reset;
	pid_t pid;
	int peer;

	for (i = 0; i < rounds; i++) {
		end_claim(_metadata, owner);
		close(owner->fd);
		pid = ndshm_fork(&peer);
		ASSERT_LE(0, pid);
		if (!pid) {
			owner->fd = ndshm_open();
			claim(_metadata, owner);
			do {
				start(_metadata, owner);
				test_set(owner, 1 + i % 3, 0, 1, owner->events);
				reset = adapter_reset_request(owner->edu.adapter.id);
			} while (!_test_adapter_reset(owner->fd, &reset));
			_exit(1);
		}
		close(peer);
		/* The signal comes at the end of a reset. */
		test_signalled(owner->events[0]);
		usleep(random() % 20000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ndshm_reap(pid);
		EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
		EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
		owner->fd = ndshm_open();
		claim(_metadata, owner);
		ndshm_signals(owner->events[0], 0);
		start(_metadata, owner);
		test_not_signalled(owner->events[0]);
	}
	ndshm_one_case(&before, true);
}

static void read_status(void *data)
{
	struct owner *owner = data;

	ndshm_edu_get32(owner->bar, CARD_STATUS);
}

#define RESETS	50

/*
 * A client that only waits for its eventfd: each signal comes after the reset, so that
 * registers can be read, and the interrupts turned on again.
 */
TEST_F(card, reset_wait)
{
	struct reset reset = { .pci = &self->owner.edu.pci, .rounds = 1 };
	unsigned int i, rounds = ndshm_rounds(RESETS, 10);
	const struct ndshm_cases before = *ndshm_cases;
	struct owner *owner = &self->owner;
	pthread_t thread;

	ndshm_card_mask(owner->bar);
	for (i = 0; i < rounds; i++) {
		atomic_store(&reset.done, false);
		test_set(owner, 1 + i % 3, 0, 1, owner->events);
		ASSERT_EQ(0, pthread_create(&thread, NULL, reset_all_the_time,
					    &reset));
		test_signalled(owner->events[0]);
		EXPECT_TRUE(ndshm_try(read_status, owner));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		test_not_signalled(owner->events[0]);
	}
	EXPECT_EQ(0, reset.failed);
	ndshm_one_case(&before, true);
}

/* Changes while resets are in progress are refused or undone by them. */
TEST_F(card, reset_race)
{
	struct reset reset = {
		.pci = &self->owner.edu.pci,
		.rounds = ndshm_rounds(RESETS, 10),
	};
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int set = 0, refused = 0, i = 0;
	struct ndshm_adapter_set_irqs_args args;
	struct owner *owner = &self->owner;
	pthread_t thread;
	bool done;

	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_all_the_time, &reset));
	/* The last change is made after the last reset. */
	do {
		const unsigned int kind = i++ % NDSHM_IRQ_KINDS;

		done = atomic_load(&reset.done);
		args = set_irqs(owner, kind, 0, !!kind,
				kind ? owner->events : NULL);
		if (!_test_adapter_set_irqs(owner->fd, &args)) {
			set++;
			continue;
		}
		if (args.reason == NDSHM_REASON_ADAPTER_RESETTING) {
			EXPECT_EQ(EAGAIN, errno);
			refused++;
			continue;
		}
		EXPECT_TRUE(args.reason == NDSHM_REASON_IRQ_BUSY ||
			    args.reason == NDSHM_REASON_ADAPTER_REMOVED)
			TH_LOG("reason %u", args.reason);
	} while (!done);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, reset.failed);
	EXPECT_LT(0, set);
	EXPECT_LT(0, refused);
	TH_LOG("%u changes, %u refused", set, refused);
	ndshm_one_case(&before, true);
}

/*
 * The handler of INTx changes the command register, as a start does: neither may undo the
 * other.
 */
struct starter {
	struct owner *owner;
	atomic_bool stop;
};

static void *unmask_all_the_time(void *argument)
{
	struct starter *starter = argument;
	struct ndshm_adapter_set_irqs_args set;

	while (!atomic_load(&starter->stop)) {
		ndshm_edu_set32(starter->owner->bar, EDU_RAISE, 1);
		set = set_irqs_flags(starter->owner, NDSHM_SET_IRQS_UNMASK,
				     NDSHM_IRQ_INTX, 0, 0, NULL);
		_test_adapter_set_irqs(starter->owner->fd, &set);
		ndshm_edu_set32(starter->owner->bar, EDU_ACKNOWLEDGE, ~0U);
	}
	return NULL;
}

#define STARTS	300

TEST_F(edu, intx_and_start)
{
	unsigned int i, lost = 0, stayed = 0, rounds = ndshm_rounds(STARTS, 50);
	const struct ndshm_cases before = *ndshm_cases;
	struct owner *owner = &self->owner;
	struct starter starter = { .owner = owner };
	pthread_t thread;

	for (i = 0; i < rounds; i++) {
		/* Only a new claim has bus mastering off. */
		end_claim(_metadata, owner);
		stayed += ndshm_pci_is_master(&owner->edu.pci);
		claim(_metadata, owner);
		test_set(owner, NDSHM_IRQ_INTX, 0, 1, owner->events);
		atomic_store(&starter.stop, false);
		ASSERT_EQ(0, pthread_create(&thread, NULL, unmask_all_the_time,
					    &starter));
		test_signalled(owner->events[0]);
		start(_metadata, owner);
		lost += !ndshm_pci_is_master(&owner->edu.pci);
		atomic_store(&starter.stop, true);
		ASSERT_EQ(0, pthread_join(thread, NULL));
	}
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, stayed);
	ndshm_one_case(&before, true);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
