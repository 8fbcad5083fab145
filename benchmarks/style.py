"""Does a person's manner help a face? python benchmarks/style.py CLIPS [CHECKPOINT]

CLIPS is a prepared folder (talk prepare studio). Of every speaker of its test split a few clips are animated
by MemoryTalker with the style fitted to the motion of others of their clips, as `talk personalize FOLDER`
does, of ten, three and one of them; with the mean of what is fitted to the others, and with the next
speaker's; with the style heard in the voice, as `talk personalize VOICE` does; and with none (all gains one).
Scores are paired clip by clip, on one face for all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.memorytalker.manner import fitted_gain
from talkcli.engine.methods.memorytalker.talker import MemoryTalker
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.speech import Speech

SCORED, HEARD, FEWER = 4, 10, (3, 1)
"""Clips of each speaker that are scored, others that make the style, and fewer of them."""
METRICS = ("lve", "mve")
OWN = f"motion of {HEARD}"

Scores = dict[str, dict[str, dict[str, list[float]]]]
"""Metric, style, speaker: one number a clip."""


def styles(talker: MemoryTalker, clips: ClipSet, speakers: list[str]) -> Tensor:
    """Gains [speakers, 2, slots] of two disjoint halves of what is heard of each voice."""

    def half(indices: tuple[int, ...]) -> Tensor:
        return talker.manner(Speech(torch.cat([clips.speech(index).waveform for index in indices])))

    heard = [clips.speakers[speaker][SCORED : SCORED + HEARD] for speaker in speakers]
    return torch.stack([torch.stack([half(each[::2]), half(each[1::2])]) for each in heard])


def recognised(pairs: Tensor) -> float:
    """Share of voices whose one half is nearest to their own other half."""
    distances = torch.cdist(pairs[:, 0], pairs[:, 1])
    return float((distances.argmin(1) == torch.arange(len(pairs))).double().mean())


def measured(folder: Path, model: str) -> dict[str, object]:
    talker = open_talker(model)
    assert isinstance(talker, MemoryTalker)
    clips, face = ClipSet(folder, "test"), load_avatar(asset("ada.avatar"))
    speakers = list(clips.speakers)
    talker.requires_grad_(False)
    pairs = styles(talker, clips, speakers)
    voices = pairs.mean(1)
    fits = {
        count: torch.stack(
            [
                fitted_gain(talker, clips, clips.speakers[speaker][SCORED : SCORED + count])
                for speaker in speakers
            ]
        )
        for count in (HEARD, *FEWER)
    }
    gains = fits[HEARD]
    scores: Scores = {metric: {} for metric in METRICS}
    for number, speaker in enumerate(speakers):
        manners = {
            OWN: gains[number],
            **{f"motion of {count}": fits[count][number] for count in FEWER},
            "mean of others' motion": torch.cat([gains[:number], gains[number + 1 :]]).mean(0),
            "another's motion": gains[(number + 1) % len(gains)],
            "voice": voices[number],
            "none": torch.ones_like(gains[number]),
        }
        for index in clips.speakers[speaker][:SCORED]:
            speech, truth = clips.speech(index), clips.motion(index)
            for name, gain in manners.items():
                person = dataclasses.replace(face, styles={talker.method: gain})
                case = Case(clips.names[index], talker.animate(speech, person), face, truth)
                for score in evaluate(METRICS, [case]):
                    scores[score.metric].setdefault(name, {}).setdefault(speaker, []).append(score.value)
    spread, noise = voices.var(0).mean(), (pairs[:, 0] - pairs[:, 1]).square().mean() / 4
    return {
        "speakers": len(speakers),
        "clips": sum(len(clips.speakers[speaker][:SCORED]) for speaker in speakers),
        "gain": round(float(voices.mean()), 3),
        "gain_between_speakers": round(math.sqrt(spread), 4),
        "gain_within_a_speaker": round(math.sqrt(noise), 4),
        "voices_recognised": round(recognised(pairs), 3),
        **{metric: compared(named) for metric, named in scores.items()},
    }


def compared(scores: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Means, and by how much the own style errs less than each other: log ratios, averaged by speaker."""
    table: dict[str, dict[str, float]] = {}
    for name, each in scores.items():
        pairs = [zip(scores[OWN][speaker], values, strict=True) for speaker, values in each.items()]
        less = [statistics.mean(100 * math.log(other / own) for own, other in pair) for pair in pairs]
        every = [value for values in each.values() for value in values]
        table[name] = {"mean": float(f"{statistics.mean(every):.4g}")}
        if name != OWN:
            table[name] |= {
                "own_errs_less_percent": round(statistics.mean(less), 2),
                "standard_error": round(statistics.stdev(less) / math.sqrt(len(less)), 2),
                "speakers_own_is_better": round(sum(share > 0 for share in less) / len(less), 2),
            }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("checkpoint", nargs="?", default="memorytalker")
    given = parser.parse_args()
    torch.set_num_threads(1)
    result = measured(given.clips, given.checkpoint)
    text = json.dumps(result, indent=2)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
