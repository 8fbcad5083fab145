"""Pose: other head movement for a motion, on top of its own or in its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from talkcli.engine.editing.asking import Server, asked
from talkcli.engine.editing.cues import Cues
from talkcli.engine.editing.manners import understood
from talkcli.engine.editing.trajectories import Trajectory, evaluated, load_trajectory
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.rotations import composed
from talkcli.engine.motion import Head, Motion
from talkcli.engine.speech import Speech

HIGHEST_GAIN = 4.0


def directed(
    motion: Motion,
    speech: Speech | None,
    *,
    prompt: str | None = None,
    file: Path | None = None,
    server: Server | None = None,
) -> tuple[Trajectory | None, list[str]]:
    """The trajectory of a file, of a prompt, or of the language model of a server, and what is to be told.

    None where nothing is asked for. Errors as in `load_trajectory`, `understood` and `asked`.
    """
    if file is not None:
        return load_trajectory(file)
    if server is not None:
        return asked(server, prompt or "", Cues(speech, len(motion), motion.fps).as_json)
    if prompt is None:
        return None, []
    meaning = understood(prompt)
    unknown = ", ".join(meaning.unknown)
    notes = [f"Not known here, and left out: {unknown}. The words are in: talk pose --list"]
    return meaning.trajectory, notes if unknown else []


def reposed(
    motion: Motion,
    trajectory: Trajectory | None,
    speech: Speech | None = None,
    *,
    gain: float = 1.0,
    replacing: bool = False,
) -> Motion:
    """The motion whose head also goes along a trajectory (R = R_trajectory R_own), or in its place alone.

    `gain` is a factor on the trajectory or, without one, on the head's own movement. BadInput where the
    trajectory follows a voice and there is none; BadUsage for a gain beyond 0 and HIGHEST_GAIN.
    """
    if not 0 <= gain <= HIGHEST_GAIN:
        raise BadUsage(f"--gain cannot be {gain:g}.", f"Give 0 to {HIGHEST_GAIN:g}.")
    still = torch.zeros(len(motion), 3)
    own = motion.head or Head(still, still)
    told = {"gain": gain, "replace": replacing}
    if trajectory is None:
        if gain == 1:
            return motion
        head = Head(own.rotation * gain, own.translation * gain)
    else:
        cues = Cues(speech, len(motion), motion.fps)
        turn = gain * torch.deg2rad(evaluated(trajectory, len(motion), motion.fps, cues.envelope))
        head = Head(turn, still) if replacing else Head(composed(turn, own.rotation), own.translation)
        told["trajectory"] = trajectory.as_json
    return replace(motion, head=head, provenance={**motion.provenance, "pose": told})
