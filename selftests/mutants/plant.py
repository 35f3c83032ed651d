#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""plant.py SEED list | SEED ID: faults at random places of the core's functions (kernel/, without tests and
prototypes). `list` prints all, in the order of the draw: ID, file, function, operator. With an ID of the
list (or its beginning) the fault is printed as a patch.

The place in the order is a hash of the seed and of what the fault changes: the function, the operator and the
statement, but neither the file nor the line. So a change of the tree adds faults to the order and removes
those of what is gone; the others stay in order, with the same IDs.
"""
import difflib
import hashlib
import re
import subprocess
import sys

SKIP = re.compile(r'^kernel/(tests|prototypes)/|/gen\.c$|testing\.c$')
# Calls that change nothing that a test could see.
SILENT = r'(?!(?:WARN\w*|lockdep_\w+|might_\w+|cond_resched\w*|BUILD_BUG\w*|static_assert|pr_\w+|dev_\w+|prefetch\w*)\()'

# Operator, what it finds in a function without comments and strings, and what it writes there: a text, or a
# function of the match. Group 1 is what is replaced, and must be there.
REPLACED = (
    ('call', r'^\t+(' + SILENT + r'[a-z_]\w*\([^;{}]*\);)$', ';'),
    ('assignment', r'^\t+([*]?[a-z_][\w>.\[\]-]* [-+|&]?= [^;{}]*;)$', ';'),
    ('jump', r'^\t+((?:goto \w+|break|continue);)$', ';'),
    ('error', r'^\t+return (-E[A-Z0-9]+);', '0'),
    ('error', r'^\t+return (0);', '-EIO'),
    ('error', r'\b(NDSHM_REASON_(?!NONE\b)\w+);', 'NDSHM_REASON_NONE'),
    ('error', r'^\t+return (NDSHM_REASON_NONE);', 'NDSHM_REASON_MEMORY'),
    ('error', r'\b((?:NDIS|NDSHM)_STATUS_(?!SUCCESS\b)\w+);', 'NDSHM_STATUS_SUCCESS'),
    ('error', r'^\t+return (true|false);', lambda text: 'false' if text == 'true' else 'true'),
    ('compare', r'[\w)\]] (<=?|>=?|[=!]=) ', lambda text: {'<': '<=', '<=': '<', '>': '>=', '>=': '>',
                                                           '==': '!=', '!=': '=='}[text]),
    ('logic', r' (&&|\|\|)(?=\s)', lambda text: '||' if text == '&&' else '&&'),
    ('one', r'[\w)\]]( [-+] 1)\b', ''),
    ('one', r' (0);', '1'),
    ('sign', r'[\w)\]] ([-+]) (?!1\b)', lambda text: '-' if text == '+' else '+'),
    ('count', r'(\+\+|--)', lambda text: '--' if text == '++' else '++'),
    ('bits', r'[\w)\]] ([|&]) ', lambda text: '&' if text == '|' else '|'),
    ('not', r'[\s(](!)(?!=)', ''),
)
REPLACED = tuple((name, re.compile(find, re.M), new) for name, find, new in REPLACED)
CONDITION = re.compile(r'\b(?:if|while) (\()')


def masked(text):
    """The text with blanks for comments, strings and lines of the preprocessor."""
    parts = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^#(?:[^\n\\]|\\.)*'
    return re.sub(parts, lambda found: re.sub(r'[^\n]', ' ', found[0]), text, flags=re.S | re.M)


def functions(code):
    """Yield the name of each function, and where its body begins and ends."""
    for found in re.finditer(r'^([a-z][^\n;{}]*(?:\n[^\n;{}]+)*)\n\{\n(.*?)^\}', code, re.M | re.S):
        name = re.search(r'(\w+)\(', found[1])
        if name:
            yield name[1], found.start(2), found.end(2)


def closing(code, start):
    """Where the bracket that is opened at start is closed."""
    depth = 0
    for at in range(start, len(code)):
        depth += {'(': 1, ')': -1}.get(code[at], 0)
        if not depth:
            return at
    return None


def changes(code, start, end):
    """Yield each change of a function: operator, beginning, end, new text."""
    for operator, find, new in REPLACED:
        for found in find.finditer(code, start, end):
            text = new if isinstance(new, str) else new(found[1])
            # As many lines as before, or all line numbers behind would change the object.
            yield operator, found.start(1), found.end(1), text + '\n' * found[1].count('\n')
    for found in CONDITION.finditer(code, start, end):
        last = closing(code, found.start(1))
        if last:
            yield 'negate', found.start(1), last + 1, f'(!{code[found.start(1):last + 1]})'


def faults(seed):
    """All faults in the order of the draw: ID, path, function, operator, text before and after."""
    paths = subprocess.run(['git', 'ls-files', 'kernel/*.c'], check=True, capture_output=True, text=True).stdout
    drawn = []
    for path in (path for path in paths.split() if not SKIP.search(path)):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        code, met = masked(text), {}
        for function, start, end in functions(code):
            for operator, first, last, new in sorted(changes(code, start, end), key=lambda row: row[1:3]):
                begin, stop = code.rfind('\n', 0, first) + 1, code.find('\n', last)
                what = (function, operator, text[begin:stop].strip(), code[begin:first].strip(), new.strip())
                met[what] = met.get(what, 0) + 1
                key = hashlib.sha256(repr((seed, what, met[what])).encode()).hexdigest()
                drawn.append((key[:10], path, function, operator, text, text[:first] + new + text[last:]))
    return sorted(drawn, key=lambda row: row[:2])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    seed, wanted = sys.argv[1:]
    if wanted == 'list':
        for row in faults(seed):
            print(*row[:4])
        return
    for name, path, function, operator, before, after in faults(seed):
        if not name.startswith(wanted):
            continue
        print(f'SPDX-License-Identifier: GPL-2.0\n{function}(), {operator}: planted at random ({seed} {name}).\n')
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True),
                                                   'a/' + path, 'b/' + path))
        return
    sys.exit(f'plant.py: no fault {wanted}')


if __name__ == '__main__':
    main()
