// SPDX-License-Identifier: GPL-2.0
/*
 * A PCI function, here QEMU's edu: bind, claim, start, map registers and
 * memory, interrupts, configuration space, unbind. The one in a slot has a reset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "client.h"
#include "ndshm_pci.h"
#include "ndshm_proc.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_WIDTH	28
#define EDU_IDENTITY	0xed

#define DRIVER			"/sys/bus/pci/drivers/ndshm_pci/"
#define ALLOW_UNISOLATED	"/sys/module/ndshm/parameters/allow_unisolated"

static struct fail_nth_client *const of = &fail_nth_of;

static struct ndshm_pci pci, slot;
static char allowed[8];
static int bind_fd, unbind_fd;

static struct ndshm_adapter_claim_args claim;
static struct ndshm_adapter_start_args start;
static struct ndshm_adapter_map_bar_args bar;
static struct ndshm_adapter_set_irqs_args irqs;
static struct ndshm_adapter_reset_args reset;
static struct ndshm_adapter_config_args config;
static __s32 event = -1;
static __u32 *registers;

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
	fail_nth_client_state(text + length, size - length);
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

static void poison(void *argument, __u32 size)
{
	struct ndshm_header *header = argument;

	memset(argument, FAIL_NTH_POISON, size);
	header->size = size;
	header->flags = 0;
}

static bool setup_claim(void)
{
	struct ndshm_nl_adapter adapter;

	if (!fail_nth_open() || !fail_nth_expect(get_adapter(&adapter)))
		return false;
	of->adapter = adapter.id;
	poison(&claim, sizeof(claim));
	claim.adapter = adapter.id;
	claim.address_width = EDU_WIDTH;
	return true;
}

static int call_claim(void)
{
	return fail_nth_ioctl(NDSHM_ADAPTER_CLAIM, &claim);
}

static void check_claim(int error)
{
	fail_nth_check_header(&claim, error);
	if (error)
		fail_nth_expect(fail_nth_untouched(&claim.out_isolation, 20));
	else
		fail_nth_expect(claim.out_bars & 1);
}

static bool setup_start(void)
{
	if (!setup_claim() || !fail_nth_expect(!call_claim()))
		return false;
	poison(&start, sizeof(start));
	start.adapter = of->adapter;
	start.__reserved = 0;
	return true;
}

static int call_start(void)
{
	return fail_nth_ioctl(NDSHM_ADAPTER_START, &start);
}

static void check_start(int error)
{
	fail_nth_check_header(&start, error);
	fail_nth_expect(ndshm_pci_is_master(&pci) == !error);
}

static int call_irqs(void)
{
	return fail_nth_ioctl(NDSHM_ADAPTER_SET_IRQS, &irqs);
}

static bool turn_irqs_off(void)
{
	struct ndshm_adapter_set_irqs_args off = irqs;

	off.kind = NDSHM_IRQ_NONE;
	off.count = 0;
	off.eventfds = 0;
	return fail_nth_expect(!fail_nth_ioctl(NDSHM_ADAPTER_SET_IRQS, &off));
}

/*
 * INTx, whose line has its files in /proc/irq from the first time on: without memory for those of a
 * new interrupt, as MSI has, the kernel warns when it removes them.
 */
static bool setup_irqs(void)
{
	if (!setup_claim() || !fail_nth_expect(!call_claim()))
		return false;
	event = eventfd(0, EFD_CLOEXEC);
	poison(&irqs, sizeof(irqs));
	irqs.adapter = of->adapter;
	irqs.kind = NDSHM_IRQ_INTX;
	irqs.first = 0;
	irqs.count = 1;
	irqs.eventfds = (uintptr_t)&event;
	if (!fail_nth_expect(event >= 0) || !fail_nth_expect(!call_irqs()) || !turn_irqs_off())
		return false;
	fail_nth_check_header(&irqs, 0);
	return true;
}

/* After a failure nothing is on: another kind is not refused. */
static void check_irqs(int error)
{
	struct ndshm_adapter_set_irqs_args other = irqs;

	fail_nth_check_header(&irqs, error);
	other.kind = NDSHM_IRQ_MSI;
	fail_nth_expect(fail_nth_ioctl(NDSHM_ADAPTER_SET_IRQS, &other) ==
			(error ? 0 : -EBUSY));
	turn_irqs_off();
}

