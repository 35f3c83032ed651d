// SPDX-License-Identifier: GPL-2.0
/*
 * Measure the instructions of ndshm and of comparable allocators (peers) in one
 * run.
 *
 * The machine's clock must count instructions: QEMU's `-icount
 * shift=0,sleep=off -smp 1`. All modules must be loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "cycle.h"
#include "table.h"

/* Prepared by guest.sh. */
#define CGROUP		"/sys/fs/cgroup/bench/cgroup.procs"
#define USER_ID		1000

static int stay_root(void)
{
	return 0;
}

/* Leave the root user, and the root cgroup, whose memory is not accounted. */
static int become_user(void)
{
	int fd = open(CGROUP, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || write(fd, "0", 1) != 1 || setgroups(0, NULL) ||
	    setresgid(USER_ID, USER_ID, USER_ID) || setresuid(USER_ID, USER_ID, USER_ID))
		ret = -errno;
	close(fd);
	return ret;
}

/**
 * struct place - Who runs cycles, and where
 * @option: of --place
 * @name: in the tables
 * @enter: called by a child process, which then runs the cycles
 * @peers: allocators to measure there
 */
static const struct place {
	const char *option;
	const char *name;
	int (*enter)(void);
	const struct peer *peers[10];
} places[] = {
	{ "root", ROOT, stay_root,
	  { &ndshm_peer, &coherent_peer, &section_peer, &dma_heap_peer, &udmabuf_peer,
	    &hugetlb_peer, &anon_peer } },
	{ "user", USER, become_user,
	  { &ndshm_peer, &coherent_peer, &section_peer, &dma_heap_peer, &hugetlb_peer,
	    &anon_peer } },
	{ "card", CARD, stay_root,
	  { &card_peer, &card_coherent_peer, &hugetlb_peer } },
};

/* The name of the place where this process is. */
static const char *place = ROOT;

static const struct size {
	size_t length;
	unsigned int rounds;
} sizes[] = {
	{ 4 * KIB, 1000 },
	{ 64 * KIB, 400 },
	{ 2 * MIB, 60 },
	{ 64 * MIB, 5 },
};

/* Without mapping, the largest size is omitted. */
#define UNMAPPED_SIZES	3

#define TAIL_ROUNDS	10000

/* The cost of zeroing memory in this kernel. */
static struct {
	bool init_on_alloc;
	double clear[ARRAY_SIZE(sizes)];
	double set[ARRAY_SIZE(sizes)];
} zeroing;

static double zeroing_of(const struct peer *peer, unsigned int size)
{
	unsigned int cleared = peer->cleared;

	if (zeroing.init_on_alloc && peer->twice_from &&
	    sizes[size].length >= peer->twice_from)
		cleared++;
	return cleared * zeroing.clear[size] + peer->set * zeroing.set[size];
}

/* Lengths above 2 MiB are extrapolated from 2 MiB. */
static double calibrate(const char *name, const struct size *size)
{
	size_t length = size->length > 2 * MIB ? 2 * MIB : size->length;
	struct figure figure = kernel_measure(name, length, 100);

	table_add(place, ZEROING, name, length, &figure, 0);
	return figure.median * (size->length / length);
}

static void measure_zeroing(void)
{
	unsigned int i;

	zeroing.init_on_alloc = kernel_init_on_alloc();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		zeroing.clear[i] = calibrate("clear_page", &sizes[i]);
		zeroing.set[i] = calibrate("memset", &sizes[i]);
	}
}

/* An ioctl that an eventfd does not support: the cost of an ioctl alone. */
static int ioctl_nothing(void *argument)
{
	int *fd = argument;

	return ioctl(*fd, 0) == -1 && errno == ENOTTY ? 0 : -EIO;
}

static void measure_ioctls(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct figure figure;

	figure = measure(ioctl_nothing, &fd, 200);
	table_add(place, IOCTL, "eventfd", 0, &figure, 0);
	close(fd);
	figure = measure(ndshm_get_info, NULL, 200);
	table_add(place, IOCTL, "ndshm GET_INFO", 0, &figure, 0);
}

static void measure_mapped(const struct peer *peer)
{
	struct figure figure;
	struct cycle cycle;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i].length < peer->least)
			continue;
		cycle = (struct cycle){ .peer = peer, .length = sizes[i].length };
		figure = measure(cycle_mapped, &cycle, sizes[i].rounds);
		table_add(place, CYCLE, peer->name, cycle.length, &figure,
			  zeroing_of(peer, i));
	}
}

