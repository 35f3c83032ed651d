#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Python's mmap of an inherited descriptor: see hold.c. Prints "yes" or the name of the error."""
import errno
import mmap
import os

try:
    memory = mmap.mmap(int(os.environ["INTEROP_FD"]), int(os.environ["INTEROP_LENGTH"]),
                       offset=int(os.environ["INTEROP_OFFSET"]))
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    memory[0:5] = b"ndshm"
    assert memory[0:6] == b"ndshm\0"
    memory.flush()
    print("yes")
