"""The people of captures as the prior learns from them: meshes, lit skins, pictures read when asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from talkcli.engine.errors import TalkError
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.texel_layout import TexelLayout, texels_on
from talkcli.engine.files import load_rows, load_tensors, save_tensors
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.unwrapping import seen_colours
from talkcli.engine.studio.captures import CAPTURES, SKINS_SUFFIX, CaptureSession, load_capture
from talkcli.engine.studio.sessions import people_files

_SEEN = 0.05
"""The least that pictures must show of a texel for its colour to be known."""


class Sitter(NamedTuple):
    """One session, but for its pictures."""

    path: Path
    identity: Float[Tensor, " n_identity"]
    learnt: int
    """The faces that come first are to learn from: so many, the first at rest."""
    weights: Float[Tensor, "faces shapes"]
    vertices: Float[Tensor, "faces verts 3"]
    looks: Float[Tensor, "faces n 3"]
    """sRGB 0..1 less that of the face at rest; half precision, 0 where nothing was seen."""
    skin: Float[Tensor, "n 3"]
    """sRGB 0..1 of the face at rest."""
    known: Bool[Tensor, " n"]
    cameras: Camera
    face: Int[Tensor, " shots"]
    camera: Int[Tensor, " shots"]

    def picture(self, shot: int) -> Tensor:
        """[height, width, 4] uint8."""
        rows = load_rows(self.path, "pictures", shot, shot + 1)
        assert rows is not None
        return rows[0]

    def shots_of(self, face: int, *, tests: bool = False) -> Int[Tensor, " shots"]:
        """Those of a face by the cameras that are learnt from, or by the one that is not."""
        last = len(self.cameras.views) - 1
        return torch.nonzero((self.face == face) & ((self.camera == last) == tests))[:, 0]


def captured_people(folder: Path, layout: TexelLayout, test: bool = False) -> list[Sitter]:
    """Everybody in a folder of captures: seven of eight to learn from, the others for tests.

    What is unwrapped is kept beside each. BadInput where there is nobody.
    """
    return [_person(path, layout) for path in people_files(CAPTURES, folder, test)]


def _person(path: Path, layout: TexelLayout) -> Sitter:
    capture = load_capture(path)
    meshes = vertices(capture.motion, capture.avatar)
    kept = path.with_suffix(f".{layout.size}{SKINS_SUFFIX}")
    count = len(layout.texels)
    shapes = {"looks": (len(meshes), count, 3), "skin": (count, 3), "known": (count,)}
    skins = _kept_skins(kept, shapes)
    if skins is None:
        looks, skin, known = unwrapped(capture, meshes, layout)
        skins = {"looks": looks.half(), "skin": skin, "known": known}
        save_tensors(skins, {"format": 1, "kind": "Skins"}, kept)
    return Sitter(
        path, capture.identity, len(capture.weights) - capture.tests, capture.weights, meshes,
        skins["looks"], skins["skin"], skins["known"], capture.cameras, capture.face, capture.camera,
    )  # fmt: skip


def _kept_skins(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor] | None:
    """What was unwrapped before; None where it is not there, damaged or of other faces, to be made again."""
    try:
        skins, _ = load_tensors(path)
    except TalkError:
        return None
    return skins if {name: tuple(tensor.shape) for name, tensor in skins.items()} == shapes else None


def unwrapped(
    capture: CaptureSession, meshes: Float[Tensor, "faces verts 3"], layout: TexelLayout
) -> tuple[Float[Tensor, "faces n 3"], Float[Tensor, "n 3"], Bool[Tensor, " n"]]:
    """How each face's skin differs from that at rest, which comes next, and where that is known."""
    faces, count = len(meshes), len(layout.texels)
    sums, shares = torch.zeros(faces, count, 3), torch.zeros(faces, count)
    last = len(capture.cameras.views) - 1
    for face in range(faces):
        texels = texels_on(meshes[face : face + 1], layout)
        own = torch.nonzero((capture.face == face) & (capture.camera != last))[:, 0]
        views = capture.cameras.part(capture.camera[own].tolist())
        normals = texels.frames[0, :, :, 2].contiguous()
        colours, seen = seen_colours(texels.places[0], normals, views, capture.pictures[own])
        sums[face], shares[face] = (colours * seen[..., None]).sum(0), seen.sum(0)
    total = shares.sum(0)
    mean = sums.sum(0) / total.clamp(min=1e-6)[:, None]
    own = sums / shares.clamp(min=1e-6)[..., None]
    skin = torch.where((shares[0] > _SEEN)[:, None], own[0], mean)
    looks = torch.where((shares > _SEEN)[..., None], own - skin, 0.0)
    return looks, skin, total > _SEEN
