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

__u32 stress_call(struct stress_client *client, unsigned long command,
		  void *argument, size_t size, __u64 allowed)
{
	struct ndshm_header *header = argument;
	int ret, error;
	__u32 reason;

	header->size = size;
	header->status = POISON;
	header->reason = POISON;
	if (client->stall && stress_chance(&client->random, STALLED))
		ret = stress_stall_ioctl(client->stall, client->fd, command,
					 argument, size);
	else
		ret = ioctl(client->fd, command, argument);
	error = ret ? errno : 0;
	reason = header->reason;
	if (ret && ret != -1) {
		stress_error("command %#lx returned %d", command, ret);
		return STRESS_BROKEN;
	}
	if (reason >= NDSHM_REASON_COUNT_KNOWN ||
	    ndshm_expected[reason].error != error ||
	    ndshm_expected[reason].status != header->status) {
		stress_error("command %#lx: errno %d, reason %u, status %#x",
			     command, error, reason, header->status);
		return STRESS_BROKEN;
	}
	stress_count(&stress.board->refused[reason]);
	if (reason && (reason >= 64 || !(allowed >> reason & 1))) {
		stress_error("command %#lx must not answer %s", command,
			     ndshm_expected[reason].name);
		return STRESS_BROKEN;
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

int stress_guarded(int (*work)(void *context), void *context)
{
	int result;

	/* The handler does not block its signal, so no mask has to be saved. */
	if (sigsetjmp(way_out, 0)) {
		guarding = 0;
		stress_count(&stress.board->gone);
		return STRESS_GONE;
	}
	__atomic_store_n(&guarding, 1, __ATOMIC_SEQ_CST);
	result = work(context);
	__atomic_store_n(&guarding, 0, __ATOMIC_SEQ_CST);
	return result;
}

/*
 * Blocks, as the client remembers them
 */

struct stress_block *stress_some_block(struct stress_client *client,
				       bool (*fits)(const struct stress_block *block))
{
	unsigned int i, at;

	if (!client->count)
		return NULL;
	at = stress_below(&client->random, client->count);
	for (i = 0; i < client->count; i++, at++)
		if (fits(&client->blocks[at % client->count]))
			return &client->blocks[at % client->count];
	return NULL;
}

void stress_drop_block(struct stress_client *client, struct stress_block *block)
{
	if (!block->handle && !block->map)
		*block = client->blocks[--client->count];
}

/*
 * Opening and closing
 */

static bool look_up(struct stress_client *client)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;

	client->adapter = 0;
	client->provider = 0;
	if (!client->target && !client->maker)
		return true;
	if (client->nl.fd < 0 && ndshm_nl_open(&client->nl))
		return stress_error("no netlink socket");
	if (client->target &&
	    !ndshm_nl_adapter_by_name(&client->nl, client->target, &adapter))
		client->adapter = adapter.id;
	if (client->maker &&
	    !ndshm_nl_provider_by_name(&client->nl, client->maker, &provider))
		client->provider = provider.id;
	return true;
}

static bool open_again(struct stress_client *client)
{
	client->fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (client->fd < 0)
		return stress_error("open: %s", strerror(errno));
	return look_up(client);
}

bool stress_client_open(struct stress_client *client)
{
	const struct sigaction action = {
		.sa_handler = on_bus_error,
		.sa_flags = SA_NODEFER,
	};

	client->nl.fd = -1;
	sigaction(SIGBUS, &action, NULL);
	return open_again(client);
}

static void forget_handles(struct stress_client *client)
{
	unsigned int i;

	/* The next client gives out the same numbers. */
	client->stale = 0;
	for (i = client->count; i--;) {
		client->blocks[i].handle = 0;
		stress_drop_block(client, &client->blocks[i]);
	}
}

static bool reap(struct stress_client *client, int options)
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
			fine = stress_error("a child ended with %#x", status);
	}
	return fine;
}

