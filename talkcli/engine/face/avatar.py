"""Avatar: whose face it is: its shape, its look, its way of speaking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadInput
from talkcli.engine.face.expression import Expression
from talkcli.engine.face.gaussian_head import GaussianHead, HeadMaps
from talkcli.engine.face.gaussians import BoundGaussians
from talkcli.engine.face.look import Look
from talkcli.engine.face.photograph import Photograph
from talkcli.engine.face.worn import WORN_STEP, Worn
from talkcli.engine.files import load_struct, save_struct
from talkcli.engine.struct import TensorStruct, largest

PHOTO_QUALITY = 90
"""0..100 of the photograph in an `.avatar` file, which is kept with a little loss."""


class Avatar(TensorStruct):
    name: str
    neutral: Float[Tensor, "verts 3"]
    """Metres, mouth closed."""
    faces: Int[Tensor, "faces 3"]
    lips: Int[Tensor, " lip_verts"]
    """Vertices that the lip metrics measure."""
    rig: str | None = None
    """`facekit` if the built-in face model moves it; None for a bare mesh."""
    identity: Float[Tensor, " n_identity"] | None = None
    """Coefficients of the rig's identity space, standard deviations."""
    look: Look | None = None
    studio_look: Look | None = None
    """The same face as we paint it, for studio light, where `look` is as photographed."""
    photograph: Photograph | None = None
    """The picture that it was made from: the stage on which it speaks."""
    uv: Float[Tensor, "uv_verts 2"] | None = None
    """Layout of the look over a bare mesh, origin bottom left; a rig has its own."""
    uv_faces: Int[Tensor, "faces 3"] | None = None
    """Corners of each face in `uv`."""
    styles: Mapping[str, Tensor] = field(default_factory=dict)
    """Ways of speaking that `talk personalize` wrote, by method name."""
    worn: tuple[Worn, ...] = ()
    """Hair, beard, cloth, glasses: meshes of their own that the head carries; `neutral` is the head alone."""
    rest: Expression | None = None
    """What the face holds whatever it says, as `talk emote` wrote it; None is `neutral`."""
    splats: BoundGaussians | None = None
    """What it is drawn of instead of its mesh, where it has them; what it wears is among them, and nothing
    else beside a `gaussian_head`."""
    gaussian_head: GaussianHead | None = None
    """What its bare head is drawn of instead of its mesh, where it has one; its skin acts by itself."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Of one made from footage: that it is synthetic, from what kind of source, and by what."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, indices in (("faces", self.faces), ("lips", self.lips)):
            if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self.neutral):
                raise ValueError(f"Avatar.{name} points outside its {len(self.neutral)} vertices")
        if self.uv is not None and self.uv_faces is not None:
            reach = int(self.uv_faces.max()) if len(self.uv_faces) else -1
            if reach >= len(self.uv) or bool((self.uv_faces < 0).any()):
                raise ValueError(f"Avatar.uv_faces points outside its {len(self.uv)} points")
        elif self.uv is not None or self.uv_faces is not None:
            raise ValueError("Avatar.uv and Avatar.uv_faces go together")
        if self.rest is not None and self.rig is None and self.rest.idle.shape != self.neutral.shape:
            raise ValueError(f"Avatar.rest is {tuple(self.rest.idle.shape)}, no offsets of the face")
        if self.photograph is not None and self.rig is None:
            raise ValueError("Avatar.photograph needs a rig")
        for name, style in self.styles.items():
            if not (isinstance(style, Tensor) and style.is_floating_point()):
                raise ValueError(f"Avatar.styles.{name} is no tensor of numbers")
        if self.splats is not None:
            self.splats.check_head(self.neutral)
        if self.gaussian_head is not None and self.gaussian_head.rig != self.rig:
            raise ValueError(f"Avatar.gaussian_head has the rig {self.gaussian_head.rig}, not {self.rig}")
        for thing in self.worn:
            if not isinstance(thing, Worn):
                raise ValueError(f"Avatar.worn holds {thing!r:.80}")
            thing.check_head(len(self.neutral), len(self.faces))

    @property
    def has_gaussians(self) -> bool:
        """Whether it can be drawn of Gaussians."""
        return self.splats is not None or self.gaussian_head is not None


def save_avatar(avatar: Avatar, path: Path, quality: int | None = None) -> None:
    """An `.avatar` file, whole or not at all; OutOfResources where it cannot be written. A Gaussian head is
    kept in half precision.

    `quality`: 0..100 of the skins' pictures, which then lose a little and take a tenth of the room.
    """
    steps = {f"worn.{i}.points": WORN_STEP for i, thing in enumerate(avatar.worn) if len(thing.points)}
    looks = {"look.albedo": avatar.look, "studio_look.albedo": avatar.studio_look}
    pictures = {} if quality is None else {name: quality for name, look in looks.items() if look}
    if avatar.photograph is not None:
        pictures["photograph.picture"] = PHOTO_QUALITY
    if avatar.gaussian_head is not None:
        avatar = replace(avatar, gaussian_head=avatar.gaussian_head.map(Tensor.half))
    save_struct(avatar, path, packed=bool(steps or pictures), steps=steps, pictures=pictures)


_KINDS = (Avatar, Look, Photograph, Worn, Expression, BoundGaussians, GaussianHead, HeadMaps)
"""What an `.avatar` file may be made of."""


_FARTHEST = 1e4
"""Below which an avatar's numbers are: metres, coefficients, factors of light; not the pixels of a lens."""
_NARROWEST = 1e-4
"""Metres above which a face is wide, or high, or deep."""


def load_avatar(path: Path) -> Avatar:
    """Read what save_avatar wrote. BadInput if absent, another kind of talk file or beyond all measure,
    Untrusted if damaged."""
    avatar: Avatar = load_struct(path, _KINDS)
    check_face(avatar, path)
    return avatar


def check_face(avatar: Avatar, path: Path) -> None:
    """BadInput, naming the file that it came from, for an avatar beyond all measure or without extent."""
    hint = "Make it again, or give another."
    points = avatar.neutral
    if not (len(avatar.faces) and float((points.amax(0) - points.amin(0)).max()) > _NARROWEST):
        raise BadInput(f"{path} cannot be a face: it has no extent.", hint)
    for name, number in largest(
        replace(avatar, photograph=None, provenance={})
    ):  # which have their own measure
        if not number < _FARTHEST:
            raise BadInput(f"{path} cannot be a face: {number:.3g} in its {name}.", hint)
