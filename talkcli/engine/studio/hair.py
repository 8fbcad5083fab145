"""Lashes along the lid margins and short hair over the scalp."""

import numpy as np

from talkcli.engine.studio.domain import CENTRE, directions
from talkcli.engine.studio.patch import Array, Index, Patch, grid, join
from talkcli.engine.studio.rings import Loops
from talkcli.engine.studio.sdf import march

LASH_LENGTH, LASH_HALF = {True: 6.4, False: 2.3}, {True: 0.14, False: 0.08}
"""upper, lower, mm: their length and half the width of their roots"""


def lashes(eye: Loops, margin: int) -> tuple[Patch, Index]:
    """The left eye's lashes, slim blades off the margin ring, denser above; and for each vertex (margin
    column, percent of its length)."""
    points, upper, s = eye.points[margin], eye.upper, eye.along
    rng, centre = np.random.default_rng(7), points.mean(0)
    vertices, roots = [], []
    for j in range(len(s)):
        k = (j + 1) % len(s)
        if not 0.06 < (s[j] + s[k]) / 2 < 0.985:
            continue
        for part in (0.1, 0.36, 0.62, 0.88) if upper[j] else (0.25, 0.75):
            share = part + rng.uniform(-0.1, 0.1)
            base = points[j] * (1 - share) + points[k] * share
            along = points[k] - points[j]
            along /= np.linalg.norm(along) + 1e-9
            fan, lift = (base[0] - centre[0]) / 15.0, 1.0 if upper[j] else -1.0
            size = LASH_LENGTH[bool(upper[j])] * (0.55 + 0.5 * s[j]) * rng.uniform(0.65, 1.1)
            tuft = 0.22 * np.sin(9.0 * (j + share)) if upper[j] else 0.0
            way = np.array([0.55 * fan + tuft + rng.uniform(-0.1, 0.1), 0.38 * lift, 0.85])
            root, half = base - [0, 0, 0.3], LASH_HALF[bool(upper[j])] * along
            vertices += [root - half, root + half, base + size * way / np.linalg.norm(way)]
            roots += [(j, 0), (j, 0), (j, 100)]
    faces = np.arange(len(vertices)).reshape(-1, 3)
    cell = np.array([[0.05, 0], [0.8, 0], [0.4, 1.0]])
    uv = np.concatenate([(cell + np.array([i, 0])) / [len(faces), 1] for i in range(len(faces))])
    return Patch(np.array(vertices), faces, uv, faces), np.array(roots)


AZIMUTHS = (0, 0.3, 0.52, 0.68, 0.82, 0.98, 1.12, 1.24, 1.36, 1.46, 1.6, 1.9, 2.06, 2.25, 2.6, np.pi)
EDGES = (54, 55, 55, 50, 41, 31, 18, 5, -3, 2, 17, 17, -4, -17, -22, -23)
"""the hairline: elevation in degrees from CENTRE by azimuth from the front: forehead, temple, sideburn, ear,
nape"""


def hairline(azimuth: Array) -> Array:
    """Elevation (radians) where the hair ends, by azimuth from the front."""
    return np.deg2rad(np.interp(np.abs(azimuth), AZIMUTHS, EDGES))


def ray(azimuth: Array, elevation: Array) -> Array:
    """Unit directions [..., 3]."""
    flat = np.cos(elevation)
    return np.stack([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], -1)


def thickness(direction: Array, inward: Array) -> Array:
    """How far hair stands off the scalp, mm, at directions [n, 3], `inward` radians inside the hairline."""
    top = np.clip(direction[:, 1], 0, 1) ** 1.5
    front = np.clip(direction[:, 2], 0, 1) ** 2
    full = 4.5 + 8.0 * top + 2.5 * front * top
    return full * np.clip(inward / 0.4, 0, 1) ** 0.75


COLLAR, EAR_TOP = -72.0, 62.0
"""heights between which long hair hangs, mm"""


def hang(points: Array) -> Array:
    """How hair [v, 3] moves when it grows from a crop half way to a bob: at the sides and behind, down and
    clear of the ears."""
    way = directions(points)
    azimuth = np.arctan2(way[:, 0], way[:, 2])
    aside = np.abs(azimuth)
    edge = CENTRE[1] + 88.0 * np.sin(hairline(azimuth))
    t = np.clip((aside - 0.92) / 0.4, 0, 1)
    low = np.clip((EAR_TOP - points[:, 1]) / (EAR_TOP - edge), 0, 1.2) ** 1.2 * t * t * (3 - 2 * t)
    clear = 17.0 * np.sin(aside) ** 2 + 20.0 * np.exp(-(((aside - 1.96) / 0.42) ** 2)) * (2 - low)
    way = np.stack([clear * np.sign(azimuth), np.minimum(COLLAR - edge, 0), -6.0 * (aside > 2.2)], 1)
    return 0.5 * low[:, None] * way


LOCKS = 0.63
"""share of the hair's island, from the left, that is the shell's; the rest is the locks'"""


