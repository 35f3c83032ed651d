# SPDX-License-Identifier: GPL-2.0
# For: make docs
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

project = "ndshm"
exclude_patterns = ["examples"]
extensions = ["api", "tables"]
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {
    "description": "shared memory for devices and processes",
    "page_width": "auto",
    "body_max_width": "none",
    "sidebar_width": "230px",
    "fixed_sidebar": False,
    "font_family": "Georgia, 'DejaVu Serif', serif",
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_static_path = ["static"]
html_css_files = ["ndshm.css"]
html_show_copyright = False
html_copy_source = False
