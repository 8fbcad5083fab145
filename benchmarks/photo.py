"""Photographs of studio people become faces again: python benchmarks/photo.py

Draws people whom nothing was chosen by in light, lens, background, face and noise of their own, as JPEG, and
fits the head to what MediaPipe sees (extra capture). Landmarks: root mean square after the correction, from
where its points belong, % of the eye distance. Face: mean distance of its vertices from the truth after
alignment, mm. Likeness: whether the nearest of all true faces is the person's own. CPU seconds of detection
and fit. Ten minutes on one core.
"""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from trimesh.registration import procrustes

from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector import MediaPipe, Photo
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import Camera, centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import sample_avatar

PEOPLE, FIRST_SEED, SIZE = 20, 5000, 768
NOISE, QUALITY = 2.5, 88
"""Of a pixel, in bytes; of the JPEG."""


def room_light(chance: np.random.Generator, colour: Array | None = None) -> Array:
    """[9, 3] of some room, as `Look.light` has it; of a `colour` [3], or of a lamp's."""
    light = np.zeros((9, 3))
    light[0] = chance.uniform(0.55, 0.8) * np.array([1.05, 1, 0.92]) if colour is None else colour
    light[1], light[2], light[3] = (
        chance.uniform(-0.3, 0.3),
        chance.uniform(0, 0.3),
        chance.uniform(0.1, 0.35),
    )
    return light


class Taken(NamedTuple):
    """A photograph of which all is known."""

    picture: Photo
    motion: Motion
    """Of one frame"""
    camera: Camera


def photograph(avatar: Avatar, chance: np.random.Generator) -> Taken:
    """Somebody within 15 degrees of the front, in the light of some room."""
    model, light = load_face_model(), room_light(chance)
    assert avatar.look is not None
    lit = replace(avatar, look=replace(avatar.look, light=torch.from_numpy(light).float()))
    face = {"jawOpen": 0.15, "mouthSmile": 0.5, "browInnerUp": 0.4}
    weights = model.weight_vector(**{name: most * chance.random() for name, most in face.items()})
    tilt = np.array([chance.uniform(-8, 8), 0, chance.uniform(-5, 5)])
    turn = rotation_of(np.radians(tilt)) @ rotation_of(np.radians([0, chance.uniform(-15, 15), 0]))
    away, view = chance.uniform(0.55, 0.9), np.eye(4)
    view[:3, :3] = turn
    view[:3, 3] = turn @ [0, 0, -0.06] + [*chance.uniform(-0.03, 0.03, 2), -away]
    camera = centred_camera(torch.from_numpy(view).float()[None], 1480 * away, SIZE, SIZE)
    still = Motion(Fraction(25), Coefficients(weights[None], torch.zeros(1, 3)))
    behind = "#{:02x}{:02x}{:02x}".format(*chance.integers(40, 220, 3))
    picture = next(iter(frames(still, lit, camera, background=behind)))
    noisy = np.clip(picture + chance.normal(0, NOISE, picture.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=QUALITY)
    return Taken(np.asarray(Image.open(file).convert("RGB")), still, camera)


def apart(points: Array, onto: Array) -> Array:
    """Metres of each point from its place, when all are laid onto it by turn, shift and scale."""
    return np.linalg.norm(procrustes(points, onto, reflection=False)[1] - onto, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=PEOPLE)
    count, model, detector = parser.parse_args().people, load_face_model(), MediaPipe()
    skin = model.topology.regions["face"].long().numpy()
    truths, faces, rows = [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        avatar = sample_avatar(seed)
        picture = photograph(avatar, np.random.default_rng(seed)).picture
        start = time.process_time()
        [points, *_] = detector.faces(picture)
        person = captured_person(model, points[None], (SIZE, SIZE), errors=detector.errors)
        seconds = time.process_time() - start
        truths.append(avatar.neutral.double().numpy()[skin])
        faces.append(person.neutral.double().numpy()[skin])
        away = apart(faces[-1], truths[-1]).mean() * 1000
        left, moved = 100 * person.residual, person.corrected_mm
        rows.append((left, away, moved, seconds))
        print(
            f"person-{seed}: {left:.2f} %, {away:.2f} mm, corrected {moved:.2f} mm, {seconds:.1f} s",
            flush=True,
        )
    distances = [[float((apart(face, other) ** 2).sum()) for other in truths] for face in faces]
    own = int((np.argmin(distances, 1) == np.arange(count)).sum())
    left, away, moved, seconds = np.median(rows, 0)
    print(
        f"median: landmarks {left:.2f} %, face {away:.2f} mm, corrected {moved:.2f} mm, {seconds:.1f} CPU s"
    )
    print(f"nearest of {count} is the person's own face: {own}")


if __name__ == "__main__":
    main()
