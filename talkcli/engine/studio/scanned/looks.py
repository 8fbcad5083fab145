"""From a complexion to a Look of the scanned head: the painters in their order, then the bytes."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import zoom

from talkcli.engine.assets import asset
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.look import RELIEF_UNIT, Look
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.topology import Topology
from talkcli.engine.files import load_struct
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field, canvas_of
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.paint import Paint, Region
from talkcli.engine.studio.paint.painted_hair import lash_line, lay, stubble
from talkcli.engine.studio.paint.pigment import hair_colour, skin_colour, to_srgb
from talkcli.engine.studio.paint.skin import paint_skin
from talkcli.engine.studio.paint.strands import grow, scatter
from talkcli.engine.studio.scalp import comb, directions, inside
from talkcli.engine.studio.scanned.balls import SIDES, Ball, cornea_axis
from talkcli.engine.studio.scanned.brows import paint_brows
from talkcli.engine.studio.scanned.cloth import Dress, paint_cloth
from talkcli.engine.studio.scanned.eyes_and_mouth import paint_eyes, paint_mouth
from talkcli.engine.studio.scanned.fields import PaintFields
from talkcli.engine.studio.scanned.hair.beard_styles import BEARD_STYLES, BeardStyle, beard_density
from talkcli.engine.studio.scanned.living_skin import enliven
from talkcli.engine.studio.scanned.mesh import BOXES

ATLAS = 1024
"""Texels across the albedo; gloss and relief have half as many."""

ROOTS = 0.6
"""How dark the scalp is between hairs, which shade it, of their colour."""

UNDER_BEARD = 0.5
"""Share of the skin that a beard hides where it is densest."""

FIELDS = "head_fields.safetensors"

WORN_IN = 2.0
"""How deep lines are at 74 years, of what the expression that draws them folds."""

LINE_SHADE = np.array([0.10, 0.17, 0.19])
"""Absorption in red, green and blue of a millimetre of their depth."""

EXPOSURES = ((0.19, 0.86), (0.35, 0.97), (0.7, 1.10), (1.2, 1.28), (2.2, 1.62))
"""How bright a photographer's lights stand for a skin of so much melanin."""


@functools.cache
def head_canvas(size: int = ATLAS) -> Canvas:
    return make_canvas(load_face_model().topology, read_fields(), size)


def make_canvas(topology: Topology, fields: PaintFields, size: int) -> Canvas:
    return canvas_of(
        fields.places.double().numpy() * 1000,
        topology.faces.long().numpy(),
        topology.uv.double().numpy()[topology.uv_faces.long().numpy()],
        fields.part.numpy().astype(np.int8),
        fields.rings.double().numpy(),
        size,
    )


@functools.cache
def read_fields() -> PaintFields:
    return load_struct(asset(FIELDS), (PaintFields,))


@functools.cache
def own_places(size: int = ATLAS) -> Field:
    """[n, 3] mm: the texels of the canvas on the mean face itself."""
    model = load_face_model()
    fields = replace(read_fields(), places=model.template)
    return make_canvas(model.topology, fields, size).position


@functools.cache
def hollows(size: int = ATLAS) -> Field:
    """[n] how much of the sky the mean face hides from each texel, 0..1."""
    model = load_face_model()
    open_sky = torch.from_numpy(surface_of(talking_head("facekit"), model.topology).occlusion)
    fields = replace(read_fields(), rings=open_sky[:, None].repeat(1, 6))
    return 1 - make_canvas(model.topology, fields, size).lip


def bake_look(
    person: SkinParameters,
    cropped: float = 0.9,
    size: int = ATLAS,
    dress: Dress | None = None,
    beard: str | None = None,
) -> Look:
    """Paint a person; the same numbers give the same bytes. `cropped`: how much hair the scalp has, 0..1;
    `beard`: one of BEARD_STYLES that is worn over the skin."""
    canvas, own = head_canvas(size), own_places(size)
    model = load_face_model()
    paint, exposure = Paint.blank(len(canvas.texels)), exposure_of(person.melanin)
    paint_skin(paint, canvas, person)
    enliven(paint, canvas, person, hollows(size))
    _scalp(paint, canvas, person, cropped)
    stubble(paint, canvas, person)
    if beard is not None:
        _beneath(paint, canvas, person, BEARD_STYLES[beard])
    paint_brows(paint, canvas, person)
    lash_line(paint, canvas, person)
    _lashes(paint, canvas, person)
    paint_eyes(paint, canvas, own, _balls(model), person, exposure)
    paint_mouth(paint, canvas, own, person, exposure)
    colour, height = canvas.image(paint.colour), canvas.image(paint.height)
    lines = _age_lines(person, size)
    colour *= np.exp(-np.maximum(-lines * 1e3, 0)[..., None] * LINE_SHADE)
    gloss = canvas.image(np.stack([paint.strength, paint.roughness], 1))
    if dress is not None:
        paint_cloth(colour, gloss, height, dress, person.seed, exposure)
    gloss = _half(gloss)
    relief = _half(height + lines * 1e3) * 1e-3 / RELIEF_UNIT
    return Look(
        albedo=torch.from_numpy(to_srgb(colour)),
        gloss=torch.from_numpy((np.clip(gloss, 0, 1) * 255 + 0.5).astype(np.uint8)),
        relief=torch.from_numpy(np.clip(np.round(relief), -127, 127).astype(np.int8)),
        exposure=exposure,
    )


