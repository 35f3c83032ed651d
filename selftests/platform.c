// SPDX-License-Identifier: GPL-2.0
/*
 * Adapters of platform devices. The device is edu as a platform device, which the module
 * ndshm_platform_edu makes of a function (beside the file named by NDSHM_MOCK): registers, an
 * interrupt, no reset line, and no IOMMU of its own.
 *
 * NDSHM_KILLS and NDSHM_UNBINDS are the numbers of kills and unbinds.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "ndshm_edu.h"
#include "ndshm_irqs.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define NAME		"ndshm-test-edu"
#define MODULE_NAME	"ndshm_platform_edu"
#define DEVICE		"/sys/bus/platform/devices/" NAME
#define DRIVER		"/sys/bus/platform/drivers/ndshm_platform"
#define WINDOW		0x80000
/* No test does DMA, and 28 bits reach no memory of arm64. */
#define WIDTH		40
#define SIGNAL_MS	20000	/* upper bound until a signal that is expected */
#define NO_EVENT_MS	200	/* for one that is not */
#define KILLS		20
#define UNBINDS		5

FIXTURE(device) {
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	struct ndshm_nl_adapter adapter;
	char allowed[8];
	bool loaded;
	int event;
	int fd;
	unsigned char *window;
};

static int load_device(const char *function)
{
	const char *mock = getenv("NDSHM_MOCK"), *end = mock ? strrchr(mock, '/') : NULL;
	char path[512], text[64];

	if (!end)
		return -ENOENT;
	snprintf(path, sizeof(path), "%.*s/" MODULE_NAME ".ko", (int)(end - mock), mock);
	snprintf(text, sizeof(text), "function=%s", function);
	return ndshm_load_module(path, text);
}

static int bind_device(struct _test_data_device *self)
{
	int error = ndshm_write_file(DRIVER "/bind", NAME);

	return error ?: ndshm_nl_adapter_by_name(&self->nl, NAME, &self->adapter);
}

static int unbind_device(void)
{
	return ndshm_write_file(DRIVER "/unbind", NAME);
}

FIXTURE_SETUP(device)
{
	int error;

	if (geteuid())
		SKIP(return, "only root can bind devices");
	if (ndshm_pci_find(&self->pci, 0x1234, 0x11e8))
		SKIP(return, "no edu device");
	/* A test that failed has left it, and edu could not be bound until the next boot. */
	ndshm_unload_module(MODULE_NAME);
	error = load_device(self->pci.name);
	if (error == -ENOENT)
		SKIP(return, "NDSHM_MOCK does not name a module beside " MODULE_NAME);
	ASSERT_EQ(0, error);
	self->loaded = true;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_read_file(ALLOW_UNISOLATED, self->allowed, sizeof(self->allowed)));
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "1"));
	ASSERT_EQ(0, ndshm_write_file(DEVICE "/driver_override", "ndshm_platform"));
	ASSERT_EQ(0, bind_device(self));
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(device)
{
	if (!self->loaded)
		return;
	close(self->event);
	EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(MODULE_NAME)));
	EXPECT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, self->allowed));
}

/* Claim the device and map its registers. */
static void take(struct __test_metadata *_metadata, struct _test_data_device *self)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_adapter_map_bar_args map = adapter_map_bar_request(self->adapter.id, 0);

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	claim = test_adapter_claim(self->fd, self->adapter.name, WIDTH);
	EXPECT_EQ(1, claim.out_bars);
	EXPECT_EQ(1, claim.out_intx);
	EXPECT_EQ(0, claim.out_msi);
	EXPECT_EQ(0, claim.out_msix);
	EXPECT_TRUE(claim.out_isolation & NDSHM_ISOLATION_NO_TRANSLATION);
	test_adapter_map_bar(self->fd, &map);
	EXPECT_EQ(WINDOW, map.out_length);
	self->window = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			    map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->window);
	ndshm_edu_set32(self->window, EDU_ACKNOWLEDGE, ~0U);
}

static void leave(struct _test_data_device *self)
{
	close(self->fd);
	munmap(self->window, WINDOW);
}

