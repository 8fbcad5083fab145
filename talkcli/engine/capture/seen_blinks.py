"""Blinks in a film: a detector sees most lids stop before they meet, and nearly every quick one meets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkcli.engine.capture.sight import Sight
from talkcli.engine.studio.arrays import Array

BLINK, STROKE = 0.5, 0.3
"""How far shut the lids of both eyes are seen in a blink, on average, and how much further than before and
after it, at least."""

LONGEST_BLINK = 0.45
"""Seconds, at half its height: what lasts longer is a look downwards or a rest."""

_SKIRT = 0.5
"""Of a blink's height, from which on its pictures belong to it."""


def with_whole_blinks(sight: Sight, gaps: Array) -> Sight:
    """With the lids of both eyes shut where each blink is at its height; `gaps` as in `captured_person`."""
    from scipy.signal import find_peaks  # a second to load, for films alone

    both = np.mean(list(sight.lids_shut.values()), 0)
    finite = gaps[np.isfinite(gaps)]
    usual = max(float(np.median(finite)), 1e-3) if len(finite) else 1.0
    longest = LONGEST_BLINK * 25 / usual
    peaks, found = find_peaks(both, height=BLINK, prominence=STROKE, width=(None, longest), rel_height=_SKIRT)
    lids = {side: shut.copy() for side, shut in sight.lids_shut.items()}
    for peak, left, right in zip(peaks, found["left_ips"], found["right_ips"], strict=True):
        blink = slice(int(np.ceil(left)), int(right) + 1)
        for side, shut in sight.lids_shut.items():
            height = float(shut[blink].max())
            if height > _SKIRT * both[peak]:
                lids[side][blink] = np.minimum(shut[blink] / height, 1)
    return replace(sight, lids_shut=lids)
