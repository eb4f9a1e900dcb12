"""Sphinx settings of the site: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

import aimkit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "aimkit"
author = "The aimkit authors"
copyright = "the aimkit authors"
version = release = aimkit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx_click",
    "plain_docstrings",
    "recipe_keys",
    "notebooks",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Docstrings tell dtypes and shapes; annotations would repeat them at length.
napoleon_attr_annotations = False

# Blocks without a language are shell.
highlight_language = "bash"

html_theme = "furo"
html_title = "aimkit"
html_static_path = ["_static"]
html_css_files = ["site.css"]

# Inventories of other projects need the network: `make docs INTERSPHINX=1` links to them.
intersphinx_mapping: dict[str, tuple[str, None]] = {}
nitpicky = False
