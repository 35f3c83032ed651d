// SPDX-License-Identifier: GPL-2.0
/*
 * Claims of functions that no machine of the tests has: with No Snoop, slow or failing resets, a
 * permanent failure, a slow command register. The module ndshm_pci_faults (beside the one that
 * NDSHM_MOCK names) makes QEMU's devices such functions.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include <linux/capability.h>
#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_faults.h"
#include "ndshm_irqs.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define RESET_DELAY	"/sys/module/ndshm/parameters/test_reset_delay_ms"
#define SIGNAL_MS	10000	/* upper bound until a signal that is expected */
#define LIMIT_MS	2000	/* a reset takes longer: the call returns */
#define MARGIN_MS	6000	/* on a busy machine */

/* A bound function with faults, and a client that has claimed it. */
struct owner {
	struct ndshm_edu edu;
	int fd;
	unsigned char *bar;
	size_t bar_length;
	__s32 event;
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void map_bar(struct __test_metadata *_metadata, struct owner *owner)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(owner->edu.adapter.id, 0);

	test_adapter_map_bar(owner->fd, &map);
	owner->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED,
			  owner->fd, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, owner->bar);
	owner->bar_length = map.out_length;
}

static void claim(struct __test_metadata *_metadata, struct owner *owner)
{
	test_adapter_claim(owner->fd, owner->edu.adapter.name, EDU_WIDTH);
	map_bar(_metadata, owner);
}

static void open_owner(struct __test_metadata *_metadata, struct owner *owner)
{
	owner->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	owner->fd = ndshm_open();
	ASSERT_LE(0, owner->fd);
	claim(_metadata, owner);
}

/* A claim ends with the last close of its client: the mapped BAR has its own reference. */
static void end_claim(struct owner *owner)
{
	close(owner->fd);
	munmap(owner->bar, owner->bar_length);
	owner->fd = ndshm_open();
}

static void close_owner(struct owner *owner)
{
	end_claim(owner);
	close(owner->fd);
	close(owner->event);
}

#define test_err_claim(error, reason, owner, fd) \
	test_err_adapter_claim(error, reason, fd, (owner)->edu.adapter.name, EDU_WIDTH)
#define request_of(owner, command) command##_request((owner)->edu.adapter.id)
#define test_start(owner) do { \
	struct ndshm_adapter_start_args start_ = request_of(owner, adapter_start); \
	test_adapter_start((owner)->fd, &start_); \
} while (0)
#define test_err_start(error, reason, owner) do { \
	struct ndshm_adapter_start_args start_ = request_of(owner, adapter_start); \
	test_err_adapter_start(error, reason, (owner)->fd, &start_); \
} while (0)
#define test_reset(owner) do { \
	struct ndshm_adapter_reset_args reset_ = request_of(owner, adapter_reset); \
	test_adapter_reset((owner)->fd, &reset_); \
} while (0)
#define test_err_reset(error, reason, owner) do { \
	struct ndshm_adapter_reset_args reset_ = request_of(owner, adapter_reset); \
	test_err_adapter_reset(error, reason, (owner)->fd, &reset_); \
} while (0)
#define test_resetting(owner) \
	test_err_reset(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner)

static struct ndshm_adapter_set_irqs_args irqs_of(const struct owner *owner, __u32 kind)
{
	return adapter_set_irqs_request(owner->edu.adapter.id, kind, 0, 1, &owner->event);
}

static __u16 word_at(struct __test_metadata *_metadata, struct owner *owner, unsigned int at)
{
	__u16 word = 0;

	EXPECT_TRUE(ndshm_pci_read_config(&owner->edu.pci, at, &word, sizeof(word)));
	return word;
}

/* The claim has a function that works, and with a reset since its last start. */
static void test_usable(struct __test_metadata *_metadata, struct owner *owner)
{
	EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
	EXPECT_TRUE(word_at(_metadata, owner, PCI_COMMAND) & PCI_COMMAND_MEMORY);
	test_start(owner);
	EXPECT_TRUE(ndshm_pci_is_master(&owner->edu.pci));
	EXPECT_TRUE(ndshm_readable(owner->bar));
}

