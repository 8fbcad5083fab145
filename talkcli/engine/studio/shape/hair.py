"""Lashes along the lid margins, and hair that runs from a whorl over the scalp to the hairline."""

import numpy as np

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scalp import (
    CENTRE,
    WHORL,
    bearing,
    border,
    directions,
    hairline,
    inside,
    inwards,
    ray,
    reach,
)
from talkcli.engine.studio.shape import anatomy
from talkcli.engine.studio.shape.patch import Patch, grid, join
from talkcli.engine.studio.shape.rings import Loops
from talkcli.engine.studio.shape.sdf import march

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


def thickness(way: Array, inward: Array) -> Array:
    """How far hair stands off the scalp, mm, at unit directions [n, 3], `inward` mm inside the hairline."""
    top, front = np.clip(1.25 * way[:, 1], 0, 1) ** 1.2, np.clip(way[:, 2], 0, 1)
    full = 5.5 + 16.0 * top + 6.0 * front * top
    return 0.4 + full * (1 - np.exp(-((np.clip(inward, 0, None) / (30 - 16 * front)) ** 1.2)))


COLLAR, FALL = -74.0, 75.0
"""mm: how low long hair hangs; how far above its end in a crop it begins to"""
TEMPLE, CHEEK = 0.78, 1.06
"""azimuth from the front where hair begins to hang; and to where the first of it is combed back"""


