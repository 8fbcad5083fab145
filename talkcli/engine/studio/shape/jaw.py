"""The jaw: its hinge, how much of it each vertex feels, and the shapes that it alone makes."""

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.deformer import Deformer, ramp
from talkcli.engine.studio.shape.head_mesh import HeadMesh

HINGE = np.array([0.0, 1.0, 11.0])
"""Between the temporomandibular joints, just before the ears, mm."""
OPEN = 0.30
"""radians that jawOpen turns at weight 1: 28 mm between the incisors"""
_CONDYLES_SLIDE = np.array([0.0, -1.0, 3.5])
"""mm that the condyles slide down and forward meanwhile"""
_CORNER = 0.46
"""share of the jaw's movement that the corners of the mouth follow"""


def opening(points: Array, angle: float = OPEN) -> Array:
    """Displacements [n, 3] of points that ride on the jaw wholly, at jawOpen 1."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return (points - HINGE) @ turn.T + HINGE + _CONDYLES_SLIDE * angle / OPEN - points


def swinging(points: Array, angle: float) -> Array:
    """Displacements [n, 3] of a jaw turned about the vertical, to the subject's left for positive angles."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return (points - HINGE) @ turn.T + HINGE - points


def lip_share(u: Array, upper: np.ndarray, lateral: bool) -> Array:
    """Share [columns] of the jaw's movement along the lips: none above, all below, half at the corners.

    A lower lip that drops is round at the corners; one that slides sideways must not bunch up there.
    """
    a = np.abs(u)
    low = ramp(1 - a, 0, 0.7) if lateral else (1 - a**2.9) ** 0.75
    return np.where(upper, _CORNER * a**2.6, _CORNER + (1 - _CORNER) * low)


def jaw_share(sculpt: Deformer, lateral: bool = False) -> Array:
    """Share [V] of the jaw's movement for every vertex of the sheet."""
    mesh, (x, y, z) = sculpt.mesh, sculpt.points.T
    a = np.abs(x)
    held, value = np.zeros(len(x), bool), np.zeros(len(x))

    def hold(mask: np.ndarray, share: float) -> None:
        held[mask & ~sculpt.lip] = True
        value[mask & ~sculpt.lip] = share

    hold((y > -8) | (z < -8) | (y < -126) | ((z < 30) & (y < -106)), 0.0)
    hold((z > 86) & (a < 20) & (y > -30), 0.0)
    hold(sculpt.lid, 0.0)
    hold((y < -64) & (y > -97) & (z > 68), 1.0)
    hold((y < -78) & (z > 42) & (z <= 68) & (y > -99) & (a < 34), 0.9)
    hold((a > 40) & (y < -50) & (y > -66) & (z > 10) & (z < 32), 0.55)
    share = lip_share(mesh.mouth.u, mesh.mouth.upper, lateral)
    for name in ("near", "rim", "border", "red_outer", "red_middle", "red_inner", "slit", "behind"):
        ring = mesh.mouth.ring(name)
        held[ring], value[ring] = name != "near", share
    for name, blend in (("vestibule", 0.1), ("gutter", 0.2), ("cheek_inside", 0.35), ("throat", 0.6)):
        ring = mesh.mouth.ring(name)
        held[ring], value[ring] = True, share * (1 - blend) + 0.5 * blend
    stiff, soft = (sculpt.solve(held, value[:, None], stiff)[:, 0] for stiff in (True, False))
    return np.clip(0.65 * np.clip(stiff, 0, 1) + 0.35 * soft, 0, 1)


def riders(mesh: HeadMesh) -> dict[str, Array]:
    """Share of the jaw's movement [part's vertices] for the parts inside the mouth that ride on it."""
    tongue = mesh.vertices[mesh.parts["tongue"]]
    return {
        "lower_teeth": np.ones(len(mesh.parts["lower_teeth"])),
        "lower_gum": np.ones(len(mesh.parts["lower_gum"])),
        "tongue": 0.55 + 0.45 * ramp(tongue[:, 2], 38, 70),
    }


def jaw_shapes(sculpt: Deformer) -> dict[str, Array]:
    """jawOpen, jawForward, jawLeft and jawRight, [V, 3] mm, parts inside the mouth included."""
    points, swing = sculpt.points, np.deg2rad(4.5)
    share, sliding = _with_riders(sculpt, False), _with_riders(sculpt, True)
    aside = np.array([1.0, 0, 0])
    return {
        "jawOpen": share * opening(points),
        "jawForward": sliding * np.array([0, -0.6, 6.0]),
        "jawLeft": sliding * (swinging(points, swing) + aside),
        "jawRight": sliding * (swinging(points, -swing) - aside),
    }


def _with_riders(sculpt: Deformer, lateral: bool) -> Array:
    """Share [V, 1] of the jaw's movement for the whole head."""
    share = jaw_share(sculpt, lateral)
    for part, own in riders(sculpt.mesh).items():
        share[sculpt.mesh.parts[part]] = own
    return share[:, None]
