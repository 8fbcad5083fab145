"""Pictures of scores: lip opening under the waveform with the phones, and a bar for each metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadUsage, MissingAsset
from talkcli.engine.metrics.articulation import BILABIALS, CLOSED_MM, Heard
from talkcli.engine.metrics.evaluate import Score
from talkcli.engine.metrics.mouth import MouthTrack
from talkcli.engine.speech import SAMPLE_RATE, Speech

_FORMATS = (".png", ".pdf", ".svg")

MOST_TRACES = 4
"""Clips that are drawn; the bars are of all."""
MOST_SECONDS = 12.0


@dataclass(frozen=True)
class Trace:
    """One clip as several systems say it."""

    name: str
    speech: Speech
    heard: Mapping[str, Heard]
    """System -> its mouth, with the phones and the reference."""


def check_format(path: Path) -> None:
    """BadUsage for a suffix that is no picture, MissingAsset without matplotlib: before any work is done."""
    if path.suffix.lower() not in _FORMATS:
        raise BadUsage(f"{path} is no picture that can be written.", f"Plots are {', '.join(_FORMATS)}.")
    _figure_class()


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingAsset("Plots need matplotlib.", "pip install 'talkcli[plot]'") from error
    return Figure


def save_plot(path: Path, traces: Sequence[Trace], scores: Mapping[str, Sequence[Score]]) -> None:
    """Openings of the first MOST_TRACES clips, then bars of every metric, system beside system."""
    traces = traces[:MOST_TRACES]
    ids = list(dict.fromkeys(score.metric for row in scores.values() for score in row if score.clips))
    columns = 4
    bar_rows = -(-len(ids) // columns)
    figure = _figure_class()(figsize=(14, 3.0 * len(traces) + 2.4 * bar_rows + 0.6), layout="constrained")
    heights = [3.0] * len(traces) + ([2.4 * bar_rows] if bar_rows else [])
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, trace in zip(parts, traces, strict=False):
        _draw_trace(part, trace)
    if bar_rows:
        axes = parts[-1].subplots(bar_rows, columns, squeeze=False).ravel()
        for axis in axes[len(ids) :]:
            axis.set_visible(False)
        for axis, id in zip(axes, ids, strict=False):
            _draw_bars(axis, id, scores)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw_trace(part: Any, trace: Trace) -> None:
    wave, lips = part.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    sound = trace.speech.waveform.numpy()[: int(MOST_SECONDS * SAMPLE_RATE)]
    step = max(1, len(sound) // 6000)
    wave.plot(np.arange(0, len(sound), step) / SAMPLE_RATE, sound[::step], color="0.5", linewidth=0.4)
    wave.set_title(trace.name, loc="left", fontsize=9)
    wave.set_yticks([])
    first = next(iter(trace.heard.values()), None)
    if first is not None:
        _draw_phones(wave, lips, first)
        if first.reference is not None:
            _draw_opening(lips, first.reference, "aligned reference", color="0.2", linewidth=2.2, alpha=0.35)
    for name, mouth in trace.heard.items():
        _draw_opening(lips, mouth.mouth, name, linewidth=1.0)
    lips.axhline(CLOSED_MM, color="0.6", linewidth=0.6, linestyle=":")
    lips.set_ylabel("lip opening, mm")
    lips.set_xlim(0, len(sound) / SAMPLE_RATE)
    lips.legend(fontsize=7, loc="upper right", ncols=4)


def _draw_opening(axis: Any, mouth: MouthTrack, label: str, **style: Any) -> None:
    times = np.arange(len(mouth)) / float(mouth.fps)
    inside = times <= MOST_SECONDS
    axis.plot(times[inside], mouth.opening.numpy()[inside], label=label, **style)


def _draw_phones(wave: Any, lips: Any, heard: Heard) -> None:
    for index, (phone, start, end) in enumerate(heard.phones.segments):
        if start >= MOST_SECONDS:
            break
        if phone == "SIL":
            lips.axvspan(start, end, color="0.93", linewidth=0)
            continue
        if phone in BILABIALS:
            lips.axvspan(start, end, color="tab:red", alpha=0.18, linewidth=0)
        height = 0.98 - 0.09 * (index % 2)
        wave.text((start + end) / 2, height, phone, fontsize=5, ha="center", va="top",
                  transform=wave.get_xaxis_transform())  # fmt: skip


def _draw_bars(axis: Any, id: str, scores: Mapping[str, Sequence[Score]]) -> None:
    bars = {name: score for name, row in scores.items() for score in row if score.metric == id}
    axis.bar(range(len(bars)), [score.value for score in bars.values()], color=[f"C{i}" for i in range(10)])
    axis.set_xticks(range(len(bars)), [name.split(" ")[0] for name in bars], fontsize=6)
    axis.tick_params(axis="y", labelsize=6)
    score = next(iter(bars.values()))
    if score.reference == score.reference:
        axis.axhline(score.reference, color="0.4", linewidth=0.8, linestyle="--")
    axis.set_title(f"{id}{f', {score.unit}' if score.unit else ''} ({score.better} is better)", fontsize=7)
