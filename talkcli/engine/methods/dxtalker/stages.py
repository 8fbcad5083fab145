"""How 3DXTalker learns: first what feelings sound like, then the flow from noise to motion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from talkcli.engine.audio.affect import AffectConfig, AffectEar
from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.ears import take_pretrained
from talkcli.engine.audio.emotion2vec import Emotion2vecConfig
from talkcli.engine.audio.intonation import intonation
from talkcli.engine.audio.wav2vec import WavlmConfig
from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.editing.moods import mood_of_word
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.mouth_motion import attention_to, gap_of, importance, principal_motions, projected
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.generation.flow import between
from talkcli.engine.methods.dxtalker.anchors import anchored_noise
from talkcli.engine.methods.dxtalker.config import TIMES, DxTalkerConfig
from talkcli.engine.methods.dxtalker.face_vector import identity_of, resting, scaled, vectors_of
from talkcli.engine.methods.dxtalker.heard_clips import HeardStreamsOfClips
from talkcli.engine.methods.dxtalker.hearing import Streams, anchors_of
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.struct import TensorStruct
from talkcli.engine.training.losses import mean_square, present
from talkcli.engine.training.stage import ONE_CYCLE, Losses, Stage, Update, cosine

UNTAUGHT_WAVLM = "No pretrained WavLM is given: it stays as it is. Give its folder: --set wavlm=FOLDER."
UNTAUGHT_EMOTION2VEC = (
    "No emotion2vec is given: it stays as it is. Give its model.pt: --set emotion2vec=FILE."
)

MOOD_FRAMES = 120
"""Of an example of a feeling."""
_NEAR_FRAMES = 2
"""Frames on either side whose sound those at its ends depend on."""
_VIEWS = 16
"""Principal motions of the mouth in which an error is seen besides."""
LEAST_VARIANCE = 1e-10
"""Of a number that counts as moved: shapes of 1e-5, head turns of half a thousandth of a degree."""
_READ_FROM = 20_000
"""Frames in which they are sought."""
_STEPS = 100 * 90
"""The paper's hundred epochs of 11,506 clips, 128 a step."""
_SMALL_BATCH = 16
"""Of a network narrower than the paper's, which is to learn on two CPU cores."""


class MoodExample(TensorStruct):
    """The intonation of a stretch of speech, and the mood that it was spoken in."""

    tracks: Float[Tensor, "*batch frames 5"]
    frames: Int[Tensor, "*batch"]
    mood: Int[Tensor, "*batch"]


class FlowExample(TensorStruct):
    on_host = ("frames",)
    """A stretch of a clip: what is heard, and where the flow begins and ends."""

    streams: Streams
    reference: Float[Tensor, "*batch dims"]
    """The first frame of the whole clip, or the person at rest."""
    target: Float[Tensor, "*batch frames dims"]
    """Normalised."""
    noise: Float[Tensor, "*batch frames dims"]
    frames: Int[Tensor, "*batch"]
    weight: Float[Tensor, "*batch frames"]
    """How much each frame counts."""
    seen: Float[Tensor, "*batch dims views"] | None
    """Normalised differences to principal motions of the mouth."""


def mood_of(clips: ClipSet, index: int) -> str | None:
    """The mood that a clip is labelled with, in whatever word for it."""
    mood = clips.motion(index).provenance.get("mood")
    return mood_of_word(mood) if isinstance(mood, str) else None


def affect(config: DxTalkerConfig, *, rooms: bool = True) -> Stage[DxTalker, MoodExample] | None:
    """Cross entropy of the mood of an utterance, labels smoothed by 0.1; for the ear of our own.

    `rooms`: whether it is heard elsewhere, since the voices of a corpus are cleaner than those to come.
    """
    told = config.affect
    if not config.emotion or not isinstance(told, AffectConfig):
        return None
    moods = told.moods

    def ear(network: DxTalker) -> AffectEar:
        assert isinstance(network.hearing.affect, AffectEar)
        return network.hearing.affect

    def begin(network: DxTalker, clips: ClipSet, generator: torch.Generator) -> Example[MoodExample]:
        labels = [mood_of(clips, index) for index in range(len(clips))]
        strange = next((label for label in labels if label not in moods), None)
        if strange is not None or None in labels:
            name = clips.names[labels.index(strange)]
            raise BadInput(
                f"{name} is spoken in no mood that is known here ({', '.join(moods)}).",
                "Use clips of talk prepare studio, or leave moods out: --set emotion=false",
            )

        def cut(clips: ClipSet, index: int, generator: torch.Generator) -> MoodExample:
            frames, rate = clips.frames[index], SAMPLE_RATE / config.fps
            start = int(torch.randint(max(1, frames - MOOD_FRAMES + 1), (), generator=generator))
            stop, low = min(start + MOOD_FRAMES, frames), max(0, start - _NEAR_FRAMES)
            waveform = clips.speech(index).waveform[round(low * rate) : round((stop + _NEAR_FRAMES) * rate)]
            if rooms:
                own = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
                waveform = torch.from_numpy(elsewhere(waveform.numpy(), own))
            tracks = intonation(waveform, start - low, stop - low, config.fps)
            mood = moods.index(str(labels[index]))
            return MoodExample(tracks, torch.tensor(stop - start), torch.tensor(mood))

        return cut

    def losses(network: DxTalker, batch: MoodExample, generator: torch.Generator) -> Losses:
        there = present(batch.frames, batch.tracks.shape[1]).to(batch.tracks)
        logits = ear(network).mood_logits(batch.tracks, there)
        return {"mood": F.cross_entropy(logits, batch.mood, label_smoothing=0.1)}

    def weights(network: DxTalker) -> Iterable[nn.Parameter]:
        return ear(network).parameters()

    update = Update[DxTalker, MoodExample](weights, losses, 2e-3, weight_decay=0.02)
    return Stage((update,), begin, steps=2000, batch=32, ema=0.995, schedule=cosine)


