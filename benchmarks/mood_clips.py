"""Does a mood that is put on look like one that was performed? python benchmarks/mood_clips.py CLIPS [MOST]

CLIPS are of `talk prepare studio --set moods=...`. The installed talkers, or those of --model, speak the test
speakers' clips of each mood (MOST of each, 12 by default), and the mood is put on with the performance's own
intensity. Prints, mood by mood, the cosine between the mean expressions of what was made and of what was
performed (3DXTalker's table 3, here of the rig's shapes), that of the talker's plain speech, and LVE against
the performance, with the mood and without it.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import torch

from talkcli.engine.clips import ClipSet
from talkcli.engine.editing.emote import emoted
from talkcli.engine.editing.mood_schedule import MoodSpan
from talkcli.engine.editing.moods import MOODS, NEUTRAL_MOOD
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import installed, open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.speaking import spoken_motion
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.motion import Coefficients, Motion

LEAST_INTENSITY = 0.3
"""Weaker performances are left out: they hardly differ from neutral ones."""


def clips_by_mood(clips: ClipSet, most: int) -> dict[str, list[int]]:
    """Indices of clips of each mood, evenly over the speakers."""
    chosen = defaultdict(list)
    for index in range(len(clips)):
        provenance = clips.motion(index).provenance
        if provenance["mood"] == NEUTRAL_MOOD or provenance["intensity"] >= LEAST_INTENSITY:
            chosen[provenance["mood"]].append(index)
    return {mood: indices[:: max(1, len(indices) // most)][:most] for mood, indices in chosen.items()}


def mean_expression(motions: list[Motion]) -> torch.Tensor:
    faces = [motion.face for motion in motions if isinstance(motion.face, Coefficients)]
    return torch.cat([face.expression for face in faces]).mean(0)


def measured(talker: Talker, clips: ClipSet, mood: str, indices: list[int]) -> dict[str, float]:
    """Cosines and errors on the clips of one mood."""
    head = talking_head()
    truth = [clips.motion(index) for index in indices]
    plain = [spoken_motion(talker, clips.speech(index), head) for index in indices]
    spans = [[MoodSpan(mood, motion.provenance["intensity"])] for motion in truth]
    moody = [emoted(motion, head, span) for motion, span in zip(plain, spans, strict=True)]
    result = {"clips": float(len(indices))}
    for name, motions in (("with", moody), ("without", plain)):
        pairs = zip(indices, motions, truth, strict=True)
        cases = [Case(clips.names[i], motion, head, reference) for i, motion, reference in pairs]
        result[f"lve {name}"] = next(iter(evaluate(("lve",), cases))).value
        expressions = mean_expression(motions), mean_expression(truth)
        result[f"cosine {name}"] = float(torch.cosine_similarity(*expressions, dim=0))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("most", type=int, nargs="?", default=12)
    parser.add_argument("--model", action="append", help="instead of all talkers that are installed")
    given = parser.parse_args()
    clips = ClipSet(given.clips, "test")
    table: dict[str, dict[str, float]] = {}
    for model in given.model or installed():
        talker = open_talker(model)
        chosen = clips_by_mood(clips, given.most)
        for mood in MOODS:
            values = table[f"{talker.method} {mood}"] = measured(talker, clips, mood, chosen[mood])
            columns = "  ".join(f"{name} {value:.3g}" for name, value in values.items())
            print(f"{talker.method:14} {mood:10} {columns}", flush=True)
    Path(__file__).with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
