"""What is heard of clips, worked out once and kept beside them under the name of the ear that heard it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio.amplitude import amplitude
from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.ear import Ear
from talkcli.engine.clips import HEARD_SUFFIX, ClipSet
from talkcli.engine.errors import Untrusted
from talkcli.engine.files import FORMAT, load_rows, load_shapes, save_tensors
from talkcli.engine.layers.resampling import beside_neighbours
from talkcli.engine.methods.dxtalker.hearing import StreamHearing, Streams, loudness_steps
from talkcli.engine.training.listening import misheard

_KIND = "Heard"


def ear_print(ear: Ear, fps: Fraction) -> str:
    """Changes with any weight of an ear, and with the rate at which it is asked."""
    digest = hashlib.sha256(f"{type(ear).__name__} {fps}".encode())
    for name, tensor in ear.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def heard_in(clips: ClipSet, index: int, view: int, views: int) -> Float[Tensor, " samples"]:
    """The sound of a clip in another room of that number; as it was recorded where there are no views."""
    waveform = clips.speech(index).waveform
    if not views:
        return waveform
    return torch.from_numpy(elsewhere(waveform.numpy(), np.random.default_rng([index, view])))


class HeardClips:
    """Every clip as it was recorded, or in `views` other rooms; what is asked for is read from disk.

    `x.speech-<print>.heard` beside `x.motion` holds a track in half precision and the amplitude of every
    view, `x.emotion-<print>.heard` a track of every view.
    """

    def __init__(self, hearing: StreamHearing, clips: ClipSet, views: int) -> None:
        self.config, self.clips, self.views = hearing.config, clips, views
        fps = Fraction(hearing.config.fps)
        ears: dict[str, Ear] = {"speech": hearing.ears}
        if hearing.affect is not None:
            ears["emotion"] = hearing.affect
        self.suffixes = {name: f".{name}-{ear_print(ear, fps)}{HEARD_SUFFIX}" for name, ear in ears.items()}
        for name, ear in ears.items():
            ear.eval()
            for index in range(len(clips)):
                self._keep(index, name, ear, fps)

    @torch.no_grad()
    def _keep(self, index: int, name: str, ear: Ear, fps: Fraction) -> None:
        """Write what an ear hears of a clip, unless it is there."""
        path, frames = self.clips.path(index, self.suffixes[name]), self.clips.frames[index]
        numbers = range(max(1, self.views))
        kinds = {f"{self._room}{number}": (frames, ear.width) for number in numbers}
        if name == "speech":
            kinds |= {f"{track}.amplitude": (frames,) for track in kinds}
        if kinds.items() <= _kept(path).items():
            return
        device, tracks = next(ear.parameters()).device, {}
        for number in numbers:
            sound = heard_in(self.clips, index, number, self.views)
            track = f"{self._room}{number}"
            tracks[track] = ear.heard(sound.to(device), frames, fps).half().cpu().contiguous()
            if name == "speech":
                tracks[f"{track}.amplitude"] = amplitude(sound, frames, fps)
        save_tensors(tracks, {"format": FORMAT, "kind": _KIND}, path)

    @property
    def _room(self) -> str:
        return "room" if self.views else "recorded"

    def drawn(self, index: int, generator: torch.Generator) -> int:
        """One of the views."""
        return int(torch.randint(max(1, self.views), (), generator=generator))

    def amplitude(self, index: int, view: int) -> Float[Tensor, " frames"]:
        return self._rows(index, "speech", f"{self._room}{view}.amplitude", 0, self.clips.frames[index])

    def streams(
        self, index: int, view: int, start: int, stop: int, error: float, generator: torch.Generator
    ) -> Streams:
        """Frames [start, stop) of a clip in a view; words are `misheard` by so much."""
        reach, frames, track = max(0, self.config.reach), self.clips.frames[index], f"{self._room}{view}"
        low, high = max(0, start - reach), min(frames, stop + reach)
        near = self._rows(index, "speech", track, low, high)
        near = misheard(near, error, generator) if error else near
        own = beside_neighbours(near, start - low, stop - low, reach) if self.config.reach >= 0 else None
        felt = self._rows(index, "emotion", track, start, stop) if "emotion" in self.suffixes else None
        steps = loudness_steps(self.amplitude(index, view))[start:stop]
        return Streams(near[start - low : stop - low], own, steps, felt)

    def _rows(self, index: int, name: str, track: str, start: int, stop: int) -> Tensor:
        rows = load_rows(self.clips.path(index, self.suffixes[name]), track, start, stop)
        assert rows is not None, "written by _keep"
        return rows.float()


def _kept(path: Path) -> Mapping[str, tuple[int, ...]]:
    """The shapes of what is there; nothing where a full disk, say, left half of it."""
    try:
        return load_shapes(path) if path.is_file() else {}
    except Untrusted:
        return {}
