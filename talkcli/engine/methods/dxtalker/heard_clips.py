"""What 3DXTalker hears of clips: words, loudness and feelings."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import torch

from talkcli.engine.audio.ear import Ear
from talkcli.engine.clips import ClipSet
from talkcli.engine.methods.dxtalker.hearing import StreamHearing, Streams, loudness_steps
from talkcli.engine.training.heard_clips import WORDS, HeardClips

_FEELINGS = "emotion"


class HeardStreamsOfClips(HeardClips):
    """Every clip as the three ears of one talker hear it."""

    def __init__(self, hearing: StreamHearing, clips: ClipSet, views: int) -> None:
        self.reach = hearing.config.reach
        felt: Mapping[str, Ear] = {} if hearing.affect is None else {_FEELINGS: hearing.affect}
        super().__init__({WORDS: hearing.ears, **felt}, clips, Fraction(hearing.config.fps), views)

    def streams(
        self, index: int, view: int, start: int, stop: int, error: float, generator: torch.Generator
    ) -> Streams:
        """Frames [start, stop) of a clip in a view; words are `misheard` by so much."""
        reach = max(0, self.reach)
        near = self.words(index, view, start, stop, reach, error, generator)
        width = near.shape[1] // (2 * reach + 1)
        felt = self.rows(index, _FEELINGS, view, start, stop) if _FEELINGS in self.suffixes else None
        steps = loudness_steps(self.amplitude(index, view))[start:stop]
        own = near if self.reach >= 0 else None
        return Streams(near[:, reach * width : (reach + 1) * width], own, steps, felt)
