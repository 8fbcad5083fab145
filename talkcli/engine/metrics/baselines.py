"""What a talker must beat: a still face, a jaw that follows loudness, recognised phones and visemes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.alignment import has_pocketsphinx, recognise
from talkcli.engine.face.articulation import articulate, onto_rig
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Motion, Vertices
from talkcli.engine.phones import Phones
from talkcli.engine.speech import SAMPLE_RATE, Speech

Hear = Callable[[Speech], Phones]
"""A phone recogniser."""

Logits = Callable[[Speech], Float[Tensor, "ticks phones"]]
"""What a speech encoder makes of a recording."""

WIDEST_JAW = 0.6
"""jawOpen at the clip's loud passages."""


def template(speech: Speech, avatar: Avatar, fps: Fraction) -> Motion:
    """The neutral face, held."""
    frames = speech.frames(fps)
    if avatar.rig is None:
        return Motion(fps, Vertices(torch.zeros(frames, *avatar.neutral.shape)))
    return _moving(avatar.rig, torch.zeros(frames, len(load_rig(avatar.rig).shapes)), fps)


def loudness_jaw(speech: Speech, avatar: Avatar, fps: Fraction) -> Motion:
    """jawOpen in proportion to root mean square, full at its 95th percentile; mean of three frames."""
    frames = speech.frames(fps)
    level = frame_loudness(speech, frames, fps)
    level = torch.nn.functional.avg_pool1d(level[None], 3, 1, 1, count_include_pad=False)[0]
    loud = torch.quantile(level[:1_000_000], 0.95)
    jaw = WIDEST_JAW * (level / loud).clamp(0, 1) if loud > 0 else torch.zeros(frames)
    rig = avatar.rig or DEFAULT_RIG
    return _moving(rig, load_rig(rig).spread(jaw[:, None], ["jawOpen"]), fps)


def viseme_table(hear: Hear, speech: Speech, avatar: Avatar, fps: Fraction) -> Motion:
    """Recognised phones, each to its mouth targets, coarticulated as the aligned reference is."""
    return spoken(hear(speech), speech.frames(fps), fps, avatar.rig or DEFAULT_RIG)


def spoken(phones: Phones, frames: int, fps: Fraction, rig: str = DEFAULT_RIG) -> Motion:
    """Phones as the neutral style says them, as far as the rig has the shapes of speech."""
    return _moving(rig, onto_rig(articulate(phones, frames, fps), load_rig(rig)), fps)


def recogniser(logits: Logits | None, ticks: int) -> tuple[Hear, str] | None:
    """The best phone recogniser at hand and its name: pocketsphinx, else the argmax path of `logits`."""
    if has_pocketsphinx():
        return recognise, "pocketsphinx"
    if logits is None:
        return None
    return lambda speech: argmax_path(logits(speech), ticks), "own encoder"


def argmax_path(logits: Float[Tensor, "ticks phones"], ticks: int) -> Phones:
    """Runs of the likeliest phone at `ticks` a second; a single tick between two alike is one of them."""
    best = logits.argmax(1)
    if len(best) > 2:
        blip = (best[:-2] == best[2:]) & (best[1:-1] != best[2:])
        best[1:-1] = torch.where(blip, best[2:], best[1:-1])
    runs, counts = torch.unique_consecutive(best, return_counts=True)
    counts = counts.double()
    ends = counts.cumsum(0) / ticks
    return Phones(runs, ends - counts / ticks, ends)


def frame_loudness(speech: Speech, frames: int, fps: Fraction) -> Float[Tensor, " frames"]:
    """Root mean square of the samples that belong to each frame."""
    edges = torch.tensor([round(Fraction(i * SAMPLE_RATE) / fps) for i in range(frames + 1)])
    power = torch.cat([torch.zeros(1, dtype=torch.float64), speech.waveform.double().square().cumsum(0)])
    edges = edges.clamp(max=len(speech))
    return ((power[edges[1:]] - power[edges[:-1]]) / (edges[1:] - edges[:-1]).clamp(min=1)).sqrt().float()


def _moving(rig: str, weights: Float[Tensor, "frames shapes"], fps: Fraction) -> Motion:
    return Motion(fps, Coefficients(weights, torch.zeros(len(weights), 3), rig))
