// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ndshm_reasons.h"
#include "client.h"

#define POISON		0xccccccccU
#define CHILDREN	2	/* of a client, at a time */
#define DUMPED		64	/* blocks that are looked at */
#define STALLED		30	/* percent of the commands, where replies are delayed */

/*
 * Calls
 */

__u32 storm_answer(struct storm_client *client, unsigned long command,
		   void *argument, size_t size)
{
	struct ndshm_header *header = argument;
	int ret, error;
	__u32 reason;

	header->size = size;
	header->status = POISON;
	header->reason = POISON;
	if (client->stall && storm_chance(&client->random, STALLED))
		ret = storm_stall_ioctl(client->stall, client->fd, command,
					argument, size);
	else
		ret = ioctl(client->fd, command, argument);
	error = ret ? errno : 0;
	reason = header->reason;
	if (ret && ret != -1) {
		storm_complain("command %#lx returned %d", command, ret);
		return STORM_BROKEN;
	}
	if (reason >= NDSHM_REASON_COUNT_KNOWN ||
	    ndshm_expected[reason].error != error ||
	    ndshm_expected[reason].status != header->status) {
		storm_complain("command %#lx: errno %d, reason %u, status %#x",
			       command, error, reason, header->status);
		return STORM_BROKEN;
	}
	storm_count(&storm.board->refused[reason]);
	return reason;
}

__u32 storm_call(struct storm_client *client, unsigned long command,
		 void *argument, size_t size, __u64 allowed)
{
	__u32 reason = storm_answer(client, command, argument, size);

	if (reason == STORM_BROKEN)
		return reason;
	if (reason && (reason >= 64 || !(allowed >> reason & 1))) {
		storm_complain("command %#lx must not answer %s", command,
			       ndshm_expected[reason].name);
		return STORM_BROKEN;
	}
	return reason;
}

/*
 * Memory that may be gone
 */

static __thread sigjmp_buf way_out;
static __thread sig_atomic_t guarding;

static void on_bus_error(int number)
{
	if (!guarding) {
		/* Not expected: let it end the process. */
		signal(number, SIG_DFL);
		return;
	}
	siglongjmp(way_out, 1);
}

int storm_guarded(int (*work)(void *context), void *context)
{
	int result;

	/* The handler does not block its signal, so no mask has to be saved. */
	if (sigsetjmp(way_out, 0)) {
		guarding = 0;
		storm_count(&storm.board->gone);
		return STORM_GONE;
	}
	__atomic_store_n(&guarding, 1, __ATOMIC_SEQ_CST);
	result = work(context);
	__atomic_store_n(&guarding, 0, __ATOMIC_SEQ_CST);
	return result;
}

/*
 * Blocks, as the client remembers them
 */

struct storm_block *storm_some_block(struct storm_client *client,
				     bool (*fits)(const struct storm_block *block))
{
	unsigned int i, at;

	if (!client->count)
		return NULL;
	at = storm_below(&client->random, client->count);
	for (i = 0; i < client->count; i++, at++)
		if (fits(&client->blocks[at % client->count]))
			return &client->blocks[at % client->count];
	return NULL;
}

void storm_drop_block(struct storm_client *client, struct storm_block *block)
{
	if (!block->handle && !block->map)
		*block = client->blocks[--client->count];
}

/*
 * Opening and closing
 */

static bool look_up(struct storm_client *client)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;

	client->adapter = 0;
	client->provider = 0;
	if (!client->target && !client->maker)
		return true;
	if (client->nl.fd < 0 && ndshm_nl_open(&client->nl))
		return storm_complain("no netlink socket");
	if (client->target &&
	    !ndshm_nl_adapter_by_name(&client->nl, client->target, &adapter))
		client->adapter = adapter.id;
	if (client->maker &&
	    !ndshm_nl_provider_by_name(&client->nl, client->maker, &provider))
		client->provider = provider.id;
	return true;
}

static bool open_again(struct storm_client *client)
{
	/* Do not block: another process that has the client may read the record. */
	client->fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	client->asked = 0;
	if (client->fd < 0)
		return storm_complain("open: %s", strerror(errno));
	return look_up(client);
}

bool storm_client_open(struct storm_client *client)
{
	const struct sigaction action = {
		.sa_handler = on_bus_error,
		.sa_flags = SA_NODEFER,
	};

	client->nl.fd = -1;
	sigaction(SIGBUS, &action, NULL);
	return open_again(client);
}

static void forget_handles(struct storm_client *client)
{
	unsigned int i;

	/* The next client gives out the same numbers. */
	client->stale = 0;
	for (i = client->count; i--;) {
		client->blocks[i].handle = 0;
		storm_drop_block(client, &client->blocks[i]);
	}
}

