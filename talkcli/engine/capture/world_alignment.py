"""From the world of somebody's cameras to that of the built-in head, by points of the face in pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from talkcli.engine.capture.detector import CAPTURE_INSTALL, Detector
from talkcli.engine.capture.landmark_sets import OVAL_POINTS, SKIN_POINTS
from talkcli.engine.capture.marks import Marks
from talkcli.engine.capture.posed_pictures import PosedPicture, PosedPictures
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.pictures import load_picture
from talkcli.engine.studio.arrays import Array
from talkcli.engine.text_files import text_of

LANDMARKS_FILE = "landmarks.json"
"""Name of a picture -> [468 or 478, 2] column and row of MediaPipe's points."""
_LOOKED_AT = 24
"""Pictures at most in which points are looked for."""
LEAST_VIEWS = 2
LEAST_POINTS = 30
"""That pictures must show by two cameras at least."""
_ROUNDS = 4
"""Of form and place in turn."""
_UNSURE = 0.002
"""Metres that points err by, beside a standard deviation of the form."""


class Alignment(NamedTuple):
    """What takes a point p of the world to scale * turn @ p + shift, metres on the built-in head."""

    scale: float
    turn: Array
    """[3, 3]"""
    shift: Array
    """[3]"""
    left: float
    """Metres that points are off by, root mean square"""

    def moved(self, picture: PosedPicture) -> PosedPicture:
        """The same picture by a camera in the head's world."""
        view = picture.view.double()
        turn, shift = torch.from_numpy(self.turn), torch.from_numpy(self.shift)
        moved = torch.eye(4, dtype=torch.float64)
        moved[:3, :3] = view[:3, :3] @ turn.mT
        moved[:3, 3] = self.scale * view[:3, 3] - moved[:3, :3] @ shift
        return picture._replace(view=moved)


def aligned_pictures(source: PosedPictures, marks: Marks, detector: Detector | None) -> PosedPictures:
    """The pictures by cameras in the world of the head that has these marks at rest, by points that lie
    beside them (LANDMARKS_FILE) or that the detector finds. BadInput where there are too few."""
    if source.aligned:
        return source
    found = given_points(source) or (detected_points(source, detector) if detector else {})
    if len(found) < LEAST_VIEWS:
        hint = f'Put points beside them ({LANDMARKS_FILE}), say "aligned": true, or {CAPTURE_INSTALL}'
        raise BadInput(
            f"{source.folder}: nothing says where in its world the head is.",
            hint if detector is None else "Give pictures that show the face.",
        )
    alignment = alignment_of(found, source.pictures, marks)
    moved = tuple(alignment.moved(picture) for picture in source.pictures)
    return source._replace(pictures=moved, aligned=True)


def given_points(source: PosedPictures) -> dict[int, Array]:
    """[points, 2] by the number of the picture, of those that LANDMARKS_FILE names."""
    path = source.folder / LANDMARKS_FILE
    if not path.is_file():
        return {}
    with reading(path, "a file of MediaPipe's points", "Give picture -> 468 pairs of column and row."):
        told = json.loads(text_of(path))
        found = {}
        for number, picture in enumerate(source.pictures):
            name = next((name for name in (picture.path.name, picture.path.stem) if name in told), None)
            if name is not None:
                points = np.array(told[name], np.float64)
                if points.ndim != 2 or points.shape[1] != 2 or len(points) < SKIN_POINTS:
                    raise ValueError(f"{name} has no {SKIN_POINTS} pairs")
                found[number] = points[:SKIN_POINTS]
        return found


def detected_points(source: PosedPictures, detector: Detector) -> dict[int, Array]:
    """Those of the largest face of some pictures, where there is one."""
    count, found = len(source.pictures), {}
    for number in np.unique(np.linspace(0, count - 1, min(_LOOKED_AT, count)).round().astype(int)).tolist():
        faces = detector.faces(load_picture(source.pictures[number].path).numpy())
        if faces:
            found[number] = faces[0][:SKIN_POINTS]
    return found


def alignment_of(points: Mapping[int, Array], pictures: Sequence[PosedPicture], marks: Marks) -> Alignment:
    """By least squares, the form of the face and its place in turn; outlines slide, and count for nothing.
    BadInput for too few views."""
    numbers = list(points)
    matrices = np.stack([_projection(pictures[number]) for number in numbers])
    places = triangulated(np.stack([points[number] for number in numbers]), matrices)
    trust = marks.trust[:SKIN_POINTS].copy()
    trust[list(OVAL_POINTS)] = 0
    known = np.flatnonzero((trust > 0) & np.isfinite(places).all(1))
    if len(known) < LEAST_POINTS:
        raise BadInput(
            "Too few cameras see the face to say where it is.", "Give pictures from two sides at least."
        )
    weight, seen = trust[known], places[known]
    mean, modes = marks.mean[:SKIN_POINTS][known], marks.identity[:, :SKIN_POINTS][:, known]
    form = mean
    for _ in range(_ROUNDS):
        scale, turn, shift = similarity(seen, form, weight)
        here = scale * seen @ turn.T + shift
        spread = (np.sqrt(weight)[None, :, None] * modes).reshape(len(modes), -1) / _UNSURE
        off = (np.sqrt(weight)[:, None] * (here - mean)).ravel() / _UNSURE
        code = np.linalg.solve(spread @ spread.T + np.eye(len(modes)), spread @ off)
        form = mean + np.tensordot(code, modes, 1)
    scale, turn, shift = similarity(seen, form, weight)
    left = np.sqrt(((scale * seen @ turn.T + shift - form) ** 2).sum(1).mean())
    return Alignment(scale, turn, shift, float(left))


def similarity(source: Array, target: Array, weight: Array) -> tuple[float, Array, Array]:
    """Scale, turn and shift that take points [n, 3] nearest to others, by least squares (Umeyama 1991)."""
    share = weight / weight.sum()
    middle, there = share @ source, share @ target
    u, sizes, v = np.linalg.svd((target - there).T @ (share[:, None] * (source - middle)))
    mirror = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    turn = (u * mirror) @ v
    scale = float((sizes * mirror).sum() / (share * ((source - middle) ** 2).sum(1)).sum())
    return scale, turn, there - scale * turn @ middle


def triangulated(points: Array, matrices: Array) -> Array:
    """[points, 3] in the world, of [views, points, 2] in pictures of [views, 3, 4] projections: least squares
    of two equations a view; not finite of what no two views show."""
    rows = points[..., None] * matrices[:, None, 2:] - matrices[:, None, :2]
    usable = np.isfinite(points[..., 0] + points[..., 1])
    rows = np.where(usable[..., None, None], rows, 0).transpose(1, 0, 2, 3).reshape(points.shape[1], -1, 4)
    rows /= np.maximum(np.linalg.norm(rows[..., :3], axis=-1, keepdims=True), 1e-12)
    places = np.full((points.shape[1], 3), np.nan)
    for number in np.flatnonzero(usable.sum(0) >= LEAST_VIEWS):
        places[number] = np.linalg.lstsq(rows[number, :, :3], -rows[number, :, 3], rcond=None)[0]
    return places


def _projection(picture: PosedPicture) -> Array:
    """[3, 4] from the world to column and row."""
    across, down, x, y = picture.lens.tolist()
    lens = np.array([[across, 0, -x], [0, -down, -y], [0, 0, -1.0]])
    return lens @ picture.view.double().numpy()[:3]
