"""Named regions of the built-in head: vertex sets that metrics, training and rendering ask for."""

import numpy as np

from talkcli.engine.studio.arrays import Index
from talkcli.engine.studio.shape.head_mesh import HeadMesh

LIPS = ("rim", "border", "red_outer", "red_middle", "red_inner", "slit")


def make_regions(head: HeadMesh) -> dict[str, Index]:
    """Regions by name. Skin regions overlap where people's words do: lips, eyes (lids and what surrounds
    them), nose, upper_face (all that is above the mouth, scalp and ears left out), jaw (chin and jaw line),
    face, ears, neck, scalp; and the parts."""
    skin = head.parts["skin"]
    x, y, z = head.vertices[skin].T
    lateral = np.abs(x)
    lips = np.unique(np.concatenate([head.mouth.ring(name) for name in LIPS]))
    eyes = np.unique(np.concatenate([eye.rings.ravel() for eye in head.eyes.values()]))
    face = (z > 20) & (y > -98) & (y < 90)
    not_lips = ~np.isin(skin, lips)
    nose = (lateral < 20) & (y > -27) & (y < 32) & (z > 84 + 0.25 * lateral) & ~np.isin(skin, eyes)
    both = {
        name: np.concatenate([head.parts[f"{a}_{name}"] for a in ("upper", "lower")])
        for name in ("teeth", "gum")
    }
    sides = {
        name: np.concatenate([head.parts[f"{a}_{name}"] for a in ("left", "right")])
        for name in ("ear", "lashes")
    }
    return {
        "face": skin[face],
        "lips": lips,
        "upper_face": skin[face & (y > -20)],
        "eyes": eyes,
        "nose": skin[nose],
        "jaw": skin[(y < -58) & (y > -102) & (z > 15) & not_lips],
        "ears": sides["ear"],
        "neck": skin[(y < -80) & (y > -150) & ~((y > -102) & (z > 45))],
        "scalp": skin[(y > 90) | ((z < 20) & (y > -60))],
        "teeth": both["teeth"],
        "gums": both["gum"],
        "tongue": head.parts["tongue"],
        "left_eye": head.parts["left_eye"],
        "right_eye": head.parts["right_eye"],
        "cavity": head.parts["cavity"],
        "lashes": sides["lashes"],
        "hair": head.parts["hair"],
    }
