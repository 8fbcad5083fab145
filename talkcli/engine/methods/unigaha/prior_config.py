"""The size of a universal Gaussian head: of its decoder, of what encodes expressions, of its guide mesh."""

from __future__ import annotations

from dataclasses import dataclass, field

from talkcli.engine.config import check_limits
from talkcli.engine.face.gaussian_head import DecoderConfig


@dataclass(frozen=True)
class PriorConfig:
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    shape: int = 100
    """Numbers of the identity code that are the rig's own identity; the others tell the look."""
    solved: int = 48
    """Principal components of skins that the first numbers of the look stand for; 0: all is learnt."""
    encoder: tuple[int, ...] = (16, 24, 32, 48)
    """Channels of each of the two stacks that encode an expression."""
    hidden: int = 128
    """Of the two layers that correct the guide mesh."""

    def __post_init__(self) -> None:
        check_limits(self, shape=(0, self.decoder.identity), hidden=(1, 65_536))
        check_limits(self, solved=(0, self.look))
        if not 1 <= len(self.encoder) <= 12 or min(self.encoder) < 1:
            raise ValueError(f"encoder {self.encoder} has no layers")

    @property
    def look(self) -> int:
        """Numbers of the identity code that tell how somebody looks."""
        return self.decoder.identity - self.shape
