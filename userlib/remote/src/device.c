// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * RDMA devices. The one that a connection uses is that which has the local address of its socket,
 * and so both directions of the decision are the same: where TCP goes, RDMA goes. Only RoCE
 * version 2 has such addresses.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "remote_internal.h"

#define GIDS	256U		/* room for those of a device, at least */

/* The GID of an IPv4 address is that of the IPv6 address to which it is mapped. */
static bool device_gid_of(const union remote_address *address, union ibv_gid *gid)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;

	memset(gid, 0, sizeof(*gid));
	if (address->any.sa_family == AF_INET6) {
		memcpy(gid->raw, &in6->sin6_addr, sizeof(gid->raw));
		return true;
	}
	gid->raw[10] = gid->raw[11] = 0xff;
	memcpy(gid->raw + 12, &in->sin_addr, sizeof(in->sin_addr));
	return address->any.sa_family == AF_INET;
}

/*
 * A child would keep the device open by its copies of these mappings, and with it the queue pairs
 * of a parent that was killed. They are no memory of the program.
 */
void device_hide_mappings(void)
{
	static const char device[] = "/dev/infiniband/uverbs";
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[512];
	int path;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &path) == 2 &&
		    !strncmp(line + path, device, sizeof(device) - 1))
			madvise((void *)start, end - start, MADV_DONTFORK);
	if (maps)
		fclose(maps);
}

struct ibv_cq *device_create_completions(struct ibv_context *context, int entries,
					 struct ibv_comp_channel *channel)
{
	struct ibv_cq *completions;

	fork_disable();
	completions = ibv_create_cq(context, entries, NULL, channel, 0);
	device_hide_mappings();
	fork_enable();
	return completions;
}

struct ibv_qp *device_create_pair(struct ibv_pd *domain, struct ibv_qp_init_attr *attributes)
{
	struct ibv_qp *pair;

	fork_disable();
	pair = ibv_create_qp(domain, attributes);
	device_hide_mappings();
	fork_enable();
	return pair;
}

static bool device_add_descriptors(struct ibv_context *context)
{
	descriptor_lock();
	if (!descriptor_add(context->cmd_fd))
		context->cmd_fd = -1;
	if (!descriptor_add(context->async_fd))
		context->async_fd = -1;
	descriptor_unlock();
	return context->cmd_fd >= 0 && context->async_fd >= 0;
}

/* Called between fork_disable() and _enable(). */
static void device_close(struct ibv_context *context)
{
	descriptor_lock();
	descriptor_remove(context->cmd_fd);
	descriptor_remove(context->async_fd);
	descriptor_unlock();
	ibv_close_device(context);
}

/* Called between fork_disable() and _enable(). */
static struct remote_device *device_open(struct ibv_device *found)
{
	struct remote_device *device = calloc(1, sizeof(*device));
	struct ibv_context *context = device ? ibv_open_device(found) : NULL;

	if (!context) {
		free(device);
		return NULL;
	}
	device->context = context;
	snprintf(device->name, sizeof(device->name), "%s", ibv_get_device_name(found));
	if (device_add_descriptors(context))
		device->completions = ibv_create_cq(context, 1, NULL, NULL, 0);
	if (!device->completions) {
		device_close(context);
		free(device);
		return NULL;
	}
	device_hide_mappings();
	return device;
}

/* All pairs and queues that use it are gone. */
void devices_close(struct ndshm_remote *remote)
{
	while (remote->devices.next != &remote->devices) {
		struct remote_device *device =
			REMOTE_ENTRY(remote->devices.next, struct remote_device, link);

		remote_list_del(&device->link);
		ibv_destroy_cq(device->completions);
		fork_disable();
		device_close(device->context);
		fork_enable();
		free(device);
	}
}

static bool device_is_open(const struct ndshm_remote *remote, struct ibv_device *found)
{
	for (const struct remote_list *list = remote->devices.next; list != &remote->devices;
	     list = list->next)
		if (!strcmp(REMOTE_ENTRY(list, struct remote_device, link)->name,
			    ibv_get_device_name(found)))
			return true;
	return false;
}

/* Open those that were not open yet. */
static void devices_open(struct ndshm_remote *remote)
{
	struct ibv_device **list;
	int count = 0;

	fork_disable();
	list = ibv_get_device_list(&count);
	for (int i = 0; i < count; i++) {
		struct remote_device *device;

		if (device_is_open(remote, list[i]))
			continue;
		device = device_open(list[i]);
		if (device)
			remote_list_add(&remote->devices, &device->link);
	}
	if (list)
		ibv_free_device_list(list);
	fork_enable();
}

