"""Make an ear of our own weights alone: python -m recipes.ears_own CLIPS EARS CHOOSING

A log-mel encoder (`--set ears=logmel`) learns from CLIPS what a better ear hears (`training.distillation`):
the one that ships or, with --teacher FOLDER, the one in a folder as `talk animate --ears` takes it. It begins
from nothing or, with --from, with the ear of a checkpoint, and goes on where it was stopped. It is counted on
CHOOSING as recipes/ears.py counts, and written to EARS; `talk train --model textalker --set ears=logmel
--set ears_of=EARS` begins with it.

None ships, and no run of it has been measured: it is meant to name 0.62 of the phones of those people.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from recipes.ears import SEED, counted, scores
from talkcli import __version__
from talkcli.engine.assets import STARTER_EARS, asset, sha256
from talkcli.engine.audio.ears import take_phone_ear
from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.config import from_values
from talkcli.engine.hub import SAFE
from talkcli.engine.methods.other_ears import ear_in
from talkcli.engine.methods.plan import halved
from talkcli.engine.training.distillation import distillation
from talkcli.engine.training.run import train


def shipped() -> StarterEar:
    """The ear of the starters, without a lean."""
    checkpoint = load_checkpoint(asset(STARTER_EARS))
    ear = StarterEar(from_values(StarterEarConfig, checkpoint.config))
    ear.load_state_dict(checkpoint.weights)
    return ear.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("clips", "ears", "choosing"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--teacher", metavar="FOLDER", type=Path)
    parser.add_argument("--from", dest="start", metavar="CHECKPOINT", type=Path)
    parser.add_argument("--steps", type=int, default=10_000)
    given = parser.parse_args()
    teacher = ear_in(given.teacher).ear if given.teacher else shipped()
    whose = (given.teacher / SAFE) if given.teacher else asset(STARTER_EARS)
    torch.manual_seed(SEED)
    student = LogMelEncoder(LogMelEncoderConfig())
    if given.start:
        take_phone_ear(student, load_checkpoint(given.start).weights)
    lessons, run = ClipSet(given.clips, "train"), given.ears.with_suffix(".run")
    run.mkdir(exist_ok=True)
    stages = {"distil": distillation(teacher, steps=given.steps)}
    for moment in train(student, stages, lessons, seed=SEED, device="auto", folder=run):
        if moment.step is not None and moment.step.number % 50 == 0:
            print(moment.step, flush=True)
    student.eval()
    totals = counted({"these": student.heard_at_ticks, "teacher": teacher.heard_at_ticks}, given.choosing)
    for name, counts in totals.items():
        print(name, scores(counts), f"{counts['ticks']} ticks, {counts['shut']} P, B and M")
    provenance = {
        "program": f"talk {__version__}",
        "licence": "Apache-2.0",
        "source": f"recipes/ears_own.py; teacher: {whose.name}, SHA-256 {sha256(whose)}",
        "data": {"clips": len(lessons), "source": lessons.contents.source, **lessons.contents.made},
        "training": {"steps": given.steps, "seed": SEED, "from": given.start and sha256(given.start)},
        "scores": {f"people who choose: {name}": scores(counts) for name, counts in totals.items()},
    }
    weights = {name: halved(tensor) for name, tensor in student.state_dict().items()}
    save_checkpoint("ears", student.config, weights, provenance, given.ears, whole=True)


if __name__ == "__main__":
    main()
