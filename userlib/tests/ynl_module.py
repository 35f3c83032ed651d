#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
ynl_module.py YNL SPEC NDSHM CARD: the kernel's ynl (its directory YNL) reads the family by its
specification SPEC: it dumps every table, asks for one object, and receives events. The objects must
be those that the command NDSHM lists; CARD is an adapter with claims. Must run as root, as the only
user of the module. Prints TAP.
"""
import json
import os
import select
import subprocess
import sys
import time

ynl_dir, spec, ndshm, card = sys.argv[1:]
sys.path.insert(0, ynl_dir)
from lib import NlError, YnlFamily  # noqa: E402

number = failed = 0


def check(name, good, seen=""):
    global number, failed
    number += 1
    print("ok" if good else "not ok", number, "-", name, flush=True)
    if not good:
        failed += 1
        print("#", seen)


def listed(kind):
    return json.loads(subprocess.check_output([ndshm, "list", kind, "--json"]))


def command_line(*words):
    return json.loads(subprocess.check_output(
        [sys.executable, os.path.join(ynl_dir, "cli.py"), "--spec", spec, "--no-schema",
         "--output-json", *words]))


def hold(*words):
    """Start the command; it has its objects when it prints its first line."""
    process = subprocess.Popen([ndshm, *words, "--hold"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def end(process):
    process.stdin.close()
    process.stdout.close()
    return process.wait()


family = YnlFamily(spec, "")
block = hold("alloc", "--length", "64K", "--provider", "pages")
section = hold("section", "create", "--max", "1M", "--initial", "64K", "--name", "ynl")

for kind in "adapters", "providers", "blocks", "sections", "queues":
    dumped = family.dump(kind[:-1] + "-get", {})
    rows = listed(kind)
    check(f"{kind}: as many as the command lists", len(dumped) == len(rows), (dumped, rows))
    check(f"{kind}: of the same ids",
          sorted(row["id"] for row in dumped) == sorted(row["id"] for row in rows), (dumped, rows))
    if kind == "queues":
        continue
    check(f"{kind}: there are some", dumped)
    one = family.do(kind[:-1] + "-get", {"id": dumped[0]["id"]})
    check(f"{kind}: one of them", one == dumped[0], (one, dumped[0]))

named = [row for row in command_line("--dump", "section-get") if row.get("name") == "ynl"]
check("sections: the one with a name", len(named) == 1 and named[0]["max-size"] == 1 << 20, named)

check("one by its name", family.do("adapter-get", {"name": card})["name"] == card)
try:
    family.do("block-get", {"id": 0xffffffff})
    check("an unknown block is an error", False)
except NlError as error:
    check("an unknown block is an error", error.nl_msg.error == -2 and
          "no such object" in error.nl_msg.extack.get("msg", ""), error.nl_msg.extack)

check("the command ends: block", end(block) == 0)
check("the command ends: section", end(section) == 0)

# A socket that has sent a request cannot subscribe.
listener = YnlFamily(spec, "")
listener.ntf_subscribe("events")
check("a claim", subprocess.call([ndshm, "alloc", "--adapter", card], stdout=subprocess.DEVNULL) == 0)
heard = []
limit = time.monotonic() + 30
while len(heard) < 2 and time.monotonic() < limit:
    select.select([listener.sock], [], [], 1)
    listener.check_ntf()
    heard += [(message["name"], message["msg"]["name"]) for message in listener.async_msg_queue]
    listener.async_msg_queue.clear()
check("its begin and its end are events",
      heard == [("adapter-claimed-ntf", card), ("adapter-released-ntf", card)], heard)

print(f"1..{number}")
print(f"{number - failed} passed, {failed} failed")
sys.exit(failed != 0)
