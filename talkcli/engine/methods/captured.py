"""Styles from wherever somebody shows them: a voice, their clips, a picture, a film, or another avatar."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from torch import Tensor

from talkcli.engine.assets import DEFAULT_MODEL
from talkcli.engine.clips import CONTENTS_FILE
from talkcli.engine.errors import BadInput, BadUsage, pick, reading
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.files import is_talk_file
from talkcli.engine.methods import BODY_GIVER, METHODS, load_method, methods_that
from talkcli.engine.methods.method import Evidence, Method, Talker
from talkcli.engine.pictures import PICTURE_SUFFIXES, is_picture
from talkcli.engine.recordings import recordings_in
from talkcli.engine.sound import STDIN, open_sound
from talkcli.engine.speech import MIX, Speech, voice_in
from talkcli.engine.video import is_film

CODES_SUFFIX = ".npz"
IN_WORDS: Mapping[Evidence, str] = {
    "voice": "a voice alone",
    "clips": "a folder of clips",
    "picture": "a picture",
    "video": "a film",
    "codes": "codes of a face",
}
TO_GIVE: Mapping[Evidence, str] = {
    "voice": "a recording of the voice",
    "clips": "a prepared folder of the person's clips",
    "picture": "a picture of the face",
    "video": "a film of the person",
    "codes": "a .npz of codes of the face, as DECA and EMOCA make",
}


def evidence_in(source: Path) -> tuple[Evidence, ...] | Literal["avatar"]:
    """What a file or folder is evidence of, found by looking inside; the most telling kind comes first.

    A film is a voice too. A pipe or stdin cannot be looked into beforehand and is taken for a voice. What
    tells nothing is what its name says. BadInput for a .npz that is no archive.
    """
    if source.is_dir():
        return ("voice",) if _is_of_recordings(source) else ("clips",)
    if source == STDIN or not source.is_file():
        return ("voice",)
    if source.suffix == ".avatar" or is_talk_file(source):
        return "avatar"
    if is_picture(source):
        return ("picture",)
    if source.suffix.lower() == CODES_SUFFIX:
        with reading(source, TO_GIVE["codes"]), zipfile.ZipFile(source):
            return ("codes",)
    if is_film(source):
        return "video", "voice"
    pictured = source.suffix.lower() in PICTURE_SUFFIXES and not _has_sound(source)
    return ("picture",) if pictured else ("voice",)


def _has_sound(source: Path) -> bool:
    try:
        with open_sound(source):
            return True
    except BadInput:
        return False


def _is_of_recordings(folder: Path) -> bool:
    """Whether a folder is no prepared one and holds recordings."""
    contents = [place / CONTENTS_FILE for place in (folder, folder.absolute().parent)]
    return not any(map(Path.is_file, contents)) and bool(recordings_in(folder))


def captured(
    source: Path, talker: Talker, avatar: Avatar, channel: str = MIX
) -> tuple[Avatar, Speech | None]:
    """The avatar with every style of the talker's method that the source shows, and the speech if it is that;
    where the method gives avatars a body, and the source is one, that avatar in it.

    A folder without clips.json is one voice in several recordings. A recording, of which `channel` is heard,
    may be a pipe, or stdin (`-`). BadUsage where the method takes no style from such a source.
    """
    if source != STDIN and not source.exists():
        raise BadInput(f"{source} does not exist.", "Check the name.")
    method, evidence = load_method(talker.method), evidence_in(source)
    if isinstance(evidence, str):
        if method.embodies is not None:
            return method.embodies(talker, load_avatar(source)), None
        styles = styles_of(load_avatar(source), method.name)
        if not styles:
            raise BadInput(
                f"{source} holds no style of {method.name}.",
                f"Make one: talk personalize SOURCE --model {method.name} -o {source.name}",
            )
        return replace(avatar, styles={**avatar.styles, **styles}), None
    usable: list[Evidence] = [kind for kind in evidence if kind in method.captures]
    if not usable:
        raise _untaken(method, evidence[-1])
    kind = usable[0]
    if kind == "voice":
        speech = voice_in(source, channel)
        return method.captures[kind](talker, speech, avatar), speech
    if kind == "picture":
        from talkcli.engine.capture.detector import MediaPipe  # a second, for those who have a picture
        from talkcli.engine.capture.photo import avatar_of_photo

        return pictured_manner(talker, avatar_of_photo(source, MediaPipe(), source.stem)[0], avatar), None
    return method.captures[kind](talker, source, avatar), None


def pictured_manner(talker: Talker, person: Avatar, avatar: Avatar) -> Avatar:
    """The avatar with what the talker's method takes from a picture that became `person`."""
    check_takes(talker, "picture")
    return load_method(talker.method).captures["picture"](talker, person, avatar)


def check_takes(talker: Talker, kind: Evidence) -> None:
    """BadUsage for a talker whose method takes no style from such evidence."""
    method = load_method(talker.method)
    if kind not in method.captures:
        raise _untaken(method, kind)


def _untaken(method: Method, kind: Evidence) -> BadUsage:
    """Why the method takes nothing from such evidence, what it takes, and who would take it."""
    ways = [TO_GIVE[other] for other in method.captures]
    ways += ["an avatar that holds the style"] if method.styles else []
    able = methods_that(lambda other: kind in other.captures)
    ways += [f"a model that can: --model {' or '.join(able)}"] if able else []
    return BadUsage(
        f"{method.name} takes no style from {IN_WORDS[kind]}.", f"Give {'; or '.join(ways)}." if ways else ""
    )


def styled(talker: Talker, avatar: Avatar, sources: Mapping[str | None, Path]) -> Avatar:
    """The avatar in the manner that each source shows, by the name of the style; None is the first style.

    Styles that are not named stay as they are.
    """
    kinds = load_method(talker.method).styles
    styles: dict[str, Tensor] = dict(avatar.styles)
    for name, source in sources.items():
        if not kinds:
            raise BadUsage(f"{talker.method} has no styles.", "Leave --style out.")
        key = kinds[pick(name, kinds, f"style of {talker.method}") if name else next(iter(kinds))]
        source_styles = captured(source, talker, avatar)[0].styles
        if key not in source_styles:
            raise BadInput(f"{source} does not show this style: {key}.", "Give another source.")
        styles[key] = source_styles[key]
    return replace(avatar, styles=styles)


def styles_of(avatar: Avatar, method: str) -> Mapping[str, Tensor]:
    """Those of one method."""
    return {name: style for name, style in avatar.styles.items() if name.split("/")[0] == method}


def model_for(avatar: Avatar) -> str:
    """The method by which an avatar speaks unasked: whose manner or body it has, or DEFAULT_MODEL."""
    if avatar.gaussian_head is not None:
        return BODY_GIVER
    methods = _manners(avatar)
    known = [name for name in METHODS if name in methods]
    return known[0] if known and DEFAULT_MODEL not in methods else DEFAULT_MODEL


def unused_manner(talker: Talker, avatar: Avatar) -> str:
    """What to say where an avatar's manner is for other methods than the talker's; nothing of one by which it
    speaks unasked, for its body."""
    methods = _manners(avatar)
    if not methods or talker.method in methods or talker.method == model_for(avatar):
        return ""
    return f"{avatar.name}'s manner is for {' or '.join(methods)}: --model {methods[0]} would use it."


def _manners(avatar: Avatar) -> list[str]:
    """The methods in whose manner an avatar can speak."""
    return sorted({name.split("/")[0] for name in avatar.styles})
