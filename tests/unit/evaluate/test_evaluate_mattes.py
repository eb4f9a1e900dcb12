"""The scale and the channel of mattes are decided per folder, stated, or refused with the way to mend it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.evaluate.images import EvaluationSet
from aimkit.evaluate.run import run
from aimkit.evaluate.sets import open_predictions

RAMP = np.tile(np.arange(256, dtype=np.uint8), (8, 1))


def opened(folder: Path, truths: list[np.ndarray], predictions: list[np.ndarray], **options: str) -> EvaluationSet:
    """Saves mattes as truth/N.png or .npy and pred/N.png or .npy, and opens them."""
    for kind, mattes in (("truth", truths), ("pred", predictions)):
        (folder / kind).mkdir(parents=True)
        for number, matte in enumerate(mattes):
            if matte.dtype.kind == "f" or matte.dtype == np.int16:
                Image.fromarray(matte.astype(np.float32)).save(folder / kind / f"{number}.tif")
            else:
                Image.fromarray(matte).save(folder / kind / f"{number}.png")
    return open_predictions(str(folder / "pred"), str(folder / "truth"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "scale", "alpha"),
    [
        ((RAMP > 99).astype(np.uint8), "grey 0-1", (RAMP > 99) * 255),
        (RAMP.astype(np.uint16), "grey 0-255", RAMP),
        (RAMP.astype(np.uint16) * 257, "grey 0-65535", RAMP),
        (RAMP.astype(np.float32), "grey 0-255", RAMP),
        (RAMP / np.float32(255), "grey 0-1", RAMP),
        (RAMP, "grey 0-255", RAMP),
        (np.dstack([RAMP, RAMP, RAMP]), "grey 0-255", RAMP),
        (np.dstack([RAMP, RAMP, RAMP, np.full_like(RAMP, 255)]), "grey 0-255", RAMP),
        (np.dstack([RAMP[:, ::-1], RAMP, RAMP, RAMP]), "alpha channel 0-255", RAMP),
    ],
    ids=["0-1", "u16 0-255", "u16", "float 0-255", "float", "u8", "rgb", "opaque rgba", "cut-out"],
)
@pytest.mark.parametrize("kind", ["truth", "pred"])
def test_a_matte_as_stored_is_read_as_what_it_means(
    tmp_path: Path, stored: np.ndarray, scale: str, alpha: np.ndarray, kind: str
) -> None:
    pair = {"truths": [RAMP], "predictions": [RAMP], {"truth": "truths", "pred": "predictions"}[kind]: [stored]}
    data = opened(tmp_path, **pair)
    planes = data.read(data.entries[0])
    found = planes.alpha if kind == "truth" else planes.prediction
    np.testing.assert_array_equal(found, alpha)
    protocol = run(data)["protocol"]
    assert protocol["truth" if kind == "truth" else "levels"] == scale
    assert scale in protocol["text"]


def test_one_dark_matte_among_others_keeps_the_scale_of_its_folder(tmp_path: Path) -> None:
    dark = np.where(RAMP > 99, 1, 0).astype(np.uint8)
    data = opened(tmp_path, [dark, RAMP], [RAMP, RAMP])
    assert data.read(data.entries[0]).alpha.max() == 1


def test_an_opaque_cutout_among_cutouts_is_white(tmp_path: Path) -> None:
    cut = np.dstack([RAMP[:, ::-1], RAMP, RAMP, RAMP])
    opaque = np.dstack([RAMP[:, ::-1], RAMP, RAMP, np.full_like(RAMP, 255)])
    data = opened(tmp_path, [cut, opaque], [RAMP, RAMP])
    assert (data.read(data.entries[1]).alpha == 255).all()


def test_an_ambiguous_scale_is_refused_until_it_is_stated(tmp_path: Path) -> None:
    data = opened(tmp_path, [RAMP // 3], [RAMP])
    with pytest.raises(AimkitError, match="largest level is 85") as error:
        run(data)
    assert "--alpha-range" in error.value.hint
    stated = open_predictions(str(tmp_path / "pred"), str(tmp_path / "truth"), alpha_range="0-100")
    assert stated.read(stated.entries[0]).alpha.max() == pytest.approx(0.85)


def test_the_predictions_have_an_option_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(AimkitError) as error:
        run(opened(tmp_path, [RAMP], [RAMP // 3]))
    assert "--prediction-range" in error.value.hint
    stated = open_predictions(str(tmp_path / "pred"), str(tmp_path / "truth"), prediction_range="0-255")
    assert stated.read(stated.entries[0]).prediction.max() == 85  # type: ignore[union-attr]


def test_coloured_pictures_and_nan_are_skipped_with_the_reason(tmp_path: Path) -> None:
    holed = RAMP / np.float32(255)
    holed[0, 0] = np.nan
    result = run(opened(tmp_path, [np.dstack([RAMP[:, ::-1], RAMP, RAMP]), holed, RAMP], [RAMP, RAMP, RAMP]))
    reasons = {row["name"]: row["reason"] for row in result["skipped"]}
    assert "coloured picture" in reasons["0"]
    assert "NaN" in reasons["1"]
    assert [row["id"] for row in result["images"]] == ["2"]


def test_results_with_other_levels_of_predictions_can_be_compared(tmp_path: Path) -> None:
    from aimkit.evaluate.protocol import differences

    first = run(opened(tmp_path / "a", [RAMP], [RAMP]))["protocol"]
    second = run(opened(tmp_path / "b", [RAMP], [RAMP.astype(np.uint16) * 257]))["protocol"]
    assert first["levels"] != second["levels"]
    assert differences(first, second) == []
