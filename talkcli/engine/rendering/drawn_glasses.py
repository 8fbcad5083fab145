"""Glasses of a talking photograph are the drawn ones, whole. They stand before the face and move further than
the skin by which the picture bends: the photograph's own frame would stay behind, a second rim, and is taken
out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.worn import Worn, worn_vertices
from talkcli.engine.rendering.picture import Pixels
from talkcli.engine.rendering.view import Places, seen_at

DRAWN_BACK, TAKEN_BACK = 0.03, 0.02
"""Metres behind the foremost of a frame up to which the drawn one is shown, and the photograph's own taken
out: rims, bridge, and where temples begin. What lies further back moves with the skin beside it."""

_BESIDE_DRAWN, _BESIDE_TAKEN = 0.002, 0.003
"""Metres about these within which it is."""


_OUTLINE = 0.0015
"""Metres from the outline of the head within which a pixel may show either side."""


class GlassesFront(NamedTuple):
    worn: Worn
    neutral: torch.Tensor
    """[V, 3] of the face that wears it"""

    def seen(self, head: NDArray, view: NDArray, focal: float, size: tuple[int, int]) -> tuple[Places, float]:
        """[points, 2] pixels where its points are on a head [V, 3], and pixels of a metre there."""
        places = worn_vertices(self.worn, self.neutral, torch.from_numpy(head).float()[None])[0].numpy()
        there = places @ view[:3, :3].T + view[:3, 3]
        return seen_at(there, focal, size), focal / -float(np.median(there[:, 2]))


def glasses_front(avatar: Avatar, back: float) -> GlassesFront | None:
    """What an avatar's glasses have up to so many metres behind their foremost, as points that lie as near to
    each other as what is beside them reaches; None without any."""
    for worn in avatar.worn:
        if worn.kind == "hard":
            points = torch.cat([worn.points, _halfway(worn)])
            points = points[points[:, 2] > worn.points[:, 2].max() - back]
            bare = replace(worn, points=points, faces=worn.faces[:0], colour=worn.colour[:1])
            return GlassesFront(bare, avatar.neutral)
    return None


def _halfway(worn: Worn) -> torch.Tensor:
    """[points, 3] the middles of its long edges."""
    assert worn.faces is not None
    ends = worn.points[worn.faces.long()[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)]
    long = (ends[:, 0] - ends[:, 1]).norm(dim=1) > _BESIDE_DRAWN
    return ends[long].mean(1).unique(dim=0)


def without_frame(
    values: NDArray[np.float32], spots: Places, metre: float, head: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Values [height, width, 3] of a photograph, with what lies beside its frame drawn over it: `head`
    [height, width] over what is before the head, what stands behind over the rest."""
    share, box = _near(spots, _BESIDE_TAKEN * metre, values.shape[:2])
    part, reach, sigma = values[box], _OUTLINE * metre, _BESIDE_TAKEN * metre / 2
    filled = np.empty_like(part)
    for inside in (head[box], ~head[box]):
        known = (share == 0) & (np.asarray(distance_transform_edt(inside)) > reach)
        if not known.any():
            known = share == 0
        nearest = np.asarray(distance_transform_edt(~known, return_distances=False, return_indices=True))
        filled[inside] = gaussian_filter(part[nearest[0], nearest[1]], (sigma, sigma, 0))[inside]
    out = values.copy()
    out[box] += share[..., None] * (filled - part)
    return out


def lay_frame(spots: Places, metre: float, drawing: Pixels, out: Pixels) -> None:
    """Lay the drawing [height, width, 4] over a picture [height, width, 3] where the drawn front is seen."""
    share, box = _near(spots, _BESIDE_DRAWN * metre, out.shape[:2])
    share = share[..., None] * drawing[box][..., 3:] / np.float32(255)
    under = out[box].astype(np.float32)
    out[box] = under + share * (drawing[box][..., :3] - under) + np.float32(0.5)


def _near(
    spots: Places, reach: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """How much of each pixel is within reach of a spot, in the box [rows, columns] that holds them all."""
    whole = np.array(shape[1::-1])
    low = np.clip(np.floor(spots.min(0) - reach - 2), 0, whole - 1).astype(int)
    high = np.clip(np.ceil(spots.max(0) + reach + 2), low + 1, whole).astype(int)
    away = np.ones((high - low)[::-1], bool)
    columns, rows = np.clip(np.floor(spots), low, high - 1).astype(int).T - low[:, None]
    away[rows, columns] = False
    share = np.clip(reach + 0.5 - np.asarray(distance_transform_edt(away)), 0, 1)
    return share.astype(np.float32), (slice(low[1], high[1]), slice(low[0], high[0]))
