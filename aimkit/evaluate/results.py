"""Results on disk: results.json, results.md and report.html."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.evaluate.tables import group_table, markdown, summary_table
from aimkit.files import write_bytes
from aimkit.json_files import read_json
from aimkit.markdown import escape
from aimkit.recipe import expand

FORMAT = 1


def write_results(out: Path, result: Mapping[str, Any]) -> None:
    """Write results.json and results.md; ``result`` is what :func:`aimkit.evaluate.run.run` returns."""
    content = {"format": FORMAT, **result, "versions": versions()}
    write_bytes(out / "results.json", (json.dumps(content, indent=1) + "\n").encode())
    write_bytes(out / "results.md", as_markdown([result]).encode())


def read_results(path: str | Path) -> dict[str, Any]:
    """Read a results.json, or the one in a folder.

    Raises:
        AimkitError: It can't be read, or is no result of an evaluation.
    """
    file = expand(path)
    file = file / "results.json" if file.is_dir() else file
    content: dict[str, Any] = read_json(file, dict, "results file", "'aimkit evaluate' writes it")
    if not {"protocol", "images", "averages", "model"} <= set(content):
        raise AimkitError("the file holds no results of an evaluation", str(file), "'aimkit evaluate' writes them")
    if content.get("format") != FORMAT:
        raise AimkitError(f"the results have format {content.get('format')}, this aimkit reads {FORMAT}", str(file))
    return content


def as_markdown(results: list[Mapping[str, Any]]) -> str:
    """Summary and groups of results, with their protocols."""
    parts = ["# Evaluation", markdown(*summary_table(results))]
    for result in results:
        if result["averages"]["types"] or result["averages"]["categories"]:
            parts.append(markdown(*group_table(result)))
        parts.append(f"Protocol: {escape(result['protocol']['text'])}.")
        parts += [f"Note: {escape(note)}." for note in result["notes"]]
    return "\n\n".join(parts) + "\n"


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    found = {"python": platform.python_version()}
    for name in ("aimkit", "numpy", "opencv-python", "opencv-python-headless", "pillow", "torch", "timm"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
