/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm for C++17: owners of contexts, blocks and sections, a std::pmr::memory_resource
 * over the heap of a section, and a pointer that is valid in every process that maps the
 * section. The namespace is libndshm, because ndshm is the name of a structure.
 *
 * The rules of <ndshm/ndshm.h> and <ndshm/section.h> apply, with these differences:
 *
 * - Functions throw libndshm::error; allocations in a section throw libndshm::no_memory.
 * - A context stays open until its last copy, block and section are destroyed. A section
 *   stays mapped until its last copy, allocation and resource are destroyed.
 * - In a child of fork() the destructor of a block that the parent allocated does not
 *   free it, and that of a unique_ptr neither destroys the parent's object nor frees it.
 *   deallocate() and resources do not know which process allocated: a child must not give
 *   them memory of its parent.
 *
 * get() returns the object for calls of the C headers, and remains its owner.
 */
#ifndef NDSHM_HPP
#define NDSHM_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <ndshm/ndshm.h>
#include <ndshm/section.h>

namespace libndshm {

/* A failed call. code() is its errno, what() has the text of the reason, if it has one. */
class error : public std::system_error {
public:
	error(const char *what, int number, std::uint32_t reason)
		: std::system_error(number, std::generic_category(), text(what, reason)),
		  reason_(reason)
	{
	}

	std::uint32_t reason() const noexcept { return reason_; }	/* NDSHM_REASON_* */

private:
	static std::string text(const char *what, std::uint32_t reason)
	{
		if (reason == NDSHM_REASON_NONE)
			return what;
		return std::string(what) + ": " + ndshm_reason_text(reason);
	}

	std::uint32_t reason_;
};

/* An allocation in a section that failed. */
class no_memory : public std::bad_alloc {
public:
	no_memory(int number, std::uint32_t reason) noexcept : number_(number), reason_(reason)
	{
	}

	int number() const noexcept { return number_; }			/* an errno */
	std::uint32_t reason() const noexcept { return reason_; }	/* NDSHM_REASON_* */
	const char *what() const noexcept override
	{
		return reason_ == NDSHM_REASON_NONE ? "no memory in the section" :
						      ndshm_reason_text(reason_);
	}

private:
	int number_;
	std::uint32_t reason_;
};

/* A client. Copies share it. */
class context {
public:
	explicit context(const char *where = nullptr)
	{
		::ndshm *opened;
		int result = ndshm_open(where, &opened);

		if (result)
			throw error("open", -result, NDSHM_REASON_NONE);
		handle_.reset(opened, ndshm_close);
	}

	::ndshm *get() const noexcept { return handle_.get(); }

	ndshm_info info() const
	{
		ndshm_info found;

		check(ndshm_get_info(get(), &found), "context");
		return found;
	}

	ndshm_adapter_info adapter(const char *name) const
	{
		ndshm_adapter_info found;

		check(ndshm_find_adapter(get(), name, &found), "adapter");
		return found;
	}

	ndshm_provider_info provider(const char *name) const
	{
		ndshm_provider_info found;

		check(ndshm_find_provider(get(), name, &found), "provider");
		return found;
	}

	/* Throw if `result` is a negative errno of a call on this context. */
	void check(int result, const char *what) const
	{
		if (result)
			throw error(what, -result, ndshm_last_reason(get()));
	}

private:
	std::shared_ptr<::ndshm> handle_;
};

/* An open file descriptor. */
class descriptor {
public:
	explicit descriptor(int number = -1) noexcept : number_(number) {}
	descriptor(descriptor &&other) noexcept : number_(other.release()) {}
	descriptor &operator=(descriptor &&other) noexcept
	{
		std::swap(number_, other.number_);
		return *this;
	}
	~descriptor()
	{
		if (number_ >= 0)
			::close(number_);
	}

	int get() const noexcept { return number_; }
	int release() noexcept { return std::exchange(number_, -1); }

private:
	int number_;
};

/* A block of DMA-capable memory. */
class block {
public:
	block(context owner, const ndshm_request &request)
		: context_(std::move(owner)), process_(getpid())
	{
		context_.check(ndshm_alloc(context_.get(), &request, &block_), "block");
	}

	block(context owner, std::uint64_t length)
		: block(std::move(owner), request_of(length))
	{
	}

	block(block &&other) noexcept
		: context_(other.context_), block_(std::exchange(other.block_, nullptr)),
		  process_(other.process_)
	{
	}

	block &operator=(block &&other) noexcept
	{
		std::swap(context_, other.context_);
		std::swap(block_, other.block_);
		std::swap(process_, other.process_);
		return *this;
	}

	~block()
	{
		/* A child shares the descriptor, so that this would free the parent's block. */
		if (block_ && process_ == getpid())
			ndshm_free(block_);
	}

	::ndshm_block *get() const noexcept { return block_; }
	std::uint64_t size() const noexcept { return ndshm_block_length(block_); }
	std::uint32_t handle() const noexcept { return ndshm_block_handle(block_); }
	std::uint32_t id() const noexcept { return ndshm_block_id(block_); }

