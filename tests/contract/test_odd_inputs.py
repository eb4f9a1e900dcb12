"""Every command over a folder of odd files: no traceback, no hang, the right counts, the right pixels."""

from __future__ import annotations

import json
import os
import shutil
import signal
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from odd_files import HEIGHT, WIDTH, OddFiles, encoded, fill, pixels, spoil
from PIL import Image

from aimkit.cli import run

#: Seconds that a command may take before it counts as hung.
PATIENCE = 300


class Hangs(BaseException):
    """A command took too long; no command can take it for a problem of its files."""


Command = Callable[..., str]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> OddFiles:
    return fill(tmp_path_factory.mktemp("odd") / "photos")


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory: pytest.TempPathFactory) -> OddFiles:
    return fill(tmp_path_factory.mktemp("odd") / "cutouts", alpha=True)


@pytest.fixture(scope="module")
def pairs(photos: OddFiles) -> Path:
    """The photos as ``original``, ``fg`` and ``image``, and a plain matte of the same name for each in ``mask``."""
    root = photos.folder.parent / "pairs"
    (root / "mask").mkdir(parents=True)
    for name in ("original", "fg", "image"):
        (root / name).symlink_to(photos.folder)
    for name in [*photos.sound, *photos.unsound]:
        height, width = photos.sound[name].shape[:2] if name in photos.sound else (HEIGHT, WIDTH)
        matte = pixels(alpha=True)[:height, :width, 3] if height > 1 else np.full((1, 1), 255, np.uint8)
        (root / "mask" / name).write_bytes(encoded(matte))
    return root


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs a command, and gives what it said; an exit code other than the expected fails the test."""
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    def late(number: int, frame: object) -> None:
        raise Hangs(f"more than {PATIENCE} s")

    def command(*words: str | Path, codes: tuple[int, ...] = (0,)) -> str:
        capsys.readouterr()
        signal.alarm(PATIENCE)
        try:
            code = run(["-v", *map(str, words)])
        finally:
            signal.alarm(0)
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert "Traceback" not in said
        assert "\x1b[31m" not in said
        assert code in codes, said
        return said

    before = signal.signal(signal.SIGALRM, late)
    yield command
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _free_readers(photos: OddFiles, cutouts: OddFiles) -> Iterator[None]:
    """A command that waits for a pipe must not wait for ever."""
    yield
    for files in (photos, cutouts):
        # Without a reader this is refused, which is as it should be.
        with suppress(OSError):
            os.close(os.open(files.folder / "pipe.png", os.O_WRONLY | os.O_NONBLOCK))


def stem(name: str) -> str:
    """The id of a file: without suffix, composed, and as text that can be written."""
    text = unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text.rsplit(".", 1)[0] if "." in text[1:] else text


def recipe(path: Path, **tables: object) -> Path:
    """A synth recipe that shows its background as it is where nothing lies before it."""
    table = {
        "kind": "synth",
        "seed": 1,
        "selection": "enumerate",
        "foregrounds": [{"source": "procedural", "generators": ["toy"]}],
        "backgrounds": [{"source": "procedural", "generators": ["material"]}],
        "placement": {"mode": "stretch", "height": HEIGHT, "width": WIDTH},
        "labels": {"kernel": 3},
        "output": {"planes": True},
        **tables,
    }
    path.write_text(tomli_w.dumps(table))
    return path


def samples(out: Path, role: str) -> dict[str, dict[str, np.ndarray]]:
    """The planes of a dataset's samples by the id of their foreground or background."""
    result = {}
    for line in (out / "metadata.jsonl").read_text().splitlines():
        row = json.loads(line)
        stored = json.loads(row["meta"])
        name = next(source["id"] for source in stored["sources"] if source["role"] == role)
        planes = ("original", "mask", "fg", "bg")
        files = {plane: sorted((out / plane).rglob(f"{row['index']:06d}.*")) for plane in planes}
        result[name] = {plane: np.asarray(Image.open(found[0])) for plane, found in files.items() if found}
    return result


def told(said: str, names: list[str]) -> None:
    """Every name that was left out is told."""
    assert [name for name in names if name.rsplit(".")[0] not in said] == []


