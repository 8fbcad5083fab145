"""The scanned head as a FaceModel, ready to be saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talkcli.engine.face.face_model import JAW as MANDIBLE
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.lip_contact import LipContact, closing
from talkcli.engine.face.topology import Landmarks, Topology
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.expression_space import SKIN_SHARE, make_expression
from talkcli.engine.studio.paint.wrinkles import SIZE as WRINKLES
from talkcli.engine.studio.paint.wrinkles import wrinkles_on
from talkcli.engine.studio.scanned.balls import LISTENER, SIDES, balls_of, facing, round_modes
from talkcli.engine.studio.scanned.fields import PaintFields, make_fields
from talkcli.engine.studio.scanned.landmarks import make_landmarks
from talkcli.engine.studio.scanned.looks import make_canvas
from talkcli.engine.studio.scanned.loops import eye_loops, mouth_loops, neighbours
from talkcli.engine.studio.scanned.mesh import ScannedMesh, make_mesh, tongue_of
from talkcli.engine.studio.scanned.regions import make_regions
from talkcli.engine.studio.scanned.rigging import (
    SECOND_CORNER,
    make_contact,
    make_joint_regressor,
    make_joints,
    make_mouth,
    make_weights,
)
from talkcli.engine.studio.scanned.sealing import sealed
from talkcli.engine.studio.scanned.shapes import JAW_ANGLE, SHAPE_NAMES, make_shapes, opened_teeth
from talkcli.engine.studio.scanned.source import read_source

NAME = "facekit"

STORAGE_STEPS: Mapping[str, float] = {"identity": 1.2e-5, "shapes": 2e-5}
"""Metres in which the bases are kept on disk: people are off by 0.05 mm at most on average."""

_JAW, _CLOSE = SHAPE_NAMES.index("jawOpen"), SHAPE_NAMES.index("mouthClose")

REST: Mapping[str, float] = {"eyeBlink": 0.05, "mouthSmile": 0.10}
"""What every face does at rest: FaceKit's stands wide-eyed, with corners that hang."""

TO_RIDGE = 1.6
"""How much further tongueUp lifts the tip than in `shapes`, where what is seen was found out by it."""

_PAIRS = 27

_MEETING = slice(5, 10)
"""The loops of the mouth at which lips may meet."""


_PLACES = "paint_places.npz"
"""Where each of FaceKit's vertices lies on the head that the painters were written for, mm."""


def assemble(folder: Path) -> tuple[FaceModel, PaintFields]:
    """The model, metres, from FaceKit's files and PLACES in a folder; and what its painters read."""
    source = read_source(folder)
    source = replace(source, base=facing(source.base, LISTENER))
    near = neighbours(source)
    mouth, eyes = mouth_loops(source, near), {side: eye_loops(source, near, side) for side in SIDES}
    tongue = tongue_of(source)
    every_shape = make_shapes(source, tongue)
    source = replace(source, identity=round_modes(source, eyes))
    mesh = make_mesh(source, every_shape, tongue)
    shapes = mesh.carried(every_shape)
    shapes[SHAPE_NAMES.index("tongueUp")] *= TO_RIDGE
    lips = make_mouth(mesh, mouth)
    calm = mesh.carried(source.base) + np.tensordot(_resting(), shapes, 1)
    points, modes = sealed(calm / 1000, mesh.carried(source.identity) / 1000, lips)
    shapes[_CLOSE] = _closing(points, shapes, lips)
    joints, balls, mm = make_joints(source.base), balls_of(source.base), points * 1000
    shapes[_JAW, mesh.parts["lower_teeth"]] = opened_teeth(mm[mesh.parts["lower_teeth"]])
    places = np.load(folder / _PLACES)["places"].astype(np.float64)
    fields = make_fields(mesh, mm, places, mouth, eyes)
    topology = _topology(
        mesh, mm, mouth, make_regions(mesh, mm, mouth, eyes), make_landmarks(mesh, mm, balls)
    )
    weights = make_weights(mesh, mm, shapes)
    model = FaceModel(
        topology=topology,
        template=_single(points),
        identity=_single(modes),
        shapes=_single(shapes / 1000),
        shape_names=SHAPE_NAMES,
        expression=_single(make_expression(_weight_in_sight(mesh), SHAPE_NAMES, shapes)),
        joints=_single(joints / 1000),
        weights=_single(weights).half(),
        wrinkles=wrinkles_on(make_canvas(topology, fields, WRINKLES), SHAPE_NAMES),
        joint_regressor=_single(make_joint_regressor(mesh, mm, joints)).half(),
        contact=make_contact(mesh, mm, weights[:, MANDIBLE], mouth, eyes, balls),
        hinge=JAW_ANGLE,
    )
    return model, fields


def _topology(
    mesh: ScannedMesh,
    points: Array,
    mouth: Index,
    regions: Mapping[str, Index],
    landmarks: dict[str, Landmarks],
) -> Topology:
    """Everything about the head that is the same for everybody."""
    return Topology(
        name=NAME,
        faces=torch.from_numpy(mesh.faces.astype(np.int32)),
        uv=_single(mesh.uv),
        uv_faces=torch.from_numpy(mesh.uv_faces.astype(np.int32)),
        materials=torch.from_numpy(mesh.materials.astype(np.int32)),
        regions={name: torch.from_numpy(np.sort(index).astype(np.int32)) for name, index in regions.items()},
        landmarks=landmarks,
        lip_pairs=torch.from_numpy(lip_pairs(points, mesh.index[mouth[_MEETING]]).astype(np.int32)),
    )


def _resting() -> Array:
    """[SHAPE_NAMES] weights of REST; a name without its side stands for both."""
    sided = {name + side: value for name, value in REST.items() for side in ("Left", "Right")}
    return np.array([sided.get(name, 0.0) for name in SHAPE_NAMES])


def _closing(points: Array, shapes: Array, lips: LipContact) -> Array:
    """[V, 3] mm: mouthClose that shuts the mean face's lips over its jaw."""
    jaw_open, close = _single(shapes[_JAW] / 1000), _single(shapes[_CLOSE] / 1000)
    return closing(jaw_open, close, lips, _single(points)).numpy() * 1000.0


def lip_pairs(points: Array, loops: Index) -> Index:
    """[PAIRS, 2] vertices of the upper and the lower lip that face each other at rest, left to right."""
    columns = np.arange(loops.shape[1])
    middle = SECOND_CORNER // 2
    ring = columns[middle - _PAIRS // 2 : middle + _PAIRS // 2 + 1]
    lower = loops[:, SECOND_CORNER + 1 :].ravel()
    pairs = []
    for column in ring:
        upper = loops[:, column]
        away = np.linalg.norm(points[upper, None] - points[lower], axis=2)
        first, second = np.unravel_index(away.argmin(), away.shape)
        pairs.append((upper[first], lower[second]))
    return np.array(pairs)


def _weight_in_sight(mesh: ScannedMesh) -> Array:
    """[V] how much each vertex counts for the space of expressions."""
    share = np.zeros(len(mesh.corners))
    for part, value in SKIN_SHARE.items():
        share[mesh.parts[part]] = value
    return share


def _single(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
