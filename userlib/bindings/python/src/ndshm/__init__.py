# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks and sections of ndshm.

Memory is exported through the buffer protocol: the property `memory` of a block and of an allocation
is a memoryview without a copy. An object that is closed while a view of its memory exists, or while
another thread is in a call for it, raises BufferError and stays open; a view keeps the memory of an
object that is no longer referenced.

Errors are instances of Error, a subclass of OSError. FileNotFoundError, PermissionError and the other
subclasses of OSError catch those with their errno.

A child of fork() can use inherited memory and inherited sections, and must not use other inherited
objects. They free nothing in the child.

A peer can change the memory of a section at any time: copy bytes before checking them.
"""
from __future__ import annotations

import enum
import errno
import functools
import os
import weakref
from typing import Any, Callable, NamedTuple, Optional, TypeVar

from ._ndshm import ffi, lib

NODE_ANY: int = lib.NDSHM_NODE_ANY
OWNER_SELF: int = lib.NDSHM_OWNER_SELF
GROUP_SELF: int = lib.NDSHM_GROUP_SELF
USAGE_OTHER: int = lib.NDSHM_USAGE_OTHER
FOR_DEVICE: int = lib.NDSHM_SYNC_FOR_DEVICE
FOR_CPU: int = lib.NDSHM_SYNC_FOR_CPU

_IntEnum: Any = enum.IntEnum
#: An IntEnum of the reasons by the names of the library: Reason.CLAIM_BUSY, ...
Reason: Any = _IntEnum("Reason", {
    ffi.string(lib.ndshm_reason_name(number)).decode().upper().replace("-", "_"): number
    for number in range(lib.NDSHM_REASON_COUNT_KNOWN)
})


class Error(OSError):
    """A failed call. `reason` is a Reason, or an int that this module does not know."""

    reason: int

    def __init__(self, number: int, text: str, reason: int = Reason.NONE):
        super().__init__(number, text)
        self.reason = reason

    def __reduce__(self) -> Any:
        """Pickle by errno, because the subclasses are not in the module."""
        return _make_error, (self.errno, self.strerror, self.reason)


_CLASSES: dict[int, type[Error]] = {
    number: type(base.__name__, (Error, base), {"__module__": __name__, "__doc__": Error.__doc__})
    for number, base in {
        errno.EACCES: PermissionError,
        errno.EAGAIN: BlockingIOError,
        errno.EEXIST: FileExistsError,
        errno.EINTR: InterruptedError,
        errno.ENOENT: FileNotFoundError,
        errno.EPERM: PermissionError,
    }.items()
}


def _make_error(number: int, text: str, reason: int) -> Error:
    return _CLASSES.get(number, Error)(number, text, reason)


def _error(number: int, what: str, reason: int = lib.NDSHM_REASON_NONE) -> Error:
    text = os.strerror(number)
    if reason != lib.NDSHM_REASON_NONE:
        text = ffi.string(lib.ndshm_reason_text(reason)).decode()
    known = Reason(reason) if reason < lib.NDSHM_REASON_COUNT_KNOWN else reason
    return _make_error(number, f"{what}: {text}", known)


class _Owner:
    """An object of the library, destroyed with the last reference, but not in a child of fork()."""

    __slots__ = ("pointer", "parent", "_destroy", "_process", "_users", "__weakref__")

    def __init__(self, pointer: Any, destroy: Callable[[Any], Any], parent: Optional[_Owner] = None,
                 in_children: bool = False):
        self.pointer = pointer
        self.parent = parent        # destroyed later
        self._destroy = destroy
        self._process = None if in_children else os.getpid()
        # One for this object, which is popped last, and one for each child.
        self._users = [True]
        if parent is not None:
            parent._users.append(False)

    def keep(self, _: Any) -> None:
        """The destructor of a pointer that keeps this object."""

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        self._put(getpid)

    def _put(self, getpid: Callable[[], int]) -> None:
        # Counted, because of a cycle the garbage collector finalizes parents before children.
        # Threads need no lock: pop() is atomic.
        if not self._users.pop():
            return
        if self._process is None or self._process == getpid():
            self._destroy(self.pointer)
        if self.parent is not None:
            self.parent._put(getpid)


def _view(owner: _Owner, pointer: Any, length: int, readonly: bool = False) -> memoryview:
    """Return a view that keeps the owner."""
    kept = ffi.gc(ffi.cast("char *", pointer), owner.keep)
    view = memoryview(ffi.buffer(kept, length))
    return view.toreadonly() if readonly else view


def _fields(structure: Any) -> dict[str, Any]:
    fields = {name: getattr(structure, name) for name, _ in ffi.typeof(structure).fields}
    return {name: ffi.string(value).decode() if isinstance(value, ffi.CData) else value
            for name, value in fields.items()}


def _text(name: str) -> bytes:
    text = name.encode()
    if b"\0" in text:
        raise ValueError("name: contains a NUL character")
    return text


_Self = TypeVar("_Self", bound="_Closable")


class _Closable:
    """Common to contexts, blocks, sections and allocations."""

    _owner: Optional[_Owner]
    _what = "object"

    def close(self) -> None:
        """Destroy the object. BufferError: views, other objects or calls of threads still use it."""
        owner = self._owner
        if owner is None:
            return
        alive = weakref.ref(owner)
        self._owner = owner = None
        owner = alive()
        if owner is not None:
            self._owner = owner
            raise BufferError(f"{self._what}: memoryviews or objects use it; release them first")

    def _hold(self) -> _Owner:
        # Read once: another thread may close the object.
        owner = self._owner
        if owner is None:
            raise ValueError(f"{self._what}: closed")
        return owner

    def _get(self) -> Any:
        """Return a pointer that keeps the owner during a call, in which other threads run."""
        owner = self._hold()
        return ffi.gc(owner.pointer, owner.keep)

    @property
    def closed(self) -> bool:
        return self._owner is None

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: Optional[type], *_: object) -> None:
        try:
            self.close()
        except BufferError:
            # Frames of the exception may have views: destroy the object with the last one.
            if kind is None:
                raise
            self._owner = None


class Context(_Closable):
    """A client: `where` is the path of the device, "memfd:" or "section:"; None is the default."""

    _what = "context"

    def __init__(self, where: Optional[str] = None):
        self._owner = None
        out = ffi.new("struct ndshm **")
        path = ffi.NULL if where is None else os.fsencode(where)
        if where is not None and b"\0" in path:
            raise ValueError("where: contains a NUL character")
        result = lib.ndshm_open(path, out)
        if result:
            raise _error(-result, where or "open")
        self._owner = _Owner(out[0], lib.ndshm_close, in_children=True)

    def _check(self, result: int, what: str) -> None:
        if result:
            raise _error(-result, what, lib.ndshm_last_reason(self._get()))

    def info(self) -> dict[str, int]:
        """Return the members of struct ndshm_info."""
        found = ffi.new("struct ndshm_info *")
        self._check(lib.ndshm_get_info(self._get(), found), "context")
        return _fields(found[0])

    def find_adapter(self, name: str) -> dict[str, Any]:
        """Return the members of struct ndshm_adapter_info."""
        found = ffi.new("struct ndshm_adapter_info *")
        self._check(lib.ndshm_find_adapter(self._get(), _text(name), found), f"adapter {name}")
        return _fields(found[0])

    def find_provider(self, name: str) -> dict[str, Any]:
        """Return the members of struct ndshm_provider_info."""
        found = ffi.new("struct ndshm_provider_info *")
        self._check(lib.ndshm_find_provider(self._get(), _text(name), found), f"provider {name}")
        return _fields(found[0])

    def block(self, length: int, *, adapter: int = 0, provider: int = 0, node: int = NODE_ANY,
              usage: int = USAGE_OTHER, contiguous: bool = False, tag: bytes = b"") -> Block:
        """Allocate a block of `length` bytes, rounded up to pages. Lists show the `tag`."""
        if len(tag) > 4:
            raise ValueError("a tag has at most four bytes")
        owner = self._hold()
        request = ffi.new("struct ndshm_request *")
        lib.ndshm_request_init(request)
        request.length, request.adapter, request.provider = length, adapter, provider
        request.node, request.usage = node, usage
        request.flags = lib.NDSHM_ALLOC_CONTIGUOUS if contiguous else 0
        request.tag = int.from_bytes(tag, "little")
        out = ffi.new("struct ndshm_block **")
        self._check(lib.ndshm_alloc(self._get(), request, out), "block")
        return Block(self, _Owner(out[0], lib.ndshm_free, owner))

    def create_section(self, max_size: int, initial_size: int = 0, *, adapter: int = 0,
                       provider: int = 0, node: int = NODE_ANY, name: Optional[str] = None,
                       group: int = GROUP_SELF, mode: int = 0o600) -> Section:
        """Create a section of `max_size` bytes, rounded up to pages."""
        request = ffi.new("struct ndshm_section_request *")
        lib.ndshm_section_request_init(request)
        text = ffi.NULL if name is None else ffi.new("char[]", _text(name))
        request.max_size, request.initial_size = max_size, initial_size
        request.adapter, request.provider, request.node = adapter, provider, node
        request.name, request.group, request.mode = text, group, mode
        return self._section(lambda out: lib.ndshm_section_create(self._get(), request, out))

    def adopt_section(self, fd: int) -> Section:
        """Map the section of a descriptor, which remains the caller's."""
        return self._section(lambda out: lib.ndshm_section_adopt(self._get(), fd, out))

    def open_section(self, name: str, *, owner: int = OWNER_SELF, readonly: bool = False) -> Section:
        """Map the section that the user `owner` created with this name."""
        flags, text = lib.NDSHM_OPEN_READONLY if readonly else 0, _text(name)
        return self._section(lambda out: lib.ndshm_section_open(self._get(), owner, text, flags,
                                                                out))

    def _section(self, get: Callable[[Any], Any]) -> Section:
        owner = self._hold()
        out = ffi.new("struct ndshm_section **")
        self._check(get(out), "section")
        return Section(self, _Owner(out[0], lib.ndshm_section_close, owner, in_children=True))


