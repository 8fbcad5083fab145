"""METRICS: every metric by its pinned id, with unit, pooling, what it needs and where it comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from talkcli.engine.metrics import articulation, beats, motion, texture, timing

Kind = Literal["frame", "texture", "clip", "heard", "head", "set"]

SYMBOLS = (
    "In formulas d = predicted - reference in metres, L the lips, U the upper face, P the neutral face, |.| "
    "the length over xyz, t frames, i vertices; frames(phone) are the phone's and one on either side."
)
"""What the letters of definitions mean."""


@dataclass(frozen=True)
class Metric:
    id: str
    measure: Callable[..., Any]
    kind: Kind
    """frame: Pair -> one number a frame. texture: SkinPair -> one number a frame. clip: Pair -> one number.
    heard: Heard -> (total, count).
    head: Motion, Speech -> (total, count).
    set: over all clips at once."""
    unit: str
    """Empty for a plain number."""
    source: str
    """The public code or text that computes it so."""
    regions: tuple[str, ...] = ()
    """Vertex sets it reads."""
    pool: Literal["frames", "clips"] = "clips"
    """Which mean is the score: over all frames (or events) of all clips, or over the clips' own scores."""
    root: bool = False
    """Whether the score is the square root of that mean."""
    better: Literal["lower", "higher", "nearest 0", "nearest 1", "nearest reference"] = "lower"
    events: str = "frames"
    """What a count counts."""

    @property
    def definition(self) -> str:
        """The first line of the measure's docstring."""
        return (inspect.getdoc(self.measure) or "").split("\n", 1)[0]


def _frame(
    id: str, measure: Callable[..., Any], unit: str, source: str, *regions: str, **more: Any
) -> Metric:
    return Metric(id, measure, "frame", unit, source, regions, **{"pool": "frames", **more})


def _skin(id: str, measure: Callable[..., Any], unit: str) -> Metric:
    return Metric(id, measure, "texture", unit, "TexTalker psnr_ssim.py", pool="frames", better="higher")


def _clip(id: str, measure: Callable[..., Any], unit: str, source: str, *regions: str, **more: Any) -> Metric:
    return Metric(id, measure, "clip", unit, source, regions, events="clips", **more)


def _heard(id: str, measure: Callable[..., Any], unit: str, events: str, better: Any, **more: Any) -> Metric:
    return Metric(id, measure, "heard", unit, "talk", ("lips",), better=better, events=events, **more)


def _head(id: str, measure: Callable[..., Any], source: str, events: str) -> Metric:
    return Metric(id, measure, "head", "", source, better="higher", events=events)


_CODETALKER = "CodeTalker, FaceDiffuser, ScanTalk, ProbTalk3D, DiffSpeaker"

