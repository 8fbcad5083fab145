"""Skin that acts: which creases each expression folds and where blood leaves or gathers, as maps with their
drivers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.face.look import RELIEF_UNIT, Wrinkles
from talkcli.engine.studio import noise
from talkcli.engine.studio.noise import smooth
from talkcli.engine.studio.paint.canvas import Canvas, Field
from talkcli.engine.studio.paint.creases import Ground, crease, curve, fading
from talkcli.engine.studio.paint.paint import Region

SIZE = 512
BLOOD_SIZE = 128
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Fold:
    """One map: height [n] mm and blood [n] over the canvas, and how much each shape turns it on."""

    name: str
    height: Field
    blood: Field
    drivers: dict[str, float]


def wrinkles_on(canvas: Canvas, shape_names: Iterable[str]) -> Wrinkles:
    """The wrinkle maps of a canvas of SIZE for a rig with these shapes."""
    names = list(shape_names)
    folds = list(all_folds(canvas))
    height = np.stack([canvas.image(fold.height) for fold in folds]) * 1e-3 / RELIEF_UNIT
    step = SIZE // BLOOD_SIZE
    blood = np.stack([canvas.image(fold.blood) for fold in folds])
    blood = blood.reshape(len(folds), BLOOD_SIZE, step, BLOOD_SIZE, step).mean((2, 4)) * 127
    drivers = np.array([[fold.drivers.get(name, 0.0) for name in names] for fold in folds], np.float32)
    return Wrinkles(
        names=tuple(fold.name for fold in folds),
        height=torch.from_numpy(_bytes(height)),
        blood=torch.from_numpy(_bytes(blood)),
        drivers=torch.from_numpy(drivers),
    )


def _bytes(values: NDArray) -> NDArray[np.int8]:
    return np.clip(np.round(values), -127, 127).astype(np.int8)


def all_folds(canvas: Canvas) -> Iterable[Fold]:
    """Every map; those of the two sides are drawn apart, so faces are not mirror images."""
    ground, skin = Ground.of(canvas), Region.of(canvas, canvas.within("skin"))
    yield from forehead(ground, skin)
    for side in ("Left", "Right"):
        for make in (frown_line, eye_corner, nose_side, smile_line, mouth_corner):
            yield make(ground, skin, side)
    yield chin(ground, skin)
    yield puckered(ground, skin)
    yield pressed(ground, skin)
    yield _neck(ground, skin)


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def _sign(side: str) -> float:
    return 1.0 if side == "Left" else -1.0


def _flipped(points: Points, sign: float) -> Points:
    return [(x * sign, y) for x, y in points]


def _on(ground: Ground, skin: Region, values: NDArray, sign: float = 0.0) -> Field:
    """Values [k] of the skin as [n] of the canvas, kept on one side (sign) or both (0) with a soft middle."""
    result = np.zeros(len(ground.canvas.texels), np.float32)
    result[skin.texels] = values * (smooth(sign * skin.position[:, 0], -3, 3) if sign else 1)
    return result


def _drawn(
    ground: Ground,
    lines: Iterable[tuple[Points, float, float]],
    rng: np.random.Generator,
    sign: float,
    wander: float = 0.5,
) -> Field:
    """The sum of plain creases: (control points, depth, width) each."""
    total = np.zeros(len(ground.canvas.texels), np.float32)
    for points, depth, width in lines:
        path = curve(_flipped(points, sign), rng, wander)
        total += crease(ground, path, depth * fading(len(path), rng), width)
    return total


def forehead(ground: Ground, skin: Region) -> Iterable[Fold]:
    """Lines across the forehead that run over all three maps, so that inner and outer brows share them."""
    rng = _rng("forehead")
    windows: dict[str, Callable[[NDArray], NDArray]] = {
        "foreheadMiddle": lambda x: smooth(np.abs(x), 34, 8),
        "foreheadLeft": lambda x: smooth(x, 2, 22) * smooth(x, 60, 44),
        "foreheadRight": lambda x: smooth(-x, 2, 22) * smooth(-x, 60, 44),
    }
    heights = {name: np.zeros(len(ground.canvas.texels), np.float32) for name in windows}
    for row, (level, depth, span) in enumerate(
        (
            (51.5, 0.34, 36),
            (57.5, 0.52, 46),
            (63.8, 0.60, 50),
            (70.2, 0.52, 48),
            (76.8, 0.34, 38),
            (82.0, 0.18, 26),
        )
    ):
        left, right = span * rng.uniform(0.8, 1.1, 2)
        x = np.array([-right, -0.6 * right, -0.25 * right, 0, 0.25 * left, 0.6 * left, left])
        y = (
            level
            + np.array([-2.6, 1.2, 1.0, -0.8, 0.9, 1.6, -2.4]) * (0.7 + 0.12 * row)
            + rng.normal(size=7) * 0.7
        )
        path = curve(list(zip(x.tolist(), y.tolist(), strict=True)), rng, 0.55)
        strength = depth * fading(len(path), rng, 0.2, 0.2)
        if rng.random() < 0.4:
            gap = rng.uniform(-14, 14)
            strength *= 1 - 0.7 * np.exp(-(((path[:, 0] - gap) / 4) ** 2))
        for name, window in windows.items():
            heights[name] += crease(ground, path, strength * window(path[:, 0]), 1.45 + 0.15 * rng.random())
    area = skin.blob((0, 66, 92), (60, 17, 60))
    outer = {"foreheadLeft": "browOuterUpLeft", "foreheadRight": "browOuterUpRight"}
    for name, window in windows.items():
        share = outer.get(name, "browInnerUp")
        blood = _on(ground, skin, -0.14 * area * window(skin.position[:, 0]))
        yield Fold(name, heights[name], blood, {share: 1.0, "eyeWideLeft": 0.06, "eyeWideRight": 0.06})


def frown_line(ground: Ground, skin: Region, side: str) -> Fold:
    """The upright lines between the brows and half of the fold over the nose's root."""
    rng, sign = _rng("frown" + side), _sign(side)
    lines = [
        ([(4.6, 30.5), (6.2, 36), (7.0, 42), (8.4, 49)], 0.75, 1.5),
        ([(10.5, 40), (11.6, 45), (14.5, 51)], 0.30, 1.2),
        ([(0.2, 28.3), (4, 28.8), (8, 31)], 0.40, 1.4),
        ([(1.5, 44), (3.0, 50), (4.5, 57)], 0.18, 1.3),
    ]
    height = _drawn(ground, lines, rng, sign)
    height += _on(ground, skin, 0.35 * skin.blob((12, 40, 92), (6, 5, 20)), sign)
    blood = _on(ground, skin, 0.10 * skin.blob((8, 42, 92), (9, 10, 20)), sign)
    return Fold(f"frown{side}", height, blood, {f"browDown{side}": 1.0, f"noseSneer{side}": 0.15})


