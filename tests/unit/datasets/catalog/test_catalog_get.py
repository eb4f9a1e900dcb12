"""Published datasets are fetched from a mirror where one may give them; of others, the page is named."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from fake_hub import FakeRepo
from PIL import Image

from aimkit.cli import run
from aimkit.datasets import catalog as registry
from aimkit.datasets.catalog.check import check
from aimkit.datasets.catalog.get import get
from aimkit.errors import AimkitError


def picture(seed: int, mode: str, form: str) -> bytes:
    size = (72, 96, 3) if mode == "RGB" else (72, 96)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, size, np.uint8), mode).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture
def mirror(tmp_path: Path) -> dict[str, list[Any]]:
    """Rows as nobg/AIM-500 has them, one of each category."""
    categories = ["portrait", "animal", "transparent", "plant", "furniture", "toy", "fruit"]
    return {
        "image": [{"bytes": picture(i, "RGB", "JPEG"), "path": None} for i in range(7)],
        "mask": [{"bytes": picture(9 + i, "L", "PNG"), "path": None} for i in range(7)],
        "type": ["SO", "SO", "STM", "NS", "SO", "SO", "SO"],
        "category": categories,
        "image_name": [f"o_{i}.jpg" for i in range(7)],
    }


def parquet(rows: dict[str, list[Any]]) -> bytes:
    table = datasets.Dataset.from_dict(rows)
    for name in ("image", "mask"):
        table = table.cast_column(name, datasets.Image())
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def aim500(small: Any, fake_hub: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """AIM-500, were it seven images; the hub of ``datasets`` is the test's."""
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", fake_hub.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    known = small("aim500")
    monkeypatch.setattr(registry, "published_sets", lambda: {"aim500": known})
    return known


def test_a_mirror_is_fetched_into_the_authors_folders(
    aim500: Any, fake_hub: Any, mirror: dict[str, list[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_hub.repos["datasets/nobg/AIM-500"] = FakeRepo(files={"data/test-00000-of-00001.parquet": parquet(mirror)})
    assert run(["catalog", "get", "AIM-500", "-o", str(tmp_path / "d")]) == 0, capsys.readouterr().err
    for i in range(7):
        assert (tmp_path / f"d/original/o_{i}.jpg").read_bytes() == mirror["image"][i]["bytes"]
        assert (tmp_path / f"d/mask/o_{i}.png").read_bytes() == mirror["mask"][i]["bytes"]
    assert "nobg/AIM-500, MIT" in capsys.readouterr().err
    report = check(aim500, tmp_path / "d", part="test")
    assert report.ok, report.to_json()
    assert report.parts[0].types == {"SO": 5, "STM": 1, "NS": 1}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "d").rglob("*")}
    assert run(["catalog", "get", "aim500", "-o", str(tmp_path / "d")]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "d").rglob("*")}
    (tmp_path / "d/mask/o_3.png").write_bytes(b"mine")
    with pytest.raises(AimkitError, match="differs from the mirror's"):
        get(aim500, tmp_path / "d")


def test_names_of_a_mirror_stay_in_the_folder(
    aim500: Any, fake_hub: Any, mirror: dict[str, list[Any]], tmp_path: Path
) -> None:
    mirror["image_name"][2] = "../../escaped"
    fake_hub.repos["datasets/nobg/AIM-500"] = FakeRepo(files={"data/test.parquet": parquet(mirror)})
    with pytest.raises(AimkitError, match="escaped"):
        get(aim500, tmp_path / "d" / "e")
    assert not list(tmp_path.rglob("escaped*"))


def test_without_a_connection_there_is_one_try_and_one_error(
    aim500: Any, fake_hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert run(["catalog", "get", "aim500", "-o", str(tmp_path / "d")]) == 1
    said = capsys.readouterr().err
    assert "can't fetch the dataset 'nobg/AIM-500': no connection" in said
    assert said.count("error:") == 1
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    assert run(["catalog", "get", "aim500", "-o", str(tmp_path / "d")]) == 1
    assert "AIMKIT_OFFLINE is set" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_a_dataset_without_a_mirror_names_page_and_terms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = registry.find_published("ppm100")
    assert run(["catalog", "get", "ppm100", "-o", str(tmp_path / "d")]) == 1
    said = capsys.readouterr()
    for fact in (known.page, known.get, known.terms):
        assert fact in said.out
    assert "error: PPM-100 can't be fetched by a command" in said.err
    assert not (tmp_path / "d").exists()
