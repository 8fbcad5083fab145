"""What of the prior is solved before it learns: skins and looks of people by principal components."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial import KDTree
from torch import Tensor, nn

from talkcli.engine.face.texel_layout import texels_on
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_people import Sitter

_TOLD, _NEAR = 0.5, 200
"""Share of the people of whom a texel is known, from which on it is; how many stand in for one that is
not."""


@torch.no_grad()
def solve_anchors(prior: Prior, people: Sequence[Sitter]) -> None:
    """The mean mesh and the skins into the prior, and into `people` the codes of everybody."""
    config = prior.config
    shape = config.shape
    identity = torch.stack([person.identity for person in people])
    modes = prior.rig.identity[:shape].flatten(1)
    neutral = torch.stack([person.vertices[0] for person in people]).flatten(1)
    prior.mesh_mean.copy_((neutral - identity[:, :shape] @ modes).mean(0).unflatten(0, (-1, 3)))
    skins, known = (
        torch.stack([getattr(person, name) for person in people]).float() for name in ("skin", "known")
    )
    mean = (skins * known[..., None]).sum(0) / known.sum(0).clamp(min=1)[:, None]
    off = torch.where(known[..., None] > 0, skins - mean, 0.0).mT.flatten(1)
    basis, deviation = principal(off, min(config.solved, len(people) - 1))
    texels, size = prior.decoder.layout.texels, config.decoder.size
    everywhere = completed(prior, known.sum(0) >= _TOLD * len(people))
    prior.skin_mean.flatten(1)[:, texels] = everywhere(mean).mT
    drawn = torch.zeros(config.solved, 3, size * size)
    for number, step in enumerate((basis * deviation[:, None]).unflatten(1, (3, -1))):
        drawn[number, :, texels] = everywhere(step.mT).mT
    prior.keep_skins(drawn.unflatten(2, (size, size)))
    table = nn.Embedding(len(people), config.decoder.identity)
    table.weight.zero_()
    table.weight[:, :shape] = identity[:, :shape]
    table.weight[:, shape : shape + len(basis)] = off @ basis.mT / deviation
    prior.people = table


@torch.no_grad()
def code_people(prior: Prior, people: Sequence[Sitter]) -> None:
    """Into `people` the codes of everybody, by the anchors that are there."""
    prior.people = nn.Embedding.from_pretrained(
        torch.stack([prior.identity_code(person.identity, person.skin, person.known) for person in people]),
        freeze=False,
    )


def completed(
    prior: Prior, known: Bool[Tensor, " n"]
) -> Callable[[Float[Tensor, "n channels"]], Float[Tensor, "n channels"]]:
    """What gives texels that few pictures showed the mean of the nearest ones on the mean face that many did:
    one alone would be drawn out to a streak."""
    places = texels_on(prior.mesh_mean[None], prior.decoder.layout).places[0].numpy()
    there, unknown = torch.nonzero(known)[:, 0], torch.nonzero(~known)[:, 0]
    near = KDTree(places[there.numpy()]).query(places[unknown.numpy()], min(_NEAR, len(there)))[1]
    nearest = there[torch.from_numpy(np.asarray(near).reshape(len(unknown), -1))]

    def complete(values: Float[Tensor, "n channels"]) -> Float[Tensor, "n channels"]:
        return values.index_copy(0, unknown, values[nearest].mean(1))

    return complete


def principal(
    rows: Float[Tensor, "n dims"], count: int
) -> tuple[Float[Tensor, "count dims"], Float[Tensor, " count"]]:
    """Orthonormal directions that hold most of the rows, and the root of their mean square along each."""
    values, vectors = torch.linalg.eigh(rows.double() @ rows.double().mT)
    values, vectors = values.flip(0)[:count].clamp(min=1e-12), vectors.flip(1)[:, :count]
    basis = (vectors / values.sqrt()).mT @ rows.double()
    return basis.float(), (values / len(rows)).sqrt().float()


@torch.no_grad()
def leave_people(prior: Prior) -> None:
    """Forget who they were; how their looks are spread is kept, to draw others by."""
    assert prior.people is not None
    looks = prior.people.weight[:, prior.config.shape :]
    mean = looks.mean(0)
    spread = (looks - mean).mT @ (looks - mean) / len(looks) + 1e-6 * torch.eye(looks.shape[1]).to(looks)
    prior.look_mean.copy_(mean)
    prior.look_factor.copy_(torch.linalg.cholesky(spread))
    prior.people = None
