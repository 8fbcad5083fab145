"""The skin and the lining of the mouth: loops and free triangles laid on the implicit head, with neck,
shoulders and UV."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scalp import CENTRE, directions
from talkcli.engine.studio.shape import anatomy, domain, rings
from talkcli.engine.studio.shape.patch import Patch
from talkcli.engine.studio.shape.sdf import march

NAPE, CHEST = np.array([0.0, -132.0, -30.0]), np.array([0.0, -228.0, -44.0])
"""On the neck's axis where the shoulders begin; inside the chest."""
FOOT = np.array([0.0, -250.0, -44.0])
"""The middle of the bottom of the bust."""
NECK_RINGS = 12


@dataclass(frozen=True)
class Surface:
    """The skin, the mouth's lining (its first ring repeats the skin's slit), and where the loops are."""

    skin: Patch
    cavity: Patch
    eyes: tuple[Index, Index]
    """left, right: [9, 36] into the skin"""
    mouth: Index
    """[9, 56] into the skin, outermost ring to the slit"""
    eye_loops: rings.Loops
    mouth_loops: rings.Loops


def edge_length(rows: Array, eye: Array, mouth: Array) -> "SizeField":
    """How long edges should be: fine on nose, lids, lips and brows, coarse on the skull."""
    spots = [(0, -20), (5, -23), (10, -20), (14, -18), (5, -16), (12, -12), (0, -12), (0, -26)]
    brow = [(8, 38), (20, 42), (32, 44), (44, 38), (0, 20), (0, 0)]

    def tree(points: Array) -> KDTree:
        return KDTree(directions(points))

    return SizeField(
        tree(rings.on_skin(rows, np.array(spots, float))),
        tree(np.concatenate([eye, mouth])),
        tree(rings.on_skin(rows, np.array(brow, float))),
    )


@dataclass(frozen=True)
class SizeField:
    """Edge length in mm at directions [n, 3]."""

    nose: KDTree
    openings: KDTree
    brow: KDTree

    def __call__(self, direction: Array) -> Array:
        folded = direction * np.sign(direction[:, :1] + 1e-12) ** [1, 0, 0]
        near_nose, near_opening, near_brow = (
            tree.query(folded)[0] for tree in (self.nose, self.openings, self.brow)
        )
        length = np.minimum(1.4 + 10 * np.maximum(near_nose - 0.03, 0), 2.4 + 8 * near_opening)
        length = np.minimum(length, 2.8 + 8 * near_brow)
        back = np.clip((0.35 - direction[:, 2]) / 1.3, 0, 1)
        return np.minimum(length, 6 + 9 * back)


def strip(upper: Index, lower: Index) -> Index:
    """Triangles between two closed loops; seen from outside `upper` runs counter-clockwise round `lower`."""
    a, b, a_next, b_next = upper, lower, np.roll(upper, -1), np.roll(lower, -1)
    return np.concatenate([np.stack([a, a_next, b], 1), np.stack([a_next, b_next, b], 1)])


def neck_rings(rows: Array, loop: Array) -> Array:
    """[NECK_RINGS, NECK_COLUMNS, 3] from the neck loop down to a level ring (rays from the neck's axis), then
    over the shoulders (rays from the chest)."""
    angle = (np.arange(domain.NECK_COLUMNS) + 0.5) / domain.NECK_COLUMNS * 2 * np.pi - np.pi
    column = NECK_RINGS // 2
    middle = loop.mean(0) * [0, 1, 1]
    base = march(rows, NAPE, _ray(angle, 0 * angle), 150.0)
    result = []
    for t in (np.arange(column) + 1) / column:
        origin = middle * (1 - t) + NAPE * t
        aim = loop * (1 - t) + base * t - origin
        length = np.linalg.norm(aim, axis=1, keepdims=True)
        result.append(march(rows, origin, aim / length, length[:, 0] + 12.0))
    base = base - CHEST
    rise, turn = np.arctan2(base[:, 1], np.hypot(base[:, 0], base[:, 2])), np.arctan2(base[:, 0], base[:, 2])
    for t in (np.arange(NECK_RINGS - column) + 1) / (NECK_RINGS - column):
        elevation = rise * (1 - t) - np.deg2rad(6) * t
        below_chin = 108.0 / np.maximum(np.sin(elevation), 1e-3)
        result.append(march(rows, CHEST, _ray(turn, elevation), np.minimum(280.0, below_chin)))
    return np.stack(result)


