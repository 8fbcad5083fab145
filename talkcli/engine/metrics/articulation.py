"""Articulation: does the mouth do what the phones ask for?

Each measure takes a Heard and gives (total, count): its value for a clip is total / count, and a count of 0
says that the clip holds nothing to measure. frames(phone) are those from floor(start * fps) - 1 to
ceil(end * fps) + 1, both inside: the phone and one frame on either side.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from talkcli.engine.metrics.mouth import MouthTrack
from talkcli.engine.phones import SILENCE, Phones
from talkcli.engine.struct import TensorStruct

CLOSED_MM = 1.0
"""Inner lips nearer than this are shut: contact on the built-in head leaves under 0.3 mm."""
STILL_MM_S = 15.0
"""Mean lip speed below this is stillness; speech moves lips at several times this."""
SHORTEST_SILENCE = 0.2
"""Seconds: shorter pauses are stop closures and breath groups that a face need not rest in."""
SILENCE_MARGIN = 0.06
"""Seconds at either end of a silence that belong to the speech around it."""
OPEN_SHARE = 0.5
LONGEST_LAG = 0.2
"""Seconds either way in which lag is sought."""

BILABIALS = ("P", "B", "M")
OPEN_VOWELS = ("AA", "AE", "AW", "AY")
VOWELS = (*OPEN_VOWELS, "AH", "AO", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
ROUNDED = ("UW", "UH", "OW", "AO", "OY", "W")

Tally = tuple[float, int]


class Heard(TensorStruct):
    """A mouth, the phones it should say, and how an aligned reference says them."""

    mouth: MouthTrack
    phones: Phones
    reference: MouthTrack | None = None

    def spans(self, wanted: tuple[str, ...]) -> list[slice]:
        """frames(phone) of each wanted phone that the motion covers."""
        rate, count = float(self.mouth.fps), len(self.mouth)
        spans = []
        for phone, start, end in self.phones.segments:
            first, last = math.floor(start * rate) - 1, math.ceil(end * rate) + 1
            if phone in wanted and start * rate < count:
                spans.append(slice(max(first, 0), min(last, count - 1) + 1))
        return spans

    @property
    def spoken(self) -> Bool[Tensor, " frames"]:
        """Frames in which something is said."""
        return self.phones.frames(self.mouth.fps, len(self.mouth)) != SILENCE


def closure(heard: Heard) -> Tally:
    """share of P, B, M whose lip opening falls below 1 mm in some frame of frames(phone)"""
    spans = heard.spans(BILABIALS)
    return float(sum(bool((heard.mouth.opening[span] < CLOSED_MM).any()) for span in spans)), len(spans)


def open_vowels(heard: Heard) -> Tally:
    """share of AA, AE, AW, AY whose largest opening in frames(phone) is above the middle of the clip's range

    The range is from the 5th to the 95th percentile of opening over spoken frames; a range below 1 mm opens
    nothing.
    """
    spans = heard.spans(OPEN_VOWELS)
    low, high = _range(heard)
    middle = low + OPEN_SHARE * (high - low)
    if high - low < CLOSED_MM:
        return 0.0, len(spans)
    return float(sum(bool(heard.mouth.opening[span].max() > middle) for span in spans)), len(spans)


def rounding(heard: Heard) -> Tally:
    """share of UW, UH, OW, AO, OY, W whose mean (protrusion - width) in frames(phone) is above the median

    The median is that of the clip's spoken frames; a mouth that never moves rounds nothing. Chance is a half.
    """
    spans, speech = heard.spans(ROUNDED), heard.spoken
    roundness = heard.mouth.protrusion - heard.mouth.width
    if not spans or not speech.any() or float(roundness.max() - roundness.min()) < 0.1:
        return 0.0, len(spans)
    median = roundness[speech].median()
    return float(sum(bool(roundness[span].mean() > median) for span in spans)), len(spans)


def stillness(heard: Heard) -> Tally:
    """share of frames in silences over 0.2 s, less 60 ms at each end, with opening < 1 mm, speed < 15 mm/s"""
    quiet = silent_frames(heard.phones, heard.mouth)
    still = (heard.mouth.opening < CLOSED_MM) & (heard.mouth.speed < STILL_MM_S)
    return float((quiet & still).sum()), int(quiet.sum())


def silent_frames(phones: Phones, mouth: MouthTrack) -> Bool[Tensor, " frames"]:
    """Frames well inside a silence; what no phone covers is silence too."""
    sounds = [(start, end) for phone, start, end in phones.segments if phone != "SIL" and end > start]
    edges = [0.0, *(time for span in sounds for time in span), float(len(mouth) / mouth.fps)]
    times = torch.arange(len(mouth), dtype=torch.float64) / float(mouth.fps)
    quiet = torch.zeros(len(mouth), dtype=torch.bool)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start > SHORTEST_SILENCE:
            quiet |= (times >= start + SILENCE_MARGIN) & (times < end - SILENCE_MARGIN)
    return quiet


def correlation(heard: Heard) -> Tally:
    """Pearson correlation of lip opening with that of the articulation synthesised from the aligned phones

    Neutral style, the same head; 0 for a mouth that never moves.
    """
    if heard.reference is None:
        return 0.0, 0
    count = min(len(heard.mouth), len(heard.reference))
    return pearson(heard.mouth.opening[:count], heard.reference.opening[:count]), int(count > 1)


def shut_vowels(heard: Heard) -> Tally:
    """share of vowels in whose middle frame lip opening is below 1 mm: closures that nothing asks for"""
    rate, count = float(heard.mouth.fps), len(heard.mouth)
    middles = [round((a + b) / 2 * rate) for phone, a, b in heard.phones.segments if phone in VOWELS]
    middles = [at for at in middles if at < count]
    return float((heard.mouth.opening[middles] < CLOSED_MM).sum()), len(middles)


def lag(heard: Heard) -> Tally:
    """milliseconds by which lip opening comes after the reference's, where they correlate best within 0.2 s

    Between frames by the parabola through the three best shifts; a mouth that never moves has no lag.
    """
    reach = round(LONGEST_LAG * float(heard.mouth.fps))
    if heard.reference is None or len(heard.mouth) < 4 * reach:
        return 0.0, 0
    count = min(len(heard.mouth), len(heard.reference))
    ours, theirs = heard.mouth.opening[:count], heard.reference.opening[:count]
    shifts = list(range(-reach, reach + 1))
    correlations = [
        pearson(ours[max(k, 0) : count + min(k, 0)], theirs[max(-k, 0) : count + min(-k, 0)]) for k in shifts
    ]
    best = max(range(len(correlations)), key=correlations.__getitem__)
    if correlations[best] <= 0:
        return 0.0, 0
    fine = 0.0
    if 0 < best < len(correlations) - 1:
        before, after = correlations[best - 1], correlations[best + 1]
        bend = before - 2 * correlations[best] + after
        fine = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return (shifts[best] + fine) / float(heard.mouth.fps) * 1000, 1


def pearson(ours: Float[Tensor, " frames"], theirs: Float[Tensor, " frames"]) -> float:
    """Correlation of two curves, 0 if either is constant."""
    ours, theirs = (curve.double() - curve.double().mean() for curve in (ours, theirs))
    scale = float(ours.norm() * theirs.norm())
    return float(ours @ theirs) / scale if scale > 1e-9 * max(len(ours), 1) else 0.0


def lip_speed(heard: Heard) -> Tally:
    """mean over spoken frames of the lips' mean speed"""
    return _spoken_mean(heard.mouth.speed, heard)


def lip_jerk(heard: Heard) -> Tally:
    """mean over spoken frames and lips of |third difference| * fps^3: what jitter adds to"""
    return _spoken_mean(heard.mouth.jerk, heard)


def opening_range(heard: Heard) -> Tally:
    """95th minus 5th percentile of lip opening over spoken frames"""
    low, high = _range(heard)
    return high - low, int(heard.spoken.any())


def _spoken_mean(curve: Tensor, heard: Heard) -> Tally:
    return float(curve[heard.spoken].double().sum()), int(heard.spoken.sum())


def _range(heard: Heard) -> tuple[float, float]:
    openings = heard.mouth.opening[heard.spoken]
    if not len(openings):
        return 0.0, 0.0
    low, high = torch.quantile(openings[:1_000_000], torch.tensor([0.05, 0.95])).tolist()
    return low, high
