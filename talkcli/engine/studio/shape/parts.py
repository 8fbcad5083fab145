"""Eyeballs, teeth, gums, tongue and ears: parametric grids in the template's frame, millimetres."""

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.anatomy import EYE_CENTRE, EYE_RADIUS
from talkcli.engine.studio.shape.patch import Patch, grid, join

EYE_ANGLES = (0.07, 0.14, 0.2, 0.27, 0.34, 0.41, 0.46, 0.5, 0.54, 0.6, 0.78, 1.1, 1.55, 2.1)
"""rings of the eyeball from the pupil's centre back, radians; the iris ends at 0.5, the pupil at about 0.2"""
EYEBALL_COLUMNS = 24
IRIS_ANGLE, CORNEA_HEIGHT = 0.5, 0.7
BITE = -47.4
"""height of the upper incisors' edge"""


def eyeball() -> Patch:
    """The left eyeball looking ahead: a sphere with a corneal bulge, open behind. UV a disc."""
    angle = np.array(EYE_ANGLES)
    columns = EYEBALL_COLUMNS
    turn = np.arange(columns) / columns * 2 * np.pi
    radius = EYE_RADIUS + CORNEA_HEIGHT * np.clip(1 - (angle / 0.56) ** 2, 0, 1) ** 1.3
    a, t = np.meshgrid(angle, turn, indexing="ij")
    ball = np.stack([np.sin(a) * np.cos(t), np.sin(a) * np.sin(t), np.cos(a)], -1) * radius[:, None, None]
    patch = grid(ball, closed=True, first_pole=True)
    vertices = patch.vertices + EYE_CENTRE
    vertices[-1] = EYE_CENTRE + np.array([0, 0, EYE_RADIUS + CORNEA_HEIGHT])
    disc = ((a / angle[-1]) ** 0.7)[..., None] * np.stack([np.cos(t), np.sin(t)], -1)
    uv = np.concatenate([0.5 + 0.5 * disc.reshape(-1, 2), [[0.5, 0.5]]])
    return Patch(vertices, patch.faces, uv, patch.faces)


def arch(angle: Array, half_width: float, depth: float, front: float) -> Array:
    """Points [..., 3] of a dental arch (half an ellipse) at height 0."""
    return np.stack([half_width * np.sin(angle), 0 * angle, front + depth * (np.cos(angle) - 1)], -1)


ARCHES = {"upper": (25.5, 40.0, 92.8), "lower": (24.0, 38.0, 89.8)}
WIDTHS = {"upper": (8.6, 6.7, 7.8, 7.0, 7.0, 10.0, 9.0), "lower": (5.4, 6.0, 7.0, 7.0, 7.0, 10.5, 10.0)}
HEIGHTS = {"upper": (10.5, 9.2, 10.2, 8.6, 8.0, 7.5, 7.0), "lower": (8.8, 9.0, 10.0, 8.5, 8.0, 7.5, 7.0)}


def teeth(jaw: str) -> Patch:
    """The fourteen crowns of one jaw, from the left last molar to the right one across."""
    half_width, depth, front = ARCHES[jaw]
    fine = np.linspace(0, 1.75, 400)
    path = arch(fine, half_width, depth, front)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    reached, left = 0.0, []
    for number, (width, height) in enumerate(zip(WIDTHS[jaw], HEIGHTS[jaw], strict=True)):
        angle = float(np.interp(reached + width / 2, length, fine))
        reached += width * 0.985
        left.append(crown(jaw, number, angle, width, height))
    both = [tooth.mirrored() for tooth in left[::-1]] + left
    cells = []
    for i, tooth in enumerate(both):
        cells.append(
            Patch(
                tooth.vertices,
                tooth.faces,
                tooth.uv * [0.94, 1] / [14, 1] + [(i + 0.03) / 14, 0],
                tooth.uv_faces,
            )
        )
    return join(cells)


def power(base: Array, exponent: float) -> Array:
    """Signed power: the superellipse's corner control."""
    return np.sign(base) * np.abs(base) ** exponent


