// SPDX-License-Identifier: GPL-2.0
/*
 * A PCI function, here QEMU's edu: bind, claim, start, map registers and
 * memory, interrupts, configuration space, unbind. The one in a slot has a reset.
 */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "fail_nth.h"
#include "ndshm_pci.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_WIDTH	28
#define EDU_IDENTITY	0xed

#define DRIVER			"/sys/bus/pci/drivers/ndshm_pci/"
#define ALLOW_UNISOLATED	"/sys/module/ndshm/parameters/allow_unisolated"

static struct fail_nth_objects *const of = &fail_nth_of;

static struct ndshm_pci pci, slot;
static char allowed[8];
static int bind_fd, unbind_fd;
static __s32 event = -1;

static bool get_adapter(struct ndshm_nl_adapter *adapter)
{
	return !ndshm_nl_adapter_by_name(&fail_nth_nl, pci.name, adapter);
}

static void end(void)
{
	close(bind_fd);
	close(unbind_fd);
	ndshm_pci_unbind(&pci);
	ndshm_pci_set_enabled(&pci, false);
	ndshm_pci_restore(&pci);
	ndshm_write_file(ALLOW_UNISOLATED, allowed);
}

static const char *begin(void)
{
	if (ndshm_pci_find(&pci, EDU_VENDOR, EDU_DEVICE))
		return "no edu device";
	if (ndshm_read_file(ALLOW_UNISOLATED, allowed, sizeof(allowed)) ||
	    ndshm_write_file(ALLOW_UNISOLATED, "Y"))
		return "no parameter allow_unisolated";
	bind_fd = open(DRIVER "bind", O_WRONLY | O_CLOEXEC);
	unbind_fd = open(DRIVER "unbind", O_WRONLY | O_CLOEXEC);
	if (bind_fd >= 0 && unbind_fd >= 0 && !ndshm_pci_bind(&pci, true) &&
	    !ndshm_pci_unbind(&pci) && !ndshm_pci_set_enabled(&pci, true) &&
	    !ndshm_pci_bind(&pci, true))
		return NULL;
	end();
	return "edu cannot be bound";
}

/* State of the function in sysfs and netlink. */
static void state(char *text, size_t size)
{
	struct ndshm_nl_adapter adapter = {};
	char path[96];
	int length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable",
		 pci.name);
	get_adapter(&adapter);
	length = snprintf(text, size, ", enabled %lld, claimed %d, master %d",
			  ndshm_read_number(path), adapter.claimed,
			  ndshm_pci_is_master(&pci));
	fail_nth_state(text + length, size - length);
}

/*
 * Bind and unbind
 */

static int report(int fd)
{
	ssize_t length = strlen(pci.name), put = pwrite(fd, pci.name, length, 0);

	return put == length ? 0 : put < 0 ? -errno : -EIO;
}

static int call_bind(void)
{
	return report(bind_fd);
}

static int call_unbind(void)
{
	return report(unbind_fd);
}

static bool bound(void)
{
	char path[96];

	snprintf(path, sizeof(path), DRIVER "%s", pci.name);
	return !access(path, F_OK);
}

static void bind_again(void)
{
	if (!bound())
		fail_nth_expect(!call_bind());
}

static bool setup_bind(void)
{
	return fail_nth_expect(!call_unbind());
}

static void check_bind(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(bound() == !error);
	fail_nth_expect(get_adapter(&adapter) == !error);
}

static void check_unbind(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(bound() == !!error);
	fail_nth_expect(get_adapter(&adapter) == !!error);
}

/*
 * Claims
 */

/* Name the function in the request, and in all later ones. */
static bool name_adapter(const struct ndshm_pci *function)
{
	struct ndshm_nl_adapter adapter;

	if (!fail_nth_expect(!ndshm_nl_adapter_by_name(&fail_nth_nl, function->name, &adapter)))
		return false;
	of->objects.adapter = adapter.id;
	return true;
}

static bool claim(const struct ndshm_pci *function)
{
	const int fd = open(ndshm_node(function->name), O_RDWR | O_CLOEXEC);
	struct ndshm_adapter_claim_args claim = adapter_claim_request(fd, EDU_WIDTH);
	bool claimed;

	claimed = name_adapter(function) &&
		  fail_nth_expect(!fail_nth_ioctl(NDSHM_ADAPTER_CLAIM, &claim));
	close(fd);
	return claimed;
}

static int node = -1;

