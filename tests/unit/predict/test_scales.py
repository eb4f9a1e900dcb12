"""Networks say how large they want to see a photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.registry import create_model
from aimkit.predict import Predictor, strategies


def seen(model: Any, run: Any) -> list[tuple[int, int]]:
    """(height, width) of every pass."""
    sizes: list[tuple[int, int]] = []
    handle = model.register_forward_pre_hook(lambda _, args: sizes.append(tuple(args[0].shape[-2:])))
    run()
    handle.remove()
    return sizes


@pytest.mark.parametrize(
    ("name", "options", "strategy", "wanted"),
    [
        ("aimnet", {}, "hybrid", [(150, 210), (300, 420)]),
        ("aimnet", {}, "resize", [(150, 210)]),
        ("gfm", {}, "hybrid", [(200, 280), (300, 420)]),
        ("gfm", {"rosta": "BT"}, "resize", [(300, 420)]),
        ("gfm", {"rosta": "RIM"}, None, [(200, 280)]),
        ("p3mnet", {}, None, [(300, 420), (600, 840)]),
        ("p3mnet", {}, "resize", [(300, 420)]),
    ],
)
def test_passes_have_the_sizes_that_the_network_is_meant_for(
    name: str, options: dict[str, str], strategy: str | None, wanted: list[tuple[int, int]], few_convs: str
) -> None:
    torch.manual_seed(0)
    model = create_model(name, backbone=few_convs, width=8, **options)
    photo = np.zeros((600, 840, 3), np.uint8)
    predictor = Predictor(model, strategy, device="cpu", foreground=False)
    assert seen(model, lambda: predictor(photo)) == wanted
    if strategy:
        assert seen(model, lambda: strategies.run(strategy, model, photo)) == wanted


def test_what_the_caller_says_goes_before(few_convs: str) -> None:
    model = create_model("p3mnet", backbone=few_convs, width=8)
    photo = np.zeros((600, 840, 3), np.uint8)
    sizes = seen(model, lambda: strategies.hybrid(model, photo, detail_scale=1 / 3))
    assert sizes == [(300, 420), (200, 280)]


@pytest.mark.parametrize("rosta", ["FT", "BT"])
def test_two_passes_follow_the_rule_of_the_rosta(rosta: str, few_convs: str) -> None:
    torch.manual_seed(0)
    model = create_model("gfm", backbone=few_convs, width=8, rosta=rosta).eval()
    photo = np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)
    result = strategies.run("hybrid", model, photo, semantic_scale=1, detail_scale=1)
    with torch.no_grad():
        whole = model(model.preprocess(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255))
    assert np.abs(result.alpha - whole.alpha[0, 0].numpy()).max() < 1e-5
    if rosta == "BT":
        with pytest.raises(AimkitError, match="detail that is alpha"):
            strategies.hybrid(model, photo, parity=True)
