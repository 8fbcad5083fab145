"""Avatars that are no recordings' manners: whoever a picture shows, and whoever never lived."""

from __future__ import annotations

from contextlib import nullcontext
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


def pictured_person(
    footage: Path,
    model: str,
    worn: Path,
    output: Path,
    settings: list[str],
    *,
    preview: bool,
    resume: bool,
    overwrite: bool,
    seed: int,
    device: str,
    json: bool,
) -> None:
    """Somebody of pictures with known cameras, in the manner of the avatar `worn`."""
    report = output.with_suffix(".report.png")
    console.claim(report, overwrite or resume)
    with console.step(f"Looking at {footage}"):
        from json import dumps

        from PIL import Image

        from talkcli.engine.config import parse_settings
        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.files import replacing
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.pictured import body_fit
        from talkcli.engine.methods.plan import begin_run, check_run, forget_states, run_folder
        from talkcli.engine.rendering.export import png_comment

        if not overwrite:
            check_run(output, resume)
        base, talker = load_avatar(worn), open_talker(model, device)
        chosen = parse_settings(settings) | ({"own_steps": 0} if preview else {})
        fit, notes = body_fit(talker, footage, chosen, seed)
    console.warn(*notes)
    begin_run(folder := run_folder(output), resume)
    for _ in console.training(fit.moments(folder)):
        pass
    with console.step(f"Looking how like {output.stem} is"):
        person = fit.avatar(output.stem)
        like = fit.likeness(person)
    save_avatar(replace(person, styles=base.styles), output)
    answer = {"avatar": output, "model": talker.method, "notes": notes}
    if like is not None:
        with replacing(report) as temporary:
            said = png_comment(dumps({**person.provenance}))
            Image.fromarray(like.sheet).save(temporary, "PNG", pnginfo=said)
        answer |= {"kept_out": like.pictures, "psnr": like.psnr, "ssim": like.ssim, "report": report}
        console.say(
            f"{like.pictures} pictures kept out: PSNR {like.psnr:.1f} dB, SSIM {like.ssim:.3f}; {report}"
        )
    forget_states(folder)
    console.answer_json(answer) if json else console.answer(output)


def photographed_person(
    footage: Path,
    worn: Path,
    output: Path,
    face: int | None,
    json: bool,
    *,
    model: str | None = None,
    device: str = "auto",
) -> None:
    """The face, skin and hair of a picture, in the manner of the avatar `worn`; with a model in that which it
    takes from the picture."""
    with console.step("Loading the model") if model else nullcontext():
        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.captured import check_takes, pictured_manner

        base, talker = load_avatar(worn), open_talker(model, device) if model else None
        if talker is not None:
            check_takes(talker, "picture")
    with console.step(f"Looking at {footage}"):
        from talkcli.engine.capture.detector import MediaPipe
        from talkcli.engine.capture.dressed_person import SKIN_QUALITY
        from talkcli.engine.capture.photo import avatar_of_photo

        person, report = avatar_of_photo(footage, MediaPipe(), output.stem, face)
        if talker is None:
            person = replace(person, styles=base.styles)
        else:
            person = pictured_manner(talker, person, person)
    console.warn(*report.notes)
    save_avatar(person, output, SKIN_QUALITY)
    if json:
        answer = {"avatar": output, "styles": list(person.styles), **asdict(report)}
        console.answer_json(answer if talker is None else {**answer, "model": talker.method})
    else:
        console.answer(output)


def mannered_person(
    footage: Path,
    model: str,
    worn: Path,
    output: Path,
    settings: list[str],
    channel: str,
    *,
    resume: bool,
    overwrite: bool,
    seed: int,
    device: str,
    json: bool,
) -> None:
    """The avatar `worn` in the manner that a recording, a film or clips show."""
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
            parse_settings(settings),
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
