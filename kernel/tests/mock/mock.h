/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider, adapters and a kernel user of blocks that do what they are told,
 * through files in debugfs; ctl.c has the language.
 */
#ifndef _NDSHM_MOCK_H
#define _NDSHM_MOCK_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <ndshm/provider.h>
#include <ndshm/status.h>

struct device;
struct platform_device;
struct seq_file;

#define MOCK_NAME_SIZE	64	/* names that are too long can be tried, too */
#define MOCK_WORDS	24

/**
 * struct mock_command - one command, cut at its blanks
 * @words: how many
 * @word: the words; the first two are the verb
 * @reason: out: what ndshm answered, if it was asked
 */
struct mock_command {
	unsigned int words;
	char *word[MOCK_WORDS];
	ndshm_reason_t reason;
};

/* The errno of a reason, which the command keeps. */
int mock_answer(struct mock_command *command, ndshm_reason_t reason);

/* What follows "KEY=" in @word, or NULL. */
const char *mock_value(const char *word, const char *key);
/* 0, or -EINVAL if it is no number or more than @max. */
int mock_number(const char *text, u64 max, u64 *number);

/*
 * script.c: what a provider answers
 */

enum mock_list {
	MOCK_LIST_GOOD,
	MOCK_LIST_SHORT,	/* a byte is missing */
	MOCK_LIST_OVERLAP,
	MOCK_LIST_MULTI,	/* a segment each page */
	MOCK_LIST_REVERSE,	/* the same, from the highest address down */
	MOCK_LIST_EMPTY,	/* no segment */
	MOCK_LIST_LONG,		/* a page more than the block has */
	MOCK_LIST_ZERO,		/* a segment of no length */
	MOCK_LIST_WRAP,		/* a segment beyond the end of addresses */
	MOCK_LIST_BAD,		/* DMA_MAPPING_ERROR, as if nobody had looked */
};

/**
 * struct mock_answer - how one call is answered
 * @status: of the handler
 * @list: how the segments look
 * @list_always: add segments although the status is no success
 * @null_context: the block's context is NULL
 * @null_address: it has no kernel address
 * @short_length: the length that was asked for is overwritten: a page less
 * @no_flags: the flags that were asked for are overwritten: none
 * @needs_sync: it says that the block does
 * @hold: wait until the script says otherwise
 * @hold_free: frees do so
 * @delay_ms: wait that long
 * @consumed: bytes it says it takes; 0: it does not say
 */
struct mock_answer {
	ndshm_status_t status;
	enum mock_list list;
	bool list_always;
	bool null_context;
	bool null_address;
	bool short_length;
	bool no_flags;
	bool needs_sync;
	bool hold;
	bool hold_free;
	unsigned int delay_ms;
	u64 consumed;
};

/**
 * struct mock_script - what is answered from now on
 * @lock: guards all members
 * @answer: what was told
 * @nth: only this call is answered so, and others well; 0: every one
 * @every: only each so many calls; 0: every one
 * @calls: since the last change
 * @changed: woken at a change
 */
struct mock_script {
	spinlock_t lock;	/* all members */
	struct mock_answer answer;
	u64 nth;
	u64 every;
	u64 calls;
	wait_queue_head_t changed;
};

void mock_script_init(struct mock_script *script);
/* The words from @first on; on an error nothing has changed. */
int mock_script_change(struct mock_script *script,
		       const struct mock_command *command, unsigned int first);
void mock_script_reset(struct mock_script *script);
/* The next call's answer, when its time has come. */
struct mock_answer mock_script_next(struct mock_script *script);
/* The same of a free. */
void mock_script_free(struct mock_script *script);
/* 0 or -ENOMEM. */
int mock_script_list(const struct mock_answer *answer,
		     struct ndshm_segment_list *list, u64 address, u64 length);

/*
 * provider.c: the providers
 */

#define MOCK_GENERATIONS	8

/**
 * struct mock_generation - one registration, the context of its handlers
 * @provider: whose it is
 * @number: in turn
 */
struct mock_generation {
	struct mock_provider *provider;
	unsigned int number;
};

struct mock_memory;

