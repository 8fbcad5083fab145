"""What a photograph is read as, part by part: python -m benchmarks.photo_parts

People by whom nothing of it was chosen are photographed as in photo.py and become avatars (extra capture);
with --bearded those of them who have a beard of whatever kind. Mouths: logarithm of the light of teeth, gums
and tongue of the avatar in an even room beside those of the person, both with the person's form and an open
mouth, in the light of the photograph; for several shares of the light on the whites of the eyes. Lips: the
same of what an open mouth shows of them and a shut one hides, by channels. Tone: logarithm of the face's
median albedo in the studio look beside the person's, and of the photographed look's. Hair: the same of its
colour. Beards, glasses: whether they are worn as they are. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.photo import SIZE, photograph, room_light
from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.capture.dressed_person import PersonShot, dressed_person
from talkcli.engine.capture.photographed_skin import IN_MOUTH, albedo_bytes
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.look import Look
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import view_of
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import sample_avatar, sample_outfit
from talkcli.engine.studio.scanned.hair.beard_styles import BEARD_STYLES
from talkcli.engine.studio.scanned.hair.glasses import GLASSES_STYLES
from talkcli.engine.studio.scanned.people import sample_person

PEOPLE, FIRST_SEED = 20, 5020
SHARES = (0.6, 0.7, 0.8, 0.95, 1.1)
OPEN: Mapping[str, float] = {"jawOpen": 0.4, "mouthLowerDown": 0.4, "mouthUpperUp": 0.4}
SIDE, FOCAL, AWAY = 256, 900.0, 0.8
"""Pixels, pixels, metres."""
DARK = 0.003
"""Of white: what is darker differs little."""


def before_us(avatar: Avatar, **face: float) -> tuple[NDArray[np.floating], NDArray[np.integer]]:
    """[h, w, 3] linear light of somebody from the front; [h, w] which of the faces is seen, -1 for none."""
    model = load_face_model()
    motion = Motion(Fraction(25), Coefficients(model.weight_vector(**face)[None], torch.zeros(1, 3)))
    view = np.eye(4)
    view[:3, 3] = [0, 0.04, -AWAY - 0.06]
    camera = centred_camera(torch.from_numpy(view).float()[None], FOCAL, SIDE, SIDE)
    body, faces = vertices(motion, avatar)[0].double().numpy(), model.topology.faces.long().numpy()
    ids = view_of(body + view[:3, 3], faces, FOCAL, (SIDE, SIDE)).ids
    return linear(next(iter(frames(motion, avatar, camera)))), ids


def mouth_light(avatar: Avatar) -> float:
    """Logarithm of the mean light of what is seen in an open mouth."""
    topology = load_face_model().topology
    shown, ids = before_us(avatar, **OPEN)
    wet = np.concatenate([topology.regions[name].numpy() for name in ("teeth", "gums", "tongue")])
    of_mouth = np.asarray(np.isin(topology.faces.long().numpy(), wet).all(axis=1))
    inside = of_mouth[ids] & (ids >= 0)
    assert inside.sum() > 100
    return float(np.log(shown[inside].mean() + DARK))


def hidden_lips(avatar: Avatar) -> Array:
    """[3] logarithms of the mean light of what an open mouth shows of lips and a shut one does not."""
    topology = load_face_model().topology
    shown, ids = before_us(avatar, **OPEN)
    lips = np.asarray(np.isin(topology.faces.long().numpy(), topology.regions["lips"].numpy()).all(axis=1))
    lips[np.unique(before_us(avatar)[1].clip(0))] = False
    inner = lips[ids] & (ids >= 0)
    assert inner.sum() > 30
    return np.log(shown[inner].mean(0) + DARK)


def with_mouth(look: Look, share: float) -> Look:
    maps = skin_atlas()
    texels = linear(look.albedo.numpy()).reshape(-1, 3)[maps.canvas.texels]
    texels[maps.mouth] *= share / IN_MOUTH
    return replace(look, albedo=albedo_bytes(texels, look, maps))


def tone(look: Look) -> Array:
    """[3] logarithms."""
    maps = skin_atlas()
    skin = linear(look.albedo.numpy()).reshape(-1, 3)[maps.canvas.texels[maps.face]]
    return np.log(np.median(skin, 0) * look.exposure)


def hair_colour(avatar: Avatar) -> Array | None:
    """[3] logarithms of the mean of the longest hair; None of the bald."""
    strands = [each for each in avatar.worn if each.kind == "strands" and each.name not in BEARD_STYLES]
    if not strands:
        return None
    return np.log(linear(strands[0].colour.numpy()).mean(0) + DARK)


def bearded(seed: int) -> bool:
    skin = sample_person(seed).skin
    return sample_outfit(np.random.default_rng([seed, 7]), skin).beard is not None


def worn_of(avatar: Avatar, kinds: Mapping[str, object]) -> str:
    return next((each.name for each in avatar.worn if each.name in kinds), "none")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--bearded", action="store_true")
    words, model, detector = parser.parse_args(), load_face_model(), MediaPipe()
    mouths, lips, tones, hair = [], [], [], []
    beards: Counter[tuple[str, str]] = Counter()
    glasses: Counter[tuple[str, str]] = Counter()
    for seed in islice(filter(bearded if words.bearded else bool, count(words.first)), words.people):
        true = sample_avatar(seed)
        light = torch.from_numpy(room_light(np.random.default_rng(seed))).float()
        picture = photograph(true, np.random.default_rng(seed)).picture
        [points, *_] = detector.faces(picture)
        person = captured_person(model, points[None], (SIZE, SIZE), errors=detector.errors)
        made = dressed_person([PersonShot(picture, points, person)], detector, "x", "a photograph")[0]
        assert true.look is not None and made.look is not None and made.studio_look is not None
        there = replace(true, look=replace(true.look, light=light))
        real = mouth_light(there)
        lips.append(hidden_lips(replace(true, look=made.look)) - hidden_lips(there))
        looks = [with_mouth(made.look, share) for share in SHARES]
        mouths.append([mouth_light(replace(true, look=look)) - real for look in looks])
        tones.append([tone(true.look), tone(made.studio_look), tone(made.look)])
        beards[worn_of(true, BEARD_STYLES), worn_of(made, BEARD_STYLES)] += 1
        glasses[worn_of(true, GLASSES_STYLES), worn_of(made, GLASSES_STYLES)] += 1
        colours = hair_colour(true), hair_colour(made)
        if colours[0] is not None and colours[1] is not None:
            hair.append(colours[1] - colours[0])
        print(f"person-{seed} is made", flush=True)
    for share, off in zip(SHARES, np.array(mouths).T, strict=True):
        square = np.sqrt((off**2).mean())
        print(f"mouths, {share} of the light: {off.mean():+.2f}, root mean square {square:.2f}")
    square = np.sqrt(np.square(lips).mean())
    print(f"lips: {np.mean(lips, 0).round(2)}, root mean square {square:.2f}")
    real, studio, shown = np.array(tones).transpose(1, 0, 2).mean(2)
    print(f"tone, people: {real.std():.3f}")
    for name, off in (("studio look", studio - real), ("as photographed", shown - real)):
        print(f"tone, {name}: {off.mean():+.3f}, standard deviation {off.std():.3f}")
    bright = np.mean(hair, 1)
    print(f"hair: {bright.mean():+.2f}, standard deviation {bright.std():.2f}")
    for name, counts in (("beards", beards), ("glasses", glasses)):
        print(f"{name}, true and worn: " + ", ".join(f"{a} {b} {n}" for (a, b), n in sorted(counts.items())))


if __name__ == "__main__":
    main()
