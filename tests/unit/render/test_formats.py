"""Every kind of model file, imported by Blender: a cube fills the square that its front face does."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from blender_test import SHARE, SIDE, TOP, box, taken

pytestmark = pytest.mark.slow

FACES = np.array(box(), np.float32)
TRIANGLES = FACES[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 3)


def stl(path: Path) -> None:
    normals = np.cross(TRIANGLES[:, 1] - TRIANGLES[:, 0], TRIANGLES[:, 2] - TRIANGLES[:, 0])
    rows = [
        struct.pack("<12fH", *normal, *points.ravel(), 0) for normal, points in zip(normals, TRIANGLES, strict=True)
    ]
    path.write_bytes(bytes(80) + struct.pack("<I", len(rows)) + b"".join(rows))


def ply(path: Path) -> None:
    head = ["ply", "format ascii 1.0", "element vertex 24", *(f"property float {axis}" for axis in "xyz")]
    head += ["element face 6", "property list uchar int vertex_indices", "end_header"]
    faces = [f"4 {4 * i} {4 * i + 1} {4 * i + 2} {4 * i + 3}" for i in range(6)]
    path.write_text("\n".join([*head, *(" ".join(map(str, point)) for point in FACES.reshape(-1, 3)), *faces, ""]))


def usda(path: Path) -> None:
    points = ", ".join(f"({x}, {y}, {z})" for x, y, z in FACES.reshape(-1, 3))
    path.write_text(
        '#usda 1.0\n(\n  upAxis = "Y"\n  metersPerUnit = 1\n)\ndef Mesh "cube"\n{\n'
        f"  int[] faceVertexCounts = [4, 4, 4, 4, 4, 4]\n  int[] faceVertexIndices = {list(range(24))}\n"
        f"  point3f[] points = [{points}]\n}}\n"
    )


def glb(path: Path) -> None:
    data = TRIANGLES.astype("<f4").tobytes()
    accessor = {"bufferView": 0, "componentType": 5126, "count": 36, "type": "VEC3", "min": [-1] * 3, "max": [1] * 3}
    content = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [accessor],
        "bufferViews": [{"buffer": 0, "byteLength": len(data)}],
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    path.write_bytes(struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body)


@pytest.mark.parametrize("write", [stl, ply, usda, glb])
def test_a_cube_in_any_format_fills_its_square(tmp_path: Path, write) -> None:
    path = tmp_path / f"cube.{write.__name__}"
    write(path)
    keys = {"matte_samples": 256, "samples": 8, "lights": [{}], "exposure": "auto"}
    found = taken(tmp_path, path, camera={**TOP, "elevation": 0}, **keys)
    assert found.shape == (SIDE, SIDE, 4)
    assert found[..., 3].sum() == pytest.approx((SHARE * SIDE) ** 2, rel=0.005)
    inside = slice(SIDE // 2 - 30, SIDE // 2 + 30)
    assert found[inside, inside, 3].min() == 1
    assert found[inside, inside, :3].mean() > 0.2
