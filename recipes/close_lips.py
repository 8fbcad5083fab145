"""Lean a starter's hearing towards shut lips: python recipes/close_lips.py CLIPS CHECKPOINT

A closure that is missed is seen at once, one that is slightly too many is not, so the encoder's logits of P, B
and M are raised by the least amount (in steps of 0.1) with which the lips reach the target share of their
closures on the studio's validation speakers, heard in other rooms. Rewrites CHECKPOINT, and says so in its
provenance.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.methods import open_talker
from talkcli.engine.metrics.evaluate import Case, evaluate, talking_head
from talkcli.engine.phones import INDEX
from talkcli.engine.speech import Speech

TARGET = 0.96
CLIPS = 60
METRICS = ("closure", "shut_vowels", "stillness", "correlation")


def main() -> None:
    clips, path = ClipSet(Path(sys.argv[1]), "val"), Path(sys.argv[2])
    talker = open_talker(str(path))
    bias = talker.encoder.leave.bias  # type: ignore[union-attr]
    lips = [INDEX[phone] for phone in "PBM"]
    avatar = talking_head()
    picks = range(0, len(clips), max(1, len(clips) // CLIPS))
    voices = [elsewhere(clips.speech(i).waveform.numpy(), np.random.default_rng([1, i])) for i in picks]
    for step in range(20):
        cases = [
            Case(
                clips.names[i], talker.animate(Speech(torch.from_numpy(voice)), avatar), avatar,
                reference=clips.motion(i), phones=clips.phones(i),
            )
            for i, voice in zip(picks, voices, strict=True)
        ]  # fmt: skip
        scores = {score.metric: round(score.value, 3) for score in evaluate(METRICS, cases)}
        print(f"lean {step / 10:.1f}: {scores}", flush=True)
        if scores["closure"] >= TARGET:
            break
        with torch.no_grad():
            bias[lips] += 0.1
    checkpoint = load_checkpoint(path)
    weights = dict(checkpoint.weights)
    weights["encoder.leave.bias"] = bias.detach().to(weights["encoder.leave.bias"].dtype)
    lean = {"added_to_logits_of_P_B_M": step / 10, "target_closure": TARGET, "clips": len(picks), **scores}
    provenance = {**checkpoint.provenance, "lean": lean}
    save_checkpoint(checkpoint.method, talker.config, weights, provenance, path)


if __name__ == "__main__":
    main()
