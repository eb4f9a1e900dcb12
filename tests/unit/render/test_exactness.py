"""Mattes and colours of Blender against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blender_test import SHARE, SIDE, TOP, disc, rendered

pytestmark = pytest.mark.slow


def square() -> list[tuple[float, float, float]]:
    return [(-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1)]


def filtered(inside: np.ndarray, fine: int) -> np.ndarray:
    """A shape on a grid of ``fine`` points a pixel, seen through Blender's pixel filter (Blackman-Harris, 3 px)."""
    reach = int(1.5 * fine)
    t = (np.arange(-reach, reach + 1) / (3 * fine)) + 0.5
    terms = zip((0.35875, -0.48829, 0.14128, -0.01168), range(4), strict=True)
    kernel = sum(weight * np.cos(2 * np.pi * k * t) for weight, k in terms)
    kernel /= kernel.sum()
    rows = np.apply_along_axis(np.convolve, 1, inside, kernel, "same")
    both = np.apply_along_axis(np.convolve, 0, rows, kernel, "same")
    return both[fine // 2 :: fine, fine // 2 :: fine]


def test_a_disc_covers_its_pixels_and_has_one_colour_to_its_rim(tmp_path: Path) -> None:
    found = rendered(tmp_path, [disc()])
    assert found.shape == (SIDE, SIDE, 4)
    radius, fine = SHARE * SIDE / 2, 17
    at = (np.arange(SIDE * fine) + 0.5) / fine - SIDE / 2
    expected = filtered((np.hypot(at[:, None], at[None]) < radius).astype(float), fine)
    alpha = found[..., 3]
    assert abs(alpha.sum() - np.pi * radius**2) < 0.0005 * np.pi * radius**2
    assert np.abs(alpha - expected).max() < 0.03
    assert np.abs(alpha - expected).mean() < 0.0005
    shown = [1.055 * c ** (1 / 2.4) - 0.055 for c in (0.5, 0.2, 0.05)]
    assert np.abs(found[..., :3][alpha > 0.999] - shown).max() < 0.001
    # Colours are taken with fewer samples than the matte; the difference weighs as little as alpha does.
    assert (np.abs(found[..., :3] - shown) * alpha[..., None]).max() < 0.08


def test_a_half_transparent_plane_has_its_alpha_and_its_colour(tmp_path: Path) -> None:
    found = rendered(tmp_path, [square()], alpha=0.4)
    inside = slice(SIDE // 2 - 30, SIDE // 2 + 30)
    assert np.abs(found[inside, inside, 3] - 0.4).max() < 0.002
    assert found[..., 3].sum() == pytest.approx(0.4 * (SHARE * SIDE) ** 2, rel=0.005)


def test_a_strand_of_hair_covers_what_its_width_and_length_say(tmp_path: Path) -> None:
    thickness = 0.02
    fur = {"look": "fur", "strands": 1, "length": 5, "thickness": thickness, "vary": 0}
    fur |= {"lie": 0, "droop": 0, "clump": 0, "curl": 0}
    side = {**TOP, "elevation": 0, "min_aspect": 0}
    # The triangle that the strand grows on is 1 wide and seen from its edge, so all above the lowest rows is strand.
    found = rendered(tmp_path, [[(-0.5, 0, 0.3), (0.5, 0, 0.3), (0, 0, -0.3)]], looks=[fur], camera=side)
    assert found.shape[0] == SIDE
    # The strand is 5 long; its width falls from twice the thickness to 15 % of that.
    scale, low = SHARE * SIDE / 5, SIDE * (1 + SHARE) / 2
    rows = np.arange(14, 80)
    t = (low - rows - 0.5) / (SHARE * SIDE)
    width = scale * 2 * thickness * (1 - 0.85 * t)
    assert 0.1 < width.min() < width.max() < 0.6, "the strand is thinner than a pixel"
    np.testing.assert_allclose(found[rows, :, 3].sum(1), width, rtol=0.06)
    assert found[rows, :, 3].sum() == pytest.approx(width.sum(), rel=0.02)


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    fur = {"look": "fur", "strands": 300, "length": 0.3}
    pictures = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        keys = {"denoise": True, "samples": 8, "matte_samples": 32, "lights": [{}], "looks": [fur], "size": 48}
        rendered(tmp_path / name, [square()], **keys)
        pictures.append((tmp_path / name / "out/m/m-00.png").read_bytes())
    assert pictures[0] == pictures[1]
