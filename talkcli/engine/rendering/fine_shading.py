"""How points look in fine pictures: hair as dyed fibres of glass, skin and cloth under down, eyes that mirror
lamps with soft borders."""

from __future__ import annotations

import math

import numpy as np

from talkcli.engine.compiled import fast, inlined
from talkcli.engine.rendering.shading import (
    ACROSS,
    ALBEDO,
    BRIGHT,
    KEY,
    KIND,
    LIGHT,
    NORMAL,
    POINTS,
    SHELTER,
    SOFTNESS,
    VIEW,
    around,
    axis,
    bounced,
    clamped,
    dot,
    faced,
    fresnel,
    keep_three,
    light,
    matte,
    mirrored,
    plus,
    schlick,
    three,
    toned,
    unit,
)
from talkcli.engine.rendering.surface import CLOTH, SKIN

TILT, SCATTERED = np.float32(0.05), np.float32(0.28)
"""Radians: how far the scales of hair lean towards its tip; over which its first reflection spreads along it,
standard deviation. Light that goes through spreads 0.9 times as far, what is mirrored inside 1.6 times."""

JITTER = np.float32(0.2)
"""Radians by which reflections of a strand lie beside others', for each 1 that it is brighter."""

BODY_LOBE, WHITE_LOBE, DYED_LOBE = np.float32(1.1), np.float32(0.55), np.float32(4.5)
"""Strengths: of what hair scatters of its colour, of what its surface mirrors, of what its inside does."""

RIMS, LET_IN = np.float32(0.32), np.float32(0.3)
"""Of the rims that hair catches; of the key that hair lets in, which the shadow map does not know."""

DOWN_OF_SKIN, DOWN_OF_CLOTH = np.float32(0.22), np.float32(0.45)
"""What down throws back where it is seen along the surface, of what falls on it."""

FILL_SEEN, LASHES_SHADE = np.float32(0.35), np.float32(0.6)
"""How bright the fill is in an eye; what lashes keep from it of the light that lids leave."""


@inlined
def _lobe(width, angle):
    return math.exp(-0.5 * angle * angle / (width * width)) / (2.5066 * width)


@inlined
def _of_keratin(cosine):
    """Fresnel's law at an index of 1.55."""
    return schlick(cosine, 0.0465, 0.9535)


@inlined
def fibre(strand, view, way, beside):
    """What a hair throws at the eye of a light (Marschner et al. 2003, as Karis 2016 has it): off its
    surface, through it, off its inner side; with the powers of its colour that the last two have."""
    to_eye, to_light = dot(strand, view), dot(strand, way)
    eye_across = math.sqrt(max(1.0 - to_eye * to_eye, 1e-4))
    light_across = math.sqrt(max(1.0 - to_light * to_light, 1e-4))
    between = dot(view, way)
    round_it = min(max((between - to_eye * to_light) / (eye_across * light_across), -1.0), 1.0)
    half = math.sqrt(max(0.5 + 0.5 * round_it, 0.0))
    angles = math.asin(min(max(to_eye, -1.0), 1.0)) - math.asin(min(max(to_light, -1.0), 1.0))
    slant = math.cos(0.5 * angles)
    along = to_eye + to_light + beside
    first = _lobe(SCATTERED * 1.41 * max(half, 0.3), along + 2.0 * TILT * half * eye_across)
    white = first * 0.25 * half * _of_keratin(math.sqrt(max(0.5 + 0.5 * between, 0.0)))
    bend = 1.0 / (1.19 / slant + 0.36 * slant)
    offset = half * (1.0 + bend * (0.6 - 0.8 * round_it))
    enters = 1.0 - _of_keratin(slant * math.sqrt(max(1.0 - offset * offset, 0.0)))
    through = _lobe(SCATTERED * 0.9, along - TILT) * enters * enters * math.exp(-3.65 * round_it - 3.98)
    path = 0.5 * math.sqrt(max(1.0 - offset * offset * bend * bend, 0.0)) / slant
    mirror = _of_keratin(slant * 0.5)
    inner = _lobe(SCATTERED * 1.6, along - 4.0 * TILT) * (1.0 - mirror) * (1.0 - mirror) * mirror
    return white, through, path, inner * math.exp(17.0 * round_it - 16.78), 0.8 / slant


@inlined
def _thrown(colour, lamp, seen, scattered, white, through, path, inner, inner_path):
    """One channel of one lamp."""
    dye = math.sqrt(min(1.3 * colour, 1.0))
    lobes = WHITE_LOBE * white + 3.14 * through * dye**path + DYED_LOBE * inner * dye**inner_path
    return lamp * seen * (lobes + scattered * colour)