def dressed_look(person: SkinParameters, cropped: float, dress: Dress, size: int = ATLAS) -> Look:
    """Skin of one tone, what lies beneath hair, and clothes: enough for what is worn to be seen as on
    somebody. `cropped` as in `bake_look`."""
    canvas, exposure = head_canvas(size), exposure_of(person.melanin)
    paint = Paint.blank(len(canvas.texels))
    paint.colour[:] = skin_colour(np.array([person.melanin]), np.zeros(1))[0]
    _scalp(paint, canvas, person, cropped)
    colour, height = canvas.image(paint.colour), canvas.image(paint.height)
    gloss = canvas.image(np.stack([paint.strength, paint.roughness], 1))
    paint_cloth(colour, gloss, height, dress, person.seed, exposure)
    relief = np.clip(np.round(_half(height) * 1e-3 / RELIEF_UNIT), -127, 127)
    return Look(
        albedo=torch.from_numpy(to_srgb(colour)),
        gloss=torch.from_numpy((np.clip(_half(gloss), 0, 1) * 255 + 0.5).astype(np.uint8)),
        relief=torch.from_numpy(relief.astype(np.int8)),
        exposure=exposure,
    )


def exposure_of(melanin: float) -> float:
    """`Look.exposure` for a skin."""
    amounts, gains = np.array(EXPOSURES).T
    return float(np.interp(np.log(max(melanin, 1e-3)), np.log(amounts), gains))


def _balls(model: FaceModel) -> dict[str, Ball]:
    """The eyeballs of the mean face, mm."""
    assert isinstance(model.contact, FaceContact)
    balls = {}
    for side, eye in zip(SIDES, (model.contact.left, model.contact.right), strict=True):
        centre = eye.centre.double().numpy() * 1000
        balls[side] = Ball(centre, cornea_axis(model.template[eye.ball].double().numpy() * 1000, centre))
    return balls


def _half(image: NDArray) -> NDArray:
    """[h, w, ...] averaged over squares of two by two."""
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def _age_lines(person: SkinParameters, size: int) -> NDArray:
    """[size, size] metres of relief that habitual expressions have left behind."""
    wrinkles = load_face_model().wrinkles
    if wrinkles is None:
        return np.zeros((size, size))
    wear = np.clip((person.age - 24) / 50, 0, 1) ** 1.7
    chance = np.random.default_rng([person.seed, 91])
    share = WORN_IN * wear * chance.uniform(0.6, 1.1, len(wrinkles.names))
    lines = np.tensordot(share, wrinkles.height.numpy().astype(np.float64), 1) * RELIEF_UNIT
    return np.asarray(zoom(lines, size / len(lines), order=1)) if size != len(lines) else lines


def _lashes(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Blades are dark on the upper lid, nearly as light as skin on the lower one: thinner than a texel."""
    texels = np.flatnonzero(canvas.within("left_lashes", "right_lashes"))
    left, _, right, _ = BOXES["lash"]
    lower = (canvas.texels[texels] % canvas.size < (left + right) / 2 * canvas.size)[:, None]
    colour = hair_colour(min(1.0, 0.5 + 0.55 * person.hair_eumelanin), 0.06, 0.0)
    skin = np.median(paint.colour[np.flatnonzero(np.abs(canvas.lid - 3.5) < 1.0)], 0)
    paint.colour[texels] = np.where(lower, 0.25 * colour + 0.45 * skin, 0.5 * colour)
    paint.strength[texels], paint.roughness[texels] = 0.2, 0.6


def _beneath(paint: Paint, canvas: Canvas, person: SkinParameters, style: BeardStyle) -> None:
    """The depth of a beard: what is seen between its hairs."""
    dense = np.zeros(len(canvas.texels), np.float32)
    skin = Region.of(canvas, canvas.within("skin"))
    places, texels = skin.position.astype(np.float64), skin.texels
    grown = beard_density(places, canvas.lip[texels], canvas.lip_upper[texels], style)
    dense[texels] = UNDER_BEARD * grown**2
    colour = hair_colour(person.hair_eumelanin, person.hair_pheomelanin, person.hair_grey)
    tone = 1 + 0.25 * noise.octaves(canvas.position / 1.5, 2, person.seed + 84)
    lay(
        paint,
        canvas,
        dense,
        tone.astype(np.float32),
        colour * (ROOTS + (1 - ROOTS) * 0.6 * person.hair_grey),
        0.1,
    )


def _scalp(paint: Paint, canvas: Canvas, person: SkinParameters, cropped: float) -> None:
    """Single hairs at the hairline, ever denser, until they hide the skin."""
    if cropped <= 0:
        return
    chance = np.random.default_rng([person.seed, 81])
    skin = Region.of(canvas, canvas.within("skin"))
    way = directions(skin.position.astype(np.float64))
    inward = inside(way) + 2.5 * noise.octaves(skin.position / 8, 2, person.seed + 82)
    colour = hair_colour(person.hair_eumelanin, person.hair_pheomelanin, person.hair_grey)
    whole = np.zeros(len(canvas.texels), np.float32)
    whole[skin.texels] = 0.92 * smooth(inward, -4.0, 14.0) * cropped
    tone = 1 + 0.25 * noise.octaves(canvas.position / 2.2, 2, person.seed + 83)
    lay(paint, canvas, whole, tone.astype(np.float32), colour * ROOTS, 0.1)
    flow = np.zeros_like(canvas.position)
    flow[skin.texels] = comb(way)
    density = np.zeros_like(whole)
    density[skin.texels] = 0.55 * smooth(inward, -7.0, 6.0) * smooth(inward, 40.0, 20.0) * cropped
    roots = scatter(canvas, density, chance)
    length = chance.uniform(4, 11, len(roots))
    cover, shade = grow(
        canvas, roots, flow, length, 0.11, chance, canvas.within("skin"), spread=0.25, curl=0.3
    )
    lay(paint, canvas, cover * 0.9, shade, colour, 0.12)
