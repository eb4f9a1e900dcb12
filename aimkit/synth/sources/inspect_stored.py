"""Reading stored foregrounds, and inspecting them once: in two passes where the scale of a matte needs its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from aimkit.datasets.matte_folder import MatteFacts, MatteFolder, decide_mattes, faint, matte_facts
from aimkit.datasets.scan import Candidate, ScanRecord, exif_hint, read_place, scan
from aimkit.errors import AimkitError
from aimkit.imageio import DecodedImage, MatteChannel, alpha_of, decode, matte_levels
from aimkit.matting.image_type import Statistics, measure
from aimkit.paths import as_text
from aimkit.synth.sources.split import look
from aimkit.types import Float, UInt8, to_float

#: Reads the files of a candidate: candidate -> their bytes.
Fetch = Callable[[Candidate], tuple[bytes, ...]]
#: Decodes a file: (bytes, name in errors) -> pixels as stored.
ReadImage = Callable[[bytes, str], DecodedImage]
#: (bytes, the candidate, what decodes a file) -> straight RGB, uint8, (H, W, 3), and the picture that has the matte.
Decode = Callable[[tuple[bytes, ...], Candidate, ReadImage], tuple[UInt8, DecodedImage]]


def read_files(one: Candidate) -> tuple[bytes, ...]:
    """Read the files of a candidate."""
    return tuple(read_place(path) for path in one.files)


@dataclass(frozen=True)
class ForegroundReader:
    """Reads the stored foregrounds of a source.

    Attributes:
        decode: Decodes bytes into colour and the picture that holds the matte.
        fetch: Reads the bytes of a candidate.
        channel: "alpha" for cut-outs, else "auto".
        doubt: (RGB, alpha) -> what looks wrong about the colours, or "".
    """

    decode: Decode
    fetch: Fetch = read_files
    channel: MatteChannel = "auto"
    doubt: Callable[[UInt8, Float], str] | None = None

    def matte_name(self, one: Candidate) -> str:
        """What errors call the matte of a candidate."""
        return as_text(one.files[-1]) if len(one.files) > 1 and self.channel != "alpha" else one.where


def unchanged(blobs: tuple[bytes, ...], digest: str, where: str) -> tuple[bytes, ...]:
    """Bytes that have the digest of the scan.

    Raises:
        AimkitError: They have another: the file was replaced.
    """
    if digest and _digest(blobs) != digest:
        raise AimkitError(
            "the file changed after it was scanned", where, "start again, and change no files during the run"
        )
    return blobs


def inspect_foregrounds(
    candidates: Sequence[Candidate], reader: ForegroundReader, key: str, title: str, alpha_range: str, where: str
) -> tuple[list[ScanRecord], MatteFolder]:
    """Inspect candidates, and decide how their mattes are read.

    Args:
        candidates: What to inspect.
        reader: Reads and decodes a candidate.
        key: Everything besides the files that the records depend on.
        title: Title of the progress bar.
        alpha_range: Scale of the mattes as the user states it, or "".
        where: The folder, for errors.

    Returns:
        A record for each candidate, in their order, and the decision.

    Raises:
        AimkitError: The scale of the mattes can't be told.
    """
    records = scan(candidates, lambda one: _inspect(one, reader, None), key, title)
    facts = [MatteFacts.of(record.matte) if record.matte else None for record in records]
    mattes = decide_mattes([one for one in facts if one is not None], alpha_range, where)
    # Most mattes were taken on the right scale at once: that of their type.
    again = [i for i, one in enumerate(facts) if one is not None and _misread(records[i], one, mattes)]
    if again:
        scales = sorted((name, scale.top) for name, scale in mattes.scales.items())
        some = [candidates[i] for i in again]
        changed = scan(some, lambda one: _inspect(one, reader, mattes), f"{key} {mattes.channel} {scales}", title)
        for i, record in zip(again, changed, strict=True):
            records[i] = record
    return records, mattes


def _misread(record: ScanRecord, facts: MatteFacts, mattes: MatteFolder) -> bool:
    """Whether a matte was not read, or not as it is read in its folder."""
    other_channel = mattes.channel == "alpha" and facts.found.channel == "grey"
    return other_channel or mattes.top(facts) != record.top or not (record.content or record.problem)


def _inspect(one: Candidate, reader: ForegroundReader, mattes: MatteFolder | None) -> ScanRecord:
    blobs = reader.fetch(one)
    rgb, image = reader.decode(blobs, one, decode)
    check_sizes(rgb, image, one.where)
    name = reader.matte_name(one)
    facts = matte_facts(image, name, reader.channel)
    record = ScanRecord(digest=_digest(blobs), height=rgb.shape[0], width=rgb.shape[1], matte=facts.plain())
    if mattes is None:
        scale = facts.scale_alone
        if scale is None or facts.coloured:
            return record
        alpha = to_float(alpha_of(matte_levels(image, name, reader.channel), name, scale))
        record = replace(record, top=scale.top)
    else:
        alpha = to_float(mattes.alpha(image, name))
        record = replace(record, top=mattes.top(facts))
    opaque = float(alpha.max())
    if opaque < 1.5 / 255:
        return replace(record, problem=faint(opaque * record.top, record.top) or "empty alpha")
    statistics = measure(alpha)
    doubts = [_doubt(alpha, statistics), reader.doubt(rgb, alpha) if reader.doubt else ""]
    return replace(
        record,
        content=_content(rgb, alpha),
        look=look(rgb, alpha),
        statistics=asdict(statistics),
        warning="; ".join(filter(None, doubts)),
    )


def check_sizes(color: UInt8, matte: DecodedImage, where: str) -> None:
    """Refuse colour and matte that differ in size.

    Raises:
        AimkitError: They do.
    """
    if color.shape[:2] == matte.size:
        return
    (height, width), (rows, columns) = color.shape[:2], matte.size
    what = f"size mismatch: colour is {width} x {height}, alpha {columns} x {rows}"
    raise AimkitError(what + exif_hint((height, width), matte.size), where)


def _digest(blobs: tuple[bytes, ...]) -> str:
    return hashlib.sha256(b"".join(blobs)).hexdigest()


def _content(rgb: UInt8, alpha: Float) -> str:
    content = hashlib.sha256(f"{alpha.shape}".encode())
    content.update(np.rint(rgb * alpha[..., None]).astype(np.uint8).tobytes())
    content.update(np.rint(alpha * 255).astype(np.uint8).tobytes())
    return content.hexdigest()


def _doubt(alpha: Float, statistics: Statistics) -> str:
    if statistics.empty == 0 and statistics.partial == 0:
        return "opaque everywhere"
    # A smooth edge has about one partial pixel per pixel of outline, and the shortest outline is a disc's.
    outline = (12.6 * (statistics.solid + statistics.partial) * alpha.size) ** 0.5
    return "almost binary alpha" if statistics.partial * alpha.size < 0.1 * outline else ""
