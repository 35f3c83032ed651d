/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink family over plain sockets. Requests are not validated, so that
 * tests can send messages which no library would.
 */
#ifndef _NDSHM_SELFTEST_NL_H
#define _NDSHM_SELFTEST_NL_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/genetlink.h>
#include <linux/ndshm.h>
#include <linux/ndshm_netlink.h>
#include <linux/netlink.h>
#include <linux/types.h>

#define NDSHM_NL_ATTRIBUTES	32

struct ndshm_nl {
	int fd;
	__u16 family;
	__u32 version;
	char group_name[GENL_NAMSIZ];	/* of the multicast group */
	__u32 group;
	unsigned int groups;	/* how many there are */
	__u32 seq;
	char extack[128];	/* of the last request, or "" */
};

struct ndshm_nl_request {
	struct nlmsghdr header;
	struct genlmsghdr genl;
	char attributes[1024];
};

/* The attributes of a message or nest, indexed by type. */
struct ndshm_nl_attributes {
	const struct nlattr *at[NDSHM_NL_ATTRIBUTES];
};

/* Bit n of @present is set if attribute n was present; absent ones are 0. */
struct ndshm_nl_adapter {
	__u32 present;
	__u32 id;
	char name[NDSHM_NAME_SIZE];
	char device[64];
	__s32 node;
	__u32 isolation;
	bool open;
	bool claimable;
	bool claimed;
	bool needs_reset;
};

struct ndshm_nl_provider {
	__u32 present;
	__u32 id;
	char name[NDSHM_NAME_SIZE];
	__u32 scope;
	__u32 adapter;
	__u32 flags;
	__u32 blocks;
	bool mappable;
	bool open;
};

struct ndshm_nl_block {
	__u32 present;
	__u32 id;
	__u32 adapter;
	__u32 provider;
	__u32 usage;
	__u32 uid;
	__u32 pid;
	__u32 segments;
	__s32 preferred_node;
	__u64 length;
	__u64 consumed;
	bool charged;
	bool revoked;
	bool kernel;
	__u32 exports;
	__u32 tag;
};

struct ndshm_nl_section {
	__u32 present;
	__u32 id;
	__u32 adapter;
	__u32 provider;
	__u32 uid;
	__u64 max_size;
	__u64 initial_size;
	__u64 committed;
	__u64 taken;
	__u32 extents;
	__u32 holders;
	bool deleted;
	bool revoked;
	char name[NDSHM_SECTION_NAME_BYTES + 1];
	__u32 group;
	__u32 mode;
	__u32 exports;
};

struct ndshm_nl_queue {
	__u32 present;
	__u32 adapter;
	__u32 kind;
	__u32 id;
	__u32 state;
	__u32 filters;
	__u32 blocks;
	__u32 packets;
	__u64 bytes;
	char name[128];
	char vm_name[128];
	__u64 affinity;
	__u32 affinity_group;
	__u32 buffers;
	__u32 lookahead;
};

/* All functions return 0 or a negative errno, except those that return a count. */
int ndshm_nl_open(struct ndshm_nl *nl);
void ndshm_nl_close(struct ndshm_nl *nl);
int ndshm_nl_join_events(struct ndshm_nl *nl);

void ndshm_nl_begin(struct ndshm_nl_request *request, __u16 family, __u8 cmd,
		    __u16 flags);
void ndshm_nl_put(struct ndshm_nl_request *request, __u16 type,
		  const void *data, __u16 length);

/*
 * Send the request and call @got for each message up to the end of the answer.
 * All requests but dumps are acknowledged.
 */
typedef void (*ndshm_nl_got)(const struct nlmsghdr *message, void *context);
int ndshm_nl_talk(struct ndshm_nl *nl, struct ndshm_nl_request *request,
		  ndshm_nl_got got, void *context);

struct ndshm_nl_attributes ndshm_nl_parse(const struct nlmsghdr *message);
struct ndshm_nl_attributes ndshm_nl_nest(const struct nlattr *nest);
__u32 ndshm_nl_u32(const struct nlattr *attribute);

/*
 * Kinds of objects, and the attributes of each. ndshm_nl_decode() stores those of a message in the
 * object's structure.
 */
enum ndshm_nl_kind {
	NDSHM_NL_ADAPTER,
	NDSHM_NL_PROVIDER,
	NDSHM_NL_BLOCK,
	NDSHM_NL_SECTION,
	NDSHM_NL_QUEUE,
	NDSHM_NL_KINDS,
};

/**
 * struct ndshm_nl_field - An attribute of an object
 * @attribute: its number; 0 ends the list
 * @offset: of the member
 * @size: of the member, which has a flag, a number, or a longer text
 * @always: each object has it, if an administrator asks
 */
struct ndshm_nl_field {
	__u16 attribute;
	__u16 offset;
	__u16 size;
	bool always;
};

struct ndshm_nl_object {
	__u8 get;	/* the command */
	__u16 id;	/* attributes that identify an object, or pad others; 0: none */
	__u16 name;
	__u16 pad;
	__u16 size;	/* of the structure */
	struct ndshm_nl_field fields[20];
};

