"""The predictor: a network, a strategy and a device turn photos into alpha mattes and foreground colours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.imageio import DecodedImage, decode
from aimkit.imageio.colors import rgb_of
from aimkit.imageio.mattes import opacity_of
from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.runtime import choose_file
from aimkit.predict.runtime.onnx import OnnxNetwork, cores
from aimkit.predict.sizes import bilinear, planes_of, shrink
from aimkit.predict.strategies import apply, as_rgb, check_inference_defaults, create
from aimkit.types import Array, Float, UInt8, to_uint8

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from aimkit.models.base import MattingModel

#: The network that is built when neither the caller nor the weights file names one: the released one.
DEFAULT_MODEL, DEFAULT_BACKBONE = "aimnet", "resnet34_mp"

#: An image array, an image file, the bytes of one, a PIL image, or a decoded picture.
Photo: TypeAlias = "Array | str | os.PathLike[str] | bytes | Image.Image | DecodedImage"


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction of one photo, at the photo's size.

    Attributes:
        image: The photo, RGB, uint8, (H, W, 3).
        alpha: Alpha matte, float32 in [0, 1], (H, W).
        semantic: Label of the likeliest class, uint8 {0, 128, 255}, (H, W): background, unknown, foreground.
        detail: Alpha of the matting decoder alone, float32 in [0, 1], (H, W).
        method: Method that estimates ``foreground``, "" for none.
        masked: The photo has an alpha channel that hides something, and ``alpha`` is multiplied by it.
    """

    image: UInt8
    alpha: Float
    semantic: UInt8
    detail: Float
    method: str = "multilevel"
    masked: bool = False

    @cached_property
    def foreground(self) -> UInt8 | None:
        """Straight foreground colours, RGB, uint8, (H, W, 3), estimated on first use; None without a method."""
        if not self.method:
            return None
        from aimkit.matting.foreground import estimate

        return estimate(self.image, self.alpha, self.method)  # type: ignore[arg-type]

    def cutout(self) -> UInt8:
        """The cut-out, RGBA with straight colours, uint8, (H, W, 4); with the photo's colours if none are estimated."""
        color = self.image if self.foreground is None else self.foreground
        return np.dstack([color, to_uint8(self.alpha)])


