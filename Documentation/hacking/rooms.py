#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""rooms.py [--arrows] [--names] [--way PAGE] [--svg FILE] [--check FILE] [TOP]

Print how the folders of kernel/ depend on each other: by includes and by calls, both read
from the sources. A source and the header of the same name count as one file. A use of a
function's name counts as a call, in an initializer, too. Public headers, tests and prototypes are
left out, except that prototypes must not include private headers.

--arrows lists each arrow that points upward and the members of each circle.
--svg draws the folders and the arrows between them; --check fails if the picture in FILE is
another one or if a limit is exceeded, with --names also for a function's name.

--way follows the calls of a BLOCK_ALLOC, and prints the files that it enters and the calls of
functions of another file. PAGE has two tables: the functions on the way, and those that are called
from there in other cases only. With --check a call that is in neither table is an error, and so is
a row that is never reached or names another file.
"""
import argparse
import collections
import pathlib
import re
import signal
import sys

# From the bottom to the top. A file may use its own floor's rooms' headers and those below; rooms
# beside each other do not use each other.
FLOORS = [["base"], ["account"], ["registration"], ["adapter"], ["block"], ["section"], ["dmabuf"],
          ["cdev", "netlink"], ["device", "ndis", "providers"], ["main"]]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# These use kernel/include and nothing private. Excepted are files that implement a part of
# kernel/include, or ioctls; the other files of the room do not include their headers.
STRANGERS = ("device", "ndis", "providers", "prototypes")
PRIVATE = ("device/claim", "device/claim_ioctl", "ndis/packet", "ndis/request")
# Objects that functions of a room have in their names beside structures, files and rooms.
OBJECTS = {"netlink": ["nl"], "prototypes": ["nic", "edu"]}
# NDIS's names, and what the kernel calls.
FOREIGN = re.compile(r"(Ndis|Net|init_module$|cleanup_module$)")
MOST_IN_CIRCLE, MOST_UPWARD, MOST_PERCENT = 3, 10, 20
# Of a BLOCK_ALLOC: files and calls.
MOST_WAY = 8, 11
# Calls through pointers: an ioctl's handler, and a provider's.
POINTERS = {"ndshm_ioctl": "ndshm_ioctl_block_alloc", "block_alloc_memory": "pages_allocate"}

NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\])+'", re.S)
INCLUDE = re.compile(r'^#\s*include "([^"]+)"', re.M)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
# A name, its parameters, attributes and the brace in the first column.
FUNCTION = re.compile(r"^(?!\s|typedef|struct \w+ \{)((?:[\w*,() \t]|\n(?=[\w*\t ]))*?)"
                      r"\b(\w+)\(((?:[^(){};]|\([^(){};]*\))*)\)\s*(?:__\w+\([^)]*\)\s*)*\n\{", re.M)
CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\(")
ROW = re.compile(r"^   \* - ``(\w+)``\n     - ``([\w/.]+)``$", re.M)
STRUCT = re.compile(r"^struct (?:ndshm_|_)?(\w+) \{", re.M)
WORD = re.compile(r"(?<![\w.>])[A-Za-z_]\w*")


def in_braces(text):
    """Bodies and initializers: no declarations."""
    depth = 0
    for piece in re.split(r"([{}])", text):
        depth += {"{": 1, "}": -1}.get(piece, 0)
        if depth:
            yield piece + " "


class File:
    """A source or header: what it includes, defines and uses."""

    def __init__(self, top, path):
        self.path = path
        self.room = path.parts[1] if len(path.parts) > 2 else path.stem
        self.part = path.with_suffix("")
        text = NOISE.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]),
                         (top / path).read_text())
        here = top / path.parent
        self.includes = {(here / name).resolve().relative_to(top) for name in INCLUDE.findall(text)
                         if (here / name).exists()}
        text = NOISE.sub(" ", DIRECTIVE.sub("", text))
        self.functions = {}     # name: static
        self.calls = {}         # name: words before a parenthesis in its body
        for match in FUNCTION.finditer(text):
            self.functions[match[2]] = "static" in match[1].split()
            body = text[match.end():text.find("\n}", match.end())]
            self.calls[match[2]] = CALL.findall(body)
        self.words = set(WORD.findall("".join(in_braces(text))))


def components(graph):
    """The strongly connected components of more than one node (Tarjan's algorithm)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in list(graph):
        if node not in index:
            visit(node)
    return sorted(found, key=len, reverse=True)


class Graph:
    """Arrows between files; @upward: those to a higher floor or to a room beside."""

    def __init__(self, name, arrows):
        self.name = name
        self.arrows = sorted(arrows)
        graph = collections.defaultdict(set)
        for source, target in arrows:
            graph[source].add(target)
            graph[target] |= set()
        self.circles = components(graph)
        self.upward = [arrow for arrow in self.arrows if self.points_up(*arrow)]

    @staticmethod
    def points_up(source, target):
        source, target = room_of(source), room_of(target)
        return source != target and FLOOR[source] <= FLOOR[target]

    @property
    def largest(self):
        return len(self.circles[0]) if self.circles else 0


def room_of(part):
    return part.parts[1]


def is_stranger(part):
    return room_of(part) in STRANGERS and str(part.relative_to("kernel")) not in PRIVATE


def read(top):
    paths = sorted(path.relative_to(top) for path in (top / "kernel").rglob("*.[ch]"))
    return [File(top, path) for path in paths
            if path.parts[1] not in ("include", "tests") and not path.name.endswith(".mod.c")]


def include_arrows(files):
    return {(file.part, other.with_suffix("")) for file in files for other in file.includes
            if other.with_suffix("") != file.part}


def call_arrows(files):
    home = {name: file.part for file in files
            for name, static in file.functions.items() if not static or file.path.suffix == ".h"}
    arrows = set()
    for file in files:
        own = {name for name, static in file.functions.items() if static}
        for word in (file.words & home.keys()) - own:
            if home[word] != file.part:
                arrows.add((file.part, home[word]))
    return arrows


class Way:
    """The calls of a BLOCK_ALLOC, from file to file; inline functions belong to their callers."""

    def __init__(self, files, page):
        way, aside = page.read_text().split(".. the end of the way", 1)
        self.rows, self.aside = dict(ROW.findall(way)), dict(ROW.findall(aside))
        self.wrong, self.calls, self.files = [], [], []
        self.home = {name: file for file in files for name, static in file.functions.items()
                     if not static}
        self.inline = {name: file for file in files if file.path.suffix == ".h"
                       for name in file.functions}
        self.seen = set()
        self.enter(self.home["ndshm_ioctl"].path, "ndshm_ioctl", files)
        reached = {name for _, name in self.calls} | {"ndshm_ioctl"}
        for name in sorted((self.rows.keys() - reached) | (self.aside.keys() - self.seen)):
            self.wrong.append(f"{page}: {name}() is not called on the way")
        self.counts = len(set(self.files)), len(self.calls)

    def enter(self, path, name, files):
        self.by_path = {file.path: file for file in files}
        self.by_name = dict(self.home)
        for target in POINTERS.values():
            self.by_name[target] = next(file for file in files if target in file.functions)
        self.files.append(path)
        self.follow(path, name)

    def follow(self, path, name):
        """Follow the calls of @name, which is compiled into @path."""
        if (path, name) in self.seen:
            return
        self.seen |= {(path, name), name}
        file = self.by_path[path]
        file = file if name in file.calls else self.inline[name]
        for called in file.calls[name] + [POINTERS.get(name)]:
            if called in self.by_path[path].functions or called in self.inline:
                self.follow(path, called)
            elif called in self.aside:
                self.seen.add(called)
                self.check(self.aside, called)
            elif called in self.by_name and self.by_name[called].path != path:
                self.cross(path, called)

    def cross(self, path, called):
        target = self.by_name[called].path
        if called not in self.rows:
            self.wrong.append(f"{path}: calls {called}() of {target} on the way of a BLOCK_ALLOC")
        self.check(self.rows, called)
        if (path, called) not in self.calls:
            self.calls.append((path, called))
        if target not in self.files:
            self.files.append(target)
        self.follow(target, called)

    def check(self, rows, name):
        path = self.by_name[name].path.relative_to("kernel")
        if rows.get(name, str(path)) != str(path):
            self.wrong.append(f"{name}() is in {path}, not in {rows[name]}")


def objects(top, files):
    """What the name of a function can begin with: structures, files and rooms."""
    found = {file.path.stem for file in files} | {file.room for file in files} - {"main"}
    for path in [top / file.path for file in files] + [*(top / "kernel/include").rglob("*.h"),
                                                       *(top / "uapi").rglob("*.h")]:
        found |= set(STRUCT.findall(path.read_text()))
    return {name for noun in found for name in (noun, noun + "s", noun.removesuffix("s"))}


def bad_names(files, nouns):
    """Functions that a backtrace would not explain."""
    statics = collections.defaultdict(list)
    for file in files:
        own = tuple(noun + "_" for noun in nouns | set(OBJECTS.get(file.room, [])))
        driver = file.room == "prototypes"
        for name, static in file.functions.items():
            if static:
                statics[name].append(file.path)
            if name.startswith("ndshm_") or FOREIGN.match(name) or (driver and name[0].isupper()):
                continue
            if not static and not driver:
                yield f"{file.path}: {name}() is not static and has no prefix"
            elif not name.startswith(own) and file.path.name != "compat.h":
                yield f"{file.path}: {name}() does not begin with an object"
    for name, paths in sorted(statics.items()):
        if len(paths) > 1:
            yield f"{name}() is in {', '.join(map(str, paths))}"


def svg(graphs, files):
    """Rooms by floor, and an arrow for each pair of rooms, as wide as its calls are many."""
    width, height, gap = 120, 34, 70
    count = collections.Counter(file.room for file in files)
    place = {}
    for floor, rooms in enumerate(reversed(FLOORS)):
        for at, room in enumerate(rooms):
            x = 430 + (at - (len(rooms) - 1) / 2) * (width + 40)
            place[room] = (x + (0 if len(rooms) > 1 else (-1) ** floor * 150), 30 + floor * gap)
    between = collections.defaultdict(lambda: [0, 0])
    for kind, graph in enumerate(graphs):
        for source, target in graph.arrows:
            if room_of(source) != room_of(target):
                between[room_of(source), room_of(target)][kind] += 1
    total = 30 + len(FLOORS) * gap
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           "<!-- SPDX-License-Identifier: GPL-2.0; drawn by Documentation/hacking/rooms.py -->",
           f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {total}" '
           'font-family="sans-serif" font-size="13" text-anchor="middle">',
           '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
           'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
           '<path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>',
           f'<rect width="860" height="{total}" fill="white"/>']
    def points_up(pair):
        return FLOOR[pair[0]] <= FLOOR[pair[1]]

    for (source, target), (includes, calls) in sorted(between.items(),
                                                      key=lambda item: (points_up(item[0]), item[0])):
        up = points_up((source, target))
        (x1, y1), (x2, y2) = place[source], place[target]
        if up:
            x1, x2 = x1 + 12, x2 + 12
        y1, y2 = (y1, y2 + height) if up else (y1 + height, y2)
        out.append(f'<line x1="{x1:g}" y1="{y1}" x2="{x2:g}" y2="{y2}" '
                   f'stroke="{"#c02020" if up else "#8090a8"}" stroke-width="{1 + calls ** .5 / 2:.1f}" '
                   f'marker-end="url(#head)"><title>{source} to {target}: {includes} includes, '
                   f'{calls} calls</title></line>')
    for room, (x, y) in place.items():
        out.append(f'<rect x="{x - width / 2:g}" y="{y}" width="{width}" height="{height}" rx="5" '
                   f'fill="#eef2f8" stroke="#405070"/>')
        label = f"{room} ({count[room]})" if count[room] > 1 else f"{room}.c"
        out.append(f'<text x="{x:g}" y="{y + 22}">{label}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(usage=__doc__.strip())
    parser.add_argument("--arrows", action="store_true")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--way", type=pathlib.Path)
    parser.add_argument("--svg")
    parser.add_argument("--check")
    parser.add_argument("top", nargs="?", default=pathlib.Path(__file__).parents[2])
    options = parser.parse_args()
    top = pathlib.Path(options.top).resolve()
    everything = read(top)
    files = [file for file in everything if file.room != "prototypes"]
    graphs = [Graph("include", include_arrows(files)), Graph("call", call_arrows(files))]
    wrong = []

    for graph in graphs:
        print(f"{graph.name}: {len(graph.arrows)} arrows, {len(graph.upward)} upward, "
              f"{len(graph.circles)} circles, the largest of {graph.largest} files")
        if options.arrows:
            for source, target in graph.upward:
                print(f"  up: {source} -> {target}")
            for circle in graph.circles:
                print("  circle:", *circle)
        if graph.largest > MOST_IN_CIRCLE or len(graph.upward) > MOST_UPWARD:
            wrong.append(f"{graph.name}: a circle of more than {MOST_IN_CIRCLE} files, "
                         f"or more than {MOST_UPWARD} arrows upward; see --arrows")
    for room, count in collections.Counter(file.room for file in files).most_common():
        percent = 100 * count / len(files)
        print(f"{room}: {count} files, {percent:.0f} %")
        if percent > MOST_PERCENT:
            wrong.append(f"{room}: more than {MOST_PERCENT} % of the files")
    wrong += [f"{file.path}: includes {other}" for file in everything if is_stranger(file.part)
              for other in sorted(file.includes)
              if room_of(other) != file.room or not is_stranger(other.with_suffix(""))]
    if options.names:
        wrong += bad_names(everything, objects(top, everything))
    if options.way:
        way = Way(files, options.way)
        print("way of a BLOCK_ALLOC: {} files and {} calls".format(*way.counts))
        if options.arrows:
            for path, name in way.calls:
                print(f"  {path} -> {name}, {way.by_name[name].path}")
        wrong += way.wrong
        if any(count > most for count, most in zip(way.counts, MOST_WAY)):
            wrong.append(f"the way of a BLOCK_ALLOC is longer than {MOST_WAY}")
    picture = svg(graphs, files)
    if options.svg:
        pathlib.Path(options.svg).write_text(picture)
    if options.check:
        if pathlib.Path(options.check).read_text() != picture:
            wrong.append(f"{options.check}: another picture than --svg draws")
        print(*wrong, sep="\n", file=sys.stderr)
        sys.exit(1 if wrong else 0)
    if options.arrows:
        print(*wrong, sep="\n")


if __name__ == "__main__":
    main()
