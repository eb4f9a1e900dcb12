from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from aimkit.matting import multilevel as module
from aimkit.matting.multilevel import multilevel


def soft_disc(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.clip((min(height, width) / 3 - distance) / 8 + 0.5, 0, 1).astype(np.float32)


def noise(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.random((height, width, 3), np.float32), draw.random((height, width), np.float32)


def pixel_by_pixel(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The same relaxation one pixel at a time: the normal equations of a pixel, solved as a system of two."""
    height, width = alpha.shape
    front, back = alpha > 0.9, alpha < 0.1
    layers = np.zeros((1, 1, 2, 3))
    layers[0, 0, 0] = image[front].mean(0) if front.any() else 0
    layers[0, 0, 1] = image[back].mean(0) if back.any() else 0
    levels = max(1, math.ceil(math.log2(max(height, width))))
    for level in range(levels + 1):
        h, w = round(height ** (level / levels)), round(width ** (level / levels))
        # An odd side is made even by its last pixel.
        ys, xs = (np.minimum(np.arange(n + n % 2), n - 1) for n in (h, w))
        pixels, a = (x[ys * height // h][:, xs * width // w].astype(float) for x in (image, alpha))
        layers = layers[ys * layers.shape[0] // h][:, xs * layers.shape[1] // w].copy()
        for _ in range(10 if max(h, w) <= 32 else 2):
            for black in (0, 1):
                for y, x in np.argwhere(np.indices(a.shape).sum(0) % 2 == black):
                    system = np.outer([a[y, x], 1 - a[y, x]], [a[y, x], 1 - a[y, x]])
                    right = np.outer([a[y, x], 1 - a[y, x]], pixels[y, x])
                    for dy, dx in ((0, -1), (0, 1), (-1, 0), (1, 0)):
                        v, u = abs(y + dy), abs(x + dx)  # beyond the edge is what lies before it
                        v, u = (len(a) - 2 if v == len(a) else v), (len(a[0]) - 2 if u == len(a[0]) else u)
                        weight = 1e-5 + abs(a[y, x] - a[v, u])
                        system = system + weight * np.eye(2)
                        right = right + weight * layers[v, u]
                    layers[y, x] = np.clip(np.linalg.solve(system, right), 0, 1)
        layers = layers[:h, :w]
    return layers[..., 0, :]


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (2, 3), (12, 9), (11, 34)])
def test_the_arrays_by_parity_hold_the_pixels_of_a_chessboard(shape: tuple[int, int]) -> None:
    image, alpha = noise(*shape)
    np.testing.assert_allclose(multilevel(image, alpha), pixel_by_pixel(image, alpha), atol=1e-3)


def test_two_flat_colours_are_found_exactly() -> None:
    alpha = soft_disc(90, 121)
    front, back = np.float32([0.9, 0.3, 0.1]), np.float32([0.1, 0.5, 0.8])
    image = alpha[..., None] * front + (1 - alpha[..., None]) * back
    partial = (alpha > 0) & (alpha < 1)
    np.testing.assert_allclose(multilevel(image, alpha)[partial], np.broadcast_to(front, (partial.sum(), 3)), atol=1e-3)


def test_smooth_colours_are_found_nearly() -> None:
    y, x = np.mgrid[:200, :300].astype(np.float32) / 300
    alpha = soft_disc(200, 300)
    front = np.dstack([0.9 - 0.3 * x, 0.2 + 0.4 * y, 0.3 + 0.2 * x])
    back = np.dstack([0.2 + 0.3 * y, 0.8 - 0.2 * x, 0.5 + 0.2 * y])
    image = alpha[..., None] * front + (1 - alpha[..., None]) * back
    seen = (alpha > 0.1) & (alpha < 1)
    found = multilevel(image, alpha)
    assert np.abs(found - front)[seen].mean() < 0.01
    assert np.abs(image - front)[seen].mean() > 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (13, 1), (2, 2), (5, 3), (33, 64), (31, 257)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_any_size_and_any_flat_matte_give_colours(shape: tuple[int, int], value: float) -> None:
    image, _ = noise(*shape)
    found = multilevel(image, np.full(shape, value, np.float32))
    assert found.shape == image.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_neither_tiles_nor_leaving_some_out_changes_a_partly_covered_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = noise(90, 140)
    alpha = soft_disc(90, 140)
    partial = (alpha > 0) & (alpha < 1)
    whole = module._tiles
    monkeypatch.setattr(module, "_tiles", lambda matte, reach: whole(matte, reach=None))
    wanted = multilevel(image, alpha)
    monkeypatch.setattr(module, "_tiles", whole)
    monkeypatch.setattr(module, "_TILE", (3, 5))
    left_out = multilevel(image, alpha)
    assert not np.array_equal(left_out, wanted)
    np.testing.assert_array_equal(left_out[partial], wanted[partial])


def levels_apart(image: np.ndarray, alpha: np.ndarray) -> float:
    """Mean absolute difference to pymatting's colours where alpha is partial, in levels of 8 bits."""
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    partial = (alpha > 0) & (alpha < 1)
    return 255 * float(np.abs(multilevel(image, alpha) - estimate_foreground_ml(image, alpha))[partial].mean())


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(200, 300), (77, 31), (257, 40)])
def test_it_agrees_with_pymatting_on_synthetic_images(shape: tuple[int, int]) -> None:
    alpha = soft_disc(*shape)
    front, back = (
        cv2.normalize(cv2.GaussianBlur(noise(*shape, seed)[0], (0, 0), sigma), None, 0, 1, cv2.NORM_MINMAX)
        for seed, sigma in ((1, 10), (2, 4))
    )
    assert levels_apart(alpha[..., None] * front + (1 - alpha[..., None]) * back, alpha) < 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["animals", "portraits", "mixed", "trees"])
def test_it_agrees_with_pymatting_on_real_cut_outs(shared, kind: str) -> None:
    photos = sorted((shared / "data" / "bg" / "budgie_backgrounds").iterdir())
    apart = []
    for number, path in enumerate(sorted((shared / "data" / "fg" / kind).glob("*.png"))):
        cutout = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
        if cutout.shape[2:] != (4,) or not ((cutout[..., 3] > 0) & (cutout[..., 3] < 1)).any():
            continue
        photo = cv2.imread(str(photos[number % len(photos)])).astype(np.float32) / 255
        photo = cv2.resize(photo, cutout.shape[1::-1], interpolation=cv2.INTER_AREA)
        alpha = np.ascontiguousarray(cutout[..., 3])
        image = photo + alpha[..., None] * (cutout[..., :3] - photo)
        apart.append(levels_apart(image, alpha))
    assert np.mean(apart) < 2
    # Of a spider's web that pymatting itself misses by 17 levels.
    assert max(apart) < 3.5
