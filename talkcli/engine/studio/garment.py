"""A plain crew-neck over the shoulders: cloth painted below a collar line, so that a bust is dressed."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.canvas import Canvas, Field
from talkcli.engine.studio.complexion import SkinParameters
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint import Paint, Region

BAND = 9.0
"""mm of ribbed collar"""


def below_collar(skin: Region) -> Field:
    """[k] mm below the collar's edge: a saddle, low in front, high behind and over the shoulders."""
    edge = -167.0 + 0.42 * (28.0 - skin.z) + 20.0 * (skin.x / 70.0) ** 2
    return (np.minimum(edge, -100.0) - skin.y).astype(np.float32)


def paint_garment(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Jersey with a ribbed collar that throws a little shade on the neck."""
    skin = Region.of(canvas, canvas.within("skin") & (canvas.position[:, 1] < -90))
    depth = below_collar(skin)
    around = np.arctan2(skin.position[:, 0], skin.position[:, 2] + 30.0)
    rib = 0.5 + 0.5 * np.cos(around * 190)
    band = smooth(depth, BAND + 0.6, BAND - 0.6)
    weave = noise.octaves(skin.position * np.array([0.9, 0.45, 0.9]), 2, person.seed + 501)
    drape = noise.octaves(skin.position / np.array([34.0, 60.0, 34.0]), 2, person.seed + 502)
    seam = np.exp(-(((depth - BAND) / 1.0) ** 2))
    cloth = np.array(person.garment) * (1 + 0.07 * weave + 0.06 * drape)[:, None]
    cloth = cloth * (1 - 0.12 * band * rib - 0.25 * seam)[:, None]
    shade = 0.30 * np.exp(-np.maximum(-depth, 0) / 3.0) * (depth < 0)
    paint.colour[skin.texels] *= 1 - shade[:, None]
    worn = smooth(depth, -1.8, 1.8)
    paint.cover(skin.texels, np.clip(cloth, 0, 1), worn)
    paint.finish(skin.texels, 0.10, 0.85, worn)
    height = 0.55 + 0.35 * drape + band * (0.35 + 0.16 * rib) - 0.3 * seam + 0.04 * weave
    paint.height[skin.texels] += (height - paint.height[skin.texels]) * smooth(depth, -2.4, 2.4)
