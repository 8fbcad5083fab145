"""A film followed: who it is, where the head is in every picture, and what the face does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli import __version__
from talkcli.engine.assets import head_credit
from talkcli.engine.capture.captured_person import HABIT_FRAMES, CapturedPerson, captured_person
from talkcli.engine.capture.face_looks import SAME_PERSON, likeness
from talkcli.engine.capture.film_watch import FaceRun, LeftOut, WatchedFilm
from talkcli.engine.face.face_model import JOINTS, FaceModel
from talkcli.engine.face.rotations import axis_angle
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.camera import Camera, centred_camera
from talkcli.engine.speech import SAMPLE_RATE, Speech
from talkcli.engine.studio.arrays import Array

FILM_FPS = Fraction(30)
"""Frames a second of motions from films: the studio's."""

KEPT_OUT_EVERY = 10
"""Of so many pictures one is never learnt from."""

OTHER_PERSON = "somebody else is seen"

PASSING = (
    "eyeBlink", "eyeLook", "jawOpen", "mouthClose", "mouthLowerDown", "mouthUpperUp", "mouthRoll",
    "mouthPress", "mouthShrug",
)  # fmt: skip
"""What the shapes are called that are never taken for somebody's own face: lids, gaze, and what parts lips
and lets them meet."""


@dataclass(frozen=True)
class TrackedFilm:
    """n pictures of one person, run after run."""

    watched: WatchedFilm
    """With the runs that show this person"""
    person: CapturedPerson
    """In all n pictures"""
    kept_out: NDArray[np.bool_]
    """[n] what nothing is learnt from"""

    @property
    def seconds(self) -> Array:
        """[n] of each picture, since the film's beginning"""
        return np.concatenate([run.seconds for run in self.watched.runs])

    @property
    def sharp(self) -> Array:
        """[n]"""
        return np.concatenate([run.sharp for run in self.watched.runs])

    @property
    def points(self) -> Array:
        """[n, points, 2] as they are seen"""
        return np.concatenate([run.points for run in self.watched.runs])

    @property
    def spans(self) -> tuple[slice, ...]:
        """The pictures of each run."""
        ends = list(accumulate(len(run.seconds) for run in self.watched.runs))
        return tuple(slice(a, b) for a, b in zip([0, *ends], ends, strict=False))

    @property
    def longest(self) -> int:
        """The number of the longest run."""
        return _longest(self.watched.runs)


class HeadPath:
    """Head poses of some pictures as turns of a head on still shoulders, before a camera that moves."""

    def __init__(self, turns: Array, shifts: Array, joint: Array) -> None:
        """Head to camera [n, 3, 3] and [n, 3] metres; `joint` [3]: where the neck turns.

        At rest the head is where it is on average; what it moves from its place, the camera does.
        """
        u, _, vh = np.linalg.svd(turns.mean(0))
        rest = u @ np.diag([1, 1, np.linalg.det(u @ vh)]) @ vh
        own = np.einsum("ji,njk->nik", rest, turns)
        self.rotation: Float[Tensor, "frames 3"] = axis_angle(torch.from_numpy(own))
        """Of the head, axis-angle, radians"""
        self.views = np.tile(np.eye(4), (len(turns), 1, 1))
        """[n, 4, 4] world to camera"""
        self.views[:, :3, :3] = rest
        self.views[:, :3, 3] = turns @ joint + shifts - rest @ joint


def tracked_film(model: FaceModel, watched: WatchedFilm) -> TrackedFilm:
    """Who is seen longest, known from the longest run of theirs and followed through all of them."""
    runs = watched.runs
    alike = np.array([[likeness(one.looks, other.looks) >= SAME_PERSON for other in runs] for one in runs])
    lengths = np.array([run.length for run in runs])
    mine = alike[int(np.argmax(np.where(alike, lengths, 0).sum(1)))]
    strange = [run for run, same in zip(runs, mine, strict=True) if not same]
    left = [LeftOut(float(run.seconds[0]), float(run.seconds[-1]), OTHER_PERSON) for run in strange]
    ordered = tuple(sorted([*watched.left_out, *left], key=lambda part: part.start))
    same = tuple(run for run, same in zip(runs, mine, strict=True) if same)
    return _tracked_runs(model, replace(watched, runs=same, left_out=ordered))


def _tracked_runs(model: FaceModel, watched: WatchedFilm) -> TrackedFilm:
    runs = watched.runs
    points = np.concatenate([run.points for run in runs])
    gaps = np.concatenate([np.r_[np.inf, np.diff(run.seconds) * 25] for run in runs])
    kept_out = np.arange(len(points)) % KEPT_OUT_EVERY == KEPT_OUT_EVERY - 1
    before = sum(len(run.seconds) for run in runs[: _longest(runs)])
    mine = np.arange(before, before + len(runs[_longest(runs)].seconds))
    person = captured_person(model, points, watched.size, gaps, mine[~kept_out[mine]], watched.errors)
    return TrackedFilm(watched, person, kept_out)


