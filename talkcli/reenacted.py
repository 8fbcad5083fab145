"""Films whose faces drive another: nothing of them is listened to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from talkcli import console, options
from talkcli.engine.errors import BadInput, BadUsage, MissingAsset
from talkcli.outputs import Batch, Task, in_groups

UNHEARD = (
    "style", "set_", "channel", "ears", "text", "phones", "emotion", "life", "no_life", "head", "gaze",
    "blinks", "seed", "precision",
)  # fmt: skip
"""Parameters of talk animate that are for what is heard, or for what a voice leaves to chance."""


def reenacted(
    batch: Batch, driver: str, model: str | None, face: Path, seen: dict[str, Any], dials: dict[str, float],
    rate: Fraction | None, device: str, json: bool,
) -> None:  # fmt: skip
    """Every film of a batch, done again by the face of an avatar."""
    unheard = [f"--{name.replace('_', '-').strip('-')}" for name in UNHEARD if options.is_given(name)]
    if unheard:
        raise BadUsage(
            f"What a film shows is done as it is: {', '.join(unheard)} would change nothing.",
            "Leave out what is for speech; talk emote and talk pose change the .motion.",
        )
    with console.step("Getting ready"):
        from talkcli.engine.destinations import made_folder
        from talkcli.engine.editing.dials import Dials, as_dialled
        from talkcli.engine.face.avatar import load_avatar
        from talkcli.engine.methods.reenacted import (
            BY_POINTS,
            Driven,
            body_giver,
            driven_by_picture,
            driven_by_points,
        )
        from talkcli.engine.methods.speaking import embodied_for
        from talkcli.engine.rendering.shot import Shot, check_shot, notes_on
        from talkcli.engine.rendering.write import Act, write_together
        from talkcli.engine.video import has_sound, is_film

        detector = _detector() if driver == BY_POINTS else None
        shot, turned = Shot(**seen), Dials(**dials)
        person, talker = load_avatar(face), body_giver(model, device)
        warnings: list[str] = []
        if talker is not None:
            person, warnings = embodied_for(talker, person, batch.outputs, shot)
        check_shot(shot, person, batch.outputs)
    console.get_renderer_ready(batch.outputs, shot, person)
    console.warn(*warnings)

    @contextmanager
    def watched(task: Task) -> Iterator[Driven]:
        film = task.audio
        if not film.is_file() or not is_film(film):
            raise BadInput(f"{film} is no film whose picture could drive a face.", "Give a film of a face.")
        with console.step(f"Watching {film}"):
            if detector is not None:
                done = driven_by_points(film, person, detector, rate)
            else:
                done = driven_by_picture(film, person, talker, rate)
        yield done._replace(motion=as_dialled(done.motion, turned))

    def write(task: Task, seen: Driven, done: Driven) -> dict[str, Any]:
        beyond = notes_on(shot, done.motion, person, task.outputs)
        console.warn(*done.notes, *beyond)
        made_folder(task.outputs[0].parent)
        with console.writing(task.outputs):
            sound = task.audio if has_sound(task.audio) else None
            write_together(Act(done.motion, person), task.outputs, shot, sound=sound, show=console.rendering)
        made = {"film": task.audio, "outputs": list(task.outputs), "driven_by": driver}
        length = {"frames": len(done.motion), "fps": str(done.motion.fps), "seconds": done.motion.seconds}
        return {**made, **length, "notes": [*warnings, *done.notes, *beyond]}

    in_groups(batch, watched, lambda group: False, list, write, json)


def _detector() -> Any:
    from talkcli.engine.capture.detector import MediaPipe

    try:
        return MediaPipe()
    except MissingAsset as error:
        raise MissingAsset(
            error.message, f"{error.hint} (or let our encoder read it: --driven-by picture)"
        ) from error
