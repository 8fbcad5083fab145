"""Make a starter: python recipes/starter.py RECIPE CLIPS CHECKPOINT CHOOSING

1. Trains CHECKPOINT by RECIPE (recipes/memorytalker.toml, recipes/textalker.toml); goes on where it was
   stopped, and takes one that is there.
2. Leans its hearing on CHOOSING, voices of people whom nothing learnt from (recipes/people.py): the logit of
   silence, then those of P, B and M, by the amounts with which lips that meet, pauses that are still and the
   correlation with the lips of the aligned phones are most in sum.
3. Scores it on the studio's test speakers, and writes lean and scores into its provenance, those on CHOOSING
   too, which are not blind: the lean was chosen there.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from talkcli.engine.assets import OURS_ON_FACEKIT, STARTER_EARS_LICENCE
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.config import load_toml
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.plan import carried_out, plan_for
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.metrics.takes import Take, performed, takes_of_audio
from talkcli.engine.phones import PHONE_INDEX, SILENCE

LICENCE = f"{OURS_ON_FACEKIT}; its ear: {STARTER_EARS_LICENCE}"
"""See assets/SOURCES.md."""
LIPS = [PHONE_INDEX[phone] for phone in "PBM"]
SILENCE_LEANS, LIP_LEANS = (-0.5, 0.0, 0.5, 1.0, 1.5), (0.25, 0.5, 0.75, 1.0)
"""Beside a lean of the lips of 0."""
WANTED = ("closure", "stillness", "correlation")
CLIPS = 40
HEARD = ("closure", "shut_vowels", "open_vowels", "stillness", "correlation", "rounding", "lag", "lip_jerk")


def train(recipe: Path, clips: Path, path: Path) -> None:
    """The checkpoint by the recipe; a run that was stopped goes on."""
    plan = plan_for(clips, load_toml(recipe))
    for moment in carried_out(plan, path, device="auto", resume=True):
        if moment.step is not None and moment.step.number % 200 == 0:
            print(f"{moment.stage}  {moment.step}", flush=True)


def spoken(talker: Talker, clips: ClipSet) -> Iterator[Case]:
    """About CLIPS clips of a split in turn."""
    avatar = talking_head()
    for i in range(0, len(clips), max(1, len(clips) // CLIPS)):
        motion = talker.animate(clips.speech(i), avatar)
        yield Case(clips.names[i], motion, avatar, reference=clips.motion(i), phones=clips.phones(i))


def scores(metrics: Sequence[str], cases: Iterator[Case]) -> dict[str, float]:
    return {score.metric: float(f"{score.value:.3g}") for score in evaluate(metrics, list(cases))}


def lean(talker: Talker, bias: torch.Tensor, takes: Sequence[Take]) -> dict[str, object]:
    """In place: the biases of the ear's logits; what was done."""
    untouched = bias.detach().clone()

    def lean_by(lips: float, silence: float) -> None:
        with torch.no_grad():
            bias.copy_(untouched)
            bias[LIPS] += lips
            bias[SILENCE] += silence

    def scores_at(lips: float, silence: float) -> dict[str, float]:
        lean_by(lips, silence)
        result = scores(
            HEARD, performed(takes, lambda speech, avatar, _: talker.animate(speech, avatar), None)
        )
        print(f"P B M {lips:+.2f}, silence {silence:+.2f}: {result}", flush=True)
        return result

    def worth(lean: tuple[float, float]) -> float:
        return sum(by_lean[lean][metric] for metric in WANTED)

    by_lean = {(0.0, silence): scores_at(0.0, silence) for silence in SILENCE_LEANS}
    silence = max(by_lean, key=worth)[1]
    by_lean |= {(lips, silence): scores_at(lips, silence) for lips in LIP_LEANS}
    best = max(by_lean, key=worth)
    lean_by(*best)
    return {"P B M": best[0], "silence": best[1], "people who choose": by_lean[best]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("recipe", "clips", "checkpoint", "choosing"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    folder, path = given.clips, given.checkpoint
    if not path.exists():
        train(given.recipe, folder, path)
    talker = open_talker(str(path))
    place = phone_ear(talker)
    assert place is not None
    name, ear = place
    bias = ear.get_parameter("leave.bias")
    leans = lean(talker, bias, takes_of_audio([given.choosing]))
    results = {"studio, test speakers": scores(("lve", *HEARD), spoken(talker, ClipSet(folder, "test")))}
    print(results)
    checkpoint = load_checkpoint(path)
    half = checkpoint.weights[f"{name}.leave.bias"]
    weights = {**checkpoint.weights, f"{name}.leave.bias": bias.detach().to(half.dtype)}
    provenance = {**checkpoint.provenance, "licence": LICENCE, "lean": leans, "scores": results}
    save_checkpoint(checkpoint.method, talker.config, weights, provenance, path)


if __name__ == "__main__":
    main()
