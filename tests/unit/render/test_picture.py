"""From linear planes to a cut-out: exact where the planes are, displayed as sRGB, and refused where nothing is seen."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aimkit.imageio import decode
from aimkit.recipe import parse
from aimkit.render.picture import RenderedCutout, develop, display, encode, encode_pass, fault
from aimkit.render.recipe import RenderRecipe


def ramp(color: tuple[float, float, float]) -> np.ndarray:
    """A ramp of alpha, premultiplied by its colour in linear light, (8, 101, 4)."""
    alpha = np.broadcast_to(np.linspace(0, 1, 101), (8, 101))
    return np.dstack([alpha[..., None] * np.array(color), alpha]).astype(np.float32)


def test_colours_are_divided_by_alpha_in_linear_light_before_they_are_displayed() -> None:
    planes = ramp((0.2, 0.5, 0.05))
    cutout = develop(planes, planes, 0.0, "standard")
    expected = [1.055 * c ** (1 / 2.4) - 0.055 for c in (0.2, 0.5, 0.05)]
    assert np.abs(cutout.color[:, 1:] - expected).max() < 1e-4
    np.testing.assert_allclose(cutout.alpha[0], np.linspace(0, 1, 101), atol=1e-6)
    # Where alpha is 0 the colour continues; filters meet no black there.
    assert np.abs(cutout.color[:, 0] - expected).max() < 1e-3


def test_the_matte_is_that_of_its_own_render() -> None:
    colors, matte = ramp((0.2, 0.2, 0.2)), ramp((1, 1, 1))
    colors[..., 3] = 0.123
    assert (develop(colors, matte).alpha == develop(matte, matte).alpha).all()


def test_a_stop_doubles_the_light() -> None:
    planes = ramp((0.1, 0.1, 0.1))
    once, twice = (develop(planes, planes, stops, "standard").color[0, 50, 0] for stops in (0.0, 1.0))
    assert once == pytest.approx(1.055 * 0.1 ** (1 / 2.4) - 0.055, abs=1e-5)
    assert twice == pytest.approx(1.055 * 0.2 ** (1 / 2.4) - 0.055, abs=1e-5)


def test_automatic_exposure_evens_out_lights_but_leaves_dark_things_darker() -> None:
    shown = [float(develop(plane := ramp((level,) * 3), plane).color[0, 80, 0]) for level in (0.02, 0.1, 0.65, 3.0)]
    assert shown == sorted(shown)
    assert 0.25 < shown[0] < shown[-1] < 1


def test_soft_display_is_srgb_in_the_dark_and_clips_nothing() -> None:
    light = np.linspace(0, 8, 4001).astype(np.float32)
    soft, standard = display(light, "soft"), display(light, "standard")
    np.testing.assert_array_equal(soft[light < 0.7], standard[light < 0.7])
    assert (np.diff(soft[light < 3]) > 0).all()
    assert soft.max() <= 1


@pytest.mark.parametrize(("form", "bits"), [("png", 16), ("png", 8), ("webp", 8)])
def test_files_hold_alpha_without_loss(form: str, bits: int, tmp_path) -> None:
    planes = ramp((0.2, 0.5, 0.05))
    cutout = develop(planes, planes, 0.0)
    data = encode(cutout, form, bits)
    pixels = decode(data).pixels
    top = np.iinfo(pixels.dtype).max
    assert top == 2**bits - 1
    np.testing.assert_array_equal(pixels[..., 3], np.round(cutout.alpha.astype(np.float64) * top))
    assert np.abs(pixels[..., :3] / top - cutout.color).max() < (0.06 if form == "webp" else 0.6 / top)
    (tmp_path / f"a.{form}").write_bytes(data)
    assert Image.open(tmp_path / f"a.{form}").size == (101, 8)


def test_passes_are_told_in_their_ranges() -> None:
    plane = np.zeros((4, 6, 4), np.float32)
    plane[:, 1:, 3], plane[:, 1:, :3] = 1, np.linspace(2, 6, 5)[:, None]
    depth = decode(encode_pass("depth", plane)).pixels / 65535
    np.testing.assert_allclose(depth[0], [0, 1, 0.75, 0.5, 0.25, 0], atol=1e-4)


def test_a_shadow_has_the_resolution_of_its_picture_and_ends_before_its_frame_does() -> None:
    plane = np.zeros((50, 80, 4), np.float32)
    plane[..., 3] = 0.6
    light = decode(encode_pass("shadow", plane)).pixels
    assert (light.shape, light.dtype) == ((100, 160), np.uint8)
    assert np.unique(light[32:68, 32:128]).tolist() == [102]
    assert min(light[0].min(), light[-1].min(), light[:, 0].min(), light[:, -1].min()) >= 253
    assert (np.diff(light[50, :40].astype(int)) <= 0).all()
    assert (np.diff(light[:25, 80].astype(int)) <= 0).all()


def test_what_shows_nothing_is_not_kept() -> None:
    recipe = parse(RenderRecipe, {"models": [{"path": "a"}], "reject": {"max_fill": 0.97, "min_aspect": 0.1}}, "test")

    def verdict(box: tuple[slice, slice], level: float, alpha: float = 1.0) -> str:
        planes = RenderedCutout(np.full((100, 100, 3), level, np.float32), np.zeros((100, 100), np.float32), 0.0)
        planes.alpha[box] = alpha
        planes.alpha[box[0].start, box[1].start] = 0
        return fault(planes, recipe)

    assert verdict((slice(0, 50), slice(0, 100)), 0.5).startswith("it is a plain board")
    assert verdict((slice(0, 50), slice(0, 100)), 0.5, alpha=0.5) == "", "a veil is not a board"
    assert verdict((slice(0, 5), slice(0, 100)), 0.5).startswith("it is edge-on")
    assert verdict((slice(0, 50), slice(0, 50)), 0.01).startswith(("it is black", "it is a plain board"))
    assert verdict((slice(0, 4), slice(0, 4)), 0.5).startswith("the matte covers")
