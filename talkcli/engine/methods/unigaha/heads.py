"""Avatars with a Gaussian head: of a face that has a mesh and a skin already, of nobody who ever lived, and
of somebody between two people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from talkcli import __version__
from talkcli.engine.assets import DEFAULT_RIG, head_credit
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.gaussian_head import GaussianHead, HeadMaps
from talkcli.engine.face.rigs import check_wears
from talkcli.engine.face.texel_layout import texels_on
from talkcli.engine.face.worn import coloured_by
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_fit import portraits_around
from talkcli.engine.rendering.unwrapping import seen_colours
from talkcli.engine.rendering.worn_splats import worn_gaussians
from talkcli.engine.studio.captures import faces_motion, studio_cameras
from talkcli.engine.studio.paint.complexion import SkinParameters, sample_skin
from talkcli.engine.studio.paint.pigment import from_srgb, hair_colour, skin_colour
from talkcli.engine.studio.scanned.avatars import Outfit, sample_outfit
from talkcli.engine.studio.scanned.garments import garment_of
from talkcli.engine.studio.scanned.hair.hair import hair_of
from talkcli.engine.studio.scanned.hair.styles import HAIR_STYLES
from talkcli.engine.studio.scanned.looks import dressed_look
from talkcli.engine.studio.scanned.people import sample_identity

SEEN_AT = 384
"""Pixels along a side of the pictures that a skin is unwrapped from."""
_KNOWN = 0.05
"""The least that pictures must show of a texel for its colour to be taken."""
CALM_LOOKS = 0.8
"""Of the deviations of looks, of those who are drawn: at 1 some are blotched."""
WORN_STEPS = 24
"""Of the fit of what is worn: a few seconds, in which hair closes over the scalp."""
DRESSED_AT = 512
"""Texels along a side of what hair and clothes are seen on, while they become Gaussians."""
TONES = 24
"""Complexions that are drawn for somebody; the nearest in tone says what hair goes with it."""


def lit_skin(avatar: Avatar, prior: Prior) -> tuple[Float[Tensor, "n 3"], Bool[Tensor, " n"]]:
    """sRGB 0..1 of the texels of a face at rest, without what it wears, in the avatar's light; and where that
    is known."""
    bare = replace(avatar, worn=(), splats=None, gaussian_head=None, rest=None)
    near, whole = studio_cameras(SEEN_AT), portraits_around(bare, 8, (SEEN_AT, SEEN_AT))
    camera = Camera(
        *(torch.cat(pair) for pair in zip(vars(near).values(), vars(whole).values(), strict=True))
    )
    rest = faces_motion(torch.zeros(len(camera.views), len(prior.rig.shape_names)))
    drawn = [torch.from_numpy(picture) for picture in frames(rest, bare, camera, background="transparent")]
    texels = texels_on(avatar.neutral[None], prior.decoder.layout)
    normals = texels.frames[0, :, :, 2].contiguous()
    colours, seen = seen_colours(texels.places[0], normals, camera, torch.stack(drawn))
    total = seen.sum(0)
    return (colours * seen[..., None]).sum(0) / total.clamp(min=1e-6)[:, None], total > _KNOWN


@torch.no_grad()
def head_of(prior: Prior, identity: Float[Tensor, " identity"], skin: Tensor | None = None) -> GaussianHead:
    """Somebody's own head by their code; `skin` [3, size, size] instead of what the code says of it."""
    maps, config = prior.maps(identity), prior.config.decoder
    if skin is not None:
        maps = HeadMaps(maps.form, maps.look, skin)
    weights = {name: tensor.half() for name, tensor in prior.decoder.state_dict().items()}
    return GaussianHead(
        config.rig, config.coarsest, config.widths, config.bases, prior.rig.shape_names,
        prior.codes.to_codes, identity, weights, maps.map(Tensor.half),
    )  # fmt: skip


@torch.no_grad()
def code_of(prior: Prior, avatar: Avatar) -> tuple[Float[Tensor, " identity"], Float[Tensor, "3 size size"]]:
    """The identity code of an avatar that has a mesh and a skin, and the skin as it is lit."""
    if avatar.identity is None or len(avatar.identity) < prior.config.shape or avatar.look is None:
        raise BadInput(
            f"{avatar.name} has no identity or no skin, so it cannot get a Gaussian head.",
            "Give one of talk's people, or one of a photograph: talk personalize me.jpg",
        )
    return code_by_skin(prior, avatar.identity, *lit_skin(avatar, prior))


@torch.no_grad()
def code_by_skin(
    prior: Prior, shape: Float[Tensor, " n_identity"], skin: Float[Tensor, "n 3"], known: Bool[Tensor, " n"]
) -> tuple[Float[Tensor, " identity"], Float[Tensor, "3 size size"]]:
    """The code of a face whose rig's identity and lit skin are given, sRGB 0..1 where it is known; and that
    skin as a map, completed by what the code says."""
    size, texels = prior.config.decoder.size, prior.decoder.layout.texels
    identity = prior.identity_code(shape, skin, known)
    base = prior.maps(identity).base.flatten(1).clone()
    base[:, texels] = torch.where(known, skin.mT, base[:, texels])
    return identity, base.unflatten(1, (size,) * 2)


