// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm.hpp, on the stand-in or on NDSHM_TEST_BACKEND.
 */
#include <list>
#include <string>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ndshm/ndshm.hpp>

#include "../../tests/test.h"

using namespace libndshm;

static const char *backend;

/* Expect an error with this errno and reason. */
#define THROWS(call, number, why) do { \
	try { \
		(void)(call); \
		CHECK(!"an error"); \
	} catch (const error &e) { \
		CHECK(e.code() == std::error_code(number, std::generic_category())); \
		CHECK(e.reason() == NDSHM_REASON_##why); \
	} \
} while (0)

static bool is_mapped(void *start)
{
	return !msync(start, 4096, MS_ASYNC);
}

static void contexts_have_info()
{
	context owner(backend);

	CHECK(owner.info().blocks == 0 && owner.info().page_size == (unsigned)getpagesize());
	CHECK(owner.adapter(strcmp(backend, "memfd:") ? "node0" : "memfd").id);
	THROWS(owner.adapter("nowhere"), ENOENT, ADAPTER_UNKNOWN);
	THROWS(owner.provider("nowhere"), ENOENT, PROVIDER_UNKNOWN);
	THROWS(context("/nowhere/ndshm"), ENOENT, NONE);
}

static void errors_have_the_reasons_text()
{
	try {
		block none(context(backend), std::uint64_t(0));
		CHECK(!"an error");
	} catch (const std::system_error &e) {
		CHECK(strstr(e.what(), ndshm_reason_text(NDSHM_REASON_LENGTH_ZERO)));
	}
}

static void blocks_are_freed()
{
	context owner(backend);
	void *memory;

	{
		block first(owner, 5000);

		CHECK(first.size() == 8192 && first.id() && first.handle());
		memory = first.map();
		memset(memory, 1, first.size());
		CHECK(first.map() == memory && owner.info().blocks == 1);

		block second(std::move(first));
		CHECK(!first.get() && second.get() && owner.info().blocks == 1);
		block third(owner, 1);
		third = std::move(second);
		CHECK(third.map() == memory && third.query().length == 8192);

		std::vector<ndshm_segment> segments;
		CHECK(third.query(segments).segments == segments.size() && segments.size() >= 1);
		third.sync(NDSHM_SYNC_FOR_DEVICE, 0, 8192);
		if (owner.info().features & NDSHM_FEATURE_EXPORT)
			CHECK(third.export_dmabuf(O_RDONLY).get() >= 0);
		else
			THROWS(third.export_dmabuf(), EOPNOTSUPP, NONE);
		THROWS(third.sync(NDSHM_SYNC_FOR_DEVICE, 0, 8193), EINVAL, RANGE);
		third.unmap();
		CHECK(!is_mapped(memory));
	}
	CHECK(owner.info().blocks == 0);
}

static void a_block_keeps_its_context_open()
{
	block alone(context(backend), 4096);

	memset(alone.map(), 1, 4096);
	CHECK(alone.query().length == 4096);
}

