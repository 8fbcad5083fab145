"""Scores: metrics over cases, each with its value, unit, counts and definition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import torch
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.errors import BadInput, naming, pick
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expressed import rested
from talkcli.engine.face.rigs import rigged, talking_head
from talkcli.engine.metrics import timing
from talkcli.engine.metrics.articulation import Heard, Tally
from talkcli.engine.metrics.baselines import spoken
from talkcli.engine.metrics.catalogue import METRICS, Kind, Metric
from talkcli.engine.metrics.mouth import MouthTrack, face_chunks, mouth_of, regions_of
from talkcli.engine.metrics.pair import Pair, Regions, renumbered, support
from talkcli.engine.metrics.texture import has_textures, worn_chunks
from talkcli.engine.motion import Motion
from talkcli.engine.phones import Phones
from talkcli.engine.speech import Speech


@dataclass(frozen=True)
class Case:
    """One clip to score: a prediction and what is known of the truth."""

    name: str
    predicted: Motion
    avatar: Avatar
    reference: Motion | None = None
    speech: Speech | None = None
    phones: Phones | None = None
    speaker: str = ""
    asked: MouthTrack | None = None
    """`asked_mouth` of it, where that is known already."""


@dataclass(frozen=True)
class Score:
    metric: str
    value: float
    """Pooled as the definition says; not-a-number if no clip holds anything to measure."""
    unit: str
    pooled: str
    """`frames`: over all frames or events of all clips. `clips`: the mean of the clips' own scores."""
    per_frame: float
    """The same pooled over frames or events."""
    per_clip: float
    """The same averaged over clips."""
    count: int
    events: str
    """What was counted: 812 frames, 27 closures."""
    clips: int
    """Clips that had something to measure."""
    dropped: int
    """Frames at the ends of longer motions that had no counterpart."""
    definition: str
    source: str
    better: str
    reference: float = math.nan
    """The same of the reference itself: the true motion, or the articulation that the phones ask for."""
    each: dict[str, float] = field(default_factory=dict)
    """Clip -> its own score."""


def select(names: Sequence[str]) -> list[Metric]:
    """Metrics by id, once each; `all` is every one. BadUsage for an unknown id."""
    ids = [*METRICS, "all"]
    choice = {pick(name, ids, "metric") for name in names}
    return [metric for id, metric in METRICS.items() if "all" in choice or id in choice]


def evaluate(
    names: Sequence[str], cases: Iterable[Case], given: Regions | None = None, lenient: bool = False
) -> list[Score]:
    """Scores in the order of METRICS.

    With `all`, or `lenient`, what a case cannot answer is left out; else it is BadInput, as it is if nothing
    can be answered. Cases are read one at a time.
    """
    metrics, lenient = select(names), lenient or "all" in names
    tallies: dict[str, dict[str, Tally]] = {metric.id: {} for metric in metrics}
    truths: dict[str, dict[str, Tally]] = {metric.id: {} for metric in metrics}
    louds: list[timing.Loud] = []
    dropped: dict[str, int] = {}
    for case in map(_rested, cases):
        _check(case)
        regions = regions_of(case.avatar, given)
        usable = []
        for metric in metrics:
            lack = lacking(metric, case, regions)
            if lack is None:
                usable.append(metric)
            elif not lenient:
                raise lack
        with naming(case.name):
            own, true, loud = _measured(usable, case, regions)
        louds += [loud] if loud else []
        for all_of, one in ((tallies, own), (truths, true)):
            for id, tally in one.items():
                all_of[id][case.name] = tally
        if case.reference is not None:
            dropped[case.name] = abs(len(case.predicted) - len(case.reference))
    scores = []
    for metric in metrics:
        if metric.kind == "set":
            if louds:
                value = metric.measure(louds)
                scores.append(replace(_score(metric, {"all": (value, 1)}, {}, 0), clips=len(louds), each={}))
        elif tallies[metric.id]:
            missing = (
                0
                if metric.kind in ("heard", "head") or metric.id.startswith("ldtw")
                else sum(dropped.values())
            )
            scores.append(_score(metric, tallies[metric.id], truths[metric.id], missing))
    if not scores:
        raise BadInput(
            "There is nothing to measure: neither references nor phones.",
            "Give reference motions, or recordings with their phones (--audio).",
        )
    return scores