def crown(jaw: str, number: int, angle: float, width: float, height: float) -> Patch:
    """One tooth of the left side: a superellipsoid, narrower at the gum, thinner at the edge."""
    half_width, depth, front = ARCHES[jaw]
    upper, incisor = jaw == "upper", number < 3
    rows, columns = (6, 10) if number < 4 else (4, 8)
    tangent = np.array([half_width * np.cos(angle), 0, -depth * np.sin(angle)])
    outward = np.array([depth * np.sin(angle), 0, half_width * np.cos(angle)])
    tangent, outward = tangent / np.linalg.norm(tangent), outward / np.linalg.norm(outward)
    row, column = np.meshgrid(
        np.linspace(0.16, np.pi - 0.16, rows), -np.arange(columns) / columns * 2 * np.pi, indexing="ij"
    )
    y = power(np.cos(row), 0.62)
    across, out = (
        power(np.sin(row), 0.45) * power(np.cos(column), 0.7),
        power(np.sin(row), 0.6) * power(np.sin(column), 0.8),
    )
    gum = (y + 1) / 2 if upper else (1 - y) / 2
    thick = 3.2 * (0.45 + 0.55 * gum) if incisor else 4.6 * (0.85 + 0.15 * gum)
    shift = (0.5 if number == 1 else -0.4 if number == 2 else 0.0) if upper else 0.0
    edge = BITE if upper else BITE + 0.7
    centre = edge + (height / 2 if upper else -height / 2) + shift
    points = (
        arch(np.array(angle), half_width, depth, front)
        + (across * width / 2 * (1 - 0.18 * gum**2))[..., None] * tangent
    )
    points = points + (out * thick)[..., None] * outward
    points[..., 1] = centre + y * height / 2
    points[..., 2] -= 0.21 * (y + 1) if upper else 0.21 * (1 - y)
    return grid(points, closed=True, first_pole=True, last_pole=True)


def gum(jaw: str) -> Patch:
    """The gum of one jaw: a tube along the arch, scalloped over the teeth."""
    half_width, depth, front = ARCHES[jaw]
    upper = jaw == "upper"
    along = np.linspace(-1.62, 1.62, 33)
    centre = arch(along, half_width, depth, front)
    out = np.stack([depth * np.sin(along), 0 * along, half_width * np.cos(along)], -1)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    turn = np.arange(8) / 8 * 2 * np.pi * (-1 if upper else 1)
    middle = BITE + 12.5 if upper else BITE - 9.8
    points = centre[:, None] + out[:, None] * (np.cos(turn) * 3.2 - 1.3)[None, :, None]
    edge = (np.sin(turn) < 0) if upper else (np.sin(turn) > 0)
    points[..., 1] = (
        middle + 5.0 * np.sin(turn) + (1.0 if upper else -1.0) * np.cos(along * 16)[:, None] * edge
    )
    patch = grid(points, closed=True, first_pole=True, last_pole=True)
    return (
        patch
        if _volume(patch) > 0
        else Patch(patch.vertices, patch.faces[:, [0, 2, 1]], patch.uv, patch.uv_faces[:, [0, 2, 1]])
    )


def _volume(patch: Patch) -> float:
    a, b, c = (patch.vertices[patch.faces[:, i]] - patch.vertices.mean(0) for i in range(3))
    return float((a * np.cross(b, c)).sum())


def tongue() -> Patch:
    """A tongue at rest behind the lower incisors, tip first, with a midline groove."""
    along, turn = np.linspace(0.01, 1, 17), np.arange(16) / 16 * 2 * np.pi
    s, t = np.meshgrid(along, turn, indexing="ij")
    width = 20 * np.clip(s * 3.2, 0, 1) ** 0.5 * (1 - 0.12 * s)
    thick = 7.5 * np.clip(s * 3, 0, 1) ** 0.5 + 4 * s
    x, above = width * np.cos(t), np.sin(t) > 0
    y = thick * np.sin(t) * np.where(above, 0.75, 1) - 1.6 * np.exp(-((x / 3.5) ** 2)) * above * np.clip(
        s * 4, 0, 1
    )
    points = np.stack([x, y - 54 + 7 * np.sin(s * 2.3), 87 - 54 * s], -1)
    patch = grid(points, closed=True, first_pole=True, last_pole=True)
    return (
        patch
        if _volume(patch) > 0
        else Patch(patch.vertices, patch.faces[:, [0, 2, 1]], patch.uv, patch.uv_faces[:, [0, 2, 1]])
    )


EAR_OUTLINE = (
    (11, 2), (12.5, 12), (11, 23), (4, 30.5), (-7, 31.5), (-16, 26), (-20.5, 14), (-20, 1), (-15.5, -12),
    (-10.5, -22),
    (-6, -30),
    (1, -32.5), (7.5, -27), (9.5, -17), (12, -7),
)  # fmt: skip
EAR_ROWS = (0.0, 0.16, 0.3, 0.42, 0.52, 0.6, 0.68, 0.76, 0.83, 0.89, 0.94, 1.0)
EAR_COLUMNS = 33
EAR_ROOT = np.array([70.0, 5.0, 0.0])


