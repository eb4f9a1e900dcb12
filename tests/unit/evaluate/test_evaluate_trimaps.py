"""Trimaps from files: equal trimaps of other levels are equal, and what is no trimap is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.evaluate.sets import open_predictions
from aimkit.evaluate.trimaps import read_trimap
from aimkit.metrics.matting import matting_metrics

#: Three bands of 16 columns: background, unknown, foreground.
BANDS = np.repeat(np.array([0, 128, 255], np.uint8), 16)[None].repeat(32, 0)


def stored(levels: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, form)
    return buffer.getvalue()


def middle(*levels: int) -> np.ndarray:
    """The bands with these levels, one after the other, for unknown."""
    bands = BANDS.copy()
    bands[BANDS == 128] = np.resize(np.array(levels, np.uint8), (BANDS == 128).sum())
    return bands


@pytest.mark.parametrize(
    "levels",
    [
        BANDS,
        middle(127),
        middle(127, 127, 127, 128),
        middle(100, 150, 200),
        BANDS.astype(np.uint16) * 257,
        np.dstack([BANDS, BANDS, BANDS]),
        np.dstack([BANDS, BANDS, BANDS, np.full_like(BANDS, 255)]),
        BANDS / np.float32(255),
    ],
    ids=["128", "127", "127 and 128", "three", "16 bits", "rgb", "rgba", "float"],
)
def test_all_between_the_sure_levels_is_unknown(levels: np.ndarray) -> None:
    form = "TIFF" if levels.dtype.kind == "f" else "PNG"
    np.testing.assert_array_equal(read_trimap(stored(levels, form)), BANDS)


def test_a_jpeg_differs_only_along_the_borders_of_its_areas() -> None:
    found = read_trimap(stored(BANDS, "JPEG"))
    assert set(np.unique(found)) == {0, 128, 255}
    assert (found != BANDS).mean() < 0.1


@pytest.mark.parametrize("levels", [(BANDS == 128) * np.uint8(128), BANDS * 0, BANDS * 0 + 255])
def test_a_trimap_may_lack_sure_foreground_or_a_transition_area(levels: np.ndarray) -> None:
    np.testing.assert_array_equal(read_trimap(stored(levels)), levels)


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        (BANDS // 127, "labels 1, 2 and no 255"),
        (BANDS // 2, "no 255"),
        (middle(1), "labels 1"),
        (middle(254), "labels 254"),
        (middle(*range(40, 200, 5)), "32 levels between 0 and 255"),
        (np.dstack([BANDS, BANDS.T[:32, :32].repeat(2, 1)[:, :48], BANDS]), "coloured"),
    ],
    ids=["0 1 2", "half", "labels of areas", "nearly white", "a matte", "coloured"],
)
def test_what_is_no_trimap_is_refused(levels: np.ndarray, says: str) -> None:
    with pytest.raises(AimkitError, match=says) as error:
        read_trimap(stored(levels))
    assert error.value.hint


def test_a_matte_as_jpeg_is_refused_as_a_trimap() -> None:
    with pytest.raises(AimkitError, match="many levels"):
        read_trimap(stored(np.tile(np.arange(0, 256, dtype=np.uint8), (32, 1)), "JPEG"))


def test_one_pixel_of_128_among_127_does_not_shrink_the_transition_area() -> None:
    alpha = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (32, 1))
    odd = middle(127)
    odd[0, 20] = 128
    want, found = (matting_metrics(alpha // 2, alpha, trimap, more=True) for trimap in (BANDS, odd))
    assert found == want


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """pred/ and truth/ with a.png and b.png, and an empty tri/."""
    for folder in ("pred", "truth"):
        for name in ("a", "b"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(BANDS).save(tmp_path / folder / f"{name}.png")
    (tmp_path / "tri").mkdir()
    return tmp_path


@pytest.mark.parametrize("option", ["trimaps", "images"])
def test_a_folder_that_matches_nothing_is_refused(pair: Path, option: str) -> None:
    Image.fromarray(BANDS).save(pair / "tri" / "a_trimap.png")
    with pytest.raises(AimkitError, match=f"none of the 1 {option} has the name"):
        open_predictions(str(pair / "pred"), str(pair / "truth"), **{option: str(pair / "tri")})


def test_missing_trimaps_are_counted_and_made(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(BANDS).save(pair / "tri" / "a.png")
    data = open_predictions(str(pair / "pred"), str(pair / "truth"), trimaps=str(pair / "tri"))
    assert "1 of 2 images have no trimap" in capsys.readouterr().err
    assert data.trimap.startswith("from files, 1 made")
