"""How points look, in torch and on a card: what `gathering` finds of them and `shading` makes of that, of all
points of a picture at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from talkcli.engine.rendering.gathering import (
    BLOOD,
    FACE_CORNER,
    FACE_GLOSS,
    FACE_KIND,
    FACE_LEVEL,
    FACE_SLOPES,
    HOLLOW,
    SCATTER,
    TIGHTEST,
    TWO_SIDED,
    UNITS,
    VERTEX_NEARNESS,
    Acting,
)
from talkcli.engine.rendering.lights import LightRig
from talkcli.engine.rendering.shading import LEAK, STEEPEST, WANDER
from talkcli.engine.rendering.strands import CONTRAST, TO_END, WHICH
from talkcli.engine.rendering.surface import EYE, HAIR, LASH, SKIN, DrawnSurface
from talkcli.engine.rendering.textures import FINE, HALVES, SHADES, WHITE, Tables

_WORD = 0xFFFFFFFF
_TURNING = float(TWO_SIDED)
_Points3 = Float[Tensor, "n 3"]
_Points = Float[Tensor, " n"]


class CardSurface(NamedTuple):
    """What a surface and its lights are, on the card once for a film."""

    faces: Int[Tensor, "faces 3"]
    uv: Float[Tensor, "faces 3 2"]
    hair: Float[Tensor, "faces 3 3"]
    texels: Float[Tensor, "texels 8"]
    levels: Int[Tensor, "levels 3"]
    steepness: Float[Tensor, " axes"]
    directions: Float[Tensor, "lights 3"]
    colours: Float[Tensor, "lights 3"]
    softbox: Float[Tensor, "3 3"]
    room: Float[Tensor, "9 3"]
    shine: float
    value: Float[Tensor, " shades"]
    """See `Tables`."""
    light: Float[Tensor, " values"]


class CardFrame(NamedTuple):
    """What one frame brings; see `ATTRIBUTES`, `FACTS` and `Acting`."""

    points: Float[Tensor, "verts 16"]
    facts: Float[Tensor, "faces 16"]
    creases: Float[Tensor, "creases 4"]
    crease_levels: Int[Tensor, "1 3"]
    ratios: Float[Tensor, "ratios 4"]
    ratio_levels: Int[Tensor, "1 3"]
    eye: Float[Tensor, " axes"]


def on_card(surface: DrawnSurface, rig: LightRig, tables: Tables, device: torch.device) -> CardSurface:
    """The arrays of a surface as tensors on a device."""

    def moved(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return CardSurface(
        moved(surface.faces.astype(np.int64)), moved(surface.uv), moved(surface.hair),
        moved(surface.texels.astype(np.float32)), moved(surface.levels), moved(surface.steepness),
        moved(rig.directions), moved(rig.colours), moved(rig.softbox), moved(rig.room), float(rig.shine),
        moved(tables.value), moved(tables.light),
    )  # fmt: skip


def frame_on_card(
    points: NDArray[np.float32],
    facts: NDArray[np.float32],
    acting: Acting,
    eye: NDArray[np.float64],
    device: torch.device,
) -> CardFrame:
    parts = (points, facts, *acting, eye.astype(np.float32))
    return CardFrame(*(torch.from_numpy(part).to(device) for part in parts))


class Hits(NamedTuple):
    """Places on faces, or a little beside them."""

    face: Int[Tensor, " n"]
    shares: Float[Tensor, "n 3"]
    """Of its corners, perspective and all"""
    near: Float[Tensor, " n"]
    """1 / distance, 1/m"""

    def mix(self, corners: Float[Tensor, "n 3 ..."]) -> Float[Tensor, "n ..."]:
        return torch.einsum("nc,nc...->n...", self.shares, corners)

    def some(self, which: Bool[Tensor, " n"]) -> Hits:
        return Hits(self.face[which], self.shares[which], self.near[which])


def hits_at(surface: CardSurface, frame: CardFrame, face: Int[Tensor, " n"], x: _Points, y: _Points) -> Hits:
    """What lies on these faces at snapped places of the picture."""
    facts = frame.facts[face]
    x, y = x - facts[:, FACE_CORNER], y - facts[:, FACE_CORNER + 1]
    second = facts[:, FACE_SLOPES] * x + facts[:, FACE_SLOPES + 1] * y
    third = facts[:, FACE_SLOPES + 2] * x + facts[:, FACE_SLOPES + 3] * y
    shares = torch.stack([1 - second - third, second, third], 1)
    shares = shares * frame.points[:, VERTEX_NEARNESS][surface.faces[face]]
    near = shares.sum(1)
    return Hits(face, shares / near[:, None], near)


def strands_show(surface: CardSurface, hits: Hits) -> Bool[Tensor, " n"]:
    """`strands.shows` of places on sheer faces."""
    hair = hits.mix(surface.hair[hits.face])
    across = hair[:, WHICH].clamp(0, 1 << 24)
    number = across.long()
    aside = (across - number - 0.5).abs()
    return hair[:, TO_END] > 0.3 * _wave(across * 0.25) + 0.5 * _chance(number + 7919) + 0.36 * aside


def _chance(number: Int[Tensor, " n"]) -> _Points:
    x = (number & _WORD) * 0x9E3779B1 & _WORD
    x = ((x ^ x >> 15) * 0x85EBCA6B) & _WORD
    return (x >> 8).float() * 2.0**-24


def _wave(across: _Points) -> _Points:
    number = across.long()
    share = across - number
    share = share * share * (3 - 2 * share)
    return _chance(number) * (1 - share) + _chance(number + 1) * share


def shaded(surface: CardSurface, frame: CardFrame, hits: Hits) -> _Points3:
    """Display light of places on faces."""
    kind = frame.facts[hits.face, FACE_KIND]
    kind = torch.where(kind >= _TURNING, kind - _TURNING, kind)
    light = torch.empty(len(kind), 3, device=kind.device)
    programs = {_hair_light: kind == float(HAIR), _eye_light: kind == float(EYE)}
    programs[_body_light] = ~(programs[_hair_light] | programs[_eye_light])
    for program, mine in programs.items():
        light[mine] = program(surface, frame, hits.some(mine))
    return light


class _Place(NamedTuple):
    """Points as they are shaded, see the fields of `shading`."""

    view: _Points3
    """Unit way to the eye"""
    normal: _Points3
    shelter: _Points
    key: _Points
    softness: _Points
    across: _Points3
    albedo: _Points3
    strength: _Points
    roughness: _Points


def _gathered(surface: CardSurface, frame: CardFrame, hits: Hits) -> _Place:
    """What vertices and textures say of bodies and eyes."""
    rows, facts = hits.mix(frame.points[surface.faces[hits.face]]), frame.facts[hits.face]
    kind, paints = facts[:, FACE_KIND], facts[:, FACE_GLOSS] < 0
    turning = kind >= _TURNING
    kind = torch.where(turning, kind - _TURNING, kind)
    view, normal = frame.eye - rows[:, :3], rows[:, 3:6]
    normal = torch.where((turning & ((normal * view).sum(1) < 0))[:, None], -normal, normal)
    skin = kind == float(SKIN)
    wander = rows[:, 8].clamp(0, float(TIGHTEST)) * float(SCATTER)
    softness = torch.where(skin, wander, torch.where(kind < float(LASH), 0.3, 0.0))
    u, v = hits.mix(surface.uv[hits.face]).clamp(0, 1).unbind(1)
    texel = _bilinear(surface.texels, surface.levels, facts[:, FACE_LEVEL].long() * paints, u, v)
    flat = torch.zeros_like(hits.face)
    folds = _bilinear(frame.creases, frame.crease_levels, flat, u, v) * (skin & paints)[:, None]
    white, gloss, blood = (float(unit) for unit in UNITS)
    colour = texel[:, :3]
    if int(frame.ratio_levels[0, 1]):
        ratio = _bilinear(frame.ratios, frame.ratio_levels, flat, u, v)[:, :3]
        colour = torch.where(skin[:, None], _tinted(surface, colour, ratio), colour)
        folds = folds * folds.new_tensor([1, 1, 1, 0])
    taken = 1 - colour.new_tensor([float(share) for share in BLOOD]) * (folds[:, 3] * blood)[:, None]
    albedo = torch.where(paints[:, None], colour * white * taken, rows[:, 12:15].clamp(0, 1))
    tall, wide = (float(HALVES) * float(size) for size in frame.crease_levels[0, 1:])
    across, down, deep = surface.steepness
    slopes = (
        (texel[:, 3] * across + folds[:, 0] * wide) * paints,
        (texel[:, 4] * down + folds[:, 1] * tall) * paints,
    )
    height = (texel[:, 5] * deep + folds[:, 2] * float(HALVES)) * paints
    slope = slopes[0][:, None] * facts[:, :3] + slopes[1][:, None] * facts[:, 3:6]
    shelter = rows[:, 6].clamp(0, 1) * (1 + float(HOLLOW) * height).clamp(0.55, 1.08)
    strength = torch.where(paints, texel[:, 6] * gloss * (kind != float(LASH)), facts[:, FACE_GLOSS])
    roughness = torch.where(paints, texel[:, 7] * gloss, facts[:, FACE_GLOSS + 1]).clamp(min=0.12)
    normal, view = _facing(normal, view)
    return _Place(
        view, normal, shelter, rows[:, 7].clamp(0, 1), softness, slope, albedo, strength, roughness
    )  # fmt: skip


def _bilinear(
    texels: Float[Tensor, "texels k"],
    levels: Int[Tensor, "levels 3"],
    level: Int[Tensor, " n"],
    u: _Points,
    v: _Points,
) -> Float[Tensor, "n k"]:
    start, height, width = levels[level].unbind(1)
    x, y = u * width + 0.5, v * height + 0.5
    i, j = x.long(), y.long()
    fx, fy = (x - i)[:, None], (y - j)[:, None]
    above = start + j * (width + 2) + i
    below = above + width + 2
    upper = texels[above] * (1 - fx) + texels[above + 1] * fx
    return upper * (1 - fy) + (texels[below] * (1 - fx) + texels[below + 1] * fx) * fy


def _tinted(surface: CardSurface, light: _Points3, ratio: _Points3) -> _Points3:
    value = surface.value[(light * ((SHADES - 1) / WHITE) + 0.5).long()] * FINE
    before, after = surface.light[(value + 0.5).long()], (value * ratio).clamp(0, 255 * FINE)
    return light * surface.light[(after + 0.5).long()] / before.clamp(min=1e-9)


def _unit(vectors: _Points3) -> _Points3:
    return vectors * ((vectors * vectors).sum(1, keepdim=True) + 1e-20).rsqrt()


def _dot(a: _Points3, b: Tensor) -> _Points:
    return (a * b).sum(-1)


def _facing(normal: _Points3, view: _Points3) -> tuple[_Points3, _Points3]:
    view = _unit(view)
    return _unit(normal + view * (0.05 - _dot(normal, view)).clamp(min=0)[:, None]), view


def _around(surface: CardSurface, way: _Points3) -> _Points3:
    x, y, z = way.unbind(1)
    shapes = (torch.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1)
    return (torch.stack(shapes, 1) @ surface.room).clamp(min=0)


def _diffuse(
    surface: CardSurface, albedo: _Points3, normal: _Points3, shelter: _Points, key: _Points, softness: Tensor
) -> _Points3:
    far = albedo.new_tensor([float(share) for share in WANDER])
    cosines, colours = normal @ surface.directions.T, surface.colours
    shelter, key = shelter[:, None], key[:, None]
    width = 0.02 + (softness[..., None] * far).clamp(max=0.7)
    wander = softness[..., None].clamp(max=0.25) * far
    first = cosines[:, :1]
    inside = ((first + width) / (2 * width)).clamp(0, 1)
    soft = torch.where(first < width, torch.maximum(first, width * inside * inside), first)
    total = colours[0] * soft * (key + 2 * wander * key * (1 - key))
    for number in range(1, len(colours)):
        wrap = ((cosines[:, number, None] + 0.25 + 0.3 * wander) / (1.25 + 0.3 * wander)).clamp(min=0)
        total = total + colours[number] * wrap * wrap * shelter
    a, b, c = 2.0404 * albedo - 0.3324, -4.7951 * albedo + 0.6417, 2.7552 * albedo + 0.6903
    bounced = torch.maximum(shelter, ((shelter * a + b) * shelter + c) * shelter)
    return albedo * (total + _around(surface, normal) * bounced)


def _fresnel(cosine: _Points) -> _Points:
    return 0.028 + 0.972 * (1 - cosine).clamp(min=0) ** 5


def _gloss(normal: _Points3, view: _Points3, way: Tensor, roughness: _Points) -> _Points:
    half = _unit(way + view)
    nh, lh = _dot(normal, half), _dot(half, way).clamp(min=0.1)
    wide = roughness**4
    narrow = 0.13 * wide
    dw, dn = nh * nh * (wide - 1) + 1, nh * nh * (narrow - 1) + 1
    lobes = 0.85 * wide / (dw * dw) + 0.15 * narrow / (dn * dn)
    return lobes * _fresnel(lh) / (4 * lh * lh) * _dot(normal, way).clamp(min=0)


def _filmed(x: Tensor) -> Tensor:
    x = 0.8 * x
    return (x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)).clamp(max=1)


def _toned(colour: _Points3) -> _Points3:
    bright = (colour @ colour.new_tensor([0.2126, 0.7152, 0.0722]))[:, None]
    keep = 0.35 * _filmed(bright) / (bright + 1e-6)
    return (0.65 * _filmed(colour) + keep * colour).clamp(max=1)


def _mirrored(normal: _Points3, view: _Points3) -> _Points3:
    return 2 * _dot(normal, view)[:, None] * normal - view


def _body_light(surface: CardSurface, frame: CardFrame, hits: Hits) -> _Points3:
    """`shade_body`"""
    at = _gathered(surface, frame, hits)
    slope = at.across - at.normal * _dot(at.across, at.normal)[:, None]
    steep = (float(STEEPEST) / slope.norm(dim=1).clamp(min=float(STEEPEST)))[:, None]
    soft, sharp = _unit(at.normal - 0.65 * steep * slope), _unit(at.normal - steep * slope)
    strength, mirror = 2 * at.strength, _mirrored(sharp, at.view)
    hard = strength * _gloss(sharp, at.view, surface.directions[0], at.roughness) * at.key
    edge = strength * _gloss(sharp, at.view, surface.directions[2], at.roughness) * at.shelter * 0.5
    glance = strength * _fresnel(_dot(sharp, at.view).clamp(min=0)) * (1 - 0.8 * at.roughness)
    glance = (glance * at.shelter * at.shelter * surface.shine)[:, None]
    thrown = hard[:, None] * surface.colours[0] + edge[:, None] * surface.colours[2]
    out = _diffuse(surface, at.albedo, soft, at.shelter, at.key, at.softness)
    return _toned(out + thrown + glance * _around(surface, mirror))


def _eye_light(surface: CardSurface, frame: CardFrame, hits: Hits) -> _Points3:
    """`shade_eye`"""
    at = _gathered(surface, frame, hits)
    mirror = _mirrored(at.normal, at.view)
    aside, above, ahead = (mirror @ surface.softbox.T).unbind(1)
    ahead = ahead.clamp(min=0.1)
    box = ((0.24 - aside.abs() / ahead) / 0.07).clamp(0, 1) * ((0.32 - above.abs() / ahead) / 0.07).clamp(
        0, 1
    )
    bright = box * (4 * at.shelter).clamp(0, 1) * (0.55 + 0.45 * at.key)
    glance = 1.5 * surface.shine * _fresnel(_dot(at.normal, at.view).clamp(min=0)) * at.shelter
    out = _diffuse(surface, at.albedo, at.normal, at.shelter, at.key, at.softness)
    return _toned(out + bright[:, None] * surface.colours[0] + glance[:, None] * _around(surface, mirror))


def _hair_light(surface: CardSurface, frame: CardFrame, hits: Hits) -> _Points3:
    """`shade_hair`"""
    rows, facts = hits.mix(frame.points[surface.faces[hits.face]]), frame.facts[hits.face]
    hair = surface.hair[hits.face]
    across = hits.mix(hair[..., WHICH]).clamp(min=0)
    strand = 0.34 * _wave(across * 0.27) + 0.2 * _chance(across.long()) - 0.27
    albedo = rows[:, 12:15].clamp(0, 1) * (1 + hair[:, 0, CONTRAST] * strand)[:, None]
    normal, view = _facing(rows[:, 3:6], frame.eye - rows[:, :3])
    way = rows[:, 9:12]
    way = _unit(way - normal * _dot(way, normal)[:, None])
    shelter, key = 0.1 + 0.9 * rows[:, 6].clamp(0, 1), rows[:, 7].clamp(float(LEAK), 1)
    white, tint, falls = _sheen(way, view, surface.directions[0])
    rim_white, rim_tint, _ = _sheen(way, view, surface.directions[2])
    front = ((_dot(normal, surface.directions[0]) + 0.25) / 1.25).clamp(0, 1) * key
    back = ((_dot(normal, surface.directions[2]) + 0.25) / 1.25).clamp(0, 1) * shelter
    soft = torch.full_like(key, 0.4)
    out = _diffuse(surface, albedo, normal, shelter, key * (0.4 + 0.6 * falls), soft)
    gleam = facts[:, FACE_GLOSS] * 0.18 * (white * front + 0.4 * rim_white * back)
    glow = 1.2 * (tint * front + 0.6 * rim_tint * back)
    return _toned(out + surface.colours[0] * (gleam[:, None] + glow[:, None] * albedo))


def _sheen(strand: _Points3, view: _Points3, way: Tensor) -> tuple[_Points, _Points, _Points]:
    half = _unit(way + view)
    along, across = _dot(strand, half), _dot(strand, way)
    s2 = (1 - along * along).clamp(min=0)
    return s2**20, s2**6, (1 - across * across).clamp(min=0).sqrt()