/* Map memory that is already allocated. */
static int measure_shown(const struct peer *peer)
{
	struct figure figure;
	struct buffer buffer;
	struct cycle cycle;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		cycle = (struct cycle){ .peer = peer, .length = sizes[i].length,
					.buffer = &buffer };
		buffer = (struct buffer){ .length = cycle.length };
		if (cycle.length < peer->least)
			continue;
		ret = peer->allocate(&buffer);
		if (ret)
			continue;
		figure = measure(cycle_shown, &cycle, sizes[i].rounds);
		table_add(place, SHOWN, peer->name, cycle.length, &figure, 0);
		ret = peer->free(&buffer);
		if (ret)
			return ret;
	}
	return 0;
}

static void measure_unmapped(const struct peer *peer, const char *what)
{
	struct figure figure;
	struct cycle cycle;
	unsigned int i;

	for (i = 0; i < UNMAPPED_SIZES; i++) {
		cycle = (struct cycle){ .peer = peer, .length = sizes[i].length };
		figure = measure(cycle_unmapped, &cycle, sizes[i].rounds);
		table_add(place, what, peer->name, cycle.length, &figure,
			  zeroing_of(peer, i));
	}
}

static void measure_bare(const char *what)
{
	struct figure figure;
	unsigned int i;

	for (i = 0; i < UNMAPPED_SIZES; i++) {
		figure = kernel_measure("coherent", sizes[i].length,
					sizes[i].rounds);
		table_add(place, what, BARE, sizes[i].length, &figure,
			  zeroing_of(&coherent_peer, i));
	}
}

/* Blocks of a driver that exist meanwhile. The most take 4.5 GiB. */
static const struct driver {
	const char *what;
	const char *list;
	unsigned int live;
} drivers[] = {
	{ DRIVER_ONE, NULL, 1 },
	{ DRIVER, LIST, 1000 },
	{ DRIVER_MANY, LIST_MANY, 100000 },
	{ DRIVER_MOST, LIST_MOST, 1000000 },
};

/* The cost of a driver's allocation while others exist, and of a list of these. */
static int measure_driver(const struct driver *driver)
{
	static const struct {
		const char *name;
		const char *operation;
		const struct peer *peer;	/* zeroes memory in the same way */
	} calls[] = {
		{ BARE, "coherent", &coherent_peer },
		{ NATIVE, "block", &ndshm_peer },
		{ NDIS, "ndis", &ndshm_peer },
	};
	struct figure figure;
	unsigned int i;
	int ret;

	ret = kernel_live(driver->live);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		figure = kernel_measure(calls[i].operation, sizes[0].length,
					sizes[0].rounds);
		table_add(place, driver->what, calls[i].name, sizes[0].length, &figure,
			  zeroing_of(calls[i].peer, 0));
	}
	if (driver->list) {
		figure = list_measure_blocks(driver->live);
		table_add(place, driver->list, "ndshm", 0, &figure, 0);
	}
	return kernel_live(0);
}

static void measure_batch(const struct peer *peer, const char *what)
{
	struct figure figure;
	struct cycle cycle;
	unsigned int i;

	for (i = 0; i < UNMAPPED_SIZES; i++) {
		cycle = (struct cycle){ .peer = peer, .length = sizes[i].length };
		figure = figure_each(measure(cycle_batch, &cycle,
					     sizes[i].rounds / 4), BATCH);
		table_add(place, what, peer->name, cycle.length, &figure,
			  zeroing_of(peer, i));
	}
}

/* The cycles while @live other buffers of the peer exist. @batch is NULL for no batches. */
static int measure_live(const struct peer *peer, unsigned int live, const char *what,
			const char *batch)
{
	struct buffer others[LIVE];
	unsigned int count;
	int ret = 0;

	for (count = 0; count < live; count++) {
		others[count] = (struct buffer){ .length = 4 * KIB };
		ret = peer->allocate(&others[count]);
		if (ret)
			break;
	}
	if (!ret) {
		measure_unmapped(peer, what);
		if (peer->batch && batch)
			measure_batch(peer, batch);
	}
	while (count--)
		ret = peer->free(&others[count]) ?: ret;
	return ret;
}

static void measure_steps(const struct peer *peer)
{
	struct figure figures[STEPS];
	unsigned int i, j;

	for (i = 0; i < UNMAPPED_SIZES; i++) {
		struct cycle cycle = { .peer = peer, .length = sizes[i].length };

		if (cycle.length < peer->least ||
		    cycle_steps(&cycle, sizes[i].rounds, figures))
			continue;
		for (j = 0; j < STEPS; j++)
			table_add(place, step_names[j], peer->name, cycle.length,
				  &figures[j], 0);
	}
}

