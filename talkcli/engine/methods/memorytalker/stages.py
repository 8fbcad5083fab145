"""How MemoryTalker learns: first to remember motions, then to imitate a manner of speaking."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.ears import UNTAUGHT_HUBERT, take_pretrained
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.audio.wav2vec import HubertConfig, normalised
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.errors import BadInput
from talkcli.engine.face.mouth_motion import attention_to
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.memorytalker.motions import fit_mixing, lip_gap, targets
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig, SpokenText
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.listening import PhoneExample, heard_beforehand, listening, misheard
from talkcli.engine.training.losses import mean_square, present, triplet, velocity
from talkcli.engine.training.stage import Losses, Stage, Update

LAMBDA_1 = LAMBDA_2 = 0.01
"""Weights of the memory's terms and of the style's."""


class UtteranceExample(TensorStruct):
    """One utterance and its motion."""

    on_host = "samples", "frames", "lips"

    waveform: Float[Tensor, "*batch samples"] | None
    """Normalised; None where what is heard is known beforehand."""
    samples: Int[Tensor, "*batch"]
    features: Float[Tensor, "*batch frames width"] | None
    """What ears that do not learn hear."""
    motion: Float[Tensor, "*batch frames dims"]
    frames: Int[Tensor, "*batch"]
    weight: Float[Tensor, "*batch frames"] | None
    """How much each frame counts in L_mse; None as published, all alike."""
    lips: Int[Tensor, "*batch lip_verts"]
    """Vertices of L_lip, as the corpus lists them."""


class VoiceExample(TensorStruct):
    on_host = ("samples",)
    waveform: Float[Tensor, "*batch samples"]
    """Normalised."""
    samples: Int[Tensor, "*batch"]


class Triplet(TensorStruct):
    """An utterance, its voice, and two more: the same speaker's and another's."""

    utterance: UtteranceExample
    voice: VoiceExample
    same: VoiceExample
    other: VoiceExample


def said_in(network: MemoryTalker, utterance: UtteranceExample) -> SpokenText:
    frames = utterance.frames
    if utterance.features is not None:
        return network.read(network.encoder.head(utterance.features), frames, frames)
    assert utterance.waveform is not None
    letters, ticks = network.encoder(utterance.waveform, utterance.samples, frames)
    return network.read(letters, ticks, frames)


def remember(network: MemoryTalker, utterance: UtteranceExample, generator: torch.Generator) -> Losses:
    """Stage 1: L_mse + L_vel + lambda_1 (L_mem + L_align); the last two reach the memory alone."""
    text, frames, m, memory = said_in(network, utterance), utterance.frames, utterance.motion, network.memory
    f_m = network.motion(m)
    predicted = network.output(network.speak(text, frames)) - m
    teacher = network.output(network.decode(text, f_m, frames)) - m
    log_k = memory.text_address(text.letters).detach()
    log_v = memory.motion_address(f_m.detach())
    divergence = (log_k.exp() * (log_k - log_v)).sum(-1) * present(frames, m.shape[1], m.device)
    return {
        "mse": mean_square(predicted, frames, utterance.weight)
        + mean_square(teacher, frames, utterance.weight),
        "vel": velocity(predicted, frames) + velocity(teacher, frames),
        "mem": LAMBDA_1 * mean_square(memory.reconstruct(log_v) - f_m.detach(), frames),
        "align": LAMBDA_1 * divergence.sum() / len(m),
    }


def imitate(network: MemoryTalker, batch: Triplet, margin: float) -> Losses:
    """Stage 2: L_mse + L_vel + lambda_2 (L_lip + L_style); only the style encoder learns."""
    utterance, style = batch.utterance, network.style
    f_s, f_same, f_other = (
        style.hear(voice.waveform, voice.samples) for voice in (batch.voice, batch.same, batch.other)
    )
    speech = network.speak(said_in(network, utterance), utterance.frames, style.gain(f_s))
    error = network.output(speech) - utterance.motion
    compared = triplet(style.compare(f_s), style.compare(f_same), style.compare(f_other), margin)
    return {
        "mse": mean_square(error, utterance.frames, utterance.weight),
        "vel": velocity(error, utterance.frames),
        "lip": LAMBDA_2 * mean_square(at_lips(network, error, utterance.lips), utterance.frames),
        "style": LAMBDA_2 * compared,
    }


def at_lips(
    network: MemoryTalker, error: Float[Tensor, "batch frames dims"], lips: Int[Tensor, "batch lip_verts"]
) -> Float[Tensor, "batch frames lip_dims"]:
    """What an error of motion is at the lips: in the corpus's own units, millimetres on the rig."""
    names = network.config.rig_shapes
    if not names:
        columns = (3 * lips[:, :, None] + torch.arange(3)).flatten(1).to(error.device, non_blocking=True)
        return error.gather(2, columns[:, None].expand(-1, error.shape[1], -1))
    model = load_rig(network.config.rig)
    shapes = model.shapes[model.columns(names)][:, lips[0]].flatten(1)
    return error @ (network.mixing @ shapes.to(error.device, non_blocking=True)) * 1000


def taught_weights(network: MemoryTalker) -> Iterable[nn.Parameter]:
    """Stage 1: everything but the style encoder and what its encoder does not teach."""
    parts: list[nn.Module] = [network.text, network.motion, network.memory, network.fusion]
    parts += [network.decoder, network.output]
    for part in parts:
        yield from part.parameters()
    yield from network.encoder.taught()


