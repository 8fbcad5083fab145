"""How UniGAHA learns to speak: first what lips do, then the diffusion of codes that is told of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from talkcli.engine.audio.ears import take_pretrained
from talkcli.engine.audio.wav2vec import Wav2Vec2Config
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.errors import BadInput
from talkcli.engine.face.mouth_motion import attention_to, gap_of
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.generation.noise import normal_noise
from talkcli.engine.methods.unigaha.config import UnigahaConfig
from talkcli.engine.methods.unigaha.denoiser import Carried
from talkcli.engine.methods.unigaha.talker import Unigaha
from talkcli.engine.motion import Coefficients
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.heard_clips import WORDS, HeardClips
from talkcli.engine.training.stage import Losses, Stage, Update, cosine

UNTAUGHT_WAV2VEC = (
    "No pretrained wav2vec 2.0 is given: it stays as it is. Give its folder: --set wav2vec=FOLDER."
)
BLIND_FROM = 0.8
"""Share of the steps past which little but noise is to be seen."""
_CARRYING = 0.5
"""Share of training windows that go on from known frames."""
_SPEED = 2.0
"""Weight of first differences beside what they are differences of."""
_PAPER_BATCH, _SMALL_BATCH = 64, 16


class SpokenWindow(TensorStruct):
    """A window of a clip: what is heard, and what the face does."""

    heard: Float[Tensor, "*batch frames spliced"]
    numbers: Float[Tensor, "*batch frames diffused"]
    lips: Float[Tensor, "*batch frames lips"]
    weight: Float[Tensor, "*batch frames"]
    """How much each frame counts."""


def lip_reading(
    config: UnigahaConfig,
    *,
    calm: bool = False,
    views: int = 0,
    mishear: float = 0.0,
    stress: float = 0.0,
    wav2vec: str = "",
) -> Stage[Unigaha, SpokenWindow]:
    """Mean square of lips and of their first differences; the lip reader learns.

    `calm`: whether takes in a mood are left out, which changes mouths and cannot be told from phones;
    `views`: other rooms in which each clip is heard beforehand; `mishear`: by how much what is heard errs at
    most (standard deviation of logits); `stress`: power of how much more frames of shut lips count;
    `wav2vec`: the folder of the pretrained ear.
    """

    learnt: dict[str, int] = {}

    def begin(network: Unigaha, clips: ClipSet, generator: torch.Generator) -> Example[SpokenWindow]:
        return spoken_windows(network, clips, calm, views, mishear, stress, wav2vec, learnt)

    def losses(network: Unigaha, batch: SpokenWindow, generator: torch.Generator) -> Losses:
        error = network.lip_reader(batch.heard).float() - batch.lips
        return {
            "lips": shared_square(error, batch.weight),
            "speed": _SPEED * shared_square(error.diff(dim=1), batch.weight[:, 1:]),
        }

    def weights(network: Unigaha) -> Iterable[nn.Parameter]:
        return network.lip_reader.parameters()

    update = Update[Unigaha, SpokenWindow](weights, losses, lr=1e-4, weight_decay=0.01)
    return _stage(config, begin, update, learnt, wav2vec, steps=20_000)


def code_diffusion(
    config: UnigahaConfig,
    *,
    calm: bool = False,
    views: int = 0,
    mishear: float = 0.0,
    stress: float = 0.0,
    mouth: float = 2.0,
    blind: float = 0.0,
    wav2vec: str = "",
) -> Stage[Unigaha, SpokenWindow]:
    """Mean square of what `config.target` says; of clean numbers their first differences and their lips.

    `mouth`: weight of the error that is seen at the lips; `blind`: share of windows that are guessed from
    hardly more than noise, which is what few steps need; the other options are those of `lip_reading`.
    """

    learnt: dict[str, int] = {}

    def begin(network: Unigaha, clips: ClipSet, generator: torch.Generator) -> Example[SpokenWindow]:
        return spoken_windows(network, clips, calm, views, mishear, stress, wav2vec, learnt)

    def losses(network: Unigaha, batch: SpokenWindow, generator: torch.Generator) -> Losses:
        return diffusion_terms(network, batch, generator, mouth, blind)

    def weights(network: Unigaha) -> Iterable[nn.Parameter]:
        return network.denoiser.parameters()

    update = Update[Unigaha, SpokenWindow](weights, losses, lr=1e-4, weight_decay=0.01)
    return _stage(config, begin, update, learnt, wav2vec, steps=200_000)


def _stage(
    config: UnigahaConfig,
    begin: Callable[[Unigaha, ClipSet, torch.Generator], Example[SpokenWindow]],
    update: Update[Unigaha, SpokenWindow],
    learnt: Mapping[str, int],
    wav2vec: str,
    steps: int,
) -> Stage[Unigaha, SpokenWindow]:
    untaught = not wav2vec and any(isinstance(ear, Wav2Vec2Config) for ear in config.ears)
    batch = _PAPER_BATCH if config.features >= UnigahaConfig.features else _SMALL_BATCH
    notes = (UNTAUGHT_WAV2VEC,) if untaught else ()
    return Stage((update,), begin, steps, batch, schedule=cosine, notes=notes, learnt=lambda: learnt)


def diffusion_terms(
    network: Unigaha,
    batch: SpokenWindow,
    generator: torch.Generator,
    mouth: float = 2.0,
    blind: float = 0.0,
) -> Losses:
    """At a random step, half of the windows going on from known frames, which cost nothing."""
    config, device, size = network.config, batch.numbers.device, len(batch.numbers)
    clean, schedule = batch.numbers, network.schedule
    t = torch.randint(1, config.steps + 1, (size,), generator=generator)
    late = torch.rand(size, generator=generator) < blind
    t = torch.where(late, config.steps - (t * (1 - BLIND_FROM)).long(), t).to(device, non_blocking=True)
    noise = normal_noise(clean.shape, generator, device)
    deaf = (torch.rand(size, generator=generator) < config.mask).to(device, non_blocking=True)
    past = carried_windows(clean, config.carried, torch.rand(size, generator=generator) < _CARRYING)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        with torch.no_grad():
            lips = network.lip_reader(batch.heard)
        heard = network.denoiser.listen(batch.heard, lips, deaf)
        said = network.denoiser(schedule.corrupt(clean, t, noise), t, past, heard).float()
    bar = schedule.alpha_bars[t][:, None, None]
    free = ~past.known
    if config.target == "x0":
        missed, error = said - clean, said - clean
    elif config.target == "eps":  # as large as the noise lets it, so that no step drowns the others
        missed = said - noise
        error = missed * ((1 - bar) / bar).sqrt().clamp(max=1)
    else:
        missed = said - (bar.sqrt() * noise - (1 - bar).sqrt() * clean)
        error = missed * (1 - bar).sqrt()
    error = error * free[..., None]
    weight = batch.weight * free
    seen = error @ network.space.lips_of_numbers
    return {
        config.target: shared_square(missed, weight),
        "speed": _SPEED * shared_square(error.diff(dim=1), weight[:, 1:]),
        "mouth": mouth * shared_square(seen, weight),
        "mouth_speed": mouth * shared_square(seen.diff(dim=1), weight[:, 1:]),
    }


def carried_windows(
    numbers: Float[Tensor, "batch frames diffused"], count: int, which: Bool[Tensor, " batch"]
) -> Carried:
    """The first `count` frames of some of a batch as known."""
    first = torch.arange(numbers.shape[1]) < count
    known = (which[:, None] & first).to(numbers.device, non_blocking=True)
    return Carried(numbers * known[..., None], known)


def shared_square(
    error: Float[Tensor, "batch frames dims"], weight: Float[Tensor, "batch frames"]
) -> Float[Tensor, ""]:
    """Mean square, some frames weighing more than others."""
    return (error.square().mean(-1) * weight).sum() / weight.sum()


def spoken_windows(
    network: Unigaha,
    clips: ClipSet,
    calm: bool,
    views: int,
    mishear: float,
    stress: float,
    wav2vec: str,
    learnt: dict[str, int],
) -> Example[SpokenWindow]:
    """Random ones; a clip that is too short holds its end. Options: see `lip_reading`; `learnt` is told how
    many clips they are of.

    The network learns its space from all of them, unless it knows one.
    """
    if wav2vec:
        take_pretrained(network, Path(wav2vec))
    config, length = network.config, network.config.window
    chosen, tracks = clip_tracks(clips, config, calm)
    learnt["clips"] = len(chosen)
    network.space.learn(tracks)
    heard = HeardClips({WORDS: network.ears}, clips, Fraction(config.fps), views, chosen)
    gap = gap_of(load_rig(config.rig), config.rig_shapes)
    space = copy.deepcopy(network.space).cpu()

    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> SpokenWindow:
        place = index % len(chosen)
        index, track = chosen[place], tracks[place]
        start = int(torch.randint(max(1, len(track) - length + 1), (), generator=generator))
        weights = track[torch.arange(start, start + length).clamp(max=len(track) - 1)]
        error = mishear * float(torch.rand((), generator=generator)) if mishear else 0.0
        view = heard.drawn(index, generator)
        words = heard.words(index, view, start, start + length, config.reach, error, generator)
        return SpokenWindow(
            words, space.numbers(weights), space.lips(weights), attention_to(weights @ gap) ** stress
        )

    return cut


def clip_tracks(
    clips: ClipSet, config: UnigahaConfig, calm: bool
) -> tuple[Sequence[int], list[Float[Tensor, "frames shapes"]]]:
    """The weights of the shapes that speech moves, clip by clip, and the numbers of those clips.

    BadInput for another frame rate or rig, or where `calm` leaves nothing.
    """
    columns, chosen, tracks = load_rig(config.rig).columns(config.rig_shapes), [], []
    for index in range(len(clips)):
        motion = clips.motion(index)
        face = motion.face
        if not isinstance(face, Coefficients) or face.rig != config.rig:
            hint = "Use clips of that rig."
            raise BadInput(f"This model learns from motions of the rig {config.rig}.", hint)
        if motion.fps != config.fps:
            hint = "Resample the clips."
            raise BadInput(f"This model moves {config.fps} times a second, not {motion.fps}.", hint)
        if not calm or motion.provenance.get("mood", "neutral") == "neutral":
            chosen.append(index)
            tracks.append(face.expression[:, columns].clone())
    if not chosen:
        raise BadInput("Every take of these clips is in a mood.", "Leave calm out: --set calm=false")
    return chosen, tracks
