"""Sessions of captures, of noise."""

from __future__ import annotations

from pathlib import Path

import torch

from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.files import save_struct
from talkcli.engine.studio.captures import CaptureSession, studio_cameras

_FACES, _SIZE = 3, 32


def write_captures(folder: Path) -> None:
    """One person before two cameras."""
    model, dice = load_face_model(), torch.Generator().manual_seed(0)
    weights = torch.zeros(_FACES, len(model.shape_names))
    pictures = torch.randint(0, 255, (4, _SIZE, _SIZE, 4), generator=dice, dtype=torch.uint8)
    session = CaptureSession(
        "p0000", model.template, torch.zeros(len(model.identity)), weights, 1,
        studio_cameras(_SIZE).part([0, 1]), torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 0, 1]), pictures,
    )  # fmt: skip
    save_struct(session, folder / "p0000.capture")
