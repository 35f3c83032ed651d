// SPDX-License-Identifier: GPL-2.0
/*
 * The mailbox: memory of the card that a VF and the PF share, with a register of flags.
 * Some flags are cleared by a read, so that they are collected in vf->mailbox_seen.
 *
 * The PF may write a message of its own over a request that it has not read yet. The
 * request is then lost, and sent again.
 */
#include <linux/etherdevice.h>
#include <linux/iopoll.h>
#include <linux/jiffies.h>

#include "regs.h"
#include "vf.h"

#define ADDRESS_WORDS	3	/* of a message: its type, and six bytes of an address */
#define ATTEMPTS	3
#define TIMEOUT_US	300000	/* of an attempt */
#define INTERVAL_US	500

static u32 vf_mailbox_flags(struct vf *vf)
{
	u32 flags = vf_read(vf, REG_MAILBOX);

	vf->mailbox_seen |= flags & MAILBOX_READ_CLEARS;
	return flags | vf->mailbox_seen;
}

static bool vf_mailbox_try_lock(struct vf *vf)
{
	vf_write(vf, REG_MAILBOX, MAILBOX_OURS);
	return vf_mailbox_flags(vf) & MAILBOX_OURS;
}

/* The next write of the register without MAILBOX_OURS unlocks the memory. */
static int vf_mailbox_lock(struct vf *vf)
{
	bool locked;

	return read_poll_timeout(vf_mailbox_try_lock, locked, locked, INTERVAL_US,
				 TIMEOUT_US, false, vf);
}

static int vf_mailbox_send(struct vf *vf, const u32 *words)
{
	unsigned int i;
	int error = vf_mailbox_lock(vf);

	if (error)
		return error;
	vf->mailbox_seen &= ~(MAILBOX_MESSAGE | MAILBOX_PF_ACK);
	for (i = 0; i < ADDRESS_WORDS; i++)
		vf_write(vf, REG_MAILBOX_MEMORY(i), words[i]);
	vf_write(vf, REG_MAILBOX, MAILBOX_REQUEST);
	return 0;
}

static int vf_mailbox_receive(struct vf *vf, u32 *words)
{
	unsigned int i;
	u32 flags;
	int error;

	error = read_poll_timeout(vf_mailbox_flags, flags, flags & MAILBOX_MESSAGE,
				  INTERVAL_US, TIMEOUT_US, false, vf);
	if (!error)
		error = vf_mailbox_lock(vf);
	if (error)
		return error;
	vf->mailbox_seen &= ~MAILBOX_MESSAGE;
	for (i = 0; i < ADDRESS_WORDS; i++)
		words[i] = vf_read(vf, REG_MAILBOX_MEMORY(i));
	vf_write(vf, REG_MAILBOX, MAILBOX_ACK);
	return 0;
}

/* Send a request, and replace it by the reply. No attempt begins after a second. */
static int vf_mailbox_ask(struct vf *vf, u32 *words)
{
	u32 reply[ADDRESS_WORDS] = { };
	const unsigned long end = jiffies + HZ;
	unsigned int attempt, others;
	int error = -ETIMEDOUT;

	lockdep_assert_held(&vf->lock);

	for (attempt = 0; attempt < ATTEMPTS && time_before(jiffies, end);
	     attempt++) {
		error = vf_mailbox_send(vf, words);
		/* Other messages of the PF may precede the reply. */
		for (others = 0; !error && others < ATTEMPTS && time_before(jiffies, end);
		     others++) {
			error = vf_mailbox_receive(vf, reply);
			if (error || ((reply[0] ^ words[0]) & MESSAGE_TYPE))
				continue;
			memcpy(words, reply, sizeof(reply));
			return 0;
		}
	}
	return error ?: -EPROTO;
}

/*
 * Report to the PF that the function was reset. On success the PF has enabled its queues, and
 * @address is that which the PF has given the function, or zero if there is none. Fails at
 * once with -EAGAIN while the PF is down.
 */
int vf_mailbox_reset(struct vf *vf, u8 *address)
{
	u32 words[ADDRESS_WORDS] = { MESSAGE_RESET };
	int error;

	if (vf_mailbox_flags(vf) & MAILBOX_RESETTING)
		return -EAGAIN;
	error = vf_mailbox_ask(vf, words);
	if (error)
		return error;
	eth_zero_addr(address);
	if (words[0] & MESSAGE_ACCEPTED)
		memcpy(address, &words[1], ETH_ALEN);
	if (!is_valid_ether_addr(address))
		eth_zero_addr(address);
	return 0;
}

/* Return: 0, -EPERM if the PF does not allow this address, or another error. */
int vf_mailbox_set_address(struct vf *vf, const u8 *address)
{
	u32 words[ADDRESS_WORDS] = { MESSAGE_SET_ADDRESS };
	int error;

	memcpy(&words[1], address, ETH_ALEN);
	error = vf_mailbox_ask(vf, words);
	if (error)
		return error;
	return words[0] & MESSAGE_ACCEPTED ? 0 : -EPERM;
}

/* Return: true if the PF was reset since the last call, which disables all queues. */
bool vf_mailbox_was_reset(struct vf *vf)
{
	const u32 reset = MAILBOX_RESETTING | MAILBOX_RESET_DONE;
	bool was_reset = vf_mailbox_flags(vf) & reset;

	vf->mailbox_seen &= ~reset;
	return was_reset;
}
