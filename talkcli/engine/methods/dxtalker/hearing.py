"""What 3DXTalker hears: words, how loud they are, and how they feel, one row of each a frame."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.audio.affect import AffectConfig, AffectEar
from talkcli.engine.audio.ears import Ears
from talkcli.engine.audio.emotion2vec import Emotion2vecEar, take_emotion2vec
from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.errors import Untrusted
from talkcli.engine.layers.resampling import beside_neighbours, spliced
from talkcli.engine.methods.dxtalker.anchors import evenly, extrema
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.struct import TensorStruct

LOUDNESS_REACH = 2
"""Frames on either side whose amplitude a frame knows."""
_FLOOR = 1e-4
"""Amplitude of silence, -80 dB of full scale."""


class Streams(TensorStruct):
    """What is heard at some frames, of one recording or of a batch."""

    speech: Float[Tensor, "*batch frames n_speech"]
    own: Float[Tensor, "*batch frames n_own"] | None
    """Each frame's speech beside its neighbours', where it joins the noise."""
    loudness: Float[Tensor, "*batch frames n_loudness"]
    """The amplitude, in steps of 20 dB from -40 dB, beside its neighbours'."""
    emotion: Float[Tensor, "*batch frames n_emotion"] | None
    """None where it is ablated."""


HeardStreams = Callable[[int, int], Streams]
"""What is heard at frames [start, stop) of one recording."""


class StreamHearing(nn.Module):
    """The three ears of one talker."""

    def __init__(self, config: DxTalkerConfig) -> None:
        super().__init__()
        self.config = config
        self.ears = Ears(config.ears)
        self.affect: AffectEar | Emotion2vecEar | None = None
        if config.emotion:
            told = config.affect
            self.affect = AffectEar(told) if isinstance(told, AffectConfig) else Emotion2vecEar(told)

    @property
    def own_width(self) -> int:
        return self.speech_width * (2 * self.config.reach + 1)

    @property
    def speech_width(self) -> int:
        return self.ears.width

    @property
    def emotion_width(self) -> int:
        return self.speech_width if self.affect is None else self.affect.width

    def take_emotion2vec(self, path: Path) -> None:
        """The weights in the user's model.pt; only its tensors are read."""
        file = load_pickled(path)
        for name in ("state_dict", "model_state_dict", "model"):
            if isinstance(file, dict) and isinstance(file.get(name), dict):
                file = file[name]
        if not isinstance(file, dict) or not all(isinstance(value, Tensor) for value in file.values()):
            raise Untrusted(f"{path} holds no weights.", "Give model.pt of emotion2vec_plus_base.")
        assert isinstance(self.affect, Emotion2vecEar)
        take_emotion2vec(self.affect, file, str(path))

    def silence(self, streams: Streams) -> Float[Tensor, " frames"]:
        """Its probability in each frame of one recording; 0 where no ear hears phones."""
        return self.ears.silence(streams.speech)

    def listened(
        self, waveform: Float[Tensor, " samples"], loud: Float[Tensor, " frames"], fps: Fraction
    ) -> HeardStreams:
        """Window by window; `loud` is the recording's amplitude."""
        frames = len(loud)
        speech = self.ears.listened(waveform, frames, fps)
        emotion = None if self.affect is None else self.affect.listened(waveform, frames, fps)
        steps, reach = loudness_steps(loud), max(0, self.config.reach)

        def between(start: int, stop: int) -> Streams:
            low, high = max(0, start - reach), min(frames, stop + reach)
            near = speech(low, high)
            felt = None if emotion is None else emotion(start, stop)
            own = beside_neighbours(near, start - low, stop - low, reach) if self.config.reach >= 0 else None
            return Streams(near[start - low : stop - low], own, steps[start:stop], felt)

        return between


def loudness_steps(loud: Float[Tensor, " frames"]) -> Float[Tensor, "frames n_loudness"]:
    """An amplitude as the network hears it."""
    steps = (loud + _FLOOR).log10() + 2
    return spliced(steps[None, :, None], LOUDNESS_REACH)[0]


def anchors_of(loud: Float[Tensor, " frames"], config: DxTalkerConfig) -> Tensor:
    """The frames at which noise is drawn."""
    if config.anchors == "fixed" or not config.amplitude:
        return evenly(len(loud), config.anchor_gap)
    return extrema(loud, config.fps, config.anchor_gap)
