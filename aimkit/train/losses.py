"""The losses of AimNet: cross-entropy, L1, Laplacian pyramid and composition (Li et al., IJCAI 2021, section 3.3).

Every function takes float tensors of (B, C, H, W) and returns a scalar. ``parity`` means: as the reference computes it.
Training calls :func:`loss_terms`; :func:`matting_losses` is the same for tensors that do not come from a network. Your
own loop calls :func:`training_loss`, which has the terms of every network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import MattingOutput

if TYPE_CHECKING:
    from aimkit.models.base import MattingModel

#: The classes of a label, in the order of its levels.
CLASSES = ("background", "unknown", "foreground")

#: Keeps the gradient of a square root finite where the difference is 0.
_EPSILON = 1e-12

#: exp(-x^2) of the direct and the next neighbours.
_NEAR, _FAR = math.exp(-1), math.exp(-4)

#: The terms of the stages that every network has, each with weight 1 in the paper.
STAGES = {
    "saliency": ("semantic_cross_entropy", "detail_alpha", "fusion_alpha"),
    "matting": (
        "semantic_cross_entropy",
        "detail_alpha",
        "detail_laplacian",
        "fusion_alpha",
        "fusion_laplacian",
        "fusion_composition",
    ),
}

#: The stages of AimNet: the classes can also be trained alone.
AIMNET_STAGES = {"semantic": ("semantic_cross_entropy",), **STAGES}


def loss_terms(
    output: MattingOutput, batch: Mapping[str, Tensor], stage: str = "matting", parity: bool = False
) -> dict[str, Tensor]:
    """The terms of a stage, not weighted.

    Args:
        output: Output of the network.
        batch: ``alpha`` (0..255) and ``label`` (0 / 128 / 255), (B, 1, H, W). Stage "matting" also takes ``image``,
            ``foreground`` and ``background``, (B, 3, H, W), in [0, 1] or as they go into the network, and
            ``composition_valid``, bool, (B,): the samples for which I = aF + (1-a)B holds.
        stage: "matting", "saliency" or "semantic".
        parity: Cross-entropy on the sigmoid outputs instead of the logits; only labels of exactly 128 count as
            unknown, and they are counted over the whole batch; the composition loss sees every sample.

    Returns:
        The terms that ``AIMNET_STAGES`` lists for the stage, in its order. Scalars, float32.

    Raises:
        AimkitError: The stage is unknown, shapes do not match, or planes for the composition loss are missing.
    """
    if stage not in AIMNET_STAGES:
        raise AimkitError(f"unknown stage '{stage}'", hint="use " + " or ".join(AIMNET_STAGES))
    _check_shapes(output, batch)
    truth, label = batch["alpha"].float() / 255, batch["label"]
    unknown = unknown_area(label, parity)
    logits = _logits(output.semantic) if output.semantic_logits is None else output.semantic_logits
    terms = {
        "semantic_cross_entropy": cross_entropy(output.semantic if parity else logits, classes(label)),
        "detail_alpha": l1_alpha(output.detail, truth, unknown, pooled=parity),
        "fusion_alpha": l1_alpha(output.alpha, truth),
    }
    if stage == "matting":
        if not batch.keys() >= {"image", "foreground", "background"}:
            raise AimkitError("the composition loss needs image, foreground and background", f"stage '{stage}'")
        image, foreground, background = batch["image"], batch["foreground"], batch["background"]
        valid = None if parity else batch["composition_valid"]
        terms["detail_laplacian"] = laplacian(output.detail, truth, unknown)
        terms["fusion_laplacian"] = laplacian(output.alpha, truth)
        terms["fusion_composition"] = composition(output.alpha, image, foreground, background, valid)
    return {name: terms[name] for name in AIMNET_STAGES[stage]}


def training_loss(
    network: MattingModel, output: MattingOutput, batch: Mapping[str, Tensor], stage: str = "matting"
) -> dict[str, Tensor]:
    """The loss terms that a network is trained with, and ``total``, their weighted sum.

    Args:
        network: Network from ``create_model``: the bare one, not wrapped for processes or compiled.
        output: Its output for ``network.preprocess(batch["image"])``.
        batch: Batch from ``aimkit.data.to_device``; see :func:`loss_terms`.
        stage: "matting", or "saliency" for batches without foreground and background.

    Returns:
        Scalars, float32; call ``backward`` on ``total``.

    Raises:
        AimkitError: The network is not from ``create_model``, or as for :func:`loss_terms`.
    """
    from aimkit.train.objectives import compute, term_weights

    created = getattr(network, "created", None)
    if created is None:
        what = f"{type(network).__name__} was not built by create_model, so its loss terms are unknown"
        raise AimkitError(
            what, "training_loss", "give the bare network (model.module, accelerator.unwrap_model(model))"
        )
    name, options = created
    return compute(name, network, output, batch, term_weights(name, stage, options), stage=stage)


def matting_losses(
    semantic: Tensor,
    detail: Tensor,
    fusion: Tensor,
    *,
    alpha: Tensor,
    label: Tensor,
    image: Tensor | None = None,
    foreground: Tensor | None = None,
    background: Tensor | None = None,
    stage: str = "matting",
    parity: bool = False,
    semantic_logits: Tensor | None = None,
    composition_valid: Tensor | None = None,
) -> dict[str, Tensor]:
    """All terms of a stage and their sums, from single tensors: the function of the golden values.

    Args:
        semantic: Semantic prediction after the sigmoid, in [0, 1], (B, K, H, W).
        detail: Detail prediction in [0, 1], (B, 1, H, W).
        fusion: Fused alpha in [0, 1], (B, 1, H, W).
        alpha: True alpha, 0..255, (B, 1, H, W).
        label: True generalized trimap, 0 / 128 / 255, (B, 1, H, W).
        image: Composite, (B, 3, H, W): in [0, 1], with ``parity`` as it goes into the network. "matting" only.
        foreground: Foreground colours, otherwise as ``image``.
        background: Background colours, otherwise as ``image``.
        stage: "matting" or "saliency".
        parity: Whether to compute the terms as the reference does, see :func:`loss_terms`.
        semantic_logits: Semantic prediction before the sigmoid; recovered from ``semantic`` by default.
        composition_valid: Mask of the samples for which I = aF + (1-a)B holds, bool, (B,); all by default.

    Returns:
        The terms by name, their sums ``total_saliency`` and, in stage "matting", ``total_matting``, and ``total``, the
        sum of the stage. Scalars, float32.

    Raises:
        AimkitError: As for :func:`loss_terms`.
    """
    if composition_valid is None:
        composition_valid = torch.ones(len(alpha), dtype=torch.bool, device=alpha.device)
    planes = {"image": image, "foreground": foreground, "background": background}
    batch = {name: plane for name, plane in planes.items() if plane is not None}
    batch |= {"alpha": alpha, "label": label, "composition_valid": composition_valid}
    terms = loss_terms(MattingOutput(semantic, detail, fusion, semantic_logits), batch, stage, parity)
    sums = {
        f"total_{name}": torch.stack([terms[term] for term in parts]).sum()
        for name, parts in STAGES.items()
        if terms.keys() >= set(parts)
    }
    return {**terms, **sums, "total": torch.stack(list(terms.values())).sum()}


def classes(label: Tensor, names: Sequence[str] = CLASSES) -> Tensor:
    """Class of every pixel of a label.

    Args:
        label: Labels 0 / 128 / 255, (B, 1, H, W).
        names: Names of the classes in order, of ``CLASSES``; a missing class counts as unknown.

    Returns:
        Positions in ``names``, int64, (B, H, W).
    """
    levels = label[:, 0]
    position = (levels > 0).long() + (levels >= 255).long()
    if tuple(names) == CLASSES:
        return position
    # Written as numbers: a table would have to be copied to the device.
    background, unknown, foreground = (names.index(name if name in names else "unknown") for name in CLASSES)
    return torch.where(position == 0, background, torch.where(position == 1, unknown, foreground))


def unknown_area(label: Tensor, parity: bool = False) -> Tensor:
    """1 where a label is unknown, else 0, float32; labels that resizing has mixed count, but not in parity."""
    return ((label == 128) if parity else (label > 0) & (label < 255)).float()


def cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    """Mean of -log softmax(scores)[target].

    Args:
        scores: Scores or logits, (B, K, H, W). With K < 3, classes that are missing count as the last one.
        target: Class indices, int64, (B, H, W).
    """
    scores, target = scores.float(), target.clamp(max=scores.shape[1] - 1)
    if not torch.are_deterministic_algorithms_enabled():
        return F.cross_entropy(scores, target)
    # Torch's own is not deterministic for maps on GPUs.
    chosen = torch.arange(scores.shape[1], device=scores.device)[:, None, None] == target[:, None]
    return -torch.where(chosen, scores.log_softmax(dim=1), 0.0).sum() / target.numel()


def l1_alpha(prediction: Tensor, truth: Tensor, unknown: Tensor | None = None, *, pooled: bool = False) -> Tensor:
    """sqrt((prediction - truth)^2 + 1e-12): the mean, or inside ``unknown`` the sum over (unknown pixels + 1).

    Args:
        prediction: (B, 1, H, W).
        truth: (B, 1, H, W).
        unknown: Mask of the transition area; the whole image by default.
        pooled: Sum and count over the whole batch, as the reference; else over each sample, and then the mean, so that
            a batch gives the same gradient however it is split over processes.
    """
    prediction = prediction.float()
    if unknown is None:
        return torch.sqrt((prediction - truth) ** 2 + _EPSILON).mean()
    difference = torch.sqrt(((prediction - truth) * unknown) ** 2 + _EPSILON)
    if pooled:
        return difference.sum() / (unknown.sum() + 1)
    return (difference.sum(dim=(1, 2, 3)) / (unknown.sum(dim=(1, 2, 3)) + 1)).mean()


def laplacian(prediction: Tensor, truth: Tensor, unknown: Tensor | None = None, levels: int = 5) -> Tensor:
    """Sum over the levels of a Laplacian pyramid of the mean absolute difference (Niklaus and Liu, CVPR 2018).

    Args:
        prediction: (B, 1, H, W).
        truth: (B, 1, H, W).
        unknown: Mask that both are multiplied with first.
        levels: Number of band-pass levels; the remaining low-pass image is one more.
    """
    difference = prediction.float() - truth
    if unknown is not None:
        difference = difference * unknown
    # The pyramid is linear: that of the difference is the difference of the pyramids, at half the cost.
    total, device = difference.new_zeros(()), difference.device
    kernel = None if device.type == "cpu" else _blur_kernel(device)
    for _ in range(levels):
        blurred = _blur(difference, kernel)
        total = total + (difference - blurred).abs().mean()
        if min(blurred.shape[-2:]) < 2:
            return total + blurred.abs().mean()
        difference = F.avg_pool2d(blurred, 2)
    return total + difference.abs().mean()


def composition(
    fusion: Tensor, image: Tensor, foreground: Tensor, background: Tensor, valid: Tensor | None = None
) -> Tensor:
    """sqrt((aF + (1-a)B - I)^2 + 1e-12), summed over channels, divided by the pixel count.

    Args:
        fusion: Predicted alpha, (B, 1, H, W).
        image: Composite, (B, 3, H, W).
        foreground: (B, 3, H, W).
        background: (B, 3, H, W).
        valid: Samples for which the equation holds, bool, (B,); all by default. The others count as 0.
    """
    fusion = fusion.float()
    difference = background + fusion * (foreground - background) - image
    per_sample = torch.sqrt(difference**2 + _EPSILON).sum(dim=(1, 2, 3)) / (image.shape[2] * image.shape[3])
    return per_sample.mean() if valid is None else (per_sample * valid).mean()


@torch.no_grad()
def semantic_scores(semantic: Tensor, label: Tensor, names: Sequence[str] = CLASSES) -> dict[str, Tensor]:
    """Scores of the semantic branch: accuracy, and the mean IoU of the classes that label or prediction hold.

    Args:
        semantic: Scores or logits, (B, K, H, W).
        label: True label, 0 / 128 / 255, (B, 1, H, W).
        names: Names of the K classes in order.
    """
    target = classes(label, names).clamp(max=semantic.shape[1] - 1).flatten()
    winner = semantic.argmax(dim=1).flatten()
    index = torch.arange(semantic.shape[1], device=semantic.device)[:, None]
    won, true = winner == index, target == index
    union = (won | true).sum(dim=1)
    # Classes that neither holds are masked: to leave them out, the host would have to wait for the device.
    ious = (won & true).sum(dim=1) / union.clamp(min=1)
    return {"semantic_accuracy": (winner == target).float().mean(), "semantic_iou": ious.sum() / (union > 0).sum()}


def _blur(plane: Tensor, kernel: Tensor | None) -> Tensor:
    """The reference's blur. Its 5x5 kernel is the sum, not the product, of exp(-x^2) and exp(-y^2), over its total.

    Args:
        plane: (B, 1, H, W).
        kernel: (5, 5), or None to add up shifted views: a convolution with one channel takes six times as long on a
            CPU. On a GPU launches take the time, and a convolution is one.
    """
    wide = F.pad(plane, (2, 2, 2, 2), mode="replicate")
    if kernel is None:
        box, bell = _box_and_bell(wide, axis=3)
        return (_box_and_bell(box, axis=2)[1] + _box_and_bell(bell, axis=2)[0]) / (10 * (1 + 2 * _NEAR + 2 * _FAR))
    # Each sample is a channel of its own: cuDNN may compute other convolutions in TensorFloat-32.
    return F.conv2d(wide.transpose(0, 1), kernel.expand(len(wide), 1, 5, 5), groups=len(wide)).transpose(0, 1)


def _blur_kernel(device: torch.device) -> Tensor:
    """The kernel of :func:`_blur`, (5, 5)."""
    bell = torch.exp(-(torch.arange(-2.0, 3.0, device=device) ** 2))
    kernel = bell[:, None] + bell
    return kernel / kernel.sum()


def _box_and_bell(plane: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Sums of five neighbours along an axis, with weights 1 and with weights exp(-x^2)."""
    shifted = [plane.narrow(axis, start, plane.shape[axis] - 4) for start in range(5)]
    near, far = shifted[1] + shifted[3], shifted[0] + shifted[4]
    return shifted[2] + near + far, shifted[2] + _NEAR * near + _FAR * far


def _logits(probability: Tensor) -> Tensor:
    """The inverse of the sigmoid."""
    return torch.logit(probability.float(), eps=1e-6)


def _check_shapes(output: MattingOutput, batch: Mapping[str, Tensor]) -> None:
    alpha = batch["alpha"]
    expected = (alpha.shape[0], 1, *alpha.shape[-2:])
    found = {"detail": output.detail, "fusion": output.alpha, "alpha": alpha, "label": batch["label"]}
    for name, tensor in found.items():
        if tuple(tensor.shape) != expected:
            raise AimkitError(f"{name} is {tuple(tensor.shape)}, not {expected}", "losses")
    semantic = output.semantic
    if semantic.ndim != 4 or (semantic.shape[0], *semantic.shape[-2:]) != (expected[0], *expected[2:]):
        raise AimkitError(f"semantic is {tuple(semantic.shape)}, not (B, K, H, W) like {expected}", "losses")
