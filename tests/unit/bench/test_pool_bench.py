"""The forms that a pool's own is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aimkit.bench.pools import FORMS


def test_every_form_reads_the_same_window(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    levels = [draw.integers(0, 256, (*size, 3), np.uint8) for size in ((600, 530), (300, 265))]
    for name, (write, needs) in FORMS.items():
        if name.startswith(("rows", "tiles")) and not needs:
            (tmp_path / name).mkdir()
            read = write([levels], tmp_path / name)
            for level, top, left, side in ((0, 0, 0, 530), (0, 70, 3, 400), (1, 250, 255, 10)):
                assert np.array_equal(read(0, level, top, left, side), levels[level][top:, left:][:side, :side]), name