static void say_absent(const char *name, int ret)
{
	fprintf(stderr, "ndshm-bench: %s: %s\n", name, strerror(-ret));
}

static int measure_peer(const struct peer *peer, bool steps)
{
	int ret = peer->open ? peer->open() : 0;

	if (ret)
		return ret;
	if (peer == &ndshm_peer)
		measure_ioctls();
	measure_mapped(peer);
	if (steps)
		measure_steps(peer);
	if (peer->allocate) {
		ret = measure_shown(peer);
		ret = measure_live(peer, 0, UNMAPPED, BATCH_FIRST) ?: ret;
		ret = measure_live(peer, 1, UNMAPPED_ONE, NULL) ?: ret;
		ret = measure_live(peer, LIVE, UNMAPPED_LIVE, BATCH_LIVE) ?: ret;
	}
	if (peer->close)
		peer->close();
	return ret;
}

/* A peer that this kernel or machine lacks is not in the tables. */
static int measure_place(const struct place *where, bool steps)
{
	unsigned int i;
	int ret;

	place = where->name;
	ret = where->enter();
	for (i = 0; where->peers[i] && !ret; i++) {
		ret = measure_peer(where->peers[i], steps);
		if (ret)
			say_absent(where->peers[i]->name, ret);
		ret = 0;
	}
	return ret;
}

/* All places, or only the one that @only names. */
static void measure_places(const char *only, bool steps)
{
	int ret, status;
	unsigned int i;
	pid_t child;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (only && strcmp(only, places[i].option))
			continue;
		child = fork();
		if (!child) {
			ret = measure_place(&places[i], steps);
			if (ret)
				say_absent(places[i].name, ret);
			_exit(!!ret);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			fprintf(stderr, "ndshm-bench: %s: not all measured\n",
				places[i].name);
	}
}

/**
 * struct hoard - Buffers that are allocated and not freed
 * @peer: allocator
 * @count: how many
 * @buffers: the buffers
 */
struct hoard {
	const struct peer *peer;
	unsigned int count;
	struct buffer buffers[2 * TAIL_ROUNDS];
};

static int hoard_more(void *argument)
{
	struct hoard *hoard = argument;
	int ret;

	hoard->buffers[hoard->count].length = 4 * KIB;
	ret = hoard->peer->allocate(&hoard->buffers[hoard->count]);
	if (!ret)
		hoard->count++;
	return ret;
}

static struct figure measure_hoard(const struct peer *peer)
{
	struct hoard *hoard = calloc(1, sizeof(*hoard));
	struct figure figure = { .error = ENOMEM };

	if (!hoard)
		return figure;
	hoard->peer = peer;
	figure = measure(hoard_more, hoard, TAIL_ROUNDS);
	while (hoard->count)
		peer->free(&hoard->buffers[--hoard->count]);
	free(hoard);
	return figure;
}

/* Of single rounds, by the process itself: other processes run between. */
static int measure_tail(const struct place *where, const struct scenario *scenario)
{
	static const struct peer *const peers[] = { &ndshm_peer, &dma_heap_peer };
	struct figure figure;
	struct cycle cycle;
	unsigned int i;
	int ret;

	ret = where->enter();
	clock_count_own();
	for (i = 0; i < ARRAY_SIZE(peers) && !ret; i++) {
		if (peers[i]->open && peers[i]->open())
			continue;
		cycle = (struct cycle){ .peer = peers[i], .length = 4 * KIB };
		figure = measure(cycle_unmapped, &cycle, TAIL_ROUNDS);
		table_add(where->name, scenario->name, peers[i]->name, cycle.length, &figure, 0);
		figure = measure_hoard(peers[i]);
		table_add(where->name, scenario->hoard, peers[i]->name, cycle.length, &figure, 0);
		if (peers[i]->close)
			peers[i]->close();
	}
	return ret;
}

static void measure_tails(const char *only)
{
	const struct place *where = &places[1];
	unsigned int i;
	int helper, status;
	pid_t child;

	if (only && strcmp(only, where->option) && strcmp(only, "tails"))
		return;
	for (i = 0; i < scenario_count; i++) {
		helper = scenario_start(&scenarios[i]);
		if (helper < 0) {
			say_absent(scenarios[i].name, helper);
			continue;
		}
		child = fork();
		if (!child)
			_exit(!!measure_tail(where, &scenarios[i]));
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			fprintf(stderr, "ndshm-bench: %s: not all measured\n", scenarios[i].name);
		scenario_end(helper);
	}
}

