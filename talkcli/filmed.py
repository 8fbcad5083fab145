"""Whoever a film shows: an avatar with their face, skin, hair and manner, and what they did in it."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from talkcli import console
from talkcli.engine.errors import BadInput, BadUsage, MissingAsset

SHOWN_EVERY = 20.0
"""Seconds between two looks at Gaussians that learn."""

VOICE_ALONE = "or take the voice alone, for another face: --avatar ada"


def filmed_person(
    footage: Path,
    model: str | None,
    worn: Path,
    output: Path,
    *,
    seconds: float,
    keep_motion: bool,
    splats: bool,
    channel: str,
    device: str,
    overwrite: bool,
    json: bool,
) -> None:
    """The face, skin and hair of a film, in the manner of who is seen; of the avatar `worn`, if nobody is
    heard. `model` alone takes a manner, or gives a body; without it every method that can takes one."""
    report, preview, motion, sound = (
        output.with_suffix(s) for s in (".report.png", ".preview.png", ".motion", ".wav")
    )
    console.claim(report, overwrite, inputs=(footage,))
    for path in (motion, sound) if keep_motion else ():
        console.claim(path, overwrite, inputs=(footage,))
    with console.step(f"Watching {footage}"):
        from talkcli.engine.capture.dressed_person import SKIN_QUALITY
        from talkcli.engine.capture.film_likeness import FilmPreview, film_likeness
        from talkcli.engine.capture.film_shots import film_shots
        from talkcli.engine.capture.film_splats import FILM_STEPS, film_fit
        from talkcli.engine.capture.film_track import run_motion, run_speech
        from talkcli.engine.capture.film_watch import watched_film
        from talkcli.engine.capture.filmed_person import avatar_of_film, check_film_light, followed_film
        from talkcli.engine.face.avatar import load_avatar, save_avatar
        from talkcli.engine.face.rigs import load_rig, rig_of
        from talkcli.engine.methods.film_manners import film_talkers, with_film_manners
        from talkcli.engine.methods.pictured import shots_fit
        from talkcli.engine.motion import save_motion
        from talkcli.engine.speech import load_speech, save_speech
        from talkcli.engine.video import has_sound

        sounds = has_sound(footage)
        otherwise = f" ({VOICE_ALONE})" if sounds else ""
        detector, base = _detector(otherwise), load_avatar(worn)
        talkers, giver = film_talkers(model, device)
        if giver is not None and splats:
            raise BadUsage(f"{giver.method} makes Gaussians of its own.", "Leave out --splats, or --model.")
        takes_minutes = splats or giver is not None
        if takes_minutes:
            console.claim(preview, overwrite, inputs=(footage,))
        try:
            check_film_light(footage, detector)
            watched = watched_film(footage, detector, seconds)
        except BadInput as error:
            raise BadInput(error.message, f"{error.hint}{otherwise}") from error
    pictures = sum(len(run.seconds) for run in watched.runs)
    with console.step(f"Following the face through {pictures} pictures"):
        tracked = followed_film(watched)
    _tell_parts(tracked.watched)
    with console.step("Painting the skin"):
        person, told = avatar_of_film(tracked, detector, output.stem)
    person = replace(person, styles=base.styles)
    with console.step(f"Getting to know how {output.stem} speaks"):
        speech = load_speech(footage, channel=channel) if sounds else None
        if speech is not None:
            person = with_film_manners(person, tracked, speech, talkers)
    notes = [*told.notes, *(speech.notes if speech else ())]
    notes += [] if speech else [f"{footage} has no sound: the manner is that of {base.name}."]
    console.warn(*notes)
    early = FilmPreview(tracked, detector) if takes_minutes else None
    if early is not None:
        save_avatar(person, output, SKIN_QUALITY)
        _save_sheet(early.sheet(person), preview, person)
        console.say(f"{output} can speak by now, drawn of its mesh; Gaussians take some minutes more.")
        console.say(f"The film and the avatar by now: {preview}")
    if splats:
        with console.step("Scattering Gaussians"):
            fit, shown = film_fit(tracked, person, detector), time.monotonic()
        for _ in console.progress(fit.steps(), "Learning how it looks", FILM_STEPS, "steps"):
            if early is not None and time.monotonic() - shown > SHOWN_EVERY:
                _save_sheet(early.sheet(person, replace(person, splats=fit.splats)), preview, person)
                shown = time.monotonic()
        person = replace(person, splats=fit.splats)
    if giver is not None:
        with console.step("Cutting out the face"):
            body = shots_fit(giver, film_shots(tracked, person, detector), {})
        with TemporaryDirectory() as folder:
            for _ in console.training(body.moments(Path(folder))):
                pass
        with console.step("Dressing it"):
            person = body.avatar(output.stem)
    with console.step(f"Looking how like {output.stem} is"):
        like = film_likeness(tracked, person, detector)
    save_avatar(person, output, SKIN_QUALITY)
    if early is not None:
        preview.unlink(missing_ok=True)
    manners = [talker.method for talker in talkers] if speech else []
    answer: dict[str, Any] = {"avatar": output, "manners": manners, **asdict(told), "notes": notes}
    answer |= {"body": giver.method} if giver else {}
    if like is not None:
        _save_sheet(like.sheet, report, person)
        answer |= {**like.numbers, "report": report}
        for what in ("face", "person"):
            psnr, ssim = like.numbers[f"{what}_psnr"], like.numbers[f"{what}_ssim"]
            console.say(f"{like.pictures} pictures kept out, {what}: PSNR {psnr:.1f} dB, SSIM {ssim:.3f}")
        console.say(f"The film above, the avatar below: {report}")
    if keep_motion:
        done = run_motion(tracked, load_rig(rig_of(person)), tracked.longest)
        save_motion(done, motion)
        answer |= {"motion": motion, "frames": len(done)}
        if speech is not None:
            run = tracked.watched.runs[tracked.longest]
            save_speech(run_speech(speech, run, len(done)), sound)
            answer |= {"sound": sound}
    console.answer_json(answer) if json else console.answer(output)


def _detector(otherwise: str) -> Any:
    from talkcli.engine.capture.detector import MediaPipe

    try:
        return MediaPipe()
    except MissingAsset as error:
        raise MissingAsset(error.message, f"{error.hint}{otherwise}") from error


def _save_sheet(sheet: Any, path: Path, person: Any) -> None:
    from json import dumps

    from PIL import Image

    from talkcli.engine.files import replacing
    from talkcli.engine.rendering.export import png_comment

    said = png_comment(dumps({**person.provenance}))
    with replacing(path) as temporary:
        Image.fromarray(sheet).save(temporary, "PNG", pnginfo=said)


def _tell_parts(watched: Any) -> None:
    """Which parts of a film are used, and why others are not."""
    used = ", ".join(f"{run.seconds[0]:.1f}-{run.seconds[-1]:.1f} s" for run in watched.runs)
    console.say(f"Used of {watched.path}: {used}")
    for part in watched.left_out:
        console.say(f"Left out: {part.start:.1f}-{part.stop:.1f} s, because {part.reason}")
