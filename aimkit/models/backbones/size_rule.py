"""Which image sizes a backbone takes, and how images are scaled and padded to them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aimkit.errors import AimkitError


@dataclass(frozen=True)
class SizeRule:
    """How an image of (H, W), multiples of 32, is scaled and padded to a size that an architecture takes.

    The image is scaled by ``scale``, then padded at the right and the bottom to multiples of ``multiple`` and to at
    least ``minimum``. With ``fixed`` it is resized to that size instead.

    Attributes:
        multiple: Number that the sides must be multiples of, pixels.
        minimum: Smallest side, pixels.
        scale: Factor a / b of the image as (a, b). Patches of 14 pixels take 14 / 16, so that their grid has stride 16.
        fixed: (height, width) of the only size that the architecture takes, or None.
    """

    multiple: int = 32
    minimum: int = 32
    scale: tuple[int, int] = (1, 1)
    fixed: tuple[int, int] | None = None

    def scaled(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of an image after scaling, before padding."""
        if self.fixed:
            return self.fixed
        a, b = self.scale
        return size[0] * a // b, size[1] * a // b

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of an image after scaling and padding."""
        if self.fixed:
            return self.fixed
        height, width = (-(-max(side, self.minimum) // self.multiple) * self.multiple for side in self.scaled(size))
        return height, width

    def __str__(self) -> str:
        if self.fixed:
            return f"={self.fixed[0]}x{self.fixed[1]}"
        text = f"{self.multiple}"
        if self.scale != (1, 1):
            text += f"*{self.scale[0]}/{self.scale[1]}"
        return text + (f">={self.minimum}" if self.minimum > self.multiple else "")

    def describe(self) -> str:
        """The rule in words."""
        if self.fixed:
            return f"resized to {self.fixed[0]}x{self.fixed[1]}"
        a, b = self.scale
        scaled = f"scaled by {a}/{b}, then " if a != b else ""
        least = f", at least {self.minimum}" if self.minimum > self.multiple else ""
        return f"any; {scaled}padded to multiples of {self.multiple}{least}"

    @classmethod
    def parse(cls, text: str) -> SizeRule:
        """The inverse of ``str``: ``32``, ``64>=128``, ``14*14/16``, ``=224x224``."""
        if match := re.fullmatch(r"=(\d+)x(\d+)", text):
            return cls(fixed=(int(match[1]), int(match[2])))
        match = re.fullmatch(r"(\d+)(?:\*(\d+)/(\d+))?(?:>=(\d+))?", text)
        if match is None:
            raise AimkitError(f"'{text}' is not a size rule")
        multiple = int(match[1])
        scale = (int(match[2]), int(match[3])) if match[2] else (1, 1)
        return cls(multiple, int(match[4] or multiple), scale)