def flow(
    config: DxTalkerConfig,
    *,
    excerpt: int = 0,
    views: int = 0,
    mishear: float = 0.0,
    stress: float = 0.0,
    mouth: float = 0.0,
    rested: float = 0.0,
    wavlm: str = "",
    emotion2vec: str = "",
) -> Stage[DxTalker, FlowExample]:
    """The squared error of the velocity (eq. 7 of the paper): AdamW at 1e-4, one cycle, 128 windows a step.

    `excerpt`: frames of an example, 0 for a whole window; `views`: other rooms in which each clip is heard
    beforehand; `mishear`: by how much what is heard errs at most (standard deviation of logits); `stress`:
    power of how much more frames of shut lips count; `mouth`: weight of the error that is seen at the mouth;
    `rested`: share of examples whose reference is the person at rest and not the clip's first frame, which
    gives their mood away; `wavlm` and `emotion2vec`: the folder and the file of the pretrained ears.
    """
    if not 0 <= rested <= 1:
        raise BadUsage(f"Setting rested cannot be {rested}.", "Give 0 to 1.")

    def begin(network: DxTalker, clips: ClipSet, generator: torch.Generator) -> Example[FlowExample]:
        if wavlm:
            take_pretrained(network, Path(wavlm))
        if emotion2vec:
            network.hearing.take_emotion2vec(Path(emotion2vec))
        learn_statistics(network, clips, rested)
        heard = HeardStreamsOfClips(network.hearing, clips, views)
        seen = mouth_views(network, clips) if mouth else None
        return flow_examples(network, clips, heard, excerpt, mishear, stress, rested, seen)

    def losses(network: DxTalker, batch: FlowExample, generator: torch.Generator) -> Losses:
        return flow_losses(network, batch, generator, mouth)

    def weights(network: DxTalker) -> Iterable[nn.Parameter]:
        return network.network.parameters()

    notes = []
    if not wavlm and any(isinstance(ear, WavlmConfig) for ear in config.ears):
        notes.append(UNTAUGHT_WAVLM)
    if config.emotion and not emotion2vec and isinstance(config.affect, Emotion2vecConfig):
        notes.append(UNTAUGHT_EMOTION2VEC)
    update = Update[DxTalker, FlowExample](weights, losses, lr=1e-4, weight_decay=0.01)
    batch = 128 if config.features >= DxTalkerConfig().features else _SMALL_BATCH
    return Stage((update,), begin, steps=_STEPS, batch=batch, schedule=ONE_CYCLE, notes=tuple(notes))


