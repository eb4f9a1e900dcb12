import pytest

from aimkit.errors import AimkitError
from aimkit.models.backbones.probe import probe
from aimkit.models.backbones.size_rule import SizeRule


@pytest.mark.parametrize(
    ("name", "kind", "strides", "size"),
    [
        ("test_resnet", "pyramid", (2, 4, 8, 16, 32), "32"),
        ("test_convnext", "pyramid", (4, 8, 16, 32), "32"),
        ("test_vit", "flat", (16, 16, 16, 16), "32"),
        # timm says 17 for the second stage of levit's; window attention fixes its size.
        ("levit_128s", "irregular", (16, 32, 64), "=224x224"),
        ("vit_small_patch14_reg4_dinov2", "flat", (16, 16, 16, 16), "14*14/16"),
    ],
)
def test_facts_are_measured(name: str, kind: str, strides: tuple[int, ...], size: str) -> None:
    spec = probe(name)
    assert (spec.kind, spec.strides, str(spec.size)) == (kind, strides, size)


def test_flat_architectures_give_blocks_spread_over_the_depth() -> None:
    assert probe("vit_tiny_patch16_224").keywords["out_indices"] == (2, 5, 8, 11)
    assert probe("vit_tiny_patch16_224", blocks=1).keywords["out_indices"] == (11,)


def test_the_size_that_is_asked_for_is_the_one_size_that_is_fixed() -> None:
    assert probe("mixer_s16_224", img_size=96).size == SizeRule(fixed=(96, 96))


def test_channels_last_maps_are_told() -> None:
    assert probe("swin_tiny_patch4_window7_224").layout == "NHWC"


def test_a_keyword_that_timm_refuses_is_an_error() -> None:
    with pytest.raises(AimkitError, match="no_such_option"):
        probe("test_resnet", no_such_option=1)
