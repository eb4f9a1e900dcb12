"""Own results join a board; what saw the test set, or may have, gets no rank."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimkit.cli import run
from aimkit.digests import with_digest
from aimkit.errors import AimkitError
from aimkit.evaluate.digest import state_digest
from aimkit.predict.predictor import load_network
from aimkit.publish import known_weights
from aimkit.publish.add import write
from aimkit.publish.board import Standings, add_row, standings
from aimkit.publish.board_page import as_markdown, as_page
from aimkit.publish.known_weights import entry_of
from aimkit.zoo import fetch
from aimkit.zoo.manifest import ZooEntry, default_entry

Results = Callable[..., Path]


@pytest.fixture
def results(home: Path) -> Results:
    """A results.json as ``aimkit evaluate aim500`` writes it."""

    def make(sad: float = 20.0, images: int = 500, skipped: tuple[str, ...] = (), **model: str) -> Path:
        means = {"count": images, "sad": sad, "mse": 0.01, "mad": 0.02}
        content = {
            "format": 1,
            "model": {"title": "mine", "name": "aimnet", **model},
            "protocol": {
                "data": f"AIM-500, {images} images",
                "prediction": "hybrid",
                "text": f"AIM-500, {images} images; hybrid",
            },
            "averages": {
                "images": means,
                "types": {},
                "categories": {},
                "type_macro": {"count": 0},
                "category_macro": {"count": 0},
            },
            "images": [],
            "skipped": list(skipped),
            "notes": [],
        }
        file = home / "results.json"
        file.write_text(json.dumps(with_digest(content)))
        return file

    return make


@pytest.fixture
def entry(home: Path, weights: bytes, make_entry: Callable[..., ZooEntry]) -> Callable[..., ZooEntry]:
    """An entry of one's own that was trained on something."""

    def make(**keys: Any) -> ZooEntry:
        keys.setdefault("data", [{"name": "cut-outs", "licence": "MIT"}])
        made = make_entry(weights, "file:w.safetensors", **keys)
        write(made, home / "zoo" / f"{made.id}.toml")
        return made

    return make


def ranks(found: Standings) -> list[str]:
    return [row.method for row in found.ranked]


def test_results_of_unknown_training_are_listed_without_a_rank_until_it_is_stated(results: Results, home: Path) -> None:
    name, file, row = add_row(results())
    assert (name, file, row.seen) == ("aim500", home / "zoo" / "board" / "aim500.toml", "unknown")
    found = standings("aim500")
    assert "mine" not in ranks(found)
    assert {row.method: why for row, why in found.below}["mine"] == "not known: its training data are not stated"
    with pytest.raises(AimkitError, match="needs 'training'"):
        add_row(results(), seen="no")
    add_row(results(), seen="no", training="my own photos")
    found = standings("aim500")
    assert ranks(found)[0] == "mine"
    assert "mine" not in [row.method for row, _ in found.below]


def test_training_data_that_name_the_test_set_bar_whatever_is_claimed(results: Results) -> None:
    add_row(results(), seen="no", training="AIM-500 and my own photos")
    found = standings("aim500")
    assert "mine" not in ranks(found)
    assert "name AIM-500" in {row.method: why for row, why in found.below}["mine"]


def test_the_zoo_knows_what_its_weights_saw(
    results: Results, entry: Callable[..., ZooEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their file is called: the digest decides, and a name alone is not believed."""
    clean = entry()
    digests = {clean.id: "ab" * 32}
    monkeypatch.setattr(known_weights, "network_digest", lambda entry: digests.get(entry.id, ""))
    assert add_row(results(weights=clean.id, weights_digest="ab" * 32))[2].seen == "no"
    assert standings("aim500").ranked[0].training == "cut-outs"
    named = {"weights": clean.id, "weights_digest": "cd" * 32}
    assert add_row(results(**named))[2].why == "its training data are not stated"
    digests.clear()
    for facts in (named, {"weights": clean.id}):
        row = add_row(results(**facts))[2]
        assert (row.seen, row.training) == ("unknown", "")
        assert row.why.startswith(f"only their name says that the weights are {clean.id}")
    digests[clean.id] = "ab" * 32
    renamed = {"weights": "mine.safetensors", "weights_digest": "ab" * 32}
    entry(seen=["AIM-500"])
    _, _, row = add_row(results(**renamed))
    assert (row.seen, row.why) == ("yes", "its entry lists AIM-500 as seen")
    with pytest.raises(AimkitError, match="saw the test set"):
        add_row(results(**renamed), seen="no", training="my own photos")
    entry(data=[{"name": "AIM-500", "licence": "MIT"}])
    assert add_row(results(**renamed))[2].why == "trained on AIM-500"
    entry(data=[])
    assert add_row(results(**renamed))[2].seen == "unknown"


def test_weights_that_one_row_bars_have_no_rank_in_another(
    results: Results, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the zoo does not know them: the rows of a file say which weights they are of."""
    monkeypatch.setattr(known_weights, "network_digest", lambda entry: "")
    add_row(results(title="theirs", weights_digest="ab" * 32), seen="yes", training="everything")
    for name, digest in (("copy", "ab"), ("other", "cd")):
        facts = {"seen": "no", "training": "my own photos", "target": home / "rows.toml"}
        add_row(results(weights="w", weights_digest=digest * 32), method=name, **facts)  # type: ignore[arg-type]
    found = standings("aim500", [home / "rows.toml"])
    assert "other" in ranks(found)
    assert {r.method: why for r, why in found.below}["copy"] == "saw the test set: its weights are those of theirs"


def test_a_renamed_or_resaved_copy_is_still_the_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import load_file

    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path))
    lite = default_entry()
    assert lite is not None
    original = fetch.path(lite)
    shutil.copy(original, tmp_path / "mine.safetensors")
    torch.save(load_file(original), tmp_path / "mine.pth")
    for copy in ("mine.safetensors", "mine.pth"):
        network = load_network(tmp_path / copy, model="aimnet", backbone="tf_efficientnet_lite0")
        assert entry_of(copy, state_digest(network)) == (lite, True)
    assert entry_of(lite.id, "0" * 64) == (None, True)
    assert entry_of("default", "") == (lite, False)


