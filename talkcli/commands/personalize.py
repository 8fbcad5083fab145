"""talk personalize: a person's voice -> avatar that speaks in that manner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.errors import BadUsage


def run(
    footage: Annotated[Path, typer.Argument(help="The person speaking: a recording, or a video with sound.")],
    model: options.Model = "memorytalker",
    avatar: options.Avatar = "ada",
    output: options.Output = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Give an avatar somebody's way of speaking.

    MemoryTalker hears a manner of speaking in a few seconds of voice and writes it into the avatar; every
    `talk animate` with that avatar then speaks so. The face stays as it is.

    \b
    Examples:
      talk personalize grandmother.wav -o grandmother.avatar
      talk personalize interview.mp4 --avatar ada --model mine.ckpt -o ada-as-guest.avatar
    """
    if output is None:
        output = footage.with_suffix(".avatar") if footage.name != "-" else Path("voice.avatar")
    face = options.avatar_file(avatar)
    console.claim(output, overwrite, inputs=(footage, face))

    with console.step("Loading the model"):
        import torch

        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.methods import load_method, open_talker
        from talkcli.engine.speech import load_speech

        talker = open_talker(model, device)
        method = load_method(talker.method)
        person = load_avatar(face)
    if method.capture is None:
        raise BadUsage(f"{method.name} does not personalise.", "Use --model memorytalker.")
    with console.step(f"Listening to {footage}"):
        speech = load_speech(footage)
        for note in speech.notes:
            console.warn(note)
        if method.adapt is not None:
            for _ in method.adapt(talker, speech, torch.Generator().manual_seed(seed)):
                pass
        captured = method.capture(talker, speech, person)
    save_avatar(captured, output)
    if json:
        console.answer_json(
            {
                "avatar": output,
                "model": talker.method,
                "seconds": speech.seconds,
                "styles": list(captured.styles),
            }
        )
    else:
        console.answer(output)