def flow_losses(
    network: DxTalker, batch: FlowExample, generator: torch.Generator, mouth: float = 0.0
) -> Losses:
    """Mean square of v - (delta - noise) at a random time, over the numbers that clips move."""
    config, size, device = network.config, len(batch.target), batch.target.device
    t = torch.randint(TIMES, (size,), generator=generator).to(device, non_blocking=True) / TIMES
    heard = None
    if config.drop:
        heard = (torch.rand(size, generator=generator) >= config.drop).to(device, non_blocking=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        reference = network.seen(batch.reference)
        condition = network.network.condition(batch.streams, reference, batch.frames, heard)
        velocity = network.network(between(batch.noise, batch.target, t), t, condition)
    error = velocity.float() - (batch.target - batch.noise)
    moved = network.deviation > 0
    share = len(moved) / moved.sum()
    terms = {"velocity": share * mean_square(error * moved, batch.frames, batch.weight)}
    if batch.seen is not None:
        terms["mouth"] = mouth * mean_square(error @ batch.seen[0], batch.frames, batch.weight)
    return terms


def flow_examples(
    network: DxTalker,
    clips: ClipSet,
    heard: HeardStreamsOfClips,
    excerpt: int,
    mishear: float,
    stress: float,
    rested: float,
    seen: Float[Tensor, "dims views"] | None,
) -> Example[FlowExample]:
    """Random stretches; options: see `flow`."""
    config = network.config
    layout, length = config.layout, excerpt or config.window
    gap = gap_of(load_rig(config.rig), config.rig_shapes) if stress else None
    mean, deviation = network.mean.cpu(), network.deviation.cpu()
    people = identities(clips)

    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> FlowExample:
        vectors = clip_vectors(clips, index, people, config)
        start = int(torch.randint(max(1, len(vectors) - length + 1), (), generator=generator))
        stop, view = min(start + length, len(vectors)), heard.drawn(index, generator)
        error = mishear * float(torch.rand((), generator=generator)) if mishear else 0.0
        streams = heard.streams(index, view, start, stop, error, generator)
        anchors = anchors_of(heard.amplitude(index, view), config)
        seed = int(torch.randint(2**62, (), generator=generator))
        weight = torch.ones(stop - start)
        if gap is not None:
            weight = attention_to(vectors[start:stop, layout.part("expression")] @ gap) ** stress
        reference = vectors[0]
        if float(torch.rand((), generator=generator)) < rested:
            reference = resting(people[clips.speaker(index)], layout)
        origin = torch.zeros(layout.dims) if config.absolute else reference
        return FlowExample(
            streams,
            reference,
            scaled(vectors[start:stop] - origin - mean, deviation),
            anchored_noise(anchors, start, stop, layout.dims, seed),
            torch.tensor(stop - start),
            weight,
            seen,
        )

    return cut


def identities(clips: ClipSet) -> Mapping[str, Float[Tensor, " n_identity"]]:
    """Of every speaker."""
    avatars = {speaker: clips.avatar(indices[0]) for speaker, indices in clips.speakers.items()}
    return {speaker: identity_of(avatar) for speaker, avatar in avatars.items()}


def clip_vectors(
    clips: ClipSet, index: int, people: Mapping[str, Tensor], config: DxTalkerConfig
) -> Float[Tensor, "frames dims"]:
    """A clip's motion as face vectors. BadInput for another frame rate, or as in `vectors_of`."""
    motion = clips.motion(index)
    if motion.fps != config.fps:
        hint = "Resample the clips."
        raise BadInput(f"This model moves {config.fps} times a second, not {motion.fps}.", hint)
    identity = people[clips.speaker(index)]
    return vectors_of(motion, identity, config.rig, config.rig_shapes, config.layout)


@torch.no_grad()
def learn_statistics(network: DxTalker, clips: ClipSet, rested: float = 0.0) -> None:
    """mu and sigma of the differences and of the reference frames into a network that has none yet.

    `rested` of them are people at rest; the others first frames of clips.
    """
    if network.taught:
        return
    config, people = network.config, identities(clips)
    deltas, references = Moments(config.layout.dims), Moments(config.layout.dims)
    for index in range(len(clips)):
        vectors = clip_vectors(clips, index, people, config)
        rest = resting(people[clips.speaker(index)], config.layout)
        for reference, share in ((vectors[0], 1 - rested), (rest, rested)):
            deltas.add(vectors if config.absolute else vectors - reference, share)
            references.add(reference[None], share)
    for moments, name in ((deltas, ""), (references, "reference_")):
        network.get_buffer(f"{name}mean").copy_(moments.mean)
        network.get_buffer(f"{name}deviation").copy_(moments.deviation)
    network.taught.fill_(True)


class Moments:
    """Mean and deviation of rows that come a few at a time, in double precision."""

    def __init__(self, dims: int) -> None:
        self._sums = torch.zeros(3, dims, dtype=torch.float64)

    def add(self, rows: Float[Tensor, "n dims"], share: float) -> None:
        """Rows that count as so many each."""
        powers = (torch.ones_like(rows), rows, rows.double().square())
        self._sums += share * torch.stack([power.double().sum(0) for power in powers])

    @property
    def mean(self) -> Float[Tensor, " dims"]:
        return self._sums[1] / self._sums[0]

    @property
    def deviation(self) -> Float[Tensor, " dims"]:
        """0 where it is no more than what rounding leaves."""
        variance = self._sums[2] / self._sums[0] - self.mean**2
        return torch.where(variance > LEAST_VARIANCE, variance.clamp(min=0).sqrt(), 0.0)


def mouth_views(network: DxTalker, clips: ClipSet) -> Float[Tensor, "dims views"]:
    """Normalised face vectors to principal motions of the mouth, by what is seen of them."""
    config, people = network.config, identities(clips)
    part, form = config.layout.part("expression"), importance(load_rig(config.rig), config.rig_shapes)
    rows = [clip_vectors(clips, index, people, config)[:, part] for index in range(len(clips))]
    weights = torch.cat(rows)[:: max(1, sum(map(len, rows)) // _READ_FROM)]
    mixing = principal_motions(weights, form, min(_VIEWS, config.expression))
    views = torch.zeros(config.layout.dims, len(mixing))
    views[part] = projected(torch.eye(config.expression), mixing, form)
    return views * network.deviation.cpu()[:, None]