static void a_child_does_not_free_the_parents_block()
{
	context owner(backend);
	block own(owner, 4096);
	int status;
	pid_t child = fork();

	if (!child) {
		{
			block taken(std::move(own));
		}
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
	CHECK(own.query().length == 4096);
}

static void sections_are_shared()
{
	context owner(backend);
	section first(owner, 1 << 20, 4096);
	descriptor fd = first.share(NDSHM_SHARE_READONLY);
	section other = section::adopt(owner, fd.get());

	CHECK(first.size() == 1 << 20 && first.query().committed >= 4096);
	CHECK(other.base() != first.base() && other.query().flags & NDSHM_SECTION_READONLY);
	CHECK(other.query().id == first.query().id);
	THROWS(section::adopt(owner, -1), EBADF, DESCRIPTOR);
	THROWS(section(owner, 4096, 8192), EINVAL, SECTION_INITIAL);

	int *value = static_cast<int *>(first.allocate(sizeof(*value)));
	*value = 42;
	CHECK(*other.at<int>(first.offset(value)) == 42);
	THROWS(other.at<int>(1 << 20), ERANGE, NONE);
	THROWS(other.at<int>((1 << 20) - 3), ERANGE, NONE);
	THROWS(other.at<int>(2), EINVAL, NONE);
	THROWS(other.offset(value), ERANGE, NONE);
	first.deallocate(value);
	CHECK(first.stats().live_blocks == 0);
	first.remove();
	THROWS(section::adopt(owner, fd.get()), EIDRM, SECTION_DELETED);
}

static void sections_have_names()
{
	ndshm_section_request request;
	context owner(backend);

	ndshm_section_request_init(&request);
	request.max_size = 4096;
	request.name = "cpp";
	if (!(owner.info().features & NDSHM_FEATURE_NAMES)) {
		THROWS(section(owner, request), EOPNOTSUPP, NONE);
		return;
	}
	section named(owner, request);
	CHECK(section::open(owner, "cpp").query().id == named.query().id);
	CHECK(section::open(owner, "cpp", NDSHM_OWNER_SELF, NDSHM_OPEN_READONLY).query().flags &
	      NDSHM_SECTION_READONLY);
	THROWS(section::open(owner, "other"), ENOENT, SECTION_UNKNOWN);
}

struct counted {
	static int live;

	explicit counted(bool fails = false)
	{
		if (fails)
			throw std::string("refused");
		live++;
	}
	~counted() { live--; }
	alignas(128) char bytes[200];
};

int counted::live;

static void objects_are_destroyed()
{
	section owner(context(backend), 1 << 20);

	{
		auto object = make_unique<counted>(owner);
		unique_ptr<counted> moved = std::move(object);

		CHECK(!object && moved && counted::live == 1);
		CHECK(owner.offset(moved.get()) % 128 == 0 && owner.stats().live_blocks == 1);
	}
	CHECK(counted::live == 0 && owner.stats().live_blocks == 0);
	try {
		make_unique<counted>(owner, true);
		CHECK(!"an error");
	} catch (const std::string &) {
	}
	CHECK(owner.stats().live_blocks == 0);
}

static void a_child_does_not_destroy_the_parents_object()
{
	context client(backend);
	section owner(client, 1 << 20);
	auto object = make_unique<counted>(owner);
	int status;
	pid_t child = fork();

	if (!child) {
		object.reset();
		/* A free that is refused records a reason. */
		_exit(counted::live != 1 ||
		      ndshm_last_reason(client.get()) != NDSHM_REASON_NONE);
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
	CHECK(owner.stats().live_blocks == 1);
}

static void an_object_keeps_its_section()
{
	unique_ptr<int> object = make_unique<int>(section(context(backend), 1 << 20), 7);

	CHECK(*object == 7);
}

static void containers_use_the_section()
{
	section owner(context(backend), 1 << 22);
	resource heap(owner), same(owner), other(section(context(backend), 1 << 20));

	CHECK(heap == same && heap != other);
	{
		std::pmr::list<std::pmr::string> words(&heap);

		words.emplace_back("a string that is too long to be stored in itself");
		words.emplace_back(std::string(100000, 'x').c_str());
		CHECK(owner.offset(words.back().data()) < owner.size());
		CHECK(owner.stats().live_blocks == 4);
	}
	CHECK(owner.stats().live_blocks == 0);
	void *aligned = heap.allocate(100, 4096);
	CHECK(owner.offset(aligned) % 4096 == 0);
	heap.deallocate(aligned, 100, 4096);
	void *empty = heap.allocate(0, 1);
	CHECK(empty);
	heap.deallocate(empty, 0, 1);
	try {
		std::pmr::vector<char> vast(&heap);

		vast.reserve(1 << 23);
		CHECK(!"an error");
	} catch (const std::bad_alloc &e) {
		CHECK(dynamic_cast<const no_memory *>(&e)->number() == ENOMEM);
	}
}

static void no_memory_has_a_reason()
{
	context owner(backend);
	section first(owner, 1 << 20);
	section readonly = section::adopt(owner, first.share(NDSHM_SHARE_READONLY).get());

	try {
		readonly.allocate(1);
		CHECK(!"an error");
	} catch (const no_memory &e) {
		CHECK(e.number() == EROFS && e.reason() == NDSHM_REASON_SECTION_READONLY);
		CHECK(!strcmp(e.what(), ndshm_reason_text(NDSHM_REASON_SECTION_READONLY)));
	}
}

struct item {
	long value;
	offset_ptr<item> next;
};

static void offset_pointers_work_at_each_address()
{
	context owner(backend);
	section first(owner, 1 << 20);
	section other = section::adopt(owner, first.fd());
	auto last = make_unique<item>(first, item{2, nullptr});
	auto start = make_unique<item>(first, item{1, last.get()});
	item *seen = other.at<item>(first.offset(start.get()));

	CHECK(seen != start.get() && seen->next->value == 2 && (*seen->next).value == 2);
	CHECK(!seen->next->next && !seen->next->next.get());
	CHECK(seen->next.checked(other) == seen->next.get() && !last->next.checked(first));
	/* Copies point to the same target, also outside of the section. */
	offset_ptr<item> copy = seen->next, none;
	CHECK(copy.get() == seen->next.get() && copy == seen->next && copy != none && !none);
	none = copy;
	CHECK(none == copy && none[0].value == 2);
	/* A pointer to itself is not null. */
	last->next = last.get();
	CHECK(last->next && last->next.get() == last.get());
}

static void bad_offset_pointers_are_found()
{
	section owner(context(backend), 1 << 20);
	auto object = make_unique<item>(owner, item{1, nullptr});
	std::uintptr_t *raw = reinterpret_cast<std::uintptr_t *>(&object->next);
	std::uintptr_t here = reinterpret_cast<std::uintptr_t>(raw);
	std::uintptr_t base = reinterpret_cast<std::uintptr_t>(owner.base());

	*raw = base - sizeof(item) - here;
	THROWS(object->next.checked(owner), ERANGE, NONE);
	*raw = base + owner.size() - 8 - here;
	THROWS(object->next.checked(owner), ERANGE, NONE);
	*raw = base + 3 - here;
	THROWS(object->next.checked(owner), EINVAL, NONE);
	*raw = base - here;
	CHECK(object->next.checked(owner) == owner.base());
}

int main()
{
	backend = getenv("NDSHM_TEST_BACKEND");
	if (!backend)
		backend = "memfd:";
	RUN(contexts_have_info);
	RUN(errors_have_the_reasons_text);
	RUN(blocks_are_freed);
	RUN(a_block_keeps_its_context_open);
	RUN(a_child_does_not_free_the_parents_block);
	RUN(sections_are_shared);
	RUN(sections_have_names);
	RUN(objects_are_destroyed);
	RUN(a_child_does_not_destroy_the_parents_object);
	RUN(an_object_keeps_its_section);
	RUN(containers_use_the_section);
	RUN(no_memory_has_a_reason);
	RUN(offset_pointers_work_at_each_address);
	RUN(bad_offset_pointers_are_found);
	return test_end();
}
