"""What is heard of clips, worked out once and kept beside them under the name of the ear that heard it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio.amplitude import amplitude
from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.ear import Ear
from talkcli.engine.audio.starter_ear import StarterEar
from talkcli.engine.clips import HEARD_SUFFIX, ClipSet
from talkcli.engine.errors import Untrusted
from talkcli.engine.files import FORMAT, load_rows, load_shapes, save_tensors
from talkcli.engine.layers.resampling import beside_neighbours
from talkcli.engine.training.listening import misheard

_KIND = "Heard"
WORDS = "speech"
"""The name of the ear that hears words; beside its track the amplitude is kept."""


_HEARING = 2
"""Counts how often it was changed what ears make of the same weights (`audio/coarticulation.py` last); what
some are told to make of them besides is in their settings."""


def ear_print(ear: Ear, fps: Fraction) -> str:
    """Changes with any weight of an ear, with the rate at which it is asked, its manner, and _HEARING."""
    digest = hashlib.sha256(f"{type(ear).__name__} {fps} {_HEARING}".encode())
    for part in ear.modules():
        if isinstance(part, StarterEar) and (part.config.firmness or part.config.faint):
            digest.update(f"{part.config.firmness} {part.config.faint}".encode())
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

    `ears` by name, WORDS among them. `x.<name>-<print>.heard` beside `x.motion` holds a track in half
    precision of every view, that of WORDS the amplitude of every view besides. `chosen`: the numbers of the
    clips that are heard, where it is not all of them.
    """

    def __init__(
        self,
        ears: Mapping[str, Ear],
        clips: ClipSet,
        fps: Fraction,
        views: int,
        chosen: Sequence[int] | None = None,
    ) -> None:
        self.clips, self.views = clips, views
        self.suffixes = {name: f".{name}-{ear_print(ear, fps)}{HEARD_SUFFIX}" for name, ear in ears.items()}
        for name, ear in ears.items():
            ear.eval()
            for index in range(len(clips)) if chosen is None else chosen:
                self._keep(index, name, ear, fps)

    @torch.no_grad()
    def _keep(self, index: int, name: str, ear: Ear, fps: Fraction) -> None:
        """Write what an ear hears of a clip, unless it is there."""
        path, frames = self.clips.path(index, self.suffixes[name]), self.clips.frames[index]
        numbers = range(max(1, self.views))
        kinds = {f"{self._room}{number}": (frames, ear.width) for number in numbers}
        if name == WORDS:
            kinds |= {f"{track}.amplitude": (frames,) for track in kinds}
        try:
            kept = load_shapes(path) if path.is_file() else {}
        except Untrusted:  # a full disk, say, left half of it
            kept = {}
        if kinds.items() <= kept.items():
            return
        device, tracks = next(ear.parameters()).device, {}
        for number in numbers:
            sound = heard_in(self.clips, index, number, self.views)
            track = f"{self._room}{number}"
            tracks[track] = ear.heard(sound.to(device), frames, fps).half().cpu().contiguous()
            if name == WORDS:
                tracks[f"{track}.amplitude"] = amplitude(sound, frames, fps)
        save_tensors(tracks, {"format": FORMAT, "kind": _KIND}, path)

    @property
    def _room(self) -> str:
        return "room" if self.views else "recorded"

    def drawn(self, index: int, generator: torch.Generator) -> int:
        """One of the views."""
        return int(torch.randint(max(1, self.views), (), generator=generator))

    def amplitude(self, index: int, view: int) -> Float[Tensor, " frames"]:
        return self._rows(index, WORDS, f"{self._room}{view}.amplitude", 0, self.clips.frames[index])

    def rows(self, index: int, name: str, view: int, start: int, stop: int) -> Float[Tensor, "n width"]:
        """What that ear hears at frames [start, stop) of a clip in a view."""
        return self._rows(index, name, f"{self._room}{view}", start, stop)

    def words(
        self,
        index: int,
        view: int,
        start: int,
        stop: int,
        reach: int,
        error: float,
        generator: torch.Generator,
    ) -> Float[Tensor, "n spliced"]:
        """Words at frames [start, stop) beside their neighbours, `misheard` by so much; ends are held."""
        frames = self.clips.frames[index]
        low, high = max(0, start - reach), min(frames, stop + reach)
        near = self.rows(index, WORDS, view, low, high)
        near = misheard(near, error, generator) if error else near
        return beside_neighbours(near, start - low, stop - low, reach)

    def _rows(self, index: int, name: str, track: str, start: int, stop: int) -> Tensor:
        rows = load_rows(self.clips.path(index, self.suffixes[name]), track, start, stop)
        assert rows is not None, "written by _keep"
        return rows.float()
