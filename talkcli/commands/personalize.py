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
            help="The person speaking: a recording, a film, or a folder of clips; - is WAV on stdin."
        ),
    ],
    model: options.Model = DEFAULT_PUPIL,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Give an avatar somebody's way of speaking.

    MemoryTalker hears a manner of speaking in a few seconds of voice, or fits it to how the person moves in
    a prepared folder of their clips; TexTalker sees it, and how the skin changes, in such a folder. It is
    written into the avatar, and every `talk animate` with that avatar speaks so. The face stays as it is.

    \b
    Examples:
      talk personalize grandmother.wav -o grandmother.avatar
      talk personalize interview.mp4 --avatar ada --model mine.ckpt -o ada-as-guest.avatar
      talk personalize clips/s0001 --model memorytalker -o neighbour.avatar
      talk personalize clips/ID001 --model textalker -o guest.avatar
    """
    if output is None:
        output = footage.with_suffix(".avatar") if str(footage) != "-" else Path("voice.avatar")
    options.check_suffix(output, ".avatar")
    face = options.avatar_file(avatar)
    console.claim(output, overwrite, inputs=(footage, face))

    with console.step("Loading the model"):
        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.captured import captured

        talker = open_talker(model, device)
        person = load_avatar(face)
    with console.step(f"Getting to know {footage}"):
        known, speech = captured(footage, talker, person)
    for note in speech.notes if speech else ():
        console.warn(note)
    save_avatar(known, output)
    if json:
        seconds = speech.seconds if speech else None
        told = {"avatar": output, "model": talker.method, "seconds": seconds, "styles": list(known.styles)}
        console.answer_json(told)
    else:
        console.answer(output)
