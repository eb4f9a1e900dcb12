"""aimkit backbones: list, show and check backbones."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimkit import console
from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.models.backbones.factory import BackboneInfo


@click.group()
def backbones() -> None:
    """List, show and check backbones."""


@backbones.command("ls")
@click.argument("pattern", default="*")
@click.option(
    "--sort",
    type=click.Choice(["name", "params", "kind"]),
    default="name",
    show_default=True,
    help="Column to sort by.",
)
@click.option("--kind", help="Only backbones of this kind: pyramid, flat, irregular.")
@click.option("--max-params", type=float, help="Only backbones of at most this many million parameters.")
@click.option("--status", is_flag=True, help="Show the result of the last check, and counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(pattern: str, sort: str, kind: str | None, max_params: float | None, status: bool, as_json: bool) -> None:
    """List backbones that match PATTERN, such as 'convnext*'."""
    from aimkit.models.backbones.factory import describe_backbones, unknown

    found = describe_backbones(pattern, kind=kind, max_params=max_params)
    if not found and not any(sign in pattern for sign in "*?["):
        raise unknown(pattern)
    found.sort(key=lambda info: (_sort_key(info, sort), info.name))
    if as_json:
        console.out(json.dumps([_plain(info) for info in found], indent=1))
        return
    columns = ["backbone", "params M", "kind", "strides", "size", "from"] + (["checked", "status"] if status else [])
    console.table(columns, [_cells(info, status) for info in found])
    console.info(f"{len(found)} backbones" + (f": {_counts(found)}" if status else ""))


@backbones.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the facts about a backbone."""
    from aimkit.models.backbones.factory import describe

    info = describe(name)
    if as_json:
        console.out(json.dumps(_plain(info), indent=1))
        return
    rows = [("backbone", info.name), ("from", info.source), ("kind", info.kind)]
    if info.params is not None:
        rows.append(("parameters", f"{info.params:.2f} M"))
    if info.spec is not None:
        rows += [
            ("strides", " ".join(map(str, info.spec.strides))),
            ("channels", " ".join(map(str, info.spec.channels))),
            ("image size", info.spec.size.describe()),
            ("timm keywords", ", ".join(f"{key}={value}" for key, value in info.spec.keywords.items()) or "none"),
            ("unused, frozen", " ".join(info.spec.unused) or "none"),
            ("checked", f"{info.status} ({info.checked})" if info.status else "never"),
        ]
    console.table(["", ""], rows)


@backbones.command()
@click.argument("pattern", default="*")
@click.option("--resume", is_flag=True, help="Skip backbones that passed before.")
@click.option("--workers", default=1, show_default=True, help="Number of checks at a time.")
@click.option("--seconds", default=300.0, show_default=True, help="Time limit of one check, seconds.")
@click.option("--memory", default=8.0, show_default=True, help="Memory limit of one check, GiB (Linux).")
@click.option(
    "--run-params", default=100.0, show_default=True, help="Above this many million parameters, check shapes only."
)
@click.option("--results", type=click.Path(path_type=Path), help="File of JSON lines. Default: in the cache.")
@click.option("--table", type=click.Path(path_type=Path), help="File for the table of all results, as in the package.")
def check(
    pattern: str,
    resume: bool,
    workers: int,
    seconds: float,
    memory: float,
    run_params: float,
    results: Path | None,
    table: Path | None,
) -> None:
    """Build and run AimNet on timm's architectures.

    Every architecture that matches PATTERN is run on images of 256x320 and 250x330 pixels.
    """
    import timm

    from aimkit.models.backbones.check import Limits, check_all, default_results, write_table
    from aimkit.models.backbones.factory import timm_version, unknown

    names = timm.list_models(pattern)
    if not names:
        raise unknown(pattern)
    file = results or default_results()
    limits = Limits(seconds, memory, run_params)
    with console.progress(None, "backbones", "backbones") as progress:

        def done(row: dict[str, Any]) -> None:
            progress.advance()
            if row["status"] != "ok":
                console.info(f"{row['name']}: {row['status']}")

        rows = check_all(names, file, limits=limits, workers=workers, resume=resume, done=done)
    checked = [rows[name] for name in names if name in rows]
    failed = [row for row in checked if row["status"] != "ok"]
    for how in ("run", "meta"):
        console.out(f"{sum(row['status'] == 'ok' and row['checked'] == how for row in checked)} ok ({how})")
    console.out(f"{len(failed)} failed")
    console.info(f"results: {file}")
    if table is not None:
        write_table((row for row in rows.values() if row["timm"] == timm_version()), table)
        console.info(f"wrote {table}")
    if failed:
        names_failed = ", ".join(row["name"] for row in failed[:5]) + (", ..." if failed[5:] else "")
        raise AimkitError(f"{len(failed)} of {len(checked)} backbones failed", names_failed, exit_code=1)


def _sort_key(info: BackboneInfo, sort: str) -> Any:
    if sort == "params":
        return info.params if info.params is not None else float("inf")
    return info.kind if sort == "kind" else info.name


def _cells(info: BackboneInfo, status: bool) -> list[str]:
    params = "" if info.params is None else f"{info.params:.1f}"
    strides = " ".join(map(str, info.spec.strides)) if info.spec else ""
    size = str(info.spec.size) if info.spec else ""
    return [info.name, params, info.kind, strides, size, info.source] + ([info.checked, info.status] if status else [])


def _counts(found: list[BackboneInfo]) -> str:
    of_timm = [info for info in found if info.spec is not None]
    checked = [info for info in of_timm if info.status]
    ok = sum(info.status == "ok" for info in checked)
    run = sum(info.status == "ok" and info.checked == "run" for info in checked)
    failed, left = len(checked) - ok, len(of_timm) - len(checked)
    return f"{ok} of timm's ok ({run} run, {ok - run} by shape), {failed} failed, {left} not checked"


def _plain(info: BackboneInfo) -> dict[str, Any]:
    row = asdict(info)
    if info.spec is not None:
        row["spec"]["size"] = str(info.spec.size)
    return row