class Predictor:
    """Predicts alpha mattes of photos.

    ```python
    predictor = aimkit.Predictor.load("runs/matting", strategy="tiled", tile=768)
    prediction = predictor("photo.jpg")
    ```

    Args:
        model: A matting model, which is moved to the device and switched to evaluation mode; or a network of the
            runtime ``onnx``, whose device and flip are its own: ``device``, ``precision``, ``tta``, ``channels_last``
            and ``compile`` do not apply to it.
        strategy: ``hybrid``, ``resize``, ``whole``, ``tiled`` or ``refined``; see ``aimkit.predict.strategies``. The
            default is the network's own: hybrid, except for GFM's RIM.
        device: ``auto`` (CUDA, else MPS, else CPU), or a device of PyTorch.
        precision: ``auto`` (mixed on CUDA), ``fp32``, ``bf16`` or ``fp16``.
        tta: Average the predictions of the photo and of its mirror image, which takes twice the time.
        foreground: Method that estimates foreground colours, ``multilevel`` or ``blur_fusion`` (see
            ``aimkit.matting.foreground.estimate``). True is ``multilevel``, False is none.
        short_side: Maximum short side in pixels. Larger photos are reduced to it first, and the result is enlarged
            again; the reference used 1080.
        channels_last: Use the memory format ``channels_last``: faster on most GPUs, and for many networks on CPUs.
        compile: Use ``torch.compile``. Each input size is compiled on first use (up to minutes on a CPU), so this pays
            for many photos of one size.
        ignore_alpha: Predict pixels that the photo's own alpha channel hides; otherwise the result is multiplied by it.
        options: Options of the strategy, such as ``detail_scale=1/3``. Defaults come from the weights, else from the
            network.

    Attributes:
        strategy: The strategy with its options.
        network: The network with its device and precision.
        method: Method that estimates foreground colours, "" for none.
        short_side: Maximum short side in pixels, or None.
        ignore_alpha: Whether the alpha channels of photos are ignored.

    Raises:
        AimkitError: A strategy, option, device or precision is unknown, or ``model`` is not a matting model.
    """

    def __init__(
        self,
        model: MattingModel | OnnxNetwork,
        strategy: str | None = None,
        *,
        device: str | torch.device = "auto",
        precision: str = "auto",
        tta: bool = False,
        foreground: bool | str = True,
        short_side: int | None = None,
        channels_last: bool = False,
        compile: bool = False,
        ignore_alpha: bool = False,
        **options: Any,
    ) -> None:
        if short_side is not None and short_side < 1:
            raise AimkitError(
                f"short_side must be at least 1, not {short_side}", "short_side", "the reference used 1080"
            )
        if foreground not in (True, False, "multilevel", "blur_fusion"):
            raise AimkitError(f"unknown method '{foreground}'", "foreground", "use 'multilevel' or 'blur_fusion'")
        if not isinstance(model, OnnxNetwork):
            from aimkit.predict.runtime.torch import check_model

            check_model(model)
        self.strategy = create(strategy or model.strategy, options, model)
        self.method = "multilevel" if foreground is True else foreground or ""
        self.short_side = short_side
        self.ignore_alpha = ignore_alpha
        self.network: Network
        if isinstance(model, OnnxNetwork):
            self.network = model
            return
        from aimkit.predict.runtime.torch import build

        self.network = build(
            model, device=device, precision=precision, tta=tta, channels_last=channels_last, compile=compile
        )

    @classmethod
    def load(
        cls,
        weights: str | os.PathLike[str] = "default",
        strategy: str | None = None,
        *,
        model: str | None = None,
        backbone: str | None = None,
        model_options: dict[str, Any] | None = None,
        runtime: str = "auto",
        device: str | torch.device = "auto",
        many: bool = False,
        **keywords: Any,
    ) -> Predictor:
        """Load weights into their network and make a predictor of it.

        Args:
            weights: A file, the folder of a training run, or a zoo id; "default" is the zoo's default entry. An ONNX
                file that ``aimkit export`` wrote is a file too.
            strategy: As for the class.
            model: Registered network. By default the weights file or the zoo tells the network, the backbone and their
                options (files of aimkit's trainer and the released ones do), else it is AimNet on ``resnet34_mp``.
            backbone: Backbone of the network.
            model_options: Options of the network.
            runtime: ``torch``, ``onnx``, or ``auto``: ONNX Runtime on the CPU where the weights have an ONNX file and
                no option needs PyTorch, which takes seconds to import; else PyTorch.
            device: As for the class; the runtime ``onnx`` also knows ``directml`` and ``coreml``.
            many: Prepare the runtime ``onnx`` for photos in several threads at once, which is the fastest way for many.
            keywords: As for the class.

        Raises:
            AimkitError: The weights are not found or do not fit, the runtime can't do what is asked for, or as for the
                class.
        """
        named = {"model": model, "backbone": backbone, "model_options": model_options}
        only_torch = [name for name, value in (named | keywords).items() if name in _ONLY_TORCH and value]
        if keywords.get("precision", "auto") not in ("auto", "fp32"):
            only_torch.append(f"precision {keywords['precision']}")
        file = choose_file(runtime, weights, str(device), only_torch)
        if file is None:
            network = load_network(weights, model=model, backbone=backbone, model_options=model_options)
            predictor = cls(network, strategy, device=device, **keywords)
        else:
            defaults, chosen = _defaults_of(weights)
            onnx = OnnxNetwork(
                file,
                device=str(device),
                flip=bool(keywords.get("tta")),
                inference_defaults=defaults,
                parallel=min(_MOST_AT_ONCE, cores()) if many else 1,
            )
            predictor = cls(onnx, strategy or chosen, **keywords)
        used = predictor.network
        console.detail(f"runtime {used.runtime}, device {used.place}" + (f": {file}" if file else ""))
        return predictor

    def __call__(self, image: Photo) -> Prediction:
        """Predict one photo.

        Args:
            image: RGB, uint8, (H, W, 3); grey, RGBA, uint16 and float in [0, 1] are converted. Or an image file, its
                bytes, or a PIL image; EXIF orientation is applied. What an alpha channel hides stays hidden: the
                result is multiplied by it.

        Raises:
            AimkitError: The image is invalid or can't be read.
        """
        return self.batch([image])[0]

    def batch(self, images: Sequence[Photo]) -> list[Prediction]:
        """Predict photos of one size together.

        Raises:
            AimkitError: The sizes differ, or an image is invalid or can't be read.
        """
        read = [_read(image) for image in images]
        photos = [photo for photo, _ in read]
        sizes = sorted({photo.shape[:2] for photo in photos})
        if len(sizes) > 1:
            what = "all photos of a batch must have one size, not " + ", ".join(f"{w}x{h}" for h, w in sizes[:4])
            raise AimkitError(what, "images", "predict photos of different sizes one by one")
        if not photos:
            return []
        result = self._predict(np.stack(photos))
        return [self._prediction(photo, opacity, result[i]) for i, (photo, opacity) in enumerate(read)]

    def _prediction(self, photo: UInt8, opacity: Float | None, row: Result) -> Prediction:
        masked = opacity is not None and not self.ignore_alpha
        alpha = row.alpha * opacity if masked and opacity is not None else row.alpha
        return Prediction(photo, alpha, row.semantic, row.detail, self.method, masked)

    def _predict(self, photos: UInt8) -> Result:
        height, width = photos.shape[1:3]
        scale = 1.0 if self.short_side is None else self.short_side / min(height, width)
        if scale >= 1:
            return apply(self.strategy, self.network, photos)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        reduced = np.moveaxis(shrink(planes_of(photos), size), 1, -1) / np.float32(255)
        result = apply(self.strategy, self.network, to_uint8(reduced))
        return _enlarged(result, (height, width))


