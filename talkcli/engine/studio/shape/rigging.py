"""Rigging: joints, skinning weights and contact of the built-in head."""

import numpy as np
import torch

from talkcli.engine.face.contact import Contact
from talkcli.engine.face.eyelids import LID_RINGS, Eye
from talkcli.engine.face.lips import LIP_RINGS, Mouth
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.shape.deformer import deformer, ramp
from talkcli.engine.studio.shape.head_mesh import HeadMesh
from talkcli.engine.studio.shape.jaw import HINGE, jaw_share, riders

NECK = np.array([0.0, -58.0, -18.0])
"""Where head and neck turn, mm: the middle of the cervical spine, a little below the jaw's angles."""


def make_joints(head: HeadMesh) -> Array:
    """[5, 3] mm, in the order of JOINTS of the face model."""
    eyes = [head.eyes[side].centre for side in ("left", "right")]
    return np.stack([np.array([0.0, -170.0, -30.0]), NECK, HINGE, *eyes])


def make_weights(head: HeadMesh) -> Array:
    """[V, 5] shares of root, neck, jaw, left eye, right eye; rows sum to 1."""
    x, y, z = head.vertices.T
    front = ramp(z, -30, 40)
    head_share = ramp(y, -168, -98) * (1 - front) + ramp(y, -150, -92) * front
    head_share[
        np.concatenate([part for name, part in head.parts.items() if name not in ("skin", "hair")])
    ] = 1.0
    jaw = jaw_share(deformer(head))
    for part, share in riders(head).items():
        jaw[head.parts[part]] = share
    eyes = np.zeros((len(x), 2))
    eyes[head.parts["left_eye"], 0] = eyes[head.parts["right_eye"], 1] = 1.0
    jaw = jaw * head_share
    neck = head_share - jaw - eyes.sum(1)
    return np.column_stack([1 - head_share, neck, jaw, eyes])


def make_joint_regressor(head: HeadMesh) -> Array:
    """[5, V]: each joint as an affine mean of vertices near it, exact on this head."""
    x, y, z = head.vertices.T
    lateral = np.abs(x)
    places: list[Index] = [
        head.parts["skin"][y[head.parts["skin"]] < -120],
        head.parts["skin"][
            (y[head.parts["skin"]] < -20) & (y[head.parts["skin"]] > -110) & (z[head.parts["skin"]] < 40)
        ],
        np.flatnonzero((lateral > 45) & (np.abs(y - 1) < 25) & (np.abs(z - 11) < 30)),
        head.parts["left_eye"],
        head.parts["right_eye"],
    ]
    regressor = np.zeros((5, len(x)))
    for row, (joint, place) in enumerate(zip(make_joints(head), places, strict=True)):
        system = np.vstack([head.vertices[place].T, 100 * np.ones(len(place))])
        even = np.full(len(place), 1 / len(place))
        miss = np.concatenate([joint, [100.0]]) - system @ even
        regressor[row, place] = even + np.linalg.pinv(system) @ miss
    return regressor


def make_contact(head: HeadMesh) -> Contact:
    """Loops, lashes, teeth and eyeballs that may touch; lengths in metres."""
    return Contact(_mouth(head), _eye(head, "left"), _eye(head, "right"))


def _tensor(index: Index) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(index, dtype=np.int64))


def _mouth(head: HeadMesh) -> Mouth:
    mouth = head.mouth
    columns = len(mouth.u)
    return Mouth(
        _tensor(np.stack([mouth.ring(name) for name in LIP_RINGS])),
        torch.from_numpy(np.ascontiguousarray(mouth.upper)),
        torch.from_numpy(np.arange(columns) % (columns // 2) == 0),
        _tensor(_foremost(head, "upper_teeth")),
        _tensor(_foremost(head, "lower_teeth")),
    )


def _foremost(head: HeadMesh, part: str) -> Index:
    """The outermost vertex of each sector of a dental arch, seen from above."""
    index = head.parts[part]
    x, _, z = head.vertices[index].T
    middle = z.max() - 40.0
    angle, far = np.arctan2(x, z - middle), np.hypot(x, z - middle)
    chosen = []
    for low in np.linspace(-1.3, 1.3, 27)[:-1]:
        inside = np.flatnonzero((angle >= low) & (angle < low + 0.1))
        if len(inside):
            chosen.append(index[inside[far[inside].argmax()]])
    return np.array(chosen)


def _eye(head: HeadMesh, side: str) -> Eye:
    eye = head.eyes[side]
    lashes, left = head.parts[f"{side}_lashes"], len(head.parts["left_lashes"])
    roots = head.lashes_root[:left, 0] if side == "left" else head.lashes_root[left:, 0]
    column = {int(vertex): j for j, vertex in enumerate(eye.ring("margin"))}
    return Eye(
        _tensor(np.stack([eye.ring(name) for name in LID_RINGS])),
        torch.from_numpy(np.ascontiguousarray(eye.upper)),
        _tensor(eye.opposite),
        _tensor(lashes),
        _tensor(np.array([column[int(vertex)] for vertex in roots])),
        _tensor(head.parts[f"{side}_eye"]),
        torch.tensor(eye.centre / 1000, dtype=torch.float32),
    )