def test_synth_shows_every_sound_background_as_it_is(photos: OddFiles, command: Command, tmp_path: Path) -> None:
    path = recipe(
        tmp_path / "r.toml",
        count=len(photos.sound),
        backgrounds=[{"source": "folder", "path": str(photos.folder)}],
        placement={
            "mode": "canvas", "height": HEIGHT, "width": WIDTH, "background_zoom": [1, 1], "background_flip": 0,
        },
        hard_cases={"background_only": 1.0},
    )  # fmt: skip
    told(command("synth", path, "-o", "out", "--workers", "1"), photos.unsound)
    made = samples(tmp_path / "out", "background")
    assert sorted(made) == sorted(stem(name) for name in photos.sound)
    for name, truth in photos.sound.items():
        assert np.abs(made[stem(name)]["original"].astype(int) - truth).max() <= photos.close[name], name


def test_synth_cuts_out_every_sound_cutout(cutouts: OddFiles, command: Command, tmp_path: Path) -> None:
    source = {"source": "cutouts", "path": str(cutouts.folder), "type": "SO"}
    path = recipe(tmp_path / "r.toml", count=len(cutouts.sound), foregrounds=[source])
    told(command("synth", path, "-o", "out", "--workers", "1"), cutouts.unsound)
    made = samples(tmp_path / "out", "foreground")
    assert sorted(made) == sorted(stem(name) for name in cutouts.sound)
    for name, truth in cutouts.sound.items():
        planes = made[stem(name)]
        assert np.abs(planes["mask"].astype(int) - truth[..., 3]).max() <= cutouts.close[name], name
        off = np.abs(planes["fg"].astype(int) - truth[..., :3])[truth[..., 3] > 0]
        assert off.max() <= cutouts.close[name], name


@pytest.mark.slow
@pytest.mark.parametrize("source", ["pairs", "photos"])
def test_synth_takes_every_sound_pair(
    source: str, pairs: Path, photos: OddFiles, command: Command, tmp_path: Path
) -> None:
    table = {"source": source, "path": str(pairs), "type": "SO"}
    path = recipe(tmp_path / "r.toml", count=len(photos.sound), foregrounds=[table])
    told(command("synth", path, "-o", "out", "--workers", "1"), photos.unsound)
    made = samples(tmp_path / "out", "foreground")
    assert sorted(made) == sorted(stem(name) for name in photos.sound)
    alpha = pixels(alpha=True)[..., 3]
    for name, truth in photos.sound.items():
        planes = made[stem(name)]
        if truth.shape[0] > 1:
            assert np.array_equal(planes["mask"], alpha), name
        solid = planes["mask"] == 255
        assert np.abs(planes["fg"].astype(int) - truth)[solid].max() <= photos.close[name] + (source == "photos")


def test_preview_draws_a_sheet(photos: OddFiles, command: Command, tmp_path: Path) -> None:
    path = recipe(tmp_path / "r.toml", backgrounds=[{"source": "folder", "path": str(photos.folder)}])
    told(command("preview", path, "-o", "sheet.png", "-n", "1"), photos.unsound)
    assert Image.open("sheet.png").size[0] > WIDTH


def test_a_pool_packs_what_is_sound(photos: OddFiles, cutouts: OddFiles, command: Command) -> None:
    for files, source in ((photos, "folder"), (cutouts, "cutouts")):
        name = files.folder.name
        words = ("pool", "build", files.folder, f"source={source}", "-o", name, "--workers", "1")
        told(command(*words), files.unsound)
        command("pool", "verify", name)
        assert str(len(files.sound)) in command("pool", "info", name)


def test_types_are_inferred_of_what_is_sound(cutouts: OddFiles, command: Command) -> None:
    told(command("types", "infer", cutouts.folder, "-o", "types.json"), cutouts.unsound)
    assert sorted(json.loads(Path("types.json").read_text())) == sorted(stem(name) for name in cutouts.sound)


@pytest.mark.slow
def test_predict_makes_a_matte_of_every_sound_photo(photos: OddFiles, command: Command, tmp_path: Path) -> None:
    told(command("predict", photos.folder, "-o", "out", "--outputs", "alpha"), photos.unsound)
    made = [path for path in (tmp_path / "out" / "alpha").rglob("*") if path.suffix == ".png"]
    shapes = sorted(Image.open(path).size[::-1] for path in made)
    assert shapes == sorted(truth.shape[:2] for truth in photos.sound.values())


def test_predict_goes_on_past_what_is_unsound(command: Command, tmp_path: Path) -> None:
    """The fast form of the test above: one sound photo among all that can't be read."""
    (tmp_path / "photos").mkdir()
    photo = encoded(pixels(alpha=False))
    (tmp_path / "photos" / "sound.png").write_bytes(photo)
    unsound = spoil(tmp_path / "photos", photo)
    told(command("predict", "photos", "-o", "out", "--outputs", "alpha"), unsound)
    assert [path.name for path in (tmp_path / "out" / "alpha").iterdir()] == ["sound.png"]


