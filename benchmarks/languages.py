"""Talkers and ears in other languages: python -m benchmarks.languages FOLDER [--ear CHECKPOINT ...]

FOLDER holds readers, as recipes/language_voices.py lays them out: folders LANGUAGE_NAME of x.wav with
x.txt. Two measures are blind, for they know no phones: lips at the peaks of syllables, and lips in silence.
The third is rough: what an ear names rightly of the spoken ticks of an alignment by English acoustics and
espeak-ng's phones. --ear adds the ear of a checkpoint, of an earlier version too if it heard in log-mels.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.audio.ear import TICKS
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.audio.logmel_encoder import LogMelEncoder
from talkcli.engine.checkpoint import load_checkpoint
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.metrics.articulation import CLOSED_MM, SHORTEST_SILENCE, SILENCE_MARGIN, STILL_MM_S
from talkcli.engine.metrics.baselines import frame_loudness
from talkcli.engine.metrics.mouth import mouth_of
from talkcli.engine.phones import SILENCE, Phones
from talkcli.engine.speech import Speech
from talkcli.engine.studio.readers import aligned, readers

Hear = Callable[[Float[Tensor, " samples"]], Float[Tensor, "ticks phones"]]
MOST = 10
"""Recordings of a reader, evenly through what there is."""
LOUD, QUIET = 10.0, 30.0
"""Decibels below a recording's loud frames (their 95th percentile): a peak above the first is a syllable's,
below the second nobody speaks."""
APART = 0.12
"""Seconds between two peaks at least."""
TALKERS = ("textalker", "memorytalker")


def levels(speech: Speech, frames: int, fps: Fraction) -> NDArray[np.float64]:
    """Decibels beside the loud frames, over three frames each."""
    power = frame_loudness(speech, frames, fps).double().square().numpy()
    power = np.convolve(power, np.ones(3) / 3, "same") + 1e-12
    return 10 * np.log10(power / np.quantile(power, 0.95))


def syllables(level: NDArray[np.float64], fps: float) -> NDArray[np.intp]:
    """Frames of peaks."""
    reach = round(APART * fps)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(level, reach, constant_values=-np.inf), 2 * reach + 1
    )
    return np.flatnonzero((level == around.max(1)) & (level > -LOUD))


def silences(level: NDArray[np.float64], fps: float) -> NDArray[np.bool_]:
    """Frames well inside a silence, as `articulation.silent_frames` has them of phones."""
    quiet, inside = level < -QUIET, np.zeros(len(level), dtype=bool)
    edges, margin = np.flatnonzero(np.diff(quiet, prepend=False, append=False)), round(SILENCE_MARGIN * fps)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start > SHORTEST_SILENCE * fps:
            inside[start + margin : stop - margin] = True
    return inside


def blind(talker: Talker, speech: Speech) -> Counter[str]:
    """Peaks, and those at which lips are open within a frame; frames of silence, and the still and shut."""
    motion = talker.animate(speech, talking_head())
    mouth, rate = mouth_of(motion, talking_head()), float(motion.fps)
    level = levels(speech, len(mouth), motion.fps)
    opening = np.pad(mouth.opening.numpy(), 1)
    widest = np.lib.stride_tricks.sliding_window_view(opening, 3).max(1)
    peaks, silent = syllables(level, rate), silences(level, rate)
    still = ((mouth.opening < CLOSED_MM) & (mouth.speed < STILL_MM_S)).numpy()
    return Counter(
        peaks=len(peaks),
        open=int((widest[peaks] > CLOSED_MM).sum()),
        silent=int(silent.sum()),
        still=int((still & silent).sum()),
    )


def named(logits: Float[Tensor, "ticks phones"], phones: Phones) -> Counter[str]:
    """Spoken ticks, and those named rightly."""
    labels = phones.frames(TICKS, len(logits))
    spoken = labels != SILENCE
    return Counter(spoken=int(spoken.sum()), right=int((logits.argmax(1) == labels)[spoken].sum()))


def ear_of(path: str) -> Hear:
    """The ear of a talker, or the log-mel encoder in a checkpoint that no talker of this version opens."""
    weights = load_checkpoint(Path(path)).weights if Path(path).is_file() else {}
    first = next((name for name in weights if name.endswith("enter_norm.weight")), None)
    if first is None:
        found = phone_ear(open_talker(path))
        assert found is not None
        return found[1].heard_at_ticks
    prefix, ear = first.removesuffix("enter_norm.weight"), LogMelEncoder()
    ear.load_state_dict({name: weights[prefix + name].float() for name in ear.state_dict()})
    return ear.eval().heard_at_ticks


def share(counts: Counter[str], part: str, of: str) -> str:
    return f"{counts[part] / counts[of]:.3f} ({counts[of]})" if counts[of] else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ear", action="append", default=[], help="checkpoint or talker; repeatable")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    ears = {Path(name).stem: ear_of(name) for name in (TALKERS[0], *given.ear)}
    talkers = {name: open_talker(name) for name in TALKERS}
    for talker in talkers.values():
        talker.leave_skin()
    heads = [f"{name}: {what}" for name in talkers for what in ("open at peaks", "shut in silence")]
    print("| reader | recordings | " + " | ".join([*heads, *(f"{name} names" for name in ears)]) + " |")
    print("|---|---:|" + "---:|" * (len(heads) + len(ears)))
    told: dict[str, dict[str, Counter[str]]] = {}
    for reader in readers(given.folder):
        step = max(1, len(reader.recordings) // MOST)
        found = [aligned(audio, reader.language) for audio in reader.recordings[::step][:MOST]]
        heard = [one[1] for one in found if one is not None]
        counts = told[reader.name] = {name: Counter[str](recordings=len(heard)) for name in (*talkers, *ears)}
        for one in heard:
            for name, hear in ears.items():
                with torch.no_grad():
                    counts[name].update(named(hear(one.speech.waveform), one.phones))
            for name, talker in talkers.items():
                counts[name].update(blind(talker, one.speech))
        cells = [
            share(counts[name], *parts)
            for name in talkers
            for parts in (("open", "peaks"), ("still", "silent"))
        ]
        cells += [share(counts[name], "right", "spoken") for name in ears]
        print(f"| {reader.name} | {len(heard)} | " + " | ".join(cells) + " |", flush=True)
    given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
