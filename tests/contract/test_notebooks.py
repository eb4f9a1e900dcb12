"""The notebooks of examples/ are pages of the site, and open in Colab."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("[0-9]_*.py"))


@pytest.fixture(scope="module")
def notebooks() -> ModuleType:
    """The extension of the site, which no package imports."""
    pytest.importorskip("jupytext")
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "docs/_ext/notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_has_a_page_with_all_of_its_code(name: str, notebooks: ModuleType) -> None:
    stub = (ROOT / f"docs/notebooks/{name}.md").read_text(encoding="utf-8")
    assert notebooks.PAGE.match(stub)[1] == name
    lines = notebooks.page(name).splitlines()
    assert lines[0].startswith("# ")
    assert f'<a href="{name}.ipynb" download>' in lines[2]
    source = code((ROOT / f"examples/{name}.py").read_text(encoding="utf-8"))
    assert len(source) > 10
    assert [line for line in source if line not in lines] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_has_the_cells_of_the_script_and_the_same_identifiers_every_time(
    name: str, notebooks: ModuleType
) -> None:
    import nbformat

    notebook = notebooks.read(name)
    nbformat.validate(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    script = (ROOT / f"examples/{name}.py").read_text(encoding="utf-8")
    assert code("\n".join(cells)) == code(script)
    assert notebook == notebooks.read(name)


def test_only_a_site_built_from_a_repository_has_badges(notebooks: ModuleType) -> None:
    assert "colab" not in notebooks.page(NAMES[0])
    page = notebooks.page(NAMES[0], "someone/aimkit")
    assert f"colab.research.google.com/github/someone/aimkit/blob/gh-pages/notebooks/{NAMES[0]}.ipynb" in page
    cells = notebooks.read(NAMES[0], "someone/aimkit").cells
    assert cells[0].cell_type == "markdown"
    assert cells[1].source == "%pip install -q git+https://github.com/someone/aimkit"
