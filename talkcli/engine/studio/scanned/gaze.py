"""Where eyes of the scanned head look, and what makes them look at a point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.lid_contact import LidContact
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.balls import SIDES, TURN, cornea_axis
from talkcli.engine.studio.scanned.landmarks import LIMBUS

_ROUNDS = 4
"""Times that the weights are corrected: a shape moves along the chord of what it turns."""


MARGIN_LOOP, _MIDDLE = 1, 5
"""The loop of the lids' margins whose height is measured, and over how many columns."""


def eye_contacts() -> Mapping[str, LidContact]:
    contact = load_face_model().contact
    assert isinstance(contact, FaceContact)
    return dict(zip(SIDES, (contact.left, contact.right), strict=True))


def gazes(
    face: Float[Tensor, "verts 3"], neutral: Float[Tensor, "verts 3"] | None = None
) -> dict[str, tuple[Array, Array]]:
    """Of each eye of a face: its centre, metres, and the unit vector through its cornea and iris.

    `neutral`: the same person at rest, whose eyeballs tell the size; by default the face itself.
    """
    model, rest = load_face_model(), face if neutral is None else neutral
    angles = {}
    for side, eye in eye_contacts().items():
        centre = eye.located(model.template, rest)[0].double().numpy()
        mean = model.template[eye.ball].double().numpy() - eye.centre.double().numpy()
        here = face[eye.ball].double().numpy() - centre
        u, _, v = np.linalg.svd(here.T @ mean)
        turn = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
        angles[side] = centre, turn @ cornea_axis(mean, np.zeros(3))
    return angles


def looking_at(neutral: Float[Tensor, "verts 3"], point: Float[Tensor, " 3"]) -> dict[str, float]:
    """Weights of the eyeLook shapes, 0..1, that turn both eyes of a person at rest to a point, metres."""
    model = load_face_model()
    shapes, target = model.shapes_of(neutral), point.double().numpy()
    weights = dict.fromkeys((f"eye{way}{side.capitalize()}" for side in SIDES for way in TURN), 0.0)
    for _ in range(_ROUNDS):
        vertices = neutral + sum(
            value * shapes[model.shape_names.index(name)] for name, value in weights.items()
        )
        for side, (centre, axis) in gazes(vertices, neutral).items():
            out = 1.0 if side == "left" else -1.0
            direction = (target - centre) / np.linalg.norm(target - centre)
            turn = {"LookOut": out * (_yaw(direction) - _yaw(axis)) / TURN["LookOut"][1]}
            turn["LookDown"] = (_pitch(axis) - _pitch(direction)) / TURN["LookDown"][0]
            for way, opposite in (("LookOut", "LookIn"), ("LookDown", "LookUp")):
                names = f"eye{way}{side.capitalize()}", f"eye{opposite}{side.capitalize()}"
                value = weights[names[0]] - weights[names[1]] + turn[way]
                weights[names[0]], weights[names[1]] = max(value, 0.0), max(-value, 0.0)
    return {name: min(value, 1.0) for name, value in weights.items()}


def _yaw(way: Array) -> float:
    """Degrees towards +x."""
    return float(np.degrees(np.arctan2(way[0], way[2])))


def _pitch(way: Array) -> float:
    """Degrees upwards."""
    return float(np.degrees(np.arcsin(way[1])))


def openness(neutral: Float[Tensor, "verts 3"]) -> float:
    """How far the lids are open in the middle of both eyes, of the height of the iris."""
    model, shares = load_face_model(), []
    for eye in eye_contacts().values():
        centre, spread = eye.located(model.template, neutral)
        radius = spread * float((model.template[eye.ball] - eye.centre).norm(dim=1).median())
        over, under = (neutral[loops[MARGIN_LOOP], 1] - centre[1] for loops in (eye.over, eye.under))
        gap = float(over.topk(_MIDDLE).values.mean() + (-under).topk(_MIDDLE).values.mean())
        shares.append(gap / (2 * radius * np.sin(LIMBUS)))
    return float(np.mean(shares))