static struct ndshm_adapter_set_irqs_args irqs_of(const struct _test_data_device *self,
						  const int *event)
{
	return adapter_set_irqs_request(self->adapter.id, NDSHM_IRQ_INTX, 0, !!event, event);
}

static void test_unmask(struct __test_metadata *_metadata, struct _test_data_device *self)
{
	struct ndshm_adapter_set_irqs_args set = irqs_of(self, NULL);

	set.flags = NDSHM_SET_IRQS_UNMASK;
	test_adapter_set_irqs(self->fd, &set);
}

TEST_F(device, listed)
{
	EXPECT_STREQ(NAME, self->adapter.name);
	EXPECT_TRUE(self->adapter.open);
	EXPECT_TRUE(self->adapter.claimable);
	EXPECT_FALSE(self->adapter.claimed);
	EXPECT_FALSE(self->adapter.needs_reset);
	EXPECT_EQ(0, access(ndshm_node(NAME), F_OK));
	EXPECT_TRUE(self->adapter.isolation & NDSHM_ISOLATION_NO_TRANSLATION);
	EXPECT_EQ(0, unbind_device());
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->nl, NAME, &self->adapter));
}

TEST_F(device, registers)
{
	struct ndshm_adapter_start_args start = adapter_start_request(self->adapter.id);

	take(_metadata, self);
	EXPECT_EQ(0xed, ndshm_edu_get32(self->window, EDU_IDENTITY) & 0xff);
	ndshm_edu_set32(self->window, EDU_LIVENESS, 0x1234);
	EXPECT_EQ(~0x1234U, ndshm_edu_get32(self->window, EDU_LIVENESS));
	test_adapter_start(self->fd, &start);
	leave(self);
}

/* The second window is a word of a page that other registers share; there is no third. */
TEST_F(device, windows)
{
	struct ndshm_adapter_map_bar_args map;
	unsigned int bar;

	take(_metadata, self);
	for (bar = 1; bar < 6; bar++) {
		map = adapter_map_bar_request(self->adapter.id, bar);
		test_err_adapter_map_bar(EOPNOTSUPP, NDSHM_REASON_BAR_NOT_MAPPABLE, self->fd, &map);
	}
	map = adapter_map_bar_request(self->adapter.id, 6);
	test_err_adapter_map_bar(EINVAL, NDSHM_REASON_BAR, self->fd, &map);
	leave(self);
}

/* The device of a node adapter, whose DMA mask a claim would change. */
TEST_F(device, node)
{
	const char *path = "/sys/bus/platform/devices/ndshm-node.0/driver_override";

	ASSERT_EQ(0, ndshm_write_file(path, "ndshm_platform"));
	EXPECT_EQ(-ENODEV, ndshm_write_file(DRIVER "/bind", "ndshm-node.0"));
	EXPECT_EQ(0, ndshm_write_file(path, "\n"));
}

/* What a platform device does not have. */
TEST_F(device, absent)
{
	const __s32 event = self->event;
	struct ndshm_adapter_reset_args reset = adapter_reset_request(self->adapter.id);
	struct ndshm_adapter_config_args config =
		adapter_config_request(self->adapter.id, 0, 0, 4, 0);
	struct ndshm_adapter_set_irqs_args set =
		adapter_set_irqs_request(self->adapter.id, NDSHM_IRQ_MSI, 0, 1, &event);

	take(_metadata, self);
	test_err_adapter_reset(EOPNOTSUPP, NDSHM_REASON_RESET_UNSUPPORTED, self->fd, &reset);
	test_err_adapter_config(EINVAL, NDSHM_REASON_CONFIG_RANGE, self->fd, &config);
	test_err_adapter_set_irqs(EOPNOTSUPP, NDSHM_REASON_IRQ_UNSUPPORTED, self->fd, &set);
	set = adapter_set_irqs_request(self->adapter.id, NDSHM_IRQ_INTX, 0, 2, &event);
	test_err_adapter_set_irqs(EINVAL, NDSHM_REASON_IRQ_RANGE, self->fd, &set);
	leave(self);
}

