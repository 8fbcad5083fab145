"""Vertex metrics as the public code bases compute them, one function for each definition.

In the formulas d = predicted - reference, L the lips, U the upper face, P the neutral face, |.| the norm over
xyz, t frames, i vertices. A frame metric gives one number a frame, whose mean (or root mean) is the score; a
clip metric gives one number a clip. The first paragraph of a docstring is the definition that scores print.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.metrics.pair import Pair

MM = 1000.0

PerFrame = Float[Tensor, " frames"]


def lve(pair: Pair) -> PerFrame:
    """mean over t of max over i in L of |d|^2

    CodeTalker main/cal_metric.py, FaceDiffuser, ScanTalk, DiffSpeaker, ProbTalk3D, torchmetrics.
    """
    return pair.error("lips").square().sum(-1).amax(1)


def lve_artalk(pair: Pair) -> PerFrame:
    """sqrt of the mean over t of max over i in L of |1000 d|^2"""
    return (MM * pair.error("lips")).square().sum(-1).amax(1)


def lve_memorytalker(pair: Pair) -> PerFrame:
    """mean over t, i in L and xyz of d^2"""
    return pair.error("lips").square().mean((1, 2))


def lve_deeptalk(pair: Pair) -> PerFrame:
    """mean over t and i in L of |d|"""
    return pair.error("lips").norm(dim=-1).mean(1)


def lve_meshtalk(pair: Pair) -> PerFrame:
    """mean over t of max over i in L of |d| after each frame's lip centroid is taken from both"""
    error = pair.error("lips")
    return (error - error.mean(1, keepdim=True)).norm(dim=-1).amax(1)


def lvd(pair: Pair) -> PerFrame:
    """mean over t of max over i in L of |d|"""
    return pair.error("lips").norm(dim=-1).amax(1)


def lip_max_imitator(pair: Pair) -> PerFrame:
    """mean over t of max over i in L of |1000 d|"""
    return MM * lvd(pair)


def lip_rec_imitator(pair: Pair) -> PerFrame:
    """sum over i in L (each vertex once) of |1000 d|, over the vertex count of the whole mesh, mean over t"""
    error = pair.error()[:, _indices(pair, "lips").unique()]
    return MM * error.norm(dim=-1).sum(1) / pair.mesh_verts


def lip_mse_artalk(pair: Pair) -> PerFrame:
    """mean over t, i in L and xyz of (1000 d)^2"""
    return MM**2 * lve_memorytalker(pair)


def mve(pair: Pair) -> PerFrame:
    """mean over t and every vertex of |d|"""
    return pair.error().norm(dim=-1).mean(1)


def mve_imitator(pair: Pair) -> PerFrame:
    """mean over t and every vertex of |1000 d|"""
    return MM * mve(pair)


def mhd_artalk(pair: Pair) -> PerFrame:
    """sqrt of the mean over t and every vertex of |1000 d|^2"""
    return (MM * pair.error()).square().sum(-1).mean(1)


def mse_artalk(pair: Pair) -> PerFrame:
    """mean over t, every vertex and xyz of (1000 d)^2"""
    return MM**2 * fve(pair)


def fve(pair: Pair) -> PerFrame:
    """mean over t, every vertex and xyz of d^2

    MemoryTalker names it without code; its magnitude is that of UniTalker's rec_L2_loss, which is this.
    """
    return pair.error().square().mean((1, 2))


def eve(pair: Pair) -> PerFrame:
    """mean over t of max over i in U of |d|

    EmoTalk and EmoFace, in words only.
    """
    return pair.error("upper_face").norm(dim=-1).amax(1)


def eve_deeptalk(pair: Pair) -> PerFrame:
    """mean over t and i in U of |d|"""
    return pair.error("upper_face").norm(dim=-1).mean(1)


