"""Skin: melanin and blood over the face, lips and lids, pores, freckles and moles; positions in the
template's millimetres."""

import numpy as np

from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.furrows import furrows
from talkcli.engine.studio.paint.paint import Paint, Region
from talkcli.engine.studio.paint.pigment import skin_colour

LIPS_LOST = 0.20
"""Share of its height that the red of lips loses from 40 years to 70."""

GRAIN = 0.4
"""How much what skin reflects differs from one millimetre to the next."""

LIP_TINT = np.array([-0.03, -0.05, 0.06])
"""the blood of lips is seen through less oxygen and no yellow: rose, not coral"""


def paint_skin(paint: Paint, canvas: Canvas, person: SkinParameters) -> None:
    """Colour, gloss and fine relief of skin, lips, lids and ears, without hair."""
    skin = Region.of(canvas, canvas.within("skin", "left_ear", "right_ear"))
    texels = skin.texels
    melanin, blood = _tone(skin, person)
    depth = furrows(canvas, person)[texels]
    melanin += (0.05 + 0.12 * person.melanin) * np.clip(depth, 0, 1)
    blood += 0.22 * np.clip(depth, 0, 1) / (1 + 0.35 * person.melanin)
    _flush(skin, canvas, person, blood)
    _spots(skin, person, melanin, blood)
    _darkness(skin, canvas, person, melanin, blood)
    red = vermilion(canvas, skin, person.seed, person.age)
    _lips(skin, canvas, person, red, melanin, blood)
    _lids(skin, canvas, melanin, blood)
    light = 1 + 0.03 * _fineness(skin) * noise.octaves(skin.position / 1.3, 2, person.seed + 1)
    colour = skin_colour(np.clip(melanin, 0.02, 6), np.clip(blood, -0.4, 2.5)) * light[:, None]
    paint.colour[texels] = colour * (1 + red[:, None] * LIP_TINT)
    _surface(paint, skin, canvas, person, red)
    paint.height[texels] -= depth * (1 - red)


def vermilion(canvas: Canvas, skin: Region, seed: int, age: float = 30.0) -> Field:
    """[k] 1 on the red of the lips, which is narrower in old age, 0 on skin, with a soft uneven border."""
    lip, u = canvas.lip[skin.texels], canvas.lip_u[skin.texels]
    wander = 0.05 * noise.octaves(skin.position / 1.6, 2, seed + 3) + 0.05 * noise.octaves(
        skin.position / 6, 1, seed + 4
    )
    softness = 0.20 + 0.14 * np.abs(u) ** 3
    border = 1.0 - LIPS_LOST * float(np.clip((age - 40) / 30, 0, 1.2))
    return np.clip(0.5 + (border + wander - lip) / (2 * softness), 0, 1).astype(np.float32)


def _fineness(skin: Region) -> Field:
    """[k] how much of pores and grain shows: all of it on the face, none where the neck's texels are too
    coarse for it."""
    return smooth(skin.y, -128, -98).astype(np.float32)


def _tone(skin: Region, person: SkinParameters) -> tuple[Field, Field]:
    """Melanin and blood [k] of even skin with its clouds and mottles."""
    seed, spread = person.seed, person.mottling
    clouds = noise.octaves(skin.position / 38, 2, seed + 11)
    patches = noise.octaves(skin.position / 9, 3, seed + 12)
    grain = noise.octaves(skin.position / 1.9, 2, seed + 13) * _fineness(skin)
    even = 1 / (1 + 0.5 * person.melanin)
    melanin = person.melanin * np.exp(0.05 * clouds + spread * even * (0.10 * patches + 0.08 * grain))
    veins = noise.octaves(skin.position / 6, 3, seed + 14)
    speckle = noise.octaves(skin.position / 1.4, 2, seed + 15) * _fineness(skin)
    blood = person.haemoglobin + 0.03 * clouds + spread * (0.07 * veins + 0.06 * speckle)
    dark = person.melanin / (1 + person.melanin)
    outer = smooth(skin.y, 45, 90) + smooth(skin.x, 48, 68) * smooth(skin.y, -70, -20)
    melanin *= 1 + 0.28 * dark * np.clip(outer, 0, 1) - 0.14 * dark * skin.blob((30, -12, 80), (20, 18, 30))
    melanin *= 1 - 0.10 * smooth(-skin.y, 95, 120) + 0.12 * skin.blob((0, 66, 90), (42, 24, 45))
    return melanin.astype(np.float32), blood.astype(np.float32)