def _closed_spline(points: Array, count: int) -> Array:
    """A closed Catmull-Rom curve [count, 2]."""
    n = len(points)
    t = np.arange(count) / count * n
    i = t.astype(int)
    f = (t - i)[:, None]
    a, b, c, d = (points[(i + k) % n] for k in (-1, 0, 1, 2))
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


def _bell(x: Array, centre: float, width: float) -> Array:
    return np.exp(-(((x - centre) / width) ** 2))


def ear() -> Patch:
    """The left ear: helix, antihelix, concha, tragus and lobe as a height over a planar outline, its rim sunk
    into the head."""
    outline = _closed_spline(np.array(EAR_OUTLINE, float), EAR_COLUMNS)
    centre = np.array([1.0, -4.0])
    spoke = outline - centre
    phase = np.arctan2(spoke[:, 1], spoke[:, 0])
    r, column = np.meshgrid(EAR_ROWS, np.arange(EAR_COLUMNS), indexing="ij")
    flat = centre + spoke[column] * r[..., None]
    a, b, phi = flat[..., 0], flat[..., 1], phase[column]
    lobe = 1 / (1 + np.exp((b + 19) / 2.2))
    rim = np.clip(1 - lobe - 0.9 * _bell(phi, 0, 0.75), 0, 1)
    height = 2.0 + rim * (4.2 * _bell(r, 0.93, 0.06) + 1.7 * _bell(r, 1.0, 0.05) - 2.8 * _bell(r, 0.8, 0.07))
    ridge = np.clip(_bell(phi, 2.9, 1.25) + _bell(phi, -2.9, 0.55), 0, 1)
    height += 4.8 * ridge * _bell(r, 0.6, 0.09) * (1 + 0.1 * np.sin(2 * phi)) + 2.2 * _bell(
        phi, 1.65, 0.35
    ) * _bell(r, 0.62, 0.12)
    height -= 8.5 * np.clip(1 - r / 0.56, 0, 1) ** 0.6 * (1 - 0.35 * np.clip((b - 8) / 10, 0, 1)) * (1 - lobe)
    height += 3.4 * _bell(b, 3, 2.2) * _bell(a, 5, 6) * np.clip(2 * r, 0, 1) * (r < 0.8)
    height += 5.0 * _bell(a, 8.6, 3.2) * _bell(b, -6, 4.6) + 3.4 * _bell(a, -4, 3.4) * _bell(b, -15.5, 3.0)
    height += lobe * (2.0 - _bell(r, 1, 0.1)) - 1.2 * (r > 0.985)
    height -= 5.0 * _bell(phi, -0.45, 0.8) * np.clip((r - 0.8) / 0.2, 0, 1)
    front = np.concatenate([flat, height[..., None]], -1)
    back = []
    for shrink, sink in ((0.97, -4.0), (0.85, -8.0), (0.62, -15.0), (0.5, -24.0)):
        back.append(np.column_stack([centre + spoke * shrink, np.full(EAR_COLUMNS, 2.0 + sink)]))
    local = np.concatenate([front[1:], np.stack(back)])
    patch = grid(local, closed=True, first_pole=True)
    vertices = patch.vertices * [0.96, 0.96, 1]
    vertices[-1, 2] = front[0, 0, 2]
    flare, lean = np.deg2rad(22), np.deg2rad(-12)
    forward = vertices[:, 0] * np.cos(lean) + vertices[:, 1] * np.sin(lean)
    up = vertices[:, 1] * np.cos(lean) - vertices[:, 0] * np.sin(lean)
    x = vertices[:, 2] * np.cos(flare) - (forward - 9) * np.sin(flare)
    z = (forward - 9) * np.cos(flare) + vertices[:, 2] * np.sin(flare)
    world = np.stack([x, up, z], 1) + EAR_ROOT
    rows = len(local)
    radius = np.concatenate([np.repeat((np.arange(rows) + 1) / rows, EAR_COLUMNS), [0]])
    disc = np.concatenate([np.tile(phase, rows), [0]])
    uv = 0.5 + 0.5 * radius[:, None] * np.stack([np.cos(disc), np.sin(disc)], 1)
    turned = (
        patch.faces if _volume(Patch(world, patch.faces, uv, patch.faces)) > 0 else patch.faces[:, [0, 2, 1]]
    )
    return Patch(world, turned, uv, turned)
