"""talk pose: motion -> the same motion with other head movement."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.engine.errors import BadUsage
from talkcli.outputs import claim_motion

KEY = "TALK_LLM_KEY"
"""The environment variable with the key of a server."""


def run(
    motion: Annotated[Path | None, typer.Argument(help="A .motion.", show_default=False)] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="In words: 'energetic presentation', 'small slow nods'.")
    ] = None,
    trajectory: Annotated[
        Path | None, typer.Option("--trajectory", help="A JSON file that says how the head moves.")
    ] = None,
    gain: Annotated[
        float, typer.Option("--gain", help="Factor on that movement; without it, on the motion's own.")
    ] = 1.0,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of the motion's own movement, not on top of it.")
    ] = False,
    llm: Annotated[
        str | None,
        typer.Option("--llm", metavar="URL", help="Ask a language model: http://localhost:11434/v1."),
    ] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="The model that it is to ask.")] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", help="The recording, for what follows the voice, and films.")
    ] = None,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    camera: options.Camera = "front",
    size: options.Size = "512",
    background: options.Background = "studio",
    renderer: options.Renderer = "numba",
    quality: options.Quality = "standard",
    list_: Annotated[bool, typer.Option("--list", help="Show every word of a prompt, and stop.")] = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Give a motion another way of holding its head; the face stays.

    A trajectory is JSON: of nod, turn and tilt each a list of waves {"amplitude_deg": 4, "hz": 0.8,
    "phase": 0, "envelope": "rms", "ramp": 0.5}. An envelope is const, rms (loudness), onset or beat
    (pulses); what goes beyond 30 degrees or 3 Hz is cut, and told. What follows the voice needs the
    recording: --audio, or one of the motion's name beside it. A prompt is understood here, by a small
    vocabulary (--list). Only with --llm anything is sent: the prompt, and of the voice its length, loudness,
    onsets and beats as numbers, to that server alone, with the key in the environment variable TALK_LLM_KEY
    if there is one.

    \b
    Examples:
      talk pose hello.motion --prompt "energetic presentation" --audio hello.wav -o talk.motion
      talk pose hello.motion --gain 0.5
    """
    if list_:
        return _list(json)
    if motion is None:
        raise BadUsage("There is no motion.", "Give one: talk pose hello.motion --prompt calm")
    if trajectory and (prompt is not None or llm):
        raise BadUsage("--trajectory says all of it.", "Leave --prompt and --llm out.")
    if bool(llm) != bool(llm_model):
        raise BadUsage(
            "--llm and --llm-model go together.", "--llm http://localhost:11434/v1 --llm-model NAME"
        )
    if replace and not (trajectory or prompt is not None or llm):
        raise BadUsage("Nothing is to take the movement's place.", "Give --prompt; --gain 0 holds it still.")
    if gain == 1 and not (trajectory or prompt is not None or llm):
        raise BadUsage("Nothing says how the head is to move.", "Give --prompt, --trajectory or --gain.")
    output = output or motion.with_name(f"{motion.stem}-posed.motion")
    face = options.avatar_file(avatar)
    sound = options.recording_file(audio) if audio else None
    films = sound if output.suffix.lower() in options.FILMS else None
    inputs = [path for path in (motion, face, trajectory, sound) if path]
    claim_motion(output, background, films, overwrite, inputs)

    with console.step("Loading"):
        from talkcli.engine.editing.asking import Server
        from talkcli.engine.editing.pose import directed, reposed
        from talkcli.engine.face.avatar import load_avatar
        from talkcli.engine.motion import load_motion
        from talkcli.engine.recordings import recording_beside
        from talkcli.engine.rendering.shot import Shot, notes_on
        from talkcli.engine.rendering.write import Act, write
        from talkcli.engine.speech import load_speech

        track, sound = load_motion(motion), sound or recording_beside(motion)
        speech = load_speech(sound) if sound else None
        server = Server(llm, llm_model, os.environ.get(KEY)) if llm and llm_model else None
    with console.step(f"Asking {llm}" if llm else "Turning the head"):
        way, notes = directed(track, speech, prompt=prompt, file=trajectory, server=server)
        posed = reposed(track, way, speech, gain=gain, replacing=replace)
    shot, person = Shot(camera, size, background, renderer, quality=quality), load_avatar(face)
    notes = [*notes, *notes_on(shot, posed, person, [output])]
    console.warn(*notes)
    console.get_renderer_ready([output], shot, person)
    with console.writing([output]):
        write([Act(posed, person)], output, shot, sound=films, show=console.rendering)
    if json:
        shown = way.as_json if way else {}
        console.answer_json({"output": output, "trajectory": shown, "gain": gain, "notes": notes})
    else:
        console.answer(output)


def _list(json: bool) -> None:
    from talkcli.engine.editing.manners import VOCABULARY

    if json:
        return console.answer_json({"vocabulary": VOCABULARY})
    for kind, words in VOCABULARY.items():
        console.table((kind, "also"), [(word, ", ".join(others)) for word, others in words.items()])
