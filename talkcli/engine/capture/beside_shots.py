"""How somebody's face looks from beside a film's camera, as far as their mesh tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.film_likeness import face_masks
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import posed
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_fit import Shots
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.struct import along_frames
from talkcli.engine.studio.arrays import Array

BESIDE_SHOTS, BESIDE_DEGREES = 20, (20.0, 60.0)
"""How many, to both sides in turn, and degrees of the first and of the last."""

_AROUND = 1.15
"""Sides of a picture, of what the face takes up in it."""

_WORN_OVER, _RIM = 12, 3
"""Bytes by which a face looks otherwise where hair or glasses lie on it or shade it; pixels inside its
outline that tell nothing."""


def beside_shots(motion: Motion, avatar: Avatar, camera: Camera, pixels: int) -> Shots:
    """Squares that show bare skin, lips and eyes alone, of frames spread over a motion; `camera`: the film's,
    a view a frame."""
    poses = np.linspace(0, len(motion) - 1, BESIDE_SHOTS).round().astype(int).tolist()
    some = along_frames(motion, lambda track: track[poses])
    bodies = posed(some, avatar).vertices.double().numpy()
    ways = np.linspace(*BESIDE_DEGREES, BESIDE_SHOTS) * np.where(np.arange(BESIDE_SHOTS) % 2, -1, 1)
    views = _views_beside(camera.part(poses), bodies, ways, pixels)
    worn, bare = (
        np.stack(list(frames(some, each, views, background="transparent")))
        for each in (avatar, replace(avatar, worn=()))
    )
    alike = np.abs(worn.astype(int) - bare).max(-1) <= _WORN_OVER
    faces = np.stack(face_masks(some, avatar, views)) & alike
    sure = np.stack([ndimage.binary_erosion(face, iterations=_RIM) for face in faces])
    pictures = np.concatenate([worn[..., :3], 255 * sure[..., None].astype(np.uint8)], -1)
    every = torch.ones(len(poses), dtype=torch.bool)
    return Shots(torch.from_numpy(pictures), views, torch.tensor(poses), every)


def _views_beside(camera: Camera, bodies: Array, ways: Array, pixels: int) -> Camera:
    """Each view of `camera` turned by so many degrees about the middle of the face [verts, 3], and closed in
    on it."""
    inside = load_rig(DEFAULT_RIG).topology.regions["face"].long().numpy()
    views, lenses = [], []
    for body, way, view, lens in zip(bodies, ways, camera.views, camera.lenses, strict=True):
        places = body[inside] @ view[:3, :3].double().numpy().T + view[:3, 3].double().numpy()
        middle, turn = places.mean(0), np.eye(4)
        turn[:3, :3] = rotation_of(np.radians([0, way, 0.0]))
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        focal = float(lens[0])
        seen = seen_at(places @ turn[:3, :3].T + turn[:3, 3], focal, (0, 0))
        low, high = seen.min(0), seen.max(0)
        factor = pixels / (_AROUND * float((high - low).max()))
        views.append(turn @ view.double().numpy())
        lenses.append([focal * factor, focal * factor, *(pixels / 2 - factor * (low + high) / 2)])
    lens = torch.tensor(lenses, dtype=camera.lenses.dtype)
    return Camera(torch.from_numpy(np.array(views)).float(), lens, torch.full_like(camera.sizes, pixels))