def eye_corner(ground: Ground, skin: Region, side: str) -> Fold:
    """Crow's feet, and the folds under the eye that a raised cheek presses up."""
    rng, sign = _rng("eye" + side), _sign(side)
    lines = []
    for angle, start, length, depth in (
        (0.72, 7.5, 10, 0.26), (0.42, 6.0, 15, 0.42), (0.10, 5.2, 17, 0.46),
        (-0.24, 5.6, 16, 0.44), (-0.55, 7.0, 15, 0.34), (-0.80, 9.5, 10, 0.20),
    ):  # fmt: skip
        bend = 0.22 * np.sign(angle) * rng.uniform(0.4, 1.2)
        reach = start + rng.uniform(-0.8, 0.8) + length * rng.uniform(0.75, 1.1) * np.array([0, 0.35, 0.7, 1])
        turn = angle + rng.normal() * 0.05 + bend * np.linspace(0, 1, 4) ** 2
        points = [
            (46.5 + float(r * np.cos(a)) * 0.8, 22.6 + float(r * np.sin(a)))
            for r, a in zip(reach, turn, strict=True)
        ]
        lines.append((points, depth, 1.0))
    lines += [
        ([(18.5, 14.5), (23, 11.6), (30, 10.6), (37, 11.8), (43, 15)], 0.42, 1.2),
        ([(20, 10.5), (26, 7.4), (34, 6.6), (41, 8.5)], 0.28, 1.4),
        ([(31, 13.2), (37, 13.6), (43, 17)], 0.18, 0.9),
    ]
    height = _drawn(ground, lines, rng, sign, 0.45)
    height += _on(ground, skin, 0.30 * skin.blob((30, 13.6, 86), (11, 2.6, 20)), sign)
    blood = _on(ground, skin, 0.06 * skin.blob((40, 10, 78), (16, 9, 30)), sign)
    drivers = {
        f"cheekSquint{side}": 0.75,
        f"eyeSquint{side}": 0.55,
        f"mouthSmile{side}": 0.30,
        f"eyeBlink{side}": 0.12,
    }
    return Fold(f"eye{side}", height, blood, drivers | {f"noseSneer{side}": 0.2})