def _flush(skin: Region, canvas: Canvas, person: SkinParameters, blood: Field) -> None:
    """Where blood shows: cheeks, nose, ears, chin; paler forehead and mouth surrounds; fine vessels with
    age."""
    ragged = 1 + 0.35 * noise.octaves(skin.position / 11, 3, person.seed + 21)
    warm = (0.25 + 0.75 * person.blush) * (1 - 0.5 * float(np.clip((person.age - 40) / 25, 0, 1)))
    ears = canvas.within("left_ear", "right_ear")[skin.texels]
    blood += 0.36 * warm * ragged * skin.blob((38, -9, 72), (18, 14, 32))
    blood += 0.27 * warm * ragged * skin.blob((0, -13, 113), (13, 10, 16))
    blood += 0.13 * skin.blob((16, -20, 97), (5, 6, 10))
    blood += 0.08 * warm * skin.blob((0, -80, 95), (16, 11, 20)) + 0.06 * skin.blob((0, 40, 92), (13, 12, 16))
    blood += 0.05 * skin.blob((31.5, 29, 86), (16, 6, 14)) + 0.07 * skin.blob((31, 10, 84), (15, 6, 14))
    blood += 0.16 * ears * ragged
    blood -= 0.07 * skin.blob((0, 68, 92), (46, 24, 45)) + 0.05 * skin.blob((0, -36, 106), (24, 9, 20))
    blood -= 0.05 * smooth(-skin.y, 92, 112)
    vessel = np.abs(noise.octaves(skin.position / 3.4, 2, person.seed + 23))
    wear = np.clip((person.age - 25) / 45, 0.1, 1) * (0.4 + person.mottling)
    where = skin.blob((17, -18, 98), (7, 8, 12)) + 0.7 * skin.blob((36, -10, 72), (16, 12, 28))
    blood += 0.22 * wear * smooth(vessel, 0.07, 0.0) * where
    blood *= 1 / (1 + 0.35 * person.melanin)


def _spots(skin: Region, person: SkinParameters, melanin: Field, blood: Field) -> None:
    """Freckles, age spots, moles, a few blemishes."""
    rng = np.random.default_rng([person.seed, 31])
    sunny = skin.blob((22, -2, 88), (30, 20, 40)) + 0.6 * skin.blob((0, 62, 92), (45, 26, 40)) + 0.15
    if person.freckles > 0.02:
        for size, seed in ((2.1, 32), (1.3, 33)):
            places = (
                skin.position / size + 0.25 * noise.octaves(skin.position / 1.2, 1, person.seed + 34)[:, None]
            )
            near, _, label = noise.cells(places, person.seed + seed)
            strength = smooth(label, 1.0 - 0.55 * person.freckles, 1.05)
            melanin += 0.42 * person.freckles * strength * smooth(near, 0.46, 0.16) * np.clip(sunny, 0, 1)
    if person.age > 45:
        near, _, label = noise.cells(skin.position / 6, person.seed + 35)
        melanin += (
            (0.26 + 0.1 * person.melanin)
            * (person.age - 45)
            / 30
            * (label > 0.78)
            * smooth(near, 0.42, 0.15)
            * np.clip(sunny + 0.1, 0, 1)
        )
    eye = (skin.x > 10) & (skin.x < 54) & (skin.y > 6) & (skin.y < 47)
    bare = np.flatnonzero((skin.y > -110) & (skin.z > 0) & (skin.y < 85) & (skin.x > 14) & ~eye)
    for centre in skin.position[rng.choice(bare, person.moles)] if person.moles else ():
        radius = rng.uniform(0.45, 1.1)
        distance = np.linalg.norm(skin.position - centre, axis=1)
        melanin += rng.uniform(0.5, 1.4) * smooth(distance, radius * 1.25, radius * 0.5)
    for centre in skin.position[rng.choice(bare, rng.poisson(3))]:
        distance = np.linalg.norm(skin.position - centre, axis=1)
        blood += rng.uniform(0.06, 0.16) * smooth(distance, rng.uniform(0.9, 1.6), 0.2)


