"""talk animate: speech -> video and motion."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from talkcli import console, options
from talkcli.animated import Animation
from talkcli.engine.assets import DEFAULT_AVATAR
from talkcli.outputs import batch_of, check_heard, in_groups
from talkcli.reenacted import reenacted


def run(
    audio: Annotated[
        list[Path], typer.Argument(help="Recordings of speech, or a folder of them; - is WAV on stdin.")
    ],
    driven_by: options.DrivenBy = "sound",
    model: options.AnyModel = None,
    avatar: options.Avatar = DEFAULT_AVATAR,
    output: options.Output = None,
    formats: options.Formats = None,
    style: options.Style = None,
    set_: options.Settings = None,
    channel: options.Channel = "mix",
    ears: options.Ears = None,
    text: options.Text = None,
    phones: options.PhonesFile = None,
    emotion: options.Emotion = None,
    strength: options.Strength = 1.0,
    smooth: options.Smooth = 0.0,
    offset: options.Offset = 0.0,
    life: options.Life = 1.0,
    no_life: Annotated[bool, typer.Option("--no-life", help="The same as --life 0.")] = False,
    head: options.Head = None,
    gaze: options.Gaze = None,
    blinks: options.Blinks = None,
    camera: options.Camera = "front",
    size: options.Size = "512",
    background: options.Background = "studio",
    as_: options.As = None,
    stage: options.Stage = None,
    look: options.Look = None,
    renderer: options.Renderer = "numba",
    quality: options.Quality = "standard",
    fps: options.Fps = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "full",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Make a face speak: a recording in, a film and its motion out.

    Without --output, hello.wav becomes hello.mp4 and hello.motion beside it. With it, the suffix chooses:
    .motion; .mp4 .m4v .mov .mkv .webm .gif films; .png a folder of pictures; .glb a mesh that moves, .obj
    .ply folders of meshes, with all that the head wears; .npz the bare head's vertices; .csv as Live Link
    Face records; .textures a folder of skins that fold and flush. For several recordings it is a folder,
    which is made, and --format says what goes there. The model is the one whose manner the avatar holds,
    unless --model names another; --style takes a manner from a recording (memorytalker), a folder of
    clips or an .avatar. --text puts right what is heard (extra `align`): English words in a .txt, for
    several recordings a folder of them.

    With --driven-by points or picture nothing is listened to: the avatar does what the face in a film does,
    head and eyes too, and the film's sound goes with it. Use a film of yourself, or of somebody who agreed.

    \b
    Examples:
      talk animate hello.wav
      talk animate hello.wav --avatar noor --camera three-quarter --strength 0.9 -o noor.mp4
      talk animate hello.wav --output animated/ --format csv,motion --seed 7 --json
    """
    batch = batch_of(audio, output, formats)
    rate, alone = options.parse_fps(fps) if fps else None, len(batch.tasks) == 1
    face = options.avatar_file(avatar)
    styles = {key: options.recording_file(it) for key, it in options.named_files(style, "--style").items()}
    given = [path for path in (phones, Path(text) if text and Path(text).suffix else None) if path]
    batch.claim(background, overwrite, (face, *given, *styles.values()))
    seen: dict[str, Any] = {"camera": camera, "size": size, "background": background, "renderer": renderer}
    seen |= {"quality": quality, "form": as_, "stage": stage, "look": look}
    if driven_by != "sound":
        turned = {"strength": strength, "smooth": smooth, "offset": offset}
        reenacted(batch, driven_by, model, face, seen, turned, rate, device, json)
        return

    check_heard(batch)
    with console.step("Getting ready"):
        from talkcli.engine.audio.told import reader_of
        from talkcli.engine.config import parse_settings
        from talkcli.engine.editing.dials import Dials
        from talkcli.engine.editing.heard_moods import written_moods
        from talkcli.engine.face.avatar import load_avatar
        from talkcli.engine.methods import open_talker
        from talkcli.engine.methods.captured import model_for
        from talkcli.engine.methods.other_ears import hear_with
        from talkcli.engine.methods.speaking import check_outputs, made_ready, set_sampling, spoken_motion
        from talkcli.engine.rendering.ahead import pictures_ahead
        from talkcli.engine.rendering.shot import Shot

        dials = Dials(strength, smooth, offset, 0.0 if no_life else life, head, gaze, blinks)
        person, shot = load_avatar(face), Shot(**seen)
    with pictures_ahead(shot, batch.outputs) as draw_soon:
        draw_soon(person)
        with console.step("Loading the model"):
            talker = open_talker(model or model_for(person), device, precision)
            hear_with(talker, ears)
            set_sampling(talker, parse_settings(set_ or []))
        if text is not None or phones is not None:
            reader_of(talker)
        console.detail(f"{talker.method}, weights {talker.weights_sha256}; avatar {face}")
        with console.step(f"Getting {person.name} ready"):
            speaker, warnings = made_ready(talker, person, styles, dials, batch.outputs, shot)
        if speaker is not person:
            draw_soon(speaker)
        check_outputs(batch.outputs, talker, speaker, shot, written_moods(emotion))
        console.get_renderer_ready(batch.outputs, shot, speaker)
        console.warn(*warnings)
        speak = partial(spoken_motion, talker, avatar=speaker, seed=seed, fps=rate, dials=dials)
        how = Animation(talker, speaker, shot, warnings, speak, channel, emotion, text, phones, alone)
        in_groups(batch, how.heard, how.has_room, how.spoken, how.written, json)
