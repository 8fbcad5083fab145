"""How true a skin that changes is: textures of the moving face, compared texel by texel."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import painted, rig_folds, wrinkles_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import rig_weights
from talkcli.engine.face.rigs import rigged
from talkcli.engine.face.topology import MATERIALS, Topology
from talkcli.engine.face.uv_maps import uv_map
from talkcli.engine.motion import Motion, Textures, ratios
from talkcli.engine.struct import TensorStruct

SIDE_TEXELS = 256
"""Texels on a side at which textures are compared, whatever each was made at."""
EVEN = (224.0, 172.0, 150.0)
"""Skin of an avatar that has no look, sRGB."""
FRAMES_AT_ONCE = 32
BEST = 100.0
"""Decibels of textures that are equal."""
_SSIM_WINDOW, _SSIM_SIGMA = 11, 1.5
"""Of SSIM's Gaussian (Wang et al. 2004)."""
OUTSIDE = ("neck", "scalp", "ears")
"""Regions of a rig that are not the face."""


class SkinPair(TensorStruct):
    """A few frames of two textures of one face, sRGB values 0..255, rounded."""

    predicted: Float[Tensor, "frames 3 size size"]
    reference: Float[Tensor, "frames 3 size size"]
    face: Bool[Tensor, "size size"]
    """Texels of the face."""


def psnr(worn: SkinPair) -> Float[Tensor, " frames"]:
    """Peak signal-to-noise ratio of the face's texels, 10 log10(255² / mean square error), 100 if equal"""
    error = (worn.predicted - worn.reference)[..., worn.face].square().mean((1, 2))
    return (10 * (255.0**2 / error).log10()).clamp(max=BEST)


def ssim(worn: SkinPair) -> Float[Tensor, " frames"]:
    """Structural similarity (Wang et al. 2004), Gaussian window of 11, mean over the face's texels."""
    bell = torch.exp(-0.5 * ((torch.arange(_SSIM_WINDOW) - _SSIM_WINDOW // 2) / _SSIM_SIGMA) ** 2)
    kernel = (bell[:, None] * bell / bell.sum() ** 2).expand(3, 1, _SSIM_WINDOW, _SSIM_WINDOW)

    def blurred(x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, [_SSIM_WINDOW // 2] * 4, mode="reflect"), kernel, groups=3)

    x, y = worn.predicted, worn.reference
    mx, my = blurred(x), blurred(y)
    vx, vy, both = blurred(x * x) - mx * mx, blurred(y * y) - my * my, blurred(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return likeness[..., worn.face].mean((1, 2))


def has_textures(motion: Motion, avatar: Avatar) -> bool:
    """Whether it is known how the skin changes: the motion says so, or the rig's own skin does."""
    return motion.texture is not None or wrinkles_of(avatar) is not None


def worn_textures(motion: Motion, avatar: Avatar, size: int) -> Textures:
    """How the skin of a rig changes under a motion of it, in size x size maps. BadInput without wrinkles."""
    wrinkles = wrinkles_of(avatar)
    if wrinkles is None:
        raise BadInput(f"Avatar {avatar.name} has no skin that acts.", "Give one whose rig has wrinkles.")
    return painted(rig_folds(rig_weights(motion, avatar), wrinkles), wrinkles, size)


def worn_chunks(predicted: Motion, reference: Motion, avatar: Avatar) -> Iterator[SkinPair]:
    """Both textures over their common frames. A prediction that says nothing wears the neutral one."""
    wrinkles, true = wrinkles_of(avatar), reference.texture
    true = painted(true, wrinkles, SIDE_TEXELS) if true else worn_textures(reference, avatar, SIDE_TEXELS)
    changing = predicted.texture and painted(predicted.texture, wrinkles, SIDE_TEXELS)
    neutral, face = _neutral(avatar), _face(avatar)
    for start in range(0, min(len(predicted), len(reference)), FRAMES_AT_ONCE):
        stop = min(start + FRAMES_AT_ONCE, len(predicted), len(reference))
        theirs = _textures(neutral, true, start, stop)
        ours = neutral.round().expand_as(theirs)
        if changing is not None:
            ours = _textures(neutral, changing, start, stop)
        yield SkinPair(ours, theirs, face)


def _textures(neutral: Tensor, textures: Textures, start: int, stop: int) -> Float[Tensor, "n 3 size size"]:
    ratio = F.interpolate(
        ratios(textures, start, stop),
        size=(SIDE_TEXELS, SIDE_TEXELS),
        mode="bilinear",
        align_corners=False,
    )
    return (neutral * ratio).clamp(0, 255).round()


def _neutral(avatar: Avatar) -> Float[Tensor, "3 size size"]:
    if avatar.look is None:
        return torch.tensor(EVEN)[:, None, None].expand(3, SIDE_TEXELS, SIDE_TEXELS)
    albedo = avatar.look.albedo.permute(2, 0, 1).float()
    return F.interpolate(albedo[None], size=(SIDE_TEXELS, SIDE_TEXELS), mode="area")[0]


def _face(avatar: Avatar) -> Bool[Tensor, "size size"]:
    rig = rigged(avatar)
    if rig is not None:
        return _rig_face(rig.model.topology)
    whole = torch.zeros(SIDE_TEXELS * SIDE_TEXELS, dtype=torch.bool)
    if avatar.uv is not None and avatar.uv_faces is not None:
        whole[uv_map(avatar.faces, avatar.uv, avatar.uv_faces, SIDE_TEXELS).texels] = True
    return whole.view(SIDE_TEXELS, SIDE_TEXELS)


@functools.cache
def _rig_face(topology: Topology) -> Bool[Tensor, "size size"]:
    inside = torch.zeros(int(topology.faces.max()) + 1, dtype=torch.bool)
    inside[topology.faces[topology.materials == MATERIALS.index("skin")]] = True
    for region in OUTSIDE:
        inside[topology.regions.get(region, [])] = False
    layout = uv_map(topology.faces, topology.uv, topology.uv_faces, SIDE_TEXELS)
    face = torch.zeros(SIDE_TEXELS * SIDE_TEXELS, dtype=torch.bool)
    face[layout.texels[inside[layout.corners].all(1)]] = True
    return face.view(SIDE_TEXELS, SIDE_TEXELS)
