/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An RDMA device with the address 127.0.0.1, for an owner of this process: the functions of
 * libibverbs that make and destroy objects count these, and do nothing else. Accesses only
 * complete. Registrations, deregistrations, and what opens the device or maps it, wait while the
 * test stops them. Programs are linked with --wrap=fopen64, so that the mappings have the name of
 * those of a device.
 */
#ifndef NDSHM_FAKE_VERBS_H
#define NDSHM_FAKE_VERBS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <infiniband/verbs.h>

enum fake_kind { FAKE_DOMAIN, FAKE_REGION, FAKE_QUEUE, FAKE_KINDS };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int objects[FAKE_KINDS];
	bool stop_pinning;
	bool stop_unpinning;
	bool stop_opening;
	bool stop_mapping;
	int pinning;			/* threads in a registration */
	int unpinning;
	int opening;
	int mapping;			/* threads that make an object with a mapping */
	void *mapped;			/* the last mapping */
	int error;			/* of the next registration, or 0 */
	size_t addresses;		/* of each of two ports; the last one is 127.0.0.1 */
	bool order_wrong;		/* a region was deregistered before its queue pair */
	struct ibv_qp *failing;		/* its accesses fail */
	struct ibv_qp *stopped;		/* the last one in the state of an error */
	struct ibv_wc completions[64];	/* of all queues */
	int completed;
} fake = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .addresses = 1,
};

static struct ibv_device fake_device = { .name = "fake" };

static inline void fake_count(enum fake_kind kind, int change)
{
	pthread_mutex_lock(&fake.lock);
	fake.objects[kind] += change;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Returns the number of objects of all kinds. */
static inline int fake_objects(void)
{
	int count;

	pthread_mutex_lock(&fake.lock);
	count = fake.objects[FAKE_DOMAIN] + fake.objects[FAKE_REGION] + fake.objects[FAKE_QUEUE];
	pthread_mutex_unlock(&fake.lock);
	return count;
}

static inline void fake_set(bool *flag, bool value)
{
	pthread_mutex_lock(&fake.lock);
	*flag = value;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Returns false if it has another value after 20 seconds. */
static inline bool fake_becomes(const int *counter, int value)
{
	struct timespec end;
	bool good = true;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&fake.lock);
	while (*counter != value && good)
		good = !pthread_cond_timedwait(&fake.changed, &fake.lock, &end);
	pthread_mutex_unlock(&fake.lock);
	return good;
}

/* Continues after 20 seconds: the test may wait for this thread, and then fails. */
static inline void fake_stop_at(const bool *stopped, int *threads)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&fake.lock);
	++*threads;
	pthread_cond_broadcast(&fake.changed);
	while (*stopped && !pthread_cond_timedwait(&fake.changed, &fake.lock, &end))
		;
	--*threads;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

struct ibv_device **ibv_get_device_list(int *count)
{
	struct ibv_device **list = calloc(2, sizeof(*list));

	list[0] = &fake_device;
	*count = 1;
	return list;
}

void ibv_free_device_list(struct ibv_device **list)
{
	free(list);
}

const char *ibv_get_device_name(struct ibv_device *device)
{
	return device->name;
}

/* Accesses have no effect. The handle of a queue pair is the number of its reads. */
static inline int fake_post_send(struct ibv_qp *queue, struct ibv_send_wr *access,
				 struct ibv_send_wr **bad)
{
	(void)bad;
	pthread_mutex_lock(&fake.lock);
	fake.completions[fake.completed++] = (struct ibv_wc){
		.wr_id = access->wr_id,
		.status = queue == fake.failing ? IBV_WC_REM_ACCESS_ERR : IBV_WC_SUCCESS,
	};
	queue->handle += access->opcode == IBV_WR_RDMA_READ;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static inline int fake_poll_cq(struct ibv_cq *queue, int most, struct ibv_wc *completions)
{
	int count = 0;

	(void)queue;
	pthread_mutex_lock(&fake.lock);
	while (count < most && count < fake.completed) {
		completions[count] = fake.completions[count];
		count++;
	}
	fake.completed -= count;
	memmove(fake.completions, fake.completions + count,
		(size_t)fake.completed * sizeof(fake.completions[0]));
	pthread_mutex_unlock(&fake.lock);
	return count;
}

static inline int fake_req_notify_cq(struct ibv_cq *queue, int solicited)
{
	(void)queue;
	(void)solicited;
	return 0;
}

struct ibv_context *ibv_open_device(struct ibv_device *device)
{
	struct ibv_context *context = calloc(1, sizeof(*context));

	fake_stop_at(&fake.stop_opening, &fake.opening);
	context->device = device;
	context->ops.post_send = fake_post_send;
	context->ops.poll_cq = fake_poll_cq;
	context->ops.req_notify_cq = fake_req_notify_cq;
	context->cmd_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	context->async_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return context;
}

int ibv_close_device(struct ibv_context *context)
{
	close(context->cmd_fd);
	close(context->async_fd);
	free(context);
	return 0;
}

int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attributes)
{
	(void)context;
	memset(attributes, 0, sizeof(*attributes));
	attributes->phys_port_cnt = 2;
	attributes->max_qp_rd_atom = attributes->max_qp_init_rd_atom = 16;
	return 0;
}

#undef ibv_query_port
int ibv_query_port(struct ibv_context *context, uint8_t number, struct _compat_ibv_port_attr *port)
{
	struct ibv_port_attr *attributes = (struct ibv_port_attr *)port;

	(void)context;
	(void)number;
	attributes->state = IBV_PORT_ACTIVE;
	attributes->active_mtu = IBV_MTU_1024;
	attributes->gid_tbl_len = (int)fake.addresses;
	return 0;
}

