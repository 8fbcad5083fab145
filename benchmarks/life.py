"""What blinks, looks and heads are like: python benchmarks/life.py FOLDER [FOLDER ...] [--model 3dxtalker]

Every recording in the folders is given life on a still face (seed 0, 60 frames a second). Prints how often
lids fall and where, how eyes jump and rest, how far heads nod on stressed syllables, how much they move while
nobody speaks, how alike two recordings move, and whether heads turn round on the voice's onsets more often
than the heads of other recordings do (chance). With --model the same of what a talker does itself, but for
looks, which are not planned there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.audio.onsets import onsets
from talkcli.engine.editing.glances import FAR_LOOK, Fixation, fixations
from talkcli.engine.editing.head_movement import nodded
from talkcli.engine.editing.life import with_life
from talkcli.engine.editing.prosody import Prosody, prosody_of
from talkcli.engine.editing.retiming import at_rate
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.metrics.beats import beat_alignment
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.recordings import recordings_in
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

FPS = Fraction(60)
LONG_ENOUGH = 4.0
"""Seconds of a recording whose first blink counts, and of two that are compared."""


@dataclass(frozen=True)
class Alive:
    """One recording, and the life that it got."""

    speech: Speech
    prosody: Prosody
    lids: Tensor
    head: Tensor
    """Axis-angle, radians."""
    rests: Sequence[Fixation]

    @property
    def blinks(self) -> list[float]:
        """Seconds at which the lids become shut."""
        shut = self.lids > 0.85
        return ((torch.nonzero(shut[1:] & ~shut[:-1])[:, 0] + 1) / float(FPS)).tolist()

    @property
    def nods(self) -> list[float]:
        """Degrees between the highest and the lowest within 0.3 s of every stress that may have a nod."""
        pitch, reach = torch.rad2deg(self.head[:, 0]), round(0.3 * FPS)
        around = (
            pitch[max(0, round(stress.second * FPS) - reach) :][: 2 * reach]
            for stress in nodded(self.prosody)
        )
        return [float(near.max() - near.min()) for near in around if len(near) > reach]

    def in_pauses(self, seconds: Sequence[float]) -> float:
        """Share of instants outside phrases or in the last tenth of a second of one."""
        spoken = [any(a < second < b - 0.1 for a, b in self.prosody.phrases) for second in seconds]
        return 1 - sum(spoken) / len(spoken) if spoken else math.nan


def alive(speech: Speech, talker: Talker | None) -> Alive:
    frames, avatar = speech.frames(FPS), load_avatar(asset("ada.avatar"))
    if talker is None:
        still = Motion(FPS, Coefficients(torch.zeros(frames, 54), torch.zeros(frames, 3)))
        motion = with_life(still, speech, avatar)
    else:
        motion = at_rate(talker.animate(speech, avatar), FPS)
    prosody = prosody_of(speech)
    assert motion.head is not None and isinstance(motion.face, Coefficients)
    lids = motion.face.expression[:, load_rig("facekit").shape_names.index("eyeBlinkLeft")]
    return Alive(speech, prosody, lids, motion.head.rotation, fixations(prosody, speech.seconds, 0))


def of_blinks(all_of_them: Sequence[Alive], minutes: float) -> dict[str, float]:
    count = sum(len(one.blinks) for one in all_of_them)
    gaps = [after - before for one in all_of_them for before, after in itertools.pairwise(one.blinks)]
    firsts = [one.blinks[0] for one in all_of_them if one.blinks and one.speech.seconds > LONG_ENOUGH]
    instants = [np.arange(0, one.speech.seconds, 0.05).tolist() for one in all_of_them]
    return {
        "blinks a minute": count / minutes,
        "doubles, of blinks": sum(gap < 0.6 for gap in gaps) / max(count, 1),
        "first blink, earliest s": min(firsts, default=math.nan),
        "first blink, latest s": max(firsts, default=math.nan),
        "blinks in pauses or at phrase ends": float(
            np.nanmean([one.in_pauses(one.blinks) for one in all_of_them])
        ),
        "time in pauses or at phrase ends": float(
            np.mean([one.in_pauses(times) for one, times in zip(all_of_them, instants, strict=True)])
        ),
    }


def of_eyes(all_of_them: Sequence[Alive], minutes: float) -> dict[str, float]:
    pairs = [pair for one in all_of_them for pair in itertools.pairwise(one.rests)]
    jumps = [size for a, b in pairs if (size := math.dist(a[1:], b[1:])) > 0]
    away = sum(b.second - a.second for a, b in pairs if math.hypot(*a[1:]) > 2.9)
    return {
        "jumps of the eyes a minute": len(jumps) / minutes,
        "large jumps a minute": sum(jump >= FAR_LOOK for jump in jumps) / minutes,
        "jump, least degrees": min(jumps),
        "jump, median degrees": float(np.median(jumps)),
        "jump, most degrees": max(jumps),
        "fixation, median s": float(np.median([b.second - a.second for a, b in pairs])),
        "time looking away": away / (60 * minutes),
    }


def of_heads(all_of_them: Sequence[Alive], minutes: float, talker: Talker | None) -> dict[str, float]:
    nods = [depth for one in all_of_them for depth in one.nods]
    degrees = [torch.rad2deg(one.head) for one in all_of_them]
    speeds = torch.cat([track.diff(dim=0).norm(dim=1) * float(FPS) for track in degrees])
    silent = alive(Speech(torch.zeros(30 * SAMPLE_RATE)), talker)
    away = torch.cat([track - track[0] for track in degrees]).square().mean(0).sqrt()
    return {
        "stresses a minute": sum(len(one.prosody.stresses) for one in all_of_them) / minutes,
        "stresses that may have a nod a minute": len(nods) / minutes,
        "head there, median degrees": float(np.median(nods)),
        "head there, 90 % below": float(np.quantile(nods, 0.9)),
        "head, furthest degrees": max(float(track.abs().max()) for track in degrees),
        **{
            f"head, degrees from its first frame, {name}": float(value)
            for name, value in zip(("nod", "turn", "tilt"), away, strict=True)
        },
        "head speed, median degrees a second": float(speeds.median()),
        "head speed, 99 % below": float(speeds.quantile(0.99)),
        "head in silence, of that in speech": float(
            torch.rad2deg(silent.head).std() / torch.cat(degrees).std()
        ),
        "turns of two recordings correlate, mean": likeness(degrees),
    }


def likeness(degrees: Sequence[Tensor]) -> float:
    """Mean absolute correlation of two recordings' turns, as long as both last."""
    found = []
    for a, b in itertools.combinations(degrees, 2):
        frames = min(len(a), len(b))
        if frames > LONG_ENOUGH * FPS:
            found.append(abs(np.corrcoef(a[:frames, 1].numpy(), b[:frames, 1].numpy())[0, 1]))
    return float(np.mean(found))


