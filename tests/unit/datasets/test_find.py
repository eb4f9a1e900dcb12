from __future__ import annotations

import os

import numpy as np
import pytest

from aimkit.datasets.find import find_images
from aimkit.imageio import encode_jpeg, encode_png
from aimkit.paths import as_text

PIXELS = np.zeros((4, 4, 3), np.uint8)


def test_a_picture_is_known_by_its_content_and_the_rest_is_counted_by_suffix(tmp_path):
    for name in ("a.jpg_large", "b", "c.tmp"):
        (tmp_path / name).write_bytes(encode_jpeg(PIXELS))
    (tmp_path / "d.jpg").write_bytes(encode_png(PIXELS))
    for name in ("notes.txt", "more.TXT", "raw.cr2", "readme"):
        (tmp_path / name).write_text("text")
    found = find_images(tmp_path)
    assert list(found.files) == ["a", "b", "c", "d"]
    assert found.others == {".txt": 2, ".cr2": 1, "": 1}
    assert not found.skips


def test_what_is_no_regular_file_is_skipped_with_its_reason(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    found = find_images(tmp_path)
    assert list(found.files) == ["a"]
    assert dict(found.skips.rows) == {
        "gone.png": "the link is broken",
        "loop.png": "the link leads back to itself",
        "zero.png": "it is a device, not a file",
        "pipe.png": "it is a named pipe, not a file",
    }


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refusing(path):
        # The tests may run as root, which no permission keeps out.
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        found = find_images(tmp_path)
    assert list(found.files) == ["a"]
    ((name, reason),) = found.skips.rows
    assert name.endswith("locked")
    assert reason == "can't read the folder: Permission denied"


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe"])
def test_a_name_that_is_not_utf_8_becomes_a_text_that_can_be_stored(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name + b".png")
    with open(path, "wb") as file:
        file.write(encode_png(PIXELS))
    ((id_, found),) = find_images(tmp_path).files.items()
    assert id_.encode()
    assert id_ == as_text(os.fsdecode(name))
    assert os.fsencode(found) == path
