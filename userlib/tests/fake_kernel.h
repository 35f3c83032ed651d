/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake kernel for a netlink socket: sends the answers that a test sets. Requires --wrap
 * of genl_connect.
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
	void (*script)(void);	/* answers a request by queuing messages */
	bool has_family;
	int connect_error;	/* libnl's error of the connection; 0: success */
	int empty;		/* number of empty datagrams that come first */

	/* The current request. */
	struct nlmsghdr request;
	int connections, dumps, gets;
	char requested_name[64];
	uint8_t request_command;
	uint32_t group;		/* multicast group; 0: the family has none */
	bool answering;		/* the fake kernel itself is calling libnl */
};

extern struct kernel kernel;

/* Reset the kernel; @script answers its requests. */
void kernel_reset(void (*script)(void));

/* Open a client that lists by this kernel. Return: 0 or a negative errno. */
int kernel_open(struct ndshm **ndshm);

/* Allocate a message of the answer, without attributes. */
struct nl_msg *kernel_begin(uint8_t command, int flags);
/* Append a message to the last datagram, which must have room. */
void kernel_put(struct nl_msg *message);
void kernel_put_bytes(const void *bytes, size_t length);
void kernel_end_datagram(void);
/* Append a datagram of one message. */
void kernel_put_error(int error);
void kernel_put_done(int error, int flags);
/* End a list that is complete. */
void kernel_end_list(void);

/* Get the bytes of a queued datagram, to change them. Return: NULL if there is none. */
unsigned char *kernel_datagram(size_t number, size_t *length);

/* Append a valid adapter, provider (ID 3), block, section or queue. */
void kernel_put_adapter(uint32_t id, const char *name, int flags);
void kernel_put_provider(int flags, bool counted);
void kernel_put_block(uint32_t id);
void kernel_put_section(uint32_t id);
void kernel_put_queue(uint32_t adapter, bool port, uint32_t id, bool usage);

#endif /* NDSHM_TEST_FAKE_KERNEL_H */