static bool setup_claim(void)
{
	node = open(ndshm_node(pci.name), O_RDWR | O_CLOEXEC);
	of->request.claim = adapter_claim_request(node, EDU_WIDTH);
	return fail_nth_expect(node >= 0) && name_adapter(&pci);
}

static void clean_claim(void)
{
	if (node >= 0)
		close(node);
	node = -1;
}

static void check_claim(int error)
{
	if (!error)
		fail_nth_expect(of->request.claim.out_bars & 1);
}

/* Claim the function, and build the request of the scenario for it. */
static bool setup_claimed(void)
{
	return claim(&pci) && fail_nth_build(fail_nth_scenario->ioctl);
}

static void check_start(int error)
{
	fail_nth_expect(ndshm_pci_is_master(&pci) == !error);
}

static int set_irqs(__u32 kind, __u32 count)
{
	struct ndshm_adapter_set_irqs_args set =
		adapter_set_irqs_request(of->objects.adapter, kind, 0, count,
					 count ? &event : NULL);

	return fail_nth_ioctl(NDSHM_ADAPTER_SET_IRQS, &set);
}

/*
 * INTx, whose line has its files in /proc/irq from the first time on: without memory for those of a
 * new interrupt, as MSI has, the kernel warns when it removes them.
 */
static bool setup_irqs(void)
{
	if (!setup_claimed())
		return false;
	event = eventfd(0, EFD_CLOEXEC);
	of->request.irqs = adapter_set_irqs_request(of->objects.adapter, NDSHM_IRQ_INTX, 0, 1,
						    &event);
	return fail_nth_expect(event >= 0) && fail_nth_expect(!set_irqs(NDSHM_IRQ_INTX, 1)) &&
	       fail_nth_expect(!set_irqs(NDSHM_IRQ_NONE, 0));
}

/* After a failure nothing is on: another kind is not refused. */
static void check_irqs(int error)
{
	fail_nth_expect(set_irqs(NDSHM_IRQ_MSI, 1) == (error ? 0 : -EBUSY));
	fail_nth_expect(!set_irqs(NDSHM_IRQ_NONE, 0));
}

static void clean_irqs(void)
{
	if (event >= 0)
		close(event);
	event = -1;
}

static bool setup_reset(void)
{
	struct ndshm_adapter_start_args start;

	if (!fail_nth_expect(!ndshm_pci_find_in_slot(&slot, EDU_VENDOR, EDU_DEVICE)) ||
	    !fail_nth_expect(!ndshm_pci_bind(&slot, true)) || !claim(&slot))
		return false;
	start = adapter_start_request(of->objects.adapter);
	return fail_nth_expect(!fail_nth_ioctl(NDSHM_ADAPTER_START, &start)) &&
	       fail_nth_build(NDSHM_ADAPTER_RESET);
}

/* After a failure of the reply the function was not reset. */
static void check_reset(int error)
{
	fail_nth_expect(ndshm_pci_is_master(&slot) == !!error);
}

static void clean_reset(void)
{
	fail_nth_close(COMMAND_CLIENT);
	ndshm_pci_restore(&slot);
}

static void check_config(int error)
{
	if (!error)
		fail_nth_expect(of->request.config.value == (EDU_DEVICE << 16 | EDU_VENDOR));
}

#define CACHE_LINE	0x5a

static bool setup_config_write(void)
{
	bool claimed = setup_claimed();

	of->request.config = adapter_config_request(of->objects.adapter, NDSHM_CONFIG_WRITE,
						    PCI_CACHE_LINE_SIZE, 1, CACHE_LINE);
	return claimed;
}

/* After a failure of the reply nothing was written. */
static void check_config_write(int error)
{
	unsigned char line = 0;

	fail_nth_expect(ndshm_pci_read_config(&pci, PCI_CACHE_LINE_SIZE, &line, 1));
	fail_nth_expect((line == CACHE_LINE) == !error);
}

static void check_bar(int error)
{
	if (!error)
		fail_nth_expect(of->request.bar.out_length);
}

static __u64 registers;		/* offset of BAR 0 */

static bool setup_bar(void)
{
	struct ndshm_adapter_map_bar_args bar;

	if (!claim(&pci))
		return false;
	bar = adapter_map_bar_request(of->objects.adapter, 0);
	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_ADAPTER_MAP_BAR, &bar)))
		return false;
	registers = bar.out_mmap_offset;
	return true;
}

static int map_bar_at(void *place)
{
	return fail_nth_map_at(place, of->objects.fds[COMMAND_CLIENT], getpagesize(), registers);
}

