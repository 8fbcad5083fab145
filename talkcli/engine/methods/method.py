"""What a method is: a value, not a base class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from talkcli import __version__
from talkcli.engine.assets import head_credit
from talkcli.engine.clips import ClipSet
from talkcli.engine.device import Precision
from talkcli.engine.errors import BadInput, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import rig_of
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.speech import Speech
from talkcli.engine.training.run import Moment
from talkcli.engine.training.settings import Factory

Track = Literal["mouth", "eyes", "head", "skin"]
"""What may move. `eyes` are lids, gaze and brows; `mouth` is all else that a face does."""
Evidence = Literal["voice", "clips", "picture", "video", "codes"]
"""What may show a person: sound, a prepared folder, one image, a film, or what was read off an image."""
Size = Literal["paper", "starter"]
"""A network as published, or one small enough to learn and to speak on two CPU cores."""


class BodyLikeness(NamedTuple):
    """How like a body is to pictures that nothing learnt from."""

    pictures: int
    psnr: float
    """dB, mean over the pictures, before grey"""
    ssim: float
    sheet: NDArray[np.uint8]
    """[rows, columns, 3] some of them, drawn above and true below"""


class BodyFit(Protocol):
    """A body that learns to look as pictures do."""

    def moments(self, folder: Path) -> Iterator[Moment]:
        """Step by step; going on from what the folder holds, and keeping itself there."""
        ...

    def avatar(self, name: str) -> Avatar:
        """Whoever it is, as it stands."""
        ...

    def likeness(self, avatar: Avatar) -> BodyLikeness | None:
        """Of the pictures that were kept out; None where none were."""
        ...


Capture = Callable[[Any, Any, Avatar], Avatar]
"""talker, evidence, avatar -> the avatar with what the evidence shows of the person. A voice comes as
`Speech`, a picture as the avatar that it became, all other evidence as a path."""


class Talker(nn.Module, ABC):
    """A network that can talk."""

    method: ClassVar[str]
    config: Any
    """The settings that it was built from."""
    sampling: Any = None
    """How it draws, where it draws: a dataclass that `talk animate --set` changes by name."""
    precision: Precision = "full"
    """How exactly it computes, where its device leaves a choice."""
    weights_sha256: str = ""
    """Of the checkpoint file it was read from."""

    other_ears: str = ""
    """What it hears with where that is not what it was taught with, and the SHA-256 of its weights."""

    @property
    def moves(self) -> frozenset[Track]:
        """The tracks that it moves as it is set now; `Method.moves` names those that it can move."""
        return frozenset[Track]({"mouth"})

    def leave_skin(self) -> None:
        """Move no skin from now on; to be overridden where moving one is a choice and costs time."""

    def waits(self, seconds: float) -> str:
        """What it had better compile before it speaks for so long, for those who wait; nothing for most."""
        return ""

    def get_ready(self) -> None:
        """Do what `waits` speaks of. Where that fails it speaks all the same."""

    @abstractmethod
    def animate(
        self,
        speech: Speech,
        avatar: Avatar,
        *,
        seed: int = 0,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Motion:
        """The motion of `avatar` saying `speech`; `progress` is told the share done."""

    def signed(self, avatar: Avatar, seed: int) -> Mapping[str, Any]:
        """Provenance of a motion: what made it, and that it is synthetic."""
        return {
            "synthetic": True,
            "program": f"talk {__version__}",
            "model": self.method,
            "weights_sha256": self.weights_sha256,
            "avatar": avatar.name,
            "seed": seed,
            **({"ears": self.other_ears} if self.other_ears else {}),
            **({"precision": self.precision} if self.precision != "full" else {}),
            **head_credit(avatar.rig),
        }


@dataclass(frozen=True)
class Method:
    name: str
    paper: str
    config: type
    """Frozen dataclass; its defaults are the paper's."""
    build: Callable[[Any], Talker]
    """config -> an untrained Talker."""
    sizes: Mapping[Size, Callable[[ClipSet], Any]]
    """The config of each size that speaks as these clips move: their vertices or their rig, their rate."""
    stages: Mapping[str, Factory]
    """In training order; None where a config has nothing to learn in a stage."""
    moves: frozenset[Track] = frozenset[Track]({"mouth"})
    """The tracks that its talkers can move; `talk animate --life` adds the others."""
    captures: Mapping[Evidence, Capture] = field(default_factory=dict)
    """How it writes down a person, by what shows them."""
    adapt: Mapping[str, Factory] = field(default_factory=dict)
    """Stages on the clips of one person; then `captures["clips"]` writes down what they taught the talker."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """Name for `--style NAME=FILE` -> name among `Avatar.styles`; the first is meant where none is named."""
    embodies: Callable[[Any, Avatar], Avatar] | None = None
    """talker, avatar -> the avatar with a body of the method's own, which pictures show."""
    samples: Callable[[Any, int, str], Avatar] | None = None
    """talker, seed, name -> somebody who never lived, in such a body."""
    mixes: Callable[[Any, Avatar, Avatar, float, str], Avatar] | None = None
    """talker, one, other, share, name -> somebody so far from the one to the other, both in such bodies."""
    fits: Callable[[Any, Any, Mapping[str, Any], int], BodyFit] | None = None
    """talker, `PersonShots`, settings by name, seed -> a fit of such a body to somebody's pictures."""
    original: Callable[..., Talker] | None = None
    """Read a checkpoint of the authors' own, safely: one file for each of `original_files`, in order."""
    original_files: tuple[str, ...] = ("weights",)

    def stages_from(self, name: str | None) -> Mapping[str, Factory]:
        """The named stage alone, or all of them."""
        if name is None:
            return self.stages
        return {name: self.stages[pick(name, self.stages, f"stage of {self.name}")]}


def rig_motion(clips: ClipSet, method: str) -> tuple[Motion, Coefficients, str]:
    """The first clip's motion, its face, and the rig that it moves. BadInput for clips that move vertices, or
    at a broken rate."""
    motion = clips.motion(0)
    if not isinstance(motion.face, Coefficients):
        raise BadInput(
            f"{method} speaks weights of a rig, and {clips.names[0]} moves vertices.",
            "Use clips of talk prepare studio, or train another method.",
        )
    if motion.fps.denominator != 1:
        hint = "Resample the clips."
        raise BadInput(f"{method} counts whole frames a second, not {motion.fps}.", hint)
    return motion, motion.face, rig_of(clips.avatar(0))
