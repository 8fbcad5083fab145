"""Marks: what the built-in head is at the detector's points, small enough for one fit a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.capture.landmark_sets import (
    IRIS_CENTRES,
    LID_POINTS,
    LIP_POINTS,
    OVAL_POINTS,
    SKIN_POINTS,
)
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.jaw import JAW_OPEN, arc_weights_at
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.studio.arrays import Array

_OVAL_TRUST, _LIP_TRUST, _LID_TRUST, _GAZE_TRUST = 0.25, 2.0, 4.0, 3.0
"""Of a squared distance, beside 1 of all other points. Outlines slide; lips and lids are what is read."""


@dataclass(frozen=True)
class Marks:
    """A head at the detector's points; metres, at weight 1 or per standard deviation."""

    names: tuple[str, ...]
    """Of the shapes."""
    mean: Array
    """[points, 3] of the face at rest"""
    identity: Array
    """[modes, points, 3]"""
    shapes: Array
    """[shapes, points, 3]"""
    arcs: Array
    """[2, points, 3] what bends jawOpen onto its arc"""
    trust: Array
    """[points]"""
    slit: Array
    """[pairs] height between facing points of the lips, at rest"""
    slit_shapes: Array
    """[shapes, pairs] and what each shape adds to it"""
    slit_arcs: Array
    """[2, pairs]"""
    hinge: float
    """Radians at which jawOpen ends on its arc"""

    @property
    def jaw(self) -> int:
        return self.names.index("jawOpen")

    def bend(self, opening: float) -> tuple[Array, Array]:
        """[2] weights of the arcs where jawOpen has a weight, and their derivative by it."""
        here, onward = arc_weights_at(opening * JAW_OPEN, self.hinge)
        return np.array(here), np.array(onward) * JAW_OPEN

    def places(self, weights: Array, code: Array | None = None) -> Array:
        """[points, 3] of the face with shape weights [shapes] and `code` [modes] beyond the face at rest."""
        arc = self.bend(float(weights[self.jaw]))[0]
        places = self.mean + _mixed(weights, self.shapes) + _mixed(arc, self.arcs)
        return places if code is None else places + _mixed(code, self.identity)

    def jaw_move(self, opening: float) -> Array:
        """[points, 3] derivative of the places by the weight of jawOpen; that by another weight is its
        shape."""
        return self.shapes[self.jaw] + _mixed(self.bend(opening)[1], self.arcs)

    def parting(self, weights: Array) -> tuple[Array, Array]:
        """[pairs] how much further apart lips are than at rest, metres; its derivatives [shapes, pairs]."""
        arc, onward = self.bend(float(weights[self.jaw]))
        by_weight = self.slit_shapes.copy()
        by_weight[self.jaw] += onward @ self.slit_arcs
        return weights @ self.slit_shapes + arc @ self.slit_arcs, by_weight


def _mixed(weights: Array, moves: Array) -> Array:
    """[points, 3] of moves [n, points, 3], each by its weight."""
    return (weights @ moves.reshape(len(moves), -1)).reshape(moves.shape[1:])


def marks_on(model: FaceModel, neutral: Float[Tensor, "verts 3"]) -> Marks:
    """The marks of a face at rest, with its shapes as this face wears them."""
    shapes, arcs = model.shapes_of(neutral), model.arcs_of(neutral)
    pairs = model.topology.lip_pairs.long()

    def read(values: Tensor) -> Array:
        return landmark_points(values, model.topology, "mediapipe").double().numpy()

    def heights(values: Tensor) -> Array:
        upper, lower = values[..., pairs, 1].double().unbind(-1)
        return (upper - lower).numpy()

    trust = np.ones(len(model.topology.landmarks["mediapipe"].triangles))
    trust[SKIN_POINTS:] = 0
    for points, share in (
        (OVAL_POINTS, _OVAL_TRUST), (LIP_POINTS, _LIP_TRUST), (LID_POINTS, _LID_TRUST),
        (IRIS_CENTRES, _GAZE_TRUST),
    ):  # fmt: skip
        trust[list(points)] = share
    return Marks(
        model.shape_names, read(neutral), read(model.identity), read(shapes), read(arcs), trust,
        heights(neutral), heights(shapes), heights(arcs), model.hinge or 0.0,
    )  # fmt: skip