def _darkness(skin: Region, canvas: Canvas, person: SkinParameters, melanin: Field, blood: Field) -> None:
    """Darker skin round the eyes and in folds; the inside of the nostrils."""
    shade = person.shadow_under_eyes
    under = (
        skin.blob((24, 8, 84), (10, 6, 14))
        + 0.7 * skin.blob((33, 9, 84), (12, 5, 14))
        + 0.3 * skin.blob((17, 20, 84), (5, 9, 12))
    )
    melanin += (0.03 + 0.15 * person.melanin) * (0.3 + shade) * under
    blood += 0.07 * shade * under
    socket = skin.blob((24, 32, 84), (13, 7, 16))
    melanin *= 1 - 0.22 * socket
    blood -= 0.12 * socket
    crease = (
        smooth(canvas.lid[skin.texels], 2.2, 3.4)
        * smooth(canvas.lid[skin.texels], 4.8, 3.6)
        * canvas.lid_upper[skin.texels]
    )
    melanin += 0.10 * person.melanin * crease * (0.4 + shade)
    blood += 0.06 * crease
    plate = (
        smooth(canvas.lid[skin.texels], 3.4, 4.3)
        * smooth(canvas.lid[skin.texels], 6.6, 5.6)
        * canvas.lid_upper[skin.texels]
    )
    melanin += plate * (0.02 + 0.12 * person.melanin * (0.4 + shade))
    blood -= 0.03 * plate
    nostril = skin.blob((6.3, -20.5, 103), (3.6, 4.2, 5.5)) * smooth(-canvas.normal[skin.texels, 1], 0.1, 0.7)
    inside = smooth(nostril, 0.35, 0.8)
    melanin += 2.2 * inside
    blood += 0.8 * inside + 0.10 * skin.blob((15.5, -23, 97), (3, 4, 6))


def _lips(
    skin: Region, canvas: Canvas, person: SkinParameters, red: Field, melanin: Field, blood: Field
) -> None:
    """The vermilion with its fine vertical folds, the pale roll round it, the wet inner rim."""
    lip, u, upper = (field[skin.texels] for field in (canvas.lip, canvas.lip_u, canvas.lip_upper))
    across = np.stack([26 * u / 0.95, lip * 1.2, upper * 40], 1)
    folds = noise.octaves(across, 2, person.seed + 41)
    patch = noise.octaves(skin.position / 5, 2, person.seed + 42)
    lip_melanin = 0.10 + person.melanin * (0.80 + 0.25 * upper) + person.lip_melanin * (0.8 + 0.5 * upper)
    lip_melanin = lip_melanin * (1 + 0.10 * patch)
    lip_blood = 0.24 + 0.36 * person.lip_blood + 0.10 * patch + 0.12 * folds + 0.08 * upper
    inner = smooth(lip, 0.35, -0.1)
    lip_melanin = lip_melanin * (1 - 0.5 * inner) + 0.10 * smooth(folds, -0.2, -0.9)
    lip_blood = lip_blood + 0.30 * inner
    melanin += red * (lip_melanin - melanin)
    blood += red * (lip_blood - blood)
    roll = np.exp(-(((lip - 1.17) / 0.09) ** 2)) * (1 - red) * smooth(np.abs(u), 0.95, 0.6)
    blood -= 0.06 * roll
    melanin *= 1 - 0.08 * roll
    corner = np.exp(-(((np.abs(u) - 1) / 0.09) ** 2)) * smooth(lip, 1.3, 0.85) * (lip > -0.5)
    melanin += (0.08 + 0.25 * person.melanin) * corner
    blood += 0.07 * corner
    slit = smooth(lip, 0.06, -0.25)
    blood += 0.9 * slit
    melanin += 0.35 * slit


