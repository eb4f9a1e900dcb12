"""Accept only safe checkpoints: safetensors, or PyTorch files that load without running code."""

from __future__ import annotations

from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.weights_file import check, check_member, is_web_page

__all__ = ["check", "check_contents", "check_member", "is_web_page"]


def check_contents(path: Path, where: str = "") -> None:
    """Read a file that :func:`check` accepted, without running code from it.

    Raises:
        AimkitError: The file holds anything but tensors, or is incomplete.
    """
    where = where or str(path)
    if path.suffix == ".safetensors":
        return  # The format has no code, and check() has read its header.
    from aimkit.state_dict import read

    try:
        read(path, quiet=True)
    except AimkitError as error:
        hint = error.hint or "only tensors are loaded, never code"
        raise AimkitError(f"unsafe or damaged file: {error.what}", where, hint) from None
