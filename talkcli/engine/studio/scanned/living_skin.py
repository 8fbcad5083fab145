"""What keeps skin from looking like wax: blots of blood and melanin, pores, shine, folds, soft lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkcli.engine.face.look import HAEMOGLOBIN
from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.paint import Paint, Region

FOLD_START, FOLD_STOP, FOLD_BOW = np.array([15.5, -22.0]), np.array([27.5, -47.0]), 2.5
"""mm on the painters' head: the nasolabial fold, and how far it bows outwards."""

BROWNED, OCHRE = 0.38, np.array([1.34, 0.93, 0.73])
"""How far very dark skin goes towards an ochre as bright as it is."""

FINE_SHARE = 0.6
"""Of the fine relief that the painters made for coarser texels, furrows aside."""

SHADED = np.array([0.55, 0.85, 0.95])
"""Absorption in the deepest hollow: light that has been there leaves red."""

MELANIN = np.array([1.0, 1.09, 1.07])
"""Absorption of melanin in red, green and blue."""


@dataclass(frozen=True)
class _Ground:
    """What the painters of this file share."""

    skin: Region
    person: SkinParameters
    front: Field
    """[k] 1 on the face, 0 behind"""
    red: Field
    """[k] 1 on the lips"""
    lip: Field
    age: float
    even: float
    """Dark skin shows less of what lies on it"""

    def octaves(self, scale: float, count: int, number: int) -> Field:
        points = (self.skin.position / scale).astype(np.float32)
        return noise.octaves(points, count, self.person.seed + number)


def enliven(paint: Paint, canvas: Canvas, person: SkinParameters, hollows: Field) -> None:
    """Over painted skin, in place; `hollows` [n]: how much of the sky is hidden."""
    skin = Region.of(canvas, canvas.within("skin"))
    lip = canvas.lip[skin.texels]
    front = np.asarray(smooth(skin.z, 10, 45) * smooth(skin.y, -110, -90), np.float32)
    age = float(np.clip((person.age - 22) / 45, 0, 1))
    ground = _Ground(skin, person, front, smooth(lip, 1.12, 0.92), lip, age, 1 / (1 + 0.5 * person.melanin))
    paint.height[skin.texels] *= np.where(paint.height[skin.texels] > -0.15, FINE_SHARE, 1.0)
    _blots(paint, ground)
    shine = _pores(paint, ground)
    _folds(paint, ground)
    _lips(paint, ground, canvas)
    paint.strength[skin.texels] = np.clip(paint.strength[skin.texels] * shine, 0, 1)
    _browned(paint, ground)
    _deepened(paint, ground, hollows[skin.texels])


def _deepened(paint: Paint, ground: _Ground, hollow: Field) -> None:
    """Warm shadow in the folds of the ears, the corners of the eyes, under the nose and between the lips."""
    ear = smooth(ground.skin.x, 62, 70) * smooth(ground.skin.z, 35, 15) * smooth(ground.skin.y, -55, -40)
    deep = smooth(hollow, 0.30, 0.95) * (0.25 + 0.75 * ear)
    paint.colour[ground.skin.texels] *= np.exp(-deep[:, None] * SHADED)
    rim = ear * smooth(hollow, 0.45, 0.2)
    paint.colour[ground.skin.texels] *= np.exp(-0.22 * ground.even * rim[:, None] * np.array(HAEMOGLOBIN))


def _browned(paint: Paint, ground: _Ground) -> None:
    """Dark skin is browner than absorption alone makes it: light comes back from above the pigment, too."""
    texels, dark = ground.skin.texels, ground.person.melanin / (0.8 + ground.person.melanin)
    colour = paint.colour[texels]
    grey = colour.mean(1, keepdims=True)
    paint.colour[texels] = colour + BROWNED * dark * (grey * OCHRE - colour)


def _blots(paint: Paint, ground: _Ground) -> None:
    """Blood and melanin in patches of 1 to 10 mm."""
    skin, person, front, octaves = ground.skin, ground.person, ground.front, ground.octaves
    blood = 0.10 * octaves(7.0, 2, 601) + (0.09 * octaves(2.6, 2, 602) + 0.05 * octaves(0.9, 1, 603)) * front
    blood += 0.10 * skin.blob((0, -16, 113), (10, 8, 14)) * (0.6 + octaves(3.0, 1, 604))
    blood += 0.05 * skin.blob((34, -10, 74), (16, 12, 30)) * octaves(2.0, 2, 605)
    melanin = (0.04 + 0.05 * ground.age) * octaves(5.0, 3, 606) + 0.035 * octaves(1.3, 2, 607) * front
    melanin += 0.16 * np.maximum(octaves(3.2, 2, 608) - 0.55, 0) * (0.4 + ground.age) * front
    melanin += 0.4 * ground.age**2 * np.maximum(octaves(5.5, 3, 619) - 0.45, 0) * front
    blood += 0.16 * ground.age**2 * octaves(11.0, 3, 620) * front
    blood *= 0.50 * ground.even * (0.7 + 0.6 * person.mottling)
    melanin *= 0.50 * (0.8 + 0.5 * min(person.melanin, 2.0))
    red = ground.red[:, None]
    absorbed = blood[:, None] * np.array(HAEMOGLOBIN) * (1 - 0.5 * red)
    absorbed = absorbed + melanin[:, None] * MELANIN * (1 - red)
    paint.colour[skin.texels] *= np.exp(-absorbed)


