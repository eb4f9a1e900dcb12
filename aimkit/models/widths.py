"""How wide decoders are on a backbone, and how they upsample."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import Backbone

#: Base width of the paper's decoders, and the smallest base width.
PAPER_BASE, LEAST_BASE = 64, 16
#: The largest base width: weights of a decoder take gigabytes from there.
LARGEST_BASE = 256

#: Option ``width`` of the networks, as weights may declare it.
Width = Annotated[int, Field(ge=1, le=LARGEST_BASE)] | Literal["auto", "paper"]


class Widths(NamedTuple):
    """Channels of the decoders at each stride.

    Attributes:
        s1: Channels at stride 1.
        s4: Channels at stride 4.
        s8: Channels at stride 8.
        s16: Channels at stride 16.
        s32: Channels at stride 32.
    """

    s1: int
    s4: int
    s8: int
    s16: int
    s32: int


def decoder_widths(width: int | str, channels: tuple[int, ...]) -> Widths:
    """Channels of the decoders.

    ``auto`` compares the backbone with the paper's: 64 times the geometric mean of its channels over the paper's at
    strides 4, 8 and 16, in steps of 8, at least 16 and at most 64. Stride 32 is left out, since mobile networks widen
    it for their classifier.

    Args:
        width: Channels at strides 1 and 4, at most ``LARGEST_BASE``; ``paper`` or ``auto``.
        channels: Channels of the backbone at strides 1, 2, 4, 8, 16 and 32.

    Raises:
        AimkitError: The width is none of these.
    """
    if width == "paper":
        base = PAPER_BASE
    elif width == "auto":
        ratio = (channels[2] * channels[3] * channels[4] / (64 * 128 * 256)) ** (1 / 3)
        base = min(max(math.floor(PAPER_BASE * ratio / 8 + 1e-6) * 8, LEAST_BASE), PAPER_BASE)
    elif isinstance(width, int) and not isinstance(width, bool) and 0 < width <= LARGEST_BASE:
        base = width
    else:
        hint = f"use 'auto', 'paper' or a number from 1 to {LARGEST_BASE}"
        raise AimkitError(f"unknown width '{width}'", "width", hint)
    return Widths(base, base, 2 * base, 4 * base, 8 * base)


def choose_upsampling(name: str, widths: Widths, backbone: Backbone) -> str:
    """Resolve ``auto``, and check that ``unpool`` has indices that fit.

    An index map belongs to the channels that were pooled, so unpooling keeps the backbone's widths.
    """
    c1, c2, c4, c8, c16, _ = backbone.channels
    fits = (c1, c2, c4, c8, c16) == (widths.s1, widths.s1, widths.s4, widths.s8, widths.s16)
    if name == "auto":
        return "unpool" if backbone.has_indices and fits else "bilinear"
    if name == "unpool" and not backbone.has_indices:
        raise AimkitError("this backbone has no pooling indices", "upsample", "use 'bilinear' or 'pixelshuffle'")
    if name == "unpool" and not fits:
        what = f"unpooling needs the backbone's {c1} channels at stride 1, not {widths.s1}"
        raise AimkitError(what, "upsample, width", "leave width at 'auto', or use 'bilinear' or 'pixelshuffle'")
    return name