/*
 * QEMU's 82574, which is reset by its power management
 */

FIXTURE(card) {
	struct owner owner;
	unsigned int express;	/* offsets of capabilities */
	unsigned int power;
	bool loaded;
};

FIXTURE_SETUP(card)
{
	struct ndshm_pci *pci = &self->owner.edu.pci;
	char bits[64];
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_pci_find(pci, CARD_VENDOR, CARD_DEVICE))
		SKIP(return, "no 82574");
	self->express = ndshm_pci_capability(pci, PCI_CAP_ID_EXP);
	self->power = ndshm_pci_capability(pci, PCI_CAP_ID_PM);
	ASSERT_NE(0, self->express);
	ASSERT_NE(0, self->power);
	snprintf(bits, sizeof(bits), "bits_at=%u bits_mask=%u", self->express + PCI_EXP_DEVCTL,
		 PCI_EXP_DEVCTL_NOSNOOP_EN);
	error = ndshm_faults_load(pci, bits);
	if (error == -ENOENT)
		SKIP(return, "NDSHM_MOCK has no ndshm_pci_faults.ko beside it");
	ASSERT_EQ(0, error);
	self->loaded = true;
	ASSERT_EQ(0, ndshm_edu_bind(&self->owner.edu));
	open_owner(_metadata, &self->owner);
}

FIXTURE_TEARDOWN(card)
{
	if (!self->loaded)
		return;
	ndshm_faults_set("silent", 0);
	ndshm_faults_set("silent_mask", 0);
	ndshm_write_file(RESET_DELAY, "0");
	close_owner(&self->owner);
	EXPECT_EQ(0, ndshm_edu_restore(&self->owner.edu));
	EXPECT_EQ(0, ndshm_faults_unload());
}

static bool has_no_snoop(struct __test_metadata *_metadata, struct _test_data_card *self)
{
	return word_at(_metadata, &self->owner, self->express + PCI_EXP_DEVCTL) &
	       PCI_EXP_DEVCTL_NOSNOOP_EN;
}

/* From bind to unbind the function cannot read memory behind the caches. */
TEST_F(card, no_snoop)
{
	const unsigned int at = self->express + PCI_EXP_DEVCTL;
	struct owner *owner = &self->owner;
	const __u16 off = word_at(_metadata, owner, at);
	struct ndshm_pci *pci = &owner->edu.pci;
	struct ndshm_adapter_config_args write =
		adapter_config_request(owner->edu.adapter.id, NDSHM_CONFIG_WRITE, at, 2,
				       off | PCI_EXP_DEVCTL_NOSNOOP_EN);

	EXPECT_FALSE(has_no_snoop(_metadata, self));
	test_err_adapter_config(EACCES, NDSHM_REASON_CONFIG_PROTECTED, owner->fd, &write);
	/* A reset turns the bit on. */
	test_reset(owner);
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_pci_reset(pci));
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	test_usable(_metadata, owner);
	end_claim(owner);
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	claim(_metadata, owner);
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_pci_unbind(pci));
	EXPECT_TRUE(has_no_snoop(_metadata, self));

	ASSERT_TRUE(ndshm_pci_write_config(pci, at, &off, sizeof(off)));
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	ASSERT_EQ(0, ndshm_pci_unbind(pci));
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	end_claim(owner);
	claim(_metadata, owner);
}

/* The PCI core writes this before each reset. The power management then refuses. */
static void fail_next_reset(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, ndshm_faults_mute_at(PCI_COMMAND, 0xffff, PCI_COMMAND_INTX_DISABLE));
}

static void speak(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, ndshm_faults_set("silent_mask", 0));
	ASSERT_EQ(0, ndshm_faults_set("silent", 0));
}

TEST_F(card, reset_failed)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_MSI);

	test_start(owner);
	test_adapter_set_irqs(owner->fd, &set);
	fail_next_reset(_metadata);
	test_err_reset(EIO, NDSHM_REASON_RESET_FAILED, owner);
	EXPECT_EQ(1, ndshm_signals(owner->event, 0));
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	test_err_start(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner);
	test_err_reset(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner);
	speak(_metadata);
	EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
	test_reset(owner);
	test_usable(_metadata, owner);
}

