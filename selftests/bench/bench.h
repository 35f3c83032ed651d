/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparison of the instructions of several allocators.
 */
#ifndef _NDSHM_BENCH_H
#define _NDSHM_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define KIB	1024UL
#define MIB	(1024 * KIB)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * measure.c: a figure from many rounds
 */

/**
 * struct figure - Instructions of an operation, over its rounds
 * @error: 0, or the errno why it could not be measured (the rest is then 0)
 */
struct figure {
	int error;
	unsigned int rounds;
	double median;
	double p99;
	double p999;
	double mean;
	double min;
	double max;
};

/* Read the clock, which counts instructions. */
__u64 now(void);

/*
 * Check that the clock counts instructions and measure the overhead of reading
 * it. Must be called first.
 */
bool clock_counts_instructions(void);

/* Sorts @samples and subtracts @overhead from each. */
struct figure figure_of(__u64 *samples, unsigned int rounds,
			double overhead);

/* The figure of one of @count operations that each round had. */
struct figure figure_each(struct figure figure, unsigned int count);

/*
 * Run @once until its cost is stable, then measure @rounds runs. @once returns
 * 0 or a negative errno.
 */
struct figure measure(int (*once)(void *argument), void *argument,
		      unsigned int rounds);

/*
 * From now on count the instructions of this process only, as other processes run, too. A
 * reading costs more.
 */
void clock_count_own(void);

/* The instructions between two clock readings that belong to the readings. */
double clock_overhead(void);

/*
 * kernel.c: measurements in the kernel
 */

int kernel_open(void);
void kernel_close(void);
bool kernel_init_on_alloc(void);
struct figure kernel_measure(const char *name, size_t length,
			     unsigned int rounds);
/*
 * Keep @count blocks of a kernel driver allocated from now on. Return 0 or a
 * negative errno.
 */
int kernel_live(unsigned int count);

/*
 * Peers, one per file
 */

/**
 * struct buffer - An allocation
 * @length: in bytes, set by the caller
 * @address: of the mapping
 * @offset: for mmap()
 * @fd: descriptors of the memory
 * @handle: name of the memory if that is not a descriptor
 */
struct buffer {
	size_t length;
	void *address;
	__u64 offset;
	int fd[2];
	__u32 handle;
};

/**
 * struct peer - An allocator; all functions return 0 or a negative errno
 * @name: in the tables
 * @open: prepare the peer
 * @close: undo @open; may be NULL
 * @allocate: allocate memory; NULL if mapping allocates
 * @map: map the memory
 * @unmap: undo @map
 * @free: undo @allocate
 * @batch: allocate @count buffers in one call and free them; NULL if not supported
 * @least: shortest length
 * @cleared: number of times that memory is zeroed page by page, whatever the
 *	kernel's settings
 * @twice_from: lengths from this on are zeroed page by page once more if the page
 *	allocator zeroes by itself; 0: never
 * @set: number of times that memory is zeroed by memset()
 */
struct peer {
	const char *name;
	int (*open)(void);
	void (*close)(void);
	int (*allocate)(struct buffer *buffer);
	int (*map)(struct buffer *buffer);
	int (*unmap)(struct buffer *buffer);
	int (*free)(struct buffer *buffer);
	int (*batch)(size_t length, unsigned int count);
	size_t least;
	unsigned int cleared;
	size_t twice_from;
	unsigned int set;
};

extern const struct peer ndshm_peer;
extern const struct peer coherent_peer;
extern const struct peer card_peer;
extern const struct peer card_coherent_peer;
extern const struct peer section_peer;
extern const struct peer dma_heap_peer;
extern const struct peer udmabuf_peer;
extern const struct peer hugetlb_peer;
extern const struct peer anon_peer;

/* A query command, for the cost of entering the module. */
int ndshm_get_info(void *unused);

/* Map @fd at @offset with MAP_SHARED. */
int map_fd(struct buffer *buffer, int fd);
int unmap(struct buffer *buffer);

/*
 * table.c: collect and print figures
 */

/**
 * struct row - A figure and its place in the tables
 * @place: who runs the cycle, and where
 * @what: the cycle
 * @subject: the peer
 * @length: bytes of memory, or 0
 * @raw: as measured
 * @zeroing: the part of @raw that is zeroing
 */
struct row {
	const char *place;
	const char *what;
	const char *subject;
	size_t length;
	struct figure raw;
	double zeroing;
};

/* Prepare for rows that child processes add as well. Return 0 or a negative errno. */
int table_open(void);

void table_add(const char *place, const char *what, const char *subject, size_t length,
	       const struct figure *raw, double zeroing);

/* NULL if it does not exist or could not be measured. */
const struct row *table_find(const char *place, const char *what, const char *subject,
			     size_t length);

static inline double row_net(const struct row *row)
{
	return row->raw.median - row->zeroing;
}

/*
 * Print the figures of a cycle: raw, without zeroing, or the latter as a
 * multiple of @base.
 */