	/* Return the address of the mapping, which unmap() and the destructor remove. */
	void *map()
	{
		void *memory;

		context_.check(ndshm_map(block_, &memory), "block");
		return memory;
	}

	void unmap() noexcept { ndshm_unmap(block_); }

	std::uint64_t address() const
	{
		std::uint64_t found;

		context_.check(ndshm_block_address(block_, &found), "block");
		return found;
	}

	ndshm_block_info query() const
	{
		std::vector<ndshm_segment> segments;

		return query(segments);
	}

	ndshm_block_info query(std::vector<ndshm_segment> &segments) const
	{
		ndshm_block_info info;
		std::size_t count;
		int result;

		segments.resize(1);
		while ((result = ndshm_query(block_, &info, segments.data(), segments.size(),
					     &count)) == -ENOSPC && count > segments.size())
			segments.resize(count);
		context_.check(result, "block");
		segments.resize(count);
		return info;
	}

	void sync(std::uint32_t direction, std::uint64_t offset, std::uint64_t length)
	{
		context_.check(ndshm_sync(block_, direction, offset, length), "block");
	}

	/* Create a dma-buf; flags as of ndshm_export(). */
	descriptor export_dmabuf(int flags = O_RDWR | O_CLOEXEC) const
	{
		int fd;

		context_.check(ndshm_export(block_, flags, &fd), "block");
		return descriptor(fd);
	}

private:
	static ndshm_request request_of(std::uint64_t length)
	{
		ndshm_request request;

		ndshm_request_init(&request);
		request.length = length;
		return request;
	}

	context context_;
	::ndshm_block *block_ = nullptr;
	pid_t process_;
};

/* A section that is mapped in this process. Copies share the mapping. */
class section {
public:
	section(const context &owner, const ndshm_section_request &request) : context_(owner)
	{
		::ndshm_section *made;

		context_.check(ndshm_section_create(context_.get(), &request, &made), "section");
		keep(made);
	}

	section(const context &owner, std::uint64_t max_size, std::uint64_t initial_size = 0)
		: section(owner, request_of(max_size, initial_size))
	{
	}

	/* Map the section of this descriptor, which remains the caller's. */
	static section adopt(const context &owner, int fd)
	{
		::ndshm_section *found;

		owner.check(ndshm_section_adopt(owner.get(), fd, &found), "section");
		return section(owner, found);
	}

	/* Map the section that the user `uid` created with this name. */
	static section open(const context &owner, const char *name,
			    std::uint32_t uid = NDSHM_OWNER_SELF, std::uint32_t flags = 0)
	{
		::ndshm_section *found;

		owner.check(ndshm_section_open(owner.get(), uid, name, flags, &found), "section");
		return section(owner, found);
	}

	::ndshm_section *get() const noexcept { return handle_.get(); }
	void *base() const noexcept { return ndshm_section_base(get()); }
	std::uint64_t size() const noexcept { return ndshm_section_size(get()); }
	int fd() const noexcept { return ndshm_section_fd(get()); }

	/* Make another descriptor of the section, to pass on. */
	descriptor share(std::uint32_t flags = 0) const
	{
		int fd;

		context_.check(ndshm_section_share(get(), flags, &fd), "section");
		return descriptor(fd);
	}

	/* Delete the section for all processes, as ndshm_section_delete(). */
	void remove(std::uint32_t flags = 0)
	{
		context_.check(ndshm_section_delete(get(), flags), "section");
	}

	ndshm_section_info query() const
	{
		ndshm_section_info info;

		context_.check(ndshm_section_query(get(), &info), "section");
		return info;
	}

	ndshm_heap_stats stats() const
	{
		ndshm_heap_stats found;

		context_.check(ndshm_section_stats(get(), &found), "section");
		return found;
	}

	void sync(std::uint32_t direction, std::uint64_t offset, std::uint64_t length)
	{
		context_.check(ndshm_section_sync(get(), direction, offset, length), "section");
	}

	/* Create a dma-buf of allocated pages; flags as of ndshm_section_export(). */
	descriptor export_dmabuf(std::uint64_t offset, std::uint64_t length,
				 int flags = O_RDWR | O_CLOEXEC)
	{
		int fd;

		context_.check(ndshm_section_export(get(), offset, length, flags, &fd), "section");
		return descriptor(fd);
	}

	/* Allocate memory that deallocate() or the end of the process frees. */
	void *allocate(std::size_t size, std::size_t alignment = 16)
	{
		void *memory;
		int result = ndshm_section_alloc_aligned(get(), alignment < 16 ? 16 : alignment,
							 size ? size : 1, &memory);

		if (result)
			throw no_memory(-result, ndshm_last_reason(context_.get()));
		return memory;
	}

	void deallocate(void *memory) noexcept { ndshm_section_free(get(), memory); }

	/* Convert between an address and an offset, which has the same meaning everywhere. */
	std::uint64_t offset(const void *pointer) const
	{
		std::uint64_t found;

		context_.check(ndshm_section_offset(get(), pointer, &found), "section");
		return found;
	}

