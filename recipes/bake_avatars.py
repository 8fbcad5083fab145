"""Make the bundled people: python recipes/bake_avatars.py FOLDER [NAME ...]

Writes FOLDER/NAME.avatar for everybody in PEOPLE, or for those who are named, from a seed, a complexion and
an outfit each. The same bytes every time on one machine; a minute each on one core.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from talkcli.engine.face.avatar import save_avatar
from talkcli.engine.studio.scanned.avatars import LINEN, Outfit, make_avatar
from talkcli.engine.studio.scanned.cloth import Dress
from talkcli.engine.studio.scanned.people import sample_person

QUALITY, LIGHT = 95, "portrait"
"""Of the skins' pictures, and `Look.light`."""


@dataclass(frozen=True)
class Member:
    seed: int
    male: float
    age: float
    skin: Mapping[str, Any]
    """What differs from the complexion that the seed draws."""
    outfit: Outfit


def own(**values: float) -> Mapping[str, Any]:
    """Numbers of a complexion by their names."""
    return values


PEOPLE: Mapping[str, Member] = {
    "ada": Member(
        1595,
        0.0,
        29.0,
        own(
            melanin=0.31,
            freckles=0.45,
            moles=2,
            mottling=0.5,
            blush=0.9,
            oil=0.3,
            pores=0.6,
            lip_blood=0.85,
            hair_eumelanin=0.58,
            hair_pheomelanin=0.28,
            hair_grey=0.0,
            brow_density=0.6,
            brow_thickness=0.38,
            lash_strength=0.75,
            iris_melanin=0.35,
            iris_yellow=0.5,
            shadow_under_eyes=0.15,
        ),
        Outfit("wavy", Dress("blouse", ((0.10, 0.16, 0.19), LINEN, LINEN))),
    ),
    "emil": Member(
        109,
        1.0,
        36.0,
        own(
            melanin=0.32,
            moles=3,
            mottling=0.6,
            blush=0.8,
            oil=0.3,
            pores=0.6,
            stubble=0.5,
            hair_eumelanin=0.72,
            hair_pheomelanin=0.2,
            hair_grey=0.03,
            brow_density=0.6,
            brow_thickness=0.36,
            iris_melanin=0.25,
            iris_yellow=0.3,
            lip_blood=0.3,
        ),
        Outfit("side-part", Dress("jumper", ((0.045, 0.060, 0.085), LINEN, LINEN))),
    ),
    "noor": Member(
        106,
        0.0,
        27.0,
        own(
            melanin=1.25,
            moles=2,
            mottling=0.35,
            oil=0.3,
            pores=0.4,
            hair_eumelanin=1.0,
            hair_pheomelanin=0.12,
            hair_grey=0.0,
            brow_density=0.7,
            brow_thickness=0.42,
            lash_strength=0.8,
            iris_melanin=0.95,
            shadow_under_eyes=0.2,
            lip_blood=0.5,
        ),
        Outfit("bun", Dress("top", ((0.30, 0.19, 0.06), LINEN, LINEN))),
    ),
    "marta": Member(
        109,
        0.0,
        59.0,
        own(
            melanin=0.34,
            moles=4,
            mottling=0.5,
            oil=0.25,
            pores=0.5,
            hair_eumelanin=0.5,
            hair_pheomelanin=0.15,
            hair_grey=0.75,
            brow_density=0.55,
            brow_thickness=0.4,
            iris_melanin=0.5,
            lip_blood=0.5,
            lash_strength=0.6,
        ),
        Outfit("slicked", Dress("shirt", ((0.13, 0.045, 0.055), LINEN, LINEN)), glasses="wire"),
    ),
    "kofi": Member(
        102,
        1.0,
        41.0,
        own(
            melanin=1.9,
            moles=2,
            mottling=0.4,
            oil=0.35,
            pores=0.5,
            stubble=0.35,
            hair_eumelanin=1.0,
            hair_pheomelanin=0.15,
            hair_grey=0.05,
            brow_density=0.65,
            brow_thickness=0.4,
            iris_melanin=1.0,
        ),
        Outfit("coily", Dress("t-shirt", ((0.24, 0.23, 0.21), LINEN, LINEN))),
    ),
    "otto": Member(
        113,
        1.0,
        63.0,
        own(
            melanin=0.30,
            moles=4,
            mottling=0.6,
            blush=0.7,
            oil=0.3,
            pores=0.7,
            stubble=0.5,
            hair_eumelanin=0.5,
            hair_pheomelanin=0.15,
            hair_grey=0.8,
            brow_density=0.7,
            brow_thickness=0.48,
            iris_melanin=0.12,
        ),
        Outfit("receding", Dress("jacket", ((0.040, 0.048, 0.062), LINEN, (0.10, 0.025, 0.035))), "full"),
    ),
}
"""`ada` is who speaks when nobody is named."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEOPLE)}; without any, all")
    given = parser.parse_args()
    folder, names = given.folder, given.names or list(PEOPLE)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        start, member = time.perf_counter(), PEOPLE[name]
        drawn = sample_person(member.seed, member.male, member.age)
        person = replace(drawn, skin=replace(drawn.skin, **member.skin))
        target = folder / f"{name}.avatar"
        avatar = make_avatar(name, person, member.outfit)
        assert avatar.look is not None
        save_avatar(replace(avatar, look=replace(avatar.look, light=LIGHT)), target, QUALITY)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