/* A reset that fails at the end of a claim: only a privileged client can have the function. */
TEST_F(card, release_failed)
{
	struct owner *owner = &self->owner;
	int other;

	if (owner->edu.adapter.isolation)
		SKIP(return, "not isolated, so there is no plain client");
	fail_next_reset(_metadata);
	end_claim(owner);
	speak(_metadata);
	other = test_open_without(CAP_SYS_RAWIO);
	ASSERT_EQ(0, chmod(ndshm_node(owner->edu.adapter.name), 0666));
	ASSERT_EQ(0, seteuid(NDSHM_USER_A));
	test_err_claim(EPERM, NDSHM_REASON_ADAPTER_NEEDS_RESET, owner, other);
	ASSERT_EQ(0, seteuid(0));
	close(other);
	claim(_metadata, owner);
	test_reset(owner);
	test_usable(_metadata, owner);
}

/* The function becomes silent at the end of its next reset, until speak(). */
static void stall_next_reset(struct __test_metadata *_metadata, struct _test_data_card *self)
{
	ASSERT_EQ(0, ndshm_faults_mute_at(self->power + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 0));
}

#define test_stalls(call) do { \
	const long long begin_ = now_ms(); \
	call; \
	EXPECT_LE(LIMIT_MS - 100, now_ms() - begin_); \
	EXPECT_GE(LIMIT_MS + MARGIN_MS, now_ms() - begin_) \
		TH_LOG("%lld ms", now_ms() - begin_); \
} while (0)

/* The reset goes on behind the call, which says so; the next call returns its result. */
TEST_F(card, reset_slow)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_MSI);
	struct ndshm_adapter_config_args config =
		adapter_config_request(owner->edu.adapter.id, 0, 0, 4, 0);
	int other = ndshm_open();

	test_start(owner);
	test_adapter_set_irqs(owner->fd, &set);
	stall_next_reset(_metadata, self);
	test_stalls(test_resetting(owner));
	test_err_start(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner);
	set = irqs_of(owner, NDSHM_IRQ_MSI);
	test_err_adapter_set_irqs(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner->fd, &set);
	test_err_adapter_config(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner->fd, &config);
	test_err_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, owner, other);
	test_sigbus(owner->bar);
	EXPECT_EQ(0, ndshm_signals(owner->event, 0));
	test_stalls(test_resetting(owner));
	speak(_metadata);
	/* The PCI core looks again within some seconds. */
	EXPECT_EQ(1, ndshm_signals(owner->event, SIGNAL_MS));
	test_reset(owner);
	test_usable(_metadata, owner);
	/* That was one reset. The next one begins after its result was read. */
	set = irqs_of(owner, NDSHM_IRQ_MSI);
	test_adapter_set_irqs(owner->fd, &set);
	test_reset(owner);
	EXPECT_EQ(1, ndshm_signals(owner->event, 0));
	test_usable(_metadata, owner);
	close(other);
}

/* A reset that a call did not wait for is over: the function works, and the next call resets. */
static void test_next_reset(struct __test_metadata *_metadata, struct owner *owner)
{
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_MSI);

	test_usable(_metadata, owner);
	test_adapter_set_irqs(owner->fd, &set);
	test_reset(owner);
	EXPECT_EQ(1, ndshm_signals(owner->event, 0));
	test_usable(_metadata, owner);
}

/* A start says that the client knows of the end: the next call resets. */
TEST_F(card, reset_slow_started)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_MSI);

	test_adapter_set_irqs(owner->fd, &set);
	stall_next_reset(_metadata, self);
	test_resetting(owner);
	speak(_metadata);
	EXPECT_EQ(1, ndshm_signals(owner->event, SIGNAL_MS));
	test_next_reset(_metadata, owner);
}

/* The signal and a start come before the worker ends: the next call waits for it, and resets. */
TEST_F(card, reset_again_soon)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_MSI);

	if (access(RESET_DELAY, F_OK))
		SKIP(return, "the module was not built with NDSHM_TEST=1");
	test_adapter_set_irqs(owner->fd, &set);
	ASSERT_EQ(0, ndshm_write_file(RESET_DELAY, "3000"));
	test_resetting(owner);
	ASSERT_EQ(0, ndshm_write_file(RESET_DELAY, "0"));
	EXPECT_EQ(1, ndshm_signals(owner->event, 0));
	test_next_reset(_metadata, owner);
}

