"""Eyes: lids that slide over the eyeball, lashes that ride on them, eyeballs that turn."""

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.deformer import Deformer, ramp
from talkcli.engine.studio.shape.head_mesh import EyeRings

TURN = {"LookUp": (-28.0, 0.0), "LookDown": (30.0, 0.0), "LookIn": (0.0, -36.0), "LookOut": (0.0, 38.0)}
"""degrees (about x, about y towards the temple) that the eyeball turns at weight 1"""
_MEETING, CANTHUS = 0.16, 0.5
"""where shut lids meet: this share of the aperture above the lower lid, in the middle and at the canthi"""
FALLING = {"crease": 0.42, "tarsus": 0.72, "lid": 0.92}
RAISED = {"crease": 0.75, "tarsus": 0.88, "lid": 0.96}
LOWER = {"crease": 0.62, "tarsus": 0.8, "lid": 0.93}
"""how much of the margin's movement the loops outside it follow: upper lid shutting, opening; lower lid"""
LIDS = {
    "Blink": (1.0, 1.0),
    "Wide": (-0.27, -0.10),
    "Squint": (0.26, 2.3),
    "LookDown": (0.46, -0.9),
    "LookUp": (-0.20, 0.25),
}
"""what lids do in a shape: shares of their own way to the meeting (upper, lower)"""


def eye_shapes(sculpt: Deformer) -> dict[str, Array]:
    """The fourteen shapes of the eyes, [V, 3] mm, eyeballs and lashes included."""
    shapes: dict[str, Array] = {}
    for side, name in ((1, "Left"), (-1, "Right")):
        eye = sculpt.mesh.eyes[name.lower()]
        for kind, (upper, lower) in LIDS.items():
            shapes[f"eye{kind}{name}"] = _lids(
                sculpt, eye, name.lower(), upper, lower, squeeze=kind == "Squint"
            )
        for kind, (pitch, out) in TURN.items():
            shape = shapes.setdefault(f"eye{kind}{name}", np.zeros_like(sculpt.points))
            ball = sculpt.mesh.parts[f"{name.lower()}_eye"]
            shape[ball] = _turned(sculpt.points[ball] - eye.centre, pitch, side * out)
    return shapes


def _turned(rest: Array, pitch: float, yaw: float) -> Array:
    """Displacements [n, 3] of points about the origin turned by degrees."""
    p, w = np.deg2rad([pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(w), 0, np.sin(w)], [0, 1, 0], [-np.sin(w), 0, np.cos(w)]])
    return rest @ (about_y @ about_x).T - rest


def _elevation(points: Array) -> Array:
    """Angle [n] above the horizontal about the axis through the eyeball's centre."""
    return np.arctan2(points[:, 1], points[:, 2])


def _rolled(points: Array, angle: Array) -> Array:
    """Points [n, 3] raised by angles [n] about the horizontal axis through the eyeball's centre."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = points.T
    return np.stack([x, y * cos + z * sin, z * cos - y * sin], 1)


def _lids(sculpt: Deformer, eye: EyeRings, part: str, upper: float, lower: float, squeeze: bool) -> Array:
    """Displacements [V, 3] of lids that go shares of their way to the meeting, along the eyeball."""
    points = sculpt.points
    held, values = np.zeros(len(points), bool), np.zeros_like(points)
    own = eye.opposite == np.arange(len(eye.s))
    belly = 4 * eye.s * (1 - eye.s)
    angle = {name: _elevation(points[eye.ring(name)] - eye.centre) for name in ("margin", "inner_margin")}
    edge = angle["inner_margin"]
    low, high = np.where(eye.upper, edge[eye.opposite], edge), np.where(eye.upper, edge, edge[eye.opposite])
    meeting = low + (_MEETING + (CANTHUS - _MEETING) * (1 - ramp(belly, 0, 0.7))) * (high - low)
    share = np.where(eye.upper, upper, lower * (1.0 if lower == 1 else ramp(belly, 0.1, 0.8)))
    way = {name: np.where(own, 0.0, meeting - here) * share for name, here in angle.items()}
    middle = 0.7 + 0.3 * ramp(belly, 0, 0.4)
    for name in ("crease", "tarsus", "lid", "margin", "inner_margin", "hidden"):
        ring = eye.ring(name)
        turn = way["inner_margin" if name in ("inner_margin", "hidden") else "margin"]
        if name in LOWER:
            turn = turn * middle * np.where(eye.upper, (FALLING if upper > 0 else RAISED)[name], LOWER[name])
        held[ring] = True
        values[ring] = _rolled(points[ring] - eye.centre, turn) - (points[ring] - eye.centre)
    distance = np.linalg.norm(points - eye.centre, axis=1)
    result = sculpt.solve(
        held | (distance > (34 if squeeze else 28)) | sculpt.lip | (points[:, 2] < 40), values
    )
    roots = sculpt.mesh.lashes_root
    left = len(sculpt.mesh.parts["left_lashes"])
    roots = roots[:left, 0] if part == "left" else roots[left:, 0]
    column = {int(v): j for j, v in enumerate(eye.ring("margin"))}
    lash = sculpt.mesh.parts[f"{part}_lashes"]
    rest = points[lash] - eye.centre
    result[lash] = _rolled(rest, way["margin"][[column[int(v)] for v in roots]]) - rest
    return result