static bool reap(struct storm_client *client, int options)
{
	bool fine = true;
	pid_t pid;
	int status;

	while (client->children) {
		pid = waitpid(-1, &status, options);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			break;
		client->children--;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			fine = storm_complain("a child ended with %#x", status);
	}
	return fine;
}

bool storm_client_close(struct storm_client *client)
{
	bool fine = reap(client, 0);

	storm_unmap_all(client);
	close(client->fd);
	storm_claim_ended(client);
	forget_handles(client);
	/* Pins are held until all else is gone. */
	fine = storm_memory_end(&client->memory) && fine;
	if (client->nl.fd >= 0)
		ndshm_nl_close(&client->nl);
	return fine;
}

static bool do_reopen(struct storm_client *client)
{
	/* Mappings stay, except those under a claim. */
	close(client->fd);
	storm_claim_ended(client);
	forget_handles(client);
	/* Children have the old one. */
	client->shared = false;
	return open_again(client);
}

/*
 * Operations that are not on blocks
 */

static bool do_info(struct storm_client *client)
{
	struct ndshm_get_info info = {};
	unsigned int handles = 0, i;

	if (storm_call(client, NDSHM_GET_INFO, &info, sizeof(info), 0))
		return false;
	if (!client->shared && info.out_requests != client->asked)
		return storm_complain("GET_INFO tells %u requests, not %u",
				      info.out_requests, client->asked);
	for (i = 0; i < client->count; i++)
		handles += client->blocks[i].handle != 0;
	/* A BAR has a handle as well. */
	handles += client->bar_offset != 0;
	/* A request in flight may have its handle already. */
	if (info.out_blocks < handles ||
	    (!client->shared && info.out_blocks > handles + client->asked))
		return storm_complain("GET_INFO tells %u handles, not %u",
				      info.out_blocks, handles);
	return true;
}

static bool do_dump(struct storm_client *client)
{
	struct ndshm_nl_block blocks[DUMPED];
	int count, i;

	if (client->nl.fd < 0 && ndshm_nl_open(&client->nl))
		return storm_complain("no netlink socket");
	count = ndshm_nl_blocks(&client->nl, blocks, DUMPED);
	if (count == -EINTR && client->signals) {
		/* Half of an answer may still come. */
		ndshm_nl_close(&client->nl);
		return true;
	}
	if (count < 0)
		return storm_complain("dump: %s", strerror(-count));
	for (i = 0; i < count && i < DUMPED; i++)
		if (client->uid && blocks[i].uid != client->uid)
			return storm_complain("user %u sees a block of user %u",
					      client->uid, blocks[i].uid);
	return true;
}

static bool do_dup(struct storm_client *client)
{
	int fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return storm_complain("dup: %s", strerror(errno));
	close(client->fd);
	client->fd = fd;
	return true;
}

/* A child has inherited the mappings and the client, but no handle. */
static void become_child(struct storm_client *client)
{
	static struct storm_place nowhere;

	client->child = true;
	client->shared = true;
	client->asked = 0;
	client->children = 0;
	client->stall = NULL;
	storm_memory_forget(&client->memory);
	storm_claim_ended(client);
	storm_forget_unforked(client);
	forget_handles(client);
	client->place = &nowhere;
	if (client->nl.fd >= 0)
		close(client->nl.fd);
	client->nl.fd = -1;
}

static void be_child(struct storm_client *client)
{
	unsigned int steps = storm_below(&client->random, 12);

	become_child(client);
	while (steps--)
		if (!storm_client_do(client, storm_client_pick(client)))
			_exit(1);
	/* A killed parent leaves unreaped children. */
	if (client->lingers && storm_chance(&client->random, 50))
		for (;;)
			pause();
	_exit(0);
}

static bool do_fork(struct storm_client *client)
{
	__u64 chance = storm_draw(&client->random);
	sigset_t alarms, mask;
	pid_t pid;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	if (!reap(client, WNOHANG))
		return false;
	if (client->child || client->children >= CHILDREN)
		return true;
	/* A signal makes fork() begin anew, and they come faster than it ends. */
	sigprocmask(SIG_BLOCK, &alarms, &mask);
	pid = fork();
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		return storm_complain("fork: %s", strerror(errno));
	if (!pid) {
		client->random.state ^= chance;
		be_child(client);
	}
	client->children++;
	client->shared = true;
	return true;
}

/*
 * One thing after another
 */

enum needs {
	FOR_ALL,
	FOR_ROOT,		/* but for its children */
	FOR_ONE,		/* thread */
	FOR_CLAIMS,
};

