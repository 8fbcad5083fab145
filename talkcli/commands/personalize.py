"""talk personalize: a person's voice or clips -> avatar that speaks in that manner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.engine.methods import DEFAULT_PUPIL


def run(
    footage: Annotated[
        Path,
        typer.Argument(
            help="Who speaks: a recording, a film, a folder of these or of clips; - is WAV from stdin."
        ),
    ],
    model: options.Model = DEFAULT_PUPIL,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    set_: options.Settings = None,
    channel: options.Channel = "mix",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run for the same output stopped.")
    ] = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Give an avatar somebody's way of speaking.

    A manner of speaking is heard in a few seconds of voice, in one recording or a folder of them, or seen in
    a prepared folder of the person's clips (`talk personalize CLIPS/SPEAKER`), where the skin's manner shows
    too: `talk models` says what each method takes a style from. It is written into the avatar, and every
    `talk animate` with that avatar speaks so. The face stays as it is. A method that trains for that keeps
    its state beside the output, in NAME.avatar.run/.

    \b
    Examples:
      talk personalize hello.wav -o hello.avatar
      talk personalize hello.wav --avatar kofi --channel left -o kofi-as-hello.avatar
    """
    if output is None:
        output = footage.with_suffix(".avatar") if str(footage) != "-" else Path("voice.avatar")
    options.check_suffix(output, ".avatar")
    footage = options.recording_file(footage)
    face = options.avatar_file(avatar)
    console.claim(output, overwrite or resume, inputs=(footage, face))

    with console.step("Loading the model"):
        from talkcli.engine.config import parse_settings
        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.adapted import adapted
        from talkcli.engine.methods.captured import captured
        from talkcli.engine.methods.plan import check_run, run_folder

        if not overwrite:
            check_run(output, resume)
        talker = open_talker(model, device)
        base = load_avatar(face)
        learning = adapted(
            talker,
            footage,
            parse_settings(set_ or []),
            seed=seed,
            device=device,
            folder=run_folder(output),
            resume=resume,
        )
    for _ in console.training(learning):
        pass
    with console.step(f"Getting to know {footage}"):
        person, speech = captured(footage, talker, base, channel)
    for note in speech.notes if speech else ():
        console.warn(note)
    save_avatar(person, output)
    if json:
        seconds, styles = speech.seconds if speech else None, list(person.styles)
        notes = list(speech.notes) if speech else []
        answer = {"avatar": output, "model": talker.method, "seconds": seconds, "styles": styles}
        console.answer_json({**answer, "notes": notes})
    else:
        console.answer(output)
