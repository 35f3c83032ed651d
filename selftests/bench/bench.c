// SPDX-License-Identifier: GPL-2.0
/*
 * Measure the instructions of ndshm and of comparable allocators (peers) in one
 * run.
 *
 * The machine's clock must count instructions: QEMU's `-icount
 * shift=0,sleep=off -smp 1`. All modules must be loaded.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "cycle.h"
#include "table.h"

static const struct peer *const peers[] = {
	&ndshm_peer, &pages_peer, &section_peer, &dma_heap_peer, &udmabuf_peer,
	&hugetlb_peer, &anon_peer,
};

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

	table_add(ZEROING, name, length, &figure, 0);
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
	table_add(IOCTL, "eventfd", 0, &figure, 0);
	close(fd);
	figure = measure(ndshm_get_info, NULL, 200);
	table_add(IOCTL, "ndshm GET_INFO", 0, &figure, 0);
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
		table_add(CYCLE, peer->name, cycle.length, &figure,
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
		table_add(SHOWN, peer->name, cycle.length, &figure, 0);
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
		table_add(what, peer->name, cycle.length, &figure,
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
		table_add(what, BARE, sizes[i].length, &figure,
			  zeroing_of(&ndshm_peer, i));
	}
}

/* The cost of a driver's allocation while @live others exist. */
static int measure_driver(const char *what, unsigned int live)
{
	static const struct {
		const char *name;
		const char *operation;
	} calls[] = { { BARE, "coherent" }, { NATIVE, "block" }, { NDIS, "ndis" } };
	struct figure figure;
	unsigned int i;
	int ret;

	ret = kernel_live(live);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		figure = kernel_measure(calls[i].operation, sizes[0].length,
					sizes[0].rounds);
		table_add(what, calls[i].name, sizes[0].length, &figure,
			  zeroing_of(&ndshm_peer, 0));
	}
	return kernel_live(0);
}

static struct figure per_block(struct figure figure)
{
	figure.median /= BATCH;
	figure.mean /= BATCH;
	figure.min /= BATCH;
	figure.max /= BATCH;
	return figure;
}

static void measure_batch(const struct peer *peer)
{
	struct figure figure;
	struct cycle cycle;
	unsigned int i;

	for (i = 0; i < UNMAPPED_SIZES; i++) {
		cycle = (struct cycle){ .peer = peer, .length = sizes[i].length };
		figure = per_block(measure(cycle_batch, &cycle,
					   sizes[i].rounds / 4));
		table_add(BATCH_LIVE, peer->name, cycle.length, &figure,
			  zeroing_of(peer, i));
	}
}

/* The cycle while LIVE other buffers of the peer exist. */
static int measure_live(const struct peer *peer)
{
	struct buffer others[LIVE];
	unsigned int count;
	int ret = 0;

	for (count = 0; count < LIVE; count++) {
		others[count] = (struct buffer){ .length = 4 * KIB };
		ret = peer->allocate(&others[count]);
		if (ret)
			break;
	}
	if (!ret) {
		measure_unmapped(peer, UNMAPPED_LIVE);
		if (peer->batch)
			measure_batch(peer);
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
			table_add(step_names[j], peer->name, cycle.length,
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
		measure_unmapped(peer, UNMAPPED);
		ret = measure_live(peer) ?: ret;
	}
	if (peer->close)
		peer->close();
	return ret;
}

static int measure_all(bool steps)
{
	unsigned int i;
	int ret;

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
	ret = measure_driver(DRIVER, DRIVER_LIVE) ?:
	      measure_driver(DRIVER_MANY, DRIVER_MANY_LIVE);
	if (ret)
		say_absent("a driver's blocks", ret);
	/* A peer that this kernel lacks is not in the tables. */
	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		ret = measure_peer(peers[i], steps);
		if (ret)
			say_absent(peers[i]->name, ret);
	}
	return 0;
}

static void print_all(bool steps)
{
	unsigned int i;

	printf("Instructions, the median of all rounds; init_on_alloc is %s\n",
	       zeroing.init_on_alloc ? "on" : "off");
	table_print(ZEROING, TABLE_RAW, NULL);
	table_print(IOCTL, TABLE_RAW, NULL);
	table_print(CYCLE, TABLE_RAW, NULL);
	table_print(CYCLE, TABLE_NET, NULL);
	table_print(CYCLE, TABLE_RATIO, "dma-heap");
	table_print(SHOWN, TABLE_RAW, NULL);
	for (i = 0; i < STEPS && steps; i++)
		table_print(step_names[i], TABLE_RAW, NULL);
	table_print(UNMAPPED, TABLE_RAW, NULL);
	table_print(UNMAPPED, TABLE_NET, NULL);
	table_print(UNMAPPED_LIVE, TABLE_RAW, NULL);
	table_print(UNMAPPED_LIVE, TABLE_NET, NULL);
	table_print(UNMAPPED_LIVE, TABLE_RATIO, BARE);
	table_print(DRIVER, TABLE_RAW, NULL);
	table_print(DRIVER, TABLE_NET, NULL);
	table_print(DRIVER_MANY, TABLE_RAW, NULL);
	table_print(BATCH_LIVE, TABLE_RAW, NULL);
	table_print(BATCH_LIVE, TABLE_NET, NULL);
	table_print(BATCH_LIVE, TABLE_RATIO, BARE);
	printf("\n");
	table_print_errors();
	verdicts_print();
}

static const char usage[] =
	"usage: ndshm-bench [--json] [--output FILE] [--steps]\n"
	"  --json         print everything as JSON, and no tables\n"
	"  --output FILE  write the JSON there as well\n"
	"  --steps        measure the steps of a mapped cycle one by one, too\n"
	"Exit: 0, 1 if a target is missed, 4 if one could not be tried\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "output", required_argument, NULL, 'o' },
		{ "steps", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	bool json = false, steps = false;
	const char *output = NULL;
	int option, ret = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'o':
			output = optarg;
			break;
		case 's':
			steps = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 1;
		}
	}

	if (measure_all(steps))
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
