"""What weights, manifests and config.json may say of their network, and what is refused before anything happens."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.models.registry import create_model, models, register_model
from aimkit.models.weights import declared
from aimkit.models.weights.declared import Declared, checked, load_network
from aimkit.predict import Predictor
from aimkit.publish.convert import convert

BACKBONE = "mobilenetv3_small_050"

#: Options that a header may not have, each with a word of the error.
HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"pretrained": True}, "pretrained"),
    ({"weights": "http://127.0.0.1:9/w.pth"}, "weights"),
    ({"backbone_weights": "/etc/passwd"}, "backbone_weights"),
    ({"backbone_options": {"pretrained": True}}, "pretrained"),
    ({"backbone_options": {"pretrained_cfg": {"url": "http://127.0.0.1:9/w.pth"}}}, "pretrained_cfg"),
    ({"backbone_options": {"pretrained_cfg_overlay": {"file": "/etc/passwd"}}}, "pretrained_cfg_overlay"),
    ({"backbone_options": {"checkpoint_path": "/etc/passwd"}}, "checkpoint_path"),
    ({"backbone_options": {"cache_dir": "/tmp"}}, "cache_dir"),
    ({"backbone_options": {"url": "http://127.0.0.1:9/"}}, "url"),
    ({"backbone_options": {"features_only": False}}, "features_only"),
    ({"backbone_options": {"img_size": 10**6}}, "img_size"),
    ({"backbone_options": {"blocks": -1}}, "blocks"),
    ({"backbone_options": ["pretrained"]}, "not a table"),
    ({"width": 10**6}, "width"),
    ({"width": 0}, "width"),
    ({"width": True}, "width"),
    ({"width": 8.5}, "width"),
    ({"in_chans": 10**6}, "in_chans"),
    ({"se": "yes"}, "se"),
    ({"fusion": "__import__"}, "fusion"),
    ({"name": "gfm"}, "name"),
    ({"backbone": "resnet50"}, "backbone"),
    ({"no_such_option": 1}, "no_such_option"),
]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every attempt to connect or to resolve a name, none of which succeeds."""
    attempts: list[Any] = []

    def refuse(*args: Any, **keywords: Any) -> Any:
        attempts.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return attempts


def header(path: Path, options: Any, **more: str) -> Path:
    """A small file with a header; its tensors fit nothing."""
    facts = {"architecture": "aimnet", "backbone": BACKBONE, "options": json.dumps(options)} | more
    save_file({"a": torch.zeros(2_000_000)}, path, facts)
    return path


@pytest.mark.parametrize(("options", "word"), HOSTILE)
def test_a_hostile_header_is_refused_by_every_reader(
    options: dict[str, Any], word: str, tmp_path: Path, no_network: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Any] = []
    monkeypatch.setattr(declared, "create_model", lambda *args, **keywords: built.append(args))
    file = header(tmp_path / "a.safetensors", options)
    (tmp_path / "hub").mkdir()
    config = {"network": {"name": "aimnet", "backbone": BACKBONE} | options}
    (tmp_path / "hub" / "config.json").write_text(json.dumps(config))
    readers = [lambda: Predictor.load(file), lambda: convert(file, tmp_path / "b.safetensors")]
    if word not in ("name", "backbone"):  # these two are the names there
        readers.append(lambda: MattingModel.from_pretrained(tmp_path / "hub"))
    for read in readers:
        with pytest.raises(AimkitError) as caught:
            read()
        error = caught.value
        assert word in f"{error.what} {error.where}"
        assert str(tmp_path) in error.where
        assert "options" in error.where
    assert not built
    assert not no_network


def test_a_wide_network_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    file = header(tmp_path / "a.safetensors", {"width": 257})
    with pytest.raises(AimkitError, match="width"):
        load_network(file)
    # The same bound holds for callers, so that whatever is trained can be loaded again.
    with pytest.raises(AimkitError, match="unknown width"), torch.device("meta"):
        create_model("aimnet", backbone=BACKBONE, width=257)


def test_a_small_file_that_names_a_huge_backbone_is_refused(tmp_path: Path) -> None:
    file = header(tmp_path / "a.safetensors", {}, backbone="convnext_xxlarge")
    with pytest.raises(AimkitError, match="far smaller"):
        load_network(file)


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"backbone": "no_such_net"}, "backbone"),
        ({"backbone": "hf-hub:org/name"}, "backbone"),
        ({"backbone": "../../x"}, "backbone"),
        ({"architecture": "no_such_net"}, "architecture"),
        ({"options": "[1]"}, "options"),
        ({"options": "{"}, "options"),
        ({"predict": "null"}, "predict"),
        ({"predict": '{"strategy": "no_such"}'}, "predict"),
        ({"predict": '{"semantic_scale": 1e9}'}, "predict"),
        ({"predict": '{"pretrained": true}'}, "predict"),
    ],
)
def test_a_wrong_header_is_one_error_that_names_file_and_key(facts: dict[str, str], key: str, tmp_path: Path) -> None:
    model = create_model("aimnet", backbone=BACKBONE, width=8)
    known = {"architecture": "aimnet", "backbone": BACKBONE, "options": '{"width": 8}'} | facts
    save_file({k: v.contiguous().clone() for k, v in model.state_dict().items()}, tmp_path / "a.safetensors", known)
    with pytest.raises(AimkitError) as caught:
        Predictor.load(tmp_path / "a.safetensors")
    assert str(tmp_path / "a.safetensors") in caught.value.where
    assert key in f"{caught.value.where} {caught.value.what}"


