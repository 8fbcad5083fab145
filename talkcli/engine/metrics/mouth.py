"""What a mouth does over time, read from vertices: how far it opens, how wide it is, how fast it moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import chunks
from talkcli.engine.face.lip_opening import FLAME_INNER_LIPS, FLAME_VERTS
from talkcli.engine.face.rigs import rigged
from talkcli.engine.face.topology import Topology
from talkcli.engine.metrics.motion import MM
from talkcli.engine.metrics.pair import Regions, renumbered, support
from talkcli.engine.motion import Motion
from talkcli.engine.struct import TensorStruct


class MouthTrack(TensorStruct):
    """One clip of a mouth, head pose left out."""

    fps: Fraction
    opening: Float[Tensor, " frames"]
    """Gap between the inner lips on the midline, mm; 0 when shut. Without known inner lips: how much taller
    the lip region is than at rest."""
    width: Float[Tensor, " frames"]
    """From corner to corner, mm."""
    protrusion: Float[Tensor, " frames"]
    """How far forward of rest the lips are on average, mm."""
    speed: Float[Tensor, " frames"]
    """Mean over the lips of the movement from the frame before and to the frame after, mm/s."""
    jerk: Float[Tensor, " frames"]
    """Mean over the lips of the third difference, m/s^3; 0 in the first three frames."""

    def __len__(self) -> int:
        return len(self.opening)


def regions_of(avatar: Avatar, given: Regions | None = None) -> Regions:
    """The vertex sets of an avatar: what is `given`, else the topology of its rig, else its own lips."""
    own = Regions(lips=avatar.lips)
    rig = rigged(avatar)
    if rig is not None:
        own = _named_regions(rig.model.topology, avatar)
    elif len(avatar.neutral) == FLAME_VERTS:
        own = Regions(lips=avatar.lips, inner_lips=torch.tensor(FLAME_INNER_LIPS))
    regions = Regions(**{**own.named, **(given.named if given else {})})
    for name, region in regions.named.items():
        if int(region.max()) >= len(avatar.neutral) or int(region.min()) < 0:
            raise BadInput(
                f"Region {name} names vertex {int(region.max())}; {avatar.name} has {len(avatar.neutral)}.",
                "Give the region file that belongs to this topology; vertices count from 0.",
            )
    return regions


def _named_regions(topology: Topology, avatar: Avatar) -> Regions:
    """As far as the topology names them."""
    pairs, marks, outer = topology.lip_pairs, topology.landmarks.get("ibug68"), None
    if marks is not None:
        corners = topology.faces[marks.triangles[[51, 57]]]
        outer = corners.gather(1, marks.weights[[51, 57]].argmax(1, keepdim=True))[:, 0]
    lips = avatar.lips if len(avatar.lips) else topology.regions.get("lips")
    middle = pairs[len(pairs) // 2] if len(pairs) else None
    return Regions(lips, topology.regions.get("upper_face"), middle, outer)


def still_head(motion: Motion) -> Motion:
    """The motion without its head pose: metrics look at the face."""
    return motion if motion.head is None else replace(motion, head=None)


def face_chunks(motion: Motion, avatar: Avatar) -> Iterator[Float[Tensor, "frames verts 3"]]:
    """Vertices without head pose, a few frames at a time, lips in contact as they are drawn."""
    return chunks(still_head(motion), avatar)


def region_track(
    motion: Motion, avatar: Avatar, kept: Int[Tensor, " kept"]
) -> Float[Tensor, "frames kept 3"]:
    """Where a few vertices go, metres."""
    return torch.cat([chunk[:, kept] for chunk in face_chunks(motion, avatar)])


def mouth_of(motion: Motion, avatar: Avatar, regions: Regions | None = None) -> MouthTrack:
    """Read a motion's mouth. BadInput if the avatar has no lips."""
    regions = regions_of(avatar, regions)
    regions = Regions(lips=regions.named.get("lips"), inner_lips=regions.named.get("inner_lips"))
    if regions.lips is None:
        raise BadInput(f"{avatar.name} names no lip vertices.", "Give them with --region lips=FILE.")
    vertices = support(regions)
    points = region_track(motion, avatar, vertices)
    return read_mouth(points, avatar.neutral[vertices], renumbered(regions, vertices), motion.fps)


def read_mouth(
    points: Float[Tensor, "frames verts 3"],
    neutral: Float[Tensor, "verts 3"],
    regions: Regions,
    fps: Fraction,
) -> MouthTrack:
    lips, rest = points[:, regions.named["lips"]], neutral[regions.named["lips"]]
    rate = float(fps)
    return MouthTrack(
        fps=fps,
        opening=_opening(points, lips, rest, regions),
        width=MM * (lips[..., 0].amax(1) - lips[..., 0].amin(1)),
        protrusion=MM * (lips[..., 2] - rest[:, 2]).mean(1),
        speed=MM * rate * _both_sides(_change(lips, 1)),
        jerk=rate**3 * _change(lips, 3),
    )


def _opening(points: Tensor, lips: Tensor, rest: Tensor, regions: Regions) -> Float[Tensor, " frames"]:
    if "inner_lips" in regions.named:
        upper, lower = points[:, regions.named["inner_lips"]].unbind(1)
        return MM * (upper - lower).norm(dim=-1) * (upper[:, 1] > lower[:, 1])
    height = lips[..., 1].amax(1) - lips[..., 1].amin(1)
    return MM * (height - (rest[:, 1].max() - rest[:, 1].min())).clamp(min=0)


def _both_sides(step: Float[Tensor, " frames"]) -> Float[Tensor, " frames"]:
    """The mean of the step to a frame and the step from it; the ends have one of them."""
    if len(step) < 2:
        return step
    return torch.cat([step[1:2], (step[1:-1] + step[2:]) / 2, step[-1:]])


def _change(lips: Float[Tensor, "frames verts 3"], order: int) -> Float[Tensor, " frames"]:
    change = torch.zeros(len(lips))
    if len(lips) > order:
        change[order:] = lips.diff(n=order, dim=0).norm(dim=-1).mean(1)
    return change
