"""Every installed talker and the three baselines on human recordings with known phones, as a Markdown table.

    python benchmarks/real_speech.py FOLDER [--telephone] [--babble DB] [--part NAME=PATTERN ...]
        [--model x.ckpt ...]

FOLDER holds x.wav with x.phones.json, or one alignments.json; it is never part of the repository. A second
table gives talkers by pace, by the parts that are asked for and by person: a recording's name begins with its
person's, up to the first hyphen.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import torch

from talkcli.engine.audio.company import babble, before
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods.entrants import entrants
from talkcli.engine.metrics import baselines
from talkcli.engine.metrics.articulation import CLOSED_MM, STILL_MM_S, silent_frames
from talkcli.engine.metrics.catalogue import ARTICULATION, METRICS
from talkcli.engine.metrics.evaluate import Case, Score, asked_mouth, evaluate, mouth_and_phones
from talkcli.engine.metrics.mouth import MouthTrack
from talkcli.engine.metrics.plots import Trace, save_plot
from talkcli.engine.metrics.takes import DEFAULT_FPS, System, Take, performed, takes_of_audio
from talkcli.engine.motion import Motion
from talkcli.engine.phones import Phones
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

PACES = {"under 10 phones/s": (0, 10), "10 to 13": (10, 13), "above 13": (13, 1000)}
WORST = 0.1
"""Of people."""
HEARD_DB = -10
"""Of a recording's loudest frame: in a pause where more than that is heard, somebody speaks."""
BEHIND = 4
"""People who talk in the background."""
BAND, LINE_RATE, MU = (300, 3400), 8000, 255
"""Hertz that a telephone carries, its samples a second and its law (G.711, 8 bits)."""


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


def by_telephone(speech: Speech) -> Speech:
    """The same as a fixed telephone line carries it; its timing stays."""
    wave = speech.waveform.double().numpy()
    band = scipy.signal.butter(4, BAND, "bandpass", fs=SAMPLE_RATE, output="sos")
    line = scipy.signal.resample_poly(scipy.signal.sosfiltfilt(band, wave), LINE_RATE, SAMPLE_RATE)
    peak = float(np.abs(line).max()) or 1.0
    line /= peak
    steps = np.round(np.sign(line) * np.log1p(MU * np.abs(line)) / np.log1p(MU) * 127) / 127
    heard = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU * peak
    wave = scipy.signal.resample_poly(heard, SAMPLE_RATE, LINE_RATE)[: len(wave)]
    return Speech(torch.from_numpy(np.ascontiguousarray(wave)).float())


def over_a_line(system: System) -> System:
    def perform(speech: Speech, avatar: Avatar, fps: Fraction) -> Motion:
        return system(by_telephone(speech), avatar, fps)

    return perform


def before_others(system: System, takes: Sequence[Take], decibels: float) -> System:
    """The same with BEHIND other speakers of the folder talking so far below the near voice."""
    waves = [load_speech(take.audio).waveform.numpy() for take in takes]

    def perform(speech: Speech, avatar: Avatar, fps: Fraction) -> Motion:
        near = speech.waveform.numpy()
        chance = np.random.default_rng(len(near))
        others = [wave for wave in waves if not np.array_equal(wave, near)]
        some = [others[index] for index in chance.choice(len(others), BEHIND, replace=False)]
        murmur = babble(some, len(near), chance)
        return system(Speech(torch.from_numpy(before(near, murmur, decibels))), avatar, fps)

    return perform


def asked_once(case: Case, asked: dict[str, MouthTrack]) -> Case:
    """The case with the mouth that its phones ask for, posed for the first system and the same for all."""
    if case.name not in asked or len(asked[case.name]) != len(case.predicted):
        asked[case.name] = asked_mouth(case)
    return replace(case, asked=asked[case.name])


def pace(phones: Phones) -> float:
    """Phones a second of speech, pauses left out."""
    spoken = [stop - start for phone, start, stop in phones.segments if phone != "SIL"]
    return len(spoken) / sum(spoken) if spoken else 0.0


def parts(takes: Sequence[Take], asked: Sequence[str]) -> dict[str, set[str]]:
    """Recordings by pace and as asked, NAME=PATTERN: those in whose names the pattern is found."""
    paces = {take.name: pace(take.phones) for take in takes if take.phones is not None}
    groups = {
        name: {one for one, speed in paces.items() if low <= speed < high}
        for name, (low, high) in PACES.items()
    }
    for name, _, pattern in (each.partition("=") for each in asked):
        groups[name] = {take.name for take in takes if re.search(pattern, take.name)}
    return groups


