"""One person from points: a face at rest of their own, and how each frame moves it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.capture.correction import corrected_face
from talkcli.engine.capture.detector_errors import DetectorErrors, where_points_belong
from talkcli.engine.capture.face_fit import (
    begun,
    differing_frames,
    fitted_frame,
    fitted_person,
    settled_face,
    start_lids,
)
from talkcli.engine.capture.followed_points import where_followed_belong
from talkcli.engine.capture.landmark_sets import SKIN_POINTS
from talkcli.engine.capture.marks import Marks, marks_on
from talkcli.engine.capture.normal_equations import FaceFit, residual
from talkcli.engine.capture.seen_blinks import with_whole_blinks
from talkcli.engine.capture.sight import Sight, sight_of
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.studio.arrays import Array, Index

TELLING_MOST = 12
"""Frames, of those that differ most, by which a person is known."""

ALONE_EVERY = 3
"""Which of these are also looked at alone."""

_CORRECTIONS = 2
"""Times that the face is corrected and its expressions are fitted again."""

_REFIT = 3
"""Rounds of each of these fits."""


HABIT, HABIT_FRAMES = 20, 50
"""Percentile of a weight that is the face's own and no expression, and how many pictures say so at least."""

HABITUAL = ("brow", "noseSneer", "eyeWide", "eyeSquint")
"""What the shapes are called that are taken for the face's own where they always stand so."""


@dataclass(frozen=True)
class CapturedPerson:
    neutral: Float[Tensor, "verts 3"]
    """Metres, lips shut, eyes open"""
    marks: Marks
    """Of that face"""
    fit: FaceFit
    sight: Sight
    corrected_mm: float
    """Root mean square that points of the face moved beyond the identity space"""

    @property
    def residual(self) -> float:
        """Root mean square distance between points seen and points of the head, eye distances."""
        return residual(self.marks, self.fit, self.sight)

    def part(self, frames: list[int]) -> CapturedPerson:
        """In some of the pictures."""
        return replace(self, fit=self.fit.part(frames), sight=self.sight.part(frames))


def captured_person(
    model: FaceModel,
    points: Array,
    size: tuple[int, int],
    gaps: Array | None = None,
    among: Index | None = None,
    errors: DetectorErrors | None = None,
) -> CapturedPerson:
    """From the detector's points [frames, points, 2] of one person in pictures of a size, in order.

    `gaps` [frames]: 25ths of a second since the picture before, infinite where a picture has nothing to do
    with it; 1 each unless given. `among`: the frames that tell who it is, all unless given. `errors`: how the
    detector errs by whom it sees, not at all unless given.
    """
    sight = sight_of(points, size, marks_on(model, model.template))
    there = np.arange(len(points)) if among is None else among
    telling = there[differing_frames(points[there, :SKIN_POINTS], sight.unit, TELLING_MOST)].tolist()
    few = sight.part(telling)
    plain, marks = fitted_person(model, few)
    if errors is not None:
        few, sight = _where_both_belong(model, errors, few, sight, plain, marks)
        plain, marks = fitted_person(model, few, start=plain)
    rest, fit, mine = settled_face(model, plain.identity), plain, marks
    neutral = rest
    for _ in range(_CORRECTIONS):
        neutral = corrected_face(model, rest, marks, fit, few)
        mine = marks_on(model, neutral)
        for i in range(len(telling)):
            fit = fitted_frame(mine, fit, i, few, rounds=_REFIT)
    offsets = (neutral - rest)[model.topology.regions["face"].long()]
    moved = 1000 * float(offsets.square().sum(1).mean().sqrt())
    if len(points) > 1:
        apart = np.ones(len(points)) if gaps is None else gaps
        sight = sight if gaps is None else with_whole_blinks(sight, apart)
        fit = _tracked(mine, fit, telling, sight, apart)
    person = CapturedPerson(neutral, mine, fit, sight, moved)
    return rested_person(model, person) if len(points) >= HABIT_FRAMES else person


def _where_both_belong(
    model: FaceModel, errors: DetectorErrors, few: Sight, sight: Sight, plain: FaceFit, marks: Marks
) -> tuple[Sight, Sight]:
    """Telling frames, and all, with points where they belong; of a film by what some of its pictures say each
    for itself of who it is: by that the errors are known."""
    if len(sight.points) == 1:
        moved = where_points_belong(errors, sight, plain)
        return moved, moved

    def alone(frame: int) -> Array:
        return fitted_person(model, few.part([frame]), start=plain.part([frame]))[0].identity

    with ThreadPoolExecutor(2) as pool:
        known = np.mean([*pool.map(alone, range(0, len(few.points), ALONE_EVERY))], 0)
    return (
        where_followed_belong(errors, few, replace(plain, identity=known)),
        where_followed_belong(errors, sight, replace(begun(marks, sight), identity=known)),
    )


def rested_person(model: FaceModel, person: CapturedPerson) -> CapturedPerson:
    """The same in all pictures, with what brows, lids and nose always do in the face at rest."""
    weights = person.fit.weights
    always = np.percentile(weights, HABIT, axis=0)
    always[[not name.startswith(HABITUAL) for name in person.marks.names]] = 0
    neutral = model.settled(model.holding(person.neutral, torch.from_numpy(always).float()))
    fit = replace(person.fit, weights=np.clip(weights - always, 0, 1))
    return replace(person, neutral=neutral, marks=marks_on(model, neutral), fit=fit)


def _tracked(marks: Marks, few: FaceFit, telling: list[int], sight: Sight, gaps: Array) -> FaceFit:
    """Every frame, forwards from the one before it, then beside both its neighbours; the first of a scene
    begins where it is seen, with the face of the nearest that is known."""
    count = len(sight.points)
    fit = replace(begun(marks, sight, few.focal), identity=few.identity)
    for i in range(count):
        follows = i > 0 and np.isfinite(gaps[i])
        if follows:
            fit.turns[i], fit.shifts[i] = fit.turns[i - 1], fit.shifts[i - 1]
        nearest = int(np.abs(np.array(telling) - i).argmin())
        fit.weights[i] = fit.weights[i - 1] if follows else few.weights[nearest]
        start_lids(marks, fit, i, sight)
        fit = fitted_frame(marks, fit, i, sight, ((i - 1, gaps[i]),) if follows else ())
    for i in range(count):
        beside = [(j, gaps[k]) for j, k in ((i - 1, i), (i + 1, i + 1)) if 0 <= j < count]
        beside = [(j, gap) for j, gap in beside if np.isfinite(gap)]
        fit = fitted_frame(marks, fit, i, sight, beside, rounds=2)
    return fit