def _longest(runs: tuple[FaceRun, ...]) -> int:
    return int(np.argmax([run.length for run in runs]))


def head_path(tracked: TrackedFilm, model: FaceModel, number: int) -> HeadPath:
    """Of the pictures of one run."""
    span, fit = tracked.spans[number], tracked.person.fit
    joint = model.joints_of(tracked.person.neutral)[JOINTS.index("neck")].double().numpy()
    return HeadPath(fit.turns[span], fit.shifts[span], joint)


def seen_motion(tracked: TrackedFilm, model: FaceModel, number: int) -> tuple[Motion, Camera]:
    """One run picture by picture, and the camera that sees it so; its rate is the pictures' mean one."""
    path, run = head_path(tracked, model, number), tracked.watched.runs[number]
    weights = torch.from_numpy(tracked.person.fit.weights[tracked.spans[number]]).float()
    rate = Fraction((len(weights) - 1) / run.length).limit_denominator(1001)
    camera = centred_camera(
        torch.from_numpy(path.views).float(), tracked.person.fit.focal, *tracked.watched.size
    )
    return Motion(
        rate, Coefficients(weights, torch.zeros(len(weights), 3)), _still_place(path.rotation)
    ), camera


def run_motion(tracked: TrackedFilm, model: FaceModel, number: int, fps: Fraction = FILM_FPS) -> Motion:
    """One run at a steady rate: by the times of its pictures, between which it goes straight."""
    run, path = tracked.watched.runs[number], head_path(tracked, model, number)
    ticks = run.seconds[0] + np.arange(int(run.length * float(fps) + 1e-6) + 1) / float(fps)
    weights = tracked.person.fit.weights[tracked.spans[number]]
    steady = steady_motion(ticks, run.seconds, weights, path.rotation, fps)
    return replace(steady, provenance=film_provenance(model))


def whole_motion(tracked: TrackedFilm, model: FaceModel, seconds: float, fps: Fraction = FILM_FPS) -> Motion:
    """So many seconds of the film from its beginning, for another face to do, at a steady rate: what no run
    shows goes straight from one to the next."""
    weights = beyond_usual(tracked.person.fit.weights, model.shape_names)
    turns = [head_path(tracked, model, number).rotation for number in range(len(tracked.spans))]
    ticks = np.arange(max(1, round(seconds * float(fps)))) / float(fps)
    steady = steady_motion(ticks, tracked.seconds, weights, torch.cat(turns), fps)
    return replace(steady, provenance=film_provenance(model))


def beyond_usual(weights: Array, names: Sequence[str]) -> Array:
    """[n, shapes] what a face does beyond its most usual look, the median: points of a few seconds do not
    tell that from the face at rest. All of what is PASSING, and of fewer than HABIT_FRAMES pictures."""
    if len(weights) < HABIT_FRAMES:
        return weights
    usual = np.median(weights, axis=0)
    usual[[name.startswith(PASSING) for name in names]] = 0
    return np.clip(weights - usual, 0, 1)


def steady_motion(
    ticks: Array, seconds: Array, weights: Array, turns: Float[Tensor, "n 3"], fps: Fraction
) -> Motion:
    """At some times, `fps` a second, what a face does and how its head turns at others [n], seconds: straight
    between them, the ends held."""
    both = np.concatenate([weights, turns.numpy()], 1)
    values = torch.from_numpy(np.stack([np.interp(ticks, seconds, track) for track in both.T], 1)).float()
    shapes = weights.shape[1]
    face = Coefficients(values[:, :shapes].clamp(0, 1), torch.zeros(len(values), 3))
    return Motion(fps, face, _still_place(values[:, shapes:]))


def _still_place(rotation: Tensor) -> Head:
    return Head(rotation.float(), torch.zeros(len(rotation), 3))


def film_provenance(model: FaceModel) -> dict[str, object]:
    """What is said of everything that is made from a film."""
    made = {"synthetic": True, "source": "a film", "program": f"talk {__version__}"}
    return {**made, **head_credit(model.topology.name)}


def run_speech(whole: Speech, run: FaceRun, frames: int, fps: Fraction = FILM_FPS) -> Speech:
    """What is heard in a run; silence where the film has no more sound."""
    first = round(float(run.seconds[0]) * SAMPLE_RATE)
    count = round(Fraction(frames, 1) / fps * SAMPLE_RATE)
    heard = whole.waveform[first : first + count]
    return Speech(torch.nn.functional.pad(heard, (0, count - len(heard))), whole.notes)
