#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# names.sh PAGE: what a manual page is about, one name a line; the first is its own.
awk '
	/^\.SH/ { here = $2 == "NAME"; next }
	here {
		end = sub(/\\-.*/, "")
		gsub(/,/, " ")
		for (i = 1; i <= NF; i++)
			print $i
		if (end)
			exit
	}' "$1"
