"""Tensor names in the released state dicts of the reference systems: AimNet, P3M-Net, all forms of GFM.

A format is a list of pairs of prefixes, theirs and ours. The references name their backbones twice, so several of
their prefixes may lead to one of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class ReleasedFormat:
    """Tensor names of a released state dict.

    Attributes:
        name: Name for messages and reports.
        architecture: Name of our network; None for a backbone alone.
        backbone: Name of its backbone.
        prefixes: Pairs of key prefixes, theirs and ours.
        unused: Shapes of their tensors that no forward pass reads, by key.
        marks: Keys that together identify the format.
    """

    name: str
    architecture: str | None
    backbone: str
    prefixes: tuple[tuple[str, str], ...]
    unused: Mapping[str, tuple[int, ...]]
    marks: tuple[str, ...]

    def ours(self, key: str) -> str | None:
        """Our name for their key; None when there is none."""
        for theirs, ours in self.prefixes:
            if key.startswith(theirs):
                return ours + key.removeprefix(theirs)
        return None

    def theirs(self, key: str) -> list[str]:
        """All their names for our key."""
        return [theirs + key.removeprefix(ours) for theirs, ours in self.prefixes if key.startswith(ours)]


_LAYERS = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")


def _resnet(ours: str, first_layer: str) -> Pairs:
    """A ResNet under ``resnet`` and once more under ``encoderN``.

    Args:
        ours: Our prefix for the same layers.
        first_layer: Position of ``layer1`` within ``encoder1``.
    """
    return [
        *((f"resnet.{name}.", f"{ours}{name}.") for name in _LAYERS),
        ("encoder0.0.", f"{ours}conv1."),
        ("encoder0.1.", f"{ours}bn1."),
        (f"encoder1.{first_layer}.", f"{ours}layer1."),
        *((f"encoder{i}.", f"{ours}layer{i}.") for i in (2, 3, 4)),
    ]


_AIMNET = [
    *_resnet("backbone.", "0"),
    ("psp_module.", "semantic.psp."),
    *((f"psp{i}.", f"semantic.guide{2**i}.") for i in (1, 2, 3, 4)),
    *((f"decoder{i}_g.", f"semantic.block{2 ** (i + 1)}.") for i in range(5)),
    *((f"decoder{i}_g_se.", f"semantic.se{2 ** (i + 1)}.") for i in range(5)),
    ("decoder0_g_spatial.", "semantic.spatial_attention.conv."),
    ("decoder_final_g.", "semantic.head."),
    ("bridge_block.", "matting.bridge."),
    *((f"decoder{i}_l.", f"matting.block{2 ** (i + 1)}.") for i in (1, 2, 3, 4)),
    ("decoder0_l.", "matting.block1."),
    ("decoder_final_l.", "matting.head."),
]


def _exchange(theirs: str, ours: str, parts: Iterable[tuple[str, str]]) -> Pairs:
    """Pairs for a module of P3M-Net; each has a convolution and a norm, which are one ``join`` of ours."""
    same = [("conv1.", "join.0."), ("bn1.", "join.1."), *parts]
    return [(f"{theirs}.{their}", f"{ours}.{our}") for their, our in same]


_P3MNET = [
    *_resnet("backbone.", "0"),
    *((f"decoder{i}_g.", f"semantic.block{2 ** (i + 1)}.") for i in (1, 2, 3, 4)),
    ("decoder0_g.", "semantic.head."),
    *((f"decoder{i}_l.", f"matting.block{2 ** (i + 1)}.") for i in range(5)),
    ("decoder_final_l.", "matting.head."),
    *(
        pair
        for i, stride in enumerate((2, 4, 8, 16))
        for pair in _exchange(f"tfi_{i}", f"matting.tfi{stride}", [("transform.", "reduce.")])
    ),
    *(
        pair
        for i, stride in enumerate((2, 4, 8))
        for pair in (
            *_exchange(
                f"sbfi_{i}",
                f"matting.sbfi{stride}",
                [("transform1.", "reduce."), ("transform2.", "reduce_finest.")],
            ),
            *_exchange(
                f"dbfi_{i}",
                f"semantic.dbfi{stride}",
                [("transform1.", "reduce."), ("transform2.", "reduce_coarsest."), ("conv2.", "side.")],
            ),
        )
    ),
]

_RESNET34_2B = [
    *((f"resnet.layer{i}.", f"backbone.layer{i}.") for i in (1, 2, 3, 4)),
    ("encoder0.", "backbone.stem."),
    *((f"encoder{i}.", f"backbone.layer{i}.") for i in (1, 2, 3, 4)),
    # The first of these stages is the pooling.
    *((f"encoder{i}.{j + 1}.", f"backbone.layer{i}.{j}.") for i in (5, 6) for j in range(3)),
]

_DENSENET121 = [
    ("densenet.features.conv0.", "backbone.conv0."),
    ("densenet.features.norm0.", "backbone.norm0."),
    *((f"densenet.features.denseblock{i}.", f"backbone.denseblock{i}.") for i in (1, 2, 3, 4)),
    *((f"densenet.features.transition{i}.", f"backbone.transition{i}.") for i in (1, 2, 3)),
    ("encoder0.0.", "backbone.conv0."),
    ("encoder0.1.", "backbone.norm0."),
    *((f"encoder{i}.0.", f"backbone.denseblock{i}.") for i in (1, 2, 3, 4)),
    *((f"encoder{i}.1.", f"backbone.transition{i}.") for i in (1, 2, 3)),
    ("encoder4.1.", "backbone.last.0."),
    ("encoder4.2.", "backbone.last.1."),
]


def _gfm(backbone: Pairs, levels: int, heads: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """GFM's decoders.

    Args:
        backbone: Pairs of the backbone.
        levels: Number of decoder blocks before the heads: 4 for strides 32 to 4, or 6 for strides 32 to 1.
        heads: Suffixes of the heads: ``""`` for a single one, else ``_tt`` and so on.
    """
    finest = 0 if levels == 6 else 1
    blocks = [(i, 2 ** (i - 1 if levels == 6 else i + 1)) for i in range(1, levels + 1)]
    guides = [(levels - j, 2 ** (4 - j)) for j in range(5 - finest)]
    return (
        *backbone,
        ("psp_module.", "glance.psp."),
        *((f"psp{i}.", f"glance.guides.{stride}.") for i, stride in guides),
        *((f"decoder{i}_g.", f"glance.blocks.{stride}.") for i, stride in blocks),
        ("bridge_block.", "focus.bridge."),
        *((f"decoder{i}_f.", f"focus.blocks.{stride}.") for i, stride in blocks),
        *((f"decoder0_g{head}.", f"glance.heads.{head[1:] or 'only'}.") for head in heads),
        *((f"decoder0_f{head}.", f"focus.heads.{head[1:] or 'only'}.") for head in heads),
        *([("rim.", "rim.")] if list(heads) != [""] else []),
    )


def _norm(prefix: str, channels: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a batch norm."""
    values = {f"{prefix}.{name}": (channels,) for name in ("weight", "bias", "running_mean", "running_var")}
    return {**values, f"{prefix}.num_batches_tracked": ()}


