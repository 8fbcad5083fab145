"""Hair on the skin: brows, lashes, beard and scalp, strand by strand, with the soft shadow of their roots."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.paint import Paint, Region
from talkcli.engine.studio.paint.pigment import hair_colour
from talkcli.engine.studio.paint.strands import grow, scatter

BROW_X = (8.0, 13.0, 20.0, 28.0, 36.0, 43.0, 50.0)
BROW_Y = (37.6, 38.3, 39.4, 40.7, 41.1, 39.3, 35.2)
BROW_HALF = (3.2, 4.1, 4.2, 3.8, 3.2, 2.3, 1.1)
"""The middle line and half height of the left brow along x, mm."""

MALE_BROW = 2.4
"""mm that men's lie lower"""


def lay(paint: Paint, canvas: Canvas, cover: Field, shade: Field, colour: np.ndarray, height: float) -> None:
    """Hair over texels: `cover` [n] in 0..1, lighter or darker by `shade` [n], `height` mm over the skin."""
    where = np.flatnonzero(cover > 1e-3)
    paint.cover(where, np.clip(colour * shade[where, None], 0, 1), cover[where])
    paint.finish(where, 0.22, 0.60, cover[where] * 0.8)
    paint.height[where] += height * cover[where]


def brow_profile(skin: Region, person: SkinParameters) -> tuple[Field, Field, Field]:
    """[k] how deep in the brow (1 middle, 0 edge), the signed height over its middle line in half heights,
    and how far along (0..1)."""
    arch = (person.brow_arch - 0.5) * 4.0
    middle = np.interp(skin.x, BROW_X, BROW_Y) + arch * (skin.blob((35, 42, 80), (11, 99, 99)) - 0.35)
    middle = middle - MALE_BROW * person.male
    half = np.interp(skin.x, BROW_X, BROW_HALF) * (0.62 + 0.75 * person.brow_thickness)
    across = (skin.y - middle) / half
    along = np.clip((skin.x - 8) / 42, 0, 1)
    ends = smooth(skin.x, 6.5, 14.5) * smooth(skin.x, 52.0, 41.0) * (skin.z > 30)
    inside = np.exp(-(np.abs(across) ** 2.2)) * ends
    return inside.astype(np.float32), across.astype(np.float32), along.astype(np.float32)


def lash_line(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """The roots of the lashes darken the outer edge of the lids; the lashes themselves are geometry."""
    lid, s, upper = canvas.lid, canvas.lid_s, canvas.lid_upper
    reach = np.where(lid < 6.15, 0.35 + 0.65 * upper, 0.3)
    edge = np.exp(-(((lid - 6.15) / reach) ** 2)) * smooth(s, 0.06, 0.22) * canvas.within("skin")
    amount = edge * (0.14 + upper * (0.55 + 0.60 * person.lash_strength))
    colour = hair_colour(min(1.0, 0.55 + 0.55 * person.hair_eumelanin), 0.06, 0.0)
    lay(
        paint,
        canvas,
        np.clip(amount, 0, 0.92).astype(np.float32),
        np.ones(len(lid), np.float32),
        colour * 0.7,
        0.0,
    )


def stubble(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """The grey shadow of hair under the skin, and cut hairs over it."""
    if person.stubble <= 0.01:
        return
    rng = np.random.default_rng([person.seed, 71])
    skin = Region.of(canvas, canvas.within("skin"))
    zone = beard_zone(skin, canvas, person.seed)
    colour = hair_colour(person.hair_eumelanin, person.hair_pheomelanin + 0.1, person.hair_grey)
    shadow = zone * (0.08 + 0.22 * person.stubble) * (0.4 + 0.6 * person.hair_eumelanin)
    under = np.array([0.62, 0.72, 0.80])
    paint.colour[skin.texels] *= 1 - shadow[:, None] * under[::-1]
    flow = np.zeros_like(canvas.position)
    side = np.sign(skin.position[:, 0])
    sideways = 0.35 * side * smooth(skin.x, 4, 24)
    flow[skin.texels] = np.stack([sideways, -np.ones_like(skin.y), np.zeros_like(skin.y)], 1)
    density = np.zeros(len(canvas.texels), np.float32)
    density[skin.texels] = 0.95 * zone
    roots = scatter(canvas, density, rng)
    length = (0.35 + 3.0 * person.stubble**1.5) * rng.uniform(0.5, 1.2, len(roots))
    cover, shade = grow(canvas, roots, flow, length, 0.11, rng, canvas.within("skin"), spread=0.5, curl=0.5)
    lay(paint, canvas, cover * (0.35 + 0.6 * min(1, person.stubble * 1.6)), shade, colour, 0.12)


def beard_zone(skin: Region, canvas: Canvas, seed: int) -> Field:
    """[k] where a beard grows: moustache, chin, jaw and upper neck, thinner on the cheeks."""
    lip = canvas.lip[skin.texels]
    wander = 5 * noise.octaves(skin.position / 12, 2, seed + 72)
    cheek_line = np.interp(skin.x, [0, 8, 16, 24, 34, 50, 64], [-24, -24, -27, -37, -44, -34, 2])
    below = smooth(skin.y + 0.4 * wander, cheek_line + 3, cheek_line - 7)
    neck = smooth(skin.y + wander, -122, -100)
    front = smooth(skin.z, -6, 14)
    off_lips = smooth(lip, 1.08, 1.35)
    bare = 1 - 0.75 * skin.blob((0, -60.5, 100), (9, 3.5, 20)) - 0.35 * skin.blob((13, -61, 96), (6, 6, 20))
    sparse = 1 - 0.45 * skin.blob((36, -38, 70), (14, 12, 30))
    return (below * neck * front * off_lips * np.clip(bare, 0, 1) * sparse).astype(np.float32)
