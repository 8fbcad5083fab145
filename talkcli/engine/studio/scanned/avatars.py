"""Somebody from head to shoulders: form, skin, hair and clothes, chosen or drawn from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.paint.pigment import hair_colour
from talkcli.engine.studio.scanned.cloth import Dress, Dye
from talkcli.engine.studio.scanned.garments import garment_of
from talkcli.engine.studio.scanned.hair.beards import beard_of
from talkcli.engine.studio.scanned.hair.glasses import glasses_of
from talkcli.engine.studio.scanned.hair.hair import hair_of
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES
from talkcli.engine.studio.scanned.looks import ATLAS, bake_look
from talkcli.engine.studio.scanned.people import Person, sample_person

CLOTHS: tuple[Dye, ...] = (
    (0.045, 0.060, 0.090), (0.035, 0.035, 0.040), (0.170, 0.170, 0.180), (0.400, 0.385, 0.350),
    (0.060, 0.085, 0.065), (0.120, 0.040, 0.045), (0.200, 0.150, 0.100), (0.090, 0.140, 0.210),
    (0.300, 0.180, 0.060), (0.220, 0.090, 0.080),
)  # fmt: skip
"""Navy, charcoal, grey, ecru, moss, wine, khaki, denim, mustard, rose."""

LINEN: Dye = (0.46, 0.45, 0.43)

WOMEN = ("long", "wavy", "bob", "fringe", "ponytail", "bun", "short")
MEN = ("cropped", "short", "side-part", "slicked")
"""Hair styles of either sex; the last two kinds are for those whose hair is so."""

COILED, THINNED = ("afro", "coily", "bun", "curly"), ("receding", "cropped", "bald")
"""Styles of very dark skins, and of men past THINS years."""

THINS = 45.0

TOPS = (("blouse", "top", "t-shirt", "jumper", "shirt"), ("t-shirt", "shirt", "jumper", "jacket"))
"""Garments of women and of men."""

BEARDS = ("full", "short-beard", "goatee", "moustache")

BEARDED, BESPECTACLED = 0.35, 0.18
"""Shares of men with a beard, and of people with glasses."""


@dataclass(frozen=True)
class Outfit:
    hair: str
    """Of HAIR_STYLES."""
    dress: Dress
    beard: str | None = None
    glasses: str | None = None


def sample_avatar(seed: int, male: float | None = None, age: float | None = None) -> Avatar:
    """Somebody; the same seed gives the same."""
    person = sample_person(seed, male, age)
    return make_avatar(f"person-{seed}", person, sample_outfit(np.random.default_rng([seed, 7]), person.skin))


def sample_outfit(chance: np.random.Generator, skin: SkinParameters) -> Outfit:
    """Hair and clothes that go with somebody's sex, age and hair."""
    men = skin.male > 0.5
    styles: Sequence[str] = MEN if men else WOMEN
    if skin.melanin > 1.1:
        styles = COILED[: 2 if men else 4]
    if men and skin.age > THINS and chance.random() < 0.6:
        styles = THINNED
    beard = str(chance.choice(BEARDS)) if men and chance.random() < BEARDED else None
    glasses = str(chance.choice(("acetate", "wire"))) if chance.random() < BESPECTACLED else None
    cloth, tie = (CLOTHS[int(chance.integers(len(CLOTHS)))] for _ in range(2))
    dress = Dress(str(chance.choice(TOPS[men])), (cloth, LINEN, tie))
    return Outfit(str(chance.choice(styles)), dress, beard, glasses)


def make_avatar(name: str, person: Person, outfit: Outfit, size: int = ATLAS) -> Avatar:
    """An avatar of the scanned head, with a skin of so many texels across."""
    topology, skin = load_face_model().topology, person.skin
    if outfit.beard is not None:
        skin = replace(skin, stubble=max(skin.stubble, 0.5))
    strands = hair_colour(skin.hair_eumelanin, skin.hair_pheomelanin, skin.hair_grey)
    colour = torch.from_numpy(np.asarray(strands)).float()
    wardrobe = [garment_of(outfit.dress.name, person.neutral)]
    if HAIR_STYLES[outfit.hair].count:
        wardrobe.append(hair_of(outfit.hair, colour, person.neutral, skin.seed))
    if outfit.beard is not None:
        wardrobe.append(beard_of(outfit.beard, colour, person.neutral, skin.seed))
    if outfit.glasses is not None:
        wardrobe.append(glasses_of(outfit.glasses, person.neutral))
    return Avatar(
        name=name,
        neutral=person.neutral,
        faces=topology.faces,
        lips=topology.regions["lips"],
        rig=topology.name,
        identity=person.identity,
        look=bake_look(skin, HAIR_STYLES[outfit.hair].painted, size, outfit.dress, outfit.beard),
        worn=tuple(wardrobe),
    )