def nose_side(ground: Ground, skin: Region, side: str) -> Fold:
    """The slanting lines on the nose's wall, and the crease beside its wing."""
    rng, sign = _rng("nose" + side), _sign(side)
    lines = [
        ([(2.2, 21.5), (6, 20.2), (11, 16.5)], 0.42, 1.1),
        ([(2.0, 17.0), (6.5, 15.2), (12.0, 10.5)], 0.48, 1.1),
        ([(2.6, 12.2), (7.0, 10.0), (12.5, 4.8)], 0.36, 1.1),
        ([(4.0, 25.5), (8.0, 24.8), (11.5, 22.5)], 0.25, 1.0),
        ([(14.2, -9), (16.8, -13), (17.6, -18)], 0.55, 1.6),
    ]
    height = _drawn(ground, lines, rng, sign, 0.4)
    blood = _on(ground, skin, 0.10 * skin.blob((10, -4, 100), (9, 14, 20)), sign)
    return Fold(f"nose{side}", height, blood, {f"noseSneer{side}": 1.0, f"mouthUpperUp{side}": 0.15})


def smile_line(ground: Ground, skin: Region, side: str) -> Fold:
    """The nasolabial fold with the cheek rolled up over it, and the flush of the cheek."""
    rng, sign = _rng("smile" + side), _sign(side)
    path = curve(
        _flipped([(15.6, -13.5), (19.0, -20), (24.2, -28), (29.3, -36.5), (33.0, -46), (34.8, -57)], sign),
        rng,
        0.6,
    )
    fold = crease(ground, path, 0.85 * fading(len(path), rng, 0.1, 0.5, 0.1), 3.1, 0.75, (sign, 0.7))
    path = curve(_flipped([(36.0, -37), (39.2, -44), (39.0, -52), (36.5, -58)], sign), rng, 0.3)
    fold += crease(ground, path, 0.26 * fading(len(path), rng, 0.5, 0.5, 0.1), 3.4, 0.6, (sign, 0.2))
    flush = (
        0.10 * skin.blob((38, -8, 74), (17, 13, 30)) * (1 + 0.3 * noise.octaves(skin.position / 10, 2, 401))
    )
    lips = (
        -0.10
        * smooth(ground.canvas.lip[skin.texels], 1.05, 0.9)
        * smooth(ground.canvas.lip[skin.texels], -0.5, 0)
    )
    drivers = {
        f"mouthSmile{side}": 1.0,
        f"noseSneer{side}": 0.5,
        f"mouthUpperUp{side}": 0.45,
        f"cheekSquint{side}": 0.3,
    }
    drivers |= {f"mouthDimple{side}": 0.35, f"mouthStretch{side}": 0.3}
    return Fold(f"smile{side}", fold, _on(ground, skin, flush + lips, sign), drivers)


def mouth_corner(ground: Ground, skin: Region, side: str) -> Fold:
    """The lines down from the corner of the mouth, and the dimple beside it."""
    rng, sign = _rng("corner" + side), _sign(side)
    path = curve(_flipped([(27.2, -47.5), (29.4, -53), (30.6, -60), (30.0, -67)], sign), rng, 0.5)
    fold = crease(ground, path, 0.50 * fading(len(path), rng, 0.3, 0.5, 0.15), 2.3, 0.7, (sign, 0.0))
    path = curve(_flipped([(30.5, -41.5), (32.0, -45.5), (31.4, -49.5)], sign), rng, 0.3)
    fold += crease(ground, path, 0.40 * fading(len(path), rng, 0.45, 0.45, 0.1), 2.0)
    blood = _on(ground, skin, -0.08 * skin.blob((30, -56, 88), (8, 12, 20)), sign)
    drivers = {
        f"mouthFrown{side}": 1.0,
        f"mouthDimple{side}": 0.7,
        f"mouthStretch{side}": 0.5,
        f"mouthPress{side}": 0.4,
    }
    return Fold(f"corner{side}", fold, blood, drivers | {f"mouthLowerDown{side}": 0.15})


