// SPDX-License-Identifier: GPL-2.0
/*
 * ADAPTER_CONFIG: a client reads all of the configuration space of its function, and writes
 * only the registers that it may change.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_irqs.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define SPACE		4096

FIXTURE(config) {
	struct ndshm_edu edu;
	int fd;
	unsigned int size;	/* of the configuration space */
	unsigned int express;	/* offset of the PCI Express capability, or 0 */
	unsigned char before[SPACE];
};

/* edu has the 256 bytes of conventional PCI, QEMU's 82574 the 4096 of PCI Express. */
FIXTURE_VARIANT(config) {
	bool card;
};

FIXTURE_VARIANT_ADD(config, edu) { .card = false };
FIXTURE_VARIANT_ADD(config, card) { .card = true };

static void test_space(struct __test_metadata *_metadata, struct _test_data_config *self)
{
	unsigned char now[SPACE];
	unsigned int i;

	ASSERT_TRUE(ndshm_pci_read_config(&self->edu.pci, 0, now, self->size));
	for (i = 0; i < self->size; i++)
		EXPECT_EQ(self->before[i], now[i])
			TH_LOG("configuration space, byte %#x", i);
}

FIXTURE_SETUP(config)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (variant->card ?
	    ndshm_pci_find(&self->edu.pci, CARD_VENDOR, CARD_DEVICE) :
	    ndshm_edu_find(&self->edu))
		SKIP(return, "no such device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->express = ndshm_pci_capability(&self->edu.pci, PCI_CAP_ID_EXP);
	self->size = ndshm_pci_read_config(&self->edu.pci, 0, self->before, SPACE) ?
		     SPACE : 256;
	self->fd = test_open_claimed(&self->edu);
	ASSERT_TRUE(ndshm_pci_read_config(&self->edu.pci, 0, self->before, self->size));
}

FIXTURE_TEARDOWN(config)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

static struct ndshm_adapter_config_args
config_request(const struct _test_data_config *self, __u32 flags, __u32 offset, __u32 width,
	       __u32 value)
{
	return adapter_config_request(self->edu.adapter.id, flags, offset, width, value);
}

#define test_read(self, offset, width) ({ \
	struct ndshm_adapter_config_args read_ = \
		config_request(self, 0, offset, width, 0); \
	test_adapter_config((self)->fd, &read_); \
	read_.value; \
})
#define test_err_read(error, reason, self, offset, width) do { \
	struct ndshm_adapter_config_args read_ = \
		config_request(self, 0, offset, width, 0); \
	test_err_adapter_config(error, reason, (self)->fd, &read_); \
} while (0)
#define test_write(self, offset, width, value) do { \
	struct ndshm_adapter_config_args write_ = \
		config_request(self, NDSHM_CONFIG_WRITE, offset, width, value); \
	test_adapter_config((self)->fd, &write_); \
} while (0)
#define test_err_write(error, reason, self, offset, width, value) do { \
	struct ndshm_adapter_config_args write_ = \
		config_request(self, NDSHM_CONFIG_WRITE, offset, width, value); \
	test_err_adapter_config(error, reason, (self)->fd, &write_); \
} while (0)
#define test_protected(self, offset, width, value) \
	test_err_write(EACCES, NDSHM_REASON_CONFIG_PROTECTED, self, offset, width, value)

/* The bytes that the kernel's file has, in the processor's order. */
static __u32 expected_at(const struct _test_data_config *self, unsigned int offset,
			 unsigned int width)
{
	__u32 value = 0;

	memcpy(&value, self->before + offset, width);
	return value;
}

TEST_F(config, read)
{
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int offset, width;

	EXPECT_EQ(variant->card ? SPACE : 256, self->size);
	for (width = 1; width <= 4; width *= 2)
		for (offset = 0; offset < self->size; offset += width)
			EXPECT_EQ(expected_at(self, offset, width),
				  test_read(self, offset, width))
				TH_LOG("%u bytes at %#x", width, offset);
	test_space(_metadata, self);
	ndshm_one_case(&before, true);
}

TEST_F(config, range)
{
	static const __u32 widths[] = { 0, 3, 5, 8, 16, 0x80000001, ~0U };
	unsigned int i, width;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		test_err_read(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, 0, widths[i]);
		test_err_write(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, 0, widths[i], 0);
	}
	for (i = 1; i < 4; i++) {
		test_err_read(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, i, 4);
		test_err_write(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, i, 4, 0);
	}
	test_err_read(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, PCI_STATUS + 1, 2);
	test_err_write(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, PCI_STATUS + 1, 2, 0);
	for (width = 1; width <= 4; width *= 2) {
		const __u32 beyond[] = { self->size, SPACE, 0x10000, 0x80000000, -width };

		test_read(self, self->size - width, width);
		for (i = 0; i < ARRAY_SIZE(beyond); i++) {
			test_err_read(EINVAL, NDSHM_REASON_CONFIG_RANGE, self,
				      beyond[i], width);
			test_err_write(EINVAL, NDSHM_REASON_CONFIG_RANGE, self,
				       beyond[i], width, 0);
		}
	}
	test_err_write(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, PCI_CACHE_LINE_SIZE, 1,
		       0x100);
	test_err_write(EINVAL, NDSHM_REASON_CONFIG_RANGE, self, PCI_STATUS, 2, 0x10000);
	test_space(_metadata, self);
}

