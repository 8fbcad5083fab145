"""A picture of somebody becomes an avatar."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter1d

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.captured_person import CapturedPerson, captured_person
from talkcli.engine.capture.covered_parts import covered_parts
from talkcli.engine.capture.dark_faces import check_light, dim_note
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.dressed_person import PersonShot, dressed_person, make_ready
from talkcli.engine.capture.sight import eye_distances
from talkcli.engine.device import on_threads
from talkcli.engine.errors import BadInput, BadUsage, naming
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.pictures import opened_picture
from talkcli.engine.studio.arrays import Array

LARGEST_SIDE = 2000
"""Pixels of a photograph that are read; more shows nothing more on a skin of 1024 texels."""

LEAST_PIXELS, FEW_PIXELS = 30, 80
"""Pixels between the eyes below which there is no face to be had, and below which it is coarse."""

BESIDE = 0.25
"""Area of a face, of the largest one's, below which it is a passer-by."""

TURNED = 45.0
"""Degrees of a head away from the camera, as it is fitted, beyond which half the face is a guess: of 60
the fit has 40 to 51 (12 studio people), and of more hardly more."""

STRANGE_IDENTITY, STRANGE_SHAPE, STRANGE_FIT = 1.2, 1.6, 0.03
"""Standard deviations and mm, root mean square, that people do not both exceed; and what their points leave,
eye distances."""

BLURRED = 0.25
"""Sharpness below which a picture is blurred. 20 studio people by whom it was chosen have 0.49 at least, and
0.247 at most when they are blurred by 4 hundredths of the distance of their eyes (standard deviation),
saved as JPEG again; real faces in photographs that look sharp have 0.267 at least."""

SMEARED = 0.175
"""The same where nothing of a skin is left: blurred by 8 hundredths they have 0.173 at most."""

_FINE, _COARSE = (0.015, 0.03), (0.06, 0.12)
"""Distances of the eyes, standard deviations, between which detail is sharp, and between which it is seen in
any case; what JPEG and a sensor add is finer."""


@dataclass(frozen=True)
class PhotoReport:
    """How well a photograph became an avatar."""

    faces: int
    pixels: float
    """Between the eyes"""
    residual: float
    """Root mean square distance of the points, eye distances"""
    degrees: float
    """By which the head is turned away from the camera"""
    style: str
    """Of the hair"""
    notes: tuple[str, ...]