def chin(ground: Ground, skin: Region) -> Fold:
    """The pebbled chin and the deep fold over it."""
    rng = _rng("chin")
    near, second, label = noise.cells(
        skin.position / 4.2 + 0.3 * noise.octaves(skin.position / 3, 2, 411)[:, None], 412
    )
    pebbles = -0.55 * smooth(near, 0.55, 0.12) * (0.4 + label) + 0.2 * smooth(second - near, 0, 0.3)
    area = skin.blob((0, -79, 96), (15, 10, 20))
    height = _on(ground, skin, pebbles * area)
    fold: Points = [(-17, -66), (-9, -63.2), (0, -62.4), (9, -63.0), (17, -66.2)]
    height += _drawn(ground, [(fold, 0.65, 2.2)], rng, 1.0)
    blood = _on(ground, skin, area * (0.05 - 0.35 * smooth(near, 0.5, 0.15)))
    drivers = {"mouthShrugLower": 1.0, "mouthFrownLeft": 0.25, "mouthFrownRight": 0.25, "mouthPucker": 0.25}
    return Fold("chin", height, blood, drivers | {"mouthPressLeft": 0.15, "mouthPressRight": 0.15})


def puckered(ground: Ground, skin: Region) -> Fold:
    """Lines that gather round pursed lips, and the folds of the red itself."""
    rng, canvas = _rng("pucker"), ground.canvas
    lines: list[tuple[Points, float, float]] = []
    for sign in (1.0, -1.0):
        for x in (4.2, 8.0, 11.8, 15.6, 19.4):
            at = sign * (x + rng.uniform(-0.9, 0.9))
            lean, length = 0.22 * at / 10, rng.uniform(4.5, 8.5)
            bottom = -36.4 - 0.012 * at * at
            lines.append(
                (
                    [(at, bottom), (at + lean * 3, bottom + 0.5 * length), (at + lean * 6, bottom + length)],
                    0.22,
                    0.9,
                )
            )
        for x in (5.5, 11.0, 16.0):
            at = sign * (x + rng.uniform(-1, 1))
            top = -55.2 + 0.014 * at * at
            lines.append(([(at, top), (at + 0.3 * sign, top - rng.uniform(4, 6.5))], 0.18, 1.0))
    height = _drawn(ground, lines, rng, 1.0, 0.5)
    lip, u, upper = (field[skin.texels] for field in (canvas.lip, canvas.lip_u, canvas.lip_upper))
    red = smooth(lip, 1.15, 0.9) * smooth(lip, -0.6, -0.1)
    folds = noise.octaves(np.stack([22 * u, lip * 0.7, upper * 40], 1), 2, 421)
    height += _on(ground, skin, red * 0.26 * folds)
    blood = _on(ground, skin, 0.14 * red - 0.08 * skin.blob((0, -34, 106), (24, 7, 20)))
    drivers = {"mouthPucker": 1.0, "mouthFunnel": 0.35, "mouthRollUpper": 0.3, "mouthRollLower": 0.3}
    return Fold("pucker", height, blood, drivers)


def pressed(ground: Ground, skin: Region) -> Fold:
    """Blood leaves lips that are pressed, rolled in or stretched thin."""
    lip = ground.canvas.lip[skin.texels]
    red = smooth(lip, 1.15, 0.85) * smooth(lip, -0.8, -0.2)
    around = smooth(lip, 2.2, 1.1) * (1 - red) * smooth(lip, 0, 0.5)
    blood = _on(ground, skin, -0.48 * red * smooth(lip, 1.0, 0.2) ** 0.5 - 0.12 * around)
    both = ("mouthPress", "mouthStretch")
    drivers = {
        f"{name}{side}": 0.5 if name == "mouthPress" else 0.3 for name in both for side in ("Left", "Right")
    }
    drivers |= {"mouthRollLower": 0.45, "mouthRollUpper": 0.45, "jawOpen": 0.15, "mouthClose": 0.1}
    return Fold("pressed", np.zeros(len(ground.canvas.texels), np.float32), blood, drivers)


def _neck(ground: Ground, skin: Region) -> Fold:
    """The two cords of the platysma, and redness over them."""
    cords = (
        np.exp(-(((skin.x - 15 - 0.10 * (-95 - skin.y)) / 3.6) ** 2))
        * smooth(-skin.y, 96, 112)
        * smooth(skin.y, -143, -126)
    )
    front = smooth(skin.z, 0, 25)
    hollow = skin.blob((6, -120, 40), (7, 14, 60)) * smooth(-skin.y, 98, 112)
    height = _on(ground, skin, (1.0 * cords - 0.4 * hollow) * front)
    blood = _on(ground, skin, 0.12 * cords * front)
    drivers = {f"{name}{side}": 0.5 for name in ("mouthStretch",) for side in ("Left", "Right")}
    drivers |= {
        "mouthLowerDownLeft": 0.15,
        "mouthLowerDownRight": 0.15,
        "mouthFrownLeft": 0.15,
        "mouthFrownRight": 0.15,
    }
    return Fold("neck", height, blood, drivers)
