"""Make the built-in avatars again: python recipes/bake_avatars.py

Writes assets/<name>.avatar for everybody in PEOPLE on the head in assets/head.safetensors: bake that first.
The same bytes every time on one machine; a minute on one core.
"""

import time
from collections.abc import Mapping

import torch

from talkcli.engine.assets import DEFAULT_RIG, assets_folder
from talkcli.engine.face.avatar import Avatar, save_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.studio.looks import bake_look
from talkcli.engine.studio.paint.complexion import SkinParameters
from talkcli.engine.studio.shape.assembly import build_head
from talkcli.engine.studio.shape.identity import AGE, SEX, HeadParameters


def person(sex: float, age: float, **modes: float) -> HeadParameters:
    """A face from sex (-1 female .. 1 male), age in standard deviations, and what is its own; short hair."""
    values: dict[str, float] = {}
    traits: tuple[tuple[Mapping[str, float], float], ...] = ((SEX, sex), (AGE, age), (modes, 1.0))
    for shifts, amount in traits:
        for name, shift in shifts.items():
            values[name] = values.get(name, 0.0) + shift * amount
    values["hair_length"] = modes.get("hair_length", 0.0)
    return HeadParameters.of(**values)


PEOPLE: Mapping[str, tuple[HeadParameters, SkinParameters]] = {
    "ada": (
        person(
            -0.8, 0.0,
            jaw_width=-0.9, face_width=-0.4, chin_width=-0.5, cheek_hollow=0.4, zygoma_forward=0.5,
            eye_size=0.3, nose_width=-0.5, tip_width=-0.5, upper_lip=0.5, lower_lip=0.5,
            nose_skew=0.3, mouth_skew=-0.4, eye_skew=0.3, hair_length=1.6, hair_volume=0.4,
        ),
        SkinParameters(
            melanin=0.24, haemoglobin=0.05, age=29, freckles=0.15, moles=3, mottling=0.4, oil=0.3, pores=0.4,
            lip_blood=0.5, hair_eumelanin=0.62, hair_pheomelanin=0.25, brow_thickness=0.42, brow_arch=0.55,
            lash_strength=0.6, iris_melanin=0.45, iris_yellow=0.5, garment=(0.055, 0.075, 0.11), seed=11,
        ),
    ),
    "noor": (
        person(
            -0.7, -0.3,
            jaw_width=-0.6, face_width=-0.2, chin_width=-0.3, zygoma_width=0.3, eye_tilt=0.4,
            nose_width=0.5, bridge_height=-0.5, tip_width=0.4, upper_lip=0.9, lower_lip=0.8,
            nose_skew=-0.3, jaw_skew=0.3, hair_volume=0.8, hair_top=0.8, hair_sides=0.8,
        ),
        SkinParameters(
            melanin=1.25, age=25, mottling=0.35, oil=0.35, pores=0.4, lip_blood=0.5, hair_eumelanin=1.0,
            hair_pheomelanin=0.1, brow_density=0.7, brow_thickness=0.45, brow_arch=0.6, lash_strength=0.7,
            iris_melanin=1.0, garment=(0.16, 0.12, 0.085), seed=23,
        ),
    ),
    "emil": (
        person(
            0.8, 0.6,
            jaw_width=0.1, jaw_forward=0.2, face_width=-0.3, cheek_hollow=0.4, nose_length=0.4,
            bridge_hump=0.6, nose_skew=0.5, mouth_skew=0.4, hair_volume=-0.2, hair_top=0.2,
        ),
        SkinParameters(
            melanin=0.32, haemoglobin=0.07, age=50, male=1.0, moles=5, mottling=0.55, blush=0.6, pores=0.7,
            lip_blood=0.2, stubble=0.45, hair_eumelanin=0.85, hair_grey=0.28, brow_density=0.7,
            brow_thickness=0.65, brow_arch=0.25, lash_strength=0.4, iris_melanin=0.2, iris_yellow=0.3,
            garment=(0.035, 0.035, 0.04), seed=37,
        ),
    ),
}  # fmt: skip
"""`ada` is who speaks when nobody is named."""


def coefficients(head: HeadParameters) -> torch.Tensor:
    """[n_identity] the face in the baked identity space, by least squares over the vertices."""
    model = load_rig(DEFAULT_RIG)
    moved = torch.from_numpy(build_head(head).vertices).float() / 1000 - model.template
    return torch.linalg.lstsq(model.identity.flatten(1).mT, moved.flatten()[:, None]).solution[:, 0]


def main() -> None:
    model = load_rig(DEFAULT_RIG)
    for name, (head, skin) in PEOPLE.items():
        start = time.perf_counter()
        identity = coefficients(head)
        avatar = Avatar(
            name=name,
            neutral=model.neutral(identity),
            faces=model.topology.faces,
            lips=model.topology.regions["lips"],
            rig=DEFAULT_RIG,
            identity=identity,
            look=bake_look(skin, wrinkles=model.wrinkles),
        )
        target = assets_folder() / f"{name}.avatar"
        save_avatar(avatar, target)
        print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