/**
 * struct mock_provider - a name, and what happened under it
 * @link: among all; stays there to the end once it was registered
 * @name: as told; that of the registration
 * @users: commands that use it; guarded like @link
 * @kept: it was registered
 * @gate: held for writing while the registration changes, and for reading by
 *	a kernel user, who may not name a provider that is going
 * @handle: ndshm's; NULL: not registered; guarded by @gate
 * @current_generation: of the registration; guarded by @gate
 * @generations: used in turn
 * @last_generation: which one made the last block
 * @script: what is answered
 * @shared: the memory of the block whose context is NULL; there is one at most
 * @gone: no handler may be called
 * @inside: allocate handlers that run now
 * @freeing: free handlers that run now
 * @allocated: successes
 * @freed: that came back
 * @failed: answers that were no success
 * @double_free: frees of what was not given out, or no longer
 * @use_after_free: freed memory that had changed when it was looked at
 * @overrun: memory that was written before its start or beyond its end
 * @mmapped: calls of the pfn handler that were a success
 * @synced: bytes that were synced for devices, and for processors
 * @sync_end: where the last of these ranges ended, from its block's start
 * @misused: calls of a handler against the contract
 */
struct mock_provider {
	struct list_head link;
	char name[MOCK_NAME_SIZE];
	unsigned int users;
	bool kept;
	struct rw_semaphore gate;	/* handle, current_generation */
	struct ndshm_provider *handle;
	unsigned int current_generation;
	struct mock_generation generations[MOCK_GENERATIONS];
	unsigned int last_generation;
	struct mock_script script;
	struct mock_memory *shared;
	bool gone;
	atomic_t inside;
	atomic_t freeing;
	atomic64_t allocated;
	atomic64_t freed;
	atomic64_t failed;
	atomic64_t double_free;
	atomic64_t use_after_free;
	atomic64_t overrun;
	atomic64_t mmapped;
	atomic64_t synced[2];
	u64 sync_end;
	atomic64_t misused;
};

/*
 * handlers.c: the handlers of every registration, whose context is a struct
 * mock_generation
 */
ndshm_status_t mock_allocate(void *provider_context,
			     struct ndshm_parameters *p, void **context);
void mock_free(void *provider_context, void *context);
unsigned long mock_pfn(void *provider_context, void *context, pgoff_t index,
		       unsigned long *count, pgprot_t *prot);
void mock_sync(void *provider_context, void *context, bool for_device,
	       u64 offset, u64 length);

/* A lock of ndshm's that the caller holds; NULL also where the kernel cannot tell. */
const char *mock_lock_held(void);
/* A handler was called, or a call ended, against the contract. */
void mock_misused(struct mock_provider *provider, const char *what);
/* For faults: free the block that was freed last. -ENOENT: it is not known. */
int mock_free_again(void);

int mock_provider_add(struct mock_command *command);
int mock_provider_replace(struct mock_command *command);
int mock_provider_del(struct mock_command *command);
int mock_provider_revoke(struct mock_command *command);
int mock_provider_script(struct mock_command *command);

/**
 * struct mock_named - who keeps the provider that a command names
 * @mine: of those here, or NULL
 * @other: of those elsewhere, or NULL
 */
struct mock_named {
	struct mock_provider *mine;
	struct ndshm_provider *other;
};

/*
 * For a kernel user: the adapter in word 3 and the provider in word 4, or `default`,
 * into @p. They stay until they are put; nothing does if there is a reason.
 */
ndshm_reason_t mock_named_get(const struct mock_command *command,
			      struct ndshm_parameters *p,
			      struct mock_named *named);
void mock_named_put(const struct ndshm_parameters *p,
		    const struct mock_named *named);

int mock_providers_show(struct seq_file *file, void *unused);
/* 0 or -ENOMEM. */
int mock_provider_setup(void);
void mock_provider_teardown(void);

/*
 * adapter.c: adapters, each with a device of its own
 */

/* A device that nothing drives; NULL if there is no memory. */
struct platform_device *mock_device_make(void);

int mock_adapter_add(struct mock_command *command);
int mock_adapter_del(struct mock_command *command);
void mock_adapter_teardown(void);

/*
 * block.c: a kernel user of blocks
 */

void mock_block_setup(void);
int mock_block_alloc(struct mock_command *command);
int mock_block_free(struct mock_command *command);
int mock_block_get(struct mock_command *command);
int mock_block_put(struct mock_command *command);
int mock_block_release(struct mock_command *command);
int mock_block_sync(struct mock_command *command);
int mock_blocks_show(struct seq_file *file, void *unused);
/* Of the block that was made last in @slot; false: there is no such slot. */
bool mock_block_handle(u64 slot, u32 *handle);
void mock_block_teardown(void);

/*
 * queue.c: queues and ports of adapters
 */

int mock_queue_add(struct mock_command *command);
int mock_queue_event(struct mock_command *command);
/* Of the queue or port that was made last in @slot; false: there is no such slot. */
bool mock_queue_id(u64 slot, u32 *id);

