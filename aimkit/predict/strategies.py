"""How a network is applied to a photo.

| strategy | input sizes | for |
|---|---|---|
| hybrid | a small one for the semantic classes, a larger one for the detail | most photos; the papers' |
| resize | a small one | speed |
| whole | the photo's | small photos |
| tiled | a small one for the semantic classes, tiles for the detail | large photos, little memory |
| refined | as hybrid, then windows along the transition area | fine borders of large photos |

A network declares its best input sizes, relative to the photo (``model.scales``): AimNet 1/4 and 1/2, resize 1/4;
GFM 1/3 and 1/2, resize 1/2, its RIM 1/3; P3M-Net 1/2 and 1, resize 1/2. Weights may declare further defaults
(``model.inference_defaults``), which override the scales: a network trained on small images needs input sizes in
pixels, however large the photo is. Options of the caller override both.

The functions need only a network and an image; ``aimkit.Predictor`` adds device, precision and colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.imageio import from_pil, rgb_of
from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.strategy import InferenceDefaults, Strategy, strategies
from aimkit.recipe import parse
from aimkit.types import Array, Float, UInt8, to_float, to_uint8

if TYPE_CHECKING:
    from aimkit.models.base import MattingModel

__all__ = [
    "Result",
    "apply",
    "check_inference_defaults",
    "create",
    "default_options",
    "hybrid",
    "refined",
    "resize",
    "run",
    "strategies",
    "tiled",
    "whole",
]


def hybrid(model: MattingModel, image: Array, *, flip: bool = False, **options: Any) -> Float:
    """Predict semantic classes at a small input size and the detail at a larger one (Li, Zhang, Tao, IJCAI 2021).

    Args:
        model: The network, on any device, in any mode.
        image: RGB, uint8, (H, W, 3). Grey, RGBA, uint16 and float images in [0, 1] are converted; alpha is dropped.
        flip: Average the predictions of the photo and of its mirror image.
        options: Fields of :class:`aimkit.predict.hybrid.Hybrid`; the network's defaults apply to the others.

    Returns:
        Alpha matte, float32 in [0, 1], (H, W).

    Raises:
        AimkitError: The image is invalid, an option is unknown or out of range, or the network's alpha does not follow
            from semantic classes and detail.
    """
    return run("hybrid", model, image, flip=flip, **options).alpha


def resize(model: MattingModel, image: Array, *, flip: bool = False, **options: Any) -> Float:
    """Predict at one small input size and enlarge the alpha matte. Otherwise as :func:`hybrid`.

    ``options`` are the fields of :class:`aimkit.predict.resize.Resize`. Any network will do.
    """
    return run("resize", model, image, flip=flip, **options).alpha


def whole(model: MattingModel, image: Array, *, flip: bool = False, **options: Any) -> Float:
    """Predict at the photo's own size. Otherwise as :func:`hybrid`.

    ``options`` are the fields of :class:`aimkit.predict.whole.Whole`. Any network will do.
    """
    return run("whole", model, image, flip=flip, **options).alpha


def tiled(model: MattingModel, image: Array, *, flip: bool = False, **options: Any) -> Float:
    """Predict semantic classes at a small input size and the detail in overlapping tiles. Otherwise as :func:`hybrid`.

    ``options`` are the fields of :class:`aimkit.predict.tiled.Tiled`. Only the result and the photo itself take memory
    that grows with the photo.
    """
    return run("tiled", model, image, flip=flip, **options).alpha


def refined(model: MattingModel, image: Array, *, flip: bool = False, **options: Any) -> Float:
    """Predict as :func:`hybrid`, then the detail again in finer windows along the transition area.

    ``options`` are the fields of :class:`aimkit.predict.refined.Refined`.
    """
    return run("refined", model, image, flip=flip, **options).alpha


def run(name: str, model: MattingModel, image: Array, *, flip: bool = False, **options: Any) -> Result:
    """Predict with the strategy of that name.

    Args:
        name: A registered strategy.
        model: As for :func:`hybrid`.
        image: As for :func:`hybrid`.
        flip: As for :func:`hybrid`.
        options: Fields of the strategy.

    Returns:
        Alpha, labels and detail, each (H, W).

    Raises:
        AimkitError: As for :func:`hybrid`, or the strategy is unknown.
    """
    from aimkit.predict.runtime.torch import TorchNetwork

    network = TorchNetwork(model, flip=flip)
    return apply(create(name, options, model), network, as_rgb(image)[None])[0]


def apply(strategy: Strategy, network: Network, photos: UInt8) -> Result:
    """Apply a strategy to photos of one size, uint8 (B, H, W, 3); the result is (B, H, W)."""
    with network.evaluating():
        return strategy.apply(network, photos)


def create(name: str, options: Mapping[str, Any], model: InferenceDefaults | None = None) -> Strategy:
    """Build a strategy and check its options.

    Args:
        name: A registered strategy.
        options: Its fields; None counts as left out.
        model: The network whose defaults apply; None for the strategy's own.

    Raises:
        AimkitError: The strategy or an option is unknown, a value is out of range, or the network does not support an
            option.
    """
    block = strategies.get(name, "strategy").value
    given = {key: value for key, value in options.items() if value is not None}
    if model is None:
        return parse(block, given, f"strategy {name}")
    strategy = parse(block, default_options(name, model, given) | given, f"strategy {name}")
    if strategy.sharpness != 1 and not model.fuses_softly:
        where = f"strategy {name}, sharpness"
        raise AimkitError("the fusion of the network is not soft", where, "leave sharpness out")
    return strategy


def default_options(name: str, model: InferenceDefaults, given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a network and its weights for the options of a strategy that are not given.

    A side and a scale both set an input size: if one of them is given, the other has no default, and a default side
    overrides the default scale. Only networks with soft fusion have a default sharpness.
    """
    fields = strategies.get(name, "strategy").value.model_fields
    own: dict[str, Any] = dict(model.scales.options(name))
    own |= {key: value for key, value in model.inference_defaults.items() if key in fields}
    for side in [key for key in fields if key.endswith("side") and key != "max_side"]:
        scale = side.removesuffix("side") + "scale"
        if scale in given or given.get("parity"):
            own.pop(side, None)
        elif side in {**own, **given}:
            own.pop(scale, None)
    if given.get("parity"):
        for more in ("semantic_sizes", "semantic_flip", "unknown_bias", "flat_bias"):
            own.pop(more, None)
    if given.get("parity") or not model.fuses_softly:
        own.pop("sharpness", None)
    return {key: value for key, value in own.items() if key not in given}


