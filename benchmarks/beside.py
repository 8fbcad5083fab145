"""How like the avatar of a film is to whoever was filmed, from beside the film's camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from talkcli.engine.capture.detector import Photo
from talkcli.engine.capture.film_likeness import face_masks
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import posed
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.camera import Camera, centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_film import splat_frames
from talkcli.engine.struct import along_frames
from talkcli.engine.studio.arrays import Array

BESIDE = (0, 20, 35, 50)
"""Degrees."""
MOMENTS = (0.2, 0.5, 0.8)
"""Of a film, which frames are looked at."""
SIZE, NEARER = (400, 480), 0.55
"""Pixels of a picture; of the film's focal length, the pictures'."""
GREY = 128.0


class Shown(NamedTuple):
    avatar: Avatar
    motion: Motion
    camera: Camera
    """A view a frame"""

    def part(self, some: list[int]) -> Shown:
        """In some frames."""
        return Shown(
            self.avatar, along_frames(self.motion, lambda track: track[some]), self.camera.part(some)
        )


def from_beside(true: Shown, film: Shown, avatars: Mapping[str, Avatar]) -> tuple[dict[str, float], Photo]:
    """dB of the face, and of all that either person covers, before grey, by name and angle: means over frames
    that are the same in both. And a sheet [rows, columns, 3] of one of them: a row an angle, the truth first.
    `film` is as it was followed; each of `avatars` does what its avatar does."""
    truths, row, sheet = (true, film), {}, []
    bodies = [posed(shown.motion, shown.avatar).vertices.double().numpy() for shown in truths]
    for degrees in BESIDE:
        cameras = [_turned(shown.camera, body, degrees) for shown, body in zip(truths, bodies, strict=True)]
        wanted = list(frames(true.motion, true.avatar, cameras[0], background="transparent"))
        faces = face_masks(true.motion, true.avatar, cameras[0])
        strip = [_before_grey(wanted[len(wanted) // 2])]
        for name, avatar in avatars.items():
            draw = splat_frames if avatar.has_gaussians else frames
            made = list(draw(film.motion, avatar, cameras[1], background="transparent"))
            apart = [_before_grey(a) - _before_grey(b) for a, b in zip(wanted, made, strict=True)]
            whole = [(a[..., 3] > 127) | (b[..., 3] > 127) for a, b in zip(wanted, made, strict=True)]
            for what, where in (("face", faces), ("person", whole)):
                both = zip(apart, where, strict=True)
                row[f"{name} {what} {degrees}"] = float(np.mean([_decibels(a[mask]) for a, mask in both]))
            strip.append(_before_grey(made[len(made) // 2]))
        sheet.append(np.concatenate(strip, 1))
    return row, np.concatenate(sheet).astype(np.uint8)


def _turned(camera: Camera, bodies: Array, degrees: float) -> Camera:
    """Each view from so far beside it, about the middle of the face."""
    inside, views = load_face_model().topology.regions["face"].long().numpy(), []
    for number, body in enumerate(bodies):
        view, turn = camera.centred(number)[0].double().numpy(), np.eye(4)
        middle = view[:3, :3] @ body[inside].mean(0) + view[:3, 3]
        turn[:3, :3] = rotation_of(np.radians([0, degrees, 0.0]))
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        views.append(turn @ view)
    focal = NEARER * float(camera.lenses[0, 0])
    return centred_camera(torch.from_numpy(np.array(views)).float(), focal, *SIZE)


def _before_grey(picture: Photo) -> Array:
    share = picture[..., 3:] / 255
    return picture[..., :3] * share + GREY * (1 - share)


def _decibels(apart: Array) -> float:
    """Of differences of bytes."""
    return float(-10 * np.log10((apart**2).mean() / 255**2))
