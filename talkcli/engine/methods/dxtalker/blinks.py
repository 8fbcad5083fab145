"""Blinks done to the end: a small network draws when lids fall, and lets them fall half way."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.methods.dxtalker.peaks import peaks_within

LEAST = 0.2
"""Of a lid's whole way: what falls by less and rises again is a twitch."""
_LONGEST = 0.6
"""Seconds of a blink, from open to open; lids that stay down longer are meant to."""


def whole_blinks(lids: Float[Tensor, "frames eyes"], fps: Fraction | float) -> Float[Tensor, "frames eyes"]:
    """The same, but where lids fall and rise again within a blink's time they shut in between.

    Weights of eyeBlink, 0 open and 1 shut. What lids do beside blinks stays: a squint, sleepy eyes.
    """
    both = lids.mean(1).double().numpy()
    reach = max(3, round(_LONGEST * float(fps)) | 1)
    padded = np.pad(both, reach, mode="edge")
    lacking = np.zeros(len(padded))
    for peak, height, start, stop in zip(*peaks_within(padded, reach, LEAST), strict=True):
        fall = np.clip((padded[start : stop + 1] - (padded[peak] - height)) / height, 0, 1)
        if (fall > 0.5).sum() <= reach // 2:
            lacking[start : stop + 1] = np.maximum(lacking[start : stop + 1], fall * (1 - padded[peak]))
    added = torch.from_numpy(lacking[reach : len(padded) - reach]).to(lids)[:, None]
    return torch.where(added > 0, (lids + added).clamp(max=1), lids)