/*
 * packet.c: packets of anybody's blocks
 */

void mock_packet_setup(void);
int mock_packet_resolve(struct mock_command *command);
int mock_packet_put(struct mock_command *command);
void mock_packet_teardown(void);

/*
 * request.c: a kernel user who asks for later
 */

void mock_request_setup(void);
int mock_request_ask(struct mock_command *command);
int mock_request_cancel(struct mock_command *command);
int mock_request_told(struct mock_command *command);
int mock_request_end(struct mock_command *command);
int mock_requests_show(struct seq_file *file, void *unused);
void mock_request_teardown(void);

/*
 * worker.c: failures where requests are carried out
 */

int mock_worker(struct mock_command *command);
void mock_worker_free(void);

/*
 * promise.c: what a kernel user is promised
 */

#define MOCK_SEGMENTS	16
#define MOCK_GUARD	32	/* bytes */

/**
 * struct mock_request - one call of ndshm_allocate(), and guards around what it is given
 * @parameters: what is asked, and the outcome
 * @list: the caller's; none if its capacity is 0
 * @segments: of @list
 * @block: the outcome
 */
struct mock_request {
	/* private: */
	u8 guard0[MOCK_GUARD];
	/* public: */
	struct ndshm_parameters parameters;
	/* private: */
	u8 guard1[MOCK_GUARD];
	/* public: */
	struct ndshm_segment_list list;
	/* private: */
	u8 guard2[MOCK_GUARD];
	/* public: */
	struct ndshm_segment segments[MOCK_SEGMENTS];
	/* private: */
	u8 guard3[MOCK_GUARD];
	/* public: */
	struct ndshm_block *block;
	/* private: */
	u8 guard4[MOCK_GUARD];
};

/*
 * Ask, with rubbish wherever ndshm writes and wherever it must not. *kept: nothing but
 * the outputs that go with the reason has changed, and they are as promised.
 */
ndshm_reason_t mock_request_try(struct mock_request *request, bool *kept);
/* Does its memory read as zero, to the last page's end? */
bool mock_request_zero(const struct mock_request *request);

/*
 * memory.c: what is given out
 */

/**
 * struct mock_memory - one piece
 * @hash: by @cookie, while it is given out
 * @link: among those that are kept after their free
 * @cookie: the block's context: a number that is never used again
 * @provider: who gave it out
 * @generation: through which registration
 * @device: held
 * @start: of all of it
 * @dma: device address of @start
 * @size: of all of it
 * @guard: bytes before and behind the block's
 */
struct mock_memory {
	struct hlist_node hash;
	struct list_head link;
	unsigned long cookie;
	struct mock_provider *provider;
	unsigned int generation;
	struct device *device;
	void *start;
	dma_addr_t dma;
	size_t size;
	size_t guard;
};

struct mock_memory *mock_memory_make(struct mock_generation *generation,
				     struct device *device, size_t length);
/* Never given out after all. */
void mock_memory_unmake(struct mock_memory *memory);

static inline void *mock_memory_address(const struct mock_memory *memory)
{
	return memory->start + memory->guard;
}

static inline dma_addr_t mock_memory_dma(const struct mock_memory *memory)
{
	return memory->dma + memory->guard;
}

static inline size_t mock_memory_length(const struct mock_memory *memory)
{
	return memory->size - 2 * memory->guard;
}

/* By its cookie: what is given out; take: for the one who frees it. NULL: no. */
struct mock_memory *mock_memory_find(unsigned long cookie);
struct mock_memory *mock_memory_take(unsigned long cookie);
/* The end of what was taken: look at it, poison it, keep it for a while. */
void mock_memory_retire(struct mock_memory *memory);
/* Look at what is kept. */
void mock_memory_check(void);
/* The device goes (NULL: all that is kept is given up). */
void mock_memory_flush(struct device *device);

/*
 * For faults. Write to the piece that was freed last, or beyond the end of those
 * that are given out; -ENOENT if there is none. The cookie of the piece that was
 * freed last; 0: none is kept.
 */
int mock_memory_write_late(void);
int mock_memory_write_beyond(void);
unsigned long mock_memory_last_freed(struct mock_provider **provider);

/*
 * fault.c: deliberate mistakes
 */

int mock_fault(struct mock_command *command);
void mock_fault_teardown(void);

/*
 * awake.c: devices that do not sleep
 */

int mock_awake(struct mock_command *command);

/*
 * ctl.c: the language
 */

extern const struct file_operations mock_ctl_fops;
int mock_reason_show(struct seq_file *file, void *unused);

#endif /* _NDSHM_MOCK_H */
