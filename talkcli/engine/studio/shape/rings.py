"""The loops of lids and lips: closed curves laid on the implicit skin, columns in step from ring to ring (see
`head_mesh`)."""

from dataclasses import dataclass

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape import anatomy
from talkcli.engine.studio.shape.sdf import march

EYE_COLUMNS = 36
LIP_COLUMNS = 29
"""from corner to corner, both counted"""
MOUTH_HALF_WIDTH = 25.5


@dataclass(frozen=True)
class Loops:
    """Nested closed loops of one opening, outermost first."""

    points: Array
    """[rings, columns, 3]"""
    along: Array
    """[columns] s of the eye, u of the mouth"""
    upper: np.ndarray
    """[columns] bool"""


def on_skin(rows: Array, xy: Array) -> Array:
    """The skin [n, 3] straight behind frontal positions xy [n, 2]."""
    origins = np.column_stack([xy, np.zeros(len(xy))])
    return march(rows, origins, np.tile([0.0, 0.0, 1.0], (len(xy), 1)), 160.0)


def _normals(curve: Array, inside: Array, rounds: int) -> Array:
    """Outward unit normals [n, 2] of a closed planar curve, smoothed along it."""
    step = np.roll(curve, -1, 0) - np.roll(curve, 1, 0)
    normal = np.stack([step[:, 1], -step[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    if ((curve - inside) * normal).sum() < 0:
        normal = -normal
    for _ in range(rounds):
        normal = np.roll(normal, 1, 0) + 2 * normal + np.roll(normal, -1, 0)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return normal


def fissure() -> tuple[Array, np.ndarray, Array]:
    """The opening between the left lids: frontal curve [n, 2] from the outer canthus over the upper lid and
    back, upper [n], s [n]."""
    x, y = anatomy.EYE_CENTRE[:2]
    inner, outer = np.array([x - 14.8, y - 1.6]), np.array([x + 14.6, y + 1.2])
    column, half = np.arange(EYE_COLUMNS), EYE_COLUMNS // 2
    upper = column < half
    s = np.where(upper, 1 - column / half, (column - half) / half)
    s = np.clip(0.5 - 0.275 * np.cos(np.pi * s) + 0.45 * (s - 0.5), 0, 1)
    rise = np.where(upper, 4.9 * np.sin(np.pi * s**0.93) ** 0.78, -5.0 * np.sin(np.pi * s**1.12) ** 0.92)
    curve = inner + (outer - inner) * s[:, None]
    curve[:, 1] += rise
    return curve, upper, s


def eye_loops(rows: Array) -> Loops:
    """The nine loops of the left eye. Lid skin lies on a sphere a little larger than the eyeball and centred
    behind it."""
    eye, ball = anatomy.EYE_CENTRE, anatomy.EYE_RADIUS
    lid_centre, lid_radius = eye + np.array([0, 0, -2.7]), 16.1
    curve, upper, s = fissure()
    normal = _normals(curve, eye[:2], 3)

    def on_lid(xy: Array, lift: float) -> Array:
        """On the lid's sphere, sliding onto the skin beside the canthi."""
        flat = np.linalg.norm(xy - lid_centre[:2], axis=1)
        sphere = lid_centre[2] + np.sqrt(np.maximum(lid_radius**2 - flat**2, 30.0)) + lift
        skin = on_skin(rows, xy)[:, 2]
        aside = np.clip((np.abs(xy[:, 0] - eye[0]) - 11.5) / 6.5, 0, 1) ** 1.5
        return np.column_stack([xy, sphere * (1 - aside) + skin * aside])

    def on_ball(xy: Array, radius: float) -> Array:
        flat = np.minimum(np.linalg.norm(xy - lid_centre[:2], axis=1), 15.5)
        ray = np.column_stack([xy, lid_centre[2] + np.sqrt(lid_radius**2 - flat**2)]) - eye
        return eye + ray / np.linalg.norm(ray, axis=1, keepdims=True) * radius

    def offset(up: float, down: float, corner: float) -> Array:
        """The fissure grown by so many mm, less beside the canthi."""
        return curve + normal * (np.where(upper, up, down) * (corner + (1 - corner) * belly))[:, None]

    belly = 1 - np.abs(2 * s - 1) ** 6
    hidden, touch = on_ball(curve + normal * 2.0, ball + 0.15), on_ball(curve, ball + 0.2)
    inner_margin = touch * belly[:, None] + (1 - belly)[:, None] * (0.75 * on_lid(curve, 0.0) + 0.25 * touch)
    margin, lid = on_lid(offset(0.75, 0.75, 1.0), 0.1), on_lid(offset(2.2, 2.2, 0.9), 0.25)
    tarsus, crease = on_lid(offset(3.2, 3.8, 0.7), 0.2), on_lid(offset(4.0, 5.4, 0.62), -0.2)
    crease[:, 2] += np.where(upper, -0.7 * belly, 0.5 * (on_skin(rows, crease[:, :2])[:, 2] - crease[:, 2]))
    fold, sulcus, orbit = (
        on_skin(rows, offset(*size)) for size in ((5.2, 8.0, 0.64), (8.2, 10.8, 0.72), (12.2, 13.8, 0.78))
    )
    for ring, share, ahead in ((fold, 0.7, 2.0), (sulcus, 0.35, 5.0)):
        lidded = on_lid(ring[:, :2], ahead)[:, 2]
        ring[:, 2] += np.where(upper, share * belly * (lidded - ring[:, 2]), 0)
    return Loops(np.stack([orbit, sulcus, fold, crease, tarsus, lid, margin, inner_margin, hidden]), s, upper)


def lip_curves(u: Array) -> tuple[Array, Array, Array]:
    """Heights of the slit, the upper and the lower vermilion border at u in -1..1, each [n] mm."""
    a = np.abs(u)
    slit = -44.6 - 0.9 * np.exp(-((u / 0.16) ** 2)) + 0.5 * np.exp(-(((a - 0.42) / 0.25) ** 2)) - 0.3 * a**3
    bow = 1 + 0.13 * np.exp(-(((a - 0.27) / 0.14) ** 2)) - 0.13 * np.exp(-((u / 0.13) ** 2))
    upper = slit + 7.4 * np.clip(1 - a**1.6, 0, 1) ** 0.95 * bow * 0.92
    lower = slit + 0.9 * np.exp(-((u / 0.16) ** 2)) - 9.3 * np.clip(1 - a**2.1, 0, 1) ** 0.92
    return slit, upper, lower


def mouth_loops(rows: Array) -> Loops:
    """The fourteen loops of the mouth, from the cheek over the lips into the throat."""
    u = np.cos(np.linspace(0, np.pi, LIP_COLUMNS))
    u = np.sign(u) * np.abs(u) ** 0.92
    u = np.concatenate([u, u[-2:0:-1]])
    upper = np.arange(len(u)) < LIP_COLUMNS
    slit_y, upper_y, lower_y = lip_curves(u)
    border_y, x = np.where(upper, upper_y, lower_y), u * MOUTH_HALF_WIDTH
    full, open_width = np.clip(1 - np.abs(u) ** 2.2, 0, 1) ** 0.7, 1 - np.abs(u) ** 8

    def lip(fraction: float, upper_out: float, lower_out: float) -> Array:
        y = slit_y + (border_y - slit_y) * fraction
        points = on_skin(rows, np.stack([x * (1 + 0.2 * max(fraction - 1, 0)), y], 1))
        points[:, 2] += np.where(upper, upper_out, lower_out) * full - 1.2 * (1 - full) * (
            1 - min(fraction, 1)
        )
        return points

    slit = lip(0.0, -0.2, -0.2)

    def lining(width: float, up: float, down: float, front: tuple[float, float], corner: float) -> Array:
        """A loop round the teeth: half width, height over and under the slit, z in the middle (above, below)
        and at the corners."""
        reach = np.sqrt(np.clip(1 - np.abs(u) ** 2.5, 0, 1))
        middle = np.where(upper, *front)
        return np.stack(
            [width * u, -45 + np.where(upper, up, -down) * reach, middle + (corner - middle) * u**2], 1
        )

    behind = slit * [0.99, 1, 1] + [0, 0, -4]
    behind[:, 1] += np.where(upper, 1.2, -1.4) * np.where(np.abs(u) < 1, np.maximum(open_width, 0.25), 0)
    border = np.stack([x, border_y], 1)
    normal = _normals(border, np.array([0, -45.0]), 4)
    skin = []
    for up, down in ((9.2, 12.5), (6.6, 7.6), (3.6, 3.6)):
        skin.append(
            on_skin(rows, border + normal * (np.where(upper, up, down) * (1 + 0.25 * (1 - full)))[:, None])
        )
    red = [
        lip(1.16, 0.9, 0.6),
        lip(1.0, 1.75, 2.2),
        lip(0.72, 3.0, 4.3),
        lip(0.42, 3.3, 4.3),
        lip(0.16, 2.1, 2.2),
        slit,
    ]
    mouth = [behind, lining(27, 10, 11.5, (97, 95), 82), lining(31, 15, 16, (86, 85), 70)]
    mouth += [lining(33, 17, 18, (64, 62), 54), lining(21, 12, 15, (38, 38), 38)]
    return Loops(np.stack(skin + red + mouth), u, upper)


MOUTH_FRACTION = np.array([2.4, 1.9, 1.45, 1.16, 1.0, 0.72, 0.42, 0.16, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0])
