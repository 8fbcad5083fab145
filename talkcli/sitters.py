"""Avatars that are no recordings' manners: whoever a picture shows, and whoever never lived."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from talkcli import console


def newborn_person(
    model: str, output: Path, seed: int, mix: tuple[Path, Path, float] | None, device: str, json: bool
) -> None:
    """Somebody who never lived."""
    with console.step("Drawing somebody"):
        from talkcli.engine.face.avatar import save_avatar
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.newborn import newborn

        talker = open_talker(model, device)
        person = newborn(talker, output.stem, seed, mix)
    save_avatar(person, output)
    if json:
        console.answer_json({"avatar": output, "model": talker.method, "seed": seed})
    else:
        console.answer(output)


def photographed_person(footage: Path, worn: Path, output: Path, face: int | None, json: bool) -> None:
    """The face, skin and hair of a picture, in the manner of the avatar `worn`."""
    with console.step(f"Looking at {footage}"):
        from talkcli.engine.capture.detector import MediaPipe
        from talkcli.engine.capture.photo import SKIN_QUALITY, avatar_of_photo
        from talkcli.engine.face.avatar import load_avatar, save_avatar

        base = load_avatar(worn)
        person, report = avatar_of_photo(footage, MediaPipe(), output.stem, face)
    console.warn(*report.notes)
    save_avatar(replace(person, styles=base.styles), output, SKIN_QUALITY)
    if json:
        console.answer_json({"avatar": output, "styles": list(base.styles), **asdict(report)})
    else:
        console.answer(output)
