"""The recipe of a render: models, lights, camera, looks, and which pictures are rejected."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from aimkit.bounds import Angles, Name, Names, Share, Shares, Text, Texts, Weight, Within
from aimkit.recipe import Block, IntRange, Range, Recipe

#: Views of one model.
Views = Annotated[int, Field(ge=1, le=10_000)]
Samples = Annotated[int, Field(ge=1, le=65_536)]
Color = Annotated[tuple[float, float, float], Within(0, 1)]


class RenderedModels(Block):
    """Models to render: a folder, a catalogue of Sweet Home 3D (``.sh3f``), or one file.

    Attributes:
        path: The folder or file; ``~`` and ``${NAME}`` are expanded.
        name: Name of the collection, the first part of every picture's name; that of the path when empty.
        licence: Licence of the models, an SPDX id or a few words; that of the catalogue when empty.
        creator: Creator of the models, where the catalogue does not state it.
        origin: Where the models come from: a URL.
        views: Pictures of each model; the recipe's when None.
        poses: A folder of animations (FBX, glTF, GLB) of the models' skeleton, or one file. Each picture draws one and
            a moment in it; bones are matched by name.
        up: Axis that points up in OBJ files; "y" as the format is usually written, "z" for many scans.
        only: Patterns of ids, names or files of models to take; all when empty.
        exclude: Patterns of ids, names or files of models to leave out, such as ``"wallSocket"`` or ``"*-plug-*"``.
        exclude_categories: Categories of the catalogue to leave out.
    """

    path: Text
    name: Name = ""
    licence: Text = ""
    creator: Text = ""
    origin: Text = ""
    views: Views | None = None
    poses: Text = ""
    up: Literal["y", "z"] = "y"
    only: Texts = Field(default_factory=list)
    exclude: Texts = Field(default_factory=list)
    exclude_categories: Names = Field(default_factory=list)


class FavouredModels(Block):
    """Models that get another number of views.

    Attributes:
        only: Patterns of ids, names or categories, such as ``"*plant*"``; case does not matter.
        views: Pictures of each of them.
    """

    only: Annotated[list[Text], Field(min_length=1, max_length=10_000)]
    views: Views


class RenderLight(Block):
    """A source of light; one is drawn for every picture, by weight.

    Attributes:
        path: A panorama (HDR or EXR) or a photo, or a folder of them; three lamps in a grey studio when empty. A photo
            lights the model through a blurred panorama, as if the photo were the background of the picture.
        weight: Chance relative to the other lights.
        strength: Range of the mean radiance.
        exclude: Patterns of panoramas to leave out.
    """

    path: Text = ""
    weight: Weight = 1.0
    strength: Annotated[Range, Within(0, 1000)] = (0.7, 1.4)
    exclude: Texts = Field(default_factory=list)


class RenderCamera(Block):
    """How pictures are taken.

    Attributes:
        focal: Focal lengths in millimetres (36 mm film), one of which is drawn.
        azimuth: Range of the direction around the model in degrees.
        elevation: Range of the height of the camera above the horizon in degrees.
        roll: Range of the turn about the line of sight in degrees.
        share: Range of the share of the frame's longer side that the model fills.
        min_aspect: Views in which the model is narrower than this (shorter by longer side) are drawn again.
        tries: Maximum number of views drawn.
        defocus: Chance of depth of field.
        blur: Range of the circle of confusion in shares of the frame, at one extent of the model out of focus.
        motion: Chance of motion blur.
        path: Range of the motion in shares of the model's extent.
    """

    focal: Annotated[tuple[float, ...], Field(min_length=1, max_length=64), Within(5, 2000)] = (35, 50, 85, 120)
    azimuth: Angles = (-180, 180)
    elevation: Annotated[Range, Within(-90, 90)] = (-5, 45)
    roll: Angles = (-8, 8)
    share: Annotated[Range, Within(0.05, 1)] = (0.9, 0.96)
    min_aspect: Share = 0.2
    tries: Annotated[int, Field(ge=1, le=64)] = 6
    defocus: Share = 0.0
    blur: Annotated[Range, Within(1e-4, 0.2)] = (0.003, 0.02)
    motion: Share = 0.0
    path: Annotated[Range, Within(0, 1)] = (0.01, 0.05)


class LookBlock(Block):
    """Keys of all looks.

    Attributes:
        weight: Chance relative to the other looks that a model may have.
        only: Patterns of ids, names or categories of the models that may have it; all models when empty.
        never: Patterns of models that may not have it.
    """

    weight: Weight = 1.0
    only: Texts = Field(default_factory=list)
    never: Texts = Field(default_factory=list)


class ImportedLook(LookBlock):
    """The materials of the model.

    Attributes:
        glass: Whether materials that are see-through all over become glass.
        hue: Range of the shift of hue; 0.5 is the opposite colour.
        saturation: Range of the factor of saturation.
        value: Range of the factor of value.
    """

    look: Literal["imported"] = "imported"
    glass: bool = True
    hue: Annotated[Range, Within(-0.5, 0.5)] = (0, 0)
    saturation: Annotated[Range, Within(0, 4)] = (1, 1)
    value: Annotated[Range, Within(0, 4)] = (1, 1)


class GlassLook(LookBlock):
    """Everything is glass.

    Attributes:
        tint: Range of how much colour the glass has.
        roughness: Range of roughness; 0 is clear.
        ior: Range of the refractive index.
    """

    look: Literal["glass"]
    tint: Shares = (0, 0.08)
    roughness: Shares = (0, 0)
    ior: Annotated[Range, Within(1, 3)] = (1.4, 1.55)


class PlainLook(LookBlock):
    """Everything is metal, cloth or velvet of one drawn colour; cloth keeps textures.

    Attributes:
        roughness: Range of roughness; that of the kind when None.
    """

    look: Literal["metal", "cloth", "velvet"]
    roughness: Shares | None = None


class FurLook(LookBlock):
    """Hair grows on the model, in the colours of its materials.

    Attributes:
        strands: Range of the number of strands.
        length: Range of their length in shares of the model's extent.
        thickness: Range of a strand's radius at its root, likewise.
        lie: Range of how much they lie along the surface.
        droop: Range of how much they bend down.
        clump: Range of how much they are drawn together.
        curl: Range of how much they wind.
        vary: How much strands differ in length, thickness, direction and colour.
        color: Colour in linear light, or None for the model's own.
    """

    look: Literal["fur"]
    strands: Annotated[IntRange, Within(1, 2_000_000)] = (15_000, 40_000)
    length: Annotated[Range, Within(1e-4, 5)] = (0.015, 0.06)
    thickness: Annotated[Range, Within(1e-6, 0.1)] = (0.0004, 0.0008)
    lie: Annotated[Range, Within(0, 5)] = (0.4, 1.2)
    droop: Annotated[Range, Within(0, 5)] = (0.1, 0.5)
    clump: Shares = (0.1, 0.7)
    curl: Annotated[Range, Within(0, 5)] = (0, 1)
    vary: Annotated[float, Field(ge=0, le=0.45)] = 0.2
    color: Color | None = None


def _kind(value: Any) -> str:
    kind = value.get("look", "imported") if isinstance(value, dict) else getattr(value, "look", "")
    return {"metal": "plain", "cloth": "plain", "velvet": "plain"}.get(str(kind), str(kind))


Look = Annotated[
    Annotated[ImportedLook, Tag("imported")]
    | Annotated[GlassLook, Tag("glass")]
    | Annotated[PlainLook, Tag("plain")]
    | Annotated[FurLook, Tag("fur")],
    Discriminator(
        _kind,
        custom_error_type="unknown_look",
        custom_error_message="unknown look; known: imported, glass, metal, cloth, velvet, fur",
    ),
]


def _imported() -> list[Any]:
    return [ImportedLook()]


class RenderRejects(Block):
    """Pictures that are not kept.

    Attributes:
        min_cover: Minimum share of the frame that the matte covers.
        min_light: Minimum brightness that a fiftieth of the model reaches, as displayed.
        max_fill: Largest share of its box that an opaque model fills; a plain board fills all of it.
        min_aspect: Minimum ratio of the shorter to the longer side of the box.
    """

    min_cover: Share = 0.01
    min_light: Share = 0.08
    max_fill: Share = 1.0
    min_aspect: Share = 0.0


class RenderRecipe(Recipe):
    """A recipe of renders.

    Attributes:
        kind: ``render``.
        models: Models to render.
        favour: Models with another number of views; the first that matches counts.
        lights: Sources of light.
        camera: How pictures are taken.
        looks: Materials, one of which is drawn for every picture, by weight.
        views: Pictures of each model.
        size: Range of the longer side of a picture in pixels.
        samples: Colour samples per pixel; "auto" takes 32, or 64 for glass.
        matte_samples: Maximum number of matte samples per pixel; "auto" takes 128, or 256 for glass and fur.
        denoise: Whether the denoiser smooths colours (never the matte).
        exposure: Stops of exposure; "auto" sets the brightest tenth of the model near white, or makes it as bright as
            the photo that lights it.
        view: How linear light is displayed: "soft" rolls highlights off, "standard" clips them.
        format: "png", or "webp" with lossy colours and lossless alpha.
        bits: Bits of a PNG.
        passes: Additional planes: depth, normal, shadow. The step ``shadow`` casts shadows on backgrounds.
        reject: Pictures that are not kept.
    """

    outside_digest: ClassVar[frozenset[str]] = frozenset()

    kind: Literal["render"] = "render"
    models: Annotated[list[RenderedModels], Field(min_length=1, max_length=1000)]
    favour: Annotated[list[FavouredModels], Field(max_length=1000)] = Field(default_factory=list)
    lights: Annotated[list[RenderLight], Field(min_length=1, max_length=1000)] = Field(
        default_factory=lambda: [RenderLight()]
    )
    camera: RenderCamera = RenderCamera()
    looks: Annotated[list[Look], Field(min_length=1, max_length=1000)] = Field(default_factory=_imported)
    views: Views = 4
    size: Annotated[IntRange, Within(16, 8192)] = (640, 640)
    samples: Samples | Literal["auto"] = "auto"
    matte_samples: Samples | Literal["auto"] = "auto"
    denoise: bool = True
    exposure: Annotated[float, Field(ge=-20, le=20)] | Literal["auto"] = "auto"
    view: Literal["soft", "standard"] = "soft"
    format: Literal["png", "webp"] = "png"
    bits: Literal[8, 16] = 16
    passes: Annotated[tuple[Literal["depth", "normal", "shadow"], ...], Field(max_length=3)] = ()
    reject: RenderRejects = RenderRejects()

    @field_validator("lights", "looks")
    @classmethod
    def _some_weight(cls, value: list[Any]) -> list[Any]:
        if not any(entry.weight > 0 for entry in value):
            raise ValueError("all weights are 0")
        return value