def _rested(case: Case) -> Case:
    """With the avatar's resting expression in the motions."""
    if case.avatar.rest is None:
        return case
    reference = case.reference and rested(case.reference, case.avatar)[0]
    predicted, avatar = rested(case.predicted, case.avatar)
    return replace(case, predicted=predicted, avatar=avatar, reference=reference)


def _check(case: Case) -> None:
    """BadInput for motions that nothing can measure."""
    if case.reference is not None and case.predicted.fps != case.reference.fps:
        ours, theirs = (f"{float(m.fps):.6g} fps" for m in (case.predicted, case.reference))
        raise BadInput(
            f"{case.name}: the prediction has {ours}, the reference {theirs}.",
            "Make one of them again at the other's rate: scores of resampled motion would not compare.",
        )
    if not all(len(motion) for motion in (case.predicted, case.reference) if motion is not None):
        raise BadInput(f"{case.name} has no frames.", "Animate it again.")


def lacking(metric: Metric, case: Case, regions: Regions) -> BadInput | None:
    """Why a case cannot answer a metric, with the way out; None if it can."""
    for region in metric.regions:
        if region not in regions.named:
            return BadInput(
                f"{metric.id} needs the region {region}, which {case.avatar.name} does not name.",
                f"Give its vertex indices with --region {region}=FILE (.txt or .npy).",
            )
    if metric.kind == "heard":
        if case.phones is None:
            return BadInput(
                f"{metric.id} needs to know what is said when in {case.name}.",
                "Put x.phones.json or alignments.json beside the audio, or give --transcript (extra: align).",
            )
        return None
    if metric.kind in ("set", "head") and case.speech is None:
        return BadInput(
            f"{metric.id} needs the recording of {case.name}.", "Give the folder of audio with --audio."
        )
    if metric.kind == "head":
        return None
    if case.reference is None:
        return BadInput(
            f"{metric.id} compares motions, and {case.name} has no reference.", "Give PRED and REF."
        )
    if metric.kind == "texture" and not has_textures(case.reference, case.avatar):
        return BadInput(
            f"{metric.id} compares textures, and the reference of {case.name} has none.",
            "Give clips of a corpus that has them, such as the studio's or textalk4d.",
        )
    return None


def _measured(
    metrics: Sequence[Metric], case: Case, regions: Regions
) -> tuple[dict[str, Tally], dict[str, Tally], timing.Loud | None]:
    """Each metric's tally, that of the reference where it means something, and what SLCC compares."""
    by_kind = {kind: [m for m in metrics if m.kind == kind] for kind in get_args(Kind)}
    own: dict[str, Tally] = {}
    true: dict[str, Tally] = {}
    loud = None
    if by_kind["frame"] or by_kind["clip"] or by_kind["set"]:
        sums, tracks = _frame_sums(by_kind["frame"], case, regions)
        own |= sums
        for metric in by_kind["clip"]:
            own[metric.id] = _finite(float(metric.measure(tracks)))
            if metric.better == "nearest reference":
                true[metric.id] = _finite(float(metric.measure(tracks.swapped)))
        if by_kind["set"] and case.speech is not None:
            lips = tracks.regions.named["lips"]
            ours, theirs = (timing.lip_intensity(m[:, lips]) for m in (tracks.predicted, tracks.reference))
            loud = timing.Loud(case.speaker, timing.loudness(case.speech.waveform), ours, theirs)
    if by_kind["texture"] and case.reference is not None:
        own |= _texture_sums(by_kind["texture"], case, case.reference)
    if by_kind["heard"]:
        mouth = mouth_and_phones(case, regions)
        target = Heard(mouth.reference or mouth.mouth, mouth.phones, mouth.reference)
        for metric in by_kind["heard"]:
            own[metric.id], true[metric.id] = metric.measure(mouth), metric.measure(target)
    if by_kind["head"] and case.speech is not None:
        for metric in by_kind["head"]:
            own[metric.id] = metric.measure(case.predicted, case.speech)
            if case.reference is not None:
                true[metric.id] = metric.measure(case.reference, case.speech)
    return own, true, loud


