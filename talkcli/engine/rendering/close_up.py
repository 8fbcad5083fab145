"""An avatar as fine pictures show it: with all that a film of small pictures can do without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.topology import Topology
from talkcli.engine.face.worn import Worn
from talkcli.engine.rendering.face_hairs import brow_hairs, lash_hairs
from talkcli.engine.rendering.folds import folded
from talkcli.engine.rendering.hairs import hairs_of
from talkcli.engine.rendering.lights import LAMPS
from talkcli.engine.rendering.micro_relief import pored
from talkcli.engine.rendering.wisps import unrested, wisps_of


def close_up(avatar: Avatar, topology: Topology | None) -> Avatar:
    """With hair in hairs, of which some stray, and cloth in folds; on a rig of this topology, where a look is
    painted for lamps and shows no light of its own, with pores, brows and lashes. The same each time."""
    neutral, look = avatar.neutral.numpy().astype(np.float32), avatar.look
    worn: list[Worn | None] = []
    for item in avatar.worn:
        if item.kind == "strands" and len(item.points):
            item = unrested(item, neutral)
            worn.append(wisps_of(item, neutral))
            item = hairs_of(item, neutral)
        worn.append(folded(item, neutral) if item.kind == "cloth" and len(item.points) else item)
    if topology is not None and look is not None and isinstance(look.light, str) and look.light in LAMPS:
        worn += [hairs(neutral, topology, look) for hairs in (lash_hairs, brow_hairs)]
        roots = [item.carriers.flatten().numpy() for item in avatar.worn if item.kind == "strands"]
        look = pored(look, topology, np.unique(np.concatenate([*roots, np.zeros(0, np.int64)])))
    return replace(avatar, look=look, worn=tuple(item for item in worn if item is not None))