def fdd(pair: Pair) -> Tensor:
    """mean over i in U of std over t of |reference - P|^2, minus that of predicted; population std, signed

    CodeTalker, FaceDiffuser, ScanTalk, ProbTalk3D, DiffSpeaker. Clips of opposite sign cancel.
    """
    predicted, reference = (_swing(points, pair) for points in pair.common("upper_face"))
    return reference - predicted


def fdd_abs(pair: Pair) -> Tensor:
    """absolute value of fdd, clip by clip"""
    return fdd(pair).abs()


def fdd_artalk(pair: Pair) -> Tensor:
    """100 * mean over i in U of |std over t of 1000 (x + y + z), reference minus predicted|; sample std"""
    if pair.frames < 2:
        return torch.tensor(torch.nan)
    predicted, reference = ((MM * points).sum(-1).std(0) for points in pair.common("upper_face"))
    return 100 * (reference - predicted).abs().mean()


def fdd_deeptalk(pair: Pair) -> Tensor:
    """|mean over t of std over vertices of (x + y + z of v - P, zero outside U), reference minus predicted|

    Its axes are swapped: the deviation runs over vertices, not over time. U counts each vertex once.
    """
    once = _indices(pair, "upper_face").unique()

    def spread(points: Tensor) -> Tensor:
        total = (points[: pair.frames, once] - pair.neutral[once]).sum(-1).double()
        mean, count = total.sum(1) / pair.mesh_verts, pair.mesh_verts
        return ((total.square().sum(1) - count * mean.square()) / count).clamp(min=0).sqrt().mean()

    return (spread(pair.reference) - spread(pair.predicted)).abs()


def mod_artalk(pair: Pair) -> PerFrame:
    """mean over t and i in L of |1000 d|

    Its author's words: the lip region averaged instead of its maximum; not a measure of opening.
    """
    return MM * lve_deeptalk(pair)


def mod_range(pair: Pair) -> PerFrame:
    """mean over t of |height of L (max y - min y), predicted minus reference|"""
    predicted, reference = (points[..., 1].amax(1) - points[..., 1].amin(1) for points in pair.common("lips"))
    return (predicted - reference).abs()


def mod_gap(pair: Pair) -> PerFrame:
    """mean over t of |distance between the inner-lip midpoints, predicted minus reference|"""
    predicted, reference = (_gap(points) for points in pair.common("inner_lips"))
    return (predicted - reference).abs()


def mod_msmd(pair: Pair) -> PerFrame:
    """sqrt of the mean over t of (o predicted - o reference)^2, o = sqrt of mean over xyz of (l51 - l57)^2

    MSMD (Ubisoft), in its author's words: l51 and l57 are the outer-lip centres.
    """
    predicted, reference = (_gap(points) / 3**0.5 for points in pair.common("outer_lips"))
    return (predicted - reference).square()


def jitter(pair: Pair) -> Tensor:
    """root mean square over t and i in L of the third difference of predicted, times fps^3"""
    third = pair.predicted[:, _indices(pair, "lips")].double().diff(n=3, dim=0)
    return float(pair.fps) ** 3 * third.square().sum(-1).mean().sqrt() if len(third) else torch.tensor(0.0)


def jitter_ratio(pair: Pair) -> Tensor:
    """jitter of predicted over jitter of reference"""
    return jitter(pair) / jitter(pair.swapped)


def lip_speed_ratio(pair: Pair) -> Tensor:
    """mean over t and i in L of |v(t + 1) - v(t)|, predicted over reference"""
    predicted, reference = (points.diff(dim=0).norm(dim=-1).mean() for points in pair.common("lips"))
    return predicted / reference


def _indices(pair: Pair, region: str) -> Tensor:
    return pair.regions.named[region]


def _gap(points: Float[Tensor, "frames 2 3"]) -> PerFrame:
    return (points[:, 0] - points[:, 1]).norm(dim=-1)


def _swing(points: Float[Tensor, "frames verts 3"], pair: Pair) -> Tensor:
    neutral = pair.neutral[_indices(pair, "upper_face")]
    return (points - neutral).square().sum(-1).double().std(0, correction=0).mean()
