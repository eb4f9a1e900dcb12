"""A corrected copy of a folder: what is safe to correct is corrected, duplicates are left out, the rest is copied.

The target is never written to. The copy appears under its name when it is whole, with a record of what was changed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from aimkit import console
from aimkit.datasets.matte_folder import MatteFolder
from aimkit.errors import AimkitError
from aimkit.files import own_mark, write_error
from aimkit.imageio import matte_levels, rgb_of, snap_lossy, write_png
from aimkit.imageio.picture import upright
from aimkit.lint.checks.scale import folder_scale, matte_groups, scale_to_fix
from aimkit.lint.item import LintTarget
from aimkit.lint.record import LintRecord
from aimkit.lint.run import LintResult
from aimkit.lint.view import LintView, load_error
from aimkit.matting.foreground import bleed, estimate
from aimkit.types import Array, UInt8

#: The record of the changes, in the new folder.
RECORD = "lint-fixes.json"

#: Checks whose findings leave a file out; the first file of a finding is the one that goes.
_LEFT_OUT = ("duplicate", "split-leak", "test-leak", "unreadable")


@dataclass(frozen=True)
class LintChange:
    """A change of the copy.

    Attributes:
        file: The file of the target.
        written: The file of the copy that replaces it; "" when it is left out.
        checks: The findings that it corrects.
        what: What was done.
    """

    file: str
    written: str
    checks: tuple[str, ...]
    what: str


def check_output(target: LintTarget, out: Path) -> Path:
    """Return the folder to write, if it can be written.

    Raises:
        AimkitError: The target is not a local folder, or the folder exists, or lies inside the target.
    """
    if not isinstance(target.root, Path):
        raise AimkitError("--fix needs a local folder", target.title, "give the folders of the recipe one by one")
    if out.exists():
        raise AimkitError("the output folder already exists", str(out), "choose a new one")
    if out.resolve().is_relative_to(target.root.resolve()):
        raise AimkitError("the output folder is inside the folder that is checked", str(out), "choose another place")
    return out


def write_fixed(result: LintResult, out: Path) -> list[LintChange]:
    """Write the corrected copy.

    Args:
        result: The findings.
        out: The new folder, see :func:`check_output`.

    Returns:
        The changes, which ``lint-fixes.json`` of the new folder lists too.

    Raises:
        AimkitError: The disk is full, or the folder can't be written.
    """
    root = result.folder.target.root
    assert isinstance(root, Path)
    temporary = out.with_name(f".{out.name[:80]}.{own_mark()}")
    try:
        temporary.mkdir(parents=True)
        changes = _write(result, root, temporary)
        text = json.dumps({"target": result.folder.target.title, "changes": [asdict(one) for one in changes]}, indent=1)
        (temporary / RECORD).write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, out)
    except OSError as error:
        raise write_error(error, out) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return changes


def _write(result: LintResult, root: Path, out: Path) -> list[LintChange]:
    changes = _left_out(result)
    gone = {change.file for change in changes}
    checks: dict[str, set[str]] = defaultdict(set)
    for finding in result.findings:
        if finding.fixable and finding.check not in _LEFT_OUT:
            for file in finding.files:
                checks[file].add(finding.check)
    scales = _scales(result)
    written: dict[str, bytes | Array] = {}
    with console.progress(len(result.folder.records), "fix", "pictures") as progress:
        for record in result.folder.records:
            progress.advance()
            if record.problem or gone & set(record.item.files):
                continue
            named = set().union(*(checks.get(file, set()) for file in record.item.files))
            named |= checks.get(record.item.group, set()) & {"unusual-scale"}
            for change, pixels in _corrected(record, named, scales.get(record.item.group)):
                target = out / change.written
                if change.written != change.file and (root / change.written).exists():
                    console.warn(f"{change.file} is not corrected: {change.written} exists next to it")
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                write_png(target, pixels)
                changes.append(change)
                gone.add(change.file)
                written[change.file] = pixels
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name not in gone:
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return sorted(changes, key=lambda change: change.file)


def _left_out(result: LintResult) -> list[LintChange]:
    """The files that are left out, pairs as a whole."""
    partners = {record.item.files[0]: record.item.files for record in result.folder.records}
    reasons: dict[str, set[str]] = defaultdict(set)
    for finding in result.findings:
        if finding.check in _LEFT_OUT:
            # An unreadable pair names both files, all others the one to leave out first.
            for file in finding.files if finding.check == "unreadable" else partners.get(finding.files[0], ()):
                reasons[file].add(finding.check)
    return [LintChange(file, "", tuple(sorted(names)), "left out") for file, names in reasons.items()]


def _scales(result: LintResult) -> dict[str, MatteFolder]:
    groups = matte_groups(result.folder.records)
    return {group: scale for group, records in groups.items() if (scale := folder_scale(records, group))}


def _corrected(record: LintRecord, checks: set[str], scale: MatteFolder | None) -> list[tuple[LintChange, Array]]:
    """The files of a pair, or a cut-out, that are replaced, with their pixels."""
    view = LintView(record.item)
    if scale is None:
        # Nothing tells what the levels of the folder mean.
        checks = checks - {"matte-scale", "unusual-scale"}
    if not checks or load_error(view):
        return []
    colour_checks, matte_checks = checks & {"premultiplied", "halo"}, checks - {"premultiplied", "halo"}
    single = len(record.item.files) == 1
    done: list[tuple[LintChange, Array]] = []
    alpha = _matte(view, record, scale) if matte_checks or single else None
    if "exif-one-side" in checks and not single:
        colours, matte = (header.orientation for header in view.headers)
        assert alpha is not None
        if matte == 1:
            alpha = upright(alpha, colours)
        # Both are written upright, so that no file needs its orientation any more.
        done.append((_change(record, 0, {"exif-one-side"}, "EXIF orientation applied"), view.rgb))
    if alpha is not None and not single:
        what = {"exif-one-side": "turned as the photo", "lossy-matte": "snapped"}
        steps = [text for name, text in what.items() if name in matte_checks]
        steps += ["levels spread over 0 to 255"] if matte_checks & {"matte-scale", "unusual-scale"} else []
        done.append((_change(record, 1, matte_checks, ", ".join(steps)), alpha))
    if view.alpha is not None and (colour_checks or (single and matte_checks)):
        color, steps = _colours(view, view.alpha, colour_checks)
        pixels = np.dstack([color, _eight(alpha)]) if single and alpha is not None else color
        steps += ["matte snapped"] if single and "lossy-matte" in checks else []
        done.append((_change(record, 0, checks if single else colour_checks, ", ".join(steps)), pixels))
    return done


def _matte(view: LintView, record: LintRecord, scale: MatteFolder | None) -> Array:
    """The matte on the scale of 0 to 255 (16 bits: 0 to 65535), snapped where it is lossy."""
    assert view.matte is not None
    assert view.facts is not None
    single = len(record.item.files) == 1
    found = matte_levels(view.matte, record.item.files[-1], "alpha" if single else "auto")
    top = 0.0 if single or scale is None else scale_to_fix(record, scale)
    whole = 65535 if found.levels.dtype.itemsize > 1 else 255
    top = top or float(whole)
    levels: Array = found.levels
    if top != whole:
        wide = whole if top > 255 or found.levels.dtype.kind == "f" else 255
        levels = np.rint(np.clip(levels.astype(np.float64) / top, 0, 1) * wide)
        levels = levels.astype(np.uint8 if wide == 255 else np.uint16)
    if levels.dtype == np.uint8 and "lossy-matte" in record.found:
        levels = snap_lossy(levels)
    return levels


def _colours(view: LintView, alpha: UInt8, checks: set[str]) -> tuple[UInt8, list[str]]:
    color, steps = view.rgb, []
    if "premultiplied" in checks:
        stored = view.image
        levels = np.dstack([color, alpha])
        color = rgb_of(replace(stored, pixels=levels, associated=True, indices=None))
        color = np.asarray(bleed(color, alpha), np.uint8)
        steps.append("colours divided by alpha")
    if "halo" in checks:
        color = without_residue(color, alpha)
        steps.append("colours under partial alpha estimated again")
    return color, steps


def without_residue(color: UInt8, alpha: UInt8) -> UInt8:
    """Colours whose old background is taken out.

    Where the picture still shows its background, at alpha 0, the foreground is estimated from the two; where that is
    gone, the colours of the solid parts are extended outwards.
    """
    clear = color[alpha == 0]
    if len(clear) > 64 and float(clear.std(axis=0).max()) > 8:
        return np.asarray(estimate(color, alpha), np.uint8)
    return np.asarray(bleed(color, np.where(alpha >= 230, alpha, 0).astype(np.uint8)), np.uint8)


def _eight(alpha: Array) -> UInt8:
    return alpha if alpha.dtype == np.uint8 else np.asarray((alpha.astype(np.uint32) + 128) // 257, np.uint8)


def _change(record: LintRecord, position: int, checks: set[str], what: str) -> LintChange:
    file = record.item.files[position]
    return LintChange(file, str(Path(file).with_suffix(".png").as_posix()), tuple(sorted(checks)), what)
