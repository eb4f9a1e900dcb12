"""Hostile and broken files never become checkpoints, and never run code."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.zoo import archive, fetch, safety, store


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def by_hand(make_entry: Callable[..., Any], file: Path) -> Path:
    return fetch.pull(make_entry(None, "https://host/w"), from_file=file, trust_first_use=True)


@pytest.mark.parametrize("modern", [False, True], ids=["bare pickle", "zip of PyTorch"])
def test_a_pickle_with_a_payload_is_refused_and_never_run(home: Path, make_entry: Any, modern: bool) -> None:
    import torch

    mark, file = home / "ran", home / "w.pth"
    content = {"state_dict": {"x": torch.zeros(2)}, "extra": Payload(mark)}
    if modern:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(AimkitError, match="unsafe or damaged file"):
        by_hand(make_entry, file)
    assert not mark.exists()
    assert store.cached(make_entry(None)) is None
    assert not list((store.folder() / ".parts").iterdir())


def test_a_file_of_tensors_is_taken_and_one_of_something_else_is_not(home: Path, make_entry: Any) -> None:
    import torch

    torch.save({"state_dict": {"x": torch.zeros(2)}}, home / "good.pth.tar")
    assert by_hand(make_entry, home / "good.pth.tar").suffix == ".pth"
    torch.save({"x": "text"}, home / "bad.pth")
    with pytest.raises(AimkitError, match="'x' is a str, not a tensor"):
        fetch.pull(make_entry(None, id="aimnet_resnet18.b"), from_file=home / "bad.pth", trust_first_use=True)


@pytest.mark.parametrize("cut", [0, 5, 40, 100, 1])
def test_a_truncated_file_is_told_as_such(home: Path, weights: bytes, cut: int) -> None:
    (home / "w").write_bytes(weights[:-cut] if cut == 1 else weights[:cut])
    with pytest.raises(AimkitError, match=r"incomplete|empty|neither|damaged"):
        safety.check(home / "w")


def test_a_truncated_zip_is_told_as_such(home: Path) -> None:
    import torch

    torch.save({"x": torch.zeros(1000)}, home / "w.pth")
    (home / "w.pth").write_bytes((home / "w.pth").read_bytes()[:-100])
    with pytest.raises(AimkitError, match="incomplete or damaged"):
        safety.check(home / "w.pth")


def test_a_web_page_saved_as_weights_is_told_as_such(home: Path) -> None:
    (home / "w.pth").write_bytes(b"\n  <!doctype HTML><html>Sign in</html>")
    with pytest.raises(AimkitError, match="web page"):
        safety.check(home / "w.pth")


def test_a_header_of_absurd_length_is_not_read(home: Path) -> None:
    (home / "w").write_bytes((2**60).to_bytes(8, "little") + b"{" + b" " * 600)
    with pytest.raises(AimkitError, match="header of the safetensors file is too long"):
        safety.check(home / "w")


@pytest.mark.parametrize(
    "header", [b"{]", b"[1]", b'{"x": 1}', b'{"x": {"data_offsets": []}}', b"{" + b'"a":{' * 20000]
)
def test_a_damaged_header_is_told_as_such(home: Path, header: bytes) -> None:
    (home / "w").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(AimkitError, match=r"damaged|neither"):
        safety.check(home / "w")


def test_a_zip_bomb_is_refused_before_it_is_opened(home: Path, make_entry: Any) -> None:
    bomb = zipped(home / "bomb.pth", {"archive/data.pkl": b"\0" * 50_000_000})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(AimkitError, match="would unpack to 50,000,000"):
        by_hand(make_entry, bomb)


@pytest.mark.parametrize("name", ["../evil.pth", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_an_archive_that_climbs_out_of_its_folder_is_refused(home: Path, make_entry: Any, name: str) -> None:
    file = zipped(home / "a.whl", {"good.pth": b"x", name: b"x"})
    with pytest.raises(AimkitError, match="outside its folder"):
        archive.extract(file, "good.pth", home / "out", 100)
    with pytest.raises(AimkitError, match="outside its folder"):
        by_hand(make_entry, file)
    assert not (home / "out").exists()


def test_a_member_larger_than_allowed_is_refused_even_when_it_lies_about_its_size(home: Path) -> None:
    file = zipped(home / "a.zip", {"w": b"\0" * 1_000_000})
    with pytest.raises(AimkitError, match="would unpack to more than 1,000"):
        archive.extract(file, "w", home / "out", 1000)
    raw = file.read_bytes().replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    file.write_bytes(raw)
    with pytest.raises(AimkitError, match=r"unpack"):
        archive.extract(file, "w", home / "out", 1000)
    assert not (home / "out").exists() or (home / "out").stat().st_size <= 1000


def test_a_member_of_a_wheel_is_a_source(home: Path, make_entry: Any, weights: bytes) -> None:
    zipped(home / "p.whl", {"p/w.safetensors": weights, "p/__init__.py": b"raise SystemExit"})
    source = (home / "p.whl").as_uri()
    path = fetch.pull(make_entry(weights, f"{source}#p/w.safetensors"))
    assert path.read_bytes() == weights
    with pytest.raises(AimkitError, match=r"no member 'p/v\.safetensors'"):
        fetch.pull(make_entry(weights, f"{source}#p/v.safetensors", id="aimnet_resnet18.other"))


def test_random_bytes_never_raise_anything_else(home: Path) -> None:
    import random

    draw = random.Random(0)
    heads = [b"", b"PK\x03\x04", b"\x80\x02", b"\x10\0\0\0\0\0\0\0{"]
    for number in range(200):
        file = home / "w.pth"
        file.write_bytes(draw.choice(heads) + draw.randbytes(draw.randrange(200)))
        try:
            safety.check(file)
            safety.check_contents(file)
        except AimkitError:
            continue
        raise AssertionError(f"file {number} was taken")


def test_a_pickle_that_builds_huge_lists_is_refused(home: Path) -> None:
    buffer = io.BytesIO()
    pickle.dump({"x": list(range(1000))}, buffer, protocol=2)
    (home / "w.pth").write_bytes(buffer.getvalue())
    with pytest.raises(AimkitError, match="unsafe or damaged"):
        safety.check_contents(home / "w.pth")