def test_a_manifest_and_config_keys_beside_the_network_change_nothing(
    tmp_path: Path, no_network: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_model("aimnet", backbone=BACKBONE, width=8).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"backbone": "resnet50", "width": 64, "weights": "/etc/passwd", "pretrained": True, "given": {"width": 3}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = MattingModel.from_pretrained(tmp_path)
    assert loaded.build["backbone"] == BACKBONE
    assert loaded.build["width"] == 8
    assert MattingModel.from_pretrained(tmp_path, fusion="soft").build["fusion"] == "soft"
    assert not no_network
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "a.toml").write_text(
        f'[[checkpoint]]\nid = "aimnet_{BACKBONE}.a"\narchitecture = "aimnet"\nbackbone = "{BACKBONE}"\n'
        'stage = "matting"\nformat = "safetensors"\nlicence = "mit"\nsources = ["file:a.safetensors"]\n'
        "options = { backbone_options = { pretrained_cfg = { url = 'http://127.0.0.1:9/' } } }\n"
    )
    # Without a header, so that the manifest says what they are of.
    save_file(load_file(tmp_path / "model.safetensors"), folder / "a.safetensors")
    monkeypatch.setenv("AIMKIT_ZOO", str(folder))
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_TRUST_FIRST_USE", "1")
    with pytest.raises(AimkitError, match="pretrained_cfg") as caught:
        Predictor.load(f"aimnet_{BACKBONE}.a")
    assert "a.toml" in caught.value.where
    from aimkit.publish.check import check
    from aimkit.zoo.manifest import entries

    assert any("pretrained_cfg" in problem.what for problem in check(entries()))
    assert not no_network


def test_the_options_of_the_networks_are_taken(tmp_path: Path) -> None:
    options: dict[str, Any] = {"fusion": "soft", "se": False, "width": 16, "in_chans": 4, "representation": "usr"}
    options["backbone_options"] = {"drop_path_rate": 0.1, "img_size": [256, 256], "blocks": 4}
    assert checked(Declared("aimnet", BACKBONE, options)) == options
    assert checked(Declared("gfm", "resnet34", {"rosta": "RIM", "width": "backbone", "finest": 1}))
    assert checked(Declared("p3mnet", "resnet34_mp", {"upsample": "unpool"})) == {"upsample": "unpool"}
    assert checked(Declared(None, BACKBONE, {"in_chans": 1})) == {"in_chans": 1}
    assert checked(Declared(None, "resnet34_mp", {})) == {}


def test_a_network_of_your_own_may_declare_its_plain_keywords(tmp_path: Path) -> None:
    from aimkit.models.aimnet import AimNet

    class Mine(AimNet):
        def __init__(self, backbone: Any, depth: int = 2, init_weights: str = "", **options: Any) -> None:
            super().__init__(backbone, **options)

    register_model("mine_declared")(Mine)
    try:
        assert checked(Declared("mine_declared", BACKBONE, {"depth": 3, "width": 8})) == {"depth": 3, "width": 8}
        for wrong in ({"depth": 10**9}, {"depth": "/etc/passwd"}, {"depth": {}}, {"init_weights": "x"}, {"deep": 1}):
            with pytest.raises(AimkitError):
                checked(Declared("mine_declared", BACKBONE, wrong))
    finally:
        del models._entries["mine_declared"]


def test_what_weights_record_is_what_they_may_declare() -> None:
    options = {"width": 8, "backbone_weights": "a.pth", "pretrained": True, "backbone_options": {"act_layer": "gelu"}}
    assert declared.stored("aimnet", BACKBONE, options) == {"width": 8}
    assert declared.not_stored("aimnet", BACKBONE, options) == ["backbone_options"]


def test_the_wrong_backbone_names_the_right_one(tmp_path: Path) -> None:
    model = create_model("aimnet", backbone=BACKBONE, width=8)
    facts = {"architecture": "aimnet", "backbone": BACKBONE, "options": '{"width": 8}'}
    save_file({k: v.contiguous().clone() for k, v in model.state_dict().items()}, tmp_path / "a.safetensors", facts)
    with pytest.raises(AimkitError) as caught:
        load_network(tmp_path / "a.safetensors", backbone="mobilenetv3_small_075")
    assert caught.value.hint == f"these weights are of aimnet on {BACKBONE}: leave out --backbone"
    network, told = load_network(tmp_path / "a.safetensors")
    assert told is not None
    assert network.build is not None
    assert network.build["width"] == 8
