"""Brows, nose and cheeks: shapes of the skin over frontalis, corrugator, levator and zygomaticus."""

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.deformer import Deformer, Mask, ramp

_SIDES = ((1, "Left"), (-1, "Right"))


def _bump(x: Array, centre: float, width: float) -> Array:
    return np.exp(-(((x - centre) / width) ** 2))


def _still(sculpt: Deformer) -> Mask:
    """Hair, back of the head, neck."""
    _, y, z = sculpt.points.T
    return (y > 96) | (z < 10) | (y < -112)


def _brow(sculpt: Deformer, side: int) -> tuple[Mask, Array]:
    """The band of skin on the brow ridge of one side [V] and its distance from the midline [V], mm."""
    x, y, z = sculpt.points.T
    out = x * side
    arch = 40.5 + 2.5 * _bump(out, 30, 16)
    return (np.abs(y - arch) < 4.5) & (z > 48) & ~sculpt.lid, out


def brow_shapes(sculpt: Deformer) -> dict[str, Array]:
    """browDown, browOuterUp per side and browInnerUp, [V, 3] mm."""
    x, y, _ = sculpt.points.T
    shapes: dict[str, Array] = {}
    below = sculpt.lid | (y < 16) | _still(sculpt)
    for side, name in _SIDES:
        band, out = _brow(sculpt, side)
        other = (out < -9) & (y > 16)
        band &= (out > 3) & (out < 52)
        inner, outer = 1 - ramp(out, 12, 30), ramp(out, 14, 34)
        down = np.stack([-side * 2.4 * inner, -3.0 - 3.6 * inner + 1.6 * ramp(out, 34, 50), 0.9 * inner], 1)
        shapes["browDown" + name] = sculpt.moved([(band, down)], below | other)
        up = np.stack([side * 0.5 * outer, 0.6 + 7.0 * outer - 1.8 * ramp(out, 40, 52), -0.8 * outer], 1)
        shapes["browOuterUp" + name] = sculpt.moved([(band, up)], below | other)
    bands = [_brow(sculpt, side) for side, _ in _SIDES]
    out = np.abs(x)
    raised = (bands[0][0] | bands[1][0]) & (out < 52)
    inner = 1 - ramp(out, 16, 42)
    up = np.stack([-0.07 * x * inner, (7.6 - 1.0 * _bump(out, 0, 8)) * inner, -0.5 * inner], 1)
    shapes["browInnerUp"] = sculpt.moved([(raised, up)], below)
    return shapes


def cheek_shapes(sculpt: Deformer) -> dict[str, Array]:
    """cheekPuff, cheekSquint and noseSneer, [V, 3] mm."""
    x, y, z = sculpt.points.T
    skin = ~sculpt.lip & ~sculpt.lid
    mouth, held = sculpt.mesh.mouth, np.zeros(len(x), bool)
    held[mouth.rings[mouth.names.index("rim") :]] = True
    held[sculpt.mesh.parts["cavity"]] = True
    away = _still(sculpt) | held
    shapes = {"cheekPuff": _puff(sculpt)}
    for side, name in _SIDES:
        eye = sculpt.mesh.eyes["left" if side > 0 else "right"]
        lids = np.zeros(len(x), bool)
        lids[eye.rings[:, eye.upper]] = True
        lids[eye.rings[eye.names.index("lid") :]] = True
        out = x * side
        apple = (out > 22) & (out < 47) & (y < 6) & (y > -10) & (z > 50) & skin
        lift = np.stack([side * 0.6 + 0 * x, 4.6 * _bump(out, 34, 17), 2.2 * _bump(out, 34, 14)], 1)
        far = (y > 32) | (y < -42) | (out < 7)
        shapes["cheekSquint" + name] = sculpt.moved([(apple, lift)], away | lids | (far & ~sculpt.lip))

        wing = (out > 9) & (out < 18) & (y < -8) & (y > -21) & (z > 84) & skin
        bridge = (out > 3) & (out < 12) & (y > 4) & (y < 18) & (z > 80) & skin
        fold = (out > 15) & (out < 24) & (y < -18) & (y > -28) & (z > 78) & skin
        handles = [
            (wing, np.array([side * 1.5, 4.6, -0.4])),
            (bridge, np.array([-side * 0.2, 1.8, 1.0])),
            (fold, np.array([side * 0.8, 3.6, 1.4])),
        ]
        lower = np.zeros(len(x), bool)
        lower[mouth.rings[mouth.names.index("rim") :, ~mouth.upper]] = True
        lower[mouth.rings[mouth.names.index("rim") :, (mouth.u * side < 0.05) | (mouth.u * side > 0.85)]] = (
            True
        )
        lower[sculpt.mesh.parts["cavity"]] = True
        far = (y > 46) | (y < -64) | (out < 1)
        still = _still(sculpt) | lower | sculpt.lid | (far & ~sculpt.lip)
        shapes["noseSneer" + name] = sculpt.moved(handles, still)
    return shapes


def _puff(sculpt: Deformer) -> Array:
    """Cheeks blown up, and a little the lips: a smooth swelling of skin and lining alike."""
    x, y, z = sculpt.points.T
    a = np.abs(x)
    cheek = _bump(a, 37, 15) * _bump(y, -42, 21) * ramp(a, 15, 38) * ramp(z, 15, 50)
    lips = _bump(a, 0, 20) * _bump(y, -44, 15) * ramp(z, 70, 95)
    puff = np.stack([np.sign(x) * 8.0 * cheek, -0.5 * cheek, 4.5 * cheek + 1.5 * lips], 1)
    on_sheet = np.zeros(len(x), bool)
    on_sheet[sculpt.sheet] = True
    return puff * on_sheet[:, None]
