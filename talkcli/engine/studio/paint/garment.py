"""A plain crew-neck over the shoulders: cloth painted below a collar line, so that a bust is dressed."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.paint import Paint, Region

_COLLAR_BAND = 9.0
"""mm of the collar's band"""


def below_collar(skin: Region) -> Field:
    """[k] mm below the collar's edge: a saddle, low in front, high behind and over the shoulders."""
    edge = -167.0 + 0.42 * (28.0 - skin.z) + 20.0 * (skin.x / 70.0) ** 2
    return (np.minimum(edge, -100.0) - skin.y).astype(np.float32)


def paint_garment(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Jersey with a banded collar that throws a little shade on the neck; edges as soft as the texels are
    coarse."""
    skin = Region.of(canvas, canvas.within("skin") & (canvas.position[:, 1] < -90))
    depth = below_collar(skin)
    coarse = canvas.coarseness[skin.texels]
    soft = 0.6 + 0.9 * coarse
    band = smooth(depth, _COLLAR_BAND + soft, _COLLAR_BAND - soft)
    weave = noise.octaves(skin.position * np.array([0.9, 0.45, 0.9]), 2, person.seed + 501) * smooth(
        coarse, 2.4, 0.8
    )
    drape = noise.octaves(skin.position / np.array([34.0, 60.0, 34.0]), 2, person.seed + 502)
    seam = np.exp(-(((depth - _COLLAR_BAND) / (0.6 + 0.5 * soft)) ** 2))
    cloth = np.array(person.garment) * (1 + 0.07 * weave + 0.06 * drape)[:, None]
    cloth = cloth * (1 - 0.06 * band - 0.16 * seam)[:, None]
    shade = 0.30 * np.exp(-np.maximum(-depth, 0) / (2.0 + soft))
    paint.colour[skin.texels] *= 1 - shade[:, None]
    worn = smooth(depth, -soft, soft)
    paint.cover(skin.texels, np.clip(cloth, 0, 1), worn)
    paint.finish(skin.texels, 0.10, 0.85, worn)
    height = 0.55 + 0.35 * drape + 0.43 * band - 0.2 * seam + 0.04 * weave
    paint.height[skin.texels] += (height - paint.height[skin.texels]) * smooth(depth, -2 * soft, 2 * soft)
