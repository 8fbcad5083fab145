"""People who never lived, of methods that have met enough others to draw them."""

from __future__ import annotations

from pathlib import Path

from talkcli.engine.errors import BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.methods import load_method, methods_that
from talkcli.engine.methods.method import Talker


def newborn(talker: Talker, name: str, seed: int, mix: tuple[Path, Path, float] | None = None) -> Avatar:
    """Somebody by a seed, or by `mix`: two avatars and how far from the first to the second, 0..1. BadUsage
    for a method that draws nobody."""
    method = load_method(talker.method)
    if method.samples is None or method.mixes is None:
        able = " or ".join(methods_that(lambda other: other.samples is not None))
        raise BadUsage(f"{method.name} draws nobody.", f"Take --model {able}.")
    if mix is None:
        return method.samples(talker, seed, name)
    one, other, share = mix
    if not 0 <= share <= 1:
        raise BadUsage(f"--mix cannot be {share:g}.", "Give 0 (the first) to 1 (the second).")
    return method.mixes(talker, load_avatar(one), load_avatar(other), share, name)
