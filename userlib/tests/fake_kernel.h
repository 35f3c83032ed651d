/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's end of a netlink socket: it answers what a test wants. Goes with
 * --wrap of genl_connect.
 */
#ifndef NDSHM_TEST_FAKE_KERNEL_H
#define NDSHM_TEST_FAKE_KERNEL_H

#include <stdbool.h>

#include <linux/genetlink.h>
#include <linux/ndshm_netlink.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <ndshm/ndshm.h>

#define KERNEL_FAMILY	0x20

struct kernel {
	void (*script)(void);	/* how a request is answered: queue messages */
	bool has_family;
	int connect_error;	/* libnl's, of the connection; 0: it succeeds */
	int empty;		/* datagrams without a byte that come first */

	/* The request that is answered. */
	struct nlmsghdr request;
	int connections, dumps, gets;
	char asked_name[64];
	uint8_t request_command;
	uint32_t asked_present;	/* of a quota or of access: bit n for attribute n */
	uint64_t asked[NDSHM_A_QUOTA_MAX + 1];
	uint32_t group;		/* of events; 0: the family has none */
	bool answering;		/* what is called is called by the kernel's end */
};

extern struct kernel kernel;

/* A new kernel, which answers by @script. */
void kernel_reset(void (*script)(void));

/* A client that asks this kernel for its lists; 0 or a negative errno. */
int kernel_open(struct ndshm **ndshm);

/* A row of the answer, without attributes. */
struct nl_msg *kernel_begin(uint8_t command, int flags);
/* Append a message to the last datagram, which must have room. */
void kernel_put(struct nl_msg *message);
void kernel_put_bytes(const void *bytes, size_t length);
void kernel_end_datagram(void);
/* Datagrams of one message. */
void kernel_put_error(int error);
void kernel_put_done(int error, int flags);

/* Change the bytes of a datagram that waits. NULL: there is none. */
unsigned char *kernel_datagram(size_t number, size_t *length);

/* A valid adapter, provider (3), block. */
void kernel_put_adapter(uint32_t id, const char *name, int flags);
void kernel_put_provider(int flags);
void kernel_put_provider_uncounted(int flags);
void kernel_put_block(uint32_t id);
void kernel_put_section(uint32_t id);
void kernel_put_queue(uint32_t adapter, bool port, uint32_t id, bool usage);

#endif /* NDSHM_TEST_FAKE_KERNEL_H */
