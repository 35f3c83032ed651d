# SPDX-License-Identifier: GPL-2.0
"""The module ndshm, on the stand-in or on NDSHM_TEST_BACKEND."""
import errno
import gc
import os
import pickle
import subprocess
import sys
import threading
import unittest

import ndshm
import numpy
from ndshm import Context, Error, Reason

BACKEND = os.environ.get("NDSHM_TEST_BACKEND", "memfd:")
PAGE = os.sysconf("SC_PAGESIZE")


def in_child(function):
    """Return the exit status of a child that runs the function."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except BaseException as error:
            print("# child:", repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Case(unittest.TestCase):
    def setUp(self):
        self.context = Context(BACKEND)

    def tearDown(self):
        self.context.close()

    def fails(self, number, reason, function, *arguments, **words):
        with self.assertRaises(Error) as caught:
            function(*arguments, **words)
        self.assertEqual((caught.exception.errno, caught.exception.reason), (number, reason))
        return str(caught.exception)


class Contexts(Case):
    def test_info(self):
        self.assertEqual(self.context.info()["page_size"], PAGE)
        name = "memfd" if BACKEND == "memfd:" else "node0"
        self.assertEqual(self.context.find_adapter(name)["name"], name)
        self.fails(errno.ENOENT, Reason.ADAPTER_UNKNOWN, self.context.find_adapter, "none")
        self.fails(errno.ENOENT, Reason.PROVIDER_UNKNOWN, self.context.find_provider, "none")

    def test_errors_are_those_of_python(self):
        with self.assertRaises(FileNotFoundError):
            Context("/nowhere/ndshm")
        with self.assertRaises(FileNotFoundError) as caught:
            self.context.find_adapter("none")
        self.assertIsInstance(caught.exception, Error)
        self.assertIsInstance(caught.exception, OSError)

    def test_errors_can_be_passed_on(self):
        for name in "none", "a" * 5000:
            with self.assertRaises(Error) as caught:
                self.context.find_adapter(name)
            error = pickle.loads(pickle.dumps(caught.exception))
            self.assertEqual(type(error), type(caught.exception))
            self.assertEqual((error.errno, error.reason, str(error)),
                             (caught.exception.errno, caught.exception.reason,
                              str(caught.exception)))

    def test_reasons_have_names(self):
        self.assertEqual(Reason.NONE, 0)
        self.assertEqual(Reason.LENGTH_ZERO, 14)
        text = self.fails(errno.EINVAL, Reason.LENGTH_ZERO, self.context.block, 0)
        self.assertRegex(text, "block: .*length")

    def test_closed(self):
        context = Context(BACKEND)
        context.close()
        context.close()
        self.assertTrue(context.closed)
        self.assertRaises(ValueError, context.info)
        self.assertRaises(ValueError, context.block, 1)
        self.assertRaises(ValueError, context.create_section, 1)

    def test_in_use(self):
        block = self.context.block(1)
        self.assertRaises(BufferError, self.context.close)
        self.assertFalse(self.context.closed)
        block.close()

    def test_bad_arguments(self):
        self.assertRaises(OverflowError, self.context.block, -1)
        self.assertRaises(OverflowError, self.context.block, 1 << 64)
        self.assertRaises(TypeError, self.context.block, "1")
        self.assertRaises(ValueError, Context, "memfd:\0x")
        self.assertRaises(ValueError, self.context.find_adapter, "memfd\0x")
        self.assertRaises(ValueError, self.context.create_section, 1, name="a\0b")
        self.assertRaises(ValueError, self.context.open_section, "a\0b")
        self.assertEqual(self.context.info()["blocks"], 0)


class Blocks(Case):
    def test_memory(self):
        with self.context.block(5000) as block:
            self.assertEqual((len(block), len(block.memory)), (8192, 8192))
            self.assertEqual(bytes(block.memory), bytes(8192))
            block.memory[:5] = b"hello"
            self.assertEqual(bytes(block.memory[:6]), b"hello\0")
            self.assertEqual(self.context.info()["blocks"], 1)
        self.assertEqual(self.context.info()["blocks"], 0)
        self.assertRaises(ValueError, lambda: block.memory)
        self.assertRaises(ValueError, len, block)

    def test_views_prevent_close(self):
        block = self.context.block(PAGE)
        part = block.memory[100:200]
        self.assertRaises(BufferError, block.close)
        part[0] = 7
        self.assertEqual(block.memory[100], 7)
        part.release()
        block.close()
        self.assertEqual(self.context.info()["blocks"], 0)

    def test_views_keep_the_memory(self):
        array = numpy.frombuffer(self.context.block(PAGE).memory, dtype="uint32")
        gc.collect()
        array[:] = 5
        self.assertEqual(array.sum(), 5 * PAGE // 4)
        self.assertEqual(self.context.info()["blocks"], 1)
        del array
        self.assertEqual(self.context.info()["blocks"], 0)

    def test_an_exception_is_not_replaced(self):
        with self.assertRaises(ZeroDivisionError):
            with self.context.block(PAGE) as block:
                view = block.memory
                1 // 0
        del view
        self.assertEqual(self.context.info()["blocks"], 0)

    def test_query(self):
        with self.context.block(3 * PAGE) as block:
            self.assertEqual(block.info()["length"], 3 * PAGE)
            segments = block.segments()
            self.assertEqual(len(segments), block.info()["segments"])
            self.assertEqual(sum(one.length for one in segments), 3 * PAGE)
            block.sync(ndshm.FOR_DEVICE)
            try:
                os.close(block.export())
            except OSError as error:
                self.assertEqual(error.errno, errno.EOPNOTSUPP)
            with self.context.create_section(PAGE) as section:
                with self.assertRaises(OSError) as raised:
                    section.export(0, PAGE)
                self.assertIn(raised.exception.errno, (errno.EOPNOTSUPP, errno.ENXIO))
            block.sync(ndshm.FOR_CPU, PAGE, PAGE)
            self.fails(errno.EINVAL, Reason.RANGE, block.sync, ndshm.FOR_CPU, 0, 4 * PAGE)

    def test_a_child_frees_nothing(self):
        block = self.context.block(PAGE)
        block.memory[0] = 1

        def child():
            nonlocal block
            assert block.memory[0] == 1
            block = None
            gc.collect()

        self.assertEqual(in_child(child), 0)
        self.assertEqual(block.info()["length"], PAGE)
        block.close()

    def test_threads_have_their_reasons(self):
        wrong = []

        def run(length, reason):
            for _ in range(200):
                try:
                    self.context.block(length).close()
                except Error as error:
                    if error.reason != reason:
                        wrong.append(error)

        longest = self.context.info()["max_length"]
        threads = [threading.Thread(target=run, args=one) for one in
                   ((0, Reason.LENGTH_ZERO), (longest + 1, Reason.LENGTH_LIMIT), (1, None))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Sections(Case):
    def setUp(self):
        super().setUp()
        self.section = self.context.create_section(1 << 20, PAGE)

    def tearDown(self):
        self.section.close()
        super().tearDown()

    def test_properties(self):
        self.assertEqual(len(self.section), 1 << 20)
        self.assertEqual(self.section.info()["initial_size"], PAGE)
        self.assertEqual(os.fstat(self.section.fileno()).st_ino > 0, True)
        self.fails(errno.EINVAL, Reason.SECTION_INITIAL, self.context.create_section, 1, 2 * PAGE)
        self.fails(errno.EBADF, Reason.DESCRIPTOR, self.context.adopt_section, -1)

    def test_allocations(self):
        with self.section.allocate(1000, 4096) as one, self.section.allocate(1) as two:
            self.assertEqual((len(one), len(one.memory), len(two.memory)), (1000, 1000, 1))
            self.assertEqual(one.offset % 4096, 0)
            one.memory[:] = b"x" * 1000
            self.assertEqual(bytes(self.section.view(one.offset, 1000)), b"x" * 1000)
            self.assertEqual(self.section.stats()["live_blocks"], 2)
        self.assertEqual(self.section.stats()["live_blocks"], 0)
        self.assertRaises(ValueError, lambda: one.memory)
        self.assertRaises(ValueError, lambda: one.offset)
        self.fails(errno.EINVAL, Reason.LENGTH_ZERO, self.section.allocate, 0)
        self.fails(errno.ENOMEM, Reason.MEMORY, self.section.allocate, 1 << 21)
        self.fails(errno.ERANGE, Reason.NONE, self.section.view, 0, (1 << 20) + 1)
        self.fails(errno.ERANGE, Reason.NONE, self.section.view, 1 << 20, 1)

    def test_uses_prevent_close(self):
        one = self.section.allocate(10)
        self.assertRaises(BufferError, self.section.close)
        view = one.memory
        self.assertRaises(BufferError, one.close)
        view.release()
        one.close()

    def test_calls_prevent_close(self):
        """Close a section while threads are in calls for it."""
        def run():
            try:
                for _ in range(100):
                    section.info()
                    section.stats()
            except ValueError:
                pass

        for _ in range(50):
            section = self.context.create_section(PAGE)
            threads = [threading.Thread(target=run) for _ in range(3)]
            for thread in threads:
                thread.start()
            while not section.closed:
                try:
                    section.close()
                except BufferError:
                    pass
            for thread in threads:
                thread.join()

    def test_cycles(self):
        """The garbage collector finalizes the section before its allocations."""
        class Cycle:
            pass

        for _ in range(50):
            cycle = Cycle()
            cycle.itself = cycle
            cycle.section = self.context.create_section(1 << 20)
            cycle.allocations = [cycle.section.allocate(64) for _ in range(5)]
            cycle.view = cycle.allocations[0].memory
            cycle.block = self.context.block(PAGE)
            del cycle
            gc.collect()
        self.assertEqual(self.context.info()["blocks"], 0)

    def test_a_view_keeps_the_section(self):
        view = self.context.create_section(1 << 20).allocate(100).memory
        gc.collect()
        view[:] = b"y" * 100
        self.assertEqual(bytes(view), b"y" * 100)
        self.assertRaises(BufferError, self.context.close)

    def test_another_process_reads(self):
        one = self.section.allocate(4)
        one.memory[:] = b"abcd"
        fd = self.section.share(readonly=True)
        code = """import sys, ndshm
