from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from safetensors.torch import save_file

from aimkit.cli import run
from aimkit.imageio import read_alpha, read_rgb, read_rgba
from aimkit.models.registry import create_model
from aimkit.predict import Predictor

QUICK = ["--strategy", "resize", "--foreground", "blur_fusion", "--device", "cpu"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small untrained network that say what they are, as our trainer's do."""
    options = {"width": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create_model("aimnet", backbone="resnet10t", **options)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    about = {"architecture": "aimnet", "backbone": "resnet10t", "options": json.dumps(options)}
    save_file(model.state_dict(), path, about)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A grey photo, one with a profile that lies on its side, a 16-bit one and a broken one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (70, 100, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(folder / "lying.jpg", exif=exif, icc_profile=profile)
    Image.fromarray(pixels[..., 0]).save(folder / "grey.png")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    return folder


def predict(photos: Path, out: Path, weights: Path, *more: str) -> int:
    return run(["predict", str(photos), "-o", str(out), "--weights", str(weights), *QUICK, *more])


def test_photos_become_upright_outputs_of_their_size(photos: Path, tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "out"
    kinds = ["alpha", "cutout", "composite", "trimap", "semantic"]
    assert predict(photos, out, weights, "--outputs", ",".join(kinds), "--background", "green", "--bits", "16") == 0
    for name, size in (("lying", (70, 100)), ("grey", (100, 70)), ("deep", (100, 70))):
        for kind in kinds:
            image = Image.open(out / kind / f"{name}.png")
            assert image.size == size
            assert 0x0112 not in image.getexif()
            colored = kind in ("cutout", "composite") and name == "lying"
            assert ("icc_profile" in image.info) == colored
    predictor = Predictor.load(weights, "resize", device="cpu", foreground="blur_fusion")
    wanted = predictor(photos / "lying.jpg")
    assert np.abs(read_alpha(out / "alpha" / "lying.png") - wanted.alpha).max() < 1e-5
    color, _ = read_rgba(out / "cutout" / "lying.png")
    alpha = read_alpha(out / "cutout" / "lying.png")
    assert np.array_equal(color, wanted.cutout()[..., :3])
    mixed = alpha[..., None] * color + (1 - alpha[..., None]) * np.array([0, 128, 0])
    assert np.abs(read_rgb(out / "composite" / "lying.png") - mixed).max() <= 0.51


def test_a_broken_photo_is_told_at_the_end_and_the_others_are_done(
    photos: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_bytes((photos / "lying.jpg").read_bytes()[:900])
    (photos / "empty.png").touch()
    assert predict(photos, tmp_path / "out", weights, "--outputs", "alpha") == 0
    names = sorted(path.name for path in (tmp_path / "out" / "alpha").iterdir())
    assert names == ["deep.png", "grey.png", "lying.png"]
    told = capsys.readouterr().err
    assert "broken.jpg" in told
    assert "the file is empty" in told
    assert "3 photos predicted" in told
    assert "2 of 5 photos skipped" in told
    listed = (tmp_path / "out" / "skipped.txt").read_text().splitlines()
    assert [Path(line.split("\t")[0]).name for line in listed] == ["broken.jpg", "empty.png"]
    assert predict(photos, tmp_path / "out", weights, "--outputs", "alpha", "--overwrite", "--strict") == 3


def test_resume_predicts_only_what_is_missing(
    photos: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert predict(photos, out, weights) == 0
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*.png")}
    assert len(before) == 6
    assert predict(photos, out, weights) == 2
    assert "use --resume to skip them, --overwrite to replace them" in capsys.readouterr().err
    (out / "cutout" / "grey.png").unlink()
    assert predict(photos, out, weights, "--resume") == 0
    assert "2 of 3 photos are already done" in capsys.readouterr().err
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*.png")}
    assert {path.name for path in after if after[path][0] != before[path][0]} == {"grey.png"}
    assert {path: content for path, (_, content) in after.items()} == {p: content for p, (_, content) in before.items()}
    assert predict(photos, out, weights, "--resume") == 0
    assert predict(photos, out, weights, "--overwrite") == 0
    assert not list(out.rglob("*.part"))


def test_a_full_disk_leaves_no_half_files(
    photos: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert predict(photos, tmp_path / "out", weights, "--outputs", "alpha") == 1
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outputs", "alfa"], "did you mean 'alpha'"),
        (["--outputs", "composite"], "add --background green"),
        (["--background", "grean"], "neither an image file nor a colour"),
        (["--strategy", "tilted"], "did you mean 'tiled'"),
        (["--option", "skale=1"], "did you mean 'scale'"),
        (["--option", "scale"], "is not an override"),
        (["--resume", "--overwrite"], "--resume and --overwrite exclude each other"),
        (["--model", "aimnot"], "did you mean 'aimnet'"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_written(
    arguments: list[str], message: str, photos: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(photos, tmp_path / "out", weights, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_weights_the_zoo_is_named(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(photos), "-o", str(tmp_path / "out"), "--backbone", "resnet34_mp"]) == 2
    assert "aimkit zoo pull aimnet_resnet34_mp.matting" in capsys.readouterr().err
    assert run(["predict", str(photos), "-o", str(tmp_path / "out"), "--backbone", "resnet10t"]) == 2
    assert "the zoo has none for this network" in capsys.readouterr().err


def test_a_sheet_shows_photo_matte_and_cutout(photos: Path, tmp_path: Path, weights: Path) -> None:
    out, sheet = tmp_path / "out", tmp_path / "sheets" / "sheet.png"
    assert predict(photos, out, weights, "--sheet", str(sheet)) == 0
    picture = read_rgb(sheet)
    # Three photos: two of 70 x 100 and one that lies on its side, in tiles of the typical shape.
    width, height, gap, caption = 240, 168, 6, 20
    assert picture.shape == (caption + gap + 3 * (caption + height + gap), gap + 3 * (width + gap), 3)
    top = caption + gap + caption
    deep, matte, green = (
        picture[top : top + height, gap + n * (width + gap) :][:, :width].astype(float) for n in range(3)
    )
    # Enlarged as a whole, so the means stay.
    assert abs(deep.mean() - read_rgb(photos / "deep.png").mean()) < 2
    alpha = read_alpha(out / "alpha" / "deep.png")
    assert abs(matte.mean() - 255 * alpha.mean()) < 2
    color, _ = read_rgba(out / "cutout" / "deep.png")
    mixed = alpha[..., None] * color + (1 - alpha[..., None]) * np.array([0, 177, 64])
    assert np.abs(green.mean((0, 1)) - mixed.mean((0, 1))).max() < 2
    # Everything is there: the sheet alone is drawn again.
    sheet.unlink()
    assert predict(photos, out, weights, "--resume", "--sheet", str(sheet)) == 0
    assert np.array_equal(read_rgb(sheet), picture)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sheet", "sheet.gif"], "a sheet must be PNG or JPEG, not '.gif'"),
        (["--sheet", "sheet.png", "--outputs", "alpha"], "--outputs alpha,cutout"),
    ],
)
def test_a_sheet_that_cannot_be_drawn_is_told_first(
    options: list[str], told: str, photos: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(photos, tmp_path / "out", weights, *options) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_first_cut_out_of_a_process_compiles_nothing(photos: Path, tmp_path: Path, weights: Path) -> None:
    cache = tmp_path / "compiled"
    command = ["predict", str(photos), "-o", str(tmp_path / "out"), "--weights", str(weights), "--device", "cpu"]
    code = (
        "import sys\n"
        "from aimkit.cli import run\n"
        f"assert run({[*command, '--outputs', 'alpha,cutout,composite', '--background', 'green']!r}) == 0\n"
        "compilers = {'numba', 'llvmlite', 'pymatting'} & set(sys.modules)\n"
        "assert not compilers, compilers\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "NUMBA_CACHE_DIR": str(cache)})
    assert len(list((tmp_path / "out" / "cutout").iterdir())) == 3
    assert not cache.exists()
