"""Speaks the protocol of ``aimkit/render/blender_script.py`` without Blender; what it does stands in the model's file.

"disc" draws a red disc with a soft rim. "crash", "hang", "eat" (memory), "bad" (an error), "empty", "board" and "black"
do what they say; "once:crash" crashes the first time only, and leaves a file beside the model.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np


def exr(planes: np.ndarray) -> bytes:
    """An uncompressed EXR of RGBA floats, (H, W, 4)."""
    height, width = planes.shape[:2]
    channels = b"".join(name + b"\0" + struct.pack("<iIii", 2, 0, 1, 1) for name in (b"A", b"B", b"G", b"R")) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    fields = (
        (b"channels\0chlist\0", channels),
        (b"compression\0compression\0", b"\0"),
        (b"dataWindow\0box2i\0", window),
        (b"displayWindow\0box2i\0", window),
    )
    header = b"\x76\x2f\x31\x01" + struct.pack("<i", 2)
    header += b"".join(name + struct.pack("<i", len(body)) + body for name, body in fields) + b"\0"
    rows = [planes[y][:, [3, 2, 1, 0]].T.astype("<f4").tobytes() for y in range(height)]
    at = len(header) + 8 * height
    starts = struct.pack(f"<{height}Q", *(at + y * (8 + len(rows[0])) for y in range(height)))
    return header + starts + b"".join(struct.pack("<ii", y, len(row)) + row for y, row in enumerate(rows))


def picture(what: str, side: int, seed: int) -> np.ndarray:
    """Premultiplied linear light, (side, side, 4)."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    alpha = np.clip(side * 0.45 - np.hypot(y, x) + 0.5, 0, 1)
    if what in ("empty", "board"):
        alpha = np.full((side, side), 1.0 if what == "board" else 0.0)
    color = np.array([0.0, 0.0, 0.0] if what == "black" else [0.5, 0.1, (seed % 97) / 970])
    return np.dstack([alpha[..., None] * color, alpha])


def answer(job: dict) -> dict:
    path = Path(job["model"])
    what = path.read_text().split()[0]
    if what.startswith("once:"):
        mark = path.with_suffix(".tried")
        what = "disc" if mark.exists() else what[5:]
        mark.touch()
    if what == "crash":
        sys.stderr.write("Segmentation fault in the kernel\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "hang":
        time.sleep(600)
    if what == "eat":
        held = np.ones(150_000_000 // 8)
        time.sleep(600)
        return {"error": str(held.size)}
    if what == "bad":
        return {"error": "ValueError: the model has no mesh"}
    planes = picture(what, job["size"], job["seed"])
    for name in ("color", "matte", *job["passes"]):
        Path(f"{job['out']}.{name}.exr").write_bytes(exr(planes))
    return {"view": 1, "size": [job["size"]] * 2, "glass": False, "missing": [], "cpu_seconds": 0.5}


def main() -> None:
    print("Blender says many things", flush=True)
    print(f"@aimkit {json.dumps({'ready': {'blender': '0.fake'}})}", flush=True)
    for line in sys.stdin:
        print(f"\n@aimkit {json.dumps(answer(json.loads(line)))}", flush=True)


if __name__ == "__main__":
    main()
