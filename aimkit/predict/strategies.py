"""How a network is applied to a photo.

| strategy | passes | for |
|---|---|---|
| hybrid | a small one for the semantic classes, a larger one for the detail | most photos; the papers' |
| resize | a small one | speed |
| whole | one at full size | small photos |
| tiled | a small one for the semantic classes, tiles for the detail | large photos, little memory |

How small is the network's to say (``model.scales``): AimNet 1/4 & 1/2, resize 1/4; GFM 1/3 & 1/2, resize 1/2, its RIM
1/3; P3M-Net 1/2 & 1, resize 1/2. Weights may be meant for passes of certain sides in pixels (``model.meant``), which go
before that: what was trained on small images sees small ones best, however large the photo is.

The functions need only a network and an image; ``aimkit.Predictor`` adds device, precision and colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

from aimkit.errors import AimkitError
from aimkit.imageio import from_pil, rgb_of
from aimkit.predict.assemble import Result
from aimkit.predict.network import Network, evaluating, fuses_softly
from aimkit.predict.registry import strategies
from aimkit.predict.sizes import MAX_SIDE
from aimkit.recipe import Block, parse
from aimkit.types import Array, Float, UInt8, to_float, to_uint8

__all__ = [
    "Result",
    "apply",
    "check_meant",
    "hybrid",
    "own_options",
    "read_options",
    "resize",
    "run",
    "strategies",
    "tiled",
    "whole",
]


def hybrid(
    model: nn.Module,
    image: Array,
    *,
    semantic_scale: float | None = None,
    detail_scale: float | None = None,
    semantic_side: int | None = None,
    detail_side: int | None = None,
    max_side: int = MAX_SIDE,
    sharpness: float | None = None,
    parity: bool = False,
    flip: bool = False,
) -> Float:
    """Semantic classes from a small pass, detail from a larger one (Li, Zhang, Tao, IJCAI 2021, section 4).

    Args:
        model: A matting network, on any device, in any mode.
        image: RGB, uint8, (H, W, 3). Grey, RGBA (alpha is dropped) and uint16 images are converted.
        semantic_scale: Size of the semantic pass, relative to the photo; the network's own by default. No pass has a
            short side under 128 pixels, unless the photo has.
        detail_scale: Size of the detail pass. AIM's table used 1/3, its demo 1/2.
        semantic_side: Short side of the semantic pass in pixels, instead of a scale.
        detail_side: Short side of the detail pass in pixels, instead of a scale.
        max_side: Longest side of a pass, in pixels; the aspect is kept.
        sharpness: How much the likeliest class decides, for soft fusion: 1 is the expected alpha (least squared error),
            3 comes near to the likeliest alone (least absolute error) with edges that are still soft. The network's own
            by default, 1 if it has none.
        parity: As the reference does it, see ``aimkit.predict.reference``.
        flip: Average with the mirrored photo.

    Returns:
        Alpha matte, float32 in [0, 1], (H, W).

    Raises:
        AimkitError: No image, an option out of range, or the network can't be used in two passes.
    """
    return run(
        "hybrid",
        model,
        image,
        flip=flip,
        semantic_scale=semantic_scale,
        detail_scale=detail_scale,
        semantic_side=semantic_side,
        detail_side=detail_side,
        max_side=max_side,
        sharpness=sharpness,
        parity=parity,
    ).alpha


def resize(
    model: nn.Module,
    image: Array,
    *,
    scale: float | None = None,
    side: int | None = None,
    max_side: int = MAX_SIDE,
    sharpness: float | None = None,
    parity: bool = False,
    flip: bool = False,
) -> Float:
    """One small pass whose alpha is enlarged.

    Args:
        scale: Size of the pass, relative to the photo; the network's own by default.
        side: Its short side in pixels, instead of a scale.

    Other arguments, result and errors as for :func:`hybrid`.
    """
    return run(
        "resize",
        model,
        image,
        flip=flip,
        scale=scale,
        side=side,
        max_side=max_side,
        sharpness=sharpness,
        parity=parity,
    ).alpha


def whole(model: nn.Module, image: Array, *, sharpness: float | None = None, flip: bool = False) -> Float:
    """One pass at the photo's own size; arguments, result and errors as for :func:`hybrid`."""
    return run("whole", model, image, flip=flip, sharpness=sharpness).alpha


