"""Joints, skinning weights and contact of the scanned head."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.lid_contact import LidContact
from talkcli.engine.face.lip_contact import LipContact
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.arches import make_arch
from talkcli.engine.studio.scanned.balls import SIDES, Ball, balls_of
from talkcli.engine.studio.scanned.loops import LID_COLUMNS, EyeLoops
from talkcli.engine.studio.scanned.mesh import ScannedMesh
from talkcli.engine.studio.scanned.shapes import HINGE, SHAPE_NAMES, opened_teeth

ROOT, NECK = np.array([0.0, -170.0, -30.0]), np.array([0.0, -72.0, -12.0])
"""mm: between the shoulders; where head and neck turn."""

SECOND_CORNER = 40
"""The column of the mouth's loops that is the right corner; 0 is the left one."""

_FOLLOW = (1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.75, 0.55, 0.35, 0.2, 0.1, 0.04, 0.0)
"""How much of a correction of its edge each loop of the lids follows, from the eye's lining outwards."""

CLEARANCE = (0.0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2)
"""mm that each keeps from the eyeball."""

SMOOTHING = 12
"""Times that the jaw's shares are evened out over the mesh."""


def make_joints(base: Array) -> Array:
    """[5, 3] mm, in the order of JOINTS of the face model, on FaceKit's mean face."""
    return np.stack([ROOT, NECK, HINGE, *(ball.centre for ball in balls_of(base).values())])


def make_weights(mesh: ScannedMesh, points: Array, shapes: Array) -> Array:
    """[V, 5] shares of root, neck, jaw, left eye, right eye; rows sum to 1."""
    _, y, z = points.T
    front = _ramp(z, -60, 75)
    head = _ramp(y, -165, -75) * (1 - front) + _ramp(y, -178, -104) * front
    inner = np.setdiff1d(np.arange(len(points)), mesh.parts["skin"])
    head[inner] = 1.0
    jaw = jaw_shares(mesh, points, shapes[SHAPE_NAMES.index("jawOpen")])
    eyes = np.zeros((len(points), 2))
    for column, side in enumerate(SIDES):
        eyes[mesh.parts[f"{side}_eye"], column] = 1.0
    jaw = jaw * head * (1 - eyes.sum(1))
    return np.column_stack([1 - head, head - jaw - eyes.sum(1), jaw, eyes])


def jaw_shares(mesh: ScannedMesh, points: Array, jaw_open: Array) -> Array:
    """[V] how much of the jaw's turn each vertex follows: what comes nearest to jawOpen."""
    ridden = opened_teeth(points)
    share = np.clip((jaw_open * ridden).sum(1) / ((ridden**2).sum(1) + 1e-6), 0, 1)
    near = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    count = np.bincount(near.ravel(), minlength=len(points))
    still = np.concatenate([mesh.parts["upper_teeth"], mesh.parts["lower_teeth"]])
    for _ in range(SMOOTHING):
        total = np.bincount(near[:, 0], share[near[:, 1]], len(points))
        total += np.bincount(near[:, 1], share[near[:, 0]], len(points))
        even = 0.5 * share + 0.5 * total / np.maximum(count, 1)
        even[still] = share[still]
        share = even
    share[mesh.parts["upper_teeth"]], share[mesh.parts["lower_teeth"]] = 0.0, 1.0
    return share


def make_joint_regressor(mesh: ScannedMesh, points: Array, joints: Array) -> Array:
    """[5, V]: each joint as an affine mean of vertices near it, exact on this head."""
    skin = mesh.parts["skin"]
    x, y, z = points[skin].T
    places = [
        skin[y < -120],
        skin[(y < -20) & (y > -110) & (z < 40)],
        skin[(np.abs(x) > 45) & (np.abs(y + 20) < 25) & (np.abs(z - 11) < 30)],
        mesh.parts["left_eye"],
        mesh.parts["right_eye"],
    ]
    regressor = np.zeros((5, len(points)))
    for row, (joint, place) in enumerate(zip(joints, places, strict=True)):
        system = np.vstack([points[place].T, 100 * np.ones(len(place))])
        even = np.full(len(place), 1 / len(place))
        miss = np.concatenate([joint, [100.0]]) - system @ even
        regressor[row, place] = even + np.linalg.pinv(system) @ miss
    return regressor


def make_mouth(mesh: ScannedMesh, loops: Index) -> LipContact:
    columns = np.arange(loops.shape[1])
    upper = (columns > 0) & (columns < SECOND_CORNER)
    return LipContact(_tensor(mesh.index[loops]), torch.from_numpy(upper))


def make_contact(
    mesh: ScannedMesh,
    points: Array,
    jaw: Array,
    mouth: Index,
    eyes: dict[str, EyeLoops],
    balls: dict[str, Ball],
) -> FaceContact:
    """Loops, lids, lashes, eyeballs and teeth that may touch, `jaw` [V] being shares; lengths in metres."""
    left, right = (_lids(mesh, points, side, eyes[side], balls[side].centre) for side in SIDES)
    above, below = (make_arch(mesh, points, jaw, upper) for upper in (True, False))
    return FaceContact(make_mouth(mesh, mouth), left, right, above, below)


def _lids(mesh: ScannedMesh, points: Array, side: str, loops: EyeLoops, centre: Array) -> LidContact:
    skin = np.flatnonzero(loops.ring >= 0)
    share = np.array(_FOLLOW)[loops.ring[skin]]
    skin, share = skin[share > 0], share[share > 0]
    own = mesh.parts[f"{side}_lashes"]
    roots = lash_columns(points, mesh.index[loops.edge], own)
    follow = np.concatenate([loops.columns[skin] * share[:, None], roots])
    clearance = np.array(CLEARANCE)[loops.ring[skin]]
    columns = np.arange(LID_COLUMNS)
    ball = mesh.parts[f"{side}_eye"]
    return LidContact(
        edge=_tensor(mesh.index[loops.edge]),
        upper=torch.from_numpy((columns > 0) & (columns < LID_COLUMNS // 2)),
        opposite=_tensor(-columns % LID_COLUMNS),
        over=_tensor(mesh.index[loops.over]),
        under=_tensor(mesh.index[loops.under]),
        outer=_tensor(mesh.index[loops.outer]),
        lids=_tensor(np.concatenate([mesh.index[skin], own])),
        follow=torch.from_numpy(follow).float(),
        clearance=torch.from_numpy(clearance / 1000).float(),
        ball=_tensor(ball),
        centre=torch.from_numpy(centre / 1000).float(),
    )


def lash_columns(points: Array, edge: Index, own: Index) -> Array:
    """[lash verts, columns] shares: each blade of five rides on the column that its root is nearest to."""
    roots = points[own].reshape(-1, 5, 3)[:, :2].mean(1)
    nearest = np.linalg.norm(roots[:, None] - points[edge], axis=2).argmin(1)
    return np.eye(len(edge))[np.repeat(nearest, 5)]


def _ramp(x: Array, start: float, stop: float) -> Array:
    """0 before start, 1 after stop, a cubic between."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def _tensor(index: NDArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(index, dtype=np.int64))
