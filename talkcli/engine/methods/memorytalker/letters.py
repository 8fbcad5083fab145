"""L: what is read in speech, letter by letter. HuBERT under a CTC head, as published, or ears of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from talkcli.engine.audio.ears import EarConfig, Ears
from talkcli.engine.audio.pauses import FrameValues
from talkcli.engine.audio.pretrained import Pretrained
from talkcli.engine.audio.wav2vec import (
    HubertConfig,
    long_enough,
    mean_and_deviation,
    time_mask,
    wav2vec_body,
)
from talkcli.engine.layers.attention import padding_mask
from talkcli.engine.layers.resampling import resampled
from talkcli.engine.speech import SAMPLE_RATE, Speech

ReadLetters = Callable[[int, int], tuple[Float[Tensor, "1 ticks slots"], Int[Tensor, " 1"]]]
"""Letters of frames [start, stop) of one recording, and how many they are."""


class HubertLetters(Pretrained):
    """HuBERT's convolutions, transformer and letters as separate steps: the rate may change in between."""

    kind = "hubert"
    features: None = None
    """It learns with the rest, so nothing of it is known beforehand."""

    def __init__(self, config: HubertConfig, slots: int, fps: int, double: bool) -> None:
        super().__init__()
        self.config, self.fps, self.two_a_frame = config, fps, double
        self.hubert = wav2vec_body(config)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, slots)

    @property
    def body(self) -> nn.Module:
        return self.hubert

    def convolve(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ticks channels"]:
        """About 50 ticks a second. Its group norm spans time, so clips of unlike length must come apart."""
        return self.hubert.feature_extractor(long_enough(waveform)).transpose(1, 2)

    def transform(
        self, features: Float[Tensor, "batch ticks channels"], counts: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch ticks letters"]:
        """Letter logits; `counts` says how many ticks of each sequence are real."""
        mask = None if counts is None else ~padding_mask(counts, features.shape[1], features.device)
        hidden = self.hubert.feature_projection(features)
        if self.training and self.config.time_mask > 0:
            spans = time_mask(hidden.shape[:2], self.config.time_mask).to(hidden.device, non_blocking=True)
            hidden = torch.where(spans[..., None], self.hubert.masked_spec_embed, hidden)
        hidden = self.hubert.encoder(hidden, attention_mask=mask).last_hidden_state
        return self.head(self.dropout(hidden))

    def forward(
        self,
        waveform: Float[Tensor, "batch samples"],
        samples: Int[Tensor, " batch"],
        frames: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, "batch ticks letters"], Int[Tensor, " batch"]]:
        """Letter logits and how many each clip has, whatever the clips beside it; waveforms are normalised.

        The features are stretched to one a frame before the transformer hears them (FaceFormer on VOCASET),
        or, `double`, kept at two a frame (on BIWI), less an odd one and those past the motion.
        """
        parts = []
        for sound, n, count in zip(waveform, samples.tolist(), frames.tolist(), strict=True):
            ticks = self.convolve(sound[None, :n])
            if self.two_a_frame:
                parts.append(ticks[0, : max(1, min(len(ticks[0]) // 2 * 2, 2 * count))])
            else:
                parts.append(resampled(ticks, count)[0])
        counts = torch.tensor([len(part) for part in parts])
        ragged = bool((counts != counts[0]).any())
        features = nn.utils.rnn.pad_sequence(parts, batch_first=True)
        return self.transform(features, counts if ragged else None), counts

    def listened(self, speech: Speech, frames: int) -> ReadLetters:
        """Every window is read by itself."""
        rate, device = Fraction(SAMPLE_RATE, self.fps), self.head.weight.device
        sound = speech.waveform
        mean, deviation = mean_and_deviation(sound)

        def letters(start: int, stop: int) -> tuple[Tensor, Tensor]:
            end = len(sound) if stop == frames else round(stop * rate)
            piece = ((sound[round(start * rate) : end] - mean) / deviation).to(device)[None]
            return self(piece, torch.tensor([piece.shape[1]]), torch.tensor([stop - start], device=device))

        return letters

    def silence(self, letters: ReadLetters) -> FrameValues:
        """It knows of none."""
        return lambda start, stop: torch.zeros(stop - start)

    def taught(self) -> Iterable[nn.Parameter]:
        """All but the convolutions."""
        yield self.hubert.masked_spec_embed
        for part in (self.hubert.feature_projection, self.hubert.encoder, self.head):
            yield from part.parameters()


class EarLetters(nn.Module):
    """Ours: ears that stay as they are, one letter a frame: the phone heard, or what a linear map learns."""

    def __init__(self, ears: Sequence[EarConfig], slots: int, fps: int) -> None:
        super().__init__()
        self.fps = fps
        self.ears = Ears(ears)
        self.head = nn.Identity() if self.ears.hear_phones_alone else nn.Linear(self.ears.width, slots)

    @property
    def features(self) -> Ears:
        """What can be heard before anything is learnt."""
        return self.ears

    def forward(
        self,
        waveform: Float[Tensor, "batch samples"],
        samples: Int[Tensor, " batch"],
        frames: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, "batch frames slots"], Int[Tensor, " batch"]]:
        """Letter logits, one a frame, whatever the clips beside it; waveforms are as recorded."""
        rows = [
            self.ears.heard(sound[:n], count, self.fps)
            for sound, n, count in zip(waveform, samples.tolist(), frames.tolist(), strict=True)
        ]
        return self.head(nn.utils.rnn.pad_sequence(rows, batch_first=True)), frames

    def listened(self, speech: Speech, frames: int) -> ReadLetters:
        """A window's letters are those of the whole."""
        device = next(self.parameters()).device
        features = self.ears.listened(speech.waveform.to(device), frames, self.fps)

        def letters(start: int, stop: int) -> tuple[Tensor, Tensor]:
            return self.head(features(start, stop))[None], torch.tensor([stop - start], device=device)

        return letters

    def silence(self, letters: ReadLetters) -> FrameValues:
        """Its probability, where letters are phones; 0 where they are not."""
        if not self.ears.hear_phones_alone:
            return lambda start, stop: torch.zeros(stop - start)
        return lambda start, stop: self.ears.silence(letters(start, stop)[0][0])

    def taught(self) -> Iterable[nn.Parameter]:
        return self.head.parameters()


def reader(ears: Sequence[EarConfig], slots: int, fps: int, double: bool) -> HubertLetters | EarLetters:
    """HuBERT alone reads as published."""
    if len(ears) == 1 and isinstance(ears[0], HubertConfig):
        return HubertLetters(ears[0], slots, fps, double)
    return EarLetters(ears, slots, fps)