static int measure_all(const char *only, bool steps)
{
	unsigned int i;
	int ret;

	if (table_open()) {
		perror("ndshm-bench");
		return 1;
	}
	if (!clock_counts_instructions()) {
		fprintf(stderr, "ndshm-bench: this machine's clock does not count instructions\n");
		return 1;
	}
	ret = kernel_open();
	if (ret) {
		say_absent("ndshm_bench.ko", ret);
		return 1;
	}
	measure_zeroing();
	measure_bare(UNMAPPED);
	measure_bare(UNMAPPED_LIVE);
	measure_bare(BATCH_LIVE);
	for (i = 0; i < ARRAY_SIZE(drivers); i++) {
		ret = measure_driver(&drivers[i]);
		if (ret)
			say_absent(drivers[i].what, ret);
	}
	measure_places(only, steps);
	measure_tails(only);
	return 0;
}

static void print_place(const char *name, bool steps)
{
	unsigned int i;

	table_print(name, IOCTL, TABLE_RAW, NULL);
	table_print(name, CYCLE, TABLE_RAW, NULL);
	table_print(name, CYCLE, TABLE_NET, NULL);
	table_print(name, CYCLE, TABLE_RATIO, "dma-heap");
	table_print(name, SHOWN, TABLE_RAW, NULL);
	for (i = 0; i < STEPS && steps; i++)
		table_print(name, step_names[i], TABLE_RAW, NULL);
	table_print(name, UNMAPPED, TABLE_RAW, NULL);
	table_print(name, UNMAPPED, TABLE_NET, NULL);
	table_print(name, UNMAPPED_ONE, TABLE_RAW, NULL);
	table_print(name, UNMAPPED_LIVE, TABLE_RAW, NULL);
	table_print(name, UNMAPPED_LIVE, TABLE_NET, NULL);
	table_print(name, UNMAPPED_LIVE, TABLE_RATIO, BARE);
	table_print(name, BATCH_FIRST, TABLE_RAW, NULL);
	table_print(name, BATCH_LIVE, TABLE_RAW, NULL);
	table_print(name, BATCH_LIVE, TABLE_NET, NULL);
	table_print(name, BATCH_LIVE, TABLE_RATIO, BARE);
}

static void print_all(bool steps)
{
	unsigned int i;

	printf("Instructions, the median of all rounds; init_on_alloc is %s\n",
	       zeroing.init_on_alloc ? "on" : "off");
	table_print(ROOT, ZEROING, TABLE_RAW, NULL);
	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		table_print(ROOT, drivers[i].what, TABLE_RAW, NULL);
	table_print(ROOT, DRIVER, TABLE_NET, NULL);
	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		if (drivers[i].list)
			table_print(ROOT, drivers[i].list, TABLE_RAW, NULL);
	for (i = 0; i < ARRAY_SIZE(places); i++)
		print_place(places[i].name, steps);
	for (i = 0; i < scenario_count; i++) {
		table_print_tails(USER, scenarios[i].name);
		table_print_tails(USER, scenarios[i].hoard);
	}
	printf("\n");
	table_print_errors();
	verdicts_print();
}

static const char usage[] =
	"usage: ndshm-bench [--json] [--output FILE] [--place PLACE] [--steps]\n"
	"  --json         print everything as JSON, and no tables\n"
	"  --output FILE  write the JSON there as well\n"
	"  --place PLACE  measure root, user (with tails), card or tails only\n"
	"  --steps        measure the steps of a mapped cycle one by one, too\n"
	"Exit: 0, 1 if a target is missed, 4 if one could not be tried\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "output", required_argument, NULL, 'o' },
		{ "place", required_argument, NULL, 'p' },
		{ "steps", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	bool json = false, steps = false;
	const char *output = NULL, *only = NULL;
	int option, ret = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'o':
			output = optarg;
			break;
		case 'p':
			only = optarg;
			break;
		case 's':
			steps = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 1;
		}
	}

	if (measure_all(only, steps))
		return 1;
	verdicts_decide();
	if (json)
		ret = json_write("-");
	else
		print_all(steps);
	if (output && !ret)
		ret = json_write(output);
	kernel_close();
	if (ret) {
		fprintf(stderr, "ndshm-bench: JSON: %s\n", strerror(-ret));
		return 1;
	}
	return verdicts_exit();
}
