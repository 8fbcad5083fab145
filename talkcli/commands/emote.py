"""talk emote: motion or avatar -> the same in a mood; labelled clips -> the moods of their faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.engine.errors import BadUsage
from talkcli.outputs import claim_motion


def run(
    file: Annotated[
        str | None,
        typer.Argument(
            help="A .motion; an .avatar or the name of a bundled one; or a folder of clips to learn from.",
            show_default=False,
        ),
    ] = None,
    mood: Annotated[
        str | None,
        typer.Option("--mood", metavar="MOODS", help="happy, happy:0.7, happy:mild@0-2,sad:strong@2.5-5."),
    ] = None,
    templates: Annotated[
        Path | None, typer.Option("--templates", help="The moods of a face that is not the built-in one.")
    ] = None,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    audio: Annotated[Path | None, typer.Option("--audio", help="The sound of a film.")] = None,
    camera: options.Camera = "front",
    size: options.Size = "512",
    background: options.Background = "studio",
    renderer: options.Renderer = "numba",
    quality: options.Quality = "standard",
    list_: Annotated[bool, typer.Option("--list", help="Show every mood and level, and stop.")] = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Give a motion a mood, or an avatar a resting expression.

    Moods are angry, contempt, disgust, fear, happy, sad and surprise, and neutral; a level is a number from 0
    to 2 or a name (--list). With times they follow each other in cross-fades; without, they last throughout,
    together. Lips that meet in the motion still meet, blinks and gaze stay. The motion comes out as a .motion
    or as any form that `talk render` writes; an avatar's every animation is in the mood from then on, and
    neutral takes it off again. The built-in head knows its moods; those of another mesh are learnt from a
    prepared folder of its clips with moods in their names (m3/angry-01), one of them neutral.

    \b
    Examples:
      talk emote hello.motion --mood happy:0.7 -o happy.motion
      talk emote hello.motion --mood surprise@0-1,sad:strong@1.5-4
      talk emote ada --mood sad:strong -o sad-ada.avatar
    """
    if list_:
        return _list(json)
    if file is None or (mood is None and not Path(file).is_dir()):
        raise BadUsage(
            "Nothing says what to do.", "Give a motion or an avatar with --mood; --list names moods."
        )
    if Path(file).is_dir():
        return _learn(Path(file), mood, output or Path("moods.safetensors"), overwrite, json)
    assert mood is not None
    from talkcli.engine.editing.mood_schedule import late_moods, named_moods, parse_moods

    spans, is_motion = parse_moods(mood), options.is_motion(file)
    source = Path(file) if is_motion else options.avatar_file(file)
    folder = Path() if source.suffix and not Path(file).suffix else source.parent
    output = output or folder / f"{source.stem}-{named_moods(spans)}{source.suffix}"
    face = options.avatar_file(avatar) if is_motion else source
    audio = options.recording_file(audio) if audio else None
    inputs = [path for path in (source, face, templates, audio) if path]
    if is_motion:
        claim_motion(output, background, audio, overwrite, inputs)
    else:
        options.check_suffix(output, ".avatar")
        console.claim(output, overwrite, inputs)
        options.tell_unused([output], "audio", "avatar")

    with console.step("Loading"):
        from talkcli.engine.editing.emote import emoted, with_mood
        from talkcli.engine.editing.mood_templates import load_mood_templates
        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.face.geometry import load_moves
        from talkcli.engine.rendering.shot import Shot, notes_on
        from talkcli.engine.rendering.write import Act, write

        person, learnt = load_avatar(face), load_mood_templates(templates) if templates else None
        motion = emoted(load_moves(source, person), person, spans, learnt) if is_motion else None
    shot = Shot(camera, size, background, renderer, quality=quality)
    notes = late_moods(spans, motion.seconds) if motion else []
    notes += notes_on(shot, motion, person, [output]) if motion else []
    console.warn(*notes)
    if motion is None:
        save_avatar(with_mood(person, spans, learnt), output)
    else:
        console.get_renderer_ready([output], shot, person)
        with console.writing([output]):
            write([Act(motion, person)], output, shot, sound=audio, show=console.rendering)
    moods = [{"mood": span.mood, "level": span.level} for span in spans]
    answer = {"output": output, "moods": moods, "notes": notes}
    console.answer_json(answer) if json else console.answer(output)


def _learn(folder: Path, mood: str | None, output: Path, overwrite: bool, json: bool) -> None:
    """The moods of the face of labelled clips."""
    if mood is not None:
        raise BadUsage(f"{folder} is a folder of clips to learn from.", "Leave --mood out.")
    options.check_suffix(output, ".safetensors")
    console.claim(output, overwrite)
    from talkcli.engine.clips import ClipSet
    from talkcli.engine.editing.mood_templates import labelled, mean_faces, save_mood_templates

    clips = ClipSet(folder)
    learnt = mean_faces(console.progress(labelled(clips), f"Learning from {folder}", unit="clips"))
    save_mood_templates(learnt, output)
    console.answer_json({"output": output, "moods": learnt.names}) if json else console.answer(output)


def _list(json: bool) -> None:
    from talkcli.engine.editing.moods import LEVELS, MOOD_WORDS

    if json:
        return console.answer_json({"moods": MOOD_WORDS, "levels": LEVELS})
    console.table(("mood", "also"), [(mood, ", ".join(words)) for mood, words in MOOD_WORDS.items()])
    console.table(("level", "is"), [(name, f"{value:g}") for name, value in LEVELS.items()])
