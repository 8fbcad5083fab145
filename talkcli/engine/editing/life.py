"""Life: blinks, glances, brows and a head that moves with the voice, where a network moves the mouth only."""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv1d, pad

from talkcli.engine.face.acting import painted, rig_folds, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.geometry import check_moves
from talkcli.engine.face.look import FULL
from talkcli.engine.face.rigs import rigged
from talkcli.engine.motion import Coefficients, Folds, Head, Motion, Shapes, Textures, Vertices
from talkcli.engine.speech import SAMPLE_RATE, Speech

BLINK_CLOSING, BLINK_SHUT, BLINK_OPENING = 0.08, 0.03, 0.20
"""Seconds: a lid falls twice as fast as it rises."""

BLINK_INTERVAL, BLINK_SPREAD, BLINK_SHORTEST = 2.9, 0.45, 1.0
"""Median seconds between blinks in conversation, log-normal spread, and the least of them."""

BLINK_PAUSE = 0.9
"""Seconds that a blink waits or hurries for a pause in the speech."""

FIXATION, FIXATION_SPREAD, SACCADE = 1.3, 0.6, 0.05
"""Median seconds that the eyes rest on a point, log-normal spread, and seconds of the jump."""

GAZE = (0.055, 0.030)
"""Standard deviations of a glance, sideways and up, as weights of the eyeLook shapes."""

SWAY = (1.1, 1.7, 0.8)
"""Degrees, standard deviation in lively speech: nod, turn, tilt."""

NOD, BROWS = 1.6, 0.22
"""Degrees of nod, and weight of the brow shapes, at a strong accent."""

DRIFT = 0.0012
"""Metres, standard deviation of the head's shift in lively speech."""

IN_SILENCE = 0.25
"""Share of the movement that stays when nobody speaks."""

QUIETEST = -50.0
"""Decibels of full scale: nobody speaks in a recording that stays below."""

RANGE = 35.0
"""Decibels from the loudest speech down to what counts as silence."""

SHAPES = (
    "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "eyeLookOutLeft", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutRight",
    "eyeLookUpLeft", "eyeLookUpRight", "eyeLookDownLeft", "eyeLookDownRight",
)  # fmt: skip
"""The shapes of the rig that `life` moves, in the order of its columns."""


@dataclass(frozen=True)
class LifeAmounts:
    """How much of each part of life there is: factors, 0 for none."""

    head: float = 1.0
    gaze: float = 1.0
    """On how far glances go."""
    blinks: float = 1.0
    """On how often the eyes blink."""
    brows: float = 1.0


FULL_LIFE = LifeAmounts()


def with_life(
    motion: Motion,
    speech: Speech,
    avatar: Avatar,
    seed: int = 0,
    moves: Collection[str] = (),
    amounts: LifeAmounts = FULL_LIFE,
) -> Motion:
    """The motion with eyes, brows and head alive; same seed, same life.

    A rig moves those of SHAPES that it has; a bare mesh gets the head alone. `moves` names what the motion
    moves already and what therefore stays as it is: `eyes`, with the brows, and `head`.
    """
    check_moves(motion, avatar)
    frames, fps = len(motion), motion.fps
    activity = speaking(speech, frames, fps)
    head = motion.head
    if amounts.head and head is None and "head" not in moves:
        head = _head(activity, fps, seed, amounts.head)
    if "eyes" in moves or not (amounts.gaze or amounts.blinks or amounts.brows):
        return dataclasses.replace(motion, head=head)
    brows = [amounts.brows * raised for raised in _brows(activity, fps)]
    gaze = [amounts.gaze * look for look in _gaze(frames, fps, seed)]
    weights = torch.stack([*[_blinks(activity, fps, seed, amounts.blinks)] * 2, *brows, *gaze], 1)
    face, texture = _added(motion.face, weights, avatar), _folded(motion.texture, weights, avatar)
    return dataclasses.replace(motion, face=face, head=head, texture=texture)


