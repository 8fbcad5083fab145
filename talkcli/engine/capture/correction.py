"""A smooth correction of the neutral face towards points that the identity space cannot reach.

A Gaussian process over the neutral face: the field is a sum of wide and narrow bumps, observed through the
points' reprojection errors in every frame; depth follows as far as several poses show it. With W the
precision of what is observed at the points, K the covariance of the field there and b = W (observed), the
field at x is k(x) a, where (1 + W K) a = b (Rasmussen and Williams 2006, 2.2). Eyeballs and what lies in the
mouth move as rigid bodies; lids keep their distance from the ball.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.capture.landmark_sets import OVAL_POINTS, SKIN_POINTS
from talkcli.engine.capture.marks import Marks
from talkcli.engine.capture.normal_equations import FaceFit, linearised, robust_trust
from talkcli.engine.capture.sight import Sight
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.studio.arrays import Array

BUMPS = ((0.035, 0.0045), (0.014, 0.0020))
"""Metres: reach and standard deviation, wide and narrow."""

DEPTH_SHARE = 0.5
"""Of the standard deviation, along the axis that a frontal picture does not see."""

CORRECTED_SCATTER, SCATTER_OF_ONE, FAR_OFF = 0.008, 0.024, 0.03
"""Eye distances: scatter of a point, that of a single picture, in which nothing averages it, and the one by
which those far off count less."""

OVAL_TRUST = 0.3

TELLING_FRAMES = 4
"""Frames that count in full; more only average their noise."""

LID_RIGID, LID_FREE = 1.25, 1.85
"""Radii of the eyeball up to which lids keep their distance from it, and from which on skin need not."""

_AT_ONCE = 4096


class Observed(NamedTuple):
    """Of each point, in the head's frame."""

    precision: Array
    """[points, 3, 3] 1 / m^2"""
    pull: Array
    """[points, 3] precision times the offset that is seen, 1 / m"""


def covariance(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.floating]:
    """[n, m] of one coordinate of the field between places [n, 3] and [m, 3], square metres."""
    square = np.clip((one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T, 0, None)
    return np.sum([sd**2 * np.exp(-square / (2 * reach**2)) for reach, sd in BUMPS], 0)


def field_of(where: Array, observed: Observed) -> Callable[[Array], Array]:
    """The posterior mean of the field, [n, 3] metres at places [n, 3], from what is observed at `where`; in
    single precision where it is read off."""
    count = len(where)
    spread = np.array([1.0, 1.0, DEPTH_SHARE**2])
    prior = (covariance(where, where)[:, None, :, None] * np.diag(spread)[:, None]).reshape(3 * count, -1)
    system = (observed.precision @ prior.reshape(count, 3, -1)).reshape(3 * count, -1)
    system[np.diag_indices(3 * count)] += 1
    pull = np.linalg.solve(system, observed.pull.reshape(-1)).reshape(count, 3) * spread

    there, short = where.astype(np.float32), pull.astype(np.float32)

    def field(places: Array) -> Array:
        parts = np.split(places.astype(np.float32), range(_AT_ONCE, len(places), _AT_ONCE))
        return np.concatenate([covariance(part, there) @ short for part in parts]).astype(np.float64)

    return field


def observed_errors(marks: Marks, fit: FaceFit, sight: Sight) -> Observed:
    """What reprojection errors of all frames say about the face at rest."""
    trust = np.ones(SKIN_POINTS)
    trust[list(OVAL_POINTS)] = OVAL_TRUST
    trust *= min(1.0, TELLING_FRAMES / len(sight.points))
    scatter = SCATTER_OF_ONE if len(sight.points) == 1 else CORRECTED_SCATTER
    precision, pull = np.zeros((SKIN_POINTS, 3, 3)), np.zeros((SKIN_POINTS, 3))
    for i in range(len(sight.points)):
        linear = linearised(marks, fit, i, sight)
        error, by_rest = linear.error[:SKIN_POINTS], (linear.by_place @ fit.turns[i])[:SKIN_POINTS]
        weight = robust_trust(trust, error, FAR_OFF) * (FAR_OFF / scatter) ** 2
        precision += weight[:, None, None] * np.einsum("kia,kib->kab", by_rest, by_rest)
        pull -= weight[:, None] * np.einsum("kia,ki->ka", by_rest, error)
    return Observed(precision, pull)


def corrected_face(
    model: FaceModel, neutral: Float[Tensor, "verts 3"], marks: Marks, fit: FaceFit, sight: Sight
) -> Float[Tensor, "verts 3"]:
    """The face at rest, metres, moved to where the points of its pictures say; with every touch resolved."""
    field = field_of(marks.mean[:SKIN_POINTS], observed_errors(marks, fit, sight))
    rest = neutral.double().numpy()
    return model.settled(torch.from_numpy(_with_hard_parts(model, rest, field)).float())


def _with_hard_parts(model: FaceModel, rest: Array, field: Callable[[Array], Array]) -> Array:
    """The face [V, 3] with the field added; what is hard is moved as a whole."""
    regions, contact = model.topology.regions, model.contact
    assert isinstance(contact, FaceContact)
    moves = field(rest)
    inside = np.unique(np.concatenate([regions[n].numpy() for n in ("teeth", "gums", "tongue", "cavity")]))
    moves[inside] = moves[regions["lips"].numpy()].mean(0)
    out = rest + moves
    for eye in (contact.left, contact.right):
        ball = eye.ball.numpy()
        centre = eye.located(model.template, torch.from_numpy(rest).float())[0].double().numpy()
        radius = float(np.median(np.linalg.norm(rest[ball] - centre, axis=1)))
        shift = field((centre + np.array([0, 0, radius]))[None])[0]
        near = np.linalg.norm(rest - centre, axis=1) < LID_FREE * radius
        near[ball] = False
        before, after = rest[near] - centre, out[near] - centre - shift
        length = np.linalg.norm(before, axis=1, keepdims=True)
        held = after / np.linalg.norm(after, axis=1, keepdims=True) * length
        free = np.clip((length / radius - LID_RIGID) / (LID_FREE - LID_RIGID), 0, 1)
        out[near] = centre + shift + held + (after - held) * free * free * (3 - 2 * free)
        out[ball] = rest[ball] + shift
    return out
