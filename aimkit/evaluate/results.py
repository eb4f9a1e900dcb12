"""Results on disk: results.json, results.md and run.json."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from aimkit import console
from aimkit.digests import is_changed, problems, sealed, with_digest
from aimkit.errors import AimkitError
from aimkit.evaluate.tables import group_table, markdown, summary_table
from aimkit.files import write_bytes
from aimkit.json_files import read_json
from aimkit.markdown import escape
from aimkit.recipe import expand
from aimkit.redact import redact_all
from aimkit.skips import Skips

FORMAT = 1
RUN = "run.json"


class _StoredMetrics(TypedDict, total=False):
    sad: float | None
    mse: float | None
    mad: float | None
    conn: float | None
    grad: float | None
    sad_transition: float | None
    mse_transition: float | None
    mad_transition: float | None
    conn_transition: float | None
    grad_transition: float | None
    sad_fg: float | None
    sad_bg: float | None


class _StoredMeans(_StoredMetrics):
    count: int


class _StoredAverages(TypedDict):
    images: _StoredMeans
    types: dict[str, _StoredMeans]
    categories: dict[str, _StoredMeans]
    type_macro: _StoredMeans
    category_macro: _StoredMeans


class _StoredProtocol(TypedDict):
    data: str
    prediction: str
    text: str


class _StoredRow(_StoredMetrics):
    id: str
    type: str
    category: str


class _StoredResults(TypedDict):
    """What tables, comparisons and reports take for granted of a results file; it may hold more."""

    model: dict[str, Any]
    protocol: _StoredProtocol
    averages: _StoredAverages
    images: list[_StoredRow]
    notes: list[str]


def write_results(out: Path, result: Mapping[str, Any], paths: Mapping[str, str] | None = None) -> None:
    """Write a result of :func:`aimkit.evaluate.run.run` as results.json, results.md and run.json.

    Equal runs give equal bytes of the first two; versions, paths, the time and the digests of both are in run.json.

    Args:
        out: The folder.
        result: The result.
        paths: Where the inputs were, by role, for run.json.
    """
    # A reason holds paths: skipped.txt has it.
    out.mkdir(parents=True, exist_ok=True)
    # Of a run that is killed here, nothing is said to have changed.
    (out / RUN).unlink(missing_ok=True)
    content = {"format": FORMAT, **result, "skipped": [row["name"] for row in result.get("skipped", ())]}
    write_bytes(out / "results.json", (json.dumps(with_digest(content), indent=1) + "\n").encode())
    write_bytes(out / "results.md", as_markdown([result]).encode())
    facts = {"finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "paths": dict(paths or {})}
    facts = sealed(redact_all({**facts, "versions": versions()}), out, ["results.json", "results.md"])
    write_bytes(out / RUN, (json.dumps(facts, indent=1) + "\n").encode())


def read_results(path: str | Path) -> dict[str, Any]:
    """Read a results.json, or the one in a folder; warn of files beside it that were changed.

    Raises:
        AimkitError: The file can't be read, was changed, or does not hold the results of an evaluation.
    """
    file = expand(path)
    file = file / "results.json" if file.is_dir() else file
    content: dict[str, Any] = read_json(file, dict, "results file", "'aimkit evaluate' writes it")
    if not {"protocol", "images", "averages", "model"} <= set(content):
        raise AimkitError(
            "the file does not hold the results of an evaluation", str(file), "aimkit evaluate writes such files"
        )
    if content.get("format") != FORMAT:
        raise AimkitError(f"the results have format {content.get('format')}, this aimkit reads {FORMAT}", str(file))
    if is_changed(content):
        hint = "run the evaluation again: it continues from its journal"
        raise AimkitError("the results were changed since they were written", str(file), hint, exit_code=1)
    content.pop("digest", None)
    try:
        TypeAdapter(_StoredResults).validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise AimkitError(f"the results file is damaged: {key}: {first['msg']}", str(file), "evaluate again") from None
    if file.name == "results.json":
        _warn_of_changes(file.parent)
    return content


def find_results(folder: Path) -> tuple[dict[Path, dict[str, Any]], Skips]:
    """All results below a folder, by their files; those that are damaged are skipped with their reasons."""
    found, skips = {}, Skips("results file")
    for file in sorted(folder.glob("**/results.json")):
        with skips.guard(file.relative_to(folder)):
            found[file] = read_results(file)
    return found, skips


def stored_inputs(folder: Path) -> dict[str, str]:
    """Where the inputs of an evaluation were, by role ("predictions", "truth", "data", "weights"), as run.json says.

    Returns:
        Nothing where there is no such file, or it is damaged.
    """
    try:
        told = read_json(folder / RUN, dict).get("paths")
    except AimkitError:
        return {}
    pairs = told.items() if isinstance(told, dict) else ()
    return {role: path for role, path in pairs if isinstance(role, str) and isinstance(path, str)}


def _warn_of_changes(folder: Path) -> None:
    """The results themselves are sound; what is told from other files of theirs may not be."""
    try:
        found = problems(folder / RUN) if (folder / RUN).exists() else []
    except AimkitError as error:
        found = [f"{RUN}: {error.what}"]
    for problem in found:
        console.warn(f"{folder}: {problem}")


def as_markdown(results: list[Mapping[str, Any]]) -> str:
    """Write the summary and the groups of results, with their protocols, as Markdown."""
    parts = ["# Evaluation", markdown(*summary_table(results))]
    for result in results:
        if result["averages"]["types"] or result["averages"]["categories"]:
            parts.append(markdown(*group_table(result)))
        parts.append(f"Protocol: {escape(result['protocol']['text'])}.")
        parts += [f"Note: {escape(note)}." for note in result["notes"]]
    return "\n\n".join(parts) + "\n"


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("aimkit", "numpy", "opencv-python", "opencv-python-headless", "pillow", "torch", "timm"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
