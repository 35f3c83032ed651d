// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of a PCI function, between the kernel and its configuration space. The parameters
 * of the module control them, at any time:
 *
 * @function: name of the function, such as 0000:00:12.0. Set by insmod
 * @bits_at, @bits_mask: bits of a word that the function implements from now on: software can
 *	change them, and a reset sets them. Set by insmod
 * @silent: all registers read as ones, and writes are lost
 * @silent_at, @silent_mask, @silent_value: a write of this value to this word makes the
 *	function silent
 * @delay_ms: busy wait after each read of the command register as a word. It begins when the
 *	function asserts INTx, or after INTX_MS
 * @delaying: how many such waits are in progress
 * @fail: a write reports a permanent failure to the driver, as a failed recovery does
 * @recovery: a write reports a step of a recovery to the driver: 1: an error has frozen the link,
 *	2: it was reset, 0: the end
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>

static char *function = "";
module_param(function, charp, 0400);

static uint bits_at;
module_param(bits_at, uint, 0400);

static ushort bits_mask;
module_param(bits_mask, ushort, 0400);

static bool silent;
module_param(silent, bool, 0600);

static uint silent_at;
module_param(silent_at, uint, 0600);

static ushort silent_mask;
module_param(silent_mask, ushort, 0600);

static ushort silent_value;
module_param(silent_value, ushort, 0600);

static uint delay_ms;
module_param(delay_ms, uint, 0600);

#define INTX_MS	5000

static struct pci_dev *target;
static struct pci_ops *bus_ops;
static u16 bits;
static atomic_t delaying;

static int delaying_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&delaying));
}

static const struct kernel_param_ops delaying_ops = { .get = delaying_get };
module_param_cb(delaying, &delaying_ops, NULL, 0400);

static int fail_set(const char *value, const struct kernel_param *kp)
{
	struct device *dev = &target->dev;
	const struct pci_driver *driver;

	device_lock(dev);
	driver = dev->driver ? to_pci_driver(dev->driver) : NULL;
	if (driver && driver->err_handler && driver->err_handler->error_detected)
		driver->err_handler->error_detected(target, pci_channel_io_perm_failure);
	device_unlock(dev);
	return 0;
}

static const struct kernel_param_ops fail_ops = { .set = fail_set };
module_param_cb(fail, &fail_ops, NULL, 0200);

enum { RECOVERY_END, RECOVERY_BEGIN, RECOVERY_RESET, RECOVERY_STEPS };

/* Call the driver as the recovery does. */
static void faults_recover(const struct pci_error_handlers *handlers, unsigned int step)
{
	switch (step) {
	case RECOVERY_BEGIN:
		target->error_state = pci_channel_io_frozen;
		handlers->error_detected(target, pci_channel_io_frozen);
		break;
	case RECOVERY_RESET:
		target->error_state = pci_channel_io_normal;
		handlers->slot_reset(target);
		break;
	default:
		handlers->resume(target);
	}
}

static int recovery_set(const char *value, const struct kernel_param *kp)
{
	const struct pci_error_handlers *handlers;
	struct device *dev = &target->dev;
	unsigned int step;
	int error;

	error = kstrtouint(value, 0, &step);
	if (error || step >= RECOVERY_STEPS)
		return error ?: -ERANGE;
	/* The recovery does not hold it from one step to the next, either. */
	device_lock(dev);
	handlers = dev->driver ? to_pci_driver(dev->driver)->err_handler : NULL;
	if (handlers && handlers->error_detected && handlers->slot_reset && handlers->resume)
		faults_recover(handlers, step);
	else
		error = -ENODEV;
	device_unlock(dev);
	return error;
}

static const struct kernel_param_ops recovery_ops = { .set = recovery_set };
module_param_cb(recovery, &recovery_ops, NULL, 0200);

/* Return: the mask of @bits in an access of @size bytes at @where; @shift: their position. */
static u32 bits_in_access(int where, int size, int *shift)
{
	*shift = 8 * ((int)bits_at - where);
	if (!bits_mask || bits_at < where || bits_at + sizeof(u16) > where + size)
		return 0;
	return (u32)bits_mask << *shift;
}

/* The pauses leave an emulator's devices to the processor that makes the function assert INTx. */
static void faults_delay(struct pci_bus *bus, unsigned int devfn)
{
	unsigned int i;
	u32 status;

	atomic_inc(&delaying);
	for (i = 0; i < INTX_MS; i++) {
		if (!bus_ops->read(bus, devfn, PCI_STATUS, sizeof(u16), &status) &&
		    status & PCI_STATUS_INTERRUPT)
			break;
		mdelay(1);
	}
	mdelay(READ_ONCE(delay_ms));
	atomic_dec(&delaying);
}

static int faults_read(struct pci_bus *bus, unsigned int devfn, int where, int size,
		       u32 *value)
{
	int error = bus_ops->read(bus, devfn, where, size, value), shift;
	u32 mask;

	if (bus != target->bus || devfn != target->devfn || error)
		return error;
	if (READ_ONCE(silent)) {
		*value = ~0U >> (32 - 8 * size);
		return 0;
	}
	mask = bits_in_access(where, size, &shift);
	if (mask)
		*value = (*value & ~mask) | (READ_ONCE(bits) << shift & mask);
	if (where == PCI_COMMAND && size == sizeof(u16) && READ_ONCE(delay_ms))
		faults_delay(bus, devfn);
	return 0;
}

/* The PCI core writes this value to the command register before each reset. */
static bool faults_is_reset(int where, int size, u32 value)
{
	return where == PCI_COMMAND && size == sizeof(u16) &&
	       value == PCI_COMMAND_INTX_DISABLE;
}

static int faults_write(struct pci_bus *bus, unsigned int devfn, int where, int size,
			u32 value)
{
	int error, shift;
	u32 mask;

	if (bus != target->bus || devfn != target->devfn)
		return bus_ops->write(bus, devfn, where, size, value);
	if (READ_ONCE(silent))
		return 0;
	error = bus_ops->write(bus, devfn, where, size, value);
	mask = bits_in_access(where, size, &shift);
	if (mask)
		WRITE_ONCE(bits, (value & mask) >> shift);
	if (faults_is_reset(where, size, value))
		WRITE_ONCE(bits, bits_mask);
	if (READ_ONCE(silent_mask) && where == READ_ONCE(silent_at) && size == sizeof(u16) &&
	    (value & silent_mask) == silent_value)
		WRITE_ONCE(silent, true);
	return error;
}

static struct pci_ops faults_ops = {
	.read = faults_read,
	.write = faults_write,
};

static int __init faults_init(void)
{
	unsigned int domain, bus, device, number;

	if (sscanf(function, "%x:%x:%x.%x", &domain, &bus, &device, &number) != 4)
		return -EINVAL;
	target = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(device, number));
	if (!target)
		return -ENODEV;
	bits = bits_mask;
	bus_ops = target->bus->ops;
	faults_ops.add_bus = bus_ops->add_bus;
	faults_ops.remove_bus = bus_ops->remove_bus;
	faults_ops.map_bus = bus_ops->map_bus;
	pci_bus_set_ops(target->bus, &faults_ops);
	return 0;
}
module_init(faults_init);

/* An access can still be in progress, on kernels that take no lock for it. */
static void __exit faults_exit(void)
{
	pci_bus_set_ops(target->bus, bus_ops);
	msleep(20);
	pci_dev_put(target);
}
module_exit(faults_exit);

MODULE_DESCRIPTION("Faults of a PCI function");
MODULE_LICENSE("GPL");
