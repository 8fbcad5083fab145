"""How points of the head look: skin that light enters, moist lips, teeth, wet eyes, hair with a sheen, clay.

Points come in batches, POINTS numbers in a row for every field; shading is one loop of arithmetic over them,
so that the compiler does several points at once.
"""

from __future__ import annotations

import math

import numpy as np

from talkcli.engine.compiled import fast, inlined

POINTS = 128
"""Points that are shaded together."""

VIEW, NORMAL, SHELTER, KEY, SOFTNESS, ACROSS, ALBEDO = 0, 3, 6, 7, 8, 9, 12
TEXEL, GRADIENTS, STRENGTH, ROUGHNESS, FOLD, KIND, BRIGHT = 16, 24, 30, 31, 32, 36, 37
ROW = 40
LIGHT, SHADING_FIELDS = 40, 43
"""Three numbers each: way to the eye and normal, of any length; slope of the relief (or way of a hair) along
the surface; linear albedo. One each: share of the room and of the key that is seen; how far light wanders
under the surface, metres times curvature; strength and roughness of what it reflects. Three: the display
light that shading finds. Six, eight, four and one each for `gather` alone: the face's gradients, texels and
folds as they are stored, what it is made of and how bright a strand of hair is. The first ROW are in the
order in which `gather` finds them: first those of a vertex, see `gathering.ATTRIBUTES`. All in one array, so
that the compiler sees that none overlaps."""

LEAK = np.float32(0.25)
"""Share of the key that shines through hair."""

STEEPEST = np.float32(1.3)
"""Slope at which relief is cut off."""

WANDER = (np.float32(1.0), np.float32(0.36), np.float32(0.22))
"""How far red, green and blue wander, relative: the mean reach of the profiles of d'Eon and Luebke 2007."""


@inlined
def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def plus(a, b, scale):
    """a + scale * b"""
    return a[0] + scale * b[0], a[1] + scale * b[1], a[2] + scale * b[2]


@inlined
def unit(a):
    scale = 1.0 / math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2] + 1e-20)
    return a[0] * scale, a[1] * scale, a[2] * scale


@inlined
def three(batch, field, i):
    return (
        batch[field * POINTS + i],
        batch[(field + 1) * POINTS + i],
        batch[(field + 2) * POINTS + i],
    )


@inlined
def keep(batch, field, i, value):
    batch[field * POINTS + i] = value


@inlined
def keep_three(batch, field, i, value):
    batch[field * POINTS + i], batch[(field + 1) * POINTS + i] = value[0], value[1]
    batch[(field + 2) * POINTS + i] = value[2]


@inlined
def faced(batch, i):
    """Unit normal, turned no further away than the eye can see, and unit way to the eye."""
    view, normal = unit(three(batch, VIEW, i)), three(batch, NORMAL, i)
    return unit(plus(normal, view, max(0.05 - dot(normal, view), 0.0))), view


@inlined
def light(rig, number):
    return rig.directions[number, 0], rig.directions[number, 1], rig.directions[number, 2]


@inlined
def axis(rig, number):
    return rig.softbox[number, 0], rig.softbox[number, 1], rig.softbox[number, 2]


@inlined
def clamped(x):
    return min(max(x, 0.0), 1.0)


@inlined
def softened(cosine, width):
    """Lambert's law with its corner rounded over +-width of the cosine."""
    inside = clamped((cosine + width) / (2.0 * width))
    return max(cosine, width * inside * inside) if cosine < width else cosine


@inlined
def bounced(occlusion, albedo):
    """Occlusion with the light that the surface throws back at itself (Jimenez et al. 2016)."""
    a, b, c = 2.0404 * albedo - 0.3324, -4.7951 * albedo + 0.6417, 2.7552 * albedo + 0.6903
    return max(occlusion, ((occlusion * a + b) * occlusion + c) * occlusion)


@inlined
def schlick(cosine, ahead, more):
    """Fresnel's law as Schlick has it: what is thrown back straight ahead, and how much more along the
    surface."""
    away = max(1.0 - cosine, 0.0)
    square = away * away
    return ahead + more * square * square * away


@inlined
def fresnel(cosine):
    """Of skin and water alike."""
    return schlick(cosine, 0.028, 0.972)


