// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls: each row of commands.h is a kind, whose request is a valid one in which arguments
 * replace members.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "commands.h"
#include "ndshm_reasons.h"
#include "random.h"

/* The kernel accepts arguments up to a page; longer ones are tried as well. */
#define ARGUMENT_SIZE	8192
#define POISON		0xccccccccU
#define MOST		64	/* elements of an array */

/*
 * Requests of LONG_FROM bytes and more in total can use up the memory. Those above LONG_TO are
 * always refused: no section is that long.
 */
#define LONG_FROM	(16UL << 20)
#define LONG_TO		(64UL << 30)

/* Names of sections; a section without one has the first. The last is not valid. */
static const char *const name_words[] = { "none", "a", "b", "long", "bad", NULL };
static const char *const names[] = {
	"", "a", "b", "0123456789012345678901234567890123456789012345678901234567890123",
	"\xed\xa0\x80",
};

static const char *const event_words[] = { "eventfd", "none", "wrong", "null", NULL };
static const char *const object_words[] = { "section", "holder", NULL };

/*
 * The arguments that every command has, in this order. @size has the usual value of the row; @tail
 * is a byte behind the structure that the kernel knows; @reserved is for all reserved members.
 */
enum { OF, AT_PLACE, SIZE, FLAGS, TAIL, RESERVED, OWN };

#define COMMON(name_, class_, flags_) \
	[OF] = FROM(name_, class_), \
	[AT_PLACE] = PLACE("at", PLACE_GOOD), \
	[SIZE] = { .name = "size", .usual = { 0, USUAL }, \
		   NUMBERS(0, 15, 16, 17, 23, 24, 32, 40, 48, 56, 72, 80, 88, 96, 4096, 4097) }, \
	[FLAGS] = flags_, \
	[TAIL] = ANY("tail", 0, 1), \
	[RESERVED] = ANY("reserved", 0, 1)
#define ANY_FLAGS	ANY("flags", 0, 1, 2, 4, 0x80000000)
#define DELETE_FLAGS	VARIES("flags", 0, 0, NDSHM_DELETE_FORCE, NDSHM_DELETE_REVOKE)
#define CLIENT	COMMON("client", 'c', ANY_FLAGS)
#define SECTION	COMMON("section", 's', ANY_FLAGS)
#define HOLDER	COMMON("holder", 'o', ANY_FLAGS)

