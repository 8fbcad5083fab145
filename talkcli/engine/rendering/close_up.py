"""An avatar as fine pictures show it: with all that a film of small pictures can do without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.topology import Topology
from talkcli.engine.rendering.face_hairs import brow_hairs, lash_hairs
from talkcli.engine.rendering.hairs import hairs_of
from talkcli.engine.rendering.lights import LAMPS
from talkcli.engine.rendering.micro_relief import pored


def close_up(avatar: Avatar, topology: Topology | None) -> Avatar:
    """With hair in hairs; and on a rig of this topology, where a look is painted for lamps and shows no light
    of its own, with pores, brows and lashes. The same each time."""
    neutral, look = avatar.neutral.numpy().astype(np.float32), avatar.look
    worn = [hairs_of(item, neutral) if item.kind == "strands" else item for item in avatar.worn]
    if topology is not None and look is not None and isinstance(look.light, str) and look.light in LAMPS:
        worn += [hairs(neutral, topology, look) for hairs in (lash_hairs, brow_hairs)]
        look = pored(look, topology)
    return replace(avatar, look=look, worn=tuple(item for item in worn if item is not None))
