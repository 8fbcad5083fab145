"""Sizes of UniGAHA, as published by default, and how it draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.ears import EarConfig
from talkcli.engine.audio.wav2vec import Wav2Vec2Config
from talkcli.engine.config import check_limits
from talkcli.engine.errors import BadUsage
from talkcli.engine.methods.unigaha.monocular_config import MonocularConfig
from talkcli.engine.methods.unigaha.prior_config import PriorConfig

Predicted = Literal["x0", "eps", "v"]
"""What the network says of noisy numbers: x_0, their noise, or v = sqrt(abar) eps - sqrt(1 - abar) x_0."""


@dataclass(frozen=True)
class CodeSampling:
    """How expression codes are drawn; nothing of it shapes weights."""

    steps: int = 8
    """Of DPM-Solver++; 0 for all steps of training, with fresh noise."""
    guidance: float = 1.0
    """Above 1 speech and lips count more, below it less."""
    temperature: float = 1.0
    """Factor on the noise that every window begins as."""

    def __post_init__(self) -> None:
        for name, low, high in (("guidance", -100, 100), ("temperature", 0, 10)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadUsage(f"Setting {name} cannot be {value}.", f"Give {low} to {high}.")


@dataclass(frozen=True)
class UnigahaConfig:
    """The paper's numbers where it gives them, else those of what it builds on; see `Method.sizes`."""

    fps: int = 30
    rig: str = DEFAULT_RIG
    rig_shapes: tuple[str, ...] = ()
    """The shapes of the rig that speech moves."""
    codes: int = 256
    """Numbers of an expression code (z_e); a rig may have fewer."""
    diffused: int = 256
    """Of them, rotated, those that are drawn: the first principal ones of what clips do."""
    ears: tuple[EarConfig, ...] = (Wav2Vec2Config(),)
    reach: int = 0
    """Frames on either side whose speech a frame is told beside its own."""
    joined: bool = False
    """Whether what a frame hears joins its noise, beside attention to all frames; ours, for networks that
    have little time to learn where in the speech a frame is."""
    lips: int = 10
    """Numbers of a frame's lips."""
    lip_features: int = 512
    lip_layers: int = 6
    lip_heads: int = 4
    lip_feed_forward: int = 1024
    features: int = 512
    layers: int = 8
    heads: int = 8
    feed_forward: int = 1024
    listening_layers: int = 2
    """Of the encoder of what is heard."""
    dropout: float = 0.1
    window: int = 120
    """Frames that are drawn together."""
    carried: int = 30
    """Of them, those that the window before has drawn already."""
    steps: int = 1000
    """Of diffusion, in training."""
    target: Predicted = "x0"
    """What the network predicts; the paper's is eps, which few steps serve badly."""
    mask: float = 0.2
    """Share of training examples that neither hear nor see lips, so that guidance can tell."""
    sampling: CodeSampling = CodeSampling()
    """How it draws unless told otherwise."""
    prior: PriorConfig | None = None
    """The universal head, where it has one."""
    seeing: MonocularConfig | None = None
    """What reads expressions from pictures, where it does."""

    def __post_init__(self) -> None:
        check_limits(self, fps=(1, 240), codes=(1, 10_000), diffused=(1, self.codes), reach=(0, 1000))
        check_limits(self, lips=(1, 1000), lip_features=(4, 65_536), lip_layers=(1, 256), lip_heads=(1, 1024))
        check_limits(self, lip_feed_forward=(1, 1 << 20), features=(4, 65_536), layers=(1, 256))
        check_limits(self, heads=(1, 1024), feed_forward=(1, 1 << 20), listening_layers=(0, 256))
        check_limits(self, dropout=(0, 0.99), window=(2, 100_000), carried=(0, self.window - 1))
        check_limits(self, steps=(2, 100_000), mask=(0, 1))
        for features, heads in ((self.features, self.heads), (self.lip_features, self.lip_heads)):
            if features % (2 * heads):
                raise ValueError(f"features are {features}, not an even multiple of {heads} heads")
