"""A gallery of the procedural generators: a row each, a few variants, with and without a background."""

from __future__ import annotations

import numpy as np

from aimkit.datasets.inspect.canvas import checkerboard, grid, tile, wall
from aimkit.errors import AimkitError
from aimkit.generators import background_generators, generators
from aimkit.matting.composite import composite
from aimkit.registry import did_you_mean
from aimkit.rng import rng
from aimkit.types import UInt8, to_uint8


def gallery(pattern: str = "*", *, variants: int = 3, size: tuple[int, int] = (240, 320), seed: int = 0) -> UInt8:
    """Draw every generator whose name matches.

    Foregrounds take two tiles a variant, the cut-out on a checkerboard and its alpha, and one composite at the end;
    backgrounds take one tile a variant.

    Args:
        pattern: Shell pattern over generator names.
        variants: How often to draw each generator.
        size: (height, width) at which generators draw, in pixels.
        seed: Seed of the draws.

    Returns:
        RGB, uint8.

    Raises:
        AimkitError: No generator matches.
    """
    foregrounds, backgrounds = generators.list(pattern), background_generators.list(pattern)
    if not foregrounds and not backgrounds:
        known = [*generators.list(), *background_generators.list()]
        raise AimkitError(f"no generator matches '{pattern}'", hint=did_you_mean(pattern.strip("*"), known))
    columns = 2 * variants + 1
    rows = [_foreground_row(name, variants, size, seed) for name in foregrounds]
    rows += [_background_row(name, columns, size, seed) for name in backgrounds]
    header = [text for _ in range(variants) for text in ("cut-out", "alpha")] + ["composite"]
    height, width = 150, round(150 * size[1] / size[0])
    return grid(header, [(caption, [tile(picture, width, height) for picture in row]) for caption, row in rows])


def overview(columns: int = 8, size: tuple[int, int] = (300, 400), seed: int = 0) -> UInt8:
    """One picture of each generator, foregrounds over backgrounds that take turns; RGB, uint8."""
    grounds = background_generators.list()
    pictures = []
    for number, entry in enumerate(generators):
        drawn = entry.value(entry.info.params(generator=entry.name), size, rng(seed, "overview", entry.name))
        back = _draw_background(grounds[number % len(grounds)], size, seed)
        picture = composite(to_uint8(drawn.color), to_uint8(drawn.alpha), back)
        pictures.append((f"{entry.name}  {entry.info.type}", tile(picture, 160, 120)))
    pictures += [(name, tile(_draw_background(name, size, seed), 160, 120)) for name in grounds]
    return wall(pictures, columns)


def _draw_background(name: str, size: tuple[int, int], seed: int) -> UInt8:
    entry = background_generators.get(name)
    return to_uint8(entry.value(entry.info.params(generator=name), size, rng(seed, "overview", name)))


def _foreground_row(name: str, variants: int, size: tuple[int, int], seed: int) -> tuple[str, list[UInt8]]:
    entry = generators.get(name)
    params = entry.info.params(generator=name)
    row: list[UInt8] = []
    for variant in range(variants):
        drawn = entry.value(params, size, rng(seed, "gallery", name, variant))
        color, alpha = to_uint8(drawn.color), to_uint8(drawn.alpha)
        row += [composite(color, alpha, checkerboard(*alpha.shape)), alpha]
    row.append(composite(color, alpha, _backdrop(size, seed)))
    caption = "   ".join(part for part in (name, str(entry.info.type), entry.info.category) if part)
    return caption, row


def _background_row(name: str, columns: int, size: tuple[int, int], seed: int) -> tuple[str, list[UInt8]]:
    entry = background_generators.get(name)
    params = entry.info.params(generator=name)
    draws = [entry.value(params, size, rng(seed, "gallery", name, variant)) for variant in range(columns)]
    return f"{name}   background", [to_uint8(draw) for draw in draws]


def _backdrop(size: tuple[int, int], seed: int) -> UInt8:
    """The first background generator's picture, or a grey ramp without any."""
    for name in background_generators.list():
        entry = background_generators.get(name)
        return to_uint8(entry.value(entry.info.params(generator=name), size, rng(seed, "gallery backdrop")))
    ramp = np.linspace(60, 200, size[1]).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (*size, 3)))
