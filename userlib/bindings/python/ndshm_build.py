# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build the extension module ndshm._ndshm with cffi. The compiler checks each declaration against
the headers of libndshm; CFLAGS and LDFLAGS can name their directories."""
from cffi import FFI

ffi = FFI()
ffi.set_source("ndshm._ndshm", "#include <ndshm/section.h>\n", libraries=["ndshm"])
ffi.cdef("""
#define NDSHM_REASON_NONE ...
#define NDSHM_REASON_COUNT_KNOWN ...
#define NDSHM_NODE_ANY ...
#define NDSHM_OWNER_SELF ...
#define NDSHM_GROUP_SELF ...
#define NDSHM_USAGE_OTHER ...
#define NDSHM_SYNC_FOR_DEVICE ...
#define NDSHM_SYNC_FOR_CPU ...
#define NDSHM_ALLOC_CONTIGUOUS ...
#define NDSHM_OPEN_READONLY ...
#define NDSHM_SHARE_READONLY ...
#define NDSHM_DELETE_FORCE ...
#define NDSHM_DELETE_REVOKE ...
#define NDSHM_SECTION_READONLY ...

struct ndshm;
struct ndshm_block;
struct ndshm_section;

struct ndshm_info {
	uint64_t features, max_length, bytes, user_locked, max_section, huge_size;
	uint32_t max_blocks, max_batch, page_size, default_adapter, blocks;
	...;
};
struct ndshm_adapter_info {
	char name[...];
	char device[...];
	uint32_t id, isolation;
	int32_t node;
	bool open, claimable, claimed, needs_reset;
	...;
};
struct ndshm_provider_info {
	char name[...];
	uint32_t id, scope, adapter, blocks, flags;
	bool mappable, usage, open;
	...;
};
struct ndshm_request {
	uint64_t length;
	uint32_t adapter, provider, usage, flags, tag;
	int32_t node;
	...;
};
struct ndshm_section_request {
	uint64_t max_size, initial_size;
	uint32_t adapter, provider, flags, group, mode;
	int32_t node;
	const char *name;
	...;
};
struct ndshm_segment {
	uint64_t address, length;
	...;
};
struct ndshm_block_info {
	uint32_t handle, flags, shared_memory_handle, segments;
	uint64_t length, consumed, address;
	...;
};
struct ndshm_section_info {
	uint64_t max_size, initial_size, committed, taken;
	uint32_t id, flags, extents, holders, adapter, provider;
	...;
};
struct ndshm_heap_stats {
	uint64_t live_blocks, live_bytes, cached_blocks, cached_bytes, extents, held_bytes;
	...;
};

int ndshm_open(const char *where, struct ndshm **out);
void ndshm_close(struct ndshm *ndshm);
int ndshm_get_info(struct ndshm *ndshm, struct ndshm_info *info);
uint32_t ndshm_last_reason(const struct ndshm *ndshm);
const char *ndshm_reason_name(uint32_t reason);
const char *ndshm_reason_text(uint32_t reason);
int ndshm_find_adapter(struct ndshm *ndshm, const char *name, struct ndshm_adapter_info *info);
int ndshm_find_provider(struct ndshm *ndshm, const char *name, struct ndshm_provider_info *info);

void ndshm_request_init(struct ndshm_request *request);
int ndshm_alloc(struct ndshm *ndshm, const struct ndshm_request *request,
		struct ndshm_block **out);
void ndshm_free(struct ndshm_block *block);
int ndshm_map(struct ndshm_block *block, void **out);
uint64_t ndshm_block_length(const struct ndshm_block *block);
int ndshm_query(struct ndshm_block *block, struct ndshm_block_info *info,
		struct ndshm_segment *segments, size_t capacity, size_t *count);
int ndshm_sync(struct ndshm_block *block, uint32_t direction, uint64_t offset, uint64_t length);
int ndshm_export(struct ndshm_block *block, int flags, int *fd);

void ndshm_section_request_init(struct ndshm_section_request *request);
int ndshm_section_create(struct ndshm *ndshm, const struct ndshm_section_request *request,
			 struct ndshm_section **out);
int ndshm_section_adopt(struct ndshm *ndshm, int fd, struct ndshm_section **out);
int ndshm_section_open(struct ndshm *ndshm, uint32_t owner, const char *name, uint32_t flags,
		       struct ndshm_section **out);
void ndshm_section_close(struct ndshm_section *section);
int ndshm_section_delete(struct ndshm_section *section, uint32_t flags);
int ndshm_section_share(struct ndshm_section *section, uint32_t flags, int *fd);
int ndshm_section_fd(const struct ndshm_section *section);
uint64_t ndshm_section_size(const struct ndshm_section *section);
int ndshm_section_query(struct ndshm_section *section, struct ndshm_section_info *info);
int ndshm_section_export(struct ndshm_section *section, uint64_t offset, uint64_t length, int flags,
                         int *fd);
int ndshm_section_sync(struct ndshm_section *section, uint32_t direction, uint64_t offset,
		       uint64_t length);
int ndshm_section_alloc_aligned(struct ndshm_section *section, size_t alignment, size_t size,
				void **out);
int ndshm_section_free(struct ndshm_section *section, void *pointer);
int ndshm_section_offset(const struct ndshm_section *section, const void *pointer,
			 uint64_t *offset);
int ndshm_section_pointer(const struct ndshm_section *section, uint64_t offset, uint64_t length,
			  void **out);
int ndshm_section_stats(struct ndshm_section *section, struct ndshm_heap_stats *stats);
""")

if __name__ == "__main__":
    import sys

    ffi.compile(tmpdir=sys.argv[1])
