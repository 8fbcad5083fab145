"""Options that more than one command takes, spelled once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from talkcli import console
from talkcli.engine.assets import assets_folder, avatar_files
from talkcli.engine.errors import BadUsage

FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
PICTURES = (".png", ".gif")
MESHES = (".npz", ".glb", ".obj", ".ply", ".csv", ".textures")
FOLDERS = (".png", ".obj", ".ply", ".textures")
"""What a motion can be written as, by suffix; FOLDERS hold a file a frame."""


SHOTS = ("camera", "size", "background", "renderer", "quality", "wrinkles", "texture", "stage")
"""Parameters of verbs that say how pictures are drawn."""
SKINLESS = (".motion", ".npz", ".csv")
"""Of the files in which nobody's skin is."""

LARGEST_SEED = (1 << 63) - 1
"""What every generator of chance takes."""

OUTPUTS = ("output", "target", "csv", "plot")
"""Parameters of verbs that name what is written; all others that name a file name what is read."""


_given: set[str] = set()


def remember_given(names: Iterable[str]) -> None:
    """The parameters that this command's words name themselves."""
    _given.clear()
    _given.update(names)


def is_given(name: str) -> bool:
    """Whether this command's words name a parameter themselves."""
    return name in _given


def tell_unused(outputs: Iterable[Path], *also: str) -> None:
    """A warning for parameters that say how pictures are drawn where no output is made of any, and for
    others that do nothing to these outputs (`also`)."""
    suffixes = dict.fromkeys(path.suffix.lower() for path in outputs)
    shots = () if any(suffix in (*FILMS, *PICTURES) for suffix in suffixes) else SHOTS
    shots = (*shots, "look") if all(suffix in SKINLESS for suffix in suffixes) else shots
    if unused := [f"--{name}" for name in (*shots, *also) if name in _given]:
        console.warn(f"Nothing of a {' or '.join(suffixes)} depends on {', '.join(unused)}.")


def _known_model(model: str | None) -> str | None:
    from talkcli.engine.methods import METHODS  # names only: no torch behind this import

    try:
        known = model is None or model in METHODS or Path(model).is_file()
    except PermissionError:
        known = True  # whoever opens it says so
    except OSError:
        known = False
    if not known:
        raise typer.BadParameter(f"'{model}' is neither a file nor one of {', '.join(METHODS)}.")
    return model


