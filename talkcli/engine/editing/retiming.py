"""Retiming: the same motion at another frame rate."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from talkcli.engine.motion import Motion
from talkcli.engine.struct import along_frames


def at_rate(motion: Motion, fps: Fraction) -> Motion:
    """The motion `fps` times a second, linear between its frames; it lasts as long, to the frame."""
    if fps == motion.fps:
        return motion
    count = max(1, round(len(motion) / motion.fps * fps))
    step = motion.fps / fps
    at = torch.arange(count, dtype=torch.float64) * step.numerator / step.denominator

    def sampled(track: Tensor) -> Tensor:
        before = at.floor().long().clamp(max=len(track) - 1)
        after = (before + 1).clamp(max=len(track) - 1)
        share = (at - before).clamp(0, 1).to(track.dtype).view(-1, *[1] * (track.dim() - 1))
        return torch.lerp(track[before], track[after], share)

    return replace(along_frames(motion, sampled), fps=fps)