_ALL = (
    _frame("lve", motion.lve, "m²", f"{_CODETALKER}, torchmetrics", "lips"),
    _frame("lve/artalk", motion.lve_artalk, "mm", "ARTalk", "lips", root=True),
    _frame("lve/memorytalker", motion.lve_memorytalker, "m²", "MemoryTalker validation", "lips"),
    _frame("lve/deeptalk", motion.lve_deeptalk, "m", "DEEPTalk vertex_error, 3DXTalker LVE text", "lips"),
    _frame("lve/meshtalk", motion.lve_meshtalk, "m", "MeshTalk, author comment", "lips"),
    _frame("lvd", motion.lvd, "m", "UniTalker loss.py, 3DXTalker LVE code", "lips", pool="clips"),
    _frame("lip_max/imitator", motion.lip_max_imitator, "mm", "Imitator losses.py", "lips", pool="clips"),
    _frame("lip_rec/imitator", motion.lip_rec_imitator, "mm", "Imitator losses.py", "lips", pool="clips"),
    _frame("lip_mse/artalk", motion.lip_mse_artalk, "mm²", "ARTalk", "lips"),
    _frame("mve", motion.mve, "m", "FaceDiffuser, ScanTalk, ProbTalk3D, 3DXTalker"),
    _frame("mve/imitator", motion.mve_imitator, "mm", "Imitator losses.py", pool="clips"),
    _frame("mhd/artalk", motion.mhd_artalk, "mm", "ARTalk", root=True),
    _frame("mse/artalk", motion.mse_artalk, "mm²", "ARTalk"),
    _frame("fve", motion.fve, "m²", "UniTalker rec_L2_loss; MemoryTalker's magnitude"),
    _frame("eve", motion.eve, "m", "EmoTalk and EmoFace text", "upper_face"),
    _frame("eve/deeptalk", motion.eve_deeptalk, "m", "DEEPTalk vertex_error, 3DXTalker UFVE", "upper_face"),
    _clip("fdd", motion.fdd, "m²", _CODETALKER, "upper_face", better="nearest 0"),
    _clip("fdd/abs", motion.fdd_abs, "m²", "FaceDiffuser, ScanTalk, 3DXTalker UFDD text", "upper_face"),
    _clip("fdd/artalk", motion.fdd_artalk, "0.01 mm", "ARTalk", "upper_face"),
    _clip("fdd/deeptalk", motion.fdd_deeptalk, "m", "DEEPTalk metric.py, 3DXTalker UFDD code", "upper_face"),
    _frame("mod/artalk", motion.mod_artalk, "mm", "ARTalk, author comment", "lips"),
    _frame("mod/range", motion.mod_range, "m", "third-party reconstruction", "lips"),
    _frame("mod/gap", motion.mod_gap, "m", "talk", "inner_lips"),
    _frame("mod/msmd", motion.mod_msmd, "m", "MSMD, author comment", "outer_lips", pool="clips", root=True),
    _skin("psnr", texture.psnr, "dB"),
    _skin("ssim", texture.ssim, ""),
    _clip("ldtw", timing.ldtw, "mm", "public re-implementation", "lips"),
    _clip("ldtw/squared", timing.ldtw_squared, "m²", "MemoryTalker's magnitude", "lips"),
    _clip("ldtw/total", timing.ldtw_total, "mm", "public re-implementation", "lips"),
    _clip("mtm", timing.mtm, "frames", "kaist-ami", "inner_lips"),
    _clip("mtm/ms", timing.mtm_ms, "ms", "kaist-ami", "inner_lips"),
    _clip("mtm/signed", timing.mtm_signed, "ms", "talk", "inner_lips", better="nearest 0"),
    _clip("jitter", motion.jitter, "m/s³", "talk", "lips", better="nearest reference"),
    _clip("jitter/ratio", motion.jitter_ratio, "", "talk", "lips", better="nearest 1"),
    _clip("lip_speed/ratio", motion.lip_speed_ratio, "", "talk", "lips", better="nearest 1"),
    _head("ba", beats.ba, "Bailando, on a head's rotation", "onsets"),
    _head("ba/onsets-5-9", beats.ba_onsets_5_9, "3DXTalker code, where nothing is set", "onsets"),
    _head("ba/beats-3-7", beats.ba_beats_3_7, "3DXTalker calc_metric", "beats"),
    _head("ba/beats-2-8", beats.ba_beats_2_8, "3DXTalker metrics", "beats"),
    Metric("slcc", timing.slcc, "set", "", "kaist-ami", ("lips",), better="higher", events="clips"),
    Metric("slcc/gap", timing.slcc_gap, "set", "", "kaist-ami", ("lips",), events="clips"),
    _heard("closure", articulation.closure, "", "closures", "higher"),
    _heard("shut_vowels", articulation.shut_vowels, "", "vowels", "lower"),
    _heard("open_vowels", articulation.open_vowels, "", "vowels", "higher"),
    _heard("rounding", articulation.rounding, "", "rounded phones", "higher"),
    _heard("stillness", articulation.stillness, "", "silent frames", "higher"),
    _heard("correlation", articulation.correlation, "", "clips", "higher"),
    _heard("lag", articulation.lag, "ms", "clips", "nearest 0"),
    _heard("lip_speed", articulation.lip_speed, "mm/s", "spoken frames", "nearest reference"),
    _heard("lip_jerk", articulation.lip_jerk, "m/s³", "spoken frames", "nearest reference"),
    _heard("opening_range", articulation.opening_range, "mm", "clips", "nearest reference"),
)

METRICS = {metric.id: metric for metric in _ALL}

ARTICULATION = tuple(metric.id for metric in _ALL if metric.kind == "heard")
"""The articulation score: what `talk evaluate --audio` prints."""


def described() -> Iterator[dict[str, str]]:
    """Each metric: its name, its unit, what is better, where it comes from and what it is."""
    for metric in METRICS.values():
        yield {
            "metric": metric.id,
            "unit": metric.unit,
            "better": metric.better,
            "source": metric.source,
            "definition": metric.definition,
        }
