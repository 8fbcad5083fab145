"""Somebody as pictures show them: a captured face with skin, hair and clothes, in an avatar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli import __version__
from talkcli.engine.assets import DEFAULT_RIG, asset, head_credit
from talkcli.engine.capture.atlas import Atlas, skin_atlas
from talkcli.engine.capture.beard_choice import beard_seen, beneath_beard, without_beard
from talkcli.engine.capture.beard_places import beard_places
from talkcli.engine.capture.captured_person import CapturedPerson
from talkcli.engine.capture.detector import Detector, Photo
from talkcli.engine.capture.even_room import Texels, printed_albedo
from talkcli.engine.capture.fringe_choice import fringe_seen, without_fringe
from talkcli.engine.capture.glasses_choice import glasses_in
from talkcli.engine.capture.hair_choice import dressing_in
from talkcli.engine.capture.hairs_on_skin import hairiness
from talkcli.engine.capture.kept_photograph import kept_photograph
from talkcli.engine.capture.laid_glasses import with_laid_glasses
from talkcli.engine.capture.merged_skin import merged_skin
from talkcli.engine.capture.photographed_skin import (
    SeenSkin,
    own_skin,
    painted_skin,
    recoloured_cloth,
    recoloured_hair,
    seen_skin,
    shelter_of,
)
from talkcli.engine.capture.studio_skin import studio_skin
from talkcli.engine.capture.unfolded_skin import light_of_folds, unfolded
from talkcli.engine.errors import BadInput
from talkcli.engine.face.acting import skin_ratios
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.look import Look
from talkcli.engine.face.mesh_normals import mesh_normals
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.face.worn import Worn
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.once import once
from talkcli.engine.rendering.surface import surface_of
from talkcli.engine.rendering.textures import linear
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.garments import garment_of
from talkcli.engine.studio.scanned.hair.beards import beard_of
from talkcli.engine.studio.scanned.hair.glasses import glasses_of
from talkcli.engine.studio.scanned.hair.hair import hair_of
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES

SKIN_QUALITY = 92
"""0..100 of both skins in an `.avatar` file."""

DONORS: Mapping[str, str] = {"ada": "blouse", "emil": "jumper", "noor": "top", "kofi": "t-shirt"}
"""Whose skin is where nobody looked, the one of the nearest tone, and what they wear."""

TELLS_TONE = 0.7
"""Trust from which on a texel tells the tone of a face."""

LEAST_SKIN = 0.05
"""Share of a face that tells a tone, below which what was found is nobody's: people have 0.44 to 0.50, a
drawing 0."""

PAINTS = 0.5
"""How surely a pixel is the person's that paints their skin in full."""

IN_SHADE = 0.75
"""Share of the room's light that reaches hair and cloth on average."""


class PersonShot(NamedTuple):
    picture: Photo
    points: Array
    """[points, 2] of the detector, in it"""
    person: CapturedPerson
    """In this picture alone"""


