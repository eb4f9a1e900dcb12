"""The notebooks of ``examples/`` as pages, and as .ipynb files beside them.

A page whose text is ``% notebook: NAME`` shows ``examples/NAME.py``. When GitHub Actions builds the site, which sets
``GITHUB_REPOSITORY``, every notebook has a badge that opens it in Colab, from the branch ``gh-pages``, to which the
workflow pushes the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from sphinx.application import Sphinx

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = re.compile(r"^% notebook: (\w+)\s*$")
COLAB = "https://colab.research.google.com"


def read(name: str, repository: str = "") -> NotebookNode:
    """A notebook of ``examples/``; with a repository, its first cell installs aimkit from there."""
    notebook = jupytext.read(EXAMPLES / f"{name}.py", fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    if repository:
        notebook.cells.insert(1, new_code_cell(f"%pip install -q git+https://github.com/{repository}"))
    for number, cell in enumerate(notebook.cells):  # Random identifiers would make every build differ.
        cell["id"] = f"cell-{number}"
    return notebook


def page(name: str, repository: str = "") -> str:
    """The page of a notebook, as Markdown: its title, the links, then its cells."""
    links = f'<a href="{name}.ipynb" download>Download as a Jupyter notebook</a>'
    if repository:
        url = f"{COLAB}/github/{repository}/blob/gh-pages/notebooks/{name}.ipynb"
        links = f'<a href="{url}"><img src="{COLAB}/assets/colab-badge.svg" alt="Open in Colab"></a> {links}'
    cells = read(name).cells
    parts = [cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```" for cell in cells]
    title, _, rest = parts[0].partition("\n")
    return "\n\n".join([title, links, rest, *parts[1:]]) + "\n"


def show(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the notebook in place of the text of its page."""
    found = PAGE.match(source[0])
    if found:
        app.env.note_dependency(str(EXAMPLES / f"{found[1]}.py"))
        source[0] = page(found[1], app.config.notebooks_repository)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the notebooks beside their pages."""
    if exception or app.builder.format != "html":
        return
    for docname in app.env.found_docs:
        found = PAGE.match(Path(app.env.doc2path(docname)).read_text(encoding="utf-8"))
        if found:
            target = Path(app.outdir, docname).with_name(f"{found[1]}.ipynb")
            jupytext.write(read(found[1], app.config.notebooks_repository), target, fmt="ipynb")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.add_config_value("notebooks_repository", os.environ.get("GITHUB_REPOSITORY", ""), "env", str)
    app.connect("source-read", show)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
