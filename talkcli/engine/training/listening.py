"""The stage that teaches a log-mel encoder to hear phones, from clips that know when each is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.augment import at_pitch, bend, elsewhere, hide, wordless
from talkcli.engine.audio.ear import TICKS, Ear
from talkcli.engine.audio.logmel import HOP, fold, mel_power, normalise, with_slopes
from talkcli.engine.audio.logmel_encoder import LogMelEncoder
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.device import bfloat16_products
from talkcli.engine.errors import BadInput
from talkcli.engine.phones import SILENCE
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.stage import Losses, Stage, Update, cosine

SPECTRA = 320
"""Spectra of an example: 3.2 s."""
SLACK = 100
"""More that are cut, since a faster tempo uses them up."""
PER_SECOND = SAMPLE_RATE // HOP
PER_TICK = PER_SECOND // TICKS
SILENT = 0.04
"""Share of the examples in which something sounds and nobody speaks."""
PITCHED = 0.3
"""Share of the examples whose voice is higher or lower than it was, all else alike."""
SLIP = 3
"""Frames for which one sound is misheard."""
UNKNOWN = -1
"""The phone of a tick that is padding."""


class PhoneExample(TensorStruct):
    """Augmented features and what was said, alone or stacked."""

    features: Float[Tensor, "*batch spectra features"]
    phones: Int[Tensor, "*batch ticks"]


def phone_example(clips: ClipSet, index: int, generator: torch.Generator) -> PhoneExample:
    """A stretch of a clip somewhere else: another room, pitch, throat, tempo, microphone."""
    phones = clips.phones(index)
    if phones is None:
        raise BadInput(f"{clips.names[index]} has no phones.", "Listening is learnt from studio clips.")
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    spectra = clips.samples(index) // HOP + 1
    first = int(rng.integers(max(0, spectra - SPECTRA - SLACK) + 1))
    wave = clips.sound(index, first * HOP, (first + SPECTRA + SLACK) * HOP).numpy()
    own = rng.spawn(1)[0]  # dice apart, so that all else falls as it would without it
    if own.random() < PITCHED:
        wave = at_pitch(wave, float(np.exp(own.normal(0, 0.15)).clip(0.7, 1.4)))
    silent = rng.random() < SILENT
    if silent:
        wave = wordless(len(wave), rng)
    if rng.random() < 0.8:
        wave = elsewhere(wave, rng)
    power = mel_power(torch.from_numpy(wave)[None])[0].numpy()
    phones_said = phones.frames(PER_SECOND, first + len(power))[first:].numpy()
    if silent:
        phones_said = np.full_like(phones_said, SILENCE)
    if rng.random() < 0.04:  # a stretch without speech
        power, phones_said = 1e-3 * power.mean() + 1e-6 * power, np.full_like(phones_said, SILENCE)
    power, phones_said = bend(power, phones_said, rng)
    power, phones_said = power[:SPECTRA], phones_said[:SPECTRA]
    floor = float(10 ** -rng.uniform(3, 5.5))
    bands = fold(torch.from_numpy(power).float()[None])
    levels = torch.from_numpy(hide(normalise(bands, floor)[0].numpy(), rng))
    padding = SPECTRA - len(phones_said)
    labels = F.pad(torch.from_numpy(phones_said), (0, padding), value=UNKNOWN)[::PER_TICK]
    return PhoneExample(with_slopes(F.pad(levels, (0, 0, 0, padding))[None])[0], labels)


def listening(*, steps: int = 10_000) -> Stage[Any, PhoneExample]:
    """Cross entropy of the phone at every tick, labels smoothed by 0.05; the log-mel encoder learns.

    24 examples a step, AdamW at 2e-3, in bfloat16 where the device multiplies it.
    """

    def ear(network: nn.Module) -> LogMelEncoder:
        return next(part for part in network.modules() if isinstance(part, LogMelEncoder))

    def losses(network: nn.Module, batch: PhoneExample, generator: torch.Generator) -> Losses:
        with bfloat16_products(batch.features.device):
            logits = ear(network).phones(batch.features)
        flat = logits.float().flatten(0, 1)
        loss = F.cross_entropy(flat, batch.phones.flatten(), ignore_index=UNKNOWN, label_smoothing=0.05)
        return {"phones": loss}

    def begin(network: nn.Module, clips: ClipSet, generator: torch.Generator) -> Example[PhoneExample]:
        return phone_example

    def weights(network: nn.Module) -> Iterable[nn.Parameter]:
        return ear(network).parameters()

    update = Update[nn.Module, PhoneExample](weights, losses, 2e-3, weight_decay=0.02)
    return Stage((update,), begin, steps, batch=24, ema=0.999, schedule=cosine)


@torch.no_grad()
def heard_beforehand(
    ear: Ear, clips: ClipSet, frames: Sequence[int], fps: Fraction | float, views: int = 0
) -> list[list[Float[Tensor, "frames width"]]]:
    """What a taught ear hears in each clip, in half precision: as it is, or in `views` other rooms, since the
    voices of a corpus are cleaner than those that will come."""
    ear.eval()
    device = next(ear.parameters()).device
    clipwise = []
    for index, count in enumerate(frames):
        wave = clips.speech(index).waveform.numpy()
        rooms = [elsewhere(wave, np.random.default_rng([index, view])) for view in range(views)] or [wave]
        sounds = (torch.from_numpy(room).to(device) for room in rooms)
        clipwise.append([ear.heard(sound, count, fps).half().cpu() for sound in sounds])
    return clipwise


def misheard(
    heard: Float[Tensor, "frames width"], spread: float, generator: torch.Generator
) -> Float[Tensor, "frames width"]:
    """What is heard, such as logits, off by normal chance of this spread, a tenth of a second at a time.

    An ear of our own names the phones of the voices that it learnt from better than those of other voices; a
    talker that trains on what it hears of the former must expect its errors on the latter.
    """
    frames, width = heard.shape
    error = torch.randn(-(-frames // SLIP), width, generator=generator).repeat_interleave(SLIP, 0)
    return heard.float() + spread * error[:frames]
