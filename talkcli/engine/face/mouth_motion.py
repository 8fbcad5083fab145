"""What of a motion of the rig is seen: principal motions, and how near the lips are."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.topology import middle_pairs

LIP_WEIGHT = 20.0
"""How much more a lip vertex counts than another one when principal motions are sought."""
GAP_WEIGHT = 200.0
"""How much the distance between facing inner lips counts: what eyes see first."""
SHUT, SHUT_WEIGHT = 1e-3, 5.0
"""Frames whose lips are nearer than so many metres weigh so much in training: a gap where lips should meet
is seen at once."""
PRESSED, PRESSED_WEIGHT = -5e-4, 30.0
"""Lips pressed together, as on P, B and M: fewer frames still, and the ones that are read from lips."""


def importance(model: FaceModel, names: tuple[str, ...]) -> Float[Tensor, "shapes shapes"]:
    """Quadratic form of what is seen of mixed shapes, square metres: skin, lips, most of all their gap."""
    chosen = model.shapes[model.columns(names)].double()
    weight = torch.ones(chosen.shape[1], dtype=torch.float64)
    weight[model.topology.regions["lips"]] = LIP_WEIGHT
    seen = (chosen * weight.sqrt()[:, None]).flatten(1)
    upper, lower = model.topology.lip_pairs.unbind(1)
    gap = (chosen[:, upper] - chosen[:, lower]).flatten(1) * (GAP_WEIGHT / len(upper) * 10) ** 0.5
    return seen @ seen.T + gap @ gap.T


def lip_movers(model: FaceModel, names: tuple[str, ...]) -> Bool[Tensor, " shapes"]:
    """Which of these shapes are the mouth's, by what they move: the lips twice as far as the upper face. None
    where the rig does not say where these are."""
    places = [model.topology.regions.get(name, ()) for name in ("lips", "upper_face")]
    if not all(len(place) for place in places):
        return torch.zeros(len(names), dtype=torch.bool)
    chosen = model.shapes[model.columns(names)]
    lips, upper = (chosen[:, place].norm(dim=-1).mean(1) for place in places)
    return lips > 2 * upper


def seen_roots(form: Float[Tensor, "shapes shapes"]) -> tuple[Tensor, Tensor]:
    """The symmetric root of the form and its inverse: the square of weights @ root, summed, is what is seen.

    What nobody sees counts a millionth of what is seen best.
    """
    values, vectors = torch.linalg.eigh(form)
    sizes = values.clamp(min=values.max() * 1e-6).sqrt()
    return vectors * sizes @ vectors.T, vectors / sizes @ vectors.T


def principal_motions(
    tracks: Float[Tensor, "frames shapes"], form: Float[Tensor, "shapes shapes"], components: int
) -> Float[Tensor, "components shapes"]:
    """Mixtures of shapes that explain most of what is seen, the first with a mean square of one.

    Rest is zero: nothing is centred, so a network that says nothing leaves the mouth at rest.
    """
    root, inverse = seen_roots(form)
    spread = root @ (tracks.double().T @ tracks.double() / len(tracks)) @ root
    strengths, axes = torch.linalg.eigh(spread)
    chosen = axes[:, -components:].flip(1)
    return (chosen.T @ inverse * strengths[-1].sqrt()).float()


def projected(
    tracks: Float[Tensor, "frames shapes"],
    mixing: Float[Tensor, "components shapes"],
    form: Float[Tensor, "shapes shapes"],
) -> Float[Tensor, "frames components"]:
    """The components nearest to given shape weights, in what is seen."""
    mixing = mixing.double()
    return tracks @ torch.linalg.solve(mixing @ form @ mixing.T, mixing @ form).T.float()


def gap_of(model: FaceModel, names: tuple[str, ...]) -> Float[Tensor, " shapes"]:
    """What each named shape opens the middle of the lips by, metres."""
    upper, lower = middle_pairs(model.topology).unbind(1)
    chosen = model.shapes[model.columns(names)]
    return (chosen[:, upper, 1] - chosen[:, lower, 1]).mean(1)


def attention_to(gap: Float[Tensor, " frames"]) -> Float[Tensor, " frames"]:
    """How much each frame counts in training, from the gap of its lips in metres."""
    weight = torch.where(gap < SHUT, SHUT_WEIGHT, 1.0)
    return torch.where(gap < PRESSED, PRESSED_WEIGHT, weight)
