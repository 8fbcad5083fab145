"""Retiming: the same motion at another frame rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from talkcli.engine.motion import Codes, Coefficients, Face, Head, Motion, Shapes, Vertices


def at_rate(motion: Motion, fps: Fraction) -> Motion:
    """The motion as seen `fps` times a second, linear between its frames; it lasts as long, to the frame."""
    if fps == motion.fps:
        return motion
    count = max(1, round(len(motion) / motion.fps * fps))
    step = motion.fps / fps
    at = torch.arange(count, dtype=torch.float64) * step.numerator / step.denominator

    def seen(track: Tensor) -> Tensor:
        before = at.floor().long().clamp(max=len(track) - 1)
        after = (before + 1).clamp(max=len(track) - 1)
        share = (at - before).clamp(0, 1).to(track.dtype).view(-1, *[1] * (track.dim() - 1))
        return torch.lerp(track[before], track[after], share)

    head = motion.head and Head(seen(motion.head.rotation), seen(motion.head.translation))
    skin = motion.texture and replace(motion.texture, weights=seen(motion.texture.weights))
    return replace(motion, fps=fps, face=_face_seen(motion.face, seen), head=head, texture=skin)


def _face_seen(face: Face, seen: Callable[[Tensor], Tensor]) -> Face:
    match face:
        case Vertices(offsets=offsets):
            return Vertices(seen(offsets))
        case Shapes(weights=weights, basis=basis):
            return Shapes(seen(weights), basis)
        case Coefficients(expression=expression, jaw=jaw, space=space):
            return Coefficients(seen(expression), seen(jaw), space)
        case Codes(codes=codes):
            return Codes(seen(codes))
