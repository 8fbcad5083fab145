"""Hair on the skin: brows, lashes, beard and scalp, strand by strand, with the soft shadow of their roots."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.atlas import BOXES
from talkcli.engine.studio.canvas import Canvas, Field
from talkcli.engine.studio.complexion import SkinParameters
from talkcli.engine.studio.domain import CENTRE, SKIN_RADIUS
from talkcli.engine.studio.hair import LOCKS, hairline
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint import Paint, Region
from talkcli.engine.studio.pigment import hair_colour
from talkcli.engine.studio.strands import grow, scatter

LASH_PARTING = 22.0
"""mm: lashes below this height are the lower lid's"""
BROW_X = (8.0, 13.0, 20.0, 28.0, 36.0, 43.0, 50.0)
BROW_Y = (38.4, 39.5, 41.0, 42.8, 43.7, 42.0, 37.4)
BROW_HALF = (2.6, 3.7, 3.9, 3.4, 2.7, 1.9, 0.8)
"""the middle line and half height of the left brow along x, mm"""


def paint_hair(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """All hair that grows from the skin."""
    scalp_hair(paint, canvas, person)
    beard(paint, canvas, person)
    brows(paint, canvas, person)
    lash_line(paint, canvas, person)


def _lay(paint: Paint, canvas: Canvas, cover: Field, shade: Field, colour: np.ndarray, height: float) -> None:
    where = np.flatnonzero(cover > 1e-3)
    paint.cover(where, np.clip(colour * shade[where, None], 0, 1), cover[where])
    paint.finish(where, 0.22, 0.60, cover[where] * 0.8)
    paint.height[where] += height * cover[where]


def brow_profile(skin: Region, person: SkinParameters) -> tuple[Field, Field, Field]:
    """[k] how deep in the brow (1 middle, 0 edge), the signed height over its middle line in half heights,
    and how far along (0..1)."""
    arch = (person.brow_arch - 0.5) * 4.0
    middle = np.interp(skin.x, BROW_X, BROW_Y) + arch * (skin.blob((35, 42, 80), (11, 99, 99)) - 0.35)
    half = np.interp(skin.x, BROW_X, BROW_HALF) * (0.55 + 0.75 * person.brow_thickness)
    across = (skin.y - middle) / half
    along = np.clip((skin.x - 8) / 42, 0, 1)
    ends = smooth(skin.x, 6.0, 13.0) * smooth(skin.x, 51.0, 43.0) * (skin.z > 30)
    inside = np.exp(-(np.abs(across) ** 3)) * ends
    return inside.astype(np.float32), across.astype(np.float32), along.astype(np.float32)


def brows(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Some four hundred hairs a side: upright near the nose, swept outward along the brow, its upper edge
    combed down and its lower up."""
    rng = np.random.default_rng([person.seed, 61])
    skin = Region.of(canvas, canvas.within("skin"))
    inside, across, along = brow_profile(skin, person)
    side = np.sign(skin.position[:, 0])
    lift = np.interp(along, [0, 0.10, 0.35, 0.65, 1.0], [1.35, 0.95, 0.45, 0.05, -0.45]) - 0.45 * np.clip(
        across, -1.2, 1.2
    )
    lift += 0.12 * noise.octaves(skin.position / 4, 2, person.seed + 62)
    flow = np.zeros_like(canvas.position)
    flow[skin.texels] = np.stack([side * np.cos(lift), np.sin(lift), np.zeros_like(lift)], 1)
    density = np.zeros(len(canvas.texels), np.float32)
    clumps = 1 + 0.35 * noise.octaves(skin.position / 2.5, 2, person.seed + 63)
    density[skin.texels] = (0.7 + 2.6 * person.brow_density) * inside * clumps
    roots = scatter(canvas, density, rng)
    place = np.interp(
        canvas.position[roots, 0] * np.sign(canvas.position[roots, 0]), [8, 20, 38, 50], [4.2, 6.6, 6.4, 4.2]
    )
    length = place * rng.uniform(0.6, 1.15, len(roots)) * (0.85 + 0.3 * person.male)
    colour = hair_colour(
        min(1.0, person.hair_eumelanin * 0.9 + 0.14), person.hair_pheomelanin, person.hair_grey * 0.5
    )
    shadow = np.zeros(len(canvas.texels), np.float32)
    shadow[skin.texels] = inside * (0.10 + 0.16 * person.brow_density)
    _lay(paint, canvas, shadow, np.ones_like(shadow), colour * 0.8 + 0.02, 0.0)
    cover, shade = grow(
        canvas, roots, flow, length, 0.085, rng, canvas.within("skin"), spread=0.20, curl=0.35, contrast=0.30
    )
    _lay(paint, canvas, cover * 0.94, shade, colour, 0.18)


def lash_line(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """The roots of the lashes darken the outer edge of the lids; the lashes themselves are geometry."""
    lid, s, upper = canvas.lid, canvas.lid_s, canvas.lid_upper
    reach = np.where(lid < 6.15, 0.35 + 0.45 * upper, 0.3)
    edge = np.exp(-(((lid - 6.15) / reach) ** 2)) * smooth(s, 0.06, 0.22) * canvas.within("skin")
    amount = edge * (0.10 + upper * (0.42 + 0.55 * person.lash_strength))
    colour = hair_colour(min(1.0, 0.55 + 0.55 * person.hair_eumelanin), 0.06, 0.0)
    _lay(
        paint,
        canvas,
        np.clip(amount, 0, 0.92).astype(np.float32),
        np.ones(len(lid), np.float32),
        colour * 0.7,
        0.0,
    )
    skin = np.flatnonzero(np.abs(lid - 3.5) < 1.0)
    lashes = np.flatnonzero(canvas.within("left_lashes", "right_lashes"))
    lower = (canvas.position[lashes, 1] < LASH_PARTING)[:, None]
    paint.colour[lashes] = np.where(
        lower, colour * 0.5 + 0.4 * np.median(paint.colour[skin], 0), colour * 0.7
    )
    paint.strength[lashes], paint.roughness[lashes] = 0.2, 0.6


def beard(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
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
    _lay(paint, canvas, cover * (0.35 + 0.6 * min(1, person.stubble * 1.6)), shade, colour, 0.12)


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


def inside_hairline(skin: Region) -> Field:
    """[k] mm inside the border of the head's hair, negative on face and neck."""
    ray = skin.position - CENTRE
    flat = np.hypot(ray[:, 0], ray[:, 2])
    elevation = np.arctan2(ray[:, 1], flat)
    return ((elevation - hairline(np.arctan2(ray[:, 0], ray[:, 2]))) * SKIN_RADIUS).astype(np.float32)


def scalp_hair(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Short hair: a soft irregular border of single hairs, dense behind it, combed from the crown."""
    rng = np.random.default_rng([person.seed, 81])
    skin = Region.of(canvas, canvas.within("skin"))
    inside = inside_hairline(skin) + 2.5 * noise.octaves(skin.position / 8, 2, person.seed + 82)
    thick = smooth(inside, -13.0, -3.0)
    colour = hair_colour(person.hair_eumelanin, person.hair_pheomelanin, person.hair_grey)
    whole = np.zeros(len(canvas.texels), np.float32)
    whole[skin.texels] = 0.8 * smooth(inside, -9.0, -1.0) + 0.18 * smooth(inside, -2.0, 4.0)
    _lay(paint, canvas, whole, np.ones_like(whole), colour * 0.55, 0.0)
    flow = combed(canvas)
    density = np.zeros_like(whole)
    density[skin.texels] = 0.9 * thick + 0.2 * smooth(inside, -17, -7)
    roots = scatter(canvas, density, rng)
    length = rng.uniform(2.5, 7, len(roots))
    cover, shade = grow(
        canvas, roots, flow, length, 0.16, rng, canvas.within("skin"), spread=0.35, curl=0.5, contrast=0.4
    )
    _lay(paint, canvas, cover * 0.92, shade, colour, 0.25)
    cap(paint, canvas, person)


def combed(canvas: Canvas) -> Field:
    """[n, 3] the way hair falls: away from the crown whorl, forward over the forehead, down at the sides,
    back above the temples."""
    position = canvas.position
    whorl = np.array([6.0, 118.0, -62.0], np.float32)
    away = position - whorl
    away = away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-6)
    swirl = np.cross(canvas.normal, away)
    wave = noise.octaves(position / 26, 2, 83)[:, None]
    return (away + 0.35 * swirl + 0.35 * wave * swirl).astype(np.float32)


def cap(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """The hair's own surface: strands along the comb, dark at the roots, some of them grey; the locks of its
    edge, too small for strands, in their mean colour and duller."""
    own = canvas.within("hair")
    texels = np.flatnonzero(own)
    rng = np.random.default_rng([person.seed, 84])
    dark = hair_colour(person.hair_eumelanin, person.hair_pheomelanin, 0.0)
    grey = hair_colour(person.hair_eumelanin, person.hair_pheomelanin, 1.0)
    shade = 0.74 + 0.12 * noise.octaves(canvas.position[texels] / 7, 3, person.seed + 85)
    paint.colour[texels] = (dark + (grey - dark) * 0.7 * person.hair_grey) * shade[:, None]
    paint.strength[texels], paint.roughness[texels] = 0.3, 0.6
    flow = combed(canvas)
    mixed = dark + (grey - dark) * person.hair_grey
    for width, density, long, colour, share in (
        (1.5, 0.020, 34.0, mixed, 1.0),
        (0.7, 0.10, 26.0, dark, 1 - person.hair_grey),
        (0.7, 0.10, 26.0, grey, person.hair_grey),
    ):
        if share <= 0.02:
            continue
        roots = scatter(canvas, np.where(own, density * share, 0.0), rng)
        length = long * rng.uniform(0.5, 1.1, len(roots))
        cover, tint = grow(canvas, roots, flow, length, width, rng, own, spread=0.16, curl=0.3, contrast=0.6)
        _lay(paint, canvas, cover * 0.8, tint * 1.2, colour, 0.3)
    left, _, right, _ = BOXES["hair"]
    locks = canvas.texels[texels] % canvas.size > (left + (right - left) * (LOCKS - 0.005)) * canvas.size
    mean = paint.colour[texels[~locks]].mean(0)
    tint = 1 + 0.3 * noise.octaves(canvas.position[texels[locks]] / 3, 2, person.seed + 86)
    paint.colour[texels[locks]] = mean * tint[:, None]
    paint.strength[texels[locks]] = 0.08