static void clean_irqs(void)
{
	if (event >= 0)
		close(event);
	event = -1;
	fail_nth_close();
}

static bool setup_reset(void)
{
	struct ndshm_nl_adapter adapter;

	if (!fail_nth_expect(!ndshm_pci_find_in_slot(&slot, EDU_VENDOR, EDU_DEVICE)) ||
	    !fail_nth_expect(!ndshm_pci_bind(&slot, true)) || !fail_nth_open() ||
	    !fail_nth_expect(!ndshm_nl_adapter_by_name(&fail_nth_nl, slot.name, &adapter)))
		return false;
	poison(&claim, sizeof(claim));
	claim.adapter = adapter.id;
	claim.address_width = EDU_WIDTH;
	poison(&start, sizeof(start));
	start.adapter = adapter.id;
	start.__reserved = 0;
	poison(&reset, sizeof(reset));
	reset.adapter = adapter.id;
	reset.__reserved = 0;
	return fail_nth_expect(!call_claim()) && fail_nth_expect(!call_start());
}

static int call_reset(void)
{
	return fail_nth_ioctl(NDSHM_ADAPTER_RESET, &reset);
}

/* After a failure of the reply the function was not reset. */
static void check_reset(int error)
{
	fail_nth_check_header(&reset, error);
	fail_nth_expect(ndshm_pci_is_master(&slot) == !!error);
}

static void clean_reset(void)
{
	fail_nth_close();
	ndshm_pci_restore(&slot);
}

static bool setup_config(void)
{
	if (!setup_claim() || !fail_nth_expect(!call_claim()))
		return false;
	poison(&config, sizeof(config));
	config.adapter = of->adapter;
	config.offset = 0;
	config.width = 4;
	return true;
}

static int call_config(void)
{
	return fail_nth_ioctl(NDSHM_ADAPTER_CONFIG, &config);
}

static void check_config(int error)
{
	fail_nth_check_header(&config, error);
	if (error)
		fail_nth_expect(fail_nth_untouched(&config.value, 4));
	else
		fail_nth_expect(config.value == (EDU_DEVICE << 16 | EDU_VENDOR));
}

#define CACHE_LINE	0x5a

static bool setup_config_write(void)
{
	if (!setup_config())
		return false;
	config.flags = NDSHM_CONFIG_WRITE;
	config.offset = PCI_CACHE_LINE_SIZE;
	config.width = 1;
	config.value = CACHE_LINE;
	return true;
}

/* After a failure of the reply nothing was written. */
static void check_config_write(int error)
{
	unsigned char line = 0;

	fail_nth_check_header(&config, error);
	fail_nth_expect(ndshm_pci_read_config(&pci, PCI_CACHE_LINE_SIZE, &line, 1));
	fail_nth_expect((line == CACHE_LINE) == !error);
}

static bool setup_bar(void)
{
	if (!setup_claim() || !fail_nth_expect(!call_claim()))
		return false;
	poison(&bar, sizeof(bar));
	bar.adapter = of->adapter;
	bar.bar = 0;
	return true;
}

static int call_bar(void)
{
	return fail_nth_ioctl(NDSHM_ADAPTER_MAP_BAR, &bar);
}

static void check_bar(int error)
{
	fail_nth_check_header(&bar, error);
	if (!error)
		fail_nth_expect(bar.out_length &&
				!fail_nth_untouched(&bar.out_mmap_offset, 8));
	else
		fail_nth_expect(fail_nth_untouched(&bar.out_mmap_offset, 8));
}

static bool setup_map(void)
{
	registers = MAP_FAILED;
	return setup_bar() && fail_nth_expect(!call_bar());
}

static int map_at(void *place, int flags)
{
	registers = mmap(place, getpagesize(), PROT_READ | PROT_WRITE,
			 MAP_SHARED | flags, of->fd, bar.out_mmap_offset);
	return registers == MAP_FAILED ? -errno : 0;
}

static int call_map(void)
{
	return map_at(NULL, 0);
}

static void clean_map(void)
{
	if (registers != MAP_FAILED)
		munmap(registers, getpagesize());
	fail_nth_close();
}