def dressed_person(
    shots: Sequence[PersonShot], detector: Detector, name: str, source: str
) -> tuple[Avatar, str]:
    """The avatar with skin, hair and clothes; and the style of its hair.

    All pictures paint the skin; the first is the one that is kept, and the one by which hair and clothes are
    chosen. As photographed the skin has beard and fringe painted, as the photograph goes on beside it; in the
    studio look it has them worn alone. Folds of an expression that all pictures have are not painted.
    `source`: what kind of thing they come from, in words.
    """
    picture, points, person = shots[0]
    model, maps = load_rig(DEFAULT_RIG), skin_atlas()
    head = replace(
        talking_head(),
        name=name,
        neutral=person.neutral,
        identity=torch.from_numpy(person.fit.identity).float(),
    )
    weights = torch.from_numpy(np.concatenate([shot.person.fit.weights for shot in shots])).float()
    bodies = vertices(Motion(Fraction(25), Coefficients(weights, torch.zeros(len(weights), 3))), head)
    masks = [detector.person(shot.picture) for shot in shots]
    glasses = [glasses_in(shot.picture, shot.points) for shot in shots]
    skins = []
    for shot, mask, before, body in zip(shots, masks, glasses, bodies, strict=True):
        bare = np.clip(mask / PAINTS, 0, 1) * (True if before is None else ~before.frame)
        skins.append(seen_skin(shot.picture, bare, body.double().numpy(), shot.person, maps))
    seen = merged_skin(skins, maps.face)
    surface = surface_of(head, model.topology)
    shelter = shelter_of(surface, maps)
    if _telling(seen, maps).sum() < LEAST_SKIN * maps.face.sum():
        raise BadInput("What looks like a face is no person's.", "Give a photograph or a film of a person.")
    donor, base = _nearest_donor(_tone(seen, maps), maps)
    place = bodies[0].double().numpy() @ person.fit.turns[0].T + person.fit.shifts[0]
    outline = seen_at(place, person.fit.focal, person.sight.size)
    hairy = hairiness(seen, own_skin(base, maps, bald=False)[0], maps)
    fringe, beard = fringe_seen(hairy, maps), beard_seen(seen, hairy, picture, points)
    skin = without_fringe(seen, hairy, maps) if fringe else seen
    skin = skin if beard is None else without_beard(skin, hairy, beard)
    tone = _tone(skin, maps)
    dressing = dressing_in(picture, points, masks[0], tone, outline, fringe)
    assert model.wrinkles is not None
    alone = [light_of_folds(shot.person.fit.weights[0], model.wrinkles, maps) for shot in shots]
    folds = np.min(alone, 0)
    seen, skin = (unfolded(each, folds, hairy, maps) for each in (seen, skin))
    normals = mesh_normals(head.neutral.double().numpy(), model.topology.faces.long().numpy())
    across = maps.across(normals)
    across /= np.linalg.norm(across, axis=1, keepdims=True).clip(1e-9)
    bald = dressing.style == "bald"

    def coloured(look: Look) -> Look:
        look = look if bald else recoloured_hair(look, _in_room(dressing.hair), maps)
        return look if dressing.cloth is None else recoloured_cloth(look, _in_room(dressing.cloth), maps)

    def in_studio() -> Look:
        look = coloured(studio_skin(base, skin, shelter, across, tone, maps, bald))
        return look if beard is None else beneath_beard(look, beard.style, _in_room(beard.light), maps)

    def worn() -> Iterator[Worn]:
        yield garment_of(DONORS[donor], head.neutral)
        if HAIR_STYLES[dressing.style].count:
            yield hair_of(dressing.style, torch.from_numpy(_in_room(dressing.hair)), head.neutral)
        if beard is not None:
            yield beard_of(beard.style, torch.from_numpy(_in_room(beard.light)), head.neutral)
        if glasses[0] is not None:
            yield glasses_of(glasses[0].style, head.neutral)

    with ThreadPoolExecutor(2) as pool:
        studio = pool.submit(in_studio)
        look = pool.submit(lambda: coloured(painted_skin(base, seen, shelter, maps, bald)))
        clothes = tuple(worn())
    made = {"synthetic": True, "source": source, "program": f"talk {__version__}"}
    avatar = replace(
        head,
        look=look.result(),
        studio_look=studio.result(),
        photograph=kept_photograph(picture, points, masks[0], person),
        worn=clothes,
        provenance={**made, **head_credit(head.rig)},
    )
    return with_laid_glasses(avatar), dressing.style


def _in_room(light: Texels) -> Texels:
    """[3] albedo of hair or cloth that a picture shows in a linear colour [3]."""
    return printed_albedo(light[None], np.full(1, IN_SHADE, np.float32))[0]


def make_ready() -> None:
    """What any picture is dressed by, made before it is asked for: beside the fit of a face, by a thread."""
    wrinkles = load_rig(DEFAULT_RIG).wrinkles
    assert wrinkles is not None
    skin_atlas()
    _donor_looks()
    beard_places()
    skin_ratios(wrinkles, wrinkles.height.shape[1] // 2)


def _tone(seen: SeenSkin, maps: Atlas) -> Texels:
    """[3] the middle of what is trusted of the face, linear light."""
    return np.median(seen.light[_telling(seen, maps)], 0)


def _telling(seen: SeenSkin, maps: Atlas) -> NDArray[np.bool_]:
    """Which texels tell the tone of a face."""
    return (seen.trust > TELLS_TONE) & maps.face


@once
def _donor_looks() -> Mapping[str, Look | None]:
    return {name: load_avatar(asset(f"{name}.avatar")).look for name in DONORS}


def _nearest_donor(tone: np.ndarray, maps: Atlas) -> tuple[str, Look]:
    """Of DONORS, the one whose face is most like a tone [3] in linear light, and its look."""

    def away(look: Look) -> float:
        skin = look.albedo.numpy().reshape(-1, 3)[maps.canvas.texels[maps.face]]
        return float(np.abs(np.log(tone.clip(1e-3) / (np.median(linear(skin), 0) * look.exposure))).sum())

    return min(
        ((name, look) for name, look in _donor_looks().items() if look), key=lambda donor: away(donor[1])
    )
