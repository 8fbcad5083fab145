"""What a method is: a value, not a base class."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from talkcli import __version__
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion
from talkcli.engine.speech import Speech
from talkcli.engine.training.stage import Stage


class Talker(nn.Module, ABC):
    """A network that can talk."""

    method: ClassVar[str]
    config: Any
    """What it was built from."""
    sampling: Any = None
    """How it draws, where it does: a dataclass that `talk animate --set` changes by name."""
    weights_sha256: str = ""
    """Of the checkpoint file it was read from."""

    @property
    def paints(self) -> bool:
        """Whether its motions carry a changing skin."""
        return False

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

    def signed(self, avatar: Avatar, seed: int) -> str:
        """Provenance of a motion: what made it, and that it is synthetic."""
        made = {
            "synthetic": True,
            "program": f"talk {__version__}",
            "model": self.method,
            "weights_sha256": self.weights_sha256,
            "avatar": avatar.name,
            "seed": seed,
        }
        return json.dumps(made)


@dataclass(frozen=True)
class Method:
    name: str
    paper: str
    config: type
    """Frozen dataclass; its defaults are the paper's."""
    build: Callable[[Any], Talker]
    """config -> an untrained Talker."""
    config_for: Callable[[ClipSet], Any]
    """The config that fits this data (vertex count, shape names, frame rate)."""
    stages: Mapping[str, Callable[..., Stage[Any, Any] | None]]
    """In training order; None where a config has nothing to learn in a stage."""
    capture: Callable[[Any, Speech, Avatar], Avatar] | None = None
    """Write down how somebody moves, from their voice."""
    capture_folder: Callable[[Any, Path, Avatar], Avatar] | None = None
    """The same from a folder: clips of them, or what the paper's authors keep of a person."""
    original: Callable[..., Talker] | None = None
    """Read a checkpoint of the authors' own, safely: one file for each of `original_files`, in order."""
    original_files: tuple[str, ...] = ("weights",)

    def stages_from(self, name: str | None) -> Mapping[str, Callable[..., Stage[Any, Any] | None]]:
        """The named stage alone, or all of them."""
        if name is None:
            return self.stages
        return {name: self.stages[pick(name, self.stages, f"stage of {self.name}")]}
