"""What the painters know of every vertex of the scanned head: where it would lie on the head that they were
written for, and where lips and lids begin."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.interpolate import CubicSpline
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.struct import TensorStruct
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.painted_parts import PARTS
from talkcli.engine.studio.scanned.balls import SIDES
from talkcli.engine.studio.scanned.loops import EyeLoops
from talkcli.engine.studio.scanned.mesh import ScannedMesh
from talkcli.engine.studio.scanned.source import MULTI_PIE

_SLIT = 8
"""The loop of the mouth where lips meet, and the painters' place 0; 1 is the border of the red."""

LID = ([0, 1.2, 2.2, 3.6, 5.2, 8.9, 14.8], [6, 5, 4, 3, 2, 1, 0])
"""mm over the skin from the lid's margin, and the painters' number of the loop there."""

_MARGIN = 4
"""The loop of the eye that is the outer edge of the lid's margin."""

OF_PARTS = {
    "cavity": "cavity", "gums": "upper_gum", "tongue": "tongue", "left_eye": "left_eye",
    "right_eye": "right_eye", "upper_teeth": "upper_teeth", "lower_teeth": "lower_teeth",
    "left_lashes": "left_lashes", "right_lashes": "right_lashes",
}  # fmt: skip
"""Our parts and what the painters call them; all else is skin."""


class PaintFields(TensorStruct):
    places: Float[Tensor, "verts 3"]
    """Metres on the painters' head."""
    part: Int[Tensor, " verts"]
    """Of PARTS."""
    rings: Float[Tensor, "verts 6"]
    """lip, lip_u, lip_upper, lid, lid_s, lid_upper, see `Canvas`."""


def make_fields(
    mesh: ScannedMesh, points: Array, places: Array, mouth: Index, eyes: dict[str, EyeLoops]
) -> PaintFields:
    """`points` [V, 3] mm of the mean face, `places` [VERTS, 3] mm on the painters' head."""
    part = np.full(len(points), PARTS.index("skin"))
    for name, old in OF_PARTS.items():
        part[mesh.parts[name]] = PARTS.index(old)
    rings = np.concatenate([_lips(mesh, points, mouth), _lids(mesh, points, eyes)], 1)
    return PaintFields(
        torch.from_numpy(mesh.carried(places) / 1000).float(),
        torch.from_numpy(part.astype(np.int32)),
        torch.from_numpy(rings).float(),
    )


def _lips(mesh: ScannedMesh, points: Array, mouth: Index) -> Array:
    """[V, 3] fraction of the red from slit to border (beyond 1 outside it, below 0 inside), place from corner
    to corner, and 1 above the slit."""
    loops = mesh.index[mouth]
    outline = _smooth_loop(points[mesh.index[list(MULTI_PIE[48:60])]])
    slit = _smooth_loop(points[loops[_SLIT]])
    to_border, to_slit = (KDTree(line).query(points)[0] for line in (outline, slit))
    half = np.abs(outline[:, 0]).max()
    fraction = np.full(len(points), 3.0)
    near = (to_border < 18) & (points[:, 2] > 70)
    red = to_slit / (to_slit + to_border + 1e-9)
    enclosed = within(outline[:, :2], points[:, :2]) & (points[:, 2] > 80)
    fraction[near] = np.where(enclosed, red, 1 + to_border / 9.0)[near]
    for number in range(_SLIT):
        fraction[loops[number]] = (number - _SLIT) / 3
    fraction[mesh.parts["cavity"]] = -4.0
    inner = points[mesh.index[list(MULTI_PIE[60:65])]]
    line = np.interp(points[:, 0], np.sort(inner[:, 0]), inner[inner[:, 0].argsort(), 1])
    return np.stack([fraction, np.clip(points[:, 0] / half, -1, 1), points[:, 1] > line], 1)


def _lids(mesh: ScannedMesh, points: Array, eyes: dict[str, EyeLoops]) -> Array:
    """[V, 3] number of the loop as the painters count (-1 elsewhere), place from the inner to the outer
    canthus, and 1 on the upper lid."""
    out = np.zeros((len(points), 3))
    out[:, 0] = -1
    for side, sign in zip(SIDES, (1, -1), strict=True):
        ring = eyes[side].ring
        own = mesh.index[np.flatnonzero(ring >= 0)]
        number = ring[ring >= 0]
        margin = points[own[number == _MARGIN]]
        x, along = margin[:, 0] * sign, points[own, 0] * sign
        corners = np.array([margin[x.argmin(), 1], margin[x.argmax(), 1]])
        away = KDTree(margin).query(points[own])[0]
        lid = np.where(number <= _MARGIN, 8 - number / 2, np.interp(away, *LID))
        out[own, 0] = np.where((number > _MARGIN) & (away > LID[0][-1]), -1, lid)
        out[own, 1] = np.clip((along - x.min()) / np.ptp(x), 0, 1)
        out[own, 2] = points[own, 1] > np.interp(along, [x.min(), x.max()], corners)
    return out


def _smooth_loop(points: Array, count: int = 400) -> Array:
    loop = np.vstack([points, points[:1]])
    reach = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    spline = CubicSpline(reach, loop, bc_type="periodic")
    return spline(np.linspace(0, reach[-1], count, endpoint=False))


def within(loop: Array, points: Array) -> np.ndarray:
    """[n] whether points [n, 2] lie inside a closed line [m, 2]: an odd number of edges to their right."""
    x, y = points[:, 0, None], points[:, 1, None]
    (ax, ay), (bx, by) = loop.T, np.roll(loop, -1, 0).T
    crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / np.where(by == ay, 1e-12, by - ay) + ax)
    return crosses.sum(1) % 2 == 1
