"""EMOCA's detail: the displacement decoder out of a user's own checkpoint of EMOCA or DECA, made a file of
ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talkcli.engine.assets import data_folder, sha256
from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.destinations import made_folder
from talkcli.engine.errors import BadUsage, Untrusted, pick, reading
from talkcli.engine.face.detail import DEEPEST, DETAIL_FILE, DETAIL_SIDE, DetailDecoder, DetailWeights
from talkcli.engine.face.flame import import_flame
from talkcli.engine.files import save_struct

EMOCA_FILES = {
    "model": "detail/checkpoints/*.ckpt of EMOCA_v2_lr_mse_20, or deca_model.tar",
    "fixed": "fixed_displacement_256.npy",
}
"""What `talk models import emoca NAME=FILE` takes; the latter may be missing."""
_PART = "D_detail"
_SETTINGS = ("omegaconf.", "pytorch_lightning.", "lightning_fabric.", "lightning.", "typing.", "pathlib.")
"""Modules of classes that settings beside weights are made of; they are read as nothing."""
_HINT = "Give the checkpoint of the stage `detail`."


def import_emoca(files: Mapping[str, Path], *, overwrite: bool = False) -> dict[str, Any]:
    """The decoder in the data folder, where whatever draws FLAME finds it; what was made.

    BadUsage where one is there already or the model is missing, Untrusted for a damaged file or another's.
    """
    for kind in files:
        pick(kind, EMOCA_FILES, "file of EMOCA")
    if "model" not in files:
        raise BadUsage("The checkpoint itself is missing.", "talk models import emoca model=detail.ckpt")
    path = data_folder() / DETAIL_FILE
    if path.exists() and not overwrite:
        raise BadUsage(f"EMOCA's detail is imported already: {path}.", "Give --overwrite to import it anew.")
    fixed = _fixed(files["fixed"]) if "fixed" in files else None
    weights = detail_weights(files["model"])
    made_folder(path.parent)
    save_struct(DetailWeights(weights, fixed), path)
    return {
        "detail": "emoca",
        "files": {kind: {"name": file.name, "sha256": sha256(file)} for kind, file in files.items()},
        "licence": "that of its authors: see where you got it",
        "output": path,
    }


def detail_weights(path: Path) -> dict[str, Tensor]:
    """Weights of a DetailDecoder out of a checkpoint of EMOCA (`state_dict`, `deca.D_detail.*`) or of DECA
    (`D_detail`), layer by layer in their order. Untrusted where they are no such layers."""
    tree = load_pickled(path, _SETTINGS)
    with reading(path, "a checkpoint with EMOCA's detail decoder", _HINT, Untrusted):
        if _PART in tree:
            theirs = dict(tree[_PART])
        else:
            theirs = {k: v for k, v in tree["state_dict"].items() if f".{_PART}." in f".{k}"}
        ours, found = DetailDecoder().state_dict(), list(theirs.values())
        if len(found) != len(ours):
            raise ValueError(f"it has {len(found)} tensors of {_PART}, not {len(ours)}")
        for name, tensor in zip(ours, found, strict=True):
            if not isinstance(tensor, Tensor) or tensor.shape != ours[name].shape:
                raise ValueError(f"{name} would be {list(getattr(tensor, 'shape', []))}")
        return {name: tensor.to(ours[name].dtype) for name, tensor in zip(ours, found, strict=True)}


def _fixed(path: Path) -> Tensor:
    with reading(path, "a map of displacements", f"Give {EMOCA_FILES['fixed']}."):
        displacements = np.load(path, allow_pickle=False)
        if displacements.shape != (DETAIL_SIDE, DETAIL_SIDE) or not (np.abs(displacements) <= DEEPEST).all():
            raise ValueError(f"it is {list(displacements.shape)}, or above {DEEPEST} m")
        return torch.from_numpy(displacements.astype(np.float32))


FOR_FLAME = {"flame": import_flame, "emoca": import_emoca}
"""What a user may bring for the rig of that name, and what takes it in."""
