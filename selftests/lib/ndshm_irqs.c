// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_irqs.h"

unsigned long ndshm_signals(int fd, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	eventfd_t count;

	return poll(&poll_fd, 1, ms) == 1 && !eventfd_read(fd, &count) ? count : 0;
}

/* The sum of the numbers that follow the colon of a line, one for each processor. */
static unsigned long arrivals(const char *line)
{
	unsigned long sum = 0, number;
	char *end;

	line = strchr(line, ':');
	if (!line)
		return 0;
	for (line++;; line = end) {
		number = strtoul(line, &end, 10);
		if (end == line)
			return sum;
		sum += number;
	}
}

/*
 * The number of interrupts, messages or not, that have a handler for the function. *@arrived, if
 * not NULL, is how often they arrived.
 */
static unsigned int handlers(const struct ndshm_pci *pci, bool message, unsigned long *arrived)
{
	FILE *file = fopen("/proc/interrupts", "re");
	unsigned int count = 0;
	char *line = NULL;
	size_t size = 0;

	if (arrived)
		*arrived = 0;
	while (file && getline(&line, &size, file) >= 0) {
		if (!strstr(line, pci->name) || !strstr(line, "MSI") != !message)
			continue;
		count++;
		if (arrived)
			*arrived += arrivals(line);
	}
	free(line);
	if (file)
		fclose(file);
	return count;
}

unsigned long ndshm_irq_arrived(const struct ndshm_pci *pci)
{
	unsigned long arrived;

	handlers(pci, true, &arrived);
	return arrived;
}

unsigned int ndshm_irq_messages(const struct ndshm_pci *pci)
{
	return handlers(pci, true, NULL);
}

bool ndshm_irqs_flush(void)
{
	cpu_set_t before, one;
	bool fine = true;
	int i;

	if (sched_getaffinity(0, sizeof(before), &before))
		return false;
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &before))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		fine &= !sched_setaffinity(0, sizeof(one), &one);
	}
	return !sched_setaffinity(0, sizeof(before), &before) && fine;
}

unsigned int ndshm_irq_lines(const struct ndshm_pci *pci)
{
	return handlers(pci, false, NULL);
}

bool ndshm_intx_is_off(const struct ndshm_pci *pci)
{
	__u16 command = 0;

	return ndshm_pci_read_config(pci, PCI_COMMAND, &command, sizeof(command)) &&
	       (command & PCI_COMMAND_INTX_DISABLE);
}

static bool capability_has(const struct ndshm_pci *pci, unsigned int capability, __u16 flag)
{
	const unsigned int at = ndshm_pci_capability(pci, capability);
	__u16 flags;

	/* The flags of both capabilities are at the same offset. */
	return at && ndshm_pci_read_config(pci, at + PCI_MSI_FLAGS, &flags, sizeof(flags)) &&
	       (flags & flag);
}

bool ndshm_messages_are_on(const struct ndshm_pci *pci)
{
	return capability_has(pci, PCI_CAP_ID_MSI, PCI_MSI_FLAGS_ENABLE) ||
	       capability_has(pci, PCI_CAP_ID_MSIX, PCI_MSIX_FLAGS_ENABLE);
}

void ndshm_card_mask(void *bar)
{
	ndshm_edu_set32(bar, CARD_MASK, ~0U);
	ndshm_edu_set32(bar, CARD_CAUSE, ~0U);
	ndshm_edu_get32(bar, CARD_STATUS);
}

void ndshm_card_map_vectors(void *bar)
{
	__u32 map = 0;
	unsigned int i;

	for (i = 0; i < CARD_VECTORS; i++)
		map |= (8 | i) << 4 * i;
	ndshm_edu_set32(bar, CARD_VECTOR, map);
}
