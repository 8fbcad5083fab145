"""Metrics of time: is the mouth where it should be at the moment it should be there?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from torch import Tensor

from talkcli.engine.metrics.motion import MM
from talkcli.engine.metrics.pair import Pair

MTM_SIGMA = 2.0
"""Frames of Gaussian smoothing before extrema are sought (kaist-ami)."""

_ROWS = 32
"""Predicted frames whose lips are compared with every reference frame at once."""

Path = list[tuple[int, int]]


def warp(cost: np.ndarray) -> tuple[float, Path]:
    """Dynamic time warping of a cost [rows, columns]: the cheapest sum and its path from (0, 0).

    Steps (1, 1), (1, 0), (0, 1), no window; where two are equal the diagonal wins, then the row step.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.minimum(np.minimum(total[i - 1, j - 1], total[i - 1, j]), total[i, j - 1])
        total[i, j] = cost[i - 1, j - 1] + before
    path, i, j = [], rows, columns
    while i and j:
        path.append((i - 1, j - 1))
        steps = ((i - 1, j - 1), (i - 1, j), (i, j - 1))
        i, j = min(steps, key=lambda step: total[step])
    return float(total[rows, columns]), path[::-1]


def ldtw(pair: Pair) -> Tensor:
    """cheapest warp of predicted to reference, cost mean over i in L of |1000 d|, divided by its path length

    Steps (1, 1), (1, 0), (0, 1), no window; nothing is cut: the lengths may differ.
    """
    total, path = warp(lip_cost(pair))
    return torch.tensor(MM * total / len(path), dtype=torch.float64)


def ldtw_squared(pair: Pair) -> Tensor:
    """as ldtw with cost mean over i in L of |d|^2

    The magnitude that MemoryTalker prints.
    """
    total, path = warp(lip_cost(pair, squared=True))
    return torch.tensor(total / len(path), dtype=torch.float64)


def ldtw_total(pair: Pair) -> Tensor:
    """as ldtw, the sum along the path, not divided"""
    return torch.tensor(MM * warp(lip_cost(pair))[0], dtype=torch.float64)


def lip_cost(pair: Pair, squared: bool = False) -> np.ndarray:
    """Mean lip distance (or squared distance) of every predicted frame to every reference frame."""
    lips = pair.regions.named["lips"]
    predicted, reference = (motion[:, lips].transpose(0, 1) for motion in (pair.predicted, pair.reference))
    rows = []
    for part in predicted.split(_ROWS, dim=1):
        distance = torch.cdist(part, reference, compute_mode="donot_use_mm_for_euclid_dist")
        rows.append((distance.square() if squared else distance).mean(0))
    return torch.cat(rows).double().numpy()


def extremum_lags(predicted: np.ndarray, reference: np.ndarray) -> list[int]:
    """Frames by which each matched extremum of an opening curve is late (negative: early).

    The curves are smoothed, their derivatives warped onto each other, and a pair on the warping path counts
    where both are maxima or both minima and the predicted one lies between the reference's neighbours.
    """
    ours, theirs = (
        gaussian_filter1d(curve.astype(np.float64), MTM_SIGMA) for curve in (predicted, reference)
    )
    slope, true_slope = (np.diff(curve, prepend=curve[0]) for curve in (ours, theirs))
    _, path = warp(np.abs(true_slope[:, None] - slope[None, :]))
    lags = []
    for sign in (1, -1):
        mine, true = find_peaks(sign * ours)[0], find_peaks(sign * theirs)[0]
        neighbours = np.sort(np.concatenate([find_peaks(theirs)[0], find_peaks(-theirs)[0]]))
        for i, j in path:
            if i in true and j in mine:
                at = int(np.searchsorted(neighbours, i))
                low = neighbours[at - 1] if at else -1
                high = neighbours[at + 1] if at + 1 < len(neighbours) else len(ours)
                if low < j < high:
                    lags.append(j - i)
    return lags


def mtm(pair: Pair) -> Tensor:
    """mean lag |i - j| of matched extrema of the inner-lip gap, after derivative time warping

    kaist-ami; gap smoothed with sigma 2 frames. No match gives not-a-number and the clip is left out.
    """
    return _mean([abs(lag) for lag in _lags(pair)])


def mtm_ms(pair: Pair) -> Tensor:
    """as mtm, in milliseconds at the clip's own frame rate"""
    return mtm(pair) * 1000 / float(pair.fps)


def mtm_signed(pair: Pair) -> Tensor:
    """as mtm/ms with the sign kept: above zero the prediction is late"""
    return _mean(_lags(pair)) * 1000 / float(pair.fps)


def _lags(pair: Pair) -> list[int]:
    ours, theirs = (
        (points[:, 0] - points[:, 1]).norm(dim=-1).numpy()
        for points in (
            motion[:, pair.regions.named["inner_lips"]] for motion in (pair.predicted, pair.reference)
        )
    )
    return extremum_lags(ours, theirs)


def _mean(values: list[int]) -> Tensor:
    return torch.tensor(float(np.mean(values)) if values else float("nan"), dtype=torch.float64)


def lip_intensity(lips: Float[Tensor, "frames lip_verts 3"]) -> float:
    """Root mean square over t of the mean over lips of |v(t + 1) - v(t)|, metres a frame: fps matters."""
    if len(lips) < 2:
        return 0.0
    return float(lips.diff(dim=0).norm(dim=-1).mean(1).double().square().mean().sqrt())


def loudness(waveform: Float[Tensor, " samples"]) -> float:
    """Root mean square of a clip."""
    return float(waveform.double().square().mean().sqrt())


class Loud(NamedTuple):
    """What SLCC compares of one clip."""

    speaker: str
    loudness: float
    predicted: float
    """Lip intensity of the prediction."""
    reference: float


def slcc(clips: Sequence[Loud]) -> float:
    """Pearson correlation over clips of loudness and predicted lip intensity, both standardised by speaker

    Sample deviation (ddof 1). Speakers with fewer than two clips, or with no variation, are left out;
    not-a-number if none is left.
    """
    return _intensity_correlation([(clip.speaker, clip.loudness, clip.predicted) for clip in clips])


def slcc_gap(clips: Sequence[Loud]) -> float:
    """|slcc of predicted minus slcc of reference|"""
    theirs = _intensity_correlation([(clip.speaker, clip.loudness, clip.reference) for clip in clips])
    return abs(slcc(clips) - theirs)


def _intensity_correlation(clips: list[tuple[str, float, float]]) -> float:
    rows: list[np.ndarray] = []
    for speaker in sorted({clip[0] for clip in clips}):
        values = np.array([clip[1:] for clip in clips if clip[0] == speaker])
        if len(values) > 1 and (deviation := values.std(0, ddof=1)).all():
            rows.append((values - values.mean(0)) / deviation)
    return float(np.corrcoef(np.concatenate(rows).T)[0, 1]) if rows else float("nan")