def _finite(value: float) -> Tally:
    return (value, 1) if math.isfinite(value) else (0.0, 0)


def mouth_and_phones(case: Case, regions: Regions | None = None) -> Heard:
    """A case's mouth beside the mouth that its aligned phones ask for.

    Both on the case's own head, if its rig has the shapes of speech; else the asked one on the built-in head.
    """
    assert case.phones is not None
    mouth = mouth_of(case.predicted, case.avatar, regions)
    return Heard(mouth, case.phones, case.asked or asked_mouth(case))


def asked_mouth(case: Case) -> MouthTrack:
    """The mouth that a case's aligned phones ask for, whoever performs it: as in `mouth_and_phones`."""
    case = _rested(case)
    assert case.phones is not None
    rig = rigged(case.avatar)
    speaks = rig is not None and {"jawOpen", "mouthClose"} <= set(rig.model.shape_names)
    head = case.avatar if speaks else talking_head()
    target = spoken(case.phones, len(case.predicted), case.predicted.fps, head.rig or DEFAULT_RIG)
    return mouth_of(target, head)


def _frame_sums(metrics: Sequence[Metric], case: Case, regions: Regions) -> tuple[dict[str, Tally], Pair]:
    """Sums of the frame metrics over the common frames, and the regions' tracks over all frames."""
    reference = case.reference
    assert reference is not None
    vertices_kept, verts = support(regions), len(case.avatar.neutral)
    totals = {metric.id: 0.0 for metric in metrics}
    common = min(len(case.predicted), len(reference))
    tracks: tuple[list[Tensor], list[Tensor]] = ([], [])
    ours, theirs = face_chunks(case.predicted, case.avatar), face_chunks(reference, case.avatar)
    while True:
        mine, true = next(ours, None), next(theirs, None)
        for track, chunk in zip(tracks, (mine, true), strict=True):
            track.extend([] if chunk is None else [chunk[:, vertices_kept]])
        if mine is not None and true is not None:
            pair = Pair(mine, true, case.avatar.neutral, regions, case.predicted.fps, verts)
            for metric in metrics:
                totals[metric.id] += float(metric.measure(pair).double().sum())
        elif mine is None and true is None:
            break
    predicted, actual = (torch.cat(track) for track in tracks)
    small = Pair(
        predicted,
        actual,
        case.avatar.neutral[vertices_kept],
        renumbered(regions, vertices_kept),
        case.predicted.fps,
        verts,
    )
    return {id: (total, common) for id, total in totals.items()}, small


def _texture_sums(metrics: Sequence[Metric], case: Case, reference: Motion) -> dict[str, Tally]:
    """Sums over the common frames."""
    totals, count = {metric.id: 0.0 for metric in metrics}, 0
    for pair in worn_chunks(case.predicted, reference, case.avatar):
        count += len(pair.predicted)
        for metric in metrics:
            totals[metric.id] += float(metric.measure(pair).double().sum())
    return {id: (total, count) for id, total in totals.items()}


def _pooled(metric: Metric, tallies: dict[str, Tally]) -> tuple[float, float, dict[str, float]]:
    """Over all frames or events, over clips, and clip by clip."""
    count = sum(n for _, n in tallies.values())
    finish = math.sqrt if metric.root else float
    each = {name: finish(total / n) for name, (total, n) in tallies.items() if n}
    if not each:
        return math.nan, math.nan, {}
    return finish(sum(total for total, _ in tallies.values()) / count), sum(each.values()) / len(each), each


def _score(metric: Metric, tallies: dict[str, Tally], truths: dict[str, Tally], dropped: int) -> Score:
    per_frame, per_clip, each = _pooled(metric, tallies)
    true = _pooled(metric, truths)
    return Score(
        metric=metric.id,
        value=per_frame if metric.pool == "frames" else per_clip,
        unit=metric.unit,
        pooled=metric.pool,
        per_frame=per_frame,
        per_clip=per_clip,
        count=sum(n for _, n in tallies.values()),
        events=metric.events,
        clips=len(each),
        dropped=dropped,
        definition=metric.definition,
        source=metric.source,
        better=metric.better,
        reference=true[0] if metric.pool == "frames" else true[1],
        each=each,
    )
