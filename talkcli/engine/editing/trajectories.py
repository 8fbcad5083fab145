"""Trajectories: how a head is to move, as numbers in a file, checked, bounded and worked out here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.editing.strokes import eased
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.text_files import text_of

HEAD_AXES = ("nod", "turn", "tilt")
"""Down, to the subject's left, left ear up: radians about x, y and z."""

Envelope = Literal["const", "rms", "onset", "beat"]

MOST_DEGREES, MOST_HERTZ, LONGEST_RAMP = 30.0, 3.0, 60.0
"""Of an axis in all, of a wave, and seconds."""

MOST_WAVES = 32
"""Of one axis."""

Envelopes = Callable[[Envelope], Float[Tensor, " frames"]]
"""How much of a wave there is at each frame, 0 to 1."""


@dataclass(frozen=True)
class HeadWave:
    """amplitude * envelope * sin(2 pi hz t + phase)"""

    amplitude_deg: float
    hz: float = 0.0
    phase: float = 0.0
    """Radians; with hz 0 a phase of pi / 2 is the envelope itself."""
    envelope: Envelope = "const"
    ramp: float = 0.5
    """Seconds in which it comes at the beginning and goes at the end."""


@dataclass(frozen=True)
class Trajectory:
    nod: tuple[HeadWave, ...] = ()
    turn: tuple[HeadWave, ...] = ()
    tilt: tuple[HeadWave, ...] = ()

    @property
    def waves(self) -> Mapping[str, tuple[HeadWave, ...]]:
        return {axis: getattr(self, axis) for axis in HEAD_AXES}

    @property
    def hears(self) -> bool:
        """Whether it follows a voice."""
        return any(wave.envelope != "const" for waves in self.waves.values() for wave in waves)

    @property
    def as_json(self) -> dict[str, Any]:
        return {axis: tuple(vars(wave) for wave in waves) for axis, waves in self.waves.items() if waves}


def load_trajectory(path: Path) -> tuple[Trajectory, list[str]]:
    """A trajectory from a JSON file, and what was cut down to its bounds. BadInput for what is none."""
    with reading(path, "a trajectory", "See the form in: talk pose --help"):
        return parse_trajectory(text_of(path), str(path))


def parse_trajectory(text: str, source: str) -> tuple[Trajectory, list[str]]:
    """The same from text; `source` is what it is called in messages."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _fault(source, f"is not JSON: {str(error)[:120]}") from error
    if not isinstance(value, dict) or not value:
        raise _fault(source, f"is no object with {', '.join(HEAD_AXES)}")
    if unknown := [name for name in value if name not in HEAD_AXES]:
        raise _fault(source, f"has '{unknown[0]}', which is none of {', '.join(HEAD_AXES)}")
    notes: list[str] = []
    axes: dict[str, tuple[HeadWave, ...]] = {}
    for axis, waves in value.items():
        if not isinstance(waves, list) or len(waves) > MOST_WAVES:
            raise _fault(source, f"has for {axis} no list of up to {MOST_WAVES} waves")
        axes[axis] = _within(
            axis, [_wave(wave, f"{axis}[{i}]", source, notes) for i, wave in enumerate(waves)], notes
        )
    return Trajectory(**axes), notes


def _no_number(name: str) -> float:
    raise ValueError(f"it holds {name}")


def _fault(source: str, fault: str) -> BadInput:
    form = '{"nod": [{"amplitude_deg": 4, "hz": 0.8, "phase": 0, "envelope": "rms", "ramp": 0.5}]}'
    return BadInput(f"{source} {fault}.", f"A trajectory is like {form}, with {', '.join(HEAD_AXES)}.")


def _wave(value: Any, place: str, source: str, notes: list[str]) -> HeadWave:
    """One wave; what lies beyond its bounds is cut, and told."""
    if not isinstance(value, dict) or "amplitude_deg" not in value:
        raise _fault(source, f"has in {place} no object with amplitude_deg")
    known = list(HeadWave.__dataclass_fields__)
    if unknown := [name for name in value if name not in known]:
        raise _fault(source, f"has '{unknown[0]}' in {place}, which is none of {', '.join(known)}")
    if value.get("envelope", "const") not in get_args(Envelope):
        envelopes = ", ".join(get_args(Envelope))
        raise _fault(source, f"has in {place} the envelope {value['envelope']!r:.40}, none of {envelopes}")
    numbers: dict[str, float] = {}
    limits = {
        "amplitude_deg": (-MOST_DEGREES, MOST_DEGREES), "hz": (0.0, MOST_HERTZ),
        "phase": (-math.inf, math.inf), "ramp": (0.0, LONGEST_RAMP),
    }  # fmt: skip
    for name, (low, high) in limits.items():
        number = value.get(name, HeadWave.__dataclass_fields__[name].default)
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < 1e6:
            raise _fault(source, f"has in {place} the {name} {number!r:.40}, which is no number of use")
        numbers[name] = min(max(float(number), low), high)
        if numbers[name] != number:
            notes.append(f"{source}: {name} of {place} is {number:g}, and was cut to {numbers[name]:g}.")
    return HeadWave(envelope=value.get("envelope", "const"), **numbers)


def _within(axis: str, waves: list[HeadWave], notes: list[str]) -> tuple[HeadWave, ...]:
    """The waves of one axis, all smaller where together they would go beyond MOST_DEGREES."""
    total = sum(abs(wave.amplitude_deg) for wave in waves)
    if total <= MOST_DEGREES:
        return tuple(waves)
    notes.append(f"The waves of {axis} add up to {total:g} degrees, and were scaled to {MOST_DEGREES:g}.")
    return scaled_waves(waves, MOST_DEGREES / total)


def scaled_waves(waves: Sequence[HeadWave], factor: float) -> tuple[HeadWave, ...]:
    return tuple(replace(wave, amplitude_deg=factor * wave.amplitude_deg) for wave in waves)


def evaluated(
    trajectory: Trajectory, frames: int, fps: Fraction, envelopes: Envelopes
) -> Float[Tensor, "frames 3"]:
    """Degrees about each of HEAD_AXES."""
    time = torch.arange(frames, dtype=torch.float64) / float(fps)
    tracks = []
    for waves in trajectory.waves.values():
        track = torch.zeros_like(time)
        for wave in waves:
            turn = torch.sin(2 * torch.pi * wave.hz * time + wave.phase)
            track += wave.amplitude_deg * envelopes(wave.envelope) * turn * _ramp(time, wave.ramp)
        tracks.append(track)
    return torch.stack(tracks, 1).float()


def _ramp(time: Float[Tensor, " frames"], seconds: float) -> Float[Tensor, " frames"]:
    if not seconds or not len(time):
        return torch.ones_like(time)
    seconds = min(seconds, max(float(time[-1]) / 2, 1e-6))
    return eased((time / seconds).clamp(0, 1)) * eased(((time[-1] - time) / seconds).clamp(0, 1))
