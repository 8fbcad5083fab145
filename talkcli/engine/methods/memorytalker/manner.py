"""A person's gains from their own motion, where it is known.

This is ours: the paper hears a style in audio alone (section 3.3). The memory, the decoder and the form of a
style, one gain a slot, are the paper's, and `animate` cannot tell where the gains came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio.pauses import rests
from talkcli.engine.clips import ClipSet, clips_of_one
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods.memorytalker.motions import target
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, SpokenText

_SHORTEST, ENOUGH = 1.0, 120.0
"""Seconds of motion below which nothing is known, and above which no more is read."""
PRIOR = 0.1
"""Seconds of motion that count as much as the unpersonal style, all gains one."""
FIT_STEPS = 20
"""Iterations of L-BFGS (Liu and Nocedal 1989)."""


class Observation(NamedTuple):
    """One window of a clip."""

    text: SpokenText
    rest: Float[Tensor, " frames"]
    """How far the talker's face is at rest."""
    motion: Float[Tensor, "frames dims"]
    """How the person moved."""


def capture_folder(talker: MemoryTalker, folder: Path, avatar: Avatar) -> Avatar:
    """The same face moving in the manner of the one person whose clips the folder holds (`clips_of_one`)."""
    clips = clips_of_one(folder)
    gain = fitted_gain(talker, clips, range(len(clips)))
    return replace(avatar, styles={**avatar.styles, talker.method: gain})


def fitted_gain(talker: MemoryTalker, clips: ClipSet, indices: Sequence[int]) -> Float[Tensor, " slots"]:
    """The w_s with which the talker moves most as the person does in these clips.

    Least squares of the motion, relative to the error of the unpersonal style and times the seconds seen,
    plus PRIOR times the squared distance of the gains from one: a few seconds change little. Nothing is
    random, and the error on these clips is never above that of the unpersonal style.
    """
    observations, seconds = observe(talker, clips, indices)
    gain = torch.ones(talker.config.slots, device=talker.output.weight.device, requires_grad=True)
    with torch.no_grad():
        unpersonal = misfit(talker, observations, gain).clamp(min=1e-12)
    best, least = gain.detach().clone(), seconds
    search = torch.optim.LBFGS([gain], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        nonlocal best, least
        search.zero_grad()
        loss = PRIOR * (gain - 1).square().sum()
        loss.backward()
        total = loss.item()
        for observation in observations:
            part = misfit(talker, [observation], gain) * (seconds / unpersonal)
            part.backward(inputs=[gain])
            total += part.item()
        if total < least:
            best, least = gain.detach().clone(), total
        return total

    search.step(closure)
    return best.cpu()


def misfit(
    talker: MemoryTalker, observations: Sequence[Observation], gain: Float[Tensor, " slots"]
) -> Float[Tensor, ""]:
    """Sum of squared errors over every number of every frame."""
    errors = []
    for text, rest, motion in observations:
        frames = torch.tensor([len(motion)], device=motion.device)
        spoken = talker.output(talker.speak(text, frames, gain[None]))[0] * (1 - rest)[:, None]
        errors.append((spoken - motion).square().sum())
    return torch.stack(errors).sum()


@torch.no_grad()
def observe(talker: MemoryTalker, clips: ClipSet, indices: Sequence[int]) -> tuple[list[Observation], float]:
    """The clips in windows of the talker's window, up to ENOUGH seconds, and how many seconds they are."""
    fps, longest = talker.config.fps, talker.config.window * talker.config.period
    observations, left = [], round(ENOUGH * fps)
    for index in indices:
        motion, speech = target(talker, clips.motion(index)), clips.speech(index)
        frames = min(len(motion), speech.frames(fps, talker.config.counted))
        letters, last = talker.encoder.listened(speech, frames), min(frames, left)
        text, rest = talker.spoken_text(letters, frames), rests(talker.encoder.silence(letters), frames, fps)
        for start in range(0, last, longest):
            stop = min(start + longest, last)
            numbers = (
                part.to(talker.output.weight.device) for part in (rest(start, stop), motion[start:stop])
            )
            observations.append(Observation(text(start, stop), *numbers))
        left -= last
    seconds = sum(len(observation.motion) for observation in observations) / fps
    if seconds < _SHORTEST:
        raise BadInput(
            f"There are {seconds:.2g} s of motion in {clips.folder}.",
            f"Give at least {_SHORTEST:g} s; ten clips of a few seconds are better.",
        )
    return observations, seconds
