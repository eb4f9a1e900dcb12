"""Predict in a browser: from a dropped photo to files."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uploads as files

from aimkit.imageio import decode, encode_jpeg
from aimkit.synth.own_data import foreground_table

pytestmark = pytest.mark.slow


def photo(size: tuple[int, int] = (150, 200)) -> bytes:
    y, x = np.mgrid[: size[0], : size[1]]
    disc = (np.hypot(y - size[0] / 2, x - size[1] / 2) < 50)[..., None]
    waves = np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], -1) * 60 + 128
    return encode_jpeg(np.where(disc, [220, 60, 40], waves).astype(np.uint8))


def drop(page: Any, folder: Path, contents: dict[str, bytes], good: int) -> None:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    page.set_input_files("#predict-photos input[type=file]", [folder / name for name in contents])
    page.wait_for_function(
        "n => document.querySelectorAll('#strip .thumb.done').length === n"
        " && document.querySelector('#strip .photo-strip').getAttribute('aria-busy') === 'false'"
        " && document.querySelectorAll('#strip .thumb').length > 0",
        arg=good,
    )


@pytest.fixture
def page(visit: Callable[..., Any]) -> Any:
    return visit(tab="Predict")


def test_a_photo_becomes_files_at_its_own_size(page: Any, tmp_path: Path, saved: Any) -> None:
    drop(page, tmp_path, {"ball.jpg": photo(), "other.jpg": photo((120, 160))}, 2)
    page.wait_for_selector("#matte .stage img.front[src^=data]")
    alpha, cutout = (decode(saved(page, f"#predict-{name}")).pixels for name in ("alpha", "cutout"))
    assert alpha.shape == (150, 200)
    assert cutout.shape == (150, 200, 4)
    assert np.array_equal(cutout[..., 3], alpha)
    page.click("[data-backdrop=color]")
    page.wait_for_selector("#predict-composite")
    page.wait_for_timeout(500)
    over = decode(saved(page, "#predict-composite")).pixels
    clear = alpha == 0
    assert np.array_equal(over[clear], np.broadcast_to([0, 176, 80], (clear.sum(), 3)))
    page.click("#predict-pack")
    page.wait_for_selector("#predict-zip")
    with zipfile.ZipFile(saved(page, "#predict-zip")) as archive:
        assert sorted(archive.namelist()) == sorted(
            f"{kind}/{name}.png" for kind in ("alpha", "cutout", "trimap", "semantic") for name in ("ball", "other")
        )


def test_the_views_differ_and_the_slider_moves_by_keyboard(page: Any, tmp_path: Path) -> None:
    drop(page, tmp_path, {"ball.jpg": photo()}, 1)
    seen = set()
    for view in ("cutout", "alpha", "trimap", "semantic"):
        page.click(f"[data-view={view}]")
        seen.add(page.get_attribute("#matte .front", "src"))
    assert len(seen) == 4
    page.click("[data-view=split]")
    page.locator("#matte .split").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert float(page.eval_on_selector("#matte .stage", "e => parseFloat(e.style.getPropertyValue('--split'))")) > 55


def test_a_touched_up_matte_becomes_a_pair_to_fine_tune_with(page: Any, tmp_path: Path, saved: Any) -> None:
    drop(page, tmp_path, {"ball.jpg": photo()}, 1)
    page.wait_for_selector("#matte .stage img.front[src^=data]")
    before = decode(saved(page, "#predict-alpha")).pixels
    page.click("[data-view=touch]")
    for kind, across in (("add", 0.1), ("erase", 0.5)):
        page.click(f"[data-brush={kind}]")
        box = page.locator("#matte canvas").bounding_box()
        x, y = box["x"] + across * box["width"], box["y"] + 0.5 * box["height"]
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 20, y, steps=4)
        page.mouse.up()
    page.click("#matte .undo")
    page.click("#matte .redo")
    page.click("#matte .apply")
    page.wait_for_function("document.querySelector('#matte .apply').disabled")
    page.wait_for_timeout(1500)
    after = decode(saved(page, "#predict-alpha")).pixels
    assert after[75, 22] == 255
    assert after[75, 102] == 0
    assert np.array_equal(after[:20], before[:20])
    page.click("#predict-keep")
    page.wait_for_selector("#predict-pairs")
    with zipfile.ZipFile(saved(page, "#predict-pairs")) as archive:
        archive.extractall(tmp_path / "pairs")
    assert foreground_table(str(tmp_path / "pairs"))["source"] == "photos"
    assert np.array_equal(decode(tmp_path / "pairs" / "mask" / "ball.png").pixels, after)


def test_bad_files_are_refused_one_by_one_and_odd_ones_predicted(page: Any, tmp_path: Path) -> None:
    bad, odd = files.bad(), files.odd()
    del bad["big.png"]  # the page itself refuses it, before it is sent
    contents = {name: content for name, (content, _) in {**bad, **odd}.items()}
    drop(page, tmp_path, contents, len(odd))
    told = page.locator("#strip .thumb.refused").all_inner_texts()
    assert len(told) == len(bad)
    for name, (_, reason) in bad.items():
        assert any(text.startswith(name) and reason in text for text in told)
    page.locator("#strip .thumb", has_text="lying").click()
    page.wait_for_function("document.querySelector('#matte .front').alt.includes('lying')")
    assert page.eval_on_selector("#matte .stage", "e => e.style.aspectRatio") == "48 / 64"
    assert str(tmp_path) not in page.content()


def test_work_can_be_stopped(page: Any, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.jpg").write_bytes(photo((300, 400)))
    page.set_input_files("#predict-photos input[type=file]", sorted(tmp_path.glob("*.jpg")))
    page.locator("#strip .strip-note", has_text="Photo").wait_for()
    page.click("#predict-stop")
    page.locator("#strip .strip-note", has_text="Stopped after").wait_for()
    assert page.locator("#strip .thumb.waiting").count() > 0


def test_two_visitors_see_their_own_photos(page: Any, visit: Callable[..., Any], tmp_path: Path) -> None:
    other = visit(tab="Predict")
    drop(page, tmp_path, {"mine.jpg": photo()}, 1)
    drop(other, tmp_path, {"yours.jpg": photo((120, 160))}, 1)
    assert page.locator("#strip .thumb").all_inner_texts() == ["mine"]
    assert other.locator("#strip .thumb").all_inner_texts() == ["yours"]