@pytest.mark.slow
def test_predict_fails_for_a_photo_that_is_none(photos: OddFiles, command: Command) -> None:
    for name in photos.unsound:
        command("predict", photos.folder / name, "-o", "out", "--outputs", "alpha", codes=(1, 2))


def test_evaluate_measures_every_sound_prediction(command: Command, tmp_path: Path) -> None:
    """The same odd files as predictions and as truth are without any error."""
    matte = encoded(pixels(alpha=True)[..., 3])
    names = [b"a[1].png", b"line\nbreak.png", b"\xff\xfe.png", b"~x.png", b"${HOME}.png", b"n" * 240 + b".png"]
    for folder in ("predictions", "truth"):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / os.fsdecode(name)).write_bytes(matte)
    unsound = spoil(tmp_path / "predictions", matte)
    for name in unsound:
        (tmp_path / "truth" / name).write_bytes(matte)
    words = ("evaluate", "--predictions", "predictions", "--truth", "truth", "-o", "out", "--no-report")
    # Images without a prediction are not left out: that would make a method look better than it is.
    told(command(*words, codes=(2,)), [name for name in unsound if not (tmp_path / "predictions" / name).is_file()])
    for name in unsound:
        if not (tmp_path / "predictions" / name).is_file():
            (tmp_path / "truth" / name).unlink()
    told(command(*words), [name for name in unsound if (tmp_path / "predictions" / name).is_file()])
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["averages"]["images"]["count"] == len(names)
    assert results["averages"]["images"]["sad"] == 0


@pytest.mark.slow
def test_a_dry_run_of_training_takes_what_is_sound(
    pairs: Path, photos: OddFiles, command: Command, tmp_path: Path
) -> None:
    data = {"source": "folder", "path": str(pairs)}
    table = {
        "kind": "train",
        "steps": 2,
        "batch": 2,
        "model": {"name": "aimnet", "backbone": "mobilenetv3_small_050", "options": {"width": 4}},
        "data": {"workers": 0, "train": data, "transform": {"transform": "fit", "size": 64}},
        "validation": {"count": 2, "every": 2, "size": 64, "data": data},
    }
    (tmp_path / "t.toml").write_text(tomli_w.dumps(table))
    told(command("train", "t.toml", "--dry-run"), photos.unsound)


def test_the_catalog_says_what_is_wrong_with_a_folder(pairs: Path, command: Command) -> None:
    command("catalog", "check", "aim500", pairs, codes=(1, 2))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound dataset in each format."""
    root = tmp_path_factory.mktemp("written")
    for form in ("folder", "parquet", "webdataset"):
        path = recipe(root / "r.toml", count=2, output={"format": form})
        assert run(["synth", str(path), "-o", str(root / form), "--workers", "1"]) == 0
    return root


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "text": lambda path: path.write_bytes(b"<html>404</html>"),
    "list": lambda path: path.write_bytes(b"[1, null]"),
    "pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "link": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("form", ["folder", "parquet", "webdataset"])
def test_damage_to_a_dataset_is_told(form: str, damage: str, written: Path, command: Command, tmp_path: Path) -> None:
    """Of each kind of file one is damaged; what reads the dataset says so, and verifying finds it."""
    files = sorted(path.relative_to(written) for path in (written / form).rglob("*.*"))
    kinds = {(len(path.parts) > 2, path.suffix): path for path in files if path.suffix != ".toml"}
    # What is made of the shards is not asked for, and so may be missing, a link or anything else.
    content = damage in ("empty", "half", "text", "list")
    for number, victim in enumerate(path for (inner, _), path in kinds.items() if inner or content):
        copy = tmp_path / str(number)
        shutil.copytree(written, copy)
        DAMAGE[damage](copy / victim)
        said = command("dataset", "verify", copy / form, codes=(1, 2))
        assert victim.name.split(".")[0] in said, victim
        for words in (["info"], ["stats"], ["diff", written / form], ["sheet", "-o", tmp_path / "sheet.png"]):
            command("dataset", words[0], copy / form, *words[1:], codes=(0, 1, 2))
        command("dataset", "merge", copy / form, "-o", tmp_path / f"merged{number}", codes=(0, 1, 2))
