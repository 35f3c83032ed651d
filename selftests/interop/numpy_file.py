#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""NumPy's memmap of an inherited descriptor: see hold.c. Prints "yes" or the name of the error."""
import errno
import os

import numpy

try:
    with os.fdopen(int(os.environ["INTEROP_FD"]), "r+b") as file:
        array = numpy.memmap(file, dtype="<u4", mode="r+")
        array[:] = numpy.arange(len(array))
        array.flush()
        assert os.pread(file.fileno(), 4, 4 * 1000) == (1000).to_bytes(4, "little")
        os.pwrite(file.fileno(), b"\7\0\0\0", 4 * 1000)
        assert array[1000] == 7 and array[len(array) - 1] == len(array) - 1
        assert array.nbytes == int(os.environ["INTEROP_LENGTH"])
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    print("yes")