/* Nothing could stop the device, so a client gets no memory that the kernel uses. */
TEST_F(device, unstoppable)
{
	static const char * const providers[] = { "pages", "coherent" };
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl_provider provider;
	unsigned int i;

	take(_metadata, self);
	alloc = block_alloc_request(self->adapter.id, 1, &block);
	alloc.provider = 0;
	test_err_block_alloc(EOPNOTSUPP, NDSHM_REASON_ADAPTER_UNSTOPPABLE, self->fd, &alloc);
	for (i = 0; i < ARRAY_SIZE(providers); i++) {
		ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, providers[i], &provider));
		alloc = block_alloc_request(self->adapter.id, 1, &block);
		alloc.provider = provider.id;
		test_err_block_alloc(EOPNOTSUPP, NDSHM_REASON_ADAPTER_UNSTOPPABLE, self->fd,
				     &alloc);
	}
	leave(self);
}

TEST_F(device, interrupt)
{
	struct ndshm_adapter_set_irqs_args set = irqs_of(self, NULL);

	take(_metadata, self);
	set.flags = NDSHM_SET_IRQS_UNMASK;
	test_err_adapter_set_irqs(EBADFD, NDSHM_REASON_IRQ_OFF, self->fd, &set);
	set = irqs_of(self, &self->event);
	test_adapter_set_irqs(self->fd, &set);
	EXPECT_EQ(0, ndshm_signals(self->event, NO_EVENT_MS));
	ndshm_edu_set32(self->window, EDU_RAISE, 1);
	EXPECT_EQ(1, ndshm_signals(self->event, SIGNAL_MS));

	/* It is masked now: a second one is kept, and signalled by the unmask. */
	ndshm_edu_set32(self->window, EDU_ACKNOWLEDGE, ~0U);
	ndshm_edu_set32(self->window, EDU_RAISE, 2);
	EXPECT_EQ(0, ndshm_signals(self->event, NO_EVENT_MS));
	test_unmask(_metadata, self);
	EXPECT_EQ(1, ndshm_signals(self->event, SIGNAL_MS));
	ndshm_edu_set32(self->window, EDU_ACKNOWLEDGE, ~0U);

	/* Off: nothing is signalled, not even the end of the claim. */
	set = adapter_set_irqs_request(self->adapter.id, NDSHM_IRQ_NONE, 0, 0, NULL);
	test_adapter_set_irqs(self->fd, &set);
	ndshm_edu_set32(self->window, EDU_RAISE, 4);
	EXPECT_EQ(0, ndshm_signals(self->event, NO_EVENT_MS));
	ndshm_edu_set32(self->window, EDU_ACKNOWLEDGE, ~0U);

	/* On again: the end of the claim signals. */
	set = irqs_of(self, &self->event);
	test_adapter_set_irqs(self->fd, &set);
	ndshm_signals(self->event, 0);
	leave(self);
	EXPECT_LT(0, ndshm_signals(self->event, SIGNAL_MS));
}

/* A second client waits for its turn, and needs the reset that there is not. */
TEST_F(device, exclusive)
{
	int other = ndshm_open();

	ASSERT_LE(0, other);
	take(_metadata, self);
	test_err_adapter_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, other, self->adapter.name, WIDTH);
	leave(self);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter.id, &self->adapter));
	EXPECT_TRUE(self->adapter.needs_reset);
	test_adapter_claim(other, self->adapter.name, WIDTH);
	close(other);
}

/*
 * Another user: not without permission, nor, since the device is not isolated, with a client of its
 * own; with one that root has opened, and permission, it may.
 */