static int try_claim(const struct owner *owner)
{
	struct ndshm_adapter_claim_args claim;
	int fd = ndshm_open(), error;

	error = _test_adapter_claim(fd, owner->edu.adapter.name, EDU_WIDTH, &claim) ? errno : 0;
	close(fd);
	return error;
}

/* Neither the end of the claim nor other clients wait for the reset. */
static void test_abandoned(struct __test_metadata *_metadata, struct owner *owner)
{
	test_err_claim(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner, owner->fd);
	speak(_metadata);
	EXPECT_TRUE(ndshm_soon(!try_claim(owner)));
	claim(_metadata, owner);
	test_usable(_metadata, owner);
}

TEST_F(card, reset_slow_close)
{
	struct owner *owner = &self->owner;
	long long begin;

	test_start(owner);
	stall_next_reset(_metadata, self);
	test_resetting(owner);
	begin = now_ms();
	end_claim(owner);
	EXPECT_GT(LIMIT_MS, now_ms() - begin);
	test_abandoned(_metadata, owner);
}

/* The same if the reset is the one at the end of the claim. */
TEST_F(card, release_slow)
{
	struct owner *owner = &self->owner;

	test_start(owner);
	stall_next_reset(_metadata, self);
	test_stalls(end_claim(owner));
	test_abandoned(_metadata, owner);
}

static int claim_again(const struct owner *owner)
{
	struct ndshm_adapter_claim_args claim;

	return _test_adapter_claim(owner->fd, owner->edu.adapter.name, EDU_WIDTH, &claim);
}

/* If all resets are slow, the next claim has the result of the last one. */
TEST_F(card, release_slow_each)
{
	struct owner *owner = &self->owner;

	test_start(owner);
	stall_next_reset(_metadata, self);
	test_stalls(end_claim(owner));
	/* The next reset would make the function silent again. */
	ASSERT_EQ(0, ndshm_faults_set("silent", 0));
	EXPECT_TRUE(ndshm_soon(!claim_again(owner)));
	speak(_metadata);
	map_bar(_metadata, owner);
	test_usable(_metadata, owner);
}

static void *speak_later(void *unused)
{
	usleep(1000000);
	ndshm_faults_set("silent_mask", 0);
	ndshm_faults_set("silent", 0);
	return unused;
}

/* Only the removal of the function itself waits. */
TEST_F(card, reset_slow_unbind)
{
	struct owner *owner = &self->owner;
	pthread_t thread;

	test_start(owner);
	stall_next_reset(_metadata, self);
	test_resetting(owner);
	ASSERT_EQ(0, pthread_create(&thread, NULL, speak_later, NULL));
	ASSERT_EQ(0, ndshm_pci_unbind(&owner->edu.pci));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
	test_err_reset(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner);
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	end_claim(owner);
	claim(_metadata, owner);
	test_usable(_metadata, owner);
}

#define MOST_FAILURES	10

/* Resets fail until they are refused, which must be after @least of them. */
static void use_up_failures(struct __test_metadata *_metadata, struct owner *owner,
			    unsigned int least)
{
	struct ndshm_adapter_reset_args reset;
	unsigned int failed = 0;

	for (;;) {
		fail_next_reset(_metadata);
		reset = request_of(owner, adapter_reset);
		EXPECT_NE(0, _test_adapter_reset(owner->fd, &reset));
		speak(_metadata);
		if (reset.reason != NDSHM_REASON_RESET_FAILED)
			break;
		failed++;
	}
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(NDSHM_REASON_ADAPTER_RESETTING, reset.reason);
	EXPECT_LE(least, failed);
	/* On a slow machine another one has become permitted. */
	EXPECT_GE(least + 2, failed);
}

