// SPDX-License-Identifier: GPL-2.0
/*
 * Imports while everything ends that they depend on: the device of the exporting block is removed,
 * the adapter of the import is unbound, clients are killed, an exporter moves its memory or holds
 * its lock, and freed blocks are recycled. Meanwhile the memory of an import must stay what its
 * device was given, and no other block may receive it. Afterwards nothing may be left.
 *
 * `make check LEVELS=import-stress` has NDSHM_ENDS=2000 such ends; NDSHM_SEED repeats the choices
 * of a run, as far as the scheduler permits.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define RW		(PROT_READ | PROT_WRITE)
#define ENDS		60	/* ends of all kinds */
#define CLIENTS		3	/* processes that compete for the claim */
#define THREADS		2	/* of a client */
#define STEPS		40	/* of a thread between an open and a close */
#define KEPT		3	/* imports that a thread has at most */
#define MOST_SHIFT	4	/* pages of a block, as a power of two; the most that is recycled */
#define BETWEEN		6	/* imports between an end and the next one, at most */
#define IDLE_US		1000000	/* time without an import after which the next end comes */
#define UNCLAIMED	4	/* steps of a thread without the claim, at most */
#define LOCKED_US	5000	/* upper bound of the time that an exporter holds its lock */
#define EXPORTER	"exporter"	/* adapter of the mock module, which is removed */

/**
 * struct board - What all processes share
 * @stop: the test is over
 * @adapter: of the imports; changes with each bind
 * @node: adapter that stays
 * @exporter: adapter that is removed; 0: it is not there
 * @imports: that succeeded
 * @checked: imports whose memory the device has read
 * @gone: calls that reported the end of an adapter, a claim or a block
 * @blocks: that were allocated and found to be zeroed
 * @failed: a client has stored @error
 * @error: the first failure
 */
struct board {
	unsigned int stop;
	__u32 adapter;
	__u32 node;
	__u32 exporter;
	unsigned int imports;
	unsigned int checked;
	unsigned int gone;
	unsigned int blocks;
	bool failed;
	char error[128];
};

static struct board *board;
static unsigned int stress_seed;

