/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Internals of libndshm-remote.
 *
 * There are two kinds of connections, of which this library calls the accepted ones links, and
 * those that the program has made peers. A peer sends requests, a link executes them and sends
 * replies.
 *
 * Lock rule: ndshm_remote.lock protects exports, links, the half-open connections and the list
 * of peers, ndshm_remote_peer.lock all else of a peer. No thread holds both. The system calls
 * that are made with one of these held do not wait: those on sockets are non-blocking, and copy 256
 * KiB at most. They are the only accesses to exported memory but atomics and those of devices, and
 * so no access of this process is running while a thread has ndshm_remote.lock. libndshm is not
 * called with a lock held.
 *
 * RDMA devices are found and opened, queue pairs are made, and memory is pinned and unpinned,
 * without these two locks: see pair.c. ndshm_remote.devices_lock protects the list of open devices,
 * and is held while others are opened.
 *
 * The locks of descriptor.c are taken last: that of fork_disable(), which a thread holds while it
 * opens a device or makes an object of one, and then that of descriptor_lock().
 *
 * The thread of the library, or the callers of ndshm_remote_progress(), serve the links. A caller
 * that waits for a peer receives its replies itself.
 *
 * Ranges that RDMA devices of both sides can access have a queue pair on each side: that of a link
 * is a pair (pair.c), those of a peer share a queue (queue.c).
 */
#ifndef NDSHM_REMOTE_INTERNAL_H
#define NDSHM_REMOTE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <infiniband/verbs.h>

#include <ndshm/hold.h>
#include <ndshm/remote.h>

#include "wire.h"

#define NDSHM_API __attribute__((visibility("default")))

#define REMOTE_VERSION		1
#define REMOTE_COPY		0x40000U	/* bytes of a system call on exported memory */
#define REMOTE_STEP		0x10000U	/* bytes that are progress */
#define REMOTE_WINDOW		64U	/* requests in flight of a peer; replies of a link */
#define REMOTE_IMPORTS		1024U		/* of a connection */
#define REMOTE_SECRET		16U		/* bytes of keys and names */
#define REMOTE_PROOF		32U		/* bytes of an HMAC-SHA256 */
#define REMOTE_NONCE		32U

#define PAIR_NUMBER		0xffffffU	/* bits of the number of a queue pair, or packet */
#define PAIR_READS		16		/* in flight of a queue pair */

#define REMOTE_SECOND		1000000000LL
#define REMOTE_MILLISECOND	1000000LL

#define REMOTE_RIGHTS	(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)

struct remote_list {
	struct remote_list *next;
	struct remote_list *previous;
};

#define REMOTE_ENTRY(link_, type_, member_) \
	((type_ *)(void *)((char *)(link_) - offsetof(type_, member_)))

static inline void remote_list_init(struct remote_list *list)
{
	list->next = list->previous = list;
}

static inline void remote_list_add(struct remote_list *list, struct remote_list *link)
{
	link->next = list;
	link->previous = list->previous;
	list->previous->next = link;
	list->previous = link;
}

static inline void remote_list_del(struct remote_list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	remote_list_init(link);
}

/*
 * A descriptor of the epoll set. @ready is called with the lock held. A source is freed at the end
 * of the turn in which it was closed: the same turn may have another event of it.
 */
struct remote_source {
	struct remote_list dead;	/* in ndshm_remote.dead when it is closed */
	void (*ready)(struct remote_source *source, uint32_t events);
	void (*free)(struct remote_source *source);	/* or NULL */
	struct ndshm_remote *remote;
	int fd;				/* or -1 */
	uint32_t events;		/* that the set has */
};

/* An RDMA device that is open. */
struct remote_device {
	struct remote_list link;	/* in ndshm_remote.devices */
	struct ibv_context *context;
	struct ibv_cq *completions;	/* for queue pairs that complete nothing */
	char name[64];
};

/* Between a device and the device of a peer. */
struct remote_path {
	struct remote_device *device;
	union ibv_gid other;		/* address of the peer's */
	uint8_t port;
	uint8_t gid_index;		/* of the own address */
	uint8_t reads;			/* in flight, as a requester */
	uint8_t served_reads;
	enum ibv_mtu mtu;
};