def tiled(
    model: nn.Module,
    image: Array,
    *,
    tile: int = 1024,
    overlap: int = 128,
    semantic_scale: float | None = None,
    detail_scale: float | None = None,
    semantic_side: int | None = None,
    detail_side: int | None = None,
    max_side: int = MAX_SIDE,
    sharpness: float | None = None,
    flip: bool = False,
) -> Float:
    """As hybrid, but the detail pass sees overlapping tiles: memory does not grow with the photo, its planes apart.

    Args:
        tile: Side of a tile, in pixels of the detail pass.
        overlap: Of neighbouring tiles, which fade into each other over it; at most half a tile.
        detail_scale: 1 uses all that the photo shows.
        max_side: Longest side of the semantic pass; the detail pass has no limit.

    Other arguments, result and errors as for :func:`hybrid`.
    """
    return run(
        "tiled",
        model,
        image,
        flip=flip,
        tile=tile,
        overlap=overlap,
        semantic_scale=semantic_scale,
        detail_scale=detail_scale,
        semantic_side=semantic_side,
        detail_side=detail_side,
        max_side=max_side,
        sharpness=sharpness,
    ).alpha


def run(name: str, model: nn.Module, image: Array, *, flip: bool = False, **options: Any) -> Result:
    """Apply a strategy by name; beside alpha the result holds labels and detail.

    Args:
        name: Registered strategy.
        options: Its keywords.

    Other arguments and errors as for :func:`hybrid`; an unknown name or option is an error that names the nearest.
    """
    return apply(name, Network(model, flip=flip), as_rgb(image)[None], read_options(name, options, model))[0]


def apply(name: str, network: Network, photos: UInt8, options: Block) -> Result:
    """Apply a strategy to photos of one size, uint8 (B, H, W, 3); the result is (B, H, W)."""
    with evaluating(network.model):
        result: Result = strategies.get(name, "strategy").value(network, photos, options)
    return result


def read_options(name: str, options: dict[str, Any], model: Any = None) -> Block:
    """Check the options of a strategy.

    Args:
        name: Registered strategy.
        options: Its keywords; None is as if it were left out.
        model: The network, whose own scales are the defaults.

    Raises:
        AimkitError: An unknown strategy or option, a value out of range, or one that is not for that network.
    """
    params: type[Block] = strategies.get(name, "strategy").info["params"]
    given = {key: value for key, value in options.items() if value is not None}
    read = parse(params, own_options(name, model, given) | given, f"strategy {name}")
    if model is not None and getattr(read, "sharpness", 1) != 1 and not fuses_softly(model):
        where = f"strategy {name}, sharpness"
        raise AimkitError("the fusion of the network is not soft", where, "leave sharpness out")
    return read


def own_options(name: str, model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a network and its weights are meant for, of the options of a strategy that are not given.

    A side (pixels) and a scale say the same thing: of a pass that one of them is given for, the other is left out, and
    a side that the weights are meant for goes before the network's scale. A sharpness is for soft fusion alone.
    """
    fields = strategies.get(name, "strategy").info["params"].model_fields
    scales, meant = getattr(model, "scales", None), getattr(model, "meant", {})
    own = {} if scales is None else scales.options(name)
    own |= {key: value for key, value in meant.items() if key in fields}
    for side in [key for key in fields if key.endswith("side") and key != "max_side"]:
        scale = side.removesuffix("side") + "scale"
        if scale in given or given.get("parity"):
            own.pop(side, None)
        elif side in {**own, **given}:
            own.pop(scale, None)
    if given.get("parity") or not fuses_softly(model):
        own.pop("sharpness", None)
    return {key: value for key, value in own.items() if key not in given}


def check_meant(meant: Mapping[str, Any]) -> None:
    """Check what weights say that they are meant for: a ``strategy`` and its options.

    Raises:
        AimkitError: There is no such strategy or option, or a value is out of range.
    """
    options = {key: value for key, value in meant.items() if key != "strategy"}
    read_options(str(meant.get("strategy", "hybrid")), options)


def as_rgb(image: Array) -> UInt8:
    """Any image array as RGB, uint8, (H, W, 3).

    Args:
        image: Grey (H, W), (H, W, 1), RGB or RGBA; uint8, uint16, or float in [0, 1]; or a PIL image of any mode,
            whose EXIF orientation is applied. Alpha is dropped.

    Raises:
        AimkitError: It is no image.
    """
    image = np.asarray(rgb_of(from_pil(image)) if isinstance(image, Image.Image) else image)
    where = "image"
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        hint = "give (H, W, 3), RGB" + (", not planes first" if image.ndim == 3 and image.shape[0] in (1, 3) else "")
        raise AimkitError(f"an array of {image.shape} is no image", where, hint)
    if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
        raise AimkitError(f"an image of {image.dtype} can't be read", where, "give uint8, uint16, or float in [0, 1]")
    if image.dtype.kind == "f" and not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise AimkitError("float images must be in [0, 1]", where, "divide levels by 255, or give uint8")
    color = np.broadcast_to(image, (*image.shape[:2], 3)) if image.shape[2] == 1 else image[..., :3]
    return np.ascontiguousarray(color if color.dtype == np.uint8 else to_uint8(to_float(color)))