def _classifier(prefix: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.weight": (1000, channels), f"{prefix}.bias": (1000,)}


#: Name, our backbone, its pairs, decoder blocks before the heads, unused tensors, a key that identifies it. ResNet-101
#: has all keys of ResNet-34's blocks, so it comes first.
_GFM_FORMS = (
    ("r101", "resnet101", _resnet("backbone.trunk.", "1"), 4, _classifier("resnet.fc", 2048), "encoder3.22.bn3.bias"),
    (
        "r34_2b",
        "resnet34_2b",
        _RESNET34_2B,
        6,
        {
            "resnet.conv1.weight": (64, 3, 7, 7),
            **_norm("resnet.bn1", 64),
            **_classifier("resnet.fc", 512),
            "psp1.0.weight": (64, 512, 3, 3),
            "psp1.0.bias": (64,),
            **_norm("psp1.1", 64),
        },
        "encoder6.1.bn1.bias",
    ),
    ("r34", "resnet34", _resnet("backbone.trunk.", "1"), 4, _classifier("resnet.fc", 512), "encoder3.5.bn2.bias"),
    (
        "d121",
        "densenet121",
        _DENSENET121,
        4,
        {**_norm("densenet.features.norm5", 1024), **_classifier("densenet.classifier", 1024)},
        "encoder4.2.bias",
    ),
)

FORMATS = (
    ReleasedFormat(
        "aimnet",
        "aimnet",
        "resnet34_mp",
        tuple(_AIMNET),
        _classifier("resnet.fc", 512),
        ("decoder0_g_spatial.weight", "decoder_final_l.weight"),
    ),
    ReleasedFormat(
        "p3mnet",
        "p3mnet",
        "resnet34_mp",
        tuple(_P3MNET),
        _classifier("resnet.fc", 512),
        ("tfi_0.conv1.weight", "decoder_final_l.weight"),
    ),
    *(
        ReleasedFormat(f"gfm_{name}", "gfm", backbone, _gfm(pairs, levels, [""]), unused, (mark, "decoder0_f.0.weight"))
        for name, backbone, pairs, levels, unused, mark in _GFM_FORMS
    ),
    *(
        ReleasedFormat(
            f"gfm_{name}_rim",
            "gfm",
            backbone,
            _gfm(pairs, levels, ["_tt", "_ft", "_bt"]),
            unused,
            (mark, "rim.0.weight"),
        )
        for name, backbone, pairs, levels, unused, mark in _GFM_FORMS
    ),
    ReleasedFormat(
        "resnet34_mp",
        None,
        "resnet34_mp",
        tuple((f"{name}.", f"{name}.") for name in _LAYERS),
        _classifier("fc", 512),
        ("conv1.weight", "layer4.2.conv2.weight"),
    ),
)