def crop(rows: Array) -> tuple[Patch, Array]:
    """Short hair: a shell over the scalp that dips into the skin at the hairline, and tapered locks that
    break its edge; and for each vertex [v, 3] the way and distance it stands off the scalp."""
    shell, shell_rise = _shell(rows)
    locks, locks_rise = _locks(rows)
    halves = []
    for patch, left, right in ((shell, 0.0, LOCKS - 0.01), (locks, LOCKS, 1.0)):
        halves.append(
            Patch(patch.vertices, patch.faces, patch.uv * [right - left, 1] + [left, 0], patch.uv_faces)
        )
    return join(halves), np.concatenate([shell_rise, locks_rise])


def _shell(rows: Array) -> tuple[Patch, Array]:
    columns, bands = 64, 13
    azimuth = (np.arange(columns) + 0.5) / columns * 2 * np.pi - np.pi
    edge, rng = hairline(azimuth), np.random.default_rng(5)
    tufts = _smooth_noise(rng, columns)
    scalp, rise = [], []
    for t in 1 - (1 - (np.arange(bands) + 1) / bands) ** 1.25:
        elevation = np.pi / 2 + (edge - np.pi / 2) * t
        way = ray(azimuth, elevation)
        scalp.append(march(rows, CENTRE, way, 190.0))
        stand = thickness(way, elevation - edge)
        tufts = 0.8 * np.roll(tufts, 1) + 0.2 * tufts + 0.25 * _smooth_noise(rng, columns)
        rise.append(way * (stand * (1 + 0.07 * tufts * min(2 * t, 1.0)) - 0.9)[:, None])
    lift = np.stack(rise)
    patch = grid(np.stack(scalp) + lift, closed=True, first_pole=True)
    return patch, np.concatenate([lift.reshape(-1, 3), lift[0].mean(0, keepdims=True)])


def _smooth_noise(rng: np.random.Generator, count: int) -> Array:
    """[count] unit noise round a circle."""
    noise = rng.normal(size=count)
    return 0.8 * (noise + 0.6 * np.roll(noise, 1) + 0.6 * np.roll(noise, -1))


WHORL = np.array([0.12, 0.86, -0.5])
"""where the hair's flow starts, behind the crown"""


def _locks(rows: Array) -> tuple[Patch, Array]:
    """Tapered ribbons in rows along the hairline, shorter and finer towards it, lying down at the sides."""
    rng = np.random.default_rng(3)
    seeds = []
    for inset, count in ((0.01, 120), (0.035, 100), (0.075, 70)):
        azimuth = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count * 2 * np.pi - np.pi
        elevation = hairline(azimuth) + inset + rng.normal(0, 0.016, count)
        seeds.append(np.column_stack([azimuth, elevation, np.full(count, inset)]))
    root = np.concatenate(seeds)
    way, inset = ray(root[:, 0], root[:, 1]), root[:, 2]
    base = march(rows, CENTRE, way, 190.0)
    flow = way - WHORL / np.linalg.norm(WHORL)
    flow[:, 1] -= 1.1 * np.exp(-(((np.abs(root[:, 0]) - 1.3) / 0.5) ** 2))
    flow -= (flow * way).sum(1, keepdims=True) * way
    flow /= np.linalg.norm(flow, axis=1, keepdims=True)
    flow += rng.normal(0, 0.22, flow.shape)
    flow[:, 0] += 0.3 + 0.25 * np.sin(9 * root[:, 0])
    across = np.cross(way, flow)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    length = rng.uniform(11, 26, len(root)) * (0.8 + 0.3 * np.clip(way[:, 1], 0, 1)) * (0.8 + 5 * inset)
    length *= 1 - 0.4 * np.clip(0.3 - way[:, 2], 0, 1) ** 0.5
    width = 2.6 + 9 * inset
    points, rises = [], []
    for along, half, up in ((0.0, 0.8, -0.8), (0.42, 1.0, 0.9), (1.0, 0.0, 0.5)):
        direction = base + flow * (length * along)[:, None] - CENTRE
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        ground = march(rows, CENTRE, direction, 190.0)
        inward = np.arcsin(direction[:, 1]) - hairline(np.arctan2(direction[:, 0], direction[:, 2]))
        lift = direction * (thickness(direction, inward) + up)[:, None]
        for side in (-1, 1) if half else (0,):
            points.append(ground + lift + across * (width * half * side)[:, None])
            rises.append(lift)
    stacked, lifts = np.stack(points, 1), np.stack(rises, 1)
    first = 5 * np.arange(len(root))[:, None, None]
    faces = (np.array([[0, 1, 2], [2, 1, 3], [2, 3, 4]]) + first).reshape(-1, 3)
    a, b, c = (stacked.reshape(-1, 3)[faces[:, i]] for i in range(3))
    outward = (np.cross(b - a, c - a) * (a - CENTRE)).sum(1) > 0
    faces = np.where(outward[:, None], faces, faces[:, [0, 2, 1]])
    side = int(np.ceil(np.sqrt(len(root))))
    cell = np.array([[0.08, 1.0], [0.92, 1.0], [0.2, 0.5], [0.8, 0.5], [0.5, 0.04]])
    place = np.stack([np.arange(len(root)) % side, np.arange(len(root)) // side], 1)
    uv = ((place[:, None] + cell * [1, 0.96]) / side).reshape(-1, 2)
    return Patch(stacked.reshape(-1, 3), faces, uv, faces), lifts.reshape(-1, 3)
