"""Make an ear of our own weights alone: python -m recipes.ears_own CLIPS EARS CHOOSING

A log-mel encoder (`--set ears=logmel`) learns from CLIPS what a better ear hears (`training.distillation`):
the one that ships or, with --teacher FOLDER, the one in a folder as `talk animate --ears` takes it. That one
hears --sounds of 5 s first, which are kept beside EARS. The student begins from nothing or, with --from, with
the ear of a checkpoint. Either goes on where it was stopped. It is counted on
CHOOSING as recipes/ears.py counts, and written to EARS; `talk train --model textalker --set ears=logmel
--set ears_of=EARS` begins with it.

None ships (4.2 MB). What it makes as it stands, in an hour and a quarter of one core: benchmarks/README.md.
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
from talkcli.engine.files import FORMAT, load_tensors, save_tensors
from talkcli.engine.hub import SAFE
from talkcli.engine.methods.other_ears import ear_in
from talkcli.engine.methods.plan import halved
from talkcli.engine.training.distillation import TOGETHER, Overheard, distillation, overheard
from talkcli.engine.training.run import train


def shipped() -> StarterEar:
    """The ear of the starters, without a lean."""
    checkpoint = load_checkpoint(asset(STARTER_EARS))
    ear = StarterEar(from_values(StarterEarConfig, checkpoint.config))
    ear.load_state_dict(checkpoint.weights)
    return ear.eval()


def heard(teacher: StarterEar, clips: ClipSet, sounds: int, folder: Path) -> Overheard:
    """What the teacher hears in so many sounds, some at a time in a file of their own."""
    files = [folder / f"heard-{number:04}.safetensors" for number in range(-(-sounds // TOGETHER))]
    for number, path in enumerate(files):
        if not path.exists():
            lesson = overheard(teacher, clips, seed=SEED, number=number)
            save_tensors(dict(vars(lesson)), {"format": FORMAT}, path)
            print(f"heard {(number + 1) * TOGETHER} of {sounds} sounds", flush=True)
    parts = [load_tensors(path)[0] for path in files]
    return Overheard(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("clips", "ears", "choosing"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--teacher", metavar="FOLDER", type=Path)
    parser.add_argument("--from", dest="start", metavar="CHECKPOINT", type=Path)
    parser.add_argument("--sounds", type=int, default=2400)
    parser.add_argument("--steps", type=int, default=2200)
    given = parser.parse_args()
    teacher = ear_in(given.teacher).ear if given.teacher else shipped()
    whose = (given.teacher / SAFE) if given.teacher else asset(STARTER_EARS)
    torch.manual_seed(SEED)
    student = LogMelEncoder(LogMelEncoderConfig())
    if given.start:
        take_phone_ear(student, load_checkpoint(given.start).weights)
    lessons, run = ClipSet(given.clips, "train"), given.ears.with_suffix(".run")
    run.mkdir(parents=True, exist_ok=True)
    stages = {"distil": distillation(heard(teacher, lessons, given.sounds, run), steps=given.steps)}
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
        "training": {
            "sounds": given.sounds,
            "steps": given.steps,
            "seed": SEED,
            "from": given.start and sha256(given.start),
        },
        "scores": {f"people who choose: {name}": scores(counts) for name, counts in totals.items()},
    }
    weights = {name: halved(tensor) for name, tensor in student.state_dict().items()}
    save_checkpoint("ears", student.config, weights, provenance, given.ears, whole=True)


if __name__ == "__main__":
    main()