def with_head(prior: Prior, avatar: Avatar) -> Avatar:
    """The same avatar with a Gaussian head, and what it wears as Gaussians too. BadInput for one without the
    rig, an identity or a skin."""
    check_wears(avatar, prior.config.decoder.rig)
    identity, skin = code_of(prior, avatar)
    worn = worn_gaussians(avatar, steps=WORN_STEPS)
    return replace(avatar, gaussian_head=head_of(prior, identity, skin), splats=worn)


def sampled_code(prior: Prior, seed: int) -> tuple[Float[Tensor, " identity"], float]:
    """The identity code of somebody who never lived, from the spread of those that the prior met, and 1.0 for
    a man."""
    chance = np.random.default_rng([seed, 16])
    male = float(chance.random() < 0.5)
    shape = sample_identity(chance, male)[: prior.config.shape]
    noise = torch.from_numpy(chance.standard_normal(prior.config.look)).float()
    return torch.cat([shape, prior.look_mean + CALM_LOOKS * prior.look_factor @ noise]), male


def sampled_avatar(prior: Prior, seed: int, name: str) -> Avatar:
    """Somebody who never lived, with hair and clothes that go with the tone of the skin. The same seed gives
    the same."""
    (identity, male), chance = sampled_code(prior, seed), np.random.default_rng([seed, 17])
    model, shape = prior.rig, prior.config.shape
    with torch.no_grad():
        guide = prior.guide_mesh(torch.zeros(1, prior.config.decoder.expression), identity)[0]
    neutral, head = model.settled(guide), head_of(prior, identity)
    outfit, skin = _outfit_for(prior, head, chance, male)
    worn, style = [garment_of(outfit.dress.name, neutral)], HAIR_STYLES[outfit.hair]
    if style.count:
        colour = hair_colour(skin.hair_eumelanin, skin.hair_pheomelanin, skin.hair_grey)
        colour = torch.from_numpy(np.asarray(colour)).float()
        worn.append(hair_of(outfit.hair, colour, neutral, skin.seed))
    look = dressed_look(skin, style.painted, outfit.dress, DRESSED_AT)
    topology = model.topology
    avatar = Avatar(
        name, neutral, topology.faces, topology.regions["lips"], topology.name, identity[:shape],
        provenance=born_of("a code"),
    )  # fmt: skip
    splats = worn_gaussians(replace(avatar, worn=tuple(worn), look=look), steps=WORN_STEPS)
    dyed = tuple(coloured_by(look, each) for each in worn)
    return replace(avatar, worn=dyed, gaussian_head=head, splats=splats)


def mixed_avatar(prior: Prior, one: Avatar, other: Avatar, share: float, name: str) -> Avatar:
    """Somebody between two people with Gaussian heads of this prior, so far from the first to the other, in
    the hair and clothes of the nearer one. BadInput for one without such a head."""
    for avatar in (one, other):
        if avatar.gaussian_head is None or avatar.gaussian_head.config != prior.config.decoder:
            raise BadInput(
                f"{avatar.name} has no Gaussian head of this model.",
                f"Make one: talk personalize {avatar.name} --model unigaha -o {avatar.name}-gaussian.avatar",
            )
    heads = [avatar.gaussian_head for avatar in (one, other) if avatar.gaussian_head is not None]
    identity = heads[0].identity.float().lerp(heads[1].identity.float(), share)
    skin = heads[0].maps.base.float().lerp(heads[1].maps.base.float(), share)
    neutral = one.neutral.lerp(other.neutral, share)
    nearer = one if share < 0.5 else other
    worn = nearer.worn if nearer.look is None else [coloured_by(nearer.look, each) for each in nearer.worn]
    return replace(
        nearer,
        worn=tuple(worn),
        name=name,
        neutral=neutral,
        identity=identity[: prior.config.shape],
        look=None,
        studio_look=None,
        photograph=None,
        styles={},
        gaussian_head=head_of(prior, identity, skin),
        provenance=born_of("two avatars"),
    )


def _outfit_for(
    prior: Prior, head: GaussianHead, chance: np.random.Generator, male: float
) -> tuple[Outfit, SkinParameters]:
    """Hair and clothes, and the complexion that they go with: that of some that are drawn that is nearest in
    tone."""
    on_face = torch.isin(prior.decoder.layout.corners, prior.rig.topology.regions["face"]).all(1)
    base = head.maps.base.float().flatten(1)[:, prior.decoder.layout.texels[on_face]]
    tone = np.log(from_srgb(255 * base.mean(1).clamp(0, 1).numpy()).mean() + 0.02)
    drawn = [sample_skin(chance, male) for _ in range(TONES)]
    tones = np.log(skin_colour(np.array([skin.melanin for skin in drawn]), np.zeros(TONES)).mean(1) + 0.02)
    skin = drawn[int(np.abs(tones - tone).argmin())]
    return sample_outfit(chance, skin), skin


def born_of(source: str) -> Mapping[str, Any]:
    """What is said of somebody whom a prior made."""
    return {"synthetic": True, "source": source, "program": f"talk {__version__}", **head_credit(DEFAULT_RIG)}
