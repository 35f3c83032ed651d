// SPDX-License-Identifier: GPL-2.0
/*
 * The objects of scenarios, and the ioctls with the requests of commands.h.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fail_nth.h"
#include "ndshm_reasons.h"

#define SECTION_SIZE	(32ULL << 20)

struct fail_nth_objects fail_nth_of = {
	.objects.fds = { -1, -1, -1 },
	.map = MAP_FAILED,
};

static struct fail_nth_objects *const of = &fail_nth_of;
static int *const fds = fail_nth_of.objects.fds;

/* The row of the request; the request before its first call, and whether that was made. */
static const struct command *row;
static unsigned char valid[sizeof(fail_nth_of.request)];
static bool called;

/*
 * Requests
 */

static const struct command *find_row(unsigned long number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].number == number)
			return &commands[i];
	ksft_exit_fail_msg("no row of commands.h has command %#lx\n", number);
}

bool fail_nth_build(unsigned long number)
{
	row = find_row(number);
	memset(of->blocks, NDSHM_POISON, sizeof(of->blocks));
	memset(of->segments, NDSHM_POISON, sizeof(of->segments));
	memset(&of->request, 0, sizeof(of->request));
	row->build(&of->request, &of->objects);
	if (number == NDSHM_BLOCK_ALLOC)
		of->request.alloc.blocks = to_u64(of->blocks);
	return true;
}

int fail_nth_ioctl(unsigned long number, void *argument)
{
	return ioctl(fds[find_row(number)->object], number, argument) ? -errno : 0;
}

int fail_nth_call(void)
{
	if (called)
		memcpy(&of->request, valid, sizeof(valid));
	else
		memcpy(valid, &of->request, sizeof(valid));
	called = true;
	return ioctl(fds[row->object], row->number, &of->request) ? -errno : 0;
}

/*
 * The kernel writes the header unless that copy failed. A failed request returns nothing: each
 * byte must be as it was, or 0, or of a descriptor number -1.
 */
void fail_nth_check_reply(int error)
{
	const struct ndshm_header header = of->request.header;
	size_t i;

	if (!memcmp(&header, valid, sizeof(header)))
		fail_nth_expect(error == EFAULT);
	else if (fail_nth_expect(header.reason < NDSHM_REASON_COUNT_KNOWN))
		fail_nth_expect(ndshm_expected[header.reason].error == error &&
				ndshm_expected[header.reason].status == header.status);
	if (error && !(fail_nth_scenario->flags & FAIL_NTH_PARTIAL))
		for (i = sizeof(header); i < row->size; i++)
			fail_nth_expect(of->request.bytes[i] == valid[i] ||
					of->request.bytes[i] == 0 ||
					of->request.bytes[i] == 0xff);
}

void fail_nth_undo(void)
{
	if (row->undo)
		fail_nth_expect(row->undo(&of->request, &of->objects));
}

bool fail_nth_name_provider(const char *name)
{
	struct ndshm_nl_provider provider;

	if (!fail_nth_expect(!ndshm_nl_provider_by_name(&fail_nth_nl, name, &provider)))
		return false;
	of->request.alloc.provider = provider.id;
	return true;
}

static bool poisoned(const void *memory, size_t length)
{
	const unsigned char *bytes = memory;

	while (length--)
		if (*bytes++ != NDSHM_POISON)
			return false;
	return true;
}

void fail_nth_check_alloc(int error)
{
	const struct ndshm_block_alloc_args *alloc = &of->request.alloc;
	__u32 i;

	/* If one of several copies failed, the others may have been made. */
	if (error == EFAULT)
		return;
	if (error) {
		fail_nth_expect(poisoned(of->blocks, sizeof(of->blocks)));
		fail_nth_expect(poisoned(of->segments, sizeof(of->segments)));
		return;
	}
	for (i = 0; i < alloc->count; i++)
		fail_nth_expect(of->blocks[i].handle && of->blocks[i].shared_memory_handle &&
				of->blocks[i].flags & NDSHM_BLOCK_CHARGED);
	if (alloc->segment_capacity)
		fail_nth_expect(!poisoned(of->segments, sizeof(of->segments[0])));
}

void fail_nth_free_all(void)
{
	struct ndshm_block_free_args request;
	__u32 i;

	for (i = 0; i < of->request.alloc.count; i++) {
		request = block_free_request(of->blocks[i].handle);
		fail_nth_expect(!fail_nth_ioctl(NDSHM_BLOCK_FREE, &request));
	}
}

/*
 * Mappings
 */

int fail_nth_map_at(void *place, int fd, size_t length, __u64 offset)
{
	of->length = length;
	of->map = mmap(place, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (place ? MAP_FIXED : 0), fd, offset);
	return of->map == MAP_FAILED ? -errno : 0;
}

int fail_nth_map(void)
{
	return fail_nth_map_at(NULL, fds[COMMAND_CLIENT], of->objects.made.length,
			       of->objects.made.mmap_offset);
}