static int call_map_bar(void)
{
	return map_bar_at(NULL);
}

static bool setup_fault(void)
{
	return setup_bar() && fail_nth_expect(!map_bar_at(fail_nth_far()));
}

/* A page fault does not fail without memory; the access is retried. */
static int call_fault(void)
{
	return (__atomic_load_n((__u32 *)of->map, __ATOMIC_RELAXED) & 0xff) ==
	       EDU_IDENTITY ? 0 : -EIO;
}

/* All resources of a claim; the block's mapping ends with the process's others. */
static void *memory = MAP_FAILED;

static bool setup_full(void)
{
	if (!setup_fault() || !fail_nth_expect(!call_fault()) ||
	    !fail_nth_make_block(0, NULL, 3 * getpagesize()))
		return false;
	memory = mmap(NULL, of->objects.made.length, PROT_READ | PROT_WRITE, MAP_SHARED,
		      of->objects.fds[COMMAND_CLIENT], of->objects.made.mmap_offset);
	return fail_nth_expect(memory != MAP_FAILED);
}

static int call_close(void)
{
	int fd = of->objects.fds[COMMAND_CLIENT];

	of->objects.fds[COMMAND_CLIENT] = -1;
	return close(fd) ? -errno : 0;
}

static void clean_full(void)
{
	if (memory != MAP_FAILED)
		munmap(memory, of->objects.made.length);
	memory = MAP_FAILED;
	fail_nth_unmap();
	fail_nth_close(COMMAND_CLIENT);
	bind_again();
}

static bool setup_alloc(void)
{
	bool claimed = setup_claimed();

	of->request.alloc.length = 3 * getpagesize();
	return claimed;
}

static const struct fail_nth_scenario scenarios[] = {
	{
		/*
		 * A resource that cannot be allocated is reported as busy by
		 * the kernel. The number of points depends on whether the
		 * adapter's id needs a new xarray node.
		 */
		.name = "pci-bind", .points = 11, .errors = { ENOMEM, EFAULT, EBUSY },
		.setup = setup_bind, .call = call_bind, .check = check_bind,
		.clean = bind_again,
	}, {
		.name = "pci-unbind", .points = 4, .errors = { ENOMEM, EFAULT },
		.call = call_unbind, .check = check_unbind, .clean = bind_again,
	}, {
		.name = "pci-unbind-claimed", .points = 4, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_CLIENT, .setup = setup_full, .call = call_unbind,
		.check = check_unbind, .clean = clean_full,
	}, {
		.name = "adapter-claim", .points = 3, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_CLAIM, .setup = setup_claim,
		.check = check_claim, .clean = clean_claim,
	}, {
		.name = "adapter-start", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_START, .setup = setup_claimed,
		.check = check_start,
	}, {
		.name = "adapter-set-irqs", .points = 3, .errors = { ENOMEM, EFAULT, ENOSPC },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_SET_IRQS, .setup = setup_irqs,
		.check = check_irqs, .clean = clean_irqs,
	}, {
		.name = "adapter-reset", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_RESET, .setup = setup_reset,
		.check = check_reset, .clean = clean_reset,
	}, {
		.name = "adapter-config", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_CONFIG, .setup = setup_claimed,
		.check = check_config,
	}, {
		.name = "adapter-config-write", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_CONFIG,
		.setup = setup_config_write, .check = check_config_write,
	}, {
		.name = "adapter-map-bar", .points = 3, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_ADAPTER_MAP_BAR, .setup = setup_claimed,
		.check = check_bar,
	}, {
		.name = "mmap-bar", .points = 5, .errors = { ENOMEM, ENFILE },
		.flags = FAIL_NTH_FILE, .needs = NEEDS_CLIENT, .setup = setup_bar,
		.call = call_map_bar,
	}, {
		.name = "fault-bar", .points = 2,
		.needs = NEEDS_CLIENT, .setup = setup_fault, .call = call_fault,
	}, {
		.name = "block-alloc-claimed", .points = 9, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA, .needs = NEEDS_CLIENT, .ioctl = NDSHM_BLOCK_ALLOC,
		.setup = setup_alloc, .check = fail_nth_check_alloc, .undo = fail_nth_free_all,
	}, {
		.name = "close-claimed", .points = 1,
		.needs = NEEDS_CLIENT, .setup = setup_full, .call = call_close,
		.clean = clean_full,
	},
};

const struct fail_nth_group fail_nth_pci = {
	.name = "pci",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.begin = begin,
	.end = end,
	.state = state,
};