def of_beats(all_of_them: Sequence[Alive]) -> dict[str, float]:
    """Heads beside the voice that they were made for, and beside others' as long as both last."""
    beats = [onsets(one.speech) for one in all_of_them]
    own = [beat_alignment(one.head, FPS, beat) for one, beat in zip(all_of_them, beats, strict=True)]
    others = []
    for one, beat in zip(all_of_them, beats, strict=True):
        for other in all_of_them:
            seconds = min(one.speech.seconds, other.speech.seconds)
            if other is not one and seconds > LONG_ENOUGH:
                head = other.head[: round(seconds * FPS)]
                others.append(beat_alignment(head, FPS, beat[beat < seconds]))
    return {"beat alignment": float(np.nanmean(own)), "beat alignment by chance": float(np.nanmean(others))}


def measured(folders: Sequence[Path], talker: Talker | None) -> dict[str, float]:
    all_of_them = [alive(load_speech(path), talker) for folder in folders for path in recordings_in(folder)]
    minutes = sum(one.speech.seconds for one in all_of_them) / 60
    return {
        "recordings": len(all_of_them),
        "minutes": minutes,
        **of_blinks(all_of_them, minutes),
        **({} if talker else of_eyes(all_of_them, minutes)),
        **of_heads(all_of_them, minutes, talker),
        **of_beats(all_of_them),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--model", metavar="MODEL", help="a talker that moves head and lids itself")
    given = parser.parse_args()
    table = measured(given.folders, open_talker(given.model) if given.model else None)
    path = Path(__file__).with_suffix(".json")
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept[Path(given.model).stem if given.model else "life"] = table
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name, value in table.items():
        print(f"{name:40} {value:.3g}")


if __name__ == "__main__":
    main()