#: Photos that are predicted at once; each takes memory.
_MOST_AT_ONCE = 4

#: Keywords of ``load`` that the runtime ``onnx`` does not have.
_ONLY_TORCH = ("model", "backbone", "model_options", "channels_last", "compile")


def _defaults_of(weights: str | os.PathLike[str]) -> tuple[dict[str, Any], str | None]:
    """Inference defaults of a zoo entry without the strategy, and the strategy."""
    if os.fspath(weights).endswith(".onnx"):
        return {}, None
    from aimkit.zoo.manifest import find

    entry = find(os.fspath(weights))
    defaults = dict(entry.predict)
    _check_defaults(defaults, f"{entry.file}, {entry.id}")
    return defaults, defaults.pop("strategy", None)


def _check_defaults(defaults: dict[str, Any], where: str) -> None:
    try:
        check_inference_defaults(defaults)
    except AimkitError as error:
        raise AimkitError(error.what, f"{where}, predict, {error.where}", error.hint) from None


def load_network(
    weights: str | os.PathLike[str],
    *,
    model: str | None = None,
    backbone: str | None = None,
    model_options: dict[str, Any] | None = None,
) -> MattingModel:
    """Load the network of a weights file; arguments and errors as for :meth:`Predictor.load`."""
    from aimkit.models.weights.declared import load_network as load

    default = (DEFAULT_MODEL, DEFAULT_BACKBONE)
    network, told = load(weights, model=model, backbone=backbone, model_options=model_options, default=default)
    defaults = dict(told.predict) if told is not None else {}
    if told is not None and defaults:
        _check_defaults(defaults, told.where)
    network.strategy = str(defaults.pop("strategy", network.strategy))
    network.inference_defaults = defaults
    return network


def _read(image: Photo) -> tuple[UInt8, Float | None]:
    """RGB, uint8, (H, W, 3), and the alpha channel, float32 in [0, 1], (H, W); None where it hides nothing."""
    if isinstance(image, np.ndarray):
        return as_rgb(image), opacity_of(image)
    decoded = image if isinstance(image, DecodedImage) else decode(image)
    return rgb_of(decoded), opacity_of(decoded.pixels)


def _enlarged(result: Result, size: tuple[int, int]) -> Result:
    alpha, detail = (bilinear(x[:, None], size)[:, 0] for x in (result.alpha, result.detail))
    # Pixel centres, as bilinear has them: label pixel i lies at (i + 0.5) * m / n.
    rows, columns = (
        ((2 * np.arange(n) + 1) * m) // (2 * n) for n, m in zip(size, result.semantic.shape[1:], strict=True)
    )
    return Result(alpha, result.semantic[:, rows][:, :, columns], detail)