def _added(face: object, weights: Float[Tensor, "frames shapes"], avatar: Avatar):
    """The face track with SHAPES moved too, as far as the avatar's rig has them."""
    rig = rigged(avatar)
    if rig is None:
        return face
    weights, names = _available(weights, rig.model)
    columns = rig.model.columns(names)
    basis = rig.shapes[columns]
    match face:
        case Shapes():
            return Shapes(torch.cat([face.weights, weights], 1), torch.cat([face.basis, basis]))
        case Coefficients():
            expression = pad(face.expression, (0, len(rig.shapes) - face.expression.shape[1]))
            expression[:, columns] = (expression[:, columns] + weights).clamp(0, 1)
            return dataclasses.replace(face, expression=expression)
        case Vertices():
            offsets = (weights @ basis.flatten(1)).unflatten(1, (-1, 3))
            return dataclasses.replace(face, offsets=face.offsets + offsets)
        case _:
            return face


def _folded(
    texture: Textures | Folds | None, weights: Float[Tensor, "frames shapes"], avatar: Avatar
) -> Textures | Folds | None:
    """A skin that changes, changed by SHAPES as well, as the rig's own skin is."""
    rig, wrinkles = rigged(avatar), wrinkles_of(avatar)
    if texture is None or rig is None or wrinkles is None:
        return texture
    folds = rig_folds(rig.model.spread(*_available(weights, rig.model)), wrinkles)
    if isinstance(texture, Folds):
        return Folds((texture.weights + folds.weights).clamp(max=FULL))
    more = painted(folds, wrinkles, texture.basis.shape[2])
    columns = more.weights.any(0)
    return Textures(
        torch.cat([texture.weights, more.weights[:, columns]], 1),
        torch.cat([texture.basis, more.basis[columns]]),
    )


def _available(
    weights: Float[Tensor, "frames shapes"], model: FaceModel
) -> tuple[Float[Tensor, "frames available"], list[str]]:
    """The columns of SHAPES that a rig has, and their names."""
    present = [name in model.shape_names for name in SHAPES]
    return weights[:, present], [name for name, here in zip(SHAPES, present, strict=True) if here]


def speaking(speech: Speech, frames: int, fps: Fraction) -> Float[Tensor, " frames"]:
    """How loudly somebody speaks at each frame: 0 in silence to 1, against the recording's own level."""
    hop = SAMPLE_RATE // 100
    parts = speech.waveform.split(hop * 10_000)
    power = torch.cat(
        [pad(part, (0, -len(part) % hop)).unflatten(0, (-1, hop)).square().mean(1) for part in parts]
    )
    level = 10 * torch.log10(power + 1e-10)
    loudest = max(level.quantile(0.95).item(), QUIETEST)
    active = ((level - loudest) / RANGE + 1).clamp(0, 1)
    at = (torch.arange(frames) * (100 / float(fps))).long().clamp(max=len(active) - 1)
    return _smooth(active, 4.0)[at]


def _smooth(track: Float[Tensor, " samples"], width: float) -> Float[Tensor, " samples"]:
    """A Gaussian mean, `width` samples of standard deviation, the ends held."""
    reach = max(1, math.ceil(3 * width))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / width) ** 2)
    padding = torch.cat([track[:1].expand(reach), track, track[-1:].expand(reach)])
    return conv1d(padding[None, None], (kernel / kernel.sum())[None, None])[0, 0]


