"""The built-in head as a FaceModel: mesh, identity basis, shapes, rig, landmarks and wrinkles, ready to be
saved."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.topology import Topology
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.expression_space import SKIN_SHARE, make_expression
from talkcli.engine.studio.paint.wrinkles import make_wrinkles
from talkcli.engine.studio.shape.assembly import average_head, modes
from talkcli.engine.studio.shape.expressions import make_shapes
from talkcli.engine.studio.shape.head_mesh import HeadMesh
from talkcli.engine.studio.shape.identity import HAIR_MODES, MODE_NAMES, sample
from talkcli.engine.studio.shape.landmarks import make_landmarks
from talkcli.engine.studio.shape.regions import make_regions
from talkcli.engine.studio.shape.rigging import make_contact, make_joint_regressor, make_joints, make_weights

NAME = "talk-head"
PEOPLE, _COMPONENTS = 2000, 60
MILLIMETRE = 1e-3


@dataclass(frozen=True)
class IdentitySpace:
    """Principal components of people, exact in the modes; the hair's own modes follow as they are."""

    mean: Array
    """[modes] of the mean face"""
    components: Array
    """[n, modes] per standard deviation"""
    variance: Array
    """[n] share of the skin's variance that the first components hold"""


def identity_space(head: HeadMesh) -> IdentitySpace:
    """PCA over PEOPLE random persons, in the metric of the vertices."""
    rng = np.random.default_rng(2024)
    people = np.stack([sample(rng).values for _ in range(PEOPLE)])
    face = len(MODE_NAMES) - len(HAIR_MODES)
    seen = np.concatenate([head.parts["skin"], head.parts["left_ear"], head.parts["right_ear"]])
    fields = modes()[:face][:, seen].reshape(face, -1)
    values, vectors = np.linalg.eigh(fields @ fields.T / len(seen))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    centred = people[:, :face] - people[:, :face].mean(0)
    spread, axes = np.linalg.eigh(np.cov((centred @ root).T))
    order = spread.argsort()[::-1][:_COMPONENTS]
    back = np.linalg.pinv(root)
    directions = (axes[:, order] * np.sqrt(spread[order])).T @ back
    directions *= np.sign(directions[np.arange(_COMPONENTS), np.abs(directions).argmax(1)])[:, None]
    hair = np.eye(len(MODE_NAMES))[face:]
    components = np.concatenate([np.pad(directions, ((0, 0), (0, len(HAIR_MODES)))), hair])
    mean = np.concatenate([people[:, :face].mean(0), np.zeros(len(HAIR_MODES))])
    return IdentitySpace(mean, components, spread[order].cumsum() / spread.sum())


def make_topology(head: HeadMesh) -> Topology:
    """Everything about the head that is the same for everybody."""
    return Topology(
        name=NAME,
        faces=torch.from_numpy(head.faces.astype(np.int32)),
        uv=torch.from_numpy(head.uv.astype(np.float32)),
        uv_faces=torch.from_numpy(head.uv_faces.astype(np.int32)),
        materials=torch.from_numpy(head.materials.astype(np.int32)),
        regions={name: torch.from_numpy(np.sort(index)) for name, index in make_regions(head).items()},
        landmarks=make_landmarks(head),
        lip_pairs=torch.from_numpy(np.ascontiguousarray(head.mouth.pairs)),
    )


def assemble_head() -> FaceModel:
    """The whole face model, metres; bases in half precision."""
    head = average_head()
    names, shapes = make_shapes(head)
    space = identity_space(head)
    basis = np.tensordot(space.components, modes(), 1)
    return FaceModel(
        topology=make_topology(head),
        template=_single(head.vertices * MILLIMETRE),
        identity=_single(basis * MILLIMETRE).half(),
        shapes=_single(shapes * MILLIMETRE).half(),
        shape_names=names,
        expression=_single(make_expression(_weight_in_sight(head), names, shapes)),
        joints=_single(make_joints(head) * MILLIMETRE),
        weights=_single(make_weights(head)).half(),
        wrinkles=make_wrinkles(head, names),
        joint_regressor=_single(make_joint_regressor(head)).half(),
        contact=make_contact(head).map(torch.clone),
    )


def _weight_in_sight(head: HeadMesh) -> Array:
    """[V] how much each vertex counts for the space of expressions."""
    share = np.zeros(len(head.vertices))
    for part, value in SKIN_SHARE.items():
        share[head.parts[part]] = value
    return share


def _single(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