bool stress_client_close(struct stress_client *client)
{
	bool fine = reap(client, 0);

	stress_unmap_all(client);
	close(client->fd);
	stress_claim_ended(client);
	forget_handles(client);
	/* Pins are held until all else is gone. */
	fine = stress_memory_end(&client->memory) && fine;
	if (client->nl.fd >= 0)
		ndshm_nl_close(&client->nl);
	return fine;
}

bool stress_client_reopen(struct stress_client *client)
{
	/* Mappings stay, except those under a claim. */
	close(client->fd);
	stress_claim_ended(client);
	forget_handles(client);
	/* Children have the old one. */
	client->shared = false;
	return open_again(client);
}

/*
 * Operations that are not on blocks
 */

static bool do_info(struct stress_client *client)
{
	struct ndshm_get_info_args info = {};
	unsigned int handles = 0, i;

	if (stress_call(client, NDSHM_GET_INFO, &info, sizeof(info), 0))
		return false;
	for (i = 0; i < client->count; i++)
		handles += client->blocks[i].handle != 0;
	/* A BAR has a handle as well. */
	handles += client->bar_offset != 0;
	if (info.out_blocks < handles ||
	    (!client->shared && info.out_blocks > handles))
		return stress_error("GET_INFO tells %u handles, not %u",
				    info.out_blocks, handles);
	return true;
}

static bool do_dump(struct stress_client *client)
{
	struct ndshm_nl_block blocks[DUMPED];
	int count, i;

	if (client->nl.fd < 0 && ndshm_nl_open(&client->nl))
		return stress_error("no netlink socket");
	count = ndshm_nl_blocks(&client->nl, blocks, DUMPED);
	if (count == -EINTR && client->signals) {
		/* Half of an answer may still come. */
		ndshm_nl_close(&client->nl);
		return true;
	}
	if (count < 0)
		return stress_error("dump: %s", strerror(-count));
	for (i = 0; i < count && i < DUMPED; i++)
		if (client->uid && blocks[i].uid != client->uid)
			return stress_error("user %u sees a block of user %u",
					    client->uid, blocks[i].uid);
	return true;
}

static bool do_dup(struct stress_client *client)
{
	int fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return stress_error("dup: %s", strerror(errno));
	close(client->fd);
	client->fd = fd;
	return true;
}

/* A child has inherited the mappings and the client, but no handle. */
static void become_child(struct stress_client *client)
{
	static struct stress_place nowhere;

	client->child = true;
	client->shared = true;
	client->children = 0;
	client->stall = NULL;
	stress_memory_forget(&client->memory);
	stress_claim_ended(client);
	stress_forget_unforked(client);
	forget_handles(client);
	client->place = &nowhere;
	if (client->nl.fd >= 0)
		close(client->nl.fd);
	client->nl.fd = -1;
}

static void be_child(struct stress_client *client)
{
	unsigned int steps = stress_below(&client->random, 12);

	become_child(client);
	while (steps--)
		if (!stress_client_do(client, stress_client_pick(client)))
			_exit(1);
	/* A killed parent leaves unreaped children. */
	if (client->lingers && stress_chance(&client->random, 50))
		for (;;)
			pause();
	_exit(0);
}

