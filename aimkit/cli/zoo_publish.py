"""aimkit zoo: add, convert, push and check entries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimkit import console
from aimkit.cli.zoo import STAGES, as_json, plain
from aimkit.errors import AimkitError

if TYPE_CHECKING:
    from aimkit.zoo.manifest import TrainingSet, ZooEntry


@click.command()
@click.argument("file")
@click.option("--id", "id", required=True, help="architecture_backbone.tag, or backbone.tag.")
@click.option("--recipe", help="Recipe that made the checkpoint.  [default: the one next to it]")
@click.option(
    "--results", multiple=True, type=click.Path(path_type=Path), help="A results.json of aimkit evaluate. Repeatable."
)
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights, an SPDX name.")
@click.option("--data", multiple=True, help='Training data: \'name="X", licence="MIT", commercial=true\'. Repeatable.')
@click.option("--seen", multiple=True, help="Test set used for training or model selection. Repeatable.")
@click.option("--architecture", help="Network, if the file does not state it.")
@click.option("--backbone", help="Backbone, if the file does not state it.")
@click.option("--stage", type=STAGES, help="Stage, if the file does not state it.")
@click.option("--paper", help="URL of the paper.")
@click.option("--notes", default="", help="Further notes.")
@click.option("--half", is_flag=True, help="Store float16.")
@click.option("--onnx", is_flag=True, help="Write an ONNX file too, so that the entry predicts without PyTorch.")
@click.option("--default", is_flag=True, help="Use the entry when no weights are given.")
@click.option(
    "--predict",
    multiple=True,
    metavar="KEY=VALUE",
    help="Inference default: strategy=hybrid, detail_side=512, ... Repeatable.",
)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Manifest folder.  [default: your own]")
@click.option("--force", is_flag=True, help="Replace an entry of the same id in the folder.")
@as_json
def add(
    file: str, id: str, folder: Path | None, half: bool, onnx: bool, force: bool, as_json: bool, **options: Any
) -> None:
    """Add FILE, a checkpoint or a run, to the zoo with digest, size, recipe, training data and metrics."""
    from aimkit.models.weights.loading import find
    from aimkit.overrides import apply_overrides
    from aimkit.publish import add as adding
    from aimkit.zoo.manifest import own_folders

    data = [_data(text) for text in options.pop("data")]
    predict = apply_overrides({}, options.pop("predict"))
    if predict:
        from aimkit.predict.strategies import check_inference_defaults

        check_inference_defaults(predict)
    facts = adding.Facts(data=data, predict=predict, **options)
    if onnx:
        from aimkit.models.export import require

        require("onnx")
    entry = adding.add(find(file), id, facts, folder=folder, half=half, force=force)
    if onnx:
        from aimkit.publish.onnx import add_onnx

        entry = add_onnx(entry)
    if as_json:
        console.out(json.dumps(plain(entry), indent=1))
    else:
        console.out(f"{entry.id}  {entry.file}")
    if entry.file and entry.file.parent.absolute() not in own_folders():
        console.info(f"to list it with the others: export AIMKIT_ZOO={entry.file.parent.absolute()}")


@click.command()
@click.argument("id")
@as_json
def onnx(id: str, as_json: bool) -> None:
    """Write the ONNX file of an entry next to its weights, and list it in the manifest.

    The entry's safetensors file must be next to its manifest, where 'aimkit zoo add' puts it; the ONNX file refers to
    it for the weights. It is checked against the network before it is kept.
    """
    from aimkit.models.export import require
    from aimkit.zoo.manifest import find

    entry = find(id)
    require("onnx")
    from aimkit.publish.onnx import add_onnx

    entry = add_onnx(entry)
    console.out(json.dumps(plain(entry), indent=1) if as_json else f"{entry.id}  {entry.file}")


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--half", is_flag=True, help="Store float16.")
@as_json
def convert(source: str, target: Path, half: bool, as_json: bool) -> None:
    """Convert SOURCE (a file or a zoo id) to TARGET: .safetensors with aimkit's names, .pth with the released ones."""
    from aimkit.models.weights.loading import find
    from aimkit.publish.convert import convert as work

    report = work(find(source), target, half=half)
    row: dict[str, Any] = {
        "target": str(target),
        "format": report.format,
        "tensors": report.loaded,
        "aliases": len(report.aliases),
    }
    left_out = sorted(report.unused) if target.suffix == ".safetensors" else []
    row["left_out"] = left_out
    if as_json:
        console.out(json.dumps(row, indent=1))
        return
    console.out(str(target))
    left = f"; left out as unused: {', '.join(left_out)}" if left_out else ""
    console.info(f"{report.loaded} tensors from the format {report.format}, {len(report.aliases)} duplicate keys{left}")


@click.command()
@click.argument("id")
@click.option("--repo", required=True, help="Repository on the Hugging Face hub, ORG/NAME.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--dry-run", is_flag=True, help="Print the model card and upload nothing.")
@as_json
def push(id: str, repo: str, private: bool, dry_run: bool, as_json: bool) -> None:
    """Publish an entry on the Hugging Face hub, with a model card."""
    from aimkit.zoo.manifest import find

    entry = find(id)
    if dry_run:
        from aimkit.publish.card import card

        text = card(entry, repo)
        console.out(json.dumps({"id": entry.id, "card": text}) if as_json else text.rstrip())
        return
    from aimkit.publish.push import push as work

    source = work(entry, repo, private=private)
    console.out(json.dumps({"id": entry.id, "source": source}) if as_json else source)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@as_json
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check manifest FILES, or the packaged ones and your own, and list every error."""
    from aimkit.publish import check as checks
    from aimkit.zoo.manifest import entries, manifest_files

    packaged = manifest_files()
    # Entries of the given files may have started from packaged entries.
    found = entries([*packaged, *(file for file in files if file.absolute() not in packaged)])
    chosen = [entry for entry in found if not files or entry.file in files]
    problems = [p for p in checks.check(found) if any(p.where.startswith(f"{e.file}, {e.id},") for e in chosen)]
    problems += [problem for entry in chosen if (problem := _wrong_defaults(entry))]
    notes = checks.unknowns(chosen)
    if as_json:
        rows = [{"what": p.what, "where": p.where, "hint": p.hint} for p in problems]
        console.out(json.dumps({"entries": len(chosen), "problems": rows, "notes": notes}, indent=1))
    else:
        for problem in problems:
            console.error(problem)
        for note in notes:
            console.info(f"note: {note}")
        console.out(f"{len(chosen)} entries, {len(problems)} problems")
    if problems:
        raise AimkitError(f"{len(problems)} problem{'s' * (len(problems) != 1)} in the manifest")


def _wrong_defaults(entry: ZooEntry) -> AimkitError | None:
    """The error in an entry's inference defaults, if there is one."""
    if not entry.predict:
        return None
    from aimkit.predict.strategies import check_inference_defaults

    try:
        check_inference_defaults(entry.predict)
    except AimkitError as error:
        return AimkitError(error.what, f"{entry.file}, {entry.id}, predict, {error.where}", error.hint)
    return None


def _data(text: str) -> TrainingSet:
    import tomllib

    from aimkit.recipe import parse
    from aimkit.zoo.manifest import TrainingSet

    try:
        table = tomllib.loads(f"data = {{ {text} }}")["data"]
    except tomllib.TOMLDecodeError as error:
        example = 'name="X", licence="MIT", commercial=true'
        raise AimkitError(f"'{text}' does not describe a dataset: {error}", "--data", example) from None
    return parse(TrainingSet, table, "--data")