def _lids(skin: Region, canvas: Canvas, melanin: Field, blood: Field) -> None:
    """Pink wet margins and the caruncle in the inner corner."""
    lid, s, upper = (field[skin.texels] for field in (canvas.lid, canvas.lid_s, canvas.lid_upper))
    margin = smooth(lid, 5.7, 6.6) * (1 - 0.6 * upper)
    wet = smooth(lid, 6.4, 7.2)
    blood += 0.06 * margin / (1 + melanin) + 0.16 * wet
    melanin += wet * (np.minimum(melanin * 0.5, 0.3) - melanin)
    melanin += 0.04 * (1 + upper) * np.exp(-(((lid - 6.3) / 0.7) ** 2)) * (0.6 + melanin)
    caruncle = smooth(s, 0.10, 0.02) * smooth(lid, 4.6, 6.2)
    blood += 0.32 * caruncle
    melanin += caruncle * (melanin * 0.5 - melanin)


def _surface(paint: Paint, skin: Region, canvas: Canvas, person: SkinParameters, red: Field) -> None:
    """Gloss and relief: oily T-zone, pores, the fine furrows of the skin and of the lips."""
    texels, seed = skin.texels, person.seed
    lip, u, upper, lid = (field[texels] for field in (canvas.lip, canvas.lip_u, canvas.lip_upper, canvas.lid))
    oily = skin.blob((0, -6, 108), (11, 22, 20)) + 0.8 * skin.blob((0, 62, 96), (36, 24, 40))
    oily += 0.5 * skin.blob((0, -80, 98), (16, 12, 20)) + 0.45 * skin.blob((36, 2, 78), (16, 12, 24))
    oily = np.clip(oily, 0, 1)
    blotch = noise.octaves(skin.position / 5, 3, seed + 51)
    even = 1 / (1 + 0.6 * person.melanin)
    strength = 0.12 + 0.08 * even + (0.03 + 0.18 * person.oil) * even * oily + 0.05 * even**2 * blotch
    roughness = 0.63 - 0.10 * person.oil * oily - 0.02 * blotch + 0.03 * np.clip((person.age - 50) / 30, 0, 1)
    strength *= 1 - 0.6 * skin.blob((13, 2, 94), (6, 14, 14))
    strength *= 1 + GRAIN * _fineness(skin) * noise.octaves(skin.position / 1.1, 2, seed + 57)
    wet = smooth(lid, 6.0, 7.0)
    strength += red * (0.36 - strength) + wet * 0.6
    roughness += red * (0.47 - roughness) - wet * 0.36
    inner = red * smooth(lip, 0.3, 0.0)
    strength += 0.12 * even * inner

    near, second, label = noise.cells(skin.position / 1.7, seed + 52)
    porous = person.pores * (
        0.35 + skin.blob((16, -10, 96), (18, 18, 26)) + 0.5 * skin.blob((0, 62, 94), (36, 20, 30))
    )
    height = -0.08 * porous * smooth(near, 0.42, 0.10) * (0.4 + label)
    height += 0.035 * smooth(second - near, 0.0, 0.25) * (0.6 + 0.01 * person.age)
    height += 0.03 * noise.octaves(skin.position / 3.0, 2, seed + 53)
    height += 0.05 * noise.octaves(skin.position / 1.6, 2, seed + 58)
    height += 0.04 * noise.octaves(skin.position / 4.5, 2, seed + 59)
    height *= _fineness(skin) * even
    folds = noise.octaves(np.stack([26 * u / 1.0, lip * 0.9, upper * 40], 1), 2, seed + 41)
    height = height * (1 - red) + red * 0.10 * folds
    paint.strength[texels], paint.roughness[texels] = strength, roughness
    paint.height[texels] = height
    paint.strength[texels] *= 1 - 0.5 * smooth(-height, 0.03, 0.10) * (1 - red)
