"""Learn to hear moods: python recipes/mood_ear.py CLIPS READERS STRANGERS [OUT]

CLIPS are of `talk prepare studio --set moods=0.6`; READERS and STRANGERS are real people who read without a
mood (recipes/people.py makes both), of whom the first teach what neutral is and the others only test. Reads
mean, deviation and ends of the intonation of every recording and finds the linear reading of them that tells
moods apart, each mood counting as much as any other. Prints what it makes of the test speakers and of
STRANGERS, and writes assets/moods_heard.safetensors, or OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.audio.mood_ear import MOOD_EAR, MoodEar, tone
from talkcli.engine.clips import ClipSet
from talkcli.engine.editing.heard_moods import SURE
from talkcli.engine.editing.moods import MOODS, NEUTRAL_MOOD
from talkcli.engine.files import save_struct
from talkcli.engine.speech import load_speech

DECAY = 1e-2
EVERY = 4
"""Of so many recordings of READERS one is heard."""


def told(clips: ClipSet) -> tuple[Tensor, Tensor]:
    """What is heard of every clip, and the number of its mood."""
    names = list(MOODS)
    rows = torch.stack([tone(clips.speech(index)) for index in range(len(clips))])
    moods = [names.index(clips.motion(index).provenance["mood"]) for index in range(len(clips))]
    return rows, torch.tensor(moods)


def plainly(paths: list[Path]) -> tuple[Tensor, Tensor]:
    """The same of recordings of people without a mood."""
    rows = torch.stack([tone(load_speech(path)) for path in paths])
    return rows, torch.full((len(rows),), list(MOODS).index(NEUTRAL_MOOD))


def learnt(rows: Tensor, moods: Tensor) -> MoodEar:
    mean, deviation = rows.mean(0), rows.std(0).clamp(min=1e-6)
    even = 1 / torch.bincount(moods, minlength=len(MOODS)).clamp(min=1)
    weights = torch.zeros(rows.shape[1], len(MOODS), requires_grad=True)
    bias = torch.zeros(len(MOODS), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=500)

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = (rows - mean) / deviation @ weights + bias
        error = F.cross_entropy(logits, moods, weight=even / even.mean()) + DECAY * weights.square().sum()
        error.backward()
        return error

    optimiser.step(loss)  # type: ignore[arg-type]
    scaled = weights.detach() / deviation[:, None]
    return MoodEar(tuple(MOODS), scaled, bias.detach() - mean @ scaled)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("readers", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parents[1] / "assets" / MOOD_EAR)
    given = parser.parse_args()
    taught = told(ClipSet(given.clips, "train")), plainly(sorted(given.readers.glob("*/*.ogg"))[::EVERY])
    ear = learnt(*(torch.cat(parts) for parts in zip(*taught, strict=True)))
    save_struct(ear, given.out)
    rows, moods = told(ClipSet(given.clips, "test"))
    shares = (rows @ ear.weights + ear.bias).softmax(1)
    sure, right = shares.amax(1), shares.argmax(1) == moods
    print(f"named rightly: {right.float().mean():.2f} of {len(moods)}")
    print(f"of {int((sure >= SURE).sum())} that are sure: {right[sure >= SURE].float().mean():.2f}")
    rows, plain = plainly(sorted(given.strangers.glob("*.wav")))
    shares = (rows @ ear.weights + ear.bias).softmax(1)
    wrong = (shares.amax(1) >= SURE) & (shares.argmax(1) != plain)
    print(f"of {len(rows)} strangers without a mood {int(wrong.sum())} are surely given one")
    for number, mood in enumerate(MOODS):
        print(f"{mood:10} {int(right[moods == number].sum())} of {int((moods == number).sum())}")


if __name__ == "__main__":
    main()