TEST_F(device, user)
{
	const char *node = ndshm_node(self->adapter.name);
	int opened = ndshm_open(), peer;
	struct stat before;
	pid_t pid;

	ASSERT_LE(0, opened);
	ASSERT_EQ(0, stat(NDSHM_DEVICE, &before));
	ASSERT_EQ(0, chmod(NDSHM_DEVICE, 0666));
	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		test_errno(EACCES, opened, open(node, O_RDWR));
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
		test_err_adapter_claim(EPERM, NDSHM_REASON_NOT_ISOLATED, self->fd,
				       self->adapter.name, WIDTH);
		test_adapter_claim(opened, self->adapter.name, WIDTH);
		_exit(!_metadata->exit_code ? 0 : 1);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(0, chown(node, NDSHM_USER_A, NDSHM_USER_A));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(pid));
	close(opened);
	EXPECT_EQ(0, chmod(NDSHM_DEVICE, before.st_mode & 0777));
}

/* A register access after the device was unbound. */
static void end_at_sigbus(int signal_number)
{
	_exit(signal_number == SIGBUS ? 0 : 1);
}

/* Interrupt until the claim ends or the process is killed. */
static void interrupt_forever(struct __test_metadata *_metadata, struct _test_data_device *self)
{
	struct ndshm_adapter_set_irqs_args set = irqs_of(self, &self->event);

	take(_metadata, self);
	signal(SIGBUS, end_at_sigbus);
	if (_test_adapter_set_irqs(self->fd, &set))
		_exit(1);
	for (;;) {
		ndshm_edu_set32(self->window, EDU_RAISE, 1);
		ndshm_edu_set32(self->window, EDU_ACKNOWLEDGE, ~0U);
		set = irqs_of(self, NULL);
		set.flags = NDSHM_SET_IRQS_UNMASK;
		if (_test_adapter_set_irqs(self->fd, &set))
			_exit(0);
	}
}

/* Return: the child that interrupts, after its first interrupt. */
static pid_t begin(struct __test_metadata *_metadata, struct _test_data_device *self)
{
	int peer;
	pid_t pid = ndshm_fork(&peer);

	ASSERT_LE(0, pid);
	if (!pid)
		interrupt_forever(_metadata, self);
	close(peer);
	EXPECT_LT(0, ndshm_signals(self->event, SIGNAL_MS));
	return pid;
}

/* The next claim receives its own interrupts, and those of the last are over. */
static void test_next_claim(struct __test_metadata *_metadata, struct _test_data_device *self)
{
	const int next = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct ndshm_adapter_set_irqs_args set = irqs_of(self, &next);

	ndshm_signals(self->event, 0);
	take(_metadata, self);
	test_adapter_set_irqs(self->fd, &set);
	/* One that was pending in the interrupt controller. */
	ndshm_signals(next, 10);
	test_unmask(_metadata, self);
	ndshm_edu_set32(self->window, EDU_RAISE, 1);
	EXPECT_LT(0, ndshm_signals(next, SIGNAL_MS));
	ndshm_edu_set32(self->window, EDU_ACKNOWLEDGE, ~0U);
	leave(self);
	EXPECT_EQ(0, ndshm_signals(self->event, 0));
	close(next);
}

TEST_F_TIMEOUT(device, kill, 10000)
{
	const unsigned int rounds = ndshm_number("NDSHM_KILLS", ndshm_rounds(KILLS, 1));
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < rounds; i++) {
		pid = begin(_metadata, self);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ndshm_reap(pid);
		test_next_claim(_metadata, self);
	}
	ndshm_one_case(&before, true);
	TH_LOG("%u kills", rounds);
}

TEST_F_TIMEOUT(device, unbind, 10000)
{
	const unsigned int rounds = ndshm_number("NDSHM_UNBINDS", ndshm_rounds(UNBINDS, 1));
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < rounds; i++) {
		pid = begin(_metadata, self);
		ASSERT_EQ(0, unbind_device());
		/* The child may not have noticed the end of its claim. */
		kill(pid, SIGKILL);
		ndshm_reap(pid);
		ASSERT_EQ(0, bind_device(self));
		test_next_claim(_metadata, self);
	}
	ndshm_one_case(&before, true);
	TH_LOG("%u unbinds", rounds);
}

/* The window is gone with the device, whoever maps it. */
TEST_F(device, revoked)
{
	take(_metadata, self);
	EXPECT_EQ(0, unbind_device());
	test_sigbus(self->window);
	leave(self);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
