// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed, and functions that are unbound, while interrupts arrive all the
 * time. Afterwards nothing may be armed: no handler, no enabled message, no interrupt in the
 * next claim, and in the kernel log no unexpected message and, behind an IOMMU, no fault.
 *
 * `make check LEVELS=irq-stress` has 1,000 kills and 100 unbinds. NDSHM_KILLS and
 * NDSHM_UNBINDS are the numbers for all kinds of interrupts together,
 * NDSHM_SEED repeats the delays of a run.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_edu.h"
#include "ndshm_irqs.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define KINDS		5	/* variants of the fixture */
#define KILLS		(KINDS * 6)
#define UNBINDS		(KINDS * 2)
#define SIGNAL_MS	20000	/* upper bound until a signal that is expected */
#define DELAY_US	4000	/* upper bound from the first interrupt to the end */

/* What the kernel reports of DMA, and of messages, that the IOMMU or a processor cannot use. */
static const struct {
	const char *one;
	const char *two;
} strays[] = {
	{ "DMAR:", "fault" },
	{ "unexpected IRQ trap at vector", "" },
	{ "No irq handler for vector", "" },
};

FIXTURE(stress) {
	struct ndshm_edu edu;
	int fd;
	unsigned char *bar;
	size_t bar_length;
	int logs[ARRAY_SIZE(strays)];
	int events[CARD_VECTORS];
};

FIXTURE_VARIANT(stress) {
	bool card;		/* QEMU's 82574 instead of edu */
	unsigned int kind;
	unsigned int count;
};

FIXTURE_VARIANT_ADD(stress, edu_intx) { .kind = NDSHM_IRQ_INTX, .count = 1 };
FIXTURE_VARIANT_ADD(stress, edu_msi) { .kind = NDSHM_IRQ_MSI, .count = 1 };
FIXTURE_VARIANT_ADD(stress, card_intx) {
	.card = true, .kind = NDSHM_IRQ_INTX, .count = 1
};

FIXTURE_VARIANT_ADD(stress, card_msi) {
	.card = true, .kind = NDSHM_IRQ_MSI, .count = 1
};

FIXTURE_VARIANT_ADD(stress, card_msix) {
	.card = true, .kind = NDSHM_IRQ_MSIX, .count = CARD_VECTORS
};

FIXTURE_SETUP(stress)
{
	unsigned int i;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (variant->card ?
	    ndshm_pci_find(&self->edu.pci, CARD_VENDOR, CARD_DEVICE) :
	    ndshm_edu_find(&self->edu))
		SKIP(return, "no such device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	for (i = 0; i < ARRAY_SIZE(strays); i++) {
		self->logs[i] = ndshm_log_open();
		ASSERT_LE(0, self->logs[i]);
	}
	for (i = 0; i < CARD_VECTORS; i++) {
		self->events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ASSERT_LE(0, self->events[i]);
	}
}

FIXTURE_TEARDOWN(stress)
{
	unsigned int i;

	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	for (i = 0; i < CARD_VECTORS; i++)
		close(self->events[i]);
	for (i = 0; i < ARRAY_SIZE(strays); i++)
		close(self->logs[i]);
}

static struct ndshm_adapter_set_irqs_args
irqs_of(const struct _test_data_stress *self, const struct _fixture_variant_stress *variant,
	const int *events)
{
	return adapter_set_irqs_request(self->edu.adapter.id, variant->kind, 0,
					variant->count, events);
}

/* Claim the function with mapped registers and bus mastering, and quiet the device. */
static void take(struct __test_metadata *_metadata, struct _test_data_stress *self,
		 const struct _fixture_variant_stress *variant)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_start_args start =
		adapter_start_request(self->edu.adapter.id);

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	test_adapter_map_bar(self->fd, &map);
	self->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->bar);
	self->bar_length = map.out_length;
	if (variant->card) {
		ndshm_card_mask(self->bar);
		ndshm_card_map_vectors(self->bar);
	} else {
		ndshm_edu_set32(self->bar, EDU_ACKNOWLEDGE, ~0U);
		ndshm_edu_get32(self->bar, EDU_CAUSE);
	}
	test_adapter_start(self->fd, &start);
}

static void leave(struct _test_data_stress *self)
{
	munmap(self->bar, self->bar_length);
	close(self->fd);
}

/* Raise the causes of all vectors. */
static void interrupt(struct _test_data_stress *self,
		      const struct _fixture_variant_stress *variant)
{
	const __u32 causes = ((1U << variant->count) - 1) << CARD_CAUSE_RX;

	if (!variant->card) {
		ndshm_edu_set32(self->bar, EDU_RAISE, 1);
		return;
	}
	ndshm_edu_set32(self->bar, CARD_CAUSE, ~0U);
	ndshm_edu_set32(self->bar, CARD_UNMASK, causes);
	ndshm_edu_set32(self->bar, CARD_RAISE, causes);
}

static void acknowledge(struct _test_data_stress *self,
			const struct _fixture_variant_stress *variant)
{
	if (variant->card)
		ndshm_card_mask(self->bar);
	else
		ndshm_edu_set32(self->bar, EDU_ACKNOWLEDGE, ~0U);
}

/* A register access after the function was unbound. */
static void end_at_sigbus(int signal_number)
{
	_exit(signal_number == SIGBUS ? 0 : 1);
}