def check_inference_defaults(defaults: Mapping[str, Any]) -> None:
    """Check the inference defaults of weights: ``strategy`` and its options.

    Raises:
        AimkitError: The strategy or an option is unknown, or a value is out of range.
    """
    options = {key: value for key, value in defaults.items() if key != "strategy"}
    create(str(defaults.get("strategy", "hybrid")), options)


def as_rgb(image: Array) -> UInt8:
    """Convert an image array to RGB, uint8, (H, W, 3).

    Args:
        image: Grey (H, W), (H, W, 1), RGB or RGBA; uint8, uint16, or float in [0, 1]; or a PIL image of any mode,
            whose EXIF orientation is applied. Alpha is dropped.

    Raises:
        AimkitError: The shape, the dtype or the range of values is not that of an image.
    """
    image = np.asarray(rgb_of(from_pil(image)) if isinstance(image, Image.Image) else image)
    where = "image"
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        hint = "give RGB, (H, W, 3)" + (", channels last" if image.ndim == 3 and image.shape[0] in (1, 3) else "")
        raise AimkitError(f"shape {image.shape} is not an image", where, hint)
    if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
        raise AimkitError(
            f"can't read an image of dtype {image.dtype}", where, "give uint8, uint16, or float in [0, 1]"
        )
    if image.dtype.kind == "f" and not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise AimkitError("float images must be in [0, 1]", where, "divide levels by 255, or give uint8")
    color = np.broadcast_to(image, (*image.shape[:2], 3)) if image.shape[2] == 1 else image[..., :3]
    return np.ascontiguousarray(color if color.dtype == np.uint8 else to_uint8(to_float(color)))