/* The kernel logs such resets, so a client cannot have them in a loop. */
TEST_F(card, failures_are_limited)
{
	const struct ndshm_cases before = *ndshm_cases;
	struct owner *owner = &self->owner;
	unsigned int i;
	int error = 0;

	/* Each ten seconds another failure becomes permitted, which may be after the last one. */
	for (i = 0; i < 3 && !error; i++) {
		if (i) {
			ASSERT_TRUE(ndshm_soon(!claim_again(owner)));
			map_bar(_metadata, owner);
		}
		use_up_failures(_metadata, owner, i ? 0 : MOST_FAILURES);
		/* Each claim ends with a reset. */
		end_claim(owner);
		error = try_claim(owner);
	}
	EXPECT_EQ(EAGAIN, error);
	EXPECT_TRUE(ndshm_soon(!try_claim(owner)) || !try_claim(owner));
	claim(_metadata, owner);
	test_reset(owner);
	test_usable(_metadata, owner);
	ndshm_one_case(&before, true);
}

/* The function has failed for good: the client learns of it, and can only end. */
TEST_F(card, permanent_failure)
{
	struct owner *owner = &self->owner;
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_MSI);
	struct ndshm_adapter_config_args config =
		adapter_config_request(owner->edu.adapter.id, 0, 0, 4, 0);

	test_start(owner);
	test_adapter_set_irqs(owner->fd, &set);
	ASSERT_EQ(0, ndshm_faults_set("fail", 1));
	EXPECT_EQ(1, ndshm_signals(owner->event, 0));
	EXPECT_EQ(0, ndshm_irq_messages(&owner->edu.pci));
	EXPECT_FALSE(ndshm_messages_are_on(&owner->edu.pci));
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
	test_sigbus(owner->bar);
	test_err_start(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner);
	test_err_reset(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner);
	set = irqs_of(owner, NDSHM_IRQ_MSI);
	test_err_adapter_set_irqs(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner->fd, &set);
	test_err_adapter_config(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner->fd, &config);
	/* A reset does not give the registers back, nor does the next claim. */
	ASSERT_EQ(0, ndshm_pci_reset(&owner->edu.pci));
	test_sigbus(owner->bar);
	end_claim(owner);
	test_err_claim(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, owner, owner->fd);
	ASSERT_EQ(0, ndshm_pci_unbind(&owner->edu.pci));
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	claim(_metadata, owner);
	test_usable(_metadata, owner);
}

/* The client has no registers, also after a reset by an administrator. */
static void test_recovering(struct __test_metadata *_metadata, struct owner *owner)
{
	test_sigbus(owner->bar);
	test_err_start(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner);
	ASSERT_EQ(0, ndshm_pci_reset(&owner->edu.pci));
	test_sigbus(owner->bar);
	test_err_start(EAGAIN, NDSHM_REASON_ADAPTER_RESETTING, owner);
	EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
}

/*
 * From the error to the end of the recovery no client has the registers, whatever resets the
 * function meanwhile: the end of a claim, the next claim, or an administrator.
 */
TEST_F(card, recovery)
{
	struct owner *owner = &self->owner;

	test_start(owner);
	ASSERT_EQ(0, ndshm_faults_set("recovery", 1));
	test_recovering(_metadata, owner);
	end_claim(owner);
	claim(_metadata, owner);
	test_recovering(_metadata, owner);
	ASSERT_EQ(0, ndshm_faults_set("recovery", 2));
	test_recovering(_metadata, owner);
	ASSERT_EQ(0, ndshm_faults_set("recovery", 0));
	test_usable(_metadata, owner);
}

/* A recovery that never ends: the function is usable when it is bound again. */
TEST_F(card, recovery_fails)
{
	struct owner *owner = &self->owner;

	ASSERT_EQ(0, ndshm_faults_set("recovery", 1));
	ASSERT_EQ(0, ndshm_pci_unbind(&owner->edu.pci));
	end_claim(owner);
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	claim(_metadata, owner);
	test_usable(_metadata, owner);
	/* Also after the reset at the end of the claim. */
	end_claim(owner);
	claim(_metadata, owner);
	test_usable(_metadata, owner);
}

/*
 * edu, whose INTx the handler masks in the command register
 */

#define DELAY_MS	200
#define MOST_DELAYS	2	/* of five seconds each, if nothing interrupts */

