"""What the README shows: python -m recipes.pictures [NAME...] -> assets/pictures/

people: the bundled ones, as they sit for a photograph; expressions: five faces of two of them; hello: three
people say it; texture: two do so, above on a still skin, below on the one that TexTalker makes, when they
differ
most; photograph: one of ada, drawn in other light and by another lens, and the same speaking (extra capture);
heads: six people who never lived, as unigaha makes them, and marta speaking, drawn of Gaussians and of her
mesh; feeling: two people whom 3DXTalker moves, in moods that change. Without names all seven, in fifteen
minutes of one core.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from recipes.contact_sheet import FACES, pictures
from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.capture.photo import avatar_of_photo
from talkcli.engine.editing.mood_schedule import parse_moods
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.rotations import matrix
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.speaking import spoken_motion
from talkcli.engine.methods.unigaha.bodies import embodied, sampled
from talkcli.engine.motion import Coefficients, Head, Motion, ratios
from talkcli.engine.rendering.camera import centred_camera, portrait
from talkcli.engine.rendering.photo_stage import photo_frames
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_film import splat_frames
from talkcli.engine.speech import load_speech
from talkcli.engine.studio.scanned.gaze import looking_at

SITTERS: Mapping[str, tuple[tuple[float, float, float], Mapping[str, float]]] = {
    "ada": ((3, -9, 4), {"mouthSmile": 0.45, "cheekSquint": 0.25, "eyeSquint": 0.15, "browInnerUp": 0.08}),
    "marta": ((2, 8, 3), {"mouthSmile": 0.4, "cheekSquint": 0.35, "eyeSquint": 0.2}),
    "emil": ((1, 10, -3), {"mouthSmile": 0.22, "eyeSquint": 0.2, "cheekSquint": 0.1, "mouthPress": 0.1}),
    "kofi": ((0, -8, -3), {"mouthSmile": 0.35, "cheekSquint": 0.25, "eyeSquint": 0.15}),
    "noor": ((1, 9, 5), {"mouthSmile": 0.5, "cheekSquint": 0.3, "eyeSquint": 0.2, "jawOpen": 0.06}),
    "otto": ((1, -11, -2), {"mouthSmile": 0.15, "eyeSquint": 0.2, "browDown": 0.1}),
}  # fmt: skip
"""Of the picture of people: how far heads are turned (down, left, tilt), degrees, and what faces do."""
PORTRAIT = 480
"""Pixels along a side of each."""

SHOWN = ("neutral", "aa", "smile", "surprise", "anger")
MOMENTS, APART, CROP = 3, 15, (slice(40, 400), slice(96, 416))
"""Of the picture of textures: moments, the least frames between two, what is shown of 512 pixels a side."""
SPEAKERS, SIDE, QUALITY = ("ada", "kofi", "noor"), 320, 55
"""Of the moving picture: who speaks, pixels a side, quality of the WebP."""

SITTING, SPOKEN = (640, 720), (0, 42, 51, 126)
"""Pixels of the photograph; frames of hello.wav in it: shut, in a blink, twice open."""

FEELERS = {"noor": "happy@0-4.2,sad@5.2-", "otto": "surprise@0-4.2,angry@5.2-"}
FELT = (36, 84, 108, 180, 204, 252)
"""Of the picture of 3DXTalker: who speaks in which moods, and the frames that are shown."""

NOBODIES, SPEAKER = (1, 2, 3, 4, 5, 6), "marta"
"""Of the picture of Gaussian heads: seeds, and who speaks."""


def person(name: str) -> Avatar:
    return load_avatar(asset(f"{name}.avatar"))


def saying_hello(model: str, avatar: Avatar) -> Motion:
    return spoken_motion(open_talker(model), load_speech(asset("hello.wav")), avatar, seed=0)


def beside(rows: list[list[np.ndarray]]) -> Image.Image:
    return Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows]))


def feeling(folder: Path) -> None:
    rows = []
    for name, moods in FEELERS.items():
        avatar, said = person(name), load_speech(asset("hello.wav"))
        motion = spoken_motion(open_talker("3dxtalker"), said, avatar, moods=parse_moods(moods))
        camera = portrait(avatar, "front", (384, 384))
        shown = (next(frames(motion.part(moment, moment + 1), avatar, camera)) for moment in FELT)
        rows.append([picture[30:330, 72:312] for picture in shown])
    beside(rows).save(folder / "feeling.jpg", quality=88)


def people(folder: Path) -> None:
    sat = [portrayed(person(name), *SITTERS[name]) for name in SITTERS]
    beside([sat[:3], sat[3:]]).save(folder / "people.jpg", quality=86)


def portrayed(
    avatar: Avatar, degrees: tuple[float, float, float], face: Mapping[str, float]
) -> NDArray[np.uint8]:
    """Somebody who looks into the camera, the head turned."""
    turn, camera = torch.tensor([degrees]).deg2rad(), portrait(avatar, "front", (PORTRAIT, PORTRAIT))
    view, middle = camera.views[0].float(), avatar.neutral.mean(0)
    lens = -view[:3, :3].mT @ view[:3, 3]
    gaze = looking_at(avatar.neutral, matrix(turn)[0].mT @ (lens - middle) + middle)
    weights = load_face_model().weight_vector(**face, **gaze)
    motion = Motion(
        Fraction(25), Coefficients(weights[None], torch.zeros(1, 3)), Head(turn, torch.zeros(1, 3))
    )
    return next(frames(motion, avatar, camera, quality="fine"))


def expressions(folder: Path) -> None:
    faces = {name: FACES[name] for name in SHOWN}
    rows = [
        pictures(person(name), faces, view) for name in ("ada", "kofi") for view in ("front", "three-quarter")
    ]
    beside(rows).save(folder / "expressions.jpg", quality=88)


def strongest(motion: Motion, avatar: Avatar) -> list[int]:
    """Frames whose skin is farthest from the neutral one."""
    assert motion.texture is not None
    change = (ratios(painted(motion.texture, wrinkles_of(avatar), 64)).log().square()).mean((1, 2, 3))
    moments: list[int] = []
    for frame in change.argsort(descending=True).tolist():
        if all(abs(frame - other) >= APART for other in moments):
            moments.append(frame)
        if len(moments) == MOMENTS:
            break
    return sorted(moments)


def texture(folder: Path) -> None:
    sheets = []
    for name in ("emil", "ada"):
        avatar = person(name)
        motion, camera = saying_hello("textalker", avatar), portrait(avatar, "front", (512, 512))
        moments = strongest(motion, avatar)
        rows = []
        for changing in (False, True):
            drawn = frames(motion, avatar, camera, wrinkles=changing, texture=changing)
            rows.append([picture[CROP] for number, picture in enumerate(drawn) if number in moments])
        sheets.append(np.asarray(beside(rows)))
    beside([sheets]).save(folder / "texture.jpg", quality=88)


def sitting() -> np.ndarray:
    """A photograph of ada: light from a window, a lens that is near, head turned and tilted, smiling."""
    ada, turn = person("ada"), torch.tensor([[0.03, -0.16, 0.04]])
    assert ada.look is not None
    light = torch.zeros(9, 3)
    light[0], light[1], light[3] = torch.tensor([0.68, 0.66, 0.62]), -0.2, 0.25
    view = torch.eye(4)
    view[:3, :3] = matrix(turn)[0]
    view[:3, 3] = torch.tensor([0.0, 0.0, -0.75])
    camera = centred_camera(view[None], 1250.0, *SITTING)
    smile = load_face_model().weight_vector(mouthSmile=0.25)
    still = Motion(Fraction(25), Coefficients(smile[None], torch.zeros(1, 3)))
    lit = replace(ada, look=replace(ada.look, light=light))
    return next(frames(still, lit, camera, background="#8b9a94", quality="fine"))


def photograph(folder: Path) -> None:
    with TemporaryDirectory() as room:
        path = Path(room) / "ada.jpg"
        Image.fromarray(sitting()).save(path, quality=92)
        avatar = avatar_of_photo(path, MediaPipe(), "ada")[0]
    motion = saying_hello("textalker", avatar)
    drawn = list(photo_frames(motion, avatar, (SIDE, SIDE)))
    beside([[drawn[frame] for frame in SPOKEN]]).save(folder / "photograph.jpg", quality=88)


def heads(folder: Path) -> None:
    talker, size = open_talker("unigaha"), (SIDE, SIDE)
    still = Motion(Fraction(25), Coefficients(torch.zeros(1, 54), torch.zeros(1, 3)))
    nobodies = [sampled(talker, seed, f"nobody-{seed}") for seed in NOBODIES]  # type: ignore[arg-type]
    row = [next(splat_frames(still, each, portrait(each, "front", size))) for each in nobodies]
    speaker = person(SPEAKER)
    camera, motion = portrait(speaker, "front", size), saying_hello("unigaha", speaker)
    of_gaussians = splat_frames(motion, embodied(talker, speaker), camera)  # type: ignore[arg-type]
    kinds = (of_gaussians, frames(motion, speaker, camera))
    rows = [[picture for number, picture in enumerate(film) if number in SPOKEN[1:]] for film in kinds]
    beside([row, [*rows[0], *rows[1]]]).save(folder / "heads.jpg", quality=88)


def hello(folder: Path) -> None:
    avatars = [person(name) for name in SPEAKERS]
    films = [
        frames(saying_hello("memorytalker", avatar), avatar, portrait(avatar, "front", (SIDE, SIDE)))
        for avatar in avatars
    ]
    first, *others = (beside([list(row)]) for row in zip(*films, strict=True))
    first.save(
        folder / "hello.webp",
        save_all=True,
        append_images=others,
        duration=1000 // 30,
        loop=0,
        quality=QUALITY,
        method=4,
    )


PICTURES: Mapping[str, Callable[[Path], None]] = {
    "people": people,
    "expressions": expressions,
    "texture": texture,
    "hello": hello,
    "photograph": photograph,
    "heads": heads,
    "feeling": feeling,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], metavar="NAME")
    for name in parser.parse_args().names or PICTURES:
        PICTURES[name](assets_folder() / "pictures")
        print(name)


if __name__ == "__main__":
    main()