void *fail_nth_far(void)
{
	const size_t far = 1UL << 31;
	char *space = mmap(NULL, 2 * far, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   -1, 0);

	fail_nth_expect(space != MAP_FAILED && !munmap(space, 2 * far));
	return space + far;
}

int fail_nth_touch(void)
{
	return __atomic_load_n(of->map, __ATOMIC_RELAXED) ? -EIO : 0;
}

void fail_nth_unmap(void)
{
	if (of->map != MAP_FAILED)
		fail_nth_expect(!munmap(of->map, of->length));
	of->map = MAP_FAILED;
}

/*
 * Objects
 */

static bool make_client(void)
{
	struct ndshm_get_info_args info = get_info_request();

	fds[COMMAND_CLIENT] = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (!fail_nth_expect(fds[COMMAND_CLIENT] >= 0) ||
	    !fail_nth_expect(!fail_nth_ioctl(NDSHM_GET_INFO, &info)))
		return false;
	of->objects.adapter = info.out_default_adapter;
	of->objects.length = 1;
	return true;
}

/* With a provider's name for an adapter, or the default ones. */
bool fail_nth_make_block(__u32 adapter, const char *provider, __u64 length)
{
	of->objects.length = length;
	fail_nth_build(NDSHM_BLOCK_ALLOC);
	if (adapter)
		of->request.alloc.adapter = adapter;
	if ((provider && !fail_nth_name_provider(provider)) ||
	    !fail_nth_expect(!fail_nth_ioctl(NDSHM_BLOCK_ALLOC, &of->request)))
		return false;
	of->objects.made = of->blocks[0];
	of->objects.handle = of->blocks[0].handle;
	return true;
}

static bool make_section(__u64 initial)
{
	struct ndshm_section_create_args create =
		section_create_request(of->objects.adapter, SECTION_SIZE, initial);

	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_SECTION_CREATE, &create)))
		return false;
	fds[COMMAND_SECTION] = create.out_section;
	return true;
}

bool fail_nth_make_holder(void)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);

	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_SECTION_ATTACH, &attach)))
		return false;
	fds[COMMAND_HOLDER] = attach.out_holder;
	return true;
}

static bool make_objects(enum fail_nth_needs needs, __u64 initial)
{
	if (needs >= NEEDS_CLIENT && !make_client())
		return false;
	if ((needs == NEEDS_BLOCK || needs == NEEDS_MAP) &&
	    !fail_nth_make_block(0, NULL, 3 * getpagesize()))
		return false;
	if (needs == NEEDS_MAP && !fail_nth_expect(!fail_nth_map()))
		return false;
	if (needs >= NEEDS_SECTION && !make_section(initial))
		return false;
	if (needs >= NEEDS_HOLDER && !fail_nth_make_holder())
		return false;
	return needs < NEEDS_EXTENT || fail_nth_expect(command_make_extent(&of->objects));
}

static bool make_before(const char *texts)
{
	char copy[256], *rest = copy, *text;

	snprintf(copy, sizeof(copy), "%s", texts ?: "");
	while ((text = strsep(&rest, ";")))
		if (*text && !fail_nth_must(text))
			return false;
	return true;
}

bool fail_nth_make(const struct fail_nth_scenario *scenario)
{
	called = false;
	return make_objects(scenario->needs, scenario->initial) &&
	       make_before(scenario->before) &&
	       (!scenario->ioctl || fail_nth_build(scenario->ioctl)) &&
	       (!scenario->setup || scenario->setup());
}

void fail_nth_close(enum command_object object)
{
	if (fds[object] >= 0)
		fail_nth_expect(!close(fds[object]));
	fds[object] = -1;
}

/* The client before the mapping, so that this has the last reference to the block. */
void fail_nth_close_all(void)
{
	fail_nth_close(COMMAND_HOLDER);
	fail_nth_close(COMMAND_SECTION);
	fail_nth_close(COMMAND_CLIENT);
	fail_nth_unmap();
}

void fail_nth_state(char *text, size_t size)
{
	struct ndshm_section_query_args query = section_query_request();
	struct ndshm_get_info_args info = get_info_request();
	int length = 0;

	text[0] = '\0';
	if (fds[COMMAND_CLIENT] >= 0) {
		fail_nth_expect(!fail_nth_ioctl(NDSHM_GET_INFO, &info));
		length = snprintf(text, size, ", handles %u, bytes %llu", info.out_blocks,
				  (unsigned long long)info.out_bytes);
	}
	if (fds[COMMAND_SECTION] >= 0) {
		fail_nth_expect(!fail_nth_ioctl(NDSHM_SECTION_QUERY, &query));
		snprintf(text + length, size - length,
			 ", section: flags %#x, committed %llu, taken %llu, extents %u, holders %u",
			 query.out_flags, (unsigned long long)query.out_committed,
			 (unsigned long long)query.out_taken, query.out_extents,
			 query.out_holders);
	}
}