/* Entries for the GID tables of all ports: a query with less room than they need fails. */
static size_t device_gids(const struct remote_device *device)
{
	struct ibv_device_attr attributes;
	struct ibv_port_attr port;
	size_t count = 0;

	if (ibv_query_device(device->context, &attributes))
		return GIDS;
	for (uint32_t i = 1; i <= attributes.phys_port_cnt; i++)
		if (!ibv_query_port(device->context, (uint8_t)i, &port) && port.gid_tbl_len > 0)
			count += (size_t)port.gid_tbl_len;
	return count > GIDS ? count : GIDS;
}

/* Returns false if the device does not have the address. */
static bool device_has(struct remote_device *device, const union ibv_gid *local,
		       struct remote_path *path)
{
	const size_t room = device_gids(device);
	struct ibv_gid_entry *entries = calloc(room, sizeof(*entries));
	const ssize_t count =
		entries ? ibv_query_gid_table(device->context, entries, room, 0) : 0;
	struct ibv_port_attr port;
	bool found = false;

	for (ssize_t i = 0; i < count && !found; i++) {
		/* The address of a path has 8 bits of the index. */
		found = entries[i].gid_type == IBV_GID_TYPE_ROCE_V2 &&
			entries[i].gid_index <= UINT8_MAX &&
			!memcmp(&entries[i].gid, local, sizeof(*local)) &&
			!ibv_query_port(device->context, (uint8_t)entries[i].port_num, &port) &&
			port.state == IBV_PORT_ACTIVE;
		if (!found)
			continue;
		path->device = device;
		path->port = (uint8_t)entries[i].port_num;
		path->gid_index = (uint8_t)entries[i].gid_index;
		path->mtu = port.active_mtu;
	}
	free(entries);
	return found;
}

static bool devices_have(struct ndshm_remote *remote, const union ibv_gid *local,
			 struct remote_path *path)
{
	for (struct remote_list *list = remote->devices.next; list != &remote->devices;
	     list = list->next)
		if (device_has(REMOTE_ENTRY(list, struct remote_device, link), local, path))
			return true;
	return false;
}

static uint8_t device_reads(int most)
{
	return (uint8_t)(most < PAIR_READS ? most : PAIR_READS);
}

static uint32_t device_find_locked(struct ndshm_remote *remote, const union ibv_gid *local,
				   struct remote_path *path)
{
	struct ibv_device_attr attributes;

	if (!devices_have(remote, local, path)) {
		devices_open(remote);
		if (!devices_have(remote, local, path))
			return NDSHM_REASON_REMOTE_DEVICE;
	}
	if (ibv_query_device(path->device->context, &attributes))
		return NDSHM_REASON_REMOTE_DEVICE;
	path->served_reads = device_reads(attributes.max_qp_rd_atom);
	path->reads = device_reads(attributes.max_qp_init_rd_atom);
	return NDSHM_REASON_NONE;
}

/*
 * Find the device of an address of this machine, and open it. This may take long: it is called
 * without the lock.
 */
uint32_t device_find(struct ndshm_remote *remote, const union remote_address *address,
		     struct remote_path *path)
{
	union ibv_gid local;
	uint32_t reason;

	if (remote->flags & NDSHM_REMOTE_TCP)
		return NDSHM_REASON_REMOTE_TRANSPORT;
	if (!device_gid_of(address, &local))
		return NDSHM_REASON_REMOTE_DEVICE;
	pthread_mutex_lock(&remote->devices_lock);
	reason = device_find_locked(remote, &local, path);
	pthread_mutex_unlock(&remote->devices_lock);
	return reason;
}

/* Get the addresses of a connection: @local is for device_find(). Returns false without both. */
bool path_init(struct remote_path *path, int fd, union remote_address *local)
{
	union remote_address other;
	socklen_t local_length = sizeof(*local), other_length = sizeof(other);

	return !getsockname(fd, &local->any, &local_length) &&
	       !getpeername(fd, &other.any, &other_length) && device_gid_of(&other, &path->other);
}

/* Modify a new queue pair to be ready to receive. */
bool path_connect(const struct remote_path *path, struct ibv_qp *queue, uint32_t number,
		  uint32_t packet, unsigned int access)
{
	struct ibv_qp_attr attributes = {
		.qp_state = IBV_QPS_INIT,
		.port_num = path->port,
		.qp_access_flags = access,
	};

	if (ibv_modify_qp(queue, &attributes, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
					      IBV_QP_ACCESS_FLAGS))
		return false;
	attributes = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = path->mtu,
		.dest_qp_num = number,
		.rq_psn = packet,
		.max_dest_rd_atomic = path->served_reads,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = path->port,
			.grh = {
				.dgid = path->other, .sgid_index = path->gid_index, .hop_limit = 64,
			},
		},
	};
	return !ibv_modify_qp(queue, &attributes, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
						  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
						  IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
}
