#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""check_layout.py [-w PIXELS] [-s DIR] HTML_DIR

Load each page of HTML_DIR in a headless browser whose window is 1280 pixels wide. Print each page
that scrolls sideways, each element whose content is wider than the element, and each word that is
broken into two lines. Exit with 1 if there is one, with 2 if the pages were not checked, for
example because no browser is installed. $BROWSER names the browser, else it is chromium or Chrome.

-w sets another width. -s DIR also stores a picture of each page, as a PNG file in DIR.
"""
import argparse
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Runs in the page. A word is a run of letters, digits and underscores: a line may end behind a
# hyphen or a slash.
MEASURE = r"""
<script>
window.addEventListener("load", () => {
	const faults = [], root = document.documentElement;
	const text = (node) => node.textContent.trim().replace(/\s+/g, " ").slice(0, 60);
	if (root.clientWidth != WIDTH)
		faults.push(["width", "the window has " + root.clientWidth + " pixels, not WIDTH"]);
	if (root.scrollWidth > root.clientWidth)
		faults.push(["page", "scrolls sideways: " + root.scrollWidth + " > " + root.clientWidth]);
	for (const element of document.body.querySelectorAll("*")) {
		if (getComputedStyle(element).display.startsWith("inline"))
			continue;
		if (element.clientWidth && element.scrollWidth > element.clientWidth + 1)
			faults.push([element.tagName.toLowerCase(), element.scrollWidth + " > " +
				     element.clientWidth + " pixels: " + text(element)]);
	}
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const range = document.createRange();
	let words = 0;
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		for (const word of node.data.matchAll(/[\p{L}\p{N}_]+/gu)) {
			range.setStart(node, word.index);
			range.setEnd(node, word.index + word[0].length);
			words++;
			const tops = new Set(Array.from(range.getClientRects(), (r) => Math.round(r.top)));
			if (tops.size > 1)
				faults.push(["word", word[0]]);
		}
	}
	const result = document.createElement("pre");
	result.id = "layout-result";
	result.textContent = JSON.stringify({ words: words, faults: faults });
	document.body.appendChild(result);
});
</script>
"""

# A page with a fault of each kind, without which a silent check would prove nothing.
BROKEN = """<!DOCTYPE html><title>broken</title><body>
<div style="width: 1400px">wide</div>
<div style="width: 100px; overflow: hidden"><p style="width: 200px">cut</p></div>
<table style="table-layout: fixed; width: 60px"><tr>
<td style="overflow-wrap: anywhere">NdisMRegisterScatterGatherDma</td></tr></table>
"""


def find_browser():
    """Return the path of a browser, or None."""
    names = [os.environ["BROWSER"]] if os.environ.get("BROWSER") else BROWSERS
    return next(filter(None, map(shutil.which, names)), None)


def browse(browser, url, width, *arguments):
    """Load @url, and return what the browser prints."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless", "--disable-gpu", "--hide-scrollbars",
                   "--user-data-dir=" + profile, "--window-size=%d,1000" % width, *arguments, url]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=120, check=False, text=True).stdout


def measure(browser, page, width):
    """Return the faults of @page, or None if the browser did not answer."""
    copy = page.with_name(".layout-" + page.name)
    copy.write_text(page.read_text() + MEASURE.replace("WIDTH", str(width)))
    try:
        for _ in range(3):
            try:
                dom = browse(browser, copy.as_uri(), width, "--dump-dom")
            except subprocess.TimeoutExpired:
                continue
            found = re.search(r'<pre id="layout-result">(.*?)</pre>', dom, re.S)
            if found:
                result = json.loads(html.unescape(found.group(1)))
                return result["faults"] if result["words"] else None
    finally:
        copy.unlink()
    return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("-w", dest="width", type=int, default=1280)
    parser.add_argument("-s", dest="pictures", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    args = parser.parse_args()

    def unchecked(text):
        print(f"{parser.prog}: {text}", file=sys.stderr)
        sys.exit(2)

    browser = find_browser()
    if not browser:
        unchecked("the pages were not checked: no browser; install chromium, or set BROWSER")
    top = args.directory.resolve()
    pages = sorted(page for page in top.rglob("*.html") if "_static" not in page.parts and
                   not page.name.startswith("."))
    if not pages:
        unchecked(f"{args.directory}: no page; run make docs")

    with tempfile.TemporaryDirectory() as folder:
        broken = pathlib.Path(folder, "broken.html")
        broken.write_text(BROKEN)
        faults = measure(browser, broken, args.width)
        if faults is None:
            unchecked(f"{browser}: loads no page")
        kinds = {kind for kind, _ in faults}
        if not {"page", "div", "word"} <= kinds:
            unchecked(f"{browser}: finds {', '.join(sorted(kinds)) or 'nothing'} in a broken page")

    wrong = 0
    for page in pages:
        name = page.relative_to(top)
        faults = measure(browser, page, args.width)
        if faults is None:
            unchecked(f"{name}: the browser did not load it")
        for kind, text in faults:
            print(f"{name}: {kind}: {text}")
        wrong += len(faults)
        if args.pictures:
            args.pictures.mkdir(parents=True, exist_ok=True)
            picture = args.pictures / (str(name.with_suffix("")).replace("/", "-") + ".png")
            browse(browser, page.as_uri(), args.width, f"--screenshot={picture.resolve()}")
    print(f"{len(pages)} pages, {wrong} faults at {args.width} pixels")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
