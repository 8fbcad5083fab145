"""Weights of a rig's shapes for a given face, as face capture gives them: in 0..1, few, no opposites."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.arkit import OPPOSITES
from talkcli.engine.face.rigs import Rigged

SPARSITY = 1e-3
"""What a shape that stands alone loses of its weight, so that those that explain nothing stay at 0."""

RIDGE_OF_FIT = 1e-6
"""Of each shape's own size: where shapes look alike, the weights are shared."""


class _System(NamedTuple):
    """Weights w are where |root w - root^-T (products - prior)| is least."""

    root: np.ndarray
    """Upper triangle whose square is the shapes' Gram matrix."""
    gram: np.ndarray
    prior: np.ndarray
    opposites: tuple[tuple[int, int], ...]


def fitted_weights(products: Float[Tensor, "frames shapes"], rig: Rigged) -> Float[Tensor, "frames shapes"]:
    """Weights in 0..1 whose shapes add up to the offsets of a face, in least squares; few are above 0.

    `products` are those of the offsets with each shape (`products_of`). Of the OPPOSITES at most one is on.
    """
    system = _system(rig)
    rows = [_netted(row, system) for row in products.double().numpy()]
    return torch.from_numpy(np.stack(rows)).float()


def products_of(offsets: Float[Tensor, "rows verts 3"], rig: Rigged) -> Float[Tensor, "rows shapes"]:
    return offsets.flatten(1) @ rig.shapes.flatten(1).mT


def products_of_weights(weights: Float[Tensor, "rows shapes"], rig: Rigged) -> Float[Tensor, "rows shapes"]:
    """`products_of` what the shapes at these weights add up to."""
    return weights.double() @ torch.from_numpy(_system(rig).gram)


def captured_weights(weights: Float[Tensor, "frames shapes"], rig: Rigged) -> Float[Tensor, "frames shapes"]:
    """Weights as face capture has them, in 0..1 and without opposites, for the same face.

    Frames that are such already stay as they are.
    """
    within = ((weights >= 0) & (weights <= 1)).all(1)
    for one, other in _system(rig).opposites:
        within &= (weights[:, one] <= 0) | (weights[:, other] <= 0)
    if within.all():
        return weights
    fitted = weights.clone()
    fitted[~within] = fitted_weights(products_of_weights(weights[~within], rig), rig)
    return fitted


def _netted(products: np.ndarray, system: _System) -> np.ndarray:
    """The weaker of two opposites is left out, and the rest makes up for it."""
    target = np.linalg.solve(system.root.T, products - system.prior)
    free = np.ones(len(products), bool)
    while True:
        weights = np.zeros(len(products))
        weights[free] = _bounded(system.root[:, free], target)
        weaker = [
            one if weights[one] < weights[other] else other
            for one, other in system.opposites
            if min(weights[one], weights[other]) > 0
        ]
        if not weaker:
            return weights
        free[weaker] = False


def _bounded(root: np.ndarray, target: np.ndarray) -> np.ndarray:
    from scipy.optimize import lsq_linear, nnls  # a fifth of a second, for those who need it

    weights = nnls(root, target)[0]
    if weights.max(initial=0) <= 1:
        return weights
    return np.clip(lsq_linear(root, target, (0, 1), method="bvls").x, 0, 1)


@functools.lru_cache(maxsize=8)
def _system(rig: Rigged) -> _System:
    shapes = rig.shapes.flatten(1).double()
    gram = (shapes @ shapes.mT).numpy()
    sizes = gram.diagonal()
    ridge = np.diag(RIDGE_OF_FIT * (sizes + sizes.mean()))
    places = {name: place for place, name in enumerate(rig.model.shape_names)}
    pairs = tuple((places[a], places[b]) for a, b in OPPOSITES if a in places and b in places)
    return _System(np.linalg.cholesky(gram + ridge).T, gram, SPARSITY * sizes, pairs)