/* A member, which is usually as the row has it. */
#define AT_MEMBER(command, member) \
	.offset = AT(command, member), .width = sizeof(((struct ndshm_##command##_args *)0)->member)
#define MEMBER(name_, command, member, ...) \
	{ .name = (name_), NUMBERS(__VA_ARGS__), .usual = { 0, USUAL }, AT_MEMBER(command, member) }
/* One that is a register's, or a word's. */
#define MEMBER_FROM(name_, class_, command, member) \
	{ .name = (name_), .class = (class_), .number = true, .usual = { 0, REGISTER }, \
	  AT_MEMBER(command, member) }
#define MEMBER_PLACE(name_, usual_, command, member) \
	{ .name = (name_), .class = 'm', .words = place_words, .usual = { (usual_), WORD }, \
	  AT_MEMBER(command, member) }
#define ADAPTER(usual_, command) \
	{ .name = "adapter", .words = machine_adapters, .usual = { (usual_), WORD }, \
	  NUMBERS(0, 1, 2, 1000), AT_MEMBER(command, adapter) }
#define PROVIDER(command) \
	{ .name = "provider", .words = machine_providers, .usual = { MACHINE_ANY, WORD }, \
	  NUMBERS(1, 2, 1000), AT_MEMBER(command, provider) }

KIND(info) = { CLIENT, {} };
KIND(claim) = {
	CLIENT,
	{ .name = "adapter", .words = machine_adapters, .usual = { MACHINE_EDU, WORD },
	  NUMBERS(0, 1000) },
	{ .name = "width", NUMBERS(23, 24, 28, 32, 64, 65), .usual = { 28, NUMBER },
	  AT_MEMBER(adapter_claim, address_width) },
	{}
};

KIND(start) = { CLIENT, ADAPTER(MACHINE_EDU, adapter_start), {} };
KIND(reset) = { CLIENT, ADAPTER(MACHINE_EDU, adapter_reset), {} };
KIND(irqs) = {
	CLIENT, ADAPTER(MACHINE_EDU, adapter_set_irqs),
	{ .name = "kind", NUMBERS(0, 1, 2, 3, 4), .usual = { NDSHM_IRQ_MSI, NUMBER },
	  AT_MEMBER(adapter_set_irqs, kind) },
	MEMBER("first", adapter_set_irqs, first, 1, 2, 255, 256),
	{ .name = "count", NUMBERS(0, 1, 2, 255, 256, 257), .usual = { 1, NUMBER },
	  AT_MEMBER(adapter_set_irqs, count) },
	WORDS("eventfds", event_words, 0),
	{}
};

KIND(config) = {
	CLIENT, ADAPTER(MACHINE_EDU, adapter_config),
	MEMBER("offset", adapter_config, offset, 0, 4, 6, 12, 13, 16, 0x30, 0x34, 0x3c, 0x40, 0x44,
	       0xc8, 0xcc, 0xd0, 0xd4, 0xe8, 0xea, 0xfe, 0x100, 0x104, 0xffc),
	MEMBER("width", adapter_config, width, 1, 2, 4),
	{ .name = "value", NUMBERS(1, 4, 7, 0x10, 0xff, 0x8000, 0xf900, 0xffff, 0xfee00000),
	  .usual = { 0, NUMBER }, AT_MEMBER(adapter_config, value) },
	{}
};

KIND(bar) = {
	CLIENT, ADAPTER(MACHINE_EDU, adapter_map_bar),
	MEMBER("bar", adapter_map_bar, bar, 0, 1, 2, 3, 5, 6), TO("handle", 'h'), {}
};

enum { ALLOC_HANDLE = OWN, ALLOC_BLOCKS };
KIND(alloc) = {
	CLIENT, [ALLOC_HANDLE] = TO("handle", 'h'),
	[ALLOC_BLOCKS] = MEMBER_PLACE("blocks", PLACE_GOOD, block_alloc, blocks),
	MEMBER_PLACE("segments", PLACE_NULL, block_alloc, segments),
	ADAPTER(MACHINE_NODE0, block_alloc), PROVIDER(block_alloc),
	{ .name = "length", .varies = true, .usual = { 0, USUAL },
	  NUMBERS(1, 0x2000, 0x3000, 0x10000, 0x11000, 0x200000, 0x201000),
	  AT_MEMBER(block_alloc, length) },
	MEMBER("node", block_alloc, preferred_node, 0, 1, 63, 1024),
	MEMBER("usage", block_alloc, usage, 0, 1, 4, 10),
	MEMBER("queue", block_alloc, queue_id, 1), MEMBER("vport", block_alloc, vport_id, 1),
	MEMBER("count", block_alloc, count, 2, 3, 16, 63, 64, 65),
	MEMBER("capacity", block_alloc, segment_capacity, 1, 2, 16),
	MEMBER("tag", block_alloc, tag, 0x7a7a7566),
	{}
};

/* With a count, the handles of consecutive registers are freed, from the named one on. */
enum { FREE_HANDLE = OWN, FREE_HANDLES, FREE_BOTH };
KIND(free) = {
	COMMON("client", 'c', VARIES("flags", 0, 0, NDSHM_FREE_REVOKE)),
	[FREE_HANDLE] = MEMBER_FROM("handle", 'h', block_free, handle),
	[FREE_HANDLES] = PLACE("handles", PLACE_GOOD), [FREE_BOTH] = ANY("both", 0, 1),
	MEMBER("count", block_free, count, 1, 2, 3, 16, 64, 65),
	{}
};

/* The id of what the register has. */
KIND(freeid) = { CLIENT, MEMBER_FROM("block", 'h', block_free_id, id), {} };

KIND(query) = {
	CLIENT, MEMBER_FROM("handle", 'h', block_query, handle),
	MEMBER_PLACE("segments", PLACE_NULL, block_query, segments),
	MEMBER("capacity", block_query, segment_capacity, 1, 2, 16),
	{}
};

KIND(sync) = {
	CLIENT, MEMBER_FROM("handle", 'h', block_sync, handle),
	MEMBER("direction", block_sync, direction, 0, 1, 2, 3),
	MEMBER("offset", block_sync, offset, 1, 0xfff, 0x1000, 0x1ff000),
	MEMBER("length", block_sync, length, 1, 0x1001, 0x200000),
	{}
};

KIND(export) = {
	CLIENT, MEMBER_FROM("handle", 'h', block_export, handle),
	MEMBER("fd_flags", block_export, fd_flags, O_RDONLY | O_CLOEXEC, O_WRONLY, O_NONBLOCK),
	TO("dmabuf", 'd'),
	{}
};

enum { CREATE_SECTION = OWN, CREATE_NAME, CREATE_MODE, CREATE_GROUP };
KIND(section) = {
	CLIENT, [CREATE_SECTION] = TO("section", 's'), [CREATE_NAME] = WORDS("name", name_words, 0),
	[CREATE_MODE] = ANY("mode", 0600, 0, 0400, 0440, 0200, 0666, 0777, 01000),
	[CREATE_GROUP] = ANY("group", NDSHM_GROUP_SELF, 0, 1000, NDSHM_USER_A),
	ADAPTER(MACHINE_NODE0, section_create), PROVIDER(section_create),
	{ .name = "max", NUMBERS(0x10000, 0x200000, 0x600000, 0x1000000, 0x1000000000),
	  .usual = { 0x400000, NUMBER }, AT_MEMBER(section_create, max_size) },
	MEMBER("initial", section_create, initial_size, 0, 1, 0x1001, 0x200000, 0x400001),
	MEMBER("node", section_create, preferred_node, 0, 1, 63),
	{}
};

enum { OPEN_SECTION = OWN, OPEN_NAME };
KIND(sopen) = {
	CLIENT, [OPEN_SECTION] = TO("section", 's'), [OPEN_NAME] = WORDS("name", name_words, 1),
	MEMBER("owner", section_open, owner, 0, 1000, NDSHM_USER_A, NDSHM_USER_B),
	{}
};

KIND(attach) = { SECTION, TO("holder", 'o'), {} };
KIND(share) = { SECTION, TO("to", 's'), {} };
KIND(deleteid) = {
	COMMON("client", 'c', DELETE_FLAGS),
	MEMBER_FROM("section", 's', section_delete_id, id), {}
};

KIND(delete) = {
	COMMON("section", 's', DELETE_FLAGS),
	{ .name = "holder", .class = 'o', NUMBERS(0, 1, 3, 1000),
	  .usual = { 0xffffffff, NUMBER }, AT_MEMBER(section_delete, holder) },
	{}
};

KIND(squery) = { SECTION, {} };
KIND(ssync) = {
	SECTION, MEMBER("direction", section_sync, direction, 0, 1, 2, 3),
	MEMBER("offset", section_sync, offset, 0xfff, 0x1000, 0x1ff000, 0x3fffff, 0x400000),
	MEMBER("length", section_sync, length, 1, 0x1001, 0x200000, 0x400000, 0x400001),
	{}
};

KIND(sexport) = {
	SECTION, MEMBER_FROM("extent", 'x', section_export, offset),
	MEMBER("bytes", section_export, length, 1, 0x2000, 0x200000, 0x201000, 0x400000),
	MEMBER("fd_flags", section_export, fd_flags, O_RDONLY | O_CLOEXEC, O_WRONLY, O_NONBLOCK),
	TO("dmabuf", 'd'),
	{}
};

enum { EXTENT_TO = OWN };
KIND(extent) = {
	HOLDER, [EXTENT_TO] = TO("extent", 'x'),
	{ .name = "length", .varies = true, .usual = { 0, USUAL },
	  NUMBERS(1, 0x1001, 0x2000, 0x3000, 0x10000, 0x1ff000, 0x200000, 0x3ff000),
	  AT_MEMBER(extent_alloc, length) },
	MEMBER("alignment", extent_alloc, alignment, 0x800, 0x1000, 0x1800, 0x2000, 0x200000),
	{}
};

KIND(xfree) = { HOLDER, MEMBER_FROM("extent", 'x', extent_free, offset), {} };
KIND(xquery) = {
	HOLDER, MEMBER_FROM("extent", 'x', extent_query, offset),
	MEMBER_PLACE("segments", PLACE_NULL, extent_query, segments),
	MEMBER("capacity", extent_query, segment_capacity, 1, 2, 16),
	{}
};

static const struct command *command_of(unsigned long number)
{
	const struct command *command = commands;

	while (command->number != number)
		command++;
	return command;
}

/*
 * Members
 */

static __u64 member_get(const void *request, unsigned int offset, unsigned int width)
{
	__u64 wide;
	__u32 narrow;

	memcpy(&wide, (const char *)request + offset, sizeof(wide));
	memcpy(&narrow, (const char *)request + offset, sizeof(narrow));
	return width == sizeof(wide) ? wide : narrow;
}

/* The elements of the array that @offset has the address of. */
static size_t array_size(const struct command *command, const void *request, unsigned int offset)
{
	const struct command_pointer *pointer = command->pointers;
	__u64 count;

	while (pointer->offset != offset)
		pointer++;
	count = member_get(request, pointer->count ?: AT(block_alloc, count), sizeof(__u32));
	return (count < MOST ? count : MOST) * pointer->size;
}

static __u64 member_value(const struct argument *argument, const struct value *value)
{
	if (value->form == NUMBER)
		return value->number;
	if (value->form == WORD)
		return argument->words == machine_adapters ? machine_adapter(value->number) :
							     machine_provider(value->number);
	switch (argument->class) {
	case 'h':
		return registers.handles[value->number].handle;
	case 'x':
		return registers.extents[value->number].offset;
	default:
		return fd_of(argument, value);
	}
}

/* Where the kernel writes the infos of blocks, in the call of this thread. */
static __thread struct ndshm_block_info *blocks_seen;

static void set_members(struct thread *thread, const struct command *command,
			const struct argument *arguments, const struct value *values, void *request)
{
	static const char nothing[MOST * sizeof(struct ndshm_block_info)];
	const struct argument *a;
	unsigned int i;
	__u64 value;
	void *seen;

	/* First the numbers: lengths of arrays are among them. */
	for (i = OWN; arguments[i].name; i++) {
		a = &arguments[i];
		if (!a->width || a->words == place_words || values[i].form == USUAL)
			continue;
		value = member_value(a, &values[i]);
		memcpy(request + a->offset, &value, a->width);
	}
	for (i = OWN; arguments[i].name; i++) {
		a = &arguments[i];
		if (!a->width || a->words != place_words)
			continue;
		value = (uintptr_t)place_put(thread, &values[i], nothing,
					     array_size(command, request, a->offset), &seen);
		memcpy(request + a->offset, &value, a->width);
		if (i == ALLOC_BLOCKS && command->number == NDSHM_BLOCK_ALLOC)
			blocks_seen = seen;
	}
}

/*
 * Requests that are more than their members
 */

/* Return: descriptors to close after the command, in @fds, or -1. */
static int prepare(struct thread *thread, const struct kind *kind, const struct value *v,
		   void *request)
{
	static __thread __s32 fds[NDSHM_MAX_IRQS + 1];
	struct ndshm_adapter_claim_args *claim = request;
	struct ndshm_adapter_set_irqs_args *irqs = request;
	struct ndshm_section_create_args *create = request;
	struct ndshm_section_open_args *open_ = request;
	struct ndshm_block_free_args *free_ = request;
	struct ndshm_section_query_args query = section_query_request();
	const struct value *own = &v[OWN];
	__u32 handles[MOST];
	unsigned int i;
	int fd = -1;
	void *seen;

	switch (kind->command) {
	case NDSHM_ADAPTER_CLAIM:
		claim->device = own->number;
		if (own->form == WORD) {
			fd = open(ndshm_node(machine_adapter_name(own->number) ?: "none"),
				  O_RDWR | O_CLOEXEC);
			claim->device = fd;
		}
		break;
	case NDSHM_ADAPTER_SET_IRQS:
		/* The command holds its own reference to the eventfd. */
		if (!own[4].number)
			fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		for (i = 0; i <= NDSHM_MAX_IRQS; i++)
			fds[i] = own[4].number == 2 ? fd_of(&kind->arguments[OF], &v[OF]) : fd;
		irqs->eventfds = own[4].number == 3 || !irqs->count ? 0 : to_u64(fds);
		break;
	case NDSHM_BLOCK_FREE:
		forget_addresses();
		for (i = 0; i < MOST; i++)
			handles[i] = v[FREE_HANDLE].form == REGISTER ?
				registers.handles[(v[FREE_HANDLE].number + i) % REGISTERS].handle :
				v[FREE_HANDLE].number;
		/* With one of both members the other must be 0. */
		i = free_->count < MOST ? free_->count : MOST;
		if (i || v[FREE_BOTH].number)
			free_->handles = to_u64(place_put(thread, &v[FREE_HANDLES], handles,
							  i * sizeof(handles[0]), &seen));
		if (i && !v[FREE_BOTH].number)
			free_->handle = 0;
		break;
	case NDSHM_BLOCK_FREE_ID:
		forget_addresses();
		if (own->form == REGISTER)
			((struct ndshm_block_free_id_args *)request)->id =
				registers.handles[own->number].id;
		break;
	case NDSHM_SECTION_DELETE_ID:
		if (own->form == REGISTER &&
		    !ioctl(fd_of(&kind->arguments[OWN], own), NDSHM_SECTION_QUERY, &query))
			((struct ndshm_section_delete_id_args *)request)->id = query.out_id;
		break;
	case NDSHM_EXTENT_FREE:
		if (own->form == REGISTER && registers.common &&
		    registers.section_of[v[OF].number] == registers.common)
			kills_own(registers.extents[own->number].offset,
				  registers.extents[own->number].length, false);
		break;
	case NDSHM_SECTION_CREATE:
		if (!v[CREATE_NAME].number)
			break;
		create->name = to_u64(names[v[CREATE_NAME].number]);
		create->name_length = strlen(names[v[CREATE_NAME].number]);
		create->mode = v[CREATE_MODE].number;
		create->group = v[CREATE_GROUP].number;
		break;
	case NDSHM_SECTION_OPEN:
		open_->name = to_u64(names[v[OPEN_NAME].number]);
		open_->name_length = strlen(names[v[OPEN_NAME].number]);
		break;
	}
	return fd;
}

/* Return: true if the request would use up the guest's memory and time. */
static bool takes_all(unsigned long number, const void *request)
{
	const struct ndshm_block_alloc_args *alloc = request;
	const struct ndshm_section_create_args *create = request;
	const struct ndshm_extent_alloc_args *extent = request;
	__u64 length = 0, count = 1;

	if (number == NDSHM_BLOCK_ALLOC) {
		length = alloc->length;
		count = alloc->count;
	} else if (number == NDSHM_SECTION_CREATE) {
		length = create->initial_size;
	} else if (number == NDSHM_EXTENT_ALLOC) {
		length = extent->length;
	}
	return length <= LONG_TO && count <= 64 && length * count > LONG_FROM;
}

/*
 * The reason determines the status and the errno. The kernel may not have written it: it was not
 * asked for by such a short argument, or could not.
 */
static void check_answer(const char *name, const struct ndshm_header *header, long ret, int error)
{
	if (header->reason == POISON && header->status == POISON) {
		if (!ret || (error != EFAULT && error != EINVAL && error != ENOTTY &&
			     error != EBADF && error != E2BIG && error != EINTR))
			wrong("%s: errno %d without a reason", name, ret ? error : 0);
	} else if (header->reason >= NDSHM_REASON_COUNT_KNOWN ||
		   ndshm_expected[header->reason].status != header->status ||
		   (ndshm_expected[header->reason].error != (ret ? error : 0) && error != EFAULT)) {
		wrong("%s: errno %d, reason %u, status %#x", name, ret ? error : 0, header->reason,
		      header->status);
	}
}

/* *@reported is set if the answer, in @bytes, is readable and not shared with other threads. */
static long issue(struct thread *thread, const struct kind *kind, int fd, unsigned long number,
		  const struct value *v, void *bytes, size_t known, bool *reported)
{
	struct ndshm_header *header = bytes;
	__u32 size = v[SIZE].form == USUAL ? known : v[SIZE].number;
	size_t length = known;
	void *at, *seen;
	long ret;
	int error;

	if (size > length && size < ARGUMENT_SIZE)
		length = size;
	header->size = size;
	header->flags = v[FLAGS].number;
	if (length > known)
		((char *)bytes)[length - 1] = v[TAIL].number;
	at = place_put(thread, &v[AT_PLACE], bytes, length, &seen);
	ret = ioctl(fd, number, at);
	error = errno;
	place_end(&v[AT_PLACE]);
	*reported = seen && v[AT_PLACE].number != PLACE_SHARED;
	if (seen)
		memcpy(bytes, seen, known);
	/* Another thread may close the descriptor, and its number have another file. */
	if (*reported && kind->done && fd >= 0 && size >= known)
		check_answer(kind->name, header, ret, error);
	errno = error;
	return ret;
}

RUN(command)
{
	const struct command *command = command_of(kind->command);
	struct command_objects objects = {
		.fds = { -1, -1, -1 }, .adapter = machine_adapter(MACHINE_NODE0), .length = 0x1000,
	};
	char request[ARGUMENT_SIZE] = {};
	bool reported;
	long ret;
	int fd;

	/* A transfer would continue in freed memory, or under the next claim. */
	if (registers.dma && (kind->command == NDSHM_ADAPTER_START ||
			      kind->command == NDSHM_BLOCK_FREE ||
			      kind->command == NDSHM_BLOCK_FREE_ID))
		return -EBUSY;
	command->build(request, &objects);
	((struct ndshm_header *)request)->status = POISON;
	((struct ndshm_header *)request)->reason = POISON;
	if (v[RESERVED].number && command->reserved[0])
		*(__u32 *)&request[command->reserved[0]] = v[RESERVED].number;
	set_members(thread, command, kind->arguments, v, request);
	fd = prepare(thread, kind, v, request);
	if (takes_all(kind->command, request))
		return -EFBIG;
	ret = issue(thread, kind, fd_of(&kind->arguments[OF], &v[OF]), kind->command, v, request,
		    command->size, &reported);
	if (fd >= 0)
		close(fd);
	if (!ret)
		kind->done(v, request, reported);
	return ret;
}

/*
 * Results
 */

#define DONE(name) \
static void name##_done(const struct value *v, void *request, bool reported)

DONE(nothing)
{
}

/* All clients of these users have the same limit. */
DONE(info)
{
	const struct ndshm_get_info_args *info = request;
	const uid_t user = geteuid();

	if (reported && (user == NDSHM_USER_A || user == NDSHM_USER_B) &&
	    info->out_user_locked > MEMLOCK)
		wrong("user %u has %llu bytes locked, more than its limit", user,
		      info->out_user_locked);
}

/* Store a new descriptor in the register, or note that its number is unknown. */
static void keep(char class, const struct value *value, int fd, bool reported)
{
	if (reported)
		fd_keep(class, value->number, fd);
	else
		registers.strays = true;
}

DONE(bar)
{
	const struct ndshm_adapter_map_bar_args *bar = request;

	if (reported)
		registers.handles[v[OWN + 2].number] = (struct handle){
			.offset = bar->out_mmap_offset, .length = bar->out_length,
		};
}

DONE(alloc)
{
	const struct ndshm_block_alloc_args *alloc = request;
	const __u64 first = v[ALLOC_HANDLE].number;
	const bool edu = alloc->adapter == machine_adapter(MACHINE_EDU);
	__u64 i;

	for (i = 0; blocks_seen && i < alloc->count && i < MOST && first + i < REGISTERS; i++)
		registers.handles[first + i] = (struct handle){
			.handle = blocks_seen[i].handle,
			.id = blocks_seen[i].shared_memory_handle,
			.client = registers.made[0][v[OF].number],
			.offset = blocks_seen[i].mmap_offset,
			.length = blocks_seen[i].length,
			.address = edu ? blocks_seen[i].address : 0, .edu = edu,
		};
}

DONE(free)
{
	const struct ndshm_block_free_args *freed = request;
	unsigned int i;

	if (!(freed->flags & NDSHM_FREE_REVOKE) || v[FREE_HANDLE].form != REGISTER)
		return;
	for (i = 0; i < (freed->count ?: 1); i++) {
		const struct handle *h =
			&registers.handles[(v[FREE_HANDLE].number + i) % REGISTERS];

		if (h->client == registers.made[0][v[OF].number])
			windows_revoke(BLOCK_IN(h->id));
	}
}

DONE(freeid)
{
	windows_revoke(BLOCK_IN(((struct ndshm_block_free_id_args *)request)->id));
}

DONE(export)
{
	keep('d', &v[OWN + 2], ((struct ndshm_block_export_args *)request)->out_dmabuf, reported);
}

DONE(sexport)
{
	keep('d', &v[OWN + 3], ((struct ndshm_section_export_args *)request)->out_dmabuf, reported);
}

DONE(section)
{
	keep('s', &v[OWN], ((struct ndshm_section_create_args *)request)->out_section, reported);
}

DONE(sopen)
{
	keep('s', &v[OWN], ((struct ndshm_section_open_args *)request)->out_section, reported);
}

DONE(share)
{
	keep('s', &v[OWN], ((struct ndshm_section_share_args *)request)->out_section, reported);
}

DONE(attach)
{
	keep('o', &v[OWN], ((struct ndshm_section_attach_args *)request)->out_holder, reported);
	registers.section_of[v[OWN].number] = registers.made[1][v[OF].number];
}

DONE(delete)
{
	if (((struct ndshm_header *)request)->flags & NDSHM_DELETE_REVOKE)
		windows_revoke(registers.made[1][v[OF].number]);
}

DONE(deleteid)
{
	if (v[OWN].form == REGISTER &&
	    ((struct ndshm_header *)request)->flags & NDSHM_DELETE_REVOKE)
		windows_revoke(registers.made[1][v[OWN].number]);
}

DONE(xfree)
{
	const struct ndshm_extent_free_args *freed = request;
	unsigned int i;

	for (i = 0; i < REGISTERS; i++)
		if (registers.extents[i].offset == freed->offset)
			registers.extents[i].made = 0;
}

static void xalloc_meets(const struct extent *extent)
{
	unsigned int i;

	for (i = 0; i < REGISTERS; i++) {
		const struct extent *other = &registers.extents[i];

		if (other->made && other->section == extent->section &&
		    other->offset < extent->offset + extent->length &&
		    extent->offset < other->offset + other->length)
			wrong("an extent of %#llx bytes at %#llx overlaps %#llx bytes at %#llx",
			      extent->length, extent->offset, other->length, other->offset);
	}
}

/* A new extent is zero. It is read, because its section may be revoked. */
static void xalloc_zero(const struct extent *extent)
{
	char page[4096];
	unsigned int i, at;

	for (i = 0; i < FEW; i++)
		if (registers.made[1][i] == extent->section && registers.fds[1][i] >= 0)
			break;
	for (at = 0; i < FEW && at < extent->length && at < MOST * sizeof(page); at += sizeof(page))
		if (pread(registers.fds[1][i], page, sizeof(page), extent->offset + at) ==
		    sizeof(page) && page_other(page, sizeof(page), false))
			wrong("a new extent at %#llx is not zero", extent->offset + at);
}

DONE(extent)
{
	const struct ndshm_extent_alloc_args *alloc = request;
	struct extent extent = {
		.offset = alloc->out_offset, .length = alloc->out_length,
		.made = registers.made[2][v[OF].number],
		.section = registers.section_of[v[OF].number],
	};

	if (!reported)
		return;
	if (alloc->alignment && alloc->out_offset % alloc->alignment)
		wrong("an extent at %#llx, aligned to %#llx", alloc->out_offset, alloc->alignment);
	if (alloc->out_length < alloc->length)
		wrong("an extent of %#llx bytes for %#llx", alloc->out_length, alloc->length);
	if (registers.alone && registers.common && extent.section == registers.common)
		kills_own(extent.offset, extent.length, true);
	/* Others may have its place already. */
	if (!registers.alone || registers.mixed)
		extent.made = 0;
	if (extent.made && extent.section) {
		xalloc_meets(&extent);
		if (!registers.strayed)
			xalloc_zero(&extent);
	}
	registers.extents[v[EXTENT_TO].number] = extent;
}

/* Many extents, of which every second is freed: trees of many nodes. */
KIND(extents) = { FROM("holder", 'o'), VARIES("count", 16, 2, 8, 64, 200), {} };

RUN(extents)
{
	const int fd = fd_of(&kind->arguments[0], &v[0]);
	unsigned int i;

	/* Their places are not known to this thread's other calls, or to other processes. */
	registers.strayed = true;
	for (i = 0; i < v[1].number % 256; i++) {
		struct ndshm_extent_alloc_args alloc =
			extent_alloc_request((1 + i % 3) * getpagesize(), i % 5 ? 0 : 0x4000);
		struct ndshm_extent_free_args request;

		if (ioctl(fd, NDSHM_EXTENT_ALLOC, &alloc))
			return i ? 0 : -1;
		request = extent_free_request(alloc.out_offset);
		if (i % 2)
			ioctl(fd, NDSHM_EXTENT_FREE, &request);
	}
	return 0;
}

/*
 * Arbitrary numbers
 */

KIND(ioctl) = {
	CLIENT,
	ANY("number", NDSHM_GET_INFO, 0, 0x5e7f, 0x5e80, 0x5e81, 0x5e82, 0x5e83, 0x5e84, 0x5e85,
	    0x5e86, 0x5e87, 0x5e88, 0x5e89, 0x5e8b, 0x5e8d, 0x5e8e, 0x5e8f, 0x5eff, 0xc0085e80),
	ANY("fill", 0, 1, 0x1000),
	{}
};

KIND(sioctl) = {
	SECTION,
	ANY("number", NDSHM_SECTION_QUERY, 0, 0x5e80, 0x5e84, 0x5e88, 0x5e89, 0x5e8a, 0x5e8f,
	    0x5e90, 0x5e91, 0x5e94, 0x5e95, 0x5e9f, 0x5ea0, 0x5ea1, 0x5ea2, 0x5ea3, 0x5421, 0x5451),
	ANY("fill", 0, 1, 0x1000),
	FROM("holder", 'o'), WORDS("on", object_words, 0),
	{}
};

RUN(ioctl)
{
	__u32 words[ARGUMENT_SIZE / sizeof(__u32)];
	const bool holder = kind->arguments == sioctl_arguments && v[OWN + 3].number;
	const unsigned int of = holder ? OWN + 2 : OF;
	const __u64 fill = v[OWN + 1].number;
	bool reported;
	size_t i;
	long ret;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = i < 24 ? fill : 0;
	/* Whoever frees memory under a transfer, or allocates all of it, is no user. */
	if (v[OWN].number == NDSHM_BLOCK_ALLOC || v[OWN].number == NDSHM_SECTION_CREATE ||
	    v[OWN].number == NDSHM_EXTENT_ALLOC)
		words[4] = 0;
	forget_addresses();
	if (registers.dma)
		return -EBUSY;
	ret = issue(thread, kind, fd_of(&kind->arguments[of], &v[of]), v[OWN].number, v, words,
		    sizeof(struct ndshm_block_alloc_args), &reported);
	/* A descriptor may have been created whose number is unknown. */
	if (!ret)
		registers.strays = true;
	return ret;
}

#define COMMAND(name, weight, number, done) \
	{ #name, weight, name##_arguments, run_command, NULL, number, done }
#define CLAIMED(name, weight, number, done) \
	{ #name, weight, name##_arguments, run_command, machine_has_function, number, done }

const struct kind command_kinds[] = {
	COMMAND(info, 3, NDSHM_GET_INFO, info_done),
	CLAIMED(claim, 8, NDSHM_ADAPTER_CLAIM, nothing_done),
	CLAIMED(start, 4, NDSHM_ADAPTER_START, nothing_done),
	CLAIMED(irqs, 5, NDSHM_ADAPTER_SET_IRQS, nothing_done),
	CLAIMED(reset, 1, NDSHM_ADAPTER_RESET, nothing_done),
	CLAIMED(config, 4, NDSHM_ADAPTER_CONFIG, nothing_done),
	CLAIMED(bar, 4, NDSHM_ADAPTER_MAP_BAR, bar_done),
	COMMAND(alloc, 30, NDSHM_BLOCK_ALLOC, alloc_done),
	COMMAND(free, 15, NDSHM_BLOCK_FREE, free_done),
	COMMAND(freeid, 4, NDSHM_BLOCK_FREE_ID, freeid_done),
	COMMAND(query, 8, NDSHM_BLOCK_QUERY, nothing_done),
	COMMAND(sync, 5, NDSHM_BLOCK_SYNC, nothing_done),
	COMMAND(export, 6, NDSHM_BLOCK_EXPORT, export_done),
	COMMAND(section, 12, NDSHM_SECTION_CREATE, section_done),
	COMMAND(sopen, 6, NDSHM_SECTION_OPEN, sopen_done),
	COMMAND(attach, 10, NDSHM_SECTION_ATTACH, attach_done),
	COMMAND(share, 4, NDSHM_SECTION_SHARE, share_done),
	COMMAND(delete, 4, NDSHM_SECTION_DELETE, delete_done),
	COMMAND(deleteid, 2, NDSHM_SECTION_DELETE_ID, deleteid_done),
	COMMAND(squery, 3, NDSHM_SECTION_QUERY, nothing_done),
	COMMAND(ssync, 3, NDSHM_SECTION_SYNC, nothing_done),
	COMMAND(sexport, 6, NDSHM_SECTION_EXPORT, sexport_done),
	COMMAND(extent, 20, NDSHM_EXTENT_ALLOC, extent_done),
	COMMAND(xfree, 12, NDSHM_EXTENT_FREE, xfree_done),
	COMMAND(xquery, 6, NDSHM_EXTENT_QUERY, nothing_done),
	{ "extents", 4, extents_arguments, run_extents, NULL, 0, NULL },
	{ "ioctl", 2, ioctl_arguments, run_ioctl, NULL, 0, NULL },
	{ "sioctl", 2, sioctl_arguments, run_ioctl, NULL, 0, NULL },
	{}
};
