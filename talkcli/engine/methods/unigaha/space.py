"""What is drawn: expression codes of all that clips do, rotated, the first of them, all of like size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from talkcli.engine.face.expression_codes import expression_codes
from talkcli.engine.face.mouth_motion import importance, principal_motions, projected
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.unigaha.config import UnigahaConfig

_RIDGE = 1e-4
"""Of the mean square of the numbers, where their way back to weights is sought."""
_UNSEEN = 1e-3
"""A rotated code that deviates so much less than the first is nothing: its number is 0."""


class CodeNumbers(nn.Module):
    """Weights of a rig to numbers and back, and to lips: linear all, learnt from clips by `learn`.

    Numbers are principal components of expression codes, each over the root of its deviation: over the whole
    deviation would blow up what cannot be seen, over nothing would drown what moves little.
    """

    rest: Float[Tensor, " shapes"]
    """Mean weights, where all numbers are 0."""
    turn: Float[Tensor, "shapes diffused"]
    """Weights less their mean to numbers, by way of codes."""
    back: Float[Tensor, "diffused shapes"]
    lip_turn: Float[Tensor, "shapes lips"]
    """Weights to lips: principal motions of the mouth, by what is seen of them."""
    taught: Tensor
    """Whether all these are known."""

    def __init__(self, config: UnigahaConfig) -> None:
        super().__init__()
        self.config, shapes = config, len(config.rig_shapes)
        self.register_buffer("rest", torch.zeros(shapes))
        self.register_buffer("turn", torch.zeros(shapes, config.diffused))
        self.register_buffer("back", torch.zeros(config.diffused, shapes))
        self.register_buffer("lip_turn", torch.zeros(shapes, config.lips))
        self.register_buffer("taught", torch.tensor(False))

    @torch.no_grad()
    def learn(self, tracks: Sequence[Float[Tensor, "frames shapes"]]) -> None:
        """From the weights of many frames, once; what is known already stays."""
        if self.taught:
            return
        config, model = self.config, load_rig(self.config.rig)
        space = expression_codes(model, model.shape_names, config.codes)
        to_codes = space.to_codes[model.columns(config.rig_shapes)].double()
        rows = torch.cat(list(tracks)).double()
        rest = rows.mean(0)
        rows = rows - rest
        codes = rows @ to_codes
        variances, axes = torch.linalg.eigh(codes.T @ codes / len(codes))
        deviation = variances.clamp(min=0).sqrt().flip(0)[: config.diffused]
        axes = axes.flip(1)[:, : config.diffused]
        axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
        there = deviation > _UNSEEN * deviation[0]
        scale = torch.where(there, deviation.clamp(min=1e-12).rsqrt(), 0.0)
        scale = scale / (scale * deviation).square().mean().sqrt().clamp(min=1e-12)
        turn = to_codes @ (axes * scale)
        numbers = rows @ turn
        ridge = _RIDGE * torch.eye(config.diffused, dtype=torch.float64)
        gram = numbers.T @ numbers / len(numbers) + ridge
        self.rest.copy_(rest)
        self.turn.copy_(turn)
        self.back.copy_(torch.linalg.solve(gram, numbers.T @ rows / len(numbers)))
        form = importance(model, config.rig_shapes)
        mixing = principal_motions((rows + rest).float(), form, config.lips)
        self.lip_turn.copy_(projected(torch.eye(len(config.rig_shapes)), mixing, form))
        self.taught.fill_(True)

    def numbers(self, weights: Float[Tensor, "frames shapes"]) -> Float[Tensor, "frames diffused"]:
        return (weights - self.rest) @ self.turn

    def weights(self, numbers: Float[Tensor, "*batch diffused"]) -> Float[Tensor, "*batch shapes"]:
        """Those of the corpus that numbers like these stood for, by least squares."""
        return numbers @ self.back + self.rest

    def lips(self, weights: Float[Tensor, "frames shapes"]) -> Float[Tensor, "frames lips"]:
        return weights @ self.lip_turn

    @property
    def lips_of_numbers(self) -> Float[Tensor, "diffused lips"]:
        """What a difference of numbers is at the lips."""
        return self.back @ self.lip_turn