@inlined
def gloss(normal, view, way, roughness):
    """Two GGX lobes with Kelemen's visibility, times the cosine."""
    half = unit(plus(way, view, 1.0))
    nh, lh = dot(normal, half), max(dot(way, half), 0.1)
    wide = roughness * roughness
    wide, narrow = wide * wide, 0.13 * wide * wide
    dw, dn = nh * nh * (wide - 1.0) + 1.0, nh * nh * (narrow - 1.0) + 1.0
    lobes = 0.85 * wide / (dw * dw) + 0.15 * narrow / (dn * dn)
    return lobes * fresnel(lh) / (4.0 * lh * lh) * max(dot(normal, way), 0.0)


@inlined
def mirrored(normal, view):
    """Where the eye looks by reflection."""
    return plus((-view[0], -view[1], -view[2]), normal, 2.0 * dot(normal, view))


@inlined
def around(rig, channel, way):
    """The room's light from a direction, see `Look.light`."""
    x, y, z = way
    room = rig.room
    level = room[0, channel] + room[1, channel] * x + room[2, channel] * y + room[3, channel] * z
    level += room[4, channel] * x * y + room[5, channel] * x * z + room[6, channel] * y * z
    level += room[7, channel] * (x * x - y * y) + room[8, channel] * (3.0 * z * z - 1.0)
    return max(level, 0.0)


@inlined
def body(channel, rig, albedo, cosines, normal, shelter, key, softness):
    """Light of one channel that comes out of the surface again."""
    width = 0.02 + min(softness * WANDER[channel], 0.7)
    wander = min(softness, 0.25) * WANDER[channel]
    key_light = key + 2.0 * wander * key * (1.0 - key)
    total = rig.colours[0, channel] * softened(cosines[0], width) * key_light
    for number in range(1, 4):
        wrap = max((cosines[number] + 0.25 + 0.3 * wander) / (1.25 + 0.3 * wander), 0.0)
        total += rig.colours[number, channel] * wrap * wrap * shelter
    return albedo * (total + around(rig, channel, normal) * bounced(shelter, albedo))


@inlined
def matte(rig, albedo, normal, shelter, key, softness):
    cosines = (
        dot(normal, light(rig, 0)),
        dot(normal, light(rig, 1)),
        dot(normal, light(rig, 2)),
        dot(normal, light(rig, 3)),
    )
    return (
        body(0, rig, albedo[0], cosines, normal, shelter, key, softness),
        body(1, rig, albedo[1], cosines, normal, shelter, key, softness),
        body(2, rig, albedo[2], cosines, normal, shelter, key, softness),
    )


@inlined
def filmed(x):
    """A film's answer to light, 0..1: a toe and a long shoulder (Narkowicz's fit of ACES), slower."""
    x = 0.8 * x
    return min(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 1.0)


@inlined
def toned(colour):
    """Filmed by channel, with a third of the hue that brightness alone would keep: display light."""
    bright = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
    keep = 0.35 * filmed(bright) / (bright + 1e-6)
    return (
        min(0.65 * filmed(colour[0]) + keep * colour[0], 1.0),
        min(0.65 * filmed(colour[1]) + keep * colour[1], 1.0),
        min(0.65 * filmed(colour[2]) + keep * colour[2], 1.0),
    )


@inlined
def reflected(channel, rig, hard, edge, glance, mirror):
    """One channel of what shares of the key, the first rim and the room throw back."""
    lights = hard * rig.colours[0, channel] + edge * rig.colours[2, channel]
    return lights + glance * rig.shine * around(rig, channel, mirror)