def hang(points: Array) -> Array:
    """How a crop's points [v, 3] move when it grows half way to a bob: at the sides and behind, down over the
    skin and the ears; the last tips of the forehead, under the first that hang. Hair of any length lies on
    straight lines between the two: it bulges so that the longer lie outside the head."""
    rows, end = anatomy.head(), tips()
    azimuth, height = np.arctan2(end[:, 0], end[:, 2]), march(rows, CENTRE, end, 190.0)[:, 1]
    aside = np.abs(azimuth)
    t = np.clip((aside - TEMPLE) / 0.06 + 0.5, 0, 1)
    low = np.clip(1 - (points[:, 1] - height) / FALL, 0, 1.1) ** 1.5 * t * t * (3 - 2 * t)
    collar = COLLAR - 0.25 * height + 5 * np.sin(23 * aside) * np.sin(9 * azimuth)
    level = points[:, 1] + low * np.minimum(collar - height, 0)
    combed = np.interp(aside, (TEMPLE, 1.35), (CHEEK, 1.35), right=np.nan)
    combed = np.where(np.isnan(combed), aside, combed) * np.sign(azimuth)
    flat = (points - CENTRE) * [1, 0, 1]
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    share = np.clip(low, 0, 1)[:, None]
    flat = (1 - share) * flat + share * np.stack([np.sin(combed), 0 * combed, np.cos(combed)], 1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    way = directions(points)
    stand = np.linalg.norm(points - march(rows, CENTRE, way, 190.0), axis=1)
    wide = np.zeros(len(points))
    for up in np.linspace(0, 150, 16):
        origins = CENTRE * [0, 0, 1] + np.stack([0 * level, np.minimum(level + up, 115), 0 * level], 1)
        wide = np.maximum(wide, np.linalg.norm(march(rows, origins, flat, 190.0) - origins, axis=1))
    ear = 14.0 * np.exp(-(((np.abs(combed) - 1.9) / 0.6) ** 2)) * np.clip((80 - level) / 50, 0, 1)
    bulge = np.clip((level - points[:, 1]) / 85, -1, 1) ** 2
    stand[BANDS * COLUMNS + 1 :] -= 10.0
    hung = CENTRE * [0, 0, 1] + flat * (wide + 4.0 + 8.0 * bulge + 0.4 * stand + ear)[:, None]
    hung[:, 1] = level
    share = np.clip(low / 0.4, 0, 1)[:, None]
    moved = share * share * (3 - 2 * share) * (hung - points)
    last = (aside > TEMPLE - 0.16) & (aside < TEMPLE)
    foot = ray(azimuth + 0.12 * np.sign(azimuth), hairline(aside + 0.12))
    under = march(rows, CENTRE, foot, 190.0) - 5.0 * foot
    tucked = np.clip(1 - (points[:, 1] - height) / 14, 0, 1) * last
    return 0.5 * (moved + tucked[:, None] * (under - points))


COLUMNS, BANDS = 64, 13
"""of the shell, whose strands run down its columns from the whorl to the hairline"""
LOCKS = 0.63
"""share of the hair's island, from the left, that is the shell's; the rest is the locks'"""


def crop(rows: Array) -> tuple[Patch, Array]:
    """Short hair: a shell over the scalp that rises from the skin at the hairline, and locks under it; and
    for each vertex [v, 3] the way and distance it stands off the scalp."""
    shell, shell_rise = _shell(rows)
    locks, locks_rise = _locks(rows)
    halves = []
    for patch, left, right in ((shell, 0.0, LOCKS - 0.01), (locks, LOCKS, 1.0)):
        halves.append(
            Patch(patch.vertices, patch.faces, patch.uv * [right - left, 1] + [left, 0], patch.uv_faces)
        )
    return join(halves), np.concatenate([shell_rise, locks_rise])


def tips() -> Array:
    """[v, 3] to where on the hairline the strand of each of a crop's vertices runs."""
    edge = border(COLUMNS)
    return np.concatenate([np.tile(edge, (BANDS, 1)), edge[:1], np.repeat(_roots(), 5, axis=0)])


def _roots() -> Array:
    return np.concatenate([np.roll(border(count), count // 3, 0) for count in (120, 100, 70)])


SPARSE = (10.0, 4.5, 0.0)
"""mm inside the hairline of the shell's last rows: there the renderer draws ever fewer strands"""


def _shell(rows: Array) -> tuple[Patch, Array]:
    """Columns run from the whorl to the hairline, swept a little aside over the forehead; the tips of the
    sideburns are painted only."""
    bands, edge = BANDS, border(COLUMNS)
    whole, aside, turn = reach(edge), np.cross(edge, WHORL), bearing(edge)
    swept = 0.32 * np.clip(edge[:, 2], 0, 1) ** 2
    inner = bands - len(SPARSE)
    bare = 5.0 * np.exp(-(((np.abs(np.arctan2(edge[:, 0], edge[:, 2])) - 1.36) / 0.12) ** 2))
    scalp, rise = [], []
    for band in range(bands):
        if band < inner:
            inward = SPARSE[0] + (whole - SPARSE[0]) * (inner - band) / (inner + 0.35)
        else:
            inward = SPARSE[band - inner] + bare * (1 - SPARSE[band - inner] / 12)
        left = inward / whole
        loose = np.clip(np.minimum(inward / 30, 4 * (1 - left)), 0, 1)
        sway = 0.012 * loose * _waves(turn, inward) + swept * np.sin(np.pi * left) ** 2
        way = inwards(edge, inward) + aside * sway[:, None]
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        scalp.append(march(rows, CENTRE, way, 190.0))
        rise.append(
            way * (thickness(way, inside(way) - bare) + 0.9 * loose * _waves(2 * turn, inward))[:, None]
        )
    lift = np.stack(rise)
    patch = grid(np.stack(scalp) + lift, closed=True, first_pole=True)
    return patch, np.concatenate([lift.reshape(-1, 3), lift[0].mean(0, keepdims=True)])


def _waves(turn: Array, inward: Array) -> Array:
    """[n] about -1..1: what strands do together, by their bearing and mm inside the hairline."""
    k = np.array([4, 7, 9, 13])
    return np.sin(np.multiply.outer(turn, k) + k * k + np.divide.outer(inward, 7 + k)).sum(1) / 2


def _locks(rows: Array) -> tuple[Patch, Array]:
    """Slim ribbons that lie under the shell and end where it is thin: what is seen between its strands."""
    rng = np.random.default_rng(3)
    edge = _roots()
    tip, length = rng.uniform(11, 18, len(edge)), rng.uniform(12, 25, len(edge))
    across = np.cross(WHORL, edge) * rng.uniform(0.8, 1.8, len(edge))[:, None]
    points, rises = [], []
    for along, half in ((1.0, 0.3), (0.5, 1.0), (0.0, 0.0)):
        inward = tip + along * length
        way = inwards(edge, inward)
        lift = way * (0.8 * thickness(way, inside(way)))[:, None]
        ground = march(rows, CENTRE, way, 190.0) + lift
        for side in (-half, half) if half else (0.0,):
            points.append(ground + across * side)
            rises.append(lift)
    stacked, lifts = np.stack(points, 1), np.stack(rises, 1)
    first = 5 * np.arange(len(edge))[:, None, None]
    faces = (np.array([[0, 2, 1], [2, 3, 1], [2, 4, 3]]) + first).reshape(-1, 3)
    side = int(np.ceil(np.sqrt(len(edge))))
    cell = np.array([[0.08, 1.0], [0.92, 1.0], [0.2, 0.5], [0.8, 0.5], [0.5, 0.04]])
    place = np.stack([np.arange(len(edge)) % side, np.arange(len(edge)) // side], 1)
    uv = ((place[:, None] + cell * [1, 0.96]) / side).reshape(-1, 2)
    return Patch(stacked.reshape(-1, 3), faces, uv, faces), lifts.reshape(-1, 3)
