"""What the lips do: twenty-two shapes given on the loops round the mouth; the face follows."""

from collections.abc import Callable

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.deformer import LINING, RED, Deformer, Mask, ramp
from talkcli.engine.studio.shape.jaw import opening

SOFT = 0.4
"""Share of a membrane in what follows the lips: a plate alone swells the cheeks when the mouth narrows."""
Curve = Callable[[Array, Mask, float], tuple[Array | float, Array | float, Array | float]]
"""(u, upper, fraction of the ring) -> displacement in x, y, z, mm"""


def lip_shape(
    sculpt: Deformer,
    curve: Curve,
    handles: list[tuple[Mask, Array]] | None = None,
    chin: bool = False,
    nose: bool = False,
) -> Array:
    """Displacements [V, 3] of a lip shape; the chin and the nose's base stay unless said to be free."""
    mesh, mouth, (x, y, z) = sculpt.mesh, sculpt.mesh.mouth, sculpt.points.T
    a = np.abs(x)
    held, values = np.zeros(len(x), bool), np.zeros_like(sculpt.points)

    def put(ring: np.ndarray, value: Array) -> None:
        held[ring] = True
        values[ring] = value

    for name in RED:
        fraction = float(mouth.fraction[mouth.names.index(name)])
        parts = curve(mouth.u, mouth.upper, fraction)
        put(mouth.ring(name), np.stack(np.broadcast_arrays(*parts, mouth.u)[:3], 1))
    for name, follow in LINING.items():
        put(mouth.ring(name), values[mouth.slit] * follow)
    held[mesh.parts["cavity"]] = True
    still = (y > 12) | (z < 24) | (y < -112) | (a > 56) | sculpt.lid
    if not nose:
        still |= (a < 17) & (y > -27) & (z > 88)
    if not chin:
        still |= (a < 22) & (y < -76) & (y > -97) & (z > 60)
    held |= still & ~sculpt.lip
    for mask, value in handles or []:
        held |= mask
        values[mask] = np.broadcast_to(value, values.shape)[mask]
    return (1 - SOFT) * sculpt.solve(held, values) + SOFT * sculpt.solve(held, values, stiff=False)


def lip_shapes(sculpt: Deformer, jaw_open: Array) -> dict[str, Array]:
    """All mouth shapes, [V, 3] mm; `jaw_open` [V, 3] is what mouthClose undoes at the lips."""
    shapes = {**_pairs(sculpt), **_rounding(sculpt), **_rolling(sculpt)}
    shapes["mouthClose"] = _close(sculpt, jaw_open)
    return shapes


def _cheek(sculpt: Deformer, side: int, low: float, high: float, near: float, far: float) -> Mask:
    x, y, z = sculpt.points.T
    return (
        (x * side > near) & (x * side < far) & (y > low) & (y < high) & (z > 52) & ~sculpt.lip & ~sculpt.lid
    )