struct remote_blob {
	unsigned char instance[REMOTE_SECRET];
	uint64_t export_id;
	uint64_t length;
	uint32_t rights;
	unsigned char key[REMOTE_SECRET];
};

struct ndshm_remote_export {
	struct remote_list link;	/* in ndshm_remote.exports */
	struct remote_list imports;
	struct ndshm_remote *remote;
	struct ndshm_hold *hold;
	char *address;
	struct remote_blob blob;
	bool used;			/* imported, with NDSHM_REMOTE_ONCE */
	bool ended;			/* has no imports, and will not */
	uint32_t pairs;			/* that are not freed: a device may access the memory */
};

/* A link's range of an export. */
struct remote_import {
	struct remote_list link;	/* in ndshm_remote_export.imports */
	struct ndshm_remote_export *owner;
	struct remote_link *peer;
	uint64_t handle;		/* index in remote_link.imports, and a counter above it */
	struct remote_pair *pair;	/* or NULL: by TCP only; is ready, or to be made */
};

struct remote_reply {
	unsigned char header[WIRE_HEADER];
	unsigned char trailer[WIRE_TRAILER];
	const struct remote_import *import;	/* has the data, or NULL: zeros */
	uint64_t offset;
	uint32_t length;
	uint32_t reason;		/* for the trailer */
};

/* An accepted connection whose peer has the token. */
struct remote_link {
	struct remote_list link;	/* in ndshm_remote.links */
	struct remote_source source;
	unsigned char session[REMOTE_PROOF];
	struct remote_import **imports;
	uint32_t import_slots;
	uint64_t import_count;

	/* receiving */
	struct remote_import *pairing;	/* waits for its pair, as all requests behind it */
	int64_t pairing_limit;
	unsigned char header[WIRE_HEADER];	/* complete: the request waits */
	uint32_t header_have;
	struct wire wire;		/* the message whose data is being received */
	uint32_t body_have;		/* of wire.length */
	const struct remote_import *target;	/* of a put, or NULL: its data is dropped */
	unsigned char proof[WIRE_PROOF];
	uint32_t put_reason;		/* first failure of a put since the last flush */
	uint32_t turn_requests;
	bool pipelined;			/* the last turn had several requests */

	/* sending */
	struct remote_reply replies[REMOTE_WINDOW];
	uint32_t reply_first;
	uint32_t reply_count;
	uint32_t sent;			/* bytes of the first reply */
	uint32_t moved;			/* bytes sent since @limit was set */
	bool careful;			/* one buffer in a call: one of several is not accessible */
	int64_t limit;			/* for the first reply */
};

/* A call that waits for replies. */
struct remote_call {
	uint32_t left;
	uint32_t reason;		/* first failure */
	bool fault;			/* the caller's buffer is not accessible */
	bool pairs;			/* the reply has an offset */
	uint64_t range;			/* of the last reply */
	uint64_t offset;
	uint64_t value[2];
};

struct remote_pending {
	uint64_t request;
	struct remote_call *call;
	char *buffer;
	uint32_t length;
};

/* A connection that the program has made. */
struct ndshm_remote_peer {
	struct remote_list link;	/* in ndshm_remote.peers */
	struct ndshm_remote *remote;
	pthread_mutex_t lock;
	atomic_int wanted;		/* threads that wait for the lock */
	pthread_cond_t changed;
	int fd;
	unsigned char session[REMOTE_PROOF];
	unsigned char instance[REMOTE_SECRET];	/* of the owner */
	struct remote_list ranges;
	uint32_t reason;		/* of its failure */
	bool sending;			/* a thread is between the ends of its messages */
	bool polling;			/* a thread waits for replies for all, and receives */
	bool polling_queue;		/* a thread waits for completions for all */

	struct remote_queue *queue;	/* or NULL: @queue_reason says why */
	uint32_t queue_reason;
	uint32_t put_reason;		/* first failure of a put by RDMA since the last flush */
	uint64_t puts;			/* calls that put by TCP */
	uint64_t puts_ordered;		/* of these: the first that have been executed */
	uint64_t puts_flushed;		/* whose failures were asked for */

