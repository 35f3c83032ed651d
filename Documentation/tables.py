# SPDX-License-Identifier: GPL-2.0
#
# Pages that are made of tables. `.. reasons::` shows uapi/reason_rows.h and the statuses, and
# `.. netlink-family:: FILE` the operations and attributes of a netlink specification (the path is
# that from the top of the tree). Sphinx loads this file as an extension (conf.py).
import os
import re

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROW = re.compile(r'NDSHM_REASON_ROW\((\w+), (\w+), (\w+), "([^"]+)", (\d+),\s*"((?:[^"\\]|\\.)+)"\)')
STATUS = re.compile(r"^#define (?:NDIS|NDSHM)_STATUS_(\w+)\s+\(?(?:__NDSHM_STATUS\(|\(NDIS_STATUS\))(0x[0-9A-F]+)U?\)", re.M)
STATUSES = "uapi/linux/ndshm_status.h"
NDIS_STATUSES = "kernel/include/ndshm/ndis_status.h"
REASONS = "uapi/reason_rows.h"


def read(path):
    with open(os.path.join(TOP, path)) as file:
        return file.read()


def section(title, underline):
    return ["", title, underline * len(title), ""]


def literals(names):
    return ", ".join("``%s``" % name for name in names)


def numbers(title, prefix, rows):
    line = "==========  ======================"
    return section(title, "=") + [line, "number      ``%s_STATUS_``" % prefix, line] + \
        ["%s  %s" % (number, name) for name, number in rows] + [line]


def reasons():
    """Return the part of the page about reasons and statuses."""
    rows = ROW.findall(read(REASONS))
    answered = {status for _, status, *_ in rows}
    never = sorted((row for row in STATUS.findall(read(NDIS_STATUSES)) if row[0] not in answered), key=lambda row: row[1])
    out = numbers("Statuses", "NDSHM", STATUS.findall(read(STATUSES))) + numbers("Never answered", "NDIS", never)
    out += section("Reasons", "=")
    for _, status, error, name, number, text in rows:
        text = text.replace('\\"', '"')
        out += ["``%s`` (%s, %s, %s)" % (name, number, status, error), "   " + text[0].upper() + text[1:] + ".", ""]
    return out


def operation(entry):
    out = section(entry["name"], "-") + [entry["doc"], ""]
    if "notify" in entry:
        out.append(":event: as a reply of ``%s``" % entry["notify"])
    for kind, content in (("event", entry.get("event")),
                          ("request", entry.get("do", {}).get("request")),
                          ("reply", entry.get("do", {}).get("reply")),
                          ("dump", entry.get("dump", {}).get("reply"))):
        if content:
            same = kind == "dump" and content == entry["do"].get("reply")
            out.append(":%s: %s" % (kind, "as a reply" if same else literals(content["attributes"])))
    if "attribute-set" in entry:
        out.append(":attributes: `%s`_" % entry["attribute-set"])
    if "mcgrp" in entry:
        out.append(":group: ``%s``" % entry["mcgrp"])
    return out


def netlink(path):
    """Return the page's part for a netlink specification."""
    spec = yaml.safe_load(read(path))
    out = ["", spec["doc"]] + section("Operations", "=")
    for entry in spec["operations"]["list"]:
        out += operation(entry)
    out += section("Groups", "=") + [literals(group["name"] for group in spec["mcast-groups"]["list"])]
    out += section("Attributes", "=")
    for attributes in spec["attribute-sets"]:
        out += section(attributes["name"], "-")
        for entry in attributes["attributes"]:
            if entry["type"] != "pad":
                out.append("- ``%s`` (%s)" % (entry["name"], entry["type"]) + (": " + entry["doc"] if "doc" in entry else ""))
    return out


def setup(app):
    from docutils.parsers.rst import Directive
    from docutils.statemachine import StringList

    class Table(Directive):
        def insert(self, lines, *paths):
            for path in paths:
                self.state.document.settings.env.note_dependency(os.path.join(TOP, path))
            self.state_machine.insert_input(StringList(lines, source=paths[0]), paths[0])
            return []

    class Reasons(Table):
        def run(self):
            return self.insert(reasons(), REASONS, STATUSES, NDIS_STATUSES)

    class NetlinkFamily(Table):
        required_arguments = 1

        def run(self):
            return self.insert(netlink(self.arguments[0]), self.arguments[0])

    app.add_directive("reasons", Reasons)
    app.add_directive("netlink-family", NetlinkFamily)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
