"""Gate: what may become a clip, and what may be learnt from."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import soundfile
import torch
from safetensors import safe_open

from talkcli.engine.errors import BadInput, Untrusted, counted, reading
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.files import fraction_of, load_shapes
from talkcli.engine.motion import Motion, motion_frames
from talkcli.engine.speech import Speech
from talkcli.engine.struct import tracks

MOST_FRAMES_APART, MOST_SHARE_APART = 3, 0.02
"""How far frames and sound of a clip may differ: so many frames, or this share of them."""
SMALLEST_HEAD, LARGEST_HEAD = 0.05, 1.0
"""Metres along the longest side of a head."""


def check_clip(speech: Speech, motion: Motion, avatar: Avatar, in_metres: bool = True) -> None:
    """BadInput, with the reason, for what cannot be a clip: no frames, no numbers, another sound, no head."""
    if not len(motion):
        raise BadInput("it has no frames.")
    for part, what in ((motion, "its motion"), (speech, "its sound"), (avatar, "its face")):
        numbers = vars(part).values() if part is not motion else tracks(motion)
        if not all(bool(torch.isfinite(t).all()) for t in numbers if isinstance(t, torch.Tensor)):
            raise BadInput(f"{what} holds what is no number.")
    check_together(len(motion), motion.fps, speech.seconds)
    sides = avatar.neutral.amax(0) - avatar.neutral.amin(0)
    longest = float(sides.max())
    if in_metres and not SMALLEST_HEAD <= longest <= LARGEST_HEAD:
        raise BadInput(f"its head is {longest:.3g} m long, not {SMALLEST_HEAD:g} to {LARGEST_HEAD:g}.")


def check_together(frames: int, fps: Fraction, seconds: float) -> None:
    """BadInput where so many frames are not the motion of a sound so long."""
    sounding = seconds * float(fps)
    if abs(frames - sounding) > max(MOST_FRAMES_APART, MOST_SHARE_APART * frames):
        raise BadInput(f"its motion has {counted(frames, 'frames')}, its sound lasts {sounding:.1f}.")


def check_stored(motion: Path, sound: Path, verts: int | None) -> int | None:
    """The vertices that a stored clip moves, None for weights of a rig, from the headers of its files.

    BadInput, naming the clip, where it has no frames, lasts longer or shorter than its sound, or moves other
    than `verts` vertices, if those are given.
    """
    shapes = load_shapes(motion)
    with (
        reading(motion, "a talk file", "Prepare the clip again.", Untrusted),
        safe_open(motion, framework="pt") as file,
    ):
        fps = fraction_of(json.loads(file.metadata()["talk"])["fields"]["fps"]["fraction"])
    with reading(sound, "a recording", "Prepare the clip again."):
        header = soundfile.info(str(sound))
    frames = motion_frames(motion)
    dense = shapes.get("face.offsets") or shapes.get("face.basis")
    moved = dense[1] if dense else None
    hint = "Prepare it again, or take it out of clips.json."
    if not frames:
        raise BadInput(f"{motion} has no frames.", hint)
    if verts is not None and moved not in (None, verts):
        raise BadInput(f"{motion} moves {moved} vertices, the clips before it {verts}.", hint)
    try:
        check_together(frames, fps, header.frames / header.samplerate)
    except BadInput as error:
        raise BadInput(f"{motion}: {error.message}", hint) from error
    return moved
