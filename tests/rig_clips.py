"""Clips of the built-in rig that no synthesiser is needed for."""

from fractions import Fraction
from pathlib import Path

import torch
from torch.nn.functional import avg_pool1d

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.clips import Clip, ClipSet, Contents, save_clip, save_contents
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.speech import Speech


def studio_clips(folder: Path, frames: int = 45) -> ClipSet:
    """Two speakers of the rig who open their mouths when it is loud, twice for so many frames each."""
    samples = frames * 1600 // 3
    model, names, dice = load_face_model(), [], torch.Generator().manual_seed(0)
    for speaker in ("ada", "ben"):
        lips = model.topology.regions["lips"]
        avatar = Avatar(speaker, model.template, model.topology.faces, lips, rig=DEFAULT_RIG)
        for number in range(2):
            loud = torch.rand(frames, generator=dice)
            hiss = torch.randn(samples, generator=dice)
            if speaker == "ben":  # a darker voice
                hiss = avg_pool1d(hiss[None], 9, 1, 4)[0] * 3
            sound = hiss * loud.repeat_interleave(534)[:samples] * 0.2
            weights = torch.zeros(frames, len(model.shapes))
            weights[:, model.shape_names.index("jawOpen")] = loud
            weights[:, model.shape_names.index("mouthPucker")] = loud.flip(0) * 0.3
            weights[:, model.shape_names.index("eyeBlinkLeft")] = 1.0
            motion = Motion(Fraction(30), Coefficients(weights, torch.zeros(frames, 3)))
            names.append(f"{speaker}/{number}")
            save_clip(Clip(Speech(sound), motion, avatar), folder, names[-1])
    save_contents(Contents({"train": names}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)
