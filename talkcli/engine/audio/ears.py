"""Ears of all kinds: what a method may hear speech with, built, filled and found in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.audio.closures import crested
from talkcli.engine.audio.coarticulation import rounded
from talkcli.engine.audio.ear import Ear, Listened
from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.audio.pauses import without_breaths
from talkcli.engine.audio.pretrained import Pretrained, settings_in, take_body
from talkcli.engine.audio.starter_ear import EncoderConfig, StarterEar, StarterEarConfig, encoder_of, frozen
from talkcli.engine.audio.wav2vec import HubertConfig, Wav2Vec2Config, Wav2VecEar, WavlmConfig, wav2vec_config
from talkcli.engine.audio.whisper import WhisperConfig, WhisperEar, whisper_config
from talkcli.engine.errors import BadUsage
from talkcli.engine.phones import SILENCE

PhoneEarConfig = StarterEarConfig | LogMelEncoderConfig
"""Of an ear that hears phones."""
EarConfig = PhoneEarConfig | HubertConfig | WavlmConfig | Wav2Vec2Config | WhisperConfig
"""Of one ear; `kind` tells which."""


UNTAUGHT_HUBERT = (
    "No pretrained HuBERT is given: it begins as it is. Give its folder: --set hubert=FOLDER "
    "(talk models fetch hubert-base brings one)."
)


class Ears(Ear):
    """Ears side by side: what they hear stands in one row, in their order."""

    def __init__(self, configs: Sequence[EarConfig]) -> None:
        super().__init__()
        if not configs:
            raise BadUsage("A model without ears hears nothing.", "Give it one: --set ears=logmel")
        self.parts = nn.ModuleList([build_ear(config) for config in configs])

    @property
    def ears(self) -> list[Ear]:
        return [ear for ear in self.parts if isinstance(ear, Ear)]

    @property
    def width(self) -> int:
        return sum(ear.width for ear in self.ears)

    @property
    def hear_phones_alone(self) -> bool:
        return len(self.ears) == 1 and self.ears[0].hears_phones

    def silence(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """Its probability, by the first ear that hears phones; 0 where none does."""
        parts = zip(self.ears, rows.split([ear.width for ear in self.ears], dim=1), strict=True)
        phones = next((part for ear, part in parts if ear.hears_phones), None)
        return rows.new_zeros(len(rows)) if phones is None else phones.softmax(1)[:, SILENCE]

    def listened(self, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float) -> Listened:
        parts = [
            spoken_phones(ear, waveform, frames, fps)
            if ear.hears_phones
            else ear.listened(waveform, frames, fps)
            for ear in self.ears
        ]
        return lambda start, stop: torch.cat([part(start, stop) for part in parts], dim=1)


def spoken_phones(
    ear: Ear, waveform: Float[Tensor, " samples"], frames: int, fps: Fraction | float
) -> Listened:
    """What an ear that hears phones tells a mouth: not only what is heard, but how it is to be seen."""
    phones = rounded(ear.listened(waveform, frames, fps), frames, fps)
    if not isinstance(ear, StarterEar):
        return phones
    if ear.config.firmness:
        phones = crested(phones, frames, fps, ear.config.firmness)
    if ear.config.faint:
        phones = without_breaths(phones, waveform, frames, fps, ear.config.faint)
    return phones


def build_ear(config: EarConfig) -> Ear:
    """An untaught ear. MissingAsset where transformers is wanted and not installed."""
    if isinstance(config, PhoneEarConfig):
        return StarterEar(config) if isinstance(config, StarterEarConfig) else LogMelEncoder(config)
    return WhisperEar(config) if isinstance(config, WhisperConfig) else Wav2VecEar(config)


def ear_config(folder: Path) -> EncoderConfig:
    """Sizes of the HuBERT, WavLM, wav2vec 2.0 or Whisper in a local folder of transformers' form."""
    return (
        whisper_config(folder)
        if settings_in(folder).get("model_type") == "whisper"
        else wav2vec_config(folder)
    )


def load_ear(folder: Path) -> Ear:
    """The taught ear in such a folder (config.json, model.safetensors), ready to hear; nothing is fetched."""
    ear = build_ear(ear_config(folder))
    assert isinstance(ear, Pretrained)
    take_body(ear, folder)
    return ear.eval()


def frozen_encoder(folder: Path, config: EncoderConfig) -> nn.Module:
    """The encoder of such a folder, or the first blocks of it, as an ear with a head of ours keeps it.

    BadUsage where the folder holds one of other sizes.
    """
    theirs = ear_config(folder)
    if not is_part_of(config, theirs):
        raise BadUsage(f"The {theirs.kind} in {folder} has other sizes.", "Give another folder.")
    whole, encoder = load_ear(folder), encoder_of(config)
    assert isinstance(whole, Pretrained)
    weights = whole.body.state_dict()
    encoder.load_state_dict({name: weights[name.removeprefix("model.")] for name in encoder.state_dict()})
    return frozen(encoder).eval()


def is_part_of(config: EncoderConfig, whole: EncoderConfig) -> bool:
    """Whether an encoder is the first blocks of another, or all of it; how it is trained does not matter."""
    trained = {"layers", "ticks", "dropout", "time_mask"}
    sizes = [
        {name: size for name, size in asdict(it).items() if name not in trained} for it in (config, whole)
    ]
    return sizes[0] == sizes[1] and config.layers <= whole.layers


def take_pretrained(network: nn.Module, folder: Path) -> None:
    """The weights in such a folder into the one part of a network that is of their kind."""
    kind = settings_in(folder).get("model_type")
    part = next((p for p in network.modules() if isinstance(p, Pretrained) and p.kind == kind), None)
    if part is None:
        raise BadUsage(f"This model hears with no {kind}.", f"Give it one: --set ears={kind}")
    take_body(part, folder)


def phone_ear(network: nn.Module) -> tuple[str, StarterEar | LogMelEncoder] | None:
    """The ear of a network, of any method, that hears phones, and its name among the network's modules.

    None where it has none. `phone_ear(talker)` is the one way to it: its weights in a checkpoint begin with
    the name, and `ear.heard_at_ticks(waveform)` gives phone logits, TICKS a second.
    """
    modules = network.named_modules()
    return next(((name, ear) for name, ear in modules if isinstance(ear, StarterEar | LogMelEncoder)), None)


def holds_starter_ear(network: nn.Module) -> bool:
    """Whether a network hears with an ear that is taught beforehand, and comes with the program."""
    return any(isinstance(part, StarterEar) for part in network.modules())


def take_phone_ear(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """The ear that hears phones out of a checkpoint's weights, of any method, into a network."""
    hint = "Name a starter: memorytalker."
    own = phone_ear(network)
    if own is None:
        raise BadUsage("This model does not hear phones.", "Give it an ear that does: --set ears=logmel")
    state = own[1].state_dict()
    last = next(iter(state))
    prefix = next((key.removesuffix(last) for key in weights if key.endswith(last)), None)
    if prefix is None or not all(prefix + key in weights for key in state):
        raise BadUsage("There is no ear that hears phones in that checkpoint.", hint)
    try:
        own[1].load_state_dict({key: weights[prefix + key] for key in state})
    except RuntimeError as error:
        raise BadUsage("That ear has other sizes than this model's.", hint) from error
