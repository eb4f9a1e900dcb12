"""A folder of clean pictures with planted faults, and which file each check has to name, and no other."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from aimkit.imageio import encode_jpeg, write_png

SIDE = (288, 320)

#: What each check has to find in the folder of :func:`plant`, by the first file that it names.
FAULTS: dict[str, set[str]] = {
    "premultiplied": {"cutouts/premultiplied.png"},
    "halo": {"cutouts/halo.png", "cutouts/halo_cleared.png"},
    "binary-matte": {"cutouts/binary.png"},
    "empty-matte": {"cutouts/empty.png", "photos/train/original/opaque.png"},
    "no-alpha": {"cutouts/opaque.png"},
    "tiny": {"cutouts/tiny.png"},
    "lossy-matte": {"cutouts/was_jpeg.png", "photos/train/original/jpeg.png", "photos/train/original/was_jpeg.png"},
    "unreadable": {"cutouts/broken.png"},
    "moved-matte": {"photos/train/original/shifted.png", "photos/train/original/mirrored.png"},
    "size-mismatch": {"photos/train/original/other_size.png"},
    "exif-one-side": {"photos/train/original/turned.jpg"},
    "unpaired": {"photos/train/original/lonely", "photos/train/mask/stray"},
    "matte-scale": {"photos/train/mask/percent.png", "percents/alpha/0.png"},
    "unusual-scale": {"deep/alpha"},
    "type-mismatch": {"photos/train/original/typed.png"},
    "split-leak": {"photos/train/original/03.png"},
    "test-leak": {"photos/train/original/05.png"},
    "no-detail": {"backgrounds/enlarged.png", "backgrounds/blurred.png"},
    "compressed": {"backgrounds/quality.jpg", "backgrounds/blocks.png"},
    "colour-profile": {"backgrounds/profile.png"},
    "duplicate": {"backgrounds/twice.png"},
    "near-duplicate": {"backgrounds/mirrored.png", "backgrounds/smaller.jpg", "backgrounds/cropped.jpg"},
    "alpha-in-background": {"backgrounds/cutout.png"},
    "trimap-mismatch": {"evaluation/original/wrong.png"},
    "licence-missing": {"."},
}


@cache
def texture(seed: int, size: tuple[int, int] = SIDE) -> np.ndarray:
    """A picture with the spectrum of photos, 1 / f, uint8, (H, W, 3)."""
    draw = np.random.default_rng(seed)
    height, width = size
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    radius[0, 0] = 1
    wave = np.fft.rfft2(draw.standard_normal(size)) / radius
    wave[0, 0] = 0
    plane = np.fft.irfft2(wave, size)
    plane /= plane.std()
    mixed = np.stack([plane + 0.3 * np.roll(plane, 7 * i, 1) for i in range(3)], axis=2)
    return np.clip(128 + draw.integers(-30, 30, 3) + 38 * mixed, 0, 255).astype(np.uint8)


def matte(seed: int, size: tuple[int, int] = SIDE, soft: float = 9.0) -> np.ndarray:
    """A lopsided blob with a soft edge, uint8, (H, W)."""
    draw = np.random.default_rng(1000 + seed)
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float64)
    y, x = y - height * draw.uniform(0.42, 0.5), x - width * draw.uniform(0.3, 0.4)
    angle = np.arctan2(y, x)
    radius = 0.27 * height * (1 + sum(draw.uniform(0.1, 0.2) * np.sin(k * angle + draw.uniform(0, 6)) for k in (1, 3)))
    return np.rint(255 * np.clip((radius - np.hypot(y, x)) / soft + 0.5, 0, 1)).astype(np.uint8)


def subject(seed: int, size: tuple[int, int] = SIDE) -> np.ndarray:
    """The colours of a foreground: flatter than any background, and of another brightness."""
    return np.clip(texture(500 + seed, size) * 0.25 + np.array([190, 150, 120]), 0, 255).astype(np.uint8)


def composite(color: np.ndarray, alpha: np.ndarray, back: np.ndarray) -> np.ndarray:
    """I = aF + (1 - a)B in 8 bits."""
    weight = alpha[..., None] / 255
    return np.rint(color * weight + back * (1 - weight)).astype(np.uint8)


def cutout(seed: int, size: tuple[int, int] = SIDE) -> np.ndarray:
    """A clean cut-out, RGBA."""
    return np.dstack([subject(seed, size), matte(seed, size)])


def photo(seed: int, size: tuple[int, int] = SIDE) -> np.ndarray:
    """The photo of that foreground."""
    return composite(subject(seed, size), matte(seed, size), texture(seed, size) // 2)


def plant(root: Path) -> Path:
    """Write the folder; returns the test set to compare it with."""
    _cutouts(root / "cutouts")
    _photos(root / "photos")
    _backgrounds(root / "backgrounds")
    for i in range(3):
        write_png(root / f"percents/fg/{i}.png", subject(40 + i))
        write_png(root / f"percents/alpha/{i}.png", np.rint(matte(40 + i) / 2.55).astype(np.uint8))
        write_png(root / f"deep/fg/{i}.png", subject(46 + i))
        write_png(root / f"deep/alpha/{i}.png", matte(46 + i).astype(np.uint16))
    for i, name in enumerate(("right", "wrong")):
        alpha = matte(50 + i)
        trimap = np.where((alpha > 0) & (alpha < 255), 128, alpha).astype(np.uint8)
        write_png(root / f"evaluation/original/{name}.png", photo(50 + i))
        write_png(root / f"evaluation/mask/{name}.png", alpha)
        write_png(root / f"evaluation/trimap/{name}.png", np.roll(trimap, 12 * i, 1))
    known = root.with_name(f"{root.name} test set")
    _jpeg(known / "a.jpg", cv2.resize(photo(5), (250, 225), interpolation=cv2.INTER_AREA), 90)
    write_png(known / "b.png", texture(77))
    return known


def _cutouts(folder: Path) -> None:
    for i in range(6):
        write_png(folder / f"{i:02d}.png", cutout(60 + i))
    color, alpha = subject(70), matte(70)
    weight = alpha[..., None] / 255
    write_png(folder / "premultiplied.png", np.dstack([np.rint(color * weight).astype(np.uint8), alpha]))
    naive = np.dstack([composite(subject(71), matte(71), texture(71) // 3), matte(71)])
    write_png(folder / "halo.png", naive)
    cleared = np.dstack([composite(subject(81), matte(81), np.full_like(color, 20)), matte(81)])
    cleared[cleared[..., 3] == 0] = 0
    write_png(folder / "halo_cleared.png", cleared)
    write_png(folder / "binary.png", np.dstack([subject(72), np.where(matte(72) > 127, 255, 0).astype(np.uint8)]))
    write_png(folder / "empty.png", np.dstack([texture(73), np.zeros(SIDE, np.uint8)]))
    write_png(folder / "opaque.png", texture(74))
    write_png(folder / "tiny.png", cutout(75, (90, 110)))
    write_png(folder / "was_jpeg.png", np.dstack([subject(76), _once_jpeg(matte(76), 60)]))
    whole = folder / "broken.png"
    write_png(whole, cutout(78))
    whole.write_bytes(whole.read_bytes()[:2000])


def _photos(folder: Path) -> None:
    train, val = folder / "train", folder / "val"
    for i in range(8):
        _pair(train, f"{i:02d}", photo(i), matte(i))
    for i in range(3):
        _pair(val, f"v{i}", photo(20 + i), matte(20 + i))
    # The third training photo, smaller, on the other side of the split.
    _pair(val, "leak", *(cv2.resize(p, (280, 252), interpolation=cv2.INTER_AREA) for p in (photo(3), matte(3))))
    _pair(train, "shifted", photo(30), np.roll(matte(30), 24, 1))
    _pair(train, "mirrored", photo(31), np.ascontiguousarray(matte(31)[:, ::-1]))
    _pair(train, "other_size", photo(32), matte(32)[:-20])
    _pair(train, "opaque", photo(33), np.full(SIDE, 255, np.uint8))
    _pair(train, "percent", photo(34), np.rint(matte(34) / 2.55).astype(np.uint8))
    _pair(train, "was_jpeg", photo(35), _once_jpeg(matte(35), 60))
    write_png(train / "original/jpeg.png", photo(36))
    _jpeg(train / "mask/jpeg.jpg", matte(36), 80)
    write_png(train / "original/lonely.png", photo(37))
    write_png(train / "mask/stray.png", matte(38))
    # Stored lying on its side, with the orientation that puts it upright; the matte was made of the stored pixels.
    upright = photo(39)
    exif = Image.Exif()
    exif[0x0112] = 6
    (train / "original").mkdir(parents=True, exist_ok=True)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright, 1)))
    stored.save(train / "original/turned.jpg", quality=95, exif=exif)
    write_png(train / "mask/turned.png", np.ascontiguousarray(np.rot90(matte(39), 1)))
    _pair(train, "typed", photo(45), matte(45, soft=3))
    types = {"typed": "NS", "00": "SO", "01": "SO"}
    (folder / "types.json").write_text(json.dumps(types))


def _backgrounds(folder: Path) -> None:
    size = (384, 420)
    for i in range(6):
        write_png(folder / f"{i:02d}.png", texture(90 + i, size))
    small = texture(96, (192, 210))
    write_png(folder / "enlarged.png", cv2.resize(small, (420, 384), interpolation=cv2.INTER_CUBIC))
    write_png(folder / "blurred.png", cv2.GaussianBlur(texture(97, size), (0, 0), 2.5))
    _jpeg(folder / "quality.jpg", texture(98, size), 30)
    write_png(folder / "blocks.png", _once_jpeg(texture(99, size), 5))
    write_png(folder / "twice.png", texture(91, size))
    write_png(folder / "mirrored.png", np.ascontiguousarray(texture(92, size)[:, ::-1]))
    _jpeg(folder / "smaller.jpg", cv2.resize(texture(93, size), (300, 274), interpolation=cv2.INTER_AREA), 92)
    cropped = cv2.resize(texture(94, size)[40:350, 10:350], (300, 274), interpolation=cv2.INTER_AREA)
    _jpeg(folder / "cropped.jpg", cropped, 92)
    write_png(folder / "cutout.png", cutout(86, size))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    Image.fromarray(texture(87, size)).save(folder / "profile.png", icc_profile=profile)


def _pair(folder: Path, name: str, image: np.ndarray, alpha: np.ndarray) -> None:
    write_png(folder / f"original/{name}.png", image)
    write_png(folder / f"mask/{name}.png", alpha)


def _jpeg(path: Path, pixels: np.ndarray, quality: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(pixels, quality))


def _once_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encode_jpeg(pixels, quality))))
