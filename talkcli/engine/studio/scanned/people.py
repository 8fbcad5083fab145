"""People: one seed gives an identity and a complexion that belong together, plausible and a little uneven."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.paint.complexion import SkinParameters, sample_skin
from talkcli.engine.studio.scanned.gaze import openness
from talkcli.engine.studio.scanned.source import SKIN_VERTS

_SPREAD, EXTREME = 0.75, 1.9
"""Standard deviations of each coefficient, and the most of one: at 1 and unbounded some are caricatures."""

_LARGEST = 8.6
"""The most that a code is long: 1 in 100 of such codes is longer."""

SEX, SEX_SPREAD = 1.1, 0.35
"""How far men lie along `masculine` on average, women the other way, and how much they differ."""

EVENNESS = 0.55
"""Share of a code's asymmetry that is kept: half a millimetre is left."""

_ROUNDS, _SETTLED = 30, 3e-7
"""Times at most that contact is resolved at rest, until it moves nothing by so many metres any more."""

FRIENDLY: Mapping[str, float] = {
    "mouthSmileLeft": 0.25, "mouthSmileRight": 0.22, "mouthDimpleLeft": 0.05, "mouthDimpleRight": 0.06,
    "cheekSquintLeft": 0.18, "cheekSquintRight": 0.17, "eyeSquintLeft": 0.02, "eyeSquintRight": 0.03,
}  # fmt: skip
"""What a face does that waits to be spoken to, beside what the rig's own rest does."""

TIRED: Mapping[str, float] = {
    "eyeBlinkLeft": 0.03, "eyeBlinkRight": 0.04, "mouthRollUpper": 0.22, "mouthRollLower": 0.10,
    "browDownLeft": 0.12, "browDownRight": 0.10, "cheekSquintLeft": 0.10, "cheekSquintRight": 0.10,
}  # fmt: skip
"""And what faces of OLD years do besides."""

LASH_WIDER, LASH_LONGER = 1.9, 1.2
"""How much wider and longer lashes of upper lids are than the rig's, which stand for several each."""

AWAKE = 0.76
"""How far lids are open, of the iris: eyes that are wider stare, and are half brought back."""

MEASURES: tuple[tuple[str, float], ...] = (
    ("neck", 1.2), ("jaw", 1.0), ("brow_ridge", 0.8), ("lips", -0.6), ("eyes", -0.8), ("brow_height", -0.7),
    ("nose", 0.5), ("chin", 0.6),
)  # fmt: skip
"""What tells male faces from female ones, and how much it counts."""

AGED, OLD = 32.0, 62.0
"""Years at which faces begin to sink, and at which they have sunk by SAGS."""

SAGS = (
    ((36, -30, 78), 17, (0.3, -3.0, -0.6)), ((33, -74, 66), 12, (2.2, -3.6, 0.5)),
    ((18, -36, 92), 7, (0.0, -1.2, 1.4)), ((0, -98, 62), 20, (0.0, -4.0, 1.0)),
    ((30, 7, 80), 7.5, (0.0, -0.8, 1.5)), ((27, -3, 84), 7, (0.0, 0.0, -1.6)),
    ((58, 42, 52), 16, (-2.4, 0.0, 0.0)), ((0, -18, 115), 10, (0.0, -2.2, 0.4)),
    ((44, 30, 72), 9, (0.0, -2.0, 0.3)), ((50, -22, 58), 14, (-2.0, 0.0, -1.0)),
    ((14, -108, 40), 9, (0.0, 0.0, 1.6)),
)  # fmt: skip
"""mm on the left of the mean face: where, how wide, and how far age moves cheek, jowl, fold, throat, bag,
tear trough, temple, tip of the nose, brow, hollow of the cheek, cord of the neck."""


@dataclass(frozen=True)
class Person:
    identity: Float[Tensor, " n_identity"]
    neutral: Float[Tensor, "verts 3"]
    """Metres; aged, lips shut, lids on the eyeballs."""
    skin: SkinParameters


def sample_person(seed: int, male: float | None = None, age: float | None = None) -> Person:
    """Somebody; `male` 0 or 1 and `age` in years are drawn when None."""
    chance = np.random.default_rng(seed)
    skin = sample_skin(chance, male, age)
    code = sample_identity(chance, skin.male)
    return Person(code, neutral_of(code, skin.age), skin)


def sample_identity(chance: np.random.Generator, male: float) -> Float[Tensor, " n_identity"]:
    """Coefficients, standard deviations: bounded, of that sex, nearly symmetric."""
    way = masculine()
    code = np.clip(chance.standard_normal(len(way)) * _SPREAD, -EXTREME, EXTREME)
    code = (1 + EVENNESS) / 2 * code + (1 - EVENNESS) / 2 * code @ mirroring()
    along = (SEX if male > 0.5 else -SEX) + SEX_SPREAD * chance.standard_normal()
    code += way * (along - code @ way)
    return torch.from_numpy(code * min(1.0, _LARGEST / float(np.linalg.norm(code)))).float()


