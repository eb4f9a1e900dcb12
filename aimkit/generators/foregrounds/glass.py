"""Glass vessels: tumbler, wine glass, bottle, vase, bulb; empty or with a drink in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np

from aimkit.bounds import Angles, Name, Share, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, layer, over, polygon
from aimkit.generators.flow import ramp
from aimkit.generators.optics import Surroundings, clear, fresnel
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType

#: Outlines from foot to mouth: height (0 to 1) and radius, then wall thickness and the height from which it is hollow.
_VESSELS = {
    "tumbler": (((0, 0.24), (0.04, 0.26), (0.5, 0.29), (1, 0.33)), 0.018, 0.09),
    "wine": (
        ((0, 0.23), (0.025, 0.2), (0.06, 0.035), (0.4, 0.022), (0.47, 0.08), (0.62, 0.25), (0.75, 0.27), (1, 0.2)),
        0.01,
        0.48,
    ),
    "flute": (
        ((0, 0.16), (0.02, 0.14), (0.05, 0.025), (0.3, 0.018), (0.38, 0.06), (0.65, 0.12), (1, 0.1)),
        0.009,
        0.37,
    ),
    "bottle": (
        ((0, 0.15), (0.02, 0.17), (0.55, 0.17), (0.7, 0.1), (0.78, 0.055), (0.96, 0.05), (1, 0.058)),
        0.016,
        0.04,
    ),
    "vase": (((0, 0.14), (0.03, 0.15), (0.3, 0.27), (0.55, 0.24), (0.8, 0.13), (1, 0.22)), 0.02, 0.06),
    "bulb": (
        (
            (0, 0.1),
            (0.12, 0.11),
            (0.25, 0.13),
            (0.48, 0.28),
            (0.68, 0.33),
            (0.86, 0.27),
            (0.95, 0.17),
            (0.99, 0.07),
            (1, 0.01),
        ),
        0.006,
        0.01,
    ),
    "jar": (((0, 0.24), (0.04, 0.28), (0.7, 0.28), (0.82, 0.24), (0.9, 0.23), (1, 0.24)), 0.016, 0.05),
}


class Glass(GeneratorBlock):
    """Parameters of a glass vessel.

    Attributes:
        vessel: Form of the vessel; one at random when "any".
        scale: Height, relative to the short side of the frame.
        wall: Factor of the wall's thickness.
        tint: How strongly the glass absorbs; 0 is clear.
        filled: Chance that a drink is in it.
        above: How far the viewer looks from above: height of an ellipse over its width.
        refraction: How strongly the vessel bends what is behind it; 0 leaves ``Foreground.refraction`` None. A filled
            vessel at 1 shows the background mirrored, as a cylinder of water does.
        turn: Tilt, degrees.
    """

    generator: Name = "glass"
    vessel: Literal["any", "tumbler", "wine", "flute", "bottle", "vase", "bulb", "jar"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.65, 0.92)
    wall: Annotated[Range, Within(0.1, 5)] = (0.7, 1.8)
    tint: Shares = (0, 1)
    filled: Share = 0.4
    above: Shares = (0.05, 0.3)
    refraction: Shares = (0, 0)
    turn: Angles = (-12, 12)


@generators.register("glass", type=ImageType.STM, category="glass", params=Glass)
def glass(params: Glass, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A vessel of revolution.

    What is behind is dimmed along the path through wall and drink (Beer and Lambert) and at every surface by what is
    mirrored there (Fresnel); both rise towards the rim. The mirrored surroundings, bent to the vessel's curvature,
    and the colour of glass and drink are the light that the vessel sends by itself.
    """
    name = params.vessel if params.vessel != "any" else str(rng.choice(sorted(_VESSELS)))
    pose = Pose(size, draw(rng, params.scale), np.deg2rad(draw(rng, params.turn)))
    outline, thickness, hollow = _VESSELS[name]
    profile = _Profile(outline, rng)
    wall = thickness * draw(rng, params.wall)
    above, around = draw(rng, params.above), Surroundings.drawn(rng)
    tint, bend = draw(rng, params.tint), draw(rng, params.refraction)
    hue = rng.choice([0.35, 0.42, 0.6, 0.15, 0.08, 0.95])
    level = rng.uniform(0.35, 0.85) if rng.random() < params.filled and name != "bulb" else 0.0
    level = hollow + level * (1 - hollow) if level else 0.0
    drink = lch(rng.uniform(0.35, 0.8), rng.uniform(0.05, 0.2), rng.choice([0.05, 0.12, 0.2, 0.25, 0.4, 0.7]))
    strength = rng.uniform(0.2, 3.0)

    x, y = pose.grid()
    y = y + np.float32(0.5)
    radius = np.maximum(profile.radius(y), 1e-3)
    across = np.clip(x / radius, -1, 1)
    facing = np.sqrt(np.maximum(1 - across**2, 0.6 * pose.pixel / radius))
    inner = np.where(y > hollow, np.maximum(radius - wall / facing.clip(0.2), 0), 0)
    inside = np.sqrt(np.clip(inner**2 - x**2, 0, None))
    glass_path = 2 * (np.sqrt(np.clip(radius**2 - x**2, 0, None)) - inside)

    # The surface of the drink is an ellipse; its front edge hangs below the level.
    surface = level - above * inside
    wet = 2 * inside * np.clip((surface - y) / pose.pixel + 0.5, 0, 1) if level else np.zeros_like(x)
    slope = profile.slope(y)
    through, emitted = _body(around, across, facing, slope, glass_path, tint * 12, lch(0.75, 0.09, hue))
    through, emitted = _drink(through, emitted, wet, strength, drink)

    shape = profile.silhouette(above)
    covered = polygon(size, pose.frame(shape[:, 0], shape[:, 1] - 0.5))
    planes = clear(emitted, through) * covered[..., None]
    if level:
        planes = over(_ring(pose, profile, level, above, wall, 0.35, drink, around, True), planes)
    for at, power in ((1.0, 0.9), (0.012, 0.45), (hollow, 0.3)):
        if name != "bulb" or at < 1:
            planes = over(_ring(pose, profile, at, above, wall, power, around.sky, around, False), planes)
    result = foreground(planes, ImageType.STM, "glass")
    if bend:
        result = replace(result, refraction=_bending(bend, across, radius, wet, glass_path, covered, pose))
    return result