/* Interrupt until the claim ends or the process is killed. */
static void interrupt_forever(struct _test_data_stress *self,
			      const struct _fixture_variant_stress *variant)
{
	struct ndshm_adapter_set_irqs_args set = irqs_of(self, variant, self->events);

	signal(SIGBUS, end_at_sigbus);
	if (_test_adapter_set_irqs(self->fd, &set))
		_exit(1);
	for (;;) {
		interrupt(self, variant);
		if (variant->kind != NDSHM_IRQ_INTX)
			continue;
		acknowledge(self, variant);
		set = adapter_set_irqs_request(self->edu.adapter.id, NDSHM_IRQ_INTX,
					       0, 0, NULL);
		set.flags = NDSHM_SET_IRQS_UNMASK;
		if (_test_adapter_set_irqs(self->fd, &set))
			_exit(0);
	}
}

/* Return: the child that interrupts, some time after its first interrupt. */
static pid_t begin(struct __test_metadata *_metadata, struct _test_data_stress *self,
		   const struct _fixture_variant_stress *variant)
{
	struct timespec delay = { .tv_nsec = random() % DELAY_US * 1000 };
	pid_t pid;
	int peer;

	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid) {
		take(_metadata, self, variant);
		interrupt_forever(self, variant);
	}
	close(peer);
	EXPECT_LT(0, ndshm_signals(self->events[0], SIGNAL_MS));
	nanosleep(&delay, NULL);
	return pid;
}

static void discard(struct _test_data_stress *self)
{
	unsigned int i;

	for (i = 0; i < CARD_VECTORS; i++)
		ndshm_signals(self->events[i], 0);
}

/* Nothing of a claim that has ended may be armed, whether or not the function is bound. */
static void test_all_off(struct __test_metadata *_metadata, struct _test_data_stress *self)
{
	const struct ndshm_pci *pci = &self->edu.pci;

	EXPECT_EQ(0, ndshm_irq_messages(pci));
	EXPECT_FALSE(ndshm_messages_are_on(pci));
	EXPECT_TRUE(ndshm_intx_is_off(pci));
	EXPECT_FALSE(ndshm_pci_is_master(pci));
}

/*
 * The next claim receives its own interrupts, and no eventfd of the last claim is signalled,
 * from which @self->events are now empty.
 */
static void test_next_claim(struct __test_metadata *_metadata, struct _test_data_stress *self,
			    const struct _fixture_variant_stress *variant)
{
	struct ndshm_adapter_set_irqs_args set;
	int events[CARD_VECTORS];
	unsigned int i;

	for (i = 0; i < variant->count; i++)
		events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	take(_metadata, self, variant);
	EXPECT_EQ(0, ndshm_irq_messages(&self->edu.pci));
	EXPECT_FALSE(ndshm_messages_are_on(&self->edu.pci));
	EXPECT_TRUE(ndshm_intx_is_off(&self->edu.pci));
	set = irqs_of(self, variant, events);
	test_adapter_set_irqs(self->fd, &set);
	interrupt(self, variant);
	for (i = 0; i < variant->count; i++) {
		unsigned long count = ndshm_signals(events[i], SIGNAL_MS);

		/* The card can send more than one message for a cause. */
		EXPECT_TRUE(variant->card ? count > 0 : count == 1)
			TH_LOG("%lu signals of vector %u", count, i);
	}
	acknowledge(self, variant);
	leave(self);
	for (i = 0; i < CARD_VECTORS; i++)
		EXPECT_EQ(0, ndshm_signals(self->events[i], 0));
	for (i = 0; i < variant->count; i++)
		close(events[i]);
}

static unsigned int rounds_of(const char *name, unsigned int usual)
{
	return (ndshm_number(name, ndshm_rounds(usual, KINDS)) + KINDS - 1) / KINDS;
}

static void test_no_strays(struct __test_metadata *_metadata, struct _test_data_stress *self)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(strays); i++)
		EXPECT_FALSE(ndshm_logged(self->logs[i], strays[i].one, strays[i].two))
			TH_LOG("the kernel log has: %s", strays[i].one);
}

TEST_F_TIMEOUT(stress, kill, 10000)
{
	const unsigned int rounds = rounds_of("NDSHM_KILLS", KILLS);
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < rounds; i++) {
		pid = begin(_metadata, self, variant);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ndshm_reap(pid);
		test_all_off(_metadata, self);
		discard(self);
		test_next_claim(_metadata, self, variant);
	}
	test_no_strays(_metadata, self);
	ndshm_one_case(&before, true);
	TH_LOG("%u kills", rounds);
}

TEST_F_TIMEOUT(stress, unbind, 10000)
{
	const unsigned int rounds = rounds_of("NDSHM_UNBINDS", UNBINDS);
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < rounds; i++) {
		pid = begin(_metadata, self, variant);
		ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		test_all_off(_metadata, self);
		EXPECT_EQ(0, ndshm_irq_lines(&self->edu.pci));
		/* The child may not have noticed the end of its claim. */
		kill(pid, SIGKILL);
		ndshm_reap(pid);
		discard(self);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		test_next_claim(_metadata, self, variant);
	}
	test_no_strays(_metadata, self);
	ndshm_one_case(&before, true);
	TH_LOG("%u unbinds", rounds);
}

int main(int argc, char **argv)
{
	const unsigned int seed = ndshm_number("NDSHM_SEED", time(NULL));

	printf("# NDSHM_SEED=%u\n", seed);
	srandom(seed);
	return ndshm_main(argc, argv);
}
