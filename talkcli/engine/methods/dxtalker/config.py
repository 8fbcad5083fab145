"""Sizes of 3DXTalker, as published by default, and how it draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.affect import AffectConfig
from talkcli.engine.audio.ears import EarConfig
from talkcli.engine.audio.emotion2vec import Emotion2vecConfig
from talkcli.engine.audio.wav2vec import WavlmConfig
from talkcli.engine.config import check_limits
from talkcli.engine.errors import BadUsage
from talkcli.engine.methods.dxtalker.face_vector import FaceLayout

TIMES = 512
"""Steps of time in training: t = k / TIMES, k from 0 to TIMES - 1 (section 3 of the paper)."""
EMOTION2VEC_BASE = Emotion2vecConfig()


@dataclass(frozen=True)
class FlowSampling:
    """How a motion is drawn; nothing of it shapes weights."""

    steps: int = 32
    """From noise to motion (the paper's number)."""
    solver: Literal["euler", "midpoint", "heun"] = "euler"
    """The latter two ask the network twice a step."""
    guidance: float = 1.0
    """Above 1 speech counts more, below it less; only for what was trained with `drop` above 0."""
    temperature: float = 1.0
    """Factor on the noise that a motion begins as."""
    mouth: float = 1.0
    """Another one, on the mouth's part of it alone: below 1 lips follow the voice more, and less chance."""
    head: float = 1.0
    """How many times as far as is drawn heads stray from where they begin; ours."""
    drift: bool = False
    """Whether identity may change from frame to frame, as it is predicted; else it is its mean."""
    smooth: bool = True
    """Savitzky-Golay over 5 frames (order 2), of the head's rotation over 9 (order 3)."""
    whole_blinks: bool = False
    """Whether lids that fall and rise again shut in between; ours."""
    at_once: int = 1
    """Windows that go through the network together."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("guidance", -100, 100),
            ("temperature", 0, 10),
            ("mouth", 0, 1),
            ("head", 0, 10),
            ("at_once", 1, 1024),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadUsage(f"Setting {name} cannot be {value}.", f"Give {low} to {high}.")


@dataclass(frozen=True)
class DxTalkerConfig:
    """The paper's numbers; `Method.sizes` fit it to the rig of the clips."""

    fps: int = 25
    identity: int = 100
    """Numbers of each part of the face vector (table 4 of the paper)."""
    expression: int = 50
    head: int = 3
    """Axis-angle; 0 where the clips have no head track."""
    detail: int = 128
    translation: int = 0
    """Of the head: 3 where the clips have one, as the studio's do; ours."""
    rig: str = DEFAULT_RIG
    rig_shapes: tuple[str, ...] = ()
    """The shapes of the rig that are its expression."""
    ears: tuple[EarConfig, ...] = (WavlmConfig(),)
    """What hears words."""
    affect: AffectConfig | Emotion2vecConfig = EMOTION2VEC_BASE
    """What hears feelings."""
    reach: int = -1
    """Frames on either side whose speech joins the noise of a frame; below 0 only attention listens, as in
    the paper. Ours, for networks that have little time to learn where in the speech a frame is."""
    features: int = 768
    heads: int = 12
    feed_forward: int = 4
    """Times the features."""
    shared_blocks: int = 6
    pose_blocks: int = 2
    expression_blocks: int = 2
    identity_blocks: int = 2
    dropout: float = 0.1
    window: int = 250
    """Frames that are drawn together."""
    overlap: int = 25
    """Of them, those that the next window draws as well; the paper gives no number."""
    anchors: Literal["amplitude", "fixed"] = "amplitude"
    """Where noise is drawn, between which it is interpolated: where the voice is loudest and quietest, or
    every `anchor_gap` frames."""
    anchor_gap: int = 5
    """Frames between two anchors, at least; 25 with `fixed` is what is called seg_interp_25."""
    absolute: bool = False
    """Ablation: codes themselves, not their differences from the reference frame."""
    amplitude: bool = True
    """Ablation where false: the head listens to words, and anchors are fixed."""
    emotion: bool = True
    """Ablation where false: the expression listens to words again."""
    drop: float = 0.0
    """Share of training examples that hear nothing, so that guidance can tell speech from none; ours."""
    sampling: FlowSampling = FlowSampling()
    """How it draws unless told otherwise."""

    def __post_init__(self) -> None:
        check_limits(self, fps=(1, 240), identity=(0, 10_000), expression=(1, 10_000), detail=(0, 100_000))
        check_limits(self, features=(4, 65_536), heads=(1, 1024), feed_forward=(1, 64), dropout=(0, 0.99))
        check_limits(self, shared_blocks=(1, 256), pose_blocks=(0, 256), expression_blocks=(0, 256))
        check_limits(self, identity_blocks=(0, 256), window=(2, 100_000), anchor_gap=(1, 100_000))
        check_limits(self, reach=(-1, 1000), drop=(0, 1), overlap=(0, self.window - 1))
        if self.head not in (0, 3) or self.translation not in (0, 3):
            raise ValueError("head and translation have 3 numbers, or none")
        if self.features % (2 * self.heads):
            raise ValueError(f"features are {self.features}, not an even multiple of {self.heads} heads")
        if self.rig_shapes and len(self.rig_shapes) != self.expression:
            raise ValueError(f"expression is {self.expression}, and rig_shapes are {len(self.rig_shapes)}")

    @property
    def layout(self) -> FaceLayout:
        return FaceLayout(self.identity, self.expression, self.head, 3, self.detail, self.translation)