def in_parts(scores: Mapping[str, list[Score]], groups: Mapping[str, set[str]]) -> str:
    """Means over the clips of each part; of each metric, the person below whom the worst tenth stands."""
    lines = [
        "| system | part | " + " | ".join(ARTICULATION) + " |",
        "|---|---|" + "---:|" * len(ARTICULATION),
    ]

    def row(system: str, part: str, values: Sequence[float]) -> None:
        lines.append(f"| {system} | {part} | " + " | ".join(f"{value:.3g}" for value in values) + " |")

    for name, measured in scores.items():
        for part, members in groups.items():
            kept = [[value for clip, value in score.each.items() if clip in members] for score in measured]
            row(name, f"{part} ({len(members)})", [float(np.mean(each)) if each else np.nan for each in kept])
        people = [(score, _people(score)) for score in measured]
        count = max(len(means) for _, means in people)
        row(name, f"the worst tenth of {count} people", [_worst(score, means) for score, means in people])
    return "\n".join(lines)


def _worst(score: Score, people: Sequence[float]) -> float:
    share = 1 - WORST if METRICS[score.metric].better == "lower" else WORST
    return float(np.quantile(people, share)) if people else np.nan


def _people(score: Score) -> list[float]:
    """Each person's mean over their clips."""
    own: dict[str, list[float]] = {}
    for clip, value in score.each.items():
        own.setdefault(clip.split("-")[0], []).append(value)
    return [float(np.mean(values)) for values in own.values()]


def where_nobody_speaks(cases: Sequence[Case]) -> tuple[float, int, int]:
    """Stillness, as metrics define it, in those pauses only in which nothing is heard above HEARD_DB: mean
    over clips, and how many of how many pauses they are."""
    shares, kept, pauses = [], 0, 0
    for case in cases:
        heard = mouth_and_phones(case)
        assert case.speech is not None
        level = baselines.frame_loudness(case.speech, len(heard.mouth), heard.mouth.fps)
        loud = level > level.max() * 10 ** (HEARD_DB / 20)
        still = (heard.mouth.opening < CLOSED_MM) & (heard.mouth.speed < STILL_MM_S)
        runs = np.flatnonzero(np.diff(silent_frames(heard.phones, heard.mouth), prepend=False, append=False))
        spans = [slice(start, stop) for start, stop in zip(runs[::2], runs[1::2], strict=True)]
        quiet = [still[span] for span in spans if not loud[span].any()]
        shares += [float(torch.cat(quiet).float().mean())] if quiet else []
        kept, pauses = kept + len(quiet), pauses + len(spans)
    return float(np.mean(shares)) if shares else np.nan, kept, pauses


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plots", type=Path, help="a folder for one picture of every recording")
    parser.add_argument("--model", action="append", default=[], help="method name or checkpoint; repeatable")
    parser.add_argument("--telephone", action="store_true", help="all is heard over a telephone line")
    parser.add_argument("--babble", type=float, help="decibels by which others talk below all that is heard")
    parser.add_argument("--part", action="append", default=[], help="NAME=PATTERN of recordings' names")
    parser.add_argument("--heard", action="store_true", help="stillness where nobody is heard, too")
    parser.add_argument("--avatar", type=Path, help="whose face; else the mean face")
    arguments = parser.parse_args()
    takes = takes_of_audio([arguments.folder])
    avatar = load_avatar(arguments.avatar) if arguments.avatar else None
    scores: dict[str, list[Score]] = {}
    said: dict[str, list[Case]] = {}
    asked: dict[str, MouthTrack] = {}
    for name, system in entrants(arguments.model, avatar or talking_head(), note=print, skin=False):
        heard_by = over_a_line(system) if arguments.telephone else system
        if arguments.babble is not None:
            heard_by = before_others(heard_by, takes, arguments.babble)
        said[name] = [asked_once(case, asked) for case in performed(takes, heard_by, avatar)]
        scores[name] = evaluate(ARTICULATION, said[name])
    ceiling = [
        replace(case, predicted=baselines.spoken(case.phones, len(case.predicted), DEFAULT_FPS))
        for case in said["template"]
        if case.phones is not None
    ]
    scores["aligned phones (ceiling)"] = evaluate(ARTICULATION, ceiling)
    print(markdown(scores) + "\n\n" + in_parts(scores, parts(takes, arguments.part)))
    for name, cases in said.items() if arguments.heard else ():
        stillness, kept, pauses = where_nobody_speaks(cases)
        print(f"\n{name}: still {stillness:.3f} in {kept} of {pauses} pauses, in which nobody is heard.")
    print("\n" + "\n".join(f"- `{id}`: {METRICS[id].definition}" for id in ARTICULATION))
    if arguments.plots is not None:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        for index, case in enumerate(ceiling):
            heard = {name: mouth_and_phones(cases[index]) for name, cases in said.items()}
            assert case.speech is not None
            save_plot(arguments.plots / f"{case.name}.png", [Trace(case.name, case.speech, heard)], {})


if __name__ == "__main__":
    main()