static bool do_fork(struct stress_client *client)
{
	__u64 chance = stress_draw(&client->random);
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
		return stress_error("fork: %s", strerror(errno));
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
	bool (*run)(struct stress_client *client);
	unsigned int weight;
	enum needs needs;
} ops[STRESS_OPS] = {
	[STRESS_BETWEEN] = { .name = "between calls" },
	[STRESS_INFO] = { "info", do_info, 3, FOR_ALL },
	[STRESS_ALLOC] = { "alloc", stress_do_alloc, 16, FOR_ALL },
	[STRESS_ALLOC_MANY] = { "alloc-many", stress_do_alloc_many, 5, FOR_ALL },
	[STRESS_ALLOC_WRONG] = { "alloc-wrong", stress_do_alloc_wrong, 5, FOR_ALL },
	[STRESS_FREE] = { "free", stress_do_free, 14, FOR_ALL },
	[STRESS_FREE_WRONG] = { "free-wrong", stress_do_free_wrong, 3, FOR_ALL },
	[STRESS_QUERY] = { "query", stress_do_query, 6, FOR_ALL },
	[STRESS_SYNC] = { "sync", stress_do_sync, 4, FOR_ALL },
	[STRESS_MAP] = { "mmap", stress_do_map, 14, FOR_ALL },
	[STRESS_TOUCH] = { "touch", stress_do_touch, 10, FOR_ALL },
	[STRESS_UNMAP] = { "munmap", stress_do_unmap, 8, FOR_ALL },
	[STRESS_SPLIT] = { "mprotect", stress_do_split, 3, FOR_ALL },
	[STRESS_REMAP] = { "mremap", stress_do_remap, 4, FOR_ALL },
	[STRESS_PIN] = { "pin", stress_do_pin, 4, FOR_ALL },
	[STRESS_UNPIN] = { "unpin", stress_do_unpin, 2, FOR_ALL },
	[STRESS_ADVISE] = { "madvise", stress_do_advise, 6, FOR_ALL },
	[STRESS_LOCK] = { "mlock", stress_do_lock, 3, FOR_ALL },
	[STRESS_WATCH] = { "userfaultfd", stress_do_watch, 3, FOR_ALL },
	[STRESS_FORK] = { "fork", do_fork, 2, FOR_ONE },
	[STRESS_DUMP] = { "dump", do_dump, 1, FOR_ONE },
	[STRESS_DUP] = { "dup", do_dup, 1, FOR_ALL },
	[STRESS_REOPEN] = { "close", stress_client_reopen, 2, FOR_ROOT },
	[STRESS_CLAIM] = { "claim", stress_do_claim, 8, FOR_CLAIMS },
	[STRESS_BAR] = { "bar", stress_do_bar, 8, FOR_CLAIMS },
	[STRESS_START] = { "start", stress_do_start, 6, FOR_CLAIMS },
	[STRESS_DMA] = { "dma", stress_do_dma, 6, FOR_CLAIMS },
};

const char *stress_op_name(enum stress_op op)
{
	return ops[op].name;
}

static unsigned int weight_of(const struct stress_client *client,
			      enum stress_op op)
{
	switch (ops[op].needs) {
	case FOR_ROOT:
		return client->uid || client->child ? 0 : ops[op].weight;
	case FOR_ONE:
		return client->threaded ? 0 : ops[op].weight;
	case FOR_CLAIMS:
		return client->target != stress.edu.pci.name ||
		       client->child ? 0 : ops[op].weight;
	default:
		return ops[op].weight;
	}
}

enum stress_op stress_client_pick(struct stress_client *client)
{
	unsigned int sum = 0, at, op;

	for (op = 0; op < STRESS_OPS; op++)
		sum += weight_of(client, op);
	at = stress_below(&client->random, sum);
	for (op = 0; at >= weight_of(client, op); op++)
		at -= weight_of(client, op);
	return op;
}

bool stress_client_do(struct stress_client *client, enum stress_op op)
{
	bool timed = stress_chance(&client->random, 25), fine;
	__u64 since = timed ? stress_now() : 0;

	if (!weight_of(client, op))
		return true;
	__atomic_store_n(&client->place->op, op, __ATOMIC_RELAXED);
	fine = ops[op].run(client);
	__atomic_store_n(&client->place->op, STRESS_BETWEEN, __ATOMIC_RELAXED);
	if (timed) {
		stress_count(&stress.board->done[op]);
		__atomic_add_fetch(&stress.board->spent[op], stress_now() - since,
				   __ATOMIC_RELAXED);
	}
	return fine;
}
