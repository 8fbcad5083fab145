"""How MemoryTalker learns: first to remember motions, then to imitate a manner of speaking."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.encoder import HubertEncoder, load_hubert, normalised
from talkcli.engine.audio.logmel_encoder import LogMelEncoder
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.mouth_motion import attention_to
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.memorytalker.motions import fit_mixing, lip_gap, targets
from talkcli.engine.methods.memorytalker.talker import Heard, MemoryTalker, MemoryTalkerConfig
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.listening import Heard as HeardPhones
from talkcli.engine.training.listening import letters, listening, misheard
from talkcli.engine.training.losses import mean_square, present, triplet, velocity
from talkcli.engine.training.stage import Losses, Stage, Update

LAMBDA_1 = LAMBDA_2 = 0.01
"""Weights of the memory's terms and of the style's."""
MARGIN = 1.0
"""Of the triplets."""


class Lesson(TensorStruct):
    """One utterance and its motion."""

    waveform: Float[Tensor, "*batch samples"] | None
    """Normalised; None where the letters are known beforehand."""
    samples: Int[Tensor, "*batch"]
    letters: Float[Tensor, "*batch frames slots"] | None
    """Of the frozen log-mel encoder."""
    motion: Float[Tensor, "*batch frames dims"]
    frames: Int[Tensor, "*batch"]
    weight: Float[Tensor, "*batch frames"] | None
    """How much each frame counts in L_mse; None as published, all alike."""
    lips: Int[Tensor, "*batch lip_verts"]
    """Vertices of L_lip, as the corpus lists them."""


class Voice(TensorStruct):
    waveform: Float[Tensor, "*batch samples"]
    """Normalised."""
    samples: Int[Tensor, "*batch"]


class Triplet(TensorStruct):
    """An utterance, its voice, and two more: the same speaker's and another's."""

    lesson: Lesson
    voice: Voice
    same: Voice
    other: Voice


def hear(network: MemoryTalker, lesson: Lesson) -> Heard:
    if lesson.letters is not None:
        return network.read(lesson.letters, lesson.frames, lesson.frames)
    assert lesson.waveform is not None
    letters, ticks = network.letters(lesson.waveform, lesson.samples, lesson.frames)
    return network.read(letters, ticks, lesson.frames)


def remember(network: MemoryTalker, lesson: Lesson, generator: torch.Generator) -> Losses:
    """Stage 1: L_mse + L_vel + lambda_1 (L_mem + L_align); the last two reach the memory alone."""
    heard, frames, m, memory = hear(network, lesson), lesson.frames, lesson.motion, network.memory
    f_m = network.motion(m)
    predicted = network.output(network.speak(heard, frames)) - m
    taught = network.output(network.decode(heard, f_m, frames)) - m
    log_k = memory.text_address(heard.letters).detach()
    log_v = memory.motion_address(f_m.detach())
    divergence = (log_k.exp() * (log_k - log_v)).sum(-1) * present(frames, m.shape[1])
    return {
        "mse": mean_square(predicted, frames, lesson.weight) + mean_square(taught, frames, lesson.weight),
        "vel": velocity(predicted, frames) + velocity(taught, frames),
        "mem": LAMBDA_1 * mean_square(memory.reconstruct(log_v) - f_m.detach(), frames),
        "align": LAMBDA_1 * divergence.sum() / len(m),
    }


def imitate(network: MemoryTalker, batch: Triplet, generator: torch.Generator) -> Losses:
    """Stage 2: L_mse + L_vel + lambda_2 (L_lip + L_style); only the style encoder learns."""
    lesson, style = batch.lesson, network.style
    f_s, f_same, f_other = (
        style.hear(voice.waveform, voice.samples) for voice in (batch.voice, batch.same, batch.other)
    )
    spoken = network.speak(hear(network, lesson), lesson.frames, style.gain(f_s))
    error = network.output(spoken) - lesson.motion
    compared = triplet(style.compare(f_s), style.compare(f_same), style.compare(f_other), MARGIN)
    return {
        "mse": mean_square(error, lesson.frames, lesson.weight),
        "vel": velocity(error, lesson.frames),
        "lip": LAMBDA_2 * mean_square(at_lips(network, error, lesson.lips), lesson.frames),
        "style": LAMBDA_2 * compared,
    }


def at_lips(
    network: MemoryTalker, error: Float[Tensor, "batch frames dims"], lips: Int[Tensor, "batch lip_verts"]
) -> Float[Tensor, "batch frames lip_dims"]:
    """What an error of motion is at the lips: in the corpus's own units, millimetres on the rig."""
    names = network.config.rig_shapes
    if not names:
        columns = (3 * lips[:, :, None] + torch.arange(3, device=lips.device)).flatten(1)
        return error.gather(2, columns[:, None].expand(-1, error.shape[1], -1))
    model = load_rig(network.config.rig)
    shapes = model.shapes[model.columns(names)][:, lips[0].cpu()].flatten(1)
    return error @ (network.mixing @ shapes.to(error.device)) * 1000


