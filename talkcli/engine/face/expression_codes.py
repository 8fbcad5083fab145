"""Codes of an expression: few numbers for what a rig's shapes do together, the same on everybody."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.mouth_motion import importance, projected

FAINT = 0.02
"""A component of natural faces that is seen so much less than the first has a deviation of 0.7 in its code,
and fainter ones have less: what nobody sees is not blown up."""


_LEAN, _DESCENTS = 1e-3, 200
"""Of the mean square of codes, how much weights are held small; steps of the search for them."""


class CodeSpace(NamedTuple):
    to_codes: Float[Tensor, "shapes codes"]
    """Codes are weights @ to_codes: of natural faces with a deviation of about 1."""
    to_weights: Float[Tensor, "codes shapes"]
    """The weights that have these codes; other weights with the same are seen to do nearly the same."""


@functools.lru_cache(maxsize=8)
def expression_codes(model: FaceModel, names: tuple[str, ...], count: int) -> CodeSpace:
    """So many codes for weights of the named shapes: coordinates in the rig's space of natural faces.

    ValueError where that space has fewer dimensions.
    """
    if not 0 < count <= len(model.expression):
        raise ValueError(f"{count} codes in a space of {len(model.expression)} expressions")
    mixing = model.expression[:count, model.columns(names)]
    form = importance(model, names)
    seen = ((mixing.double() @ form) * mixing.double()).sum(1).sqrt()
    scale = (seen / (seen.square() + (FAINT * seen.amax()) ** 2).sqrt()).float()
    return CodeSpace(projected(torch.eye(len(names)), mixing, form) * scale, mixing / scale[:, None])


@torch.no_grad()
def weights_with(space: CodeSpace, codes: Float[Tensor, "*batch codes"]) -> Float[Tensor, "*batch shapes"]:
    """The weights from 0 to 1 whose codes are nearest to these, small where many are: by accelerated descent
    along the gradient (Beck and Teboulle 2009)."""
    gram = space.to_codes @ space.to_codes.mT
    gram = gram + _LEAN * gram.diagonal().mean() * torch.eye(len(gram))
    step, pull = 1 / float(torch.linalg.matrix_norm(gram, 2)), codes @ space.to_codes.mT
    weights = (codes @ space.to_weights).clamp(0, 1)
    ahead, pace = weights, 1.0
    for _ in range(_DESCENTS):
        before, weights = weights, (ahead - step * (ahead @ gram - pull)).clamp(0, 1)
        after = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead, pace = weights + (pace - 1) / after * (weights - before), after
    return weights
