/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mock providers, adapters and a kernel user of blocks, controlled by commands through
 * debugfs files; ctl.c describes the commands.
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

#define MOCK_NAME_SIZE	64	/* longer than ndshm allows, to test names that are too long */
#define MOCK_WORDS	24

/**
 * struct mock_command - One command, split at its blanks
 * @words: number of words
 * @word: the words; the first two are the verb
 * @reason: out: reason that ndshm returned, if it was called
 */
struct mock_command {
	unsigned int words;
	char *word[MOCK_WORDS];
	ndshm_reason_t reason;
};

/* Store @reason in @command. Return: its errno. */
int mock_answer(struct mock_command *command, ndshm_reason_t reason);

/* Return: the text after "KEY=" in @word, or NULL if @word has another key. */
const char *mock_value(const char *word, const char *key);
/* Return: 0, or -EINVAL if @text is no number or more than @max. */
int mock_number(const char *text, u64 max, u64 *number);

/*
 * script.c: scripted replies of a provider
 */

enum mock_list {
	MOCK_LIST_GOOD,
	MOCK_LIST_SHORT,	/* one byte too short */
	MOCK_LIST_OVERLAP,
	MOCK_LIST_MULTI,	/* one segment for each page */
	MOCK_LIST_REVERSE,	/* as MULTI, in descending order of addresses */
	MOCK_LIST_EMPTY,	/* no segment */
	MOCK_LIST_LONG,		/* one page more than the block */
	MOCK_LIST_ZERO,		/* a segment of length zero */
	MOCK_LIST_WRAP,		/* a segment that exceeds the address space */
	MOCK_LIST_BAD,		/* DMA_MAPPING_ERROR, as without error check */
};

/**
 * struct mock_answer - Reply to one call
 * @status: status of the handler
 * @list: kind of list of segments
 * @list_always: add segments even if @status is a failure
 * @null_context: return NULL as the block's context
 * @null_address: return no kernel address
 * @short_length: overwrite the requested length with one page less
 * @no_flags: overwrite the requested flags with 0
 * @needs_sync: report needs_sync
 * @hold: block until a script clears @hold
 * @hold_free: the same for the free handler
 * @delay_ms: sleep that long
 * @consumed: reported bytes; 0: do not report
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
 * struct mock_script - Replies from now on
 * @lock: protects all members
 * @answer: reply set by the last command
 * @nth: apply @answer to this call only; 0: no such limit
 * @every: apply @answer to every so many calls only; 0: no such limit
 * @calls: number of calls since the last change
 * @changed: woken by a change
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
/* Apply the words from @first on. On an error nothing changes. */
int mock_script_change(struct mock_script *script,
		       const struct mock_command *command, unsigned int first);
void mock_script_reset(struct mock_script *script);
/* Get the reply for the next call. */
struct mock_answer mock_script_next(struct mock_script *script);
/* Wait for the delay and the hold of @answer. */
void mock_script_wait(struct mock_script *script, const struct mock_answer *answer);
/* Wait until the script allows a free. */
void mock_script_free(struct mock_script *script);
/* Add the segments that @answer asks for. Return: 0 or -ENOMEM. */
int mock_script_list(const struct mock_answer *answer,
		     struct ndshm_segment_list *list, u64 address, u64 length);

/*
 * provider.c: the providers
 */

#define MOCK_GENERATIONS	8

/**
 * struct mock_generation - One registration; the context of its handlers
 * @provider: the provider
 * @number: index in the provider's generations
 */
struct mock_generation {
	struct mock_provider *provider;
	unsigned int number;
};

struct mock_memory;