@fast
def shade_fine_hair(count, batch, rig):
    """Hair along ACROSS."""
    for i in range(count):
        view, normal = unit(three(batch, VIEW, i)), unit(three(batch, NORMAL, i))
        albedo, strand = three(batch, ALBEDO, i), unit(three(batch, ACROSS, i))
        albedo = max(albedo[0], 1e-3), max(albedo[1], 1e-3), max(albedo[2], 1e-3)
        shelter, key = batch[SHELTER * POINTS + i], batch[KEY * POINTS + i]
        beside = JITTER * (batch[BRIGHT * POINTS + i] - 1.0)
        turned = unit(plus(view, strand, -dot(view, strand)))
        turned = unit(plus(normal, turned, 0.5))
        red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for number in range(4):
            way = light(rig, number)
            seen = shelter * clamped((dot(normal, way) + 0.3) / 1.3) * (1.0 if number == 1 else RIMS)
            if number == 0:
                seen = max(key + LET_IN * shelter * (1.0 - key), 0.06)
            along, falls = dot(strand, way), max((dot(turned, way) + 0.35) / 1.35, 0.0)
            scattered = BODY_LOBE * falls * (0.45 + 0.55 * math.sqrt(max(1.0 - along * along, 0.0)))
            white, through, path, inner, inner_path = fibre(strand, view, way, beside)
            rest = seen, scattered, white, through, path, inner, inner_path
            red += _thrown(albedo[0], rig.colours[number, 0], *rest)
            green += _thrown(albedo[1], rig.colours[number, 1], *rest)
            blue += _thrown(albedo[2], rig.colours[number, 2], *rest)
        open_sky = 0.06 + 0.94 * shelter
        out = toned(
            (
                red + albedo[0] * around(rig, 0, normal) * bounced(open_sky, albedo[0]),
                green + albedo[1] * around(rig, 1, normal) * bounced(open_sky, albedo[1]),
                blue + albedo[2] * around(rig, 2, normal) * bounced(open_sky, albedo[2]),
            )
        )
        keep_three(batch, LIGHT, i, out)


@fast
def shade_fine_eye(count, batch, rig):
    """As `shade_eye`; the key's cloth fades towards its border, and the fill is seen, too."""
    for i in range(count):
        normal, view = faced(batch, i)
        shelter, key = batch[SHELTER * POINTS + i], batch[KEY * POINTS + i]
        shelter *= 1.0 - LASHES_SHADE + LASHES_SHADE * shelter
        key *= 1.0 - 0.5 * LASHES_SHADE * (1.0 - shelter)
        out = matte(rig, three(batch, ALBEDO, i), normal, shelter, key, batch[SOFTNESS * POINTS + i])
        mirror = mirrored(normal, view)
        ahead = max(dot(mirror, axis(rig, 2)), 0.1)
        a, b = abs(dot(mirror, axis(rig, 0))) / ahead, abs(dot(mirror, axis(rig, 1))) / ahead
        box = clamped((0.25 - a) / 0.13) * clamped((0.32 - b) / 0.15)
        box *= 1.0 - 0.25 * clamped(9.0 * a * a + 4.5 * b * b)
        bright = 0.85 * box * clamped(3.0 * shelter) * (0.5 + 0.5 * key)
        aside = clamped((dot(mirror, light(rig, 1)) - 0.93) / 0.05)
        faint = FILL_SEEN * aside * clamped(2.0 * shelter)
        glance = 1.5 * rig.shine * fresnel(max(dot(normal, view), 0.0)) * shelter
        keys, fills = rig.colours[0], rig.colours[1]
        out = toned(
            (
                out[0] + bright * keys[0] + faint * fills[0] + glance * around(rig, 0, mirror),
                out[1] + bright * keys[1] + faint * fills[1] + glance * around(rig, 1, mirror),
                out[2] + bright * keys[2] + faint * fills[2] + glance * around(rig, 2, mirror),
            )
        )
        keep_three(batch, LIGHT, i, out)


_SKIN, _CLOTH = np.float32(SKIN), np.float32(CLOTH)


@fast
def add_down(count, batch, rig):
    """To the light of bodies that of the down on skin and cloth, where one looks along them (Koenderink and
    Pont 2003)."""
    for i in range(count):
        normal, view = faced(batch, i)
        away, kind = 1.0 - max(dot(normal, view), 0.0), batch[KIND * POINTS + i]
        much = DOWN_OF_SKIN if kind == _SKIN else (DOWN_OF_CLOTH if kind >= _CLOTH else np.float32(0.0))
        much *= away * away * away * batch[SHELTER * POINTS + i]
        red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for number in range(4):
            falls = clamped(0.35 + 0.65 * dot(normal, light(rig, number)))
            falls *= batch[KEY * POINTS + i] if number == 0 else np.float32(1.0)
            red += falls * rig.colours[number, 0]
            green += falls * rig.colours[number, 1]
            blue += falls * rig.colours[number, 2]
        albedo, bare = three(batch, ALBEDO, i), three(batch, LIGHT, i)
        out = (
            bare[0] + (1.0 - bare[0]) * clamped(much * red * (0.15 + albedo[0])),
            bare[1] + (1.0 - bare[1]) * clamped(much * green * (0.15 + albedo[1])),
            bare[2] + (1.0 - bare[2]) * clamped(much * blue * (0.15 + albedo[2])),
        )
        keep_three(batch, LIGHT, i, out)
