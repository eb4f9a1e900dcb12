"""Offline is offline, and a network that does not answer is one line after one try."""

from __future__ import annotations

import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.models.base import MattingModel
from aimkit.models.registry import create_backbone, create_model
from aimkit.storage import place
from aimkit.zoo.sources import FetchJob
from aimkit.zoo.sources import fetch as fetch_source

BACKBONE = "mobilenetv3_small_050"


def _pretrained() -> Any:
    return create_model("aimnet", backbone=BACKBONE, pretrained=True)


def _gfm() -> Any:
    return create_backbone("resnet34_2b", pretrained=True)


def _hub() -> Any:
    return MattingModel.from_pretrained("org/name")


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def _url() -> Any:
    return place("hf://datasets/some/set/file.png").is_file()


@pytest.mark.parametrize("load", [_pretrained, _gfm, _hub, _url])
def test_offline_makes_no_attempt(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[Any] = []

    def refuse(*args: Any, **keywords: Any) -> Any:
        attempts.append(args)
        raise OSError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    with pytest.raises(AimkitError, match="AIMKIT_OFFLINE is set"):
        load()
    assert not attempts


@pytest.mark.parametrize("load", [_pretrained, _gfm, _hub])
def test_no_connection_is_one_try_and_one_line(
    load: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tries: list[str] = []

    def fail(request: Any, timeout: float) -> Any:
        tries.append(request.full_url)
        raise urllib.error.URLError(OSError(101, "Network is unreachable"))

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    monkeypatch.delenv("AIMKIT_OFFLINE", raising=False)
    start = time.monotonic()
    with pytest.raises(AimkitError, match="no connection") as caught:
        load()
    assert len(tries) == 1
    assert time.monotonic() - start < 20
    assert "FILE" in caught.value.hint
    assert capfd.readouterr().err == ""


def test_pretrained_weights_hint_at_a_file_of_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    with pytest.raises(AimkitError) as caught:
        _pretrained()
    assert "backbone_weights=FILE" in caught.value.hint


def test_a_pull_from_the_hub_tries_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of this machine answers nobody.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(AimkitError, match="no connection") as caught:
        fetch_source(FetchJob("hf://org/name/model.safetensors", tmp_path / "part", id="a.b"))
    assert time.monotonic() - start < 5
    assert "zoo pull a.b --from FILE" in caught.value.hint
