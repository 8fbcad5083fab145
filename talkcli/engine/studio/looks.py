"""From a complexion to a Look: the painters in their order, then the bytes of the asset."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.face.look import RELIEF_UNIT, Look, Wrinkles
from talkcli.engine.studio.paint.canvas import Canvas, make_canvas
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.eyes_and_mouth import paint_eyes, paint_mouth
from talkcli.engine.studio.paint.garment import paint_garment
from talkcli.engine.studio.paint.paint import Paint
from talkcli.engine.studio.paint.painted_hair import paint_hair
from talkcli.engine.studio.paint.pigment import to_srgb
from talkcli.engine.studio.paint.skin import paint_skin
from talkcli.engine.studio.shape.assembly import average_head

ATLAS = 1024
"""texels across the albedo; gloss and relief have half as many"""


@cache
def template_canvas() -> Canvas:
    """The canvas of the average head."""
    return make_canvas(average_head(), ATLAS)


def bake_look(person: SkinParameters, canvas: Canvas | None = None, wrinkles: Wrinkles | None = None) -> Look:
    """Paint a person; the same numbers give the same bytes. `wrinkles` (half the canvas's size) leave their
    traces in old skin."""
    canvas = canvas or template_canvas()
    paint = Paint.blank(len(canvas.texels))
    paint_skin(paint, canvas, person)
    paint_hair(paint, canvas, person)
    paint_garment(paint, canvas, person)
    paint_eyes(paint, canvas, person)
    paint_mouth(paint, canvas, person)
    gloss = np.stack([paint.strength, paint.roughness], 1)
    relief = _half(canvas.image(paint.height)) * 1e-3 / RELIEF_UNIT
    if wrinkles is not None:
        relief = relief + _age_lines(person, wrinkles)
    return Look(
        albedo=torch.from_numpy(to_srgb(canvas.image(paint.colour))),
        gloss=torch.from_numpy((np.clip(_half(canvas.image(gloss)), 0, 1) * 255 + 0.5).astype(np.uint8)),
        relief=torch.from_numpy(np.clip(np.round(relief), -127, 127).astype(np.int8)),
    )


def _half(image: NDArray) -> NDArray:
    """[h, w, ...] averaged over squares of two by two."""
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def _age_lines(person: SkinParameters, wrinkles: Wrinkles) -> NDArray:
    """[h, w] relief units that habitual expressions have left behind."""
    worn = np.clip((person.age - 24) / 50, 0, 1) ** 1.3
    rng = np.random.default_rng([person.seed, 91])
    share = worn * rng.uniform(0.2, 0.5, len(wrinkles.names))
    return np.tensordot(share, wrinkles.height.numpy().astype(np.float64), 1)