class _Profile:
    """Radius of the vessel by height, from a few points, with a little variation."""

    def __init__(self, outline: tuple[tuple[float, float], ...], rng: np.random.Generator) -> None:
        from scipy.interpolate import PchipInterpolator

        heights, radii = np.array(outline).T
        self.curve = PchipInterpolator(heights, radii * rng.uniform(0.8, 1.2) * rng.uniform(0.9, 1.1, len(radii)))

    def radius(self, y: Array) -> Float:
        """Radius at heights; the ends go on beyond 0 and 1."""
        table = self.curve(np.linspace(0, 1, 1025))
        return np.interp(y, np.linspace(0, 1, 1025), table).astype(np.float32)

    def slope(self, y: Array) -> Float:
        """Change of radius with height."""
        grid = np.linspace(0, 1, 257)
        return np.interp(y, grid, self.curve(grid, 1)).clip(-3, 3).astype(np.float32)

    def silhouette(self, above: float) -> Float:
        """Corners of the outline: right side, upper half ellipse, left side, lower half ellipse."""
        t = np.linspace(0, 1, 400)
        radius = self.curve(t)
        arc = np.linspace(0, np.pi, 100)
        top = np.stack([radius[-1] * np.cos(arc), 1 + above * radius[-1] * np.sin(arc)], 1)
        bottom = np.stack([-radius[0] * np.cos(arc), -above * radius[0] * np.sin(arc)], 1)
        right, left = np.stack([radius, t], 1), np.stack([-radius, t], 1)[::-1]
        return np.concatenate([right, top, left, bottom]).astype(np.float32)


def _body(
    around: Surroundings, across: Array, facing: Array, slope: Float, path: Float, absorption: float, color: Float
) -> tuple[Float, Float]:
    """Transmitted share and emitted light of the walls."""
    tilt = -slope / np.sqrt(1 + slope**2)
    cosine = np.clip(facing * np.sqrt(1 - tilt**2), 0, 1)
    # A thin wall has two faces, and the viewer looks through two walls.
    mirror = 1 - (1 - fresnel(cosine)) ** 2
    front = around.seen(2 * cosine * across, 2 * cosine * tilt)
    rear = around.seen(-1.3 * cosine * across, -1.3 * cosine * tilt)
    # Near the rim light is turned so far that it comes from the sides: dark and bright bands.
    turned = ramp(np.abs(across), 0.82, 0.97)[..., None] * ramp(1 - np.abs(across), 0, 0.02)[..., None]
    bands = 0.5 + 0.5 * np.sin(34 * np.abs(across) + 2 * np.sign(across))[..., None]
    absorbed = np.exp(-absorption * path)
    through = (1 - mirror) ** 2 * absorbed * (1 - 0.5 * turned[..., 0])
    emitted = mirror[..., None] * front + 0.7 * ((1 - mirror) * mirror)[..., None] * rear
    emitted = emitted + color * (1 - absorbed)[..., None] * 0.6 + 0.25 * turned * bands * (0.3 + around.sky)
    return through.astype(np.float32), emitted.astype(np.float32)


def _drink(through: Float, emitted: Float, path: Float, strength: float, color: Float) -> tuple[Float, Float]:
    """Add what a drink absorbs and scatters along its path."""
    kept = np.exp(-4 * strength * path)
    glow = color * (0.55 + 0.3 * ramp(path, 0.0, 0.4)[..., None])
    return through * kept, emitted + (through * (1 - kept))[..., None] * glow


def _ring(
    pose: Pose,
    profile: _Profile,
    height: float,
    above: float,
    wall: float,
    power: float,
    color: Float,
    around: Surroundings,
    full: bool,
) -> Float:
    """The edge of an opening or a surface: an ellipse with a bright line; ``full`` also fills it."""
    radius = float(profile.curve(height)) - (wall if full else 0)
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    rings = []
    for inset in (0.0, max(0.6 * wall, 0.004)):
        x = (radius - inset) * np.cos(turn)
        y = height - 0.5 + above * (radius - inset) * np.sin(turn)
        rings.append(polygon(pose.size, pose.frame(x, y)))
    line = np.clip(rings[0] - rings[1], 0, 1)
    column, _ = pose.grid()
    light = around.seen(0.9 * column / radius, np.full_like(column, 0.3))
    result = clear(line[..., None] * power * np.clip(light, 0, 1.2), 1 - 0.8 * power * line)
    if full:
        result = over(result, layer(np.clip(0.6 * color + 0.4 * around.sky, 0, 1), 0.3 * rings[1]))
    return result


def _bending(bend: float, across: Array, radius: Array, wet: Array, path: Array, covered: Float, pose: Pose) -> Float:
    """Displacement of the background in pixels, (H, W, 2) as (x, y): a cylinder lens where it is full."""
    solid = np.clip((wet + path) / (2 * radius), 0, 1)
    reach = -bend * (2.0 * solid * across + 0.35 * across**7) * radius * covered / pose.pixel
    c, s = np.cos(pose.turn), np.sin(pose.turn)
    return np.dstack([reach * c, -reach * s]).astype(np.float32)
