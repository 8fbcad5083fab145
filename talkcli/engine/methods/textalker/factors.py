"""Frames as mixtures of a few: what lets an hour of dense maps fit in memory."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.device import exact_kind, exact_products

_PIECE = 1 << 17
"""Numbers of a frame that are multiplied in double precision at a time."""


class Factors:
    """An orthonormal basis that grows whenever a frame cannot be mixed from it closely enough.

    Earlier weights stay valid when it grows (what is new counts 0 in them), so frames may be taken in as they
    come, and taking them in later changes nothing.
    """

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        """Root mean square over a frame that is let go."""
        self.basis: Float[Tensor, "parts numbers"] | None = None
        self._weights: list[Tensor] = []

    def add(self, frames: Float[Tensor, "frames ..."]) -> None:
        """Take in more frames, in order. They stay where they are, and so do the basis and the weights."""
        rows = frames.flatten(1)
        with exact_products():
            basis = rows.new_zeros(0, rows.shape[1]) if self.basis is None else self.basis
            weights = rows @ basis.T
            rest = rows - weights @ basis
            if (more := self._directions(rest)) is not None:
                basis = torch.cat([basis, more])
                weights = torch.cat([weights, rest @ more.T], dim=1)
        self.basis = basis
        self._weights.append(weights)

    def weights(self) -> Float[Tensor, "frames parts"]:
        """Of all frames so far."""
        assert self.basis is not None
        parts = len(self.basis)
        return torch.cat([torch.nn.functional.pad(w, (0, parts - w.shape[1])) for w in self._weights])

    def _directions(self, rest: Float[Tensor, "frames numbers"]) -> Float[Tensor, "parts numbers"] | None:
        """As few as bring every frame's rest below the tolerance."""
        kind = exact_kind(rest.device)
        pieces = rest.split(_PIECE, dim=1)
        products = torch.stack([piece.to(kind) @ piece.to(kind).T for piece in pieces]).sum(0).double().cpu()
        left, allowed = products.diagonal(), self.tolerance**2 * rest.shape[1]
        if left.max() <= allowed:
            return None
        values, vectors = torch.linalg.eigh(products)
        values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
        explained = (vectors.square() * values).cumsum(1)
        short = (explained < (left - allowed)[:, None]).any(0)
        count = min(int(short.sum()) + 1, int((values > values[0] * 1e-9).sum()))
        mixing = (vectors[:, :count] / values[:count].sqrt()).T.to(kind).to(rest.device)
        return torch.cat([(mixing @ piece.to(kind)).float() for piece in pieces], dim=1)