def test_metrics_of_an_entry_appear_with_their_protocol(entry: Callable[..., ZooEntry]) -> None:
    metric = {"test_set": "AIM-500", "protocol": "AIM-500, 500 images; tiled", "origin": "aimkit evaluate"}
    made = entry(metrics=[{**metric, "values": {"sad": 1.5}}])
    found = standings("aim500")
    assert (found.ranked[0].method, found.ranked[0].protocol) == (made.id, "AIM-500, 500 images; tiled")
    entry(metrics=[{**metric, "values": {"sad": 1.5}}], seen=["aim-500"])
    assert made.id not in ranks(standings("aim500"))


def test_results_over_a_part_of_the_set_have_no_rank_and_skipped_images_no_row(results: Results) -> None:
    add_row(results(images=5), seen="no", training="mine")
    found = standings("aim500")
    assert {row.method: why for row, why in found.below}["mine"] == "over 5 of 500 images"
    with pytest.raises(AimkitError, match="leave out 1 images"):
        add_row(results(skipped=("o_1",)))


def test_a_row_is_replaced_by_its_next_measurement(results: Results, home: Path) -> None:
    for sad in (20.0, 10.0):
        add_row(results(sad), seen="no", training="mine", target=home / "rows.toml")
    rows = [row for row in standings("aim500", [home / "rows.toml"]).ranked if row.method == "mine"]
    assert [row.values["sad"] for row in rows] == [10.0]
    assert "mine" not in ranks(standings("aim500"))


def test_changed_results_and_other_test_sets_are_refused(results: Results) -> None:
    file = results()
    file.write_text(file.read_text().replace("20.0", "10.0"))
    with pytest.raises(AimkitError, match="changed since"):
        add_row(file)
    content = json.loads(results().read_text())
    content.pop("digest")
    content["protocol"]["data"] = "folder x, 3 images"
    file.write_text(json.dumps(with_digest(content)))
    with pytest.raises(AimkitError, match="no board for the results on 'folder x'"):
        add_row(file)


def test_markdown_and_page_keep_the_line_between_ranked_and_not() -> None:
    found = standings("aim500")
    ranked, below = as_markdown(found).split("## Not ranked")
    assert "| 1 | ReChannel 9B | 34.90 |" in ranked
    assert "BiRefNet-matting" not in ranked
    assert "| BiRefNet-matting | - | - | - | saw the test set: trained on AIM-500 |" in below
    ranked, below = as_page(found).split("<h2>Not ranked</h2>")
    assert "<td>GFM</td><td>52.66</td>" in ranked
    assert "ZIM" not in ranked
    assert "ZIM" in below


def test_the_command_shows_lists_adds_and_writes(
    results: Results, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zoo", "board"]) == 0
    assert "p3m-500-np" in capsys.readouterr().out
    assert run(["zoo", "board", "add", str(results()), "--training", "mine", "--seen", "no"]) == 0
    assert capsys.readouterr().out.strip().endswith("aim500.toml")
    assert run(["zoo", "board", "aim500", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in found["ranked"]][:2] == ["mine", "ReChannel 9B"]
    assert {"ZIM", "BiRefNet-matting"} <= {row["method"] for row in found["below"]}
    assert run(["zoo", "board", "aim500", "--html", str(home / "b.html")]) == 0
    assert (home / "b.html").read_text().count("mine") > 0
    assert run(["zoo", "board", "aim500", "--markdown"]) == 0
    assert "## Not ranked" in capsys.readouterr().out
    assert run(["zoo", "board", "aim50"]) == 2
    assert "aim500" in capsys.readouterr().err