/* Return: true if a write of some value with this width is permitted. */
static bool is_writable(const struct _test_data_config *self, unsigned int offset,
			unsigned int width)
{
	if (width == 1)
		return offset == PCI_CACHE_LINE_SIZE;
	return width == 2 && (offset == PCI_STATUS ||
			      (self->express && (offset == self->express + PCI_EXP_DEVCTL ||
						 offset == self->express + PCI_EXP_DEVSTA)));
}

/* Every register that is not in the list, with each width, and values of all kinds. */
TEST_F(config, protected)
{
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int offset, width;
	__u32 now, all;

	for (width = 1; width <= 4; width *= 2) {
		all = ~0U >> (32 - 8 * width);
		for (offset = 0; offset < self->size; offset += width) {
			if (is_writable(self, offset, width))
				continue;
			now = expected_at(self, offset, width);
			test_protected(self, offset, width, now);
			test_protected(self, offset, width, ~now & all);
		}
	}
	test_space(_metadata, self);
	ndshm_one_case(&before, true);
}

/* The same for what matters most, with the values that an attacker would choose. */
TEST_F(config, protected_classes)
{
	const struct ndshm_pci *pci = &self->edu.pci;
	const unsigned int msi = ndshm_pci_capability(pci, PCI_CAP_ID_MSI);
	const unsigned int msix = ndshm_pci_capability(pci, PCI_CAP_ID_MSIX);
	const unsigned int power = ndshm_pci_capability(pci, PCI_CAP_ID_PM);
	unsigned int i;

	test_protected(self, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	test_protected(self, PCI_COMMAND, 1, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	test_protected(self, PCI_COMMAND, 4, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	test_protected(self, PCI_COMMAND, 2, 0);
	for (i = 0; i < 6; i++)
		test_protected(self, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0xfee00000);
	test_protected(self, PCI_ROM_ADDRESS, 4, 0xfee00000 | PCI_ROM_ADDRESS_ENABLE);
	test_protected(self, PCI_LATENCY_TIMER, 1, 0xff);
	test_protected(self, PCI_BIST, 1, PCI_BIST_START);
	test_protected(self, PCI_CACHE_LINE_SIZE, 4, PCI_BIST_START << 24);
	test_protected(self, PCI_INTERRUPT_LINE, 1, 1);
	ASSERT_NE(0, msi);
	test_protected(self, msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	test_protected(self, msi + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	test_protected(self, msi + PCI_MSI_DATA_64, 2, 0x30);
	if (variant->card) {
		ASSERT_NE(0, msix);
		test_protected(self, msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
		ASSERT_NE(0, power);
		test_protected(self, power + PCI_PM_CTRL, 2, 3);
		ASSERT_NE(0, self->express);
		test_protected(self, self->express + PCI_EXP_LNKCTL, 2, PCI_EXP_LNKCTL_LD);
		test_protected(self, self->express + PCI_EXP_DEVCTL2, 2,
			       PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
		/* The first extended capability. */
		test_protected(self, 0x100, 4, 0);
		test_protected(self, 0x104, 4, ~0U);
	}
	test_space(_metadata, self);
	EXPECT_FALSE(ndshm_pci_is_master(pci));
}

/* The end of the claim and a reset restore it. */
TEST_F(config, cache_line)
{
	const __u8 before = self->before[PCI_CACHE_LINE_SIZE], other = before ^ 0x3c;
	struct ndshm_adapter_reset_args reset;

	test_write(self, PCI_CACHE_LINE_SIZE, 1, other);
	EXPECT_EQ(other, test_read(self, PCI_CACHE_LINE_SIZE, 1));
	close(self->fd);
	self->fd = test_open_claimed(&self->edu);
	EXPECT_EQ(before, test_read(self, PCI_CACHE_LINE_SIZE, 1));
	test_space(_metadata, self);
	if (!variant->card)
		return;
	test_write(self, PCI_CACHE_LINE_SIZE, 1, other);
	EXPECT_EQ(other, test_read(self, PCI_CACHE_LINE_SIZE, 1));
	reset = adapter_reset_request(self->edu.adapter.id);
	test_adapter_reset(self->fd, &reset);
	test_space(_metadata, self);
}

#define STATUS_ERRORS	(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | \
			 PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT | \
			 PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

/* A write of error bits leaves the command register, in the same word, alone. */
TEST_F(config, status)
{
	struct ndshm_adapter_start_args start = adapter_start_request(self->edu.adapter.id);
	unsigned int bit;

	test_adapter_start(self->fd, &start);
	for (bit = 0; bit < 16; bit++) {
		if (STATUS_ERRORS & 1U << bit)
			test_write(self, PCI_STATUS, 2, 1U << bit);
		else
			test_protected(self, PCI_STATUS, 2, 1U << bit);
	}
	test_write(self, PCI_STATUS, 2, STATUS_ERRORS);
	test_write(self, PCI_STATUS, 2, 0);
	test_protected(self, PCI_STATUS, 2, 0xffff);
	EXPECT_TRUE(ndshm_pci_is_master(&self->edu.pci));
	EXPECT_EQ(0, test_read(self, PCI_STATUS, 2) & STATUS_ERRORS);
}

/* Each bit that is not on at the beginning of the claim stays off. */
TEST_F(config, device_control)
{
	const unsigned int at = self->express + PCI_EXP_DEVCTL;
	const __u16 now = expected_at(self, at, 2);
	unsigned int bit;

	/* edu is not PCI Express. */
	ASSERT_EQ(variant->card, self->express != 0);
	if (!variant->card)
		return;
	test_write(self, at, 2, now);
	for (bit = 0; bit < 16; bit++) {
		const __u16 value = now ^ 1U << bit;

		if ((PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN) & now & 1U << bit)
			test_write(self, at, 2, value);
		else if (!(PCI_EXP_DEVCTL_READRQ & 1U << bit) || value > now)
			test_protected(self, at, 2, value);
		else
			test_write(self, at, 2, value);
	}
	test_write(self, at, 2, now);
	test_protected(self, at, 2, now | PCI_EXP_DEVCTL_BCR_FLR);
	test_protected(self, at, 2, 0xffff);
	/* Together with the status register. */
	test_protected(self, at, 4, now);
	for (bit = 0; bit < 16; bit++) {
		if (bit < 4)
			test_write(self, self->express + PCI_EXP_DEVSTA, 2, 1U << bit);
		else
			test_protected(self, self->express + PCI_EXP_DEVSTA, 2, 1U << bit);
	}
	test_space(_metadata, self);
}

TEST_F(config, no_claim)
{
	struct ndshm_adapter_config_args request = config_request(self, 0, 0, 4, 0);
	int other = ndshm_open();

	ASSERT_LE(0, other);
	test_err_adapter_config(EBADFD, NDSHM_REASON_CLAIM_MISSING, other, &request);
	request = config_request(self, NDSHM_CONFIG_WRITE, PCI_CACHE_LINE_SIZE, 1, 0);
	test_err_adapter_config(EBADFD, NDSHM_REASON_CLAIM_MISSING, other, &request);
	close(other);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_err_read(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self, 0, 4);
	test_err_write(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self, PCI_CACHE_LINE_SIZE, 1, 0);
}

struct resetter {
	const struct ndshm_pci *pci;
	unsigned int rounds;
	unsigned int failed;
	atomic_bool done;
};

static void *reset_all_the_time(void *argument)
{
	struct resetter *resetter = argument;
	unsigned int i;

	for (i = 0; i < resetter->rounds; i++)
		resetter->failed += !!ndshm_pci_reset(resetter->pci);
	atomic_store(&resetter->done, true);
	return NULL;
}

/* During a reset registers read as ones, and a write would be lost: both are refused. */
TEST_F(config, reset_race)
{
	const struct ndshm_cases before = *ndshm_cases;
	struct resetter resetter = {
		.pci = &self->edu.pci, .rounds = ndshm_rounds(20, 5),
	};
	unsigned int passed = 0, refused = 0;
	struct ndshm_adapter_config_args request;
	pthread_t thread;
	bool write, done;

	/* edu has no reset. */
	if (!variant->card)
		return;
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_all_the_time, &resetter));
	/* The last access begins after the last reset. */
	do {
		done = atomic_load(&resetter.done);
		write = (passed + refused) % 2;
		request = config_request(self, write ? NDSHM_CONFIG_WRITE : 0,
					 write ? PCI_CACHE_LINE_SIZE : 0, write ? 1 : 4,
					 0x10);
		if (_test_adapter_config(self->fd, &request)) {
			EXPECT_EQ(EAGAIN, errno);
			EXPECT_EQ(NDSHM_REASON_ADAPTER_RESETTING, request.reason);
			refused++;
			continue;
		}
		EXPECT_TRUE(write || request.value == expected_at(self, 0, 4));
		passed++;
	} while (!done);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, resetter.failed);
	EXPECT_LT(0, passed);
	EXPECT_LT(0, refused);
	close(self->fd);
	self->fd = ndshm_open();
	test_space(_metadata, self);
	ndshm_one_case(&before, true);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
