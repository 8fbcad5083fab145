"""Anchors: few frames at which noise is drawn, between which it is interpolated (section 3 of the paper)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.editing.prosody import averaged
from talkcli.engine.training.ahead import dice

SMOOTH_SECONDS = 0.08
"""Deviation of the mean under which the envelope's extrema are sought: syllables are a fifth of a second."""
_KEYS_AT_ONCE = 64


def extrema(amplitude: Float[Tensor, " frames"], fps: float, gap: int) -> Int[Tensor, " anchors"]:
    """Frames at which the smoothed amplitude is largest or smallest, `gap` apart at least, and both ends.

    Of two that are nearer the later is left out; plateaus have none. Without an extremum for ten times the
    gap there is an anchor all the same.
    """
    last = len(amplitude) - 1
    slope = averaged(amplitude.cpu(), SMOOTH_SECONDS * fps).diff().sign()
    turns = (torch.nonzero(slope[1:] * slope[:-1] < 0)[:, 0] + 1).tolist()
    places = [0]
    for place in [*turns, last]:
        while place - places[-1] > 10 * gap:
            places.append(places[-1] + 10 * gap)
        if place - places[-1] >= gap and (last - place >= gap or place == last):
            places.append(place)
    if places[-1] != last:
        places.append(last)
    return torch.tensor(places)


def evenly(frames: int, gap: int) -> Int[Tensor, " anchors"]:
    """Frames that are `gap` apart, and the last one."""
    return torch.cat([torch.arange(0, max(1, frames - 1), gap), torch.tensor([frames - 1])]).unique()


def keys(first: int, stop: int, dims: int, seed: int) -> Float[Tensor, "anchors dims"]:
    """The normal noise at anchors [first, stop), each of which follows from its number and the seed alone."""
    blocks = range(first // _KEYS_AT_ONCE, -(-stop // _KEYS_AT_ONCE))
    drawn = [torch.randn(_KEYS_AT_ONCE, dims, generator=dice(seed, block)) for block in blocks]
    skipped = blocks.start * _KEYS_AT_ONCE
    return torch.cat(drawn)[first - skipped : stop - skipped]


def anchored_noise(
    anchors: Int[Tensor, " anchors"], start: int, stop: int, dims: int, seed: int
) -> Float[Tensor, "frames dims"]:
    """Noise at frames [start, stop): at an anchor its key, between two the straight line."""
    frames = torch.arange(start, stop)
    after = torch.searchsorted(anchors, frames, right=True).clamp(1, max(1, len(anchors) - 1))
    first, last = int(after[0]) - 1, min(int(after[-1]) + 1, len(anchors))
    drawn = keys(first, max(last, first + 2), dims, seed)
    left, right = anchors[after - 1], anchors[after.clamp(max=len(anchors) - 1)]
    share = ((frames - left) / (right - left).clamp(min=1))[:, None]
    return drawn[after - 1 - first].lerp(drawn[after - first], share)