def taught_weights(network: MemoryTalker) -> Iterable[nn.Parameter]:
    """Stage 1: everything but the style encoder, HuBERT's convolutions and a log-mel encoder."""
    parts: list[nn.Module] = [network.text, network.motion, network.memory, network.fusion]
    parts += [network.decoder, network.output]
    if isinstance(network.encoder, HubertEncoder):
        hubert = network.encoder.hubert
        parts += [hubert.feature_projection, hubert.encoder, network.encoder.letters]
        yield hubert.masked_spec_embed
    for part in parts:
        yield from part.parameters()


def lessons(
    network: MemoryTalker, clips: ClipSet, excerpt: int, views: int, mishear: float = 0.0
) -> Example[Lesson]:
    """Whole clips, or random excerpts of so many frames, misheard by up to so much.

    A log-mel encoder listens to every clip beforehand: as it is, or to `views` versions of it in other rooms,
    since the voices of a corpus are cleaner than those that will come.
    """
    motions, encoder = targets(network, clips), network.encoder
    gap = lip_gap(network)
    fps, lips = network.config.fps, clips.avatar(0).lips
    heard = None
    if isinstance(encoder, LogMelEncoder):
        heard = letters(encoder, clips, [len(motion) for motion in motions], fps, views)

    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> Lesson:
        motion = motions[index]
        length = min(len(motion), excerpt or len(motion))
        start = int(torch.randint(len(motion) - length + 1, (1,), generator=generator))
        count, motion = torch.tensor(length), motion[start : start + length]
        weight = None if gap is None else attention_to(motion @ gap)
        if heard is not None:
            view = heard[index][int(torch.randint(len(heard[index]), (1,), generator=generator))]
            told = view[start : start + length].float()
            if mishear:
                told = misheard(told, mishear * float(torch.rand((), generator=generator)), generator)
            return Lesson(None, torch.tensor(0), told, motion, count, weight, lips)
        waveform = normalised(clips.speech(index).waveform)
        waveform = waveform[round(start * SAMPLE_RATE / fps) : round((start + length) * SAMPLE_RATE / fps)]
        return Lesson(waveform, torch.tensor(len(waveform)), None, motion, count, weight, lips)

    return cut


