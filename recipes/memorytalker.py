"""Make the MemoryTalker starter: python recipes/memorytalker.py CLIPS CHECKPOINT [RECORDINGS]

1. Trains CHECKPOINT by recipes/memorytalker.toml; goes on where it was stopped, and takes one that is there.
2. Leans its hearing towards shut lips. A closure that is missed, or a mouth that moves in silence, is seen at
   once; one closure too many is not. So the encoder's logits are raised by the least amount with which lips
   reach a target on the studio's validation speakers, heard in other rooms: that of silence (in steps of
   0.25) for stillness, then those of P, B and M (in steps of 0.1) for closure.
3. Scores it on the studio's test speakers and on RECORDINGS, human ones with alignments, and writes lean and
   scores into its provenance.

The targets were set by a person who had seen the unleaned starter's scores on the human recordings of
benchmarks/real_speech.py, so those are not blind; the amounts follow from the studio alone.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.audio.logmel_encoder import LogMelEncoder
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.config import load_toml
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.plan import carried_out, plan_for
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.metrics.takes import performed, takes_of_audio
from talkcli.engine.phones import PHONE_INDEX, SILENCE
from talkcli.engine.speech import Speech

LICENCE = "Apache-2.0"
"""See assets/SOURCES.md."""
STILL, SHUT = 0.985, 0.9
"""Targets."""
CLIPS = 40
HEARD = ("closure", "shut_vowels", "stillness", "correlation", "rounding", "lip_jerk")
LEANS = (
    ("stillness", STILL, [SILENCE], 0.25),
    ("closure", SHUT, [PHONE_INDEX[phone] for phone in "PBM"], 0.1),
)


def train(clips: Path, path: Path) -> None:
    """The checkpoint by the recipe; a run that was stopped goes on."""
    plan = plan_for(clips, load_toml(Path(__file__).with_suffix(".toml")))
    for moment in carried_out(plan, path, device="auto", resume=True):
        if moment.step is not None and moment.step.number % 200 == 0:
            print(f"{moment.stage}  {moment.step}", flush=True)


def spoken(talker: Talker, clips: ClipSet, rooms: bool) -> Iterator[Case]:
    """About CLIPS clips of a split in turn, as they are or in other rooms."""
    avatar = talking_head()
    for i in range(0, len(clips), max(1, len(clips) // CLIPS)):
        wave = clips.speech(i).waveform.numpy()
        wave = elsewhere(wave, np.random.default_rng([1, i])) if rooms else wave
        motion = talker.animate(Speech(torch.from_numpy(wave)), avatar)
        yield Case(clips.names[i], motion, avatar, reference=clips.motion(i), phones=clips.phones(i))


def scores(metrics: tuple[str, ...], cases: Iterator[Case]) -> dict[str, float]:
    return {score.metric: float(f"{score.value:.3g}") for score in evaluate(metrics, list(cases))}


def lean(talker: Talker, encoder: LogMelEncoder, clips: ClipSet) -> dict[str, object]:
    """In place: the encoder's logits; what was done."""
    bias, leans = encoder.get_parameter("leave.bias"), {}
    reached = scores(HEARD, spoken(talker, clips, rooms=True))
    for metric, target, phones, step in LEANS:
        count = 0
        while reached[metric] < target and count < 10:
            print(f"{metric}, lean {count * step:.2f}: {reached}", flush=True)
            with torch.no_grad():
                bias[phones] += step
            count, reached = count + 1, scores(HEARD, spoken(talker, clips, rooms=True))
        print(f"{metric}, lean {count * step:.2f}: {reached}", flush=True)
        leans[metric] = {"target": target, "added_to_logits": round(count * step, 2)}
    return leans


def main() -> None:
    folder, path = Path(sys.argv[1]), Path(sys.argv[2])
    if not path.exists():
        train(folder, path)
    talker = open_talker(str(path))
    ear = phone_ear(talker)
    assert ear is not None
    name, encoder = ear
    leans = lean(talker, encoder, ClipSet(folder, "val"))
    test = spoken(talker, ClipSet(folder, "test"), rooms=False)
    results = {"studio, test speakers": scores(("lve", *HEARD), test)}
    if len(sys.argv) > 3:
        cases = performed(takes_of_audio([Path(sys.argv[3])]), lambda s, a, _: talker.animate(s, a), None)
        results["human recordings"] = scores(HEARD, cases)
    print(results)
    checkpoint = load_checkpoint(path)
    weights = dict(checkpoint.weights)
    weights[f"{name}.leave.bias"] = (
        encoder.get_parameter("leave.bias").detach().to(weights[f"{name}.leave.bias"].dtype)
    )
    provenance = {**checkpoint.provenance, "licence": LICENCE, "lean": leans, "scores": results}
    save_checkpoint(checkpoint.method, talker.config, weights, provenance, path)


if __name__ == "__main__":
    main()
