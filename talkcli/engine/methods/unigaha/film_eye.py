"""A film read by the encoder, picture by picture: what the face does and how the head turns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from talkcli.engine.assets import SHIPPED_EYE, assets_folder
from talkcli.engine.capture.film_pictures import film_pictures
from talkcli.engine.capture.film_track import HeadPath, film_provenance, steady_motion
from talkcli.engine.capture.film_watch import PICTURES_APART
from talkcli.engine.checkpoint import check_shapes, load_checkpoint
from talkcli.engine.config import from_values
from talkcli.engine.errors import BadInput, MissingAsset
from talkcli.engine.face.expression_codes import expression_codes, weights_with
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.rotations import matrix
from talkcli.engine.methods.unigaha.monocular import MonocularEncoder, SeenFace, crop_affine
from talkcli.engine.methods.unigaha.monocular_config import MonocularConfig
from talkcli.engine.motion import Motion

STARTS = (1.0, 0.7, 0.5)
"""Of a picture's shorter side, the squares in its middle in which a face is first looked for."""
TRIES = 5
"""Times that it is looked for from each."""
_THERE = 0.03
"""How far off, and larger or smaller, what was looked at in the end is said to be at most where a face is: 33
portraits of people whom it never met reach 0.019, 24 pictures of nobody begin at 0.040."""
_LOST = 0.12
"""How far a face is off its square, sides, beyond which it is looked at again."""
_GONE, _WINDOW = 0.1, 8
"""Sides that a face is off the squares it is looked at in, the median of so many pictures on end, beyond
which it is no longer there: four films of people stay below 0.081, what shows nobody is at 0.1 to 0.6."""
_AGAIN = 0.25
"""Seconds after which a face that is gone is looked for again."""
_SLACK = 0.5
"""Sides by which a face may lie outside the picture."""


class FilmRead(NamedTuple):
    seconds: NDArray[np.float64]
    """[n] of each picture that shows the face"""
    codes: Float[Tensor, "n codes"]
    turns: Float[Tensor, "n 3"]
    """Of the head to the camera, axis-angle, radians"""
    gone: Sequence[tuple[float, float]]
    """From when to when it is not there, seconds"""


def shipped_eye() -> MonocularEncoder:
    """The encoder that ships, in eval mode. MissingAsset where none does."""
    path = assets_folder() / SHIPPED_EYE
    if not path.is_file():
        hint = "Follow points instead: --driven-by points; or give --model a checkpoint with an encoder."
        raise MissingAsset("No encoder that reads faces is bundled with this version.", hint)
    checkpoint = load_checkpoint(path)
    eye = MonocularEncoder(from_values(MonocularConfig, checkpoint.config))
    check_shapes(eye, checkpoint.weights)
    eye.load_state_dict(checkpoint.weights)
    return eye.eval()


@torch.no_grad()
def read_film(eye: MonocularEncoder, path: Path) -> FilmRead:
    """Every picture of a film that shows one face, which is in the middle at first and when it comes back.
    BadInput for a film without pictures, or without a face there."""
    kept: list[tuple[float, SeenFace, float]] = []
    gone: list[tuple[float, float]] = []
    square: NDArray[np.float64] | None = None
    looked = now = -math.inf
    for each in film_pictures(path, apart=PICTURES_APART):
        image, now = Image.fromarray(each.picture), each.seconds
        if square is None:
            if now < looked + _AGAIN:
                continue
            square, looked = first_square(eye, image), now
            if square is None and not kept:
                hint = (
                    "Give a film of one face, in the middle at first; or follow points: --driven-by points."
                )
                raise BadInput(f"{path} shows no face in the middle of its first picture.", hint)
            if square is None:
                continue
            if kept:
                gone.append((kept[-1][0], now))
        said = look_at_square(eye, image, square)
        square = moved_square(square, said, image.size)
        if float(said.places[0].abs().amax()) > _LOST:
            said = look_at_square(eye, image, square)
            square = moved_square(square, said, image.size)
        kept.append((now, said, float(said.places[0].norm())))
        if np.median([off for _, _, off in kept[-_WINDOW:]]) > _GONE and len(kept) > _WINDOW:
            del kept[-_WINDOW:]
            square, looked = None, now
    if not kept:
        raise BadInput(f"{path} has no pictures.", "Give a film of a face.")
    if square is None:
        gone.append((kept[-1][0], now))
    seconds, seen, _ = zip(*kept, strict=True)
    codes, turns = (torch.cat([getattr(one, name) for one in seen]) for name in ("codes", "turns"))
    return FilmRead(np.array(seconds), codes, turns, gone)


def first_square(eye: MonocularEncoder, image: Image.Image) -> NDArray[np.float64] | None:
    """About the face in the middle of a picture: column and row of its middle, side; pixels. None where none
    is: what was looked at is still said to be elsewhere."""
    middle, short = np.array(image.size) / 2, min(image.size)
    found: list[tuple[float, NDArray[np.float64]]] = []
    for start in STARTS:
        square = np.array([*middle, start * short])
        off = np.inf
        for _ in range(TRIES):
            said = look_at_square(eye, image, square)
            square, off = moved_square(square, said, image.size), float(said.places[0].norm())
        found.append((off, square))
    off, square = min(found, key=lambda each: each[0])
    return square if off < _THERE else None


def look_at_square(eye: MonocularEncoder, image: Image.Image, square: NDArray[np.float64]) -> SeenFace:
    return eye(square_of(image, square, eye.config.side)[None])


def square_of(image: Image.Image, square: NDArray[np.float64], side: int) -> Float[Tensor, "3 side side"]:
    """sRGB 0..1 of a square of a picture; black beyond its edges."""
    factor = square[2] / side
    if factor > 1:
        small = max(1, round(image.width / factor)), max(1, round(image.height / factor))
        shrunk = image.resize(small, Image.Resampling.BOX)
    else:
        shrunk = image
    affine = crop_affine((square * (shrunk.width / image.width)).tolist(), side)
    cut = shrunk.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(cut, np.float32).transpose(2, 0, 1) / 255)


def moved_square(square: NDArray[np.float64], said: SeenFace, size: tuple[int, int]) -> NDArray[np.float64]:
    """A square where the face was said to be, about the picture still."""
    across, down, larger = said.places[0].double().tolist()
    side = float(np.clip(square[2] * np.exp(np.clip(larger, -1, 1)), 16, 4 * max(size)))
    middle = square[:2] + np.array([across, down]) * square[2]
    return np.array([*np.clip(middle, -_SLACK * side, np.array(size) + _SLACK * side), side])


def film_read_motion(eye: MonocularEncoder, read: FilmRead, seconds: float, fps: Fraction) -> Motion:
    """So many seconds of what was read, at a steady rate."""
    model = load_rig(eye.config.rig)
    space = expression_codes(model, model.shape_names, eye.config.codes)
    turns = matrix(read.turns.double()).numpy()
    path = HeadPath(turns, np.zeros((len(turns), 3)), np.zeros(3))
    ticks = np.arange(max(1, round(seconds * float(fps)))) / float(fps)
    weights = weights_with(space, read.codes).double().numpy()
    motion = steady_motion(ticks, read.seconds, weights, path.rotation, fps)
    return Motion(fps, motion.face, motion.head, provenance=film_provenance(model))
