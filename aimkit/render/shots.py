"""Which pictures to take of which model: all is drawn here, from the recipe, the model's id and the view's number."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.recipe import expand
from aimkit.render.models import RenderModel
from aimkit.render.recipe import (
    FurLook,
    GlassLook,
    ImportedLook,
    LookBlock,
    PlainLook,
    RenderCamera,
    RenderLight,
    RenderRecipe,
)
from aimkit.render.surroundings import PANORAMAS, PHOTOS, light_file
from aimkit.rng import rng

#: Raised whenever the same shot would give another picture.
_VERSION = 1

#: Colours of metals in linear light: steel, aluminium, silver, gold, copper, brass, bronze.
_METALS = (
    (0.56, 0.57, 0.58),
    (0.91, 0.92, 0.92),
    (0.97, 0.96, 0.91),
    (1.0, 0.77, 0.34),
    (0.95, 0.64, 0.54),
    (0.89, 0.72, 0.41),
    (0.71, 0.46, 0.27),
)


@dataclass(frozen=True)
class Panorama:
    """A picture of the light from all sides, or a photo.

    Attributes:
        name: Its name in sidecars.
        file: The file.
    """

    name: str
    file: Path


@dataclass(frozen=True)
class Shot:
    """A picture to render.

    Attributes:
        id: Its name below the output folder, without suffix.
        model: What is on it.
        setup: Everything that was drawn, as plain JSON, without any path of this machine.
        panorama: The file of its light, or None.
        pose: The animation of its pose, or None.
    """

    id: str
    model: RenderModel
    setup: dict[str, Any]
    panorama: Path | None
    pose: Path | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything but the files of model, light and pose."""
        facts = [_VERSION, self.model.id, self.setup]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def job_of(shot: Shot, model: Path, out: Path, threads: int) -> dict[str, Any]:
    """The job for Blender: the setup, with the paths of this machine.

    Raises:
        AimkitError: The photo that lights the model can't be read.
    """
    job: dict[str, Any] = json.loads(json.dumps(shot.setup))
    job |= {"model": str(model), "out": str(out), "threads": threads}
    if shot.panorama is not None:
        job["light"]["file"] = str(light_file(shot.panorama, out.parent))
    if shot.pose is not None:
        job["pose"]["file"] = str(shot.pose)
    return job


def plan(recipe: RenderRecipe, models: Sequence[RenderModel]) -> list[Shot]:
    """The pictures of a recipe, in an order whose every beginning has all collections in proportion.

    The views of a model are spread evenly over the whole: models of many views come soon and often.

    Raises:
        AimkitError: A folder of panoramas does not exist or is empty, or a model has no look.
    """
    panoramas = [find_panoramas(light, f"lights.{number}") for number, light in enumerate(recipe.lights)]
    placed = []
    for model in models:
        draw = hashlib.sha256(f"{recipe.seed} {model.id}".encode()).digest()
        offset, views = int.from_bytes(draw[:8], "big") / 2**64, views_of(recipe, model)
        placed += [((view + offset) / views, model, view) for view in range(views)]
    placed.sort(key=lambda entry: (entry[0], entry[1].id))
    return [shot_of(recipe, model, view, panoramas) for _, model, view in placed]


def views_of(recipe: RenderRecipe, model: RenderModel) -> int:
    """Pictures of a model."""
    favoured = next((entry.views for entry in recipe.favour if model.matches(entry.only)), None)
    return favoured or model.views or recipe.views


def find_panoramas(light: RenderLight, where: str) -> list[Panorama]:
    """The panoramas of a light; none for a studio.

    Raises:
        AimkitError: There are none at its path.
    """
    if not light.path:
        return []
    root = expand(light.path, f"{where}.path")
    if not root.exists():
        raise AimkitError("panoramas not found", str(root), f"correct {where}.path, or remove it for a studio")
    files = [root] if root.is_file() else [p for p in sorted(root.rglob("*")) if p.suffix.lower() in PANORAMAS + PHOTOS]
    kept = [p for p in files if not any(fnmatchcase(p.name, pattern) for pattern in light.exclude)]
    if not kept:
        raise AimkitError("the folder has no panoramas (.hdr, .exr) or photos", str(root))
    return [Panorama(path.name, path) for path in kept]


def shot_of(recipe: RenderRecipe, model: RenderModel, view: int, panoramas: Sequence[Sequence[Panorama]]) -> Shot:
    """Draw a picture. Every part has a stream of its own, so that a change of one leaves the others.

    Raises:
        AimkitError: No look of the recipe fits the model.
    """

    def stream(name: str) -> np.random.Generator:
        return rng(recipe.seed, "render", model.id, view, name)

    light, panorama = _light(recipe.lights, panoramas, stream("light"))
    look = _look(_fitting(recipe.looks, model), stream("look"))
    # Simple models have glass in them more often than not when they are named after it; Blender tells the rest.
    costly = look["look"] in ("glass", "fur")
    auto = 64 if look["look"] == "glass" else 32
    setup = {
        "seed": int(stream("seed").integers(2**31)),
        "size": int(stream("size").integers(recipe.size[0], recipe.size[1] + 1)),
        "samples": auto if recipe.samples == "auto" else recipe.samples,
        "matte_samples": (256 if costly else 128) if recipe.matte_samples == "auto" else recipe.matte_samples,
        "denoise": recipe.denoise,
        "camera": _camera(recipe.camera, stream("camera")),
        "light": light,
        "look": look,
        "passes": list(recipe.passes),
        "output": {"exposure": recipe.exposure, "view": recipe.view, "format": recipe.format, "bits": recipe.bits},
    }
    if model.up != "y":
        setup["up"] = model.up
    pose = None
    if model.poses:
        draw = stream("pose")
        pose = model.poses[int(draw.integers(len(model.poses)))]
        setup["pose"] = {"name": pose.name, "at": _between(draw, (0, 1))}
    return Shot(f"{model.id}-{view:02d}", model, setup, panorama, pose)