static const struct {
	const char *name;
	bool (*run)(struct storm_client *client);
	unsigned int weight;
	enum needs needs;
} ops[STORM_OPS] = {
	[STORM_BETWEEN] = { .name = "between calls" },
	[STORM_INFO] = { "info", do_info, 3, FOR_ALL },
	[STORM_ALLOC] = { "alloc", storm_do_alloc, 16, FOR_ALL },
	[STORM_ALLOC_MANY] = { "alloc-many", storm_do_alloc_many, 5, FOR_ALL },
	[STORM_ALLOC_WRONG] = { "alloc-wrong", storm_do_alloc_wrong, 5, FOR_ALL },
	[STORM_FREE] = { "free", storm_do_free, 14, FOR_ALL },
	[STORM_FREE_WRONG] = { "free-wrong", storm_do_free_wrong, 3, FOR_ALL },
	[STORM_QUERY] = { "query", storm_do_query, 6, FOR_ALL },
	[STORM_SYNC] = { "sync", storm_do_sync, 4, FOR_ALL },
	[STORM_MAP] = { "mmap", storm_do_map, 14, FOR_ALL },
	[STORM_TOUCH] = { "touch", storm_do_touch, 10, FOR_ALL },
	[STORM_UNMAP] = { "munmap", storm_do_unmap, 8, FOR_ALL },
	[STORM_SPLIT] = { "mprotect", storm_do_split, 3, FOR_ALL },
	[STORM_REMAP] = { "mremap", storm_do_remap, 4, FOR_ALL },
	[STORM_PIN] = { "pin", storm_do_pin, 4, FOR_ALL },
	[STORM_UNPIN] = { "unpin", storm_do_unpin, 2, FOR_ALL },
	[STORM_ADVISE] = { "madvise", storm_do_advise, 6, FOR_ALL },
	[STORM_LOCK] = { "mlock", storm_do_lock, 3, FOR_ALL },
	[STORM_WATCH] = { "userfaultfd", storm_do_watch, 3, FOR_ALL },
	[STORM_FORK] = { "fork", do_fork, 2, FOR_ONE },
	[STORM_DUMP] = { "dump", do_dump, 1, FOR_ONE },
	[STORM_DUP] = { "dup", do_dup, 1, FOR_ALL },
	[STORM_REOPEN] = { "close", do_reopen, 2, FOR_ROOT },
	[STORM_CLAIM] = { "claim", storm_do_claim, 8, FOR_CLAIMS },
	[STORM_BAR] = { "bar", storm_do_bar, 8, FOR_CLAIMS },
	[STORM_ASK] = { "ask", storm_do_ask, 8, FOR_ALL },
	[STORM_CANCEL] = { "cancel", storm_do_cancel, 3, FOR_ALL },
	[STORM_READ] = { "read", storm_do_read, 8, FOR_ALL },
	[STORM_START] = { "start", storm_do_start, 6, FOR_CLAIMS },
	[STORM_DMA] = { "dma", storm_do_dma, 6, FOR_CLAIMS },
};

const char *storm_op_name(enum storm_op op)
{
	return ops[op].name;
}

static unsigned int weight_of(const struct storm_client *client,
			      enum storm_op op)
{
	switch (ops[op].needs) {
	case FOR_ROOT:
		return client->uid || client->child ? 0 : ops[op].weight;
	case FOR_ONE:
		return client->threaded ? 0 : ops[op].weight;
	case FOR_CLAIMS:
		return client->target != storm.edu.pci.name ||
		       client->child ? 0 : ops[op].weight;
	default:
		return ops[op].weight;
	}
}

enum storm_op storm_client_pick(struct storm_client *client)
{
	unsigned int sum = 0, at, op;

	for (op = 0; op < STORM_OPS; op++)
		sum += weight_of(client, op);
	at = storm_below(&client->random, sum);
	for (op = 0; at >= weight_of(client, op); op++)
		at -= weight_of(client, op);
	return op;
}

bool storm_client_do(struct storm_client *client, enum storm_op op)
{
	bool timed = storm_chance(&client->random, 25), fine;
	__u64 since = timed ? storm_now() : 0;

	if (!weight_of(client, op))
		return true;
	__atomic_store_n(&client->place->op, op, __ATOMIC_RELAXED);
	fine = ops[op].run(client);
	__atomic_store_n(&client->place->op, STORM_BETWEEN, __ATOMIC_RELAXED);
	if (timed) {
		storm_count(&storm.board->done[op]);
		__atomic_add_fetch(&storm.board->spent[op], storm_now() - since,
				   __ATOMIC_RELAXED);
	}
	return fine;
}
