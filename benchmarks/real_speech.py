"""Every installed talker and the three baselines on human recordings with known phones, as a Markdown table.

    python benchmarks/real_speech.py FOLDER [--plots FOLDER] [--model x.ckpt ...]

FOLDER holds x.wav with x.phones.json, or one alignments.json; it is never part of the repository.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods.entrants import entrants
from talkcli.engine.metrics import baselines
from talkcli.engine.metrics.catalogue import ARTICULATION, METRICS
from talkcli.engine.metrics.evaluate import Case, Score, evaluate, mouth_and_phones
from talkcli.engine.metrics.plots import Trace, save_plot
from talkcli.engine.metrics.takes import DEFAULT_FPS, performed, takes_of_audio


def markdown(scores: dict[str, list[Score]]) -> str:
    """Systems down, metrics across."""
    first = next(iter(scores.values()))
    units = [f"{score.metric}{f' ({score.unit})' if score.unit else ''}" for score in first]
    lines = ["| system | " + " | ".join(units) + " |", "|---|" + "---:|" * len(first)]
    lines += [
        f"| {name} | " + " | ".join(f"{s.value:.3g}" for s in row) + " |" for name, row in scores.items()
    ]
    most = [max(column, key=lambda score: score.count) for column in zip(*scores.values(), strict=True)]
    counts = ", ".join(f"{score.metric} {score.count} {score.events}" for score in most)
    return "\n".join([*lines, "", f"n: {counts}. Means over clips."])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plots", type=Path, help="a folder for one picture of every recording")
    parser.add_argument("--model", action="append", default=[], help="method name or checkpoint; repeatable")
    parser.add_argument("--avatar", type=Path, help="whose face; else the mean face")
    arguments = parser.parse_args()
    takes = takes_of_audio([arguments.folder])
    avatar = load_avatar(arguments.avatar) if arguments.avatar else None
    scores: dict[str, list[Score]] = {}
    said: dict[str, list[Case]] = {}
    for name, system in entrants(arguments.model, avatar or talking_head(), note=print, skin=False):
        said[name] = list(performed(takes, system, avatar))
        scores[name] = evaluate(ARTICULATION, said[name])
    ceiling = [
        replace(case, predicted=baselines.spoken(case.phones, len(case.predicted), DEFAULT_FPS))
        for case in said["template"]
        if case.phones is not None
    ]
    scores["aligned phones (ceiling)"] = evaluate(ARTICULATION, ceiling)
    print(markdown(scores))
    print("\n" + "\n".join(f"- `{id}`: {METRICS[id].definition}" for id in ARTICULATION))
    if arguments.plots is not None:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        for index, case in enumerate(ceiling):
            heard = {name: mouth_and_phones(cases[index]) for name, cases in said.items()}
            assert case.speech is not None
            save_plot(arguments.plots / f"{case.name}.png", [Trace(case.name, case.speech, heard)], {})


if __name__ == "__main__":
    main()
