"""Lashes: blades that stand for several hairs each, and thin out towards their tips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.face.look import Look
from talkcli.engine.face.topology import MATERIALS, Topology
from talkcli.engine.rendering.textures import linear

BLADE = 5
"""Vertices of a blade: two at its root, two in its middle, one at its tip."""

THINNER = np.array([0.0, 0.0, 0.2, 0.2, 0.8], np.float32)
"""Share of what is seen of each of them that is the skin behind: hairs end one by one."""

LID_SKIN = 0.004, 0.010
"""Metres from the roots within which skin is that of the lids, and not darkened by lashes."""


def lash_colours(
    vertices: NDArray[np.float32], topology: Topology, look: Look
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The vertices [lashes] of the blades, and their colours [lashes, 3], linear: mixed of what the look says
    of them and of the lids."""
    lashes = topology.regions["lashes"].numpy().astype(np.int64)
    faces, materials = topology.faces.numpy(), topology.materials.numpy()
    corners = topology.uv.numpy()[topology.uv_faces.numpy()]
    painted = np.zeros((len(vertices), 3), np.float32)
    skin, hair = (materials == MATERIALS.index(name) for name in ("skin", "lash"))
    for own in (skin, hair):
        painted[faces[own]] = looked_up(look, corners[own])
    around = np.unique(faces[skin])
    roots = vertices[lashes].reshape(-1, BLADE, 3)[:, :2].mean(1)
    reach = vertices[around]
    near = ((reach > roots.min(0) - LID_SKIN[1]) & (reach < roots.max(0) + LID_SKIN[1])).all(1)
    around = around[near]
    away = np.linalg.norm(reach[near][:, None] - roots.astype(np.float64), axis=2).min(1)
    lids = np.median(painted[around[(away > LID_SKIN[0]) & (away < LID_SKIN[1])]], 0)
    share = np.tile(THINNER, len(roots))[:, None]
    return lashes, ((1 - share) * painted[lashes] + share * lids).astype(np.float32)


def looked_up(look: Look, uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """[..., 3] linear, of the nearest texels; origin bottom left."""
    rows, columns = look.albedo.shape[:2]
    row = np.clip(((1 - uv[..., 1]) * rows).astype(np.int64), 0, rows - 1)
    column = np.clip((uv[..., 0] * columns).astype(np.int64), 0, columns - 1)
    return linear(look.albedo.numpy()[row, column])