enum table_kind { TABLE_RAW, TABLE_NET, TABLE_RATIO };

void table_print(const char *place, const char *what, enum table_kind kind,
		 const char *base);

/* Print all measurements that failed, and why. */
void table_print_errors(void);

/* Print the percentiles of a cycle. */
void table_print_tails(const char *place, const char *what);

/*
 * tails.c: percentiles of a cycle in the machine's bad times
 */

/**
 * struct scenario - A state of the machine
 * @name: the cycle, in the tables
 * @hoard: in the tables, for allocations without a free
 * @run: brings the state about in a process of its own, which must not return; reports
 *	with scenario_ready() that it has come about; NULL: nothing to do
 */
struct scenario {
	const char *name;
	const char *hoard;
	void (*run)(int ready);
};

extern const struct scenario scenarios[];
extern const unsigned int scenario_count;

/* Start the process of a scenario, and wait until it is ready. Return: -errno, or its PID or 0. */
int scenario_start(const struct scenario *scenario);
void scenario_end(int pid);
void scenario_ready(int ready);

/* list.c: measure a list of all blocks. Return: the cost of one of them. */
struct figure list_measure_blocks(unsigned int blocks);

/*
 * verdict.c: limits of the figures
 */

enum result { RESULT_PASS, RESULT_FAIL, RESULT_SKIP };

/**
 * struct verdict - A limit and its result
 * @place: who runs the cycle; NULL: ROOT
 * @subject: the peer
 * @what: the cycle
 * @length: bytes of memory
 * @base: the peer to compare with; NULL: none
 * @base_what: the cycle of @base; NULL: @what
 * @times: permitted multiple of @base; 0: 1
 * @allowed: instructions permitted in addition
 * @raw: include zeroing
 * @tail: multiple of the median that the percentile 99.9 may be; 0: compare the median
 * @figure: instructions, when it was measured
 * @goal: the most that pass: @times @base, @tail medians and @allowed
 * @result: RESULT_SKIP if one of the two was not measured
 */
struct verdict {
	const char *place;
	const char *subject;
	const char *what;
	size_t length;
	const char *base;
	const char *base_what;
	double times;
	double allowed;
	bool raw;
	double tail;
	double figure;
	double goal;
	enum result result;
};

extern struct verdict verdicts[];
extern const unsigned int verdict_count;

const char *verdict_word(const struct verdict *verdict);

void verdicts_decide(void);
void verdicts_print(void);

/* The program's exit code: 0, 1 after a failure, 4 if something was skipped. */
int verdicts_exit(void);

/* json.c: write all figures as JSON. Return 0 or a negative errno. */
int json_write(const char *path);

/*
 * bench.c: names of the cycles in tables and verdicts
 */

#define ROOT	"root"
#define USER	"a user in a memory cgroup"
#define CARD	"root, for a claimed card behind the IOMMU"

#define LIVE	100
#define BATCH	16

#define CYCLE		"allocate, map, touch every page, unmap, free"
#define SHOWN		"map, touch every page, unmap"
#define UNMAPPED	"allocate, free"
#define UNMAPPED_ONE	"allocate, free, with another one live"
#define UNMAPPED_LIVE	"allocate, free, with 100 others live"
#define BATCH_FIRST	"allocate 16 at once, free 16 at once (a block)"
#define BATCH_LIVE	"allocate 16 at once, free 16 at once, with 100 others live (a block)"
#define DRIVER_ONE	"a driver's allocate, free, with one other live"
#define DRIVER		"a driver's allocate, free, with 1,000 others live"
#define DRIVER_MANY	"a driver's allocate, free, with 100,000 others live"
#define DRIVER_MOST	"a driver's allocate, free, with 1,000,000 others live"
#define LIST		"a list of all blocks, of 1,000 (a block)"
#define LIST_MANY	"a list of all blocks, of 100,000 (a block)"
#define LIST_MOST	"a list of all blocks, of 1,000,000 (a block)"
#define IOCTL		"an ioctl that does nothing"
#define ZEROING		"zeroing"

/* Scenarios, of 4 KiB. */
#define TAIL_FRESH	"allocate, free, in an idle machine"
#define TAIL_SINGLE	"allocate, free, while free memory is single pages"
#define TAIL_RECLAIM	"allocate, free, while memory is reclaimed"
#define TAIL_NEIGHBOUR	"allocate, free, beside a cgroup at its limit"
#define HOARD_FRESH	"allocate and keep, in an idle machine"
#define HOARD_SINGLE	"allocate and keep, while free memory is single pages"
#define HOARD_RECLAIM	"allocate and keep, while memory is reclaimed"
#define HOARD_NEIGHBOUR	"allocate and keep, beside a cgroup at its limit"

/*
 * Rows that are not peers: dma_alloc_coherent() and dma_free_coherent(), and
 * the driver interfaces.
 */
#define BARE		"bare coherent"
#define NATIVE		"ndshm_allocate"
#define NDIS		"NdisAllocateSharedMemory"

#endif /* _NDSHM_BENCH_H */
