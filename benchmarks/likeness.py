"""Whom an avatar from a photograph looks like: python -m benchmarks.likeness

Twenty studio people are photographed as in photo.py and become avatars (extra capture). Each of these is
looked for among all twenty true ones by pictures of both from three sides in even light, once bare and once
with hair and clothes, each framed by its own landmarks: a photograph says nothing of a head's size nor where
its middle is. A picture's numbers are logarithms of its light, blurred, less their mean over the
middle of the face: the brightness of a photograph says nothing. Numbers count by how much people differ in
them, and are less what avatars from photographs of the other nineteen are off by on average; the likeness is
the cosine. Nothing is learnt elsewhere. Of both looks: with the photograph's light in the skin, and without.
--first 5020 are twenty others. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from trimesh.registration import procrustes

from benchmarks.photo import FIRST_SEED, PEOPLE, SIZE, photograph
from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector import MediaPipe
from talkcli.engine.capture.dressed_person import PersonShot, dressed_person
from talkcli.engine.capture.landmark_sets import SKIN_POINTS
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import sample_avatar

SIDE, AWAY, FOCAL = 144, 0.8, 495.0
"""Pixels of a picture's sides, metres to the camera, pixels."""
YAWS = (0, 35, -35)
BLUR, STEP = 1.0, 3
"""Pixels; of so many each way one is kept."""
DARK = 0.02
"""Of white: what is darker differs little."""
LEAST = 0.01
"""Of the largest spread of a number among people, the least that one counts by."""


def framing(neutral: Tensor, model: FaceModel) -> tuple[Array, float]:
    """[4, 4] what lays the landmarks of a face onto the mean face's, and how much larger it makes them."""
    points, mean = (
        landmark_points(face, model.topology, "mediapipe").double().numpy()[:SKIN_POINTS]
        for face in (neutral, model.template)
    )
    onto = procrustes(points, mean, reflection=False)[0]
    return onto, float(np.cbrt(np.linalg.det(onto[:3, :3])))


def numbers_of(avatar: Avatar) -> Array:
    """Of the pictures of somebody at rest."""
    assert avatar.look is not None
    model, lit = load_face_model(), replace(avatar, look=replace(avatar.look, light="even"))
    onto, size = framing(avatar.neutral, model)
    views = np.tile(np.eye(4), (len(YAWS), 1, 1))
    for view, yaw in zip(views, YAWS, strict=True):
        turn = rotation_of(np.radians([0, yaw, 0.0]))
        view[:3, :3] = turn @ onto[:3, :3] / size
        view[:3, 3] = (turn @ (onto[:3, 3] + [0, 0.01, -0.06]) + [0, 0, -AWAY]) / size
    camera = centred_camera(torch.from_numpy(views).float(), FOCAL, SIDE, SIDE)
    shapes = len(model.shape_names)
    rest = Coefficients(torch.zeros(len(YAWS), shapes), torch.zeros(len(YAWS), 3))
    seen = np.stack(list(frames(Motion(Fraction(25), rest), lit, camera, background="#808080")))
    light = gaussian_filter(np.log(linear(seen) + DARK), (0, BLUR, BLUR, 0))[:, ::STEP, ::STEP]
    quarter, third = light.shape[1] // 4, light.shape[2] // 3
    middle = light[:, quarter : 3 * quarter, third : 2 * third]
    return (light - middle.mean((0, 1, 2))).ravel()


def likenesses(ours: Array, theirs: Array) -> Array:
    """[made, true] cosines of the numbers of avatars and of people."""
    spread = theirs.std(0)
    spread = spread + LEAST * spread.max()
    known = (theirs - theirs.mean(0)) / spread
    off = ours - theirs
    others = (off.sum(0) - off) / (len(off) - 1)
    sought = (ours - others - theirs.mean(0)) / spread
    lengths = np.linalg.norm(sought, axis=1)[:, None] * np.linalg.norm(known, axis=1)
    return sought @ known.T / lengths


def numbers_of_all(people: Sequence[Avatar]) -> tuple[Array, Array]:
    """[people, numbers] of heads that are bare, and that are dressed."""
    bare = np.array([numbers_of(replace(each, worn=())) for each in people])
    return bare, np.array([numbers_of(each) for each in people])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    words, model, detector = parser.parse_args(), load_face_model(), MediaPipe()
    made, true = [], []
    for seed in range(words.first, words.first + words.people):
        true.append(sample_avatar(seed))
        picture = photograph(true[-1], np.random.default_rng(seed)).picture
        [points, *_] = detector.faces(picture)
        person = captured_person(model, points[None], (SIZE, SIZE), errors=detector.errors)
        made.append(dressed_person([PersonShot(picture, points, person)], detector, "x", "a photograph")[0])
        print(f"person-{seed} is made", flush=True)
    theirs = numbers_of_all(true)
    looks = {"as photographed": made, "studio": [replace(each, look=each.studio_look) for each in made]}
    for look, people in looks.items():
        bare, dressed = (likenesses(*both) for both in zip(numbers_of_all(people), theirs, strict=True))
        for name, alike in (("bare", bare), ("dressed", dressed), ("both", bare + dressed)):
            ranks = (alike > alike.diagonal()[:, None]).sum(1)
            missed = {words.first + who: int(ranks[who]) for who in np.flatnonzero(ranks).tolist()}
            print(
                f"{look}, {name}: {len(made) - len(missed)} of {len(made)} are most like themselves, cosine "
                f"{alike.diagonal().mean():.2f}; before the others come {missed}"
            )


if __name__ == "__main__":
    main()