def _between(draw: np.random.Generator, pair: tuple[float, float]) -> float:
    return round(float(draw.uniform(*pair)), 6)


def _weighted(draw: np.random.Generator, entries: Sequence[Any]) -> int:
    weights = np.array([entry.weight for entry in entries])
    return int(draw.choice(len(entries), p=weights / weights.sum()))


def _camera(camera: RenderCamera, draw: np.random.Generator) -> dict[str, Any]:
    def angle(pair: tuple[float, float]) -> float:
        return round(math.radians(draw.uniform(*pair)), 6)

    drawn: dict[str, Any] = {
        "focal": float(draw.choice(camera.focal)),
        "share": _between(draw, camera.share),
        "min_aspect": camera.min_aspect,
        "views": [
            {"azimuth": angle(camera.azimuth), "elevation": angle(camera.elevation), "roll": angle(camera.roll)}
            for _ in range(camera.tries)
        ],
    }
    chances, values = draw.uniform(size=2), (_between(draw, camera.blur), _between(draw, camera.path))
    if chances[0] < camera.defocus:
        drawn["focus"] = values[0]
    if chances[1] < camera.motion:
        drawn["motion"] = values[1]
    return drawn


def _light(
    lights: Sequence[RenderLight], panoramas: Sequence[Sequence[Panorama]], draw: np.random.Generator
) -> tuple[dict[str, Any], Path | None]:
    number = _weighted(draw, lights)
    strength, own = _between(draw, lights[number].strength), panoramas[number]
    if own:
        chosen = own[int(draw.integers(len(own)))]
        if chosen.file.suffix.lower() in PHOTOS:
            # It is behind the thing, wherever the camera is.
            return {"panorama": chosen.name, "photo": True, "strength": strength}, chosen.file
        turn = _between(draw, (0, 2 * math.pi))
        return {"panorama": chosen.name, "turn": turn, "strength": strength}, chosen.file
    around = draw.uniform(-math.pi, math.pi)
    lamps = []
    for place, power in ((0.0, 1.0), (2.1, 0.35), (-2.4, 0.6)):
        warm = draw.uniform(-0.12, 0.12)
        lamps.append(
            {
                "azimuth": round(float(around + place + draw.normal(0, 0.3)), 6),
                "elevation": _between(draw, (0.2, 1.2)),
                "size": _between(draw, (0.5, 2.5)),
                "power": round(float(power * draw.uniform(0.6, 1.4)), 6),
                "color": [round(float(c), 6) for c in (1.0 + min(warm, 0), 1.0 - abs(warm) / 3, 1.0 - max(warm, 0))],
            }
        )
    walls = [_between(draw, (0.5, 1.0))] * 3
    return {"panorama": "", "lamps": lamps, "walls": walls, "strength": strength}, None


def _fitting(looks: Sequence[LookBlock], model: RenderModel) -> list[LookBlock]:
    fit = [
        look
        for look in looks
        if look.weight > 0 and (not look.only or model.matches(look.only)) and not model.matches(look.never)
    ]
    if not fit:
        raise AimkitError(f"no look fits the model '{model.id}'", "looks", "add one without 'only'")
    return fit


def _look(looks: Sequence[LookBlock], draw: np.random.Generator) -> dict[str, Any]:
    look = looks[_weighted(draw, looks)]
    if isinstance(look, GlassLook):
        tint, hue = _between(draw, look.tint), draw.uniform(size=3)
        color = [round(float(0.98 - tint * part), 6) for part in hue]
        roughness, ior = _between(draw, look.roughness), _between(draw, look.ior)
        return {"look": "glass", "color": color, "roughness": roughness, "ior": ior}
    if isinstance(look, PlainLook):
        usual = {"metal": (0.08, 0.45), "cloth": (0.7, 1.0), "velvet": (0.7, 1.0)}[look.look]
        color = list(_METALS[int(draw.integers(len(_METALS)))]) if look.look == "metal" else _dye(draw)
        return {"look": look.look, "color": color, "roughness": _between(draw, look.roughness or usual)}
    if isinstance(look, FurLook):
        names = ("length", "thickness", "lie", "droop", "clump", "curl")
        drawn = {name: _between(draw, getattr(look, name)) for name in names}
        strands = int(draw.integers(look.strands[0], look.strands[1] + 1))
        return {
            "look": "fur",
            "strands": strands,
            "vary": look.vary,
            "color": list(look.color) if look.color else None,
            **drawn,
        }
    assert isinstance(look, ImportedLook)
    shift = [0.5 + _between(draw, look.hue), _between(draw, look.saturation), _between(draw, look.value)]
    return {"look": "imported", "glass": look.glass, "shift": shift if shift != [0.5, 1, 1] else None}


def _dye(draw: np.random.Generator) -> list[float]:
    """A colour of cloth in linear light."""
    hue, saturation, value = draw.uniform(), draw.uniform(0, 0.9), draw.uniform(0.03, 0.7)
    sector = np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    return [round(float(c), 6) for c in value * (1 - saturation + saturation * np.clip(sector, 0, 1))]