FIXTURE(edu) {
	struct owner owner;
	bool loaded;
};

FIXTURE_SETUP(edu)
{
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->owner.edu))
		SKIP(return, "no edu device");
	error = ndshm_faults_load(&self->owner.edu.pci, "");
	if (error == -ENOENT)
		SKIP(return, "NDSHM_MOCK has no ndshm_pci_faults.ko beside it");
	ASSERT_EQ(0, error);
	self->loaded = true;
	ASSERT_EQ(0, ndshm_edu_bind(&self->owner.edu));
	open_owner(_metadata, &self->owner);
}

FIXTURE_TEARDOWN(edu)
{
	if (!self->loaded)
		return;
	ndshm_faults_set("delay_ms", 0);
	close_owner(&self->owner);
	EXPECT_EQ(0, ndshm_edu_restore(&self->owner.edu));
	EXPECT_EQ(0, ndshm_faults_unload());
}

/* A thread that raises an interrupt, on the processor that takes it. */
struct raiser {
	struct owner *owner;
	int processor;
	atomic_bool ready;
	atomic_bool started;	/* there will be no delay, if there was none */
	bool delayed;		/* a delay was in progress */
};

static int line_processor(const struct ndshm_pci *pci)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/irq", pci->name);
	snprintf(path, sizeof(path), "/proc/irq/%lld/effective_affinity_list",
		 ndshm_read_number(path));
	return ndshm_read_number(path);
}

static int run_on(int processor)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

static void *raise_in_delay(void *argument)
{
	struct raiser *raiser = argument;

	run_on(raiser->processor);
	raiser->ready = true;
	do
		raiser->delayed = ndshm_faults_get("delaying") > 0;
	while (!raiser->started && !raiser->delayed);
	ndshm_edu_set32(raiser->owner->bar, EDU_RAISE, 1);
	return NULL;
}

/* START in a delay, and an interrupt; true: it came in the delay. */
static bool interrupt_a_start(struct __test_metadata *_metadata, struct owner *owner)
{
	struct ndshm_adapter_set_irqs_args set = irqs_of(owner, NDSHM_IRQ_INTX);
	struct raiser raiser = { .owner = owner };
	pthread_t thread;

	ndshm_edu_set32(owner->bar, EDU_ACKNOWLEDGE, ~0U);
	test_adapter_set_irqs(owner->fd, &set);
	EXPECT_FALSE(ndshm_intx_is_off(&owner->edu.pci));
	raiser.processor = line_processor(&owner->edu.pci);
	ASSERT_LE(0, raiser.processor);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		ASSERT_EQ(0, run_on(!raiser.processor));
	ASSERT_EQ(0, pthread_create(&thread, NULL, raise_in_delay, &raiser));
	while (!raiser.ready)
		sched_yield();
	ASSERT_EQ(0, ndshm_faults_set("delay_ms", DELAY_MS));
	test_start(owner);
	raiser.started = true;
	ASSERT_EQ(0, ndshm_faults_set("delay_ms", 0));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, ndshm_signals(owner->event, SIGNAL_MS));
	EXPECT_TRUE(ndshm_intx_is_off(&owner->edu.pci));
	EXPECT_TRUE(ndshm_pci_is_master(&owner->edu.pci));
	ndshm_edu_set32(owner->bar, EDU_ACKNOWLEDGE, ~0U);
	return raiser.delayed;
}

/*
 * An interrupt between START's read and its write of the command register: the write must not
 * unmask INTx again. START runs on another processor than the handler, with interrupts disabled. A
 * task on the handler's processor that waits for START's keeps the raiser from running: try again.
 */
TEST_F(edu, interrupt_during_start)
{
	struct owner *owner = &self->owner;
	unsigned int i;
	bool delayed;

	delayed = interrupt_a_start(_metadata, owner);
	/* With one processor the interrupt comes after START. */
	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		return;
	for (i = 0; i < MOST_DELAYS && !delayed; i++) {
		close_owner(owner);
		open_owner(_metadata, owner);
		delayed = interrupt_a_start(_metadata, owner);
	}
	EXPECT_TRUE(delayed);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