def _generator(seed: int, track: str) -> torch.Generator:
    """One stream of chance a track: a longer recording begins like a shorter one."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {track}".encode()))


def _lognormal(median: float, spread: float, generator: torch.Generator) -> float:
    return median * math.exp(spread * torch.randn((), generator=generator).item())


def _accents(activity: Float[Tensor, " frames"], fps: Fraction) -> Float[Tensor, " frames"]:
    """Where the voice rises above its surroundings: 0 to about 1."""
    near, wide = (_smooth(activity, seconds * float(fps)) for seconds in (0.10, 0.8))
    return ((near - wide - 0.08) / 0.3).clamp(0, 1)


def _blinks(
    activity: Float[Tensor, " frames"], fps: Fraction, seed: int, often: float = 1.0
) -> Float[Tensor, " frames"]:
    """Lid closure, 0 to 1: irregular, and gladly where a phrase ends; `often` as usual, 0 for never."""
    generator, rate = _generator(seed, "blinks"), float(fps)
    quiet = activity < 0.25
    phrase_ends = torch.nonzero(quiet[1:] & ~quiet[:-1])[:, 0] / rate
    times = torch.arange(len(activity)) / rate
    closure = torch.zeros(len(activity))
    at = 0.0
    while often:
        due = at + max(BLINK_SHORTEST, _lognormal(BLINK_INTERVAL / often, BLINK_SPREAD, generator))
        depth = 0.92 + 0.08 * torch.rand((), generator=generator).item()
        if due > len(activity) / rate:
            return closure
        near = phrase_ends[(phrase_ends - due).abs() < BLINK_PAUSE]
        near = near[near > at + BLINK_SHORTEST]
        if len(near):
            due = near[(near - due).abs().argmin()].item() + BLINK_CLOSING
        at = round(due * rate) / rate  # on a frame, so that the shut eye is seen
        first, last = (max(0, round((at + reach) * rate)) for reach in (-0.3, 0.5))
        closure[first:last] = torch.maximum(closure[first:last], depth * _lid(times[first:last] - at))
    return closure


def _lid(time: Float[Tensor, " frames"]) -> Float[Tensor, " frames"]:
    """One blink, shut from 0 to BLINK_SHUT seconds."""
    falling = ((time + BLINK_CLOSING) / BLINK_CLOSING).clamp(0, 1)
    rising = 1 - ((time - BLINK_SHUT) / BLINK_OPENING).clamp(0, 1)
    return torch.minimum(_eased(falling), _eased(rising))


def _eased(share: Tensor) -> Tensor:
    return share * share * (3 - 2 * share)


def _brows(activity: Float[Tensor, " frames"], fps: Fraction) -> list[Float[Tensor, " frames"]]:
    """A small raise with each accent, slower than the voice."""
    raised = BROWS * _smooth(_accents(activity, fps), 0.12 * float(fps))
    return [0.8 * raised, raised, raised]


def _gaze(frames: int, fps: Fraction, seed: int) -> list[Float[Tensor, " frames"]]:
    """The eyeLook columns of SHAPES: rest near the camera, quick jumps between; both eyes together."""
    generator, rate = _generator(seed, "gaze"), float(fps)
    points = torch.zeros(frames, 2)
    start, place = 0.0, torch.zeros(2)
    times = torch.arange(frames) / rate
    while start < frames / rate:
        stop = start + _lognormal(FIXATION, FIXATION_SPREAD, generator)
        away = torch.randn(2, generator=generator) * torch.tensor(GAZE)
        first, last = round(start * rate), round(stop * rate) + 1
        share = _eased(((times[first:last] - start) / SACCADE).clamp(0, 1))[:, None]
        points[first:last] = torch.lerp(place, away, share)
        start, place = stop, away
    side, up = points.unbind(1)
    left, right, up, down = (part.clamp(min=0) for part in (side, -side, up, -up))
    return [left, right, left, right, up, up, down, down]


def _head(activity: Float[Tensor, " frames"], fps: Fraction, seed: int, amount: float) -> Head:
    """Sway that grows with the voice, and a nod on every accent; it starts from rest."""
    rate = float(fps)
    liveliness = IN_SILENCE + (1 - IN_SILENCE) * _smooth(activity, 0.5 * rate)
    begin = _eased((torch.arange(len(activity)) / rate).clamp(max=1))
    axes = [_wander(len(activity), rate, seed, f"head {axis}") for axis in range(6)]
    sway = torch.stack(axes, 1) * (liveliness * begin)[:, None]
    degrees = sway[:, :3] * torch.tensor(SWAY)
    degrees[:, 0] += NOD * _smooth(_accents(activity, fps), 0.10 * rate)
    return Head(torch.deg2rad(degrees) * amount, sway[:, 3:] * DRIFT * amount)


def _wander(frames: int, rate: float, seed: int, track: str) -> Float[Tensor, " frames"]:
    """Smooth chance of about unit variance: a slow wave and a quicker one."""
    slow = _through_points(frames, rate * 1.9, _generator(seed, f"{track} slow"))
    quick = _through_points(frames, rate * 0.75, _generator(seed, f"{track} quick"))
    return 0.85 * slow + 0.5 * quick


def _through_points(frames: int, spacing: float, generator: torch.Generator) -> Float[Tensor, " frames"]:
    """A Catmull-Rom curve through normal random points, `spacing` frames apart."""
    count = int(frames / spacing) + 4
    points = torch.cat([torch.randn(1, generator=generator) for _ in range(count)])
    at = torch.arange(frames) / spacing
    index, t = at.long(), at.frac()
    a, b, c, d = (points[index + i] for i in range(4))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3)
