"""A picture of somebody becomes an avatar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter

from talkcli import __version__
from talkcli.engine.assets import DEFAULT_RIG, asset, head_credit
from talkcli.engine.capture.atlas import Atlas, skin_atlas
from talkcli.engine.capture.captured_person import CapturedPerson, captured_person
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.hair_choice import dressing_in
from talkcli.engine.capture.kept_photograph import kept_photograph
from talkcli.engine.capture.photographed_skin import (
    painted_skin,
    printed_albedo,
    recoloured_cloth,
    recoloured_hair,
    seen_skin,
    shelter_of,
)
from talkcli.engine.capture.sight import eye_distances
from talkcli.engine.capture.studio_skin import studio_skin
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.look import Look
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.pictures import opened_picture
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.rendering.textures import linear
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.garments import garment_of
from talkcli.engine.studio.scanned.hair.hair import hair_of
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES

SKIN_QUALITY = 92
"""0..100 of both skins in an `.avatar` file."""

LARGEST_SIDE = 2000
"""Pixels of a photograph that are read; more shows nothing more on a skin of 1024 texels."""

DONORS: Mapping[str, str] = {"ada": "blouse", "emil": "jumper", "noor": "top", "kofi": "t-shirt"}
"""Whose skin is where nobody looked, the one of the nearest tone, and what they wear."""

LEAST_PIXELS, FEW_PIXELS = 30, 80
"""Pixels between the eyes below which there is no face to be had, and below which it is coarse."""

BESIDE = 0.25
"""Area of a face, of the largest one's, below which it is a passer-by."""

TURNED = 50.0
"""Degrees of a head away from the camera beyond which half the face is a guess."""

STRANGE_IDENTITY, STRANGE_SHAPE, STRANGE_FIT = 1.2, 1.6, 0.03
"""Standard deviations and mm, root mean square, that people do not both exceed; and what their points leave,
eye distances."""

BLURRED = 0.06
"""Sharpness below which a picture is blurred. The six bundled people have 0.17 to 0.34, and 0.06 when they
are blurred by 2 to 4 hundredths of the distance of their eyes (standard deviation)."""

IN_SHADE = 0.75
"""Share of the room's light that reaches hair and cloth on average."""


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
    person = captured_person(load_rig(DEFAULT_RIG), points[None], (picture.shape[1], picture.shape[0]))
    degrees = _checked(path, person)
    avatar, style = _dressed(picture, points, person, detector, name)
    notes = _notes(picture, points, pixels)
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
    identity = float(np.sqrt((person.fit.identity**2).mean()))
    strange = identity > STRANGE_IDENTITY and person.corrected_mm > STRANGE_SHAPE
    if strange or person.residual > STRANGE_FIT:
        raise BadInput(
            f"The face in {path} is no human face that is to be made: its points are "
            f"{person.residual:.1%} of the eye distance off.",
            "Give a photograph of a person from the front, with mouth and eyes in sight.",
        )
    ahead = person.fit.turns[0][:, 2]
    toward = -person.fit.shifts[0] / np.linalg.norm(person.fit.shifts[0])
    degrees = float(np.degrees(np.arccos(np.clip(ahead @ toward, -1, 1))))
    if degrees > TURNED:
        raise BadInput(
            f"The head in {path} is turned away by {degrees:.0f} degrees.",
            f"Give a picture from within {TURNED:.0f} degrees of the front.",
        )
    return degrees


def _notes(picture: Photo, points: Array, pixels: float) -> tuple[str, ...]:
    """What is to be said of a picture that is poor."""
    notes = []
    if pixels < FEW_PIXELS:
        notes.append(f"The face is small ({pixels:.0f} pixels between the eyes): its skin will be coarse.")
    left, top = points.min(0).astype(int).clip(0)
    right, bottom = points.max(0).astype(int)
    grey = picture[top:bottom, left:right].astype(np.float32).mean(-1)
    if grey.size and _sharpness(grey, pixels) < BLURRED:
        notes.append("The face is blurred: a sharper picture gives a better skin.")
    return tuple(notes)


def _sharpness(grey: np.ndarray, pixels: float) -> float:
    """How much of a face's contrast is finer than a hundredth of the distance of the eyes."""
    fine = grey - gaussian_filter(grey, max(0.02 * pixels, 0.7))
    return float(fine.std() / max(grey.std(), 1.0))


def _dressed(
    picture: Photo, points: Array, person: CapturedPerson, detector: Detector, name: str
) -> tuple[Avatar, str]:
    """The avatar with skin, hair and clothes; and the style of its hair."""
    model, maps = load_rig(DEFAULT_RIG), skin_atlas()
    head = replace(
        talking_head(),
        name=name,
        neutral=person.neutral,
        identity=torch.from_numpy(person.fit.identity).float(),
    )
    weights = torch.from_numpy(person.fit.weights).float()
    motion = Motion(Fraction(25), Coefficients(weights, torch.zeros(len(weights), 3)))
    body = vertices(motion, head)[0].double().numpy()
    seen = seen_skin(picture, body, person, maps)
    shelter = shelter_of(surface_of(head, model.topology), maps)
    tone = np.median(seen.light[(seen.trust > 0.7) & maps.face], 0)
    donor, base = _nearest_donor(tone, maps)
    mask = detector.person(picture)
    dressing = dressing_in(picture, points, mask, tone)
    look = painted_skin(base, seen, shelter, maps, bald=dressing.style == "bald")
    shade = np.full(1, IN_SHADE, np.float32)
    colour = printed_albedo(dressing.hair[None], shade)[0]
    studio = studio_skin(base, seen, tone, maps, bald=dressing.style == "bald")
    if dressing.style != "bald":
        look, studio = (recoloured_hair(each, colour, maps) for each in (look, studio))
    if dressing.cloth is not None:
        cloth = printed_albedo(dressing.cloth[None], shade)[0]
        look, studio = (recoloured_cloth(each, cloth, maps) for each in (look, studio))
    worn = [garment_of(DONORS[donor], head.neutral)]
    if HAIR_STYLES[dressing.style].count:
        worn.append(hair_of(dressing.style, torch.from_numpy(colour).float(), head.neutral))
    made = {"synthetic": True, "source": "a photograph", "program": f"talk {__version__}"}
    avatar = replace(
        head,
        look=look,
        studio_look=studio,
        photograph=kept_photograph(picture, points, mask, person),
        worn=tuple(worn),
        provenance={**made, **head_credit(head.rig)},
    )
    return avatar, dressing.style


def _nearest_donor(tone: np.ndarray, maps: Atlas) -> tuple[str, Look]:
    """Of DONORS, the one whose face is most like a tone [3] in linear light, and its look."""
    looks = {name: load_avatar(asset(f"{name}.avatar")).look for name in DONORS}

    def away(look: Look) -> float:
        skin = look.albedo.numpy().reshape(-1, 3)[maps.canvas.texels[maps.face]]
        return float(np.abs(np.log(tone.clip(1e-3) / (np.median(linear(skin), 0) * look.exposure))).sum())

    return min(((name, look) for name, look in looks.items() if look), key=lambda donor: away(donor[1]))