def neutral_of(code: Float[Tensor, " n"], age: float = AGED) -> Float[Tensor, "verts 3"]:
    """A face at rest, metres: aged, friendly, awake, with every touch resolved."""
    model = load_face_model()
    wear = float(np.clip((age - AGED) / (OLD - AGED), 0, 1.2))
    bare = _settled(model.neutral(code) + sagging() * wear)
    wide = openness(bare)
    stare = 0.5 * max(0.0, 1 - AWAKE / wide)
    rest = {name: FRIENDLY.get(name, 0.0) + wear * TIRED.get(name, 0.0) for name in {*FRIENDLY, *TIRED}}
    for side in ("Left", "Right"):
        rest[f"eyeBlink{side}"] += stare
    face = _settled(model.holding(bare, model.weight_vector(**rest)))
    return _with_fuller_lashes(face)


def _with_fuller_lashes(face: Float[Tensor, "verts 3"]) -> Float[Tensor, "verts 3"]:
    """Blades have five points each: two at the root, two in the middle, one at the tip."""
    own = load_face_model().topology.regions["lashes"].long()
    blades = face[own].view(-1, 5, 3)
    middles = torch.stack([blades[:, :2].mean(1), blades[:, 2:4].mean(1)], 1).repeat_interleave(2, 1)
    root = middles[:, :1]
    level = (root[..., 1].amin() + root[..., 1].amax()) / 2
    upper = root[..., 1:2] > level
    wide = middles + torch.where(upper, LASH_WIDER, 1.0) * (blades[:, :4] - middles)
    longer = torch.where(upper & (torch.arange(5)[:, None] > 1), LASH_LONGER, 1.0)
    full = face.clone()
    full[own] = (root + longer * (torch.cat([wide, blades[:, 4:]], 1) - root)).flatten(0, 1)
    return full


def _settled(face: Float[Tensor, "verts 3"]) -> Float[Tensor, "verts 3"]:
    model = load_face_model()
    for _ in range(_ROUNDS):
        face, before = model.settled(face), face
        if (face - before).abs().max() < _SETTLED:
            break
    return face


@functools.cache
def mirroring() -> Array:
    """[n, n] takes the code of a face to that of its mirror image, which is in the space to 0.03 mm."""
    model = load_face_model()
    skin = model.template[:SKIN_VERTS].double().numpy()
    twin = np.asarray(KDTree(skin).query(skin * [-1, 1, 1])[1])
    modes = model.identity[:, :SKIN_VERTS].double().numpy()
    flat, other = modes.reshape(len(modes), -1), (modes[:, twin] * [-1, 1, 1]).reshape(len(modes), -1)
    return np.asarray(np.linalg.solve(flat @ flat.T, flat @ other.T).T, np.float64)


@functools.cache
def masculine() -> Array:
    """[n] unit direction of identity along which faces look more male: measures that differ between sexes."""
    model = load_face_model()
    base = model.template.double().numpy()
    marks = model.landmarks(model.identity).double().numpy()
    neck = np.flatnonzero(
        (np.abs(base[:SKIN_VERTS, 1] + 0.105) < 0.006) & (np.abs(base[:SKIN_VERTS, 0]) > 0.05)
    )
    width = (model.identity[:, neck, 0].double().numpy() * np.sign(base[neck, 0])).mean(1)
    x, y, z = marks[..., 0], marks[..., 1], marks[..., 2]
    hair = {
        "neck": width,
        "jaw": (x[:, 12] - x[:, 4]) / 2,
        "brow_ridge": (z[:, 19] + z[:, 24] - z[:, 36] - z[:, 45]) / 2,
        "lips": y[:, 51] - y[:, 57],
        "eyes": y[:, 37] - y[:, 41] + y[:, 44] - y[:, 46],
        "brow_height": y[:, 19] + y[:, 24] - y[:, 37] - y[:, 44],
        "nose": y[:, 27] - y[:, 33],
        "chin": y[:, 57] - y[:, 8],
    }
    total = sum(share * hair[name] / np.linalg.norm(hair[name]) for name, share in MEASURES)
    total = np.asarray(total)
    total = total + total @ mirroring()
    return np.asarray(total / np.linalg.norm(total), np.float64)


@functools.cache
def sagging() -> Float[Tensor, "verts 3"]:
    """How far the skin sinks between AGED and OLD, metres; lips and lids keep out of it."""
    model = load_face_model()
    mm = model.template[:SKIN_VERTS].double().numpy() * 1000
    offsets = np.zeros((len(model.template), 3))
    for place, wide, way in SAGS:
        for sign in (1, -1) if place[0] else (1,):
            there = np.array(place) * [sign, 1, 1]
            near = np.exp(-((mm - there) ** 2).sum(1) / wide**2)
            offsets[:SKIN_VERTS] += near[:, None] * np.array(way) * [sign, 1, 1] / 1000
    assert model.contact is not None
    still = torch.cat([model.topology.regions["lips"], model.topology.regions["eyes"]]).long().numpy()
    far = KDTree(mm[still]).query(mm)[0]
    offsets[:SKIN_VERTS] *= np.clip(far / 8, 0, 1)[:, None]
    return torch.from_numpy(offsets).float()
