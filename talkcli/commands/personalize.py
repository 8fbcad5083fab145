"""talk personalize: a person's voice or clips -> avatar that speaks in that manner; a photograph -> one that
looks so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from talkcli import console, options
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.engine.errors import BadUsage
from talkcli.engine.methods import DEFAULT_PUPIL
from talkcli.filmed import filmed_person
from talkcli.sitters import mannered_person, newborn_person, photographed_person, pictured_person


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
    preview: Annotated[
        bool, typer.Option("--preview", help="Pictures with cameras: a first likeness, sooner.")
    ] = False,
    seconds: options.FilmSeconds = 30.0,
    keep_motion: options.KeepMotion = False,
    splats: options.FilmSplats = False,
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
    speaks in the manner that --avatar holds, with --model 3dxtalker by that, of which a .npz of codes of a
    face (DECA, EMOCA) makes somebody too, on FLAME. Use your own face, or that of somebody who has agreed to
    it. The picture stays on this machine; the avatar says that it is synthetic and made from a photograph.

    A film (`talk personalize me.mp4`) becomes the same with the skin of many pictures, in the manner of what
    is said and done in it, for every model that has manners, or for --model alone; NAME.report.png shows it
    beside pictures that were kept out. --splats draws it of Gaussians that learn hair, eyes and cloth as
    filmed, --model unigaha gives it a Gaussian head: minutes either, in which NAME.preview.png shows how
    far it is. With --avatar, --set or --resume a film is a voice alone, for that avatar.

    A folder of pictures with cameras (transforms.json of NeRF or INSTA; COLMAP's; a .capture of ours) becomes
    with --model unigaha somebody with a Gaussian head; NAME.report.png shows it beside pictures kept out. An
    avatar gets such a head with --model unigaha, `sampled` is somebody new for each --seed, and `sampled
    --mix A.avatar B.avatar 0.3` is somebody between two who have such heads.

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
        unheard = set_ or resume or channel != "mix" or face is not None or preview
        if unheard or avatar != DEFAULT_AVATAR or (mix and seed):
            raise BadUsage(
                "Nothing but --model, --device, and --seed or --mix says who never lived.",
                "Leave out --avatar, --set, --channel, --face, --preview, --resume, and --seed beside --mix.",
            )
        newborn_person(model, output, seed, mixed, device, json)
        return
    if mix is not None:
        raise BadUsage("--mix is for somebody who never lived.", "talk personalize sampled --mix A B 0.3")
    from talkcli.engine.methods.captured import evidence_in
    from talkcli.engine.methods.pictured import is_pictured

    evidence = evidence_in(footage)
    how: dict[str, Any] = {"overwrite": overwrite, "device": device, "json": json}
    if "video" in evidence and not (options.is_given("avatar") or set_ or resume):
        if face is not None or preview or seed:
            raise BadUsage("A film shows one face, as it is.", "Leave out --face, --preview and --seed.")
        how |= {"seconds": seconds, "keep_motion": keep_motion, "splats": splats, "channel": channel}
        filmed_person(footage, model if options.is_given("model") else None, worn, output, **how)
        return
    if keep_motion or splats or options.is_given("seconds"):
        raise BadUsage("--seconds, --keep-motion and --splats are for a film of a face.", "Leave them out.")
    how |= {"resume": resume, "seed": seed}
    if is_pictured(footage):
        if channel != "mix" or face is not None:
            raise BadUsage(
                "Pictures with cameras have no sound, and one face.", "Leave out --channel, --face."
            )
        pictured_person(footage, model, worn, output, set_ or [], preview=preview, **how)
        return
    if preview:
        raise BadUsage("--preview is for pictures with cameras.", "Leave it out.")

    if "picture" in evidence:
        if set_ or resume or channel != "mix" or seed:
            raise BadUsage(
                "A picture has no sound, and nothing is drawn by chance or trained.",
                "Leave out --set, --channel, --resume and --seed.",
            )
        asked = model if options.is_given("model") else None
        photographed_person(footage, worn, output, face, json, model=asked, device=device)
        return
    if face is not None:
        raise BadUsage("--face is for a picture.", "Leave it out.")
    mannered_person(footage, model, worn, output, set_ or [], channel, **how)
