// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Claims by device nodes, their BAR mappings, interrupts, resets and configuration space. The
 * object of a claim lives until its client is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

struct bar {
	void *start;
	size_t length;
};

/**
 * struct ndshm_claim - a claim of a PCI function
 * @next: in ndshm->claims
 * @ndshm: the client
 * @adapter: id
 * @isolation: NDSHM_ISOLATION_* properties missing at the time of the claim
 * @irqs: number of interrupts of each kind
 * @lock: protects @bars
 * @bars: mappings; start is NULL if a BAR is not mapped
 */
struct ndshm_claim {
	struct ndshm_claim *next;
	struct ndshm *ndshm;
	uint32_t adapter;
	uint32_t isolation;
	uint32_t irqs[NDSHM_IRQ_KINDS];
	pthread_mutex_t lock;
	struct bar bars[NDSHM_BARS];
};

/* Record why the device node of @adapter cannot be opened. Return: -errno. */
static int refuse_node(struct ndshm *ndshm, const char *adapter, int error)
{
	struct ndshm_adapter_info info;

	switch (error) {
	case EACCES:
	case EPERM:
		return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_PERMISSION);
	case EBADF:
		return ndshm__refuse(ndshm, NDSHM_REASON_DESCRIPTOR);
	case ENODEV:
	case ENXIO:
		return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_REMOVED);
	case ENOENT:
	case EISDIR:
	case ENAMETOOLONG:
		error = ndshm_find_adapter(ndshm, adapter, &info);
		if (error)
			return error;
		if (!info.open)
			return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_CLOSED);
		/* Its node can be missing in a container. */
		return ndshm__refuse(ndshm, info.claimable ? NDSHM_REASON_ADAPTER_PERMISSION :
							     NDSHM_REASON_CLAIM_UNSUPPORTED);
	default:
		return ndshm__done(ndshm, -error);
	}
}