ssize_t _ibv_query_gid_table(struct ibv_context *context, struct ibv_gid_entry *entries,
			     size_t most, uint32_t flags, size_t size)
{
	static const unsigned char loopback[4] = { 127, 0, 0, 1 };
	const size_t count = 2 * fake.addresses;

	(void)context;
	(void)flags;
	(void)size;
	if (most < count)
		return -EINVAL;
	memset(entries, 0, count * sizeof(*entries));
	entries += count - 1;
	entries->port_num = 2;
	entries->gid_index = (uint32_t)fake.addresses - 1;
	entries->gid_type = IBV_GID_TYPE_ROCE_V2;
	entries->gid.raw[10] = entries->gid.raw[11] = 0xff;
	memcpy(entries->gid.raw + 12, loopback, sizeof(loopback));
	return (ssize_t)count;
}

#define FAKE_NAME	"/memfd:fake-uverbs"
#define FAKE_BYTES	4096U

/* Map memory as an object of a device does. */
static inline void *fake_map(void)
{
	const int fd = memfd_create("fake-uverbs", MFD_CLOEXEC);
	void *map = NULL;

	if (fd >= 0 && !ftruncate(fd, FAKE_BYTES))
		map = mmap(NULL, FAKE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	pthread_mutex_lock(&fake.lock);
	fake.mapped = map;
	pthread_mutex_unlock(&fake.lock);
	fake_stop_at(&fake.stop_mapping, &fake.mapping);
	return map;
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

/* The mappings of this process, those of fake_map() with the name of a device. */
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	static const char device[] = "/dev/infiniband/uverbs0\n";
	FILE *file = __real_fopen64(path, mode), *copy;
	char line[512];

	if (!file || strcmp(path, "/proc/self/maps"))
		return file;
	copy = fdopen(memfd_create("maps", MFD_CLOEXEC), "w+");
	while (copy && fgets(line, sizeof(line), file)) {
		char *name = strstr(line, FAKE_NAME);

		if (name)
			memcpy(name, device, sizeof(device));
		fputs(line, copy);
	}
	fclose(file);
	if (copy)
		rewind(copy);
	return copy;
}

struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context)
{
	struct ibv_comp_channel *channel = calloc(1, sizeof(*channel));

	channel->context = context;
	channel->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return channel;
}

int ibv_destroy_comp_channel(struct ibv_comp_channel *channel)
{
	close(channel->fd);
	free(channel);
	return 0;
}

struct ibv_cq *ibv_create_cq(struct ibv_context *context, int count, void *data,
			     struct ibv_comp_channel *channel, int vector)
{
	struct ibv_cq *completions = calloc(1, sizeof(*completions));

	(void)count;
	(void)data;
	(void)channel;
	(void)vector;
	completions->context = context;
	completions->cq_context = fake_map();
	return completions;
}

int ibv_destroy_cq(struct ibv_cq *completions)
{
	munmap(completions->cq_context, FAKE_BYTES);
	free(completions);
	return 0;
}

/* The handle of a domain is the number of its queue pairs. */
struct ibv_pd *ibv_alloc_pd(struct ibv_context *context)
{
	struct ibv_pd *domain = calloc(1, sizeof(*domain));

	domain->context = context;
	fake_count(FAKE_DOMAIN, 1);
	return domain;
}

int ibv_dealloc_pd(struct ibv_pd *domain)
{
	free(domain);
	fake_count(FAKE_DOMAIN, -1);
	return 0;
}

struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *domain, void *address, size_t length,
				uint64_t start, unsigned int access)
{
	struct ibv_mr *region;
	int error;

	(void)start;
	(void)access;
	fake_stop_at(&fake.stop_pinning, &fake.pinning);
	pthread_mutex_lock(&fake.lock);
	error = fake.error;
	fake.error = 0;
	pthread_mutex_unlock(&fake.lock);
	if (error) {
		errno = error;
		return NULL;
	}
	region = calloc(1, sizeof(*region));
	region->pd = domain;
	region->addr = address;
	region->length = length;
	region->rkey = 77;
	fake_count(FAKE_REGION, 1);
	return region;
}

/* With access rights that old devices know. */
#undef ibv_reg_mr
struct ibv_mr *ibv_reg_mr(struct ibv_pd *domain, void *address, size_t length, int access)
{
	return ibv_reg_mr_iova2(domain, address, length, (uintptr_t)address, (unsigned int)access);
}

int ibv_dereg_mr(struct ibv_mr *region)
{
	fake_stop_at(&fake.stop_unpinning, &fake.unpinning);
	pthread_mutex_lock(&fake.lock);
	fake.order_wrong |= region->pd->handle;
	pthread_mutex_unlock(&fake.lock);
	free(region);
	fake_count(FAKE_REGION, -1);
	return 0;
}

struct ibv_qp *ibv_create_qp(struct ibv_pd *domain, struct ibv_qp_init_attr *attributes)
{
	struct ibv_qp *queue = calloc(1, sizeof(*queue));

	(void)attributes;
	queue->context = domain->context;
	queue->pd = domain;
	queue->qp_num = 5;
	queue->qp_context = fake_map();
	domain->handle++;
	fake_count(FAKE_QUEUE, 1);
	return queue;
}

int ibv_modify_qp(struct ibv_qp *queue, struct ibv_qp_attr *attributes, int mask)
{
	if (mask & IBV_QP_STATE && attributes->qp_state == IBV_QPS_ERR)
		fake.stopped = queue;
	return 0;
}

int ibv_destroy_qp(struct ibv_qp *queue)
{
	queue->pd->handle--;
	munmap(queue->qp_context, FAKE_BYTES);
	free(queue);
	fake_count(FAKE_QUEUE, -1);
	return 0;
}

#endif /* NDSHM_FAKE_VERBS_H */
