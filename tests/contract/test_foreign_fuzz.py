"""Mutated files of every kind end in our error or a result, never in a traceback."""

from __future__ import annotations

import io
import json
import random
import struct
import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_weights import tiny_weights

from aimkit import resources
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.matte_folder import decide_mattes, matte_facts
from aimkit.datasets.types_file import read_types
from aimkit.errors import AimkitError
from aimkit.evaluate.compare import compare
from aimkit.evaluate.results import read_results
from aimkit.evaluate.tables import group_table, summary_table
from aimkit.evaluate.trimaps import read_trimap
from aimkit.imageio import decode
from aimkit.json_files import read_json
from aimkit.models.weights import declared
from aimkit.recipe import load_recipe
from aimkit.state_dict import read


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bits flipped, parts cut, doubled, swapped for numbers, or garbled."""
    result = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(max(len(result), 1))
        kind = draw.randrange(6)
        if kind == 0 and result:
            result[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del result[at : at + draw.randint(1, 64)]
        elif kind == 2:
            result[at:at] = result[at : at + draw.randint(1, 64)]
        elif kind == 3:
            result[at : at + 8] = struct.pack("<q", draw.choice([0, -1, 2**31, 2**62, len(result)]))
        elif kind == 4:
            words = [b"null", b"[]", b"{}", b"-1", b"1e999", b"NaN", b'""', b'"\\ud800"', b"\xff\xfe", b"\0"]
            result[at : at + draw.randint(0, 4)] = draw.choice(words)
        else:
            result[at:] = b""
    return bytes(result)


def checkpoint(folder: Path) -> bytes:
    torch.save({"state_dict": {"conv.weight": torch.arange(6.0)}}, folder / "c.pth")
    return (folder / "c.pth").read_bytes()


def read_weights(path: Path) -> None:
    read(path, quiet=True)


def read_declared(path: Path) -> None:
    told = declared.of_file(path)
    if told is not None:
        declared.checked(told)


def read_recipe(path: Path) -> None:
    load_recipe(path).digest()


def read_picture(path: Path) -> None:
    decode(path.read_bytes(), str(path))


def read_matte(path: Path) -> None:
    """A matte, as a folder of it alone, and as a trimap."""
    image = decode(path.read_bytes(), str(path))
    with suppress(AimkitError):
        read_trimap(path, str(path))
    decide_mattes([matte_facts(image, str(path))]).alpha(image, str(path))


def pictures(folder: Path) -> list[bytes]:
    from PIL import Image

    made = []
    plain = np.random.default_rng(0).integers(0, 256, (9, 7, 4), np.uint8)
    for form, channels in (("PNG", 4), ("JPEG", 3), ("WEBP", 4), ("TIFF", 4), ("GIF", 3), ("BMP", 3)):
        data = io.BytesIO()
        Image.fromarray(plain[..., :channels]).save(data, form)
        made.append(data.getvalue())
    return made


def mattes(folder: Path) -> list[bytes]:
    """Mattes of the kinds that Pillow does not read, or reads otherwise."""
    import tifffile
    from PIL import Image

    made = []
    levels = np.random.default_rng(1).random((9, 7), np.float32)
    deep = (levels * 65535).astype(np.uint16)
    for stored in (levels, deep, levels.astype(np.float16), levels > 0.5):
        data = io.BytesIO()
        np.save(data, stored)
        made.append(data.getvalue())
    for stored, options in (
        (levels, {}),
        (deep, {"compression": "zlib", "predictor": True, "tile": (16, 16)}),
        (deep, {"photometric": "miniswhite", "compression": "zlib"}),
        (np.stack([deep] * 4), {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["assocalpha"]}),
        (levels, {"byteorder": ">", "bigtiff": True}),
    ):
        data = io.BytesIO()
        tifffile.imwrite(data, stored, **options)
        made.append(data.getvalue())
    for picture in (Image.fromarray(deep), Image.fromarray(levels > 0.5), Image.new("P", (9, 7), 1)):
        data = io.BytesIO()
        picture.save(data, "PNG")
        made.append(data.getvalue())
    return made


def recipes(folder: Path) -> list[bytes]:
    tables = [path for path in resources.recipes().values() if tomllib.loads(path.read_text()).get("kind")]
    return [path.read_bytes() for path in tables]


def documents(folder: Path) -> list[bytes]:
    table = {"a": [1, 2.5, None, "x"], "b": {"c": True}, "digest": "0" * 64}
    return [json.dumps(table).encode(), json.dumps([table] * 3, indent=1).encode()]


def types(folder: Path) -> list[bytes]:
    plain = {"a": "SO", "b": "NS"}
    return [json.dumps(plain).encode(), json.dumps({"a": {"type": "STM", "category": "glass"}}).encode("utf-8-sig")]


def lists(folder: Path) -> list[bytes]:
    text = "# held out\na.png\nsub/b\nglob:c*\n"
    return [text.encode(coding) for coding in ("utf-8", "utf-8-sig", "utf-16", "latin-1")]


def results(folder: Path) -> list[bytes]:
    means = {"count": 1, "sad": 1.0, "mse": 0.1, "mad": 0.2, "grad": 1.0, "conn": 1.0}
    row = {"id": "a", "type": "SO", "category": "", **means}
    none = {"count": 0, "sad": None}
    content = {
        "format": 1,
        "model": {"name": "m"},
        "protocol": {"data": "d", "prediction": "p", "text": "t", "digest": "0"},
        "averages": {
            "images": means,
            "types": {"SO": means},
            "categories": {},
            "type_macro": means,
            "category_macro": none,
        },
        "images": [row],
        "notes": [],
    }
    return [json.dumps(content).encode()]


def read_compared(path: Path) -> None:
    found = read_results(path)
    summary_table([found])
    group_table(found)
    compare([found, found], resamples=2)


#: What is fuzzed: name of the file, sound contents, and the reader.
TARGETS: dict[str, tuple[str, Callable[[Path], Iterable[bytes]], Callable[[Path], None]]] = {
    "recipe": ("r.toml", recipes, read_recipe),
    "json": ("f.json", documents, lambda path: read_json(path, object)),
    "safetensors": ("w.safetensors", lambda folder: [tiny_weights(folder)], read_weights),
    "metadata": ("w.safetensors", lambda folder: [tiny_weights(folder)], read_declared),
    "checkpoint": ("c.pth", lambda folder: [checkpoint(folder)], read_weights),
    "picture": ("p.png", pictures, read_picture),
    "matte": ("m.png", mattes, read_matte),
    "types": ("t.json", types, read_types),
    "exclude": ("e.txt", lists, lambda path: read_exclude(str(path))),
    "results": ("results.json", results, read_compared),
}


def fuzz(name: str, count: int, folder: Path) -> None:
    """Every mutated file is read, or refused with an AimkitError; anything else fails with the seed that shows it."""
    file, make, reader = TARGETS[name]
    sound = list(make(folder))
    path = folder / f"mutated-{file}"
    for seed in range(count):
        draw = random.Random(f"{name} {seed}")
        path.write_bytes(mutated(draw.choice(sound), draw))
        try:
            with suppress(AimkitError):
                reader(path)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_mutated_files_end_in_nothing_but_our_error(name: str, tmp_path: Path) -> None:
    fuzz(name, 100, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_many_mutated_files_end_in_nothing_but_our_error(name: str, tmp_path: Path) -> None:
    fuzz(name, 5000, tmp_path)