def _pores(paint: Paint, ground: _Ground) -> Field:
    """Pores, grain and wet places; how much brighter each texel's highlight is [k]."""
    skin, person, front, octaves = ground.skin, ground.person, ground.front, ground.octaves
    cheek = skin.blob((34, -8, 74), (18, 16, 30))
    brow, chin = skin.blob((0, 60, 96), (34, 22, 40)), skin.blob((0, -78, 98), (14, 10, 20))
    tee = np.clip(skin.blob((0, -8, 108), (11, 22, 20)) + 0.8 * brow + 0.4 * chin, 0, 1)
    bone = skin.blob((42, 6, 72), (13, 9, 24))
    near, _, label = noise.cells((skin.position / 1.15).astype(np.float32), person.seed + 610)
    pores = smooth(near, 0.45, 0.08) * (0.35 + 0.65 * label) * front
    pores *= (0.45 + 1.0 * tee + 1.0 * cheek) * (0.6 + 0.8 * person.pores)
    height = -0.060 * pores + (0.030 * octaves(0.55, 1, 611) + 0.05 * octaves(1.5, 2, 612)) * front
    height += 0.10 * octaves(6.0, 2, 613) * (0.3 + ground.age)
    paint.height[skin.texels] += height * (1 - 0.8 * ground.red) * ground.even
    paint.colour[skin.texels] *= (1 - 0.16 * pores * (1 - ground.red))[:, None]
    rough = (
        paint.roughness[skin.texels] - 0.09 * tee - 0.05 * bone + 0.03 * cheek + 0.03 * octaves(2.0, 1, 618)
    )
    paint.roughness[skin.texels] = np.clip(rough, 0.2, 1)
    shine = 1 + 0.20 * octaves(0.8, 2, 616) * front * ground.even + 0.12 * ground.even * octaves(4.0, 2, 617)
    return (1.12 + 0.60 * tee * ground.even**0.7 + 0.36 * bone - 0.10 * cheek) * shine * (1 - 0.45 * pores)


def _folds(paint: Paint, ground: _Ground) -> None:
    """From the nose to the corner of the mouth; bags under the eyes."""
    skin, age = ground.skin, ground.age
    way = FOLD_STOP - FOLD_START
    spot = np.stack([skin.x, skin.y], 1)
    t = np.clip(((spot - FOLD_START) @ way) / (way @ way), 0, 1)
    line = FOLD_START + t[:, None] * way + np.stack([FOLD_BOW * np.sin(np.pi * t), 0 * t], 1)
    off = np.linalg.norm(spot - line, axis=1)
    fold = (
        np.exp(-((off / (2.2 + 1.2 * t)) ** 2))
        * np.sin(np.pi * np.clip(t * 0.8 + 0.15, 0, 1))
        * (skin.z > 40)
    )
    fold *= 1 - ground.red
    points = (skin.position * np.array([0.16, 0.9, 0.16])).astype(np.float32)
    lines = noise.octaves(points, 1, ground.person.seed + 614)
    paint.height[skin.texels] -= (0.10 + 0.75 * age) * fold
    paint.height[skin.texels] += skin.blob((24, 7, 84), (13, 5.5, 16)) * 0.10 * (0.35 + 2.2 * age) * lines
    paint.colour[skin.texels] *= (1 - (0.05 + 0.20 * age) * fold)[:, None]


def _lips(paint: Paint, ground: _Ground, canvas: Canvas) -> None:
    """Creases across the red, and no border drawn round it."""
    texels, red, lip = ground.skin.texels, ground.red, ground.lip
    across = np.stack([30 * canvas.lip_u[texels], lip * 0.8, canvas.lip_upper[texels] * 40], 1)
    creases = noise.octaves(across.astype(np.float32), 2, ground.person.seed + 615)
    paint.height[texels] += red * 0.14 * ground.even * creases
    paint.colour[texels] *= (1 + red * (0.09 * creases - 0.02))[:, None]
    rim = np.exp(-(((lip - 0.95) / 0.16) ** 2)) * (ground.skin.z > 60)
    grey = paint.colour[texels].mean(1, keepdims=True) * np.array([1.22, 0.93, 0.85])
    paint.colour[texels] += (0.22 * rim + 0.10 * red)[:, None] * (grey - paint.colour[texels])