def _pairs(sculpt: Deformer) -> dict[str, Array]:
    """Shapes with a left and a right."""
    shapes: dict[str, Array] = {}
    x, y, z = sculpt.points.T
    for side, name in ((1, "Left"), (-1, "Right")):

        def near(u: Array, start: float, side: int = side) -> Array:
            return ramp(u * side, start, 1.0)

        def half(u: Array, side: int = side) -> Array:
            return ramp(u * side, -0.35, 0.35) * (1 - np.abs(u) ** 5)

        def smile(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            reach, rise = np.clip(u * side + 0.2, 0, 1.2) / 1.2, np.clip(u * side, 0, 1)
            lift = 8.0 * rise**1.6 + 0.7 * half(u)
            thin = np.where(upper, -0.8, 1.2) * f * half(u)
            return side * 8.0 * reach**1.4, lift + thin, -6.0 * rise**1.5 - 1.0 * half(u) * f

        apple = _cheek(sculpt, side, -16, -2, 27, 43)
        shapes["mouthSmile" + name] = lip_shape(
            sculpt, smile, [(apple, np.array([side * 2.0, 4.2, 3.2]))], chin=True
        )

        def frown(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            return side * 1.5 * near(u, 0.0), -8.0 * near(u, 0.15) + 0.6 * half(u), -1.5 * near(u, 0.2)

        shapes["mouthFrown" + name] = lip_shape(sculpt, frown, chin=True)

        def dimple(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            return side * 5.0 * near(u, 0.1), 1.2 * near(u, 0.3), -5.0 * near(u, 0.2)

        shapes["mouthDimple" + name] = lip_shape(sculpt, dimple)

        def stretch(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            low = np.where(upper, -0.3, -1.6) * half(u)
            return side * 9.0 * near(u, -0.1), -2.6 * near(u, 0.1) + low, -6.0 * near(u, 0.0)

        shapes["mouthStretch" + name] = lip_shape(sculpt, stretch, chin=True)

        def press(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            way = np.where(upper, -1.0, 1.0) * half(u)
            return 0 * u, way * (1.0 + 0.9 * f), -1.9 * half(u) * (0.5 + 0.5 * f)

        shapes["mouthPress" + name] = lip_shape(sculpt, press)

        def lower_down(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            low = np.where(upper, 0, half(u))
            return 0 * u, -(7.6 - 1.4 * f) * low, (-1.0 + 1.6 * f) * low

        shapes["mouthLowerDown" + name] = lip_shape(sculpt, lower_down, chin=True)

        def upper_up(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            high = np.where(upper, half(u), 0)
            return 0 * u, (6.4 - 0.9 * f) * high, (-1.0 + 0.6 * f) * high

        beside_nose = (x * side > 15) & (x * side < 27) & (y > -26) & (y < -15) & (z > 75) & ~sculpt.lip
        shapes["mouthUpperUp" + name] = lip_shape(
            sculpt, upper_up, [(beside_nose, np.array([side * 0.6, 2.8, 1.4]))]
        )

        def sideways(u: Array, upper: Mask, f: float, side: int = side) -> tuple[Array, Array, Array]:
            return (
                side * 8.5 + 0 * u,
                1.2 * side * u,
                -3.0 * ramp(u * side, 0, 1) + 1.0 * ramp(-u * side, 0, 1),
            )

        shapes["mouth" + name] = lip_shape(sculpt, sideways, chin=True)
    return shapes


def _rounding(sculpt: Deformer) -> dict[str, Array]:
    """Pucker and funnel: the lips' loops become ovals and come forward."""
    mouth = sculpt.mesh.mouth
    border, slit = sculpt.points[mouth.ring("border")], sculpt.points[mouth.slit]
    width = float(slit[:, 0].max())
    middle = float(slit[np.abs(mouth.u) < 0.45, 1].mean())

    def oval(
        inner: tuple[float, float, float],
        outer: tuple[float, float, float],
        forward: tuple[float, float],
        corner: float,
    ) -> Curve:
        """Slit and border as ovals (half width as a share of the mouth's, height above, height below; mm)."""

        def curve(u: Array, upper: Mask, f: float) -> tuple[Array, Array, Array]:
            g = min(f, 1.0)
            arc = np.sqrt(np.clip(1 - u**2, 0, 1))
            share = inner[0] + (outer[0] - inner[0]) * g
            here = slit[:, 1] + (border[:, 1] - slit[:, 1]) * g
            high, low = (inner[k] + (outer[k] - inner[k]) * g for k in (1, 2))
            bow = 1 - 0.10 * np.exp(-((u / 0.14) ** 2)) * g
            target = middle + np.where(upper, high * bow, -low) * arc
            ahead = forward[0] + (forward[1] - forward[0]) * g
            beyond = max(f - 1.0, 0.0) * 5
            fade = 1 - 0.35 * beyond
            return u * width * (share - 1) * fade, (target - here) * fade, ahead * (1 - corner * u**2) * fade

        return curve

    pucker = oval((0.46, 0.0, 0.0), (0.60, 8.6, 10.0), (7.0, 8.5), 0.16)
    funnel = oval((0.56, 4.6, 5.6), (0.74, 11.5, 13.5), (6.0, 9.0), 0.22)
    return {"mouthPucker": lip_shape(sculpt, pucker), "mouthFunnel": lip_shape(sculpt, funnel, chin=True)}


def _rolling(sculpt: Deformer) -> dict[str, Array]:
    """Lips rolled over the teeth and pushed up."""
    x, y, z = sculpt.points.T

    def wide(u: Array) -> Array:
        return 1 - np.abs(u) ** 3

    def roll_lower(u: Array, upper: Mask, f: float) -> tuple[Array, Array, Array]:
        low = np.where(upper, 0, wide(u))
        return 0 * u, (3.0 * f + 1.4 * np.sin(np.pi * min(f, 1.0))) * low, -5.0 * (1 - 0.4 * f) * low

    def roll_upper(u: Array, upper: Mask, f: float) -> tuple[Array, Array, Array]:
        high = np.where(upper, wide(u), 0)
        return 0 * u, -(2.6 * f + 0.8 * np.sin(np.pi * min(f, 1.0))) * high, -4.4 * (1 - 0.4 * f) * high

    def shrug_lower(u: Array, upper: Mask, f: float) -> tuple[Array, Array, Array]:
        return 0 * u, np.where(upper, 2.4, 4.2) * wide(u), np.where(upper, 0.8, 3.0) * wide(u)

    def shrug_upper(u: Array, upper: Mask, f: float) -> tuple[Array, Array, Array]:
        return 0 * u, np.where(upper, 3.2, 3.0 - 0.8 * f) * wide(u), np.where(upper, 2.6, 1.2) * wide(u)

    ball = (np.abs(x) < 12) & (y < -76) & (y > -90) & (z > 82) & ~sculpt.lip
    return {
        "mouthRollLower": lip_shape(sculpt, roll_lower),
        "mouthRollUpper": lip_shape(sculpt, roll_upper),
        "mouthShrugLower": lip_shape(sculpt, shrug_lower, [(ball, np.array([0, 4.5, -0.5]))], chin=True),
        "mouthShrugUpper": lip_shape(sculpt, shrug_upper),
    }


_MEETING = 0.42
"""where lips meet that are shut over an open jaw: this share of the jaw's way down"""


def _close(sculpt: Deformer, jaw_open: Array) -> Array:
    """mouthClose: with jawOpen at the same weight, the lips are shut."""
    mouth = sculpt.mesh.mouth
    meeting = _MEETING * opening(sculpt.points[mouth.slit])
    meeting[:, 0] = 0
    rings = {float(mouth.fraction[mouth.names.index(n)]): mouth.ring(n) for n in RED}

    def curve(u: Array, upper: Mask, f: float) -> tuple[Array, Array, Array]:
        back = meeting - jaw_open[rings[f]]
        return back[:, 0], back[:, 1], back[:, 2]

    return lip_shape(sculpt, curve, chin=False)
