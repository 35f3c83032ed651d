#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# The API pages: each is made of the comments and declarations of headers.
#
# In a page, `.. api:: HEADER` shows every documented declaration of a header (the path is that from
# the top of the tree), and `.. api-doc:: HEADER TITLE` one "DOC: TITLE" comment. Sphinx loads this
# file as an extension (conf.py).
#
# `api.py --check` needs no Sphinx: it prints each symbol that the module exports, and each function
# in the library's symbol map, that no page shows with a description, and fails if there is one.
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNEL_DOC = re.compile(r"^(?:(struct|enum|union|typedef) )?([A-Za-z_0-9]+)(?:\(\))? - (.*)$")
NAME = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)\s*\(")


def plain(text):
    """Return the text of a comment as reStructuredText without markup but literals."""
    parts = re.split(r"(``[^`]+``|`[^`]+`)", text)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = "``" + part.strip("`") + "``"
        else:
            part = re.sub(r"([\\*|`])", r"\\\1", part)
            part = re.sub(r"@([A-Za-z_][A-Za-z_0-9]*)", r"*\1*", part)
            parts[i] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", part)
    # A literal must not touch a word.
    return re.sub(r"(``[^`]+``)(?=\w)", r"\1\\ ", "".join(parts))


def comment_lines(comment):
    body = re.sub(r"^/\*+|\*/$", "", comment.strip())
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in body.split("\n")]
    return [lines[0].strip()] + lines[1:]


def declaration_end(text, start):
    """Return the index behind a declaration: a semicolon, or the end of an inline body."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "({":
            depth += 1
        elif text[i] in ")}":
            depth -= 1
            if not depth and text[i] == "}" and re.search(r"\)\s*\{", text[start:i]):
                return i + 1
        elif text[i] == ";" and not depth:
            # A comment behind it belongs to it.
            rest = re.match(r"[ \t]*/\*[^\n]*\*/", text[i + 1:])
            return i + 1 + (rest.end() if rest else 0)
    return len(text)


def signature(declaration):
    """Return a declaration as it is shown: no inline body, no private members."""
    if re.match(r"static inline", declaration):
        declaration = re.sub(r"\s*\{.*", ";", declaration, flags=re.S)
    return re.sub(r"\n[ \t]*/\* private: \*/.*?(\n\})", r"\1", declaration, flags=re.S).expandtabs(8)


def name_of(declaration):
    """Return the name that a declaration declares, and whether it is a function."""
    typedef = re.match(r"typedef[^;{]*?\(\*?\s*(\w+)\)", declaration)
    if typedef:
        return typedef.group(1), False
    typedef = re.match(r"typedef\b.*\}\s*(\w+)", declaration, flags=re.S) or \
        re.match(r"typedef\b[^;]*?(\w+);", declaration)
    if typedef:
        return typedef.group(1), False
    tag = re.match(r"(?:struct|enum|union)\s+(\w+)\s*\{", declaration)
    if tag:
        return tag.group(1), False
    called = NAME.search(declaration)
    return (called.group(1), True) if called else (None, False)


def kernel_doc(lines):
    """Split a kernel-doc comment: brief, members, paragraphs, and the sections with a name."""
    match = KERNEL_DOC.match(lines[0])
    brief, members, text, named = match.group(3), [], [], []
    current = None
    for line in lines[1:]:
        member = re.match(r"@([\w.]+(?:\.\.\.)?):\s*(.*)$", line)
        section = re.match(r"(Context|Return|Note):\s*(.*)$", line)
        if member:
            current = [member.group(1), [member.group(2)]]
            members.append(current)
        elif section:
            current = [section.group(1), [section.group(2)]]
            named.append(current)
        elif not line:
            if current is not None and current in named:
                current[1].append("")
            else:
                current = None
            text.append("")
        elif current is not None:
            current[1].append(line.strip())
        else:
            text.append(line)
    return brief, members, text, named


def parse(path):
    """Yield each documented item of a header: kind, names, declarations, comment, position."""
    with open(os.path.join(TOP, path)) as file:
        text = file.read()
    at, comment = 0, None
    while True:
        token = re.compile(r"/\*.*?\*/|^#(?:[^\n\\]|\\\n|\\.)*\n|^\w[^\n]*|\n[ \t]*\n", re.S | re.M).search(text, at)
        if not token:
            return
        found = token.group(0)
        if found.startswith("/*"):
            at, comment = token.end(), found
            lines = comment_lines(comment)
            first = next((line for line in lines if line), "")
            if first.startswith("DOC: "):
                yield "doc", [first[5:]], [], lines
                comment = None
        elif not found.strip():
            at = token.end() - 1
            comment = None
            # Consecutive declarations share the comment above the first of them.
        elif found.startswith("#"):
            at, comment = token.end(), comment if found.startswith("#ifdef __cplusplus") else None
        elif re.match(r'extern "C"|}', found):
            at, comment = token.end(), None
        else:
            at = declaration_end(text, token.start())
            declaration = text[token.start():at]
            name, function = name_of(declaration)
            forward = re.match(r"struct \w+;", declaration)
            own = re.search(r";[ \t]*(/\*.*\*/)$", declaration)
            if not name and not forward:
                continue
            if forward:
                if not own:
                    continue
                name = forward.group(0)[7:-1]
            kind = "function" if function else "type"
            yield kind, [name], [signature(declaration)], comment_lines(comment) if comment else \
                comment_lines(own.group(1)) if own else []


def items(path):
    """Return the items of a header, consecutive declarations below one comment joined."""
    joined = []
    for kind, names, declarations, lines in parse(path):
        last = joined[-1] if joined else None
        if last and lines and last[3] == lines and last[0] == kind != "doc":
            last[1].extend(names)
            last[2].extend(declarations)
        else:
            joined.append((kind, list(names), list(declarations), lines))
    return joined


def stripped(lines):
    while lines and not lines[0]:
        lines = lines[1:]
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def render(path, underline):
    """Return the page's part for a header, as lines of reStructuredText."""
    out = []
    for kind, names, declarations, lines in items(path):
        lines = stripped(lines)
        if kind == "doc" or (kind == "type" and not lines and "{" not in declarations[0]):
            continue
        title = ", ".join(name + ("()" if kind == "function" else "") for name in names)
        if kind == "type" and declarations[0].startswith("struct "):
            title = "struct " + title
        out += ["", title, underline * len(title), ""]
        if lines and KERNEL_DOC.match(lines[0]):
            brief, members, text, named = kernel_doc(lines)
        else:
            brief, members, text, named = None, [], lines, []
        if brief:
            out += [plain(brief[0].upper() + brief[1:]) + ".", ""]
        out += [".. code-block:: c", ""]
        for declaration in declarations:
            out += ["   " + line for line in declaration.split("\n")]
        out += [""]
        for name, description in members:
            out += [":" + name + ": " + plain(" ".join(stripped(description)))]
        out += [""] + [plain(line) for line in stripped(text)] + [""]
        for name, description in named:
            out += ["*" + name + "*: " + plain(" ".join(stripped(description))), ""]
    return out