def utterances(
    network: MemoryTalker, clips: ClipSet, excerpt: int, views: int, mishear: float = 0.0
) -> Example[UtteranceExample]:
    """Whole clips, or random excerpts of so many frames, misheard by up to so much.

    Ears that do not learn listen to every clip beforehand: as it is, or to `views` versions of it in other
    rooms, since the voices of a corpus are cleaner than those that will come.
    """
    motions, ears = targets(network, clips), network.encoder.features
    gap = None if network.config.published else lip_gap(network)
    fps, lips = network.config.fps, clips.avatar(0).lips
    tracks = None
    if ears is not None:
        tracks = heard_beforehand(ears, clips, [len(motion) for motion in motions], fps, views)

    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> UtteranceExample:
        motion = motions[index]
        length = min(len(motion), excerpt or len(motion))
        start = int(torch.randint(len(motion) - length + 1, (1,), generator=generator))
        count, motion = torch.tensor(length), motion[start : start + length]
        weight = None if gap is None else attention_to(motion @ gap)
        if tracks is not None:
            view = tracks[index][int(torch.randint(len(tracks[index]), (1,), generator=generator))]
            features = view[start : start + length].float()
            if mishear:
                spread = mishear * float(torch.rand((), generator=generator))
                features = misheard(features, spread, generator)
            return UtteranceExample(None, torch.tensor(0), features, motion, count, weight, lips)
        waveform = normalised(clips.speech(index).waveform)
        waveform = waveform[round(start * SAMPLE_RATE / fps) : round((start + length) * SAMPLE_RATE / fps)]
        return UtteranceExample(waveform, torch.tensor(len(waveform)), None, motion, count, weight, lips)

    return cut


def triplets(
    clips: ClipSet, utterance: Example[UtteranceExample], seconds: float, rooms: bool
) -> Example[Triplet]:
    """The same speaker's other clip and anybody else's, drawn anew; whole (0) or up to so many seconds.

    With `rooms` every voice is heard in another room, so that a manner is not mistaken for a microphone.
    """
    if len(clips.speakers) < 2:
        raise BadInput(f"Style needs two speakers; {clips.folder} has one.", "Prepare more speakers.")

    def voice(index: int, generator: torch.Generator) -> VoiceExample:
        samples = clips.samples(index)
        length = min(samples, int(seconds * SAMPLE_RATE) or samples)
        start = int(torch.randint(samples - length + 1, (1,), generator=generator))
        piece = clips.sound(index, start, start + length)
        if rooms:
            dice = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
            piece = torch.from_numpy(elsewhere(piece.numpy(), dice))
        return VoiceExample(normalised(piece), torch.tensor(length))

    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> Triplet:
        own = clips.speaker(index)
        kin = [i for i in clips.speakers[own] if i != index] or [index]
        strangers = [i for speaker, indices in clips.speakers.items() if speaker != own for i in indices]

        def anyone(among: list[int]) -> int:
            return among[int(torch.randint(len(among), (1,), generator=generator))]

        return Triplet(
            utterance(clips, index, generator),
            voice(index, generator),
            voice(anyone(kin), generator),
            voice(anyone(strangers), generator),
        )

    return cut


EPOCHS = 100 * 320
"""The paper's hundred epochs of VOCASET's training clips, one clip a step."""


def listen(config: MemoryTalkerConfig) -> Stage[MemoryTalker, PhoneExample] | None:
    """Stage 0 of a log-mel encoder, which begins from nothing: phones, from clips that know them."""
    return listening() if any(isinstance(ear, LogMelEncoderConfig) for ear in config.ears) else None


def memorise(
    config: MemoryTalkerConfig, *, excerpt: int = 0, views: int = 0, mishear: float = 0.0, hubert: str = ""
) -> Stage[MemoryTalker, UtteranceExample]:
    """Stage 1 as published: Adam at 1e-4, whole clips one by one.

    `mishear`: by how much what ears hear of an excerpt errs at most (standard deviation of logits; see
    `misheard`).
    `hubert` is the folder of the pretrained HuBERT to begin with; without it HuBERT begins untaught.
    """

    def begin(network: MemoryTalker, clips: ClipSet, generator: torch.Generator) -> Example[UtteranceExample]:
        if hubert:
            take_pretrained(network, Path(hubert))
        fit_mixing(network, clips)
        return utterances(network, clips, excerpt, views, mishear)

    update = Update(taught_weights, remember, lr=1e-4, clip_norm=None)
    untaught = not hubert and any(isinstance(ear, HubertConfig) for ear in config.ears)
    return Stage((update,), begin, steps=EPOCHS, batch=1, notes=(UNTAUGHT_HUBERT,) if untaught else ())


def stylise(
    config: MemoryTalkerConfig,
    *,
    excerpt: int = 0,
    views: int = 0,
    seconds: float = 0.0,
    margin: float = 1.0,
) -> Stage[MemoryTalker, Triplet]:
    """Stage 2 as published: Adam at 5e-5 on the style encoder; all else is frozen, in eval mode.

    `margin`: by how much another's style must lie farther off than one's own; the authors' README says 5, the
    code that they published 1.
    """

    def begin(network: MemoryTalker, clips: ClipSet, generator: torch.Generator) -> Example[Triplet]:
        network.style.learnt.fill_(True)
        return triplets(clips, utterances(network, clips, excerpt, views), seconds, rooms=views > 0)

    def losses(network: MemoryTalker, batch: Triplet, generator: torch.Generator) -> Losses:
        return imitate(network, batch, margin)

    def weights(network: MemoryTalker) -> Iterable[nn.Parameter]:
        return network.style.parameters()

    return Stage((Update(weights, losses, lr=5e-5, clip_norm=None),), begin, steps=EPOCHS, batch=1)