/* Far from other mappings, so that the fault allocates page tables. */
static bool setup_fault(void)
{
	const size_t far = 1UL << 31;
	char *place = mmap(NULL, 2 * far, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!fail_nth_expect(place != MAP_FAILED))
		return false;
	munmap(place, 2 * far);
	return setup_map() && fail_nth_expect(!map_at(place + far, MAP_FIXED));
}

/* A page fault does not fail without memory; the access is retried. */
static int call_fault(void)
{
	return (__atomic_load_n(registers, __ATOMIC_RELAXED) & 0xff) ==
	       EDU_IDENTITY ? 0 : -EIO;
}

static bool setup_alloc(void)
{
	if (!setup_claim() || !fail_nth_expect(!call_claim()))
		return false;
	fail_nth_alloc_request(of->adapter, 0, 3 * getpagesize(), 1);
	return true;
}

/* All resources of a claim; the block's mapping ends with the process's others. */
static void *memory;

static bool setup_full(void)
{
	memory = MAP_FAILED;
	if (!setup_fault() || !fail_nth_expect(!call_fault()))
		return false;
	fail_nth_alloc_request(of->adapter, 0, 3 * getpagesize(), 1);
	if (!fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	memory = fail_nth_map();
	return fail_nth_expect(memory != MAP_FAILED);
}

static int call_close(void)
{
	int fd = of->fd;

	of->fd = -1;
	return close(fd) ? -errno : 0;
}

static void clean_full(void)
{
	if (memory != MAP_FAILED)
		munmap(memory, of->blocks[0].length);
	clean_map();
	bind_again();
}

static const struct fail_nth_command commands[] = {
	{
		/*
		 * A resource that cannot be allocated is reported as busy by
		 * the kernel. The number of points depends on whether the
		 * adapter's id needs a new xarray node.
		 */
		.name = "pci-bind", .errors = { ENOMEM, EFAULT, EBUSY },
		.slack = 2,
		.setup = setup_bind, .call = call_bind, .check = check_bind,
		.clean = bind_again,
	}, {
		.name = "pci-unbind", .errors = { ENOMEM, EFAULT },
		.call = call_unbind, .check = check_unbind,
		.clean = bind_again,
	}, {
		.name = "pci-unbind-claimed", .errors = { ENOMEM, EFAULT },
		.setup = setup_full, .call = call_unbind,
		.check = check_unbind, .clean = clean_full,
	}, {
		.name = "adapter-claim", .errors = { ENOMEM, EFAULT },
		.setup = setup_claim, .call = call_claim, .check = check_claim,
		.clean = fail_nth_close,
	}, {
		.name = "adapter-start", .errors = { EFAULT },
		.setup = setup_start, .call = call_start, .check = check_start,
		.clean = fail_nth_close,
	}, {
		.name = "adapter-set-irqs", .errors = { ENOMEM, EFAULT, ENOSPC },
		.setup = setup_irqs, .call = call_irqs, .check = check_irqs,
		.clean = clean_irqs,
	}, {
		.name = "adapter-reset", .errors = { EFAULT },
		.setup = setup_reset, .call = call_reset, .check = check_reset,
		.clean = clean_reset,
	}, {
		.name = "adapter-config", .errors = { EFAULT },
		.setup = setup_config, .call = call_config, .check = check_config,
		.clean = fail_nth_close,
	}, {
		.name = "adapter-config-write", .errors = { EFAULT },
		.setup = setup_config_write, .call = call_config,
		.check = check_config_write, .clean = fail_nth_close,
	}, {
		.name = "adapter-map-bar", .errors = { ENOMEM, EFAULT },
		.slack = 1,
		.setup = setup_bar, .call = call_bar, .check = check_bar,
		.clean = fail_nth_close,
	}, {
		.name = "mmap-bar", .errors = { ENOMEM, ENFILE },
		.keeps_file = true,
		.setup = setup_map, .call = call_map, .clean = clean_map,
	}, {
		.name = "fault-bar",
		.setup = setup_fault, .call = call_fault, .clean = clean_map,
	}, {
		.name = "block-alloc-claimed", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_alloc, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "close-claimed",
		.setup = setup_full, .call = call_close, .clean = clean_full,
	},
};

const struct fail_nth_group fail_nth_pci = {
	.name = "pci",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = begin,
	.end = end,
	.state = state,
};