static void stress_count(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static unsigned int stress_read(const unsigned int *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void stress_set(unsigned int *word, unsigned int value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* Record the first failure. Return: false. */
static bool __printf(1, 2) stress_fail(const char *format, ...)
{
	va_list list;

	if (__atomic_exchange_n(&board->failed, true, __ATOMIC_SEQ_CST))
		return false;
	va_start(list, format);
	vsnprintf(board->error, sizeof(board->error), format, list);
	va_end(list);
	stress_set(&board->stop, true);
	return false;
}

/* Return: true if something that the call needs may have ended. */
static bool stress_may_end(__u32 reason)
{
	switch (reason) {
	case NDSHM_REASON_ADAPTER_UNKNOWN:
	case NDSHM_REASON_ADAPTER_REMOVED:
	case NDSHM_REASON_ADAPTER_RESETTING:
	case NDSHM_REASON_BLOCK_REVOKED:
	case NDSHM_REASON_CLAIM_BUSY:
	case NDSHM_REASON_CLAIM_MISSING:
	case NDSHM_REASON_IMPORT_GONE:
		return true;
	default:
		return false;
	}
}

/* Return: true if the call succeeded. Any other failure than an end fails the test. */
static bool stress_done(int ret, __u32 reason, const char *what)
{
	if (!ret)
		return true;
	if (stress_may_end(reason))
		stress_count(&board->gone);
	else
		stress_fail("%s: %s, reason %u", what, strerror(errno), reason);
	return false;
}

/* Carry out a command. Return: as stress_done(). */
#define stress_call(name, fd, request) ({ \
	const int ret_ = _test_##name(fd, request); \
	stress_done(ret_, (request)->reason, #name); \
})

/**
 * struct kept - An import
 * @handle: of the block; 0: there is none
 * @address: DMA address
 * @dmabuf: descriptor, or -1
 * @seed: of the pattern that its memory has
 */
struct kept {
	__u32 handle;
	__u64 address;
	int dmabuf;
	unsigned int seed;
};

/**
 * struct client - A client, which all threads of a process use
 * @fd: its file
 * @adapter: claimed adapter, or 0
 * @bar: registers of @adapter, or MAP_FAILED
 * @bar_length: their length
 * @idle: no transfer is under way
 * @landing: block of @adapter into which the device writes
 * @landed: mapping of @landing
 * @slot: of the mock module's exporter, for this process
 */
struct client {
	int fd;
	__u32 adapter;
	void *bar;
	size_t bar_length;
	bool idle;
	struct ndshm_block_info landing;
	void *landed;
	unsigned int slot;
};

/**
 * struct worker - A thread of a client
 * @client: the client
 * @device: true for the one thread that uses the device, and the mock's dma-buf
 * @random: state of rand_r()
 * @mock: dma-buf of the mock module, or -1
 * @kept: imports
 */
struct worker {
	struct client *client;
	bool device;
	unsigned int random;
	int mock;
	struct kept kept[KEPT];
};

static unsigned int worker_draw(struct worker *worker, unsigned int below)
{
	return rand_r(&worker->random) % below;
}

static void worker_free(struct worker *worker, __u32 handle)
{
	struct ndshm_block_free_args free = block_free_request(handle);

	stress_call(block_free, worker->client->fd, &free);
}

/* What a thread does with memory that can be revoked meanwhile. */
struct touch {
	char *map;
	size_t length;
	unsigned int seed;
	bool zeroed;
};

static void touch_new(void *argument)
{
	struct touch *touch = argument;

	touch->zeroed = all_bytes(touch->map, touch->length, 0);
	fill_pattern(touch->map, touch->length, touch->seed);
}

/* Allocate a block of memory that can be recycled, which must be zeroed, and fill it. */
static bool worker_alloc(struct worker *worker, __u32 adapter, unsigned int seed,
			 struct ndshm_block_info *block)
{
	const size_t length = page_size() << worker_draw(worker, MOST_SHIFT + 1);
	struct ndshm_block_alloc_args alloc = block_alloc_request(adapter, length, block);
	struct touch touch = { .length = length, .seed = seed, .zeroed = true };

	alloc.flags = NDSHM_ALLOC_RECYCLE;
	alloc.provider = 0;
	if (!stress_call(block_alloc, worker->client->fd, &alloc))
		return false;
	touch.map = ndshm_map(worker->client->fd, block);
	if (touch.map != MAP_FAILED) {
		if (ndshm_try(touch_new, &touch))
			stress_count(&board->blocks);
		else if (adapter == board->node)
			stress_fail("SIGBUS in a block of a node");
		if (!touch.zeroed)
			stress_fail("a new block is not zeroed");
		munmap(touch.map, length);
	} else if (adapter == board->node) {
		stress_fail("mmap: %s", strerror(errno));
	}
	return true;
}

static void worker_recycle(struct worker *worker)
{
	struct ndshm_block_info block;

	if (worker_alloc(worker, board->node, worker_draw(worker, RAND_MAX), &block))
		worker_free(worker, block.handle);
}

static void worker_import(struct worker *worker, int dmabuf, unsigned int seed,
			  struct kept *kept)
{
	struct ndshm_block_import_args import =
		block_import_request(worker->client->adapter, dmabuf);

	if (!stress_call(block_import, worker->client->fd, &import)) {
		close(dmabuf);
		return;
	}
	stress_count(&board->imports);
	*kept = (struct kept){
		.handle = import.out_block.handle, .address = import.out_block.address,
		.dmabuf = dmabuf, .seed = seed,
	};
	/* Half of the imports alone keep the memory. */
	if (worker_draw(worker, 2)) {
		close(dmabuf);
		kept->dmabuf = -1;
	}
}

/* Import the memory of a new block of another adapter, whose handle is freed. */
static void worker_import_block(struct worker *worker, struct kept *kept)
{
	const bool removed = worker_draw(worker, 2);
	const __u32 adapter = removed ? stress_read(&board->exporter) : board->node;
	const unsigned int seed = worker_draw(worker, RAND_MAX);
	struct ndshm_block_export_args export;
	struct ndshm_block_info block;

	if (!worker_alloc(worker, adapter, seed, &block))
		return;
	export = block_export_request(block.handle, O_RDWR | O_CLOEXEC);
	if (stress_call(block_export, worker->client->fd, &export))
		/* A block that was revoked before has no pattern. */
		worker_import(worker, export.out_dmabuf, removed ? 0 : seed, kept);
	worker_free(worker, block.handle);
}

/*
 * Import the dma-buf of the mock module. CONFIG_DMA_API_DEBUG warns of more than eight mappings of
 * a page: wait until at most one import of it is left.
 */
static void worker_import_mock(struct worker *worker, struct kept *kept)
{
	const unsigned int slot = worker->client->slot;
	int dmabuf;

	if (worker->mock < 0 || !ndshm_soon(ndshm_mock_export(slot).attached <= 1))
		return;
	dmabuf = fcntl(worker->mock, F_DUPFD_CLOEXEC, 0);
	if (dmabuf >= 0)
		worker_import(worker, dmabuf, 0, kept);
}

/**
 * struct transfer - Argument of transfer_run(), whose registers can be unmapped meanwhile
 * @client: its device copies
 * @from: DMA address
 * @done: the device has copied, and the memory had the pattern
 */
struct transfer {
	struct client *client;
	__u64 from;
	unsigned int seed;
	bool done;
	bool wrong;
};

static void transfer_run(void *argument)
{
	struct transfer *transfer = argument;
	struct client *client = transfer->client;

	memset(client->landed, 0, EDU_MOST);
	if (!ndshm_edu_to_device(client->bar, transfer->from, EDU_MOST) ||
	    !ndshm_edu_from_device(client->bar, client->landing.address, EDU_MOST))
		return;
	transfer->wrong = !has_pattern(client->landed, EDU_MOST, transfer->seed);
	transfer->done = true;
}

/*
 * Has the end of the claim begun? It turns bus mastering off first, and revokes blocks later; a
 * device without bus mastering completes transfers, too.
 */
static bool client_is_over(const struct client *client)
{
	struct ndshm_adapter_config_args config =
		adapter_config_request(client->adapter, 0, PCI_COMMAND, 2, 0);

	return _test_adapter_config(client->fd, &config) || !(config.value & PCI_COMMAND_MASTER);
}

/* The device reads the memory of an import. */
static void worker_check(struct worker *worker, const struct kept *kept)
{
	struct transfer transfer = {
		.client = worker->client, .from = kept->address, .seed = kept->seed,
	};

	if (!worker->device || !kept->seed || !ndshm_try(transfer_run, &transfer) ||
	    !transfer.done || client_is_over(worker->client))
		return;
	stress_count(&board->checked);
	if (transfer.wrong)
		stress_fail("the memory of an import has changed");
}

static void worker_drop(struct worker *worker, struct kept *kept)
{
	worker_free(worker, kept->handle);
	if (kept->dmabuf >= 0)
		close(kept->dmabuf);
	*kept = (struct kept){};
}

static void worker_step(struct worker *worker)
{
	struct kept *kept = &worker->kept[worker_draw(worker, KEPT)];

	worker_recycle(worker);
	if (!worker->client->adapter)
		return;
	if (!kept->handle && worker->device && !worker_draw(worker, 3))
		worker_import_mock(worker, kept);
	else if (!kept->handle)
		worker_import_block(worker, kept);
	else if (!worker_draw(worker, 3))
		worker_check(worker, kept);
	else
		worker_drop(worker, kept);
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	unsigned int steps = worker_draw(worker, worker->client->adapter ? STEPS : UNCLAIMED) + 1;
	unsigned int i;

	while (steps-- && !stress_read(&board->stop))
		worker_step(worker);
	/* The end of the client ends the imports that are left. */
	for (i = 0; i < KEPT; i++)
		if (worker->kept[i].handle && worker->kept[i].dmabuf >= 0)
			close(worker->kept[i].dmabuf);
	return NULL;
}

static void client_wait(void *argument)
{
	struct client *client = argument;

	client->idle = ndshm_edu_is_idle(client->bar);
}

/* Claim the adapter, unless another client has it, or it is not there. */
static bool client_claim(struct client *client)
{
	const __u32 adapter = stress_read(&board->adapter);
	struct ndshm_adapter_claim_args claim = adapter_claim_request(adapter, EDU_WIDTH);
	struct ndshm_adapter_map_bar_args bar = adapter_map_bar_request(adapter, 0);
	struct ndshm_adapter_start_args start = adapter_start_request(adapter);
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(adapter, page_size(), &client->landing);

	if (!stress_call(adapter_claim, client->fd, &claim))
		return false;
	client->adapter = adapter;
	if (!stress_call(adapter_map_bar, client->fd, &bar))
		return false;
	client->bar_length = bar.out_length;
	client->bar = mmap(NULL, bar.out_length, RW, MAP_SHARED, client->fd, bar.out_mmap_offset);
	/* The device has no reset: a transfer of the last client goes on, so far without access. */
	if (client->bar == MAP_FAILED || !ndshm_try(client_wait, client) || !client->idle)
		return false;
	if (!stress_call(adapter_start, client->fd, &start) ||
	    !stress_call(block_alloc, client->fd, &alloc))
		return false;
	client->landed = ndshm_map(client->fd, &client->landing);
	return client->landed != MAP_FAILED;
}

static void client_close(struct client *client)
{
	if (client->bar != MAP_FAILED)
		munmap(client->bar, client->bar_length);
	if (client->landed != MAP_FAILED)
		munmap(client->landed, client->landing.length);
	close(client->fd);
}

/* A dma-buf of the mock module, of which there is one for each process. */
static int client_create_mock(const struct client *client, bool pins)
{
	ndshm_mock("export close %u", client->slot);
	if (ndshm_mock("export create %u 5 %s", client->slot, pins ? "pins" : "static"))
		return -1;
	return ndshm_mock_export(client->slot).number;
}

/* From an open to a close. */
static void client_run(unsigned int slot, unsigned int *random)
{
	struct client client = {
		.fd = ndshm_open(), .bar = MAP_FAILED, .landed = MAP_FAILED, .slot = slot,
	};
	struct worker workers[THREADS] = {};
	pthread_t threads[THREADS];
	unsigned int i;
	bool device;

	if (client.fd < 0) {
		stress_fail("open: %s", strerror(errno));
		return;
	}
	device = client_claim(&client);
	for (i = 0; i < THREADS; i++) {
		workers[i].client = &client;
		workers[i].random = rand_r(random);
		workers[i].device = device && !i;
		workers[i].mock = workers[i].device ?
				  client_create_mock(&client, rand_r(random) % 2) : -1;
		if (pthread_create(&threads[i], NULL, worker_run, &workers[i]))
			exit(2);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (workers[0].mock >= 0)
		close(workers[0].mock);
	client_close(&client);
}

FIXTURE(stress) {
	struct ndshm_edu edu;
	bool loaded;
	__u64 before;	/* charged to this user */
	pid_t pids[CLIENTS];
	int peers[CLIENTS];
	struct ndshm_nl nl;
	unsigned int started;
};

FIXTURE_SETUP(stress)
{
	struct ndshm_get_info_args info = get_info_request();
	int error, fd;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	fd = ndshm_open();
	ASSERT_LE(0, fd);
	test_get_info(fd, &info);
	if (!test_sees_caches(fd, info.out_default_adapter))
		SKIP(return, "memory that is not coherent is not imported");
	close(fd);
	if (!(info.out_features & NDSHM_FEATURE_IMPORT))
		SKIP(return, "the kernel has no dma-bufs");
	error = ndshm_mock_load("");
	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->loaded = true;
	if (self->edu.adapter.isolation & NDSHM_ISOLATION_NO_TRANSLATION)
		SKIP(return, "the device does not reach all memory");
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	board = mmap(NULL, sizeof(*board), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, board);
	board->node = info.out_default_adapter;
	board->adapter = self->edu.adapter.id;
	/* The charge of the program before can end during this one. */
	ndshm_soon(!test_user_locked());
	self->before = test_user_locked();
}

FIXTURE_TEARDOWN(stress)
{
	if (!self->loaded)
		return;
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

static void stress_start_client(struct __test_metadata *_metadata, struct _test_data_stress *self,
				unsigned int place)
{
	unsigned int random = stress_seed + ++self->started;

	self->pids[place] = ndshm_fork(&self->peers[place]);
	ASSERT_LE(0, self->pids[place]);
	if (self->pids[place])
		return;
	while (!stress_read(&board->stop))
		client_run(place, &random);
	_exit(0);
}

/* End the client of @place, in the middle of what it does or after that. */
static void stress_end_client(struct __test_metadata *_metadata, struct _test_data_stress *self,
			      unsigned int place, bool killed)
{
	int status;

	if (killed)
		kill(self->pids[place], SIGKILL);
	EXPECT_EQ(self->pids[place], waitpid(self->pids[place], &status, 0));
	EXPECT_TRUE(killed || status == 0)
		TH_LOG("client %u: status %#x", place, status);
	close(self->peers[place]);
	ndshm_case(true);
}

static void stress_add_exporter(struct __test_metadata *_metadata, struct _test_data_stress *self)
{
	struct ndshm_nl_adapter adapter;

	test_mock("adapter add " EXPORTER);
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, EXPORTER, &adapter));
	stress_set(&board->exporter, adapter.id);
}

static void stress_unbind(struct __test_metadata *_metadata, struct _test_data_stress *self,
			  unsigned int *random)
{
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	usleep(rand_r(random) % LOCKED_US);
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	stress_set(&board->adapter, self->edu.adapter.id);
	ndshm_case(true);
}

/* The kinds of ends. */
enum end { END_KILL, END_UNBIND, END_EXPORTER, END_LOCK, END_MOVE, END_KINDS };

static void stress_end(struct __test_metadata *_metadata, struct _test_data_stress *self,
		       enum end end, unsigned int *random)
{
	const unsigned int place = rand_r(random) % CLIENTS;

	switch (end) {
	case END_KILL:
		stress_end_client(_metadata, self, place, true);
		stress_start_client(_metadata, self, place);
		break;
	case END_UNBIND:
		stress_unbind(_metadata, self, random);
		break;
	case END_EXPORTER:
		test_mock("adapter del " EXPORTER);
		usleep(rand_r(random) % LOCKED_US);
		stress_add_exporter(_metadata, self);
		break;
	case END_LOCK:
		/* The slot can be empty at that time. */
		if (ndshm_mock("export lock %u", place))
			break;
		usleep(rand_r(random) % LOCKED_US);
		ndshm_mock("export unlock %u", place);
		break;
	default:
		ndshm_mock("export move %u", place);
	}
}

/* Let some more imports begin, unless there are none for long. */
static void stress_wait(unsigned int *random)
{
	const unsigned int until = stress_read(&board->imports) + rand_r(random) % (BETWEEN + 1);
	unsigned int waited;

	for (waited = 0; waited < IDLE_US; waited += 1000) {
		if ((int)(stress_read(&board->imports) - until) >= 0)
			break;
		usleep(1000);
	}
	/* Not always right after an import. */
	usleep(rand_r(random) % LOCKED_US);
}

/* On a busy machine not each end finds an import. */
static bool stress_lags(unsigned int rounds)
{
	return stress_read(&board->imports) <= rounds;
}

static bool stress_is_idle(void)
{
	return !ndshm_mock_exported();
}

TEST_F_TIMEOUT(stress, ends, 10000)
{
	const unsigned int usual = ndshm_rounds(ENDS, 2 * END_KINDS);
	const unsigned int rounds = ndshm_number("NDSHM_ENDS", usual);
	const struct ndshm_cases before = *ndshm_cases;
	unsigned int i, random = stress_seed;
	struct ndshm_block_info block;
	int fd;

	stress_add_exporter(_metadata, self);
	for (i = 0; i < CLIENTS; i++)
		stress_start_client(_metadata, self, i);
	for (i = 0; i < rounds || (stress_lags(rounds) && i < 10 * rounds); i++) {
		if (stress_read(&board->stop))
			break;
		stress_wait(&random);
		stress_end(_metadata, self, i % END_KINDS, &random);
	}
	stress_set(&board->stop, true);
	for (i = 0; i < CLIENTS; i++)
		stress_end_client(_metadata, self, i, false);
	EXPECT_FALSE(board->failed)
		TH_LOG("%s", board->error);
	test_mock("adapter del " EXPORTER);
	for (i = 0; i < CLIENTS; i++)
		ndshm_mock("export close %u", i);
	EXPECT_TRUE(ndshm_soon(stress_is_idle()));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
	/* Memory of a dma-buf whose last user was a kernel thread is freed a moment later. */
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_blocks(&self->nl, NULL, 0)));
	/* The next claim works. */
	fd = test_open_claimed(&self->edu);
	block = test_new_block(fd, self->edu.adapter.id, page_size());
	test_free_handle(fd, block.handle);
	close(fd);
	EXPECT_LT(rounds, board->imports);
	EXPECT_LT(0, board->gone);
	ndshm_one_case(&before, true);
	TH_LOG("%u ends: %u imports, %u read by the device, %u calls met an end, %u blocks", i,
	       board->imports, board->checked, board->gone, board->blocks);
	ndshm_nl_close(&self->nl);
}

int main(int argc, char **argv)
{
	stress_seed = ndshm_number("NDSHM_SEED", time(NULL));
	printf("# NDSHM_SEED=%u\n", stress_seed);
	return ndshm_main(argc, argv);
}