	/* The object must lie within the section and be aligned, else this throws. */
	template <class T> T *at(std::uint64_t offset) const
	{
		void *found;

		context_.check(ndshm_section_pointer(get(), offset, sizeof(T), &found), "section");
		if (offset % alignof(T))
			throw error("section: offset is not aligned", EINVAL, NDSHM_REASON_NONE);
		return static_cast<T *>(found);
	}

private:
	section(const context &owner, ::ndshm_section *found) : context_(owner) { keep(found); }

	void keep(::ndshm_section *made) { handle_.reset(made, ndshm_section_close); }

	static ndshm_section_request request_of(std::uint64_t max_size, std::uint64_t initial_size)
	{
		ndshm_section_request request;

		ndshm_section_request_init(&request);
		request.max_size = max_size;
		request.initial_size = initial_size;
		return request;
	}

	/* Destroyed in reverse order: the section is closed before the context. */
	context context_;
	std::shared_ptr<::ndshm_section> handle_;
};

/* Destroys an object in a section, in the process that made it, and keeps the section mapped. */
template <class T> class deleter {
public:
	deleter() = default;
	explicit deleter(section owner) : section_(std::move(owner)), process_(getpid()) {}

	void operator()(T *object) noexcept
	{
		/*
		 * A child of fork() shares the object with its parent, and may have memory of its
		 * own at the address.
		 */
		if (process_ != getpid())
			return;
		object->~T();
		section_->deallocate(object);
	}

private:
	std::optional<section> section_;
	pid_t process_ = 0;
};

/* An object in a section that this process allocated. */
template <class T> using unique_ptr = std::unique_ptr<T, deleter<T>>;

template <class T, class... Arguments>
unique_ptr<T> make_unique(section owner, Arguments &&...arguments)
{
	static_assert(!std::is_array_v<T>, "use a container with libndshm::resource");
	deleter<T> end(owner);
	void *memory = owner.allocate(sizeof(T), alignof(T));

	try {
		return unique_ptr<T>(new (memory) T(std::forward<Arguments>(arguments)...),
				     std::move(end));
	} catch (...) {
		owner.deallocate(memory);
		throw;
	}
}

/*
 * Memory of a section for containers of std::pmr. Their own pointers are addresses of this
 * process: other processes must not use the containers, but can use the elements.
 */
class resource : public std::pmr::memory_resource {
public:
	explicit resource(section owner) : section_(std::move(owner)) {}

protected:
	void *do_allocate(std::size_t size, std::size_t alignment) override
	{
		return section_.allocate(size, alignment);
	}

	void do_deallocate(void *memory, std::size_t, std::size_t) override
	{
		section_.deallocate(memory);
	}

	bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
	{
		const resource *same = dynamic_cast<const resource *>(&other);

		return same && same->section_.get() == section_.get();
	}

private:
	section section_;
};

/*
 * A pointer for structures in a section, valid at any address of the mapping: it holds the
 * distance from itself. Null is the distance 1, which no object has. A peer can change it at
 * any time: use checked() instead of get() if the peer is not trusted.
 */
template <class T> class offset_ptr {
public:
	offset_ptr(T *target = nullptr) noexcept { set(target); }
	offset_ptr(const offset_ptr &other) noexcept { set(other.get()); }
	offset_ptr &operator=(const offset_ptr &other) noexcept
	{
		set(other.get());
		return *this;
	}

	T *get() const noexcept { return at(load()); }
	T &operator*() const noexcept { return *get(); }
	T *operator->() const noexcept { return get(); }
	T &operator[](std::size_t index) const noexcept { return get()[index]; }
	explicit operator bool() const noexcept { return load() != null; }

	/*
	 * Return the target, or null. Throws if the target does not lie within the section
	 * with all its bytes, or is not aligned. The pointer is read once.
	 */
	T *checked(const section &within) const
	{
		T *target = get();

		return target ? within.at<T>(within.offset(target)) : nullptr;
	}

	friend bool operator==(const offset_ptr &a, const offset_ptr &b) noexcept
	{
		return a.get() == b.get();
	}
	friend bool operator!=(const offset_ptr &a, const offset_ptr &b) noexcept
	{
		return a.get() != b.get();
	}

private:
	static constexpr std::uintptr_t null = 1;

	std::uintptr_t here() const noexcept { return reinterpret_cast<std::uintptr_t>(this); }

	std::uintptr_t load() const noexcept
	{
		/* Through volatile, so that the compiler does not read it again. */
		return *const_cast<const volatile std::uintptr_t *>(&distance_);
	}

	T *at(std::uintptr_t distance) const noexcept
	{
		return distance == null ? nullptr : reinterpret_cast<T *>(here() + distance);
	}

	void set(T *target) noexcept
	{
		distance_ = target ? reinterpret_cast<std::uintptr_t>(target) - here() : null;
	}

	std::uintptr_t distance_;
};

} /* namespace libndshm */

#endif /* NDSHM_HPP */
