"""aimkit predict: alpha mattes, cut-outs and composites of photos."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.folder_lock import locked
from aimkit.overrides import apply_overrides
from aimkit.predict.arguments import check_arguments
from aimkit.recipe import expand

if TYPE_CHECKING:
    from aimkit.predict.collect import PhotoJob


#: Largest photo that is read from the standard input.
_MOST_BYTES = 2 << 30


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO|FOLDER...|-")
@click.option(
    "-o", "--out", default="predictions", show_default=True, help="Output folder: OUT/alpha/NAME.png and so on."
)
@click.option("--weights", help="A file, the folder of a training run, or a zoo id.  [default: the zoo's default]")
@click.option("--model", help="Network.  [default: that of the weights, else aimnet]")
@click.option("--backbone", help="Backbone of the network.  [default: that of the weights, else resnet34_mp]")
@click.option("--strategy", help="hybrid, resize, whole, tiled or refined.  [default: the network's, mostly hybrid]")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an option of the strategy, such as detail_scale=0.33. Repeatable.",
)
@click.option(
    "--outputs",
    help="Outputs: alpha, cutout, composite, trimap, semantic.  [default: alpha,cutout; with --background also "
    "composite]",
)
@click.option("--sheet", metavar="FILE", help="Draw photos, mattes and cut-outs on one sheet, PNG or JPEG.")
@click.option("--background", help="Background of composites: an image, or a colour such as green or '#00ff00'.")
@click.option(
    "--foreground",
    type=click.Choice(["multilevel", "blur_fusion"]),
    default="multilevel",
    show_default=True,
    help="Method that estimates foreground colours.",
)
@click.option(
    "--bits", type=click.Choice(["8", "16"]), default="8", show_default=True, help="Bit depth of alpha and cut-outs."
)
@click.option(
    "--short-side",
    type=click.IntRange(min=1),
    help="Reduce photos with a longer short side to this one first, in pixels; the reference used 1080.",
)
@click.option("--tta", is_flag=True, help="Average with the mirrored photo; takes twice the time.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--runtime",
    type=click.Choice(["auto", "torch", "onnx"]),
    default="auto",
    show_default=True,
    help="auto: ONNX Runtime on the CPU if the weights have an ONNX file, else PyTorch.",
)
@click.option("--precision", default="auto", show_default=True, help="auto, fp32, bf16 or fp16.")
@click.option("--channels-last", is_flag=True, help="Use the memory format channels_last; often faster.")
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile: for many photos of one size.")
@click.option("--ignore-alpha", is_flag=True, help="Also predict pixels that a photo's own alpha channel hides.")
@click.option("--max-pixels", type=click.IntRange(min=1), help="Pixel limit of a photo.  [default: 179 million]")
@click.option("--resume", is_flag=True, help="Skip photos whose outputs all exist.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--strict", is_flag=True, help="Exit with code 3 if a photo was skipped.")
def predict(photos: tuple[str, ...], out: str, sheet: str | None, resume: bool, overwrite: bool, **options: Any) -> int:
    """Predict alpha mattes of photos.

    Outputs are upright PNG files of the photo's size. Cut-outs and composites use estimated foreground colours and keep
    the photo's colour profile. A photo that can't be read or predicted is skipped; OUT/skipped.txt lists the reasons.

    If the only photo is -, it is read from standard input, and one output is written to standard output as PNG, the
    cut-out (with --background the composite) unless --outputs names another: curl URL | aimkit predict - > cutout.png
    """
    if resume and overwrite:
        raise AimkitError("--resume and --overwrite exclude each other", hint="give one of the two")
    check_arguments(options["strategy"], options["device"])
    if options["max_pixels"]:
        os.environ["AIMKIT_MAX_PIXELS"] = str(options["max_pixels"])
    if "-" in photos:
        return _pipe(photos, sheet, resume, overwrite, options)
    from aimkit.predict.collect import check_outputs, collect

    folder = expand(out, "--out")
    kinds = _kinds(options)
    found = collect(photos, folder)
    if text := found.others_text():
        console.info(text)
    check_outputs(found.jobs, folder, kinds)
    jobs = found.jobs if overwrite else _unfinished(found.jobs, folder, kinds, resume)
    from aimkit.predict.files import predict_files
    from aimkit.predict.sheet import check_sheet

    picture = expand(sheet, "--sheet") if sheet is not None else None
    if picture is not None:
        check_sheet(picture, kinds)
    style, skips, total = _style(options), found.skips, found.total
    if jobs:
        predict_files(jobs, _predictor(options, len(jobs) > 1), folder, kinds, style, skips)
        done = total - len(skips) - (len(found.jobs) - len(jobs))
        console.info(f"{done} photo{'s' * (done != 1)} predicted; {folder}")
    elif folder.is_dir():
        with locked(folder, "predict"):
            pass  # A process that was killed after its last photo has left its lock.
    skips.tell(total, folder / "skipped.txt")
    skips.check(total)
    if picture is not None:
        _draw(picture, [job for job in found.jobs if all(job.output(folder, k).exists() for k in kinds)], folder)
    return skips.exit_code(options["strict"])


def _pipe(photos: tuple[str, ...], sheet: str | None, resume: bool, overwrite: bool, options: dict[str, Any]) -> int:
    """Predict the photo of the standard input and write one output to the standard output.

    Raises:
        AimkitError: Options make no sense here, nothing is piped in, or the photo can't be read or predicted.
    """
    if len(photos) > 1:
        raise AimkitError("'-' must be the only photo", "PHOTO", "give files and folders, or '-' alone")
    if sheet is not None or resume or overwrite:
        option = "--sheet" if sheet is not None else "--resume" if resume else "--overwrite"
        raise AimkitError(f"{option} needs files", "-", "leave it out, or name the photo")
    outputs = options["outputs"] or ("composite" if options["background"] else "cutout")
    kinds = _kinds(options | {"outputs": outputs})
    if len(kinds) > 1:
        raise AimkitError(
            "only one output can be written to the standard output", f"--outputs {outputs}", "name one: --outputs alpha"
        )
    if sys.stdin.isatty():
        raise AimkitError("no photo on the standard input", "-", "aimkit predict - < photo.jpg > cutout.png")
    if sys.stdout.isatty():
        raise AimkitError("a PNG would be written to the terminal", "-", "redirect it: > cutout.png, or into a pipe")
    style = _style(options)
    data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if not data:
        raise AimkitError("the standard input is empty", "-", "did the command before the pipe fail?", exit_code=1)
    if len(data) > _MOST_BYTES:
        raise AimkitError(f"the standard input is larger than {_MOST_BYTES >> 20} MB", "-", "give the photo as a file")
    from aimkit.predict.files import predict_bytes

    png = predict_bytes(data, "standard input", lambda: _predictor(options), kinds[0], style)
    sys.stdout.buffer.write(png)
    sys.stdout.buffer.flush()
    return 0


def _unfinished(jobs: list[PhotoJob], folder: Path, kinds: list[str], resume: bool) -> list[PhotoJob]:
    """The photos that still lack outputs.

    Raises:
        AimkitError: Outputs exist and ``resume`` is not set, or they were made from another photo.
    """
    from aimkit.predict.journal import Journal

    started = [job for job in jobs if any(job.output(folder, kind).exists() for kind in kinds)]
    if started and not resume:
        where = str(next(path for kind in kinds if (path := started[0].output(folder, kind)).exists()))
        what = f"outputs of {len(started)} photo{'s' * (len(started) != 1)} exist already"
        raise AimkitError(what, where, "use --resume to skip them, --overwrite to replace them")
    digests = Journal(folder).digests if started else {}
    done = set()
    for job in started:
        known = digests.get(job.name)
        if known is None:
            continue
        if known != _digest(job.path):
            what = f"the outputs of '{job.name}' were made from another photo of that name"
            raise AimkitError(what, str(job.path), "choose another folder with -o, or use --overwrite")
        if all(job.output(folder, kind).exists() for kind in kinds):
            done.add(job)
    if done:
        console.info(f"{len(done)} of {len(jobs)} photos are already done")
    return [job for job in jobs if job not in done]


def _digest(path: Path) -> str:
    from aimkit.digests import sha256

    try:
        return sha256(path)
    except OSError as error:
        raise AimkitError(f"can't read the image: {error.strerror}", str(path)) from None


def _draw(picture: Path, jobs: Sequence[PhotoJob], folder: Path) -> None:
    from aimkit.files import write_bytes
    from aimkit.predict.sheet import MOST, draw_sheet

    if not jobs:
        return
    write_bytes(picture, draw_sheet(jobs, folder, picture))
    console.info(f"{picture}" + (f" shows the first {MOST} of {len(jobs)} photos" if len(jobs) > MOST else ""))


def _kinds(options: dict[str, Any]) -> list[str]:
    from aimkit.predict.collect import KINDS
    from aimkit.registry import did_you_mean

    text = options["outputs"] or ("alpha,cutout,composite" if options["background"] else "alpha,cutout")
    kinds = list(dict.fromkeys(kind.strip() for kind in text.split(",") if kind.strip()))
    for kind in kinds:
        if kind not in KINDS:
            raise AimkitError(f"unknown output '{kind}'", "--outputs", did_you_mean(kind, KINDS))
    if not kinds:
        raise AimkitError("no outputs given", "--outputs", f"known: {', '.join(KINDS)}")
    if "composite" in kinds and not options["background"]:
        raise AimkitError("a composite needs a background", "--outputs composite", "add --background green")
    return kinds


def _style(options: dict[str, Any]) -> Any:
    from aimkit.predict.output import CompositeStyle, read_background

    background = read_background(options["background"]) if options["background"] else None
    return CompositeStyle(int(options["bits"]), background)


def _predictor(options: dict[str, Any], many: bool = False) -> Any:
    weights = options["weights"] or _default(options["model"], options["backbone"])
    from aimkit.predict.predictor import Predictor

    return Predictor.load(
        weights,
        options["strategy"],
        model=options["model"],
        backbone=options["backbone"],
        runtime=options["runtime"],
        many=many,
        device=options["device"],
        precision=options["precision"],
        tta=options["tta"],
        foreground=options["foreground"],
        short_side=options["short_side"],
        channels_last=options["channels_last"],
        compile=options["compiled"],
        ignore_alpha=options["ignore_alpha"],
        **apply_overrides({}, options["options"]),
    )


def _default(model: str | None, backbone: str | None) -> str:
    """The id of the zoo's default entry, if it is of this network."""
    from aimkit.zoo.manifest import default_entry

    entry = default_entry()
    if entry is None or model not in (None, entry.architecture) or backbone not in (None, entry.backbone):
        raise _no_weights(model or "aimnet", backbone or "resnet34_mp")
    console.info(f"using the default weights {entry.id} (aimkit zoo show default)")
    return entry.id


def _no_weights(model: str, backbone: str) -> AimkitError:
    """An error that lists the zoo's weights for this network."""
    from aimkit.zoo.manifest import entries

    fitting = [entry.id for entry in entries() if (entry.architecture, entry.backbone) == (model, backbone)]
    what = f"no weights given for {model} on {backbone}"
    if not fitting:
        return AimkitError(
            what, "--weights", "give a file or the folder of a training run; the zoo has none for this network"
        )
    best = next((id for id in fitting if id.endswith(".matting")), fitting[-1])
    hint = f"run aimkit zoo pull {best} and add --weights {best}, or give a file or the folder of a training run"
    return AimkitError(f"{what}; the zoo has {', '.join(fitting)}", "--weights", hint)
