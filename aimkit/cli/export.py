"""aimkit export: write a network as an ONNX or torch.export file."""

from __future__ import annotations

from pathlib import Path

import click

from aimkit import console
from aimkit.errors import AimkitError


@click.command()
@click.option("--model", "name", default="aimnet", show_default=True, help="Name of the network.")
@click.option("--backbone", default="resnet34_mp", show_default=True, help="Name of the backbone.")
@click.option("--weights", help="Weights: a file, a run or a zoo id. Default: random weights.")
@click.option("--to", "form", type=click.Choice(["onnx", "torch-export"]), default="onnx", show_default=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--size", help="Fix the input size to HxW, for backbones that can't be exported with dynamic sizes.")
def export(name: str, backbone: str, weights: str | None, form: str, output: Path, size: str | None) -> None:
    """Export a network.

    Its input is the normalised image, (B, 3, H, W). Heights and widths are dynamic: multiples of 32 from 64 up. The
    file is checked against the network before it replaces an existing one.
    """
    fixed = _size(size) if size else None
    from aimkit.models.export import export as write
    from aimkit.models.export import require
    from aimkit.models.registry import create_model

    require(form)
    if weights is None:
        console.warn("no --weights: the exported network is untrained")
    model = create_model(name, backbone=backbone, weights=weights)
    difference = write(model, output, form, fixed)
    sizes = f"{fixed[0]}x{fixed[1]}" if fixed else f"multiples of {model.preprocessing.size_multiple} from 64 up"
    console.info(f"wrote {output}, {output.stat().st_size / 1e6:.1f} MB; sizes: {sizes}; differs by {difference:.1e}")


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not height.isdigit() or not width.isdigit():
        raise AimkitError(f"can't read the size '{text}'", "--size", "write HxW, for example 512x768")
    return int(height), int(width)
