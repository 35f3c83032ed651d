# SPDX-License-Identifier: GPL-2.0
# For: make docs
project = "ndshm"
exclude_patterns = ["examples"]
highlight_language = "none"