def doc_comment(path, title):
    for kind, names, _, lines in items(path):
        if kind == "doc" and names == [title]:
            lines = stripped(lines)[1:]
            return [""] + lines + [""]
    raise ValueError("%s has no DOC: %s" % (path, title))


def check():
    pages = {}
    for folder, _, files in os.walk(os.path.join(TOP, "Documentation")):
        for page in files:
            if page.endswith(".rst"):
                with open(os.path.join(folder, page)) as file:
                    for path in re.findall(r"^\.\. api:: (\S+)$", file.read(), re.M):
                        pages[path] = page
    kernel, library = set(), set()
    for path in pages:
        for kind, names, _, lines in items(path):
            if kind == "function" and stripped(lines):
                (library if path.startswith("userlib/") else kernel).update(names)

    exported = set()
    for folder, _, files in os.walk(os.path.join(TOP, "kernel")):
        if "/tests" in folder[len(TOP):]:
            continue
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name)) as file:
                    # What only test builds have is no part of the interface.
                    text = re.sub(r"^#ifdef NDSHM_TEST_MODULES$.*?^#endif$", "", file.read(), flags=re.M | re.S)
                    exported.update(re.findall(r"^EXPORT_SYMBOL(?:_GPL)?\((\w+)\);", text, re.M))
    symbols = set()
    source = os.path.join(TOP, "userlib", "src")
    for name in os.listdir(source):
        if name.endswith(".map"):
            with open(os.path.join(source, name)) as file:
                symbols.update(re.findall(r"^\t(\w+);", file.read(), re.M))
    wrong = ["%s: exported, and no API page describes it" % name for name in sorted(exported - kernel)]
    wrong += ["%s: in the library, and no API page describes it" % name for name in sorted(symbols - library)]
    if len(exported) < 10 or len(symbols) < 10:
        wrong.append("found %d exported symbols and %d functions only" % (len(exported), len(symbols)))
    print("\n".join(wrong) if wrong else
          "%d exported symbols and %d functions of the library have an API page" % (len(exported), len(symbols)))
    return 1 if wrong else 0


def setup(app):
    from docutils.parsers.rst import Directive
    from docutils.statemachine import StringList

    class Api(Directive):
        required_arguments = 1

        def insert(self, path, lines):
            self.state.document.settings.env.note_dependency(os.path.join(TOP, path))
            self.state_machine.insert_input(StringList(lines, source=path), path)
            return []

        def run(self):
            return self.insert(self.arguments[0], render(self.arguments[0], "-"))

    class ApiDoc(Api):
        final_argument_whitespace = True

        def run(self):
            path, title = self.arguments[0].split(None, 1)
            return self.insert(path, doc_comment(path, title))

    app.add_directive("api", Api)
    app.add_directive("api-doc", ApiDoc)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        sys.exit("usage: api.py --check")
    sys.exit(check())
