#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""chart.py JSON SVG

Draw the figures of a benchmark: a column for each place, a panel for each cycle and length, a bar
for each allocator. A vertical line is the goal of the allocator whose bar it crosses; the bar of one
that misses its goal is red.
"""
import html
import json
import sys

NAMES, BARS, COUNTS = 150, 200, 90
COLUMN = NAMES + BARS + COUNTS + 20
BAR, TITLE, HEAD = 18, 26, 56

COLOURS = {"ndshm": "#2f6f9f", "other": "#a9b4bd", "missed": "#b5382f", "goal": "#1d1d1d"}


def length_text(length):
    """4096 is 4 KiB."""
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if length >= size:
            return f", {length // size} {unit}"
    return ""


def panels(figures):
    """The figures of each place, by cycle and length; in the order of measurement."""
    found = {}
    for row in figures:
        if "median" in row:
            key = row["what"], row["length"]
            found.setdefault(key, {}).setdefault(row["place"], []).append(row)
    # A single figure is compared with nothing.
    return {key: of for key, of in found.items() if any(len(rows) > 1 for rows in of.values())}


class Chart:
    """The lines of an SVG."""

    def __init__(self, targets):
        self.lines = []
        self.goals = {(t["place"], t["what"], t["length"], t["subject"]): t
                      for t in targets if "goal" in t and t["raw"]}

    def text(self, x, y, text, more=""):
        self.lines.append(f'<text x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(text)}</text>')

    def bar(self, x, y, row, scale):
        target = self.goals.get((row["place"], row["what"], row["length"], row["subject"]))
        kind = "ndshm" if row["subject"].startswith("ndshm") else "other"
        if target and target["figure"] > target["goal"]:
            kind = "missed"
        self.text(x + NAMES - 6, y + BAR - 6, row["subject"], 'text-anchor="end"')
        self.lines.append(f'<rect x="{x + NAMES}" y="{y + 2}" height="{BAR - 4}" '
                          f'width="{row["median"] * scale:.1f}" fill="{COLOURS[kind]}"/>')
        self.text(x + NAMES + self.reach(row) * scale + 4, y + BAR - 6, f'{row["median"]:,.0f}')
        if target:
            at = x + NAMES + target["goal"] * scale
            self.lines.append(f'<path d="M{at:.1f} {y}v{BAR}" stroke="{COLOURS["goal"]}" '
                              f'stroke-width="2"><title>goal {target["goal"]:,.0f}</title></path>')

    def panel(self, x, y, rows):
        most = max(self.reach(row) for row in rows)
        for number, row in enumerate(rows):
            self.bar(x, y + TITLE + number * BAR, row, BARS / most if most else 0)

    def reach(self, row):
        """The figure or its goal, whichever is greater."""
        target = self.goals.get((row["place"], row["what"], row["length"], row["subject"]))
        return max(row["median"], target["goal"] if target else 0)

    def draw(self, document):
        places = list(dict.fromkeys(row["place"] for row in document["figures"]))
        y = HEAD
        for (what, length), of in panels(document["figures"]).items():
            for number, place in enumerate(places):
                if place in of:
                    x = number * COLUMN
                    self.text(x + 8, y + TITLE - 8, f"{what}{length_text(length)}", 'class="title"')
                    self.panel(x, y, of[place])
            y += TITLE + BAR * max(map(len, of.values())) + 6
        for number, place in enumerate(places):
            self.text(number * COLUMN + 8, HEAD - 8, place, 'class="place"')
        self.text(8, 20, f'Instructions on {document["kernel"]}, {document["machine"]}: '
                  'a line is a goal, red is a missed one', 'class="title"')
        return COLUMN * len(places), y + 8


def main():
    """Draw."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    chart = Chart(document["targets"])
    width, height = chart.draw(document)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
              f'width="{width}" height="{height}" font-family="sans-serif" font-size="11">', file=file)
        print("<style>.title{font-weight:bold}.place{font-size:14px;font-weight:bold}</style>",
              f'<rect width="{width}" height="{height}" fill="#fff"/>', *chart.lines, "</svg>",
              sep="\n", file=file)


if __name__ == "__main__":
    main()