with ndshm.Context("section:") as context:
    with context.adopt_section(int(sys.argv[1])) as section:
        view = section.view(int(sys.argv[2]), 4)
        try:
            view[0] = 0
        except TypeError:
            sys.stdout.write(bytes(view).decode())
        view.release()
        try:
            section.allocate(1)
        except ndshm.Error as error:
            sys.stdout.write(error.reason.name)
"""
        said = subprocess.run([sys.executable, "-c", code, str(fd), str(one.offset)],
                              pass_fds=[fd], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(said, b"abcdSECTION_READONLY")
        os.close(fd)
        one.close()

    def test_a_child_frees_nothing(self):
        one = self.section.allocate(4)
        one.memory[:] = b"abcd"

        def child():
            nonlocal one
            assert bytes(one.memory) == b"abcd"
            one = None
            gc.collect()
            self.section.close()

        self.assertEqual(in_child(child), 0)
        self.assertEqual(self.section.stats()["live_blocks"], 1)
        self.assertEqual(bytes(one.memory), b"abcd")
        one.close()

    def test_delete(self):
        fd = self.section.share()
        self.section.delete()
        self.fails(errno.EIDRM, Reason.SECTION_DELETED, self.context.adopt_section, fd)
        os.close(fd)

    def test_names(self):
        if BACKEND == "memfd:":
            self.fails(errno.EOPNOTSUPP, Reason.NONE, self.context.create_section, 1, name="py")
            return
        with self.context.create_section(PAGE, name="py") as named:
            with self.context.open_section("py", readonly=True) as other:
                self.assertEqual(other.info()["id"], named.info()["id"])
            self.fails(errno.EEXIST, Reason.NAME_TAKEN, self.context.create_section, 1, name="py")
            with self.assertRaises(FileExistsError):
                self.context.create_section(1, name="py")
        self.fails(errno.ENOENT, Reason.SECTION_UNKNOWN, self.context.open_section, "py")


if __name__ == "__main__":
    unittest.main(verbosity=0)
