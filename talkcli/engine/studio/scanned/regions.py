"""Named regions of the scanned head: vertex sets that metrics, training and rendering ask for."""

from __future__ import annotations

import numpy as np

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.balls import SIDES
from talkcli.engine.studio.scanned.loops import EyeLoops
from talkcli.engine.studio.scanned.mesh import ScannedMesh

LIPS, LIDS = slice(5, 14), 10
"""The loops of the mouth that are lips, and how many of an eye are lids."""


def make_regions(
    mesh: ScannedMesh, points: Array, mouth: Index, eyes: dict[str, EyeLoops]
) -> dict[str, Index]:
    """Regions by name. Skin regions overlap where people's words do: lips, eyes (lids and what surrounds
    them), nose, upper_face (all that is above the mouth, scalp and ears left out), jaw (chin and jaw line),
    face, ears, neck, scalp; and the parts."""
    parts = mesh.parts
    skin = parts["skin"]
    x, y, z = points[skin].T
    lateral = np.abs(x)
    lips = np.unique(mesh.index[mouth[LIPS]])
    rings = np.concatenate([np.flatnonzero((e.ring >= 0) & (e.ring < LIDS)) for e in eyes.values()])
    lids = np.unique(mesh.index[rings])
    face = (z > 20) & (y > -95) & (y < 95)
    not_lips, not_lids = ~np.isin(skin, lips), ~np.isin(skin, lids)
    ears = (lateral > 66) & (y > -40) & (y < 26) & (z > -30) & (z < 14)
    nose = (lateral < 19) & (y > -30) & (y < 32) & (z > 88) & not_lips & not_lids
    return {
        "face": skin[face],
        "lips": lips,
        "upper_face": skin[face & (y > -24) & not_lips],
        "eyes": lids,
        "nose": skin[nose],
        "jaw": skin[(y < -60) & (y > -103) & (z > 15) & not_lips],
        "ears": skin[ears],
        "neck": skin[(y < -80) & (y > -150) & ~((y > -103) & (z > 45))],
        "scalp": skin[((y > 92) | ((z < 20) & (y > -60))) & ~ears],
        "teeth": np.concatenate([parts["upper_teeth"], parts["lower_teeth"]]),
        "gums": parts["gums"],
        "tongue": parts["tongue"],
        "left_eye": parts["left_eye"],
        "right_eye": parts["right_eye"],
        "cavity": parts["cavity"],
        "lashes": np.concatenate([parts[f"{side}_lashes"] for side in SIDES]),
    }