def read_photo(path: Path) -> Photo:
    """An upright picture of at most LARGEST_SIDE pixels a side."""
    with opened_picture(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
        return np.asarray(upright)


@on_threads(1)  # in steps so small threads would wait for each other
def avatar_of_photo(
    path: Path, detector: Detector, name: str, number: int | None = None
) -> tuple[Avatar, PhotoReport]:
    """The avatar of whom a picture shows, as photographed. `number`: of several faces, from left to right.

    BadInput where it shows no face that an avatar can be made from.
    """
    picture = read_photo(path)
    points, count = _chosen_face(path, detector.faces(picture), number)
    pixels = float(eye_distances(points[None])[0])
    if pixels < LEAST_PIXELS:
        raise BadInput(
            f"The face in {path} is too small: {pixels:.0f} pixels between the eyes.",
            f"Give a picture with {FEW_PIXELS} or more: nearer, or less reduced.",
        )
    check_light(path, picture, points)
    size, model = (picture.shape[1], picture.shape[0]), load_rig(DEFAULT_RIG)
    with ThreadPoolExecutor(1) as beside:
        beside.submit(make_ready)
        person = captured_person(model, points[None], size, errors=detector.errors)
        degrees = _checked(path, person)
        check_in_sight(path, picture, points, pixels)
        shot = PersonShot(picture, points, person)
        with naming(path):
            avatar, style = dressed_person([shot], detector, name, "a photograph")
    notes = notes_on_picture(picture, points, pixels)
    return avatar, PhotoReport(count, pixels, person.residual, degrees, style, notes)


def _chosen_face(path: Path, faces: list[Array], number: int | None) -> tuple[Array, int]:
    """One face of several, and how many there are."""
    if not faces:
        raise BadInput(
            f"{path} shows no face.", "Give a picture that shows one from the front, lit and not covered."
        )
    areas = [float(np.ptp(points, axis=0).prod()) for points in faces]
    there = [points for points, area in zip(faces, areas, strict=True) if area >= BESIDE * max(areas)]
    there.sort(key=lambda points: float(points[:, 0].mean()))
    if number is None and len(there) > 1:
        raise BadUsage(
            f"{path} shows {len(there)} faces.", f"Choose, from left to right: --face 1..{len(there)}"
        )
    if number is not None and not 1 <= number <= len(there):
        raise BadUsage(f"{path} has no face {number}.", f"It shows {len(there)}, from left to right.")
    return there[(number or 1) - 1].astype(np.float64), len(there)


def _checked(path: Path, person: CapturedPerson) -> float:
    """Degrees by which the head is turned away; BadInput where this is nobody to be made."""
    ahead = person.fit.turns[0][:, 2]
    toward = -person.fit.shifts[0] / np.linalg.norm(person.fit.shifts[0])
    degrees = float(np.degrees(np.arccos(np.clip(ahead @ toward, -1, 1))))
    if degrees > TURNED:
        raise BadInput(
            f"The head in {path} is turned away by {degrees:.0f} degrees or more.",
            f"Give a picture from within {TURNED:.0f} degrees of the front.",
        )
    identity = float(np.sqrt((person.fit.identity**2).mean()))
    strange = identity > STRANGE_IDENTITY and person.corrected_mm > STRANGE_SHAPE
    if strange or person.residual > STRANGE_FIT:
        raise BadInput(
            f"The face in {path} is no human face that is to be made: its points are "
            f"{person.residual:.1%} of the eye distance off.",
            "Give a photograph of a person from the front, with mouth and eyes in sight.",
        )
    return degrees


def notes_on_picture(picture: Photo, points: Array, pixels: float) -> tuple[str, ...]:
    """What is to be said of a picture that is poor."""
    notes = []
    if pixels < FEW_PIXELS:
        notes.append(f"The face is small ({pixels:.0f} pixels between the eyes): its skin will be coarse.")
    if dim := dim_note(picture, points):  # sharp or not
        return (*notes, *dim)
    if sharpness(picture, points, pixels) < BLURRED:
        notes.append("The face is blurred: a sharper picture gives a better skin.")
    return tuple(notes)


def check_in_sight(path: Path, picture: Photo, points: Array, pixels: float) -> None:
    """BadInput for a face that is too blurred, or whose mouth or eyes something covers: it would be painted
    on the face."""
    sharp = sharpness(picture, points, pixels)
    if sharp < SMEARED:
        raise BadInput(f"The face in {path} is too blurred.", "Give a sharper picture.")
    if sharp < BLURRED or dim_note(picture, points):  # so are lips and lids
        return
    if parts := covered_parts(picture, points):
        raise BadInput(
            f"Something covers the {' and '.join(parts)} in {path}.",
            "Give a picture without dark glasses, mask or hand, eyes open.",
        )


def sharpness(picture: Photo, points: Array, pixels: float) -> float:
    """How much fine detail a face has, of the coarse, in the direction that has less: a moved face is sharp
    across its way."""
    left, top = points.min(0).astype(int).clip(0)
    right, bottom = points.max(0).astype(int)
    grey = picture[top:bottom, left:right].astype(np.float32).mean(-1)

    def detail(band: tuple[float, float], axis: int) -> float:
        finer, coarser = (gaussian_filter1d(grey, share * pixels, axis=axis) for share in band)
        return float((finer - coarser).std())

    return min(detail(_FINE, axis) / max(detail(_COARSE, axis), 1.0) for axis in (0, 1))
