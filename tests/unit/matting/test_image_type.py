from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from aimkit.generators import generators
from aimkit.imageio import read_alpha
from aimkit.matting.image_type import infer, measure
from aimkit.rng import rng
from aimkit.types import ImageType


def disc(size=200, radius=60, softness=2.0, opacity=1.0):
    y, x = np.mgrid[:size, :size] - size / 2
    return (opacity * np.clip((radius - np.hypot(x, y)) / softness + 0.5, 0, 1)).astype(np.float32)


def grid(size=200, step=20, width=2):
    alpha = np.zeros((size, size), np.float32)
    for start in range(width, size, step):
        alpha[start : start + width], alpha[:, start : start + width] = 1, 1
    return alpha


def net(size=200):
    return grid(size) * disc(size, 70)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (disc(), ImageType.SO),
        (disc(softness=20), ImageType.SO),
        (np.ones((64, 64), np.float32), ImageType.SO),
        (disc(opacity=0.5), ImageType.STM),
        (disc(radius=40, softness=90), ImageType.STM),
        (net(), ImageType.STM),
        (grid(), ImageType.NS),
        (np.full((64, 64), 0.3, np.float32), ImageType.NS),
    ],
    ids=["disc", "furry disc", "opaque frame", "pane", "puff", "net", "grid", "fog"],
)
def test_plain_shapes_have_their_type(alpha, expected):
    guess = infer(alpha)
    assert guess.type == expected
    assert guess.confidence > 0.55


@pytest.mark.parametrize("scale", [0.5, 2, 4])
@pytest.mark.parametrize("alpha", [disc(), disc(opacity=0.5), disc(radius=40, softness=90)])
def test_the_type_does_not_depend_on_the_resolution(alpha, scale):
    size = round(200 * scale)
    assert infer(cv2.resize(alpha, (size, size), interpolation=cv2.INTER_AREA)).type == infer(alpha).type


def test_a_pane_is_less_sure_the_wider_its_frame():
    panes = [infer(disc() - 0.7 * disc(radius=60 - width)) for width in (18, 22)]
    assert all(pane.type == ImageType.STM for pane in panes)
    assert panes[0].confidence > panes[1].confidence > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 2)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_tiny_and_empty_mattes_are_measured(shape, value):
    statistics = measure(np.full(shape, value, np.float32))
    assert statistics.solid + statistics.partial + statistics.empty == pytest.approx(1)
    assert infer(np.full(shape, value, np.float32)).confidence >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", generators.list())
def test_generators_draw_the_type_that_they_claim(name):
    entry = generators.get(name)
    block = entry.info.params(generator=name)
    types = Counter(infer(entry.value(block, (256, 320), rng(seed, name)).alpha).type for seed in range(20))
    assert types[entry.info.type] >= 18, types


def test_real_cutouts_are_mostly_opaque(shared):
    for folder in ("animals", "portraits"):
        files = sorted((shared / "data" / "fg" / folder).iterdir())[:6]
        assert all(infer(read_alpha(file)).type == ImageType.SO for file in files)


def test_glass_and_web_are_told_apart(shared):
    folder = shared / "data" / "fg" / "mixed"
    assert infer(read_alpha(folder / "aims_2.png")).type == ImageType.STM
    assert infer(read_alpha(folder / "aims_3.png")).type == ImageType.NS