/* Return: the device node of an adapter, open, or -errno. */
static int open_node(struct ndshm *ndshm, const char *adapter)
{
	char path[sizeof(NDSHM_DEVICES) + NDSHM_NAME_MAX] = NDSHM_DEVICES "/", end;
	int fd;

	if (!strchr(adapter, '/')) {
		if (strlen(adapter) >= NDSHM_NAME_MAX)
			return refuse_node(ndshm, adapter, ENAMETOOLONG);
		strcat(path, adapter);
	}
	/* To open it again would take permission that this process may not have. */
	if (sscanf(adapter, "/proc/self/fd/%d%c", &fd, &end) == 1)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(strchr(adapter, '/') ? adapter : path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? refuse_node(ndshm, adapter, errno) : fd;
}

NDSHM_API int ndshm_claim_adapter(struct ndshm *ndshm, const char *adapter,
				  unsigned int address_width, struct ndshm_claim **out)
{
	struct ndshm_adapter_claim_args argument = {
		.size = sizeof(argument),
		.address_width = address_width,
	};
	struct ndshm_claim *claim;
	int error;

	*out = NULL;
	/*
	 * Allocate before the command: a claim ends with its client only, so it could not
	 * be undone.
	 */
	claim = calloc(1, sizeof(*claim));
	if (!claim)
		return ndshm__done(ndshm, -ENOMEM);
	argument.device = open_node(ndshm, adapter);
	error = argument.device;
	if (error >= 0) {
		error = ndshm__command(ndshm, NDSHM_ADAPTER_CLAIM, &argument);
		ndshm__close(argument.device);
	}
	if (error) {
		free(claim);
		return error;
	}
	claim->ndshm = ndshm;
	claim->adapter = argument.out_adapter;
	claim->isolation = argument.out_isolation;
	claim->irqs[NDSHM_IRQ_INTX] = argument.out_intx;
	claim->irqs[NDSHM_IRQ_MSI] = argument.out_msi;
	claim->irqs[NDSHM_IRQ_MSIX] = argument.out_msix;
	pthread_mutex_init(&claim->lock, NULL);

	ndshm__lock();
	claim->next = ndshm->claims;
	ndshm->claims = claim;
	ndshm__unlock();
	*out = claim;
	return 0;
}

NDSHM_API int ndshm_claim_start(struct ndshm_claim *claim)
{
	struct ndshm_adapter_start_args argument = {
		.size = sizeof(argument),
		.adapter = claim->adapter,
	};

	return ndshm__command(claim->ndshm, NDSHM_ADAPTER_START, &argument);
}

NDSHM_API uint32_t ndshm_claim_adapter_id(const struct ndshm_claim *claim)
{
	return claim->adapter;
}

NDSHM_API uint32_t ndshm_claim_isolation(const struct ndshm_claim *claim)
{
	return claim->isolation;
}

NDSHM_API uint32_t ndshm_claim_irq_count(const struct ndshm_claim *claim, uint32_t kind)
{
	return kind < NDSHM_IRQ_KINDS ? claim->irqs[kind] : 0;
}

static int set_irqs(struct ndshm_claim *claim, struct ndshm_adapter_set_irqs_args argument)
{
	argument.size = sizeof(argument);
	argument.adapter = claim->adapter;
	return ndshm__command(claim->ndshm, NDSHM_ADAPTER_SET_IRQS, &argument);
}

NDSHM_API int ndshm_claim_set_irqs(struct ndshm_claim *claim, uint32_t kind, uint32_t first,
				   uint32_t count, const int *eventfds)
{
	_Static_assert(sizeof(*eventfds) == sizeof(__s32), "the module reads 32-bit descriptors");

	return set_irqs(claim, (struct ndshm_adapter_set_irqs_args){
		.kind = kind,
		.first = first,
		.count = count,
		.eventfds = (uintptr_t)eventfds,
	});
}

NDSHM_API int ndshm_claim_unmask_intx(struct ndshm_claim *claim)
{
	return set_irqs(claim, (struct ndshm_adapter_set_irqs_args){
		.flags = NDSHM_SET_IRQS_UNMASK,
		.kind = NDSHM_IRQ_INTX,
	});
}

NDSHM_API int ndshm_claim_reset(struct ndshm_claim *claim)
{
	struct ndshm_adapter_reset_args argument = {
		.size = sizeof(argument),
		.adapter = claim->adapter,
	};

	return ndshm__command(claim->ndshm, NDSHM_ADAPTER_RESET, &argument);
}

static int access_config(struct ndshm_claim *claim, struct ndshm_adapter_config_args *argument)
{
	argument->size = sizeof(*argument);
	argument->adapter = claim->adapter;
	return ndshm__command(claim->ndshm, NDSHM_ADAPTER_CONFIG, argument);
}

NDSHM_API int ndshm_claim_config_read(struct ndshm_claim *claim, uint32_t offset,
				      unsigned int width, uint32_t *value)
{
	struct ndshm_adapter_config_args argument = { .offset = offset, .width = width };
	int error = access_config(claim, &argument);

	*value = error ? 0 : argument.value;
	return error;
}

NDSHM_API int ndshm_claim_config_write(struct ndshm_claim *claim, uint32_t offset,
				       unsigned int width, uint32_t value)
{
	struct ndshm_adapter_config_args argument = {
		.flags = NDSHM_CONFIG_WRITE,
		.offset = offset,
		.width = width,
		.value = value,
	};

	return access_config(claim, &argument);
}

static int map_bar(struct ndshm_claim *claim, unsigned int number, struct bar *bar)
{
	struct ndshm_adapter_map_bar_args argument = {
		.size = sizeof(argument),
		.adapter = claim->adapter,
		.bar = number,
	};
	struct ndshm *ndshm = claim->ndshm;
	int error;

	error = ndshm__command(ndshm, NDSHM_ADAPTER_MAP_BAR, &argument);
	if (error)
		return error;
	error = ndshm->backend->map(ndshm, argument.out_mmap_offset, argument.out_length,
				    &bar->start);
	if (!error)
		bar->length = argument.out_length;
	/* mmap() returns no reason; derive it from the errno. */
	if (error == -ENODEV)
		return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_REMOVED);
	return ndshm__map_done(ndshm, error, argument.out_length);
}

NDSHM_API int ndshm_claim_map_bar(struct ndshm_claim *claim, unsigned int bar,
				  volatile void **out, size_t *length)
{
	int error = 0;

	*out = NULL;
	*length = 0;
	if (bar >= NDSHM_BARS)
		return ndshm__refuse(claim->ndshm, NDSHM_REASON_BAR);

	pthread_mutex_lock(&claim->lock);
	if (claim->bars[bar].start)
		ndshm__done(claim->ndshm, 0);
	else
		error = map_bar(claim, bar, &claim->bars[bar]);
	if (!error) {
		*out = claim->bars[bar].start;
		*length = claim->bars[bar].length;
	}
	pthread_mutex_unlock(&claim->lock);
	return error;
}

static void free_claim(struct ndshm_claim *claim)
{
	for (unsigned int i = 0; i < NDSHM_BARS; i++)
		if (claim->bars[i].start)
			munmap(claim->bars[i].start, claim->bars[i].length);
	pthread_mutex_destroy(&claim->lock);
	free(claim);
}

void ndshm__forget_claims(struct ndshm *ndshm)
{
	struct ndshm_claim *claim;

	/* No lock: ndshm_close() must not run concurrently with other calls on claims. */
	while ((claim = ndshm->claims)) {
		ndshm->claims = claim->next;
		free_claim(claim);
	}
}
