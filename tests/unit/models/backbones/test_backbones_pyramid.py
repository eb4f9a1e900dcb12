import pytest
import torch

from aimkit.models.backbones.contract import STRIDES
from aimkit.models.backbones.pyramid import FeaturePyramid, fit


def run(
    pyramid: FeaturePyramid, strides: tuple[int, ...], channels: tuple[int, ...]
) -> tuple[list, tuple, torch.Tensor]:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 64, 96, requires_grad=True)
    maps = [torch.rand(2, c, 64 // s, 96 // s, requires_grad=True) for s, c in zip(strides, channels, strict=True)]
    return maps, pyramid(maps, image), image


@pytest.mark.parametrize(
    ("strides", "channels", "flat"),
    [
        ((2, 4, 8, 16, 32), (8, 16, 24, 32, 40), False),
        ((4, 8, 16, 32), (16, 24, 32, 40), False),
        ((1, 2, 4, 8, 16), (8, 16, 24, 32, 40), False),
        ((16, 32, 32), (24, 32, 40), False),
        ((8, 16, 16), (24, 32, 32), False),
        ((16, 16, 16, 16), (48,) * 4, True),
        ((32,), (48,), True),
        ((8, 8), (48, 48), True),
        ((16,) * 6, (48,) * 6, True),
    ],
)
def test_every_stride_is_given_and_everything_is_used(strides: tuple, channels: tuple, flat: bool) -> None:
    pyramid = FeaturePyramid(strides, channels, 3, flat=flat)
    maps, joined, _ = run(pyramid, strides, channels)
    assert [tuple(m.shape) for m in joined] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(pyramid.channels, STRIDES, strict=True)
    ]
    sum(m.square().sum() for m in joined).backward()
    assert all(p.grad is not None for p in pyramid.parameters())
    assert all(m.grad is not None and m.grad.abs().sum() > 0 for m in maps)


def test_a_map_that_has_the_stride_is_passed_on_untouched() -> None:
    strides, channels = (2, 4, 8, 16, 32), (8, 16, 24, 32, 40)
    maps, joined, _ = run(FeaturePyramid(strides, channels, 3), strides, channels)
    assert all(a is b for a, b in zip(joined[1:], maps, strict=True))


def test_missing_fine_strides_see_the_image() -> None:
    strides, channels = (4, 8, 16, 32), (16, 24, 32, 40)
    _, joined, image = run(FeaturePyramid(strides, channels, 3), strides, channels)
    for fine in joined[:2]:
        (gradient,) = torch.autograd.grad(fine.square().sum(), image, retain_graph=True)
        assert (gradient.abs().sum(dim=1) > 0).all()
        assert fine.std() > 0


def test_deeper_blocks_make_coarser_maps() -> None:
    strides, channels = (16,) * 4, (48,) * 4
    maps, joined, _ = run(FeaturePyramid(strides, channels, 3, flat=True), strides, channels)
    for position, coarse in enumerate(joined[2:]):
        gradients = torch.autograd.grad(coarse.square().sum(), maps, retain_graph=True, allow_unused=True)
        assert [g is not None for g in gradients] == [i == position for i in range(4)]


def test_fit_leaves_out_the_padding() -> None:
    # An image of 64x96 in a frame of 128x128: the map's top left quarter of 8x12 belongs to it.
    x = torch.arange(16 * 16.0).view(1, 1, 16, 16)
    assert torch.equal(fit(x, (8, 12), (128, 128), (64, 96)), x[..., :8, :12])


def test_fit_resamples_maps_of_another_grid() -> None:
    ramp = torch.linspace(0, 1, 7).view(1, 1, 1, 7).expand(1, 1, 7, 7)
    fitted = fit(ramp, (16, 16), (224, 224), (224, 224))
    assert fitted.shape == (1, 1, 16, 16)
    assert (fitted.diff(dim=-1) >= 0).all()