@fast
def shade_body(count, batch, rig):
    """Skin, teeth, gums, tongue, clay: display light of the first `count` points."""
    for i in range(count):
        normal, view = faced(batch, i)
        albedo, slope = three(batch, ALBEDO, i), three(batch, ACROSS, i)
        shelter, key = batch[SHELTER * POINTS + i], batch[KEY * POINTS + i]
        roughness = batch[ROUGHNESS * POINTS + i]
        slope = plus(slope, normal, -dot(slope, normal))
        steep = STEEPEST / max(math.sqrt(dot(slope, slope)), STEEPEST)
        soft, sharp = unit(plus(normal, slope, -0.65 * steep)), unit(plus(normal, slope, -steep))
        out = matte(rig, albedo, soft, shelter, key, batch[SOFTNESS * POINTS + i])
        strength = 2.0 * batch[STRENGTH * POINTS + i]
        hard = strength * gloss(sharp, view, light(rig, 0), roughness) * key
        edge = strength * gloss(sharp, view, light(rig, 2), roughness) * shelter * 0.5
        mirror = mirrored(sharp, view)
        glance = strength * fresnel(max(dot(sharp, view), 0.0)) * (1.0 - 0.8 * roughness) * shelter * shelter
        out = toned(
            (
                out[0] + reflected(0, rig, hard, edge, glance, mirror),
                out[1] + reflected(1, rig, hard, edge, glance, mirror),
                out[2] + reflected(2, rig, hard, edge, glance, mirror),
            )
        )
        keep_three(batch, LIGHT, i, out)


@fast
def shade_eye(count, batch, rig):
    """Eyes under a film of water: a sharp image of the key's rectangle and a faint one of the room."""
    for i in range(count):
        normal, view = faced(batch, i)
        shelter, key = batch[SHELTER * POINTS + i], batch[KEY * POINTS + i]
        out = matte(rig, three(batch, ALBEDO, i), normal, shelter, key, batch[SOFTNESS * POINTS + i])
        mirror = mirrored(normal, view)
        ahead = max(dot(mirror, axis(rig, 2)), 0.1)
        a, b = abs(dot(mirror, axis(rig, 0))) / ahead, abs(dot(mirror, axis(rig, 1))) / ahead
        box = clamped((0.24 - a) / 0.07) * clamped((0.32 - b) / 0.07)
        bright = box * clamped(4.0 * shelter) * (0.55 + 0.45 * key)
        glance = 1.5 * rig.shine * fresnel(max(dot(normal, view), 0.0)) * shelter
        out = toned(
            (
                out[0] + bright * rig.colours[0, 0] + glance * around(rig, 0, mirror),
                out[1] + bright * rig.colours[0, 1] + glance * around(rig, 1, mirror),
                out[2] + bright * rig.colours[0, 2] + glance * around(rig, 2, mirror),
            )
        )
        keep_three(batch, LIGHT, i, out)


@inlined
def sheen(strand, view, way):
    """Kajiya and Kay: how a hair throws light at the eye, to two powers, and how much falls on it."""
    half = unit(plus(way, view, 1.0))
    along, across = dot(strand, half), dot(strand, way)
    s2 = max(1.0 - along * along, 0.0)
    s4 = s2 * s2
    s8 = s4 * s4
    s16 = s8 * s8
    return s16 * s16 * s8, s8 * s4, math.sqrt(max(1.0 - across * across, 0.0))


@fast
def shade_hair(count, batch, rig):
    """Hair along ACROSS: a white sheen, a wider coloured one, and soft body."""
    for i in range(count):
        normal, view = faced(batch, i)
        albedo, strand = three(batch, ALBEDO, i), three(batch, ACROSS, i)
        strand = unit(plus(strand, normal, -dot(strand, normal)))
        shelter = 0.1 + 0.9 * batch[SHELTER * POINTS + i]
        key = max(batch[KEY * POINTS + i], LEAK)
        white, tint, falls = sheen(strand, view, light(rig, 0))
        rim_white, rim_tint, _ = sheen(strand, view, light(rig, 2))
        front = clamped((dot(normal, light(rig, 0)) + 0.25) / 1.25) * key
        back = clamped((dot(normal, light(rig, 2)) + 0.25) / 1.25) * shelter
        out = matte(rig, albedo, normal, shelter, key * (0.4 + 0.6 * falls), 0.4)
        gleam = batch[STRENGTH * POINTS + i] * 0.18 * (white * front + 0.4 * rim_white * back)
        glow = 1.2 * (tint * front + 0.6 * rim_tint * back)
        out = toned(
            (
                out[0] + rig.colours[0, 0] * (gleam + glow * albedo[0]),
                out[1] + rig.colours[0, 1] * (gleam + glow * albedo[1]),
                out[2] + rig.colours[0, 2] * (gleam + glow * albedo[2]),
            )
        )
        keep_three(batch, LIGHT, i, out)