def _from_centre(rows: Array, ray: Array) -> Array:
    """The skin in directions from CENTRE; downward rays start above the shoulders."""
    return march(rows, CENTRE, ray, np.minimum(190.0, 116.0 / np.maximum(-ray[:, 1], 0.01)))


def _ray(azimuth: Array, elevation: Array) -> Array:
    return np.stack(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], 1
    )


def build() -> Surface:
    """The template's skin."""
    rows = anatomy.head()
    eye, mouth = rings.eye_loops(rows), rings.mouth_loops(rows)
    right_eye = eye.points * [-1, 1, 1]
    outer = [eye.points[0], right_eye[0], mouth.points[0]]
    plan = domain.triangulate(outer, edge_length(rows, eye.points[0], mouth.points[0]))
    slit = rings.MOUTH_FRACTION.tolist().index(0.0)
    pieces = [_from_centre(rows, plan.free), *outer, _from_centre(rows, domain.neck_directions())]
    starts = np.cumsum([0] + [len(p) for p in pieces])
    eye_columns, mouth_columns, neck_columns = rings.EYE_COLUMNS, eye_count(mouth), domain.NECK_COLUMNS
    count = int(starts[-1])

    def further(loops: Array, first: Index, columns: int) -> Index:
        nonlocal count
        new = count + np.arange(len(loops) * columns).reshape(len(loops), columns)
        pieces.append(loops.reshape(-1, 3))
        count += new.size
        return np.concatenate([first[None], new])

    left = further(eye.points[1:], starts[1] + np.arange(eye_columns), eye_columns)
    right = further(right_eye[1:], starts[2] + np.arange(eye_columns), eye_columns)
    lips = further(mouth.points[1 : slit + 1], starts[3] + np.arange(mouth_columns), mouth_columns)
    collar = further(neck_rings(rows, pieces[4]), starts[4] + np.arange(neck_columns), neck_columns)
    foot = count
    pieces.append(FOOT[None])
    faces = [plan.triangles]
    faces += [strip(left[k], left[k + 1]) for k in range(len(left) - 1)]
    faces += [strip(right[k], right[k + 1])[:, [0, 2, 1]] for k in range(len(right) - 1)]
    faces += [strip(lips[k], lips[k + 1]) for k in range(len(lips) - 1)]
    faces += [strip(collar[k], collar[k + 1])[:, [0, 2, 1]] for k in range(len(collar) - 1)]
    last = collar[-1]
    faces.append(np.stack([last, np.roll(last, -1), np.full(len(last), foot)], 1)[:, [1, 0, 2]])
    vertices, triangles = np.concatenate(pieces), np.concatenate(faces)
    return Surface(
        Patch(vertices, triangles, np.zeros((0, 2)), triangles),
        cavity(mouth.points[slit:]),
        (left, right),
        lips,
        eye,
        mouth,
    )


def eye_count(loops: rings.Loops) -> int:
    """Columns of a set of loops."""
    return loops.points.shape[1]


def cavity(loops: Array) -> Patch:
    """The lining from the slit [0] to the throat, closed by a cap."""
    n = loops.shape[1]
    index = np.arange(loops.shape[0] * n).reshape(loops.shape[:2])
    cap = loops[-1].mean(0) - [0, 0, 6]
    faces = [strip(index[k], index[k + 1]) for k in range(len(index) - 1)]
    faces.append(np.stack([index[-1], np.roll(index[-1], -1), np.full(n, index.size)], 1))
    triangles = np.concatenate(faces)
    angle = np.arange(n) / n * 2 * np.pi
    radius = np.linspace(1, 0.15, len(loops))
    uv = (0.5 + 0.5 * radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).reshape(-1, 2)
    return Patch(
        np.concatenate([loops.reshape(-1, 3), cap[None]]),
        triangles,
        np.concatenate([uv, [[0.5, 0.5]]]),
        triangles,
    )