class Segment(NamedTuple):
    """A range of DMA addresses."""

    address: int
    length: int


class Block(_Closable):
    """A block of DMA-capable memory; see Context.block()."""

    _what = "block"

    def __init__(self, context: Context, owner: _Owner):
        self._context, self._owner = context, owner

    def __len__(self) -> int:
        """The length in bytes."""
        return int(lib.ndshm_block_length(self._get()))

    @property
    def memory(self) -> memoryview:
        """The bytes of the block."""
        owner = self._hold()
        out = ffi.new("void **")
        self._context._check(lib.ndshm_map(self._get(), out), "block")
        return _view(owner, out[0], len(self))

    def info(self) -> dict[str, int]:
        """Return the members of struct ndshm_block_info."""
        return _fields(self._query(0)[0][0])

    def segments(self) -> list[Segment]:
        """Return the DMA addresses."""
        info, found = self._query(self.info()["segments"])
        return [Segment(one.address, one.length) for one in found[0:info.segments]]

    def _query(self, capacity: int) -> Any:
        info = ffi.new("struct ndshm_block_info *")
        segments = ffi.new("struct ndshm_segment[]", capacity) if capacity else ffi.NULL
        self._context._check(lib.ndshm_query(self._get(), info, segments, capacity,
                                             ffi.new("size_t *")), "block")
        return info, segments

    def sync(self, direction: int, offset: int = 0, length: Optional[int] = None) -> None:
        """Synchronise a range with FOR_DEVICE or FOR_CPU, to the end of the block by default."""
        length = len(self) - offset if length is None else length
        self._context._check(lib.ndshm_sync(self._get(), direction, offset, length), "block")

    def export(self, *, readonly: bool = False) -> int:
        """Return the descriptor of a new dma-buf, close-on-exec, which the caller closes."""
        fd = ffi.new("int *")
        flags = (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC
        self._context._check(lib.ndshm_export(self._get(), flags, fd), "block")
        return int(fd[0])


class Section(_Closable):
    """A section that is mapped; see Context.create_section(), adopt_section(), open_section()."""

    _what = "section"

    def __init__(self, context: Context, owner: _Owner):
        self._context, self._owner = context, owner

    def __len__(self) -> int:
        """The length of the range in bytes."""
        return int(lib.ndshm_section_size(self._get()))

    def fileno(self) -> int:
        """The descriptor of the section, which must not be closed."""
        return int(lib.ndshm_section_fd(self._get()))

    def info(self) -> dict[str, int]:
        """Return the members of struct ndshm_section_info."""
        found = ffi.new("struct ndshm_section_info *")
        self._context._check(lib.ndshm_section_query(self._get(), found), "section")
        return _fields(found[0])

    def stats(self) -> dict[str, int]:
        """Return the members of struct ndshm_heap_stats."""
        found = ffi.new("struct ndshm_heap_stats *")
        self._context._check(lib.ndshm_section_stats(self._get(), found), "section")
        return _fields(found[0])

    def share(self, *, readonly: bool = False) -> int:
        """Return a descriptor to pass to other processes, which the caller closes."""
        fd = ffi.new("int *")
        flags = lib.NDSHM_SHARE_READONLY if readonly else 0
        self._context._check(lib.ndshm_section_share(self._get(), flags, fd), "section")
        return int(fd[0])

    def delete(self, *, force: bool = False, revoke: bool = False) -> None:
        """Delete the section for all processes. It must still be closed. Memory that is revoked
        raises SIGBUS."""
        flags = (lib.NDSHM_DELETE_FORCE if force else 0) | (lib.NDSHM_DELETE_REVOKE if revoke else 0)
        self._context._check(lib.ndshm_section_delete(self._get(), flags), "section")

    def allocate(self, size: int, alignment: int = 16) -> Allocation:
        """Allocate memory of the section. Its contents are undefined."""
        out = ffi.new("void **")
        owner = self._hold()
        section = owner.pointer
        self._context._check(lib.ndshm_section_alloc_aligned(section, alignment, size, out),
                             "section")
        free = functools.partial(lib.ndshm_section_free, section)
        return Allocation(self, _Owner(out[0], free, owner), size)

    def view(self, offset: int, length: int) -> memoryview:
        """Return a range of the section, read-only if the section is. A page without memory is
        SIGBUS, which ends the process: the range must be that of an allocation."""
        owner = self._hold()
        out = ffi.new("void **")
        result = lib.ndshm_section_pointer(owner.pointer, offset, length, out)
        if result:
            raise _error(-result, "section", lib.ndshm_last_reason(self._context._get()))
        readonly = bool(self.info()["flags"] & lib.NDSHM_SECTION_READONLY)
        return _view(owner, out[0], length, readonly)

    def sync(self, direction: int, offset: int, length: int) -> None:
        """Synchronise a range with FOR_DEVICE or FOR_CPU."""
        self._context._check(lib.ndshm_section_sync(self._get(), direction, offset, length),
                             "section")

    def export(self, offset: int, length: int, *, readonly: bool = False) -> int:
        """Return the descriptor of a new dma-buf of allocated pages, close-on-exec, which the
        caller closes."""
        fd = ffi.new("int *")
        flags = (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC
        self._context._check(lib.ndshm_section_export(self._get(), offset, length, flags, fd),
                             "section")
        return int(fd[0])


class Allocation(_Closable):
    """Memory of a section that this process allocated; see Section.allocate()."""

    _what = "allocation"

    def __init__(self, section: Section, owner: _Owner, size: int):
        self._section, self._owner, self._size = section, owner, size

    def __len__(self) -> int:
        return self._size

    @property
    def offset(self) -> int:
        """The offset from the start of the section, for Section.view() of other processes."""
        out = ffi.new("uint64_t *")
        result = lib.ndshm_section_offset(self._section._get(), self._get(), out)
        if result:
            raise _error(-result, "allocation")
        return int(out[0])

    @property
    def memory(self) -> memoryview:
        """The bytes of the allocation."""
        owner = self._hold()
        return _view(owner, owner.pointer, self._size)
