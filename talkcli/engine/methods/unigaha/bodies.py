"""What a talker of UniGAHA does with its universal head: bodies for avatars, and people who never lived.

What makes them is loaded when it is asked for: speech needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods.method import BodyFit
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.talker import Unigaha

if TYPE_CHECKING:
    from talkcli.engine.capture.person_shots import PersonShots


def _head_of(talker: Unigaha) -> Prior:
    if talker.prior is None:
        raise BadUsage("This unigaha has no universal head.", "Train one on the built-in rig, or take ours.")
    return talker.prior


def embodied(talker: Unigaha, avatar: Avatar) -> Avatar:
    """The avatar with a Gaussian head. BadInput for one without the rig, an identity or a skin."""
    from talkcli.engine.methods.unigaha.heads import with_head

    return with_head(_head_of(talker), avatar)


def learnt_from(talker: Unigaha, shots: PersonShots, settings: Mapping[str, Any], seed: int) -> BodyFit:
    """A fit of a Gaussian head to somebody's pictures. Settings: HeadFitSettings by name."""
    from talkcli.engine.methods.unigaha.posed_fit import PosedFit

    return PosedFit(_head_of(talker), shots, settings, seed)


def sampled(talker: Unigaha, seed: int, name: str) -> Avatar:
    """Somebody who never lived, of that seed."""
    from talkcli.engine.methods.unigaha.heads import sampled_avatar

    return sampled_avatar(_head_of(talker), seed, name)


def mixed(talker: Unigaha, one: Avatar, other: Avatar, share: float, name: str) -> Avatar:
    """Somebody so far from the one to the other."""
    from talkcli.engine.methods.unigaha.heads import mixed_avatar

    return mixed_avatar(_head_of(talker), one, other, share, name)
