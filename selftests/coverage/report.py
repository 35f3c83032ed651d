#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How much of ndshm.ko was run, by source file.

The module is built with NDSHM_COVERAGE=1; HITS are copies of the debugfs file
ndshm_coverage from runs with that very module. A site is a place where the
compiler put a call: about one for each straight piece of code.

Some sites report that a check of the kernel's has failed: a lock that is not held, a
count that ran over. To pass one is a bug. They are counted as all others are, and
told apart when it comes to what was not run.
"""
import argparse
import collections
import functools
import pathlib
import re
import signal
import subprocess
import sys

MARK = "__wrap___sanitizer_cov_trace_pc"
# Both architectures' call instructions end four bytes after what is relocated.
CALL_SIZE = 4
SECTIONS = {".text": "text", ".exit.text": "text", ".init.text": "init"}
ROOMS = "account|adapter|base|block|cdev|device|device/pci|netlink|providers|registration|section"
SOURCE = re.compile(rf"(?:^|/)(kernel/(?:main\.c|ndis/(?:packet|request)\.c|(?:{ROOMS})/[^/]+\.[ch]))$")
# KASAN's constructors and destructors, one of each a file: the compiler's, not ours.
MADE_UP = re.compile(r"_sub_[DI]_|asan\.module_")
HEADERS = "the kernel's own inline functions"
TOP = pathlib.Path(__file__).resolve().parents[2]
# What tells of a failed check of the kernel's. Else it is known by the inline function that
# it stands in, or by our line.
REPORTS = re.compile(r"__ubsan_handle_|refcount_warn_|lockdep_rcu_suspicious|__warn_printk|__list_\w+_report")
CHECKS = re.compile(r"_*refcount_|rcu_read_(un)?lock$|\w+_assert_|check_copy_size$|__list_\w+_valid$")
OUR_CHECKS = re.compile(r"\b(lockdep_assert\w*|rcu_dereference\w*|WARN_ON\w*)\(")

Site = collections.namedtuple("Site", "section offset")
Place = collections.namedtuple("Place", "file line function check")


def output(*command, stdin=None):
    return subprocess.run(command, input=stdin, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def all_sites(module):
    """Where the instrumentation's calls return to, and which of them lead to a report.

    Each straight piece of code begins with a site, so that the next call is its own.
    """
    sites, reports, section, last = set(), set(), None, None
    for line in output("readelf", "-rW", module).splitlines():
        header = re.match(r"Relocation section '\.rela(\S*)'", line)
        if header:
            section, last = header.group(1), None
        elif f" {MARK} " in line + " ":
            if section not in SECTIONS:
                sys.exit(f"{module}: instrumented code in section {section}")
            last = Site(section, int(line.split()[0], 16) + CALL_SIZE)
            sites.add(last)
        elif "_PLT32" in line or "_CALL26" in line:
            if last and REPORTS.match(line.split()[4]):
                reports.add(last)
            last = None
    if not sites:
        sys.exit(f"{module} was not built with NDSHM_COVERAGE=1")
    return sites, reports


def symbols(module):
    """Section and offset of each global function."""
    found, names = {}, {}
    for line in output("readelf", "-SW", module).splitlines():
        header = re.match(r"\s*\[\s*(\d+)\] (\S+)", line)
        if header:
            names[header.group(1)] = header.group(2)
    for line in output("readelf", "-sW", module).splitlines():
        word = line.split()
        if len(word) == 8 and word[3] == "FUNC" and word[4] == "GLOBAL":
            found[word[7]] = Site(names.get(word[6]), int(word[1], 16))
    return found


def another_build(path):
    sys.exit(f"{path} is not from a run with this very module")


def read_hits(path, sites, functions):
    """The sites passed. Each area holds sections, found by a function in each."""
    begins, hits = {}, set()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if line == "lost\n":
                sys.exit(f"{path}: sites were passed that do not fit in its table")
            area, name, offset = line.split()
            if name == "site":
                below = [(start, section)
                         for section, start in begins.items()
                         if SECTIONS[section] == area and start <= int(offset, 16)]
                if not below:
                    another_build(path)
                start, section = max(below)
                hits.add(Site(section, int(offset, 16) - start))
            else:
                known = functions[name]
                begins[known.section] = int(offset, 16) - known.offset
    if not hits <= sites:
        another_build(path)
    return hits


@functools.cache
def text_of(file):
    return (TOP / file).read_text(encoding="utf-8").splitlines()


def place(function, where):
    path, _, line = where.partition(":")
    source = SOURCE.search(path)
    number = int(re.match(r"\d*", line).group() or 0)
    if not source:
        return Place(HEADERS, number, function, bool(CHECKS.match(function)))
    text = text_of(source.group(1))[number - 1] if number else ""
    return Place(source.group(1), number, function, bool(OUR_CHECKS.search(text)))


def places(module, sites):
    """The project's line of each site, or else what the kernel's headers put there."""
    found = {}
    for section in SECTIONS:
        mine = sorted(site for site in sites if site.section == section)
        # The call itself, and not what comes after it.
        asked = "".join(f"{site.offset - CALL_SIZE:#x}\n" for site in mine)
        text = output("addr2line", "-a", "-i", "-f", "-e", module, "-j", section,
                      stdin=asked)
        answers = re.split(r"^0x[0-9a-f]+\n", text, flags=re.M)[1:]
        for site, answer in zip(mine, answers, strict=True):
            frames = answer.splitlines()
            lines = [place(function, where)
                     for function, where in zip(frames[::2], frames[1::2])]
            ours = [line for line in lines if line.file != HEADERS]
            found[site] = (ours or lines)[0]._replace(check=lines[0].check)
    return found


def row(name, hit, total):
    print(f"{name:40} {hit:5}/{total:<5} {100 * hit / total:5.1f}%")


def show_missing(sites, hits, where):
    """Functions and lines with sites that were not passed."""
    functions = collections.defaultdict(set)
    for site in sites:
        functions[where[site].file, where[site].function].add(site)
    checks = sum(where[site].check for site in sites - hits)
    print(f"{checks} sites were not passed that report a failed check of the kernel's;"
          f" {len(sites - hits) - checks} others:")
    hits = hits | {site for site in sites if where[site].check}
    for (file, function), mine in sorted(functions.items()):
        missing = mine - hits
        if missing == mine:
            line = min(where[site].line for site in mine)
            print(f"{file}:{line}: {function}(): never called")
        elif missing:
            lines = sorted({where[site].line for site in missing})
            print(f"{file}: {function}(): lines {', '.join(map(str, lines))}")


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", metavar="KO")
    parser.add_argument("hits", metavar="HITS", nargs="+")
    parser.add_argument("--missing", action="store_true",
                        help="what was not run, by function and line")
    parser.add_argument("--least", type=float, default=0, metavar="PERCENT",
                        help="fail below this total")
    arguments = parser.parse_args()

    sites, reports = all_sites(arguments.module)
    functions = symbols(arguments.module)
    hits = set()
    for path in arguments.hits:
        hits |= read_hits(path, sites, functions)
    where = {site: line._replace(check=line.check or site in reports)
             for site, line in places(arguments.module, sites).items()
             if not MADE_UP.match(line.function)}
    sites &= where.keys()
    hits &= where.keys()

    files = collections.Counter(where[site].file for site in sites)
    passed = collections.Counter(where[site].file for site in hits)
    if arguments.missing:
        show_missing(sites, hits, where)
    for file in sorted(files):
        row(file, passed[file], files[file])
    reachable = {site for site in sites if site in hits or not where[site].check}
    row("total", len(hits), len(sites))
    row("total, without reports", len(hits), len(reachable))
    if 100 * len(hits) < arguments.least * len(sites):
        sys.exit(f"less than {arguments.least:g} %")


if __name__ == "__main__":
    main()
