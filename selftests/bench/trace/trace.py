#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""trace.py [--most NUMBER] KALLSYMS TRACE: print a cycle of a trace by function.

TRACE is a log of QEMU with `exec,nochain,in_asm` and one instruction a block, of a kernel on one
processor, which has replaced the prefix of locked instructions by that of the segment DS. A cycle
begins with the allocation.
"""
import argparse
import bisect
import collections
import re
import sys

START = "ndshm_ioctl_block_alloc"
USER = "(user space)"
TOP = 40

# DS before an instruction that can be locked; xchg with memory, which always is.
LOCKED = re.compile(r"(?:[0-9a-f]{2} )*3e .*ds:|.*\block\b|.*\bxchg[bwlq]?\s.*\(")


class Symbols:
    def __init__(self, path):
        found = []
        with open(path, encoding="ascii") as lines:
            for line in lines:
                address, kind, name = line.split()[:3]
                if kind in "tTwW":
                    found.append((int(address, 16), name))
        found.sort()
        self.addresses = [address for address, _ in found]
        self.names = [name for _, name in found]
        self.known = {}

    def find(self, address):
        """The function and the offset in it."""
        if address not in self.known:
            at = bisect.bisect_right(self.addresses, address) - 1
            if address < 1 << 63 or at < 0:
                self.known[address] = (USER, 0)
            else:
                first = bisect.bisect_left(self.addresses, self.addresses[at])
                self.known[address] = (self.names[first], address - self.addresses[first])
        return self.known[address]


def read_trace(path):
    """The addresses of all instructions in turn, and the text of each address."""
    turns, text = [], {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("Trace "):
                turns.append(int(line.split("/")[1], 16))
            elif line.startswith("0x"):
                address, _, rest = line.partition(":")
                text[int(address, 16)] = rest.strip()
    return turns, text


def median_cycle(turns, symbols):
    starts = [i for i, address in enumerate(turns) if symbols.find(address) == (START, 0)]
    cycles = sorted(zip(starts, starts[1:]), key=lambda cycle: cycle[1] - cycle[0])
    if not cycles:
        sys.exit("trace.py: the trace has no whole cycle")
    begin, end = cycles[len(cycles) // 2]
    return turns[begin:end], len(cycles)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=10)
    parser.add_argument("kallsyms")
    parser.add_argument("trace")
    options = parser.parse_args()
    symbols = Symbols(options.kallsyms)
    turns, text = read_trace(options.trace)
    cycle, count = median_cycle(turns, symbols)

    print(f"{len(cycle):,} instructions, the median of {count:,} cycles")
    functions = collections.Counter(symbols.find(address)[0] for address in cycle)
    for name, instructions in functions.most_common(TOP):
        print(f"{instructions:7,}  {name}")
    locked, caller = [], USER
    for address in cycle:
        name, _ = symbols.find(address)
        if LOCKED.match(text.get(address, "")):
            locked.append(f"{name}, from {caller}" if name.startswith("_raw_") else name)
        if not name.startswith("_raw_"):
            caller = name
    print(f"\n{len(locked)} locked instructions, at most {options.most}")
    for where in locked:
        print(f"         {where}")
    return len(locked) > options.most


if __name__ == "__main__":
    sys.exit(main())
