"""Do lips still meet in a mood? python benchmarks/moods.py FOLDER [MOST]

The installed talkers speak the recordings of a folder (MOST of them, with known phones, as `talk evaluate
--audio` wants them), then each of the seven moods is put on at level 1 and 2. Prints the articulation score
before and after.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from talkcli.engine.assets import asset
from talkcli.engine.editing.emote import emoted
from talkcli.engine.editing.mood_schedule import parse_moods
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.methods import installed, open_talker
from talkcli.engine.methods.speaking import spoken_motion
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.metrics.takes import Take, takes_of_audio
from talkcli.engine.motion import Motion
from talkcli.engine.speech import load_speech

SCORES = ("closure", "shut_vowels", "open_vowels", "stillness", "correlation")
LEVELS_MEASURED = (1, 2)


def scores(takes: Sequence[Take], motions: Sequence[Motion], moods: str) -> dict[str, float]:
    ada, spans = load_avatar(asset("ada.avatar")), parse_moods(moods)
    cases = [
        Case(take.name, emoted(motion, ada, spans), ada, phones=take.phones)
        for take, motion in zip(takes, motions, strict=True)
    ]
    return {score.metric: score.value for score in evaluate(SCORES, cases)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("most", type=int, nargs="?")
    given = parser.parse_args()
    takes = takes_of_audio([given.folder])[: given.most]
    ada = load_avatar(asset("ada.avatar"))
    table: dict[str, dict[str, float]] = {}
    print(f"{'':26}", *(f"{name:>11}" for name in SCORES))
    for path in installed().values():
        talker = open_talker(str(path))
        motions = [spoken_motion(talker, load_speech(take.audio), ada) for take in takes]
        moods = [f"{mood}:{level}" for level in LEVELS_MEASURED for mood in MOODS if mood != "neutral"]
        for text in ("neutral", *moods):
            values = table[f"{talker.method} {text}"] = scores(takes, motions, text)
            print(
                f"{talker.method:14} {text:11}", *(f"{value:11.3f}" for value in values.values()), flush=True
            )
    Path(__file__).with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