	struct remote_pending pending[REMOTE_WINDOW];
	uint32_t pending_first;
	uint32_t pending_count;
	uint64_t requests;
	uint64_t moved;			/* bytes, and REMOTE_STEP for each reply */
	uint64_t unanswered;		/* bytes sent since the last reply */

	unsigned char header[WIRE_HEADER];
	uint32_t header_have;
	uint32_t body;			/* bytes of data of the reply, or 0 */
	uint32_t body_have;		/* with the trailer */
	unsigned char trailer[WIRE_TRAILER];
	struct wire reply;
};

struct ndshm_remote_range {
	struct remote_list link;	/* in ndshm_remote_peer.ranges */
	struct ndshm_remote_peer *peer;
	uint64_t handle;
	uint64_t length;
	uint32_t rights;
	uint32_t tcp_reason;		/* why accesses go by TCP; none: by RDMA */

	/* protected by the peer's lock */
	uint32_t reason;		/* of its failure, by RDMA */
	struct ibv_qp *pair;
	uint32_t key;
	uint64_t start;			/* address of its first byte for the owner's device */
};

struct remote_token {
	unsigned char key[REMOTE_PROOF];	/* the hash of the token */
};

struct ndshm_remote {
	pthread_mutex_t lock;
	pthread_cond_t resumed;
	atomic_int wanted;		/* threads that wait for the lock */
	bool yielding;			/* the thread that serves waits for @resumed */
	bool turning;			/* a thread serves */
	pthread_cond_t woken;
	uint64_t wakes;
	int waiting;			/* threads that wait for @woken */
	unsigned int generation;	/* of the process: see remote_enter() */
	pthread_t thread;
	atomic_bool stop;
	uint32_t flags;
	int64_t timeout;		/* nanoseconds */
	uint32_t max_peers;
	uint32_t max_half_open;

	int epoll;
	struct remote_source wake;
	struct remote_source timer;
	bool timer_runs;
	struct remote_list dead;

	unsigned char instance[REMOTE_SECRET];
	struct remote_list peers;
	uint32_t peer_count;
	struct remote_list links;
	uint32_t link_count;
	uint32_t reply_count;		/* of all links */

	pthread_mutex_t devices_lock;
	struct remote_list devices;	/* protected by @devices_lock */
	struct remote_list pair_work;
	pthread_t pair_thread;
	bool pairing;			/* @pair_thread runs */
	uint32_t pair_count;
	struct remote_list exports;
	uint64_t export_counter;
	uint32_t import_count;
	uint64_t served;
	uint64_t denied;
	uint64_t bytes_read;
	uint64_t bytes_written;

	struct remote_source listener;
	bool listener_paused;
	struct remote_list half_open;	/* oldest first */
	uint32_t half_open_count;
	uint64_t refused;
	struct remote_token token;
};

/* reason.c: record the reason for this thread, and return the errno. */
int remote_fail(uint32_t reason, int error);
int remote_refuse(uint32_t reason);

static inline int remote_done(int error)
{
	return remote_fail(NDSHM_REASON_NONE, error);
}

/* descriptor.c: descriptors that children of fork() do not keep. */
int descriptor_init(void);
unsigned int descriptor_generation(void);
/*
 * In between, which may take long, no fork() happens: a child would have what the caller hides from
 * it next. Called without descriptor_lock().
 */
void fork_disable(void);
void fork_enable(void);
/* Take over a descriptor. Called between descriptor_lock() and _unlock(), as is its creation. */
void descriptor_lock(void);
void descriptor_unlock(void);
bool descriptor_add(int fd);
void descriptor_close(int fd);
/* Of another library, which closes it next. Called between descriptor_lock() and _unlock(). */
void descriptor_remove(int fd);
int descriptor_socket(int family);
int descriptor_accept(int listener, struct sockaddr *address, socklen_t *length);

/*
 * remote.c. Each call of the program is between remote_enter(), which returns false in a child
 * of fork(), and remote_leave(): a thread is not cancelled in between.
 */
bool remote_enter(const struct ndshm_remote *remote);
void remote_leave(void);
int remote_forked(void);
void remote_lock(struct ndshm_remote *remote);
void remote_unlock(struct ndshm_remote *remote);
/*
 * Wait for the next remote_wake(). Both are called with the lock held, which is released while the
 * caller waits.
 */
