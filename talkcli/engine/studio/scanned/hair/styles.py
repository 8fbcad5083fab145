"""Hair styles: the numbers that each follows from. Lengths in millimetres on the mean head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class HairStyle:
    """How hair grows, lies, falls and is gathered."""

    count: int = 7000
    """Ribbons."""
    nodes: int = 7
    """Points of each."""
    top: float = 30.0
    side: float = 13.0
    """Lengths over the crown, and at the sides and the nape."""
    end: float | None = None
    """The height, mm, at which hair that falls is cut instead."""
    way: str = "whorl"
    """Which way it is combed, of `combing.WAYS`."""
    stand: float = 0.6
    """How steeply hair leaves the scalp of the crown; the sides lie flatter."""
    volume: float = 3.0
    """mm that the outermost hair of the crown lies off the scalp."""
    sides: float = 0.35
    """Share of stand and volume that sides and nape have."""
    part: float = 0.0
    """mm to the left of the middle where hair parts."""
    wave: float = 0.0
    """mm that locks swing."""
    pitch: float = 60.0
    """mm from one wave, or one turn of a coil, to the next."""
    coil: float = 0.0
    """mm: radius of coils."""
    locks: int = 1100
    """How many."""
    lock: float = 0.5
    """How far the hairs of a lock meet at its tip, 0..1."""
    messy: float = 0.3
    """How differently locks lie."""
    loose: float = 0.03
    """Share of hairs that fly."""
    ragged: float = 0.15
    """How much hairs of one place differ in length."""
    curtain: float = 0.2
    """How far hair that falls frames the face instead of being swept back, 0..1."""
    layers: float = 0.0
    """mm by which locks that fall differ in length."""
    recede: float = 0.0
    """mm that the hairline has gone back at the temples, and how bald the crown is."""
    fringe: float | None = None
    """The height, mm, at which hair over the forehead is cut."""
    tail: str = ""
    """What gathered hair becomes: a tail or a knot."""
    pole: tuple[float, float, float] = (0.0, 64.0, -105.0)
    """mm: where gathered hair is tied."""
    width: float = 1.0
    """mm across a ribbon."""
    down: int = 1200
    """Short fine hairs before the hairline of the face."""
    covers: bool = False
    """Whether hair falls over the ears."""
    painted: float = 0.9
    """How much hair is painted on the scalp beneath, 0..1."""


PARTED = ("falling", "parted")
"""Ways of hair that parts."""

HAIR_STYLES: Mapping[str, HairStyle] = {
    "bald": HairStyle(count=0, painted=0.0),
    "cropped": HairStyle(
        count=9500, nodes=4, top=7, side=4, stand=0.42, lock=0.1, messy=0.6, width=0.5, painted=1.0,
    ),
    "coily": HairStyle(
        count=10500, nodes=9, top=8, side=4.5, stand=0.6, coil=1.3, pitch=5, lock=0.1, messy=0.9, ragged=0.35,
        width=0.5, painted=1.0, loose=0.06, down=0,
    ),
    "short": HairStyle(
        count=10000, nodes=6, top=46, side=12, stand=0.44, sides=0.08, way="swept", lock=0.5, messy=0.38,
        width=0.62, volume=9, loose=0.03, ragged=0.22,
    ),
    "side-part": HairStyle(
        count=12000, nodes=8, top=60, side=15, stand=0.35, volume=8, sides=0.12, way="parted", part=32,
        lock=0.45, messy=0.22, ragged=0.1, width=0.7,
    ),
    "slicked": HairStyle(
        count=12000, nodes=8, top=105, side=50, stand=0.12, volume=7, way="back", lock=0.22, messy=0.14,
        ragged=0.12, loose=0.02, width=0.7,
    ),
    "fringe": HairStyle(
        count=8000, nodes=11, end=-62, volume=9, way="falling", part=4, lock=0.5, messy=0.14, fringe=53,
        width=1.05, covers=True, wave=2.0, ragged=0.06, layers=6,
    ),
    "bob": HairStyle(
        count=7500, nodes=11, end=-92, volume=12, way="falling", part=28, lock=0.5, messy=0.15, width=1.05,
        covers=True, wave=4.0, pitch=110, ragged=0.06, curtain=0.7, layers=7,
    ),
    "long": HairStyle(
        count=7500, nodes=15, end=-160, volume=10, way="falling", part=0, lock=0.55, messy=0.18, width=1.1,
        covers=True, wave=4.0, pitch=95, ragged=0.10, curtain=0.5, layers=16,
    ),
    "wavy": HairStyle(
        count=7500, nodes=18, end=-128, volume=9, way="falling", part=24, lock=0.62, messy=0.25, width=1.05,
        covers=True, wave=11.0, pitch=78, ragged=0.10, loose=0.04, curtain=0.9, layers=14,
    ),
    "ponytail": HairStyle(
        count=8500, nodes=10, top=190, side=150, stand=0.0, volume=4, way="gathered", lock=0.35, messy=0.06,
        ragged=0.05, tail="tail", loose=0.01, width=0.95,
    ),
    "bun": HairStyle(
        count=8500, nodes=10, top=190, side=150, stand=0.0, volume=4, way="gathered", lock=0.35, messy=0.08,
        ragged=0.05, tail="knot", pole=(0.0, 124.0, -66.0), loose=0.015, width=0.95,
    ),
    "afro": HairStyle(
        count=10000, nodes=11, top=52, side=40, stand=1.0, way="whorl", coil=2.6, pitch=9, lock=0.1,
        messy=0.9, ragged=0.2, width=0.8, down=0,
    ),
    "curly": HairStyle(
        count=4000, nodes=34, end=-84, volume=20, way="falling", part=20, coil=5.0, pitch=30, lock=0.5,
        locks=1600, messy=0.4, width=1.5, covers=True, ragged=0.05, loose=0.02, curtain=0.4, layers=14,
    ),
    "receding": HairStyle(
        count=14000, nodes=6, top=22, side=15, stand=0.4, way="swept", lock=0.25, recede=14, messy=0.5,
        width=0.5, painted=0.7,
    ),
}  # fmt: skip
"""By name; `bald` wears none."""
