"""What a file's header says besides its pixels: orientation, colour profile, and how hard a JPEG is compressed."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

#: The luminance table of the JPEG standard (Annex K), which nearly every encoder scales by its quality.
_LUMINANCE_SUM = 3688


@dataclass(frozen=True)
class LintHeader:
    """Facts of a file's header.

    Attributes:
        orientation: EXIF orientation, 1 to 8; 1 when there is none.
        profile: Description of the embedded colour profile; "" when there is none.
        quality: Quality of a JPEG, 1 to 100, as its quantization table tells; 0 for other formats. Below 20 it is told
            as too high, since the largest steps are cut to 255.
    """

    orientation: int = 1
    profile: str = ""
    quality: int = 0


def read_header(data: bytes) -> LintHeader:
    """Read the header of a JPEG, PNG, WebP or TIFF file; all others, and damaged ones, have none."""
    # Importing their modules is what makes Pillow know the formats.
    from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401

    try:
        with Image.open(BytesIO(data), formats=["JPEG", "PNG", "WEBP", "TIFF"]) as image:
            # Pillow decodes a whole PNG in search of EXIF behind its pixels.
            has_exif = image.format != "PNG" or b"eXIf" in data or b"Raw profile type exif" in data
            orientation = image.getexif().get(0x0112, 1) if has_exif else 1
            tables = getattr(image, "quantization", None) or {}
            profile = image.info.get("icc_profile") or b""
            return LintHeader(
                orientation if orientation in range(1, 9) else 1,
                _described(profile) if profile else "",
                _quality(tables.get(0)),
            )
    except Exception:
        # Broken headers raise errors of nearly every class; the decoder says what is wrong with the file.
        return LintHeader()


def _quality(table: Any) -> int:
    if not table:
        return 0
    scale = 100 * sum(table) / _LUMINANCE_SUM
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return round(min(max(quality, 1), 100))


def _described(profile: bytes) -> str:
    from PIL import ImageCms

    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).strip() or "unnamed"
    except Exception:
        return "unreadable"