void remote_wait(struct ndshm_remote *remote);
void remote_wake(struct ndshm_remote *remote);
bool remote_thread_start(struct ndshm_remote *remote, pthread_t *thread, void *(*run)(void *));
int64_t remote_now(void);
bool remote_random(void *bytes, size_t length);
void remote_progress(struct ndshm_remote *remote);
bool remote_source_add(struct remote_source *source, uint32_t events);
void remote_source_set(struct remote_source *source, uint32_t events);
void remote_source_close(struct remote_source *source);
void remote_timer_start(struct ndshm_remote *remote);

/* handshake.c */
#define GREETING_BYTES	48U
#define HELLO_BYTES	80U
#define WELCOME_BYTES	64U
struct handshake {
	struct remote_token token;
	unsigned char greeting[GREETING_BYTES];
	unsigned char hello[HELLO_BYTES];
	unsigned char welcome[WELCOME_BYTES];
};
bool token_init(struct remote_token *token, const void *bytes, size_t length);
bool handshake_greet(struct handshake *handshake);
bool handshake_greeting_valid(const struct handshake *handshake);
bool handshake_say_hello(struct handshake *handshake);
bool handshake_hello_starts(const unsigned char *hello, size_t length);
bool handshake_hello_valid(const struct handshake *handshake);
void handshake_welcome(struct handshake *handshake, const unsigned char instance[REMOTE_SECRET]);
void handshake_refuse(struct handshake *handshake, uint32_t reason);
/* Returns the reason of the listener, or why the welcome is invalid. */
uint32_t handshake_welcome_check(const struct handshake *handshake,
				 unsigned char instance[REMOTE_SECRET]);
void handshake_session(const struct handshake *handshake, unsigned char session[REMOTE_PROOF]);
bool bytes_equal(const void *one, const void *other, size_t length);
/* What an import sends instead of the key. */
void import_proof(const struct remote_blob *blob, const unsigned char session[REMOTE_PROOF],
		  unsigned char proof[WIRE_PROOF]);

/* Of the message that requests a pair, and of the reply. */
void pair_request_proof(const unsigned char session[REMOTE_PROOF], const struct wire *request,
			unsigned char proof[WIRE_PROOF]);
void pair_reply_proof(const unsigned char session[REMOTE_PROOF], const struct wire *request,
		      struct wire *reply);
bool pair_reply_valid(const unsigned char session[REMOTE_PROOF], const struct wire *request,
		      const struct remote_call *call);

/* listener.c */
void listener_check_time(struct ndshm_remote *remote, int64_t now);
void listener_close(struct ndshm_remote *remote);
bool listener_needs_time(const struct ndshm_remote *remote);
union remote_address {
	struct sockaddr any;
	struct sockaddr_storage storage;
};
socklen_t remote_address_parse(const char *text, uint16_t port, union remote_address *address);
void remote_socket_init(const struct ndshm_remote *remote, int fd);

/* link.c */
bool link_create(struct ndshm_remote *remote, int fd, const unsigned char session[REMOTE_PROOF]);
void link_close(struct remote_link *link);
/* Returns true if a link waits for a pair. */
bool links_check_time(struct ndshm_remote *remote, int64_t now);
/* Append a reply; there is room. @import: has @wire->length bytes of data at @offset. */
void link_reply(struct remote_link *link, struct wire *wire, const struct remote_import *import,
		uint64_t offset);
void link_forget_import(struct remote_link *link, const struct remote_import *import);
/* Reply to the request for a pair, and receive again. */
void link_paired(struct remote_link *link, struct wire *reply);

/* export.c */
void export_serve(struct remote_link *link);
uint32_t export_find(const struct remote_link *link, const struct wire *wire, uint32_t right,
		     uint64_t length, const struct remote_import **import);
void export_forget_link(struct remote_link *link);
void exports_free(struct ndshm_remote *remote);
uint32_t exports_count(const struct ndshm_remote *remote);