/**
 * struct mock_provider - Provider with its counters
 * @link: entry of the list of providers; a provider that was ever registered stays listed
 * @name: name of the registration
 * @users: number of commands that use it; protected by the list's lock
 * @kept: was registered
 * @gate: held for writing while the registration changes, and for reading by a kernel
 *	user, which must not name a provider that is being removed
 * @handle: ndshm's handle, NULL if not registered; protected by @gate
 * @current_generation: of the registration; protected by @gate
 * @generations: used in turn
 * @last_generation: number of the generation that allocated the last block
 * @script: replies of the handlers
 * @shared: memory of the block with context NULL; at most one
 * @gone: no handler may be called
 * @inside: number of allocate handlers whose reply is chosen
 * @freeing: number of running free handlers
 * @allocated: number of successful allocations
 * @freed: number of blocks freed
 * @failed: number of failure replies
 * @double_free: frees of an unknown context
 * @use_after_free: freed memory that was found changed
 * @overrun: memory with a damaged guard at its start or end
 * @mmapped: successful calls of the pfn handler
 * @synced: bytes synced for devices, and for processors
 * @sync_end: end of the last synced range, as an offset in its block
 * @misused: calls of a handler that violate the contract
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
 * handlers.c: the handlers of every registration; the context is a struct mock_generation
 */
ndshm_status_t mock_allocate(void *provider_context,
			     struct ndshm_parameters *p, void **context);
void mock_free(void *provider_context, void *context);
unsigned long mock_pfn(void *provider_context, void *context, pgoff_t index,
		       unsigned long *count, pgprot_t *prot);
void mock_sync(void *provider_context, void *context, bool for_device,
	       u64 offset, u64 length);

/*
 * Return: the name of a lock of ndshm that the caller holds. NULL if it holds none, and
 * without lockdep.
 */
const char *mock_lock_held(void);
/* Count a violation of the contract, and log @what. */
void mock_misused(struct mock_provider *provider, const char *what);
/* Fault injection: free the last freed block again. -ENOENT: none is known. */
int mock_free_again(void);

int mock_provider_add(struct mock_command *command);
int mock_provider_replace(struct mock_command *command);
int mock_provider_del(struct mock_command *command);
int mock_provider_revoke(struct mock_command *command);
int mock_provider_script(struct mock_command *command);

/**
 * struct mock_named - Reference to the provider that a command names
 * @mine: provider of this module, or NULL
 * @other: another provider, or NULL
 */
struct mock_named {
	struct mock_provider *mine;
	struct ndshm_provider *other;
};

/*
 * Look up the adapter in word 3 and the provider in word 4, which may be `default`, for a
 * kernel user, and set them in @p. The caller must put them with mock_named_put(), unless
 * a reason is returned.
 */
ndshm_reason_t mock_named_get(const struct mock_command *command,
			      struct ndshm_parameters *p,
			      struct mock_named *named);
void mock_named_put(const struct ndshm_parameters *p,
		    const struct mock_named *named);

int mock_providers_show(struct seq_file *file, void *unused);
/* Return: 0 or -ENOMEM. */
int mock_provider_setup(void);
void mock_provider_teardown(void);

/*
 * adapter.c: adapters, each with a device of its own
 */

/* Register a device without a driver. Return: NULL if there is no memory. */
struct platform_device *mock_device_make(void);

int mock_adapter_add(struct mock_command *command);
int mock_adapter_del(struct mock_command *command);
/* Return: the device of an adapter of this module, with a reference, or NULL. */
struct device *mock_adapter_device(const char *name);
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
/* Get the handle of the last block in @slot. Return: false if there is no such slot. */
bool mock_block_handle(u64 slot, u32 *handle);
void mock_block_teardown(void);

/*
 * queue.c: queues and ports of adapters
 */

int mock_queue_add(struct mock_command *command);
int mock_queue_configure(struct mock_command *command);
int mock_queue_event(struct mock_command *command);
int mock_queue_use(struct mock_command *command);
/*
 * Get the ID of the last queue or port in @slot. Return: false if there is no such slot.
 */
bool mock_queue_id(u64 slot, u32 *id);

/*
 * packet.c: packets in blocks
 */

void mock_packet_setup(void);
int mock_packet_resolve(struct mock_command *command);
int mock_packet_put(struct mock_command *command);
void mock_packet_teardown(void);

/*
 * request.c: a kernel user of asynchronous requests
 */