extern const struct ndshm_nl_object ndshm_nl_objects[NDSHM_NL_KINDS];

void ndshm_nl_decode(const struct nlmsghdr *message, enum ndshm_nl_kind kind, void *object);

/* Request one object; or store at most @capacity of all, and return their number. */
int ndshm_nl_by_id(struct ndshm_nl *nl, enum ndshm_nl_kind kind, __u32 id, void *object);
int ndshm_nl_by_name(struct ndshm_nl *nl, enum ndshm_nl_kind kind, const char *name, void *object);
int ndshm_nl_all(struct ndshm_nl *nl, enum ndshm_nl_kind kind, void *objects, int capacity);

#define NDSHM_NL_CALL(name, object, ...) \
static inline int ndshm_nl_##name(struct ndshm_nl *nl, __VA_ARGS__) \
{ \
	return object; \
}

NDSHM_NL_CALL(adapter_by_id, ndshm_nl_by_id(nl, NDSHM_NL_ADAPTER, id, adapter),
	      __u32 id, struct ndshm_nl_adapter *adapter)
NDSHM_NL_CALL(adapter_by_name, ndshm_nl_by_name(nl, NDSHM_NL_ADAPTER, name, adapter),
	      const char *name, struct ndshm_nl_adapter *adapter)
NDSHM_NL_CALL(provider_by_id, ndshm_nl_by_id(nl, NDSHM_NL_PROVIDER, id, provider),
	      __u32 id, struct ndshm_nl_provider *provider)
NDSHM_NL_CALL(provider_by_name, ndshm_nl_by_name(nl, NDSHM_NL_PROVIDER, name, provider),
	      const char *name, struct ndshm_nl_provider *provider)
NDSHM_NL_CALL(block_by_id, ndshm_nl_by_id(nl, NDSHM_NL_BLOCK, id, block),
	      __u32 id, struct ndshm_nl_block *block)
NDSHM_NL_CALL(section_by_id, ndshm_nl_by_id(nl, NDSHM_NL_SECTION, id, section),
	      __u32 id, struct ndshm_nl_section *section)
NDSHM_NL_CALL(adapters, ndshm_nl_all(nl, NDSHM_NL_ADAPTER, adapters, capacity),
	      struct ndshm_nl_adapter *adapters, int capacity)
NDSHM_NL_CALL(providers, ndshm_nl_all(nl, NDSHM_NL_PROVIDER, providers, capacity),
	      struct ndshm_nl_provider *providers, int capacity)
NDSHM_NL_CALL(blocks, ndshm_nl_all(nl, NDSHM_NL_BLOCK, blocks, capacity),
	      struct ndshm_nl_block *blocks, int capacity)
NDSHM_NL_CALL(sections, ndshm_nl_all(nl, NDSHM_NL_SECTION, sections, capacity),
	      struct ndshm_nl_section *sections, int capacity)
NDSHM_NL_CALL(queues, ndshm_nl_all(nl, NDSHM_NL_QUEUE, queues, capacity),
	      struct ndshm_nl_queue *queues, int capacity)

/* The ID of a provider, over a socket of its own. */
int ndshm_nl_provider_id(const char *name, __u32 *id);

/*
 * True if the device of the adapter @number sees the caches: no block of "pages" needs a sync, or
 * the device reaches no such block.
 */
#define test_sees_caches(fd, number) ({ \
	struct ndshm_block_info block_ = {}; \
	struct ndshm_block_alloc_args alloc_ = block_alloc_request(number, 1, &block_); \
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &alloc_.provider)); \
	if (!_test_block_alloc(fd, &alloc_)) \
		test_free_handle(fd, block_.handle); \
	!(block_.flags & NDSHM_BLOCK_NEEDS_SYNC); \
})

int ndshm_nl_queue_by_id(struct ndshm_nl *nl, __u32 adapter, __u32 kind,
			 __u32 id, struct ndshm_nl_queue *queue);

/* Run a dump of all objects, and discard the messages. Return 0 or a negative errno. */
int ndshm_nl_discard(struct ndshm_nl *nl, __u8 get);

/*
 * Run a dump whose first message is made before @change is called and the
 * others after it. Bit 0 of the result: the first message is flagged as
 * interrupted; bit 1: a later one is. -EPROTO: the dump failed or fits into one
 * message.
 */
int ndshm_nl_interrupted(__u8 get, bool (*change)(const void *context),
			 const void *context);

/* Return: true if the memory of this shared memory handle is still referenced. */
bool ndshm_nl_block_lives(struct ndshm_nl *nl, __u32 id);

/*
 * Wait for the next event. Return its command, or a negative errno
 * (-ETIMEDOUT). The message is stored in @buffer.
 */
int ndshm_nl_event(struct ndshm_nl *nl, int milliseconds, void *buffer,
		   size_t size);

#endif /* _NDSHM_SELFTEST_NL_H */
