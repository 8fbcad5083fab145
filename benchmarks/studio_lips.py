"""What costs lips their nearness to the studio's speakers? python -m benchmarks.studio_lips CLIPS

The starters on a clip of each test speaker of `talk prepare studio`, read on the mean face, LVE in 1e-5 m²
(the worst lip vertex, squared, averaged over frames): as they ship, and with what was chosen on real people
left out, one thing after another: the lean of their hearing towards P, B, M and silence (with its firmness),
silence throughout pauses, the way to rest in them. Also over the clips in no mood, and with each clip's mean
face taken from both, which leaves what speech moves. Aligned phones in the neutral manner know no mood and no
speaker: what is left to them nobody hears.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio import starter_ear
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.audio.pauses import FrameValues
from talkcli.engine.audio.starter_ear import StarterEar
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.other_ears import lean_of
from talkcli.engine.metrics.baselines import spoken
from talkcli.engine.metrics.mouth import region_track, regions_of
from talkcli.engine.motion import Motion

EVERY = 1000
"""Of so many clips of a speaker one speaks."""
TALKERS = ("textalker", "memorytalker")
Lips = Float[Tensor, "frames lips 3"]


def lips_of(motion: Motion) -> Lips:
    head = talking_head()
    lips = regions_of(head).lips
    assert lips is not None
    return region_track(motion, head, lips.long())


def error(ours: Lips, theirs: Lips) -> Float[Tensor, " frames"]:
    return 1e5 * (ours - theirs).square().sum(-1).amax(1)


def row(name: str, ours: Sequence[Lips], truth: Sequence[Lips], plain: Sequence[bool]) -> str:
    pairs = [(a[: len(b)], b[: len(a)]) for a, b in zip(ours, truth, strict=True)]
    errors = [error(a, b) for a, b in pairs]
    calm = torch.cat([each for each, neutral in zip(errors, plain, strict=True) if neutral])
    moved = torch.cat([error(a - a.mean(0), b - b.mean(0)) for a, b in pairs])
    return f"| {name} | {torch.cat(errors).mean():.2f} | {calm.mean():.2f} | {moved.mean():.2f} |"


def restless(silence: FrameValues, frames: int, fps: float) -> FrameValues:
    return lambda start, stop: torch.zeros(stop - start)


def ways(name: str, talker: Talker) -> Iterator[str]:
    """The talker as it ships, and then with one thing more left out each time; what it is now."""
    named = phone_ear(talker)
    assert named is not None
    ear = named[1]
    assert isinstance(ear, StarterEar)
    yield name
    with torch.no_grad():
        ear.leave.bias.sub_(lean_of(ear).to(ear.leave.bias))
    ear.config = replace(ear.config, firmness=0.0)
    yield "its hearing not leaned"
    ear.config = replace(ear.config, faint=0.0)
    with ExitStack() as left_out:
        left_out.enter_context(patch.object(starter_ear, "silenced_pauses", lambda logits: logits))
        yield "and pauses as they are heard"
        module = import_module(f"talkcli.engine.methods.{name}.talker")
        left_out.enter_context(patch.object(module, "rests", restless))
        yield "and no rest in them"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    clips = ClipSet(parser.parse_args().clips, "test").thinned(EVERY)
    motions = [clips.motion(clip) for clip in range(len(clips))]
    truth = [lips_of(motion) for motion in motions]
    plain = [motion.provenance.get("mood", "neutral") == "neutral" for motion in motions]
    print(f"{len(clips)} clips of {len(clips.speakers)} speakers, {sum(map(len, truth))} frames.\n")
    print("| | all | in no mood | about each clip's mean |\n|---|---:|---:|---:|")

    def told(name: str, speak: Callable[[int], Motion]) -> None:
        print(row(name, [lips_of(speak(clip)) for clip in range(len(clips))], truth, plain), flush=True)

    def aligned(clip: int) -> Motion:
        phones = clips.phones(clip)
        assert phones is not None
        return spoken(phones, len(truth[clip]), motions[clip].fps)

    told("aligned phones", aligned)
    for name in TALKERS:
        talker = open_talker(name)
        talker.leave_skin()
        for now in ways(name, talker):
            told(now, lambda clip, by=talker: by.animate(clips.speech(clip), talking_head()))


if __name__ == "__main__":
    main()
