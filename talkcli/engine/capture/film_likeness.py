"""How like an avatar is to pictures of its film that nothing learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.film_crops import Square, square_views
from talkcli.engine.capture.film_squares import film_squares
from talkcli.engine.capture.film_track import TrackedFilm, seen_motion
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import posed
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.metrics.texture import SkinPair, psnr, ssim
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_film import splat_frames
from talkcli.engine.rendering.view import view_of
from talkcli.engine.struct import along_frames
from talkcli.engine.studio.arrays import Index

_COMPARED, _SHOWN, _GLANCED_AT = 24, 8, 3
"""Pictures at most that numbers are of, that a sheet shows, and of which the middle one is a preview's."""

SIDE = 320
"""Pixels of a side of what is compared."""

_GREY = 128
"""Of what stands behind where the whole person is compared."""


class FilmLikeness(NamedTuple):
    pictures: int
    face_psnr: float
    """dB over the pixels of the face, mean over the pictures"""
    face_ssim: float
    person_psnr: float
    """The same of all that the person covers or the avatar does, before grey"""
    person_ssim: float
    sheet: NDArray[np.uint8]
    """[rows, columns, 3] some of them: the film above, the avatar below"""

    @property
    def numbers(self) -> dict[str, float]:
        """All but the sheet, by name."""
        told = self._asdict()
        return {"kept_out": told.pop("pictures"), **{k: v for k, v in told.items() if k != "sheet"}}


class FilmPreview:
    """A picture of a film beside avatars of it, while these are made."""

    def __init__(self, tracked: TrackedFilm, detector: Detector) -> None:
        """Of one that was kept out, or, where none was, of another."""
        for kept_out in (True, False):
            some, squares, pictures, _ = film_squares(tracked, detector, SIDE, _GLANCED_AT, kept_out=kept_out)
            if len(some):
                break
        middle = len(some) // 2
        self._film = pictures[middle, ..., :3]
        self._motion, self._camera = _at_pictures(tracked, some[[middle]], [squares[middle]])

    def sheet(self, *avatars: Avatar) -> Photo:
        """[SIDE, SIDE * (1 + avatars), 3] the film, and each avatar before its background."""
        drawn = [next(_drawn(self._motion, avatar, self._camera)) for avatar in avatars]
        return np.concatenate([self._film, *(_over(each, self._film) for each in drawn)], 1)


def film_likeness(tracked: TrackedFilm, avatar: Avatar, detector: Detector) -> FilmLikeness | None:
    """By pictures that were kept out of the longest run, by its own camera; None where there are none."""
    some, squares, pictures, _ = film_squares(tracked, detector, SIDE, _COMPARED, kept_out=True)
    if not len(some):
        return None
    motion, camera = _at_pictures(tracked, some, squares)
    drawn, faces = list(_drawn(motion, avatar, camera)), face_masks(motion, avatar, camera)
    scores, rows = [], []
    for whole, ours, face in zip(pictures, drawn, faces, strict=True):
        true, mask = whole[..., :3], whole[..., 3:]
        scores.append((*_alike(_over(ours, true), true, face), *_alike(*_before_grey(ours, true, mask))))
        rows.append(np.concatenate([true, _over(ours, true)]))
    shown = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, _SHOWN).round().astype(int))]
    face_psnr, face_ssim, person_psnr, person_ssim = np.mean(scores, 0).tolist()
    sheet = np.concatenate(shown, 1)
    return FilmLikeness(len(some), face_psnr, face_ssim, person_psnr, person_ssim, sheet)


def _at_pictures(tracked: TrackedFilm, some: Index, squares: list[Square]) -> tuple[Motion, Camera]:
    """What the head does in some pictures of the longest run, and what sees it in their squares."""
    motion, camera = seen_motion(tracked, load_rig(DEFAULT_RIG), tracked.longest)
    motion = along_frames(motion, lambda track: track[some.tolist()])
    return motion, square_views(camera.part(some.tolist()), squares, SIDE)


def _drawn(motion: Motion, avatar: Avatar, camera: Camera) -> Iterator[Photo]:
    """[SIDE, SIDE, 4] each frame, of Gaussians where the avatar has some."""
    draw = splat_frames if avatar.has_gaussians else frames
    return draw(motion, avatar, camera, background="transparent")


def face_masks(motion: Motion, avatar: Avatar, camera: Camera) -> list[NDArray[np.bool_]]:
    """Which pixels of each frame show skin of the face, lips or eyes, seen by the camera's view of it."""
    topology = load_rig(DEFAULT_RIG).topology
    faces = topology.faces.long().numpy()
    inside = np.zeros(len(avatar.neutral), bool)
    for region in ("face", "lips", "left_eye", "right_eye"):
        inside[topology.regions[region].long().numpy()] = True
    of_face: NDArray[np.bool_] = np.all(inside[faces], axis=1)
    masks = []
    for number, body in enumerate(posed(motion, avatar).vertices):
        view, focal = camera.centred(number)
        places = body.double().numpy() @ view[:3, :3].numpy().T + view[:3, 3].numpy()
        ids = view_of(places, faces, focal, (camera.width, camera.height), both=True).ids
        masks.append((ids >= 0) & of_face[ids.clip(0)])
    return masks


def _over(ours: Photo, behind: Photo) -> Photo:
    """A picture with alpha over another."""
    alpha = ours[..., 3:].astype(np.float32) / 255
    return (ours[..., :3] * alpha + behind * (1 - alpha) + 0.5).astype(np.uint8)


def _before_grey(ours: Photo, true: Photo, mask: Photo) -> tuple[Photo, Photo, NDArray[np.bool_]]:
    """Both persons before grey, and the pixels of either."""
    grey = np.full_like(true, _GREY)
    cover = mask.astype(np.float32) / 255
    theirs = (true * cover + grey * (1 - cover) + 0.5).astype(np.uint8)
    return _over(ours, grey), theirs, (ours[..., 3] > 127) | (mask[..., 0] > 127)


def _alike(ours: Photo, true: Photo, where: NDArray[np.bool_]) -> tuple[float, float]:
    """PSNR and SSIM over some pixels."""
    one, other = (torch.from_numpy(each.copy()).permute(2, 0, 1)[None].float() for each in (ours, true))
    pair = SkinPair(one, other, torch.from_numpy(where))
    return float(psnr(pair)[0]), float(ssim(pair)[0])
