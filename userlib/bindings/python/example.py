# SPDX-License-Identifier: LGPL-2.1-or-later
"""An array of NumPy in a section, which a child process reads through a mapping of its own.

    python3 example.py [DEVICE]
"""
import os
import sys

import ndshm
import numpy

with ndshm.Context(sys.argv[1] if len(sys.argv) > 1 else None) as context:
    with context.create_section(1 << 20) as section, section.allocate(8 * 1000) as allocation:
        array = numpy.frombuffer(allocation.memory, dtype="int64")
        array[:] = numpy.arange(1000) ** 2
        fd, offset = section.share(readonly=True), allocation.offset

        child = os.fork()
        if child == 0:
            other = ndshm.Context("section:").adopt_section(fd)
            seen = numpy.frombuffer(other.view(offset, 8 * 1000), dtype="int64")
            print("sum", seen.sum(), "writable", seen.flags.writeable, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        os.close(fd)

        try:
            allocation.close()
        except BufferError as error:
            print(error)
        del array       # the allocation can now be freed

    try:
        context.block(0)
    except ndshm.Error as error:
        print(error.reason.name)
