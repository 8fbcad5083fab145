"""Who somebody is to 3DXTalker: the frame that it draws differences from, of a picture or of codes that a
user's DECA, EMOCA or kin made of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli import __version__
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.face.avatar import Avatar, check_face
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.rigs import check_wears, talking_head
from talkcli.engine.methods.dxtalker.face_vector import identity_of, resting
from talkcli.engine.methods.dxtalker.talker import DxTalker

_SHAPE = ("shape", "shapecode", "shape_params", "betas", "beta")
_DETAIL = ("detail", "detailcode")
"""What those codes are called in archives of DECA, EMOCA, EMICA and SMIRK."""
_FLAMES = ("flame", "flame2020")
"""Rigs of the edition whose codes they are, or of one that its files do not name."""
_MOST_BYTES = 100_000_000
"""Of an archive of codes, unpacked."""
_LARGEST = 100.0
"""Of any code: standard deviations."""


def capture_picture(talker: DxTalker, person: Avatar, avatar: Avatar) -> Avatar:
    """The avatar with the frame of whom a picture shows: their identity, at rest. BadInput for another rig
    than the talker's."""
    check_wears(person, talker.config.rig)
    reference = resting(identity_of(person), talker.config.layout)
    return replace(avatar, styles={**avatar.styles, talker.method: reference})


def capture_codes(talker: DxTalker, path: Path, avatar: Avatar) -> Avatar:
    """Whom the codes in a .npz describe, on the talker's FLAME: `shape` [numbers] or [frames, numbers], of
    which the mean is taken, and `detail` where it is there; names of other programs too. What else an archive
    holds says how somebody was in a picture, not who they are.

    BadInput for a talker of another rig, for an archive without shape, or for more numbers than FLAME has.
    """
    config, (known, detail) = talker.config, _codes(path)
    if config.rig not in _FLAMES:
        raise BadInput(
            f"Codes describe a face of FLAME 2020, and this model moves the rig {config.rig}.",
            "Give a checkpoint that learnt from clips of FLAME (talk prepare talking3d), or a picture.",
        )
    most = len(load_rig(config.rig).identity)
    if len(known) > most:
        raise BadInput(
            f"{path}: its shape has {len(known)} numbers, FLAME {most}.", "Give codes of the same FLAME."
        )
    shape = F.pad(known, (0, most - len(known)))
    person = replace(
        talking_head(config.rig),
        name=path.stem,
        neutral=load_rig(config.rig).neutral(shape),
        identity=shape,
        provenance={
            "synthetic": True,
            "source": "codes of a face",
            "program": f"talk {__version__}",
        },
    )
    check_face(person, path)
    reference = resting(shape, config.layout)
    place = config.layout.part("detail")
    reference[place] = F.pad(detail, (0, config.layout.detail))[: config.layout.detail]
    return replace(person, styles={**avatar.styles, talker.method: reference})


def _codes(path: Path) -> tuple[Float[Tensor, " n_shape"], Float[Tensor, " n_detail"]]:
    """Shape and detail, which may be none."""
    with (
        reading(path, "an archive of codes", "Give a .npz with `shape`, and `detail` if there is one."),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        if sum(member.file_size for member in arrays.zip.infolist()) > _MOST_BYTES:
            raise ValueError(f"it unpacks to more than {_MOST_BYTES} bytes")
        names = {name.lower(): name for name in arrays.files}
        found = [
            next((_row(arrays[names[name]], name) for name in known if name in names), None)
            for known in (_SHAPE, _DETAIL)
        ]
        shape, detail = found
        if shape is None:
            raise ValueError(f"it holds {_listed(arrays.files)}, and no shape")
        return shape, torch.zeros(0) if detail is None else detail


def _row(array: np.ndarray, name: str) -> Float[Tensor, " numbers"]:
    """The numbers of one face, or their mean over frames."""
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)}")
    row = array.reshape(-1, array.shape[-1]).mean(0, dtype=np.float64)
    if not (np.abs(row) < _LARGEST).all():
        raise ValueError(f"{name} holds what is no code")
    return torch.from_numpy(row).float()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:8]) or "nothing"