def triplets(clips: ClipSet, lesson: Example[Lesson], seconds: float, rooms: bool) -> Example[Triplet]:
    """The same speaker's other clip and anybody else's, drawn anew; whole (0) or up to so many seconds.

    With `rooms` every voice is heard in another room, so that a manner is not mistaken for a microphone.
    """
    if len(clips.speakers) < 2:
        raise BadInput(f"Style needs two speakers; {clips.folder} has one.", "Prepare more speakers.")

    def voice(index: int, generator: torch.Generator) -> Voice:
        waveform = clips.speech(index).waveform
        length = min(len(waveform), int(seconds * SAMPLE_RATE) or len(waveform))
        start = int(torch.randint(len(waveform) - length + 1, (1,), generator=generator))
        piece = waveform[start : start + length]
        if rooms:
            dice = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
            piece = torch.from_numpy(elsewhere(piece.numpy(), dice))
        return Voice(normalised(piece), torch.tensor(length))

    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> Triplet:
        own = clips.speaker(index)
        kin = [i for i in clips.speakers[own] if i != index] or [index]
        strangers = [i for speaker, indices in clips.speakers.items() if speaker != own for i in indices]

        def anyone(among: list[int]) -> int:
            return among[int(torch.randint(len(among), (1,), generator=generator))]

        return Triplet(
            lesson(clips, index, generator),
            voice(index, generator),
            voice(anyone(kin), generator),
            voice(anyone(strangers), generator),
        )

    return cut


EPOCHS = 100 * 320
"""The paper's hundred epochs of VOCASET's training clips, one clip a step."""


def listen(config: MemoryTalkerConfig) -> Stage[MemoryTalker, HeardPhones] | None:
    """Stage 0 of the log-mel encoder, which nobody trained before us: phones, from clips that know them."""
    if config.encoder == "hubert":
        return None

    def encoder(network: MemoryTalker) -> LogMelEncoder:
        assert isinstance(network.encoder, LogMelEncoder)
        return network.encoder

    return listening(encoder)


def memorise(
    config: MemoryTalkerConfig, *, excerpt: int = 0, views: int = 0, mishear: float = 0.0, hubert: str = ""
) -> Stage[MemoryTalker, Lesson]:
    """Stage 1 as published: Adam at 1e-4, whole clips one by one.

    `mishear`: by how much the letters of an excerpt err at most (standard deviation of logits): an encoder of
    our own knows the voices that it learnt from better than those that will come.
    `hubert` is the folder of the pretrained HuBERT to begin with; without it HuBERT begins untaught.
    """

    def begin(network: MemoryTalker, clips: ClipSet, generator: torch.Generator) -> Example[Lesson]:
        if hubert:
            _take_over(network, load_hubert(Path(hubert)))
        fit_mixing(network, clips)
        return lessons(network, clips, excerpt, views, mishear)

    update = Update(taught_weights, remember, lr=1e-4, clip_norm=None)
    return Stage((update,), begin, steps=EPOCHS, batch=1)


def _take_over(network: MemoryTalker, pretrained: HubertEncoder) -> None:
    """HuBERT as somebody else trained it, under letters of our own."""
    if not isinstance(network.encoder, HubertEncoder):
        raise BadUsage("This model does not hear with HuBERT.", "Leave memorise.hubert out.")
    try:
        network.encoder.hubert.load_state_dict(pretrained.hubert.state_dict())
    except RuntimeError as error:
        hint = "Set hubert.hidden, hubert.layers ... to its sizes."
        raise BadUsage("That HuBERT has other sizes than this model's.", hint) from error


def stylise(
    config: MemoryTalkerConfig, *, excerpt: int = 0, views: int = 0, seconds: float = 0.0
) -> Stage[MemoryTalker, Triplet]:
    """Stage 2 as published: Adam at 5e-5 on the style encoder; all else is frozen, in eval mode."""

    def begin(network: MemoryTalker, clips: ClipSet, generator: torch.Generator) -> Example[Triplet]:
        network.style.learnt.fill_(True)
        return triplets(clips, lessons(network, clips, excerpt, views), seconds, rooms=views > 0)

    weights: Callable[[MemoryTalker], Iterable[nn.Parameter]] = lambda network: network.style.parameters()  # noqa: E731
    return Stage((Update(weights, imitate, lr=5e-5, clip_norm=None),), begin, steps=EPOCHS, batch=1)
