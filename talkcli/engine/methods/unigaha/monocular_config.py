"""The size of the encoder that reads an expression from one picture."""

from __future__ import annotations

from dataclasses import dataclass

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.config import check_limits

LANDMARKS = 68
"""Of iBUG."""


@dataclass(frozen=True)
class MonocularConfig:
    """A starter's; see `sizes` for the paper's."""

    rig: str = DEFAULT_RIG
    codes: int = 48
    """Numbers of an expression code."""
    side: int = 96
    """Pixels along a side of a picture."""
    blocks: tuple[int, ...] = (2, 2, 2)
    widths: tuple[int, ...] = (16, 32, 64)
    """Residual blocks of each size of ResNet's maps, and their channels."""
    sharp: tuple[int, int, int] = (16, 32, 32)
    """Channels of the way that sees fine lines; the last as many as those that the other way joins with."""
    features: int = 64
    layers: int = 3
    heads: int = 4
    pooled: int = 3
    """Means of tokens along a side that are read in the end: of several it is known where they are."""
    marks: int = LANDMARKS
    """Landmarks whose places it says, and reads codes from, too: iBUG's, or 0, none."""

    def __post_init__(self) -> None:
        check_limits(self, codes=(1, 4096), side=(32, 2048), blocks=(1, 64), widths=(1, 4096))
        check_limits(self, sharp=(1, 4096), features=(1, 65_536), layers=(0, 256), heads=(1, 1024))
        check_limits(self, pooled=(1, 64))
        if len(self.blocks) != len(self.widths) or not 1 <= len(self.widths) <= 5 or len(self.sharp) != 3:
            raise ValueError(f"blocks {self.blocks}, widths {self.widths}, sharp {self.sharp} are no encoder")
        if self.marks not in (0, LANDMARKS):
            raise ValueError(f"marks are {self.marks}, neither 0 nor {LANDMARKS}")
        if self.features % self.heads:
            raise ValueError(f"features are {self.features}, not a multiple of {self.heads} heads")

    @property
    def coarse(self) -> int:
        """Tokens along a side."""
        side = self.side
        for _ in range(1 + len(self.widths)):
            side = -(-side // 2)
        return side