def _known_device(device: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise typer.BadParameter(f"'{device}' is none of auto, cpu, cuda, cuda:N, mps.")
    return device


def _known_precision(precision: str) -> str:
    if precision not in ("full", "fast"):
        raise typer.BadParameter(f"'{precision}' is neither full nor fast.")
    return precision


def _known_driver(driver: str) -> str:
    if driver not in ("sound", "points", "picture"):
        raise typer.BadParameter(f"'{driver}' is none of sound, points, picture.")
    return driver


def _known_seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise typer.BadParameter(f"{seed} is not from 0 to {LARGEST_SEED}.")
    return seed


def parse_fps(text: str) -> Fraction:
    """A frame rate, exact: the decimals of television stand for its fractions."""
    television = {"23.976": 24000, "23.98": 24000, "29.97": 30000, "47.952": 48000, "59.94": 60000}
    known = re.fullmatch(r"\d{1,6}(/[1-9]\d{0,5}|\.\d{1,6})?", text)
    fps = Fraction(television[text], 1001) if text in television else Fraction(text) if known else Fraction(0)
    if not 1 <= fps <= 240:
        raise BadUsage(
            f"'{text}' is not a frame rate.", "Give 1 to 240 frames a second: 25, 29.97, 30000/1001."
        )
    return fps


def known_format(path: Path, background: str, also: tuple[str, ...] = ()) -> str:
    """The suffix of an output; BadUsage where no format has it, or it cannot be transparent."""
    suffix, suffixes = path.suffix.lower(), (*also, *FILMS, *PICTURES, *MESHES)
    if suffix not in suffixes:
        raise BadUsage(f"{path} has no suffix that is known here.", f"Known: {' '.join(suffixes)}.")
    if background == "transparent" and suffix != ".png":
        raise BadUsage(f"A {suffix} cannot be transparent.", "Give --output with the suffix .png.")
    return suffix


def check_suffix(path: Path, wanted: str) -> None:
    """BadUsage where an output does not end in the suffix of its kind of file."""
    if path.suffix.lower() != wanted:
        raise BadUsage(f"{path} does not end in {wanted}.", f"Give a name such as {path.stem}{wanted}.")


def named_files(texts: list[str] | None, option: str) -> dict[str | None, Path]:
    """The files of NAME=FILE arguments by name; None names a FILE alone, as a=b is where it exists."""
    files: dict[str | None, Path] = {}
    for text in texts or []:
        name, equals, file = text.partition("=")
        has_name = bool(equals) and name.isidentifier() and not Path(text).exists()
        key, path = (name, Path(file)) if has_name else (None, Path(text))
        if key in files:
            twice = f"{key}= is there twice" if key else "two files without a name"
            raise BadUsage(f"{option}: {twice}.", "Give each once, as NAME=FILE.")
        files[key] = path
    return files


def recording_file(recording: Path) -> Path:
    """The recording of that name, or the bundled one where there is none of it here: hello.wav."""
    bundled = {path.name: path for path in assets_folder().glob("*.wav")}
    if str(recording) not in bundled or recording.exists():
        return recording
    console.say(f"There is no {recording} here: the bundled one is taken.")
    return bundled[recording.name]


def person_file(footage: Path) -> Path:
    """Who somebody is: a recording as in `recording_file`, or a bundled avatar by its name."""
    bundled = avatar_files()
    return (
        bundled[str(footage)] if str(footage) in bundled and not footage.exists() else recording_file(footage)
    )


def is_motion(file: str) -> bool:
    """Whether a file is a motion and not an avatar or its name; BadUsage for what has another suffix."""
    if Path(file).suffix not in ("", ".motion", ".avatar"):
        raise BadUsage(
            f"{file} is neither a .motion nor an .avatar.",
            "Of a recording: talk animate RECORDING --emotion MOODS",
        )
    return Path(file).suffix == ".motion"


def avatar_file(avatar: str) -> Path:
    """The file behind --avatar: a path, or the name of an avatar that is bundled or of an imported rig."""
    if Path(avatar).suffix or Path(avatar).is_file():
        return Path(avatar)
    known = avatar_files()
    if avatar.startswith("flame") and not any(name.startswith("flame") for name in known):
        raise BadUsage(
            f"'{avatar}' is not imported.", "FLAME is yours to bring: talk models import flame FILE"
        )
    likely = [name for name in known if name == avatar or (avatar == "flame" and name.startswith(avatar))]
    if len(likely) != 1:
        raise BadUsage(
            f"'{avatar}' is {'several avatars' if likely else 'neither an .avatar file nor a known avatar'}.",
            f"Known: {', '.join(known) or 'none'}.",
        )
    return known[likely[0]]


FaceNumber = Annotated[
    int | None, typer.Option("--face", min=1, help="Of several in a picture, from left to right.")
]
FilmSeconds = Annotated[
    float, typer.Option("--seconds", min=1.0, max=600.0, help="Of a film, the most that is looked at.")
]
KeepMotion = Annotated[
    bool, typer.Option("--keep-motion", help="Of a film: what the face did, as .motion and .wav.")
]
FilmSplats = Annotated[
    bool, typer.Option("--splats", help="Of a film: Gaussians too, with hair and eyes as filmed; minutes.")
]
Mix = Annotated[
    tuple[str, str, float] | None,
    typer.Option("--mix", metavar="AVATAR AVATAR SHARE", help="sampled: somebody so far between two (0..1)."),
]
Model = Annotated[
    str, typer.Option("--model", "-m", callback=_known_model, help="Method name or checkpoint file.")
]
AnyModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        callback=_known_model,
        help="Method name or checkpoint file.",
        show_default="whose manner the avatar holds, else textalker",
    ),
]
DrivenBy = Annotated[
    str,
    typer.Option(
        "--driven-by",
        metavar="sound|points|picture",
        callback=_known_driver,
        help="Films: sound is heard; points of the face are followed (extra `capture`); or an encoder reads "
        "each picture.",
    ),
]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="LIST",
        help="What to make of each recording: csv,motion,mp4.",
        show_default="mp4,motion",
    ),
]
Avatar = Annotated[
    str, typer.Option("--avatar", "-a", help="Whose face: an .avatar file, or the name of a bundled one.")
]
Channel = Annotated[
    str, typer.Option("--channel", help="Of the recording: mix, left, right, 1, 2 ..., or the loudest.")
]
Style = Annotated[
    list[str] | None,
    typer.Option("--style", metavar="[NAME=]FILE", help="Whose manner to take; skin=FILE: whose skin."),
]
Ears = Annotated[
    str | None,
    typer.Option(
        "--ears", metavar="FOLDER", help="Hear with the encoder in it, or the fetched one: whisper-base."
    ),
]
Text = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="What is said: a file, a folder, or the words.")
]
PhonesFile = Annotated[
    Path | None,
    typer.Option("--phones", metavar="PATH", help="Which phone is said when: .phones.json or TextGrid."),
]
Emotion = Annotated[
    str | None,
    typer.Option(
        "--emotion", metavar="MOODS", help="As in talk emote: happy:0.7, sad:strong@0-2; auto: as it sounds."
    ),
]
Strength = Annotated[float, typer.Option("--strength", help="Of the mouth: 0.8 is calmer, 1.2 livelier.")]
Smooth = Annotated[float, typer.Option("--smooth", metavar="MS", help="Average the speaking over so long.")]
Offset = Annotated[
    float, typer.Option("--offset", metavar="MS", help="Speak so much later than the sound, or earlier: -40.")
]
Life = Annotated[
    float, typer.Option("--life", help="Blinks, glances, brows and head movement: 0 is none, 1 all.")
]
Head = Annotated[float | None, typer.Option("--head", help="Head movement alone.", show_default="--life")]
Gaze = Annotated[float | None, typer.Option("--gaze", help="Glances alone.", show_default="--life")]
Blinks = Annotated[
    float | None, typer.Option("--blinks", help="How often the eyes blink.", show_default="--life")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="What to write; its suffix says the format.")
]
Seed = Annotated[int, typer.Option("--seed", callback=_known_seed, help="Same seed, same result.")]
SeedOrSettings = Annotated[
    int | None,
    typer.Option(
        "--seed", callback=_known_seed, help="Same seed, same result; without it that of --config, or 0."
    ),
]
Device = Annotated[
    str, typer.Option("--device", callback=_known_device, help="auto, cpu, cuda, cuda:N or mps.")
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        callback=_known_precision,
        help="Of networks: full, or fast: TF32, 16 bits, compiled long speech on CUDA; bfloat16 on CPU.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes to work with.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a setting by name; repeatable."),
]
Camera = Annotated[
    str,
    typer.Option("--camera", help="front, three-quarter, profile, swing (to both sides) or orbit (round)."),
]
Size = Annotated[
    str, typer.Option("--size", help="Of the picture, in pixels: 512 or 640x480; even, 16 to 8192.")
]
Background = Annotated[
    str,
    typer.Option("--background", help="studio, transparent, a colour (white, #202830) or a picture file."),
]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="FORM",
        help="What is drawn, and what a .ply holds: mesh or splats.",
        show_default="splats where the avatar has Gaussians",
    ),
]
Stage = Annotated[
    str | None,
    typer.Option(
        "--stage",
        help="photo: the picture that the avatar was made from speaks; studio.",
        show_default="photo where there is one, unless another option of the picture speaks against it",
    ),
]
Look = Annotated[
    str | None,
    typer.Option(
        "--look",
        help="Of an avatar made from a picture: as photographed, or as painted for studio light.",
        metavar="photographed|studio",
        show_default="the avatar's own",
    ),
]
Renderer = Annotated[
    str,
    typer.Option(
        "--renderer",
        help="numba (built in); pytorch3d: the same on an NVIDIA card, where you have it; pyrender: head and "
        "clothes in plain light.",
    ),
]
Quality = Annotated[
    str,
    typer.Option("--quality", help="standard, or fine: a photograph, hair by hair; slow."),
]
Fps = Annotated[
    str | None, typer.Option("--fps", help="Frames a second: 25, 29.97, 30000/1001; else the motion's own.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=console.set_quiet, help="Only results, warnings and errors.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=console.set_verbose, help="More detail, and tracebacks.")
]
EVERY_VERB = {"quiet": Quiet, "verbose": Verbose}
"""Options that app.py gives to every verb; the commands do not list them."""
