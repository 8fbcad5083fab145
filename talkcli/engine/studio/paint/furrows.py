"""Furrows that every face has at rest: beside the nose's wings, in the philtrum, from nose to mouth, over the
chin, and the fold of the upper lid."""

import numpy as np

from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.creases import Ground, crease, curve, fading

Line = tuple[list[tuple[float, float]], float, float]
MIDLINE: tuple[Line, ...] = (
    ([(0, -26.5), (0, -30), (0, -36.5)], 0.75, 2.0),
    ([(-13, -61.5), (-6, -63.4), (0, -63.8), (6, -63.4), (13, -61.5)], 0.45, 2.4),
)
_SIDE_LINES: tuple[Line, ...] = (
    ([(9.0, -8.6), (13.0, -8.8), (16.4, -12.4), (17.2, -17.0), (15.4, -21.8)], 0.65, 1.7),
    ([(17.2, -18), (20.4, -24), (24.5, -32), (27.5, -39)], 0.30, 2.0),
)
"""Frontal control points on the template, depth and width, mm; those of _SIDE_LINES are the left ones"""
LID_FOLD = 0.6
"""mm, the depth of the upper lid's crease"""


def furrows(canvas: Canvas, person: SkinParameters) -> Field:
    """Depth [n] mm of a person's furrows, deeper with age; negative on the rolls of skin beside them."""
    ground, rng = Ground.of(canvas), np.random.default_rng([person.seed, 71])
    height = np.zeros(len(canvas.texels), np.float32)
    for lines, signs in ((MIDLINE, (1,)), (_SIDE_LINES, (1, -1))):
        for points, deep, width in lines:
            for sign in signs:
                path = curve([(x * sign, y) for x, y in points], rng, 0.15)
                height += crease(ground, path, deep * fading(len(path), rng, 0.4, 0.35, 0.15), width)
    fold = smooth(canvas.lid, 2.4, 3.1) * smooth(canvas.lid, 3.9, 3.3) * canvas.lid_upper
    fold *= smooth(canvas.lid_s, 0.02, 0.2) * smooth(canvas.lid_s, 1.0, 0.85)
    wear = np.clip(0.6 + person.age / 75, 0.8, 1.6)
    return (LID_FOLD * fold - wear * height).astype(np.float32)