/* peer.c */
void peer_lock(struct ndshm_remote_peer *peer);
bool peer_is_wanted(struct ndshm_remote_peer *peer);
void peer_unlock(struct ndshm_remote_peer *peer);
void peer_fail(struct ndshm_remote_peer *peer, uint32_t reason);
void peer_free(struct ndshm_remote_peer *peer);
uint32_t peer_call_wait(struct ndshm_remote_peer *peer, struct remote_call *call);
uint32_t peer_call(struct ndshm_remote_peer *peer, struct wire *wire, const void *data,
		   struct remote_call *call);

/* A time limit, which REMOTE_STEP bytes, a reply, or a completion extend. */
struct peer_limit {
	int64_t time;
	uint64_t moved;
	int queued;			/* bytes that the owner's machine has not acknowledged */
};
void peer_limit_start(struct ndshm_remote_peer *peer, struct peer_limit *limit);
/* @send: wait for room, too. @most: nanoseconds of a wait for completions, or 0: for replies. */
void peer_wait_step(struct ndshm_remote_peer *peer, struct peer_limit *limit, bool send,
		    int64_t most);

/* Messages that one thread sends together. */
#define BATCH	16U
struct peer_batch {
	struct ndshm_remote_peer *peer;
	unsigned char headers[BATCH][WIRE_HEADER];
	const void *data[BATCH];
	uint32_t lengths[BATCH];
	uint32_t count;
	uint32_t requests;		/* of these: those with a reply */
	bool fault;			/* data is not accessible */
};
uint32_t peer_batch_begin(struct peer_batch *batch, struct ndshm_remote_peer *peer);
uint32_t peer_batch_put(struct peer_batch *batch, const struct wire *wire, const void *data);
/* A message with a reply, to be received in @buffer if it has @length bytes. */
uint32_t peer_batch_request(struct peer_batch *batch, struct wire *wire, const void *data,
			    struct remote_call *call, void *buffer, uint32_t length);
uint32_t peer_batch_end(struct peer_batch *batch, uint32_t reason);

/* device.c */
uint32_t device_find(struct ndshm_remote *remote, const union remote_address *address,
		     struct remote_path *path);
bool path_init(struct remote_path *path, int fd, union remote_address *local);
bool path_connect(const struct remote_path *path, struct ibv_qp *queue, uint32_t number,
		  uint32_t packet, unsigned int access);
/* Children of fork() do not have the mappings of these objects. */
struct ibv_cq *device_create_completions(struct ibv_context *context, int entries,
					 struct ibv_comp_channel *channel);
struct ibv_qp *device_create_pair(struct ibv_pd *domain, struct ibv_qp_init_attr *attributes);
void device_hide_mappings(void);
void devices_close(struct ndshm_remote *remote);

/* pair.c */
uint32_t pair_serve(struct remote_link *link, struct remote_import *import, bool *done);
void pair_end(struct remote_import *import);
void pair_expire(struct remote_link *link);
void pairs_free(struct ndshm_remote_export *owner);
void pairs_stop(struct ndshm_remote *remote);

/* queue.c */
void queue_create(struct ndshm_remote_peer *peer);
void queue_free(struct remote_queue *queue);
uint32_t queue_pair(struct ndshm_remote_range *range);
void queue_release(struct ndshm_remote_range *range);
void queue_progress(struct ndshm_remote_peer *peer);
void queue_stop(struct remote_queue *queue);
bool queue_arm(struct ndshm_remote_peer *peer, int *fd);
void queue_disarm(struct ndshm_remote_peer *peer);
uint32_t queue_put(struct ndshm_remote_range *range, const struct ndshm_remote_part *part);
uint32_t queue_get(struct ndshm_remote_range *range, const struct ndshm_remote_part *part,
		   struct remote_call *call);
uint32_t queue_get_wait(struct ndshm_remote_peer *peer, const struct remote_call *call);
uint32_t queue_flush(struct ndshm_remote_peer *peer);

/* range.c */
void ranges_free(struct ndshm_remote_peer *peer);

/* blob.c */
void blob_encode(const struct remote_blob *blob, unsigned char bytes[NDSHM_REMOTE_BLOB_BYTES]);
uint32_t blob_decode(const void *bytes, size_t length, struct remote_blob *blob);

/* memory.c */
bool memory_is_readable(const void *address, size_t length);
uint32_t memory_check(void *address, size_t length, bool write);

#endif /* NDSHM_REMOTE_INTERNAL_H */
