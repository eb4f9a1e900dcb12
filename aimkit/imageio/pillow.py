"""What Pillow decodes, and PIL images from Python: every mode becomes grey, RGB or RGBA, or is refused."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio.picture import DecodedImage, upright
from aimkit.imageio.source import check_size
from aimkit.types import Array, UInt8

if TYPE_CHECKING:
    from PIL import Image

#: The classes that decode a format. They are called directly: ``Image.open`` would try every format that Pillow knows,
#: among them some that run other programs, and its pixel limit is one for the whole process.
_DECODERS = {
    "AVIF": "PIL.AvifImagePlugin:AvifImageFile",
    "BMP": "PIL.BmpImagePlugin:BmpImageFile",
    "DIB": "PIL.BmpImagePlugin:DibImageFile",
    "GIF": "PIL.GifImagePlugin:GifImageFile",
    "HEIF": "pillow_heif:HeifImageFile",
    "JPEG": "PIL.JpegImagePlugin:JpegImageFile",
    "JPEG2000": "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
    "PPM": "PIL.PpmImagePlugin:PpmImageFile",
    "PSD": "PIL.PsdImagePlugin:PsdImageFile",
    "QOI": "PIL.QoiImagePlugin:QoiImageFile",
    "SGI": "PIL.SgiImagePlugin:SgiImageFile",
    "TGA": "PIL.TgaImagePlugin:TgaImageFile",
    "TIFF": "PIL.TiffImagePlugin:TiffImageFile",
    "WEBP": "PIL.WebPImagePlugin:WebPImageFile",
}

_LIMIT = Lock()

#: Pixels that are copied at a time.
_BAND = 1 << 21

#: Modes that Pillow converts exactly, or as well as can be without a profile.
_TO_RGB = {
    "CMYK": "CMYK was converted without its colour profile",
    "YCbCr": "",
    "HSV": "",
    "RGBX": "",
    "P": "",
    "PA": "",
    "BGR;15": "",
    "BGR;16": "",
    "BGR;24": "",
}


def decode_pillow(data: bytes, limit: int, form: str) -> DecodedImage:
    """Decode a file of 8 bits a channel, or of grey with more.

    Args:
        data: The file.
        limit: Pixel limit, checked before pixels are decoded.
        form: Its format.

    Raises:
        AimkitError, or any class of error that decoders have: It can't be read.
    """
    with opened(data, limit, form) as image:
        width, height = image.size
        check_size(width, height, limit)
        frames = getattr(image, "n_frames", 1)
        image.load()
        notes = (
            ("it is an animation; the first picture is read",) if frames > 1 and form in ("GIF", "WEBP", "AVIF") else ()
        )
        lossy, lossy_alpha = _lossy(data, form)
        return _decoded(image, form, notes, lossy, lossy_alpha)


def from_pil(image: Image.Image) -> DecodedImage:
    """A PIL image of any mode; its EXIF orientation is applied, as for files.

    Raises:
        AimkitError: A mode, or values, that have no meaning as a picture.
    """
    form = getattr(image, "format", None) or "PIL"
    try:
        image.load()
        found = _decoded(image, form, (), form in ("JPEG", "MPO"), False)
        if image.mode == "I" and found.pixels.max() <= 255:
            # Such as Pillow's own conversion from L; as a 16-bit picture it would be black.
            return replace(found, pixels=found.pixels.astype(np.uint8), notes=("levels up to 255 are taken as 8 bits",))
        return found
    except AimkitError:
        raise
    except Exception as error:  # The decoder behind a lazily opened image raises nearly anything.
        raise AimkitError(f"can't read the PIL image: {str(error)[:200] or type(error).__name__}", "image") from None


def opened(data: bytes, limit: int, form: str) -> Any:
    """Read the header; pixels are not decoded yet."""
    from PIL import Image

    decoder = _decoder(form)
    usual = Image.MAX_IMAGE_PIXELS
    if usual is None or limit <= 2 * usual:
        return decoder(BytesIO(data))
    # Some decoders compare with the limit of the process as soon as they see the header; it is put back at once.
    with _LIMIT:
        usual = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = limit
        try:
            return decoder(BytesIO(data))
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _decoder(form: str) -> Any:
    module, _, name = _DECODERS[form].partition(":")
    try:
        found = import_module(module)
    except ImportError:
        what = f"{form} needs the package '{module}'"
        raise AimkitError(
            f"can't read the image: {what}", "", "pip install pillow-heif, or convert the picture to JPEG or PNG"
        ) from None
    return getattr(found, name)


def _decoded(image: Image.Image, form: str, notes: tuple[str, ...], lossy: bool, lossy_alpha: bool) -> DecodedImage:
    # Pillow's TIFF decoder has turned the picture already, and removed the orientation.
    orientation = image.getexif().get(0x0112, 1)
    pixels, associated, indices, more = _pixels(image)
    return DecodedImage(
        upright(pixels, orientation),
        associated,
        None if indices is None else upright(indices, orientation),
        lossy=lossy,
        lossy_alpha=lossy_alpha,
        format=form,
        notes=notes + more,
    )


def _pixels(image: Image.Image) -> tuple[Array, bool, UInt8 | None, tuple[str, ...]]:
    """(pixels, whether colours are multiplied by alpha, indices, notes)."""
    mode, clear = image.mode, "transparency" in image.info
    if mode in ("L", "LA", "RGB", "RGBA"):
        # Formats without an alpha channel can still name one colour that is transparent.
        return as_array(image.convert("RGBA") if clear else image), False, None, ()
    if mode == "1":
        return np.asarray(image.convert("RGBA" if clear else "L")), False, None, ()
    if mode in ("La", "RGBa"):
        return _bytes(image), True, None, ()
    if mode == "I" or mode.startswith("I;16"):
        return *_integers(image), ()
    if mode == "F":
        return np.asarray(image, np.float32), False, None, ()
    if mode == "LAB":
        return np.asarray(_lab_to_rgb(image)), False, None, ("LAB was converted to sRGB",)
    if mode not in _TO_RGB:
        raise AimkitError(f"can't read the image: PIL's mode {mode} is not supported", "", "convert it to RGB or RGBA")
    indices = np.asarray(image if mode == "P" else image.getchannel(0)) if mode in ("P", "PA") else None
    color = np.asarray(image.convert("RGBA" if clear or mode == "PA" else "RGB"))
    return color, False, indices, (_TO_RGB[mode],) if _TO_RGB[mode] else ()


def as_array(image: Image.Image) -> Array:
    """The levels of a PIL image; for large ones, NumPy's own way needs twice the memory."""
    width, height = image.size
    rows = max(1, _BAND // width)
    if rows * 8 >= height:
        return np.asarray(image)
    first = np.asarray(image.crop((0, 0, width, rows)))
    whole = np.empty((height, *first.shape[1:]), first.dtype)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        whole[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return whole


def _bytes(image: Image.Image) -> UInt8:
    """The stored levels of a mode that NumPy's interface of Pillow may not know."""
    width, height = image.size
    return np.frombuffer(image.tobytes(), np.uint8).reshape(height, width, -1)


def _integers(image: Image.Image) -> tuple[Array, bool, None]:
    """Modes I and I;16: Pillow's 32-bit integers hold the levels of 16-bit files."""
    if image.mode == "I":
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            what = f"levels from {levels.min()} to {levels.max()} in PIL's mode I have no known scale"
            raise AimkitError(f"can't read the image: {what}", "", "scale them to 0..65535, or give uint8")
        return levels.astype(np.uint16), False, None
    width, height = image.size
    order = ">u2" if image.mode == "I;16B" else "=u2" if image.mode == "I;16N" else "<u2"
    return np.frombuffer(image.tobytes(), order).reshape(height, width).astype(np.uint16), False, None


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    try:
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)  # type: ignore[arg-type]
    except (ImportError, OSError):
        raise AimkitError("can't read the image: this Pillow can't convert LAB", "", "convert it to RGB") from None


def _lossy(data: bytes, form: str) -> tuple[bool, bool]:
    """Whether the compression changes colours, and whether it changes the alpha channel."""
    if form in ("JPEG", "AVIF", "HEIF"):
        return True, form != "JPEG"
    if form == "JPEG2000":
        # The last byte of the marker COD says which wavelet is used; 1 is the reversible one.
        at = data.find(b"\xff\x52")
        reversible = at >= 0 and data[at + 13 : at + 14] == b"\x01"
        return not reversible, not reversible
    if form == "WEBP":
        chunks = _webp_chunks(data)
        # Bits 4 and 5 of the alpha chunk's first byte say whether its levels were reduced.
        reduced = b"ALPH" in chunks and (data[chunks[b"ALPH"]] >> 4) & 3 == 1
        return b"VP8L" not in chunks, reduced
    return False, False


def _webp_chunks(data: bytes) -> dict[bytes, int]:
    """Where the body of each chunk of a WebP file starts."""
    found: dict[bytes, int] = {}
    at = 12
    while at + 8 < len(data) and len(found) < 16:
        found[data[at : at + 4]] = at + 8
        at += 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1) // 2 * 2
    return found
