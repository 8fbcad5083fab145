"""Worn: whatever a head wears (hair, beard, cloth, glasses), and how it moves with the head."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from talkcli.engine.face.look import Look
from talkcli.engine.struct import TensorStruct

WORN_KINDS = ("strands", "cloth", "hard")
"""What Worn.kind may say, and so how it is drawn."""

WORN_STEP = 2e-5
"""Metres in which the points of worn things are kept on disk."""


class Worn(TensorStruct):
    """A mesh in metres on an avatar's neutral face, or lines of hair, from root to tip, of which ribbons are
    made when they are drawn."""

    name: str
    kind: str
    """Of WORN_KINDS."""
    points: Float[Tensor, "points 3"]
    """Metres; of strands: `nodes` points from root to tip, strand after strand."""
    carriers: Int[Tensor, "carried k"]
    """Vertices of the head that carry points: each row as many points in turn, points / carried."""
    shares: Float[Tensor, "carried k"]
    """How much each of them carries."""
    anchors: Int[Tensor, " anchors"]
    """Vertices of the head whose turn and shift as one rigid body the whole follows, before it is carried by
    what its carriers do beyond that; none: it is only carried."""
    colour: UInt8[Tensor, "coloured 3"]
    """sRGB, each row of as many points in turn; read where `uv` is None."""
    faces: Int[Tensor, "faces 3"]
    """Counter-clockwise from outside; none of strands."""
    uv: Float[Tensor, "faces 3 2"] | None = None
    """Of the corners of each face, in the avatar's own look, origin bottom left."""
    gloss: tuple[float, float] = (0.2, 0.6)
    """Specular strength and roughness, 0..1; read where `uv` is None."""
    nodes: int = 0
    """Points of one strand; 0 of a mesh."""
    widths: Float[Tensor, " strands"] | None = None
    """Metres across each strand's ribbon."""
    hides: Int[Tensor, " hidden"] | None = None
    """Faces of the head that lie beneath it and are not drawn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(self.points)
        if self.kind not in WORN_KINDS:
            raise ValueError(f"Worn.kind is {self.kind}, not one of {', '.join(WORN_KINDS)}")
        for name, rows in (("carriers", self.carriers), ("colour", self.colour)):
            if count and (not len(rows) or count % len(rows)):
                raise ValueError(f"Worn.{name} has {len(rows)} rows for {count} points")
        if len(self.faces) and not 0 <= int(self.faces.min()) <= int(self.faces.max()) < count:
            raise ValueError(f"Worn.faces points outside its {count} points")
        strands = 0 if self.widths is None else len(self.widths)
        if (self.kind == "strands") != (self.nodes > 1) or (self.nodes and strands * self.nodes != count):
            raise ValueError(f"Worn has {strands} strands of {self.nodes} points, and {count} points")

    def check_head(self, verts: int, faces: int) -> None:
        """ValueError unless a head of so many vertices and faces can wear it."""
        own = (
            ("carriers", self.carriers, verts),
            ("anchors", self.anchors, verts),
            ("hides", self.hides, faces),
        )
        for name, index, count in own:
            if index is not None and index.numel() and not 0 <= int(index.min()) <= int(index.max()) < count:
                raise ValueError(f"Worn.{name} points outside {count} of the head's")


def coloured_by(look: Look, worn: Worn) -> Worn:
    """What a look paints with the colours of its own points instead, for who has no look; anything else as it
    is."""
    if worn.uv is None:
        return worn
    corners = worn.faces.long().flatten()
    shares = torch.bincount(corners, minlength=len(worn.points)).clamp(min=1)[:, None]

    def at_points(picture: UInt8[Tensor, "height width channels"]) -> Float[Tensor, "points channels"]:
        rows, columns = picture.shape[:2]
        u, v = worn.uv.flatten(0, 1).unbind(1)  # type: ignore[union-attr]
        row, column = ((1 - v) * rows).long().clamp(0, rows - 1), (u * columns).long().clamp(0, columns - 1)
        sums = torch.zeros(len(worn.points), picture.shape[2])
        return sums.index_add_(0, corners, picture[row, column].float()) / shares

    strength, roughness = (at_points(look.gloss).mean(0) / 255).tolist()
    colour = at_points(look.albedo).round().byte()
    return replace(worn, uv=None, colour=colour, gloss=(strength, roughness))


class Carriage(NamedTuple):
    """How a head carries what it wears: points turn, shift, and drift with their carriers."""

    turn: Float[Tensor, "frames 3 3"]
    shift: Float[Tensor, "frames 3"]
    drift: Float[Tensor, "frames carried 3"]


def carriage(
    worn: Worn, neutral: Float[Tensor, "verts 3"], head: Float[Tensor, "frames verts 3"]
) -> Carriage:
    """What a head that was `neutral` does to what it wears when its vertices are at `head`, metres."""
    anchors, carriers = worn.anchors.long(), worn.carriers.long()
    turn, shift = rigid_motion(neutral[anchors], head[:, anchors])
    still = neutral[carriers] @ turn[:, None].mT + shift[:, None, None]
    drift = ((head[:, carriers] - still) * worn.shares[..., None]).sum(2)
    return Carriage(turn, shift, drift)


def worn_vertices(
    worn: Worn, neutral: Float[Tensor, "verts 3"], head: Float[Tensor, "frames verts 3"]
) -> Float[Tensor, "frames points 3"]:
    """Where the points are, metres, when the vertices of the head that was `neutral` are at `head`."""
    turn, shift, drift = carriage(worn, neutral, head)
    each = len(worn.points) // max(1, len(worn.carriers))
    return worn.points @ turn.mT + shift[:, None] + drift.repeat_interleave(each, 1)


def rigid_motion(
    before: Float[Tensor, "points 3"], after: Float[Tensor, "frames points 3"]
) -> tuple[Float[Tensor, "frames 3 3"], Float[Tensor, "frames 3"]]:
    """The turn and the shift that take points nearest to where they are, by least squares (Kabsch 1976); none
    for no points."""
    if not len(before):
        frames = len(after)
        return torch.eye(3, dtype=after.dtype).expand(frames, 3, 3), after.new_zeros(frames, 3)
    first, then = before.double(), after.double()
    middle, centre = first.mean(0), then.mean(1)
    u, _, v = torch.linalg.svd((then - centre[:, None]).mT @ (first - middle))
    mirrored = torch.linalg.det(u @ v).sign()
    turn = (u * torch.stack([torch.ones_like(mirrored), torch.ones_like(mirrored), mirrored], 1)[:, None]) @ v
    return turn.to(after.dtype), (centre - turn @ middle).to(after.dtype)
