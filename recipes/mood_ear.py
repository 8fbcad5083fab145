"""Learn to hear moods: python recipes/mood_ear.py CLIPS [OUT]

CLIPS are of `talk prepare studio --set moods=0.6`. Reads mean, deviation and ends of the intonation of every
training clip and finds the linear reading of them that tells moods apart, each mood counting as much as any
other. Prints what it makes of the test speakers, and writes assets/moods_heard.safetensors, or OUT.
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
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.files import save_struct

DECAY = 1e-2


def told(clips: ClipSet) -> tuple[Tensor, Tensor]:
    """What is heard of every clip, and the number of its mood."""
    names = list(MOODS)
    rows = torch.stack([tone(clips.speech(index)) for index in range(len(clips))])
    moods = [names.index(clips.motion(index).provenance["mood"]) for index in range(len(clips))]
    return rows, torch.tensor(moods)


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
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parents[1] / "assets" / MOOD_EAR)
    given = parser.parse_args()
    ear = learnt(*told(ClipSet(given.clips, "train")))
    save_struct(ear, given.out)
    rows, moods = told(ClipSet(given.clips, "test"))
    shares = (rows @ ear.weights + ear.bias).softmax(1)
    sure, right = shares.amax(1), shares.argmax(1) == moods
    print(f"named rightly: {right.float().mean():.2f} of {len(moods)}")
    print(f"of {int((sure >= SURE).sum())} that are sure: {right[sure >= SURE].float().mean():.2f}")
    for number, mood in enumerate(MOODS):
        print(f"{mood:10} {int(right[moods == number].sum())} of {int((moods == number).sum())}")


if __name__ == "__main__":
    main()
