"""The same pictures with PyTorch3D's rasteriser, on an NVIDIA card where there is one.

Faces are posed, dressed and shadowed on the CPU as ever; what each sample of a picture sees is found by
PyTorch3D, and how that looks in torch beside it. Nothing is left out: skin that acts, clothes, hair strand by
strand. Without a card every sample is tested against every face: minutes for a picture of 512 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import MissingAsset
from talkcli.engine.rendering.card_shading import (
    CardFrame,
    frame_on_card,
    hits_at,
    on_card,
    shaded,
    strands_show,
)
from talkcli.engine.rendering.painting import ALIKE, NEIGHBOURLY
from talkcli.engine.rendering.picture import TABLES, Painter, Pixels, PosedMoment, shrunk
from talkcli.engine.rendering.rasterize import SHEER, SUBSAMPLE
from talkcli.engine.rendering.surface import HAIR
from talkcli.engine.rendering.textures import SHADES

HOW_TO_GET = (
    "It must fit your torch. On Linux beside torch 2.12 with CUDA 13: pip install easypytorch3d. Beside any "
    "other it must be compiled: pip install --no-build-isolation "
    "git+https://github.com/facebookresearch/pytorch3d. Or use --renderer numba."
)
_DEEP = 8
"""Faces that are found behind each other at a sample, of which the first is seen that no gap between strands
is at: of thinner hair behind more than so many such gaps nothing is seen."""
_PER_BIN = 1 << 16
"""Faces that may meet in one square of the picture: hair is dense."""


Find = Callable[
    [Float[Tensor, "verts 3"], Int[Tensor, "faces 3"], tuple[int, int]], Int[Tensor, "samples layers"]
]
"""From vertices (PyTorch3D's normalised coordinates, and metres from the eye), faces, and a picture's height
and width to the numbers of the faces at the middle of each of its samples, the nearest first; -1 for none."""


def pytorch3d_finder() -> Find:
    """MissingAsset without PyTorch3D."""
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import (  # pyright: ignore[reportMissingImports]
            rasterize_meshes,
        )
        from pytorch3d.structures import Meshes  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise MissingAsset(f"--renderer pytorch3d cannot start: {error}.", HOW_TO_GET) from error

    def find(places: Tensor, faces: Tensor, size: tuple[int, int]) -> Tensor:
        found = rasterize_meshes(
            Meshes([places], [faces]), size, faces_per_pixel=_DEEP, perspective_correct=True,
            max_faces_per_bin=min(len(faces), _PER_BIN),
        )  # fmt: skip
        return found[0].view(-1, _DEEP)

    return find


class CardPainter:
    """Draws frames as a Painter does, whose preparations it uses. Keep it to one thread."""

    def __init__(self, painter: Painter, find: Find, device: torch.device) -> None:
        self._painter, self._find, self.device = painter, find, device
        self._surface = on_card(painter.surface, painter.rig, TABLES, self.device)
        self._backdrop = torch.from_numpy(painter.backdrop).to(self.device)
        self._bare = torch.from_numpy(painter.bare).to(self.device)
        self._byte = torch.from_numpy(TABLES.byte).to(self.device)

    @torch.no_grad()
    def draw(self, moment: PosedMoment) -> Pixels:
        """As `Painter.draw`."""
        painter = self._painter
        acting, eye = painter.prepared(moment)
        frame = frame_on_card(painter.points, painter.facts, acting, eye, self.device)
        total = self._light(frame, float(NEIGHBOURLY) / (moment.focal * painter.finer)).view(
            *self._bare.shape[:2], 4
        )
        covered = total[..., 3:]
        if painter.channels == 4:
            display, alpha = total[..., :3] / covered.clamp(min=1e-6), (covered * 255 + 0.5).byte()
        else:
            display, alpha = total[..., :3] + (1 - covered) * self._backdrop, None
        shades = self._byte[(display.clamp(0, 1) * (SHADES - 1) + 0.5).long()]
        drawn = shades if alpha is None else torch.cat([shades, alpha], 2)
        picture = torch.where(covered > 0, drawn, self._bare).cpu().numpy()
        return picture if painter.finer == 1 else shrunk(picture, painter.finer)

    def _light(self, frame: CardFrame, reach: float) -> Float[Tensor, "pixels 4"]:
        """Display light of each pixel's points, and how much of it they cover."""
        height, width = self._bare.shape[:2]
        light = torch.zeros(height * width, 4, device=self.device)
        seen, near = self._seen(frame)
        pixels = torch.nonzero((seen >= 0).any(1))[:, 0]
        lead = self._leaders(seen[pixels], near[pixels], reach)
        corner = torch.arange(4, device=self.device)
        for first in range(4):
            mine = lead == first
            count = mine.sum(1)
            some = count > 0
            at, mine, count = pixels[some], mine[some], count[some]
            across = (mine * (corner % 2)).sum(1) / count + 0.5
            down = (mine * (corner // 2)).sum(1) / count + 0.5
            x, y = (2 * (at % width) + across) * SUBSAMPLE, (2 * (at // width) + down) * SUBSAMPLE
            colours = shaded(self._surface, frame, hits_at(self._surface, frame, seen[at, first], x, y))
            colours = torch.cat([colours, torch.ones_like(colours[:, :1])], 1)
            light[at] += colours * (count / 4)[:, None]
        return light

    def _leaders(
        self, seen: Int[Tensor, "pixels 4"], near: Float[Tensor, "pixels 4"], reach: float
    ) -> Int[Tensor, "pixels 4"]:
        """Of each sample of a pixel the first that one colour serves as well, as `painting.kin` has it; -1 of
        those that see nothing."""
        facing = torch.from_numpy(self._painter.facing).to(self.device).int()[seen.clamp(min=0)]
        lead = torch.where(seen < 0, -1, torch.arange(4, device=self.device))
        for first in range(4):
            for other in range(first + 1, 4):
                a, b = facing[:, first], facing[:, other]
                flat = (near[:, first] - near[:, other]).abs() < reach * near[:, first]
                flat &= (a[:, :3] * b[:, :3]).sum(1) > ALIKE
                kin = (a[:, 3] == b[:, 3]) & ((a[:, 3] == HAIR) | flat)
                kin |= seen[:, first] == seen[:, other]
                kin &= (lead[:, first] == first) & (lead[:, other] == other)
                lead[:, other] = torch.where(kin, first, lead[:, other])
        return lead

    def _seen(self, frame: CardFrame) -> tuple[Int[Tensor, "pixels 4"], Float[Tensor, "pixels 4"]]:
        """The face that each of the 2 x 2 samples of a pixel sees, -1 for none, and how near it is there."""
        painter = self._painter
        height, width = (2 * side for side in self._bare.shape[:2])
        drawn = torch.from_numpy(np.flatnonzero(painter.spans[:, 0] <= painter.spans[:, 1])).to(self.device)
        sheer = torch.from_numpy(painter.seen.sides == SHEER).to(self.device)
        seen = torch.full((height * width,), -1, device=self.device)
        near = torch.zeros(height * width, device=self.device)
        for layer in self._found(drawn, height, width).unbind(1) if len(drawn) else ():
            at = torch.nonzero((seen < 0) & (layer >= 0))[:, 0]
            x, y = (at % width + 0.5) * SUBSAMPLE, (at // width + 0.5) * SUBSAMPLE
            hits = hits_at(self._surface, frame, drawn[layer[at]], x, y)
            shows = ~sheer[hits.face]
            shows[~shows] = strands_show(self._surface, hits.some(~shows))
            seen[at[shows]], near[at[shows]] = hits.face[shows], hits.near[shows]
        seen, near = (
            samples.view(height // 2, 2, width // 2, 2).transpose(1, 2).reshape(-1, 4)
            for samples in (seen, near)
        )
        return seen, near

    def _found(self, drawn: Int[Tensor, " faces"], height: int, width: int) -> Int[Tensor, "samples layers"]:
        """Which of the drawn faces lie at each sample."""
        painter = self._painter
        snapped = torch.from_numpy(painter.snapped).to(self.device) / SUBSAMPLE
        away = 1 / torch.from_numpy(painter.nearness).to(self.device).clamp(min=1e-9)
        places = (snapped.new_tensor([width, height]) - 2 * snapped) / min(height, width)
        places = torch.cat([places, away[:, None]], 1).float()
        return self._find(places, self._surface.faces[drawn], (height, width))