void mock_request_setup(void);
int mock_request_ask(struct mock_command *command);
int mock_request_reported(struct mock_command *command);
int mock_request_end(struct mock_command *command);
int mock_requests_show(struct seq_file *file, void *unused);
void mock_request_teardown(void);

/*
 * import.c: an importer of dma-bufs
 */

int mock_import(struct mock_command *command);
int mock_imports_show(struct seq_file *file, void *unused);
extern const struct file_operations mock_import_fops;
void mock_import_teardown(void);

/*
 * worker.c: fault injection in the workers of requests
 */

int mock_worker(struct mock_command *command);
void mock_worker_free(void);

/*
 * promise.c: checks of the outputs of ndshm_allocate()
 */

#define MOCK_SEGMENTS	16
#define MOCK_GUARD	32	/* bytes */

/**
 * struct mock_request - Call of ndshm_allocate(), with guards around its arguments
 * @parameters: inputs and outputs
 * @list: the caller's list; none if its capacity is 0
 * @segments: entries of @list
 * @block: output
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
 * Call ndshm_allocate() with poisoned outputs and guards. *@kept: only the outputs that
 * belong to the returned reason have changed, and they are valid.
 */
ndshm_reason_t mock_request_try(struct mock_request *request, bool *kept);
/* Return: true if the block's memory reads as zero up to the end of its last page. */
bool mock_request_zero(const struct mock_request *request);

/*
 * memory.c: the memory of the providers
 */

/**
 * struct mock_memory - Memory of one block
 * @hash: entry by @cookie while it is allocated
 * @link: entry of the quarantine after its free
 * @cookie: context of the block: a number that is never reused
 * @provider: the provider
 * @generation: number of the generation that allocated it
 * @device: device, with a reference
 * @start: kernel address, with the guard
 * @dma: DMA address of @start
 * @size: bytes, with both guards
 * @guard: bytes before and after the block
 * @own: the block's MOCK_CONTEXT_SIZE bytes
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
	void *own;
};

/* Bytes that the core allocates with each block; filled with MOCK_OWN while it has memory. */
#define MOCK_CONTEXT_SIZE	29
#define MOCK_OWN		0xa6

struct mock_memory *mock_memory_make(struct mock_generation *generation,
				     struct device *device, size_t length);
/* Free memory that was never handed out. */
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

/*
 * Find allocated memory by its cookie, or NULL; take also removes it, for the caller to
 * retire.
 */
struct mock_memory *mock_memory_find(unsigned long cookie);
struct mock_memory *mock_memory_take(unsigned long cookie);
/* Check, poison and quarantine memory that was taken. */
void mock_memory_retire(struct mock_memory *memory);
/* Check the quarantine for late writes. */
void mock_memory_check(void);
/*
 * Free the quarantined memory of @device, which is being removed; of all devices if NULL.
 */
void mock_memory_flush(struct device *device);

/*
 * Fault injection. Write to the memory that was freed last, or beyond the end of all
 * allocated memory; -ENOENT if there is none. Get the cookie of the memory that was freed
 * last, or 0.
 */
int mock_memory_write_late(void);
int mock_memory_write_beyond(void);
unsigned long mock_memory_last_freed(struct mock_provider **provider);

/*
 * fault.c: fault injection
 */

int mock_fault(struct mock_command *command);
void mock_fault_teardown(void);

/*
 * awake.c: devices exempt from suspend
 */

int mock_awake(struct mock_command *command);

/*
 * ctl.c: the commands
 */

/* Return: true if @word is the last word, which is then removed. */
bool mock_last_word(struct mock_command *command, const char *word);
/* Call @function in a hard interrupt, also on PREEMPT_RT. */
void mock_in_interrupt(void (*function)(void *context), void *context);
/* Append a letter to the log, unless it is full. Context: any. */
void mock_note(char letter);
int mock_log_show(struct seq_file *file, void *unused);

extern const struct file_operations mock_ctl_fops;
int mock_reason_show(struct seq_file *file, void *unused);

#endif /* _NDSHM_MOCK_H */
