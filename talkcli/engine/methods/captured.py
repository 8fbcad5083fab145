"""Styles from wherever somebody shows them: a recording, a folder of clips, or another avatar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.methods import load_method
from talkcli.engine.methods.method import Talker
from talkcli.engine.sound import STDIN
from talkcli.engine.speech import Speech, load_speech

SKIN = "/texture"
"""End of the name of a style that is of the skin, apart from the motion."""


def captured(source: Path, talker: Talker, avatar: Avatar) -> tuple[Avatar, Speech | None]:
    """The avatar with every style of the talker's method that the source shows, and the speech if it is that.

    A recording may be a pipe, or stdin (`-`). BadUsage where the method takes no style from such a source.
    """
    if source != STDIN and not source.exists():
        raise BadInput(f"{source} does not exist.", "Check the name.")
    method = load_method(talker.method)
    if source.suffix == ".avatar":
        styles = styles_of(load_avatar(source), method.name)
        if not styles:
            raise BadInput(
                f"{source} holds no style of {method.name}.",
                f"Make one: talk personalize SOURCE --model {method.name} -o {source}",
            )
        return replace(avatar, styles={**avatar.styles, **styles}), None
    if source.is_dir():
        if method.capture_folder is None:
            raise BadUsage(f"{method.name} takes no style from a folder.", "Give a recording of the voice.")
        return method.capture_folder(talker, source, avatar), None
    if method.capture is None:
        raise BadUsage(
            f"{method.name} takes no style from a voice alone.",
            "Give a prepared folder of the person's clips or an avatar that holds the style; or a model that "
            "hears it: --model memorytalker.",
        )
    speech = load_speech(source)
    return method.capture(talker, speech, avatar), speech


def styled(talker: Talker, avatar: Avatar, style: Path | None, texture_style: Path | None) -> Avatar:
    """The avatar moving in one manner and wearing its skin in another; either may be left as it is."""
    styles: dict[str, Tensor] = dict(avatar.styles)
    for source, of_skin in ((style, False), (texture_style, True)):
        if source is None:
            continue
        found = styles_of(captured(source, talker, avatar)[0], talker.method)
        chosen = {name: value for name, value in found.items() if name.endswith(SKIN) == of_skin}
        if not chosen:
            raise BadUsage(f"{talker.method} has no texture style.", "Leave --texture-style out.")
        styles |= chosen
    return replace(avatar, styles=styles)


def styles_of(avatar: Avatar, method: str) -> Mapping[str, Tensor]:
    """Those of one method."""
    return {name: value for name, value in avatar.styles.items() if name.split("/")[0] == method}
