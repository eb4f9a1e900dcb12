"""aimkit export: write a network as an ONNX or torch.export file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.storage import measure

if TYPE_CHECKING:
    from aimkit.models.base import MattingModel


@click.command()
@click.option("--model", help="Network.  [default: that of the weights, else aimnet]")
@click.option("--backbone", help="Backbone of the network.  [default: that of the weights, else resnet34_mp]")
@click.option("--weights", help="Weights: a file, a run or a zoo id. Default: random weights.")
@click.option(
    "--to",
    "form",
    type=click.Choice(["onnx", "torch-export"]),
    default="onnx",
    show_default=True,
    help="Format to write.",
)
@click.option(
    "-o", "--out", "--output", "output", required=True, type=click.Path(path_type=Path), help="File to write."
)
@click.option("--size", help="Fix the input size to HxW, for backbones that can't be exported with dynamic sizes.")
def export(
    model: str | None, backbone: str | None, weights: str | None, form: str, output: Path, size: str | None
) -> None:
    """Export a network.

    Its input is the normalised image, (B, 3, H, W). Heights and widths are dynamic: multiples of 32, at least 64. The
    file is checked against the network, loaded anew from its weights, before it replaces an existing one. aimkit does
    not read the file again; use the printed SHA-256 to check copies.
    """
    fixed = _size(size) if size else None
    from aimkit.models.backbones.factory import check_names
    from aimkit.models.weights.loading import find

    check_names(model, backbone)
    if weights is None:
        console.warn("no --weights: the exported network is untrained")
    else:
        find(weights)
    from aimkit.models.export import export as write
    from aimkit.models.export import require

    require(form)
    network, reference = _networks(model, backbone, weights)
    difference = write(network, output, form, fixed, reference)
    sizes = f"{fixed[0]}x{fixed[1]}" if fixed else f"multiples of {network.preprocessing.size_multiple} from 64 up"
    count, digest = measure(output)
    console.info(f"wrote {output}, {count / 1e6:.1f} MB; sizes: {sizes}; differs by {difference:.1e}; sha256 {digest}")


def _networks(model: str | None, backbone: str | None, weights: str | None) -> tuple[MattingModel, MattingModel | None]:
    """The network to export, and the same network loaded on its own; None for random weights."""
    if weights is None:
        from aimkit.models.registry import DEFAULT_BACKBONE, create_model
        from aimkit.predict.predictor import DEFAULT_MODEL

        return create_model(model or DEFAULT_MODEL, backbone=backbone or DEFAULT_BACKBONE), None
    from aimkit.predict.predictor import load_network

    network, reference = (load_network(weights, model=model, backbone=backbone) for _ in range(2))
    return network, reference


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not height.isdigit() or not width.isdigit():
        raise AimkitError(f"can't read the size '{text}'", "--size", "write HxW, for example 512x768")
    return int(height), int(width)
