"""talk personalize: a person's voice or clips -> avatar that speaks in that manner; a photograph -> one that
looks so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.engine.errors import BadUsage
from talkcli.engine.methods import DEFAULT_PUPIL
from talkcli.sitters import newborn_person, photographed_person


def run(
    footage: Annotated[
        Path,
        typer.Argument(
            help="Who it is: a recording, a film, a folder of these or of clips, a picture, an avatar; - is "
            "stdin; sampled is nobody who ever lived."
        ),
    ],
    model: options.Model = DEFAULT_PUPIL,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    set_: options.Settings = None,
    channel: options.Channel = "mix",
    face: options.FaceNumber = None,
    mix: options.Mix = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run for the same output stopped.")
    ] = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Give an avatar somebody's way of speaking, or their looks.

    A manner of speaking is heard in a few seconds of voice, in one recording or a folder of them, or seen in
    a prepared folder of the person's clips (`talk personalize CLIPS/SPEAKER`), where the skin's manner shows
    too: `talk models` says what each method takes a style from. It is written into the avatar, and every
    `talk animate` with that avatar speaks so. The face stays as it is. A method that trains for that keeps
    its state beside the output, in NAME.avatar.run/.

    A picture (`talk personalize me.jpg`) becomes an avatar with its face, skin and hair, as photographed; it
    speaks in the manner that --avatar holds. Use your own face, or that of somebody who has agreed to it. The
    picture stays on this machine; the avatar says that it is synthetic and made from a photograph.

    With --model unigaha an avatar gets a Gaussian head, `sampled` is somebody new for each --seed, and
    `sampled --mix A.avatar B.avatar 0.3` is somebody between two who have such heads.

    \b
    Examples:
      talk personalize hello.wav -o hello.avatar
      talk personalize hello.wav --avatar kofi --channel left -o kofi-as-hello.avatar
      talk personalize sampled --model unigaha --seed 7 -o nobody.avatar
    """
    if output is None:
        output = footage.with_suffix(".avatar") if str(footage) != "-" else Path("voice.avatar")
    options.check_suffix(output, ".avatar")
    footage, worn = options.person_file(footage), options.avatar_file(avatar)
    mixed = (options.avatar_file(mix[0]), options.avatar_file(mix[1]), mix[2]) if mix else None
    console.claim(output, overwrite or resume, inputs=(footage, worn, *(mixed[:2] if mixed else ())))
    if str(footage) == "sampled" and not footage.exists():
        unheard = set_ or resume or channel != "mix" or face is not None
        if unheard or avatar != DEFAULT_AVATAR or (mix and seed):
            raise BadUsage(
                "Nothing but --model, --device, and --seed or --mix says who never lived.",
                "Leave out --avatar, --set, --channel, --face and --resume, and --seed beside --mix.",
            )
        newborn_person(model, output, seed, mixed, device, json)
        return
    if mix is not None:
        raise BadUsage("--mix is for somebody who never lived.", "talk personalize sampled --mix A B 0.3")
    from talkcli.engine.pictures import is_picture

    if footage.is_file() and is_picture(footage):
        if set_ or resume or channel != "mix" or model != DEFAULT_PUPIL or seed or device != "auto":
            raise BadUsage(
                "A picture is made an avatar without a model.",
                "Leave out --model, --set, --channel, --resume, --seed and --device.",
            )
        photographed_person(footage, worn, output, face, json)
        return
    if face is not None:
        raise BadUsage("--face is for a picture.", "Leave it out.")

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
        base = load_avatar(worn)
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
    console.warn(*(speech.notes if speech else ()))
    save_avatar(person, output)
    if json:
        seconds, styles = speech.seconds if speech else None, list(person.styles)
        notes = list(speech.notes) if speech else []
        answer = {"avatar": output, "model": talker.method, "seconds": seconds, "styles": styles}
        console.answer_json({**answer, "notes": notes})
    else:
        console.answer(output)
