# SPDX-License-Identifier: GPL-2.0
# For: sphinx-build Documentation build/doc
project = "ndshm"
exclude_patterns = ["examples"]
highlight_language = "none"
