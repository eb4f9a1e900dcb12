"""Checkpoints become entries, are converted, and are published."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from aimkit.cli import run as run_command
from aimkit.digests import sha256
from aimkit.errors import AimkitError
from aimkit.models.registry import create_backbone, create_model
from aimkit.models.weights import official
from aimkit.models.weights.loading import load
from aimkit.predict import Predictor
from aimkit.predict.tiled import Tiled
from aimkit.publish.add import Facts, add, metric_of, write
from aimkit.publish.card import card
from aimkit.publish.convert import convert
from aimkit.publish.push import push
from aimkit.zoo import fetch, path
from aimkit.zoo.manifest import OnnxFile, TrainingSet, find, own_folders
from aimkit.zoo.onnx_file import onnx_path

OPTIONS = {"width": 8}


def small(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return create_model("aimnet", backbone="mobilenetv3_small_050", **OPTIONS)


@pytest.fixture
def checkpoint(home: Path) -> Path:
    """A weights file as the trainer writes it."""
    told = {
        "format": "aimkit",
        "architecture": "aimnet",
        "backbone": "mobilenetv3_small_050",
        "options": json.dumps(OPTIONS),
        "stage": "matting",
        "init": "",
        "recipe": "ab" * 32,
        "seed": "5",
        "step": "2",
    }
    folder = home / "run" / "checkpoints" / "best"
    folder.mkdir(parents=True)
    save_file(small().state_dict(), folder / "model.safetensors", told)
    (folder / "recipe.toml").write_text('kind = "train"\n')
    return folder / "model.safetensors"


ID = "aimnet_mobilenetv3_small_050.mine"


def equal(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_checkpoint_becomes_an_entry_that_is_pulled_by_its_id(checkpoint: Path, home: Path) -> None:
    results = {
        "protocol": {"data": "AIM-500, 500 images", "text": "AIM-500, 500 images; hybrid"},
        "averages": {
            "images": {"sad": 40.0, "mad": 0.02, "mse": None, "count": 500},
            "types": {"STM": {"sad": 90.0, "mad": 0.1}},
            "type_macro": {"sad": 80.0, "mad": None},
            "category_macro": {"sad": None},
        },
    }
    (home / "results.json").write_text(json.dumps(results))
    data = [TrainingSet(name="procedural", licence="MIT", commercial=True)]
    entry = add(checkpoint, ID, Facts(licence="MIT", data=data, results=[home], seen=["VAL"]))
    assert entry.file == home / "zoo" / f"{ID}.toml"
    assert (entry.stage, entry.seed, entry.recipe_digest, entry.commercial) == ("matting", 5, "ab" * 32, True)
    assert (home / "zoo" / (entry.recipe or "")).read_text() == 'kind = "train"\n'
    assert entry.metrics[0].test_set == "AIM-500"
    assert entry.metrics[0].values == {
        "sad": 40.0,
        "mad": 0.02,
        "sad_stm": 90.0,
        "mad_stm": 0.1,
        "sad_type_mean": 80.0,
    }
    assert find(ID) == entry
    model = small(seed=1)
    load(model, ID)
    assert equal(model.state_dict(), small().state_dict())
    with safe_open(path(ID), "pt") as file:
        assert file.metadata()["step"] == "2"
    again = create_model("aimnet", backbone="mobilenetv3_small_050", weights=ID, **OPTIONS)
    assert equal(again.state_dict(), model.state_dict())


def test_an_entry_inherits_data_and_seen_sets_from_its_start(checkpoint: Path, home: Path) -> None:
    first = add(checkpoint, ID, Facts(data=[TrainingSet(name="X", licence="MIT")], seen=["T"]))
    with safe_open(checkpoint, "pt") as file:
        told = dict(file.metadata())
    save_file(load_file(checkpoint), checkpoint, told | {"init": first.id})
    second = add(checkpoint, f"{ID}2", Facts(data=[TrainingSet(name="Y", licence="MIT")]))
    assert second.init == first.id
    assert [item.name for item in second.data] == ["X", "Y"]
    assert second.seen == ("T",)


def test_every_author_of_a_set_is_credited(
    checkpoint: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "trained"
    run.mkdir()
    (run / "model.safetensors").write_bytes(checkpoint.read_bytes())
    rows = [
        {"name": "models", "licence": "CC-BY-3.0", "origin": "Ann", "images": 3},
        {"name": "models", "licence": "CC-BY-3.0", "origin": "Ben", "images": 4},
        {"name": "models", "licence": "CC0-1.0", "origin": "Cleo", "images": 5},
        {"name": "drawn", "licence": "MIT"},
    ]
    (run / "data.json").write_text(json.dumps({"start": "", "data": rows}))
    entry = add(
        run / "model.safetensors", ID, Facts(licence="MIT", data=[TrainingSet(name="drawn", licence="GPL-3.0")])
    )
    assert [(d.name, d.licence, d.origin, d.images) for d in entry.data] == [
        ("models", "CC-BY-3.0", "Ann", 3),
        ("models", "CC-BY-3.0", "Ben", 4),
        ("models", "CC0-1.0", "Cleo", 5),
        ("drawn", "GPL-3.0", "", None),
    ]
    assert [d.commercial for d in entry.data] == [True, True, True, None]
    written = card(entry, "me/net")
    assert all(name in written for name in ("Ann", "Ben", "Cleo"))
    assert run_command(["zoo", "show", ID]) == 0
    shown = capsys.readouterr()
    training = [line.split() for line in shown.out.split("training data")[1].splitlines()[1:]]
    assert training[:2] == [["models", "CC-BY-3.0", "yes", "7"], ["models", "CC0-1.0", "yes", "5"]]
    assert "Ann" not in shown.out
    assert "--credits" in shown.err
    assert run_command(["zoo", "show", ID, "--credits"]) == 0
    assert "Ann" in capsys.readouterr().out


def test_an_id_is_not_taken_twice_and_weights_must_fit(checkpoint: Path, home: Path) -> None:
    add(checkpoint, ID, Facts())
    with pytest.raises(AimkitError, match="the zoo already has an entry"):
        add(checkpoint, ID, Facts())
    assert add(checkpoint, ID, Facts(notes="second"), force=True).notes == "second"
    relative = Path(os.path.relpath(own_folders()[0]))
    assert add(checkpoint, ID, Facts(notes="third"), folder=relative, force=True).notes == "third"
    with pytest.raises(AimkitError, match="must begin with"):
        add(checkpoint, "aimnet_resnet18.x", Facts())
    with pytest.raises(AimkitError, match=r"another network|do not fit"):
        add(checkpoint, "aimnet_resnet18.x", Facts(architecture="aimnet", backbone="resnet18"))
    assert not (home / "zoo" / "aimnet_resnet18.x.toml").exists()


def test_another_recipe_than_the_checkpoints_is_refused(checkpoint: Path, home: Path) -> None:
    with pytest.raises(AimkitError, match="made by another recipe"):
        add(checkpoint, ID, Facts(recipe="train/demo"))


def test_weights_carry_their_inference_defaults(checkpoint: Path, home: Path) -> None:
    defaults = {"strategy": "tiled", "semantic_side": 160, "tile": 512}
    entry = add(checkpoint, ID, Facts(predict=defaults))
    assert entry.predict == defaults
    assert entry.file is not None
    for weights in (ID, entry.file.with_name(f"{ID}.safetensors")):
        strategy = Predictor.load(weights).strategy
        assert isinstance(strategy, Tiled)
        assert (strategy.semantic_side, strategy.tile) == (160, 512)


def test_half_precision_halves_the_file_and_loads(checkpoint: Path, home: Path) -> None:
    whole = add(checkpoint, ID, Facts())
    half = add(checkpoint, f"{ID}-half", Facts(), half=True)
    assert half.bytes is not None
    assert whole.bytes is not None
    assert half.bytes < 0.6 * whole.bytes
    model = small(seed=1)
    load(model, half.id)
    wanted = small().state_dict()
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == wanted[name].dtype
        torch.testing.assert_close(tensor, wanted[name], atol=1e-3, rtol=1e-3)


def test_something_else_than_results_is_refused(home: Path) -> None:
    (home / "x.json").write_text('{"a": 1}')
    with pytest.raises(AimkitError, match="does not hold the results"):
        metric_of(home / "x.json")


def test_a_released_file_and_ours_are_converted_into_each_other(home: Path) -> None:
    torch.manual_seed(0)
    trunk = create_backbone("resnet34_mp")
    torch.save({"state_dict": official.state_dict(trunk)}, home / "a.pth")  # type: ignore[arg-type]
    report = convert(home / "a.pth", home / "b.safetensors")
    assert (report.format, sorted(report.unused)) == ("resnet34_mp", ["fc.bias", "fc.weight"])
    assert equal(load_file(home / "b.safetensors"), trunk.state_dict())  # type: ignore[attr-defined]
    convert(home / "b.safetensors", home / "c.pth")
    first, last = (torch.load(home / name, weights_only=True)["state_dict"] for name in ("a.pth", "c.pth"))
    assert equal(first, last)
    with pytest.raises(AimkitError, match="must end in"):
        convert(home / "a.pth", home / "b.bin")


def test_the_keys_tell_which_gfm_a_released_file_is(home: Path) -> None:
    from aimkit.models.weights.declared import Declared
    from aimkit.publish.convert import declared_of

    (home / "a.pth").write_bytes(b"\x80")
    for rosta, wanted in (("TT", {"rosta": "TT"}), ("RIM", {"rosta": "RIM"}), ("FT", None)):
        for backbone in ("resnet34", "densenet121", "resnet34_2b", "resnet101"):
            with torch.device("meta"):
                tensors = official.state_dict(create_model("gfm", backbone=backbone, rosta=rosta))
            if wanted is None:
                with pytest.raises(AimkitError, match="FT or BT"):
                    declared_of(home / "a.pth", tensors)
            else:
                told = declared_of(home / "a.pth", tensors)
                assert told == Declared("gfm", backbone, wanted, where=str(home / "a.pth"))


def test_the_card_says_licences_protocols_and_use(checkpoint: Path, home: Path) -> None:
    text = card(find("aimnet_resnet34_mp.matting"), "org/name")
    for part in ("license: mit", "BG-20k", "Protocol: AIM-500", "| sad | 41.72 |", 'from_pretrained("org/name")'):
        assert part in text


def test_a_pushed_entry_names_its_new_source(checkpoint: Path, home: Path, fake_hub: Any) -> None:
    recipe = checkpoint.with_name("recipe.toml")
    recipe.write_text("# s3://KEY:hunter2-secret@bucket/cut\n" + recipe.read_text())
    add(checkpoint, ID, Facts(licence="MIT", notes="from https://me:hunter2-token@host/w.pth"))
    source = push(find(ID), "org/name", private=True)
    repo = fake_hub.repos["models/org/name"]
    assert repo.private
    assert not [data for data in repo.files.values() if b"hunter2" in data]
    assert not [path for path in (home / "zoo").iterdir() if b"hunter2" in path.read_bytes()]
    assert source == f"hf://org/name@{repo.commit}/model.safetensors"
    assert find(ID).sources == (f"file:{ID}.safetensors", source)
    assert set(repo.files) == {"model.safetensors", "config.json", "README.md", "recipe.toml"}
    assert repo.files["model.safetensors"] == (home / "zoo" / f"{ID}.safetensors").read_bytes()
    config = json.loads(repo.files["config.json"])
    assert config == {"network": {"name": "aimnet", "backbone": "mobilenetv3_small_050", "width": 8}}


def test_a_recipe_that_points_out_of_its_manifest_is_not_pushed(
    checkpoint: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def reached() -> None:
        raise AssertionError("the hub was reached")

    monkeypatch.setattr(huggingface_hub, "HfApi", reached)
    add(checkpoint, ID, Facts(licence="MIT"))
    (home / "secret").write_text("a secret")
    (home / "zoo" / "link").symlink_to(home)
    for recipe in ("../secret", str(home / "secret"), "link/secret"):
        with pytest.raises(AimkitError, match="the path"):
            push(find(ID).model_copy(update={"recipe": recipe}), "org/name")


def test_a_pushed_onnx_file_lies_beside_the_weights_that_it_names_and_is_pulled_again(
    checkpoint: Path, home: Path, fake_hub: Any
) -> None:
    entry = add(checkpoint, ID, Facts(licence="MIT"))
    graph = home / "zoo" / f"{ID}.onnx"
    # Any bytes will do: what matters is where they go.
    graph.write_bytes(b"a graph that names " + f"{ID}.safetensors".encode())
    about = OnnxFile(sources=(f"file:{graph.name}",), sha256=sha256(graph), bytes=graph.stat().st_size, opset=18)
    assert entry.file is not None
    write(entry.model_copy(update={"onnx": about}), entry.file)
    push(find(ID), "org/name")
    repo = fake_hub.repos["models/org/name"]
    assert repo.files[f"{ID}.onnx"] == graph.read_bytes()
    assert repo.files[f"{ID}.safetensors"] == repo.files["model.safetensors"]
    assert len(fake_hub.uploads) == 1
    assert f"download {ID}.onnx and {ID}.safetensors" in repo.files["README.md"].decode()
    pushed = find(ID)
    assert pushed.onnx is not None
    far = pushed.model_copy(
        update={
            "sources": pushed.sources[1:],
            "onnx": pushed.onnx.model_copy(update={"sources": pushed.onnx.sources[1:]}),
        }
    )
    far._file = None
    found = onnx_path(far)
    assert found is not None
    assert found.read_bytes() == graph.read_bytes()
    assert found.with_suffix(".safetensors").read_bytes() == repo.files["model.safetensors"]


def test_a_card_gives_the_hub_its_metrics_by_protocol() -> None:
    entry = find("aimnet_resnet34_mp.matting")
    front = yaml.safe_load(card(entry, "org/name").split("---\n")[1])
    (model,) = front["model-index"]
    assert model["name"] == entry.id
    assert [one["dataset"]["name"] for one in model["results"]] == [metric.test_set for metric in entry.metrics]
    assert [{m["type"]: m["value"] for m in one["metrics"]} for one in model["results"]] == [
        metric.values for metric in entry.metrics
    ]
    assert all(
        metric.protocol in one["dataset"]["config"] for one, metric in zip(model["results"], entry.metrics, strict=True)
    )


@pytest.mark.slow
def test_trained_added_pulled_on_a_clean_cache_and_used_gives_equal_outputs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aimkit.recipe import parse
    from aimkit.train.loop import train
    from aimkit.train.recipe import TrainRecipe

    stream = {"source": "synth", "recipe": "demo", "overrides": ["placement.height=64", "placement.width=64"]}
    keys = {
        "kind": "train",
        "seed": 5,
        "steps": 2,
        "batch": 2,
        "model": {"backbone": "mobilenetv3_small_050", "options": {"width": 8}},
    }
    data = {"workers": 0, "train": stream, "transform": {"transform": "crop", "size": 64, "crops": [64]}}
    train(parse(TrainRecipe, {**keys, "data": data}, "test"), home / "run")
    file = next((home / "run" / "checkpoints").glob("step_*")) / "model.safetensors"
    entry = add(file, ID, Facts(licence="MIT"))
    monkeypatch.setenv("AIMKIT_HOME", str(home / "clean"))
    assert fetch.pull(find(ID)).is_relative_to(home / "clean")
    first = create_model("aimnet", backbone="mobilenetv3_small_050", weights=file).eval()
    second = create_model("aimnet", backbone="mobilenetv3_small_050", weights=ID).eval()
    image = torch.rand(1, 3, 96, 64)
    with torch.no_grad():
        assert torch.equal(first(image).alpha, second(image).alpha)
    assert entry.recipe_digest
    assert (home / "zoo" / f"{ID}.recipe.toml").read_text().startswith(f"# digest {entry.recipe_digest}")


def test_equal_conversions_are_equal_bytes(checkpoint: Path, home: Path) -> None:
    found = set()
    for number in range(3):
        convert(checkpoint, home / f"{number}.safetensors")
        found.add((home / f"{number}.safetensors").read_bytes())
    assert len(found) == 1
